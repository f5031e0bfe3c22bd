"""BEGAN (arXiv 1703.10717): D is an autoencoder, and what it cannot rebuild well is generated.

    L(v) = mean |v - D(v)|                              over an image's pixels, then over images
    D's loss: L(x) - k L(G(z_D))
    G's loss: L(G(z_G))
    k:        k + lambda (gamma L(x) - L(G(z_G))), held within [0, 1]; 0 at first
    convergence, a figure of every row: M = L(x) + |gamma L(x) - L(G(z_G))|

    ganflow-train --model=began --data_dir=DIR --workdir=runs/began

k holds the balance L(G(z)) = gamma L(x): below it D spends itself on real images alone. A smaller
gamma gives sharper samples of fewer kinds. k, and L(x) on its way from D's step to G's, are
variables of the Gan, and so checkpointed. A score is L of one image: the lower, the more real.

The networks are those of the paper as in carpedm20's BEGAN-tensorflow (the authors gave no
program), of n = 128 maps and codes of 64 numbers: 3x3 convolutions with ELU, no batch norm, no
dropout. Blocks of two convolutions stand at 7x7, 14x14 and 28x28. MNIST's 28 halves to 7 as the
paper's 64 halves to 8, so nothing is padded: a border of paper would be rebuilt by both networks at
once, and lower every L. G has 1,294,337 parameters, D 6,630,593. Images are in [-1, 1]; G's output
has no limits, and is cut off where it is shown and judged.

Expected: configs/began_fast.flags, with gamma 1: k holds L(G(z)) at 98 % of L(x), and digits are
of nine classes (the median of seeds 0, 1, 2: 9, 6, 9). With gamma .7 and other rates they were 1s
alone, the easiest to rebuild; with this file's lambda, gamma and equal rates k stayed at 0, as
MNIST is said to do (BEGAN-tensorflow, #12).

Deviations: Adam's rates are halved every 100,000 steps down to 2e-5, as in that program; the paper
halves them when M stalls. The program's convolutions have a ReLU under each ELU, by an oversight;
the paper's and these have not. Its D and G see one z; the paper's, and these, one each.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers, replicas, schedules
from ganflow.nn.draws import Real, Uniform
from ganflow.nn.initializers import glorot_uniform, zeros
from ganflow.nn.layers import Weights

Sides = tuple[int, ...]  # at which blocks stand, from the largest: 28, 14, 7

SMALLEST = 8  # the side from which an image is no longer halved; 7 of MNIST's


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(16, "real images in a step", minimum=1)
    steps: int = option(500_000, "total steps", minimum=0)
    summary_every: int = option(500, "steps between summaries", minimum=1)
    z_size: int = option(64, "components of z, each U(-1, 1)", minimum=1)
    code_size: int = option(64, "numbers in D's code of an image", minimum=1)
    width: int = option(128, "n, maps of G's convolutions and of D's first block", minimum=1)
    gamma: float = option(0.5, "L(G(z)) / L(x) that k aims at; the paper's .3 to .7", minimum=0)
    lambda_k: float = option(1e-3, "how fast k moves", minimum=0)
    d_learning_rate: float = option(8e-5, "Adam's first learning rate, for D", minimum=0)
    g_learning_rate: float = option(8e-5, "Adam's first learning rate, for G", minimum=0)
    halving_steps: int = option(100_000, "steps between two halvings of the rates", minimum=1)
    lowest_learning_rate: float = option(2e-5, "where halving ends", minimum=0)
    beta_1: float = option(0.9, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def sides(height: int, width: int) -> Sides:
    """The sides at which blocks stand, from the largest: 28, 14, 7, or 64, 32, 16, 8.

    Raises:
      ValueError: the images are not square, or do not halve to 8 or less.
    """
    found = [height]
    while found[-1] > SMALLEST and found[-1] % 2 == 0:
        found.append(found[-1] // 2)
    if height != width or found[-1] > SMALLEST:
        raise ValueError(f"trains on square images that halve to 8x8 or less, not {height}x{width}")
    return tuple(found)


# ---------------------------------------------------------------- codes to images: G, and half of D


def decoder_weights(
    n_in: int,
    n: int,
    at: Sides,
    channels: int,
    rng: np.random.Generator,
    prefix: str = "",
) -> Weights:
    """Glorot-uniform, zero biases: a linear layer, two convolutions a block, one at the end."""
    weights = linear_weights(n_in, at[-1] ** 2 * n, f"{prefix}in", rng)
    for i in range(2 * len(at)):
        weights |= conv_weights(n, n, f"{prefix}conv_{i}", rng)
    return weights | conv_weights(n, channels, f"{prefix}out", rng)


def decoder(weights: Weights, code: tf.Tensor, at: Sides, prefix: str = "") -> tf.Tensor:
    """Codes [n, 64] -> images without limits, [n, 28, 28, 1]."""
    x = layers.linear(code, weights[f"{prefix}in_w"], weights[f"{prefix}in_b"])  # [n, 6272]
    x = layers.reshape(x, [at[-1], at[-1], x.shape[1] // at[-1] ** 2])  # [n, 7, 7, 128]
    for i in range(2 * len(at)):
        if i and i % 2 == 0:
            x = layers.upsample(x)  # [n, 14, 14, 128], [n, 28, 28, 128]
        x = layers.elu(conv(x, weights, f"{prefix}conv_{i}"))
    return conv(x, weights, f"{prefix}out")  # [n, 28, 28, 1]


def generator(weights: Weights, z: tf.Tensor, at: Sides) -> tf.Tensor:
    """z [n, 64] -> images without limits, [n, 28, 28, 1]."""
    return decoder(weights, z, at)


# ---------------------------------------------------------------- images to codes and back: D


def discriminator_weights(
    config: Config, at: Sides, channels: int, rng: np.random.Generator
) -> Weights:
    """The encoder's block i has (i + 1) n maps; the decoder is like G, with weights of its own."""
    n, last = config.width, len(at) - 1
    weights = conv_weights(channels, n, "encoder_in", rng)
    for i in range(len(at)):
        n_in, n_out = max(i, 1) * n, (i + 1) * n
        weights |= conv_weights(n_in, n_out, f"encoder_{i}_0", rng)
        weights |= conv_weights(n_out, n_out, f"encoder_{i}_1", rng)
        weights |= conv_weights(n_out, n_out, f"encoder_{i}_down", rng) if i < last else {}
    weights |= linear_weights(at[-1] ** 2 * (last + 1) * n, config.code_size, "code", rng)
    return weights | decoder_weights(config.code_size, n, at, channels, rng, "decoder_")


