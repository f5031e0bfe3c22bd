"""The dense GAN of document 004 as its Keras section trains it: the same networks, another recipe.

    D's loss: the mean over one batch of [x, G(z)] of -(t log D + (1 - t) log(1 - D)),
              t = .9 on x, .1 on G(z)
    G's loss: -mean(log D(G(z)))

    ganflow-train --model=simple_keras --data_dir=DIR --workdir=runs/simple_keras

Leaky ReLU's slope is .3, the default of that day's Keras; SGD with learning rate .01 for D, Adam
with 1e-5 for G, batch 100; the loop runs one epoch more than its 400. G has 1,526,288 parameters
and D 201,217. The text also recommends labels at random, in [.8, 1] for real and in [0, .3] for
fake images: `--random_labels`. Each of its best practices has a flag that switches it off;
docs/practices.md measures them.

Expected: see docs/results.md.

Deviations: none; Adam's epsilon is the 1e-8 of Keras 2.0.9, which the document's program ran on. No
mixes examples, so the two halves of D's batch go through D one after the other, and the mean over
both is half the sum of the two means.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Real, Uniform
from ganflow.nn.initializers import dense_weights
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist_55000", "the data set")
    batch_size: int = option(100, "real images in a step", minimum=1)
    steps: int = option(220_550, "total steps; the document's 401 epochs of 550", minimum=0)
    summary_every: int = option(1_000, "steps between summaries", minimum=1)
    z_size: int = option(256, "components of z, each U(-1, 1)", minimum=1)
    g_hidden: tuple[int, ...] = option((256, 512, 1024), "units of G's hidden layers", minimum=1)
    d_hidden: tuple[int, ...] = option((256,), "units of D's hidden layers", minimum=1)
    slope: float = option(0.3, "leaky ReLU's slope below 0", minimum=0, maximum=1)
    dropout_rate: float = option(0.3, "share of D's units dropped", minimum=0, maximum=0.99)
    real_label: float = option(0.9, "D's target on real images", minimum=0, maximum=1)
    fake_label: float = option(0.1, "D's target on fake images", minimum=0, maximum=1)
    random_labels: bool = option(False, "labels U(.8, 1) and U(0, .3) instead of those two")
    g_output: str = option("tanh", "after G's last layer", choices=("tanh", "linear"))
    d_optimizer: str = option("sgd", "which moves D", choices=("sgd", "adam"))
    d_learning_rate: float = option(0.01, "learning rate of D's optimizer", minimum=0)
    g_learning_rate: float = option(1e-5, "Adam's learning rate, for G", minimum=0)


def generator(weights: Weights, z: tf.Tensor, slope: float, output: str) -> tf.Tensor:
    """z [n, 256] -> pixels in (-1, 1), [n, 784]; without tanh, any numbers."""
    x, last = z, len(weights) // 2 - 1
    for i in range(last):
        x = layers.linear(x, weights[f"w_{i}"], weights[f"b_{i}"])
        x = layers.leaky_relu(x, slope)  # [n, 256], [n, 512], [n, 1024]
    x = layers.linear(x, weights[f"w_{last}"], weights[f"b_{last}"])  # [n, 784]
    return layers.tanh(x) if output == "tanh" else x


def discriminator(
    weights: Weights, x: tf.Tensor, us: list[tf.Tensor], slope: float, dropout_rate: float
) -> tf.Tensor:
    """x [n, 784] -> logit [n, 1]; the document's sigmoid is in the loss.

    `us` are the dropouts' numbers in [0, 1], one [n, units] a hidden layer.
    """
    last = len(weights) // 2 - 1
    for i in range(last):
        x = layers.linear(x, weights[f"w_{i}"], weights[f"b_{i}"])
        x = layers.leaky_relu(x, slope)  # [n, 256]
        x = layers.dropout(x, us[i], dropout_rate)
    return layers.linear(x, weights[f"w_{last}"], weights[f"b_{last}"])  # [n, 1]


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.image_shape = config, fields.image_shape("x")
        x_size = math.prod(self.image_shape)  # 28 * 28 * 1 = 784
        self.g = dense_weights(rng, (config.z_size, *config.g_hidden, x_size))
        self.d = dense_weights(rng, (x_size, *config.d_hidden, 1))
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        make_for_d = {"sgd": optimizers.SGD, "adam": optimizers.Adam}[config.d_optimizer]
        self.d_optimizer = make_for_d(config.d_learning_rate, self.d_variables)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables)
        self.z = Uniform([config.z_size])

    def schedule(self) -> Schedule:
        """D, then G; fresh z and fresh dropout for each pass of D, whose `u` are in [0, 1]."""
        inputs = {"x": Real("x"), "z_d": self.z, "z_g": self.z}
        for of in ("real", "fake", "g"):
            for i, units in enumerate(self.config.d_hidden):
                inputs[f"u_{of}_{i}"] = Uniform([units], low=0.0)
        if self.config.random_labels:
            inputs["label_real"] = Uniform([1], low=0.8, high=1.0)
            inputs["label_fake"] = Uniform([1], low=0.0, high=0.3)
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on one batch of [x, G(z_d)]."""
        fake = self._generate(batch["z_d"])  # [n, 784]
        real_label = batch.get("label_real", self.config.real_label)  # [n, 1], or .9 for all
        fake_label = batch.get("label_fake", self.config.fake_label)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = self._discriminate(layers.flatten(batch["x"]), batch, "real")  # [n, 1]
            fake_logits = self._discriminate(fake, batch, "fake")  # [n, 1]
            real_loss = losses.binary_cross_entropy(real_logits, real_label)
            fake_loss = losses.binary_cross_entropy(fake_logits, fake_label)
            d_loss = 0.5 * (real_loss + fake_loss)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on G(z_g) with label 1."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = self._generate(batch["z_g"])  # [n, 784]
            g_loss = losses.binary_cross_entropy(self._discriminate(fake, batch, "g"), 1.0)
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z; D's logit."""
        return [Sampler("", {"z": self.z}, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 256] -> images in [-1, 1], [n, 28, 28, 1]; linear output is cut off there."""
        pixels = tf.clip_by_value(self._generate(given["z"]), -1.0, 1.0)
        return tf.reshape(pixels, [-1, *self.image_shape])

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> D's logit without dropout, [n]."""
        none = [tf.ones([1, units]) for units in self.config.d_hidden]
        return discriminator(self.d, layers.flatten(x), none, self.config.slope, 0.0)[:, 0]

    def _generate(self, z):
        return generator(self.g, z, self.config.slope, self.config.g_output)

    def _discriminate(self, x, batch, of):
        us = [batch[f"u_{of}_{i}"] for i in range(len(self.config.d_hidden))]
        return discriminator(self.d, x, us, self.config.slope, self.config.dropout_rate)
