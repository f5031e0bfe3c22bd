"""What a run does by its evaluations: it keeps the best one's checkpoint, and may stop after it.

All of it is a function of the rows of `metrics.jsonl`, so a run that was killed and resumed decides
alike.
"""

import dataclasses
from pathlib import Path

from absl import logging

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.engine.options import Options
from ganflow.interface.sampler import Sampler
from ganflow.judging import best
from ganflow.judging.best import Best
from ganflow.storage import checkpoints


@dataclasses.dataclass(frozen=True)
class Keeping:
    """By which figure, and how patiently."""

    metric: str | None  # None: no evaluation matters
    patience: int  # evaluations in a row without a new best after which a run ends; 0: it goes on

    @property
    def judges(self) -> bool:
        """Whether evaluations matter."""
        return self.metric is not None

    def best(self, rows: list[dict]) -> Best | None:
        """The best evaluation so far."""
        return best.best_of(rows, self.metric) if self.metric else None

    def protected(self, rows: list[dict]) -> set[int]:
        """The steps whose checkpoints are not to be deleted."""
        found = self.best(rows)
        return set() if found is None else {found.step}

    def is_over(self, rows: list[dict], more: int = 0) -> bool:
        """Whether patience is at an end, or would be after so many `more` bad evaluations."""
        found = self.best(rows) if self.patience else None
        return found is not None and best.evaluations_since(rows, found) + more >= self.patience

    def heard(self, rows: list[dict], step: int) -> bool:
        """Log what an evaluation at this step has brought; whether the run is over."""
        if rows and rows[-1]["step"] == step and any(name.startswith("eval/") for name in rows[-1]):
            self._log(rows)
        return self.is_over(rows)

    def _log(self, rows: list[dict]) -> None:
        found, step = self.best(rows), rows[-1]["step"]
        if self.metric and f"eval/{self.metric}" not in rows[-1]:
            logging.warning(
                "step %d: --keep_best=%s: the judge has no such figure here", step, self.metric
            )
        elif found is not None and found.step == step:
            logging.info("the best so far: %s", found)

    def closing(self, rows: list[dict], folder: Path) -> str:
        """For the end of a run: which step was best, and why it ended; empty without evaluations.

        Args:
          rows: all of them.
          folder: the workdir.
        """
        found = self.best(rows)
        if found is None:
            return ""
        is_kept = found.step in checkpoints.steps(folder / "checkpoints")
        told = f"best: {found} ({'kept; --step=best' if is_kept else 'its checkpoint is gone'})"
        if self.is_over(rows):
            told = (
                f"stopped at step {rows[-1]['step']:,}: {self.patience} evaluations in a row "
                f"without a new best (--stop_when_worse={self.patience})\n{told}"
            )
        return told


def of_options(options: Options, dataset: data.Dataset, sampler: Sampler) -> Keeping:
    """What the flags ask for.

    Args:
      options: the run's.
      dataset: what it trains on.
      sampler: the one whose samples count.

    Raises:
      InputError: flags that need evaluations without them; a figure that the judge has not, or
        data that it cannot judge by.
    """
    if options.keep_best in ("auto", "none") and not options.evaluate_every:
        asked = f"--stop_when_worse={options.stop_when_worse}" if options.stop_when_worse else ""
    else:
        asked = f"--keep_best={options.keep_best}"
    if asked and not options.evaluate_every:
        raise InputError(f"{asked}: goes by evaluations; give --evaluate_every=N as well")
    if options.stop_when_worse and options.keep_best == "none":
        raise InputError(
            f"--stop_when_worse={options.stop_when_worse}: with --keep_best=none no evaluation is "
            "the best; give --keep_best=auto or a figure"
        )
    if options.evaluate_every and dataset.x is None:
        raise InputError(
            f"--evaluate_every={options.evaluate_every}: samples are compared with x, and data set "
            f"{dataset.name} has {', '.join(dataset.fields)}; leave it out"
        )
    metric = best.metric_for(options.keep_best, dataset, "label" in sampler.given)
    return Keeping(metric if options.evaluate_every else None, options.stop_when_worse)
