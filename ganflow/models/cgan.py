"""Conditional GAN (arXiv 1411.1784) on images with labels, in section 4.1's configuration.

    d_loss = -mean(log D(x|y)) - mean(log(1 - D(G(z|y)|y)))
    g_loss = -mean(log D(G(z|y)|y))

    ganflow-train --model=cgan --data_dir=DIR --workdir=runs/cgan

z is uniform in the unit hypercube, [0, 1]^100. y is a label, as a vector of ten with a single 1. In
both networks y and the other input have a hidden layer each, and these a joint one. A step is an
update of D on 100 images, their labels and as many z, then one of G on other z and the same labels.
Generated images take the labels of the step's real ones: so labels are as frequent on either side
and tell D nothing by themselves, as in the paper's equation 2. G and D always get the same.

G has ReLUs, D maxout units; hidden layers of both have dropout in training, and none when samples
are drawn or scored, but for G's with `--sample_dropout`. All is SGD; before the update number
t + 1, counted from t = 0, the learning rate is max(.1 / 1.00004^t, 1e-6), and the momentum rises
with t on a line from .5 to .7. G has 2,413,984 parameters and D 1,224,351.

The paper's images are in [0, 1], for G ends in a sigmoid, and the engine's in [-1, 1]:
`to_unit_range` takes them in, and `generate` gives them back.

Expected: configs/cgan_fast.flags (seed 10): 93 % of the samples are of their class, and lie .92
times as far from each other as real ones of it. The paper's Parzen log-likelihood is 132 +- 1.8.

Deviations: equation 2 has G minimise log(1 - D); here it has the loss that 1406.2661, section 3,
takes instead. The paper does not say which layers have dropout, what the weights start from, nor
how fast momentum rises: here all hidden ones; as in 1406.2661's program, U(-.05, .05) in G and
U(-.005, .005) in D; and that program's 249 epochs of 500 batches. The paper stops at the best
likelihood of a validation set; here training ends when momentum has risen.
"""

import dataclasses
import math

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Given, Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import draws, layers, losses, optimizers, schedules
from ganflow.nn.initializers import uniform, zeros
from ganflow.nn.layers import Weights

RATE_FLOOR = 1e-6  # no learning rate falls below it, but one of 0


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(100, "real images in a step", minimum=1)
    steps: int = option(124_500, "total steps", minimum=0)
    summary_every: int = option(1_000, "steps between summaries", minimum=1)
    z_size: int = option(100, "components of z", minimum=1)
    g_z_units: int = option(200, "units of G's layer of z", minimum=1)
    g_y_units: int = option(1000, "units of G's layer of the label", minimum=1)
    g_units: int = option(1200, "units of G's joint layer", minimum=1)
    d_x_units: int = option(240, "maxout units of D's layer of the image", minimum=1)
    d_y_units: int = option(50, "maxout units of D's layer of the label", minimum=1)
    d_units: int = option(240, "maxout units of D's joint layer", minimum=1)
    pieces: int = option(5, "linear pieces of a maxout unit of x or y", minimum=1)
    joint_pieces: int = option(4, "linear pieces of a joint maxout unit", minimum=1)
    g_weight_limit: float = option(0.05, "G's weights start from U(-this, this)", minimum=0)
    g_output_bias: float = option(
        0.0, "G's output bias starts from this; -1.9 is the logit of MNIST's mean pixel"
    )
    d_weight_limit: float = option(0.005, "D's weights start from U(-this, this)", minimum=0)
    dropout_rate: float = option(0.5, "share of D's hidden units dropped", minimum=0, maximum=0.99)
    g_dropout_rate: float = option(
        0.5, "share of G's hidden units dropped, in training", minimum=0, maximum=0.99
    )
    sample_dropout: bool = option(False, "samples, too, have G's dropout: it is noise beside z")
    g_learning_rate: float = option(0.1, "the first learning rate, for G", minimum=0)
    d_learning_rate: float = option(0.1, "the first learning rate, for D", minimum=0)
    learning_rate_decay: float = option(
        4e-5, "both rates are divided by 1 + this at every step, down to 1e-6", minimum=0
    )
    momentum: float = option(0.5, "momentum at the start", minimum=0, maximum=0.9999)
    final_momentum: float = option(0.7, "momentum at the end", minimum=0, maximum=0.9999)
    momentum_steps: int = option(124_500, "steps in which momentum rises", minimum=1)


