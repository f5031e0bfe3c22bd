"""TFLite: one file a sampler, for one sample at a time, weights as they are."""

import re
import warnings

import numpy as np
import tensorflow as tf

from ganflow.base import quiet
from ganflow.export import saved
from ganflow.export.examples import Examples, difference, milliseconds
from ganflow.interface.sampler import Sampler


class ConversionError(Exception):
    """TensorFlow cannot say this model in TFLite; the text says why."""


def convert(sampler: Sampler, example: Examples) -> bytes:
    """The file.

    Raises:
      ConversionError: it cannot be made.
    """
    function = saved.signature(sampler, saved.specs_of(example.given, 1))
    module = tf.Module()
    module.weights = list(function.graph.variables)
    converter = tf.lite.TFLiteConverter.from_concrete_functions([function], module)
    failure = None
    with quiet.stderr_held_back():  # on a failure the converter writes pages
        try:
            return converter.convert()
        except Exception as error:  # whatever it fails with, it is about this model
            failure = error
    told = str(failure).strip()
    if lacks := sorted(set(re.findall(r"'tf\.(\w+)' op is neither", told))):
        raise ConversionError(f"TFLite alone does not have {', '.join(lacks)}") from failure
    raise ConversionError(next(iter(told.splitlines()), type(failure).__name__)) from failure


def check(content: bytes, example: Examples) -> tuple[float, float]:
    """The file, run on what the examples were made of.

    Returns:
      (largest difference from the model's own samples, ms a sample).
    """
    num = len(example.samples)
    with quiet.stderr_held_back(), warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its move to another package
        run = tf.lite.Interpreter(model_content=content).get_signature_runner()
        made = [run(**example.part(1, start=i))[saved.OUTPUT] for i in range(num)]
    one = example.part(1)
    return difference(np.concatenate(made), example.samples), milliseconds(lambda: run(**one))
