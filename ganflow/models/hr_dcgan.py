"""HR-DCGAN (arXiv 1711.06491, HDCGAN in its later versions): DCGAN with SELU and "glasses".

    D's loss: -mean(log D(x)) - mean(log(1 - D(G(z))))
    G's loss: -mean(log D(G(z)))

    ganflow-train --model=hr_dcgan --data_dir=DIR --workdir=runs/hr_dcgan
    ganflow-train --model=hr_dcgan --data_dir=DIR --enlarge=2 --workdir=runs/hr_dcgan_56

In the place of DCGAN's batch norm with ReLU or leaky ReLU both networks have "BS layers": batch
norm and then SELU, which keeps a mean of 0 and a variance of 1. "Glasses" are larger images for
kernels of the same size: `--enlarge` repeats every pixel, and each doubling is one block more in
both networks. On 28x28 there are two, from 7x7 on, as in `dcgan`; images are halved as long as a
side is above 7. G has 858,944 parameters there, 12,672 of them moving statistics, and D 212,928; on
56x56 G has 2,330,944, 25,472 of them moving statistics, and D 1,038,912.

Expected: configs/hr_dcgan_fast.flags, a quarter of the maps, 3,000 steps, on MNIST: Frechet
distances of 7.0 to 8.6 and ten classes (three seeds), where `dcgan` has 6.5 to 7.4. After each
block activations are finite, their means within .14 of 0, their variances between .01 and 1.04.
With `--enlarge=2` 6.1 to 7.0, where `dcgan`, which loses classes there, has 12 to 33; without batch
norm, by SELU alone, 5.2 (one seed).

What could not be verified: the paper's text was not at hand, but its abstracts and summaries, and
its authors published no code for training. From these are the order in a BS layer and the glasses.
That both networks have BS layers, all but D's first layer and G's last, is so in the one
independent program that has them at all in D (bs-dcgan); others have SELU in G alone, or none.
Everything else is DCGAN's: N(0, .02) weights, N(1, .02) gains, no biases in front of batch norm,
5x5 kernels (others say 4x4), Adam with 2e-4 and beta_1 .5, z ~ U(-1, 1), batch 128, and when batch
norm takes which statistics. The paper's images are faces of up to 512x512; it has no MNIST.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Real, Uniform
from ganflow.nn.initializers import batch_norm_weights, gain_and_shift, normal
from ganflow.nn.layers import Weights

SMALLEST = 7  # pixels: larger images are halved once more


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(128, "real images in a step", minimum=1)
    steps: int = option(11_700, "total steps; 25 epochs of MNIST", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    z_size: int = option(100, "components of z, each U(-1, 1)", minimum=1)
    width: int = option(64, "maps at half the images' size; twice as many a halving", minimum=1)
    d_learning_rate: float = option(2e-4, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(2e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def count_blocks(height: int, width: int) -> int:
    """How often images are halved: 2 for 28x28, 3 for 56x56.

    Raises:
      ValueError: a side is odd on the way.
    """
    count, sides = 0, (height, width)
    while max(sides) > SMALLEST:
        if sides[0] % 2 or sides[1] % 2:
            at_most = f"{SMALLEST}x{SMALLEST}"
            raise ValueError(
                f"trains on images that can be halved to {at_most} or less, not {height}x{width}"
            )
        count, sides = count + 1, (sides[0] // 2, sides[1] // 2)
    return count


def generator_weights(
    config: Config, x_shape: tuple[int, ...], rng: np.random.Generator
) -> Weights:
    """Kernels and the matrix N(0, .02), gains N(1, .02)."""
    height, width, channels = x_shape
    blocks = count_blocks(height, width)
    maps = [config.width * 2**i for i in reversed(range(blocks))]  # 128, 64
    flat = (height >> blocks) * (width >> blocks) * maps[0]  # 7 * 7 * 128 = 6,272
    weights = {"in_w": normal(rng, [config.z_size, flat], 0.02, "in_w")}
    weights |= batch_norm_weights(flat, "norm_in", rng, gain_std=0.02)
    for i in range(blocks - 1):
        name, n_in, n_out = f"deconv_{i}_w", maps[i], maps[i + 1]
        weights[name] = normal(rng, [5, 5, n_out, n_in], 0.02, name)
        weights |= batch_norm_weights(n_out, f"norm_{i}", rng, gain_std=0.02)
    weights["out_w"] = normal(rng, [5, 5, channels, maps[-1]], 0.02, "out_w")
    return weights


def generator(
    weights: Weights, z: tf.Tensor, x_shape: tuple[int, ...], statistics: str
) -> tf.Tensor:
    """z [n, 100] -> images in (-1, 1), [n, 28, 28, 1]; `statistics` as in `layers.batch_norm`."""
    blocks = count_blocks(*x_shape[:2])
    small = [x_shape[0] >> blocks, x_shape[1] >> blocks]  # 7, 7
    x = layers.linear(z, weights["in_w"])  # [n, 6272]
    x = bs_layer(x, weights, "norm_in", statistics)
    x = layers.reshape(x, [*small, x.shape[1] // (small[0] * small[1])])  # [n, 7, 7, 128]
    for i in range(blocks - 1):
        x = layers.deconv(x, weights[f"deconv_{i}_w"])  # [n, 14, 14, 64]
        x = bs_layer(x, weights, f"norm_{i}", statistics)
    x = layers.deconv(x, weights["out_w"])  # [n, 28, 28, 1]
    return layers.tanh(x)


def discriminator_weights(
    config: Config, x_shape: tuple[int, ...], rng: np.random.Generator
) -> Weights:
    """As the generator's."""
    height, width, n_in = x_shape
    blocks, weights = count_blocks(height, width), {}
    for i in range(blocks):
        name, n_out = f"conv_{i}_w", config.width * 2**i  # 64, 128
        weights[name] = normal(rng, [5, 5, n_in, n_out], 0.02, name)
        if i:
            weights |= gain_and_shift(n_out, f"norm_{i}", rng, gain_std=0.02)
        n_in = n_out
    flat = (height >> blocks) * (width >> blocks) * n_in  # 7 * 7 * 128 = 6,272
    weights["out_w"] = normal(rng, [flat, 1], 0.02, "out_w")
    return weights


