"""The dense GAN with batch norm of document 000, which trains the networks in long blocks.

    D's loss: the mean over one batch of [G(z), x] of -(t log D + (1 - t) log(1 - D)), t = 0 or 1
    G's loss: -mean(log D(G(z)))

    ganflow-train --model=dense_batch_norm --data_dir=DIR --workdir=runs/dense_batch_norm
    ganflow-train --flagfile=configs/dense_batch_norm_alternating.flags --data_dir=DIR

The document updates D 1,000 times and then G 1,000 times: by default a step is one update of the
network whose block it is, and 2,000 steps are the whole program. With `--block_steps=0` a step
updates D and then G, as other GANs do. Adam with learning rate 1e-4 for both. G has 89,684
parameters, 200 of them moving statistics, and D 616,225.

Expected: as printed, D never errs after its block, and G learns to please that one D: no digits
come of it. Alternating gives digits; see docs/results.md.

Matrices start from TensorFlow.js's Glorot-normal. In D's step G stands still and uses its moving
statistics, as the document's `predict` does.

Deviations: the document's G step calls `fit` on G alone, which cannot run; it means G through a
fixed D. Its `fit` without options makes batches of 32 in shuffled order, so that one printed update
on 2 B examples is ceil(2 B / 32) of them; here an update sees its whole batch. The batch size is
not given; it is 100 here.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Normal, Real
from ganflow.nn.initializers import batch_norm_weights, glorot_normal, zeros
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(100, "real images in a step", minimum=1)
    steps: int = option(2_000, "total steps; the document's two blocks", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    block_steps: int = option(1_000, "updates of one network before the other's turn; 0: alternate")
    z_size: int = option(100, "components of z, each N(0, 1)", minimum=1)
    g_units: int = option(100, "units of G's hidden layer", minimum=1)
    d_units: int = option(784, "units of D's hidden layer", minimum=1)
    slope: float = option(0.3, "leaky ReLU's slope below 0", minimum=0, maximum=1)
    d_learning_rate: float = option(1e-4, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(1e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.9, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def generator_weights(config: Config, x_size: int, rng: np.random.Generator) -> Weights:
    """Glorot-normal matrices and zero biases."""
    return {
        "w_0": glorot_normal(rng, [config.z_size, config.g_units], "w_0"),
        "b_0": zeros([config.g_units], "b_0"),
        **batch_norm_weights(config.g_units, "norm_0"),
        "w_1": glorot_normal(rng, [config.g_units, x_size], "w_1"),
        "b_1": zeros([x_size], "b_1"),
    }


def discriminator_weights(config: Config, x_size: int, rng: np.random.Generator) -> Weights:
    """Glorot-normal matrices and zero biases."""
    return {
        "w_0": glorot_normal(rng, [x_size, config.d_units], "w_0"),
        "b_0": zeros([config.d_units], "b_0"),
        "w_1": glorot_normal(rng, [config.d_units, 1], "w_1"),
        "b_1": zeros([1], "b_1"),
    }


def generator(weights: Weights, z: tf.Tensor, slope: float, statistics: str) -> tf.Tensor:
    """z [n, 100] -> pixels in (-1, 1), [n, 784]; `statistics` as in `layers.batch_norm`."""
    x = layers.linear(z, weights["w_0"], weights["b_0"])  # [n, 100]
    norm_0 = [weights[f"norm_0_{part}"] for part in ("gamma", "beta", "mean", "variance")]
    x = layers.batch_norm(x, *norm_0, statistics, momentum=0.99, epsilon=1e-3)
    x = layers.leaky_relu(x, slope)
    x = layers.linear(x, weights["w_1"], weights["b_1"])  # [n, 784]
    return layers.tanh(x)


def discriminator(weights: Weights, x: tf.Tensor, slope: float) -> tf.Tensor:
    """x [n, 784] -> logit [n, 1]; the document's sigmoid is in the loss."""
    x = layers.linear(x, weights["w_0"], weights["b_0"])  # [n, 784]
    x = layers.leaky_relu(x, slope)
    return layers.linear(x, weights["w_1"], weights["b_1"])  # [n, 1]


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.image_shape = config, fields.image_shape("x")
        x_size = math.prod(self.image_shape)  # 28 * 28 * 1 = 784
        self.g = generator_weights(config, x_size, rng)
        self.d = discriminator_weights(config, x_size, rng)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        adam = {"beta_1": config.beta_1, "epsilon": 1e-7}  # TensorFlow.js's epsilon
        self.d_optimizer = optimizers.Adam(config.d_learning_rate, self.d_variables, **adam)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, **adam)
        self.z = Normal([config.z_size])

    def schedule(self) -> Schedule:
        """Blocks of D's steps and of G's, over and over; or D and G in every step."""
        d_inputs, g_inputs = {"x": Real("x"), "z_d": self.z}, {"z_g": self.z}
        if not self.config.block_steps:
            return Schedule([Phase(1, (self.d_step, self.g_step), d_inputs | g_inputs)])
        d_block = Phase(self.config.block_steps, (self.d_step,), d_inputs)
        g_block = Phase(self.config.block_steps, (self.g_step,), g_inputs)
        return Schedule([d_block, g_block])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on one batch of [G(z_d), x]."""
        x = layers.flatten(batch["x"])  # [n, 784]
        fake = generator(self.g, batch["z_d"], self.config.slope, "moving")  # [n, 784]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = discriminator(self.d, x, self.config.slope)  # [n, 1]
            fake_logits = discriminator(self.d, fake, self.config.slope)  # [n, 1]
            d_loss = 0.5 * losses.minimax_d_loss(real_logits, fake_logits)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on z_g, through a fixed D; its moving statistics move too."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z_g"], self.config.slope, "update")  # [n, 784]
            fake_logits = discriminator(self.d, fake, self.config.slope)  # [n, 1]
            g_loss = losses.non_saturating_g_loss(fake_logits)
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z; D's logit."""
        return [Sampler("", {"z": self.z}, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 100] -> images in [-1, 1], [n, 28, 28, 1]."""
        pixels = generator(self.g, given["z"], self.config.slope, "moving")
        return tf.reshape(pixels, [-1, *self.image_shape])

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> D's logit, [n]."""
        return discriminator(self.d, layers.flatten(x), self.config.slope)[:, 0]
