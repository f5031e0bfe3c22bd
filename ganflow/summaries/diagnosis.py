"""Is this run ill? Judged at each summary, from figures that the run has anyway.

    not_finite      a loss, a gradient, a score, a sample or a unit is infinite or not a number
    mode_collapse   G's samples are nearly alike, or keep to few modes or classes
    d_overpowers_g  D tells nearly all real from generated, and G does not gain on it
    g_overpowers_d  D takes G's samples for real, surer than a D that knows nothing would be
    saturation      outputs, hidden units or D's sigmoid stand at their limits: no gradient passes
    oscillation     a loss swings to and fro
    dead_units      most units of a ReLU layer give 0 for every example: nothing trains them

Silence is the default, and no proof of health: `health` says where that was judged. But for
`not_finite`, a rule must hold at `PERSISTENCE_SUMMARIES` summaries in a row, the first
`PERSISTENCE_STEPS` steps back or more, so nothing is said of an untrained network. A G whose
samples grow less alike, or come nearer to the real ones, from summary to summary is still learning,
and not ill of what it is about to leave behind.

The thresholds stand between runs made ill on purpose and healthy ones, those of
`configs/diagnosis.plan`; docs/results.md has the hits, misses and false alarms.

A verdict is a function of the evidence alone, history included, which is in the rows of
`metrics.jsonl`. So a resumed run says what an uninterrupted one says.
"""

import dataclasses
import math
from collections.abc import Callable

import numpy as np

from ganflow.summaries import advice
from ganflow.summaries.probes import (
    LIMIT,
    Evidence,
    dead_layers,
    is_finite,
    mean_probabilities,
    probes,
    saturated_layers,
)

# One summary shows a moment: D's accuracy on 64 images goes from 0 to 1 and back in healthy runs.
PERSISTENCE_SUMMARIES = 3
# However often one looks: within fewer updates neither network has had time to answer the other.
PERSISTENCE_STEPS = 500

# Mean distance between samples, over that between real examples. Healthy runs stay above .8 once
# trained, and above .2 while still untrained; a collapsed one comes to less than .03.
COLLAPSED_DISTANCE_RATIO = 0.1
# Kinds of samples (see `cells`) over those of real examples: healthy trained runs stay above .5, a
# blob in many shades has .06.
COLLAPSED_CELLS_RATIO = 0.25
COLLAPSED_MODES_SHARE = 0.5  # healthy runs reach all modes; half of them missing is no accident
COLLAPSED_CLASSES_SHARE = 0.3  # exp(entropy), so many even classes, over the classes there are
LEARNING = 1.05  # over three summaries; less growth than that is no way out

# D right on nearly all it sees; a healthy D errs more, on one side or the other, before long.
OVERPOWERING_ACCURACY = 0.95
# mean D(x) - mean D(G(z)): a D that has won gives 1, with labels .9 and .1 it gives .8.
OVERPOWERING_GAP = 0.7

# A D that knows nothing answers .5, and does better by that than by calling fakes real.
FOOLED_PROBABILITY = 0.75
FOOLED_ACCURACY = 0.05  # share of the samples that D still sees through
# Of samples this near to the real ones (see `probes`) neither a fooled D is an illness, for it is
# hard to see through them, nor one that is ahead. Healthy trained runs on images stay below .1 and,
# in pieces of 5 x 5 pixels, below .012; runs that are ill on purpose are above .2 or, in their
# pieces, above .017. Points begin nearer, at .3 for the circle, and come to .02 and less.
NEAR_ENERGY_DISTANCE = 0.15
NEAR_ENERGY_DISTANCE_OF_POINTS = 0.03
NEAR_PATCH_DISTANCE = 0.015
FOOLED_RANKING = 0.1  # a critic that knows nothing scores real higher in half of the pairs

# Real pixels may be black or white too. Ill is a G with a tenth of the greys that real ones have.
SATURATED_GREY_SHARE = 0.1
SATURATED_SHARE = 0.9  # of a hidden layer's outputs, or of D's: a tenth is left to learn by

# Past the start, healthy losses (means over the steps of a summary) keep within .25 of their mean
# from the lowest to the highest, and drift rather than swing.
SWING = 0.3
SWINGS = 4
OSCILLATION_SUMMARIES = 16
OSCILLATION_STEPS = 25  # a row that is a mean over fewer steps is noise
KNOWS_NOTHING = math.log(2)  # G's loss, and half of D's, at D = .5: swings near 0 are not large

