"""The hand-built dense GAN of document 004, section "Simple GAN with TensorFlow".

    d_loss = -mean(log D(x) + log(1 - D(G(z))))        SGD, learning rate .01
    g_loss = -mean(log D(G(z)))                        Adam, learning rate 1e-5

    ganflow-train --model=simple --data_dir=DIR --workdir=runs/simple

D's step sees 100 images and as many z, G's step 100 other z and no image. G has 1,526,288
parameters and D 201,217; the weights are `w_0000`, `b_0000`, ... in both. An epoch is 550 steps,
for the document's reader keeps 5,000 of MNIST's 60,000 training images for validation.

The document's best practices are switches, each as its program has it: `--d_learning_rate` against
`--g_learning_rate`, `--d_optimizer`, `--dropout_rate` (D's alone; `--g_dropout_rate` drops units of
G too, when it trains and when it samples), `--d_hidden`, `--g_output`, `--real_label` and
`--fake_label`, whose .9 and .1 are those of its Keras section. Lesson 8 of docs/course tries them.

Expected: at the document's rates G learns slowly. docs/results.md has the losses and the strip of
samples over all 400 epochs; the document itself finds better shapes at epoch 350.

Deviations: none in networks, losses, optimizers or batches. Losses are computed from logits, which
is the same function without log 0. Dropout: the document's TF1 call *keeps* .7, so the rate is .3.
"""

import dataclasses
import math
from collections.abc import Sequence

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
    steps: int = option(220_000, "total steps; the document's 400 epochs of 550", minimum=0)
    summary_every: int = option(1_000, "steps between summaries", minimum=1)
    z_size: int = option(256, "components of z, each U(-1, 1)", minimum=1)
    g_hidden: tuple[int, ...] = option((256, 512, 1024), "units of G's hidden layers", minimum=1)
    d_hidden: tuple[int, ...] = option((256,), "units of D's hidden layers", minimum=1)
    slope: float = option(0.2, "leaky ReLU's slope below 0", minimum=0, maximum=1)
    dropout_rate: float = option(0.3, "share of D's units dropped", minimum=0, maximum=0.99)
    g_dropout_rate: float = option(
        0.0, "share of G's units dropped, in sampling too", minimum=0, maximum=0.99
    )
    g_output: str = option("tanh", "after G's last layer", choices=("tanh", "linear"))
    real_label: float = option(1.0, "D's target on real images", minimum=0, maximum=1)
    fake_label: float = option(0.0, "D's target on fake images", minimum=0, maximum=1)
    d_optimizer: str = option("sgd", "which moves D", choices=("sgd", "adam"))
    d_learning_rate: float = option(0.01, "learning rate of D's optimizer", minimum=0)
    g_learning_rate: float = option(1e-5, "Adam's learning rate, for G", minimum=0)


def generator(
    weights: Weights,
    z: tf.Tensor,
    slope: float,
    us: Sequence[tf.Tensor] = (),
    dropout_rate: float = 0.0,
    output: str = "tanh",
) -> tf.Tensor:
    """z [n, 256] -> pixels in (-1, 1), [n, 784]; without tanh, any numbers.

    `us` are the dropouts' numbers, one [n, units] a hidden layer, or none without dropout.
    """
    layer, last = z, len(weights) // 2 - 1
    for i in range(last):
        layer = layers.linear(layer, weights[f"w_{i:04d}"], weights[f"b_{i:04d}"])
        layer = layers.leaky_relu(layer, slope)  # [n, 256], [n, 512], [n, 1024]
        if us:
            layer = layers.dropout(layer, us[i], dropout_rate)
    logit = layers.linear(layer, weights[f"w_{last:04d}"], weights[f"b_{last:04d}"])
    return layers.tanh(logit) if output == "tanh" else logit  # [n, 784]


