"""Films: the strip of the training, and a round trip through some z's."""

from pathlib import Path

import numpy as np

from ganflow.base.errors import InputError
from ganflow.explore import walking
from ganflow.explore.space import taken
from ganflow.explore.visit import Found, Visit, in_rows
from ganflow.pictures import films, grids, strips

_IN_FILM, _COLUMNS = 12, 6  # images in a frame
_LEG, _LEGS = 10, 4  # frames from one z to the next; z's on the round trip
_FRAME_MS = {"strip": 400, "interpolation": 100}
_SIDE_PIXELS = 64  # of an image, about


def animation(visit: Visit) -> Found:
    """The training's strip, and a round trip through some z's, as films."""
    space, asked = visit.space, visit.asked
    given = space.drawn(_IN_FILM * _LEGS).given
    z = space.z_of(given).reshape(_LEGS, _IN_FILM, -1)
    legs = [
        walking.between(space.draw, z[i], z[(i + 1) % _LEGS], _LEG + 1)[:, :-1]
        for i in range(_LEGS)
    ]
    frames = np.concatenate(legs, axis=1).swapaxes(0, 1)  # [40, 12, d]
    others = taken(given, np.tile(np.arange(_IN_FILM), len(frames)))
    samples = space.made(space.with_z(others, frames.reshape(-1, space.size)))
    if samples.ndim == 2:
        raise InputError("points have no strip, and interpolation.png shows whole ways")
    samples = in_rows(samples, len(frames))
    titles = [f"{asked.title}, frame {i + 1:2}" for i in range(len(frames))]
    film = {f"interpolation.{asked.film}": _film(samples, titles, "interpolation", asked.film)}
    arrays = {"z": frames, "interpolation": samples}
    is_main = space.sampler.name == space.gan.samplers()[0].name
    path = asked.workdir / ("strip.npz" if is_main else f"strip_{space.sampler.name}.npz")
    rows = strips.read_strip(path, keep_until=space.manifest["step"])
    told = f"interpolation.{asked.film}, {len(frames)} frames"
    if rows:
        model = Path(space.manifest["model"]).stem
        titles = [f"{model}, step {step:,}" for step in rows]
        strip = np.stack(list(rows.values()))
        film[f"strip.{asked.film}"] = _film(strip, titles, "strip", asked.film)
        arrays |= {"steps": np.array(list(rows)), "strip": strip}
        told += f"; strip.{asked.film}, {len(rows)} steps of the training"
    else:
        told += f"; no strip of the training, for there is no {path.name}"
    return Found(film, arrays, told)


def _film(rows: np.ndarray, titles: list[str], name: str, kind: str) -> bytes:
    """Images [frames, k, h, w, c] as frames of equal width under their titles."""
    factor = max(1, round(_SIDE_PIXELS / rows.shape[2]))
    large = rows.repeat(factor, axis=2).repeat(factor, axis=3)
    frames = [
        grids.titled(title, {"": grids.grid(images, _COLUMNS)})
        for title, images in zip(titles, large, strict=True)
    ]
    width = max(frame.shape[1] for frame in frames)
    right = [[(0, 0), (0, width - frame.shape[1]), (0, 0)] for frame in frames]
    whole = [np.pad(f, r, constant_values=255) for f, r in zip(frames, right, strict=True)]
    return films.encoded(whole, kind, _FRAME_MS[name])
