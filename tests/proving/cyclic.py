"""Two unpaired domains, a cycle and a pool of earlier fakes (as CycleGAN has them), in small.

    d_loss = ((D_b(b) - 1)^2 + D_b(pooled G_ab(a))^2) / 2, and the same of D_a
    g_loss = (D_b(G_ab(a)) - 1)^2 + lambda |G_ba(G_ab(a)) - a|, and the same the other way round

D gives two numbers an image, a patch each. The pool is state: a variable, and so checkpointed.
"""

import dataclasses
import math

import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Phase, Schedule
from ganflow.nn import layers, optimizers, replicas
from ganflow.nn.draws import Classes, Real, Uniform
from ganflow.nn.initializers import dense_weights

POOL = 6  # images


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("npz", "the data set")
    batch_size: int = option(4, "images of each domain in a step", minimum=1)
    steps: int = option(20, "total steps", minimum=0)
    summary_every: int = option(5, "steps between summaries", minimum=1)
    cycle_weight: float = option(10.0, "lambda", minimum=0)
    learning_rate: float = option(0.01, "Adam's, for all", minimum=0)


def generator(weights, x):
    """Pixels [n, 64] -> pixels in (-1, 1), [n, 64]."""
    hidden = layers.relu(layers.linear(x, weights["w_0"], weights["b_0"]))  # [n, 8]
    return layers.tanh(layers.linear(hidden, weights["w_1"], weights["b_1"]))


def discriminator(weights, x):
    """Pixels [n, 64] -> two patches' scores [n, 2]: 1 for real, 0 for fake."""
    hidden = layers.leaky_relu(layers.linear(x, weights["w_0"], weights["b_0"]))  # [n, 6]
    return layers.linear(hidden, weights["w_1"], weights["b_1"])


def least_squares(scores, target):
    """mean (score - target)^2."""
    return tf.reduce_mean(tf.square(scores - target))


class Gan(tf.Module):
    """Four networks, three optimizers, a pool."""

    def __init__(self, config, fields, rng):
        super().__init__()
        self.config, self.shape = config, fields.image_shape("a")
        fields.image_shape("b")
        replicas.refuse_several("its pool of images is one")
        size = math.prod(self.shape)
        self.g_ab, self.g_ba = (dense_weights(rng, (size, 8, size)) for _ in "ab")
        self.d_a, self.d_b = (dense_weights(rng, (size, 6, 2)) for _ in "ab")
        self.networks = {"g_ab": self.g_ab, "g_ba": self.g_ba, "d_a": self.d_a, "d_b": self.d_b}
        self.g_variables = optimizers.variables(self.g_ab, self.g_ba)
        self.d_variables = optimizers.variables(self.d_a, self.d_b)
        self.g_optimizer = optimizers.Adam(config.learning_rate, self.g_variables, 0.5)
        self.d_optimizer = optimizers.Adam(config.learning_rate, self.d_variables, 0.5)
        self.pool = self.make_pool(size)

    def make_pool(self, size):
        """Room for fakes of both domains: [2, POOL, size]."""
        return tf.Variable(tf.zeros([2, POOL, size]), trainable=False, name="pool")

    def schedule(self):
        """The generators first: the discriminators see their fakes and earlier ones."""
        inputs = {
            "a": Real("a"),
            "b": Real("b"),
            "place": Classes(POOL),
            "from_pool": Uniform([1], low=0.0),
        }
        return Schedule([Phase(1, (self.g_step, self.d_step), inputs)])

    def g_step(self, batch):
        """Both generators, there and back again."""
        a, b = layers.flatten(batch["a"]), layers.flatten(batch["b"])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            fake_a, fake_b = generator(self.g_ba, b), generator(self.g_ab, a)
            back_a, back_b = generator(self.g_ba, fake_b), generator(self.g_ab, fake_a)
            cycle_loss = tf.reduce_mean(tf.abs(back_a - a)) + tf.reduce_mean(tf.abs(back_b - b))
            g_loss = self.config.cycle_weight * cycle_loss
            g_loss += least_squares(discriminator(self.d_a, fake_a), 1.0)
            g_loss += least_squares(discriminator(self.d_b, fake_b), 1.0)
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        return {"g_loss": g_loss, "cycle_loss": cycle_loss}

    def d_step(self, batch):
        """Both discriminators, half of their fakes from the pool."""
        a, b = layers.flatten(batch["a"]), layers.flatten(batch["b"])
        fake_a = self._pooled(0, generator(self.g_ba, b), batch)
        fake_b = self._pooled(1, generator(self.g_ab, a), batch)
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            on_a, on_b = discriminator(self.d_a, a), discriminator(self.d_b, b)
            d_loss = least_squares(on_a, 1.0) + least_squares(on_b, 1.0)
            d_loss += least_squares(discriminator(self.d_a, fake_a), 0.0)
            d_loss += least_squares(discriminator(self.d_b, fake_b), 0.0)
        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        return {"d_loss": d_loss, "d_real": tf.reduce_mean(on_a)}

    def _pooled(self, domain, fake, batch):
        """Each new fake goes to a place in the pool; it, or what was there, is what D sees."""
        place = batch["place"][:, tf.newaxis]
        earlier = tf.gather_nd(self.pool[domain], place)
        pool = tf.tensor_scatter_nd_update(self.pool[domain], place, fake)
        keep = self.pool[1 - domain]
        self.pool.assign(tf.stack([pool, keep] if domain == 0 else [keep, pool]))
        return tf.where(batch["from_pool"] < 0.5, earlier, fake)

    def samplers(self):
        """a to b, b to a, and a there and back again, to look at."""
        return [
            self._sampler("a_to_b", "a", [self.g_ab], self.d_b, "b"),
            self._sampler("b_to_a", "b", [self.g_ba], self.d_a, "a"),
            self._sampler("a_to_b_to_a", "a", [self.g_ab, self.g_ba], None, "a"),
        ]

    def _sampler(self, name, of, chain, d, against):
        def generate(given):
            x = layers.flatten(given[of])
            for g in chain:
                x = generator(g, x)
            return tf.reshape(x, [-1, *self.shape])

        def score(x, given):
            return tf.reduce_mean(discriminator(d, layers.flatten(x)), axis=1)

        scored = score if d is not None else None
        return Sampler(name, {of: Real(of)}, generate, scored, boundary=0.5, against=against)
