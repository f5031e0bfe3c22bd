"""Is a run healthy? Said only where it was judged, and with the figures it was judged by.

    too early   fewer than three summaries, or 500 steps, since the start: no rule can speak
    ill         an illness was found, see `diagnosis`
    healthy     at the last three summaries every vital figure stood where trained runs have it
    unclear     none of these: no illness is found, and something is not (yet) as it should be

The bounds stand between runs that end well and ones that were made ill, see docs/results.md.
"""

import dataclasses
import math
from collections.abc import Sequence

from ganflow.summaries.diagnosis import (
    NEAR_ENERGY_DISTANCE,
    NEAR_ENERGY_DISTANCE_OF_POINTS,
    NEAR_PATCH_DISTANCE,
    PERSISTENCE_STEPS,
    PERSISTENCE_SUMMARIES,
    Verdict,
)

TOO_EARLY, ILL, HEALTHY, UNCLEAR = "too early", "ill", "healthy", "unclear"

LEAST_PAIRWISE_DISTANCE = 0.5
LEAST_CELLS = 0.5
LEAST_MODES_SHARE = 0.8


@dataclasses.dataclass(frozen=True)
class Vital:
    """A figure, and where it has to stand."""

    name: str
    bound: float
    above: bool  # whether it has to be the bound or more; else the bound or less
    words: str

    def holds(self, row: dict) -> bool:
        """Whether a row's figure stands there; not where it is missing."""
        value = row.get(self.name, math.nan)
        return value >= self.bound if self.above else value <= self.bound

    def told(self, row: dict) -> str:
        """The figure beside its bound."""
        more = "or more" if self.above else "or less"
        return f"{self.words} {row.get(self.name, math.nan):.2g} ({self.bound:.2g} {more})"


@dataclasses.dataclass(frozen=True)
class Health:
    """A run's state at one summary."""

    state: str
    evidence: str  # figures; empty where the verdicts tell

    def __str__(self) -> str:
        return f"{self.state}: {self.evidence}" if self.evidence else self.state


def judge(
    rows: Sequence[dict],
    verdicts: Sequence[Verdict],
    is_points: bool = False,
    num_modes: int = 0,
) -> Health:
    """The state at the newest of `rows`, of which each has its step and its `probes`.

    Args:
      rows: of metrics.jsonl, oldest first.
      verdicts: at the newest.
      is_points: whether the examples are points.
      num_modes: of a mixture of Gaussians; 0 for other data.
    """
    if verdicts:
        return Health(ILL, ", ".join(v.illness.replace("_", " ") for v in verdicts))
    rows = [row for row in rows if row["step"]]
    recent = rows[-PERSISTENCE_SUMMARIES:]
    step = recent[-1]["step"] if recent else 0
    if len(recent) < PERSISTENCE_SUMMARIES or step < PERSISTENCE_STEPS:
        return Health(
            TOO_EARLY,
            f"summary {len(rows)} at step {step:,}; a verdict needs {PERSISTENCE_SUMMARIES} "
            f"summaries and {PERSISTENCE_STEPS} steps",
        )
    vitals = [vital for vital in _vitals(is_points, num_modes) if vital.name in recent[-1]]
    if not vitals:
        return Health(UNCLEAR, "no figure of this run tells samples from real examples")
    missed = [vital for vital in vitals if not all(map(vital.holds, recent))]
    state = UNCLEAR if missed else HEALTHY
    told = "; ".join(vital.told(recent[-1]) for vital in missed or vitals)
    last = f"at the last {PERSISTENCE_SUMMARIES} summaries"
    return Health(state, f"{'not all ' if missed else ''}{last}, now: {told}")


def _vitals(is_points: bool, num_modes: int) -> list[Vital]:
    found = [
        Vital(
            "energy_distance_ratio",
            NEAR_ENERGY_DISTANCE_OF_POINTS if is_points else NEAR_ENERGY_DISTANCE,
            above=False,
            words="energy distance to real examples",
        ),
        Vital(
            "patch_distance_ratio",
            NEAR_PATCH_DISTANCE,
            above=False,
            words="the same of pieces of 5 x 5 pixels",
        ),
        Vital(
            "pairwise_distance_ratio",
            LEAST_PAIRWISE_DISTANCE,
            above=True,
            words="distance between samples, of that between real examples",
        ),
        Vital(
            "cells_ratio",
            LEAST_CELLS,
            above=True,
            words="kinds of samples, of those of real examples",
        ),
    ]
    if num_modes:
        least = LEAST_MODES_SHARE * num_modes
        found.append(Vital("modes_reached", least, above=True, words=f"modes of {num_modes}"))
    return found
