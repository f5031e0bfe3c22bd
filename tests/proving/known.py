"""Generators of which everything is known; training moves nothing, for both rates are 0.

matrix    x = z W with orthogonal rows and known singular values, through a layer of ours
joined    x = [z, label as a vector] W
bare      x = tanh(z W), through no layer of ours
uniform   as matrix, z in [-1, 1]
painter   a square in the middle: the ground is white where z_0 > 0, else black; the square is
          blue where z_1 > 0, else red; on `drawings_16`
"""

import dataclasses

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Classes, Normal, Real, Uniform
from ganflow.nn.initializers import dense_weights

Z_SIZE = 6
SINGULAR_VALUES = np.array([0.5, 3.0, 1.0, 2.0, 1.5, 0.75])  # of W's rows, in their order
KINDS = ("matrix", "joined", "bare", "uniform", "painter")


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("digits", "the data set")
    batch_size: int = option(4, "examples in a step", minimum=1)
    steps: int = option(1, "total steps", minimum=0)
    summary_every: int = option(1, "steps between summaries", minimum=1)
    kind: str = option("matrix", "which generator", choices=KINDS)


def rows(size):
    """Orthogonal rows [6, size] of the known lengths."""
    random = np.random.RandomState(0)
    unit = np.linalg.qr(random.standard_normal([size, Z_SIZE]))[0].T
    return (unit * SINGULAR_VALUES[:, np.newaxis]).astype(np.float32)


class Gan(tf.Module):
    """A linear G and a logistic D."""

    def __init__(self, config, fields, rng):
        super().__init__()
        self.config = config
        self.shape = fields.shape("x")
        size = int(np.prod(self.shape))
        start = rows(size)
        if config.kind == "joined":
            start = np.concatenate([start, 5 * rng.standard_normal([10, size])]).astype(np.float32)
        self.g = {"w": tf.Variable(start, name="w")}
        self.d = dense_weights(rng, (size, 1))
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_optimizer = optimizers.SGD(0.0, optimizers.variables(self.g))
        self.d_optimizer = optimizers.SGD(0.0, optimizers.variables(self.d))
        self.z = Uniform([Z_SIZE]) if config.kind == "uniform" else Normal([Z_SIZE])
        self.given = {"z": self.z} | ({"label": Classes(10)} if config.kind == "joined" else {})

    def schedule(self):
        """D, then G."""
        inputs = {"x": Real("x"), **self.given}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch):
        fake = self.generate(batch)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_optimizer.trained)
            d_loss = losses.minimax_d_loss(self.score(batch["x"], {}), self.score(fake, {}))
        self.d_optimizer.update(tape.gradient(d_loss, self.d_optimizer.trained))
        return {"d_loss": d_loss}

    def g_step(self, batch):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_optimizer.trained)
            fake = self.generate(batch)
            g_loss = losses.non_saturating_g_loss(self.score(fake, {}))
            g_loss += 0.0 * tf.reduce_sum(self.g["w"])  # the painter does without
        self.g_optimizer.update(tape.gradient(g_loss, self.g_optimizer.trained))
        return {"g_loss": g_loss}

    def generate(self, given):
        z = given["z"]
        if self.config.kind == "painter":
            return painted(z, self.shape[0])
        if self.config.kind == "bare":
            x = tf.tanh(tf.matmul(z, self.g["w"]))
        elif self.config.kind == "joined":
            x = layers.linear(tf.concat([z, tf.one_hot(given["label"], 10)], 1), self.g["w"])
        else:
            x = layers.linear(z, self.g["w"])
        return tf.reshape(x, [-1, *self.shape])

    def score(self, x, given):
        """Examples -> logits [n]."""
        return layers.linear(layers.flatten(x), self.d["w_0"], self.d["b_0"])[:, 0]

    def samplers(self):
        return [Sampler("", self.given, self.generate, self.score)]


def painted(z, side):
    """z [n, 6] -> drawings [n, side, side, 3] in [-1, 1]."""
    white, blue = (tf.sigmoid(200 * z[:, i])[:, None, None, None] for i in (0, 1))
    place = np.zeros([side, side, 1], np.float32)
    place[5 * side // 16 : 11 * side // 16, 5 * side // 16 : 11 * side // 16] = 1
    ink = 0.75 * (blue * [0.0, 0.0, 1.0] + (1 - blue) * [1.0, 0.0, 0.0])
    return 2 * (place * ink + (1 - place) * white) - 1