DEAD_SHARE = 0.6  # healthy ReLU layers had at most .31, those of 16 units the most


@dataclasses.dataclass(frozen=True)
class Verdict:
    """One illness, found at one summary."""

    illness: str  # one of `ILLNESSES`
    step: int
    evidence: str  # figures
    advice: str  # see `advice`

    def __str__(self) -> str:
        """One line."""
        name = self.illness.replace("_", " ")
        return f"step {self.step}: {name}: {self.evidence}; advice: {self.advice}"


# ---------------------------------------------------------------- judging


def diagnose(evidence: Evidence, figures: dict | None = None) -> list[Verdict]:
    """The illnesses at this summary, in the order of `ILLNESSES`; none for a healthy run.

    Where something is not finite, that is all it says, for no other figure can then be trusted.

    Args:
      evidence: of this summary, history included.
      figures: its `probes`, from whoever has them already.
    """
    *before, row = evidence.rows or [{}]
    before = [row for row in before if row["step"]]  # nothing is said of an untrained network
    rows = [*before, row | {"step": evidence.step} | (figures or probes(evidence))]
    if signs := _not_finite(evidence):
        found = {"not_finite": signs}
    else:
        found = {illness: rule(evidence, rows) for illness, rule in _RULES.items()}
    return [
        Verdict(illness, evidence.step, "; ".join(signs), advice.of(illness, evidence.settings))
        for illness, signs in found.items()
        if signs
    ]


def _since(rows: list[dict], holds: Callable[[dict], bool]) -> int | None:
    """Since which step `holds` has been true at every summary; None if not for long enough."""
    steps = []
    for row in reversed(rows):
        if not holds(row):
            break
        steps.append(row["step"])
    lasts = len(steps) >= PERSISTENCE_SUMMARIES and steps[0] - steps[-1] >= PERSISTENCE_STEPS
    return steps[-1] if lasts else None


def _above(name: str, threshold: float) -> Callable[[dict], bool]:
    return lambda row: row.get(name, math.nan) >= threshold


def _below(name: str, threshold: float) -> Callable[[dict], bool]:
    return lambda row: row.get(name, math.nan) <= threshold


def _grows(rows: list[dict], name: str) -> bool:
    """Whether a figure rose from summary to summary, of the newest three that have it."""
    *_, first, second, third = (row[name] for row in rows if name in row)
    return first <= second <= third and third > LEARNING * first


def _energy_distances(rows: list[dict]) -> list[float]:
    """Of the newest three summaries."""
    return [row.get("energy_distance_ratio", math.nan) for row in rows[-PERSISTENCE_SUMMARIES:]]


def _is_near(evidence: Evidence, row: dict) -> bool:
    """Whether samples are as near to the real ones as those of healthy trained runs."""
    near = NEAR_ENERGY_DISTANCE_OF_POINTS if evidence.is_points else NEAR_ENERGY_DISTANCE
    return (
        row.get("energy_distance_ratio", math.inf) <= near
        and row.get("patch_distance_ratio", 0.0) <= NEAR_PATCH_DISTANCE
    )


def _comes_nearer(rows: list[dict]) -> bool:
    """Whether samples have come nearer to the real ones over the newest three summaries."""
    distances = _energy_distances(rows)
    return distances[0] - distances[-1] > (LEARNING - 1) * abs(distances[0])


def _not_finite(evidence: Evidence) -> list[str]:
    row = evidence.rows[-1] if evidence.rows else {}
    numbers = {k: v for k, v in row.items() if isinstance(v, int | float)}
    signs = [f"{name} is {value}" for name, value in numbers.items() if not math.isfinite(value)]
    arrays = {
        "samples": evidence.samples,
        "D's scores of real examples": evidence.real_scores,
        "D's scores of samples": evidence.fake_scores,
        **evidence.activations,
    }
    arrays = {name: array for name, array in arrays.items() if array is not None}
    for name, array in arrays.items():
        if not is_finite(array):
            bad = np.count_nonzero(~np.isfinite(array))
            signs.append(f"{bad} of {np.size(array)} values of {name}")
    return signs


