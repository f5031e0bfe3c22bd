"""Ways through the space of z: from one to another, along a component, along a direction.

A straight line between two z's leaves the place where z's are. In many dimensions normal ones lie
near to a sphere, of radius sqrt(d), and the middle of a line is at radius sqrt(d / 2), where G has
never been; uniform ones have a root mean square of .58 in [-1, 1], and in the middle of a line .41.
So between two normal z's the way lies on the sphere (`sheets.slerp`); between two uniform ones each
number is first taken to the normal number of the same quantile, goes that way, and is taken back:
it stays in the box, and a z of the middle is spread as every other.
"""

import numpy as np

from ganflow.explore.space import Space
from ganflow.nn.draws import Normal, Uniform
from ganflow.pictures import sheets

_NEAREST = 1e-7  # to 0 and to 1: the quantile of either is infinite
REACH = 3.0  # standard deviations to either side, along a direction


def between(draw: Normal | Uniform, a: np.ndarray, b: np.ndarray, count: int) -> np.ndarray:
    """`count` z's on the way from each a to its b, both included to the bit.

    Args:
      draw: what they are drawn from.
      a, b: float32 [n, d].
      count: at least 2.

    Returns:
      float32 [n, count, d].
    """
    t = np.linspace(0.0, 1.0, count)[:, np.newaxis]
    a, b = a[:, np.newaxis], b[:, np.newaxis]
    if isinstance(draw, Normal):
        return sheets.slerp(a, b, t)
    from scipy.special import ndtr

    way = ndtr(sheets.slerp(_normal(draw, a), _normal(draw, b), t))
    way = (draw.low + (draw.high - draw.low) * way).astype(np.float32)
    way[:, 0], way[:, -1] = a[:, 0], b[:, 0]
    return np.clip(way, draw.low, draw.high)


def _normal(draw: Uniform, z: np.ndarray) -> np.ndarray:
    """The normal numbers of the same quantiles, float64."""
    from scipy.special import ndtri

    share = (z.astype(np.float64) - draw.low) / (draw.high - draw.low)
    return ndtri(np.clip(share, _NEAREST, 1 - _NEAREST))


def told(draw: Normal | Uniform) -> str:
    """Which way `between` goes, and why, in words."""
    if isinstance(draw, Normal):
        return "on the sphere (slerp): a straight line would leave where normal z's lie"
    return "in the box, by quantiles (slerp of normal numbers): a straight line would draw inwards"


def component_values(space: Space, count: int) -> np.ndarray:
    """What a single number of z is set to, from its least to its greatest, [count].

    A normal one: 3 standard deviations to either side.
    """
    if isinstance(space.draw, Uniform):
        return np.linspace(space.draw.low, space.draw.high, count)
    return np.linspace(-REACH, REACH, count)


def direction_values(space: Space, count: int) -> np.ndarray:
    """How far from the middle a z is set along a direction, [count]."""
    return np.linspace(-REACH, REACH, count) * space.spread


def along(space: Space, z: np.ndarray, directions: np.ndarray, values: np.ndarray) -> np.ndarray:
    """One z with its coordinate along each direction set to each value.

    Args:
      space: whose z it is; of a uniform one the numbers are kept in the box.
      z: float32 [d].
      directions: unit vectors [k, d].
      values: from the middle of the space, [m].

    Returns:
      float32 [k, m, d].
    """
    own = directions @ (z - space.middle)  # [k]
    change = values - own[:, np.newaxis]  # [k, m]
    moved = z + change[..., np.newaxis] * directions[:, np.newaxis]
    if isinstance(space.draw, Uniform):
        moved = np.clip(moved, space.draw.low, space.draw.high)
    return moved.astype(np.float32)
