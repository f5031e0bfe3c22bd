"""WGAN with gradient penalty (arXiv 1704.00028), in the authors' MNIST and toy configurations.

    critic: mean D(G(z)) - mean D(x) + lambda mean (|grad_x_hat D(x_hat)|_2 - 1)^2
            with x_hat = epsilon x + (1 - epsilon) G(z), one epsilon ~ U(0, 1) an example
    G:      -mean D(G(z))

    python bin/train.py --model=wgan_gp --data_dir=DIR --workdir=runs/wgan_gp
    python bin/train.py --model=wgan_gp --dataset=gaussians_25 --workdir=runs/grid

A step is algorithm 1: `n_critic` critic updates, each on fresh images, z and epsilon, then one
update of G. Images get the convolutions of the authors' gan_mnist.py (batch 50, lambda 10), points
the dense layers of their gan_toy.py (batch 256, lambda .1). There is no batch norm in the critic:
the penalty is on each example's gradient, and batch norm would tie the examples together.

Expected: on the 25 Gaussians all 25 modes; see the README's table.

Deviations: Adam's beta_1 is the .5 of the authors' programs, not the 0 of the paper's algorithm
(`--beta_1=0` gives that). The programs update G first and the critic after it; here the critic is
first, as in the paper.
"""

import dataclasses
from itertools import pairwise

import numpy as np
import tensorflow as tf

