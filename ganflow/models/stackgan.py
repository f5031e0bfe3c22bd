"""StackGAN (arXiv 1612.03242): images from captions in two stages, a sketch and then its details.

    mu, log sigma = the halves of a layer of phi(t);  c = mu + sigma epsilon, epsilon ~ N(0, I)
    stage I:  fake = G_1(c, z), of half the images' side; real: x made as small
    stage II: fake = G_2(G_1(c, z), c_2), of the whole side; c_2 by a layer of its own; no other z
    D's loss: -mean(log D(x, t)) - (mean(log(1 - D(x, t'))) + mean(log(1 - D(fake, t)))) / 2
    G's loss: -mean(log D(fake, t)) + lambda KL(N(mu, sigma^2) || N(0, 1)), a mean over c's numbers

    ganflow-train --model=stackgan --workdir=runs/stackgan

t' is another example's caption, so that D must see whether x is what t says; t itself counts
nothing. phi(t) is the sum of its words' vectors, which D_1's step trains. In stage II, which can be
a run alone (`--stage_1_steps=0 --init_from=OTHER`), they and stage I stand still, with its batch
norm's statistics. The networks are the paper's: 8 gf maps at 4x4 and half as many at each double,
by nearest neighbours and 3x3 convolutions; G_2 halves its sketch twice, joins c_2, has four
residual blocks; D halves images to 8 df maps of 4x4, joins 128 numbers of phi(t). Only what reads
phi(t) has biases; weights are N(0, .02), cut off, gains N(1, .02). On 32x32x3 G_1 has 8,797,952
parameters (33,792 moving statistics), G_2 26,284,096 (11,648), the D's 2,578,560 and 3,097,216.

Expected: shapes as asked 94 %, stripes 96, others 100 (see stackgan_fast). Deviations: the
paper's phi(t) is a trained char-CNN-RNN's, and its sides grow by 4 (`--shrink=4`). Their program
pairs t with another image, not x with another caption; adds bottlenecks to G_1 and D; takes the
batch's statistics in the frozen stage I, whose moving ones so drift; samples by it, not by moving
means (decay .9) as here; D has none. Document 004 swaps its number and StackGAN++'s.
"""

