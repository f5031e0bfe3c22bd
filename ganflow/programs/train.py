"""Train a GAN; run it again to go on.

ganflow-train --model=simple --dataset=mnist --data_dir=DIR --workdir=runs/simple

`--helpfull` with `--model=NAME` lists what that model has. Exit codes: see ganflow/cli/command.py.
"""

import math
import shlex
import sys
import time
from typing import Any

from absl import flags as absl_flags

from ganflow import data, engine, models, workers
from ganflow.base import hints, stages
from ganflow.base.errors import EXIT_OK, InputError
from ganflow.cli import command, flags
from ganflow.cli.command import Signals
from ganflow.data import statistics
from ganflow.interface import gans
from ganflow.nn import draws, replicas
from ganflow.programs import company, progress
from ganflow.storage import workdir
from ganflow.summaries import tensorboard, writer

FLAGS = absl_flags.FLAGS
# They are meant for one start: the command that goes on must not have them.
ONCE = ("fresh", "allow_changed_code")


def run() -> None:
    """Define the flags and start."""
    absl_flags.DEFINE_string(
        "model", "simple", "a file of ganflow/models, or the path of one's own"
    )
    absl_flags.DEFINE_boolean(
        "dry_run", False, "say what would be done, check it all, write nothing"
    )
    absl_flags.DEFINE_boolean(
        "fresh", False, "set the workdir's history aside and start from step 0"
    )
    absl_flags.DEFINE_boolean(
        "allow_changed_code", False, "go on although the model's code is not the checkpoint's"
    )
    absl_flags.DEFINE_enum(
        "cluster",
        "tf_config",
        ["tf_config", "slurm"],
        "who trains together: the workers of TF_CONFIG, if it is set; or the tasks of a SLURM step",
    )
    absl_flags.DEFINE_float(
        "start_timeout_seconds",
        60.0,
        "how long a worker waits for the others before it names who is missing",
        lower_bound=1.0,
    )
    command.run(main, lambda argv: flags.parse_for_model(argv, engine.Options()))


def main(_) -> int:
    """Train; return the exit code."""
    config = flags.read(models.load(FLAGS.model).Config())
    options = flags.read(engine.Options())
    if options.epochs and FLAGS["steps"].present:
        raise InputError(
            f"--steps={config.steps} and --epochs={options.epochs}: found both, expected one of "
            "them (a flag file's count); --epochs=0 goes by steps"
        )
    with company.joined() as group:
        prepared = prepare(FLAGS.model, config, options, group)
        if FLAGS.dry_run:
            if group.is_chief:
                print(describe_plan(prepared))
            return EXIT_OK
        if not group.is_chief:
            return assist(prepared, FLAGS.allow_changed_code)
        return train(prepared, FLAGS.fresh, FLAGS.allow_changed_code)


def prepare(
    model: str, config: Any, options: engine.Options, group: workers.Group = workers.ALONE
) -> engine.Run:
    """Load the data and build the run; writes nothing.

    Raises:
      InputError: see `data.load` and `engine.Run`; or another worker has other flags, code or data.
    """
    module = models.load(model)
    company.compare_flags(group, module, config, options)
    # Before any operation has run.
    strategy = replicas.make_strategy(options.num_replicas, group.cluster)
    stages.say(f"reading {config.dataset}" + f" from {options.data_dir}" * bool(options.data_dir))
    dataset, held_out = data.load_both(
        config.dataset, options.data_dir or None, **data.shaping(vars(options))
    )
    group.compare({"data of SHA-256": dataset.sha256}, "give every worker the same data")
    name = module.__name__.rpartition(".")[2]
    stages.say(f"building {name}: its networks, and a graph of its steps")
    return engine.Run(module, config, options, dataset, strategy, held_out, group)


