"""From a function over a model's weights to a program: its graph, walked once, in words.

Whatever does not depend on what is given (shapes, and batch norm's scale from its moving
statistics) is computed here and becomes a constant, so that the program has only the steps that a
sample takes.
"""

import dataclasses
import inspect
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from ganflow.export import words
from ganflow.export.program import Program, Step, Weights

# Their value is their first input's, or is none at all.
_SEEN_THROUGH = ("Identity", "IdentityN", "StopGradient", "PreventGradient", "ReadVariableOp")
_OF_SHAPE_ALONE = ("Shape", "Size", "Rank", "OnesLike", "ZerosLike")


@dataclasses.dataclass(frozen=True)
class _Constant:
    """A value that no sample changes: a weight, with its name; or made of some."""

    value: np.ndarray
    name: str = ""
    weights: tuple[str, ...] = ()


def trace(
    function: Callable[[dict[str, tf.Tensor]], tf.Tensor],
    given: Mapping[str, tf.Tensor],
    names: Mapping[int, str],
    weights: Weights,
) -> Program:
    """What a function computes of what it is given.

    Args:
      function: {"z": [n, 100]} -> [n, ...].
      given: of the shapes and types that the program shall have.
      names: {id of a variable: "generator/w_0"}.
      weights: gets the program's constants.

    Raises:
      words.UnknownOperationError: there is no word for an operation, or a shape is not known.
    """
    specs = {name: tf.TensorSpec(v.shape, v.dtype, name=name) for name, v in given.items()}
    graph = tf.function(function, autograph=False).get_concrete_function(specs).graph
    walk = _Walk(weights)
    captured = {id(inner): outer for outer, inner in graph.captures}
    variables = {id(variable.handle): variable for variable in graph.variables}
    inputs = [tensor for tensor in graph.inputs if id(tensor) not in captured]
    for name, tensor in zip(sorted(specs), inputs, strict=True):  # dicts are flattened by key
        walk.values[id(tensor)] = name
    for inner in graph.inputs:
        if (outer := captured.get(id(inner))) is not None:
            variable = variables.get(id(outer))
            if variable is None:
                walk.values[id(inner)] = _Constant(outer.numpy())
            else:
                name = names.get(id(variable), f"other/{variable.name.partition(':')[0]}")
                walk.values[id(inner)] = _Constant(variable.numpy(), name, (name,))
    wanted = _leading_to(graph.outputs[0].op)
    for op in graph.get_operations():
        if id(op) in wanted and op.type != "Placeholder":
            walk.take(op)
    output = graph.outputs[0]
    last = walk.values[id(output)]
    if isinstance(last, _Constant):
        raise words.UnknownOperationError("an output that depends on nothing that is given")
    shapes = {name: tuple(spec.shape) for name, spec in specs.items()}
    return Program(shapes, tuple(walk.steps), last, tuple(output.shape))


def _leading_to(op: tf.Operation) -> set[int]:
    """The ids of an operation and of all that it depends on."""
    found, waiting = set(), [op]
    while waiting:
        op = waiting.pop()
        if id(op) not in found:
            found.add(id(op))
            waiting += [tensor.op for tensor in op.inputs]
    return found


