"""What the steps consume: a phase's draws, turned into tensors.

Real examples, whole, lie in one constant a field; a call's steps see the entries that
`draws.order` names. Random numbers are drawn for all steps of a call at once, outside what XLA
compiles, for under XLA the generators give other numbers.
"""

import math

import numpy as np
import tensorflow as tf

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import draws
from ganflow.nn.draws import Random, Real

Order = dict[str, tf.Tensor]  # by domain: int32 [steps, batches, n], entries of the data set


class Feed:
    """The batch of every step, as a function of (seed, step)."""

    def __init__(self, schedule: Schedule, dataset: data.Dataset, batch_size: int, seed: int):
        """Put the fields that are used where TensorFlow can take from them.

        Args:
          schedule: a model's.
          dataset: real examples.
          batch_size: examples in a batch, over all replicas.
          seed: the run's.

        Raises:
          InputError: the model needs a field that the data set has not.
        """
        self.schedule, self.phases = schedule, schedule.phases
        self.batch_size, self.seed = batch_size, seed
        used = dict.fromkeys(real.field for phase in self.phases for real in phase.reals())
        if missing := [field for field in used if field not in dataset.fields]:
            raise InputError(
                f"--dataset={dataset.name}: has no field {missing[0]}, which the model needs; it "
                f"has {', '.join(dataset.fields)}"
            )
        self._fields = {field: tf.constant(dataset.fields[field]) for field in used}
        self._domain = {field: dataset.domain(field) for field in used}
        self._size = {self._domain[field]: dataset.size(field) for field in used}
        self._example_bytes = {field: dataset.fields[field][0].nbytes for field in used}

    # ------------------------------------------------------------ how much

    def batches(self, phase: Phase) -> dict[str, int]:
        """How many batches of each domain a step of a phase consumes."""
        in_a_repeat: dict[str, int] = {}
        for real in phase.reals():
            domain = self._domain[real.field]
            in_a_repeat[domain] = max(in_a_repeat.get(domain, 0), real.batch + 1)
        return {domain: count * phase.repeats for domain, count in in_a_repeat.items()}

    def consumed(self, step: int) -> dict[str, int]:
        """Examples of each domain that the first `step` steps have seen."""
        seen = dict.fromkeys(self._size, 0)
        for phase, steps in zip(self.phases, self.schedule.steps_of_each(step), strict=True):
            for domain, count in self.batches(phase).items():
                seen[domain] += steps * count * self.batch_size
        return seen

    def epochs(self, step: int) -> float:
        """How often the first `step` steps have gone through the (first) domain."""
        domain, size = next(iter(self._size.items()), ("", 1))
        return self.consumed(step).get(domain, 0) / size

    def steps_of(self, epochs: int) -> int:
        """The steps that so many epochs take: the last one ends at or after their end."""
        if not self._size:
            raise InputError(f"--epochs={epochs}: the model sees no real examples; give --steps")
        low, high = 0, 1
        while self.epochs(high) < epochs:
            low, high = high, 2 * high
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (middle, high) if self.epochs(middle) < epochs else (low, middle)
        return high if epochs else 0

    def bytes_a_step(self, phase: Phase) -> int:
        """Of all that a step of a phase consumes."""
        of_real = sum(self._example_bytes[real.field] for real in phase.reals())
        numbers = sum(
            draw.times * math.prod(draw.shape)
            for _, _, draw in phase.draws()
            if isinstance(draw, Random)
        )
        return self.batch_size * (of_real + 4 * numbers)

    # ------------------------------------------------------------ what

    def order(self, step: int, count: int) -> Order:
        """The real examples of `count` steps from `step` on, all of one phase."""
        number, left = self.schedule.at(step)
        if count > left:
            raise ValueError(f"{count} steps from step {step} on, and its phase has {left} left")
        seen, found = self.consumed(step), {}
        for domain, batches in self.batches(self.phases[number]).items():
            shape = (count, batches, self.batch_size)
            index = draws.order(self._size[domain], self.seed, seen[domain], math.prod(shape))
            found[domain] = index.reshape(shape)
        return found

    def draw(self, number: int, step: tf.Tensor | int, order: Order, count: tf.Tensor | int):
        """What `count` steps of a phase from `step` on consume: each [count, n, ...], by name.

        Args:
          number: of the phase.
          step: the first of the steps.
          order: theirs.
          count: as many as `order` has.
        """
        phase, drawn = self.phases[number], {}
        in_a_repeat = {d: count // phase.repeats for d, count in self.batches(phase).items()}
        for name, place, draw in phase.draws():
            if isinstance(draw, Real):
                domain = self._domain[draw.field]
                batch = draw.batch + (place or 0) * in_a_repeat[domain]
                value = tf.gather(self._fields[draw.field], order[domain][:, batch])
            else:
                stream = f"{number}/{name}" + ("" if place is None else f"/{place}")
                value = draws.random(draw, stream, self.seed, step, count, self.batch_size)
            if place is None:
                drawn[name] = value
            else:
                drawn.setdefault(name, []).append(value)
        return drawn

    def batch_of(self, step: int) -> Batch:
        """What the step after `step` steps consumes, as its updates take it."""
        number, _ = self.schedule.at(step)
        return one_step(self.draw(number, step, self.order(step, 1), 1), 0)


def one_step(drawn: dict, i: tf.Tensor | int) -> Batch:
    """The batch of step number `i` of those drawn."""
    return tf.nest.map_structure(lambda value: data.decoded(value[i]), drawn)


def padded(drawn: dict, steps: int) -> dict:
    """The same with zeros after the last step: XLA compiles for one number of steps alone."""

    def pad(value):
        missing = steps - tf.shape(value)[0]
        value = tf.pad(value, [[0, missing]] + [[0, 0]] * (len(value.shape) - 1))
        value.set_shape([steps, *value.shape[1:]])
        return value

    return tf.nest.map_structure(pad, drawn)


def order_spec(order: Order) -> dict[str, tf.TensorSpec]:
    """The signature of such orders of any number of steps."""
    return {
        domain: tf.TensorSpec([None, *np.shape(index)[1:]], tf.int32)
        for domain, index in order.items()
    }
