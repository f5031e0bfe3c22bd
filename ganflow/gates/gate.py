"""What a gate is: a training, its figures, their bars, and the same training broken on purpose."""

import dataclasses
import statistics
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

Figures = Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class Bar:
    """What a figure has to reach: its median over the seeds, or as `Gate.counts` says.

    Attributes:
      figure: its name among those of the gate's `measure`.
      at_least, at_most: the bar; None where there is none on this side.
      times: a variant, of whose median of the same figure `at_least` and `at_most` are multiples.
    """

    figure: str
    at_least: float | None = None
    at_most: float | None = None
    times: str = ""

    def is_met(self, value: float, unit: float = 1.0) -> bool:
        """Whether a figure reaches the bar; one that is not a number does not."""
        low = self.at_least is None or value >= self.at_least * unit
        high = self.at_most is None or value <= self.at_most * unit
        return low and high and value == value

    def __str__(self) -> str:
        times = f" times {self.times}'s" if self.times else ""
        parts = [
            f"{word} {bar:g}{times}"
            for word, bar in (("at least", self.at_least), ("at most", self.at_most))
            if bar is not None
        ]
        return f"{self.figure.replace('_', ' ')} {' and '.join(parts)}"


@dataclasses.dataclass(frozen=True)
class Edit:
    """A piece of a model's file, which stands there once, and what takes its place."""

    piece: str
    instead: str


@dataclasses.dataclass(frozen=True)
class Variant:
    """A training beside the gate's own: a control, something to compare with, or a report.

    Attributes:
      name: its name in the table.
      flags: in place of, or beside, the gate's.
      edits: of the model's file: the variant trains a copy with these.
      preset: train this one of configs/ in place of the gate's, with its own model.
      program: run this one of benchmarks/peers/ for as long as the gate's own training of the same
        seed took, in place of any of our models.
      role: "control" has to fail the gate's bars; "reference" is what a bar is a multiple of;
        "report" is shown and decides nothing.
    """

    name: str
    flags: tuple[str, ...] = ()
    edits: tuple[Edit, ...] = ()
    preset: str = ""
    program: str = ""
    role: str = "control"


@dataclasses.dataclass(frozen=True)
class Gate:
    """A claim and how it is put to the test.

    Attributes:
      name: of the gate, "infogan".
      claim: what the paper says, in a line.
      preset: the file of configs/ that is trained, without its ending.
      flags: beside the preset's, or in place of them.
      steps: of every training.
      measure: (`measures.Trained`) -> figures, none of which is a part of a loss.
      bars: all have to be met.
      variants: controls and what else there is.
      shown: further figures for the table.
      marks: checkpoints, the last at the end, at even distances; a summary at each.
      seeds: of the gate's own training.
      counts: what has to reach the bars: the figures' "median" over the seeds, "every" seed, or one
        seed, the "best", where a training may as rightly end elsewhere. Then a control has as many
        seeds as the gate itself.
    """

    name: str
    claim: str
    preset: str
    steps: int
    measure: Callable[[Any], Figures]
    bars: tuple[Bar, ...]
    variants: tuple[Variant, ...]
    flags: tuple[str, ...] = ()
    shown: tuple[str, ...] = ()
    marks: int = 1
    seeds: tuple[int, ...] = (0, 1, 2)
    counts: Literal["median", "every", "best"] = "median"

    @property
    def own(self) -> Variant:
        """The training as it should be."""
        return Variant("as it is", role="own")


def medians(of_seeds: Sequence[Figures]) -> dict[str, float]:
    """The median of each figure that all seeds have."""
    names = [name for name in of_seeds[0] if all(name in figures for figures in of_seeds[1:])]
    return {name: statistics.median(figures[name] for figures in of_seeds) for name in names}


def missed(gate: Gate, figures: Figures, others: Mapping[str, Figures]) -> list[str] | None:
    """The bars that a variant's medians do not reach, in words; none: it passes.

    Args:
      gate: the gate.
      figures: the medians of the variant; one that lacks a figure does not reach its bar.
      others: the medians of the other variants, by name.

    Returns:
      None where a variant is missing that a bar is a multiple of.
    """
    found = []
    for bar in gate.bars:
        if bar.times and bar.times not in others:
            return None
        unit = others[bar.times][bar.figure] if bar.times else 1.0
        if not bar.is_met(figures.get(bar.figure, float("nan")), unit):
            found.append(str(bar))
    return found
