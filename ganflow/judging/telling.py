"""What `bin/evaluate.py` has found, told: a table of text, JSON, TensorBoard's events."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

import tensorflow as tf

from ganflow.base import tables
from ganflow.base.errors import InputError, StorageError
from ganflow.data import statistics
from ganflow.judging.reports import Column, Report
from ganflow.storage import workdir

_COPIES = 0.2  # of the distance from held-out images to their nearest training image

# ---------------------------------------------------------------- text


def as_text(report: Report, told: Mapping[str, str] = MappingProxyType({})) -> str:
    """The table, with what the figures are of above it and how to read them below.

    Args:
      report: what has been found.
      told: what figures mean that only this model has, by name.
    """
    columns = [report.floor, *report.judged, *report.ceilings]
    titles = ["figure", "n", *(column.title for column in columns)]
    rows = []
    for name, figure in report.judged[-1].figures.items():
        n = f"{figure.samples:,}" if figure.samples else "-"
        n += f" : {figure.real:,}" if figure.real else ""
        shown = [column.figures.get(name) for column in columns]
        rows.append([name, n, *("-" if f is None else f"{f.value:.4g}" for f in shown)])
    alike: dict[str, list[str]] = {}
    for name, words in told.items():
        alike.setdefault(words, []).append(name)
    notes = [*_notes(report), *(f"{', '.join(names)}: {words}" for words, names in alike.items())]
    lines = [*_head(report), "", tables.as_text(titles, rows), "", *notes]
    if report.floor.statistics is not None:
        lines += ["", _statistics(report)]
    return "\n".join(lines)


def _head(report: Report) -> list[str]:
    about = report.judge.about
    lines = [
        f"{about['dataset']}: compared with {about['num_held_out']:,} held-out examples "
        + (f"of {about['field']} " if "field" in about else "")
        + f"({about['held_out']}); {about['num_train']:,} training examples"
    ]
    for name in ("classifier", "second_classifier"):
        if not (found := about.get(name)):
            continue
        lines.append(
            f"{name.replace('_', ' ')} of seed {found['seed']}: accuracy {found['accuracy']:.4f} "
            f"on n = {found['num_held_out']:,}, SHA-256 {found['weights_sha256'][:16]}"
        )
    if found := about.get("features"):
        lines.append(f"features: {found['path']}, SHA-256 {found['sha256'][:16]}")
    return lines


def _notes(report: Report) -> list[str]:
    notes = ["n: samples, and after the colon the real examples they are compared with"]
    notes += ["floor: real examples in the place of samples, as many"]
    if report.judge.real_points is None:
        if "second_frechet_distance" in report.judged[-1].figures:
            notes.append(
                "a claim counts where frechet_distance, second_frechet_distance and "
                "patch_distance agree: what one judge overlooks another may see"
            )
        notes += [
            "floor of nearest_neighbour_ratio: held-out images; 0 means copies of training images",
        ]
        if "frechet_distance" in report.judged[-1].figures:
            notes.append(
                "frechet_distance is biased upwards by about O(1/n): read it beside the floor, and "
                "compare it only at the same n and data; it is no published FID"
            )
        else:
            notes.append("no labels, so no classifier: --features=PATH gives the other figures")
    else:
        notes += ["noise: uniform in the bounding box of the real points"]
    for column in report.judged:
        ratio = column.figures.get("nearest_neighbour_ratio")
        if ratio is not None and ratio.value < _COPIES:
            notes.append(
                f"COPIES: the samples of {column.title} lie {ratio.value:.2g} times as far from "
                "training images as held-out images do: they repeat what was trained on"
            )
    return notes


def _statistics(report: Report) -> str:
    """Document 003's table: real beside generated."""
    of_samples = {column.title: column.statistics for column in report.judged}
    return tables.as_text(*statistics.columns({"real": report.floor.statistics} | of_samples))


# ---------------------------------------------------------------- JSON


