"""The convolutional GAN of document 004, section "DCGAN": upsampling, not transposed convolutions.

    D's loss: -mean(.9 log D(x) + .1 log(1 - D(x))) / 2 - mean(.1 log D(G(z)) + .9 log(1 - ...)) / 2
    G's loss: -mean(log D(G(z)))

    ganflow-train --model=dcgan_upsampling --data_dir=DIR --workdir=runs/dcgan_upsampling

Of G's 21,162,496 parameters 20,071,184 are in its last dense layer, 25,600 x 784; D has 14,209. SGD
with learning rate .01 for D, Adam with 1e-5 for G, batch 100; the loop runs one epoch more than its
400.

Expected: the document finds good digits from epoch 100 on; on two cores an epoch takes minutes, so
see docs/results.md for what was measured.

Deviations: none; Adam's epsilon is the 1e-8 of Keras 2.0.9. D's loss is a mean over one batch of
[real, fake], which is half the sum of the two means; no layer mixes examples, so the two halves are
passed through D one after the other.
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
from ganflow.nn.initializers import glorot_uniform, zeros
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist_55000", "the data set")
    batch_size: int = option(100, "real images in a step", minimum=1)
    steps: int = option(220_550, "total steps; the document's 401 epochs of 550", minimum=0)
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
        "g_in_w": glorot_uniform(rng, [config.z_size, 5 * 5 * first], "g_in_w"),
        "g_in_b": zeros([5 * 5 * first], "g_in_b"),
    }
    n_in = first
    for i, n_out in enumerate(others):
        weights[f"g_{i}_w"] = glorot_uniform(rng, [5, 5, n_in, n_out], f"g_{i}_w")
        weights[f"g_{i}_b"] = zeros([n_out], f"g_{i}_b")
        n_in = n_out
    flat = (5 * 2 ** len(others)) ** 2 * n_in  # 40 * 40 * 16 = 25,600
    weights["g_out_w"] = glorot_uniform(rng, [flat, x_size], "g_out_w")
    weights["g_out_b"] = zeros([x_size], "g_out_b")
    return weights


def discriminator_weights(
    config: Config, x_shape: tuple[int, ...], rng: np.random.Generator
) -> Weights:
    """Named as the document's layers: d_0, d_out."""
    height, width, channels = x_shape
    flat = (height // 2) * (width // 2) * config.d_maps  # 14 * 14 * 64 = 12,544
    return {
        "d_0_w": glorot_uniform(rng, [5, 5, channels, config.d_maps], "d_0_w"),
        "d_0_b": zeros([config.d_maps], "d_0_b"),
        "d_out_w": glorot_uniform(rng, [flat, 1], "d_out_w"),
        "d_out_b": zeros([1], "d_out_b"),
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

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.image_shape = config, fields.image_shape("x")
        if min(self.image_shape[:2]) < 2:
            raise ValueError(f"trains on images of 2x2 or larger, not on {self.image_shape}")
        self.g = generator_weights(config, math.prod(self.image_shape), rng)
        self.d = discriminator_weights(config, self.image_shape, rng)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        self.d_optimizer = optimizers.SGD(config.d_learning_rate, self.d_variables)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables)
        self.z = Uniform([config.z_size])

    def schedule(self) -> Schedule:
        """D, then G, on fresh z each."""
        inputs = {"x": Real("x"), "z_d": self.z, "z_g": self.z}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on x with label .9 and on G(z_d) with label .1."""
        fake = self.generate({"z": batch["z_d"]})  # [n, 28, 28, 1]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = discriminator(self.d, batch["x"])  # [n, 1]
            fake_logits = discriminator(self.d, fake)  # [n, 1]
            real_loss = losses.binary_cross_entropy(real_logits, self.config.real_label)
            fake_loss = losses.binary_cross_entropy(fake_logits, self.config.fake_label)
            d_loss = 0.5 * (real_loss + fake_loss)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on G(z_g), other z than D's step saw; D shall call its images real."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = self.generate({"z": batch["z_g"]})  # [n, 28, 28, 1]
            g_loss = losses.binary_cross_entropy(discriminator(self.d, fake), 1.0)
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z; D's logit."""
        return [Sampler("", {"z": self.z}, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 256] -> images in [-1, 1], [n, 28, 28, 1]."""
        return tf.reshape(generator(self.g, given["z"]), [-1, *self.image_shape])

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> D's logit, [n]."""
        return discriminator(self.d, x)[:, 0]
