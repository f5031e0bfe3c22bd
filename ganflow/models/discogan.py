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
the others are G's. A step is an iteration. The paper's equations, and D and G at every step:
`--adversarial_weight=1 --feature_weight=0 --first_steps=0 --d_interval=1`. `--arch` is an ablation
of the program: "gan" is G_ab and D_b alone, without r, "recongan" adds G_ba and L_const of a.

Images have the program's networks: 4x4 kernels, stride 2, 64 maps at half the size and twice as
many at each smaller one, down to 4 pixels or an odd side; batch norm but in first and last layers;
leaky ReLU .2, on the way up ReLU. At 64x64x3 a G has 5,516,544 parameters, 2,688 of them moving
statistics, and a D 2,765,568. Points have dense ReLU layers of 128 units, three in a G (17,154
parameters) and five in a D (50,049). The program's images are in [0, 1]. Batch norm takes each
batch's statistics; to sample, a G uses moving means of them (decay .9) over real examples.

Expected (median): discogan_fast: arrows 1.3 degrees off; discogan_points_fast: 9 of b's 10 modes.

Deviations: images of any size. Weights start as PyTorch's did, but gains all from 1. Of the paper's
toy the numbers of layers are known; 128 units and 50,000 iterations are a notebook's by others.
"""

import dataclasses
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Given, Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import initializers, layers, losses, optimizers, replicas
from ganflow.nn.draws import Real
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("arrows", "the data set, of two domains: images or points")
    batch_size: int = option(64, "real examples of each domain in an iteration", minimum=1)
    steps: int = option(50_000, "total iterations, D's and G's", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    arch: str = option("discogan", "what is trained", choices=("discogan", "recongan", "gan"))
    width: int = option(0, "maps at half size, or units a layer; 0: 64 or 128", minimum=0)
    d_interval: int = option(3, "an iteration in so many is D's; 1: each is D's and G's", minimum=1)
    adversarial_weight: float = option(0.1, "of L_gan", minimum=0)
    feature_weight: float = option(0.9, "of L_features", minimum=0)
    first_rate: float = option(0.01, "r at first", minimum=0, maximum=1)
    rate: float = option(0.5, "r from then on", minimum=0, maximum=1)
    first_steps: int = option(10_000, "iterations with --first_rate", minimum=0)
    weight_decay: float = option(1e-5, "lambda, for all networks", minimum=0)
    d_learning_rate: float = option(2e-4, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(2e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def maps_of(shape: Sequence[int], width: int) -> list[int]:
    """Maps at each size, halved while both sides are even and above 4: [3, 64, 128, 256, 512]."""
    (height, side, channels), maps = shape, [shape[2]]
    while not (height % 2 or side % 2) and min(height, side) > 4:
        maps.append((width or 64) * min(2 ** (len(maps) - 1), 8))
        height, side = height // 2, side // 2
    if maps == [channels]:
        raise ValueError(f"trains on images with even sides above 4, not on {height}x{side}")
    return maps


def kernels(kind: str, maps: list[int], moving: bool, rng: np.random.Generator) -> Weights:
    """4x4 kernels, "conv" or on the way back "deconv", and norms between them; 0 is outermost."""
    weights: Weights = {}
    norm_weights = initializers.batch_norm_weights if moving else initializers.gain_and_shift
    for i, (outer, inner) in enumerate(pairwise(maps)):
        name, n_in, n_out = f"{kind}_{i}", *((outer, inner) if kind == "conv" else (inner, outer))
        w = initializers.torch_uniform(rng, [4, 4, outer, inner], 16 * n_in, f"{name}_w")
        weights |= {f"{name}_w": w} | (norm_weights(n_out, f"{name}_norm") if i else {})
    return weights


def down(weights: Weights, x: tf.Tensor, statistics: str) -> list[tf.Tensor]:
    """Images [n, 64, 64, 3] -> [n, 32, 32, 64], [n, 16, 16, 128], ..., [n, 4, 4, 512]."""
    hidden: list[tf.Tensor] = []
    while (name := f"conv_{len(hidden)}") + "_w" in weights:
        x = layers.conv(x, weights[f"{name}_w"], stride=2)
        x = norm(x, weights, f"{name}_norm", statistics) if hidden else x
        hidden.append(x := layers.leaky_relu(x, slope=0.2))
    return hidden


def norm(x: tf.Tensor, weights: Weights, name: str, statistics: str) -> tf.Tensor:
    """Batch norm of maps [n, h, w, maps]; D's has no moving statistics."""
    parts = [weights.get(f"{name}_{part}") for part in ("gamma", "beta", "mean", "variance")]
    return layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)


