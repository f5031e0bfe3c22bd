"""The network that judges generated images: a small convolutional classifier.

Its last hidden layer gives the features whose distributions are compared, its output the classes.
Besides the classes of the data it knows one more, "no example": noise, blotches, shuffled pixels
and their pale versions. Without it such images fall amid the features of real ones, and noise gets
a precision of .8 and more.

What one network overlooks another may see. So there is a second one, as textbooks have it: 3 x 3
convolutions, maxima of 2 x 2 pixels, no "no example". A lone bright pixel, which strides may step
over, goes through a maximum.

`classifier_training` trains it on the data set at hand, `classifier_cache` keeps it.
"""

import dataclasses
import functools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from ganflow import data
from ganflow.base import grappler

if TYPE_CHECKING:  # Keras takes a second to import, and most trainings do without
    import keras

FEATURES = 64
STRIDED, POOLED = "strided", "pooled"  # architectures: the judge's, and the second one's
_POOLED_MAPS, _POOLED_FEATURES = (32, 64), 128
_KERNELS = {"conv_0": (16, 5), "conv_1": (32, 3), "conv_2": (64, 3)}  # maps, side
_READ_AT_ONCE = 500


def make_network(example_shape: tuple[int, ...], num_classes: int, seed: int) -> "keras.Sequential":
    """Images [n, h, w, c] in [-1, 1] -> logits [n, num_classes + 1], the last of "no example".

    The layer `features` gives [n, 64]. Leaky ReLU has Keras's slope of .2.
    """
    import keras
    from keras import layers

    seeds = map(int, np.random.SeedSequence(seed).generate_state(len(_KERNELS) + 2))
    network = keras.Sequential([keras.Input(example_shape)], name="judge")  # [n, 28, 28, 1]
    for name, (maps, side) in _KERNELS.items():
        start = keras.initializers.HeUniform(next(seeds))
        settings = {"strides": 2, "padding": "same", "activation": "leaky_relu"}
        # [n, 14, 14, 16], [n, 7, 7, 32], [n, 4, 4, 64]
        network.add(layers.Conv2D(maps, side, **settings, kernel_initializer=start, name=name))
    _add_end(network, FEATURES, "leaky_relu", num_classes + 1, seeds)  # of [n, 1024]
    return network


def make_pooled(example_shape: tuple[int, ...], num_classes: int, seed: int) -> "keras.Sequential":
    """The second network: images [n, h, w, c] in [-1, 1] -> logits [n, num_classes].

    Its layer `features` gives [n, 128].
    """
    import keras
    from keras import layers

    seeds = map(int, np.random.SeedSequence(seed).generate_state(len(_POOLED_MAPS) + 2))
    network = keras.Sequential([keras.Input(example_shape)], name="second_judge")
    for i, maps in enumerate(_POOLED_MAPS):  # [n, 14, 14, 32], [n, 7, 7, 64]
        start = keras.initializers.HeUniform(next(seeds))
        settings = {"padding": "same", "activation": "relu", "name": f"conv_{i}"}
        network.add(layers.Conv2D(maps, 3, **settings, kernel_initializer=start))
        network.add(layers.MaxPooling2D(name=f"maximum_{i}"))
    _add_end(network, _POOLED_FEATURES, "relu", num_classes, seeds)  # of [n, 3136]
    return network


def _add_end(network, units: int, activation: str, num_logits: int, seeds: Iterator[int]) -> None:
    """Maps [n, h, w, c] -> features [n, units] -> logits [n, num_logits]."""
    from keras import initializers, layers

    network.add(layers.Flatten(name="flatten"))
    start = initializers.HeUniform(next(seeds))
    network.add(layers.Dense(units, activation, kernel_initializer=start, name="features"))
    start = initializers.GlorotUniform(next(seeds))
    network.add(layers.Dense(num_logits, kernel_initializer=start, name="logits"))


@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """A trained network, for reading images and for losses."""

    network: "keras.Sequential"
    about: dict  # what classifier.json holds

    @property
    def example_shape(self) -> tuple[int, ...]:
        """(h, w, c)."""
        return tuple(self.network.input_shape[1:])

    @property
    def num_classes(self) -> int:
        """Of the data, "no example" not counted."""
        knows_no_example = self.about.get("architecture", STRIDED) == STRIDED
        return self.network.output_shape[1] - knows_no_example

    def features(self, x: tf.Tensor) -> tf.Tensor:
        """Images [n, h, w, c] in [-1, 1] -> [n, 64], of mean square 1 over the training images.

        The second one's are [n, 128].
        """
        return self._features_and_logits(x)[0]

    def logits(self, x: tf.Tensor) -> tf.Tensor:
        """Images [n, h, w, c] in [-1, 1] -> [n, num_classes], without that of "no example"."""
        return self._features_and_logits(x)[1][:, : self.num_classes]

    def read(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images, uint8 or float32 in [-1, 1] -> features float32 [n, 64], classes int64 [n]."""
        read = [
            self._read(data.decoded(x[start : start + _READ_AT_ONCE]))
            for start in range(0, len(x), _READ_AT_ONCE)
        ]
        features, classes = zip(*read, strict=True)
        return np.concatenate(features), np.concatenate(classes)

    @functools.cached_property
    def _features_and_logits(self) -> "keras.Model":
        import keras

        features = self.network.get_layer("features").output
        return keras.Model(self.network.inputs, [features, self.network.outputs[0]])

    @functools.cached_property
    def _read(self) -> Callable:
        def read(x):
            features, logits = self._features_and_logits(x)
            return features, tf.argmax(logits[:, : self.num_classes], axis=1)

        grappler.set_up()
        return tf.function(read, input_signature=[tf.TensorSpec([None, *self.example_shape])])