from ganflow import layers, losses, optim
from ganflow.config import option
from ganflow.draws import Normal, Real, Uniform
from ganflow.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(50, "real examples in one critic update", minimum=1)
    steps: int = option(200_000, "total steps, that is, G's updates", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    z_size: int = option(128, "components of z, each N(0, 1)", minimum=1)
    width: int = option(64, "maps of the widest image, or units of a dense layer", minimum=1)
    n_critic: int = option(5, "critic updates in a step", minimum=1)
    penalty_weight: float = option(10.0, "lambda, the weight of the penalty", minimum=0)
    critic_learning_rate: float = option(1e-4, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(1e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)
    beta_2: float = option(0.9, "decay of Adam's second moments", minimum=0, maximum=0.9999)


# The defaults where the data are points: gan_toy.py.
CONFIG_FOR_POINTS = Config(
    dataset="gaussians_25",
    batch_size=256,
    steps=100_000,
    summary_every=500,
    z_size=2,
    width=512,
    penalty_weight=0.1,
)


# ---------------------------------------------------------------- images, 28 x 28


def image_generator_weights(config: Config, channels: int, rng: np.random.Generator) -> Weights:
    """Linear layers Glorot-uniform, (transposed) convolutions He-uniform, zero biases."""
    m = config.width

    def kernel(n_in, n_out, name):  # stride 2: an output pixel sees a quarter of the kernel
        return layers.he_uniform(rng, [5, 5, n_out, n_in], name, fan_in=25 * n_in / 4)

    return {
        "in_w": layers.glorot_uniform(rng, [config.z_size, 4 * 4 * 4 * m], "in_w"),
        "in_b": layers.zeros([4 * 4 * 4 * m], "in_b"),
        "deconv_0_w": kernel(4 * m, 2 * m, "deconv_0_w"),
        "deconv_0_b": layers.zeros([2 * m], "deconv_0_b"),
        "deconv_1_w": kernel(2 * m, m, "deconv_1_w"),
        "deconv_1_b": layers.zeros([m], "deconv_1_b"),
        "deconv_2_w": kernel(m, channels, "deconv_2_w"),
        "deconv_2_b": layers.zeros([channels], "deconv_2_b"),
    }


def image_generator(weights: Weights, z: tf.Tensor) -> tf.Tensor:
    """z [n, 128] -> images in (0, 1), [n, 28, 28, 1]."""
    x = layers.relu(layers.linear(z, weights["in_w"], weights["in_b"]))  # [n, 4096]
    x = layers.reshape(x, [4, 4, x.shape[1] // 16])  # [n, 4, 4, 256]
    x = layers.relu(layers.deconv(x, weights["deconv_0_w"], weights["deconv_0_b"]))
    x = x[:, :7, :7, :]  # [n, 8, 8, 128] -> [n, 7, 7, 128]
    x = layers.relu(layers.deconv(x, weights["deconv_1_w"], weights["deconv_1_b"]))
    x = layers.deconv(x, weights["deconv_2_w"], weights["deconv_2_b"])  # from [n, 14, 14, 64]
    return layers.sigmoid(x)  # [n, 28, 28, 1]


def image_critic_weights(config: Config, channels: int, rng: np.random.Generator) -> Weights:
    """As the generator's."""
    weights, m = {}, config.width
    for i, (n_in, n_out) in enumerate(pairwise([channels, m, 2 * m, 4 * m])):
        weights[f"conv_{i}_w"] = layers.he_uniform(rng, [5, 5, n_in, n_out], f"conv_{i}_w")
        weights[f"conv_{i}_b"] = layers.zeros([n_out], f"conv_{i}_b")
    weights["out_w"] = layers.glorot_uniform(rng, [4 * 4 * 4 * m, 1], "out_w")
    weights["out_b"] = layers.zeros([1], "out_b")
    return weights


def image_critic(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Images in (0, 1), [n, 28, 28, 1] -> score [n, 1], any real number."""
    for i in range(3):
        x = layers.conv(x, weights[f"conv_{i}_w"], weights[f"conv_{i}_b"], stride=2)
        x = layers.leaky_relu(x)  # [n, 14, 14, 64], [n, 7, 7, 128], [n, 4, 4, 256]
    x = layers.flatten(x)  # [n, 4096]
    return layers.linear(x, weights["out_w"], weights["out_b"])  # [n, 1]


# ---------------------------------------------------------------- points


def point_weights(sizes: list[int], rng: np.random.Generator) -> Weights:
    """He-uniform matrices and zero biases."""
    weights = {}
    for i, (n_in, n_out) in enumerate(pairwise(sizes)):
        weights[f"w_{i}"] = layers.he_uniform(rng, [n_in, n_out], f"w_{i}")
        weights[f"b_{i}"] = layers.zeros([n_out], f"b_{i}")
    return weights


def point_network(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """G: z [n, 2] -> points [n, 2]; the critic: points [n, 2] -> score [n, 1]."""
    for i in range(3):
        x = layers.relu(layers.linear(x, weights[f"w_{i}"], weights[f"b_{i}"]))  # [n, 512]
    return layers.linear(x, weights["w_3"], weights["b_3"])


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    scores_are_logits = False  # the critic's scores know no threshold between real and fake

    def __init__(self, config: Config, x_shape: tuple[int, ...], rng: np.random.Generator):
        super().__init__()
        self.config, self.x_shape = config, x_shape
        if len(x_shape) == 1:
            hidden = [config.width] * 3
            self.g = point_weights([config.z_size, *hidden, *x_shape], rng)
            self.d = point_weights([*x_shape, *hidden, 1], rng)
            self.generator, self.critic = point_network, point_network
        elif x_shape[:2] == (28, 28):
            self.g = image_generator_weights(config, x_shape[2], rng)
            self.d = image_critic_weights(config, x_shape[2], rng)
            self.generator, self.critic = image_generator, image_critic
        else:
            raise ValueError(f"wgan_gp trains on points or 28x28 images, not on {x_shape}")

        self.g_variables = optim.variables(self.g)
        self.d_variables = optim.variables(self.d)
        adam = {"beta_1": config.beta_1, "beta_2": config.beta_2}
        self.d_optimizer = optim.adam(config.critic_learning_rate, self.d_variables, **adam)
        self.g_optimizer = optim.adam(config.g_learning_rate, self.g_variables, **adam)

    def latent(self) -> Normal:
        """What `sample` is given."""
        return Normal([self.config.z_size])

    def batches(self) -> list[dict]:
        """What a step consumes: a fresh batch for every critic update, and z for G's."""
        for_critic = {"x": Real(), "z": self.latent(), "epsilon": Uniform([], low=0.0)}
        return [for_critic] * self.config.n_critic + [{"z": self.latent()}]

    def d_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """Algorithm 1, lines 2 to 10: `n_critic` critic updates."""
        *for_critic, _ = batches
        for batch in for_critic:
            x = self._scaled(batch["x"])
            fake = self.generator(self.g, batch["z"])
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(self.d_variables)
                real_scores = self.critic(self.d, x)  # [n, 1]
                fake_scores = self.critic(self.d, fake)  # [n, 1]
                penalty = losses.gradient_penalty(
                    lambda x_hat: self.critic(self.d, x_hat), x, fake, batch["epsilon"]
                )
                wasserstein = losses.wasserstein_critic_loss(real_scores, fake_scores)
                d_loss = wasserstein + self.config.penalty_weight * penalty
            d_gradients = tape.gradient(d_loss, self.d_variables)
            d_gradients = optim.update(self.d_optimizer, d_gradients, self.d_variables)
        return {  # figures of the last update
            "d_loss": d_loss,
            "wasserstein_estimate": -wasserstein,
            "gradient_penalty": penalty,
            "d_real": tf.reduce_mean(real_scores),
            "d_fake": tf.reduce_mean(fake_scores),
            "d_gradient": d_gradients,
        }

    def g_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """Algorithm 1, lines 11 and 12: one update of G."""
        *_, batch = batches
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = self.generator(self.g, batch["z"])
            g_loss = losses.wasserstein_g_loss(self.critic(self.d, fake))
        g_gradients = tape.gradient(g_loss, self.g_variables)
        g_gradients = optim.update(self.g_optimizer, g_gradients, self.g_variables)
        return {"g_loss": g_loss, "g_gradient": g_gradients}

    def train_step(self, batches: list[dict[str, tf.Tensor]]) -> dict:
        """The critic's updates, then G's."""
        return self.d_step(batches) | self.g_step(batches)

    def sample(self, z: tf.Tensor) -> tf.Tensor:
        """z [n, z_size] -> points [n, 2], or images in [-1, 1], [n, 28, 28, 1]."""
        fake = self.generator(self.g, z)
        return fake if len(self.x_shape) == 1 else 2.0 * fake - 1.0

    def score(self, x: tf.Tensor) -> tf.Tensor:
        """Points [n, 2], or images in [-1, 1], [n, 28, 28, 1] -> the critic's score [n, 1]."""
        return self.critic(self.d, self._scaled(x))

    def g_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """G's loss on fake examples as `sample` gives them."""
        return losses.wasserstein_g_loss(self.score(fake))

    def networks(self) -> dict:
        """Each network's weights, and a call on one example for its table."""
        z, x = tf.zeros([1, self.config.z_size]), tf.zeros([1, *self.x_shape])
        return {
            "generator": (self.g, lambda: self.generator(self.g, z)),
            "critic": (self.d, lambda: self.critic(self.d, x)),
        }

    def _scaled(self, x):
        """The engine's images are in [-1, 1], the authors' in [0, 1]; points stay as they are."""
        return x if len(self.x_shape) == 1 else (x + 1.0) / 2.0
