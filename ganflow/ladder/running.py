"""From a plan to a table: the cells that are not yet done, and the report after each.

    LADDER/plan.json    the budget, and every cell with all its settings
           CELL/        one cell: see `ganflow.ladder.cells`
           ladder.md    the table, rewritten after every cell
           ladder.json  every figure behind it
           ladder.png   the curves

Cells are trained one after another, seed by seed, so that a ladder cut short has compared
everything once. The same command again goes on where it was.
"""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

from absl import logging

from ganflow.base import hints
from ganflow.base.errors import InputError
from ganflow.cli.command import Signals
from ganflow.ladder import lateness, reports
from ganflow.ladder.cells import Cell, data_of
from ganflow.ladder.plans import Plan
from ganflow.ladder.results import Interrupted, finish
from ganflow.storage import workdir


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
    results: dict[str, dict] = {}
    judges: dict[str, Any] = {}

    def judge(cell: Cell) -> Any:
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
                if told := lateness.told(results[cell.name]["marks"], plan.budget):
                    logging.warning("%s: %s", cell.name, told)
                reports.write(plan, results, folder, command)
        except Interrupted:
            print(f"stopped, saved; go on with: {hints.again('ladder')}")
            return 128 + signals.received
        reports.draw(plan, results, folder / "ladder.png")
    print((folder / "ladder.md").read_text(), end="")
    return 0


def judge_of(cell: Cell, num: int):
    """The `evaluation.Judge` of a cell's data set, for `num` samples where it has as many.

    Raises:
      InputError: see `data.load` and `evaluation.make_judge`.
    """
    from ganflow.judging import evaluation  # slow to import

    return evaluation.make_judge(*data_of(cell), num, second=True)


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
