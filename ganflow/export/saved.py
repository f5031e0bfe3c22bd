"""SavedModel: a signature for each sampler, with the sampler's own names and shapes."""

import functools
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganflow.export.examples import Examples, difference, milliseconds
from ganflow.interface.sampler import Sampler

OUTPUT = "samples"
Specs = dict[str, tf.TensorSpec]


def specs_of(given: Mapping[str, np.ndarray], count: int | None) -> Specs:
    """Shapes and types of what is given, for `count` examples at a time, or any number."""
    return {
        name: tf.TensorSpec([count, *value.shape[1:]], value.dtype, name=name)
        for name, value in given.items()
    }


def signature(sampler: Sampler, specs: Specs):
    """A concrete function, {"z": ...} by keywords -> {"samples": ...}."""

    def sample(**given):
        """What the sampler makes."""
        return {OUTPUT: sampler.generate(given)}

    return tf.function(sample, autograph=False).get_concrete_function(**specs)


def write(
    folder: Path,
    samplers: Mapping[str, Sampler],
    examples: Mapping[str, Examples],
    names: Mapping[int, str],
) -> None:
    """Write the model, with the weights that the samplers read and no others.

    Args:
      folder: to be made.
      samplers, examples: by the names of the signatures; the first is also "serving_default".
      names: {id of a variable: "generator/w_0"}.
    """
    functions = {
        name: signature(sampler, specs_of(examples[name].given, None))
        for name, sampler in samplers.items()
    }
    read = {id(v): v for function in functions.values() for v in function.graph.variables}
    weights: dict[str, dict[str, tf.Variable]] = {}
    for key, variable in read.items():
        network, _, name = names.get(key, f"other/{key}").rpartition("/")
        weights.setdefault(network, {})[name] = variable
    module = tf.Module()
    module.weights = weights
    default = {"serving_default": next(iter(functions.values()))}
    tf.saved_model.save(module, str(folder), signatures=functions | default)


def check(folder: Path, examples: Mapping[str, Examples]) -> tuple[float, dict[str, float]]:
    """What was written, read again and run.

    Returns:
      (largest difference from the model's own samples, ms a sample by signature).
    """
    loaded = tf.saved_model.load(str(folder))
    largest, times = 0.0, {}
    for name, example in examples.items():
        function = loaded.signatures[name]
        given = {key: tf.constant(value) for key, value in example.given.items()}
        made = _pixels(function, given)
        largest = max(largest, difference(made, example.samples))
        one = {key: value[:1] for key, value in given.items()}
        times[name] = milliseconds(functools.partial(_pixels, function, one))
    return largest, times


def _pixels(function, given) -> np.ndarray:
    return function(**given)[OUTPUT].numpy()