def describe_plan(run: engine.Run) -> str:
    """What a run would do, for `--dry_run` and for the log."""
    config = run.config
    weights = sum(v.shape.num_elements() for _, v in gans.named_weights(run.gan))
    examples = _examples(run.dataset, run.held_out)
    on_workers = f" on {run.group.size} workers" if run.group.size > 1 else ""
    return (
        f"{run.model_name} ({weights:,} weights) on {run.dataset.name} ({examples})"
        f" to step {config.steps:,}, batch {config.batch_size}, {run.steps_per_call} steps a call,"
        f" {'XLA' if run.jit else 'no XLA'}, {run.strategy.num_replicas_in_sync} replica(s)"
        f"{on_workers},"
        f" in {run.folder}"
    )


def _examples(dataset: data.Dataset, held_out: data.Dataset | None) -> str:
    """How many of what shape, for each set of examples: two where there are two domains."""
    first: dict[str, str] = {}
    for field in dataset.fields:
        first.setdefault(dataset.domain(field), field)
    shapes = dataset.about().shapes
    told = " and ".join(
        f"{dataset.size(field):,} {_kind(shapes[field])}" for field in first.values()
    )
    if held_out is None:
        return f"{told}; none held out"
    counts = " and ".join(f"{held_out.size(field):,}" for field in first.values())
    return f"{told}; {counts} held out: {held_out.part}"


def _kind(shape: tuple[int, ...]) -> str:
    if shape == (2,):
        return "points"
    what = "images" if len(shape) == 3 else "examples"
    return f"{what} of {' x '.join(map(str, shape))}" if shape else "numbers"


def train(run: engine.Run, fresh: bool = False, allow_changed_code: bool = False) -> int:
    """Train to the end, or to a signal, in the run's workdir; return the exit code."""
    with workdir.locked(run.folder), Signals() as signals:
        if fresh and (aside := workdir.set_aside(run.folder)):
            stages.say(f"--fresh: what was there is now in {aside}")
        resumed = run.resume(allow_changed_code)
        first = int(run.step)
        if first > run.config.steps:
            print(_has_done_more(run))
            return EXIT_OK
        workdir.write_whole(run.folder / "flags.txt", _flag_file(run).encode())
        stages.say(describe_plan(run))
        if resumed:
            stages.say(f"resumed from the checkpoint of step {first}")
        if first < run.config.steps:
            stages.say(_about_first_steps(run))
        started = time.perf_counter()
        with progress.shown(first, run.config.steps) as told:
            finished = run.train(run.config.steps, told.step, signals.asked, told.row)
        seconds = time.perf_counter() - started
        title = f"{run.model_name} on {run.dataset.name}"
        writer.draw_losses(run.folder, title, run.samplers[0].scores_are_logits)
        done = int(run.step) - first
        if done:
            stages.say(f"step {int(run.step)}: {done} steps in {seconds:.1f} s, saved")
        if not finished:
            everywhere = ", on every worker" if run.group.size > 1 else ""
            same = _same_command()
            print(f"stopped at step {int(run.step):,}, saved; go on with{everywhere}: {same}")
            return 128 + company.agreed_signal(run.group, signals.received)
        if not done:
            print(f"{run.folder} has done its {first:,} steps: nothing was left to train.")
    if told := run.keeping.closing(run.rows, run.folder):
        print(told)
    print(_closing(run))
    return EXIT_OK


def assist(run: engine.Run, allow_changed_code: bool = False) -> int:
    """The same steps as a worker that is not the chief, which writes nothing; the exit code."""
    with Signals() as signals:
        run.resume(allow_changed_code)
        if int(run.step) <= run.config.steps and not run.train(
            run.config.steps, stop=signals.asked
        ):
            return 128 + company.agreed_signal(run.group, signals.received)
    return EXIT_OK


def _about_first_steps(run: engine.Run) -> str:
    """Why nothing moves for a while."""
    if run.jit:
        return "compiling the steps with XLA: some ten seconds, once a start"
    return "the first steps take longer than the others: TensorFlow prepares their graph"


