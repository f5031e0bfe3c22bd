"""The conditional GAN with which DCGAN (arXiv 1511.06434) draws MNIST's digits by their labels.

    D's loss: -mean(log D(x, y)) - mean(log(1 - D(G(z, y), y))) + lambda |D's weights|^2 / 2
    G's loss: -mean(log D(G(z, y), y)) + lambda |G's weights|^2 / 2

    ganflow-train --model=dcgan_conditional --data_dir=DIR --workdir=runs/dcgan_conditional

The networks are those of the authors' program: y, a 1 among as many 0 as there are classes, is
joined to the input of every layer of both, as maps to maps. Batch norm has no scale and no shift
("removing the scale and bias parameters from batchnorm produced better results for both models", in
the supplement) and in training always takes the batch's own statistics, epsilon 1e-8; so there is
nothing but kernels and matrices, N(0, .02). Adam with learning rate 2e-4 and beta_1 .5, constant
for 100 epochs and then on a line to 0 for 100 more, batch 128, lambda 2.5e-5. A step shows D one
minibatch and takes for G the labels of another one. The images of the data set, in [-1, 1], become
the program's in [0, 1] in front of D, and G's, behind its sigmoid, become the data set's in
`generate`. G has 6,835,258 parameters, 14,720 of them moving statistics, and D 6,688,202.

Expected: configs/dcgan_conditional_fast.flags, 16,000 steps, on MNIST: 99 % of 10,000 samples are
their label for the judge. The paper's measure, a nearest neighbour classifier of real digits that
has learnt from generated ones, errs for 5.7 to 6.0 % (10,000 real digits in their place: 5.2 %).

Deviations: the program samples with the statistics of the sampled batch. That hides a label which
all images of a batch share, for it is the same for all and is taken away with the mean. Here images
are made with moving means of the statistics of training (decay .9), which train nothing. The
program trains on 50,000 images, starts with G, and lowers the rate once an epoch.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers, schedules
from ganflow.nn.draws import Classes, Real, Uniform
from ganflow.nn.initializers import moving_statistics, normal
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set, with labels")
    batch_size: int = option(128, "images in a minibatch; a step takes two", minimum=1)
    steps: int = option(46_800, "total steps; 200 epochs of MNIST", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    z_size: int = option(100, "components of z, each U(-1, 1)", minimum=1)
    width: int = option(64, "maps at half the images' size; twice as many at a quarter", minimum=1)
    g_units: int = option(1024, "units of G's first layer", minimum=1)
    d_units: int = option(1024, "units of D's dense hidden layer", minimum=1)
    slope: float = option(0.2, "D's leaky ReLU's slope below 0", minimum=0, maximum=1)
    weight_decay: float = option(2.5e-5, "lambda, for both networks", minimum=0)
    d_learning_rate: float = option(2e-4, "Adam's first learning rate, for D", minimum=0)
    g_learning_rate: float = option(2e-4, "Adam's first learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)
    constant_steps: int = option(23_400, "steps before the rates fall; 100 epochs", minimum=0)
    decay_steps: int = option(23_400, "steps in which they fall to 0; 100 epochs", minimum=1)


def generator_weights(
    config: Config, x_shape: tuple[int, ...], classes: int, rng: np.random.Generator
) -> Weights:
    """N(0, .02); every layer has an input more for each class."""
    (height, width, channels), m = x_shape, config.width
    flat = (height // 4) * (width // 4) * 2 * m  # 7 * 7 * 128 = 6,272
    return {
        "w_0": normal(rng, [config.z_size + classes, config.g_units], 0.02, "w_0"),
        **moving_statistics(config.g_units, "norm_0"),
        "w_1": normal(rng, [config.g_units + classes, flat], 0.02, "w_1"),
        **moving_statistics(flat, "norm_1"),
        "deconv_2_w": normal(rng, [5, 5, m, 2 * m + classes], 0.02, "deconv_2_w"),
        **moving_statistics(m, "norm_2"),
        "deconv_3_w": normal(rng, [5, 5, channels, m + classes], 0.02, "deconv_3_w"),
    }


def generator(
    weights: Weights, z: tf.Tensor, y: tf.Tensor, x_shape: tuple[int, ...], statistics: str
) -> tf.Tensor:
    """z [n, 100] and y [n, 10], one-hot -> images in (0, 1), [n, 28, 28, 1]."""
    height, width, _ = x_shape
    x = layers.linear(layers.join(z, y), weights["w_0"])  # [n, 1024]
    x = layers.relu(norm(x, weights, "norm_0", statistics))
    x = layers.linear(layers.join(x, y), weights["w_1"])  # [n, 6272]
    x = layers.relu(norm(x, weights, "norm_1", statistics))
    x = layers.reshape(x, [height // 4, width // 4, 16 * x.shape[1] // (height * width)])
    x = layers.deconv(layers.join(x, y), weights["deconv_2_w"])  # [n, 7, 7, 138] -> [n, 14, 14, 64]
    x = layers.relu(norm(x, weights, "norm_2", statistics))
    x = layers.deconv(layers.join(x, y), weights["deconv_3_w"])  # [n, 14, 14, 74] -> [n, 28, 28, 1]
    return layers.sigmoid(x)


def discriminator_weights(
    config: Config, x_shape: tuple[int, ...], classes: int, rng: np.random.Generator
) -> Weights:
    """As the generator's."""
    (height, width, channels), m = x_shape, config.width
    flat = (height // 4) * (width // 4) * 2 * m  # 7 * 7 * 128 = 6,272
    return {
        "conv_0_w": normal(rng, [5, 5, channels + classes, m], 0.02, "conv_0_w"),
        "conv_1_w": normal(rng, [5, 5, m + classes, 2 * m], 0.02, "conv_1_w"),
        "w_2": normal(rng, [flat + classes, config.d_units], 0.02, "w_2"),
        "w_3": normal(rng, [config.d_units + classes, 1], 0.02, "w_3"),
    }


def discriminator(weights: Weights, x: tf.Tensor, y: tf.Tensor, slope: float) -> tf.Tensor:
    """Images in (0, 1), [n, 28, 28, 1], all real or all fake, and y [n, 10] -> logit [n, 1]."""
    x = layers.conv(layers.join(x, y), weights["conv_0_w"], stride=2)  # [n, 14, 14, 64]
    x = layers.leaky_relu(x, slope)
    x = layers.conv(layers.join(x, y), weights["conv_1_w"], stride=2)  # [n, 7, 7, 128]
    x = layers.leaky_relu(norm(x, weights, "norm_1", "batch"), slope)
    x = layers.linear(layers.join(layers.flatten(x), y), weights["w_2"])  # [n, 1024]
    x = layers.leaky_relu(norm(x, weights, "norm_2", "batch"), slope)
    return layers.linear(layers.join(x, y), weights["w_3"])  # [n, 1]


def norm(x: tf.Tensor, weights: Weights, name: str, statistics: str) -> tf.Tensor:
    """Batch norm of x [n, ..., units], without scale and shift; D's has no moving statistics."""
    moving = weights.get(f"{name}_mean"), weights.get(f"{name}_variance")
    return layers.batch_norm(x, None, None, *moving, statistics, momentum=0.9, epsilon=1e-8)


def to_unit_range(x: tf.Tensor) -> tf.Tensor:
    """The engine's images are in [-1, 1], the program's in [0, 1]."""
    return (x + 1.0) / 2.0


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.shape = config, fields.image_shape("x")
        height, width, _ = self.shape
        if height % 4 or width % 4:
            raise ValueError(f"trains on images whose sides 4 divides, not on {height}x{width}")
        self.classes = fields.num_classes("label")
        self.g = generator_weights(config, self.shape, self.classes, rng)
        self.d = discriminator_weights(config, self.shape, self.classes, rng)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        self.d_optimizer = self._optimizer(config.d_learning_rate, self.d_variables)
        self.g_optimizer = self._optimizer(config.g_learning_rate, self.g_variables)
        self.z = Uniform([config.z_size])

    def _optimizer(self, rate, trained):
        first = self.config.constant_steps
        falling = schedules.linear(rate, 0.0, first, first + self.config.decay_steps)
        return optimizers.Adam(falling, trained, self.config.beta_1)

    def schedule(self) -> Schedule:
        """D on one minibatch, then G on the labels of another."""
        of_d = {"x": Real("x"), "label_d": Real("label"), "z_d": self.z}
        of_g = {"label_g": Real("label", batch=1), "z_g": self.z}
        return Schedule([Phase(1, (self.d_step, self.g_step), of_d | of_g)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on x and, apart, on G(z_d), both with the labels of x."""
        x, y = to_unit_range(batch["x"]), self.one_hot(batch["label_d"])
        fake = generator(self.g, batch["z_d"], y, self.shape, "batch")  # [n, 28, 28, 1]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits = discriminator(self.d, x, y, self.config.slope)  # [n, 1]
            fake_logits = discriminator(self.d, fake, y, self.config.slope)  # [n, 1]
            d_loss = losses.minimax_d_loss(real_logits, fake_logits)
            d_loss += self.config.weight_decay * losses.half_squares(self.d_variables)
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        told = {"d_loss": d_loss, "d_learning_rate": self.d_optimizer.learning_rate.read_value()}
        return told | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on G(z_g), with labels of its own; its moving statistics move too."""
        y = self.one_hot(batch["label_g"])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, batch["z_g"], y, self.shape, "update")  # [n, 28, 28, 1]
            fake_logits = discriminator(self.d, fake, y, self.config.slope)  # [n, 1]
            g_loss = losses.non_saturating_g_loss(fake_logits)
            g_loss += self.config.weight_decay * losses.half_squares(self.g_variables)
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss, "g_learning_rate": self.g_optimizer.learning_rate.read_value()}

    def one_hot(self, label: tf.Tensor) -> tf.Tensor:
        """Labels [n] -> y [n, 10]."""
        return tf.one_hot(label, self.classes)

    def samplers(self) -> list[Sampler]:
        """G on z and labels; D's logit with the labels."""
        given = {"z": self.z, "label": Classes(self.classes)}
        return [Sampler("", given, self.generate, self.score)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 100] and labels [n] -> images in [-1, 1], [n, 28, 28, 1]."""
        y = self.one_hot(given["label"])
        return 2.0 * generator(self.g, given["z"], y, self.shape, "moving") - 1.0

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], all real or all fake, and labels [n] -> D's logit, [n]."""
        y = self.one_hot(given["label"])
        return discriminator(self.d, to_unit_range(x), y, self.config.slope)[:, 0]
