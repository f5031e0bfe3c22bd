"""`bin/evaluate.py`: figures of checkpoints or of a file of samples, as table, JSON and events.

Beside every figure stand the number of examples behind it, the floor (real against real) and two
ceilings (an untrained generator, and noise): a figure alone says nothing.
"""

import dataclasses
import json
import math
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from ganflow import data, engine, evaluation, metrics, models, sampling, training, workdir
from ganflow.data import arrays, files, npy
from ganflow.errors import InputError, StorageError
from ganflow.evaluation import Figure

_AT_ONCE = 100  # samples of the untrained generator
_TOLERANCE = 1e-3  # of float images beyond [-1, 1]


@dataclasses.dataclass(frozen=True, eq=False)
class Column:
    """The figures of one set of samples."""

    title: str
    step: int | None  # of the checkpoint, if it is one
    figures: dict[str, Figure]
    statistics: dict | None  # of points, see `metrics.summary_statistics`


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """Everything that is printed and written."""

    judge: evaluation.Judge
    about: dict  # where the samples come from
    judged: list[Column]
    floor: Column
    ceilings: list[Column]


def of_workdir(
    folder: Path,
    step: int | None = None,
    num: int = 10_000,
    seed: int = 1,
    features: Path | None = None,
    data_dir: str | None = None,
) -> Report:
    """Judge every checkpoint that is kept, or the one of `step`.

    Args:
      folder: the workdir.
      step: None means all.
      num: samples of each.
      seed: of their z.
      features: see `evaluation.make_judge`.
      data_dir: where the data lie now; None means where they lay in training.

    Raises:
      InputError: no sound checkpoint, other data than the run's, or see `make_judge`.
    """
    gan, manifest = training.load_trained(folder, step)
    name = manifest["config"]["dataset"]
    options = manifest["options"]
    data_dir = data_dir or options["data_dir"] or None
    dataset, held_out = data.load_both(name, data_dir, options.get("enlarge", 1))
    if dataset.sha256 != manifest["data_sha256"]:
        raise InputError(
            f"--workdir={folder}: was trained on other data than this {name} (the SHA-256 differs);"
            " give the folder or file of the run's data with --data_dir"
        )
    judge = evaluation.make_judge(dataset, held_out, num, features)
    steps = _steps(folder) if step is None else [step]
    judged = []
    for number, at in enumerate(steps, 1):
        logging.info("step %d: checkpoint %d of %d", at, number, len(steps))
        try:
            samples = sampling.generate(folder, judge.num, seed, at)
        except InputError as error:
            if len(steps) == 1:
                raise
            logging.warning("step %d: left out: %s", at, error)
            continue
        judged.append(_column(judge, f"step {at:,}", samples, step=at))
    if not judged:
        raise InputError(f"--workdir={folder}: none of its checkpoints could be judged")
    module = models.load(manifest["model"])
    start = engine.build(module, gan.config, manifest["x_shape"], options["seed"])
    untrained = _column(judge, "untrained", _untrained(start, judge.num, seed))
    about = {"workdir": str(folder), "model": manifest["model"], "seed": seed}
    return _report(judge, about, judged, untrained)


def of_samples(
    path: Path,
    dataset_name: str,
    data_dir: str | None = None,
    enlarge: int = 1,
    labels: Path | None = None,
    num: int = 10_000,
    features: Path | None = None,
) -> Report:
    """Judge an .npy file of samples: images, uint8 or float in [-1, 1], or points [n, 2].

    Args:
      path: the file.
      dataset_name: the data set that they should look like.
      data_dir, enlarge: of that data set, as for `data.load`.
      labels: an .npy file with the class each sample was asked to be, for conditional_accuracy.
      num: how many of the samples, from the first on.
      features: see `evaluation.make_judge`.

    Raises:
      InputError: a file that cannot be used, or see `make_judge`.
    """
    samples, label = _read_samples(path, labels)
    dataset, held_out = data.load_both(dataset_name, data_dir or None, enlarge)
    if samples.shape[1:] != dataset.example_shape:
        raise InputError(
            f"--samples={path}: found examples of {samples.shape[1:]}, expected "
            f"{dataset.example_shape} as in --dataset={dataset_name}"
        )
    if num < len(samples):
        logging.info("--samples=%s: the first %d of %d are judged", path, num, len(samples))
    judge = evaluation.make_judge(dataset, held_out, min(num, len(samples)), features)
    if judge.num < min(num, len(samples)):
        logging.info("--samples=%s: so only its first %d are judged", path, judge.num)
    samples, label = samples[: judge.num], None if label is None else label[: judge.num]
    judged = _column(judge, path.name, samples, label)
    module = models.load("circle" if dataset.is_points else "simple")
    start = engine.build(module, module.Config(), dataset.example_shape, seed=0)
    title = f"untrained {module.__name__.rpartition('.')[2]}"
    untrained = _column(judge, title, _untrained(start, judge.num, seed=1), label)
    return _report(judge, {"samples": str(path)}, [judged], untrained, label)


def _report(judge, about, judged, untrained, label=None) -> Report:
    real = judge.real_points
    floor = Column(
        "floor", None, judge.floor, None if real is None else metrics.summary_statistics(real)
    )
    noise = _column(judge, "noise", judge.noise, label)
    return Report(judge, about | {"num": judge.num}, judged, floor, [untrained, noise])