def discriminator(
    weights: Weights, x: tf.Tensor, us: list[tf.Tensor], slope: float, dropout_rate: float
) -> tf.Tensor:
    """x [n, 784] -> logit [n, 1]; `us` are the dropouts' numbers, one [n, units] a hidden layer."""
    layer, last = x, len(weights) // 2 - 1
    for i in range(last):
        layer = layers.linear(layer, weights[f"w_{i:04d}"], weights[f"b_{i:04d}"])
        layer = layers.leaky_relu(layer, slope)  # [n, 256]
        layer = layers.dropout(layer, us[i], dropout_rate)
    return layers.linear(layer, weights[f"w_{last:04d}"], weights[f"b_{last:04d}"])  # [n, 1]


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.image_shape = config, fields.image_shape("x")
        x_size = math.prod(self.image_shape)  # 28 * 28 * 1 = 784
        self.g = dense_weights(rng, (config.z_size, *config.g_hidden, x_size), digits=4)
        self.d = dense_weights(rng, (x_size, *config.d_hidden, 1), digits=4)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        make_for_d = {"sgd": optimizers.SGD, "adam": optimizers.Adam}[config.d_optimizer]
        self.d_optimizer = make_for_d(config.d_learning_rate, self.d_variables)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables)
        self.z = Uniform([config.z_size])
        units = config.g_hidden if config.g_dropout_rate else ()
        self.dropped = {f"u_{i}": Uniform([n], low=0.0) for i, n in enumerate(units)}

    def schedule(self) -> Schedule:
        """D, then G; fresh z and fresh dropout for each pass of D, whose `u` are in [0, 1]."""
        inputs = {"x": Real("x"), "z_d": self.z, "z_g": self.z}
        for of in "dg":  # of the passes of G, where it drops units as well
            inputs |= {f"{name}_of_g_{of}": draw for name, draw in self.dropped.items()}
        for i, units in enumerate(self.config.d_hidden):
            for of in ("real", "fake", "g"):
                inputs[f"u_{of}_{i}"] = Uniform([units], low=0.0)
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on x and on G(z_d)."""
        x = layers.flatten(batch["x"])  # [n, 784]
        fake = self._generate(batch, "d")  # [n, 784]; outside the tape: D's step moves D alone
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = self._discriminate(x, batch, "real")  # [n, 1]
            fake_logits = self._discriminate(fake, batch, "fake")  # [n, 1]
            d_loss = self._d_loss(real_logits, fake_logits)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on G(z_g), other z than D's step saw."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = self._generate(batch, "g")  # [n, 784]
            g_loss = losses.non_saturating_g_loss(self._discriminate(fake, batch, "g"))
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z, and on its dropouts' numbers where it has any; D's logit."""
        return [Sampler("", {"z": self.z} | self.dropped, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 256] -> images in [-1, 1], [n, 28, 28, 1]; linear output is cut off there."""
        pixels = self._pixels(given["z"], [given[name] for name in self.dropped])
        if self.config.g_output == "linear":
            pixels = tf.clip_by_value(pixels, -1.0, 1.0)
        return tf.reshape(pixels, [-1, *self.image_shape])

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1] -> D's logit without dropout, [n]."""
        us = [tf.ones([1, units]) for units in self.config.d_hidden]
        logits = discriminator(self.d, layers.flatten(x), us, self.config.slope, dropout_rate=0.0)
        return logits[:, 0]

    def _d_loss(self, real_logits, fake_logits):
        config = self.config
        if (config.real_label, config.fake_label) == (1.0, 0.0):
            return losses.minimax_d_loss(real_logits, fake_logits)
        real_loss = losses.binary_cross_entropy(real_logits, config.real_label)
        return real_loss + losses.binary_cross_entropy(fake_logits, config.fake_label)

    def _generate(self, batch, of):
        us = [batch[f"{name}_of_g_{of}"] for name in self.dropped]
        return self._pixels(batch[f"z_{of}"], us)

    def _pixels(self, z, us):
        config = self.config
        return generator(self.g, z, config.slope, us, config.g_dropout_rate, config.g_output)

    def _discriminate(self, x, batch, of):
        us = [batch[f"u_{of}_{i}"] for i in range(len(self.config.d_hidden))]
        return discriminator(self.d, x, us, self.config.slope, self.config.dropout_rate)