def network_weights(
    rng: np.random.Generator, shapes: dict[str, tuple[int, int]], limit: float
) -> Weights:
    """{"z": (100, 200)} -> z_w [100, 200] from U(-limit, limit) and z_b [200], zeros."""
    weights = {}
    for name, (n_in, n_out) in shapes.items():
        weights[f"{name}_w"] = uniform(rng, [n_in, n_out], limit, f"{name}_w")
        weights[f"{name}_b"] = zeros([n_out], f"{name}_b")
    return weights


def generator(
    weights: Weights, z: tf.Tensor, y: tf.Tensor, us: list[tf.Tensor], dropout_rate: float
) -> tf.Tensor:
    """z [n, 100] and y [n, 10] -> pixels in (0, 1), [n, 784].

    `us` are the dropouts' numbers: [n, 200] for z's layer, [n, 1000] for y's, [n, 1200].
    """
    z = layers.relu(layers.linear(z, weights["z_w"], weights["z_b"]))  # [n, 200]
    z = layers.dropout(z, us[0], dropout_rate)
    y = layers.relu(layers.linear(y, weights["y_w"], weights["y_b"]))  # [n, 1000]
    y = layers.dropout(y, us[1], dropout_rate)
    both = tf.concat([z, y], axis=1)  # [n, 1200]
    both = layers.relu(layers.linear(both, weights["joint_w"], weights["joint_b"]))  # [n, 1200]
    both = layers.dropout(both, us[2], dropout_rate)
    return layers.sigmoid(layers.linear(both, weights["out_w"], weights["out_b"]))  # [n, 784]


def discriminator(
    weights: Weights,
    x: tf.Tensor,
    y: tf.Tensor,
    us: list[tf.Tensor],
    dropout_rate: float,
    pieces: int,
    joint_pieces: int,
) -> tf.Tensor:
    """Pixels in [0, 1], [n, 784], and y [n, 10] -> logit [n, 1]; the sigmoid is in the loss.

    `us` are the dropouts' numbers: [n, 240] for x's layer, [n, 50] for y's, [n, 240].
    """
    x = layers.linear(x, weights["x_w"], weights["x_b"])  # [n, 1200]
    x = layers.dropout(layers.maxout(x, pieces), us[0], dropout_rate)  # [n, 240]
    y = layers.linear(y, weights["y_w"], weights["y_b"])  # [n, 250]
    y = layers.dropout(layers.maxout(y, pieces), us[1], dropout_rate)  # [n, 50]
    both = tf.concat([x, y], axis=1)  # [n, 290]
    both = layers.linear(both, weights["joint_w"], weights["joint_b"])  # [n, 960]
    both = layers.dropout(layers.maxout(both, joint_pieces), us[2], dropout_rate)  # [n, 240]
    return layers.linear(both, weights["out_w"], weights["out_b"])  # [n, 1]


