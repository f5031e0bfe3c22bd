"""DiscoGAN (arXiv 1703.05192): two unpaired domains, translated into each other and back again.

    D's loss: (-mean(log D_b(b)) - mean(log(1 - D_b(G_ab(a))))) / 2, and so D_a on a and G_ba(b)
    G's loss: (1 - r) (.1 L_gan + .9 L_features) + r L_const, and so from b to a and back, with
              L_gan = -mean(log D_b(G_ab(a))) and L_const = mean (G_ba(G_ab(a)) - a)^2
    and lambda |weights|^2 / 2 in both; r is .01 for the first 10,000 iterations, then .5

    ganflow-train --model=discogan --workdir=runs/discogan
    ganflow-train --model=discogan --dataset=gaussians_5_10 --workdir=runs/discogan_points

The paper has both couples of networks, L_gan, and L_const by any distance. The rest is its authors'
program's: L_features, the squared distance between the means of D's last three hidden layers on
real and on generated examples; the weights .1 and .9; r; and that every third iteration is D's and
the others are G's. A step is an iteration. The paper's equations, and D and G at every step, are

    --adversarial_weight=1 --feature_weight=0 --first_steps=0 --d_interval=1

`--arch` is the program's own ablation: "gan" is G_ab and D_b alone and has no r, "recongan" adds
G_ba and L_const of a. Images have the program's networks: 4x4 kernels, stride 2, 64 maps at half
the size and twice as many at each further halving, down to 4 pixels or an odd side; batch norm but
in first and last layers, leaky ReLU .2, in G's second half ReLU. At 64x64x3 a G has 5,516,544
parameters, 2,688 of them moving statistics, and a D 2,765,568. Points have dense layers of 128
units with ReLUs, three layers in a G (17,154 parameters) and five in a D (50,049). Adam with
learning rate 2e-4 and beta_1 .5, lambda 1e-5, batch 64.

Images of the data set, in [-1, 1], become the program's in [0, 1] on their way in, and a G's,
behind its sigmoid, the data set's at the end. Batch norm takes each batch's own statistics in
training; to sample, a G uses moving means of them (decay .9) over real examples, which its own
iterations alone move. D has none, and judges a batch by the batch.

Expected: not yet measured.

Deviations: images of any size. Weights start as PyTorch's did, U(-a, a) with a = 1 / sqrt(inputs of
a unit), but gains all 1. Of the paper's toy the number of layers is known; 128 units and 50,000
iterations are those of a notebook by others.
"""

import dataclasses
import math
from collections.abc import Sequence
from itertools import pairwise
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Given, Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers, replicas
from ganflow.nn.draws import Real
from ganflow.nn.initializers import batch_norm_weights, gain_and_shift, uniform
from ganflow.nn.layers import Weights

