"""Keras: models compiled apart, then D frozen inside a stitched model that trains G.

Every step calls `train_on_batch` with minibatch and z made by numpy, as
document 004's program does. The fakes come from `predict`, as there, or, tuned,
from `predict_on_batch`, which sets up no data pipeline on each call.
"""

from collections.abc import Callable, Sequence

import keras
import numpy as np
from keras import layers, losses, optimizers

from benchmarks import works

NOTE = {False: "predict", True: "predict_on_batch"}
_RNG = np.random.default_rng(1)


def _stack(sizes: Sequence[int], activation: Callable[[], layers.Layer]) -> list[layers.Layer]:
    built: list[layers.Layer] = [keras.Input([sizes[0]])]
    for size in sizes[1:]:
        built += [layers.Dense(size), activation()]
    return built[:-1]


def _leaky() -> layers.Layer:
    return layers.LeakyReLU(negative_slope=0.2)


def _minibatch(images: np.ndarray, size: int) -> np.ndarray:
    return images[_RNG.integers(len(images), size=size)] / np.float32(127.5) - 1


def _uniform(size: int) -> np.ndarray:
    return _RNG.uniform(-1, 1, (size, 256)).astype(np.float32)


def _contender(
    g: keras.Model,
    d: keras.Model,
    optimizers_dg: tuple[optimizers.Optimizer, optimizers.Optimizer],
    d_step: Callable[[], float],
    g_batch: Callable[[], tuple[np.ndarray, np.ndarray]],
    jit: bool,
    note: str,
) -> works.Contender:
    """Compiles D, lets it learn once, and only then stitches the model that trains G.

    Keras decides which weights a compiled model trains when it first traces the
    training function. So D has to see a batch before it is frozen, or it would
    never learn; the worker's check then makes sure that it still does.

    Keras compiles with XLA unless told not to. On a CPU that pays for tiny nets
    only, several times the other way for larger ones: every work has the faster.
    """
    loss = losses.BinaryCrossentropy(from_logits=True)
    d.compile(optimizers_dg[0], loss, jit_compile=jit)
    g.compile(jit_compile=jit)  # for predict_on_batch
    d_step()
    d.trainable = False
    gan = keras.Sequential([g, d])
    gan.compile(optimizers_dg[1], loss, jit_compile=jit)
    latest: dict[str, float] = {}

    def update_d() -> None:
        latest["d"] = d_step()

    def update_g() -> None:
        latest["g"] = gan.train_on_batch(*g_batch())

    def run(n_steps: int) -> None:
        for _ in range(n_steps):
            update_d()
            update_g()

    def weights(net: keras.Model) -> list[np.ndarray]:
        # Not get_weights: the state of dropout's generator is no weight that learns.
        return [np.array(w) for layer in net.layers for w in layer.weights if "seed" not in w.name]

    return works.Contender(
        run=run,
        losses=lambda: {name: float(value) for name, value in latest.items()},
        weights=lambda: (weights(d), weights(g)),
        update_d=update_d,
        update_g=update_g,
        note=f"train_on_batch, {note}, jit_compile={jit}",
    )


def _predict(g: keras.Model, z: np.ndarray, tuned: bool) -> np.ndarray:
    return g.predict_on_batch(z) if tuned else g.predict(z, batch_size=len(z), verbose=0)


def _image_gan(g: keras.Model, d: keras.Model, size: int, tuned: bool) -> works.Contender:
    """D learns on reals and fakes in one batch, with labels .9 and .1; then G."""
    images = works.images()
    labels = np.repeat(np.array([0.9, 0.1], np.float32), size)[:, None]
    ones = np.ones([size, 1], np.float32)

    def d_step() -> float:
        fake = _predict(g, _uniform(size), tuned)
        return d.train_on_batch(np.concatenate([_minibatch(images, size), fake]), labels)

    pair = optimizers.SGD(0.01), optimizers.Adam(1e-5, epsilon=1e-8)
    return _contender(g, d, pair, d_step, lambda: (_uniform(size), ones), False, NOTE[tuned])


def simple(tuned: bool) -> works.Contender:
    """The dense GAN."""
    g = keras.Sequential([*_stack([256, 256, 512, 1024, 784], _leaky), layers.Activation("tanh")])
    d = keras.Sequential(
        [keras.Input([784]), layers.Dense(256), _leaky(), layers.Dropout(0.3), layers.Dense(1)]
    )
    return _image_gan(g, d, 100, tuned)


def circle(tuned: bool) -> works.Contender:
    """The GAN of points on a circle."""
    points = works.circle_points()
    g = keras.Sequential(_stack([3, 32, 16, 2], layers.ReLU))
    d = keras.Sequential(_stack([2, 32, 16, 1], layers.ReLU))
    zeros, ones = (np.full([128, 1], v, np.float32) for v in (0, 1))

    def z(size: int) -> np.ndarray:
        return _RNG.standard_normal((size, 3), np.float32)

    def d_step() -> float:
        on_real = d.train_on_batch(points[_RNG.integers(len(points), size=128)], ones)
        return on_real + d.train_on_batch(_predict(g, z(128), tuned), zeros)

    g_labels = np.ones([256, 1], np.float32)
    pair = optimizers.Adam(1e-3), optimizers.Adam(1e-3)
    return _contender(g, d, pair, d_step, lambda: (z(256), g_labels), True, NOTE[tuned])


def dcgan(tuned: bool) -> works.Contender:
    """The upsampling DCGAN."""

    def convolution(channels: int) -> layers.Layer:
        return layers.Conv2D(channels, 5, padding="same", activation="tanh")

    g = keras.Sequential([
        keras.Input([256]), layers.Dense(3200, activation="tanh"), layers.Reshape([5, 5, 128]),
        layers.UpSampling2D(2), convolution(64),
        layers.UpSampling2D(2), convolution(32),
        layers.UpSampling2D(2), convolution(16),
        layers.Flatten(), layers.Dense(784, activation="tanh"),
    ])  # fmt: skip
    d = keras.Sequential([
        keras.Input([784]), layers.Reshape([28, 28, 1]), convolution(64),
        layers.MaxPooling2D(2), layers.Flatten(), layers.Dense(1),
    ])  # fmt: skip
    return _image_gan(g, d, 64, tuned)


WORKS = {"simple": simple, "circle": circle, "dcgan": dcgan}
