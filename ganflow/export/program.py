"""What a network computes, as a list of steps that one can read, and its weights beside it.

    {"word": "matmul", "inputs": ["z", "generator/w_0000"], "settings": {},
     "output": "matmul_1", "shape": [1, 256]}

A step names a word, what goes in (an input, a weight, an earlier step's output, or a plain number)
and what comes out. There are no loops and no branches: steps are carried out in their order.
"""

import dataclasses
from collections.abc import Mapping

import numpy as np


@dataclasses.dataclass(frozen=True)
class Step:
    """One operation.

    Attributes:
      word: of `words.WORDS`.
      inputs: names, or numbers.
      settings: what else the word needs: {"strides": [2, 2], "pad": "same"}.
      output: the name of what comes out.
      shape: of what comes out.
    """

    word: str
    inputs: tuple[str | float, ...]
    settings: Mapping
    output: str
    shape: tuple[int, ...]


@dataclasses.dataclass(frozen=True)
class Program:
    """Steps from named inputs to one output.

    Attributes:
      inputs: {"z": (1, 256)}, the shapes.
      steps: in their order.
      output: the name of a step's output, or of an input.
      shape: of the output.
    """

    inputs: Mapping[str, tuple[int, ...]]
    steps: tuple[Step, ...]
    output: str
    shape: tuple[int, ...]

    def plain(self) -> dict:
        """As JSON has it."""
        return dataclasses.asdict(self)

    @staticmethod
    def of(plain: Mapping) -> "Program":
        """Of what `plain` gave, also by way of JSON."""
        steps = tuple(
            Step(**step | {"inputs": tuple(step["inputs"]), "shape": tuple(step["shape"])})
            for step in plain["steps"]
        )
        inputs = {name: tuple(shape) for name, shape in plain["inputs"].items()}
        return Program(inputs, steps, plain["output"], tuple(plain["shape"]))


class Weights:
    """The constants of one or several programs by name, each kept once."""

    def __init__(self):
        self.arrays: dict[str, np.ndarray] = {}

    def name_of(self, array: np.ndarray, origin: str) -> str:
        """The name under which an array is kept.

        Args:
          array: of float32 or int32 numbers.
          origin: what it is: "generator/w_0000". Another array of one origin is called
            "generator/w_0000 (2)".
        """
        name, number = origin, 1
        while name in self.arrays:
            kept = self.arrays[name]
            if (kept.dtype, kept.shape) == (array.dtype, array.shape) and np.array_equal(
                kept, array, equal_nan=True
            ):
                return name
            number += 1
            name = f"{origin} ({number})"
        self.arrays[name] = array
        return name