class _Walk:
    """The steps so far, and what every tensor of the graph is: a constant, or a name."""

    def __init__(self, weights: Weights):
        self.weights = weights
        self.values: dict[int, _Constant | str] = {}
        self.steps: list[Step] = []
        self._counts: dict[str, int] = {}

    def take(self, op: tf.Operation) -> None:
        """One operation, whose inputs have been taken."""
        values = [self.values[id(tensor)] for tensor in op.inputs]
        if op.type in _SEEN_THROUGH:
            for tensor, value in zip(op.outputs, values, strict=True):
                self.values[id(tensor)] = value
        elif op.type in _OF_SHAPE_ALONE and op.inputs[0].shape.is_fully_defined():
            zeros = _Constant(np.zeros(op.inputs[0].shape, op.inputs[0].dtype.as_numpy_dtype))
            self._keep(op, [zeros])
        elif op.op_def.is_stateful and op.type != "ResourceGather":  # another value every time
            raise words.UnknownOperationError(op.type)
        elif all(isinstance(v, _Constant) for v in values) and op.type != "ResourceGather":
            self._keep(op, values)
        elif (same := _same_as(op, values)) is not None:
            self.values[id(op.outputs[0])] = values[same]
        else:
            self._say(op, values)

    def named(self, tensor: tf.Tensor) -> str | float:
        """A tensor as a step's input: a name, or the number that it is."""
        value = self.values[id(tensor)]
        if isinstance(value, str):
            return value
        array = value.value
        if array.dtype == np.bool_:
            raise words.UnknownOperationError(f"{tensor.op.type} of truth values that are constant")
        if array.ndim == 0:
            return array.item()
        return self.weights.name_of(array, value.name or _made_of(value.weights))

    def _keep(self, op, values) -> None:
        """What an operation makes of constants."""
        made_of = tuple(dict.fromkeys(name for value in values for name in value.weights))
        for tensor, value in zip(op.outputs, _computed(op, values), strict=True):
            self.values[id(tensor)] = _Constant(value, weights=made_of)

    def _say(self, op, values) -> None:
        constants = [v.value if isinstance(v, _Constant) else None for v in values]
        for tensor in op.outputs:
            if not tensor.shape.is_fully_defined():
                raise words.UnknownOperationError(f"{op.type} whose size depends on the sample")
        for tensor, said in zip(op.outputs, words.say(op, constants), strict=True):
            inputs = tuple(self.named(op.inputs[i]) for i in said.inputs)
            if said.then is not None:
                inputs, said = (self._add(said, inputs, said.shape),), said.then
            self.values[id(tensor)] = self._add(said, inputs, tensor.shape)

    def _add(self, said: words.Said, inputs: tuple, shape) -> str:
        """A step, whose output's name is returned."""
        self._counts[said.word] = self._counts.get(said.word, 0) + 1
        output = f"{said.word}_{self._counts[said.word]}"
        self.steps.append(Step(said.word, inputs, said.settings, output, tuple(shape)))
        return output


def _made_of(weights: tuple[str, ...]) -> str:
    """A name for it: "from generator/norm_0_mean, norm_0_variance"."""
    told, network = [], None
    for name in weights:
        before, _, own = name.rpartition("/")
        told.append(own if before == network else name)
        network = before
    return f"from {', '.join(told)}" if told else "constant"


def _same_as(op: tf.Operation, values: list) -> int | None:
    """Which input an operation hands on as it is: a product with 1, a choice that is always made.

    Dropout is both, at a rate of 0.
    """

    def is_all(i: int, value: float) -> bool:
        constant = values[i]
        return isinstance(constant, _Constant) and bool(np.all(constant.value == value))

    candidates = []
    if op.type == "Mul":
        candidates = [i for i in (0, 1) if is_all(1 - i, 1.0)]
    elif op.type == "SelectV2":
        candidates = [1] * is_all(0, True) + [2] * is_all(0, False)
    return next((i for i in candidates if op.inputs[i].shape == op.outputs[0].shape), None)


def _computed(op: tf.Operation, values: list[_Constant]) -> list[np.ndarray]:
    """What TensorFlow makes of these inputs, one array an output."""
    if op.type == "Const":
        return [tf.make_ndarray(op.get_attr("value"))]
    function = getattr(tf.raw_ops, op.type, None)
    if function is None:
        raise words.UnknownOperationError(op.type)
    waiting = [value.value for value in values]
    arguments: dict[str, Any] = {}
    for argument in op.op_def.input_arg:
        if argument.number_attr:
            count = op.get_attr(argument.number_attr)
            arguments[argument.name], waiting = waiting[:count], waiting[count:]
        else:
            arguments[argument.name], waiting = waiting[0], waiting[1:]
    for name in inspect.signature(function).parameters:
        if name not in arguments and name != "name":
            arguments[name] = op.get_attr(name)
    made = function(**arguments)
    return [v.numpy() for v in (made if isinstance(made, list | tuple) else [made])]
