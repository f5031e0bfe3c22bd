"""Points on a circle: the GAN of document 003.

    D's loss, twice a step: -mean(log D(x)), then -mean(log(1 - D(G(z))))
    G's loss:               -mean(log D(G(z)))

    ganflow-train --model=circle --workdir=runs/circle

A step is two D updates, on 128 real points and then on 128 fake ones, and one G update on 256 z,
all by Adam with learning rate 1e-3; D's two updates share one Adam. 10,000 steps. G has 690
parameters and D 641. In two dimensions everything can be seen, and a step costs some microseconds,
so that whatever surrounds it is what one measures.

Expected: see docs/results.md, which gives the mean radius and the share of samples near the circle.

Deviations: real points are drawn without replacement, epoch by epoch. The document's program ran on
Keras 2.7, whose Adam has epsilon 1e-7; so has this one.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Normal, Real
from ganflow.nn.initializers import dense_weights, he_uniform
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("circle", "the data set")
    batch_size: int = option(128, "real points in a step, and fake ones for D", minimum=1)
    steps: int = option(10_000, "total steps", minimum=0)
    summary_every: int = option(1_000, "steps between summaries", minimum=1)
    z_size: int = option(3, "components of z, each N(0, 1)", minimum=1)
    g_hidden: tuple[int, ...] = option((32, 16), "units of G's hidden layers", minimum=1)
    d_hidden: tuple[int, ...] = option((32, 16), "units of D's hidden layers", minimum=1)
    d_learning_rate: float = option(1e-3, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(1e-3, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.9, "decay of Adam's first moments", minimum=0, maximum=0.9999)
    real_label: float = option(1.0, "D's target on real points", minimum=0, maximum=1)
    fake_label: float = option(0.0, "D's target on fake points", minimum=0, maximum=1)


def dense(weights: Weights, layer: tf.Tensor) -> tf.Tensor:
    """ReLU layers and a linear one: [n, in] -> [n, 32], [n, 16], [n, out]."""
    last = len(weights) // 2 - 1
    for i in range(last):
        layer = layers.linear(layer, weights[f"w_{i:04d}"], weights[f"b_{i:04d}"])
        layer = layers.relu(layer)  # [n, 32], [n, 16]
    return layers.linear(layer, weights[f"w_{last:04d}"], weights[f"b_{last:04d}"])  # [n, out]


def generator(weights: Weights, z: tf.Tensor) -> tf.Tensor:
    """z [n, 3] -> points [n, 2]."""
    return dense(weights, z)


def discriminator(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Points [n, 2] -> logit [n, 1]; the document's sigmoid is in the loss."""
    return dense(weights, x)


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config = config
        (x_size,) = fields.point_shape("x")  # 2
        # He-uniform in front of a ReLU, Glorot-uniform in front of the output.
        self.g = dense_weights(rng, (config.z_size, *config.g_hidden, x_size), he_uniform, digits=4)
        self.d = dense_weights(rng, (x_size, *config.d_hidden, 1), he_uniform, digits=4)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        adam = {"beta_1": config.beta_1, "epsilon": 1e-7}
        self.d_optimizer = optimizers.Adam(config.d_learning_rate, self.d_variables, **adam)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, **adam)
        self.z = Normal([config.z_size])

    def schedule(self) -> Schedule:
        """D on real points, D on fake points, then G, which sees twice as many z as D."""
        z_g = Normal([self.config.z_size], times=2)
        inputs = {"x": Real("x"), "z_d": self.z, "z_g": z_g}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on real points, then D on fake points: two updates."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = discriminator(self.d, batch["x"])  # [128, 1]
            d_loss_real = losses.binary_cross_entropy(real_logits, self.config.real_label)
        d_gradients = tape.gradient(d_loss_real, self.d_variables)
        self.d_optimizer.update(d_gradients, "real")

        fake = generator(self.g, batch["z_d"])  # [128, 2]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            fake_logits = discriminator(self.d, fake)  # [128, 1]
            d_loss_fake = losses.binary_cross_entropy(fake_logits, self.config.fake_label)
        d_gradients = tape.gradient(d_loss_fake, self.d_variables)
        self.d_optimizer.update(d_gradients, "fake")

        d_loss = d_loss_real + d_loss_fake
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G through D as it now is."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            g_loss = self.g_loss(generator(self.g, batch["z_g"]))  # of points [256, 2]
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def g_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """G's loss on these fake points."""
        return losses.binary_cross_entropy(discriminator(self.d, fake), 1.0)

    def samplers(self) -> list[Sampler]:
        """G on z; D's logit; G's loss, whose gradients the picture shows."""
        return [Sampler("", {"z": self.z}, self.generate, self.score, g_loss=self.g_loss)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 3] -> points [n, 2]."""
        return generator(self.g, given["z"])

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Points [n, 2] -> D's logit, [n]."""
        return discriminator(self.d, x)[:, 0]
