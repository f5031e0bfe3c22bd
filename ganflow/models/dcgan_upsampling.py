"""The convolutional GAN of document 004, section "DCGAN": upsampling, not transposed convolutions.

    D's loss: -mean(.9 log D(x) + .1 log(1 - D(x))) / 2 - mean(.1 log D(G(z)) + .9 log(1 - ...)) / 2
    G's loss: -mean(log D(G(z)))

    python bin/train.py --model=dcgan_upsampling --data_dir=DIR --workdir=runs/dcgan_upsampling

Of G's 21,162,496 parameters 20,071,184 are in its last dense layer, 25,600 x 784; D has 14,209.
SGD with learning rate .01 for D, Adam with 1e-5 for G, batch 100, 400 epochs.

Expected: the document finds good digits from epoch 100 on; on two cores an epoch takes minutes, so
see the README's table for what was measured.

Deviations: none. D's loss is a mean over one batch of [real, fake], which is half the sum of the
two means; no layer mixes examples, so the two halves are passed through D one after the other.
"""

import dataclasses
import math

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
    summary_every: int = option(100, "steps between summaries", minimum=1)
    z_size: int = option(256, "components of z, each U(-1, 1)", minimum=1)
    g_maps: tuple[int, ...] = option((128, 64, 32, 16), "G's maps, from 5x5 on", minimum=1)
    d_maps: int = option(64, "maps of D's convolution", minimum=1)
    real_label: float = option(0.9, "D's target on real images", minimum=0, maximum=1)
    fake_label: float = option(0.1, "D's target on fake images", minimum=0, maximum=1)
    d_learning_rate: float = option(0.01, "SGD's learning rate, for D", minimum=0)
    g_learning_rate: float = option(1e-5, "Adam's learning rate, for G", minimum=0)


def generator_weights(config: Config, x_size: int, rng: np.random.Generator) -> Weights:
    """Named as the document's layers: g_in, g_0, g_1, g_2, g_out."""
    first, *others = config.g_maps
    weights = {
        "g_in_w": layers.glorot_uniform(rng, [config.z_size, 5 * 5 * first], "g_in_w"),
        "g_in_b": layers.zeros([5 * 5 * first], "g_in_b"),
    }
    n_in = first
    for i, n_out in enumerate(others):
        weights[f"g_{i}_w"] = layers.glorot_uniform(rng, [5, 5, n_in, n_out], f"g_{i}_w")
        weights[f"g_{i}_b"] = layers.zeros([n_out], f"g_{i}_b")
        n_in = n_out
    flat = (5 * 2 ** len(others)) ** 2 * n_in  # 40 * 40 * 16 = 25,600
    weights["g_out_w"] = layers.glorot_uniform(rng, [flat, x_size], "g_out_w")
    weights["g_out_b"] = layers.zeros([x_size], "g_out_b")
    return weights


