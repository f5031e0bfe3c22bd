"""`bin/ladder.py`: many models, one budget, one table.

    LADDER/plan.json    the budget, and every cell with all its settings
           CELL/        one cell: see `ganflow.ladder_cell`
           ladder.md    the table, rewritten after every cell
           ladder.json  every figure behind it
           ladder.png   the curves

An entry is a model with settings; a cell is an entry on one data set with one seed. Cells are
trained one after another, seed by seed, so that a ladder cut short has compared everything once.
The same command again goes on where it was.
"""

import dataclasses
import difflib
import functools
import json
import math
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from absl import flags as absl_flags
from absl import logging

from ganflow import data, engine, flags, ladder_report, models, workdir
from ganflow.command import Signals
from ganflow.errors import InputError
from ganflow.ladder_cell import Budget, Cell, Interrupted, finish

DATASETS = ("mnist", *data.POINTS)


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of a plan: a name for the table, and the flags of `bin/train.py` behind it."""

    name: str
    flags: tuple[str, ...]


@dataclasses.dataclass(frozen=True)
class Plan:
    """What a ladder does."""

    budget: Budget
    cells: tuple[Cell, ...]
    left_out: tuple[tuple[str, str, str], ...]  # (entry, data set, why they do not fit)
    num: int  # samples judged at each mark

    def left_out_by_reason(self) -> dict[tuple[str, str], list[str]]:
        """(entry, reason) -> data sets."""
        found: dict[tuple[str, str], list[str]] = {}
        for name, dataset, reason in self.left_out:
            key = name, reason.removeprefix(f"--dataset={dataset}: ")
            found.setdefault(key, []).append(dataset)
        return found


# ------------------------------------------------------------ from words to a plan


def budget(seconds: float | None, steps: int | None, marks: Sequence[float]) -> Budget:
    """A budget and its marks.

    Args:
      seconds, steps: the budget; at most one of them. Neither: the last mark, in seconds.
      marks: one number is how many marks, at equal parts; several are the marks themselves.

    Raises:
      InputError: both or neither is given, or the marks do not rise to the budget.
    """
    text = "--marks=" + ",".join(f"{mark:g}" for mark in marks)
    if seconds is not None and steps is not None:
        raise InputError("--seconds and --steps: found both, expected one of them")
    if any(not mark > 0 or math.isinf(mark) for mark in marks) or not marks:
        raise InputError(f"{text}: expected numbers above 0")
    unit = "seconds" if steps is None else "steps"
    total = seconds if steps is None else steps
    if len(marks) == 1:
        count = int(marks[0])
        if count != marks[0]:
            raise InputError(f"{text}: expected how many marks, or several marks")
        if total is None:
            raise InputError("--seconds or --steps: found neither, expected one of them")
        marks = [total * (i + 1) / count for i in range(count)]
        marks = [max(1, round(mark)) for mark in marks] if unit == "steps" else marks
    if total is not None and marks[-1] != total:
        raise InputError(f"{text}: expected the last to be the budget, --{unit}={total:g}")
    if sorted(set(marks)) != list(marks):
        raise InputError(f"{text}: expected marks that rise, within --{unit}={marks[-1]:g}")
    if unit == "steps" and any(mark != int(mark) for mark in marks):
        raise InputError(f"{text}: expected whole numbers of steps")
    return Budget(unit, tuple(marks))


def entry(name: str, presets: Path) -> Entry:
    """A model by its name, or a preset: a flag file of the folder `presets`.

    Raises:
      InputError: there is neither.
    """
    path = presets / f"{name}.flags"
    if name in models.names():
        return Entry(name, (f"--model={name}",))
    if path.is_file():
        return Entry(name, (f"--flagfile={path}",))
    known = [*models.names(), *sorted(p.stem for p in presets.glob("*.flags"))]
    raise InputError(f"--models={name}: {_nearest(name, known)}there are: {', '.join(known)}")


def read_plan_file(path: Path) -> list[Entry]:
    """The entries of a plan's file.

    Raises:
      InputError: it cannot be read, or see `read_plan`.
    """
    try:
        return read_plan(path.read_text(), str(path))
    except (OSError, UnicodeDecodeError) as error:
        reason = getattr(error, "strerror", None) or error
        raise InputError(f"--plan={path}: cannot be read: {reason}") from error


def read_plan(text: str, where: str) -> list[Entry]:
    """The entries of a plan: lines `NAME: --model=... --dataset=... ...`, # for comments.

    Args:
      text: the plan.
      where: the file's name, for errors.

    Raises:
      InputError: a line that is none of these, or no line at all.
    """
    entries = []
    for number, line in enumerate(text.splitlines(), 1):
        try:
            name, *words = shlex.split(line, comments=True) or [""]
        except ValueError as error:
            raise InputError(f"{where}, line {number}: {error}") from error
        if not name:
            continue
        if not re.fullmatch(r"[\w.+=@-]+:", name) or not words:
            raise InputError(f"{where}, line {number}: expected NAME: --model=... and other flags")
        entries.append(Entry(name[:-1], tuple(words)))
    if not entries:
        raise InputError(f"{where}: found no line, expected NAME: --model=... and other flags")
    return entries


def make_plan(
    entries: Iterable[Entry],
    datasets: Sequence[str] | None,
    seeds: Sequence[int],
    a_budget: Budget,
    num: int,
    data_dir: str = "",
) -> Plan:
    """Every cell, checked: it would start.

    Args:
      entries: what to train.
      datasets: each entry is trained on each of these, where it fits; None: each entry on the
        data set of its flags, where it has to.
      seeds: of every cell.
      a_budget: of every cell.
      num: samples judged at each mark.
      data_dir: for the data sets that lie in files.

    Raises:
      InputError: a bad flag or data set, an entry that fits none, or the same cell twice.
    """
    found, left_out = [], []
    for one in entries:
        for dataset in datasets or (None,):
            cell = resolve(one, dataset, data_dir)
            reason = _reason_to_leave_out(cell)
            if reason is None:
                found.append(cell)
            elif datasets is None:
                raise InputError(f"{one.name}: {reason}")
            else:
                left_out.append((one.name, dataset, reason))
    if not found:
        name, _, reason = left_out[0]
        raise InputError(f"no model fits any of the data sets; {name}: {reason}")
    cells = tuple(
        dataclasses.replace(cell, options=dataclasses.replace(cell.options, seed=seed))
        for seed in seeds
        for cell in found
    )
    names = [cell.name for cell in cells]
    for name in names:
        if names.count(name) > 1:
            raise InputError(f"{name}: found twice, expected one cell of a name")
    return Plan(a_budget, cells, tuple(left_out), num)


def resolve(one: Entry, dataset: str | None, data_dir: str) -> Cell:
    """The cell of seed 0 that an entry's flags describe, as `bin/train.py` would read them.

    Raises:
      InputError: anything wrong with the flags; the text names the entry.
    """
    try:
        words = absl_flags.FLAGS.read_flags_from_files(["", *one.flags], force_gnu=True)
        peek = _values(("model", ""), ("dataset", dataset), ("data_dir", data_dir))
        peek(words, known_only=True)
        module = models.load(peek.model)
        name = dataset or peek.dataset or module.Config().dataset
        in_files = name not in ("digits", *data.POINTS)
        here = peek.data_dir if in_files else ""
        points = data.is_points(name, here or None)
        config, options = models.default_config(module, points), engine.Options()
        values = _values(("model", ""))
        flags.define(config, module.__name__, values)
        flags.define(options, "ganflow.engine", values)
        rest = values(words)
        config, options = flags.read(config, values), flags.read(options, values)
    except absl_flags.UnrecognizedFlagError as error:
        hint = _nearest(f"--{error.flagname}", [f"--{f}" for f in values])
        raise InputError(f"{one.name}: --{error.flagname}: no flag of a cell; {hint}") from error
    except absl_flags.Error as error:
        raise InputError(f"{one.name}: {' '.join(str(error).split())}") from error
    except InputError as error:
        raise InputError(f"{one.name}: {error}") from error
    if len(rest) > 1:
        raise InputError(f"{one.name}: {rest[1]!r} is not a flag; flags look like --batch_size=64")
    if values["seed"].present:
        raise InputError(f"{one.name}: found --seed, expected none: a ladder has --seeds")
    config = dataclasses.replace(config, dataset=name)
    return Cell(one.name, peek.model, config, dataclasses.replace(options, data_dir=here))


def _values(*strings: tuple[str, str | None]) -> absl_flags.FlagValues:
    values = absl_flags.FlagValues()
    for name, default in strings:
        absl_flags.DEFINE_string(name, default, "", flag_values=values)
    return values


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"did you mean {near[0]}? " if near else ""


@functools.cache
def _data(name: str, data_dir: str, enlarge: int) -> tuple[data.Dataset, data.Dataset | None]:
    return data.load_both(name, data_dir or None, enlarge)


def _data_of(cell: Cell) -> tuple[data.Dataset, data.Dataset | None]:
    return _data(cell.config.dataset, cell.options.data_dir, cell.options.enlarge)


def _reason_to_leave_out(cell: Cell) -> str | None:
    """Why an entry cannot train on its data set; None where it can."""
    points = data.is_points(cell.config.dataset, cell.options.data_dir or None)
    if points and cell.options.enlarge > 1:
        return f"--dataset={cell.config.dataset}: holds points, and --enlarge needs images"
    dataset, _ = _data_of(cell)
    try:
        data.check_batch(dataset, cell.config.batch_size)
        gan = engine.build(models.load(cell.model), cell.config, dataset.example_shape, seed=0)
    except InputError as error:
        return str(error)
    if dataset.label is None and engine.needs_labels(gan.batches()):
        return f"--dataset={dataset.name}: has no labels, and the model needs them"
    return None


def describe(plan: Plan) -> str:
    """What a ladder would do, for `--dry_run`."""
    lines = [f"{len(plan.cells)} cells of {plan.budget} each:"]
    lines += [f"  {cell.name}" for cell in plan.cells]
    for (name, reason), datasets in plan.left_out_by_reason().items():
        lines.append(f"left out: {name} on {', '.join(datasets)}: {reason}")
    return "\n".join(lines)


# ------------------------------------------------------------ from a plan to a table


def run(plan: Plan, folder: Path, command: str) -> int:
    """Do what is not yet done of a plan, and write the report; return the exit code.

    Args:
      plan: what to do.
      folder: the ladder's workdir.
      command: the command line, which the report begins with.

    Raises:
      InputError: the folder holds a ladder of another budget, or with other cells.
      StorageError, BusyError: nothing can be written there.
    """
    results, judges = {}, {}

    def judge(cell):
        if cell.dataset not in judges:
            judges[cell.dataset] = judge_of(cell, plan.num)
        return judges[cell.dataset]

    with workdir.locked(folder), Signals() as signals:
        agree(plan, folder)
        try:
            for number, cell in enumerate(plan.cells, 1):
                logging.info("cell %d of %d: %s", number, len(plan.cells), cell.name)
                results[cell.name] = finish(
                    cell,
                    plan.budget,
                    folder / cell.name,
                    functools.partial(judge, cell),
                    signals.asked,
                )
                ladder_report.write(plan, results, folder, command)
        except Interrupted:
            return 128 + signals.received
        ladder_report.draw(plan, results, folder / "ladder.png")
    print((folder / "ladder.md").read_text(), end="")
    return 0


def judge_of(cell: Cell, num: int):
    """The `evaluation.Judge` of a cell's data set, for `num` samples where it has as many.

    Raises:
      InputError: see `data.load` and `evaluation.make_judge`.
    """
    from ganflow import evaluation  # slow to import

    return evaluation.make_judge(*_data_of(cell), num)


def agree(plan: Plan, folder: Path) -> None:
    """Hold a plan against the folder's own, then write it there; for the holder of its lock.

    Raises:
      InputError: another budget, or a cell that is gone or has other settings.
    """
    for leftover in folder.glob(".*.partial"):  # of a ladder that was killed
        leftover.unlink()
    path = folder / "plan.json"
    new = {
        "budget": dataclasses.asdict(plan.budget),
        "num": plan.num,
        "cells": {cell.name: cell.identity() for cell in plan.cells},
    }
    new = json.loads(json.dumps(new))
    if path.exists():
        old = json.loads(path.read_text())
        changed = [f"another {name}" for name in ("budget", "num") if old[name] != new[name]]
        for name, was in old["cells"].items():
            if name not in new["cells"]:
                changed.append(f"{name} is gone")
            elif new["cells"][name] != was:
                changed.append(f"{name} has other settings")
        if changed:
            more = f" and {len(changed) - 3} more" if len(changed) > 3 else ""
            raise InputError(
                f"--workdir={folder}: holds another ladder: {', '.join(changed[:3])}{more}; a "
                "ladder may only gain cells: give its own flags, or another --workdir"
            )
    workdir.write_whole(path, json.dumps(new, indent=1).encode() + b"\n")