def discriminator(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Images [n, 28, 28, 1], all real or all fake -> logit [n, 1]."""
    for i in range(count_blocks(x.shape[1], x.shape[2])):
        x = layers.conv(x, weights[f"conv_{i}_w"], stride=2)  # [n, 14, 14, 64], [n, 7, 7, 128]
        x = bs_layer(x, weights, f"norm_{i}", "batch") if i else layers.selu(x)
    return layers.linear(layers.flatten(x), weights["out_w"])  # [n, 1]


def bs_layer(x: tf.Tensor, weights: Weights, name: str, statistics: str) -> tf.Tensor:
    """Batch norm of x [n, ..., units], then SELU; D's has no moving statistics."""
    parts = [weights.get(f"{name}_{part}") for part in ("gamma", "beta", "mean", "variance")]
    x = layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)
    return layers.selu(x)


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.shape = config, fields.image_shape("x")
        if not count_blocks(*self.shape[:2]):
            raise ValueError(f"trains on images with a side above {SMALLEST}, not {self.shape}")
        self.g = generator_weights(config, self.shape, rng)
        self.d = discriminator_weights(config, self.shape, rng)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        adam = {"beta_1": config.beta_1}
        self.d_optimizer = optimizers.Adam(config.d_learning_rate, self.d_variables, **adam)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, **adam)
        self.z = Uniform([config.z_size])

    def schedule(self) -> Schedule:
        """D, then G, on fresh z each."""
        inputs = {"x": Real("x"), "z_d": self.z, "z_g": self.z}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on x and, apart, on G(z_d)."""
        fake = generator(self.g, batch["z_d"], self.shape, "batch")  # [n, 28, 28, 1]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = discriminator(self.d, batch["x"])  # [n, 1]
            fake_logits = discriminator(self.d, fake)  # [n, 1]
            d_loss = losses.minimax_d_loss(real_logits, fake_logits)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on G(z_g); its moving statistics move too."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z_g"], self.shape, "update")  # [n, 28, 28, 1]
            g_loss = losses.non_saturating_g_loss(discriminator(self.d, fake))
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z; D's logit."""
        return [Sampler("", {"z": self.z}, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 100] -> images in [-1, 1], [n, 28, 28, 1], each a function of its z alone."""
        return generator(self.g, given["z"], self.shape, "moving")

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], all real or all fake -> D's logit, [n], as in training."""
        return discriminator(self.d, x)[:, 0]
