"""Arithmetic in the space of z: bold 3 - thin 3 + thin 7 = bold 7?

Document 004 names such an image algebra as a use of GANs. Samples are drawn and read; those that
show A, B and C are three groups, of whose z's the means are taken. To each z of group C the
difference mean A - mean B is added, and what G makes of it is read again. How often that shows what
it should is told beside two controls: samples that are merely drawn, and the same with the means of
two groups of the same sizes that were chosen blindly.
"""

import dataclasses
import re
from collections.abc import Mapping

import numpy as np

from ganflow.base.errors import InputError
from ganflow.explore.attributes import Reader
from ganflow.explore.space import Given, Space, taken
from ganflow.trained.sampling import Made

LEAST = 10  # samples in a group
_MOST = 200  # results that are made of group C

Shown = Mapping[str, int]  # a factor -> which of its values


@dataclasses.dataclass(frozen=True)
class Formula:
    """A - B + C, each by the factors that it shows."""

    a: Shown
    b: Shown
    c: Shown

    @property
    def expected(self) -> dict[str, int]:
        """What A - B + C should show: what B and A share is C's, what B and C share is A's."""
        return {f: self.c[f] if self.a[f] == self.b[f] else self.a[f] for f in self.a}

    def told(self, reader: Reader) -> str:
        """In words, as `parse` reads them."""
        a, b, c = (in_words(shown, reader) for shown in (self.a, self.b, self.c))
        return f"{a} - {b} + {c}"


@dataclasses.dataclass(frozen=True, eq=False)
class Outcome:
    """An arithmetic that was done.

    Attributes:
      formula: which.
      groups: indices of the samples in A, B and C.
      means: of their z's, [3, d].
      sum: mean A - mean B + mean C, and what G makes of it.
      results: what was made of each z of C: samples and what they were given.
      share: of the results that show what is expected.
      drawn_share: of samples merely drawn, given what else the results are given.
      blind_share: of the results with two blindly chosen groups in the place of A and B.
    """

    formula: Formula
    groups: tuple[np.ndarray, np.ndarray, np.ndarray]
    means: np.ndarray
    sum: Made
    results: Made
    share: float
    drawn_share: float
    blind_share: float


def in_words(shown: Shown, reader: Reader) -> str:
    """ "label=3 ink=bold"."""
    return " ".join(f"{f}={reader.values[f][value]}" for f, value in shown.items())


def parse(text: str, reader: Reader) -> Formula:
    """ "label=3 ink=bold - label=3 ink=thin + label=7 ink=thin" as a formula.

    Raises:
      InputError: another form, factors that differ, unknown ones, or nothing that can be expected.
    """
    told = f"--algebra={text!r}"
    found = re.fullmatch(r"(.+?) - (.+?) \+ (.+)", text.strip())
    if not found:
        raise InputError(f"{told}: expected A - B + C, each like label=3 ink=bold")
    formula = Formula(*(_shown(group, reader, told) for group in found.groups()))
    names = [sorted(shown) for shown in (formula.a, formula.b, formula.c)]
    if names[0] != names[1] or names[0] != names[2]:
        raise InputError(f"{told}: expected the same factors in A, B and C")
    for f in formula.a:
        if formula.b[f] not in (formula.a[f], formula.c[f]):
            raise InputError(
                f"{told}: of {f} nothing can be expected; B has to share it with A or with C"
            )
    return formula


def _shown(text: str, reader: Reader, told: str) -> dict[str, int]:
    shown = {}
    for word in text.split():
        factor, _, value = word.partition("=")
        if factor not in reader.values:
            there = ", ".join(reader.values)
            raise InputError(f"{told}: found no factor {factor}; there are {there}")
        if value not in reader.values[factor]:
            there = ", ".join(reader.values[factor])
            raise InputError(f"{told}: {factor} is one of {there}, not {value or 'nothing'}")
        shown[factor] = reader.values[factor].index(value)
    return shown


def default(reader: Reader, seen: Mapping[str, np.ndarray]) -> Formula:
    """The formula of the reader's pair whose smallest group is the largest.

    Args:
      reader: of the data.
      seen: what it has read of the samples.
    """
    first, second = reader.pair
    counts = np.zeros([len(reader.values[first]), len(reader.values[second])], int)
    np.add.at(counts, (seen[first], seen[second]), 1)
    kept, changed = range(counts.shape[0]), range(counts.shape[1])

    def least(choice: tuple[int, int, int, int]) -> int:
        p, q, x, y = choice
        return min(counts[p, x], counts[p, y], counts[q, y])

    p, q, x, y = max(  # of equals the first
        ((p, q, x, y) for p in kept for q in kept for x in changed for y in changed
         if p != q and x > y),
        key=least,
    )  # fmt: skip
    return Formula({first: p, second: x}, {first: p, second: y}, {first: q, second: y})


def solve(
    space: Space, reader: Reader, made: Made, seen: Mapping[str, np.ndarray], formula: Formula
) -> Outcome:
    """Do the arithmetic and read what comes of it.

    A label that G is given is no part of z: results are given the expected one. All else that the
    results are given is that of the sample of C.

    Args:
      space: the model's.
      reader: that chose, and that judges.
      made: samples, and what they were made of.
      seen: what the reader has read of them.
      formula: what to do.

    Raises:
      InputError: a group of fewer than ten samples.
    """
    a, b, c = (_group(shown, reader, seen) for shown in (formula.a, formula.b, formula.c))
    z = space.z_of(made.given)
    means = np.stack([z[group].mean(axis=0) for group in (a, b, c)])
    base = taken(made.given, c[:_MOST])
    if "label" in base and "label" in formula.expected:
        base["label"] = np.full_like(base["label"], formula.expected["label"])

    def moved(difference: np.ndarray) -> Given:
        own = space.z_of(base)
        return space.with_z(base, space.kept(own + difference, own))

    results = moved(means[0] - means[1])
    samples = space.made(results)
    random = np.random.RandomState(space.seed)
    blind = [z[random.choice(len(z), len(group), replace=False)].mean(axis=0) for group in (a, b)]
    others = space.drawn(len(samples), seed=space.seed + 1).given
    one = space.with_z(taken(base, np.array([0])), (means[0] - means[1] + means[2])[np.newaxis])

    def share(images: np.ndarray) -> float:
        return float(np.mean(shows(formula.expected, reader.read(images))))

    return Outcome(
        formula=formula,
        groups=(a, b, c),
        means=means,
        sum=Made(space.made(one), one),
        results=Made(samples, results),
        share=share(samples),
        drawn_share=share(space.made(space.with_z(base, space.z_of(others)))),
        blind_share=share(space.made(moved(blind[0] - blind[1]))),
    )


def shows(shown: Shown, seen: Mapping[str, np.ndarray]) -> np.ndarray:
    """Which pictures show all of it: bool [n]."""
    return np.all([seen[f] == value for f, value in shown.items()], axis=0)


def _group(shown: Shown, reader: Reader, seen: Mapping[str, np.ndarray]) -> np.ndarray:
    found = np.flatnonzero(shows(shown, seen))
    if len(found) < LEAST:
        count = len(next(iter(seen.values())))
        raise InputError(
            f"arithmetic: {len(found)} of {count:,} samples show {in_words(shown, reader)}, "
            f"expected at least {LEAST}; choose another with --algebra, or train on"
        )
    return found
