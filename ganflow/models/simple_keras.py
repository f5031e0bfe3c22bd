"""The dense GAN of document 004 as its Keras section trains it: the same networks, another recipe.

    D's loss: the mean over one batch of [x, G(z)] of -(t log D + (1 - t) log(1 - D)),
              t = .9 on x, .1 on G(z)
    G's loss: -mean(log D(G(z)))

    python bin/train.py --model=simple_keras --data_dir=DIR --workdir=runs/simple_keras

Leaky ReLU's slope is .3, the default of that day's Keras; SGD with learning rate .01 for D, Adam
with 1e-5 for G, batch 100, 400 epochs. G has 1,526,288 parameters and D 201,217. The text also
recommends labels at random, in [.8, 1] for real and in [0, .3] for fake images: `--random_labels`.
Each of its best practices has a flag that switches it off; docs/practices.md measures them.

Expected: see the README's table.

Deviations: none. No layer mixes examples, so the two halves of D's batch go through D one after
the other, and the mean over both is half the sum of the two means.
"""

import dataclasses
import math
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ganflow import layers, losses, optim
from ganflow.config import option
from ganflow.draws import Real, Uniform
from ganflow.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(100, "real images in a step", minimum=1)
    steps: int = option(220_000, "total steps; the document's 400 epochs of 550", minimum=0)
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


def dense_weights(rng: np.random.Generator, sizes: tuple[int, ...]) -> Weights:
    """Glorot-uniform matrices and zero biases: Keras's defaults."""
    weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights[f"w_{i}"] = layers.glorot_uniform(rng, [n_in, n_out], f"w_{i}")
        weights[f"b_{i}"] = layers.zeros([n_out], f"b_{i}")
    return weights


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

    scores_are_logits = True

    def __init__(self, config: Config, x_shape: tuple[int, ...], rng: np.random.Generator):
        super().__init__()
        if len(x_shape) != 3:
            raise ValueError(
                f"simple_keras trains on images, for tanh ends at -1 and 1, not on {x_shape}"
            )
        self.config, self.x_shape = config, x_shape
        x_size = math.prod(x_shape)  # 28 * 28 * 1 = 784
        self.g = dense_weights(rng, (config.z_size, *config.g_hidden, x_size))
        self.d = dense_weights(rng, (x_size, *config.d_hidden, 1))

        self.g_variables = optim.variables(self.g)
        self.d_variables = optim.variables(self.d)
        if config.d_optimizer == "sgd":
            self.d_optimizer = optim.sgd(config.d_learning_rate, self.d_variables)
        else:
            self.d_optimizer = optim.adam(config.d_learning_rate, self.d_variables, epsilon=1e-7)
        # Keras's Adam has epsilon 1e-7.
        self.g_optimizer = optim.adam(config.g_learning_rate, self.g_variables, epsilon=1e-7)

    def latent(self) -> Uniform:
        """What `sample` is given."""
        return Uniform([self.config.z_size])

    def batches(self) -> list[dict]:
        """What a step consumes; fresh dropout for each pass of D, whose `u` are in [0, 1]."""
        batch = {"x": Real(), "z_d": self.latent(), "z_g": self.latent()}
        for i, units in enumerate(self.config.d_hidden):
            for of in ("real", "fake", "g"):
                batch[f"u_{of}_{i}"] = Uniform([units], low=0.0)
        if self.config.random_labels:
            batch["label_real"] = Uniform([1], low=0.8, high=1.0)
            batch["label_fake"] = Uniform([1], low=0.0, high=0.3)
        return [batch]

    def d_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """D on one batch of [x, G(z_d)]."""
        (batch,) = batches
        x = layers.flatten(batch["x"])  # [n, 784]
        fake = self._generate(batch["z_d"])  # [n, 784]
        real_label = batch.get("label_real", self.config.real_label)  # [n, 1], or .9 for all
        fake_label = batch.get("label_fake", self.config.fake_label)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = self._discriminate(x, batch, "real")  # [n, 1]
            fake_logits = self._discriminate(fake, batch, "fake")  # [n, 1]
            real_loss = losses.binary_cross_entropy(real_logits, real_label)
            fake_loss = losses.binary_cross_entropy(fake_logits, fake_label)
            d_loss = 0.5 * (real_loss + fake_loss)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        d_gradients = optim.update(self.d_optimizer, d_gradients, self.d_variables)
        return {
            "d_loss": d_loss,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
            "d_gradient": d_gradients,
        }

    def g_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """G on G(z_g) with label 1."""
        (batch,) = batches
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = self._generate(batch["z_g"])  # [n, 784]
            g_loss = losses.binary_cross_entropy(self._discriminate(fake, batch, "g"), 1.0)
        g_gradients = tape.gradient(g_loss, self.g_variables)
        g_gradients = optim.update(self.g_optimizer, g_gradients, self.g_variables)
        return {"g_loss": g_loss, "g_gradient": g_gradients}

    def train_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """One D step, then one G step."""
        return self.d_step(batches) | self.g_step(batches)

    def sample(self, z: tf.Tensor) -> tf.Tensor:
        """z [n, 256] -> images in [-1, 1], [n, 28, 28, 1]; linear output is cut off there."""
        pixels = tf.clip_by_value(self._generate(z), -1.0, 1.0)
        return tf.reshape(pixels, [-1, *self.x_shape])

    def score(self, x: tf.Tensor) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> D's logit without dropout, [n, 1]."""
        us = [tf.ones([1, units]) for units in self.config.d_hidden]
        return discriminator(self.d, layers.flatten(x), us, self.config.slope, dropout_rate=0.0)

    def g_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """G's loss on these fake images."""
        return losses.binary_cross_entropy(self.score(fake), 1.0)

    def networks(self) -> dict:
        """Each network's weights, and a call on one example for its table."""
        z, x = tf.zeros([1, self.config.z_size]), tf.zeros([1, math.prod(self.x_shape)])
        us = [tf.ones([1, units]) for units in self.config.d_hidden]
        slope, rate = self.config.slope, self.config.dropout_rate
        return {
            "generator": (self.g, lambda: self._generate(z)),
            "discriminator": (self.d, lambda: discriminator(self.d, x, us, slope, rate)),
        }

    def _generate(self, z):
        return generator(self.g, z, self.config.slope, self.config.g_output)

    def _discriminate(self, x, batch, of):
        us = [batch[f"u_{of}_{i}"] for i in range(len(self.config.d_hidden))]
        return discriminator(self.d, x, us, self.config.slope, self.config.dropout_rate)
