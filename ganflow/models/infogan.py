"""InfoGAN (arXiv 1606.03657): codes in G's input that can be read from its images.

    D's and Q's loss: -mean(log D(x)) - mean(log(1 - D(G(z, c)))) - lambda I
    G's loss:         -mean(log D(G(z, c))) - lambda I
    with I = log 10 + mean(log Q(category | G(z, c)))
           + mean(sum over codes of log N(code; Q's mean, 1) - log N(code; 0, 1))

    ganflow-train --model=infogan --data_dir=DIR --workdir=runs/infogan

c is a category of ten and two codes ~ U(-1, 1), beside 62 numbers z ~ U(-1, 1). Q shares all of D
but the last layer, and reads the fake images that D judges. The term in I is in both losses, as in
the authors' program: G makes c visible, and D's trunk and Q learn to see it. So are the networks:
4x4 kernels, 64 and 128 maps, dense layers of 1024; Adam with beta_1 .5, learning rate 2e-4 for D
and Q, 1e-3 for G, batch 128, 5,000 steps. The images of the data set, in [-1, 1], become the
program's in [0, 1] in front of D; G's, behind its sigmoid, become the data set's in `generate`. G
has 6,659,841 parameters, 14,720 of them moving statistics, D 6,558,017, and Q 132,876 of its own.

Batch norm takes each batch's own statistics in training, real and fake images apart, and D and Q
keep no others; to sample, G uses moving means of them (decay .9), which its own step alone moves.

Expected: configs/infogan_fast.flags: 2.29 nats; a category off for 16 % of digits (the paper: 5 %).

I is a lower bound in nats. Of the category it is at most log 10 = 2.30. Of the codes the scalar is,
as in the program, what Q knows more than a mean of 0: at most 1/6 each; with a std of 1 and the
true entropy, log 2, a bound would always be below 0.

Deviations: leaky ReLU's slope is .1, which the paper prints; the program takes .01, the default of
its function, and which of them drew the paper's figures is not known (`--slope=.01`). The paper's Q
has a std for each code; the program's for MNIST is 1, as here. Q has no outputs for it, and batch
norm no biases in front of it, which do nothing in the program.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, likelihoods, losses, optimizers
from ganflow.nn.draws import Classes, Draw, Real, Uniform
from ganflow.nn.initializers import batch_norm_weights, gain_and_shift, normal, zeros
from ganflow.nn.initializers import truncated_normal as truncated
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(128, "real images in a step", minimum=1)
    steps: int = option(5_000, "total steps; the program's 50 times 100", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    z_size: int = option(62, "numbers in G's input that nothing reads, U(-1, 1)", minimum=1)
    categories: int = option(10, "values of the category", minimum=2)
    codes: int = option(2, "further codes, each U(-1, 1)", minimum=1)
    information_weight: float = option(1.0, "lambda", minimum=0)
    width: int = option(64, "maps at half the images' size; twice as many at a quarter", minimum=1)
    g_units: int = option(1024, "units of G's first layer", minimum=1)
    d_units: int = option(1024, "units of the trunk's dense layer", minimum=1)
    q_units: int = option(128, "units of Q's own hidden layer", minimum=1)
    slope: float = option(0.1, "D's and Q's leaky ReLU's slope below 0", minimum=0, maximum=1)
    d_learning_rate: float = option(2e-4, "Adam's learning rate, for D and Q", minimum=0)
    g_learning_rate: float = option(1e-3, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def generator_weights(
    config: Config, x_shape: tuple[int, ...], rng: np.random.Generator
) -> Weights:
    """N(0, .02), gains N(1, .02)."""
    (height, width, channels), m = x_shape, config.width
    flat = (height // 4) * (width // 4) * 2 * m  # 7 * 7 * 128 = 6,272
    n_in = config.z_size + config.categories + config.codes  # 74
    return {
        "w_0": normal(rng, [n_in, config.g_units], 0.02, "w_0"),
        **batch_norm_weights(config.g_units, "norm_0", rng, gain_std=0.02),
        "w_1": normal(rng, [config.g_units, flat], 0.02, "w_1"),
        **batch_norm_weights(flat, "norm_1", rng, gain_std=0.02),
        "deconv_2_w": normal(rng, [4, 4, m, 2 * m], 0.02, "deconv_2_w"),
        **batch_norm_weights(m, "norm_2", rng, gain_std=0.02),
        "deconv_3_w": normal(rng, [4, 4, channels, m], 0.02, "deconv_3_w"),
        "deconv_3_b": zeros([channels], "deconv_3_b"),
    }


def generator(
    weights: Weights, z: tf.Tensor, x_shape: tuple[int, ...], statistics: str
) -> tf.Tensor:
    """z and c [n, 74] -> images in (0, 1), [n, 28, 28, 1]."""
    height, width, _ = x_shape
    x = layers.linear(z, weights["w_0"])  # [n, 1024]
    x = layers.relu(norm(x, weights, "norm_0", statistics))
    x = layers.linear(x, weights["w_1"])  # [n, 6272]
    x = layers.relu(norm(x, weights, "norm_1", statistics))
    x = layers.reshape(x, [height // 4, width // 4, weights["deconv_2_w"].shape[3]])
    x = layers.deconv(x, weights["deconv_2_w"])  # [n, 7, 7, 128] -> [n, 14, 14, 64]
    x = layers.relu(norm(x, weights, "norm_2", statistics))
    x = layers.deconv(x, weights["deconv_3_w"], weights["deconv_3_b"])  # [n, 28, 28, 1]
    return layers.sigmoid(x)


def trunk_weights(config: Config, x_shape: tuple[int, ...], rng: np.random.Generator) -> Weights:
    """Kernels of a truncated normal .02, the matrix N(0, .02), gains N(1, .02)."""
    (height, width, channels), m = x_shape, config.width
    flat = (height // 4) * (width // 4) * 2 * m  # 7 * 7 * 128 = 6,272
    return {
        "conv_0_w": truncated(rng, [4, 4, channels, m], 0.02, "conv_0_w"),
        "conv_0_b": zeros([m], "conv_0_b"),
        "conv_1_w": truncated(rng, [4, 4, m, 2 * m], 0.02, "conv_1_w"),
        **gain_and_shift(2 * m, "norm_1", rng, gain_std=0.02),
        "w_2": normal(rng, [flat, config.d_units], 0.02, "w_2"),
        **gain_and_shift(config.d_units, "norm_2", rng, gain_std=0.02),
    }


def trunk(weights: Weights, x: tf.Tensor, slope: float) -> tf.Tensor:
    """Images in (0, 1), [n, 28, 28, 1], all real or all fake -> features [n, 1024]."""
    x = layers.conv(x, weights["conv_0_w"], weights["conv_0_b"], stride=2)  # [n, 14, 14, 64]
    x = layers.leaky_relu(x, slope)
    x = layers.conv(x, weights["conv_1_w"], stride=2)  # [n, 7, 7, 128]
    x = layers.leaky_relu(norm(x, weights, "norm_1", "batch"), slope)
    x = layers.linear(layers.flatten(x), weights["w_2"])  # [n, 1024]
    return layers.leaky_relu(norm(x, weights, "norm_2", "batch"), slope)


def discriminator(weights: Weights, features: tf.Tensor) -> tf.Tensor:
    """The trunk's features [n, 1024] -> logit [n, 1]."""
    return layers.linear(features, weights["d_w"], weights["d_b"])


