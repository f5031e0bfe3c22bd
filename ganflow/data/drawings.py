"""Captioned drawings: one shape on a plain ground, all of whose factors are known exactly.

    label       circle, square, triangle, cross      colour      red, green, blue, yellow
    size        small, large: areas of 1 to 1.9       place       left, right, top, bottom, centre
    angle       upright, or tilted by 45 degrees anticlockwise; a circle is always upright
    background  black, white                         fine        striped across (rows) or down

`caption` is a sentence that says all of them ("a small red tilted square striped across on the left
on black"; of a circle no angle), in one of several orders and with one of several words for most
things, as token ids of `VOCABULARY`. Within its class a drawing is a little off: its centre by up
to .02 of the picture's width either way, its width by 3 %, its angle by 4 degrees.

The stripes are what only a large picture can show. They lie on the pixel grid, a sixteenth of the
width apart, the full colour and then half of it: two pixels each at 64 pixels, one at 32; at 16
pixels rows and columns give the same bytes. So that they do at the edges too, the stripes of each
sixteenth are as strong as its least covered pixel allows. `drawings_32` and `drawings_16` are the
pictures of 64 pixels, made smaller by means of 2 x 2 pixels, once or twice.

One in ten of the combinations of shape, colour and place is in no training picture: `HELD_OUT`.
The test split is drawn afresh, with all of them as likely. Every draw starts from a fixed seed.
There are 20,000 pictures of 16 and of 32 pixels and 10,000 of 64, and a fifth as many to test by.
`drawings_64_white` has those of `drawings_64` that are on white, some 5,000 and 1,000: there the
mean of a picture's colours is the shape's doing, where otherwise the ground's outweighs it.
"""

import itertools
from collections.abc import Sequence

import numpy as np

from ganflow.interface import captions

SIDES = {"drawings_16": 16, "drawings_32": 32, "drawings_64": 64}  # pixels
ON_WHITE = "drawings_64_white"
NAMES = (*SIDES, ON_WHITE)
PART = "drawn afresh, over all combinations"  # what the test split is

