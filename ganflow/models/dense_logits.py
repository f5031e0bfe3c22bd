"""The MNIST GAN of document 002, which its author built with `tf.layers`.

    D's loss: -mean(.9 log D(x) + .1 log(1 - D(x))) - mean(log(1 - D(G(z))))
    G's loss: -mean(log D(G(z)))

    python bin/train.py --model=dense_logits --data_dir=DIR --workdir=runs/dense_logits

Both are cross-entropies on D's unscaled logit; only the real label is softened, to .9. These are
the document's cures for a D that overpowers G; `--real_label=1` and `--d_output=sigmoid`, which
takes logarithms of probabilities, switch them off. Adam with learning rate 1e-3 for both networks,
and the same z in D's step and in G's. Batch 100, 100 epochs. G has 130,576 parameters and D
117,121.

Expected: blobs of one shape for some thousand steps, then digits; see the README's
tables. The document itself calls its pictures poor.

Deviations: none in networks, losses, optimizers or batches.
"""

import dataclasses
import math
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ganflow import layers, losses, optim
from ganflow.config import option
from ganflow.draws import Real, Uniform
from ganflow.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
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


def dense_weights(rng: np.random.Generator, sizes: tuple[int, ...]) -> Weights:
    """Glorot-uniform matrices and zero biases: the defaults of `tf.layers`."""
    weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights[f"w_{i}"] = layers.glorot_uniform(rng, [n_in, n_out], f"w_{i}")
        weights[f"b_{i}"] = layers.zeros([n_out], f"b_{i}")
    return weights


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

    scores_are_logits = True

    def __init__(self, config: Config, x_shape: tuple[int, ...], rng: np.random.Generator):
        super().__init__()
        if len(x_shape) != 3:
            raise ValueError(
                f"dense_logits trains on images, for tanh ends at -1 and 1, not on {x_shape}"
            )
        self.config, self.x_shape = config, x_shape
        x_size = math.prod(x_shape)  # 28 * 28 * 1 = 784
        self.g = dense_weights(rng, (config.z_size, *config.g_hidden, x_size))
        self.d = dense_weights(rng, (x_size, *config.d_hidden, 1))

        self.g_variables = optim.variables(self.g)
        self.d_variables = optim.variables(self.d)
        adam = {"beta_1": config.beta_1}
        self.d_optimizer = optim.adam(config.d_learning_rate, self.d_variables, **adam)
        self.g_optimizer = optim.adam(config.g_learning_rate, self.g_variables, **adam)

    def latent(self) -> Uniform:
        """What `sample` is given."""
        return Uniform([self.config.z_size])

    def batches(self) -> list[dict]:
        """What a step consumes: one z for both networks."""
        return [{"x": Real(), "z": self.latent()}]

    def d_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """D on x with label .9 and on G(z) with label 0."""
        (batch,) = batches
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
        d_gradients = optim.update(self.d_optimizer, d_gradients, self.d_variables)
        return {
            "d_loss": d_loss,
            "d_real": tf.reduce_mean(tf.sigmoid(real_logits)),
            "d_fake": tf.reduce_mean(tf.sigmoid(fake_logits)),
            "d_gradient": d_gradients,
        }

    def g_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """G on the same z, through the D that has just learnt from it."""
        (batch,) = batches
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z"], self.config.slope)  # [n, 784]
            fake_logits = discriminator(self.d, fake, self.config.slope)  # [n, 1]
            g_loss = self._cross_entropy(fake_logits, 1.0)
        g_gradients = tape.gradient(g_loss, self.g_variables)
        g_gradients = optim.update(self.g_optimizer, g_gradients, self.g_variables)
        return {"g_loss": g_loss, "g_gradient": g_gradients}

    def train_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """One D step, then one G step."""
        return self.d_step(batches) | self.g_step(batches)

    def sample(self, z: tf.Tensor) -> tf.Tensor:
        """z [n, 100] -> images in [-1, 1], [n, 28, 28, 1]."""
        return tf.reshape(generator(self.g, z, self.config.slope), [-1, *self.x_shape])

    def score(self, x: tf.Tensor) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> D's logit [n, 1]."""
        return discriminator(self.d, layers.flatten(x), self.config.slope)

    def g_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """G's loss on these fake images."""
        return losses.binary_cross_entropy(self.score(fake), 1.0)

    def networks(self) -> dict:
        """Each network's weights, and a call on one example for its table."""
        z, x = tf.zeros([1, self.config.z_size]), tf.zeros([1, math.prod(self.x_shape)])
        slope = self.config.slope
        return {
            "generator": (self.g, lambda: generator(self.g, z, slope)),
            "discriminator": (self.d, lambda: discriminator(self.d, x, slope)),
        }

    def _cross_entropy(self, logits, label):
        if self.config.d_output == "logit":
            return losses.binary_cross_entropy(logits, label)
        return losses.cross_entropy_of_probability(layers.sigmoid(logits), label)
