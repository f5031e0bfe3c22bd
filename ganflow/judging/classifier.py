"""The network that judges generated images: a small convolutional classifier.

Its last hidden layer gives the features whose distributions are compared, its output the classes.
Besides the classes of the data it knows one more, "no example": noise, blotches, shuffled pixels
and their pale versions. Without it such images fall amid the features of real ones, and noise gets
a precision of .8 and more.

`classifier_training` trains it on the data set at hand, `classifier_cache` keeps it.
"""

import dataclasses
import functools
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf

from ganflow import data

if TYPE_CHECKING:  # Keras takes a second to import, and most trainings do without
    import keras

FEATURES = 64
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
    network.add(layers.Flatten(name="flatten"))  # [n, 1024]
    start = keras.initializers.HeUniform(next(seeds))
    network.add(layers.Dense(FEATURES, "leaky_relu", kernel_initializer=start, name="features"))
    start = keras.initializers.GlorotUniform(next(seeds))
    network.add(layers.Dense(num_classes + 1, kernel_initializer=start, name="logits"))
    return network


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
        return self.network.output_shape[1] - 1

    def features(self, x: tf.Tensor) -> tf.Tensor:
        """Images [n, h, w, c] in [-1, 1] -> [n, 64], of mean square 1 over the training images."""
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

        without_remapping()
        return tf.function(read, input_signature=[tf.TensorSpec([None, *self.example_shape])])


def without_remapping() -> None:
    """Switch off Grappler's fusion.

    It trips over leaky ReLU after a convolution: says so on stderr, and gives up. The engine
    switches it off as well.
    """
    tf.config.optimizer.set_experimental_options({"remapping": False})
