"""The first GAN (arXiv 1406.2661) on images, in the configuration of its authors' mnist.yaml.

    d_loss = -(mean(log D(x)) + mean(log(1 - D(G(z))))) / 2
    g_loss = -mean(log D(G(z)))

    ganflow-train --model=vanilla --data_dir=DIR --workdir=runs/vanilla

A step is algorithm 1 with k = 1: an update of D on 100 images and as many z, then one of G on 100
other z. G has ReLUs, D maxout units of five pieces each. D alone has dropout, of its input and of
both hidden layers, in G's update too. All is SGD; before the update number t + 1, counted from
t = 0, the learning rate is max(.1 / 1.000004^t, 1e-6), and the momentum rises with t on a line from
.5 to .7. G has 2,503,984 parameters and D 1,231,441.

The paper's images are in [0, 1], for G ends in a sigmoid, and the engine's in [-1, 1]:
`to_unit_range` takes them in, and `generate` gives them back.

Expected: configs/vanilla_fast.flags: a Parzen estimate of MNIST's log-likelihood of 190 and 197
nats (seeds 0, 1), where the paper has 225 +- 2, and a Frechet distance of .9.

Deviations: G's output bias starts from one number for all pixels, 0, where the program starts it
from each pixel's mean: a model here is told the shape of its data and not their values. Momentum
rises at every step, in the program at every epoch. The data are all 60,000 training images, in the
program the first 50,000, so that an epoch is 600 steps and not 500. The program has no last step;
here they end when momentum has.
"""

import dataclasses
import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers, schedules
from ganflow.nn.draws import Real, Uniform
from ganflow.nn.initializers import dense_weights, uniform, zeros
from ganflow.nn.layers import Weights

Z_LIMIT = math.sqrt(3)  # so that each component's variance is 1
RATE_FLOOR = 1e-6  # no learning rate falls below it, but one of 0


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(100, "real images in a step", minimum=1)
    steps: int = option(124_500, "total steps", minimum=0)
    summary_every: int = option(1_000, "steps between summaries", minimum=1)
    z_size: int = option(100, "components of z, each U(-sqrt 3, sqrt 3)", minimum=1)
    g_hidden: tuple[int, ...] = option((1200, 1200), "units of G's hidden layers", minimum=1)
    d_hidden: tuple[int, ...] = option((240, 240), "maxout units of D's layers", minimum=1)
    pieces: int = option(5, "linear pieces of a maxout unit", minimum=1)
    g_weight_limit: float = option(0.05, "G's weights start from U(-this, this)", minimum=0)
    g_output_bias: float = option(
        0.0, "G's output bias starts from this; -1.9 is the logit of MNIST's mean pixel"
    )
    d_weight_limit: float = option(0.005, "D's weights start from U(-this, this)", minimum=0)
    input_dropout_rate: float = option(
        0.2, "share of D's inputs dropped; the program includes .8", minimum=0, maximum=0.99
    )
    dropout_rate: float = option(
        0.5, "share of D's units dropped; the program includes .5", minimum=0, maximum=0.99
    )
    optimizer: str = option(
        "momentum", "the paper's SGD, or adam (beta_1 .5)", choices=("momentum", "adam")
    )
    d_learning_rate: float = option(0.1, "the first learning rate, for D", minimum=0)
    g_learning_rate: float = option(0.1, "the first learning rate, for G", minimum=0)
    learning_rate_decay: float = option(
        4e-6, "both rates are divided by 1 + this at every step, down to 1e-6", minimum=0
    )
    momentum: float = option(0.5, "momentum at the start", minimum=0, maximum=0.9999)
    final_momentum: float = option(0.7, "momentum at the end", minimum=0, maximum=0.9999)
    momentum_steps: int = option(
        124_500, "steps in which it rises; the program's epochs 1 to 250 of 500 batches", minimum=1
    )


def discriminator_weights(config: Config, x_size: int, rng: np.random.Generator) -> Weights:
    """Matrices w_0 [784, 240 * 5], w_1 [240, 240 * 5], w_2 [240, 1], and zero biases."""
    weights, last = {}, len(config.d_hidden)
    for i, (n_in, units) in enumerate(pairwise([x_size, *config.d_hidden, 1])):
        n_out = units * config.pieces if i < last else units
        weights[f"w_{i}"] = uniform(rng, [n_in, n_out], config.d_weight_limit, f"w_{i}")
        weights[f"b_{i}"] = zeros([n_out], f"b_{i}")
    return weights


def generator(weights: Weights, z: tf.Tensor) -> tf.Tensor:
    """z [n, 100] -> pixels in (0, 1), [n, 784]."""
    layer, last = z, len(weights) // 2 - 1
    for i in range(last):
        layer = layers.relu(layers.linear(layer, weights[f"w_{i}"], weights[f"b_{i}"]))  # [n, 1200]
    return layers.sigmoid(layers.linear(layer, weights[f"w_{last}"], weights[f"b_{last}"]))


