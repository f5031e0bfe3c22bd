"""Views that are a sheet of samples: interpolations, components, directions, neighbours."""

import numpy as np

from ganflow import data
from ganflow.explore import directions, walking
from ganflow.explore.space import taken
from ganflow.explore.visit import Found, Visit, found, in_rows, sheet
from ganflow.pictures import paths, sheets

_ROWS, _COLUMNS = 8, 9  # of a sheet
_PAIRS, _NEIGHBOURS = 8, 16


def interpolation(visit: Visit) -> Found:
    """From one z to another, a pair a row."""
    space = visit.space
    given = space.drawn(2 * _PAIRS).given
    z = space.z_of(given)
    ways = walking.between(space.draw, z[::2], z[1::2], sheets.BETWEEN)
    first = taken(given, np.repeat(np.arange(0, 2 * _PAIRS, 2), sheets.BETWEEN))
    samples = space.made(space.with_z(first, ways.reshape(-1, space.size)))
    t = [f"{t:.2f}" for t in np.linspace(0, 1, sheets.BETWEEN)]
    rows = [str(i + 1) for i in range(_PAIRS)]
    title = f"{visit.asked.title}\nBetween two z's"
    names = ("pair of z's", "t: from the first z (0) to the second (1)")
    picture = sheet(visit, samples, rows, t, title, names)
    arrays = {"z": ways, "samples": in_rows(samples, _PAIRS)}
    return found("interpolation", picture, arrays, f"{_PAIRS} pairs, {walking.told(space.draw)}")


def components(visit: Visit) -> Found:
    """One component of z at a time, those first that move the sample most."""
    space = visit.space
    given = space.drawn(1).given
    effects = directions.effects(space, given)
    order = np.argsort(-effects, kind="stable")[:_ROWS]
    values = walking.component_values(space, _COLUMNS)
    units = np.eye(space.size)[order]
    z = walking.along(space, space.z_of(given)[0], units, values - space.middle)
    samples = space.made(space.with_z(given, z.reshape(-1, space.size)))
    rows = [str(i) for i in order]
    columns = [f"{value:.3g}" for value in values]
    title = f"{visit.asked.title}\nOne component of z at a time, the others as they were drawn"
    picture = sheet(visit, samples, rows, columns, title, ("component", "its value"))
    told = f"of {space.size}, those that move a sample most: " + ", ".join(
        f"{i} ({effects[i]:.2g})" for i in order[:4]
    )
    told += f"; all: {effects.min():.2g} to {effects.max():.2g} a number and unit of z"
    arrays = {"z": z, "samples": in_rows(samples, len(order)), "components": order}
    return found("components", picture, arrays | {"values": values, "effects": effects}, told)


def principal(visit: Visit) -> Found:
    """Along the directions that G's first layer hears most."""
    space = visit.space
    given = space.drawn(1).given
    heard = directions.principal(space, given)
    chosen = heard.directions[:_ROWS]
    values = walking.direction_values(space, _COLUMNS)
    z = walking.along(space, space.z_of(given)[0], chosen, values)
    samples = space.made(space.with_z(given, z.reshape(-1, space.size)))
    rows = [f"{i + 1}: {value:.3g}" for i, value in enumerate(heard.values[: len(chosen)])]
    columns = [f"{value:.3g}" for value in values]
    title = f"{visit.asked.title}\nAlong directions of {heard.where}"
    names = ("direction, singular value", "z along it")
    picture = sheet(visit, samples, rows, columns, title, names)
    share = np.square(heard.values[: len(chosen)]).sum() / max(np.square(heard.values).sum(), 1e-30)
    told = (
        f"of {heard.where}: singular values {heard.values[0]:.3g} to {heard.values[-1]:.3g}; the "
        f"first {len(chosen)} of {len(heard.values)} carry {share:.0%} of their squares"
    )
    arrays = {"z": z, "samples": in_rows(samples, len(chosen)), "values": values}
    arrays |= {"directions": heard.directions, "singular_values": heard.values}
    return found("directions", picture, arrays, told)


def neighbours(visit: Visit) -> Found:
    """Samples beside their nearest training examples."""
    field = visit.against()
    train, held_out = (None if one is None else one.fields[field] for one in visit.data)
    samples = visit.space.drawn(_NEIGHBOURS).samples
    index, distance = sheets.nearest(samples, train)
    title = visit.asked.title
    if samples.ndim == 2:
        ways = np.stack([samples, train[index]], axis=1)
        names = [f"{value:.3f}" for value in distance]
        picture = paths.draw(ways, names, f"{title}\nSamples to nearest training points", train)
    else:
        picture = sheets.neighbours(samples, train, title)
    told = f"mean distance {np.nanmean(distance):.3g} of {len(samples)} samples"
    if held_out is not None:
        some = data.decoded(held_out[:: max(1, len(held_out) // 100)]).numpy()
        _, real = sheets.nearest(some, train)
        told += f"; of {len(real)} held-out real examples {real.mean():.3g}"
    arrays = {"samples": samples, "index": index, "distance": distance, "nearest": train[index]}
    return found("neighbours", picture, arrays, told)
