"""WGAN with gradient penalty (arXiv 1704.00028) on images, in the authors' MNIST configuration.

    critic: mean D(G(z)) - mean D(x) + lambda mean (|grad_x_hat D(x_hat)|_2 - 1)^2
            with x_hat = epsilon x + (1 - epsilon) G(z), one epsilon ~ U(0, 1) an example
    G:      -mean D(G(z))

    ganflow-train --model=wgan_gp --data_dir=DIR --workdir=runs/wgan_gp

A step is algorithm 1: `n_critic` critic updates, each on fresh images, z and epsilon, then one
update of G. The networks are those of the authors' gan_mnist.py (batch 50, lambda 10). There is no
batch norm in the critic: the penalty is on each example's gradient, and batch norm would tie the
examples together.

Expected: see docs/results.md.

Deviations: Adam's beta_1 is the .5 of the authors' program, not the 0 of the paper's algorithm
(`--beta_1=0` gives that). The program updates G first and the critic after it; here the critic is
first, as in the paper.
"""

import dataclasses
from functools import partial
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Normal, Real, Uniform
from ganflow.nn.initializers import glorot_uniform, he_uniform, zeros
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(50, "real examples in one critic update", minimum=1)
    steps: int = option(200_000, "total steps, that is, G's updates", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    z_size: int = option(128, "components of z, each N(0, 1)", minimum=1)
    width: int = option(64, "maps of the widest image; the others: 2 and 4 times", minimum=1)
    n_critic: int = option(5, "critic updates in a step", minimum=1)
    penalty_weight: float = option(10.0, "lambda, the weight of the penalty", minimum=0)
    critic_learning_rate: float = option(1e-4, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(1e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)
    beta_2: float = option(0.9, "decay of Adam's second moments", minimum=0, maximum=0.9999)


def generator_weights(config: Config, channels: int, rng: np.random.Generator) -> Weights:
    """Linear layers Glorot-uniform, (transposed) convolutions He-uniform, zero biases."""
    m = config.width

    def kernel(n_in, n_out, name):  # stride 2: an output pixel sees a quarter of the kernel
        return he_uniform(rng, [5, 5, n_out, n_in], name, fan_in=25 * n_in / 4)

    return {
        "in_w": glorot_uniform(rng, [config.z_size, 4 * 4 * 4 * m], "in_w"),
        "in_b": zeros([4 * 4 * 4 * m], "in_b"),
        "deconv_0_w": kernel(4 * m, 2 * m, "deconv_0_w"),
        "deconv_0_b": zeros([2 * m], "deconv_0_b"),
        "deconv_1_w": kernel(2 * m, m, "deconv_1_w"),
        "deconv_1_b": zeros([m], "deconv_1_b"),
        "deconv_2_w": kernel(m, channels, "deconv_2_w"),
        "deconv_2_b": zeros([channels], "deconv_2_b"),
    }


def generator(weights: Weights, z: tf.Tensor) -> tf.Tensor:
    """z [n, 128] -> images in (0, 1), [n, 28, 28, 1]."""
    x = layers.relu(layers.linear(z, weights["in_w"], weights["in_b"]))  # [n, 4096]
    x = layers.reshape(x, [4, 4, x.shape[1] // 16])  # [n, 4, 4, 256]
    x = layers.relu(layers.deconv(x, weights["deconv_0_w"], weights["deconv_0_b"]))
    x = x[:, :7, :7, :]  # [n, 8, 8, 128] -> [n, 7, 7, 128]
    x = layers.relu(layers.deconv(x, weights["deconv_1_w"], weights["deconv_1_b"]))
    x = layers.deconv(x, weights["deconv_2_w"], weights["deconv_2_b"])  # from [n, 14, 14, 64]
    return layers.sigmoid(x)  # [n, 28, 28, 1]


def critic_weights(config: Config, channels: int, rng: np.random.Generator) -> Weights:
    """As the generator's."""
    weights, m = {}, config.width
    for i, (n_in, n_out) in enumerate(pairwise([channels, m, 2 * m, 4 * m])):
        weights[f"conv_{i}_w"] = he_uniform(rng, [5, 5, n_in, n_out], f"conv_{i}_w")
        weights[f"conv_{i}_b"] = zeros([n_out], f"conv_{i}_b")
    weights["out_w"] = glorot_uniform(rng, [4 * 4 * 4 * m, 1], "out_w")
    weights["out_b"] = zeros([1], "out_b")
    return weights


def critic(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Images in (0, 1), [n, 28, 28, 1] -> score [n, 1], any real number."""
    for i in range(3):
        x = layers.conv(x, weights[f"conv_{i}_w"], weights[f"conv_{i}_b"], stride=2)
        x = layers.leaky_relu(x)  # [n, 14, 14, 64], [n, 7, 7, 128], [n, 4, 4, 256]
    x = layers.flatten(x)  # [n, 4096]
    return layers.linear(x, weights["out_w"], weights["out_b"])  # [n, 1]


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        height, width, channels = fields.image_shape("x")
        if (height, width) != (28, 28):
            raise ValueError(f"trains on images of 28x28, not on {height}x{width}")
        self.config = config
        self.g = generator_weights(config, channels, rng)
        self.d = critic_weights(config, channels, rng)
        self.networks = {"generator": self.g, "critic": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        betas = {"beta_1": config.beta_1, "beta_2": config.beta_2}
        self.d_optimizer = optimizers.Adam(config.critic_learning_rate, self.d_variables, **betas)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, **betas)
        self.z = Normal([config.z_size])

    def schedule(self) -> Schedule:
        """The critic's updates, each on images, z and epsilon of its own; then G's."""
        inputs = {
            "x": [Real("x")] * self.config.n_critic,
            "z_critic": [self.z] * self.config.n_critic,
            "epsilon": [Uniform([], low=0.0)] * self.config.n_critic,
            "z_g": self.z,
        }
        return Schedule([Phase(1, (self.critic_step, self.g_step), inputs)])

    def critic_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Algorithm 1, lines 2 to 10: `n_critic` updates of the critic."""
        for x, z, epsilon in zip(batch["x"], batch["z_critic"], batch["epsilon"], strict=True):
            x, fake = to_unit_range(x), generator(self.g, z)  # [n, 28, 28, 1] in [0, 1] each
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(self.d_variables)
                real_scores, fake_scores = critic(self.d, x), critic(self.d, fake)  # [n, 1] each
                wasserstein = losses.wasserstein_critic_loss(real_scores, fake_scores)
                penalty = losses.gradient_penalty(partial(critic, self.d), x, fake, epsilon)
                d_loss = wasserstein + self.config.penalty_weight * penalty
            d_gradients = tape.gradient(d_loss, self.d_variables)
            self.d_optimizer.update(d_gradients)
        return {  # figures of the last update
            "d_loss": d_loss,
            "wasserstein_estimate": -wasserstein,
            "gradient_penalty": penalty,
        } | losses.mean_scores(real_scores, fake_scores)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Algorithm 1, lines 11 and 12: one update of G."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z_g"])  # [n, 28, 28, 1]
            g_loss = losses.wasserstein_g_loss(critic(self.d, fake))
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z; the critic's score, which knows no boundary between real and fake."""
        return [Sampler("", {"z": self.z}, self.generate, self.score, boundary=None)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 128] -> images in [-1, 1], [n, 28, 28, 1]."""
        return 2.0 * generator(self.g, given["z"]) - 1.0

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> the critic's score, [n]."""
        return critic(self.d, to_unit_range(x))[:, 0]


def to_unit_range(x: tf.Tensor) -> tf.Tensor:
    """The engine's images are in [-1, 1], the authors' in [0, 1]."""
    return (x + 1.0) / 2.0
