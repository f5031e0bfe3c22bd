"""WGAN with gradient penalty (arXiv 1704.00028) on points, in the authors' toy configuration.

    critic: mean D(G(z)) - mean D(x) + lambda mean (|grad_x_hat D(x_hat)|_2 - 1)^2
            with x_hat = epsilon x + (1 - epsilon) G(z), one epsilon ~ U(0, 1) an example
    G:      -mean D(G(z))

    ganflow-train --model=wgan_gp_points --workdir=runs/grid

Both networks are the dense ones of the authors' gan_toy.py (batch 256, lambda .1, three layers of
512). A step is algorithm 1: `n_critic` updates of the critic, then one of G. G has 527,874
parameters and the critic 527,361.

Expected: on the 25 Gaussians all 25 modes; see docs/results.md.

Deviations: Adam's beta_1 is the .5 of the authors' program, not the 0 of the paper's algorithm
(`--beta_1=0` gives that). The program updates G first and the critic after it; here the critic is
first, as in the paper.
"""

import dataclasses
from functools import partial

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Normal, Real, Uniform
from ganflow.nn.initializers import dense_weights, he_uniform
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("gaussians_25", "the data set")
    batch_size: int = option(256, "real points in one critic update", minimum=1)
    steps: int = option(100_000, "total steps, that is, G's updates", minimum=0)
    summary_every: int = option(500, "steps between summaries", minimum=1)
    z_size: int = option(2, "components of z, each N(0, 1)", minimum=1)
    width: int = option(512, "units of each of the three hidden layers", minimum=1)
    n_critic: int = option(5, "critic updates in a step", minimum=1)
    penalty_weight: float = option(0.1, "lambda, the weight of the penalty", minimum=0)
    critic_learning_rate: float = option(1e-4, "Adam's learning rate, for D", minimum=0)
    g_learning_rate: float = option(1e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)
    beta_2: float = option(0.9, "decay of Adam's second moments", minimum=0, maximum=0.9999)


def dense(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Three ReLU layers and a linear one: [n, 2] -> [n, out]."""
    for i in range(3):
        x = layers.linear(x, weights[f"w_{i}"], weights[f"b_{i}"])
        x = layers.relu(x)  # [n, 512]
    return layers.linear(x, weights["w_3"], weights["b_3"])  # [n, out]


def generator(weights: Weights, z: tf.Tensor) -> tf.Tensor:
    """z [n, 2] -> points [n, 2]."""
    return dense(weights, z)


def critic(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Points [n, 2] -> score [n, 1], any real number."""
    return dense(weights, x)


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config = config
        (x_size,), hidden = fields.point_shape("x"), [config.width] * 3
        self.g = dense_weights(rng, [config.z_size, *hidden, x_size], he_uniform, he_uniform)
        self.d = dense_weights(rng, [x_size, *hidden, 1], he_uniform, he_uniform)
        self.networks = {"generator": self.g, "critic": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        betas = {"beta_1": config.beta_1, "beta_2": config.beta_2}
        self.d_optimizer = optimizers.Adam(config.critic_learning_rate, self.d_variables, **betas)
        self.g_optimizer = optimizers.Adam(config.g_learning_rate, self.g_variables, **betas)
        self.z = Normal([config.z_size])

    def schedule(self) -> Schedule:
        """The critic's updates, each on points, z and epsilon of its own; then G's."""
        n_critic = self.config.n_critic
        inputs = {
            "x": [Real("x")] * n_critic,
            "z_critic": [self.z] * n_critic,
            "epsilon": [Uniform([], low=0.0)] * n_critic,
            "z_g": self.z,
        }
        return Schedule([Phase(1, (self.critic_step, self.g_step), inputs)])

    def critic_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Algorithm 1, lines 2 to 10: `n_critic` updates of the critic."""
        for x, z, epsilon in zip(batch["x"], batch["z_critic"], batch["epsilon"], strict=True):
            fake = generator(self.g, z)  # [n, 2]
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(self.d_variables)
                real_scores = critic(self.d, x)  # [n, 1]
                fake_scores = critic(self.d, fake)  # [n, 1]
                wasserstein = losses.wasserstein_critic_loss(real_scores, fake_scores)
                penalty = losses.gradient_penalty(partial(critic, self.d), x, fake, epsilon)
                d_loss = wasserstein + self.config.penalty_weight * penalty
            d_gradients = tape.gradient(d_loss, self.d_variables)
            self.d_optimizer.update(d_gradients)
        return {  # figures of the last update
            "d_loss": d_loss,
            "wasserstein_estimate": -wasserstein,
            "gradient_penalty": penalty,
        } | losses.mean_scores(real_scores, fake_scores)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Algorithm 1, lines 11 and 12: one update of G."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            g_loss = self.g_loss(generator(self.g, batch["z_g"]))  # of points [n, 2]
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss}

    def g_loss(self, fake: tf.Tensor) -> tf.Tensor:
        """G's loss on these fake points."""
        return losses.wasserstein_g_loss(critic(self.d, fake))

    def samplers(self) -> list[Sampler]:
        """G on z; the critic's score, which knows no boundary; G's loss, for the arrows."""
        given = {"z": self.z}
        made = Sampler("", given, self.generate, self.score, boundary=None, g_loss=self.g_loss)
        return [made]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 2] -> points [n, 2]."""
        return generator(self.g, given["z"])

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Points [n, 2] -> the critic's score, [n]."""
        return critic(self.d, x)[:, 0]