def recognition(
    weights: Weights, features: tf.Tensor, categories: int, slope: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """The trunk's features [n, 1024] -> (logits of the category [n, 10], means of the codes)."""
    x = layers.linear(features, weights["q_0_w"])  # [n, 128]
    x = layers.leaky_relu(norm(x, weights, "q_norm_0", "batch"), slope)
    x = layers.linear(x, weights["q_1_w"], weights["q_1_b"])  # [n, 12]
    return x[:, :categories], x[:, categories:]


def norm(x: tf.Tensor, weights: Weights, name: str, statistics: str) -> tf.Tensor:
    """Batch norm of x [n, ..., units]; D's and Q's have no moving statistics."""
    parts = [weights.get(f"{name}_{part}") for part in ("gamma", "beta", "mean", "variance")]
    return layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)


class Gan(tf.Module):
    """The three networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.shape = config, fields.image_shape("x")
        if self.shape[0] % 4 or self.shape[1] % 4:
            sides = "x".join(map(str, self.shape[:2]))
            raise ValueError(f"trains on images whose sides 4 divides, not on {sides}")
        n_out = config.categories + config.codes  # 12
        self.g = generator_weights(config, self.shape, rng)
        shared = trunk_weights(config, self.shape, rng)
        d_w = normal(rng, [config.d_units, 1], 0.02, "d_w")
        self.d = {**shared, "d_w": d_w, "d_b": zeros([1], "d_b")}
        self.q = {
            **shared,
            "q_0_w": normal(rng, [config.d_units, config.q_units], 0.02, "q_0_w"),
            **gain_and_shift(config.q_units, "q_norm_0", rng, gain_std=0.02),
            "q_1_w": normal(rng, [config.q_units, n_out], 0.02, "q_1_w"),
            "q_1_b": zeros([n_out], "q_1_b"),
        }
        self.networks = {"generator": self.g, "discriminator": self.d, "recognition": self.q}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d, self.q)  # the trunk once
        self.d_optimizer = optimizers.Adam(config.d_learning_rate, self.d_variables, config.beta_1)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, config.beta_1)
        self.codes = [f"code_{i + 1}" for i in range(config.codes)]
        self.given: dict[str, Draw] = {
            "z": Uniform([config.z_size]),
            "category": Classes(config.categories),
            **{name: Uniform() for name in self.codes},
        }

    def schedule(self) -> Schedule:
        """D and Q, then G, on fresh z and c each."""
        drawn = {f"{name}_{of}": draw for of in "dg" for name, draw in self.given.items()}
        return Schedule([Phase(1, (self.d_step, self.g_step), {"x": Real("x"), **drawn})])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on x and, apart, on G(z, c); Q on G(z, c)."""
        given = {name: batch[f"{name}_d"] for name in self.given}
        x, fake = to_unit_range(batch["x"]), self._generate(given, "batch")  # [n, 28, 28, 1] each
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = discriminator(self.d, trunk(self.d, x, self.config.slope))  # [n, 1]
            fake_logits, of_category, of_codes = self._read(fake, given)
            d_loss = losses.minimax_d_loss(real_logits, fake_logits)
            d_loss -= self.config.information_weight * (of_category + of_codes)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        told = {"information_category": of_category, "information_codes": of_codes}
        return {"d_loss": d_loss} | told | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on G(z, c), through D and Q as they now are; its moving statistics move too."""
        given = {name: batch[f"{name}_g"] for name in self.given}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = self._generate(given, "update")  # [n, 28, 28, 1]
            fake_logits, of_category, of_codes = self._read(fake, given)
            g_loss = losses.non_saturating_g_loss(fake_logits)
            g_loss -= self.config.information_weight * (of_category + of_codes)
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def _generate(self, given, statistics):
        category = tf.one_hot(given["category"], self.config.categories)  # [n, 10]
        z = tf.concat([given["z"], category, self._codes(given)], axis=1)  # [n, 74]
        return generator(self.g, z, self.shape, statistics)

    def _codes(self, given):
        return tf.stack([given[name] for name in self.codes], axis=1)  # [n, 2]

    def _read(self, fake, given):
        """D's logits of fake images [n, 1]; I of their category and of their codes, in nats."""
        features = trunk(self.d, fake, self.config.slope)  # [n, 1024], for D and Q
        fake_logits = discriminator(self.d, features)
        logits, means = recognition(self.q, features, self.config.categories, self.config.slope)
        of_category = likelihoods.categorical(logits, given["category"])  # [n]
        of_category = math.log(self.config.categories) + tf.reduce_mean(of_category)
        codes = self._codes(given)
        known = likelihoods.gaussian(codes, means) - likelihoods.gaussian(codes, 0.0 * means)
        return fake_logits, of_category, tf.reduce_mean(known)

    def samplers(self) -> list[Sampler]:
        """G on z and c; D's logit."""
        return [Sampler("", self.given, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 62], category [n], codes [n] each -> images in [-1, 1], [n, 28, 28, 1]."""
        return 2.0 * self._generate(given, "moving") - 1.0

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], all real or all fake -> D's logit, [n]."""
        return discriminator(self.d, trunk(self.d, to_unit_range(x), self.config.slope))[:, 0]


def to_unit_range(x: tf.Tensor) -> tf.Tensor:
    """The engine's images are in [-1, 1], the program's in [0, 1]."""
    return (x + 1.0) / 2.0
