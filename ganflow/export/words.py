"""The words of programs: which of TensorFlow's operations each stands for, and its settings.

`running` says what a word does with TensorFlow and `page/words.js` with TensorFlow.js; a test holds
the three together. Shapes are fixed, so whatever only reads or changes a shape is "reshape".
"""

import dataclasses
import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf


class UnknownOperationError(Exception):
    """An operation for which there is no word; the text names it."""


@dataclasses.dataclass(frozen=True)
class Said:
    """A step before its output has a name.

    Attributes:
      word, settings: as in a `program.Step`.
      inputs: which of the operation's.
      then: a second step, on the output of this one.
      shape: of what this one gives, where there is a second.
    """

    word: str
    inputs: Sequence[int]
    settings: dict[str, Any] = dataclasses.field(default_factory=dict)
    then: "Said | None" = None
    shape: Sequence[int] = ()


# Operations whose word needs no settings.
_PLAIN = {
    "Abs": "abs",
    "Add": "add",
    "AddV2": "add",
    "BiasAdd": "add",
    "Elu": "elu",
    "Exp": "exp",
    "Greater": "greater",
    "GreaterEqual": "greater_equal",
    "Log": "log",
    "Maximum": "maximum",
    "Minimum": "minimum",
    "Mul": "mul",
    "Neg": "neg",
    "RealDiv": "div",
    "Relu": "relu",
    "Rsqrt": "rsqrt",
    "SelectV2": "where",
    "Selu": "selu",
    "Sigmoid": "sigmoid",
    "Softplus": "softplus",
    "Sqrt": "sqrt",
    "Square": "square",
    "Sub": "sub",
    "Tanh": "tanh",
}
_RESHAPES = ("Reshape", "ExpandDims", "Squeeze")
_REDUCTIONS = {"Mean": "mean", "Sum": "sum", "Max": "max"}
_POOLS = {"MaxPool": "max_pool", "AvgPool": "average_pool"}
_RESIZES = {"ResizeNearestNeighbor": "resize_nearest", "ResizeBilinear": "resize_bilinear"}
_MASKS = ("begin", "end", "ellipsis", "new_axis", "shrink_axis")  # of a strided slice


def say(op: tf.Operation, constants: Sequence[np.ndarray | None]) -> list[Said]:
    """An operation in words, one for each of its outputs.

    Args:
      op: of a graph whose shapes are known.
      constants: its inputs' values where they are known, else None.

    Raises:
      UnknownOperationError: there is no word for it, or not with these settings.
    """
    if op.type in _PLAIN:
        _need_channels_last(op)
        return [Said(_PLAIN[op.type], range(len(op.inputs)))]
    if op.type in _RESHAPES:
        return [Said("reshape", [0], {"shape": op.outputs[0].shape.as_list()})]
    if op.type in _REDUCTIONS:
        settings = {"axes": _ints(op, constants, 1), "keep": op.get_attr("keep_dims")}
        return [Said(_REDUCTIONS[op.type], [0], settings)]
    if op.type in _POOLS:
        _need_channels_last(op)
        size, strides = op.get_attr("ksize"), op.get_attr("strides")
        settings = {"size": size[1:3], "strides": strides[1:3], "pad": _pad(op)}
        return [Said(_POOLS[op.type], [0], settings)]
    if op.type in _RESIZES:
        if op.get_attr("align_corners"):
            raise UnknownOperationError(f"{op.type} with align_corners")
        settings = {"size": _ints(op, constants, 1), "half": op.get_attr("half_pixel_centers")}
        return [Said(_RESIZES[op.type], [0], settings)]
    if op.type not in _SAID:
        raise UnknownOperationError(op.type)
    said = _SAID[op.type](op, constants)
    return said if isinstance(said, list) else [said]


def _conv(op, constants) -> Said:
    _need_channels_last(op)
    if list(op.get_attr("dilations")) != [1, 1, 1, 1]:
        raise UnknownOperationError(f"{op.type} with dilations")
    settings: dict[str, Any] = {"strides": list(op.get_attr("strides"))[1:3], "pad": _pad(op)}
    if op.type == "Conv2D":
        return Said("conv", [0, 1], settings)
    settings["shape"] = op.outputs[0].shape.as_list()
    return Said("deconv", [2, 1], settings)


def _split(op, constants) -> list[Said]:
    """A slice for each part, one beside the other."""
    axis = _ints(op, constants, 0)[0] % len(op.outputs[0].shape)
    size = op.outputs[0].shape.as_list()
    parts = range(len(op.outputs))
    starts = [[size[axis] * i * (a == axis) for a in range(len(size))] for i in parts]
    return [Said("slice", [1], {"begin": begin, "size": size}) for begin in starts]