MAPS, UNITS = 64, 128  # the widths of images' and points' networks
COMPARED = 3  # D's hidden layers, from the last on, that L_features compares
Features = list[tf.Tensor]  # what hidden layers give


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("arrows", "the data set, of two domains: images or points")
    batch_size: int = option(64, "real examples of each domain in an iteration", minimum=1)
    steps: int = option(50_000, "total iterations, D's and G's", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    arch: str = option(
        "discogan", "what is trained, see above", choices=("discogan", "recongan", "gan")
    )
    width: int = option(
        0, "maps at half the images' size, or units of a dense layer; 0: 64 or 128", minimum=0
    )
    d_interval: int = option(
        3, "iterations from one of D to the next, the others are G's; 1: each is both's", minimum=1
    )
    adversarial_weight: float = option(0.1, "of L_gan", minimum=0)
    feature_weight: float = option(0.9, "of L_features", minimum=0)
    first_rate: float = option(0.01, "r at first", minimum=0, maximum=1)
    rate: float = option(0.5, "r from then on", minimum=0, maximum=1)
    first_steps: int = option(10_000, "iterations with --first_rate", minimum=0)
    slope: float = option(0.2, "images: leaky ReLU's slope below 0", minimum=0, maximum=1)
    weight_decay: float = option(1e-5, "lambda, for all networks", minimum=0)
    d_learning_rate: float = option(2e-4, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(2e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def started(rng: np.random.Generator, shape: Sequence[int], name: str, inputs: int) -> tf.Variable:
    """U(-a, a) with a = 1 / sqrt(inputs), as PyTorch's layers."""
    return uniform(rng, shape, 1 / math.sqrt(inputs), name)


# ---------------------------------------------------------------- images


def maps_of(shape: Sequence[int], width: int) -> list[int]:
    """Maps at each size, from the images' own on: of 64x64x3 [3, 64, 128, 256, 512].

    Sides are halved while both are even and above 4, and there are never more than 8 times `width`.

    Raises:
      ValueError: they cannot be halved once.
    """
    height, side, channels = shape
    maps = [channels]
    while not (height % 2 or side % 2) and min(height, side) > 4:
        maps.append(width * min(2 ** (len(maps) - 1), 8))
        height, side = height // 2, side // 2
    if len(maps) == 1:
        raise ValueError(f"trains on images with even sides above 4, not on {height}x{side}")
    return maps


def conv_generator_weights(
    maps_in: list[int], maps_out: list[int], rng: np.random.Generator
) -> Weights:
    """From images with the first of `maps_in` as channels to such with the first of `maps_out`."""
    weights: Weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(maps_in)):
        weights |= conv_weights(n_in, n_out, i, rng)
        weights |= batch_norm_weights(n_out, f"norm_{i}") if i else {}
    for i, (n_out, n_in) in reversed(list(enumerate(pairwise(maps_out)))):
        name = f"deconv_{i}_w"
        weights[name] = started(rng, [4, 4, n_out, n_in], name, 16 * n_in)
        weights |= batch_norm_weights(n_out, f"up_norm_{i}") if i else {}
    return weights


def conv_generator(weights: Weights, x: tf.Tensor, slope: float, statistics: str) -> tf.Tensor:
    """Images in [0, 1], [n, 64, 64, 3] -> such of the other domain, in (0, 1)."""
    last = len([name for name in weights if name.startswith("conv_")]) - 1
    for i in range(last + 1):  # [n, 32, 32, 64], [n, 16, 16, 128], [n, 8, 8, 256], [n, 4, 4, 512]
        x = layers.conv(x, weights[f"conv_{i}_w"], stride=2)
        x = layers.leaky_relu(norm(x, weights, f"norm_{i}", statistics) if i else x, slope)
    for i in range(last, 0, -1):  # [n, 8, 8, 256], [n, 16, 16, 128], [n, 32, 32, 64]
        x = layers.deconv(x, weights[f"deconv_{i}_w"])
        x = layers.relu(norm(x, weights, f"up_norm_{i}", statistics))
    return layers.sigmoid(layers.deconv(x, weights["deconv_0_w"]))  # [n, 64, 64, 3]


def conv_discriminator_weights(
    maps: list[int], shape: Sequence[int], rng: np.random.Generator
) -> Weights:
    """Of one domain's D."""
    weights: Weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(maps)):
        weights |= conv_weights(n_in, n_out, i, rng)
        weights |= gain_and_shift(n_out, f"norm_{i}") if i else {}
    flat = shape[0] * shape[1] // 4 ** (len(maps) - 1) * maps[-1]  # 4 * 4 * 512 = 8,192
    return weights | {"out_w": started(rng, [flat, 1], "out_w", flat)}


def conv_discriminator(weights: Weights, x: tf.Tensor, slope: float) -> tuple[tf.Tensor, Features]:
    """Images in [0, 1], all real or all generated -> (logit [n, 1], last hidden layers)."""
    features: Features = []
    for i in range(len([name for name in weights if name.startswith("conv_")])):
        x = layers.conv(x, weights[f"conv_{i}_w"], stride=2)
        x = layers.leaky_relu(norm(x, weights, f"norm_{i}", "batch") if i else x, slope)
        features.append(x)  # [n, 32, 32, 64], [n, 16, 16, 128], [n, 8, 8, 256], [n, 4, 4, 512]
    return layers.linear(layers.flatten(x), weights["out_w"]), features[-COMPARED:]


def conv_weights(n_in: int, n_out: int, i: int, rng: np.random.Generator) -> Weights:
    """The kernel of layer i."""
    name = f"conv_{i}_w"
    return {name: started(rng, [4, 4, n_in, n_out], name, 16 * n_in)}


def norm(x: tf.Tensor, weights: Weights, name: str, statistics: str) -> tf.Tensor:
    """Batch norm of maps [n, h, w, maps]; D's has no moving statistics."""
    parts = [weights.get(f"{name}_{part}") for part in ("gamma", "beta", "mean", "variance")]
    return layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)


# ---------------------------------------------------------------- points


