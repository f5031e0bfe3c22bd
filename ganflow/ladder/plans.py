"""From words to a plan: a ladder's entries, data sets, seeds and budget, all checked.

An entry is a model with settings; a cell is an entry on one data set with one seed.
"""

import dataclasses
import difflib
import math
import re
import shlex
from collections.abc import Iterable, Sequence
from pathlib import Path

from absl import flags as absl_flags

from ganflow import data, engine, models
from ganflow.base.errors import InputError
from ganflow.cli import flags
from ganflow.interface import gans
from ganflow.ladder.cells import Budget, Cell, data_of

DATASETS = ("mnist", *data.POINTS)
# A cell's clock counts its start: building, tracing, compiling. The models need 4 to 11 s of a
# processor's time for it, so within less there may be no step at all.
LEAST_SECONDS = 10.0


@dataclasses.dataclass(frozen=True)
class Entry:
    """A line of a plan: a name for the table, and the flags of training behind it."""

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


def budget(seconds: float | None, steps: int | None, marks: Sequence[float]) -> Budget:
    """A budget and its marks.

    Args:
      seconds, steps: the budget; at most one of them. Neither: the last mark, in seconds.
      marks: one number is how many marks, at equal parts; several are the marks themselves.

    Raises:
      InputError: both or neither is given, the marks do not rise to the budget, or it is shorter
        than a cell's start may be.
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
    if unit == "seconds" and marks[-1] < LEAST_SECONDS:
        raise InputError(
            f"--seconds={marks[-1]:g}: expected at least {LEAST_SECONDS:g}: the budget counts "
            "building and compilation, which may take so long; or give --steps"
        )
    if unit == "steps" and any(mark != int(mark) for mark in marks):
        raise InputError(f"{text}: expected whole numbers of steps")
    return Budget(unit, tuple(marks))


def entry(name: str, presets: Path | None) -> Entry:
    """A model by its name, or a preset by its file's.

    Args:
      name: of either.
      presets: the folder with the presets' flag files; None where there is none.

    Raises:
      InputError: there is neither.
    """
    if name in models.names():
        return Entry(name, (f"--model={name}",))
    known = models.names()
    without = "; presets are files of the repository's configs/, and this ganflow is not run there"
    if presets is not None:
        path = presets / f"{name}.flags"
        if path.is_file():
            return Entry(name, (f"--flagfile={path}",))
        known += sorted(p.stem for p in presets.glob("*.flags"))
        without = ""
    there = f"there are: {', '.join(known)}{without}"
    raise InputError(f"--models={name}: {_nearest(name, known)}{there}")


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
    found: list[Cell] = []
    left_out: list[tuple[str, str, str]] = []
    for one in entries:
        for dataset in datasets or (None,):
            cell = resolve(one, dataset, data_dir)
            try:
                reason = _reason_to_leave_out(cell)
            except InputError as error:
                raise InputError(f"{one.name}: {error}") from error
            if reason is None:
                found.append(cell)
            elif dataset is None:
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
    """The cell of seed 0 that an entry's flags describe, as training would read them.

    Raises:
      InputError: anything wrong with the flags; the text names the entry.
    """
    try:
        words = absl_flags.FLAGS.read_flags_from_files(["", *one.flags], force_gnu=True)
        peek = _with_model()
        peek(words, known_only=True)
        module = models.load(peek.model)
        config, options = module.Config(), engine.Options(data_dir=data_dir)
        values = _with_model()
        flags.define(config, module.__name__, values)
        flags.define(options, "ganflow.engine", values)
        rest = values(words)
        config, options = flags.read(config, values), flags.read(options, values)
    except absl_flags.UnrecognizedFlagError as error:
        hint = _nearest(f"--{error.flagname}", [f"--{f}" for f in values])
        raise InputError(f"{one.name}: --{error.flagname}: no flag of a cell; {hint}") from error
    except (absl_flags.Error, *flags.NO_FLAG_FILE) as error:
        raise InputError(f"{one.name}: {' '.join(str(error).split())}") from error
    except InputError as error:
        raise InputError(f"{one.name}: {error}") from error
    if len(rest) > 1:
        raise InputError(f"{one.name}: {rest[1]!r} is not a flag; flags look like --batch_size=64")
    if values["seed"].present:
        raise InputError(f"{one.name}: found --seed, expected none: a ladder has --seeds")
    config = dataclasses.replace(config, dataset=dataset or config.dataset)
    if config.dataset in data.BUILT_IN:
        options = dataclasses.replace(options, data_dir="")
    return Cell(one.name, models.reference(module), config, options)


def _with_model() -> absl_flags.FlagValues:
    values = absl_flags.FlagValues()
    absl_flags.DEFINE_string("model", "", "", flag_values=values)
    return values


def _nearest(name: str, known: Iterable[str]) -> str:
    near = difflib.get_close_matches(name, list(known), 1, 0.5)
    return f"did you mean {near[0]}? " if near else ""


def _reason_to_leave_out(cell: Cell) -> str | None:
    """Why an entry cannot train on its data set; None where it can.

    Raises:
      InputError: the data set cannot be used by any entry.
    """
    as_it_is = dataclasses.replace(cell, options=dataclasses.replace(cell.options, enlarge=1))
    if cell.options.enlarge > 1 and data_of(as_it_is)[0].is_points:
        return f"--dataset={cell.config.dataset}: holds points, and --enlarge needs images"
    dataset, _ = data_of(cell)
    try:
        data.check_batch(dataset, cell.config.batch_size)
        gans.build(models.load(cell.model), cell.config, dataset.about(), seed=0)
    except InputError as error:
        return str(error)
    return None


def describe(plan: Plan) -> str:
    """What a ladder would do, for `--dry_run`."""
    lines = [f"{len(plan.cells)} cells of {plan.budget} each:"]
    lines += [f"  {cell.name}" for cell in plan.cells]
    for (name, reason), datasets in plan.left_out_by_reason().items():
        lines.append(f"left out: {name} on {', '.join(datasets)}: {reason}")
    return "\n".join(lines)
