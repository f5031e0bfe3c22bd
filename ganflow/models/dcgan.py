"""DCGAN (arXiv 1511.06434) without labels, on images of 28x28.

    D's loss: -mean(log D(x)) - mean(log(1 - D(G(z))))
    G's loss: -mean(log D(G(z)))

    ganflow-train --model=dcgan --data_dir=DIR --workdir=runs/dcgan

The paper's guidelines: strides instead of pooling, no hidden dense layers, batch norm in all layers
but G's last and D's first, ReLU and a tanh in G, leaky ReLU .2 in D. Weights start from N(0, .02),
gains from N(1, .02); there are no biases but batch norm's, as in the authors' program. Adam with
learning rate 2e-4 and beta_1 .5, batch 128, z ~ U(-1, 1). G has 858,944 parameters, 12,672 of them
moving statistics, and D 212,928.

Batch norm uses each batch's own statistics while training, and D sees real and fake images in
batches of their own. To sample, G uses moving means of them (decay .9), which its own step alone
moves: so an image depends on its z, and not on the images beside it. D has none, for means over
real and fake batches are of neither: it always judges a batch by the batch.

Cures of mode collapse are options, all off: see `nn.cures`. With `--pac=M`, D judges M images
together, one after another in its maps.

Expected: configs/dcgan_fast.flags, a quarter of the maps, 3,000 steps, on MNIST: Frechet distance
6.5 and ten classes (seed 0); the Keras DCGAN of benchmarks/peers has 9.5 after as many seconds.

Deviations: the paper's networks are for 64x64 and four steps deep; from 28x28 down to 7x7 there are
two steps, with the 64 and 128 maps of its MNIST program. Images of other sizes that 4 divides start
from a quarter of their sides. The authors' program has weight decay 1e-5, which the paper does not
mention, shows D and G different minibatches, and samples with the statistics of the sampled batch;
epsilon 1e-5 and decay .9 are those of later programs. 25 epochs are its faces'.
"""

