"""CycleGAN (arXiv 1703.10593): translates images of a into images of b and back, without pairs.

    G_ab, G_ba: mean (D_b(G_ab(a)) - 1)^2 + mean (D_a(G_ba(b)) - 1)^2
                + lambda (mean |G_ba(G_ab(a)) - a| + mean |G_ab(G_ba(b)) - b|)
                + i lambda (mean |G_ab(b) - b| + mean |G_ba(a) - a|)
    D_b:        (mean (D_b(b) - 1)^2 + mean D_b(pooled G_ab(a))^2) / 2, and D_a likewise

    ganflow-train --model=cyclegan --data_dir=DIR --workdir=runs/cyclegan
    ganflow-train --model=cyclegan --dataset=folder --data_dir=DIR      images in DIR/a and DIR/b

The networks are the authors': generators of convolutions, residual blocks and transposed
convolutions, 3x3 but for 7x7 at both ends, with instance norm without scale and shift, and mirrored
edges where the size stays; discriminators of 4x4 convolutions that score overlapping patches of
70x70 pixels (`--d_layers=2`: 34x34, 1: 16x16). Kernels are N(0, .02). lambda 10; Adam with learning
rate 2e-4 and beta_1 .5, one for both generators and one for both discriminators, batch 1, constant
for half of the training and on a line to 0 in the other; 6 blocks, as for 128x128 pixels (from
256x256 on 9). On MNIST's 28x28 a G has 7,821,441 parameters and a D 2,761,793.

A D sees its fakes through a pool of 50 earlier ones (`nn.image_pool`), which is checkpointed, and
one: the model trains on one replica. i is 0, for it holds colours fast: the paper has it for
paintings and photographs alone, at the .5 that is its program's default. The cycle's error is
reported and proves nothing: two generators that change nothing have none.

Expected: configs/cyclegan_fast.flags: the nearest of 1,000 held-out edges to G(a) is a's own for
99.5 % (seed 0; with --cycle_weight=0 .1 %). It is not identifiable: another digit's is as right.

Deviations: the program keeps the fakes of before G's update for D, and lowers the rate once an
epoch; here D sees those of after it, and the rate falls with every update. It also turns and shifts
images at random, which is not for digits, and its convolutions have biases that instance norm takes
away. Its 200 epochs are taken to be of a thousand images.
"""

