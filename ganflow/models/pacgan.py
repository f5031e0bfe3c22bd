"""PacGAN (arXiv 1712.04086) on points: D judges m samples together, all real or all generated.

    D's loss: -mean(log D(x_1, ..., x_m)) - mean(log(1 - D(G(z_1), ..., G(z_m))))
    G's loss: -mean(log D(G(z_1), ..., G(z_m)))

    ganflow-train --model=pacgan --workdir=runs/pacgan
    ganflow-train --model=pacgan --pac=1 --dataset=pacgan_ring --workdir=runs/ring

Samples of a collapsed G are alike, and samples that are alike stand out as soon as D sees several
at once. `--pac` is m; with 1 it is a plain GAN. The networks are those of the authors' program on
their ring and grid: G has four layers of 400 ReLU units with batch norm, 488,002 parameters (3,200
of them moving statistics); D three layers of 200 maxout units of 5 pieces, 407,201 for m = 2, each
further sample 2,000 more. A step sees 100 packs, that is 100 m real points.

The paper's table 1, means of 10 runs (modes, % of samples within 3 standard deviations of one):

    m      1            2            3            4
    ring   6.3  98.2    7.9  95.6    7.8  97.7    7.8  95.9     of 8 modes
    grid   17.3 94.8    23.8 91.3    24.6 94.2    24.8 93.6     of 25

Other cures of mode collapse are options, all off: see `nn.cures`.

Expected: not yet measured but on one seed, of which configs/pacgan_fast.flags tells.

A score is of a pack, and an example has none by itself. Here an example is judged in a pack with
those that follow it in its batch (after the last comes the first). A batch of real or of generated
examples then makes packs as D knows them from training. The example m times over would not do: no
real pack is like that, and D learns that such packs are G's. Over the plane, neighbours are cells
side by side: its colours say what D thinks of m points near that place.

Deviations: the program takes D's and G's gradients of one pass before it moves either; here D moves
first, and G, on the same z, sees the D that has moved. Its batch norm takes the statistics of each
of the m samples of the packs apart, ours of all together. It builds one data set of packs; here
packs are formed anew every epoch.
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
from ganflow.nn.draws import Normal, Real
from ganflow.nn.initializers import batch_norm_weights, normal, zeros
from ganflow.nn.layers import Weights

STD = 0.02  # of all matrices


@dataclasses.dataclass(frozen=True)
class Config(cures.Options):
    dataset: str = option("pacgan_grid", "the data set")
    batch_size: int = option(100, "packs of real points in a step", minimum=1)
    steps: int = option(400_000, "total steps; the program's 400 epochs of 1,000", minimum=0)
    summary_every: int = option(1_000, "steps between summaries", minimum=1)
    pac: int = option(2, "m, samples that D judges together", minimum=1)
    z_size: int = option(2, "components of z, each N(0, 1)", minimum=1)
    g_hidden: tuple[int, ...] = option((400,) * 4, "units of G's hidden layers", minimum=1)
    d_hidden: tuple[int, ...] = option((200,) * 3, "units of D's hidden layers", minimum=1)
    pieces: int = option(5, "linear functions of which a unit of D is the maximum", minimum=1)
    d_learning_rate: float = option(1e-4, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(1e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.8, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def generator_weights(config: Config, x_size: int, rng: np.random.Generator) -> Weights:
    """Normal matrices; no biases in front of a batch norm, which has its own."""
    weights: Weights = {}
    n_in = config.z_size
    for i, units in enumerate(config.g_hidden):
        weights[f"w_{i}"] = normal(rng, [n_in, units], STD, f"w_{i}")
        weights |= batch_norm_weights(units, f"norm_{i}")
        n_in = units
    return weights | {
        "out_w": normal(rng, [n_in, x_size], STD, "out_w"),
        "out_b": zeros([x_size], "out_b"),
    }


def generator(weights: Weights, z: tf.Tensor, statistics: str) -> tf.Tensor:
    """z [n, 2] -> points [n, 2]; `statistics` as in `layers.batch_norm`."""
    x = z
    for i in range(len(weights) // 5):  # a matrix and four of the norm in each layer
        x = layers.linear(x, weights[f"w_{i}"])
        norm = [weights[f"norm_{i}_{part}"] for part in ("gamma", "beta", "mean", "variance")]
        x = layers.batch_norm(x, *norm, statistics, momentum=0.95, epsilon=1e-4)
        x = layers.relu(x)  # [n, 400]
    return layers.linear(x, weights["out_w"], weights["out_b"])  # [n, 2]


def discriminator_weights(config: Config, pack_size: int, rng: np.random.Generator) -> Weights:
    """Normal matrices and zero biases; each unit has `pieces` columns side by side."""
    weights: Weights = {}
    n_in = pack_size
    for i, units in enumerate(config.d_hidden):
        weights[f"w_{i}"] = normal(rng, [n_in, units * config.pieces], STD, f"w_{i}")
        weights[f"b_{i}"] = zeros([units * config.pieces], f"b_{i}")
        n_in = units
    return weights | {
        **cures.kernel_weights(config, n_in, rng, STD),
        "out_w": normal(rng, [n_in + cures.added_units(config), 1], STD, "out_w"),
        "out_b": zeros([1], "out_b"),
    }


def discriminator(weights: Mapping[str, tf.Tensor], packs: tf.Tensor, config: Config) -> tf.Tensor:
    """Packs [n, 2 m], all real or all generated -> logit [n, 1]."""
    x = packs
    for i in range(len(config.d_hidden)):
        x = layers.linear(x, weights[f"w_{i}"], weights[f"b_{i}"])  # [n, 1000]
        x = layers.maxout(x, config.pieces)  # [n, 200]
    x = cures.beside_others(x, weights, config)  # [n, 200], or more
    return layers.linear(x, weights["out_w"], weights["out_b"])  # [n, 1]


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config = config
        (x_size,) = fields.point_shape("x")  # 2
        self.g = generator_weights(config, x_size, rng)
        self.d = discriminator_weights(config, config.pac * x_size, rng)
        self.us = cures.spectral_vectors(self.d, config, rng)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        d_rate, g_rate = config.d_learning_rate, config.g_learning_rate
        self.d_optimizer = optimizers.Adam(d_rate, self.d_variables, config.beta_1)
        self.g_optimizer = optimizers.Adam(g_rate, self.g_variables, config.beta_1)
        self.z = Normal([config.z_size])

    def schedule(self) -> Schedule:
        """D, then G, on the same z: m batches of real points, and m times as many z as packs."""
        reals = {f"x_{i}": Real("x", batch=i) for i in range(self.config.pac)}
        inputs = reals | {"z": Normal([self.config.z_size], times=self.config.pac)}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on packs of m real points and on packs of m generated ones."""
        x, fake = self._real(batch), generator(self.g, batch["z"], "batch")  # [n m, 2] each
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
        """G on packs of m of its points."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z"], "update")  # [n m, 2]
            g_loss = losses.non_saturating_g_loss(self._judge(fake, self._ahead(batch, fake)))
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def _real(self, batch):
        return tf.concat([batch[f"x_{i}"] for i in range(self.config.pac)], axis=0)  # [n m, 2]

    def _judge(self, x, weights=None):
        """[n m, 2] -> the logits of packs of m that follow each other, [n, 1]."""
        packs = layers.pack(x, self.config.pac)  # [n, 2 m]
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
        """G on z; D's logit of an example among others; G's loss, for the arrows."""
        given = {"z": self.z}
        return [Sampler("", given, self.generate, self.score, g_loss=self.g_loss)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 2] -> points [n, 2]."""
        return generator(self.g, given["z"], "moving")

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Points [n, 2] -> D's logit of each with the m - 1 that follow it, [n]."""
        packs = layers.pack_each(x, self.config.pac)  # [n, 2 m]
        return discriminator(cures.held(self.d, self.us), packs, self.config)[:, 0]

    def g_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """G's loss on these fake points, each in the m packs in which `score` has it."""
        return losses.non_saturating_g_loss(self.score(fake, {}))
