"""What a page is told of a model, beside its programs: what a sampler is given, and how it looks.

Nothing here knows a model by name: all of it is in its samplers and in its data set's fields.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ganflow.base.errors import InputError
from ganflow.export import tracing, words
from ganflow.export.examples import Examples
from ganflow.export.program import Weights
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.nn import draws
from ganflow.trained import sampling

POINTS = 400  # drawn at a time; of images, one
_GRID = 48  # cells of D's heat map along each axis
_SHOWN = 6  # real images to choose from


def count_of(sampler: Sampler, samples: np.ndarray) -> int:
    """How many samples a page makes at a time."""
    return POINTS if samples.ndim == 2 else 1


def described(
    sampler: Sampler,
    examples: Examples,
    manifest: dict,
    fields: Fields,
    names: Mapping[int, str],
    weights: Weights,
) -> tuple[dict, list[str]]:
    """A sampler as the page reads it.

    Args:
      sampler: of the model.
      examples: at least as many as `count_of`.
      manifest: of the run.
      fields: of its data set.
      names: {id of a variable: "generator/w_0"}.
      weights: gets the constants of its programs, and the examples.

    Returns:
      (the description, lines that say what the page does without).

    Raises:
      words.UnknownOperationError: the sampler's samples cannot be made in a page.
    """
    count = count_of(sampler, examples.samples)
    one = {name: tf.constant(value) for name, value in examples.part(count).items()}
    program = tracing.trace(sampler.generate, one, names, weights)
    called = sampler.name or "samples"
    told: dict[str, Any] = {
        "name": sampler.name,
        "kind": "points" if examples.samples.ndim == 2 else "images",
        "inputs": [
            {"name": name, "shape": list(one[name].shape)} | _input(draw, fields)
            for name, draw in sampler.given.items()
        ],
        "program": program.plain(),
        "check": {
            "given": {
                name: weights.name_of(value, f"examples of {called}/{name}")
                for name, value in examples.part(count).items()
            },
            "samples": weights.name_of(examples.samples[:count], f"examples of {called}/samples"),
        },
        "examples": {
            name: weights.name_of(examples.given[name][:_SHOWN], f"real/{name}")
            for name, draw in sampler.given.items()
            if count == 1 and examples.are_real and isinstance(draw, draws.Real)
        },
    }
    lacking = []
    if told["kind"] == "points":
        told["plane"], lacking = _plane(sampler, examples, manifest, fields, names, weights)
    return told, lacking


def _input(draw: draws.Draw, fields: Fields) -> dict:
    """What kind of input it is, as a page's control for it needs to know."""
    if isinstance(draw, draws.Uniform):
        return {"kind": "uniform", "low": draw.low, "high": draw.high}
    if isinstance(draw, draws.Classes):
        return {"kind": "classes", "count": draw.count}
    if not isinstance(draw, draws.Real):
        return {"kind": "normal"}
    if draw.field == "caption":
        return {"kind": "caption"}
    if draw.field in fields.classes:
        return {"kind": "classes", "count": fields.classes[draw.field]}
    return {"kind": "image" if len(fields.shape(draw.field)) == 3 else "real"}


def _plane(sampler, examples, manifest, fields, names, weights) -> tuple[dict, list[str]]:
    """The frame of a picture of points, real ones, and D over the plane where it can be asked."""
    lacking, shown = [], examples.samples
    plane: dict[str, Any] = {"real": None, "score": None}
    if isinstance(sampler.against, str):
        try:
            found = sampling.real_examples([sampler.against], manifest, 10 * POINTS)
            # Not the first ones: points may be in an order.
            some = np.random.default_rng(0).choice(10 * POINTS, POINTS, replace=False)
            shown = found[sampler.against].numpy()[some]
            plane["real"] = weights.name_of(shown, f"real points/{sampler.against}")
        except InputError as error:
            lacking.append(f"the page shows no real points: {error}")
    plane["reach"] = reach = 1.5 * float(np.abs(shown).max()) or 1.0
    if sampler.score is None:
        return plane, [*lacking, f"the page has no heat map: nothing judges {sampler.name}"]
    if conditions := [name for name in sampler.given if name in fields.shapes]:
        of = ", ".join(conditions)
        return plane, [*lacking, f"the page has no heat map: D is also given {of}"]
    try:
        program = tracing.trace(
            lambda given: sampler.score(given["x"], {}), {"x": grid(reach)}, names, weights
        )
    except words.UnknownOperationError as error:
        return plane, [*lacking, f"the page has no heat map: it has no word for D's {error}"]
    plane["score"] = {
        "program": program.plain(),
        "cells": _GRID,
        "boundary": sampler.boundary,
        "higher_is_real": sampler.higher_is_real,
    }
    return plane, lacking


def grid(reach: float) -> tf.Tensor:
    """Where D is asked: [48 * 48, 2], x fastest, from the lowest y on."""
    ticks = np.linspace(-reach, reach, _GRID, dtype=np.float32)
    return tf.constant(np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2))
