"""Views with an answer: arithmetic of attributes, and the projection of a real example."""

import dataclasses

import numpy as np

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data.readers import files
from ganflow.explore import algebra, attributes, projection
from ganflow.explore.space import Given, taken
from ganflow.explore.visit import Found, Visit, found
from ganflow.nn.draws import Classes
from ganflow.pictures import canvas, grids, sheets
from ganflow.trained import inputs

_READ = 2_000  # samples, of which the groups are made
_SHOWN = 8  # of a group
_STARTS = 8
_TOLD = (0, 10, 50, 100, 200, 500, 1_000, 2_000, 5_000)  # steps at which a loss is printed


def arithmetic(visit: Visit) -> Found:
    """A - B + C of groups chosen by what they show."""
    space = visit.space
    reader = attributes.reader_of(*visit.data, visit.against())
    made = space.drawn(_READ)
    seen = reader.read(made.samples)
    text = visit.asked.algebra
    formula = algebra.parse(text, reader) if text else algebra.default(reader, seen)
    outcome = algebra.solve(space, reader, made, seen, formula)
    expected = algebra.in_words(formula.expected, reader)
    images, names = [], []
    for letter, group, shown, mean in zip(
        "ABC", outcome.groups, (formula.a, formula.b, formula.c), outcome.means, strict=True
    ):
        one = space.with_z(taken(made.given, group[:1]), mean[np.newaxis])
        images += [space.made(one), made.samples[group[:_SHOWN]]]
        names.append(f"{letter}: {algebra.in_words(shown, reader)}")
    images += [outcome.sum.samples, outcome.results.samples[:_SHOWN]]
    names.append(f"A-B+C: {expected}?")
    columns = ["mean z", *(str(i + 1) for i in range(_SHOWN))]
    title = f"{visit.asked.title}\n{formula.told(reader)}"
    picture = sheets.labelled(np.concatenate(images), names, columns, title)
    sizes = ", ".join(
        f"{len(group)} of {letter}" for letter, group in zip("ABC", outcome.groups, strict=True)
    )
    told = (
        f"{formula.told(reader)}: {outcome.share:.0%} of {len(outcome.results.samples)} show "
        f"{expected}; of z merely drawn {outcome.drawn_share:.0%}, with two groups chosen blindly "
        f"{outcome.blind_share:.0%} (from {_READ:,} samples {sizes}; by {reader.told})"
    )
    shares = {"share": outcome.share, "drawn_share": outcome.drawn_share}
    shares["blind_share"] = outcome.blind_share
    arrays = {"means": outcome.means, "results": outcome.results.samples}
    arrays["z"] = space.z_of(outcome.results.given)
    arrays |= {f"group_{letter}": g for letter, g in zip("abc", outcome.groups, strict=True)}
    return found("algebra", picture, arrays | {k: np.array(v) for k, v in shares.items()}, told)


def projected(visit: Visit) -> Found:
    """The z's whose samples come nearest to a real example."""
    space, asked = visit.space, visit.asked
    target, label, name = _target(visit)
    given = _starts(visit, label)
    made = projection.project(space, target, given, asked.steps)
    best, losses = made.best, made.losses
    told = f"{name}, {losses.shape[1]} starts: mean square error of the best " + ", ".join(
        f"{losses[step].min():.3g} after {step:,} steps"
        for step in sorted({*(s for s in _TOLD if s < asked.steps), asked.steps})
    )
    z = space.z_of(made.given)
    radius = np.sqrt(np.square(z[best] - space.middle).mean()) / space.spread
    told += (
        f"; the best of {made.drawn:,} samples merely drawn {made.drawn_loss:.3g}; its z is "
        f"{radius:.2f} times as far from the middle as z's are on average"
    )
    picture = _picture(target, made, f"{asked.title}: {name}")
    arrays = {"z": z, "losses": losses, "samples": made.samples, "target": target}
    others = {f"given_{k}": v for k, v in made.given.items() if k != space.name}
    return found("projection", picture, arrays | others | {"best": np.array(best)}, told)


def _target(visit: Visit) -> tuple[np.ndarray, int | None, str]:
    """(The example as models see it, its class where that is known, which it is)."""
    asked = visit.asked
    if asked.input is not None:
        return _from_file(visit), None, asked.input.name
    field = visit.against()
    train, held_out = visit.data
    part, which = (train, "training") if held_out is None else (held_out, "held-out")
    examples = part.alone(field)
    count = len(examples.x)
    if not 0 <= asked.index < count:
        raise InputError(f"--index={asked.index}: expected 0 to {count - 1}, of {which} examples")
    label = None if examples.label is None else int(examples.label[asked.index])
    told = f"{which} example {asked.index}" + (f" (class {label})" if label is not None else "")
    return data.decoded(examples.x[asked.index]).numpy(), label, told


def _from_file(visit: Visit) -> np.ndarray:
    path, shape = visit.asked.input, visit.space.drawn(1).samples.shape[1:]
    flag = f"--input={path}"
    with files.reading(str(path)):
        images = inputs.read(path, visit.space.manifest["options"].get("channels", 0))
    if images.shape[1:] != shape:
        found_, expected = (" x ".join(map(str, s)) for s in (images.shape[1:], shape))
        raise InputError(f"{flag}: found {found_}, expected {expected} as the samples are")
    if len(images) > 1:
        raise InputError(f"{flag}: found {len(images)} images, expected one")
    return data.decoded(images[0]).numpy()


def _starts(visit: Visit, label: int | None) -> Given:
    """What the starts are given: the example's label where G takes one, else each in turn."""
    space = visit.space
    draw = space.sampler.given.get("label")
    if not isinstance(draw, Classes) or space.label is not None:
        return space.drawn(_STARTS).given
    if label is not None and label < draw.count:
        return dataclasses.replace(space, label=label).drawn(_STARTS).given
    given = space.drawn(max(_STARTS, draw.count)).given
    classes = np.arange(len(given["label"]), dtype=np.int32) % draw.count
    return given | {"label": classes}


def _picture(target: np.ndarray, made: projection.Projection, title: str) -> np.ndarray:
    """The losses of all starts; beside, the example and what the starts have come to."""
    figure = canvas.figure(700, 420, layout="constrained")
    axes = figure.subplots()
    axes.plot(made.losses, c=canvas.GREY, lw=0.8)
    axes.plot(made.losses[:, made.best], c=canvas.BLUE, lw=2, label="the best start")
    axes.axhline(
        made.drawn_loss, c=canvas.ORANGE, ls="--", label=f"best of {made.drawn:,} merely drawn"
    )
    axes.set(yscale="log", xlabel="step", ylabel="mean square error", title=title)
    axes.grid(alpha=0.3)
    axes.legend()
    curve = canvas.rendered(figure)
    order = np.argsort(made.losses[-1], kind="stable")
    if target.ndim == 1:
        text = ", ".join(f"({x:.3f}, {y:.3f})" for x, y in [target, made.samples[order[0]]])
        return grids.titled(f"the point, and the best sample: {text}", {"": curve})
    images = np.concatenate([target[np.newaxis], made.samples[order]])
    factor = max(1, round(64 / images.shape[1]))
    tiles = grids.grid(images.repeat(factor, axis=1).repeat(factor, axis=2), 3)
    parts = {"first the example, then the starts' samples, best first": tiles, "": curve}
    return grids.titled(title, parts)
