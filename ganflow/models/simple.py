"""The hand-built dense GAN of document 004, section "Simple GAN with TensorFlow".

    d_loss = -mean(log D(x) + log(1 - D(G(z))))        SGD, learning rate .01
    g_loss = -mean(log D(G(z)))                        Adam, learning rate 1e-5

    python bin/train.py --model=simple --dataset=mnist --data_dir=DIR --workdir=runs/simple

The two steps see the same images as the document's but fresh z each, as its program does. G has
1,526,288 parameters and D 201,217; the weights are `w_0000`, `b_0000`, ... in both.

Expected: at the document's rates G learns slowly. After 50 epochs (27,500 steps of 100 images of
MNIST, five minutes on two cores) there are clean ones and sevens among broken strokes; the document
itself finds better shapes at epoch 350. After 185 epochs most samples are digits.

Deviations: none in networks, losses, optimizers or batches. Losses are computed from logits, which
is the same function without log 0. Dropout: the document's TF1 call *keeps* .7, so the rate is .3.
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
    slope: float = option(0.2, "leaky ReLU's slope below 0", minimum=0, maximum=1)
    dropout_rate: float = option(0.3, "share of D's units dropped", minimum=0, maximum=0.99)
    d_learning_rate: float = option(0.01, "SGD's learning rate, for D", minimum=0)
    g_learning_rate: float = option(1e-5, "Adam's learning rate, for G", minimum=0)


def dense_weights(rng: np.random.Generator, sizes: tuple[int, ...]) -> Weights:
    """Glorot-uniform matrices and zero biases, numbered as the document numbers them."""
    weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights[f"w_{i:04d}"] = layers.glorot_uniform(rng, [n_in, n_out], f"w_{i:04d}")
        weights[f"b_{i:04d}"] = layers.zeros([n_out], f"b_{i:04d}")
    return weights


def generator(weights: Weights, z: tf.Tensor, slope: float) -> tf.Tensor:
    """z [n, 256] -> pixels in (-1, 1), [n, 784]."""
    layer, last = z, len(weights) // 2 - 1
    for i in range(last):
        layer = layers.linear(layer, weights[f"w_{i:04d}"], weights[f"b_{i:04d}"])
        layer = layers.leaky_relu(layer, slope)  # [n, 256], [n, 512], [n, 1024]
    logit = layers.linear(layer, weights[f"w_{last:04d}"], weights[f"b_{last:04d}"])
    return layers.tanh(logit)  # [n, 784]


def discriminator(
    weights: Weights, x: tf.Tensor, us: list[tf.Tensor], slope: float, dropout_rate: float
) -> tf.Tensor:
    """x [n, 784] -> logit [n, 1]; `us` are the dropouts' numbers, one [n, units] a hidden layer."""
    layer, last = x, len(weights) // 2 - 1
    for i in range(last):
        layer = layers.linear(layer, weights[f"w_{i:04d}"], weights[f"b_{i:04d}"])
        layer = layers.leaky_relu(layer, slope)  # [n, 256]
        layer = layers.dropout(layer, us[i], dropout_rate)
    return layers.linear(layer, weights[f"w_{last:04d}"], weights[f"b_{last:04d}"])  # [n, 1]


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    scores_are_logits = True

    def __init__(self, config: Config, x_shape: tuple[int, ...], rng: np.random.Generator):
        super().__init__()
        if len(x_shape) != 3:
            raise ValueError(
                f"simple trains on images, for tanh ends at -1 and 1, not on {x_shape}"
            )
        self.config, self.x_shape = config, x_shape
        x_size = math.prod(x_shape)  # 28 * 28 * 1 = 784
        self.g = dense_weights(rng, (config.z_size, *config.g_hidden, x_size))
        self.d = dense_weights(rng, (x_size, *config.d_hidden, 1))

        self.g_variables = optim.variables(self.g)
        self.d_variables = optim.variables(self.d)
        self.d_optimizer = optim.sgd(config.d_learning_rate, self.d_variables)
        self.g_optimizer = optim.adam(config.g_learning_rate, self.g_variables)

    def latent(self) -> Uniform:
        """What `sample` is given."""
        return Uniform([self.config.z_size])

    def batches(self) -> list[dict]:
        """What a step consumes; fresh dropout for each pass of D, whose `u` are in [0, 1]."""
        batch = {"x": Real(), "z_d": self.latent(), "z_g": self.latent()}
        for i, units in enumerate(self.config.d_hidden):
            for of in ("real", "fake", "g"):
                batch[f"u_{of}_{i}"] = Uniform([units], low=0.0)
        return [batch]

    def d_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """D on x and on G(z_d)."""
        (batch,) = batches
        x = layers.flatten(batch["x"])  # [n, 784]
        fake = self._generate(batch["z_d"])  # [n, 784]; outside the tape: D's step moves D alone
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = self._discriminate(x, batch, "real")  # [n, 1]
            fake_logits = self._discriminate(fake, batch, "fake")  # [n, 1]
            d_loss = losses.minimax_d_loss(real_logits, fake_logits)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        d_gradients = optim.update(self.d_optimizer, d_gradients, self.d_variables)
        return {
            "d_loss": d_loss,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
            "d_gradient": d_gradients,
        }

    def g_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """G on G(z_g), other z than D's step saw."""
        (batch,) = batches
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = self._generate(batch["z_g"])  # [n, 784]
            g_loss = losses.non_saturating_g_loss(self._discriminate(fake, batch, "g"))
        g_gradients = tape.gradient(g_loss, self.g_variables)
        g_gradients = optim.update(self.g_optimizer, g_gradients, self.g_variables)
        return {"g_loss": g_loss, "g_gradient": g_gradients}

    def train_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """One D step, then one G step."""
        return self.d_step(batches) | self.g_step(batches)

    def sample(self, z: tf.Tensor) -> tf.Tensor:
        """z [n, 256] -> images in [-1, 1], [n, 28, 28, 1]."""
        return tf.reshape(self._generate(z), [-1, *self.x_shape])

    def score(self, x: tf.Tensor) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> D's logit without dropout, [n, 1]."""
        us = [tf.ones([1, units]) for units in self.config.d_hidden]
        return discriminator(self.d, layers.flatten(x), us, self.config.slope, dropout_rate=0.0)

    def g_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """G's loss on these fake images."""
        return losses.non_saturating_g_loss(self.score(fake))

    def networks(self) -> dict:
        """Each network's weights, and a call on one example for its table."""
        z, x = tf.zeros([1, self.config.z_size]), tf.zeros([1, math.prod(self.x_shape)])
        us = [tf.ones([1, units]) for units in self.config.d_hidden]
        slope, rate = self.config.slope, self.config.dropout_rate
        return {
            "generator": (self.g, lambda: generator(self.g, z, slope)),
            "discriminator": (self.d, lambda: discriminator(self.d, x, us, slope, rate)),
        }

    def _generate(self, z):
        return generator(self.g, z, self.config.slope)

    def _discriminate(self, x, batch, of):
        us = [batch[f"u_{of}_{i}"] for i in range(len(self.config.d_hidden))]
        return discriminator(self.d, x, us, self.config.slope, self.config.dropout_rate)