def _mode_collapse(evidence: Evidence, rows: list[dict]) -> list[str]:
    signs, now = [], rows[-1]
    name = "pairwise_distance_ratio"
    since = _since(rows, _below(name, COLLAPSED_DISTANCE_RATIO))
    if since is not None and not _grows(rows, name):
        signs.append(
            f"the mean distance between samples is {now[name]:.2g} of that between real examples, "
            f"{COLLAPSED_DISTANCE_RATIO} or less since step {since}"
        )
    name = "cells_ratio"
    since = _since(rows, _below(name, COLLAPSED_CELLS_RATIO))
    if since is not None and not _grows(rows, name) and not _comes_nearer(rows):
        usual = evidence.cells.usual if evidence.cells is not None else math.nan
        signs.append(
            f"samples are of {now[name] * usual:.1f} kinds where as many real examples are of "
            f"{usual:.1f}: {now[name]:.2g}, {COLLAPSED_CELLS_RATIO} or less since step {since}"
        )
    if evidence.modes is not None:
        name, count = "modes_reached", len(evidence.modes[0])
        since = _since(rows, _below(name, COLLAPSED_MODES_SHARE * count))
        if since is not None:
            signs.append(
                f"samples reach {now[name]:.0f} of {count} modes, half or fewer since step {since}"
            )
    return signs + _few_classes(rows)


def _few_classes(rows: list[dict]) -> list[str]:
    """From the rows with an evaluation, which may come less often than summaries."""
    name = "eval/class_entropy"
    rows = [row for row in rows if name in row]
    classes = sum(f"eval/class_{i}" in rows[-1] for i in range(len(rows[-1]))) if rows else 0
    if not classes:
        return []
    few = COLLAPSED_CLASSES_SHARE * classes
    since = _since(rows, lambda row: math.exp(row[name]) <= few)
    if since is None or _grows(rows, name):
        return []
    return [
        f"the class entropy of samples is {rows[-1][name]:.2f} nats, that of "
        f"{math.exp(rows[-1][name]):.1f} even classes of {classes}; {few:.1f} or fewer since step "
        f"{since}"
    ]


def _d_overpowers_g(evidence: Evidence, rows: list[dict]) -> list[str]:
    """A D that is ahead is no illness while G comes nearer: `simple` as documented starts so.

    (There, on MNIST, it is said from step 2,000 to 4,000, while G stands still.)
    """
    if not evidence.is_logit:
        return []  # a critic should be as far ahead as it can: 1701.07875, section 3
    real = _above("d_accuracy_real", OVERPOWERING_ACCURACY)
    fake = _above("d_accuracy_fake", OVERPOWERING_ACCURACY)
    since = _since(rows, lambda row: real(row) and fake(row))
    on_real, on_fake = mean_probabilities(evidence)
    if since is None or on_real - on_fake < OVERPOWERING_GAP:
        return []
    if _comes_nearer(rows) or _is_near(evidence, rows[-1]):
        return []
    now = rows[-1]
    distances = _energy_distances(rows)
    return [
        f"D is right on {now['d_accuracy_real']:.0%} of real examples and "
        f"{now['d_accuracy_fake']:.0%} of samples, {OVERPOWERING_ACCURACY:.0%} or more since step "
        f"{since}; mean D(x) {on_real:.3f}, mean D(G(z)) {on_fake:.3f}; samples come no nearer to "
        f"the real ones (energy distance {distances[0]:.2g}, now {distances[-1]:.2g})"
    ]


def _g_overpowers_d(evidence: Evidence, rows: list[dict]) -> list[str]:
    if _is_near(evidence, rows[-1]):
        return []
    if not evidence.is_logit:
        since = _since(rows, _below("d_ranking", FOOLED_RANKING))
        if since is None:
            return []
        return [
            f"D takes a real example for more real than a sample in {rows[-1]['d_ranking']:.0%} of "
            f"pairs, {FOOLED_RANKING:.0%} or fewer since step {since}"
        ]
    since = _since(rows, _below("d_accuracy_fake", FOOLED_ACCURACY))
    _, on_fake = mean_probabilities(evidence)
    if since is None or on_fake < FOOLED_PROBABILITY:
        return []
    return [
        f"mean D(G(z)) is {on_fake:.3f}; D sees through {rows[-1]['d_accuracy_fake']:.0%} of the "
        f"samples, {FOOLED_ACCURACY:.0%} or fewer since step {since}"
    ]


