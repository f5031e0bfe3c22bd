"""`bin/train.py`: from parsed flags to a finished run."""

import dataclasses
import os
import sys
import time
from pathlib import Path

from absl import logging

from ganflow import board, checkpoints, data, engine, flags, models, replicas, summaries, workdir
from ganflow.command import Signals
from ganflow.errors import InputError


def prepare(model: str, config, options: engine.Options) -> engine.Run:
    """Load the data and build the run; writes nothing.

    Raises:
      InputError: see `data.load` and `engine.Run`.
    """
    module = models.load(model)
    if not options.workdir:
        options = dataclasses.replace(options, workdir=f"runs/{model}-{config.dataset}")
    strategy = replicas.make_strategy(options.num_replicas)  # before any operation has run
    dataset, held_out = data.load_both(config.dataset, options.data_dir or None, options.enlarge)
    return engine.Run(module, config, options, dataset, strategy, held_out)


def describe_plan(run: engine.Run) -> str:
    """What a run would do, for `--dry_run` and for the log."""
    config, dataset = run.config, run.dataset
    shape = " x ".join(map(str, dataset.example_shape))
    weights = sum(v.shape.num_elements() for _, v in engine.named_weights(run.gan))
    return (
        f"{run.model_name} ({weights:,} weights) on {dataset.name} ({len(dataset.x):,} of {shape})"
        f" to step {config.steps:,}, batch {config.batch_size}, {run.steps_per_call} steps a call,"
        f" {'XLA' if run.jit else 'no XLA'}, {run.strategy.num_replicas_in_sync} replica(s),"
        f" in {run.folder}"
    )


def train(run: engine.Run, fresh: bool = False) -> int:
    """Train to the end, or to a signal, in the run's workdir; return the exit code."""
    with workdir.locked(run.folder), Signals() as signals:
        if fresh and (aside := workdir.set_aside(run.folder)):
            logging.info("--fresh: what was there is now in %s", aside)
        resumed = run.resume()
        text = flags.as_text("bin/train.py", run.model_name, run.config, run.options)
        workdir.write_whole(run.folder / "flags.txt", text.encode())
        first = int(run.step)
        logging.info("%s", describe_plan(run))
        if resumed:
            logging.info("resumed from the checkpoint of step %d", first)
        started = time.perf_counter()
        with _progress(first, run.config.steps) as progress:
            finished = run.train(run.config.steps, progress, signals.asked)
        seconds = time.perf_counter() - started
        summaries.draw_losses(run.folder, f"{run.model_name} on {run.dataset.name}")
        done = int(run.step) - first
        logging.info("step %d: %d steps in %.1f s, saved", run.step, done, seconds)
        if not finished:
            return 128 + signals.received
    print(_closing(run))
    return 0


def _closing(run: engine.Run) -> str:
    """What a finished run has left, and three things to do with it."""
    folder, steps = run.folder, run.config.steps
    python = os.path.relpath(sys.executable) if sys.prefix != sys.base_prefix else "python"
    tensorboard = os.path.join(os.path.dirname(python), "tensorboard")
    if run.dataset.is_points:
        pictures = "  samples.png    points, generated and real, D over the plane, G's gradients"
    else:
        pictures = """  samples.png    generated, and real beside
  strip.png      the same z's over the training; interpolation.png: between z's
  neighbours.png samples beside their nearest training images"""
    return f"""
In {folder}, after {steps:,} steps:
{pictures}
  scores.png     D's outputs on real and on generated
  losses.png     the losses of both networks
  metrics.jsonl  every figure of every summary
  train/         the same for TensorBoard
  checkpoints/   the weights
Next:
  {tensorboard} --logdir={folder} {board.TENSORBOARD_FLAG}
  {python} bin/sample.py --workdir={folder} --num=100 --seed=1 --out=new.png
  {python} bin/evaluate.py --workdir={folder}
  {python} bin/train.py --flagfile={folder}/flags.txt --steps={2 * steps}"""


class _Log:
    """One log line a summary, where stdout is not a terminal."""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        pass

    def __call__(self, step: int, row: dict | None) -> None:
        if row is not None:
            shown = {k: v for k, v in row.items() if "/" not in k and isinstance(v, float)}
            figures = " ".join(f"{k}={v:.4g}" for k, v in shown.items())
            logging.info("step %d: %s", step, figures)


class _Bar:
    """A bar on a terminal: steps, rate, losses, time left."""

    def __init__(self, first: int, total: int):
        from rich import progress

        self.bar = progress.Progress(
            progress.TextColumn("step"),
            progress.MofNCompleteColumn(),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[figures]}"),
            progress.TimeRemainingColumn(),
        )
        self.task = self.bar.add_task("", total=total, completed=first, figures="")

    def __enter__(self):
        self.bar.start()
        return self

    def __exit__(self, *_):
        self.bar.stop()

    def __call__(self, step: int, row: dict | None) -> None:
        self.bar.update(self.task, completed=step)
        if row is not None:
            shown = [f"{k} {row[k]:.3f}" for k in ("d_loss", "g_loss") if k in row]
            figures = "  ".join([*shown, f"{row['steps_per_second']:.1f} steps/s"])
            self.bar.update(self.task, figures=figures)


def _progress(first: int, total: int):
    return _Bar(first, total) if sys.stdout.isatty() else _Log()


def load_trained(folder: Path, step: int | None = None):
    """The model of a workdir's newest (or given) checkpoint, for sampling.

    Returns:
      (gan, manifest).

    Raises:
      InputError: no workdir, no sound checkpoint, or one of another version of the model.
    """
    sound = None
    if folder.is_dir():
        sound = checkpoints.newest_sound(folder / "checkpoints", step)
    if sound is None:
        raise InputError(
            f"--workdir={folder}: holds no checkpoint; train with bin/train.py --workdir={folder}"
        )
    manifest = sound.manifest
    module = models.load(manifest["model"])
    known = {field.name for field in dataclasses.fields(module.Config)}
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in manifest["config"].items()
        if name in known
    }
    gan = engine.build(module, module.Config(**values), manifest["x_shape"], seed=0)
    checkpoints.restore_model(sound, gan)
    return gan, manifest
