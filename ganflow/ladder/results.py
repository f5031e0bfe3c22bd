"""A cell's result: trained in a process of its own, judged in this one, and written."""

import contextlib
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganflow.base.errors import BusyError, InputError, NotFiniteError, StorageError
from ganflow.ladder import cells
from ganflow.ladder.cells import Budget, Cell
from ganflow.pictures import grids
from ganflow.storage import workdir
from ganflow.trained import loading, sampling

_SAMPLES_SHOWN, _COLUMNS = 64, 8
_PROGRAM = "ganflow.ladder.training"


class Interrupted(Exception):
    """A signal has asked the ladder to stop, and the cell has saved."""


def finish(cell: Cell, budget: Budget, folder: Path, judge: Callable, asked: Callable) -> dict:
    """Train a cell in a process of its own, judge its marks, and write `result.json`.

    Args:
      cell: what to train.
      budget: how long.
      folder: the cell's folder; what is there already is gone on with.
      judge: () -> an `evaluation.Judge`, asked for after the training.
      asked: whether a signal has asked to stop.

    Returns:
      What `result.json` holds. A run that stopped being finite is a result too: `failed` says
      so. Any other failure is returned the same way, but not written, so that it is tried again.

    Raises:
      Interrupted: `asked` came true.
      StorageError, BusyError: nothing of the ladder could be written any more.
    """
    done = folder / "result.json"
    if done.exists():
        keep_newest(folder)  # a kill may have come between the file and this
        return json.loads(done.read_text())
    failed, is_final = trained(cell, budget, folder, asked)
    result = _judged(cell, folder, None if failed else judge()) | {"failed": failed}
    if is_final:
        workdir.write_whole(done, json.dumps(result, indent=1).encode() + b"\n")
        keep_newest(folder)
    return result


def measured(
    cell: Cell, budget: Budget, folder: Path, measure: Callable, asked: Callable, about: Any = None
) -> dict:
    """Train a cell as `finish` does, but take other figures of it, and those of its end alone.

    Args:
      cell, budget, folder, asked: as of `finish`.
      measure: () -> figures by name, after the training; of one that diverged there are none.
      about: JSON that also decides what the cell is: a result with another is refused.

    Returns:
      What `result.json` holds: "of", "figures", "failed", "seconds", "date".

    Raises:
      InputError: the folder holds another cell's result, or the training failed and can be tried
        again.
      Interrupted, StorageError, BusyError: as `finish`.
    """
    of = {"cell": cell.identity(), "steps": int(budget.marks[-1]), "about": about}
    if (known := already(folder, of)) is not None:
        return known
    failed, is_final = trained(cell, budget, folder, asked)
    if not is_final:
        raise InputError(f"{cell.name}: {failed}; see {folder / 'log.txt'}")
    figures = {} if failed else dict(measure())
    rows = cells.read_json_lines(folder / "marks.jsonl")
    seconds = rows[-1]["clock_seconds"] if rows else None
    return keep(folder, of, figures, failed, seconds)


def already(folder: Path, of: dict) -> dict | None:
    """The result that `keep` has written; None where there is none yet.

    Raises:
      InputError: it is of something else.
    """
    path = folder / "result.json"
    if not path.exists():
        return None
    result = json.loads(path.read_text())
    if result["of"] != of:
        raise InputError(
            f"{folder}: holds a result of other settings or another model; remove the folder to "
            "have it trained anew, or give another --workdir"
        )
    keep_newest(folder)  # a kill may have come between the file and this
    return result


def keep(folder: Path, of: dict, figures: dict, failed: str | None, seconds: float | None) -> dict:
    """Write a result, whole, and delete the checkpoints that were needed for it; return it."""
    date = time.strftime("%Y-%m-%d")
    names = ("of", "figures", "failed", "seconds", "date")
    result = dict(zip(names, (of, figures, failed, seconds, date), strict=True))
    workdir.write_whole(folder / "result.json", json.dumps(result, indent=1).encode() + b"\n")
    keep_newest(folder)
    return result