def dense_weights(sizes: Sequence[int], rng: np.random.Generator) -> Weights:
    """Matrices and biases."""
    weights: Weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights[f"w_{i}"] = started(rng, [n_in, n_out], f"w_{i}", n_in)
        weights[f"b_{i}"] = started(rng, [n_out], f"b_{i}", n_in)
    return weights


def dense(weights: Weights, x: tf.Tensor) -> tuple[tf.Tensor, Features]:
    """Points [n, 2] -> (points [n, 2] or a logit [n, 1], last hidden layers)."""
    features, last = [], len(weights) // 2 - 1
    for i in range(last):
        x = layers.relu(layers.linear(x, weights[f"w_{i}"], weights[f"b_{i}"]))
        features.append(x)  # [n, 128]
    return layers.linear(x, weights[f"w_{last}"], weights[f"b_{last}"]), features[-COMPARED:]


# ---------------------------------------------------------------- the GAN


class Way(NamedTuple):
    """A translation that is trained."""

    source: str
    target: str
    g: Weights
    back: Weights | None  # of the G that leads back; None: nothing has to come back
    d: Weights  # of the target


def updates_of_g(iterations: int, d_interval: int) -> int:
    """How many of the first so many iterations are G's."""
    return iterations - (math.ceil(iterations / d_interval) if d_interval > 1 else 0)


