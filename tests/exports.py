"""What the tests of exports share: models of random weights, and a case for each word."""

import dataclasses

import numpy as np
import tensorflow as tf
from cases import build, dataset_of

from ganflow.export import tracing
from ganflow.export.program import Program, Weights


def random_model(name: str) -> tuple[tf.Module, dict]:
    """A small model of which no two weights are alike, and a manifest whose data set is gone.

    Moving statistics too are as of a training; weights that were drawn for one would be 0 and 1.
    """
    gan, rng = build(name), np.random.default_rng(1)
    for weights in gan.networks.values():
        for key, variable in weights.items():
            value = rng.normal(0.0, 0.5, variable.shape)
            variable.assign(0.5 + np.abs(value) if "variance" in key else value)
    about = dataset_of(name).about()
    options = {"data_dir": "/nowhere"}
    fields = dataclasses.asdict(about)
    config = {"dataset": "npy"}
    manifest = {"model": name, "step": 7, "config": config, "options": options, "fields": fields}
    return gan, manifest


def arrays(**shapes: tuple[int, ...]) -> dict[str, np.ndarray]:
    """Random numbers above 0, so that each has a logarithm and a root, and not around 1."""
    rng = np.random.default_rng(2)
    return {k: rng.uniform(0.2, 3.0, shape).astype(np.float32) for k, shape in shapes.items()}


_IMAGES, _ROWS = arrays(x=(1, 6, 6, 4)), arrays(x=(3, 4), y=(3, 4))
_SIGNED = {name: value - 1.5 for name, value in _ROWS.items()}
_IDS = {"i": np.array([2, 0, 3], np.int32)}
_KERNEL = tf.constant(np.random.default_rng(3).normal(0, 1, [3, 3, 4, 5]), tf.float32)
_BACK = tf.constant(np.random.default_rng(4).normal(0, 1, [4, 4, 5, 4]), tf.float32)
_MATRIX = tf.constant(np.random.default_rng(5).normal(0, 1, [4, 5]), tf.float32)
_EXPLICIT = [[0, 0], [1, 1], [1, 1], [0, 0]]


def _plain(function, given=_SIGNED):
    return given, lambda g: function(g["x"])


def _both(function):
    return _SIGNED, lambda g: function(g["x"], g["y"])


# A function that needs the word, and what it is given.
WORDS = {
    "abs": _plain(tf.abs),
    "add": _both(tf.add),
    "average_pool": (_IMAGES, lambda g: tf.nn.avg_pool2d(g["x"], 2, 2, "VALID")),
    "cast": _plain(lambda x: tf.cast(x > 0.0, tf.float32)),
    "concat": _both(lambda x, y: tf.concat([x, y, x], axis=-1)),
    "conv": (_IMAGES, lambda g: tf.nn.conv2d(g["x"], _KERNEL, 2, "SAME")),
    "deconv": (
        _IMAGES,
        lambda g: tf.nn.conv2d_transpose(g["x"], _BACK, [1, 12, 12, 5], 2, "SAME"),
    ),
    "depth_to_space": (_IMAGES, lambda g: tf.nn.depth_to_space(g["x"], 2)),
    "div": (_ROWS, lambda g: g["x"] / g["y"]),
    "einsum": (_IMAGES, lambda g: tf.einsum("nhwc,hk->nkwc", g["x"], tf.ones([6, 9]))),
    "elu": _plain(tf.nn.elu),
    "exp": _plain(tf.exp),
    "gather": (_IDS, lambda g: tf.gather(_MATRIX, g["i"])),
    "greater": _both(lambda x, y: tf.where(x > y, x, y)),
    "greater_equal": _both(lambda x, y: tf.cast(x >= y, tf.float32)),
    "leaky_relu": _plain(lambda x: tf.nn.leaky_relu(x, 0.3)),
    "log": _plain(tf.math.log, _ROWS),
    "matmul": _plain(lambda x: tf.matmul(x, _MATRIX)),
    "matmul, transposed": _both(lambda x, y: tf.matmul(x, y, transpose_b=True)),
    "max": _plain(lambda x: tf.reduce_max(x, axis=1)),
    "max_pool": (_IMAGES, lambda g: tf.nn.max_pool2d(g["x"], 2, 2, "SAME")),
    "maximum": _both(tf.maximum),
    "mean": (_IMAGES, lambda g: tf.reduce_mean(g["x"], [1, 2], keepdims=True)),
    "minimum": _both(tf.minimum),
    "mirror_pad": (_IMAGES, lambda g: tf.pad(g["x"], _EXPLICIT, "REFLECT")),
    "mul": _both(tf.multiply),
    "neg": _plain(tf.negative),
    "one_hot": (_IDS, lambda g: tf.one_hot(g["i"], 5, 0.9, 0.1)),
    "pad": (_IMAGES, lambda g: tf.pad(g["x"], _EXPLICIT, constant_values=0.5)),
    "relu": _plain(tf.nn.relu),
    "reshape": _plain(lambda x: tf.reshape(x, [2, -1, 3])),
    "resize_bilinear": (_IMAGES, lambda g: tf.image.resize(g["x"], [9, 12])),
    "resize_nearest": (_IMAGES, lambda g: tf.image.resize(g["x"], [9, 12], "nearest")),
    "rsqrt": _plain(tf.math.rsqrt, _ROWS),
    "selu": _plain(tf.nn.selu),
    "sigmoid": _plain(tf.sigmoid),
    "slice": _plain(lambda x: tf.split(x, 2, axis=-1)[1]),
    "softmax": _plain(tf.nn.softmax),
    "softplus": _plain(tf.nn.softplus),
    "sqrt": _plain(tf.sqrt, _ROWS),
    "square": _plain(tf.square),
    "stack": _both(lambda x, y: tf.stack([x, y], axis=1)),
    "sub": _plain(lambda x: 1.0 - x),
    "sum": _plain(lambda x: tf.reduce_sum(x, axis=0)),
    "tanh": _plain(tf.tanh),
    "tile": _plain(lambda x: tf.tile(x, [1, 3])),
    "transpose": _plain(tf.transpose),
    "where": _both(lambda x, y: tf.where(x > 0.0, y, 0.5)),
    # The same words with settings of their own.
    "slice, of maps": (_IMAGES, lambda g: g["x"][:, 1:-1, 2:4]),
    "slice, without an axis": (_IMAGES, lambda g: g["x"][:, 1:5, ..., 2]),
    "reshape, by a new axis": (_ROWS, lambda g: g["x"][:, None, ..., None]),
    "conv, explicit": (_IMAGES, lambda g: tf.nn.conv2d(g["x"], _KERNEL, 1, _EXPLICIT)),
    "deconv, explicit": (
        _IMAGES,
        lambda g: tf.nn.conv2d_transpose(g["x"], _BACK, [1, 12, 12, 5], 2, _EXPLICIT),
    ),
    "sum, of integers": (_IDS, lambda g: tf.reduce_sum(tf.cast(g["i"] > 0, tf.float32))),
}


@dataclasses.dataclass(frozen=True)
class Said:
    """A word's case: the program, its constants, what it is given, what TensorFlow makes of it."""

    program: Program
    weights: Weights
    given: dict[str, np.ndarray]
    wanted: np.ndarray


def said(case: str) -> Said:
    """The program of a case of `WORDS`."""
    given, function = WORDS[case]
    tensors, weights = {name: tf.constant(value) for name, value in given.items()}, Weights()
    program = tracing.trace(function, tensors, {}, weights)
    return Said(program, weights, given, function(tensors).numpy())
