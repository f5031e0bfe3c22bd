"""One update of a schedule, compiled by itself."""

import tensorflow as tf

from ganflow.interface import schedule
from ganflow.nn import optimizers


class Update:
    """One update of a schedule, compiled.

    Attributes:
      trained: ids of the variables in the lists of its optimizers; known once it has run.
    """

    def __init__(self, update: schedule.Update, weight_names: dict[int, str]):
        """Wrap a bound method of the Gan; `weight_names` are those of `gans.weight_names`."""
        self.name = update.__name__
        self.trained: set[int] = set()
        self._update, self._weight_names = update, weight_names
        self._call = tf.function(self._once, autograph=False)

    def __call__(self, batch: schedule.Batch) -> tuple[dict[str, tf.Tensor], dict[str, dict]]:
        """Do it: its scalars, and {label: {"generator/w_0": the gradient's norm}}."""
        scalars, norms = self._call(batch)
        return scalars, {
            label: {weight: float(norm) for weight, norm in of.items()}
            for label, of in norms.items()
        }

    def _once(self, batch):
        with optimizers.recorded_updates() as rows:
            scalars = self._update(batch)
        norms = {}
        for row in rows:  # of several under one label the last one counts
            trained = row.optimizer.trained
            self.trained.update(map(id, trained))
            norms[row.label] = {
                self._weight_names[id(v)]: tf.norm(gradient)
                for v, gradient in zip(trained, row.gradients, strict=True)
            }
        return scalars, norms
