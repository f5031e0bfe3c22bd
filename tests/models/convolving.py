"""What the tests of the convolutional models share: small models, small images, Keras's layers."""

import types

import keras
import numpy as np
import tensorflow as tf

from ganflow.interface import gans
from ganflow.interface.fields import Fields

L = keras.layers
LABELLED = Fields({"x": (8, 8, 1), "label": ()}, {"label": 10})


def build(module: types.ModuleType, fields: Fields = LABELLED, seed: int = 0, **changes):
    """A model with its own settings but for `changes`."""
    return gans.build(module, module.Config(**changes), fields, seed)


def images(n: int, seed: int = 0, shape=(8, 8, 1)) -> tf.Tensor:
    """Images between -1 and 1, pixels at random."""
    values = np.random.default_rng(seed).uniform(-1, 1, (n, *shape))
    return tf.constant(values, tf.float32)


def noise(n: int, size: int, seed: int = 1) -> tf.Tensor:
    """z ~ U(-1, 1)."""
    values = np.random.default_rng(seed).uniform(-1, 1, (n, size))
    return tf.constant(values, tf.float32)


def values_of(weights) -> dict[str, np.ndarray]:
    """A network's weights as they are now."""
    return {name: v.numpy() for name, v in weights.items()}


def moved(before: dict[str, np.ndarray], weights) -> set[str]:
    """Names of the weights that are no longer what they were, to the bit."""
    return {name for name, v in weights.items() if not np.array_equal(before[name], v.numpy())}


def trainable(weights) -> int:
    """Numbers in the weights that are trained."""
    return sum(v.shape.num_elements() for v in weights.values() if v.trainable)


def randomised(weights, seed: int = 3) -> None:
    """Give gains, shifts and statistics values that show where they are left out."""
    rng = np.random.default_rng(seed)
    for name, v in weights.items():
        if name.endswith(("_gamma", "_variance")):
            v.assign(rng.uniform(0.5, 2, v.shape))
        elif name.endswith(("_beta", "_mean", "_b")):
            v.assign(rng.normal(0, 0.5, v.shape))


def keras_norm(weights, name: str, epsilon: float, rank: int) -> keras.layers.Layer:
    """Keras's batch norm with these gains and shifts (1 and 0 where there are none).

    `rank` is that of its input: 2 for units, 4 for maps.
    """
    units = next(v.shape[-1] for key, v in weights.items() if key.startswith(f"{name}_"))
    layer = L.BatchNormalization(epsilon=epsilon, momentum=0.9)
    layer.build((*[None] * (rank - 1), units))
    fallback = {"gamma": np.ones, "beta": np.zeros, "mean": np.zeros, "variance": np.ones}
    parts = [
        weights[f"{name}_{part}"].numpy() if f"{name}_{part}" in weights else make(units)
        for part, make in fallback.items()
    ]
    layer.set_weights(parts)
    return layer


def with_kernel(layer: keras.layers.Layer, w: tf.Variable, x: tf.Tensor) -> tf.Tensor:
    """What a Keras layer without a bias gives with this kernel."""
    layer.build(x.shape)
    layer.set_weights([w.numpy()])
    return layer(x)


def softplus(x: np.ndarray) -> np.ndarray:
    """log(1 + e^x), in float64."""
    return np.logaddexp(0, np.asarray(x, np.float64))


def minimax(real_logits, fake_logits) -> float:
    """-mean log sigmoid(real) - mean log(1 - sigmoid(fake))."""
    return float(softplus(-np.asarray(real_logits)).mean() + softplus(fake_logits).mean())
