"""CoGAN (arXiv 1606.07536): two GANs that share layers, and make pairs without having seen any.

    D's loss: -mean(log D_a(a)) - mean(log(1 - D_a(G_a(z)))) + lambda |the weights of both D|^2 / 2
              -mean(log D_b(b)) - mean(log(1 - D_b(G_b(z))))
    G's loss: -mean(log D_a(G_a(z))) - mean(log D_b(G_b(z))) + lambda |the weights of both G|^2 / 2

    ganflow-train --model=cogan --data_dir=DIR --workdir=runs/cogan

G_a and G_b share all layers but the last, D_a and D_b all but the first: the same variables stand
in the dicts of both. What is far from the pixels is decided once, and one z makes a pair of images.
Real images of a and of b come in orders of their own: no step sees a pair.

The networks are those of the authors' MNIST program in Caffe. G's layers are 4, 7, 13, 25 and 28
pixels wide, with PReLU behind a batch norm without scale and shift; D is LeNet, with a PReLU and
dropout .5 in front of a softmax of "generated" and "real". The logit is the difference of its two
inputs, so the losses are the softmax's cross-entropies. Adam with learning rate 2e-4 and beta_1 .5,
lambda 5e-4, batch 128, z ~ U(-1, 1). Each G has 7,841,921 parameters, 4,609 of them its own and
3,840 moving statistics; each D has 427,572, 520 of them its own.

The data set's images, in [-1, 1], become the program's in [0, 1] in front of D, and G's, behind a
sigmoid, the data set's in `generate`. Batch norm takes each batch's own statistics in training; to
sample, G uses moving means of them (decay .9), which its own step alone moves.

Expected: cogan_fast: of edges .964 of pixels agree and 86 % of pairs are of one class (seed 10, by
step 14,000); cogan_negative_fast: .992 and 88 % (median). The paper's figures for the pixels, said
to be .952 and .967, could not be looked up.

Deviations: the authors' port to PyTorch is reported not to train; its z ~ N(0, 1), batch 64, biases
of .1 and Xavier's initialization are not here, nor its lack of dropout. Weights are He et al.'s
normal ones ("MSRA"), by the inputs that a unit sees; a PReLU has a slope a map; lambda counts for
all that is trained; and no bias, which would do nothing, stands in front of batch norm.
"""

import dataclasses
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Given, Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Real, Uniform
from ganflow.nn.initializers import he_normal, moving_statistics, zeros
from ganflow.nn.layers import Weights

SLOPE = 0.25  # from which PReLU starts
SIDE = 28  # pixels of the images


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist_edges", "the data set, of two domains")
    batch_size: int = option(128, "real images of each domain in a step", minimum=1)
    steps: int = option(50_000, "total steps", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    z_size: int = option(100, "components of z, each U(-1, 1)", minimum=1)
    width: int = option(128, "G's maps at 25x25; 2, 4, 8 times as many before it", minimum=1)
    d_maps: int = option(50, "maps of D's second convolution; the first has 2/5", minimum=3)
    d_units: int = option(500, "units of D's dense layer", minimum=1)
    dropout_rate: float = option(0.5, "share of D's dense units dropped", minimum=0, maximum=0.99)
    weight_decay: float = option(5e-4, "lambda, for all networks", minimum=0)
    d_learning_rate: float = option(2e-4, "Adam's learning rate, for D_a and D_b", minimum=0)
    g_learning_rate: float = option(2e-4, "Adam's learning rate, for G_a and G_b", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)


# ---------------------------------------------------------------- G: shared first, private last


def shared_g_weights(config: Config, rng: np.random.Generator) -> Weights:
    """All layers but the last; a pixel of a `deconv` with stride 2 sees a quarter of the kernel."""
    maps = (config.z_size, *(times * config.width for times in (8, 4, 2, 1)))  # 100, 1024, ...
    weights: Weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(maps)):
        side, seen = (3, 9 / 4) if i else (4, 1)
        shape, name = [side, side, n_out, n_in], f"deconv_{i}_w"
        weights[name] = he_normal(rng, shape, name, fan_in=seen * n_in)
        weights |= moving_statistics(n_out, f"norm_{i}") | slopes(n_out, f"slope_{i}")
    return weights


def private_g_weights(config: Config, channels: int, rng: np.random.Generator) -> Weights:
    """The last layer."""
    shape, seen = [6, 6, channels, config.width], 36 * config.width
    w = he_normal(rng, shape, "deconv_4_w", fan_in=seen)
    return {"deconv_4_w": w, "deconv_4_b": zeros([channels], "deconv_4_b")}