def _column(judge, title, samples, label=None, step=None) -> Column:
    statistics = metrics.summary_statistics(samples) if samples.ndim == 2 else None
    return Column(title, step, judge.measured(samples, label), statistics)


# ---------------------------------------------------------------- reading


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
        x = engine.decoded(x).numpy()
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


def _steps(folder: Path) -> list[int]:
    """Steps of the kept checkpoints, oldest first."""
    found = (folder / "checkpoints").glob("[0-9]*")
    return sorted(int(p.name) for p in found if p.name.isdigit() and p.is_dir())


def _untrained(gan: tf.Module, num: int, seed: int) -> np.ndarray:
    z = engine.latent(gan, seed, math.ceil(num / _AT_ONCE) * _AT_ONCE, stream="sample.py")
    made = [gan.sample(z[i : i + _AT_ONCE]).numpy() for i in range(0, num, _AT_ONCE)]
    return np.concatenate(made)[:num]


# ---------------------------------------------------------------- showing


def as_text(report: Report) -> str:
    """The table, with what the figures are of above it and how to read them below."""
    columns = [report.floor, *report.judged, *report.ceilings]
    titles = ["figure", "n", *(column.title for column in columns)]
    rows = []
    for name, figure in report.judged[-1].figures.items():
        n = f"{figure.samples:,}" + (f" : {figure.real:,}" if figure.real else "")
        shown = [column.figures.get(name) for column in columns]
        rows.append([name, n, *("-" if f is None else f"{f.value:.4g}" for f in shown)])
    lines = [*_head(report), "", *_aligned([titles, *rows]), "", *_notes(report)]
    if report.floor.statistics is not None:
        lines += ["", *_aligned(_statistics(report))]
    return "\n".join(lines)


def _head(report: Report) -> list[str]:
    about = report.judge.about
    lines = [
        f"{about['dataset']}: compared with {about['num_held_out']:,} held-out examples "
        f"({about['held_out']}); {about['num_train']:,} training examples"
    ]
    if found := about.get("classifier"):
        lines.append(
            f"classifier of seed {found['seed']}: accuracy {found['accuracy']:.4f} on "
            f"n = {found['num_held_out']:,}, SHA-256 {found['weights_sha256'][:16]}"
        )
    if found := about.get("features"):
        lines.append(f"features: {found['path']}, SHA-256 {found['sha256'][:16]}")
    return lines


def _notes(report: Report) -> list[str]:
    notes = ["n: samples, and after the colon the real examples they are compared with"]
    notes += ["floor: real examples in the place of samples, as many"]
    if report.judge.real_points is None:
        notes += [
            "floor of nearest_neighbour_ratio: held-out images; 0 means copies of training images",
            "frechet_distance is biased upwards by about O(1/n): read it beside the floor, and "
            "compare it only at the same n and data; it is no published FID",
        ]
    else:
        notes += ["noise: uniform in the bounding box of the real points"]
    return notes


def _statistics(report: Report) -> list[list[str]]:
    """Document 003's table: real beside generated."""
    columns = [dataclasses.replace(report.floor, title="real"), *report.judged]
    titles = [f"{column.title} {axis}" for column in columns for axis in "xy"]
    rows = [
        [name, *(f"{c.statistics[axis][name]:.6g}" for c in columns for axis in "xy")]
        for name in columns[0].statistics["x"]
    ]
    return [["", *titles], *rows]


def _aligned(rows: list[list[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            cell.ljust(width) if i == 0 else cell.rjust(width)
            for i, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


# ---------------------------------------------------------------- writing


def write_json(report: Report, out: Path) -> None:
    """Write every figure with its n; the file is there whole or not at all.

    Raises:
      StorageError: it cannot be written.
    """
    columns = {"floor": report.floor, "untrained": report.ceilings[0], "noise": report.ceilings[1]}
    content = {
        **report.about,
        "judge": report.judge.about,
        "rows": [{"step": c.step, "title": c.title, **_as_json(c)} for c in report.judged],
        **{name: {"title": c.title, **_as_json(c)} for name, c in columns.items()},
    }
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    workdir.write_whole(out, text.encode())


def _as_json(column: Column) -> dict:
    figures = {name: figure._asdict() for name, figure in column.figures.items()}
    statistics = {} if column.statistics is None else {"statistics": column.statistics}
    return {"figures": figures, **statistics}


def write_events(report: Report, folder: Path) -> None:
    """Write TensorBoard scalars `eval/NAME` at the checkpoints' steps, below WORKDIR/eval.

    Raises:
      StorageError: they cannot be written.
    """
    try:
        writer = tf.summary.create_file_writer(str(folder / "eval"))
        for column in report.judged:
            with writer.as_default(step=column.step):
                for name, figure in column.figures.items():
                    tf.summary.scalar(f"eval/{name}", figure.value)
        writer.close()
    except tf.errors.OpError as error:
        raise StorageError(
            f"{folder / 'eval'}: cannot write TensorBoard's events: {workdir.plain(error)}; make "
            "room, then run the same command again"
        ) from error


def check_out(out: Path) -> None:
    """Refuse a bad place for the JSON before any work is done.

    Raises:
      InputError: another ending than .json, or a folder that is not there.
    """
    if out.suffix != ".json":
        raise InputError(f"--out={out}: found the ending {out.suffix!r}, expected .json")
    if not out.parent.is_dir():
        raise InputError(f"--out={out}: there is no folder {out.parent}; make it first")
