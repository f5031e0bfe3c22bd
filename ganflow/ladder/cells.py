"""One cell of a ladder: a model with its settings, on one data set, with one seed.

    CELL/cell.json     what the cell is, and its budget
         marks.jsonl   one JSON object a mark: training seconds, step, peak memory
         result.json   written last: figures of every mark; a cell that has it is finished
         samples.png   of the last mark
         log.txt       what the training process said

`training.py` trains it, in a process of its own; `results.py` starts that process and judges.
"""

import dataclasses
import functools
import json
from pathlib import Path
from typing import Any

from ganflow import data, engine, models
from ganflow.storage import workdir

NEVER = 10**9  # a step that no run reaches
_KEEP_ALL = 10**6  # checkpoints: the figures of every mark are computed after the last
_SUMMARIES = 10


@dataclasses.dataclass(frozen=True)
class Budget:
    """How long a cell trains, and where it is judged on the way."""

    unit: str  # "seconds" or "steps"
    marks: tuple[float, ...]  # rising; the last is the budget

    def __str__(self) -> str:
        return f"{self.marks[-1]:,g} {'s' if self.unit == 'seconds' else 'steps'}"


@dataclasses.dataclass(frozen=True)
class Cell:
    """One training run of a ladder."""

    entry: str  # the name in the table
    model: str
    config: Any  # the model's `Config`
    options: engine.Options  # with the seed

    @property
    def name(self) -> str:
        """Its folder below the ladder's workdir."""
        return f"{self.entry}-{self.dataset}-seed{self.options.seed}"

    @property
    def dataset(self) -> str:
        """The data set's name in the table; figures of one name are comparable."""
        options = self.options
        return (
            self.config.dataset
            + (f"_{options.image_size}px" if options.image_size else "")
            + (f"_{options.channels}ch" if options.channels else "")
            + (f"_x{options.enlarge}" if options.enlarge > 1 else "")
        )

    def identity(self) -> dict:
        """All that decides what the cell trains, as JSON has it."""
        no_matter = ["workdir", "data_dir", "keep_best", "stop_when_worse"]
        options = dataclasses.asdict(self.options)
        # Told only where they are given: a result from before there were such is still one.
        no_matter += [name for name in ("image_size", "channels") if not options[name]]
        told = {
            "entry": self.entry,
            "model": self.model,
            "config": dataclasses.asdict(self.config),
            "options": {k: v for k, v in options.items() if k not in no_matter},
        }
        return json.loads(json.dumps(told))


def data_of(cell: Cell) -> tuple[data.Dataset, data.Dataset | None]:
    """The cell's data set, and the test split where there is one; each is read once a process.

    Raises:
      InputError: see `data.load`.
    """
    shape = data.shaping(vars(cell.options))
    return _data(cell.config.dataset, cell.options.data_dir, **shape)


@functools.cache
def _data(name: str, data_dir: str, **shape: int) -> tuple[data.Dataset, data.Dataset | None]:
    return data.load_both(name, data_dir or None, **shape)


def with_budget(cell: Cell, budget: Budget, folder: Path) -> Cell:
    """The cell as it trains in `folder`: nothing in the way of the clock, nothing pruned."""
    in_steps = budget.unit == "steps"
    steps = int(budget.marks[-1]) if in_steps else cell.config.steps
    summary_every = max(1, steps // _SUMMARIES) if in_steps else NEVER
    config = dataclasses.replace(cell.config, steps=steps, summary_every=summary_every)
    options = dataclasses.replace(
        cell.options,
        workdir=str(folder),
        checkpoint_every=NEVER,  # but for the marks
        keep_checkpoints=_KEEP_ALL,
        evaluate_every=0,
        keep_best="none",
        stop_when_worse=0,
        epochs=0,  # by steps, or by the clock
    )
    return dataclasses.replace(cell, config=config, options=options)


def write(cell: Cell, budget: Budget, folder: Path) -> None:
    """Tell the training process, in `cell.json`, what to train and how long."""
    ready = with_budget(cell, budget, folder)
    told = cell.identity() | {
        "config": dataclasses.asdict(ready.config),
        "options": dataclasses.asdict(ready.options),
        "budget": dataclasses.asdict(budget),
    }
    workdir.write_whole(folder / "cell.json", json.dumps(told, indent=1).encode() + b"\n")


def read(folder: Path) -> tuple[Cell, Budget]:
    """What `write` has told."""
    told = json.loads((folder / "cell.json").read_text())
    values = {k: tuple(v) if isinstance(v, list) else v for k, v in told["config"].items()}
    config = models.load(told["model"]).Config(**values)
    options = engine.Options(**told["options"])
    budget = Budget(told["budget"]["unit"], tuple(told["budget"]["marks"]))
    return Cell(told["entry"], told["model"], config, options), budget


def read_json_lines(path: Path) -> list[dict]:
    """The objects of a file of JSON lines; none where there is no file."""
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def write_json_lines(path: Path, rows: list[dict]) -> None:
    """Write such a file, whole."""
    workdir.write_whole(path, "".join(json.dumps(row) + "\n" for row in rows).encode())
