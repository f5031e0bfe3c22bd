"""What of the gates is not yet done: trained, measured, and written after every cell.

    GATES/GATE/VARIANT-seedN/   one training, as a cell of a ladder: see `ganflow.ladder.cells`
                 model.py       of a variant with edits: the model's file with them
                 result.json    written last: the figures; a cell that has it is finished

A gate's own cells come first, seed by seed, then its other variants: a gate cut short has a verdict
on something. The same command again goes on where it was.
"""

import dataclasses
import functools
import hashlib
import json
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from absl import logging

from ganflow import models
from ganflow.base import hints
from ganflow.base.errors import InputError
from ganflow.cli.command import Signals
from ganflow.gates import measures, report
from ganflow.gates.gate import Edit, Gate, Variant
from ganflow.gates.measures import Trained
from ganflow.ladder import kept, plans, results
from ganflow.ladder.cells import Budget, Cell, data_of, read_json_lines
from ganflow.ladder.results import Interrupted
from ganflow.storage import workdir

PEERS = Path(__file__).resolve().parents[2] / "benchmarks" / "peers"


@dataclasses.dataclass(frozen=True)
class Work:
    """One cell to be done."""

    gate: Gate
    variant: Variant
    seed: int

    @property
    def name(self) -> str:
        """ "infogan/as it is-seed0", with "_" for blanks: its folder."""
        return f"{self.gate.name}/{self.variant.name.replace(' ', '_')}-seed{self.seed}"

    @property
    def own(self) -> "Work":
        """The gate's own training of the same seed."""
        return Work(self.gate, self.gate.own, self.seed)


def plan(gates: Sequence[Gate], seeds: Sequence[int], other_seeds: Sequence[int]) -> list[Work]:
    """Every cell, in the order in which they are done.

    Args:
      gates: which.
      seeds: of a gate's own training and of what it is compared with; none: the gate's.
      other_seeds: of its controls and reports; of a gate whose best seed counts they have its own,
        or it would have more tries than they.
    """
    found = []
    for gate in gates:
        for variant in (gate.own, *gate.variants):
            own = variant.role in ("own", "reference") or gate.counts == "best"
            of_variant = (seeds or gate.seeds) if own else other_seeds
            found += [Work(gate, variant, seed) for seed in of_variant]
    return found


def run(
    work: Sequence[Work],
    folder: Path,
    presets: Path,
    data_dir: str,
    out: Path | None,
    kept_in: Path | None = None,
) -> int:
    """Do what is not yet done, and write the report after every cell; return the exit code.

    Args:
      work: of `plan`.
      folder: the gates' workdir.
      presets: the folder of the flag files.
      data_dir: where MNIST lies.
      out: the report; None: GATES/gates.md.
      kept_in: a file to which results are added, and whose others the report has too.

    Raises:
      InputError: a preset, a flag or an edit that does not fit, or data that cannot be read.
      StorageError, BusyError: nothing can be written there.
    """
    out = out or folder / "gates.md"
    judges: dict[str, Any] = {}
    with workdir.locked(folder), Signals() as signals:
        try:
            for number, one in enumerate(work, 1):
                left = _time_left(work[number - 1 :], folder)
                logging.info("cell %d of %d: %s%s", number, len(work), one.name, left)
                _finish(one, folder / one.name, presets, data_dir, judges, signals.asked)
                tell(work, folder, presets, out, kept_in)
        except Interrupted:
            print(f"stopped, saved; go on with: {hints.again('gates')}")
            return 128 + signals.received
    print(tell(work, folder, presets, out, kept_in), end="")
    return 0


def tell(
    work: Sequence[Work], folder: Path, presets: Path, out: Path | None, kept_in: Path | None
) -> str:
    """The report of what is done; arguments as of `run`, but without `out` it is not written.

    Raises:
      InputError: `kept_in` holds something else.
      StorageError: something cannot be written.
    """
    results = found(work, folder)
    if kept_in is not None:
        settings = functools.partial(settings_of, presets=presets)
        kept.add(kept_in, work, results, settings)
        results = kept.of_these(work, kept_in, settings)
    text = report.table(work, results)
    if out is not None:
        workdir.write_whole(out, text.encode())
    return text


def settings_of(one: Work, presets: Path) -> Any:
    """What decides how a cell is trained, but for the program itself, as JSON has it."""
    cell, budget = _unedited(one, presets, "")
    edits = [dataclasses.astuple(edit) for edit in one.variant.edits]
    return [cell.identity(), list(budget.marks), one.variant.program, edits]


def found(work: Sequence[Work], folder: Path) -> dict[str, dict]:
    """By names of cells that are done, their results and what was diagnosed at their end."""
    paths = {one.name: folder / one.name / "result.json" for one in work}
    return {
        name: json.loads(path.read_text()) | {"diagnosed": _diagnosed(path.parent)}
        for name, path in paths.items()
        if path.exists()
    }


