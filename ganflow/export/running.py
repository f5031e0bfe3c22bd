"""A program carried out with TensorFlow: what each word does. `page/words.js` is its twin."""

from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from ganflow.export.program import Program

_Settings = Mapping

# (inputs, settings) -> output.
WORDS: dict[str, Callable[[list[tf.Tensor], _Settings], tf.Tensor]] = {
    "abs": lambda i, s: tf.abs(i[0]),
    "add": lambda i, s: i[0] + i[1],
    "average_pool": lambda i, s: tf.nn.avg_pool2d(i[0], s["size"], s["strides"], s["pad"].upper()),
    "cast": lambda i, s: tf.cast(i[0], s["to"]),
    "concat": lambda i, s: tf.concat(i, s["axis"]),
    "conv": lambda i, s: tf.nn.conv2d(i[0], i[1], s["strides"], _pad(s)),
    "deconv": lambda i, s: tf.nn.conv2d_transpose(i[0], i[1], s["shape"], s["strides"], _pad(s)),
    "depth_to_space": lambda i, s: tf.nn.depth_to_space(i[0], s["size"]),
    "div": lambda i, s: i[0] / i[1],
    "einsum": lambda i, s: tf.einsum(s["equation"], *i),
    "elu": lambda i, s: tf.nn.elu(i[0]),
    "exp": lambda i, s: tf.exp(i[0]),
    "gather": lambda i, s: tf.gather(i[0], i[1], axis=s["axis"]),
    "greater": lambda i, s: i[0] > i[1],
    "greater_equal": lambda i, s: i[0] >= i[1],
    "leaky_relu": lambda i, s: tf.nn.leaky_relu(i[0], s["slope"]),
    "log": lambda i, s: tf.math.log(i[0]),
    "matmul": lambda i, s: tf.matmul(i[0], i[1], *s.get("transpose", ())),
    "max": lambda i, s: tf.reduce_max(i[0], s["axes"], s["keep"]),
    "max_pool": lambda i, s: tf.nn.max_pool2d(i[0], s["size"], s["strides"], s["pad"].upper()),
    "maximum": lambda i, s: tf.maximum(i[0], i[1]),
    "mean": lambda i, s: tf.reduce_mean(i[0], s["axes"], s["keep"]),
    "minimum": lambda i, s: tf.minimum(i[0], i[1]),
    "mirror_pad": lambda i, s: tf.pad(i[0], s["pads"], s["mode"].upper()),
    "mul": lambda i, s: i[0] * i[1],
    "neg": lambda i, s: -i[0],
    "one_hot": lambda i, s: tf.one_hot(i[0], s["depth"], s["on"], s["off"]),
    "pad": lambda i, s: tf.pad(i[0], s["pads"], constant_values=s["value"]),
    "relu": lambda i, s: tf.nn.relu(i[0]),
    "reshape": lambda i, s: tf.reshape(i[0], s["shape"]),
    "resize_bilinear": lambda i, s: tf.raw_ops.ResizeBilinear(
        images=i[0], size=s["size"], half_pixel_centers=s["half"]
    ),
    "resize_nearest": lambda i, s: tf.raw_ops.ResizeNearestNeighbor(
        images=i[0], size=s["size"], half_pixel_centers=s["half"]
    ),
    "rsqrt": lambda i, s: tf.math.rsqrt(i[0]),
    "selu": lambda i, s: tf.nn.selu(i[0]),
    "sigmoid": lambda i, s: tf.sigmoid(i[0]),
    "slice": lambda i, s: tf.slice(i[0], s["begin"], s["size"]),
    "softmax": lambda i, s: tf.nn.softmax(i[0]),
    "softplus": lambda i, s: tf.nn.softplus(i[0]),
    "sqrt": lambda i, s: tf.sqrt(i[0]),
    "square": lambda i, s: tf.square(i[0]),
    "stack": lambda i, s: tf.stack(i, s["axis"]),
    "sub": lambda i, s: i[0] - i[1],
    "sum": lambda i, s: tf.reduce_sum(i[0], s["axes"], s["keep"]),
    "tanh": lambda i, s: tf.tanh(i[0]),
    "tile": lambda i, s: tf.tile(i[0], s["times"]),
    "transpose": lambda i, s: tf.transpose(i[0], s["axes"]),
    "where": lambda i, s: tf.where(i[0], i[1], i[2]),
}


def run(
    program: Program, weights: Mapping[str, np.ndarray], given: Mapping[str, np.ndarray]
) -> np.ndarray:
    """What comes out.

    Args:
      program: with its inputs' shapes.
      weights: its constants by name.
      given: its inputs by name.

    Raises:
      KeyError: a word, a weight or an input that is not there.
      ValueError: a step gives another shape than the program says.
    """
    values = {name: tf.constant(value) for name, value in given.items()}
    for step in program.steps:
        inputs = [_value(name, values, weights) for name in step.inputs]
        made = WORDS[step.word](inputs, step.settings)
        if tuple(made.shape) != step.shape:
            raise ValueError(f"{step.output} is {tuple(made.shape)}, expected {step.shape}")
        values[step.output] = made
    return values[program.output].numpy()


def _value(name, values, weights):
    if not isinstance(name, str):
        return name
    return values[name] if name in values else tf.constant(weights[name])


def _pad(settings: _Settings):
    pad = settings["pad"]
    return pad.upper() if isinstance(pad, str) else pad
