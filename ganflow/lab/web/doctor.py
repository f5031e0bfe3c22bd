"""The diagnosis of what is under way, by the rules and at the steps of a training's summaries.

What is of the moment is taken in a compiled call; a thread beside works out the figures, as in a
training. Single updates are outside a training's summaries: nothing is judged by them.
"""

import dataclasses
from collections.abc import Mapping

from ganflow.engine import Run
from ganflow.engine.means import gradient_norms
from ganflow.summaries.background import Background
from ganflow.summaries.judging import SamplerJudge
from ganflow.summaries.moments import SamplerEye, Seen


@dataclasses.dataclass(frozen=True)
class Told:
    """What is said of a run at one summary."""

    step: int
    state: str  # of `health`, with its figures
    illnesses: tuple[dict[str, str], ...]  # illness, evidence, advice


class Doctor:
    """Judges the main sampler of a run.

    Attributes:
      told: the newest; None before the first summary.
    """

    def __init__(self, run: Run):
        self._run = run
        self._eye = SamplerEye(run, run.samplers[0], is_main=True)
        self._judge, self._background = SamplerJudge(run, self._eye), Background()
        self._rows: list[dict] = []
        self.told: Told | None = None

    def restart(self) -> None:
        """Forget the rows so far."""
        self._background.drain()
        self._rows, self.told = [], None

    def is_due(self, step: int) -> bool:
        """Whether a training has a summary at this step."""
        return step % self._run.config.summary_every == 0

    def look(self, step: int, norms: Mapping[tuple[str, str], float]) -> None:
        """Take the moment, and judge it beside; the means since the last summary begin anew.

        Args:
          step: of the run.
          norms: the last step's gradients' by (update's label, weight).
        """
        row = {"step": step} | self._run.means.take() | gradient_norms(norms)
        seen = self._eye.look()
        size = sum(x.shape.num_elements() * 4 for x in seen.activations.values())
        self._background.hand_over(lambda: self._tell(row, seen), size)

    def close(self) -> None:
        """Wait for what is being judged, and end the thread."""
        self._background.close()

    def _tell(self, row: dict, seen: Seen) -> None:
        judged = self._judge.judge([*self._rows, row], row, seen.arrays())
        self._rows = [*self._rows, row | judged.figures]
        illnesses = [
            {"illness": v.illness.replace("_", " "), "evidence": v.evidence, "advice": v.advice}
            for v in judged.verdicts
        ]
        self.told = Told(row["step"], str(judged.health), tuple(illnesses))
