"""Two pairs of networks with shared layers (as CoGAN has them), on images of two domains.

    d_loss = minimax loss of D_a on a and G_a(z) + that of D_b on b and G_b(z)
    g_loss = non-saturating loss of both, on one z

The generators share their first layer, the discriminators their last: the same Variable stands in
two dicts.
"""

import dataclasses
import math

import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Normal, Real
from ganflow.nn.initializers import dense_weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("npz", "the data set")
    batch_size: int = option(4, "images of each domain in a step", minimum=1)
    steps: int = option(20, "total steps", minimum=0)
    summary_every: int = option(5, "steps between summaries", minimum=1)
    z_size: int = option(3, "components of z, each N(0, 1)", minimum=1)
    learning_rate: float = option(0.01, "Adam's, for both", minimum=0)


def generator(weights, z):
    """z [n, 3] -> pixels in (-1, 1), [n, 64]."""
    hidden = layers.relu(layers.linear(z, weights["w_0"], weights["b_0"]))  # [n, 8]
    return layers.tanh(layers.linear(hidden, weights["w_1"], weights["b_1"]))


def discriminator(weights, x):
    """Pixels [n, 64] -> logit [n, 1]."""
    hidden = layers.leaky_relu(layers.linear(x, weights["w_0"], weights["b_0"]))  # [n, 6]
    return layers.linear(hidden, weights["w_1"], weights["b_1"])


class Gan(tf.Module):
    """Four networks, two optimizers."""

    def __init__(self, config, fields, rng):
        super().__init__()
        self.config, self.shape = config, fields.image_shape("a")
        size = math.prod(self.shape)
        g_sizes, d_sizes = (config.z_size, 8, size), (size, 6, 1)
        self.g_a, self.g_b = dense_weights(rng, g_sizes), dense_weights(rng, g_sizes)
        self.d_a, self.d_b = dense_weights(rng, d_sizes), dense_weights(rng, d_sizes)
        self.share()
        self.networks = {
            "generator_a": self.g_a,
            "generator_b": self.g_b,
            "discriminator_a": self.d_a,
            "discriminator_b": self.d_b,
        }
        self.g_variables = optimizers.variables(self.g_a, self.g_b)
        self.d_variables = optimizers.variables(self.d_a, self.d_b)
        self.g_optimizer = optimizers.Adam(config.learning_rate, self.g_variables)
        self.d_optimizer = optimizers.Adam(config.learning_rate, self.d_variables)
        self.z = Normal([config.z_size])

    def share(self):
        """The first layer of the generators, the last one of the discriminators."""
        self.g_b = {**self.g_b, "w_0": self.g_a["w_0"], "b_0": self.g_a["b_0"]}
        self.d_b = {**self.d_b, "w_1": self.d_a["w_1"], "b_1": self.d_a["b_1"]}

    def schedule(self):
        """One z for the pair."""
        inputs = {"a": Real("a"), "b": Real("b"), "z_d": self.z, "z_g": self.z}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch):
        """Both discriminators."""
        fakes = generator(self.g_a, batch["z_d"]), generator(self.g_b, batch["z_d"])
        reals = layers.flatten(batch["a"]), layers.flatten(batch["b"])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            d_loss = sum(
                losses.minimax_d_loss(discriminator(d, real), discriminator(d, fake))
                for d, real, fake in zip((self.d_a, self.d_b), reals, fakes, strict=True)
            )
        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        return {"d_loss": d_loss}

    def g_step(self, batch):
        """Both generators."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            g_loss = sum(
                losses.non_saturating_g_loss(discriminator(d, generator(g, batch["z_g"])))
                for g, d in ((self.g_a, self.d_a), (self.g_b, self.d_b))
            )
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        return {"g_loss": g_loss}

    def samplers(self):
        """One a domain, both given the same z."""
        return [self._sampler("a", self.g_a, self.d_a), self._sampler("b", self.g_b, self.d_b)]

    def _sampler(self, domain, g, d):
        def generate(given):
            return tf.reshape(generator(g, given["z"]), [-1, *self.shape])

        def score(x, given):
            return discriminator(d, layers.flatten(x))[:, 0]

        return Sampler(domain, {"z": self.z}, generate, score, against=domain)