def discriminator(
    weights: Weights, x: tf.Tensor, us: Sequence[tf.Tensor], rates: Sequence[float], pieces: int
) -> tf.Tensor:
    """Pixels in [0, 1], [n, 784] -> logit [n, 1]; the paper's sigmoid is in the loss.

    Every layer's input is dropped out: `us` are the numbers that decide, [n, 784], [n, 240],
    [n, 240], and `rates` the shares that are dropped.
    """
    layer, last = x, len(weights) // 2 - 1
    for i in range(last):
        layer = layers.dropout(layer, us[i], rates[i])
        layer = layers.linear(layer, weights[f"w_{i}"], weights[f"b_{i}"])  # [n, 1200]
        layer = layers.maxout(layer, pieces)  # [n, 240]
    layer = layers.dropout(layer, us[last], rates[last])
    return layers.linear(layer, weights[f"w_{last}"], weights[f"b_{last}"])  # [n, 1]


def to_unit_range(x: tf.Tensor) -> tf.Tensor:
    """The engine's images in [-1, 1], [n, 28, 28, 1] -> the paper's pixels in [0, 1], [n, 784]."""
    return layers.flatten((x + 1.0) / 2.0)


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.image_shape = config, fields.image_shape("x")
        x_size = math.prod(self.image_shape)  # 28 * 28 * 1 = 784

        def g_matrix(rng, shape, name):
            return uniform(rng, shape, config.g_weight_limit, name)

        g_sizes = (config.z_size, *config.g_hidden, x_size)
        self.g = dense_weights(rng, g_sizes, g_matrix, g_matrix)
        self.g[f"b_{len(config.g_hidden)}"].assign(tf.fill([x_size], config.g_output_bias))
        self.d = discriminator_weights(config, x_size, rng)
        self.d_inputs = (x_size, *config.d_hidden)  # of D's layers, each dropped out
        self.dropout_rates = (
            config.input_dropout_rate,
            *[config.dropout_rate] * len(config.d_hidden),
        )
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        self.d_optimizer = self._optimizer(config.d_learning_rate, self.d_variables)
        self.g_optimizer = self._optimizer(config.g_learning_rate, self.g_variables)
        self.z = Uniform([config.z_size], -Z_LIMIT, Z_LIMIT)

    def _optimizer(self, rate, trained):
        c = self.config
        falling = schedules.exponential(rate, 1 + c.learning_rate_decay, min(rate, RATE_FLOOR))
        if c.optimizer == "adam":
            return optimizers.Adam(falling, trained, beta_1=0.5)
        rising = schedules.linear(c.momentum, c.final_momentum, first=0, last=c.momentum_steps)
        return optimizers.Momentum(falling, trained, rising)

    def schedule(self) -> Schedule:
        """D, then G; fresh z for each, and fresh dropout for each pass through D."""
        inputs = {"x": Real("x"), "z_d": self.z, "z_g": self.z}
        for of in ("real", "fake", "g"):
            for i, units in enumerate(self.d_inputs):
                inputs[f"u_{of}_{i}"] = Uniform([units], low=0.0)
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Algorithm 1, the inner loop: D on x and on G(z_d)."""
        x = to_unit_range(batch["x"])  # [n, 784]
        fake = generator(self.g, batch["z_d"])  # [n, 784]; outside the tape: D alone moves
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = self._discriminate(x, batch, "real")  # [n, 1]
            fake_logits = self._discriminate(fake, batch, "fake")  # [n, 1]
            d_loss = 0.5 * losses.minimax_d_loss(real_logits, fake_logits)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Algorithm 1, the outer loop: G on G(z_g), through D with its dropout."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z_g"])  # [n, 784]
            g_loss = losses.non_saturating_g_loss(self._discriminate(fake, batch, "g"))
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z; D's logit."""
        return [Sampler("", {"z": self.z}, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 100] -> images in [-1, 1], [n, 28, 28, 1]."""
        return tf.reshape(2.0 * generator(self.g, given["z"]) - 1.0, [-1, *self.image_shape])

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> D's logit without dropout, [n]."""
        us = [tf.ones([1, units]) for units in self.d_inputs]
        rates = [0.0] * len(us)
        return discriminator(self.d, to_unit_range(x), us, rates, self.config.pieces)[:, 0]

    def _discriminate(self, x, batch, of):
        us = [batch[f"u_{of}_{i}"] for i in range(len(self.d_inputs))]
        return discriminator(self.d, x, us, self.dropout_rates, self.config.pieces)
