"""Two unpaired domains of points, mapped to each other (as DiscoGAN's toy does it), in small.

d_loss = minimax loss of D_b on b and G_ab(a), and that of D_a on a and G_ba(b)
g_loss = non-saturating loss of both + |G_ba(G_ab(a)) - a|^2 + |G_ab(G_ba(b)) - b|^2
"""

import dataclasses

import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Real
from ganflow.nn.initializers import dense_weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("gaussians_5_10", "the data set")
    batch_size: int = option(4, "points of each domain in a step", minimum=1)
    steps: int = option(20, "total steps", minimum=0)
    summary_every: int = option(5, "steps between summaries", minimum=1)
    learning_rate: float = option(0.01, "Adam's, for all", minimum=0)


def dense(weights, x):
    """[n, 2] -> [n, 8] -> points [n, 2], or a logit [n, 1]."""
    hidden = layers.relu(layers.linear(x, weights["w_0"], weights["b_0"]))
    return layers.linear(hidden, weights["w_1"], weights["b_1"])


def squared_distance(x, y):
    """The mean over points [n, 2] of |x - y|^2."""
    return tf.reduce_mean(tf.reduce_sum(tf.square(x - y), axis=1))


class Gan(tf.Module):
    """Four networks, two optimizers."""

    def __init__(self, config, fields, rng):
        super().__init__()
        self.config = config
        (size,) = fields.point_shape("a")
        fields.point_shape("b")
        self.g_ab, self.g_ba = (dense_weights(rng, (size, 8, size)) for _ in "ab")
        self.d_a, self.d_b = (dense_weights(rng, (size, 8, 1)) for _ in "ab")
        self.networks = {"g_ab": self.g_ab, "g_ba": self.g_ba, "d_a": self.d_a, "d_b": self.d_b}
        self.g_variables = optimizers.variables(self.g_ab, self.g_ba)
        self.d_variables = optimizers.variables(self.d_a, self.d_b)
        self.g_optimizer = optimizers.Adam(config.learning_rate, self.g_variables, 0.5)
        self.d_optimizer = optimizers.Adam(config.learning_rate, self.d_variables, 0.5)

    def schedule(self):
        """Both discriminators, then both generators."""
        inputs = {"a": Real("a"), "b": Real("b")}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch):
        """Both discriminators."""
        a, b = batch["a"], batch["b"]
        fake_a, fake_b = dense(self.g_ba, b), dense(self.g_ab, a)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            d_loss = losses.minimax_d_loss(dense(self.d_a, a), dense(self.d_a, fake_a))
            d_loss += losses.minimax_d_loss(dense(self.d_b, b), dense(self.d_b, fake_b))
        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        return {"d_loss": d_loss}

    def g_step(self, batch):
        """Both generators, there and back again."""
        a, b = batch["a"], batch["b"]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake_a, fake_b = dense(self.g_ba, b), dense(self.g_ab, a)
            cycle_loss = squared_distance(dense(self.g_ba, fake_b), a)
            cycle_loss += squared_distance(dense(self.g_ab, fake_a), b)
            g_loss = cycle_loss + self._fooled(self.d_a, fake_a) + self._fooled(self.d_b, fake_b)
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        return {"g_loss": g_loss, "cycle_loss": cycle_loss}

    def _fooled(self, d, fake):
        return losses.non_saturating_g_loss(dense(d, fake))

    def samplers(self):
        """a to b, and b to a; the arrows are of what D says, without the cycle."""
        return [
            self._sampler("a_to_b", "a", self.g_ab, self.d_b, "b"),
            self._sampler("b_to_a", "b", self.g_ba, self.d_a, "a"),
        ]

    def _sampler(self, name, of, g, d, against):
        return Sampler(
            name,
            {of: Real(of)},
            generate=lambda given: dense(g, given[of]),
            score=lambda x, given: dense(d, x)[:, 0],
            against=against,
            g_loss=lambda x: self._fooled(d, x),
        )