# The values of each factor; a field holds places in them.
FACTORS = {
    "label": ("circle", "square", "triangle", "cross"),
    "colour": ("red", "green", "blue", "yellow"),
    "size": ("small", "large"),
    "place": ("left", "right", "top", "bottom", "centre"),
    "angle": ("upright", "tilted"),
    "background": ("black", "white"),
    "fine": ("across", "down"),
}
_COMBINED = ("label", "colour", "place")  # factors of whose combinations some are held out
# Two of each shape and of each colour, no pair of shape and colour twice, every place at least
# once: each value, and each pair of them, is still seen in training.
HELD_OUT = tuple(
    (FACTORS["label"][i % 4], FACTORS["colour"][(i + i // 4) % 4], FACTORS["place"][2 * i % 5])
    for i in range(8)
)

RGB = np.array([(255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 0)], np.uint8)  # of `colour`
ROOT_AREAS = (0.24, 0.33)  # of `size`: the square root of the area, as a share of the width
CENTRES = np.array(
    [(0.32, 0.5), (0.68, 0.5), (0.5, 0.32), (0.5, 0.68), (0.5, 0.5)]
)  # x, y from above
TURNS = (0.0, np.pi / 4)  # of `angle`, radians
CELLS = 16  # stripes and the gaps beside them across a picture; the largest side without any
_CENTRE_JITTER, _SIZE_JITTER, _TURN_JITTER = 0.02, 0.03, np.radians(4)

# The first 10,000 (2,000) are the same drawings at every size.
_COUNTS = {
    "train": {"drawings_16": 20_000, "drawings_32": 20_000, "drawings_64": 10_000},
    "test": {"drawings_16": 4_000, "drawings_32": 4_000, "drawings_64": 2_000},
}
_SEEDS = {"train": 0, "test": 1}
_AT_ONCE = 128  # pictures drawn at a time: 2 MB an array stay in the processor's cache
_FULL_SIDE = 64  # what every picture is drawn at
_HELD_OUT_PLACES = {
    tuple(FACTORS[f].index(v) for f, v in zip(_COMBINED, combination, strict=True))
    for combination in HELD_OUT
}


def load(name: str, split: str = "train") -> dict[str, np.ndarray]:
    """The pictures, factors and captions of one of `NAMES`.

    Args:
      name: a data set.
      split: "train", or "test".

    Returns:
      `x`, uint8 [n, s, s, 3]; every factor of `FACTORS`, int32 [n]; `caption`, int32 [n, 13].
    """
    fields, centre, root_area, turn = _factors(split)
    base = "drawings_64" if name == ON_WHITE else name
    kept = np.arange(_COUNTS[split][base])
    if name == ON_WHITE:
        kept = np.flatnonzero(fields["background"][kept] == FACTORS["background"].index("white"))
    fields = {field: values[kept] for field, values in fields.items()}
    return {"x": draw(fields, centre[kept], root_area[kept], turn[kept], SIDES[base])} | fields


def draw(
    fields: dict[str, np.ndarray],
    centre: np.ndarray,
    root_area: np.ndarray,
    turn: np.ndarray,
    side: int,
) -> np.ndarray:
    """Pictures of some factors.

    Args:
      fields: `label`, `colour`, `background` and `fine`, int [n] each.
      centre, root_area, turn: where, how large and how, as of `coverage`.
      side: pixels, one of `SIDES`.

    Returns:
      uint8 [n, side, side, 3].
    """
    x = np.empty([len(centre), side, side, 3], np.uint8)
    for shape in range(len(FACTORS["label"])):  # those of a shape together, for one formula each
        of_shape = np.flatnonzero(fields["label"] == shape)
        for start in range(0, len(of_shape), _AT_ONCE):
            index = of_shape[start : start + _AT_ONCE]
            part = {field: values[index] for field, values in fields.items()}
            covered = coverage(shape, centre[index], root_area[index], turn[index], _FULL_SIDE)
            x[index] = _coloured(covered, part["colour"], part["background"], part["fine"], side)
    return x


def is_held_out(fields: dict[str, np.ndarray]) -> np.ndarray:
    """Whether each drawing's shape, colour and place are a combination of `HELD_OUT`.

    Args:
      fields: `label`, `colour` and `place`, int [n] each.

    Returns:
      bool [n].
    """
    rows = zip(*(fields[field].tolist() for field in _COMBINED), strict=True)
    return np.array([row in _HELD_OUT_PLACES for row in rows], bool)


def coverage(
    shape: int,
    centre: np.ndarray,
    root_area: np.ndarray,
    turn: np.ndarray,
    side: int,
) -> np.ndarray:
    """How much of each pixel some shapes cover, by their signed distances.

    In float32, but for sines, in whose last bits machines differ: those are rounded from float64.

    Args:
      shape: all of them are of this one, a place in `FACTORS["label"]`.
      centre: of mass, [n, 2], x from the left and y from above, in widths of the picture.
      root_area: the square root of their area, [n], in widths.
      turn: radians anticlockwise, [n].
      side: of the pictures, pixels.

    Returns:
      float32 [n, side, side], 0 to 1.
    """
    ticks = (np.arange(side, dtype=np.float32) + 0.5) / side
    x = ticks - centre[:, :1].astype(np.float32)  # [n, side]
    y = centre[:, 1:].astype(np.float32) - ticks  # upwards
    cos, sin = (f(turn.astype("f8")).astype("f4")[:, np.newaxis] for f in (np.cos, np.sin))
    u = (cos * x)[:, np.newaxis, :] + (sin * y)[:, :, np.newaxis]  # along the shape's own axes
    v = (cos * y)[:, :, np.newaxis] - (sin * x)[:, np.newaxis, :]
    unit = root_area.astype(np.float32)[:, np.newaxis, np.newaxis]
    distance = _DISTANCES[shape](u, v, unit)
    distance *= side
    distance += 0.5
    return np.clip(distance, 0, 1, out=distance)


# ---------------------------------------------------------------- shapes, by signed distances


def _circle(u, v, unit):
    return unit * np.float32(np.pi**-0.5) - np.sqrt(u * u + v * v)


def _square(u, v, unit):
    return unit / 2 - np.maximum(np.abs(u), np.abs(v))


def _triangle(u, v, unit):
    """Equilateral, a corner on top: its area is 3 sqrt(3) times the inner radius squared."""
    sides = np.float32(0.75**0.5) * np.abs(u) + v / 2
    return unit * np.float32(27**-0.25) - np.maximum(sides, -v)


def _cross(u, v, unit):
    """Two bars, each two fifths as wide as long: their area is .64 of the length squared."""
    u, v = np.abs(u), np.abs(v)
    length = unit / np.float32(0.8)
    return np.minimum(length / 2 - np.maximum(u, v), length / 5 - np.minimum(u, v))


_DISTANCES = (_circle, _square, _triangle, _cross)


# ---------------------------------------------------------------- stripes and colours


def _coloured(covered, colour, background, fine, side):
    """Coverage [n, 64, 64] and factors [n] -> pictures, uint8 [n, side, side, 3].

    A shape takes from a white ground what it covers, in every channel, and gives three quarters of
    it in its colour's own; the stripes add or take a quarter of the cell's least coverage.
    """
    covered = np.rint(covered * 255).astype(np.int16)
    ground = np.where(background[:, np.newaxis, np.newaxis] == 1, 255 - covered, 0)
    ground = ground.astype(np.int16)
    period = _FULL_SIDE // CELLS
    ticks = np.arange(_FULL_SIDE)
    bright = np.where(ticks % period < period // 2, 1, -1).astype(np.int16)
    signs = np.stack([np.repeat(bright[:, np.newaxis], _FULL_SIDE, 1), np.tile(bright, (64, 1))])
    strength = _quarter(_least_of_cells(covered, period)).repeat(period, 1).repeat(period, 2)
    ink = ground + covered - _quarter(covered) + signs[fine] * strength
    while ink.shape[1] > side:
        ground, ink = _halved(ground), _halved(ink)
    has_ink = (RGB[colour] > 0)[:, np.newaxis, np.newaxis, :]
    return np.where(has_ink, ink[..., np.newaxis], ground[..., np.newaxis]).astype(np.uint8)


def _quarter(values):
    """Of 0 to 255: so that 255 gives 64, and nothing grows by both of two quarters."""
    return (values + 1) // 4


def _least_of_cells(values, period):
    rows = np.minimum.reduce([values[:, i::period] for i in range(period)])
    return np.minimum.reduce([rows[:, :, i::period] for i in range(period)])


def _halved(values):
    """Means of 2 x 2 pixels, halves rounded up: adding n to each pixel adds n to each mean."""
    rows = values[:, ::2] + values[:, 1::2]
    return (rows[:, :, ::2] + rows[:, :, 1::2] + 2) // 4


# ---------------------------------------------------------------- factors and captions


def _factors(split: str) -> tuple[dict[str, np.ndarray], np.ndarray, np.ndarray, np.ndarray]:
    """Factors and captions of all drawings of a split, and how each is drawn.

    Returns:
      (fields, centre [n, 2], root of the area [n], turn [n]).
    """
    # RandomState, not default_rng: NumPy promises to keep its stream from version to version.
    random = np.random.RandomState(_SEEDS[split])
    n = max(_COUNTS[split].values())
    allowed = np.array(
        [
            places
            for places in itertools.product(*(range(len(FACTORS[f])) for f in _COMBINED))
            if split == "test" or places not in _HELD_OUT_PLACES
        ]
    )
    combined = allowed[random.randint(len(allowed), size=n)]
    fields = dict(zip(_COMBINED, combined.T, strict=True))
    for field in FACTORS:
        if field not in fields:
            fields[field] = random.randint(len(FACTORS[field]), size=n)
    fields["angle"][fields["label"] == 0] = 0
    centre = CENTRES[fields["place"]] + random.uniform(-1, 1, [n, 2]) * _CENTRE_JITTER
    stretch = 1 + random.uniform(-1, 1, n) * _SIZE_JITTER
    turn = np.array(TURNS)[fields["angle"]] + random.uniform(-1, 1, n) * _TURN_JITTER
    fields = {field: fields[field].astype(np.int32) for field in FACTORS}
    fields["caption"] = _captions(fields, random)
    return fields, centre, np.array(ROOT_AREAS)[fields["size"]] * stretch, turn


# What may be said of each value.
_PHRASES: dict[str, Sequence[Sequence[str]]] = {
    "label": (("circle", "disc"), ("square", "box"), ("triangle",), ("cross", "plus")),
    "colour": (("red",), ("green",), ("blue",), ("yellow",)),
    "size": (("small", "little"), ("large", "big")),
    "place": (
        ("on the left", "at the left"),
        ("on the right", "at the right"),
        ("at the top",),
        ("at the bottom",),
        ("in the centre", "in the middle"),
    ),
    "angle": (("upright", "straight"), ("tilted", "slanted")),
    "background": (("on black", "against black"), ("on white", "against white")),
    "fine": (("striped across", "with stripes across"), ("striped down", "with stripes down")),
}
# And in which order.
_ORDERS = (
    ("a", "size", "colour", "angle", "label", "fine", "place", "background"),
    ("a", "angle", "size", "colour", "label", "place", "fine", "background"),
    ("place", "a", "size", "angle", "colour", "label", "fine", "background"),
    ("background", "place", "a", "colour", "size", "angle", "label", "fine"),
)
_EVERY_PHRASE = ("a", *itertools.chain(*itertools.chain(*_PHRASES.values())))
VOCABULARY = captions.vocabulary_of(_EVERY_PHRASE)  # of `caption`: a word's place is its token id
_LONGEST_PHRASE = captions.longest(_EVERY_PHRASE)


def _captions(fields, random) -> np.ndarray:
    """A sentence for each drawing, int32 [n, 13]."""
    n = len(fields["label"])
    parts = {"a": np.tile(captions.ids(["a"], VOCABULARY, _LONGEST_PHRASE), (n, 1))}
    for field, of_values in _PHRASES.items():
        said = [captions.ids(phrases, VOCABULARY, _LONGEST_PHRASE) for phrases in of_values]
        counts = np.array([len(phrases) for phrases in said])[fields[field]]
        choice = (random.uniform(size=n) * counts).astype(int)
        table = np.stack([phrases[np.arange(2) % len(phrases)] for phrases in said])
        parts[field] = table[fields[field], choice]
    parts["angle"][fields["label"] == 0] = 0  # nothing is said of a circle's
    orders = np.stack([np.concatenate([parts[p] for p in order], axis=1) for order in _ORDERS])
    made = orders[random.randint(len(_ORDERS), size=n), np.arange(n)]
    blanks_last = np.argsort(made == 0, axis=1, kind="stable")
    made = np.take_along_axis(made, blanks_last, axis=1)
    return np.ascontiguousarray(made[:, : (made > 0).sum(axis=1).max()])