def discriminator(weights: Weights, x: tf.Tensor, at: Sides) -> tf.Tensor:
    """Images [n, 28, 28, 1] -> the same images as D rebuilds them."""
    x = layers.elu(conv(x, weights, "encoder_in"))  # [n, 28, 28, 128]
    for i in range(len(at)):
        x = layers.elu(conv(x, weights, f"encoder_{i}_0"))
        x = layers.elu(conv(x, weights, f"encoder_{i}_1"))  # 128, 256, 384 maps
        if i < len(at) - 1:
            x = layers.elu(conv(x, weights, f"encoder_{i}_down", stride=2))  # to 14x14, 7x7
    x = layers.flatten(x)  # [n, 18816]
    code = layers.linear(x, weights["code_w"], weights["code_b"])  # [n, 64]
    return decoder(weights, code, at, "decoder_")


def conv(x: tf.Tensor, weights: Weights, name: str, stride: int = 1) -> tf.Tensor:
    """A 3x3 convolution: [n, h, w, maps] -> [n, h / stride, w / stride, maps]."""
    return layers.conv(x, weights[f"{name}_w"], weights[f"{name}_b"], stride=stride)


def conv_weights(n_in: int, n_out: int, name: str, rng: np.random.Generator) -> Weights:
    """Of one."""
    w = glorot_uniform(rng, [3, 3, n_in, n_out], f"{name}_w")
    return {f"{name}_w": w, f"{name}_b": zeros([n_out], f"{name}_b")}


