"""Which evaluation of a run was the best: a function of its rows of `metrics.jsonl` and a figure.

A row has the judge's figures of the main sampler as `eval/NAME` and, where a run keeps a moving
average of G's weights, as `eval_ema/NAME`. Both count.
"""

import dataclasses
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.storage import checkpoints, workdir
from ganflow.trained import loading

# Every figure of the judge (`evaluation.Judge`), and where it is best. Of a share: the more the
# better, for whoever asks for one class wants to see it.
_IMAGES = {
    "frechet_distance": "low",
    "patch_distance": "low",
    "kid": "low",
    "kid_std": "low",
    "precision": "high",
    "recall": "high",
    "density": "high",
    "coverage": "high",
    "nearest_neighbour_ratio": "near 1",
    "class_entropy": "high",
    "class_N": "high",
}
_ASKED_CLASSES = {"conditional_accuracy": "high"}
_POINTS = {"sliced_wasserstein": "low"}
_MIXTURES = {
    "modes_captured": "high",
    "high_quality_3std": "high",
    "high_quality_5std": "high",
    "mode_share_N": "high",
}
_WHERE_BEST = _IMAGES | _ASKED_CLASSES | _POINTS | _MIXTURES
# Of images with labels, of points, of images without labels: the first that is there.
_AUTO = ("frechet_distance", "sliced_wasserstein", "patch_distance")
_GROUPS = {"eval": False, "eval_ema": True}  # of a row's figures, and whether of averaged weights


@dataclasses.dataclass(frozen=True)
class Best:
    """The best evaluation of a run so far."""

    step: int
    metric: str
    value: float
    averaged: bool  # whether the moving average of G's weights made the samples

    def __str__(self) -> str:
        """ "step 1,200, recall 0.71, of G's averaged weights"."""
        whose = ", of G's averaged weights" if self.averaged else ""
        return f"step {self.step:,}, {self.metric} {self.value:.4g}{whose}"


def metric_for(keep_best: str, dataset: data.Dataset, asks_classes: bool) -> str | None:
    """The figure by which a run's evaluations are compared.

    Args:
      keep_best: the flag: a figure, "auto" or "none".
      dataset: what the run trains on.
      asks_classes: whether samples are asked to be of a class.

    Returns:
      None for "none".

    Raises:
      InputError: the judge of such data has no such figure.
    """
    if keep_best == "none":
        return None
    if keep_best == "auto":
        return _AUTO[1 if dataset.is_points else 0 if dataset.label is not None else 2]
    if dataset.is_points:
        mixture = data.modes(dataset.name)
        known, count = _POINTS | (_MIXTURES if mixture else {}), len(mixture[0]) if mixture else 0
    else:
        known = _IMAGES | (_ASKED_CLASSES if asks_classes else {})
        count = dataset.about().classes.get("label", 0)
    share = re.fullmatch(r"(class|mode_share)_(\d+)", keep_best)
    of_no_class = keep_best.endswith("_N") or (share is not None and int(share[2]) >= count)
    if _pattern(keep_best) not in known or of_no_class:
        kind = "points" if dataset.is_points else "images"
        raise InputError(
            f"--keep_best={keep_best}: there is no such figure of these {kind}; there are: "
            f"{', '.join(known)}" + (f" (N from 0 to {count - 1})" if count else "")
        )
    return keep_best


def best_of(rows: Iterable[dict], metric: str) -> Best | None:
    """The best of all evaluations; of equals the first. None where no row has the figure."""
    found = [
        Best(row["step"], metric, row[f"{group}/{metric}"], averaged)
        for row in rows
        for group, averaged in _GROUPS.items()
        if f"{group}/{metric}" in row
    ]
    return min(found, key=lambda best: _badness(metric, best.value), default=None)


def best_by(rows: Sequence[dict], keep_best: str) -> Best | None:
    """The same by the flag: a figure, "auto" or "none"."""
    names = {"auto": _AUTO, "none": ()}.get(keep_best, (keep_best,))
    every = [best_of(rows, name) for name in names]
    return next((found for found in every if found is not None), None)


def evaluations_since(rows: Iterable[dict], best: Best) -> int:
    """How many rows after the best one have its figure."""
    return sum(row["step"] > best.step and f"eval/{best.metric}" in row for row in rows)


def of_workdir(folder: Path) -> Best:
    """The best evaluation of a run, by the figure that it was last trained with.

    Raises:
      InputError: a workdir without evaluations, or whose best checkpoint was not kept.
    """
    sound = loading.sound_checkpoint(folder)
    # Later rows are of a run that was killed before their steps were saved.
    rows = [row for row in workdir.Metrics(folder).rows() if row["step"] <= sound.step]
    metric = sound.manifest["options"].get("keep_best", "auto")
    if metric == "none":
        raise InputError(
            f"--step=best: {folder} was trained with --keep_best=none; give a step, or train on "
            "with --keep_best=auto"
        )
    found = best_by(rows, metric)
    if found is None:
        of_figure = "" if metric == "auto" else f" of {metric}"
        raise InputError(
            f"--step=best: {folder} has no evaluations{of_figure}; train with --evaluate_every=N"
        )
    if (have := checkpoints.steps(folder / "checkpoints")) and found.step not in have:
        raise InputError(
            f"--step=best: the best was {found}, and its checkpoint is not there any more; give "
            f"one of the steps {', '.join(map(str, have))}"
        )
    return found


def _badness(metric: str, value: float) -> float:
    """The lower, the better."""
    where = _WHERE_BEST[_pattern(metric)]
    return {"low": value, "high": -value, "near 1": abs(value - 1)}[where]


def _pattern(metric: str) -> str:
    """As the tables have it: "class_N" for "class_3"."""
    return re.sub(r"^(class|mode_share)_\d+$", r"\1_N", metric)
