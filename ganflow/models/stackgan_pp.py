"""StackGAN++ (arXiv 1710.10916): a tree of three branches, trained at once, each of twice the side.

    mu, log sigma^2 = the halves of a gated layer of phi(t);  c = mu + sigma epsilon
    h_0 = F_0(z, c);  h_i = F_i(h_(i-1), c);  s_i = G_i(h_i), of a quarter, half and all of x's side
    D_i's loss: -mean(log D_i(x_i)) - mean(log D_i(x'_i)) - mean(log(1 - D_i(s_i)))
        - mean(log D_i(x_i, t)) - mean(log(1 - D_i(x'_i, t))) - mean(log(1 - D_i(s_i, t)))
    G's loss: sum over i of -mean(log D_i(s_i)) - mean(log D_i(s_i, t))
        + lambda KL(N(mu, sigma^2) || N(0, 1)), the mean over c's numbers
        + alpha sum over i > 0 of mean(|m_i - m_(i-1)|^2 + 5 |S_i - S_(i-1)|^2)

    ganflow-train --model=stackgan_pp --ema=.999 --workdir=runs/stackgan_pp
    ganflow-train --model=stackgan_pp --ema=.999 --conditional=false --colour_weight=50

x' is the image of another example: with this caption it is wrong, and still it is real. Where both
captions are the same, the wrong pair does not count. m and S are the mean and the covariance of an
image's colours, s_(i-1)'s held still, so that a larger image follows the smaller. alpha is the
paper's 0 with captions and 50 without: then z is joined in c's place, and the terms with t, x' and
the KL are gone. Samples are those of a moving average of G's weights, `--ema=.999`.

The networks are the authors': gated linear units behind batch norm, nearest neighbours, 3x3
convolutions, two residual blocks a branch; gf maps of h_0, a half of them of h_1, a quarter of h_2;
D_i halves an image down to 8 df maps of 4x4, and one of its heads joins a layer of phi(t). gf, df
64; weights are orthogonal, gains N(1, .02); Adam with 2e-4 and beta_1 .5, batch 24, lambda 2. For
images of 32x32x3 G has 2,265,424 parameters, 10,176 of them moving statistics, the D's 3,122,306,
5,208,194 and 5,726,850.

Expected: stackgan_pp_fast: colours, places, stripes as asked, and 81 % of the shapes (seed 0).
stackgan_pp_unconditional: drawings whose colours agree from branch to branch.

Deviations: phi(t), the sum of its words' vectors, is trained by the D's (the paper's beforehand),
and each D takes it by a layer, as StackGAN's do, where theirs take mu: with mu, lambda takes from
it what G does not draw yet, and shapes were lost. The authors' branches begin at 64x64, and their
larger D's have more maps. Document 004's table swaps this number and StackGAN's, 1612.03242.
"""

import dataclasses
from collections.abc import Sequence
from functools import partial

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Batch, Phase, Schedule
from ganflow.nn import blocks, layers, likelihoods, losses, optimizers
from ganflow.nn.draws import Normal, Real
from ganflow.nn.initializers import normal, orthogonal
from ganflow.nn.layers import Weights

BRANCHES = 3
COVARIANCE_WEIGHT = 5.0  # of the colours' covariances beside their means


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("drawings_32", "the data set, with captions")
    batch_size: int = option(24, "images in a step; with captions, as many others", minimum=1)
    steps: int = option(500_000, "total steps; 600 epochs", minimum=0)
    summary_every: int = option(500, "steps between summaries", minimum=1)
    conditional: bool = option(True, "images of captions; false: of z alone")
    z_size: int = option(100, "components of z, each N(0, 1)", minimum=1)
    text_size: int = option(1024, "numbers of phi(t)", minimum=1)
    c_size: int = option(128, "numbers of c", minimum=1)
    g_width: int = option(64, "gf, maps of h_0 at the smallest image's side", minimum=4)
    d_width: int = option(64, "df, an eighth of D's maps at 4x4", minimum=1)
    kl_weight: float = option(2.0, "lambda", minimum=0)
    colour_weight: float = option(0.0, "alpha; the paper's without captions: 50", minimum=0)
    d_learning_rate: float = option(2e-4, "Adam's learning rate, for each D and words", minimum=0)
    g_learning_rate: float = option(2e-4, "Adam's learning rate, for G", minimum=0)
    beta_1: float = option(0.5, "decay of Adam's first moments", minimum=0, maximum=0.9999)