def _saturation(evidence: Evidence, rows: list[dict]) -> list[str]:
    greys = np.mean(np.abs(evidence.real) < LIMIT)
    layers = saturated_layers(evidence)
    worst = max(layers, key=layers.get, default="")
    signs = []
    for name, threshold, what in (
        ("saturated_share", 1 - SATURATED_GREY_SHARE * greys, "G's outputs are at -1 or 1"),
        ("d_saturated_share", SATURATED_SHARE, "D's sigmoids are within .001 of 0 or 1"),
        ("saturated_units_share", SATURATED_SHARE, f"the outputs of {worst} are at their limits"),
    ):
        if name == "saturated_share" and not greys:
            continue  # real images of black and white alone
        since = _since(rows, _above(name, threshold))
        if since is not None:
            share = rows[-1][name]
            signs.append(f"{share:.1%} of {what}, {threshold:.1%} or more since step {since}")
    return signs


def _oscillation(evidence: Evidence, rows: list[dict]) -> list[str]:
    """Of a critic D's loss alone: G's is an unanchored score and may drift anywhere."""
    signs, logits = [], evidence.is_logit
    for name in ("d_loss",) if evidence.boundary is None else ("d_loss", "g_loss"):
        rows_with = [row for row in rows[-OSCILLATION_SUMMARIES:] if name in row]
        losses, steps = [r[name] for r in rows_with], [r["step"] for r in rows_with]
        span = steps[-1] - steps[0] if steps else 0
        if span < max(PERSISTENCE_STEPS, OSCILLATION_STEPS * (len(steps) - 1)):
            continue
        size = SWING * max(float(np.mean(np.abs(losses))), KNOWS_NOTHING if logits else 0)
        turns = _turns(losses, size)
        if turns >= SWINGS:
            signs.append(
                f"{name} turned {turns} times by {size:.2g} or more since step {steps[0]}, between "
                f"{min(losses):.3g} and {max(losses):.3g}"
            )
    return signs


def _turns(values: list[float], size: float) -> int:
    """How often a curve turned back by `size` or more, having gone as far before."""
    turns, direction = 0, 0
    low = high = values[0]
    for value in values[1:]:
        low, high = min(low, value), max(high, value)
        if direction <= 0 and value - low >= size > 0:
            turns, direction, high = turns + (direction < 0), 1, value
        elif direction >= 0 and high - value >= size > 0:
            turns, direction, low = turns + (direction > 0), -1, value
    return turns


def _dead_units(evidence: Evidence, rows: list[dict]) -> list[str]:
    since = _since(rows, _above("dead_units_share", DEAD_SHARE))
    if since is None:
        return []
    dead = {k: share for k, share in dead_layers(evidence).items() if share >= DEAD_SHARE}
    shares = ", ".join(f"{share:.0%} of the units of {name}" for name, share in dead.items())
    return [f"{shares} gave 0 for every example; {DEAD_SHARE:.0%} or more since step {since}"]


_RULES = {
    "mode_collapse": _mode_collapse,
    "d_overpowers_g": _d_overpowers_g,
    "g_overpowers_d": _g_overpowers_d,
    "saturation": _saturation,
    "oscillation": _oscillation,
    "dead_units": _dead_units,
}
ILLNESSES = ("not_finite", *_RULES)


# ---------------------------------------------------------------- telling


def changed(before: list[str], now: list[Verdict]) -> tuple[list[Verdict], list[str]]:
    """What to log, so that an illness is told once: (verdicts that are new, illnesses that ended).

    Args:
      before: names of the illnesses at the summary before.
      now: the verdicts at this one.
    """
    ill = [verdict.illness for verdict in now]
    return [v for v in now if v.illness not in before], [i for i in before if i not in ill]


def as_markdown(health: str, verdicts: list[Verdict]) -> str:
    """The same for TensorBoard's text: the state, and a table of the illnesses where there are any.

    Args:
      health: a line or more, see `health`.
      verdicts: at this summary.
    """
    if not verdicts:
        return health
    lines = ["| illness | step | evidence | advice |", "|---|---|---|---|"]
    for v in verdicts:
        cells = (v.illness.replace("_", " "), f"{v.step:,}", v.evidence, v.advice)
        lines.append("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")
    return "\n".join([health, "", *lines])
