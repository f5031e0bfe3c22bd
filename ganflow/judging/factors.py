"""Readers of what drawings show: every factor of `data.drawings`, the angle of `data.arrows`.

They are no networks: means, moments and templates of the pictures, so that nothing has to be
trained and what is read can be followed. All but the stripes is read from the picture made 16
pixels wide, where the stripes are averaged away:

    background   the brightness of the border
    colour       the hue of what covers it
    place, size  the centre and the area of what covers it
    label, angle the shape that, drawn there in that size, is nearest in the squares of differences
    fine         differences between the halves of each sixteenth, by rows and by columns

Of the test splits' pictures so many percent are read right as they are, with a blur of 1/64 of
their width (a standard deviation), and with noise in their values from -1 to 1 (the same):

                       64 pixels              32 pixels              16 pixels
                  label  size   fine     label  size   fine     label  size   fine
    as they are    100    100   99.9      99.9   100   99.9      99.9   100     50
    blurred         99.6  100   98        99.9   100   99.7      99.9   100     50
    noise of .1     99.9  100  100        99.9   100   99.9      99     100     50
    noise of .2     99.6  100  100        98     100   99.9      83      94     50

`angle` is read like `label` or better; `colour`, `place` and `background` never below 99.8. An
angle of arrows is never more than .6 degrees off, and with noise of .2 never more than 5.

Whatever cannot be read is read as some class all the same: `drawn` tells an empty picture.
"""

import functools
from collections.abc import Callable

import numpy as np

from ganflow.base.errors import InputError
from ganflow.data import arrows, drawings
from ganflow.data.drawings import CELLS, FACTORS

# A picture of which less is covered shows no drawing: half of what the smallest one covers.
LEAST_DRAWN = 0.027
# What is covered less counts as ground, and what is covered more as whole: pictures that are not
# drawn but generated have a haze.
_NOTHING, _WHOLE = 0.1, 0.9
_MEAN_INK = 0.75  # of a striped shape, in its colour's channels
_TEMPLATE_SIDE = 64  # pixels; what is compared are means of it
_AT_ONCE = 200  # pictures read at a time
_KINDS = [
    (shape, angle)
    for shape in range(len(FACTORS["label"]))
    for angle in range(len(FACTORS["angle"]))
    if shape > 0 or angle == 0  # a circle is upright
]


def read(images: np.ndarray) -> dict[str, np.ndarray]:
    """Every factor of some pictures.

    Args:
      images: [n, s, s, 3], s being 16, 32, 64 or another multiple of 32; uint8, or float in
        [-1, 1], where what is beyond it is taken for its ends, and a NaN for grey.

    Returns:
      Of each factor in `drawings.FACTORS` a place in its values, int32 [n]; and `drawn`, how much
      of the picture is covered, float32 [n], 0 to 1.

    Raises:
      InputError: images of another shape.
    """
    side = images.shape[1] if images.ndim == 4 else 0
    if images.shape[1:] != (side, side, 3) or not (side == CELLS or side and side % 32 == 0):
        raise InputError(
            f"drawings: found pictures of {images.shape[1:]}, expected (s, s, 3), s being 16 or a "
            "multiple of 32"
        )
    return _in_parts(_read, images)


def accuracies(images: np.ndarray, fields: dict[str, np.ndarray]) -> dict[str, float]:
    """The share of pictures in which each factor is what it was to be.

    Args:
      images: as of `read`.
      fields: factors that were asked for, int [n] by name; others are not looked at.
    """
    seen = read(images)
    return {f: float(np.mean(seen[f] == fields[f])) for f in FACTORS if f in fields}


def read_angle(images: np.ndarray, domain: str) -> dict[str, np.ndarray]:
    """Where arrows point to: the principal axis of what is covered, towards its heavier end.

    Args:
      images: [n, s, s, 3], otherwise as of `read`.
      domain: whose style they have, "a" or "b" of `data.arrows`.

    Returns:
      `angle`, radians anticlockwise from the right, float32 [n], in [-pi, pi], 0 where nothing is
      drawn; `drawn`, how much of the picture is covered, float32 [n], 0 to 1.

    Raises:
      InputError: images of another shape.
    """
    side = images.shape[1] if images.ndim == 4 else 0
    if images.shape[1:] != (side, side, 3) or not side:
        raise InputError(f"arrows: found pictures of {images.shape[1:]}, expected (s, s, 3)")
    return _in_parts(lambda part: _read_angle(part, domain), images)