def network_weights(a: Sequence[int], b: Sequence[int], width: int, rng: np.random.Generator):
    """Of G_ab and D_b, for examples of the shapes a and b."""
    if len(a) == 1:
        m, dense_weights = width or 128, initializers.torch_dense_weights
        return dense_weights(rng, [*a, m, m, *b]), dense_weights(rng, [*b, m, m, m, m, 1])
    of_a, of_b = maps_of(a, width), maps_of(b, width)
    flat = b[0] * b[1] // 4 ** (len(of_b) - 1) * of_b[-1]  # 4 * 4 * 512 = 8,192
    g = kernels("conv", of_a, True, rng) | kernels("deconv", of_b, True, rng)
    d = kernels("conv", of_b, False, rng)
    return g, d | {"out_w": initializers.torch_uniform(rng, [flat, 1], flat, "out_w")}


def generator(weights: Weights, x: tf.Tensor, statistics: str) -> tf.Tensor:
    """Examples of one domain -> of the other; images in [0, 1]."""
    if len(x.shape) == 2:
        return dense(weights, x)[0]
    *rest, x = down(weights, x, statistics)
    for i in range(len(rest), 0, -1):  # to [n, 8, 8, 256], ..., [n, 32, 32, 64]
        x = layers.deconv(x, weights[f"deconv_{i}_w"])
        x = layers.relu(norm(x, weights, f"deconv_{i}_norm", statistics))
    return layers.sigmoid(layers.deconv(x, weights["deconv_0_w"]))  # [n, 64, 64, 3]


