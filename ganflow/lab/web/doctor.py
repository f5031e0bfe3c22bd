"""The diagnosis of what is under way, by the rules and at the steps of a training's summaries.

What is of the moment is taken in a compiled call; a thread beside works out the figures, as in a
training. Single updates are outside a training's summaries: nothing is judged by them.
"""

import dataclasses
from collections.abc import Callable, Mapping

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
    """Judges every sampler of a run.

    Attributes:
      told: the newest of each sampler, the main one first; None before the first summary.
    """

    def __init__(self, run: Run, on_told: Callable[[], None] = lambda: None):
        """Args:
        run: an `engine.Run`.
        on_told: called whenever something new is told, by another thread.
        """
        self._run, self._on_told = run, on_told
        self._eyes = [SamplerEye(run, of, is_main=not i) for i, of in enumerate(run.samplers)]
        self._judges = [SamplerJudge(run, eye) for eye in self._eyes]
        self._background = Background()
        self._forget()

    def _forget(self) -> None:
        self._rows: list[list[dict]] = [[] for _ in self._eyes]  # as each sampler's rules see them
        self.told: list[Told | None] = [None] * len(self._eyes)

    def restart(self) -> None:
        """Forget the rows so far."""
        self._background.drain()
        self._forget()

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
        seen = [eye.look() for eye in self._eyes]
        size = sum(x.shape.num_elements() * 4 for one in seen for x in one.activations.values())
        self._background.hand_over(lambda: self._tell(row, seen), size)

    def close(self) -> None:
        """Wait for what is being judged, and end the thread."""
        self._background.close()

    def _tell(self, row: dict, seen: list[Seen]) -> None:
        for i, (judge, one) in enumerate(zip(self._judges, seen, strict=True)):
            judged = judge.judge([*self._rows[i], row], row, one.arrays())
            self._rows[i] = [*self._rows[i], row | judged.figures]
            illnesses = [
                {"illness": v.illness.replace("_", " "), "evidence": v.evidence, "advice": v.advice}
                for v in judged.verdicts
            ]
            self.told[i] = Told(row["step"], str(judged.health), tuple(illnesses))
        self._on_told()