def angle_errors(angle: np.ndarray, true: np.ndarray) -> np.ndarray:
    """How far angles are from others the shorter way round; all in radians, [n]."""
    return np.abs((np.asarray(angle, np.float64) - true + np.pi) % (2 * np.pi) - np.pi)


def _in_parts(reader: Callable, images: np.ndarray) -> dict[str, np.ndarray]:
    parts = [
        reader(_unit_range(images[start : start + _AT_ONCE]))
        for start in range(0, max(1, len(images)), _AT_ONCE)
    ]
    return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def _unit_range(images: np.ndarray) -> np.ndarray:
    """uint8, or floats in [-1, 1] and whatever else, -> float32 [0, 1]."""
    if images.dtype == np.uint8:
        return images.astype(np.float32) / 255
    finite = np.nan_to_num(images.astype(np.float32), nan=0, posinf=1, neginf=-1)
    return (np.clip(finite, -1, 1) + 1) / 2


# ---------------------------------------------------------------- drawings


def _read(x: np.ndarray) -> dict[str, np.ndarray]:
    """Pictures in [0, 1] -> as `read`."""
    small = _means(x, CELLS)  # [n, 16, 16, 3]
    border = [small[:, 0], small[:, -1], small[:, :, 0], small[:, :, -1]]
    background = np.median(np.concatenate(border, axis=1).mean(axis=2), axis=1) > 0.5
    colour = _colour(small, background)
    covered = _without_haze(_covered(small, background, drawings.RGB[colour] > 0))
    drawn, centre = _area(covered), _centre(covered)
    from_centres = np.square(centre[:, np.newaxis] - drawings.CENTRES).sum(axis=2)
    kinds = np.array(_KINDS)[_nearest_kind(covered, centre, drawn)]
    found = {
        "label": kinds[:, 0],
        "colour": colour,
        "size": drawn > np.prod(drawings.ROOT_AREAS),  # their areas' geometric mean
        "place": from_centres.argmin(axis=1),
        "angle": kinds[:, 1],
        "background": background,
        "fine": _fine(x, covered),
    }
    return {f: found[f].astype(np.int32) for f in FACTORS} | {"drawn": drawn.astype(np.float32)}