def to_unit_range(x: tf.Tensor) -> tf.Tensor:
    """The engine's images in [-1, 1], [n, 28, 28, 1] -> the paper's pixels in [0, 1], [n, 784]."""
    return layers.flatten((x + 1.0) / 2.0)


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        c = self.config = config
        self.image_shape, self.classes = fields.image_shape("x"), fields.num_classes("label")
        x_size = math.prod(self.image_shape)  # 28 * 28 * 1 = 784
        g_shapes = {
            "z": (c.z_size, c.g_z_units),
            "y": (self.classes, c.g_y_units),
            "joint": (c.g_z_units + c.g_y_units, c.g_units),
            "out": (c.g_units, x_size),
        }
        d_shapes = {
            "x": (x_size, c.d_x_units * c.pieces),
            "y": (self.classes, c.d_y_units * c.pieces),
            "joint": (c.d_x_units + c.d_y_units, c.d_units * c.joint_pieces),
            "out": (c.d_units, 1),
        }
        self.g = network_weights(rng, g_shapes, c.g_weight_limit)
        self.g["out_b"].assign(tf.fill([x_size], c.g_output_bias))
        self.d = network_weights(rng, d_shapes, c.d_weight_limit)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        self.g_optimizer = self._optimizer(c.g_learning_rate, self.g_variables)
        self.d_optimizer = self._optimizer(c.d_learning_rate, self.d_variables)
        self.z = draws.Uniform([c.z_size], low=0.0)
        # Hidden layers that are dropped out.
        self.g_hidden = (c.g_z_units, c.g_y_units, c.g_units)
        self.d_hidden = (c.d_x_units, c.d_y_units, c.d_units)

    def _optimizer(self, rate, trained):
        c = self.config
        falling = schedules.exponential(rate, 1 + c.learning_rate_decay, min(rate, RATE_FLOOR))
        rising = schedules.linear(c.momentum, c.final_momentum, first=0, last=c.momentum_steps)
        return optimizers.Momentum(falling, trained, rising)

    def schedule(self) -> Schedule:
        """D, then G; fresh z for each, and fresh dropout for each pass through a network."""
        inputs = {"x": draws.Real("x"), "label": draws.Real("label"), "z_d": self.z, "z_g": self.z}
        dropped = {"g_for_d": self.g_hidden, "g_for_g": self.g_hidden}
        dropped |= {"d_real": self.d_hidden, "d_fake": self.d_hidden, "d_for_g": self.d_hidden}
        for of, hidden in dropped.items():
            for i, units in enumerate(hidden):
                inputs[f"u_{of}_{i}"] = draws.Uniform([units], low=0.0)
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on x and its labels, and on G(z_d | the same labels)."""
        x, y = to_unit_range(batch["x"]), self._one_hot(batch["label"])  # [n, 784], [n, 10]
        fake = self._generated(batch["z_d"], y, dropped(batch, "g_for_d"))  # outside the tape
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = self._logits(x, y, dropped(batch, "d_real"))  # [n, 1]
            fake_logits = self._logits(fake, y, dropped(batch, "d_fake"))  # [n, 1]
            d_loss = losses.minimax_d_loss(real_logits, fake_logits)
        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on G(z_g | the step's labels), of which D is told too."""
        y = self._one_hot(batch["label"])  # [n, 10]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = self._generated(batch["z_g"], y, dropped(batch, "g_for_g"))  # [n, 784]
            fake_logits = self._logits(fake, y, dropped(batch, "d_for_g"))  # [n, 1]
            g_loss = losses.non_saturating_g_loss(fake_logits)
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z and labels, all classes as likely; D's logit."""
        given = {"z": self.z, "label": draws.Classes(self.classes)}
        if self.config.sample_dropout:
            for i, units in enumerate(self.g_hidden):
                given[f"u_sample_{i}"] = draws.Uniform([units], low=0.0)
        return [Sampler("", given, self.generate, self.score)]

    def generate(self, given: Given) -> tf.Tensor:
        """z [n, 100], labels [n], the dropouts' numbers if any -> images, [n, 28, 28, 1]."""
        y = self._one_hot(given["label"])
        if self.config.sample_dropout:
            pixels = self._generated(given["z"], y, dropped(given, "sample"))  # [n, 784]
        else:
            us = [tf.ones([1, units]) for units in self.g_hidden]
            pixels = generator(self.g, given["z"], y, us, dropout_rate=0.0)
        return tf.reshape(2.0 * pixels - 1.0, [-1, *self.image_shape])

    def score(self, x: tf.Tensor, given: Given) -> tf.Tensor:
        """Images in [-1, 1], [n, 28, 28, 1], and labels [n] -> D's logit without dropout, [n]."""
        us, y = [tf.ones([1, units]) for units in self.d_hidden], self._one_hot(given["label"])
        pieces = self.config.pieces, self.config.joint_pieces
        return discriminator(self.d, to_unit_range(x), y, us, 0.0, *pieces)[:, 0]

    def _one_hot(self, label):
        return tf.one_hot(label, self.classes)

    def _generated(self, z, y, us):
        return generator(self.g, z, y, us, self.config.g_dropout_rate)

    def _logits(self, x, y, us):
        pieces = self.config.pieces, self.config.joint_pieces
        return discriminator(self.d, x, y, us, self.config.dropout_rate, *pieces)


def dropped(batch: Batch, of: str) -> list[tf.Tensor]:
    """The numbers of the dropouts of one pass through a network: of its three hidden layers."""
    return [batch[f"u_{of}_{i}"] for i in range(3)]
