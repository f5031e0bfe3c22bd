"""SRGAN (arXiv 1609.04802): pictures four times as large, with details in place of their mean.

    SRResNet, before all else: mean (x - G(low))^2
    D's loss: -mean(log D(x)) - mean(log(1 - D(G(low))))
    G's loss: content - lambda mean(log D(G(low))), with lambda = .001 and as content
      --content=pixels     mean (x - G(low))^2, the paper's SRGAN-MSE
      --content=features   mean (phi(x) - phi(G(low)))^2

    ganflow-train --model=srgan --data_dir=DIR --workdir=runs/srgan

low is x made a quarter as high and as wide by the bicubic kernel with antialiasing, as MATLAB's
`imresize` has it (`nn.resampling`). Many x have the same low: what is nearest to all is their mean,
a blurred one, the SRResNet's, of which a copy is kept. D then draws G away from it.

G is the paper's: 9x9 convolutions at both ends, 16 residual blocks, a long skip, two pixel
shuffles, n = 64 maps, PReLU. It takes pictures in [0, 1] and gives them in [-1, 1], without a
function at its end; they are cut off where they are shown and judged. D has pairs of 3x3
convolutions, the second with stride 2, of 64, 128, 256 and 512 maps: as many as leave four pixels,
from 28x28 three. Batch norm takes each batch's own statistics, D's real and fake images apart; to
sample, G takes moving ones (decay .99). Adam with rates of 1e-4, from the GAN's step 100,000 on of
1e-5. On 28x28x1 G has 1,532,033 parameters, 4,224 of them moving statistics, and D 5,341,441.

phi, in the paper VGG19's features, is of a small classifier (`nn.perceptual`) that learns the
labels beside the SRResNet, and then stands still. Without labels: --content=pixels.

Expected: srgan_fast on MNIST: bicubic 11.9 dB, SRResNet 20.0, SRGAN 19.1, as the paper orders them.

Deviations: whole pictures, no crops of 96x96. How weights start (Glorot-uniform), batch norm's
epsilon (1e-5) and that no bias stands before it are ours, for the paper does not tell.
"""

import dataclasses
from functools import partial

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import initializers, layers, losses, optimizers, perceptual, resampling, schedules
from ganflow.nn.draws import Real
from ganflow.nn.layers import Weights
from ganflow.nn.moving_average import MovingAverage

SCALE, SMALLEST = 4, 16  # times as high and as wide; the least side of a large picture, pixels


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist", "the data set")
    batch_size: int = option(16, "real pictures in a step", minimum=1)
    steps: int = option(1_200_000, "total steps, pre-training included", minimum=0)
    summary_every: int = option(1_000, "steps between summaries", minimum=1)
    pretrain_steps: int = option(1_000_000, "steps of SRResNet, without D", minimum=0)
    pretrain_drop_after: int = option(1_000_000, "of them, before the rate falls", minimum=0)
    drop_after: int = option(100_000, "the GAN's steps before rates fall to a tenth", minimum=0)
    content: str = option("pixels", "what G's loss compares", choices=("pixels", "features"))
    adversarial_weight: float = option(1e-3, "lambda, of D's part in G's loss", minimum=0)
    width: int = option(64, "n, maps of G's convolutions and of D's first pair", minimum=1)
    blocks: int = option(16, "G's residual blocks", minimum=1)
    d_units: int = option(1024, "units of D's dense layer", minimum=1)
    pretrain_learning_rate: float = option(1e-4, "Adam's, for SRResNet", minimum=0)
    d_learning_rate: float = option(1e-4, "Adam's first learning rate, for D", minimum=0)
    g_learning_rate: float = option(1e-4, "Adam's first learning rate, for G", minimum=0)


def generator_weights(config: Config, channels: int, rng: np.random.Generator) -> Weights:
    """Kernels Glorot-uniform, biases 0, PReLU's slopes .25."""
    n, last = config.width, config.blocks
    weights = conv_weights(rng, [9, 9, channels, n], "in")
    for name in (*(f"block_{i}_{j}" for i in range(last) for j in range(2)), "skip"):
        weights |= conv_weights(rng, [3, 3, n, n], name, initializers.batch_norm_weights(n, name))
    for i in range(2):
        weights |= conv_weights(rng, [3, 3, n, 4 * n], f"up_{i}")
    weights |= conv_weights(rng, [9, 9, n, channels], "out")
    slopes = [f"{of}_slope" for of in ("in", *(f"block_{i}" for i in range(last)), "up_0", "up_1")]
    return weights | {name: tf.Variable(tf.fill([n], 0.25), name=name) for name in slopes}