import dataclasses
from functools import partial

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import layers, losses, optimizers, replicas, schedules
from ganflow.nn.draws import Classes, Real, Uniform
from ganflow.nn.image_pool import ImagePool
from ganflow.nn.initializers import normal, zeros
from ganflow.nn.layers import Weights


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("mnist_edges", "the data set, of two domains a and b")
    batch_size: int = option(1, "images of each domain in a step", minimum=1)
    steps: int = option(200_000, "total steps", minimum=0)
    summary_every: int = option(500, "steps between summaries", minimum=1)
    width: int = option(64, "maps of every network's first layer", minimum=1)
    blocks: int = option(6, "residual blocks of a G", minimum=1)
    d_layers: int = option(3, "D's layers of stride 2; 1: patches of 16, 2: 34, 3: 70", minimum=1)
    slope: float = option(0.2, "D's leaky ReLU's slope below 0", minimum=0, maximum=1)
    adversarial_weight: float = option(1.0, "of D's word in G's loss", minimum=0)
    cycle_weight: float = option(10.0, "lambda", minimum=0)
    identity_weight: float = option(0.0, "i, of lambda; the program's default is .5", minimum=0)
    pool_size: int = option(50, "earlier fakes that are kept for each D", minimum=1)
    d_learning_rate: float = option(2e-4, "Adam's first learning rate, for D", minimum=0)
    g_learning_rate: float = option(2e-4, "Adam's first learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)
    constant_steps: int = option(100_000, "steps before the rates fall", minimum=0)
    decay_steps: int = option(100_000, "steps in which they fall to 0", minimum=1)


def generator_weights(config: Config, n_in: int, n_out: int, rng: np.random.Generator) -> Weights:
    """From images of `n_in` channels to such of `n_out`: N(0, .02), the one bias 0."""
    m = config.width
    shapes = {
        "in_w": [7, 7, n_in, m],
        "down_0_w": [3, 3, m, 2 * m],
        "down_1_w": [3, 3, 2 * m, 4 * m],
        **{f"block_{i}_{j}_w": [3, 3, 4 * m, 4 * m] for i in range(config.blocks) for j in (0, 1)},
        "up_0_w": [3, 3, 2 * m, 4 * m],
        "up_1_w": [3, 3, m, 2 * m],
        "out_w": [7, 7, m, n_out],
    }
    weights = {name: normal(rng, shape, 0.02, name) for name, shape in shapes.items()}
    return {**weights, "out_b": zeros([n_out], "out_b")}


def generator(weights: Weights, x: tf.Tensor, blocks: int) -> tf.Tensor:
    """Images [n, 28, 28, 1] -> images in (-1, 1) of the other domain, [n, 28, 28, 1]."""
    x = norm_relu(layers.conv(layers.reflect(x, 3), weights["in_w"], padding=0))  # [n, 28, 28, 64]
    x = norm_relu(layers.conv(x, weights["down_0_w"], stride=2, padding=1))  # [n, 14, 14, 128]
    x = norm_relu(layers.conv(x, weights["down_1_w"], stride=2, padding=1))  # [n, 7, 7, 256]
    for i in range(blocks):
        y = norm_relu(layers.conv(layers.reflect(x, 1), weights[f"block_{i}_0_w"], padding=0))
        y = layers.conv(layers.reflect(y, 1), weights[f"block_{i}_1_w"], padding=0)
        x = x + layers.instance_norm(y)  # [n, 7, 7, 256]
    x = norm_relu(up(x, weights["up_0_w"]))  # [n, 14, 14, 128]
    x = norm_relu(up(x, weights["up_1_w"]))  # [n, 28, 28, 64]
    x = layers.conv(layers.reflect(x, 3), weights["out_w"], weights["out_b"], padding=0)
    return layers.tanh(x)  # [n, 28, 28, 1]


def up(x: tf.Tensor, w: tf.Variable) -> tf.Tensor:
    """[n, h, w, maps] -> [n, 2h, 2w, maps / 2]."""
    return layers.deconv(x, w, padding=1, output_padding=1)


def norm_relu(x: tf.Tensor) -> tf.Tensor:
    """Instance norm, and ReLU."""
    return layers.relu(layers.instance_norm(x))


def discriminator_weights(config: Config, n_in: int, rng: np.random.Generator) -> Weights:
    """Of images of `n_in` channels; N(0, .02), biases 0 where there is no instance norm."""
    maps = [config.width * min(2**i, 8) for i in range(config.d_layers + 1)]  # 64, 128, 256, 512
    weights = {}
    for i, (before, after) in enumerate(zip([n_in, *maps], [*maps, 1], strict=True)):
        weights[f"conv_{i}_w"] = normal(rng, [4, 4, before, after], 0.02, f"conv_{i}_w")
        if i in (0, len(maps)):
            weights[f"conv_{i}_b"] = zeros([after], f"conv_{i}_b")
    return weights


def discriminator(weights: Weights, x: tf.Tensor, d_layers: int, slope: float) -> tf.Tensor:
    """Images [n, 28, 28, 1] -> scores of patches, 1 for real and 0 for fake: [n, 1, 1, 1]."""
    x = layers.conv(x, weights["conv_0_w"], weights["conv_0_b"], stride=2, padding=1)
    x = layers.leaky_relu(x, slope)  # [n, 14, 14, 64]
    for i in range(1, d_layers + 1):
        stride = 2 if i < d_layers else 1
        x = layers.conv(x, weights[f"conv_{i}_w"], stride=stride, padding=1)
        x = layers.leaky_relu(layers.instance_norm(x), slope)  # [n, 7, 7, 128], 3x3x256, 2x2x512
    last = f"conv_{d_layers + 1}"
    return layers.conv(x, weights[f"{last}_w"], weights[f"{last}_b"], padding=1)


class Gan(tf.Module):
    """The four networks, two optimizers, two pools, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config = config
        a_shape, b_shape = fields.image_shape("a"), fields.image_shape("b")
        check(config, a_shape, b_shape)
        replicas.refuse_several("its pools of images are one")
        a, b = a_shape[2], b_shape[2]  # channels
        self.g_ab, self.g_ba = (generator_weights(config, *n, rng) for n in ((a, b), (b, a)))
        self.d_a, self.d_b = (discriminator_weights(config, n, rng) for n in (a, b))
        self.networks = {
            "generator_ab": self.g_ab,
            "generator_ba": self.g_ba,
            "discriminator_a": self.d_a,
            "discriminator_b": self.d_b,
        }
        self.a_to_b = partial(generator, self.g_ab, blocks=config.blocks)  # [n, 28, 28, 1] each
        self.b_to_a = partial(generator, self.g_ba, blocks=config.blocks)
        self.judge_a, self.judge_b = (
            partial(discriminator, d, d_layers=config.d_layers, slope=config.slope)
            for d in (self.d_a, self.d_b)
        )
        self.g_variables = optimizers.variables(self.g_ab, self.g_ba)
        self.d_variables = optimizers.variables(self.d_a, self.d_b)
        self.g_optimizer = self._optimizer(config.g_learning_rate, self.g_variables)
        self.d_optimizer = self._optimizer(config.d_learning_rate, self.d_variables)
        self.pool_a = ImagePool(config.pool_size, a_shape)
        self.pool_b = ImagePool(config.pool_size, b_shape)

    def _optimizer(self, rate, trained):
        first, steps = self.config.constant_steps, self.config.decay_steps
        falling = schedules.linear(rate, 0.0, first, first + steps)
        return optimizers.Adam(falling, trained, self.config.beta_1)

    def schedule(self) -> Schedule:
        """The generators, then the discriminators, on the same images."""
        place, u = Classes(self.config.pool_size), Uniform(low=0.0)
        of_pools = {"place_a": place, "u_a": u, "place_b": place, "u_b": u}
        inputs = {"a": Real("a"), "b": Real("b"), **of_pools}
        return Schedule([Phase(1, (self.g_step, self.d_step), inputs)])

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Both generators, there and back again from either domain."""
        config, a, b = self.config, batch["a"], batch["b"]  # [n, 28, 28, 1] each
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake_a, fake_b = self.b_to_a(b), self.a_to_b(a)
            adversarial_loss = losses.least_squares(self.judge_a(fake_a), 1.0)
            adversarial_loss += losses.least_squares(self.judge_b(fake_b), 1.0)
            cycle_loss = losses.absolute(self.b_to_a(fake_b), a)
            cycle_loss += losses.absolute(self.a_to_b(fake_a), b)
            g_loss = config.adversarial_weight * adversarial_loss + config.cycle_weight * cycle_loss
            told = {"adversarial_loss": adversarial_loss, "cycle_loss": cycle_loss}
            if config.identity_weight:
                identity_loss = losses.absolute(self.b_to_a(a), a)
                identity_loss += losses.absolute(self.a_to_b(b), b)
                told["identity_loss"] = identity_loss
                g_loss += config.identity_weight * config.cycle_weight * identity_loss
        g_gradients = tape.gradient(g_loss, self.g_variables)
        self.g_optimizer.update(g_gradients)
        return {"g_loss": g_loss} | told

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Each D on its domain's images, and on fakes of them that come through its pool."""
        a, b = batch["a"], batch["b"]  # [n, 28, 28, 1] each
        fake_a = self.pool_a.query(self.b_to_a(b), batch["place_a"], batch["u_a"])
        fake_b = self.pool_b.query(self.a_to_b(a), batch["place_b"], batch["u_b"])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            of_a = self.judge_a(a), self.judge_a(fake_a)  # [n, 1, 1, 1] each
            of_b = self.judge_b(b), self.judge_b(fake_b)
            d_loss = sum(
                losses.least_squares(real, 1.0) / 2 + losses.least_squares(fake, 0.0) / 2
                for real, fake in (of_a, of_b)
            )
        d_gradients = tape.gradient(d_loss, self.d_variables)
        self.d_optimizer.update(d_gradients)
        return {"d_loss": d_loss} | losses.mean_scores(*of_b)

    def samplers(self) -> list[Sampler]:
        """a to b, b to a, and from each there and back again, which nothing judges."""
        return [
            self._sampler("a_to_b", self.a_to_b, self.judge_b),
            self._sampler("b_to_a", self.b_to_a, self.judge_a),
            self._sampler("a_to_b_to_a", lambda a: self.b_to_a(self.a_to_b(a))),
            self._sampler("b_to_a_to_b", lambda b: self.a_to_b(self.b_to_a(b))),
        ]

    def _sampler(self, name, translate, judge=None):
        of, against = name[0], name[-1]  # the domains at both ends

        def generate(given):
            return translate(given[of])

        def score(x, given):
            return tf.reduce_mean(judge(x), axis=[1, 2, 3])  # over patches

        judged = score if judge else None
        return Sampler(name, {of: Real(of)}, generate, judged, boundary=0.5, against=against)


def check(config: Config, a_shape: tuple[int, ...], b_shape: tuple[int, ...]) -> None:
    """Raises: ValueError: the networks do not fit images of these shapes."""
    (height, width, a), b = a_shape, b_shape[2]
    needed = max(8, 3 * 2**config.d_layers)  # for a border of 1 at a quarter; for a patch
    if b_shape[:2] != (height, width):
        raise ValueError(f"trains on a and b of one size, not on {a_shape} and {b_shape}")
    if height % 4 or width % 4 or min(height, width) < needed:
        raise ValueError(
            f"trains on images whose sides are multiples of 4, with --d_layers={config.d_layers} "
            f"from {needed} on, not on {height}x{width}"
        )
    if config.identity_weight and a != b:
        raise ValueError(f"trains on {a} and {b} channels with --identity_weight=0 alone")
