"""Point sets in the plane: a circle, mixtures of Gaussians, a swiss roll.

Every draw starts from a fixed seed, the test split's from another: the data set is the same on
every machine, in every run, and the seed of a run decides only about the run.

Sources:
  circle: S. Dobilas, "GANs: Generative Adversarial Networks, an Advanced Solution for Data
    Generation" (Towards Data Science): 1,000 points at radius 2.
  gaussians_8, gaussians_25, swiss_roll: gan_toy.py of the authors of WGAN-GP (1704.00028).
  pacgan_ring, pacgan_grid: the two-dimensional ring and grid of PacGAN (1712.04086).
  gaussians_5_10: two unpaired domains, as many modes as in the toy of DiscoGAN (1703.05192), 5 in
    a and 10 in b. The paper gives no more numbers; arcs, radius, centres and spread are those of
    carpedm20's notebook (DiscoGAN-pytorch), which has ten modes in both.
"""

import dataclasses

import numpy as np

_POINTS = 100_000
_CIRCLE_POINTS = 1_000
_CIRCLE_RADIUS = 2.0


@dataclasses.dataclass(frozen=True)
class _Mixture:
    """Equally likely round Gaussians; `centres` and `std` are before the division by `scale`."""

    centres: np.ndarray  # float64 [m, 2]
    std: float
    scale: float = 1.0


def _ring(radius: float) -> np.ndarray:
    """Eight centres [8, 2], counter-clockwise from the positive x axis."""
    angle = 2 * np.pi * np.arange(8) / 8
    return radius * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _arc(x: float, y: float, count: int) -> np.ndarray:
    """Centres [count, 2] on three quarters of a circle of radius 2 about (x, y), ends included.

    The notebook's ten are twelfths of the circle, the last two twelfths left out.
    """
    angle = np.linspace(0.0, 1.5 * np.pi, count)
    return np.array([x, y]) + 2.0 * np.stack([np.cos(angle), np.sin(angle)], axis=1)


def _grid(spacing: float) -> np.ndarray:
    """Five by five centres [25, 2] around the origin, y fastest."""
    ticks = spacing * np.arange(-2.0, 3.0)
    return np.stack(np.meshgrid(ticks, ticks, indexing="ij"), axis=-1).reshape(25, 2)


# The WGAN-GP scales are close to the standard deviation of the whole set, which brings it to one.
_MIXTURES = {
    "gaussians_8": _Mixture(_ring(2.0), std=0.02, scale=1.414),
    "gaussians_25": _Mixture(_grid(2.0), std=0.05, scale=2.828),
    "pacgan_ring": _Mixture(_ring(1.0), std=0.01),
    "pacgan_grid": _Mixture(_grid(2.0), std=0.05),
}

# Of two unpaired domains, each a mixture.
_IN_DOMAINS = {
    "gaussians_5_10": {
        "a": _Mixture(_arc(-2.0, -2.0, 5), std=0.1),
        "b": _Mixture(_arc(2.0, 2.0, 10), std=0.1),
    },
}

ONE_DOMAIN = ("circle", "swiss_roll", *_MIXTURES)
TWO_DOMAINS = tuple(_IN_DOMAINS)
NAMES = (*ONE_DOMAIN, *TWO_DOMAINS)
PART = "as many, drawn afresh"  # what the test split is
_SEEDS = {"train": 0, "test": 1}


def modes(name: str, field: str = "x") -> tuple[np.ndarray, float] | None:
    """The truth behind a mixture, in the units of its points.

    Args:
      name: a data set.
      field: the points' own, `a` or `b` where there are two domains.

    Returns:
      Centres, float32 [m, 2], and the standard deviation that all modes share in both axes; None
      where the field is no mixture of Gaussians.
    """
    mixture = _mixtures(name).get(field)
    if mixture is None:
        return None
    return (mixture.centres / mixture.scale).astype(np.float32), mixture.std / mixture.scale


def _mixtures(name: str) -> dict[str, _Mixture]:
    """By the field of their points."""
    return {"x": _MIXTURES[name]} if name in _MIXTURES else _IN_DOMAINS.get(name, {})


def load(name: str, split: str = "train") -> dict[str, np.ndarray]:
    """The points of one of `NAMES`.

    Args:
      name: a data set.
      split: "train", or "test": as many other points of the same distribution.

    Returns:
      `x`, float32 [100000, 2] ([1000, 2] for the circle); and for a mixture `label`, the index of
      each point's mode in `modes(name)`, int32 [n]. Of two domains `a`, `a_label`, `b`, `b_label`.
    """
    if name == "circle":
        return {"x": _circle(0.5 if split == "test" else 0.0)}
    if name == "swiss_roll":
        return {"x": _swiss_roll(_SEEDS[split])}
    # RandomState, not default_rng: NumPy promises to keep its stream from version to version.
    random = np.random.RandomState(_SEEDS[split])
    fields = {}
    for field, mixture in _mixtures(name).items():  # one after the other: they share no draw
        fields[field], label = _draw(mixture, random)
        fields["label" if field == "x" else f"{field}_label"] = label
    return fields


def _circle(shift: float) -> np.ndarray:
    """Points in even steps, turned by a share of a step."""
    angle = 2 * np.pi * (np.arange(_CIRCLE_POINTS) + shift) / _CIRCLE_POINTS
    circle = _CIRCLE_RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return circle.astype(np.float32)


def _swiss_roll(seed: int) -> np.ndarray:
    from sklearn.datasets import make_swiss_roll  # slow to import

    roll, _ = make_swiss_roll(_POINTS, noise=0.25, random_state=seed)
    return (roll[:, [0, 2]] / 7.5).astype(np.float32)


def _draw(mixture: _Mixture, random: np.random.RandomState) -> tuple[np.ndarray, np.ndarray]:
    """Points float32 [100000, 2], and of each the index of its mode, int32."""
    count = len(mixture.centres)
    label = random.permutation(np.repeat(np.arange(count, dtype=np.int32), _POINTS // count))
    points = mixture.centres[label] + mixture.std * random.standard_normal((_POINTS, 2))
    return (points / mixture.scale).astype(np.float32), label
