"""The diagnosis of what is under way, by the rules and at the steps of a training's summaries.

What is of the moment is taken in a compiled call; a thread beside works out the figures, as in a
training. Single updates are outside a training's summaries: nothing is judged by them.
"""

import dataclasses
import functools
from collections.abc import Mapping

from ganflow import data
from ganflow.engine import Run
from ganflow.engine.means import gradient_norms
from ganflow.summaries import cells, diagnosis, health, patches, probes
from ganflow.summaries.background import Background
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
        self._background = Background()
        self._settings = dataclasses.asdict(run.config) | {"model": run.model_name}
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
        self._background.hand_over(lambda: self._judge(row, seen), size)

    def close(self) -> None:
        """Wait for what is being judged, and end the thread."""
        self._background.close()

    def _judge(self, row: dict, seen: Seen) -> None:
        evidence = self._evidence(row, seen.arrays())
        figures = probes.probes(evidence)
        verdicts = diagnosis.diagnose(evidence, figures)
        row |= figures
        modes = 0 if evidence.modes is None else len(evidence.modes[0])
        judged = health.judge([*self._rows, row], verdicts, evidence.is_points, modes)
        self._rows = [*self._rows, row]
        illnesses = [
            {"illness": v.illness.replace("_", " "), "evidence": v.evidence, "advice": v.advice}
            for v in verdicts
        ]
        self.told = Told(row["step"], str(judged), tuple(illnesses))

    def _evidence(self, row: dict, seen: Seen) -> probes.Evidence:
        kinds, pieces, modes = self._likeness
        sampler = self._eye.sampler
        return probes.Evidence(
            step=row["step"],
            rows=[*self._rows, row],
            samples=seen.samples,
            real=self._eye.real,
            real_scores=seen.scores.get("real"),
            fake_scores=seen.scores.get("generated"),
            boundary=sampler.boundary,
            higher_is_real=sampler.higher_is_real,
            activations=dict(seen.activations),
            modes=modes,
            cells=kinds,
            patches=pieces,
            settings=self._settings | {"is_points": self._eye.is_points},
        )

    @functools.cached_property
    def _likeness(self):
        """Kinds, pieces and modes of real examples; in the thread beside, for it takes a while."""
        real, against = self._eye.many_real(), self._eye.sampler.against
        modes = data.modes(self._run.dataset.name, against) if isinstance(against, str) else None
        return cells.find(real, self._eye.count), patches.find(real), modes
