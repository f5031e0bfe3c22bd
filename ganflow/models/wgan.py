"""WGAN (arXiv 1701.07875) on images: a critic whose weights are clipped.

    critic: mean D(G(z)) - mean D(x), then every weight w of D to clip(w, -c, c)
    G:      -mean D(G(z))

    ganflow-train --model=wgan --data_dir=DIR --workdir=runs/wgan
    ganflow-train --model=wgan --arch=mlp --data_dir=DIR --workdir=runs/wgan_mlp

A step is algorithm 1: 5 critic updates, each on fresh images and z, then one of G. As in the
authors' main.py the critic has 100 updates instead in each of the first 25 steps and in every 500th
step, so that its estimate of the distance, -d_loss, is worth following. D's scores are any real
numbers: no sigmoid, no log.

`--arch=conv`: the networks that the authors of WGAN-GP gave WGAN on MNIST (gan_mnist.py), with
batch norm in G and in D. G has 1,456,641 parameters (8,576 of them moving statistics), D 1,031,681
(768). `--arch=mlp`: mlp.py of the authors, 4 linear layers each, three of 512 ReLU units; G has
979,216 parameters and D 927,745.

The images are in [-1, 1]. gan_mnist.py has them in [0, 1], so its two networks map at their ends;
mlp.py has no output function, so its samples are cut off where they are shown and judged.

Expected: configs/wgan_fast.flags, a quarter of the maps, 1,500 steps, on MNIST: the estimate falls
with the Frechet distance (rank correlation over .99 at 20 checkpoints), which ends at 8.3 with ten
classes (the median of three seeds), and is 84 to 91 % of what the critic finds when trained on.

Deviations: main.py clips before each critic update, algorithm 1 after it; here after it, and once
when D is made: nobody meets an unclipped critic. Batch (64), size of z (100), and RMSProp as
PyTorch has it (decay .99, epsilon 1e-8 beside the root) are main.py's for both kinds of networks;
gan_mnist.py has 50, 128, TensorFlow's RMSProp and no long steps.
"""

import dataclasses
import math
from functools import partial

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Normal, Real
from ganflow.nn.initializers import (
    batch_norm_weights,
    glorot_uniform,
    he_uniform,
    torch_dense_weights,
    zeros,
)
from ganflow.nn.layers import Weights
from ganflow.nn.loops import for_each

WIDTHS = {"conv": 64, "mlp": 512}  # gan_mnist.py's DIM; the paper's fully connected layers


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(64, "real images in one critic update", minimum=1)
    steps: int = option(200_000, "total steps, that is, G's updates", minimum=0)
    summary_every: int = option(100, "steps between summaries", minimum=1)
    arch: str = option("conv", "networks: convolutions or dense layers", choices=("conv", "mlp"))
    z_size: int = option(100, "components of z, each N(0, 1)", minimum=1)
    width: int = option(0, "maps of the widest image, or units a layer; 0: 64 or 512", minimum=0)
    n_critic: int = option(5, "critic updates in a step", minimum=1)
    long_critic: int = option(100, "critic updates in a long step", minimum=1)
    long_steps: int = option(25, "long steps at the start", minimum=0)
    long_every: int = option(500, "steps from a long one to the next; 0: at the start only")
    clip: float = option(0.01, "c, the bound of D's weights", minimum=0)
    critic_learning_rate: float = option(5e-5, "RMSProp's learning rate, for D", minimum=0)
    g_learning_rate: float = option(5e-5, "RMSProp's learning rate, for G", minimum=0)
    decay: float = option(0.99, "of RMSProp's mean of squares", minimum=0, maximum=0.9999)


# ---------------------------------------------------------------- gan_mnist.py's convolutions


