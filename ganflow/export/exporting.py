"""`bin/export.py`: all three forms of a trained generator, each held against its own samples."""

import re
import shutil
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ganflow.base.errors import InputError
from ganflow.export import describing, examples, lite, pages, running, saved, words
from ganflow.export.examples import TOLERANCE, Examples, difference
from ganflow.export.program import Program, Weights
from ganflow.interface import gans
from ganflow.interface.sampler import Sampler
from ganflow.storage import workdir
from ganflow.trained import loading, sampling

_IMAGES = 8  # samples that an export is held against


class DiffersError(Exception):
    """What was written does not give the model's own samples; the text says by how much."""


def check_out(out: Path) -> None:
    """Refuse a bad `--out` before any work is done.

    Raises:
      InputError: something is there already, or the folder above it is not.
    """
    if not out.parent.is_dir():
        raise InputError(f"--out={out}: there is no folder {out.parent}; make it first")
    if out.is_dir() and not any(out.iterdir()):
        return
    if out.exists() or out.is_symlink():
        what = "is not empty" if out.is_dir() else "is a file"
        raise InputError(f"--out={out}: {what}; choose a folder that is not there yet")


def export(
    gan,
    manifest: dict,
    out: Path,
    sampler: str = "",
    library: bytes | None = None,
    averaged: bool = False,
) -> tuple[list[str], list[str]]:
    """Write SavedModel, TFLite and page; the folder is there whole or not at all.

    Args:
      gan, manifest: of `loading.load_trained`.
      out: of `check_out`.
      sampler: the name of one; "": all.
      library: TensorFlow.js, to lie beside the page.
      averaged: whether the weights are their moving average; the page's title says so.

    Returns:
      (lines that say what was written, lines that say what could not be).

    Raises:
      InputError: no such sampler; samples that are not finite; a SavedModel that does not give the
        model's own samples.
      StorageError: the disk is full.
    """
    samplers = _named([sampling.choose(gan, sampler)] if sampler else gan.samplers())
    made = {name: _examples(of, manifest) for name, of in samplers.items()}
    names = gans.weight_names(gan)
    lacking = [
        f"{name} is held against what it makes of noise, and its page shows no real examples: "
        "the run's data set is not at hand"
        for name, example in made.items()
        if not example.are_real
    ]
    with workdir.whole_folder(out) as folder:
        lines, times = _write_saved_model(folder / "saved_model", samplers, made, names)
        written, left_out = _write_lite(folder / "tflite", samplers, made)
        lines, lacking = lines + written, lacking + left_out
        title = f"{Path(manifest['model']).stem}, step {manifest['step']:,}"
        title += ", averaged weights" * averaged
        written, left_out = _write_page(
            folder / "page", samplers, made, names, manifest, title, library
        )
        lines, lacking = lines + written, lacking + left_out
    lines = [f"{out}/{line}" for line in lines]
    lines += [f"{ms:.3g} ms a sample in Python, by {name}" for name, ms in times.items()]
    return lines, lacking


def _named(samplers: list[Sampler]) -> dict[str, Sampler]:
    """By the names of their files and signatures: "sample" for the only one.

    Raises:
      InputError: two would have one name.
    """
    found = {re.sub(r"[^\w-]", "_", of.name) or "sample": of for of in samplers}
    if len(found) < len(samplers):
        told = ", ".join(of.name for of in samplers)
        raise InputError(f"--sampler: {told} would be files of the same names; export one alone")
    return found


def _examples(sampler: Sampler, manifest: dict) -> Examples:
    """As many as a page makes at a time, and at least some."""
    of_one = examples.of(sampler, manifest, 1)
    count = describing.count_of(sampler, of_one.samples)
    return examples.of(sampler, manifest, max(count, _IMAGES))


def _write_saved_model(path: Path, samplers, made, names) -> tuple[list[str], dict[str, float]]:
    """What was written, and ms a sample by signature."""
    saved.write(path, samplers, made, names)
    largest, times = saved.check(path, made)
    if not largest <= TOLERANCE:
        raise InputError(
            f"--workdir: its SavedModel's samples differ by {largest:.3g} from the model's own; a "
            "sampler has to give the same for the same input"
        )
    told = ", ".join(samplers)
    line = f"saved_model: {pages.size(path):,} bytes; signatures {told}; {_exact(largest)}"
    return [line], times


def _write_lite(path: Path, samplers, made) -> tuple[list[str], list[str]]:
    """What was written, and what was not."""
    lines, lacking = [], []
    for name, sampler in samplers.items():
        try:
            content = lite.convert(sampler, made[name])
            largest, ms = lite.check(content, made[name])
            _need_equal(largest)
        except (lite.ConversionError, DiffersError) as error:
            lacking.append(f"no tflite/{name}.tflite: {error}")
            continue
        path.mkdir(exist_ok=True)
        workdir.write_whole(path / f"{name}.tflite", content)
        told = f"{len(content):,} bytes; {ms:.3g} ms a sample; {_exact(largest)}"
        lines.append(f"tflite/{name}.tflite: {told}")
    return lines, lacking


def _write_page(
    path: Path, samplers, made, names, manifest, title, library
) -> tuple[list[str], list[str]]:
    """What was written, and what was not."""
    fields, weights = loading.fields_of(manifest), Weights()
    told, lacking = [], []
    for name, sampler in samplers.items():
        try:
            of_one, without = describing.described(
                sampler, made[name], manifest, fields, names, weights
            )
        except words.UnknownOperationError as error:
            lacking.append(f"no {name} in a page: it has no word for {error}")
            continue
        told.append(of_one)
        lacking += without
    if not told:
        return [], lacking
    model = {
        "title": title,
        "dataset": manifest["config"]["dataset"],
        "tolerance": TOLERANCE,
        "vocabulary": list(fields.vocabulary),
        "samplers": told,
    }
    path.mkdir()
    try:
        pages.write(path, model, weights.arrays, library)
        largest = _page_difference(path, {of.name: (of, made[n]) for n, of in samplers.items()})
        _need_equal(largest)
    except (InputError, DiffersError) as error:
        shutil.rmtree(path)
        return [], [*lacking, f"no page: {error}"]
    steps = sum(len(of_one["program"]["steps"]) for of_one in told)
    line = f"page/index.html: {pages.size(path):,} bytes in all; {steps} steps; {_exact(largest)}"
    return [line], lacking


def _page_difference(folder: Path, made: Mapping[str, tuple[Sampler, Examples]]) -> float:
    """The largest: a page's files, read again and carried out in Python, D's heat map as well."""
    model, weights = pages.read(folder)
    found = []
    for told in model["samplers"]:
        (sampler, example), program = made[told["name"]], Program.of(told["program"])
        count = program.shape[0]
        parts = [
            running.run(program, weights, example.part(count, start))
            for start in range(0, len(example.samples), count)
        ]
        found.append(difference(np.concatenate(parts), example.samples))
        if told["kind"] == "points" and (score := told["plane"]["score"]):
            x = describing.grid(told["plane"]["reach"])
            scores = running.run(Program.of(score["program"]), weights, {"x": x})
            found.append(difference(scores, sampler.score(x, {}).numpy()))
    return max(found)


def _need_equal(largest: float) -> None:
    if not largest <= TOLERANCE:
        raise DiffersError(f"its samples differ by {largest:.3g} from the model's own")


def _exact(largest: float) -> str:
    return f"at most {largest:.2g} from the model's own samples"
