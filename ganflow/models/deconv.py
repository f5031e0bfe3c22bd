"""The transposed-convolution generator of document 001, with a DCGAN discriminator.

    D's loss: -mean(log D(x)) - mean(log(1 - D(G(z))))
    G's loss: -mean(log D(G(z)))

    ganflow-train --model=deconv --data_dir=DIR --workdir=runs/deconv

The document gives G alone: dense to 7x7x256, batch norm, leaky ReLU .2, then 3x3 transposed
convolutions to 256, 128 and 1 maps. All three have stride 2, which gives 56x56 images, not the
28x28 of its text. The images' size decides: on 28x28 the first one has stride 1; `--enlarge=2`
makes MNIST's images 56x56, and G is as printed. G has 2,192,385 parameters either way, 25,856 of
them moving statistics.

Expected: see docs/results.md.

Deviations: `leakyReLU(0.2)` as the document prints it passes TensorFlow.js a number where it wants
an object, so that the slope that runs there is .3; .2 is what is meant (`--slope=.3` gives the
other). The document gives no discriminator and no training. D is DCGAN's (arXiv 1511.06434): 5x5
convolutions of stride 2, 64 and 128 maps, leaky ReLU .2, batch norm in all but the first, one
logit; so are the losses, Adam (2e-4, beta_1 .5), z ~ N(0, 1) and the batch of 128. Batch norm uses
each batch's own statistics while training, real and fake batches apart, and the moving ones for
sampling; a network's moving statistics move in its own step only.
"""