def write_json(report: Report, out: Path) -> None:
    """Write every figure with its n; the file is there whole or not at all.

    Raises:
      StorageError: it cannot be written.
    """
    columns = {"floor": report.floor, "untrained": report.ceilings[0], "noise": report.ceilings[1]}
    content = {
        **report.about,
        "judge": report.judge.about,
        "rows": [{"step": c.step, "averaged": c.averaged, **_as_json(c)} for c in report.judged],
        **{name: _as_json(column) for name, column in columns.items()},
    }
    text = json.dumps(content, indent=1, allow_nan=False) + "\n"
    workdir.write_whole(out, text.encode())


def _as_json(column: Column) -> dict:
    figures = {name: figure._asdict() for name, figure in column.figures.items()}
    statistics = {} if column.statistics is None else {"statistics": column.statistics}
    return {"title": column.title, "figures": figures, **statistics}


def check_out(out: Path) -> None:
    """Refuse a bad place for the JSON before any work is done.

    Raises:
      InputError: another ending than .json, or a folder that is not there.
    """
    if out.suffix != ".json":
        raise InputError(f"--out={out}: found the ending {out.suffix!r}, expected .json")
    if not out.parent.is_dir():
        raise InputError(f"--out={out}: there is no folder {out.parent}; make it first")


# ---------------------------------------------------------------- TensorBoard's events


def write_events(
    report: Report,
    folder: Path,
    metrics: Mapping[str, str] = MappingProxyType({}),
    describe: Callable[[str], str] = lambda tag: "",
) -> None:
    """Write TensorBoard scalars `eval/NAME` at the checkpoints' steps, below WORKDIR/eval.

    Those of averaged weights are a run of their own, WORKDIR/eval_averaged. WORKDIR/trial/eval has
    those that the HParams tab shows. A step that was judged before has its new figures alone; those
    of other steps stay.

    Args:
      report: what to write.
      folder: the workdir.
      metrics: tags of the HParams tab, and the `eval/NAME` of each.
      describe: of a tag, what it means.

    Raises:
      StorageError: they cannot be written.
    """
    for name, averaged in (("eval", False), ("eval_averaged", True)):
        judged = {
            column.step: {f"eval/{name}": f.value for name, f in column.figures.items()}
            for column in report.judged
            if column.averaged == averaged
        }
        if judged:
            _write_run(folder / name, judged, describe)
        if judged and metrics and not averaged:
            of_trial = {
                step: {tag: found[of] for tag, of in metrics.items() if of in found}
                for step, found in judged.items()
            }
            _write_run(folder / "trial" / name, of_trial, describe)


def _write_run(
    folder: Path, judged: dict[int, dict[str, float]], describe: Callable[[str], str]
) -> None:
    """Scalars by step and tag, those of earlier evaluations among them."""
    try:
        scalars = _read_run(folder) | judged
        earlier = list(folder.glob("*tfevents*"))
        writer = tf.summary.create_file_writer(str(folder))
        for step in sorted(scalars):  # TensorBoard drops what goes back in time
            with writer.as_default(step=step):
                for tag, value in scalars[step].items():
                    tf.summary.scalar(tag, value, description=describe(tag))
        writer.close()
    except tf.errors.OpError as error:
        raise StorageError(
            f"{folder}: cannot write TensorBoard's events: {workdir.plain(error)}; make room, then "
            "run the same command again"
        ) from error
    with workdir.storage_errors(folder):
        for file in earlier:
            file.unlink(missing_ok=True)


def _read_run(folder: Path) -> dict[int, dict[str, float]]:
    """Scalars by step and name; of a file that a kill cut short, those before the cut."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    scalars: dict[int, dict[str, float]] = {}
    if folder.is_dir():
        events = EventAccumulator(str(folder), {"tensors": 0}, purge_orphaned_data=False)
        events.Reload()
        for name in events.Tags()["tensors"]:
            for event in events.Tensors(name):
                value = float(tf.make_ndarray(event.tensor_proto))
                scalars.setdefault(event.step, {})[name] = value
    return scalars
