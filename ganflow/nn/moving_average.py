"""A moving average of weights, beside the weights: average <- decay average + (1 - decay) w.

Samples of the average of G's weights are often better than those of the last step (Yazici et al.
2019, arXiv 1806.04498). The average starts from the first weights.
"""

import contextlib
from collections.abc import Iterator, Sequence

import tensorflow as tf

from ganflow.nn import replicas


class MovingAverage(tf.Module):
    """Averages of named weights, each a variable of its own."""

    def __init__(self, decay: float, weights: Sequence[tuple[str, tf.Variable]]):
        """Args:
        decay: from 0, which is the weights themselves, to below 1.
        weights: (name, variable).
        """
        super().__init__()
        self.decay = decay
        self.weights = [variable for _, variable in weights]
        self.averages = {
            name: tf.Variable(variable, trainable=False, name=f"ema/{name}")
            for name, variable in weights
        }

    def update(self) -> None:
        """One step, inside a training step; the same in every replica."""

        def apply():
            for average, w in zip(self.averages.values(), self.weights, strict=True):
                average, w = replicas.local(average), replicas.local(w)
                average.assign(self.decay * average + (1.0 - self.decay) * w)

        if replicas.count() == 1 and tf.inside_function():
            apply = tf.function(apply, jit_compile=True, autograph=False)  # one pass, not three
        apply()

    @contextlib.contextmanager
    def in_place(self) -> Iterator[None]:
        """Between two steps: the weights are the averages while this is open."""
        weights = [replicas.value_of(w) for w in self.weights]
        try:
            self.put()
            yield
        finally:
            for w, value in zip(self.weights, weights, strict=True):
                w.assign(value)

    def start_again(self) -> None:
        """Between two steps: the averages become the weights as they now are."""
        for w, average in zip(self.weights, self.averages.values(), strict=True):
            average.assign(replicas.value_of(w))

    def put(self) -> None:
        """Between two steps: the weights become the averages for good."""
        for w, average in zip(self.weights, self.averages.values(), strict=True):
            w.assign(replicas.value_of(average))
