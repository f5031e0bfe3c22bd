"""What is decided once, when a run is built: XLA or not, steps a call, first weights, identity."""

import dataclasses
from collections.abc import Collection
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import logging

from ganflow import data, models
from ganflow.base.errors import InputError
from ganflow.engine.feed import Feed
from ganflow.engine.options import Options
from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.nn.moving_average import MovingAverage
from ganflow.storage import checkpoints, workdir

_DRAWN_BYTES_A_CALL = 32 * 2**20  # more steps in a call than this holds bring nothing more
_MAX_STEPS_A_CALL = {"compiled": 1_000, "op by op": 10}
_FLOP_A_CALL = 2e11  # a second or two on 2 cores: a signal waits for a call to end


def check_batch(dataset: data.Dataset, batch_size: int, strategy: tf.distribute.Strategy) -> None:
    """Refuse a data set that does not fill a batch, or a batch that replicas cannot share.

    Raises:
      InputError: one of the two.
    """
    data.check_batch(dataset, batch_size)
    if batch_size % strategy.num_replicas_in_sync:
        raise InputError(
            f"--batch_size={batch_size}: not a multiple of {strategy.num_replicas_in_sync} replicas"
        )


def with_workdir(options: Options, model_name: str, dataset: data.Dataset) -> Options:
    """The options with the folder that a run has where none is given: runs/MODEL-DATASET."""
    if options.workdir:
        return options
    return dataclasses.replace(options, workdir=f"runs/{model_name}-{dataset.name}")


def moving_average(gan: tf.Module, fields: Fields, decay: float) -> MovingAverage | None:
    """Of the weights that samples are made with; None without a decay."""
    return MovingAverage(decay, gans.sampled_weights(gan, fields)) if decay else None


def decide_jit(gan: tf.Module, strategy: tf.distribute.Strategy, asked: str) -> bool:
    """Whether XLA compiles the steps: everything on a GPU, networks of matrix products on a CPU.

    Raises:
      InputError: it was asked for several replicas.
    """
    convolutions = any(len(v.shape) == 4 for v in gan.trainable_variables)
    several = strategy.num_replicas_in_sync > 1
    on_gpu = bool(tf.config.list_physical_devices("GPU"))
    if asked == "on" and several:
        raise InputError("--jit=on: XLA compiles for one replica; use --jit=auto")
    if asked == "on" and convolutions and not on_gpu:
        logging.warning("--jit=on: XLA runs convolutions on a CPU some 40 times slower")
    fits = not several and (on_gpu or not convolutions)
    return {"auto": fits, "on": True, "off": False}[asked]


def steps_per_call(gan: tf.Module, feed: Feed, options: Options, jit: bool) -> int:
    """As asked; else as many as pay, as memory holds, and as a signal can wait for."""
    if options.steps_per_call:
        return options.steps_per_call
    limit = _MAX_STEPS_A_CALL["compiled" if jit else "op by op"]
    weights = sum(v.shape.num_elements() for v in gan.trainable_variables)
    for phase in feed.phases:
        # A multiplication and an addition a weight, about five times: forwards and backwards.
        flop_a_step = 10 * weights * feed.batch_size * phase.repeats
        limit = min(limit, _DRAWN_BYTES_A_CALL // max(1, feed.bytes_a_step(phase)))
        limit = min(limit, _FLOP_A_CALL // flop_a_step)
    return int(max(1, limit))


def named(**parts: Any) -> dict[str, Any]:
    """Those that are not None."""
    return {name: part for name, part in parts.items() if part is not None}


def about(run) -> dict:
    """What a checkpoint's manifest tells of an `engine.Run`."""
    return {
        "model": models.reference(run.module),
        "config": dataclasses.asdict(run.config),
        "options": dataclasses.asdict(run.options),
        "fields": dataclasses.asdict(run.fields),
        "networks": {
            network: {name: list(v.shape) for name, v in weights.items()}
            for network, weights in run.gan.networks.items()
        },
        "data_sha256": run.dataset.sha256,
        "code": run.code,
    }


def refuse_lost_history(folder: Path) -> None:
    """For a workdir without a checkpoint.

    Raises:
      InputError: it has metrics, so there have been some.
    """
    if workdir.Metrics(folder).rows():
        raise InputError(
            f"{folder}: has metrics but no checkpoint; restore its checkpoints, or start again "
            "with --fresh, which sets this history aside"
        )


def init_from(run) -> None:
    """Take the networks of the same names from the workdir of `--init_from`, if there is one.

    The rest of the run, optimizers included, stays as it was built.

    Raises:
      InputError: no sound checkpoint there, no network of a name that this model has, or one whose
        weights have other names or shapes; or a network that nothing trains in this run, and that
        comes from nowhere.
    """
    folder = run.options.init_from
    if not folder:
        _refuse_untrained(run, have=())
        return
    sound = None
    if Path(folder).is_dir():
        sound = checkpoints.newest_sound(Path(folder) / "checkpoints")
    if sound is None:
        raise InputError(f"--init_from={folder}: holds no checkpoint; give a trained workdir")
    theirs, ours = sound.manifest["networks"], about(run)["networks"]
    shared = [name for name in ours if name in theirs]
    if not shared:
        raise InputError(
            f"--init_from={folder}: has the networks {', '.join(theirs)}, and this model none of "
            f"them but {', '.join(ours)}"
        )
    for name in shared:
        for weight in dict.fromkeys([*ours[name], *theirs[name]]):
            here, there = ours[name].get(weight, "none"), theirs[name].get(weight, "none")
            if here != there:
                raise InputError(
                    f"--init_from={folder}: {name}/{weight} is {there} there and {here} here; give "
                    "the sizes of that run"
                )
    _refuse_untrained(run, have=shared)
    checkpoints.restore_networks(sound, {name: run.gan.networks[name] for name in shared})
    if run.average is not None:
        run.average.start_again()
    logging.info("%s from %s, step %d", ", ".join(shared), folder, sound.step)


def _refuse_untrained(run, have: Collection[str]) -> None:
    """For networks that stand still (StackGAN's first stage, beside its second).

    Raises:
      InputError: one is not among those that we `have` from another run.
    """
    trained = {id(v) for o in gans.named_optimizers(run.gan).values() for v in o.trained}
    still = [
        name
        for name, weights in run.gan.networks.items()
        if name not in have and not any(id(v) in trained for v in weights.values())
    ]
    if still:
        raise InputError(
            f"{run.model_name}: nothing trains {', '.join(still)} in this run; give "
            "--init_from=WORKDIR of a run that has trained " + ("them" if len(still) > 1 else "it")
        )