def _strided_slice(op, constants) -> Said:
    """A block of x and its shape: x[:, 1:3], x[:, newaxis], x[..., 0]."""
    begin, end, strides = (_ints(op, constants, i) for i in (1, 2, 3))
    masks = {name: op.get_attr(f"{name}_mask") for name in _MASKS}

    def place(i: int):
        """What stood at place i of the brackets."""
        told = {name for name, mask in masks.items() if mask >> i & 1}
        if "ellipsis" in told:
            return ...
        if "new_axis" in told:
            return None
        if "shrink_axis" in told:
            return begin[i]
        first, last = "begin" not in told, "end" not in told
        return slice(begin[i] if first else None, end[i] if last else None, strides[i])

    index = tuple(place(i) for i in range(len(begin)))
    before, shape = op.inputs[0].shape.as_list(), op.outputs[0].shape.as_list()
    places = np.arange(math.prod(before)).reshape(before)[index]
    first, last = (np.unravel_index(places.flat[i], before) for i in (0, -1))
    size = [int(b - a) + 1 for a, b in zip(first, last, strict=True)]
    if math.prod(size) != places.size or min(size) < 1:
        raise UnknownOperationError("StridedSlice with strides")
    reshaped = Said("reshape", [0], {"shape": shape})
    if size == before:
        return reshaped
    block = {"begin": [int(a) for a in first], "size": size}
    return Said("slice", [0], block, shape=size, then=None if size == shape else reshaped)


def _one_hot(op, constants) -> Said:
    if op.get_attr("axis") != -1:
        raise UnknownOperationError("OneHot along another axis than the last")
    depth, on, off = (_known(op, constants, i) for i in (1, 2, 3))
    return Said("one_hot", [0], {"depth": int(depth), "on": float(on), "off": float(off)})


def _gather(op, constants) -> Said:
    if op.get_attr("batch_dims"):
        raise UnknownOperationError(f"{op.type} with batch_dims")
    axis = 0 if op.type == "ResourceGather" else _ints(op, constants, 2)[0]
    return Said("gather", [0, 1], {"axis": axis})


def _padded(op, constants) -> Said:
    pads = _known(op, constants, 1).tolist()
    if op.type == "MirrorPad":
        return Said("mirror_pad", [0], {"pads": pads, "mode": op.get_attr("mode").decode().lower()})
    value = float(_known(op, constants, 2)) if op.type == "PadV2" else 0.0
    return Said("pad", [0], {"pads": pads, "value": value})


def _matmul(op, constants) -> Said:
    a, b = (op.get_attr(name) for name in ("transpose_a", "transpose_b"))
    return Said("matmul", [0, 1], {"transpose": [a, b]} if a or b else {})


def _concat(op, constants) -> Said:
    axis = _ints(op, constants, len(op.inputs) - 1)[0] % len(op.outputs[0].shape)
    return Said("concat", range(len(op.inputs) - 1), {"axis": axis})


def _cast(op, constants) -> Said:
    if op.outputs[0].dtype not in (tf.float32, tf.int32):
        raise UnknownOperationError(f"Cast to {op.outputs[0].dtype.name}")
    return Said("cast", [0], {"to": op.outputs[0].dtype.name})


def _einsum(op, constants) -> Said:
    equation = op.get_attr("equation").decode()
    return Said("einsum", range(len(op.inputs)), {"equation": equation})


_SAID: dict[str, Callable[..., Said | list[Said]]] = {
    "Cast": _cast,
    "ConcatV2": _concat,
    "Conv2D": _conv,
    "Conv2DBackpropInput": _conv,
    "DepthToSpace": lambda op, _: Said("depth_to_space", [0], {"size": op.get_attr("block_size")}),
    "Einsum": _einsum,
    "GatherV2": _gather,
    "LeakyRelu": lambda op, _: Said("leaky_relu", [0], {"slope": round(op.get_attr("alpha"), 7)}),
    "MatMul": _matmul,
    "MirrorPad": _padded,
    "OneHot": _one_hot,
    "Pack": lambda op, _: Said("stack", range(len(op.inputs)), {"axis": op.get_attr("axis")}),
    "Pad": _padded,
    "PadV2": _padded,
    "ResourceGather": _gather,
    "Softmax": lambda op, _: Said("softmax", [0]),
    "Split": _split,
    "StridedSlice": _strided_slice,
    "Tile": lambda op, constants: Said("tile", [0], {"times": _ints(op, constants, 1)}),
    "Transpose": lambda op, constants: Said("transpose", [0], {"axes": _ints(op, constants, 1)}),
}


def _known(op: tf.Operation, constants: Sequence[np.ndarray | None], i: int) -> np.ndarray:
    """The value of input i.

    Raises:
      UnknownOperationError: it depends on the sample.
    """
    value = constants[i]
    if value is None:
        raise UnknownOperationError(f"{op.type} whose settings depend on the sample")
    return value


def _ints(op, constants, i) -> list[int]:
    return [int(v) for v in _known(op, constants, i).reshape(-1)]


def _pad(op) -> str | list[list[int]]:
    """ "same", "valid", or pixels of zeros on each side: [[0, 0], [1, 1], [1, 1], [0, 0]]."""
    padding = op.get_attr("padding").decode()
    if padding != "EXPLICIT":
        return padding.lower()
    pixels = list(op.get_attr("explicit_paddings"))
    return [pixels[i : i + 2] for i in range(0, 8, 2)]


def _need_channels_last(op) -> None:
    if "data_format" in op.node_def.attr and op.get_attr("data_format") != b"NHWC":
        raise UnknownOperationError(f"{op.type} with channels first")
