"""Runs side by side: where their settings differ, and what they have come to."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ganflow.base.errors import InputError
from ganflow.judging import best
from ganflow.storage import checkpoints, workdir
from ganflow.trained import loading

_PLACES = ("workdir", "data_dir")  # of this machine
# What can be drawn over the steps, as far as a run has it; the last row of each is in the table.
FIGURES = (
    "d_loss",
    "g_loss",
    "d_real",
    "d_fake",
    "d_accuracy_real",
    "d_accuracy_fake",
    "energy_distance_ratio",
    "pairwise_distance_ratio",
    "eval/frechet_distance",
    "eval/sliced_wasserstein",
    "eval/recall",
)


@dataclasses.dataclass(frozen=True, eq=False)
class Run:
    """A workdir: its newest sound checkpoint's manifest, and the rows up to it."""

    name: str
    folder: Path
    manifest: dict
    rows: list[dict]

    @property
    def settings(self) -> dict[str, Any]:
        """Model, config and options by their flags."""
        told = {"model": self.manifest["model"]}
        told |= self.manifest["config"] | self.manifest["options"]
        return {name: value for name, value in told.items() if name not in _PLACES}


def read(folders: Sequence[Path]) -> list[Run]:
    """The runs of some workdirs, each by the shortest end of its path that tells it apart.

    Raises:
      InputError: a folder that is no workdir, that stands there twice, or has no sound checkpoint.
    """
    runs = []
    resolved = [folder.resolve() for folder in folders]
    for folder, name in zip(folders, _names(resolved), strict=True):
        if resolved.count(folder.resolve()) > 1:
            raise InputError(f"{folder}: is given twice; give different workdirs")
        if not checkpoints.steps(folder / "checkpoints"):
            raise InputError(
                f"{folder}: is no workdir, for it holds no checkpoint; give folders that "
                "ganflow-train has written"
            )
        sound = loading.sound_checkpoint(folder)
        # Later rows are of a run that was killed before their steps were saved.
        rows = [row for row in workdir.Metrics(folder).rows() if row["step"] <= sound.step]
        runs.append(Run(name, folder, sound.manifest, rows))
    return runs


def _names(folders: Sequence[Path]) -> list[str]:
    most = max(len(folder.parts) for folder in folders)
    for count in range(1, most + 1):
        names = [str(Path(*folder.parts[-count:])) for folder in folders]
        if len(set(names)) == len(set(folders)):
            break
    return names


def table(runs: Sequence[Run]) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of cells, for `base.tables`: a column for each run."""
    rows = [[name, *cells] for name, cells in _differences(runs).items()]
    rows.append(["steps done", *(f"{run.manifest['step']:,}" for run in runs)])
    last = [run.rows[-1] if run.rows else {} for run in runs]
    for name in (*FIGURES, "steps_per_second"):
        values = [_last(run.rows, name) for run in runs]
        if any(value is not None for value in values):
            rows.append([name, *("-" if v is None else f"{v:.4g}" for v in values)])
    rows.append(["health", *(_health(row) for row in last)])
    bests = [best.best_by(r.rows, r.manifest["options"].get("keep_best", "auto")) for r in runs]
    rows.append(["best evaluation", *("-" if found is None else str(found) for found in bests)])
    return ["", *(run.name for run in runs)], rows


def _differences(runs: Sequence[Run]) -> dict[str, list[str]]:
    """Settings that are not the same in all runs; "-" where a model has none of this name."""
    names = dict.fromkeys(name for run in runs for name in run.settings)
    cells = {
        name: [_text(run.settings[name]) if name in run.settings else "-" for run in runs]
        for name in names
    }
    return {name: values for name, values in cells.items() if len(set(values)) > 1}


def _text(value: Any) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _last(rows: Sequence[dict], name: str) -> float | None:
    return next((row[name] for row in reversed(rows) if name in row), None)


def _health(row: dict) -> str:
    ill = ", ".join(illness.replace("_", " ") for illness in row.get("diagnosis", []))
    return row.get("health", "-") + (f": {ill}" if ill else "")