class Gan(tf.Module):
    """A G and a D in either direction, two optimizers, D's iteration and G's."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.on_images = config, len(fields.shape("a")) > 1
        of = fields.image_shape if self.on_images else fields.point_shape
        g_ab, g_ba, d_a, d_b = self._drawn(of("a"), of("b"), rng)
        self.g_ab, self.d_b = g_ab, d_b
        self.g_ba = g_ba if config.arch != "gan" else None
        self.d_a = d_a if config.arch == "discogan" else None
        networks = {"generator_ab": self.g_ab, "generator_ba": self.g_ba}
        networks |= {"discriminator_a": self.d_a, "discriminator_b": self.d_b}
        self.networks = {name: weights for name, weights in networks.items() if weights}
        self.g_variables = optimizers.variables(self.g_ab, self.g_ba or {})
        self.d_variables = optimizers.variables(self.d_a or {}, self.d_b)
        beta_1 = config.beta_1
        self.d_optimizer = optimizers.Adam(config.d_learning_rate, self.d_variables, beta_1)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, beta_1)

    def _drawn(self, a, b, rng):
        """The weights of G_ab, G_ba, D_a, D_b: all, so that each --arch starts alike."""
        if not self.on_images:
            m = self.config.width or UNITS
            g_ab, g_ba = (dense_weights([2, m, m, 2], rng) for _ in range(2))
            d_a, d_b = (dense_weights([2, m, m, m, m, 1], rng) for _ in range(2))
            return g_ab, g_ba, d_a, d_b
        if a[:2] != b[:2]:
            sizes = " and ".join(f"{height}x{width}" for height, width, _ in (a, b))
            raise ValueError(f"trains on two domains of one size, not on {sizes}")
        of_a, of_b = (maps_of(shape, self.config.width or MAPS) for shape in (a, b))
        g_ab, g_ba = (
            conv_generator_weights(of_a, of_b, rng),
            conv_generator_weights(of_b, of_a, rng),
        )
        d_a = conv_discriminator_weights(of_a, a, rng)
        return g_ab, g_ba, d_a, conv_discriminator_weights(of_b, b, rng)

    def _ways(self) -> list[Way]:
        """What is trained is what the three --arch differ in."""
        there = Way("a", "b", self.g_ab, self.g_ba, self.d_b)
        if self.d_a is None:
            return [there]
        return [there, Way("b", "a", self.g_ba, self.g_ab, self.d_a)]

    def schedule(self) -> Schedule:
        """An iteration of D, then those of G; each on examples of its own."""
        inputs = {"a": Real("a"), "b": Real("b")}
        of_g = self.config.d_interval - 1
        if not of_g:
            return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])
        return Schedule([Phase(1, (self.d_step,), inputs), Phase(of_g, (self.g_step,), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Each D on its domain's examples and, apart, on translations of the other's."""
        x, ways = self._inside(batch), self._ways()  # {"a": [n, 64, 64, 3] or [n, 2], "b": ...}
        fakes = [self._translate(way.g, x[way.source], "batch") for way in ways]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real = [self._judge(way.d, x[way.target])[0] for way in ways]  # logits [n, 1] each
            fake = [self._judge(way.d, y)[0] for way, y in zip(ways, fakes, strict=True)]
            d_loss = sum(map(losses.minimax_d_loss, real, fake)) / 2.0
            d_loss += self.config.weight_decay * losses.half_squares(self.d_variables)
        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        told = losses.mean_probabilities(tf.concat(real, axis=0), tf.concat(fake, axis=0))
        return {"d_loss": d_loss} | told

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Both G, there and back again; their moving statistics move too."""
        x, config, r = self._inside(batch), self.config, self._rate()
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            of_ways = [self._losses(way, x) for way in self._ways()]
            told = {name: sum(of_way[name] for of_way in of_ways) for name in of_ways[0]}
            g_loss = (1.0 - r) * config.adversarial_weight * told["adversarial_loss"]
            g_loss += (1.0 - r) * config.feature_weight * told["feature_loss"]
            g_loss += r * told.get("reconstruction_loss", 0.0)
            g_loss += config.weight_decay * losses.half_squares(self.g_variables)
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        return {"g_loss": g_loss} | told

    def _losses(self, way, x):
        """L_gan, L_features and, where something has to come back, L_const of a translation."""
        source = x[way.source]
        fake = self._translate(way.g, source, "update")
        logits, features = self._judge(way.d, fake)
        _, real_features = self._judge(way.d, x[way.target])
        found = {
            "adversarial_loss": losses.non_saturating_g_loss(logits),
            "feature_loss": losses.feature_matching(real_features, features),
        }
        if way.back is not None:
            statistics = "batch" if self.d_a else "update"  # of --arch=recongan: it has no others
            back = self._translate(way.back, fake, statistics)
            found["reconstruction_loss"] = losses.squared_error(back, source)
        return found

    def _rate(self):
        """r, by the count of G's updates."""
        if self.g_ba is None:
            return 0.0
        first = updates_of_g(self.config.first_steps, self.config.d_interval)
        done = replicas.local(self.g_optimizer.iterations)
        return tf.where(done < first, self.config.first_rate, self.config.rate)

    def _inside(self, x):
        """The engine's images, in [-1, 1], as the program has them, in [0, 1]; or points."""
        return {key: (x[key] + 1.0) / 2.0 if self.on_images else x[key] for key in x}

    def _translate(self, g, x, statistics):
        """Examples [n, ...] of one domain -> of the other."""
        if self.on_images:
            return conv_generator(g, x, self.config.slope, statistics)
        return dense(g, x)[0]

    def _judge(self, d, x):
        """Examples [n, ...], all real or all generated -> (logit [n, 1], hidden layers)."""
        return conv_discriminator(d, x, self.config.slope) if self.on_images else dense(d, x)

    def samplers(self) -> list[Sampler]:
        """There, the other way, and there and back again either way, to look at."""
        found = [self._sampler("a_to_b", [self.g_ab], self.d_b)]
        if self.g_ba is not None:
            found += [
                self._sampler("b_to_a", [self.g_ba], self.d_a),
                self._sampler("a_to_b_to_a", [self.g_ab, self.g_ba]),
                self._sampler("b_to_a_to_b", [self.g_ba, self.g_ab]),
            ]
        return found

    def _sampler(self, name: str, chain: list[Weights], d: Weights | None = None) -> Sampler:
        source, target = name[0], name[-1]

        def generate(given: Given) -> tf.Tensor:
            """Real examples [n, ...] -> as many of the last domain, images in [-1, 1]."""
            x = self._inside(given)[source]
            for g in chain:
                x = self._translate(g, x, "moving")
            return 2.0 * x - 1.0 if self.on_images else x

        def score(x: tf.Tensor, given: Given) -> tf.Tensor:
            """Examples [n, ...], images in [-1, 1], all real or all generated -> D's logit, [n]."""
            return self._judge(d, self._inside({"x": x})["x"])[0][:, 0]

        def g_loss(x: tf.Tensor) -> tf.Tensor:
            """L_gan of points [n, 2]: the rest of G's loss is no function of them alone."""
            return losses.non_saturating_g_loss(score(x, {}))

        given = {source: Real(source)}
        if d is None:
            return Sampler(name, given, generate, against=target)
        arrows = None if self.on_images else g_loss
        return Sampler(name, given, generate, score, against=target, g_loss=arrows)