def _same_command(leave_out: tuple[str, ...] = (), added: tuple[str, ...] = ()) -> str:
    """This command line without what is meant for one start, be it in a flag file."""
    in_file = any(word.lstrip("-").startswith("flagfile") for word in sys.argv[1:])
    off = [f"--no{name}" for name in ONCE if in_file and name in FLAGS and FLAGS[name].value]
    return hints.again("train", (*ONCE, *leave_out), [*off, *added])


def _has_done_more(run: engine.Run) -> str:
    """What to say where fewer steps are asked for than the workdir's run has done."""
    step, epochs = int(run.step), run.options.epochs
    unit, asked, done = "steps", run.config.steps, step
    if epochs:
        unit, asked, done = "epochs", epochs, math.ceil(run.feed.epochs(step))
    more = _same_command((unit,), (f"--{unit}={2 * done}",))
    return (
        f"{run.folder} has done {step:,} steps already, more than --{unit}={asked}: nothing was "
        f"trained. That number counts from the run's start; go on with: {more}"
    )


def _statistics(run: engine.Run) -> str:
    """Of points: document 003's table, real beside generated; nothing of images."""
    sampler, against = run.samplers[0], run.samplers[0].against
    drawn = all(isinstance(draw, draws.Random) for draw in sampler.given.values())
    if not (run.dataset.is_points and drawn and isinstance(against, str)):
        return ""
    real = run.dataset.fields[against]
    samples = sampler.generate(gans.given(sampler, run.options.seed, len(real))).numpy()
    return f"\n{statistics.as_text(real, samples)}\n"


def _health(run: engine.Run) -> str:
    """What the last summary says of every sampler."""
    row = run.rows[-1] if run.rows else {}
    named = [f"{sampler.name}/" if i else "" for i, sampler in enumerate(run.samplers)]
    told = "".join(
        f"{prefix}{row[f'{prefix}health']}\n" for prefix in named if f"{prefix}health" in row
    )
    ill = ", ".join(illness.replace("_", " ") for illness in row.get("diagnosis", []))
    return f"Health at the last summary: {told.rstrip()}{f' ({ill})' * bool(ill)}\n" if told else ""


def _flag_file(run: engine.Run) -> str:
    """The flags that repeat the run: its --steps or its --epochs, for both are refused."""
    left_out = "steps" if run.options.epochs else "epochs"
    model = models.reference(run.module)
    return flags.as_text(model, run.config, run.options, leave_out=(left_out,))


def _closing(run: engine.Run) -> str:
    """What a finished run has left, and what to do with it."""
    folder, steps, epochs = run.folder, int(run.step), run.options.epochs
    if run.dataset.is_points:
        pictures = "  samples.png    points, generated and real, D over the plane, G's gradients"
    else:
        pictures = """  samples.png    generated, and real beside
  strip.png      the same z's over the training; interpolation.png: between z's
  neighbours.png samples beside their nearest training images
  heat.png       a sample's and a real image's values, in colour"""
        if run.dataset.vocabulary and "caption" in run.samplers[0].given:
            pictures += "\n  captions.png   captions, and what was made of each"
    there = shlex.quote(f"--workdir={folder}")
    twice = f"--epochs={2 * epochs}" if epochs else f"--steps={2 * steps}"
    return f"""{_statistics(run)}
{_health(run)}In {folder}, after {int(run.step):,} steps:
{pictures}
  scores.png     D's outputs on real and on generated
  losses.png     the losses of both networks
  metrics.jsonl  every figure of every summary
  train/         the same for TensorBoard
  checkpoints/   the weights
Next:
  {hints.tensorboard()} {shlex.quote(f"--logdir={folder}")} {tensorboard.TENSORBOARD_FLAG}
  {hints.command("sample")} {there} --num=100 --seed=1 --out=new.png
  {hints.command("evaluate")} {there}
  {hints.command("train")} {shlex.quote(f"--flagfile={folder}/flags.txt")} {twice}"""