def _means(x: np.ndarray, side: int) -> np.ndarray:
    """Pictures [n, s, s, c] made so many pixels wide by means, or by repeating where s is less."""
    if x.shape[1] < side:
        return x.repeat(side // x.shape[1], axis=1).repeat(side // x.shape[2], axis=2)
    times = x.shape[1] // side
    rows = functools.reduce(np.add, [x[:, i::times] for i in range(times)])
    whole = functools.reduce(np.add, [rows[:, :, i::times] for i in range(times)])
    return whole / times**2


def _without_haze(covered: np.ndarray) -> np.ndarray:
    return np.clip((covered - _NOTHING) / (_WHOLE - _NOTHING), 0, 1)


def _area(covered: np.ndarray) -> np.ndarray:
    """Of the picture, [n]."""
    return covered.mean(axis=(1, 2))


def _centre(covered: np.ndarray) -> np.ndarray:
    """x and y from above in widths of the picture, [n, 2]; the middle where nothing is drawn."""
    ticks = (np.arange(covered.shape[1]) + 0.5) / covered.shape[1] - 0.5
    moments = [covered.sum(axis=1) @ ticks, covered.sum(axis=2) @ ticks]
    return 0.5 + np.stack(moments, axis=1) / np.maximum(covered.sum(axis=(1, 2)), 1e-6)[:, None]


def _colour(x: np.ndarray, background: np.ndarray) -> np.ndarray:
    """The nearest hue of the four to that of what covers the ground most: places, [n]."""
    on_white = background[:, np.newaxis, np.newaxis]
    covered = np.where(on_white, 1 - x.min(axis=3), x.max(axis=3))  # whatever the colour
    ground = np.where(on_white, 1 - covered, 0)[..., np.newaxis]
    ink = ((x - ground) * covered[..., np.newaxis]).sum(axis=(1, 2))  # [n, 3]
    hues = drawings.RGB - drawings.RGB.mean(axis=1, keepdims=True)  # without their brightness
    return (ink @ (hues / np.linalg.norm(hues, axis=1, keepdims=True)).T).argmax(axis=1)


def _covered(x: np.ndarray, background: np.ndarray, has_ink: np.ndarray) -> np.ndarray:
    """How much of each pixel a shape covers, [n, s, s].

    On black it is what there is in the channels of its colour, `has_ink` [n, 3]; on white what is
    missing in the others, of which a shape leaves nothing, stripes or none.
    """
    looked_at = has_ink ^ background[:, np.newaxis]
    light = np.einsum("nhwc,nc->nhw", x, looked_at / looked_at.sum(axis=1, keepdims=True))
    return np.where(background[:, np.newaxis, np.newaxis], 1 - light, light / _MEAN_INK)


def _nearest_kind(covered: np.ndarray, centre: np.ndarray, drawn: np.ndarray) -> np.ndarray:
    """Places in `_KINDS`, [n]."""
    root_area = np.sqrt(np.maximum(drawn, 1e-4))
    distances = []
    for shape, angle in _KINDS:
        turn = np.full(len(covered), drawings.TURNS[angle])
        template = drawings.coverage(shape, centre, root_area, turn, _TEMPLATE_SIDE)
        template = _without_haze(_means(template[..., np.newaxis], CELLS)[..., 0])
        distances.append(np.square(covered - template).sum(axis=(1, 2)))
    return np.argmin(distances, axis=0)


def _fine(x: np.ndarray, covered: np.ndarray) -> np.ndarray:
    """Whether stripes run down; false ("across") where neither is seen.

    What is covered half or less has an edge in it, and edges are no stripes.
    """
    light = _means(x, 2 * CELLS).sum(axis=3)
    weight = np.square(np.clip(2 * covered - 1, 0, 1))
    (a, b), (c, d) = [[light[:, i::2, j::2] for j in (0, 1)] for i in (0, 1)]
    rows, columns = (np.abs((weight * v).sum(axis=(1, 2))) for v in (a + b - c - d, a + c - b - d))
    return columns > rows


# ---------------------------------------------------------------- arrows


def _read_angle(x: np.ndarray, domain: str) -> dict[str, np.ndarray]:
    """Pictures in [0, 1] -> as `read_angle`."""
    ground, ink = arrows.GROUND[domain] / 255, arrows.INK[domain] / 255
    covered = _without_haze((x - ground) @ (ink - ground) / np.sum(np.square(ink - ground)))
    total = np.maximum(covered.sum(axis=(1, 2)), 1e-6)
    ticks = (np.arange(x.shape[1]) + 0.5) / x.shape[1]
    centre = _centre(covered)
    across = (ticks - centre[:, :1])[:, np.newaxis, :]  # [n, 1, s], to the right
    up = (centre[:, 1:] - ticks)[:, :, np.newaxis]

    def moment(values):
        return (covered * values).sum(axis=(1, 2)) / total

    # Of the second moments' ellipse; it points one way or the other.
    angle = 0.5 * np.arctan2(2 * moment(across * up), moment(across**2) - moment(up**2))
    cos, sin = (f(angle)[:, np.newaxis, np.newaxis] for f in (np.cos, np.sin))
    # The head is near the centre of mass, and the tail is long: it pulls the third moment.
    backwards = moment((cos * across + sin * up) ** 3) > 0
    angle = np.where(backwards, angle - np.sign(angle + 1e-12) * np.pi, angle)
    drawn = _area(covered)
    angle = np.where(drawn > 0, angle, 0)
    return {"angle": angle.astype(np.float32), "drawn": drawn.astype(np.float32)}
