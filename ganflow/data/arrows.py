"""Two unpaired domains: arrows at known angles in two styles, on 32 x 32 pixels.

    a   a thin white arrow with an open head, on black
    b   a thick orange bar with a wedge for a head, on blue

An arrow's angle is where it points to, in radians anticlockwise from the right, in [-pi, pi). The
angles of `a` and of `b` are drawn independently: no arrow has a partner. Its centre lies up to .04
of the picture's width off the middle either way, and its length varies by 8 %. Every draw starts
from a fixed seed; the test split is drawn afresh.
"""

import numpy as np

NAME = "arrows"
SIDE = 32  # pixels
PART = "drawn afresh"  # what the test split is
# RGB; those of b are Okabe's and Ito's.
GROUND = {"a": np.array([0, 0, 0], "f4"), "b": np.array([0, 114, 178], "f4")}
INK = {"a": np.array([255, 255, 255], "f4"), "b": np.array([230, 159, 0], "f4")}

_COUNTS = {"train": 10_000, "test": 2_000}  # of each domain
_SEEDS = {("train", "a"): 0, ("train", "b"): 1, ("test", "a"): 2, ("test", "b"): 3}
_AT_ONCE = 500  # pictures drawn at a time: 2 MB an array stay in the processor's cache
_HALF_LENGTH, _LENGTH_JITTER, _CENTRE_JITTER = 0.34, 0.08, 0.04  # in widths of the picture
_BARB = np.radians(35)  # between a barb and the shaft


def load(split: str = "train") -> dict[str, np.ndarray]:
    """The arrows of one split.

    Returns:
      `a` and `b`, uint8 [n, 32, 32, 3]; `a_angle` and `b_angle`, float32 [n], radians.
    """
    fields = {}
    for domain in ("a", "b"):
        # RandomState, not default_rng: NumPy promises to keep its stream from version to version.
        random, n = np.random.RandomState(_SEEDS[split, domain]), _COUNTS[split]
        angle = random.uniform(-np.pi, np.pi, n).astype(np.float32)
        centre = 0.5 + _CENTRE_JITTER * random.uniform(-1, 1, [n, 2])
        half_length = _HALF_LENGTH * (1 + _LENGTH_JITTER * random.uniform(-1, 1, n))
        parts = [slice(start, start + _AT_ONCE) for start in range(0, n, _AT_ONCE)]
        drawn = [_drawn(domain, angle[p], centre[p], half_length[p]) for p in parts]
        fields |= {domain: np.concatenate(drawn), f"{domain}_angle": angle}
    return fields


def _drawn(domain, angle, centre, half_length) -> np.ndarray:
    """Arrows of one style, uint8 [n, 32, 32, 3]; all arguments but the first of n rows."""
    ticks = (np.arange(SIDE, dtype=np.float32) + 0.5) / SIDE
    x = ticks - centre[:, :1].astype(np.float32)  # [n, 32], to the right
    y = centre[:, 1:].astype(np.float32) - ticks  # upwards
    # In float64 and then rounded, for machines differ in the last bits of a sine.
    cos, sin = (f(angle.astype("f8")).astype("f4")[:, np.newaxis] for f in (np.cos, np.sin))
    u = (cos * x)[:, np.newaxis, :] + (sin * y)[:, :, np.newaxis]  # towards the tip
    v = (cos * y)[:, :, np.newaxis] - (sin * x)[:, np.newaxis, :]
    tip = half_length.astype(np.float32)[:, np.newaxis, np.newaxis]
    distance = {"a": _thin, "b": _thick}[domain](u, np.abs(v), tip)
    covered = np.clip(distance * SIDE + 0.5, 0, 1)[..., np.newaxis]
    ground, ink = GROUND[domain], INK[domain]
    return np.rint(ground + covered * (ink - ground)).astype(np.uint8)


def _thin(u, v, tip):
    """Signed distance to lines .05 wide: a shaft, and barbs of .26 at 35 degrees to it."""
    shaft = np.square(np.maximum(np.abs(u) - tip, 0)) + v * v
    along, across = np.float32(np.cos(_BARB)), np.float32(np.sin(_BARB))
    back = tip - u  # from the tip
    on_barb = np.clip(back * along + v * across, 0, 0.26)
    barb = np.square(back - on_barb * along) + np.square(v - on_barb * across)
    return 0.025 - np.sqrt(np.minimum(shaft, barb))


def _thick(u, v, tip):
    """Signed distance to a bar .14 wide and a wedge .26 long and .4 wide in front of it."""
    neck = tip - 0.26
    bar = np.minimum(np.minimum(u + tip, neck + 0.02 - u), 0.07 - v)
    slope = 0.26 * 0.26 + 0.2 * 0.2
    wedge = np.minimum(u - neck, ((tip - u) * 0.2 - v * 0.26) / slope**0.5)
    return np.maximum(bar, wedge)
