"""What is compiled: many steps of one phase in one call.

The outer `tf.function` draws what the steps consume, an inner one, compiled by XLA where that pays,
loops over them and ends at once when a scalar is no longer finite. A step is traced once: its own
`tf.function` stands inside the loop.
"""

from collections.abc import Sequence

import tensorflow as tf

from ganflow.base import grappler
from ganflow.engine import feed
from ganflow.interface import gans
from ganflow.interface.schedule import Batch
from ganflow.nn import optimizers, replicas


class PhaseCall:
    """The engine's call for one phase.

    Attributes:
      scalar_names: of the scalars that a step returns.
      gradient_names: (label, "generator/w_0") of each gradient that a step applies; a label is the
        update's name with what the optimizer's was given: "d_step", "d_step_real".
      step: the traced step, a concrete function.
    """

    def __init__(self, run, number: int):
        """Trace the step of phase `number` of an `engine.Run` that has all but its calls."""
        self._number, self._feed, self._steps_per_call = number, run.feed, run.steps_per_call
        self._strategy, self._average = run.strategy, run.average
        self._weight_names = gans.weight_names(run.gan)
        phases = self._feed.phases
        self._updates = phases[number].updates
        first = sum(phase.steps for phase in phases[:number])
        batch = self._feed.batch_of(first)
        spec = tf.nest.map_structure(lambda value: tf.TensorSpec(value.shape, value.dtype), batch)
        self.scalar_names: list[str] = []
        self.gradient_names: list[tuple[str, str]] = []
        step = tf.function(self._step, autograph=False)
        self.step = step.get_concrete_function(spec, tf.TensorSpec([], tf.bool))

        grappler.set_up()
        self._loop = tf.function(self._many, jit_compile=run.jit or None, autograph=False)
        order = feed.order_spec(self._feed.order(first, 1))
        self.call = tf.function(
            self._drawn_and_done,
            input_signature=(tf.TensorSpec([], tf.int64), order, tf.TensorSpec([], tf.int32)),
            autograph=False,
        )

    def __call__(self, step: int, count: int) -> Sequence[tf.Tensor]:
        """Do `count` steps.

        Returns:
          (sums of the scalars, the last step's scalars, its gradients' norms, steps done).
        """
        order = self._feed.order(step, count)
        return self.call(tf.constant(step, tf.int64), order, tf.constant(count))

    def _drawn_and_done(self, step, order, count):
        drawn = self._feed.draw(self._number, step, order, count)
        return self._loop(feed.padded(drawn, self._steps_per_call), count)

    def _many(self, drawn, count):
        def finite_so_far(i, sums, last, norms):
            return tf.logical_and(i < count, tf.reduce_all(tf.math.is_finite(sums)))

        def one(i, sums, last, norms):
            batch = feed.one_step(drawn, i)
            last, norms = self.step(batch, tf.equal(i, count - 1))
            return i + 1, sums + last, last, norms

        zeros = tf.zeros(len(self.scalar_names))
        state = (tf.constant(0), zeros, zeros, tf.zeros(len(self.gradient_names)))
        done, sums, last, norms = tf.while_loop(finite_so_far, one, state)
        return sums, last, norms, done

    def _step(self, batch: Batch, is_last: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return replicas.run(self._strategy, lambda share: self._on_replica(share, is_last), batch)

    def _on_replica(self, batch: Batch, is_last: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """A step's updates in their order: its scalars, and its gradients' norms.

        Norms cost a pass over all gradients, and so are taken at a call's last step alone.
        """
        scalars: dict[str, tf.Tensor] = {}
        gradients: dict[tuple[str, str], tf.Tensor] = {}
        for update in self._updates:
            with optimizers.recorded_updates() as applied:
                scalars |= update(batch)
            for row in applied:  # of several under one label the last one counts
                label = update.__name__ + (f"_{row.label}" if row.label else "")
                for v, gradient in zip(row.optimizer.trained, row.gradients, strict=True):
                    gradients[label, self._weight_names[id(v)]] = gradient
        if self._average is not None:
            self._average.update()
        self.scalar_names, self.gradient_names = list(scalars), list(gradients)

        def norms():
            return tf.stack([tf.norm(gradient) for gradient in gradients.values()])

        # A loop of one turn or none: of a condition, XLA works out both branches at every step.
        _, found = tf.while_loop(
            lambda turn, _: tf.logical_and(is_last, turn < 1),
            lambda turn, _: (turn + 1, norms()),
            (tf.constant(0), tf.zeros(len(gradients))),
        )
        return tf.stack(list(scalars.values())), found