def trained(cell: Cell, budget: Budget, folder: Path, asked: Callable) -> tuple[str | None, bool]:
    """Train a cell to the end of its budget, in a process of its own; arguments as of `finish`.

    Returns:
      (what failed, in a line, or None; whether trying again would lead to the same).

    Raises:
      Interrupted, StorageError, BusyError: as `finish`.
    """
    with workdir.storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        for leftover in folder.glob(".*.partial"):
            leftover.unlink()
    cells.write(cell, budget, folder)
    program = [sys.executable, "-m", _PROGRAM, f"--folder={folder}"]
    code, said = in_own_process(program, folder / "log.txt", asked)
    if asked():
        raise Interrupted
    if code in (StorageError.exit_code, BusyError.exit_code):
        raise (StorageError if code == StorageError.exit_code else BusyError)(said)
    failed = None if code == 0 else f"exit code {code}: {said}"
    return failed, code in (0, NotFiniteError.exit_code)


def in_own_process(program: list[str], said: Path, asked: Callable) -> tuple[int, str]:
    """Run a program that ends with this process; its exit code, and the last line it said.

    Args:
      program: its command line. Its stdin is a pipe into which nothing is written.
      said: the file to which its output is added.
      asked: whether a signal has asked to stop, which the program is then told by a SIGTERM.
    """
    # ganflow.base.quiet has set this one here, and without it keeps the log of the child clear.
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    # In a group of its own: a Ctrl-C reaches this process alone, which passes it on once. Into its
    # stdin nothing is written: the end of it is the end of this process.
    with (
        open(said, "ab") as log,
        subprocess.Popen(
            program,
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env=environment,
            process_group=0,
        ) as child,
    ):
        told = False
        while child.poll() is None:
            if asked() and not told:
                child.send_signal(signal.SIGTERM)
                told = True
            with contextlib.suppress(subprocess.TimeoutExpired):
                child.wait(timeout=0.1)
    lines = said.read_text(errors="replace").strip().splitlines() or ["(nothing)"]
    return child.returncode, lines[-1].removeprefix("training.py: ")


def _judged(cell: Cell, folder: Path, judge) -> dict:
    """The cell's marks with their figures (without a judge: without), its speed, its memory."""
    rows = cells.read_json_lines(folder / "marks.jsonl")
    marks = [
        {name: row[name] for name in ("mark", "seconds", "step")}
        for row in rows
        if row["mark"] is not None
    ]
    result = {
        **cell.identity(),
        "dataset": cell.dataset,
        "seed": cell.options.seed,
        "marks": marks,
        "steps_per_second": _steps_per_second(rows),
        "peak_mib": max((row["peak_mib"] for row in rows), default=None),
        "processes": len({row["process"] for row in rows}),
        "versions": {
            "python": platform.python_version(),
            "tensorflow": tf.__version__,
            "numpy": np.__version__,
        },
    }
    if judge is None:
        return result
    figures = {}
    for mark in marks:
        step = mark["step"]
        if step not in figures:  # two marks within one call of the engine share a step
            # Where there is an average of G's weights, it is what a user would sample from.
            gan, manifest = loading.load_trained(folder, step, ema=cell.options.ema > 0)
            samples, given = sampling.of_gan(gan, manifest, judge.num, seed=1)
            figures[step] = judge.figures(samples, given.get("label"))
        mark["figures"] = figures[step]
    if samples.ndim == 2:
        picture = grids.points(samples, f"{cell.name}, step {step:,}")
    else:
        parts = {"": grids.grid(samples[:_SAMPLES_SHOWN], _COLUMNS)}
        picture = grids.titled(f"{cell.name}, step {step:,}", parts)
    grids.write_png(folder / "samples.png", picture)
    floor = {name: figure.value for name, figure in judge.floor.items()}
    return result | {"num": judge.num, "floor": floor}


def _steps_per_second(rows: list[dict]) -> float | None:
    """From the first mark to the last, and so without compilation; with one mark from the start."""
    if not rows:
        return None
    first = rows[0] if rows[-1]["step"] > rows[0]["step"] else {"step": 0, "seconds": 0.0}
    seconds = rows[-1]["seconds"] - first["seconds"]
    return (rows[-1]["step"] - first["step"]) / seconds if seconds > 0 else None


def keep_newest(folder: Path) -> None:
    """Delete all checkpoints but the newest: they have been judged."""
    steps = sorted(int(path.name) for path in (folder / "checkpoints").glob("[0-9]*"))
    for step in steps[:-1]:
        shutil.rmtree(folder / "checkpoints" / f"{step:09d}")
