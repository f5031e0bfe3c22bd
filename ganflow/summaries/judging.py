"""What is said of one sampler at a summary: its figures, the illnesses, and its health."""

import dataclasses
import functools
from collections.abc import Sequence
from typing import Any

from ganflow import data
from ganflow.summaries import cells, diagnosis, health, patches, probes
from ganflow.summaries.cells import Cells
from ganflow.summaries.diagnosis import Verdict
from ganflow.summaries.moments import SamplerEye, Seen
from ganflow.summaries.patches import Patches


@dataclasses.dataclass(frozen=True, eq=False)
class Judged:
    """One sampler at one summary."""

    evidence: probes.Evidence
    figures: dict[str, float]  # of `probes`
    verdicts: Sequence[Verdict]
    health: health.Health


class SamplerJudge:
    """Judges a sampler, summary by summary."""

    def __init__(self, run, eye: SamplerEye):
        """Args:
        run: an `engine.Run`.
        eye: what looks at the sampler.
        """
        self._run, self._eye, against = run, eye, eye.sampler.against
        # Of the mixture that a sampler's points are to be of.
        self._modes = data.modes(run.dataset.name, against) if isinstance(against, str) else None

    def judge(self, rows: list[dict], row: dict, seen: Seen) -> Judged:
        """Say what there is to say; slow for the first time.

        Args:
          rows: as this sampler's rules see them, this summary's the last, without its figures.
          row: this summary's, as it stands in the log.
          seen: of the moment.
        """
        evidence = self._evidence(rows, seen)
        figures = probes.probes(evidence)
        verdicts = diagnosis.diagnose(evidence, figures)
        modes = 0 if evidence.modes is None else len(evidence.modes[0])
        judged = health.judge([*rows[:-1], row | figures], verdicts, evidence.is_points, modes)
        return Judged(evidence, figures, verdicts, judged)

    def _evidence(self, rows: list[dict], seen: Seen) -> probes.Evidence:
        kinds, pieces = self._likeness
        return probes.Evidence(
            step=rows[-1]["step"],
            rows=rows,
            samples=seen.samples,
            real=self._eye.real,
            real_scores=seen.scores.get("real"),
            fake_scores=seen.scores.get("generated"),
            boundary=self._eye.sampler.boundary,
            higher_is_real=self._eye.sampler.higher_is_real,
            activations=dict(seen.activations),
            modes=self._modes,
            cells=kinds,
            patches=pieces,
            settings=self._settings(),
        )

    def _settings(self) -> dict[str, Any]:
        """As they are now: the lab changes some under way."""
        of_model = dataclasses.asdict(self._run.config) | {"model": self._run.model_name}
        return of_model | {"is_points": self._eye.is_points}

    @functools.cached_property
    def _likeness(self) -> tuple[Cells | None, Patches | None]:
        """Of real examples; here, for it is a thread beside the training that asks first."""
        real = self._eye.many_real()
        return cells.find(real, self._eye.count), patches.find(real)