def discriminator_weights(
    config: Config, x_shape: tuple[int, ...], rng: np.random.Generator
) -> Weights:
    """Named as the document's layers: d_0, d_out."""
    height, width, channels = x_shape
    flat = (height // 2) * (width // 2) * config.d_maps  # 14 * 14 * 64 = 12,544
    return {
        "d_0_w": layers.glorot_uniform(rng, [5, 5, channels, config.d_maps], "d_0_w"),
        "d_0_b": layers.zeros([config.d_maps], "d_0_b"),
        "d_out_w": layers.glorot_uniform(rng, [flat, 1], "d_out_w"),
        "d_out_b": layers.zeros([1], "d_out_b"),
    }


def generator(weights: Weights, z: tf.Tensor) -> tf.Tensor:
    """z [n, 256] -> pixels in (-1, 1), [n, 784]."""
    x = layers.linear(z, weights["g_in_w"], weights["g_in_b"])  # [n, 3200]
    x = layers.tanh(x)
    x = layers.reshape(x, [5, 5, x.shape[1] // 25])  # [n, 5, 5, 128]
    for i in range((len(weights) - 4) // 2):
        x = layers.upsample(x)  # [n, 10, 10, 128], [n, 20, 20, 64], [n, 40, 40, 32]
        x = layers.conv(x, weights[f"g_{i}_w"], weights[f"g_{i}_b"])
        x = layers.tanh(x)  # [n, 10, 10, 64], [n, 20, 20, 32], [n, 40, 40, 16]
    x = layers.flatten(x)  # [n, 25600]
    x = layers.linear(x, weights["g_out_w"], weights["g_out_b"])  # [n, 784]
    return layers.tanh(x)


def discriminator(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Images [n, 28, 28, 1] -> logit [n, 1]; the document's sigmoid is in the loss."""
    x = layers.conv(x, weights["d_0_w"], weights["d_0_b"])  # [n, 28, 28, 64]
    x = layers.tanh(x)
    x = layers.max_pool(x)  # [n, 14, 14, 64]
    x = layers.flatten(x)  # [n, 12544]
    return layers.linear(x, weights["d_out_w"], weights["d_out_b"])  # [n, 1]


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    scores_are_logits = True

    def __init__(self, config: Config, x_shape: tuple[int, ...], rng: np.random.Generator):
        super().__init__()
        if len(x_shape) != 3 or min(x_shape[:2]) < 2:
            raise ValueError(f"dcgan_upsampling trains on images, 2x2 or larger, not on {x_shape}")
        self.config, self.x_shape = config, x_shape
        self.g = generator_weights(config, math.prod(x_shape), rng)
        self.d = discriminator_weights(config, x_shape, rng)

        self.g_variables = optim.variables(self.g)
        self.d_variables = optim.variables(self.d)
        self.d_optimizer = optim.sgd(config.d_learning_rate, self.d_variables)
        # The document's Keras of the day set Adam's epsilon to 1e-7.
        self.g_optimizer = optim.adam(config.g_learning_rate, self.g_variables, epsilon=1e-7)

    def latent(self) -> Uniform:
        """What `sample` is given."""
        return Uniform([self.config.z_size])

    def batches(self) -> list[dict]:
        """What a step consumes."""
        return [{"x": Real(), "z_d": self.latent(), "z_g": self.latent()}]

    def d_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """D on x with label .9 and on G(z_d) with label .1."""
        (batch,) = batches
        fake = self.sample(batch["z_d"])  # [n, 28, 28, 1]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = discriminator(self.d, batch["x"])  # [n, 1]
            fake_logits = discriminator(self.d, fake)  # [n, 1]
            real_loss = losses.binary_cross_entropy(real_logits, self.config.real_label)
            fake_loss = losses.binary_cross_entropy(fake_logits, self.config.fake_label)
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
        """G on G(z_g), other z than D's step saw."""
        (batch,) = batches
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            g_loss = self.g_loss(self.sample(batch["z_g"]))
        g_gradients = tape.gradient(g_loss, self.g_variables)
        g_gradients = optim.update(self.g_optimizer, g_gradients, self.g_variables)
        return {"g_loss": g_loss, "g_gradient": g_gradients}

    def train_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """One D step, then one G step."""
        return self.d_step(batches) | self.g_step(batches)

    def sample(self, z: tf.Tensor) -> tf.Tensor:
        """z [n, 256] -> images in [-1, 1], [n, 28, 28, 1]."""
        return tf.reshape(generator(self.g, z), [-1, *self.x_shape])

    def score(self, x: tf.Tensor) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> D's logit [n, 1]."""
        return discriminator(self.d, x)

    def g_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """G's loss on these fake images: D shall call them real."""
        return losses.binary_cross_entropy(self.score(fake), 1.0)

    def networks(self) -> dict:
        """Each network's weights, and a call on one example for its table."""
        z, x = tf.zeros([1, self.config.z_size]), tf.zeros([1, *self.x_shape])
        return {
            "generator": (self.g, lambda: generator(self.g, z)),
            "discriminator": (self.d, lambda: discriminator(self.d, x)),
        }
