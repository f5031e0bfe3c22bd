"""Points on a circle: the GAN of document 003.

    D's loss, twice a step: -mean(log D(x)), then -mean(log(1 - D(G(z))))
    G's loss:               -mean(log D(G(z)))

    python bin/train.py --model=circle --workdir=runs/circle

A step is two D updates, on 128 real points and then on 128 fake ones, and one G update on 256 z,
all by Adam with learning rate 1e-3; D's two updates share one Adam. 10,000 steps. G has 690
parameters and D 641. In two dimensions everything can be seen, and a step costs some
microseconds, so that whatever surrounds it is what one measures.

Expected: see the README's table, which gives the mean radius and the share of samples near the
circle.

Deviations: the document's program moves G and D by Keras; the numbers are the same (its Adam has
epsilon 1e-7, so has this one). Real points are drawn without replacement, epoch by epoch.
"""

import dataclasses
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ganflow import layers, losses, optim
from ganflow.config import option
from ganflow.draws import Normal, Real
from ganflow.layers import Weights


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


def dense_weights(rng: np.random.Generator, sizes: tuple[int, ...]) -> Weights:
    """He-uniform matrices before a ReLU, Glorot-uniform before the output, zero biases."""
    weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        last = i == len(sizes) - 2
        make = layers.glorot_uniform if last else layers.he_uniform
        weights[f"w_{i:04d}"] = make(rng, [n_in, n_out], f"w_{i:04d}")
        weights[f"b_{i:04d}"] = layers.zeros([n_out], f"b_{i:04d}")
    return weights


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

    scores_are_logits = True

    def __init__(self, config: Config, x_shape: tuple[int, ...], rng: np.random.Generator):
        super().__init__()
        if len(x_shape) != 1:
            raise ValueError(f"circle trains on points [n, 2], not on images {x_shape}")
        self.config, self.x_shape = config, x_shape
        self.g = dense_weights(rng, (config.z_size, *config.g_hidden, *x_shape))
        self.d = dense_weights(rng, (*x_shape, *config.d_hidden, 1))

        self.g_variables = optim.variables(self.g)
        self.d_variables = optim.variables(self.d)
        adam = {"beta_1": config.beta_1, "epsilon": 1e-7}
        self.d_optimizer = optim.adam(config.d_learning_rate, self.d_variables, **adam)
        self.g_optimizer = optim.adam(config.g_learning_rate, self.g_variables, **adam)

    def latent(self, times: int = 1) -> Normal:
        """What `sample` is given."""
        return Normal([self.config.z_size], times)

    def batches(self) -> list[dict]:
        """What a step consumes: G's update sees twice as many z as D's."""
        return [{"x": Real(), "z_d": self.latent(), "z_g": self.latent(times=2)}]

    def d_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """D on real points, then D on fake points: two updates."""
        (batch,) = batches

        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = discriminator(self.d, batch["x"])  # [128, 1]
            d_loss_real = losses.binary_cross_entropy(real_logits, self.config.real_label)
        d_gradients = tape.gradient(d_loss_real, self.d_variables)
        d_gradients_real = optim.update(self.d_optimizer, d_gradients, self.d_variables)

        fake = generator(self.g, batch["z_d"])  # [128, 2]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            fake_logits = discriminator(self.d, fake)  # [128, 1]
            d_loss_fake = losses.binary_cross_entropy(fake_logits, self.config.fake_label)
        d_gradients = tape.gradient(d_loss_fake, self.d_variables)
        d_gradients_fake = optim.update(self.d_optimizer, d_gradients, self.d_variables)

        return {
            "d_loss": d_loss_real + d_loss_fake,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
            "d_gradient_real": d_gradients_real,
            "d_gradient_fake": d_gradients_fake,
        }

    def g_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """G through D as it now is."""
        (batch,) = batches
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z_g"])  # [256, 2]
            g_loss = losses.binary_cross_entropy(discriminator(self.d, fake), 1.0)
        g_gradients = tape.gradient(g_loss, self.g_variables)
        g_gradients = optim.update(self.g_optimizer, g_gradients, self.g_variables)
        return {"g_loss": g_loss, "g_gradient": g_gradients}

    def train_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """D on real points, D on fake points, then G: three updates."""
        return self.d_step(batches) | self.g_step(batches)

    def sample(self, z: tf.Tensor) -> tf.Tensor:
        """z [n, 3] -> points [n, 2]."""
        return generator(self.g, z)

    def score(self, x: tf.Tensor) -> tf.Tensor:
        """Points [n, 2] -> D's logit [n, 1]."""
        return discriminator(self.d, x)

    def g_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """G's loss on these fake points."""
        return losses.binary_cross_entropy(self.score(fake), 1.0)

    def networks(self) -> dict:
        """Each network's weights, and a call on one example for its table."""
        z, x = tf.zeros([1, self.config.z_size]), tf.zeros([1, *self.x_shape])
        return {
            "generator": (self.g, lambda: generator(self.g, z)),
            "discriminator": (self.d, lambda: discriminator(self.d, x)),
        }
