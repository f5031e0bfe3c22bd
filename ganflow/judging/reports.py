"""A run's checkpoints, or a file of samples, judged; `ganflow.judging.telling` shows the result.

Beside every figure stand the number of examples behind it, the floor (real against real) and two
ceilings (an untrained generator, and noise): a figure alone says nothing.
"""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

import numpy as np
from absl import logging

from ganflow import data, models
from ganflow.base.errors import InputError
from ganflow.data.readers import arrays, files, npy
from ganflow.data.statistics import summary_statistics
from ganflow.interface import gans
from ganflow.interface.sampler import Sampler
from ganflow.judging import evaluation
from ganflow.judging.evaluation import Figure
from ganflow.nn.draws import Real
from ganflow.storage import checkpoints
from ganflow.trained import loading, sampling

_TOLERANCE = 1e-3  # of float images beyond [-1, 1]


@dataclasses.dataclass(frozen=True, eq=False)
class Column:
    """The figures of one set of samples."""

    title: str
    figures: dict[str, Figure]
    statistics: dict | None  # of points, see `data.statistics`
    step: int | None = None  # of the checkpoint, if it is one
    averaged: bool = False  # whether the moving average of G's weights made them


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """Everything that is printed and written."""

    judge: evaluation.Judge
    about: dict  # where the samples come from
    judged: list[Column]
    floor: Column
    ceilings: list[Column]
    # Of a workdir, what its samples were judged by: the data set and its held-out part, if any.
    datasets: tuple[data.Dataset, data.Dataset | None] | None = None


def of_workdir(
    folder: Path,
    step: int | None = None,
    num: int = 10_000,
    seed: int = 1,
    features: Path | None = None,
    data_dir: str | None = None,
    second: bool = False,
) -> Report:
    """Judge every checkpoint that is kept, or the one of `step`, by its main sampler.

    Where a run keeps a moving average of G's weights, that is judged beside the weights themselves.

    Args:
      folder: the workdir.
      step: None means all.
      num: samples of each.
      seed: of their z.
      features: see `evaluation.make_judge`.
      data_dir: where the data lie now; None means where they lay in training.
      second: see `evaluation.make_judge`.

    Raises:
      InputError: no sound checkpoint, other data than the run's, or see `make_judge`.
    """
    gan, manifest = loading.load_trained(folder, step)
    dataset, held_out = judging_data(folder, manifest, data_dir)
    main = sampling.choose(gan)
    num = _at_most(num, main, held_out)
    field = main.against if isinstance(main.against, str) else "x"
    judge = evaluation.make_judge(dataset, held_out, num, features, second, field)
    has_average = manifest["options"].get("ema", 0) > 0
    steps = checkpoints.steps(folder / "checkpoints")[::-1] if step is None else [step]
    judged = []
    for number, at in enumerate(steps, 1):
        logging.info("step %d: checkpoint %d of %d", at, number, len(steps))
        try:
            for averaged in (False, True) if has_average else (False,):
                judged.append(_of_checkpoint(judge, folder, at, seed, averaged))
        except InputError as error:
            if len(steps) == 1:
                raise
            logging.warning("step %d: left out: %s", at, error)
    if not judged:
        raise InputError(f"--workdir={folder}: none of its checkpoints could be judged")
    start = loading.untrained(manifest, manifest["options"]["seed"])
    made = sampling.of_gan(start, manifest, judge.num, seed)
    untrained = _column(judge, "untrained", made.samples, made.given.get("label"))
    about = {"workdir": str(folder), "model": manifest["model"], "seed": seed}
    return dataclasses.replace(
        _report(judge, about, judged, untrained), datasets=(dataset, held_out)
    )


def judging_data(
    folder: Path, manifest: dict, data_dir: str | None
) -> tuple[data.Dataset, data.Dataset | None]:
    """The data by which a run's samples are judged, once its own are known to be where we look.

    Args:
      folder: the workdir, for the message.
      manifest: of one of its checkpoints.
      data_dir: see `of_workdir`.

    Raises:
      InputError: other data than the run's.
    """
    name, options = manifest["config"]["dataset"], manifest["options"]
    place, shape = data_dir or options["data_dir"] or None, data.shaping(options)
    dataset, held_out = data.load_both(name, place, **shape)
    if dataset.sha256 != manifest["data_sha256"]:
        raise InputError(
            f"--workdir={folder}: was trained on other data than this {name} (the SHA-256 differs);"
            " give the folder or file of the run's data with --data_dir"
        )
    whole = evaluation.judged_as(name)
    return (dataset, held_out) if whole == name else data.load_both(whole, place, **shape)


def _at_most(num: int, sampler: Sampler, held_out: data.Dataset | None) -> int:
    """As many samples as there are held-out examples, of a sampler that is given nothing else.

    Raises:
      InputError: these are too few.
    """
    given = [draw.field for draw in sampler.given.values() if isinstance(draw, Real)]
    if held_out is None or len(given) < len(sampler.given):
        return num
    size = min(map(held_out.size, given))
    if size < evaluation.MIN_SAMPLES:
        raise InputError(
            f"data set {held_out.name}: found {size} held-out examples of {' and '.join(given)}, "
            f"expected at least {evaluation.MIN_SAMPLES} to make samples of; add examples"
        )
    if size < num:
        logging.info("held-out %s: %d, so as many samples are judged", " and ".join(given), size)
    return min(num, size)