def _diagnosed(folder: Path) -> str:
    """The last row's illnesses, or else its health; "" of another program."""
    path = folder / "metrics.jsonl"
    rows = read_json_lines(path) if path.exists() else []
    last = next((row for row in reversed(rows) if "health" in row), {})
    return ", ".join(last.get("diagnosis", ())) or last.get("health", "")


def cell_of(one: Work, folder: Path, presets: Path, data_dir: str) -> tuple[Cell, Budget]:
    """What a cell trains; of a variant with edits, its model's file is written.

    Raises:
      InputError: a preset or a flag that does not fit, or an edit whose piece is not in the model's
        file exactly once.
    """
    variant = one.variant
    cell, budget = _unedited(one, presets, data_dir)
    if variant.edits:
        source = models.file_of(cell.model).read_text()
        folder.mkdir(parents=True, exist_ok=True)
        file = folder / f"{cell.model}.py"
        workdir.write_whole(file, edited(source, variant.edits, one.name).encode())
        cell = dataclasses.replace(cell, model=str(file.resolve()))
    return cell, budget


def _unedited(one: Work, presets: Path, data_dir: str) -> tuple[Cell, Budget]:
    gate, variant = one.gate, one.variant
    path = presets / f"{variant.preset or gate.preset}.flags"
    words = [f"--flagfile={path}", *(() if variant.preset else gate.flags), *variant.flags]
    cell = plans.resolve(plans.Entry(variant.name, tuple(words)), None, data_dir)
    cell = dataclasses.replace(cell, options=dataclasses.replace(cell.options, seed=one.seed))
    return cell, plans.budget(None, gate.steps, [gate.marks])


def edited(source: str, edits: Sequence[Edit], name: str) -> str:
    """A model's file with some pieces replaced.

    Raises:
      InputError: a piece that does not stand there exactly once: the model has changed, and its
        control has to be looked at.
    """
    for edit in edits:
        if (times := source.count(edit.piece)) != 1:
            raise InputError(f"{name}: found {edit.piece!r} {times} times in the model, expected 1")
        source = source.replace(edit.piece, edit.instead)
    return source


def _finish(one: Work, folder: Path, presets: Path, data_dir: str, judges, asked) -> None:
    cell, budget = cell_of(one, folder, presets, data_dir)
    judge = functools.partial(_judge_of, cell, judges)
    if one.variant.program:
        _peer(one, folder, data_dir, judge, asked)
        return

    def measure():
        return one.gate.measure(Trained(folder, judge, *data_of(cell)))

    edits = one.variant.edits  # they decide what is trained, besides the cell's settings
    about = hashlib.sha256(Path(cell.model).read_bytes()).hexdigest() if edits else None
    results.measured(cell, budget, folder, measure, asked, about)


def _peer(one: Work, folder: Path, data_dir: str, judge, asked) -> None:
    """Another program, trained for as long as the gate's own cell of the same seed; begins anew.

    Raises:
      Interrupted: `asked` came true.
      InputError: it ended with an error, or our own did, so that there is no time to give it.
    """
    own = json.loads((folder.parents[1] / one.own.name / "result.json").read_text())
    seconds = own["seconds"]
    if own["failed"]:
        raise InputError(f"{one.name}: {one.own.name} has failed, so it has no time to match")
    of = {"program": one.variant.program, "seconds": seconds, "seed": one.seed}
    if results.already(folder, of) is not None:
        return
    folder.mkdir(parents=True, exist_ok=True)
    words = [f"--data_dir={data_dir}", f"--out={folder}", f"--seed={one.seed}"]
    program = [sys.executable, str(PEERS / one.variant.program), *words, f"--marks={seconds:g}"]
    code, said = results.in_own_process(program, folder / "log.txt", asked)
    if asked():
        raise Interrupted
    if code:
        raise InputError(f"{one.name}: exit code {code}: {said}; see {folder / 'log.txt'}")
    samples = np.load(folder / f"mark_{seconds:g}.npy", allow_pickle=False)
    figures = measures.of_samples(judge(), samples[: measures.NUM])
    results.keep(folder, of, figures, None, seconds)


def _judge_of(cell: Cell, judges: dict):
    from ganflow.judging import evaluation  # slow to import

    if cell.dataset not in judges:
        judges[cell.dataset] = evaluation.make_judge(*data_of(cell), second=True)
    return judges[cell.dataset]


def _time_left(rest: Sequence[Work], folder: Path) -> str:
    """Told from the cells of the same gate that are done; nothing where one has none."""
    done = found(rest, folder)
    waiting = [one for one in rest if one.name not in done]
    seconds: dict[str, list[float]] = {}
    for path in folder.glob("*/*/result.json"):
        spent = json.loads(path.read_text())["seconds"]
        seconds.setdefault(path.parents[1].name, []).append(spent or 0.0)
    if not waiting or any(one.gate.name not in seconds for one in waiting):
        return ""
    left = sum(statistics.fmean(seconds[one.gate.name]) for one in waiting)
    return f"; some {left / 60:.0f} min left"
