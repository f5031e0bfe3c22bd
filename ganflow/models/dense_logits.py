"""The MNIST GAN of document 002, which its author built with `tf.layers`.

    D's loss: -mean(.9 log D(x) + .1 log(1 - D(x))) - mean(log(1 - D(G(z))))
    G's loss: -mean(log D(G(z)))

    ganflow-train --model=dense_logits --data_dir=DIR --workdir=runs/dense_logits

Both are cross-entropies on D's unscaled logit; only the real label is softened, to .9. These are
the document's cures for a D that overpowers G; `--real_label=1` and `--d_output=sigmoid`, which
takes logarithms of probabilities, switch them off. Adam with learning rate 1e-3 for both networks,
and the same z in D's step and in G's. Batch 100, 100 epochs. G has 130,576 parameters and D
117,121.

Expected: blobs of one shape for some thousand steps; after that some runs come to digits and some
still have blobs after all 100 epochs, see docs/results.md. The document itself calls its pictures
poor.

Deviations: none in networks, losses, optimizers or batches.
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
from ganflow.nn.draws import Real, Uniform
from ganflow.nn.initializers import dense_weights
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist_55000", "the data set")
    batch_size: int = option(100, "real images in a step", minimum=1)
    steps: int = option(55_000, "total steps; the document's 100 epochs of 550", minimum=0)
    summary_every: int = option(1_000, "steps between summaries", minimum=1)
    z_size: int = option(100, "components of z, each U(-1, 1)", minimum=1)
    g_hidden: tuple[int, ...] = option((128, 128), "units of G's hidden layers", minimum=1)
    d_hidden: tuple[int, ...] = option((128, 128), "units of D's hidden layers", minimum=1)
    slope: float = option(0.2, "leaky ReLU's slope below 0", minimum=0, maximum=1)
    real_label: float = option(0.9, "D's target on real images", minimum=0, maximum=1)
    d_output: str = option("logit", "what the losses are given", choices=("logit", "sigmoid"))
    d_learning_rate: float = option(1e-3, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(1e-3, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.9, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def dense(weights: Weights, x: tf.Tensor, slope: float) -> tf.Tensor:
    """Leaky ReLU layers and a linear one: [n, in] -> [n, 128], [n, 128], [n, out]."""
    last = len(weights) // 2 - 1
    for i in range(last):
        x = layers.linear(x, weights[f"w_{i}"], weights[f"b_{i}"])
        x = layers.leaky_relu(x, slope)  # [n, 128], [n, 128]
    return layers.linear(x, weights[f"w_{last}"], weights[f"b_{last}"])  # [n, out]


def generator(weights: Weights, z: tf.Tensor, slope: float) -> tf.Tensor:
    """z [n, 100] -> pixels in (-1, 1), [n, 784]."""
    return layers.tanh(dense(weights, z, slope))


def discriminator(weights: Weights, x: tf.Tensor, slope: float) -> tf.Tensor:
    """x [n, 784] -> logit [n, 1]."""
    return dense(weights, x, slope)


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.image_shape = config, fields.image_shape("x")
        x_size = math.prod(self.image_shape)  # 28 * 28 * 1 = 784
        self.g = dense_weights(rng, (config.z_size, *config.g_hidden, x_size))
        self.d = dense_weights(rng, (x_size, *config.d_hidden, 1))
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        adam = {"beta_1": config.beta_1}
        self.d_optimizer = optimizers.Adam(config.d_learning_rate, self.d_variables, **adam)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, **adam)
        self.z = Uniform([config.z_size])

    def schedule(self) -> Schedule:
        """D, then G; one z for both."""
        inputs = {"x": Real("x"), "z": self.z}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on x with label .9 and on G(z) with label 0."""
        x = layers.flatten(batch["x"])  # [n, 784]
        fake = generator(self.g, batch["z"], self.config.slope)  # [n, 784]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = discriminator(self.d, x, self.config.slope)  # [n, 1]
            fake_logits = discriminator(self.d, fake, self.config.slope)  # [n, 1]
            real_loss = self._cross_entropy(real_logits, self.config.real_label)
            fake_loss = self._cross_entropy(fake_logits, 0.0)
            d_loss = real_loss + fake_loss
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on the same z, through the D that has just learnt from it."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z"], self.config.slope)  # [n, 784]
            fake_logits = discriminator(self.d, fake, self.config.slope)  # [n, 1]
            g_loss = self._cross_entropy(fake_logits, 1.0)
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z; D's logit."""
        return [Sampler("", {"z": self.z}, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 100] -> images in [-1, 1], [n, 28, 28, 1]."""
        pixels = generator(self.g, given["z"], self.config.slope)
        return tf.reshape(pixels, [-1, *self.image_shape])

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> D's logit, [n]."""
        return discriminator(self.d, layers.flatten(x), self.config.slope)[:, 0]

    def _cross_entropy(self, logits, label):
        if self.config.d_output == "logit":
            return losses.binary_cross_entropy(logits, label)
        return losses.cross_entropy_of_probability(layers.sigmoid(logits), label)