import dataclasses
from functools import partial

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import blocks, layers, likelihoods, losses, optimizers, schedules
from ganflow.nn.draws import Normal, Real
from ganflow.nn.initializers import normal, truncated_normal
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("drawings_32", "the data set, with captions")
    batch_size: int = option(64, "images in a step", minimum=1)
    steps: int = option(375_000, "total steps; 600 epochs a stage", minimum=0)
    stage_1_steps: int = option(187_500, "those of stage I; 0: --init_from has it", minimum=0)
    summary_every: int = option(500, "steps between summaries", minimum=1)
    shrink: int = option(2, "the images' side over stage I's, a power of 2", minimum=2)
    z_size: int = option(100, "components of z, each N(0, 1)", minimum=1)
    text_size: int = option(1024, "numbers of phi(t)", minimum=1)
    c_size: int = option(128, "numbers of c, and of what D makes of phi(t)", minimum=1)
    g_width: int = option(128, "gf of G_1, an eighth of its maps at 4x4", minimum=1)
    g_2_width: int = option(128, "gf of G_2, a quarter of its maps at 4x4", minimum=1)
    d_width: int = option(64, "df, an eighth of D's maps at 4x4", minimum=1)
    kl_weight: float = option(2.0, "lambda", minimum=0)
    d_learning_rate: float = option(2e-4, "Adam's first learning rate, for D", minimum=0)
    g_learning_rate: float = option(2e-4, "Adam's first learning rate, for G", minimum=0)
    halving_steps: int = option(31_250, "steps between halvings; 100 epochs", minimum=1)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def augmented(weights: Weights, phi: tf.Tensor, epsilon: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """phi(t) [n, 1024] and epsilon [n, 128] -> (c [n, 128], the KL's mean over its numbers)."""
    y = layers.leaky_relu(layers.linear(phi, weights["c_w"], weights["c_b"]))  # [n, 256]
    mu, log_sigma = tf.split(y, 2, axis=1)
    return likelihoods.reparametrised(mu, log_sigma, epsilon)


def stage_1_shapes(config: Config, side: int, channels: int) -> blocks.Shapes:
    """Of G_1's layers: batch norm behind all but c's, which has a bias, and the last."""
    maps = blocks.maps_from_4(8 * config.g_width, side)  # 1024, 512 at 4x4, 8x8
    return {
        "c": [config.text_size, 2 * config.c_size],
        "in": [config.c_size + config.z_size, 16 * maps[0]],
        **blocks.doubling_shapes(maps),
        "out": [3, 3, maps[-1], channels],
    }


def stage_1(weights: Weights, c: tf.Tensor, z: tf.Tensor, statistics: str) -> tf.Tensor:
    """c [n, 128] and z [n, 100] -> sketches in (-1, 1), [n, 16, 16, 3]."""
    x = layers.relu(blocks.normed(tf.concat([c, z], axis=1), weights, "in", statistics))
    x = layers.reshape(x, [4, 4, x.shape[1] // 16])  # [n, 16384] -> [n, 4, 4, 1024]
    x = layers.upsample(blocks.doubled(x, weights, statistics))  # [n, 16, 16, 512]
    return layers.tanh(layers.conv(x, weights["out_w"]))


def stage_2_shapes(config: Config, channels: int) -> blocks.Shapes:
    """Of G_2's layers: as G_1's, without a batch norm behind the first convolution."""
    m, count = config.g_2_width, 2 + config.shrink.bit_length()
    maps = [max(1, 4 * m >> i) for i in range(count)]  # 512, 256, 128, 64 at 4x4 to 32x32
    return {
        "c": [config.text_size, 2 * config.c_size],
        "in": [3, 3, channels, m],
        "down_0": [4, 4, m, 2 * m],
        "down_1": [4, 4, 2 * m, 4 * m],
        "join": [3, 3, 4 * m + config.c_size, 4 * m],
        **{f"block_{i}": [3, 3, 4 * m, 4 * m] for i in range(8)},  # two each
        **blocks.doubling_shapes(maps),
        "out": [3, 3, maps[-1], channels],
    }


def stage_2(weights: Weights, x: tf.Tensor, c: tf.Tensor, statistics: str) -> tf.Tensor:
    """Sketches [n, 16, 16, 3] and c [n, 128] -> images in (-1, 1), [n, 32, 32, 3]."""
    normed = partial(blocks.normed, weights=weights, statistics=statistics)
    x = layers.relu(layers.conv(x, weights["in_w"]))  # [n, 16, 16, 128]
    for name in blocks.numbered(weights, "down"):
        x = layers.relu(normed(x, name=name, stride=2))  # [n, 4, 4, 512]
    x = layers.relu(normed(layers.join(x, c), name="join"))
    x = blocks.residual(x, weights, "block", statistics, layers.relu, layers.relu)
    x = blocks.doubled(x, weights, statistics)  # [n, 32, 32, 64]
    return layers.tanh(layers.conv(x, weights["out_w"]))


def discriminator_shapes(config: Config, side: int, channels: int) -> blocks.Shapes:
    """Of its layers: batch norm behind all but the first, the text's and the last."""
    m = 8 * config.d_width
    return {
        **blocks.halving_shapes(m, side, channels),
        "text": [config.text_size, config.c_size],
        "join": [1, 1, m + config.c_size, m],
        "out": [16 * m, 1],
    }


def discriminator(weights: Weights, x: tf.Tensor, phi: tf.Tensor) -> tf.Tensor:
    """Halved images [n, 4, 4, 512], all real or all fake, and phi(t) [n, 1024] -> logits [n, 1]."""
    text = layers.leaky_relu(layers.linear(phi, weights["text_w"], weights["text_b"]))  # [n, 128]
    x = layers.leaky_relu(blocks.normed(layers.join(x, text), weights, "join", "batch"))
    return layers.linear(layers.flatten(x), weights["out_w"])


class Gan(tf.Module):
    """The words' vectors, a G and a D for each stage, and the stages' steps."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, shape = config, fields.image_shape("x")
        side, channels = blocks.square_side(shape, least=16 * config.shrink), shape[2]
        small, words = side // config.shrink, fields.num_classes("caption")
        made = partial(blocks.weights, make=partial(truncated_normal, std=0.02), rng=rng)
        self.words = {"vectors": normal(rng, [words, config.text_size], 1.0, "vectors")}
        self.g_1 = made(stage_1_shapes(config, small, channels), biased=["c"], bare=["out"])
        self.g_2 = made(stage_2_shapes(config, channels), biased=["c"], bare=["in", "out"])
        made_d = partial(made, biased=["text"], bare=["in", "out"], moving=False)
        self.d_1 = made_d(discriminator_shapes(config, small, channels))
        self.d_2 = made_d(discriminator_shapes(config, side, channels))
        stages = {"stage_1": self.g_1, "d_1": self.d_1, "stage_2": self.g_2, "d_2": self.d_2}
        self.networks = {"words": self.words, **stages}
        halving = partial(schedules.halving, every=config.halving_steps, lowest=0.0)
        d_rate, g_rate = halving(config.d_learning_rate), halving(config.g_learning_rate)
        if config.stage_1_steps:  # else stage I is in no optimizer's list
            self.g_1_variables = optimizers.variables(self.g_1)
            self.d_1_variables = optimizers.variables(self.d_1, self.words)
            self.d_1_optimizer = optimizers.Adam(d_rate, self.d_1_variables, config.beta_1)
            self.g_1_optimizer = optimizers.Adam(g_rate, self.g_1_variables, config.beta_1)
        self.d_2_variables, self.g_2_variables = map(optimizers.variables, (self.d_2, self.g_2))
        self.d_2_optimizer = optimizers.Adam(d_rate, self.d_2_variables, config.beta_1)
        self.g_2_optimizer = optimizers.Adam(g_rate, self.g_2_variables, config.beta_1)
        z, epsilon = Normal([config.z_size]), Normal([config.c_size])
        self.given = {"caption": Real("caption"), "z": z, "epsilon": epsilon, "epsilon_2": epsilon}

    def schedule(self) -> Schedule:
        """Stage I, then stage II on what it has come to; D, then G, on one z."""
        inputs = {"x": Real("x"), "other_caption": Real("caption", batch=1), **self.given}
        first = Phase(self.config.stage_1_steps, (self.stage_1_d_step, self.stage_1_g_step), inputs)
        second = Phase(1, (self.d_step, self.g_step), inputs)
        return Schedule([second], once=[first] if first.steps else [])

    def stage_1_d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D_1 and the words' vectors, on x made small and on sketches."""
        fake, _ = self._sketch(batch, "batch")
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_1_variables)
            d_loss, _ = self._d_loss(self.d_1, self._small(batch), fake, batch)
        self.d_1_optimizer.update(tape.gradient(d_loss, self.d_1_variables))
        return {"stage_1_d_loss": d_loss}

    def stage_1_g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G_1, with the layer of its c."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_1_variables)
            fake, kl = self._sketch(batch, "update")
            logits = self._judge(self.d_1, fake, batch)
            g_loss = losses.non_saturating_g_loss(logits) + self.config.kl_weight * kl
        self.g_1_optimizer.update(tape.gradient(g_loss, self.g_1_variables))
        return {"stage_1_g_loss": g_loss, "stage_1_kl": kl}

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D_2 alone."""
        fake, _ = self._image(batch, "batch")
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_2_variables)
            d_loss, told = self._d_loss(self.d_2, batch["x"], fake, batch)
        self.d_2_optimizer.update(tape.gradient(d_loss, self.d_2_variables))
        return {"d_loss": d_loss} | told

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G_2, with the layer of its c; stage I stands still."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_2_variables)
            fake, kl = self._image(batch, "update")
            logits = self._judge(self.d_2, fake, batch)
            g_loss = losses.non_saturating_g_loss(logits) + self.config.kl_weight * kl
        self.g_2_optimizer.update(tape.gradient(g_loss, self.g_2_variables))
        return {"g_loss": g_loss, "kl": kl}

    def _judge(self, d, x, given):
        return discriminator(d, blocks.halved(x, d), self._phi(given["caption"]))  # [n, 1]

    def _d_loss(self, d, x, fake, batch):  # and D's mean probabilities
        x, other_phi = blocks.halved(x, d), self._phi(batch["other_caption"])
        real_logits = discriminator(d, x, self._phi(batch["caption"]))
        wrong_logits, fake_logits = discriminator(d, x, other_phi), self._judge(d, fake, batch)
        is_wrong = layers.differ(batch["caption"], batch["other_caption"])  # [n, 1]
        d_loss = losses.matching_d_loss(real_logits, wrong_logits, fake_logits, is_wrong)
        return d_loss, losses.mean_probabilities(real_logits, fake_logits)

    def _phi(self, caption):
        return layers.bag_of_words(caption, self.words["vectors"])  # [n, 1024]

    def _small(self, fields):
        return layers.average_pool(fields["x"], self.config.shrink)  # [n, 16, 16, 3]

    def _sketch(self, given, statistics):  # and the KL of its c
        c, kl = augmented(self.g_1, self._phi(given["caption"]), given["epsilon"])
        return stage_1(self.g_1, c, given["z"], statistics), kl

    def _image(self, given, statistics):  # and the KL of c_2
        sketch, _ = self._sketch(given, "moving")  # at rest
        c, kl = augmented(self.g_2, self._phi(given["caption"]), given["epsilon_2"])
        return stage_2(self.g_2, sketch, c, statistics), kl

    def samplers(self) -> list[Sampler]:
        """Stage II, and stage I against images made small; D's logit with the caption."""

        def sampler(name, make, d, against):
            def generate(given):
                return make(given, "moving")[0]

            def score(x, given):
                return self._judge(d, x, given)[:, 0]

            return Sampler(name, self.given, generate, score, against=against)

        second = sampler("stage_2", self._image, self.d_2, "x")
        return [second, sampler("stage_1", self._sketch, self.d_1, self._small)]
