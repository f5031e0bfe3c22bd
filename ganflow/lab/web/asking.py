"""What an update would do now: its batch, the passes through its networks, losses, gradients.

The update itself is asked, with optimizers that only record, and whatever else it moves is put
back, all in one compiled call: so what is shown is the model's own, and no bit has moved.
"""

import dataclasses
from typing import Any

import numpy as np
import tensorflow as tf

from ganflow.interface import gans, wiring
from ganflow.interface.schedule import Batch
from ganflow.lab.stepping import Lab
from ganflow.nn import layers, optimizers
from ganflow.nn.layers import LayerRow

_SHOWN = 256  # examples of what came out of a pass
_NEAR = 40  # operations between a layer with weights and the layers without that follow it


@dataclasses.dataclass(frozen=True, eq=False)
class Answer:
    """What the update would do with the batch that comes next.

    Attributes:
      batch: what it consumes, by name.
      passes: (network, what came out of it, at most 256 examples) in the order in which they ran.
      scalars: what it reports.
      gradients: by (the label that the update gave, "generator/w_0"); of several under one label
        the last.
    """

    batch: Batch
    passes: list[tuple[str, np.ndarray]]
    scalars: dict[str, float]
    gradients: dict[tuple[str, str], np.ndarray]


class Question:
    """One update of a lab, to be asked."""

    def __init__(self, lab: Lab, name: str):
        self._lab, self.name = lab, name
        self._names = gans.weight_names(lab.gan)
        self._networks: list[str] = []  # of the passes, as they were traced
        self._call = tf.function(self._asked, autograph=False)

    def ask(self) -> Answer:
        """Ask it; nothing moves."""
        batch = self._lab.batches([self.name], self._lab.step)[self.name]
        scalars, gradients, outputs = self._call(batch)
        shown = [(n, x.numpy()) for n, x in zip(self._networks, outputs, strict=True)]
        numbers = {name: float(value) for name, value in scalars.items()}
        return Answer(batch, shown, numbers, {key: g.numpy() for key, g in gradients.items()})

    def _asked(self, batch: Batch) -> Any:
        gan = self._lab.gan
        before = [tf.identity(v) for v in gan.variables]  # a pool of images, moving statistics
        with layers.recorded_layers() as ran, optimizers.recorded_updates(only=True) as applied:
            scalars = self._lab.schedule.updates[self.name](batch)
        gradients = {
            (row.label, self._names[id(v)]): tf.identity(gradient)
            for row in applied
            for v, gradient in zip(row.optimizer.trained, row.gradients, strict=True)
        }
        passes = passes_of(gan, ran)
        self._networks = [network for network, _ in passes]
        outputs = [tf.identity(output[:_SHOWN]) for _, output in passes]
        scalars = {name: tf.identity(value) for name, value in scalars.items()}
        for v, value in zip(gan.variables, before, strict=True):
            v.assign(value)
        return scalars, gradients, outputs


def passes_of(gan: tf.Module, rows: list[LayerRow]) -> list[tuple[str, tf.Tensor]]:
    """(Network, what came out of it) of every pass, with the layers without weights at its end."""
    found = []
    for network, of_pass in wiring.passes(gan, rows):
        last = of_pass[-1]
        output = last.output
        place = next(i for i, row in enumerate(rows) if row is last)
        for row in rows[place + 1 :]:
            if row.variables or not _leads_to(row.output, output):
                break
            output = row.output
        found.append((network, output))
    return found


def _leads_to(tensor: tf.Tensor, source: tf.Tensor) -> bool:
    """Whether a tensor of a graph was made from another one, a few operations before it."""
    waiting, walked = [tensor], 0
    while waiting and walked < _NEAR:
        one = waiting.pop(0)
        if one is source:
            return True
        walked += 1
        waiting += list(one.op.inputs)
    return False