def conv_generator_weights(
    config: Config, m: int, channels: int, rng: np.random.Generator
) -> Weights:
    """The linear layer Glorot-uniform, kernels He-uniform, zero biases."""
    weights = {
        "in_w": glorot_uniform(rng, [config.z_size, 4 * 4 * 4 * m], "in_w"),
        "in_b": zeros([4 * 4 * 4 * m], "in_b"),
        **batch_norm_weights(4 * 4 * 4 * m, "norm_in"),
    }
    for i, (n_in, n_out) in enumerate(((4 * m, 2 * m), (2 * m, m), (m, channels))):
        shape, name = [5, 5, n_out, n_in], f"deconv_{i}"
        # Stride 2: an output pixel sees a quarter of the kernel.
        weights[f"{name}_w"] = he_uniform(rng, shape, f"{name}_w", fan_in=25 * n_in / 4)
        weights[f"{name}_b"] = zeros([n_out], f"{name}_b")
        weights |= batch_norm_weights(n_out, f"norm_{i}") if i < 2 else {}
    return weights


def conv_generator(weights: Weights, z: tf.Tensor, statistics: str) -> tf.Tensor:
    """z [n, 100] -> images in (-1, 1), [n, 28, 28, 1]; `statistics` as in `layers.batch_norm`."""
    x = layers.linear(z, weights["in_w"], weights["in_b"])  # [n, 4096]
    x = layers.relu(norm(x, weights, "norm_in", statistics))
    x = layers.reshape(x, [4, 4, x.shape[1] // 16])  # [n, 4, 4, 256]
    for i, side in enumerate((7, 14)):
        x = layers.deconv(x, weights[f"deconv_{i}_w"], weights[f"deconv_{i}_b"])
        x = layers.relu(norm(x, weights, f"norm_{i}", statistics))
        x = x[:, :side, :side, :]  # [n, 8, 8, 128] -> [n, 7, 7, 128]; [n, 14, 14, 64]
    x = layers.deconv(x, weights["deconv_2_w"], weights["deconv_2_b"])  # [n, 28, 28, 1]
    return 2.0 * layers.sigmoid(x) - 1.0


def conv_critic_weights(m: int, channels: int, rng: np.random.Generator) -> Weights:
    """As the generator's."""
    weights: Weights = {}
    for i, (n_in, n_out) in enumerate(((channels, m), (m, 2 * m), (2 * m, 4 * m))):
        weights[f"conv_{i}_w"] = he_uniform(rng, [5, 5, n_in, n_out], f"conv_{i}_w")
        weights[f"conv_{i}_b"] = zeros([n_out], f"conv_{i}_b")
        weights |= batch_norm_weights(n_out, f"norm_{i}") if i else {}
    weights["out_w"] = glorot_uniform(rng, [4 * 4 * 4 * m, 1], "out_w")
    weights["out_b"] = zeros([1], "out_b")
    return weights


def conv_critic(weights: Weights, x: tf.Tensor, statistics: str) -> tf.Tensor:
    """Images in [-1, 1], [n, 28, 28, 1] -> score [n, 1], any real number."""
    x = (x + 1.0) / 2.0
    for i in range(3):
        x = layers.conv(x, weights[f"conv_{i}_w"], weights[f"conv_{i}_b"], stride=2)
        x = norm(x, weights, f"norm_{i}", statistics) if i else x
        x = layers.leaky_relu(x)  # [n, 14, 14, 64], [n, 7, 7, 128], [n, 4, 4, 256]
    return layers.linear(layers.flatten(x), weights["out_w"], weights["out_b"])  # [n, 1]


def norm(x: tf.Tensor, weights: Weights, name: str, statistics: str) -> tf.Tensor:
    """Batch norm of x [n, ..., units]; epsilon is the program's, momentum PyTorch's."""
    parts = [weights[f"{name}_{part}"] for part in ("gamma", "beta", "mean", "variance")]
    return layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)


# ---------------------------------------------------------------- mlp.py's dense layers


def mlp(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """z [n, 100] -> pixels [n, 784], any real numbers; or pixels -> score [n, 1]."""
    for i in range(3):
        x = layers.relu(layers.linear(x, weights[f"w_{i}"], weights[f"b_{i}"]))  # [n, 512]
    return layers.linear(x, weights["w_3"], weights["b_3"])


# ---------------------------------------------------------------- the GAN


class Gan(tf.Module):
    """The two networks, their optimizers, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, self.image_shape = config, fields.image_shape("x")
        height, width, channels = self.image_shape
        m = config.width or WIDTHS[config.arch]
        if config.arch == "mlp":
            pixels = math.prod(self.image_shape)  # 784
            self.g = torch_dense_weights(rng, [config.z_size, m, m, m, pixels])
            self.d = torch_dense_weights(rng, [pixels, m, m, m, 1])
        elif (height, width) != (28, 28):
            raise ValueError(f"trains on images of 28x28 (or --arch=mlp), not on {height}x{width}")
        else:
            self.g = conv_generator_weights(config, m, channels, rng)
            self.d = conv_critic_weights(m, channels, rng)
        self.networks = {"generator": self.g, "critic": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        optimizers.clip_weights(self.d_variables, config.clip)
        torch = partial(optimizers.RMSProp, rho=config.decay, epsilon=1e-8, in_root=False)
        self.d_optimizer = torch(config.critic_learning_rate, self.d_variables)
        self.g_optimizer = torch(config.g_learning_rate, self.g_variables)
        self.z = Normal([config.z_size])

    def schedule(self) -> Schedule:
        """Long steps at the start and every so often, usual ones in between; alike but for D's."""

        def phases(*of: tuple[int, int]) -> list[Phase]:
            return [self._phase(steps, updates) for steps, updates in of if steps]

        usual, long = self.config.n_critic, self.config.long_critic
        first, every = self.config.long_steps, self.config.long_every
        if not every:
            return Schedule(phases((1, usual)), once=phases((first, long)))
        first = min(first, every)
        once = phases((first, long), (every - first, usual)) if first else []
        return Schedule(phases((1, long), (every - 1, usual)), once)

    def _phase(self, steps: int, critic_updates: int) -> Phase:
        inputs = {"x": [Real("x")] * critic_updates, "z_critic": [self.z] * critic_updates}
        return Phase(steps, (self.critic_step, self.g_step), inputs | {"z_g": self.z})

    def critic_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Algorithm 1, lines 2 to 8; the figures are of the last update."""
        return for_each(self._critic_update, batch["x"], batch["z_critic"])

    def _critic_update(self, x: tf.Tensor, z: tf.Tensor) -> dict[str, tf.Tensor]:
        fake = self._generator(z, "batch")  # [n, 28, 28, 1]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            # Apart, as in both programs: batch norm shall not mix real and fake images.
            real_scores, fake_scores = self._critic(x, "update"), self._critic(fake, "update")
            d_loss = losses.wasserstein_critic_loss(real_scores, fake_scores)  # of [n, 1] each
        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        optimizers.clip_weights(self.d_variables, self.config.clip)
        figures = {"d_loss": d_loss, "wasserstein_estimate": -d_loss}
        return figures | losses.mean_scores(real_scores, fake_scores)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Algorithm 1, lines 9 to 11: one update of G."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = self._generator(batch["z_g"], "update")  # [n, 28, 28, 1]
            g_loss = losses.wasserstein_g_loss(self._critic(fake, "batch"))
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        return {"g_loss": g_loss}

    def samplers(self) -> list[Sampler]:
        """G on z; the critic's score, which knows no boundary between real and fake."""
        return [Sampler("", {"z": self.z}, self.generate, self.score, boundary=None)]

    def generate(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """z [n, 100] -> images in [-1, 1], [n, 28, 28, 1]."""
        return tf.clip_by_value(self._generator(given["z"], "moving"), -1.0, 1.0)

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images [n, 28, 28, 1] -> the critic's score, [n]; with batch norm among the others."""
        return self._critic(x, "batch")[:, 0]

    def _generator(self, z: tf.Tensor, statistics: str) -> tf.Tensor:
        if self.config.arch == "mlp":
            return layers.reshape(mlp(self.g, z), self.image_shape)
        return conv_generator(self.g, z, statistics)

    def _critic(self, x: tf.Tensor, statistics: str) -> tf.Tensor:
        if self.config.arch == "mlp":
            return mlp(self.d, layers.flatten(x))
        return conv_critic(self.d, x, statistics)