def augmented(weights: Weights, phi: tf.Tensor, epsilon: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """phi(t) [n, 1024] and epsilon [n, 128] -> (c [n, 128], the KL's mean over its numbers)."""
    y = layers.glu(layers.linear(phi, weights["c_w"], weights["c_b"]))  # [n, 512] -> [n, 256]
    mu, log_variance = tf.split(y, 2, axis=1)
    return likelihoods.reparametrised(mu, 0.5 * log_variance, epsilon)


def generator_shapes(config: Config, side: int, channels: int) -> blocks.Shapes:
    """Of G's layers, from the smallest image's side; a gated one has twice the maps."""
    m, with_text = config.g_width, config.conditional
    joined = config.c_size if with_text else config.z_size
    maps = [m << i for i in reversed(range((side // 4).bit_length()))]  # 128, 64 at 4x4, 8x8
    shapes: dict[str, Sequence[int]] = {}
    if with_text:
        shapes["c"] = [config.text_size, 4 * config.c_size]
    shapes["in"] = [config.z_size + config.c_size * with_text, 2 * 16 * maps[0]]
    shapes |= {**blocks.doubling_shapes(maps, gates=2), "image_0": [3, 3, m, channels]}
    for i in range(1, BRANCHES):
        shapes[f"join_{i}"] = [3, 3, m + joined, 2 * m]
        shapes |= {f"block_{i}_{j}": [3, 3, m, m if j % 2 else 2 * m] for j in range(4)}
        shapes |= {f"grow_{i}": [3, 3, m, m], f"image_{i}": [3, 3, m // 2, channels]}
        m //= 2
    return shapes


def generator(weights: Weights, x: tf.Tensor, c: tf.Tensor, statistics: str) -> list[tf.Tensor]:
    """z and c [n, 228], and c alone [n, 128] -> three images in (-1, 1), the smallest first."""
    normed = partial(blocks.normed, weights=weights, statistics=statistics)
    h = layers.glu(normed(x, name="in"))  # [n, 2048]
    h = layers.reshape(h, [4, 4, h.shape[1] // 16])
    h = blocks.doubled(h, weights, statistics, layers.glu)  # [n, 8, 8, 64]
    images = [layers.tanh(layers.conv(h, weights["image_0_w"]))]  # [n, 8, 8, 3]
    for i in range(1, BRANCHES):
        h = layers.glu(normed(layers.join(h, c), name=f"join_{i}"))
        h = blocks.residual(h, weights, f"block_{i}", statistics, layers.glu)
        h = layers.glu(normed(layers.upsample(h), name=f"grow_{i}"))  # [n, 16, 16, 32] and so on
        images.append(layers.tanh(layers.conv(h, weights[f"image_{i}_w"])))
    return images


def discriminator_shapes(config: Config, side: int, channels: int) -> blocks.Shapes:
    """Of a D's layers, for images of this side; the text's and the heads' have biases."""
    m = 8 * config.d_width
    shapes = {**blocks.halving_shapes(m, side, channels), "alone": [16 * m, 1]}
    if config.conditional:
        shapes |= {"text": [config.text_size, config.c_size]}
        shapes |= {"join": [3, 3, m + config.c_size, m], "joined": [16 * m, 1]}
    return shapes


def discriminator(weights: Weights, x: tf.Tensor, phi: tf.Tensor | None) -> list[tf.Tensor]:
    """Images, all real or all fake, and phi(t) [n, 1024] -> logits [n, 1] of x, and of x with t."""
    x = blocks.halved(x, weights)  # [n, 4, 4, 512]
    logits = [layers.linear(layers.flatten(x), weights["alone_w"], weights["alone_b"])]
    if phi is not None:  # joined as [n, 128]
        text = layers.leaky_relu(layers.linear(phi, weights["text_w"], weights["text_b"]))
        x = layers.leaky_relu(blocks.normed(layers.join(x, text), weights, "join", "batch"))
        logits += [layers.linear(layers.flatten(x), weights["joined_w"], weights["joined_b"])]
    return logits


class Gan(tf.Module):
    """The words' vectors, one G, a D for each of its images, and one training step."""

    def __init__(self, config: Config, fields: Fields, rng: np.random.Generator):
        super().__init__()
        self.config, shape = config, fields.image_shape("x")
        side, channels = blocks.square_side(shape, least=32), shape[2]
        self.sides = [side // 2**i for i in reversed(range(BRANCHES))]  # 8, 16, 32
        self.words: Weights = {}
        if config.conditional:
            try:
                words = fields.num_classes("caption")
            except ValueError as error:
                raise ValueError(f"{error}; --conditional=false does without") from error
            self.words = {"vectors": normal(rng, [words, config.text_size], 1.0, "vectors")}
        made = partial(blocks.weights, make=orthogonal, rng=rng)
        images = [f"image_{i}" for i in range(BRANCHES)]
        g_shapes = generator_shapes(config, self.sides[0], channels)
        self.g = made(g_shapes, biased=["c"], bare=images)
        made_d = partial(made, biased=["alone", "text", "joined"], bare=["in"], moving=False)
        self.ds = [made_d(discriminator_shapes(config, s, channels)) for s in self.sides]
        text_network = {"words": self.words} if self.words else {}
        of_d = {f"d_{side}": d for side, d in zip(self.sides, self.ds, strict=True)}
        self.networks = {**text_network, "generator": self.g, **of_d}
        self.g_variables = optimizers.variables(self.g)
        of_sides = dict(zip(map(str, self.sides), self.ds, strict=True)) | text_network
        self.d_variables = {name: optimizers.variables(of) for name, of in of_sides.items()}
        g_rate, d_rate, beta_1 = config.g_learning_rate, config.d_learning_rate, config.beta_1
        self.g_optimizer = optimizers.Adam(g_rate, self.g_variables, beta_1)
        adam = partial(optimizers.Adam, d_rate, beta_1=beta_1)
        self.d_optimizer = {name: adam(of) for name, of in self.d_variables.items()}
        text = {"caption": Real("caption"), "epsilon": Normal([config.c_size])}
        self.given = {"z": Normal([config.z_size]), **(text if config.conditional else {})}

    def schedule(self) -> Schedule:
        """Every D, then G, on one z."""
        inputs = {**self.given, "x": Real("x")}
        if self.config.conditional:
            inputs |= {"other_x": Real("x", batch=1), "other_caption": Real("caption", batch=1)}
        return Schedule([Phase(1, (self.d_step, self.g_step), inputs)])

    def d_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """Each D on its own size of x, and the words' vectors by all D's; an optimizer each."""
        fakes, told = self._generate(batch, "batch")[0], {}
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            phi = self._phi(batch)
            for i, side in enumerate(self.sides):
                told[f"d_loss_{side}"], means = self._d_loss(i, fakes[i], phi, batch)
            d_loss = tf.add_n(list(told.values()))  # of each D's weights, its own loss alone
        for name, d_gradients in tape.gradient(d_loss, self.d_variables).items():
            self.d_optimizer[name].update(d_gradients, label=name)
        return {"d_loss": d_loss} | told | means

    def _d_loss(self, i, fake, phi, batch):
        """As above, and the largest D's mean probabilities of images alone."""
        d, x = self.ds[i], self._shrunk(batch["x"], i)
        real, fake = discriminator(d, x, phi), discriminator(d, fake, phi)  # two logits each
        d_loss = losses.minimax_d_loss(real[0], fake[0])
        if self.config.conditional:
            other = discriminator(d, self._shrunk(batch["other_x"], i), phi)
            d_loss += losses.binary_cross_entropy(other[0], 1.0)  # it is a real image
            is_wrong = layers.differ(batch["caption"], batch["other_caption"])  # [n, 1]
            d_loss += losses.minimax_d_loss(real[1], fake[1])
            d_loss += tf.reduce_mean(is_wrong * tf.nn.softplus(other[1]))
        return d_loss, losses.mean_probabilities(real[0], fake[0])

    def g_step(self, batch: Batch) -> dict[str, tf.Tensor]:
        """All of G, through every D at once."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            (fakes, kl), phi = self._generate(batch, "update"), self._phi(batch)
            g_loss, colour_loss = self.config.kl_weight * kl, tf.zeros([])
            for i, fake in enumerate(fakes):
                for logits in discriminator(self.ds[i], fake, phi):
                    g_loss += losses.non_saturating_g_loss(logits)
                if i:
                    smaller = tf.stop_gradient(fakes[i - 1])
                    colour_loss += losses.colour_consistency(fake, smaller, 1.0, COVARIANCE_WEIGHT)
            g_loss += self.config.colour_weight * colour_loss
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        return {"g_loss": g_loss, "colour_loss": colour_loss, "kl": kl}

    def _generate(self, given, statistics):
        """The three images; the KL."""
        if not self.config.conditional:
            return generator(self.g, given["z"], given["z"], statistics), tf.zeros([])
        c, kl = augmented(self.g, self._phi(given), given["epsilon"])
        return generator(self.g, tf.concat([given["z"], c], axis=1), c, statistics), kl

    def _phi(self, given):
        """The sum of its words' vectors, [n, 1024]; without captions None."""
        words = self.words
        return layers.bag_of_words(given["caption"], words["vectors"]) if words else None

    def _shrunk(self, x, i):
        return layers.average_pool(x, self.sides[-1] // self.sides[i])

    def samplers(self) -> list[Sampler]:
        """A branch each, the largest first; the mean of D_i's logits."""
        return [self._sampler(i) for i in reversed(range(BRANCHES))]

    def _sampler(self, i):
        def generate(given):
            return self._generate(given, "moving")[0][i]

        def score(x, given):
            logits = discriminator(self.ds[i], x, self._phi(given))
            return tf.add_n(logits)[:, 0] / len(logits)

        def against(fields):
            return self._shrunk(fields["x"], i)

        name, largest = f"{self.sides[i]}x{self.sides[i]}", i == BRANCHES - 1
        return Sampler(name, self.given, generate, score, against="x" if largest else against)
