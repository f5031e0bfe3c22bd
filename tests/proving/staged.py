"""Two stages, captions, two scales and a pre-training phase (as StackGAN and SRGAN have them).

    stage 1, before all else: G_1 on (z, caption) against D_small on images of half the size
    stage 2, after it:        G_2 on (G_1's image, caption) against D_large; stage 1 stands still

With `--pretrain_steps=0` stage 1 is in the list of no optimizer: it comes from `--init_from`.
"""

import dataclasses
import math

import tensorflow as tf

from ganflow.base.config import option
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Phase, Schedule
from ganflow.nn import layers, losses, optimizers
from ganflow.nn.draws import Normal, Real
from ganflow.nn.initializers import dense_weights, glorot_uniform

WORD_SIZE = 3


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("npz", "the data set")
    batch_size: int = option(4, "images in a step", minimum=1)
    steps: int = option(20, "total steps", minimum=0)
    summary_every: int = option(5, "steps between summaries", minimum=1)
    pretrain_steps: int = option(4, "steps of stage 1", minimum=0)
    z_size: int = option(3, "components of z, each N(0, 1)", minimum=1)
    learning_rate: float = option(0.01, "Adam's, for all", minimum=0)


def encoder(weights, caption):
    """Words [n, k] -> their mean vector [n, 3]."""
    return tf.reduce_mean(layers.embedding(caption, weights["words"]), axis=1)


def dense(weights, x):
    """[n, in] -> [n, 8] -> [n, out]."""
    hidden = layers.leaky_relu(layers.linear(x, weights["w_0"], weights["b_0"]))
    return layers.linear(hidden, weights["w_1"], weights["b_1"])


def shrunk(x):
    """Images [n, h, w, c] -> means of 2 x 2 pixels, [n, h/2, w/2, c]."""
    return tf.nn.avg_pool2d(x, 2, 2, "VALID")


class Gan(tf.Module):
    """Five networks: an encoder, two generators, two discriminators."""

    def __init__(self, config, fields, rng):
        super().__init__()
        self.config, (height, width, channels) = config, fields.image_shape("x")
        words = fields.num_classes("caption")
        self.large, self.small = [height, width, channels], [height // 2, width // 2, channels]
        large, small = math.prod(self.large), math.prod(self.small)
        self.words = {"words": glorot_uniform(rng, [words, WORD_SIZE], "words")}
        self.stage_1 = dense_weights(rng, (config.z_size + WORD_SIZE, 8, small))
        self.stage_2 = dense_weights(rng, (small + WORD_SIZE, 8, large))
        self.d_small = dense_weights(rng, (small + WORD_SIZE, 8, 1))
        self.d_large = dense_weights(rng, (large + WORD_SIZE, 8, 1))
        self.networks = {
            "encoder": self.words,
            "stage_1": self.stage_1,
            "stage_2": self.stage_2,
            "d_small": self.d_small,
            "d_large": self.d_large,
        }
        rate = config.learning_rate
        if config.pretrain_steps:
            self.first_g_variables = optimizers.variables(self.words, self.stage_1)
            self.first_d_variables = optimizers.variables(self.d_small)
            self.first_g_optimizer = optimizers.Adam(rate, self.first_g_variables)
            self.first_d_optimizer = optimizers.Adam(rate, self.first_d_variables)
        self.g_variables = self.second_stage()
        self.d_variables = optimizers.variables(self.d_large)
        self.g_optimizer = optimizers.Adam(rate, self.g_variables)
        self.d_optimizer = optimizers.Adam(rate, self.d_variables)
        self.z = Normal([config.z_size])

    def second_stage(self):
        """What G's step of stage 2 moves: stage 1 and the encoder are frozen."""
        return optimizers.variables(self.stage_2)

    def schedule(self):
        """Stage 1 once, then stage 2."""
        given = {"caption": Real("caption"), "z": self.z}
        inputs = {"x": Real("x"), **given}
        updates = (self.pretrain_d_step, self.pretrain_g_step)
        first = Phase(self.config.pretrain_steps, updates, inputs)
        second = Phase(1, (self.d_step, self.g_step), inputs)
        return Schedule([second], once=[first] if self.config.pretrain_steps else [])

    def pretrain_d_step(self, batch):
        """D on small images and their captions."""
        words, fake = encoder(self.words, batch["caption"]), self._first(batch)
        x = layers.flatten(shrunk(batch["x"]))
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.first_d_variables)
            loss = losses.minimax_d_loss(
                self._judge(self.d_small, x, words), self._judge(self.d_small, fake, words)
            )
        self.first_d_optimizer.update(tape.gradient(loss, self.first_d_variables))
        return {"stage_1_d_loss": loss}

    def pretrain_g_step(self, batch):
        """Stage 1 and the encoder."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.first_g_variables)
            words, fake = encoder(self.words, batch["caption"]), self._first(batch)
            loss = losses.non_saturating_g_loss(self._judge(self.d_small, fake, words))
        self.first_g_optimizer.update(tape.gradient(loss, self.first_g_variables))
        return {"stage_1_g_loss": loss}

    def d_step(self, batch):
        """D on images of the full size and their captions."""
        words, fake = encoder(self.words, batch["caption"]), self._second(batch)
        x = layers.flatten(batch["x"])
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.d_variables)
            d_loss = losses.minimax_d_loss(
                self._judge(self.d_large, x, words), self._judge(self.d_large, fake, words)
            )
        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        return {"d_loss": d_loss}

    def g_step(self, batch):
        """Stage 2 alone."""
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(self.g_variables)
            words = encoder(self.words, batch["caption"])
            fake = self._second(batch)
            g_loss = losses.non_saturating_g_loss(self._judge(self.d_large, fake, words))
        self.g_optimizer.update(tape.gradient(g_loss, self.g_variables))
        return {"g_loss": g_loss}

    def samplers(self):
        """Stage 2, and stage 1 against images made small."""
        given = {"caption": Real("caption"), "z": self.z}
        second = Sampler(
            "stage_2",
            given,
            lambda given: tf.reshape(self._second(given), [-1, *self.large]),
            lambda x, given: self._score(self.d_large, x, given),
        )
        first = Sampler(
            "stage_1",
            given,
            lambda given: tf.reshape(self._first(given), [-1, *self.small]),
            lambda x, given: self._score(self.d_small, x, given),
            against=lambda fields: shrunk(fields["x"]),
        )
        return [second, first]

    def _first(self, given):
        words = encoder(self.words, given["caption"])
        return layers.tanh(dense(self.stage_1, tf.concat([given["z"], words], axis=1)))

    def _second(self, given):
        words = encoder(self.words, given["caption"])
        small = self._first(given)
        return layers.tanh(dense(self.stage_2, tf.concat([small, words], axis=1)))

    def _judge(self, d, x, words):
        return dense(d, tf.concat([x, words], axis=1))

    def _score(self, d, x, given):
        words = encoder(self.words, given["caption"])
        return self._judge(d, layers.flatten(x), words)[:, 0]