import dataclasses
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Normal, Real
from ganflow.nn.initializers import batch_norm_weights, truncated_normal, zeros
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(128, "real images in a step", minimum=1)
    steps: int = option(20_000, "total steps", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    z_size: int = option(100, "components of z, each N(0, 1)", minimum=1)
    g_maps: tuple[int, ...] = option((256, 256, 128), "G's maps, from 7x7 on", minimum=1)
    d_maps: tuple[int, ...] = option((64, 128), "maps of D's convolutions", minimum=1)
    g_kernel: int = option(3, "side of G's kernels, in pixels", minimum=1)
    d_kernel: int = option(5, "side of D's kernels, in pixels", minimum=1)
    slope: float = option(0.2, "leaky ReLU's slope below 0", minimum=0, maximum=1)
    d_learning_rate: float = option(2e-4, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(2e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def generator_weights(config: Config, channels: int, rng: np.random.Generator) -> Weights:
    """Truncated normal .02, zero biases; the dense layer has none, for batch norm follows."""
    first, *others = config.g_maps
    weights = {
        "in_w": truncated_normal(rng, [config.z_size, 7 * 7 * first], 0.02, "in_w"),
        **batch_norm_weights(7 * 7 * first, "norm_in"),
    }
    for i, (n_in, n_out) in enumerate(pairwise([first, *others])):
        shape = [config.g_kernel, config.g_kernel, n_out, n_in]
        weights[f"deconv_{i}_w"] = truncated_normal(rng, shape, 0.02, f"deconv_{i}_w")
        weights[f"deconv_{i}_b"] = zeros([n_out], f"deconv_{i}_b")
        weights |= batch_norm_weights(n_out, f"norm_{i}")
    out_shape = [config.g_kernel, config.g_kernel, channels, config.g_maps[-1]]
    weights["out_w"] = truncated_normal(rng, out_shape, 0.02, "out_w")
    weights["out_b"] = zeros([channels], "out_b")
    return weights


def generator(
    weights: Weights, z: tf.Tensor, config: Config, side: int, statistics: str
) -> tf.Tensor:
    """z [n, 100] -> images in (-1, 1), [n, side, side, 1] with a side of 28 or 56."""
    x = layers.linear(z, weights["in_w"])  # [n, 12544]
    x = norm(x, weights, "norm_in", statistics)
    x = layers.leaky_relu(x, config.slope)
    x = layers.reshape(x, [7, 7, config.g_maps[0]])  # [n, 7, 7, 256]
    for i in range(len(config.g_maps) - 1):
        # From 7 to 28 two strides of 2 are enough: 7, 7, 14, 28. To 56 all are: 7, 14, 28, 56.
        stride = 2 if 7 * 2 ** (len(config.g_maps) - i) <= side else 1
        x = layers.deconv(x, weights[f"deconv_{i}_w"], weights[f"deconv_{i}_b"], stride)
        x = norm(x, weights, f"norm_{i}", statistics)
        x = layers.leaky_relu(x, config.slope)  # [n, 7, 7, 256], [n, 14, 14, 128]
    x = layers.deconv(x, weights["out_w"], weights["out_b"], stride=2)  # [n, 28, 28, 1]
    return layers.tanh(x)


def discriminator_weights(
    config: Config, x_shape: tuple[int, ...], rng: np.random.Generator
) -> Weights:
    """Truncated normal .02, zero biases."""
    side, _, channels = x_shape
    weights = {}
    for i, (n_in, n_out) in enumerate(pairwise([channels, *config.d_maps])):
        shape = [config.d_kernel, config.d_kernel, n_in, n_out]
        weights[f"conv_{i}_w"] = truncated_normal(rng, shape, 0.02, f"conv_{i}_w")
        weights[f"conv_{i}_b"] = zeros([n_out], f"conv_{i}_b")
        if i > 0:
            weights |= batch_norm_weights(n_out, f"norm_{i}")
        side = -(-side // 2)  # 28, 14, 7
    flat = side * side * config.d_maps[-1]  # 7 * 7 * 128 = 6,272
    weights["out_w"] = truncated_normal(rng, [flat, 1], 0.02, "out_w")
    weights["out_b"] = zeros([1], "out_b")
    return weights


def discriminator(weights: Weights, x: tf.Tensor, config: Config, statistics: str) -> tf.Tensor:
    """Images [n, 28, 28, 1] -> logit [n, 1]."""
    for i in range(len(config.d_maps)):
        x = layers.conv(x, weights[f"conv_{i}_w"], weights[f"conv_{i}_b"], stride=2)
        if i > 0:
            x = norm(x, weights, f"norm_{i}", statistics)
        x = layers.leaky_relu(x, config.slope)  # [n, 14, 14, 64], [n, 7, 7, 128]
    x = layers.flatten(x)  # [n, 6272]
    return layers.linear(x, weights["out_w"], weights["out_b"])  # [n, 1]


def norm(x: tf.Tensor, weights: Weights, name: str, statistics: str) -> tf.Tensor:
    """Batch norm with the document's momentum and epsilon."""
    parts = [weights[f"{name}_{part}"] for part in ("gamma", "beta", "mean", "variance")]
    return layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        height, width, channels = fields.image_shape("x")
        if (height, width) not in ((28, 28), (56, 56)):
            raise ValueError(f"trains on images of 28x28 or 56x56, not on {height}x{width}")
        if 7 * 2 ** len(config.g_maps) < height:
            raise ValueError(f"reaches from 7x7 to {height}x{width} with more --g_maps only")
        self.config, self.side = config, height
        self.g = generator_weights(config, channels, rng)
        self.d = discriminator_weights(config, (height, width, channels), rng)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        d_rate, g_rate, beta_1 = config.d_learning_rate, config.g_learning_rate, config.beta_1
        self.d_optimizer = optimizers.Adam(d_rate, self.d_variables, beta_1)
        self.g_optimizer = optimizers.Adam(g_rate, self.g_variables, beta_1)
        self.z = Normal([config.z_size])

    def schedule(self) -> Schedule:
        """D, then G, on fresh z each."""
        inputs = {"x": Real("x"), "z_d": self.z, "z_g": self.z}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on x and on G(z_d)."""
        fake = self._generate(batch["z_d"], "batch")  # [n, 28, 28, 1]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = discriminator(self.d, batch["x"], self.config, "update")  # [n, 1]
            fake_logits = discriminator(self.d, fake, self.config, "update")  # [n, 1]
            d_loss = losses.minimax_d_loss(real_logits, fake_logits)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on G(z_g)."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = self._generate(batch["z_g"], "update")  # [n, 28, 28, 1]
            fake_logits = discriminator(self.d, fake, self.config, "batch")  # [n, 1]
            g_loss = losses.non_saturating_g_loss(fake_logits)
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z; D's logit."""
        return [Sampler("", {"z": self.z}, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 100] -> images in [-1, 1], [n, 28, 28, 1] or [n, 56, 56, 1]."""
        return self._generate(given["z"], "moving")

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1] -> D's logit, [n], each judged among the others, as in training.

        With the moving statistics D would see what it never sees: they mix real and fake batches.
        """
        return discriminator(self.d, x, self.config, "batch")[:, 0]

    def _generate(self, z, statistics):
        return generator(self.g, z, self.config, self.side, statistics)
