"""The judging classifier's training: eight epochs of images, slightly moved, and of "no example".

The second one's is four epochs of images as they are. Everything random is a function of
(seed, step).
"""

import time
from typing import TYPE_CHECKING

import numpy as np
import tensorflow as tf
from absl import logging

from ganflow import data
from ganflow.base import grappler
from ganflow.judging import classifier
from ganflow.nn import draws

if TYPE_CHECKING:
    import keras

VERSION = 2  # of everything that decides about the weights: raise it, and all are trained anew
_BATCH, _NO_EXAMPLE_BATCH = 100, 30
_POOLED_EPOCHS = 4
_EPOCHS, _MIN_STEPS, _MAX_STEPS = 8, 400, 8_000
_LEARNING_RATE = 2e-3  # Adam's at the start; falls to 0 on a straight line
_SHIFT_PIXELS = 1
_QUIET_SECONDS, _STEPS_A_LINE = 15, 500  # of the log


def train(
    dataset: data.Dataset,
    held_out: data.Dataset,
    seed: int,
    architecture: str = classifier.STRIDED,
) -> classifier.Classifier:
    """A classifier trained on `dataset`; its `about` has the accuracy on `held_out`.

    Args:
      dataset: images with labels, at least 40.
      held_out: such images, of the same shape.
      seed: of weights, order and distortions.
      architecture: `classifier.STRIDED` or `classifier.POOLED`.
    """
    started = time.perf_counter()
    num_classes = int(max(dataset.label.max(), held_out.label.max())) + 1
    pooled = architecture == classifier.POOLED
    epochs, make = (
        (_POOLED_EPOCHS, classifier.make_pooled) if pooled else (_EPOCHS, classifier.make_network)
    )
    steps = min(max(epochs * len(dataset.x) // _batch_size(dataset), _MIN_STEPS), _MAX_STEPS)
    network = make(dataset.example_shape, num_classes, seed)
    _fit(network, _batches(dataset, num_classes, seed, steps, plain=pooled), steps)
    about = {
        "dataset": dataset.name,
        "num_train": len(dataset.x),
        "num_held_out": len(held_out.x),
        "num_classes": num_classes,
        "example_shape": list(dataset.example_shape),
        "steps": steps,
    }
    trained = classifier.Classifier(network, about)
    _scale_features(network, trained.read(dataset.x)[0])
    about["accuracy"] = float(np.mean(trained.read(held_out.x)[1] == held_out.label))
    about["training_seconds"] = round(time.perf_counter() - started, 1)
    return trained


def _fit(network: "keras.Sequential", batches: tf.data.Dataset, steps: int) -> None:
    import keras

    started = time.perf_counter()

    def tell(step, logs):
        if time.perf_counter() - started > _QUIET_SECONDS and (step + 1) % _STEPS_A_LINE == 0:
            logging.info("classifier: step %d of %d", step + 1, steps)

    rate = keras.optimizers.schedules.PolynomialDecay(_LEARNING_RATE, steps, end_learning_rate=0.0)
    # Another model around the same layers: `network` is then saved without Adam's slots.
    trained = keras.Model(network.inputs, network.outputs)
    trained.compile(
        optimizer=keras.optimizers.Adam(rate, epsilon=1e-8),
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        jit_compile=False,  # XLA runs convolutions on a CPU some 40 times slower
    )
    grappler.set_up()
    callback = keras.callbacks.LambdaCallback(on_train_batch_end=tell)
    trained.fit(batches, shuffle=False, verbose=0, callbacks=[callback])


def _batch_size(dataset: data.Dataset) -> int:
    return min(_BATCH, len(dataset.x))


def _batches(
    dataset: data.Dataset, num_classes: int, seed: int, steps: int, plain: bool
) -> tf.data.Dataset:
    """(images, labels) of every step; those of no example come last, if it is not `plain`."""
    size = _batch_size(dataset)
    order = draws.order(len(dataset.x), seed, 0, steps * size).reshape(steps, size)
    x, label = tf.constant(dataset.x), tf.constant(dataset.label)

    def batch(step, index):
        """What step number `step` sees: the images at `index`, and images of no example."""

        def random(stream: str, draw: draws.Random, n: int) -> tf.Tensor:
            return draws.random(draw, stream, seed, step, 1, n)[0]

        if plain:
            return data.decoded(tf.gather(x, index)), tf.gather(label, index)
        images = _shifted(data.decoded(tf.gather(x, index)), random)
        labels = [tf.gather(label, index), tf.fill([_NO_EXAMPLE_BATCH], num_classes)]
        return tf.concat([images, _no_example(images, random)], 0), tf.concat(labels, 0)

    numbered = tf.data.Dataset.from_tensor_slices(order).enumerate()
    return numbered.map(batch, num_parallel_calls=tf.data.AUTOTUNE).prefetch(tf.data.AUTOTUNE)


def _shifted(images: tf.Tensor, random) -> tf.Tensor:
    """The whole batch moved by up to a pixel in each direction; borders are mirrored."""
    pad = [0, 0], [_SHIFT_PIXELS] * 2, [_SHIFT_PIXELS] * 2, [0, 0]
    down, right = tf.unstack(random("shift", draws.Classes(2 * _SHIFT_PIXELS + 1), 2))
    return tf.slice(tf.pad(images, pad, "SYMMETRIC"), [0, down, right, 0], images.shape)


def _no_example(images: tf.Tensor, random) -> tf.Tensor:
    """Noise, blotches and shuffled pixels, half of them paler than that: what no example is like.

    Pale ones matter: an untrained generator gives nearly even grey.
    """
    _, height, width, channels = images.shape
    third = _NO_EXAMPLE_BATCH // 3
    noise = random("noise", draws.Uniform([height, width, channels]), third)
    coarse = [-(-height // 4), -(-width // 4), channels]
    blotches = tf.image.resize(random("blotches", draws.Uniform(coarse), third), [height, width])
    pixels = tf.reshape(images[:third], [third, height * width, channels])
    places = tf.argsort(random("places", draws.Uniform(), height * width))
    shuffled = tf.reshape(tf.gather(pixels, places, axis=1), [third, height, width, channels])
    contrast = random("contrast", draws.Uniform([1, 1, 1], 0.0, 2.0), 3 * third)
    contrast = tf.minimum(contrast, 1.0)
    level = random("level", draws.Uniform([1, 1, 1]), 3 * third)
    return tf.concat([noise, blotches, shuffled], axis=0) * contrast + level * (1 - contrast)


def _scale_features(network: "keras.Sequential", features: np.ndarray) -> None:
    """Bring the features to a mean square of 1, so that distances mean the same for every seed.

    Leaky ReLU lets a positive factor through, so the logits stay what they were.
    """
    scale = np.float32(np.sqrt(np.mean(np.square(features, dtype=np.float64))))
    kernel, bias = network.get_layer("features").get_weights()
    network.get_layer("features").set_weights([kernel / scale, bias / scale])
    kernel, bias = network.get_layer("logits").get_weights()
    network.get_layer("logits").set_weights([kernel * scale, bias])
