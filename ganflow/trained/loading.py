"""The model of a workdir's checkpoint, to sample from, to judge or to step by hand."""

import dataclasses
import shlex
from pathlib import Path

import tensorflow as tf

from ganflow import models
from ganflow.base import hints
from ganflow.base.config import check
from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.nn.moving_average import MovingAverage
from ganflow.storage import checkpoints, code
from ganflow.storage.workdir import plain


def load_trained(folder: Path, step: int | None = None, ema: bool = False):
    """The model of a workdir's newest (or given) checkpoint; logs a line if its code has changed.

    Args:
      folder: the workdir.
      step: of the checkpoint; None means the newest sound one.
      ema: whether G's weights shall be their moving average.

    Returns:
      (gan, manifest).

    Raises:
      InputError: no workdir, no sound checkpoint, one of another version of the model, or no moving
        average where one is asked for.
    """
    sound = sound_checkpoint(folder, step)
    manifest = sound.manifest
    gan = untrained(manifest)
    code.warn_of_change(manifest, models.file_of(manifest["model"]), folder)
    if not ema:
        checkpoints.restore_model(sound, gan=gan)
        return gan, manifest
    decay = manifest["options"].get("ema", 0.0)
    if not decay:
        raise InputError(f"--ema: {folder} has no moving average; train with --ema=.999")
    average = MovingAverage(decay, gans.sampled_weights(gan, fields_of(manifest)))
    checkpoints.restore_model(sound, gan=gan, average=average)
    average.put()
    return gan, manifest


def sound_checkpoint(folder: Path, step: int | None = None) -> checkpoints.Sound:
    """The newest (or given) checkpoint of a workdir.

    Raises:
      InputError: no workdir, or no sound checkpoint.
    """
    sound = checkpoints.newest_sound(folder / "checkpoints", step) if folder.is_dir() else None
    if sound is None:
        train = f"{hints.command('train')} {shlex.quote(f'--workdir={folder}')}"
        raise InputError(f"--workdir={folder}: holds no checkpoint; train with {train}")
    return sound


def untrained(manifest: dict, seed: int = 0) -> tf.Module:
    """The model that a manifest describes, its weights drawn anew.

    Raises:
      InputError: a config of another version of the model, or one that nothing can be built of.
    """
    module = models.load_recorded(manifest["model"])
    known = {field.name for field in dataclasses.fields(module.Config)}
    values = {
        name: tuple(value) if isinstance(value, list) else value
        for name, value in manifest["config"].items()
        if name in known
    }
    config = module.Config(**values)
    check(config)
    try:
        return gans.build(module, config, fields_of(manifest), seed)
    except _NOT_BUILT as error:  # a manifest that somebody has written by hand
        about = plain(error) if str(error) else type(error).__name__
        raise InputError(f"no {manifest['model']} as its manifest says: {about}") from error


_NOT_BUILT = (
    ArithmeticError,
    AttributeError,
    LookupError,
    MemoryError,
    TypeError,
    ValueError,
    tf.errors.OpError,
)


def fields_of(manifest: dict) -> Fields:
    """The shapes, classes and words of the data that a run was trained on."""
    told = manifest["fields"]
    shapes = {field: tuple(shape) for field, shape in told["shapes"].items()}
    # Manifests of earlier versions have no vocabulary.
    return Fields(shapes, dict(told["classes"]), tuple(told.get("vocabulary", ())))