def _of_checkpoint(
    judge: evaluation.Judge, folder: Path, step: int, seed: int, averaged: bool
) -> Column:
    gan, manifest = loading.load_trained(folder, step, averaged)
    made = sampling.of_gan(gan, manifest, judge.num, seed)
    title = f"step {step:,}" + (", averaged" if averaged else "")
    column = _column(judge, title, made.samples, made.given.get("label"))
    return dataclasses.replace(column, step=step, averaged=averaged)


def of_samples(
    path: Path,
    dataset_name: str,
    data_dir: str | None = None,
    shape: Mapping[str, int] = MappingProxyType({}),
    labels: Path | None = None,
    num: int = 10_000,
    features: Path | None = None,
    second: bool = False,
) -> Report:
    """Judge an .npy file of samples: images, uint8 or float in [-1, 1], or points [n, 2].

    Args:
      path: the file.
      dataset_name: the data set that they should look like.
      data_dir: of that data set, as for `data.load`.
      shape: `enlarge`, `image_size` and `channels`, as for `data.load`.
      labels: an .npy file with the class each sample was asked to be, for conditional_accuracy.
      num: how many of the samples, from the first on.
      features, second: see `evaluation.make_judge`.

    Raises:
      InputError: a file that cannot be used, or see `make_judge`.
    """
    samples, label = _read_samples(path, labels)
    name = evaluation.judged_as(dataset_name)
    dataset, held_out = data.load_both(name, data_dir or None, **shape)
    if samples.shape[1:] != dataset.example_shape:
        raise InputError(
            f"--samples={path}: found examples of {samples.shape[1:]}, expected "
            f"{dataset.example_shape} as in --dataset={dataset_name}"
        )
    if num < len(samples):
        logging.info("--samples=%s: the first %d of %d are judged", path, num, len(samples))
    judge = evaluation.make_judge(dataset, held_out, min(num, len(samples)), features, second)
    if judge.num < min(num, len(samples)):
        logging.info("--samples=%s: so only its first %d are judged", path, judge.num)
    samples, label = samples[: judge.num], None if label is None else label[: judge.num]
    judged = _column(judge, path.name, samples, label)
    module = models.load("circle" if dataset.is_points else "simple")
    start = gans.build(module, module.Config(), dataset.about(), seed=0)
    sampler = start.samplers()[0]
    made = sampler.generate(gans.given(sampler, 1, judge.num)).numpy()
    title = f"untrained {module.__name__.rpartition('.')[2]}"
    untrained = _column(judge, title, made, label)
    return _report(judge, {"samples": str(path)}, [judged], untrained, label)


def _report(judge, about, judged, untrained, label=None) -> Report:
    real = judge.real_points
    statistics = None if real is None else summary_statistics(real)
    floor = Column("floor", judge.floor, statistics)
    noise = _column(judge, "noise", judge.noise, label)
    return Report(judge, about | {"num": judge.num}, judged, floor, [untrained, noise])


def _column(judge, title, samples, label=None) -> Column:
    statistics = summary_statistics(samples) if samples.ndim == 2 else None
    return Column(title, judge.measured(samples, label), statistics)


# ---------------------------------------------------------------- a file of samples


def _read_samples(path: Path, labels: Path | None) -> tuple[np.ndarray, np.ndarray | None]:
    with files.reading(str(path)):
        x = npy.read(str(path))
    points = x.ndim == 2 and x.shape[1] == 2
    if not points and x.ndim not in (3, 4):
        raise InputError(
            f"--samples={path}: found the shape {x.shape}, expected images [n, h, w], "
            "[n, h, w, c] or points [n, 2]"
        )
    x = x[..., np.newaxis] if x.ndim == 3 else x
    if x.dtype == np.uint8 and not points:
        x = data.decoded(x).numpy()
    elif x.dtype.kind != "f":
        raise InputError(
            f"--samples={path}: found {x.dtype}, expected float" + (", or uint8" * (not points))
        )
    x = x.astype(np.float32)
    if not np.isfinite(x).all():
        raise InputError(f"--samples={path}: found values that are not finite")
    if not points:
        low, high = float(x.min()), float(x.max())
        if low < -1 - _TOLERANCE or high > 1 + _TOLERANCE:
            raise InputError(
                f"--samples={path}: found float images from {low:g} to {high:g}, expected "
                "[-1, 1]; scale them, or save them as uint8"
            )
        if low >= 0:
            logging.warning(
                "--samples=%s: no value is below 0; float images are taken to be in [-1, 1], "
                "so images in [0, 1] would be judged as pale ones",
                path,
            )
    if labels is None:
        return x, None
    with files.reading(str(labels)):
        return x, arrays.check_labels(str(labels), npy.read(str(labels)), len(x))