def discriminator(weights: Weights, x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Examples, all real or all generated -> (logit [n, 1], the last three hidden layers)."""
    if len(x.shape) == 2:
        return dense(weights, x)
    hidden = down(weights, x, "batch")
    return layers.linear(layers.flatten(hidden[-1]), weights["out_w"]), hidden[-3:]


def dense(weights: Weights, x: tf.Tensor) -> tuple[tf.Tensor, list[tf.Tensor]]:
    """Points [n, 2] -> (points [n, 2] or a logit [n, 1], the last three hidden layers)."""
    hidden, last = [], len(weights) // 2 - 1
    for i in range(last):
        hidden.append(x := layers.relu(layers.linear(x, weights[f"w_{i}"], weights[f"b_{i}"])))
    return layers.linear(x, weights[f"w_{last}"], weights[f"b_{last}"]), hidden[-3:]


def inside(x: tf.Tensor) -> tf.Tensor:
    """The engine's images, in [-1, 1], as the program has them, in [0, 1]; points as they are."""
    return (x + 1.0) / 2.0 if len(x.shape) == 4 else x


# ---------------------------------------------------------------- the GAN


class Gan(tf.Module):
    """A G and a D in either direction, two optimizers, D's iteration and G's."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.on_images = config, len(fields.shape("a")) > 1
        a, b = map(fields.image_shape if self.on_images else fields.point_shape, ("a", "b"))
        if self.on_images and a[:2] != b[:2]:
            raise ValueError(f"trains on two domains of one size, not on {a[:2]} and {b[:2]}")
        g_ab, d_b = network_weights(a, b, config.width, rng)
        g_ba, d_a = network_weights(b, a, config.width, rng)
        self.g_ab, self.g_ba = g_ab, g_ba if config.arch != "gan" else None
        self.d_a, self.d_b = d_a if config.arch == "discogan" else None, d_b
        networks = {"generator_ab": self.g_ab, "generator_ba": self.g_ba}
        networks |= {"discriminator_a": self.d_a, "discriminator_b": self.d_b}
        self.networks = {name: weights for name, weights in networks.items() if weights}
        self.g_variables = optimizers.variables(self.g_ab, self.g_ba or {})
        self.d_variables = optimizers.variables(self.d_a or {}, self.d_b)
        self.d_optimizer = optimizers.Adam(config.d_learning_rate, self.d_variables, config.beta_1)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, config.beta_1)

    def _ways(self):
        """(From, to, G, the G that leads back or None, D) of each translation in training."""
        there = "a", "b", self.g_ab, self.g_ba, self.d_b
        return [there, ("b", "a", self.g_ba, self.g_ab, self.d_a)] if self.d_a else [there]

    def schedule(self) -> Schedule:
        """An iteration of D, then those of G; each on examples of its own."""
        inputs, of_g = {"a": Real("a"), "b": Real("b")}, self.config.d_interval - 1
        if not of_g:
            return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])
        return Schedule([Phase(1, (self.d_step,), inputs), Phase(of_g, (self.g_step,), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Each D on its domain's examples and, apart, on translations of the other's."""
        x, ways = {domain: inside(batch[domain]) for domain in "ab"}, self._ways()
        fakes = [generator(g, x[source], "batch") for source, _, g, _, _ in ways]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real = [discriminator(d, x[target])[0] for _, target, _, _, d in ways]
            fake = [discriminator(way[-1], y)[0] for way, y in zip(ways, fakes, strict=True)]
            d_loss = sum(map(losses.minimax_d_loss, real, fake)) / 2.0  # of logits [n, 1]
            d_loss += self.config.weight_decay * losses.half_squares(self.d_variables)
        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        told = losses.mean_probabilities(tf.concat(real, axis=0), tf.concat(fake, axis=0))
        return {"d_loss": d_loss} | told

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Both G, there and back again; their moving statistics move too."""
        x, config = {domain: inside(batch[domain]) for domain in "ab"}, self.config
        r, l_gan, l_features, l_const = self._rate() if self.g_ba else 0.0, 0.0, 0.0, 0.0
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            for source, target, g, leads_back, d in self._ways():
                fake = generator(g, x[source], "update")
                logits, of_fake = discriminator(d, fake)
                _, of_real = discriminator(d, x[target])
                l_gan += losses.non_saturating_g_loss(logits)
                l_features += losses.feature_matching(of_real, of_fake)
                if leads_back:  # its statistics are of real examples, but in --arch=recongan
                    back = generator(leads_back, fake, "batch" if self.d_a else "update")
                    l_const += losses.squared_error(back, x[source])
            of_fakes = config.adversarial_weight * l_gan + config.feature_weight * l_features
            g_loss = (1.0 - r) * of_fakes + r * l_const
            g_loss += config.weight_decay * losses.half_squares(self.g_variables)
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        told = {"adversarial_loss": l_gan, "feature_loss": l_features}
        return {"g_loss": g_loss, **told} | ({"reconstruction_loss": l_const} if self.g_ba else {})

    def _rate(self):
        """r, by the count of G's updates: of `every` iterations the first is D's."""
        every = self.config.d_interval
        first = self.config.first_steps * max(1, every - 1) // every
        done = replicas.local(self.g_optimizer.iterations)
        return tf.where(done < first, self.config.first_rate, self.config.rate)

    def samplers(self) -> list[Sampler]:
        """There, back, and both there and back again; the arrows of points are of L_gan alone."""
        g, judges = {"a": self.g_ba, "b": self.g_ab}, {"a_to_b": self.d_b, "b_to_a": self.d_a}
        names = ["a_to_b", "b_to_a", "a_to_b_to_a", "b_to_a_to_b"] if self.g_ba else ["a_to_b"]
        return [self._sampler(n, [g[k] for k in n.split("_to_")[1:]], judges.get(n)) for n in names]

    def _sampler(self, name: str, chain: list[Weights], d: Weights | None) -> Sampler:
        def generate(given: Given) -> tf.Tensor:
            """Real examples [n, ...] -> as many of the last domain, images in [-1, 1]."""
            x = inside(given[name[0]])
            for g in chain:
                x = generator(g, x, "moving")
            return 2.0 * x - 1.0 if self.on_images else x

        def score(x: tf.Tensor, given: Given) -> tf.Tensor:
            """Examples [n, ...], images in [-1, 1], all real or all generated -> D's logit, [n]."""
            return discriminator(d, inside(x))[0][:, 0]

        given = {name[0]: Real(name[0])}
        if not d:
            return Sampler(name, given, generate, against=name[-1])
        l_gan = None if self.on_images else lambda x: losses.non_saturating_g_loss(score(x, {}))
        return Sampler(name, given, generate, score, against=name[-1], g_loss=l_gan)