def shared_g(weights: Weights, z: tf.Tensor, statistics: str) -> tf.Tensor:
    """z [n, 100] -> maps [n, 25, 25, 128]; `statistics` as in `layers.batch_norm`."""
    x = layers.reshape(z, [1, 1, z.shape[1]])  # [n, 1, 1, 100]
    x = layers.deconv(x, weights["deconv_0_w"], stride=1, padding=0)  # [n, 4, 4, 1024]
    x = layers.prelu(norm(x, weights, "norm_0", statistics), weights["slope_0"])
    for i in (1, 2, 3):  # [n, 7, 7, 512], [n, 13, 13, 256], [n, 25, 25, 128]
        x = layers.deconv(x, weights[f"deconv_{i}_w"], stride=2, padding=1)
        x = layers.prelu(norm(x, weights, f"norm_{i}", statistics), weights[f"slope_{i}"])
    return x


def private_g(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Maps [n, 25, 25, 128] -> images in (0, 1), [n, 28, 28, 1]."""
    x = layers.deconv(x, weights["deconv_4_w"], weights["deconv_4_b"], stride=1, padding=1)
    return layers.sigmoid(x)


def generator(weights: Weights, z: tf.Tensor, statistics: str) -> tf.Tensor:
    """z [n, 100] -> images of one domain in (0, 1), [n, 28, 28, 1]."""
    return private_g(weights, shared_g(weights, z, statistics))


def norm(x: tf.Tensor, weights: Weights, name: str, statistics: str) -> tf.Tensor:
    """Batch norm of maps [n, h, w, maps], without scale and shift."""
    moving = weights[f"{name}_mean"], weights[f"{name}_variance"]
    return layers.batch_norm(x, None, None, *moving, statistics, momentum=0.9, epsilon=1e-5)


def slopes(units: int, name: str) -> Weights:
    """PReLU's."""
    return {name: tf.Variable(tf.fill([units], SLOPE), name=name)}


# ---------------------------------------------------------------- D: private first, shared last


def private_d_weights(config: Config, channels: int, rng: np.random.Generator) -> Weights:
    """The first layer."""
    maps = config.d_maps * 2 // 5  # 20
    w = he_normal(rng, [5, 5, channels, maps], "conv_0_w")
    return {"conv_0_w": w, "conv_0_b": zeros([maps], "conv_0_b")}


def shared_d_weights(config: Config, rng: np.random.Generator) -> Weights:
    """All others."""
    maps, units = config.d_maps, config.d_units
    return {
        "conv_1_w": he_normal(rng, [5, 5, maps * 2 // 5, maps], "conv_1_w"),
        "conv_1_b": zeros([maps], "conv_1_b"),
        "w_2": he_normal(rng, [4 * 4 * maps, units], "w_2"),
        "b_2": zeros([units], "b_2"),
        **slopes(units, "slope_2"),
        "w_3": he_normal(rng, [units, 2], "w_3"),
        "b_3": zeros([2], "b_3"),
    }


def discriminator(weights: Weights, x: tf.Tensor, u: tf.Tensor, dropout_rate: float) -> tf.Tensor:
    """Images in (0, 1), [n, 28, 28, 1] -> logit [n, 1]; `u` [n, 500] are the dropout's numbers."""
    x = layers.conv(x, weights["conv_0_w"], weights["conv_0_b"], padding=0)  # [n, 24, 24, 20]
    x = layers.max_pool(x)  # [n, 12, 12, 20]
    x = layers.conv(x, weights["conv_1_w"], weights["conv_1_b"], padding=0)  # [n, 8, 8, 50]
    x = layers.flatten(layers.max_pool(x))  # [n, 4, 4, 50] -> [n, 800]
    x = layers.prelu(layers.linear(x, weights["w_2"], weights["b_2"]), weights["slope_2"])
    x = layers.dropout(x, u, dropout_rate)  # [n, 500]
    x = layers.linear(x, weights["w_3"], weights["b_3"])  # of "generated" and of "real", [n, 2]
    return x[:, 1:] - x[:, :1]


# ---------------------------------------------------------------- the GAN


class Gan(tf.Module):
    """The four networks, their two optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config = config
        channels = {}
        for domain in ("a", "b"):
            height, width, channels[domain] = fields.image_shape(domain)
            if (height, width) != (SIDE, SIDE):
                raise ValueError(f"trains on images of 28x28, and {domain} is {height}x{width}")
        of_g, of_d = shared_g_weights(config, rng), shared_d_weights(config, rng)
        self.g_a = {**of_g, **private_g_weights(config, channels["a"], rng)}
        self.g_b = {**of_g, **private_g_weights(config, channels["b"], rng)}
        self.d_a = {**private_d_weights(config, channels["a"], rng), **of_d}
        self.d_b = {**private_d_weights(config, channels["b"], rng), **of_d}
        networks = {"generator_a": self.g_a, "generator_b": self.g_b}
        self.networks = networks | {"discriminator_a": self.d_a, "discriminator_b": self.d_b}
        self.g_variables = optimizers.variables(self.g_a, self.g_b)  # what is shared once
        self.d_variables = optimizers.variables(self.d_a, self.d_b)
        self.d_optimizer = optimizers.Adam(config.d_learning_rate, self.d_variables, config.beta_1)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, config.beta_1)
        self.z = Uniform([config.z_size])

    def schedule(self) -> Schedule:
        """Both D, then both G; one z a pair, fresh for each update, and fresh dropout."""
        drops = ("real_a", "real_b", "fake_a", "fake_b", "g_a", "g_b")
        us = {f"u_{of}": Uniform([self.config.d_units], low=0.0) for of in drops}
        inputs = {"a": Real("a"), "b": Real("b"), "z_d": self.z, "z_g": self.z, **us}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D_a on a and on G_a(z_d), D_b on b and on G_b(z_d)."""
        a, b = to_unit_range(batch["a"]), to_unit_range(batch["b"])  # [n, 28, 28, 1] each
        fake_a, fake_b = self._pair(batch["z_d"], "batch")
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real = self._judge(a, b, batch["u_real_a"], batch["u_real_b"])  # logits [n, 1] each
            fake = self._judge(fake_a, fake_b, batch["u_fake_a"], batch["u_fake_b"])
            d_loss = sum(map(losses.minimax_d_loss, real, fake))
            d_loss += self.config.weight_decay * losses.half_squares(self.d_variables)
        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        real, fake = tf.concat(real, axis=0), tf.concat(fake, axis=0)  # [2 n, 1]
        return {"d_loss": d_loss} | losses.mean_probabilities(real, fake)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G_a and G_b on one z_g; their moving statistics move too."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake_a, fake_b = self._pair(batch["z_g"], "update")  # [n, 28, 28, 1] each
            fake = self._judge(fake_a, fake_b, batch["u_g_a"], batch["u_g_b"])  # [n, 1] each
            g_loss = sum(map(losses.non_saturating_g_loss, fake))
            g_loss += self.config.weight_decay * losses.half_squares(self.g_variables)
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        return {"g_loss": g_loss}

    def _pair(self, z, statistics):
        """z [n, 100] -> an image of a and one of b for each, [n, 28, 28, 1]."""
        maps = shared_g(self.g_a, z, statistics)  # and G_b's: once, for the weights are the same
        return private_g(self.g_a, maps), private_g(self.g_b, maps)

    def _judge(self, a, b, u_a, u_b):
        """D_a's logits of a and D_b's of b, [n, 1] each."""
        rate = self.config.dropout_rate
        return discriminator(self.d_a, a, u_a, rate), discriminator(self.d_b, b, u_b, rate)

    def samplers(self) -> list[Sampler]:
        """Of each domain G on z, the same for both, and D's logit."""
        return [self._sampler("a", self.g_a, self.d_a), self._sampler("b", self.g_b, self.d_b)]

    def _sampler(self, domain: str, g: Weights, d: Weights) -> Sampler:
        def generate(given: Given) -> tf.Tensor:
            """z [n, 100] -> images in [-1, 1], [n, 28, 28, 1]."""
            return 2.0 * generator(g, given["z"], "moving") - 1.0

        def score(x: tf.Tensor, given: Given) -> tf.Tensor:
            """Images in [-1, 1], [n, 28, 28, 1] -> D's logit without dropout, [n]."""
            u = tf.ones([1, self.config.d_units])
            return discriminator(d, to_unit_range(x), u, dropout_rate=0.0)[:, 0]

        return Sampler(domain, {"z": self.z}, generate, score, against=domain)


def to_unit_range(x: tf.Tensor) -> tf.Tensor:
    """The engine's images are in [-1, 1], the program's in [0, 1]."""
    return (x + 1.0) / 2.0