def generator(weights: Weights, low: tf.Tensor, blocks: int, statistics: str) -> tf.Tensor:
    """Pictures in [-1, 1], [n, 7, 7, 1] -> large ones without limits, [n, 28, 28, 1]."""
    x = conv((low + 1.0) / 2.0, weights, "in")
    x = first = layers.prelu(x, weights["in_slope"])  # [n, 7, 7, 64]
    for i in range(blocks):
        y = conv(x, weights, f"block_{i}_0", statistics)
        y = layers.prelu(y, weights[f"block_{i}_slope"])
        x += conv(y, weights, f"block_{i}_1", statistics)
    x = first + conv(x, weights, "skip", statistics)
    for i in range(2):
        x = layers.pixel_shuffle(conv(x, weights, f"up_{i}"))  # [n, 14, 14, 64], [n, 28, 28, 64]
        x = layers.prelu(x, weights[f"up_{i}_slope"])
    return conv(x, weights, "out")


def pairs(x_shape: tuple[int, ...]) -> int:
    """D's pairs of convolutions, each of which halves the sides: as many as leave four pixels."""
    return min(4, ((min(x_shape[:2]) - 1) // 3).bit_length() - 1)


def discriminator_weights(
    config: Config, x_shape: tuple[int, ...], rng: np.random.Generator
) -> Weights:
    """As the generator's; its batch norms keep no moving statistics."""
    *sides, n_in = x_shape
    weights: Weights = {}
    for i in range(2 * pairs(x_shape)):
        n_out = config.width * 2 ** (i // 2)  # 64, 64, 128, 128, ...
        norm = initializers.gain_and_shift(n_out, f"conv_{i}") if i else None
        weights |= conv_weights(rng, [3, 3, n_in, n_out], f"conv_{i}", norm)
        sides, n_in = [-(-side // (1 + i % 2)) for side in sides], n_out
    return weights | initializers.dense_weights(
        rng, (sides[0] * sides[1] * n_in, config.d_units, 1)
    )


def discriminator(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    """Images [n, 28, 28, 1], all real or all fake -> logit [n, 1]."""
    for i in range(2 * pairs(x.shape[1:])):  # to [n, 14, 14, 64], [n, 7, 7, 128], [n, 4, 4, 256]
        x = layers.leaky_relu(conv(x, weights, f"conv_{i}", "batch", stride=1 + i % 2))
    x = layers.leaky_relu(layers.linear(layers.flatten(x), weights["w_0"], weights["b_0"]))
    return layers.linear(x, weights["w_1"], weights["b_1"])  # of [n, 1024]


def conv_weights(
    rng: np.random.Generator, shape: list[int], name: str, norm: Weights | None = None
) -> Weights:
    """A kernel and, where no batch norm cancels it, a bias."""
    kernel = {f"{name}_w": initializers.glorot_uniform(rng, shape, f"{name}_w")}
    return kernel | (norm or {f"{name}_b": initializers.zeros(shape[-1:], f"{name}_b")})


def conv(
    x: tf.Tensor, weights: Weights, name: str, statistics: str = "", stride: int = 1
) -> tf.Tensor:
    """A convolution, and its bias or its batch norm; D's have no moving statistics."""
    x = layers.conv(x, weights[f"{name}_w"], weights.get(f"{name}_b"), stride=stride)
    parts = [weights.get(f"{name}_{part}") for part in ("gamma", "beta", "mean", "variance")]
    return x if parts[0] is None else layers.batch_norm(x, *parts, statistics, epsilon=1e-5)


def shrunk(x: tf.Tensor) -> tf.Tensor:
    """Images in [-1, 1], [n, 28, 28, 1] -> [n, 7, 7, 1], cut off where bicubic overshoots."""
    return tf.clip_by_value(resampling.bicubic(x, 1 / SCALE), -1.0, 1.0)


class Gan(tf.Module):
    """The networks, the SRResNet that is kept, and the steps of both phases."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, x_shape = config, fields.image_shape("x")
        height, width, channels = x_shape
        if height % SCALE or width % SCALE or min(height, width) < SMALLEST:
            wanted = f"images from {SMALLEST}x{SMALLEST} on whose sides {SCALE} divides"
            raise ValueError(f"trains on {wanted}, not on {height}x{width}")
        self.g = generator_weights(config, channels, rng)
        self.d = discriminator_weights(config, x_shape, rng)
        self.networks = {"generator": self.g, "discriminator": self.d}
        self.g_variables = optimizers.variables(self.g)
        self.d_variables = optimizers.variables(self.d)
        rate = schedules.dropping(config.pretrain_learning_rate, config.pretrain_drop_after)
        self.pretrain_optimizer = optimizers.Adam(rate, self.g_variables)
        falling = partial(schedules.dropping, after=config.drop_after)
        self.d_optimizer = optimizers.Adam(falling(config.d_learning_rate), self.d_variables)
        self.g_optimizer = optimizers.Adam(falling(config.g_learning_rate), self.g_variables)
        self.srresnet = MovingAverage(0.0, [*self.g.items()])  # of no memory: a copy, when told
        if config.content == "features":
            if not config.pretrain_steps:
                raise ValueError("trains with --content=features after some --pretrain_steps alone")
            self.phi = perceptual.weights(x_shape, fields.num_classes("label"), rng)
            self.phi_variables = optimizers.variables(self.phi)
            self.phi_optimizer = optimizers.Adam(1e-3, self.phi_variables)
            self.networks = self.networks | {"classifier": self.phi}

    def schedule(self) -> Schedule:
        """SRResNet, and phi beside it, once; then D and G on the same pictures."""
        steps, x = self.config.pretrain_steps, {"x": Real("x")}
        once = [Phase(steps, (self.pretrain_step,), x)] if steps else []
        if self.config.content == "features":
            both = self.pretrain_step, self.classify_step
            once = [Phase(steps, both, x | {"label": Real("label")})]
        return Schedule([Phase(1, (self.d_step, self.g_step), x)], once)

    def pretrain_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G alone, by pixels; the kept SRResNet is what G now is."""
        x = batch["x"]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, shrunk(x), self.config.blocks, "update")  # [n, 28, 28, 1]
            loss = losses.squared_error(x, fake)
        self.pretrain_optimizer.update(tape.gradient(loss, self.g_variables))
        self.srresnet.update()
        return {"pretrain_loss": loss}

    def classify_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """phi on real pictures and their labels."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.phi_variables)
            loss = perceptual.loss(self.phi, batch["x"], batch["label"])
        self.phi_optimizer.update(tape.gradient(loss, self.phi_variables))
        return {"classifier_loss": loss}

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """D on x and, apart, on G(low)."""
        x = batch["x"]
        fake = generator(self.g, shrunk(x), self.config.blocks, "batch")  # [n, 28, 28, 1]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            real_logits, fake_logits = discriminator(self.d, x), discriminator(self.d, fake)
            d_loss = losses.minimax_d_loss(real_logits, fake_logits)  # of [n, 1] each
        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        return {"d_loss": d_loss} | losses.mean_probabilities(real_logits, fake_logits)

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """G on G(low): near to x, and real to D."""
        x = batch["x"]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake = generator(self.g, shrunk(x), self.config.blocks, "update")  # [n, 28, 28, 1]
            if self.config.content == "features":
                content_loss = perceptual.difference(self.phi, x, fake)
            else:
                content_loss = losses.squared_error(x, fake)
            of_d = losses.non_saturating_g_loss(discriminator(self.d, fake))
            g_loss = content_loss + self.config.adversarial_weight * of_d
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        return {"g_loss": g_loss, "content_loss": content_loss, "adversarial_loss": of_d}

    def samplers(self) -> list[Sampler]:
        """G on real pictures made small; what it was before D came; the bicubic kernel alone."""
        given = {"low": Real("x", through=shrunk)}  # in [-1, 1], [n, 7, 7, 1]
        made = [Sampler("srgan", given, partial(self.enlarge, self.g), self.score)]
        if self.config.pretrain_steps:
            made.append(Sampler("srresnet", given, partial(self.enlarge, self.srresnet.averages)))
        return [*made, Sampler("bicubic", given, self.bicubic)]

    def enlarge(self, weights: Weights, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Pictures in [-1, 1], [n, 7, 7, 1] -> [n, 28, 28, 1]; of any size four times as large."""
        large = generator(weights, given["low"], self.config.blocks, "moving")
        return tf.clip_by_value(large, -1.0, 1.0)

    def bicubic(self, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """The same without any network."""
        return tf.clip_by_value(resampling.bicubic(given["low"], SCALE), -1.0, 1.0)

    def score(self, x: tf.Tensor, given: dict[str, tf.Tensor]) -> tf.Tensor:
        """Images in [-1, 1], all real or all fake -> D's logit, [n], as in training."""
        return discriminator(self.d, x)[:, 0]