def linear_weights(n_in: int, n_out: int, name: str, rng: np.random.Generator) -> Weights:
    """Of one layer."""
    w = glorot_uniform(rng, [n_in, n_out], f"{name}_w")
    return {f"{name}_w": w, f"{name}_b": zeros([n_out], f"{name}_b")}


# ---------------------------------------------------------------- the balance


def next_k(
    k: tf.Tensor, real_error: tf.Tensor, fake_error: tf.Tensor, gamma: float, lambda_k: float
) -> tf.Tensor:
    """k + lambda (gamma L(x) - L(G(z))), held within [0, 1]; section 3.4."""
    return tf.clip_by_value(k + lambda_k * (gamma * real_error - fake_error), 0.0, 1.0)


def convergence(real_error: tf.Tensor, fake_error: tf.Tensor, gamma: float) -> tf.Tensor:
    """M = L(x) + |gamma L(x) - L(G(z))|; section 3.4.1."""
    return real_error + tf.abs(gamma * real_error - fake_error)


class Gan(tf.Module):
    """The two networks, their optimizers, k, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        height, width, channels = fields.image_shape("x")
        self.config, self.sides = config, sides(height, width)
        self.g = decoder_weights(config.z_size, config.width, self.sides, channels, rng)
        self.d = discriminator_weights(config, self.sides, channels, rng)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        self.d_optimizer = self._optimizer(config.d_learning_rate, self.d_variables)
        self.g_optimizer = self._optimizer(config.g_learning_rate, self.g_variables)
        self.k = tf.Variable(0.0, trainable=False, name="k")
        self.real_error = tf.Variable(0.0, trainable=False, name="real_error")  # the step's L(x)
        self.z = Uniform([config.z_size])

    def _optimizer(self, rate, trained):
        config = self.config
        falling = schedules.halving(rate, config.halving_steps, config.lowest_learning_rate)
        return optimizers.Adam(falling, trained, config.beta_1)

    def schedule(self) -> Schedule:
        """D, then G, on fresh z each."""
        inputs = {"x": Real("x"), "z_d": self.z, "z_g": self.z}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D rebuilds x well and, as far as k says, G(z_d) badly."""
        fake = generator(self.g, batch["z_d"], self.sides)  # [n, 28, 28, 1]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_errors, fake_errors = self.errors(batch["x"]), self.errors(fake)  # [n] each
            d_loss = tf.reduce_mean(real_errors) - self.k * tf.reduce_mean(fake_errors)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        real_error = replicas.mean(tf.reduce_mean(real_errors))
        replicas.local(self.real_error).assign(real_error)
        return {"d_loss": d_loss} | losses.mean_scores(real_errors, fake_errors)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on z_g, which D shall rebuild well; then k, the same in every replica."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z_g"], self.sides)  # [n, 28, 28, 1]
            g_loss = tf.reduce_mean(self.errors(fake))
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        k, gamma = replicas.local(self.k), self.config.gamma
        real_error, fake_error = replicas.local(self.real_error), replicas.mean(g_loss)
        k.assign(next_k(k, real_error, fake_error, gamma, self.config.lambda_k))
        m = convergence(real_error, fake_error, gamma)
        return {"g_loss": g_loss, "convergence": m, "k": tf.identity(k)}

    def errors(self, x: tf.Tensor) -> tf.Tensor:
        """mean |x - D(x)| of each image, [n]; G's gradient flows through both x."""
        return tf.reduce_mean(tf.abs(x - discriminator(self.d, x, self.sides)), axis=[1, 2, 3])

    def samplers(self) -> list[Sampler]:
        """G on z; an image's error, lower for what D takes for real, at no boundary."""
        made = Sampler("", {"z": self.z}, self.generate, self.score, None, higher_is_real=False)
        return [made]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 64] -> images in [-1, 1], [n, 28, 28, 1]."""
        return tf.clip_by_value(generator(self.g, given["z"], self.sides), -1.0, 1.0)

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> the error with which D rebuilds each, [n]."""
        return self.errors(x)