import dataclasses
from collections.abc import Mapping
from functools import partial

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import cures, layers, losses, optimizers
from ganflow.nn.draws import Real, Uniform
from ganflow.nn.initializers import batch_norm_weights, gain_and_shift, normal
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config(cures.Options):
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(128, "real images in a step", minimum=1)
    steps: int = option(11_700, "total steps; 25 epochs of MNIST", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    z_size: int = option(100, "components of z, each U(-1, 1)", minimum=1)
    width: int = option(64, "maps at half the images' size; twice as many at a quarter", minimum=1)
    slope: float = option(0.2, "D's leaky ReLU's slope below 0", minimum=0, maximum=1)
    d_learning_rate: float = option(2e-4, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(2e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def generator_weights(
    config: Config, x_shape: tuple[int, ...], rng: np.random.Generator
) -> Weights:
    """Kernels and the matrix N(0, .02), gains N(1, .02)."""
    (height, width, channels), m = x_shape, config.width
    flat = (height // 4) * (width // 4) * 2 * m  # 7 * 7 * 128 = 6,272
    return {
        "in_w": normal(rng, [config.z_size, flat], 0.02, "in_w"),
        **batch_norm_weights(flat, "norm_in", rng, gain_std=0.02),
        "deconv_0_w": normal(rng, [5, 5, m, 2 * m], 0.02, "deconv_0_w"),
        **batch_norm_weights(m, "norm_0", rng, gain_std=0.02),
        "deconv_1_w": normal(rng, [5, 5, channels, m], 0.02, "deconv_1_w"),
    }


def generator(
    weights: Weights, z: tf.Tensor, x_shape: tuple[int, ...], statistics: str
) -> tf.Tensor:
    """z [n, 100] -> images in (-1, 1), [n, 28, 28, 1]; `statistics` as in `layers.batch_norm`."""
    height, width, _ = x_shape
    x = layers.linear(z, weights["in_w"])  # [n, 6272]
    x = layers.relu(norm(x, weights, "norm_in", statistics))
    x = layers.reshape(x, [height // 4, width // 4, weights["deconv_0_w"].shape[3]])
    x = layers.deconv(x, weights["deconv_0_w"])  # [n, 7, 7, 128] -> [n, 14, 14, 64]
    x = layers.relu(norm(x, weights, "norm_0", statistics))
    x = layers.deconv(x, weights["deconv_1_w"])  # [n, 28, 28, 1]
    return layers.tanh(x)


def discriminator_weights(
    config: Config, x_shape: tuple[int, ...], rng: np.random.Generator
) -> Weights:
    """As the generator's."""
    (height, width, channels), m = x_shape, config.width
    flat = (height // 4) * (width // 4) * 2 * m  # 7 * 7 * 128 = 6,272
    return {
        "conv_0_w": normal(rng, [5, 5, config.pac * channels, m], 0.02, "conv_0_w"),
        "conv_1_w": normal(rng, [5, 5, m, 2 * m], 0.02, "conv_1_w"),
        **gain_and_shift(2 * m, "norm_1", rng, gain_std=0.02),
        **cures.kernel_weights(config, flat, rng, 0.02),
        "out_w": normal(rng, [flat + cures.added_units(config), 1], 0.02, "out_w"),
    }


def discriminator(weights: Mapping[str, tf.Tensor], x: tf.Tensor, config: Config) -> tf.Tensor:
    """Images [n, 28, 28, 1], all real or all fake -> logit [n, 1]."""
    x = layers.conv(x, weights["conv_0_w"], stride=2)  # [n, 14, 14, 64]
    x = layers.leaky_relu(x, config.slope)
    x = layers.conv(x, weights["conv_1_w"], stride=2)  # [n, 7, 7, 128]
    x = layers.leaky_relu(norm(x, weights, "norm_1", "batch"), config.slope)
    x = cures.beside_others(layers.flatten(x), weights, config)  # [n, 6272], or more
    return layers.linear(x, weights["out_w"])  # [n, 1]


def norm(x: tf.Tensor, weights: Mapping[str, tf.Tensor], name: str, statistics: str) -> tf.Tensor:
    """Batch norm of x [n, ..., units]; D's has no moving statistics."""
    parts = [weights.get(f"{name}_{part}") for part in ("gamma", "beta", "mean", "variance")]
    return layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.shape = config, fields.image_shape("x")
        if self.shape[0] % 4 or self.shape[1] % 4:
            height, width, _ = self.shape
            raise ValueError(f"trains on images whose sides 4 divides, not on {height}x{width}")
        self.g = generator_weights(config, self.shape, rng)
        self.d = discriminator_weights(config, self.shape, rng)
        self.us = cures.spectral_vectors(self.d, config, rng)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        beta_1 = config.beta_1
        self.d_optimizer = optimizers.Adam(config.d_learning_rate, self.d_variables, beta_1)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, beta_1)
        self.z = Uniform([config.z_size])

    def schedule(self) -> Schedule:
        """D, then G, on fresh z each."""
        m = self.config.pac
        z = Uniform([self.config.z_size], times=m)
        more = {f"x_{i}": Real("x", batch=i) for i in range(1, m)}  # for packs
        inputs = {"x": Real("x"), **more, "z_d": z, "z_g": z}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on x and, apart, on G(z_d)."""
        x = self._real(batch)  # [n, 28, 28, 1]; with --pac=M, n M of these and of fake ones
        fake = generator(self.g, batch["z_d"], self.shape, "batch")  # [n, 28, 28, 1]
        cures.power_iteration(self.d, self.us)  # of --spectral_norm; without it, of nothing
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits, fake_logits = self._judge(x), self._judge(fake)  # [n, 1] each
            d_loss = losses.minimax_d_loss(real_logits, fake_logits)
            if self.config.r1_weight:
                d_loss += 0.5 * self.config.r1_weight * cures.r1(self._judge, x)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on G(z_g); its moving statistics move too."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z_g"], self.shape, "update")  # [n, 28, 28, 1]
            g_loss = losses.non_saturating_g_loss(self._judge(fake, self._ahead(batch, fake)))
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def _real(self, batch):
        more = [batch[f"x_{i}"] for i in range(1, self.config.pac)]
        return tf.concat([batch["x"], *more], axis=0)  # [n m, 28, 28, 1]

    def _judge(self, x, weights=None):
        """[n m, 28, 28, 1] -> the logits of packs of m that follow each other, [n, 1]."""
        packs = layers.pack(x, self.config.pac)  # [n, 28, 28, m]
        return discriminator(cures.held(weights or self.d, self.us), packs, self.config)

    def _ahead(self, batch, fake):
        """D's weights as they are, or with --unroll as they will be."""
        if not self.config.unroll:
            return self.d
        d_loss = partial(self._d_loss, self._real(batch), fake)
        return cures.unrolled(self.d, self.d_optimizer, d_loss, self.config.unroll)

    def _d_loss(self, x, fake, weights):
        return losses.minimax_d_loss(self._judge(x, weights), self._judge(fake, weights))

    def samplers(self) -> list[Sampler]:
        """G on z; D's logit."""
        return [Sampler("", {"z": self.z}, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 100] -> images in [-1, 1], [n, 28, 28, 1]."""
        return generator(self.g, given["z"], self.shape, "moving")

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], all real or all fake -> D's logit, [n], as in training.

        Of packs, that of each image with the m - 1 that follow it.
        """
        packs = layers.pack_each(x, self.config.pac)  # [n, 28, 28, m]
        return discriminator(cures.held(self.d, self.us), packs, self.config)[:, 0]
