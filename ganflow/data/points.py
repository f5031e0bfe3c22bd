"""Point sets in the plane: a circle, mixtures of Gaussians, a swiss roll.

Every draw starts from a fixed seed, the test split's from another: the data set is the same on
every machine, in every run, and the seed of a run decides only about the run.

Sources:
  circle: S. Dobilas, "GANs: Generative Adversarial Networks, an Advanced Solution for Data
    Generation" (Towards Data Science): 1,000 points at radius 2.
  gaussians_8, gaussians_25, swiss_roll: gan_toy.py of the authors of WGAN-GP (1704.00028).
  pacgan_ring, pacgan_grid: the two-dimensional ring and grid of PacGAN (1712.04086).
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

NAMES = ("circle", "swiss_roll", *_MIXTURES)
PART = "as many, drawn afresh"  # what the test split is
_SEEDS = {"train": 0, "test": 1}


def modes(name: str) -> tuple[np.ndarray, float] | None:
    """The truth behind a mixture, in the units of its points.

    Args:
      name: a data set.

    Returns:
      Centres, float32 [m, 2], and the standard deviation that all modes share in both axes; None
      where the data set is no mixture of Gaussians.
    """
    if name not in _MIXTURES:
        return None
    mixture = _MIXTURES[name]
    return (mixture.centres / mixture.scale).astype(np.float32), mixture.std / mixture.scale


def load(name: str, split: str = "train") -> dict[str, np.ndarray]:
    """The points of one of `NAMES`.

    Args:
      name: a data set.
      split: "train", or "test": as many other points of the same distribution.

    Returns:
      `x`, float32 [100000, 2] ([1000, 2] for the circle); and for a mixture `label`, the index of
      each point's mode in `modes(name)`, int32 [n].
    """
    if name == "circle":
        return {"x": _circle(0.5 if split == "test" else 0.0)}
    if name == "swiss_roll":
        return {"x": _swiss_roll(_SEEDS[split])}
    return _draw(_MIXTURES[name], _SEEDS[split])


def _circle(shift: float) -> np.ndarray:
    """Points in even steps, turned by a share of a step."""
    angle = 2 * np.pi * (np.arange(_CIRCLE_POINTS) + shift) / _CIRCLE_POINTS
    circle = _CIRCLE_RADIUS * np.stack([np.cos(angle), np.sin(angle)], axis=1)
    return circle.astype(np.float32)


def _swiss_roll(seed: int) -> np.ndarray:
    from sklearn.datasets import make_swiss_roll  # slow to import

    roll, _ = make_swiss_roll(_POINTS, noise=0.25, random_state=seed)
    return (roll[:, [0, 2]] / 7.5).astype(np.float32)


def _draw(mixture: _Mixture, seed: int) -> dict[str, np.ndarray]:
    # RandomState, not default_rng: NumPy promises to keep its stream from version to version.
    random = np.random.RandomState(seed)
    count = len(mixture.centres)
    label = random.permutation(np.repeat(np.arange(count, dtype=np.int32), _POINTS // count))
    points = mixture.centres[label] + mixture.std * random.standard_normal((_POINTS, 2))
    return {"x": (points / mixture.scale).astype(np.float32), "label": label}
