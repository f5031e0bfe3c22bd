"""These explicit weights are that network: our models beside the documents' own Keras programs.

Each twin is the document's program in Keras, as it prints it: `Sequential` models, `compile`,
`train_on_batch`, the frozen D inside the GAN that trains G. (Documents 000 and 001 print the same
layers in TensorFlow.js, document 002 in `tf.layers`; for `simple` see test_simple_twin.py.) Both
get the same weights, and for 20 steps the same images, z and dropout masks. Then losses, gradients,
weights and the optimizers' slots are held together.

Tolerance: a loss within 1e-5 of its size (both are float32); a gradient within 5 % of its norm, for
rounding decides between two equal pixels of a max-pool and between the sides of a ReLU's kink, and
one unit on one example is 1 % of a bias's gradient here; so is a slot, which is a mean of them; a
weight's distance within 1 % of how far it has moved. A bias in front of a batch norm is cancelled
by it: its gradient is all rounding (below 1e-5 of the network's), of which Adam makes whole steps,
so the two are free to part there.

`deconv` has half a million kinks in a batch, and Adam turns each that falls the other way into
whole steps: let run freely, its losses part by 1 % in 20 steps. So there each of the 20 steps is
made from our state, optimizers included, and the weights may part by 10 % of one step.
"""

import itertools

import keras
import numpy as np
import pytest
import stepping
import tensorflow as tf

from ganflow import models
from ganflow.interface import gans
from ganflow.interface.fields import Fields

STEPS = 20
N = 8  # examples in a batch
KERAS_209 = {"epsilon": 1e-8}  # of Keras 2.0.9's Adam, as of TensorFlow 1's; today's has 1e-7
L = keras.layers


class GivenDropout(keras.layers.Layer):
    """Keras's Dropout, but for the mask: it is handed in, and not drawn."""

    def __init__(self, units: int, rate: float):
        super().__init__()
        self.rate = rate
        self.u = self.add_weight(shape=(2 * N, units), trainable=False, name="u")

    def call(self, x):
        u = self.u[: tf.shape(x)[0]]
        return tf.where(u >= self.rate, x / (1 - self.rate), 0.0)


# ---------------------------------------------------------------- the documents' networks


def dense_004(slope):
    """Document 004, section "Simple GAN with Keras"."""
    g = keras.Sequential([keras.Input([256])])
    for units in (256, 512, 1024):
        g.add(L.Dense(units))
        g.add(L.LeakyReLU(negative_slope=slope))
    g.add(L.Dense(784, activation="tanh"))
    d = keras.Sequential([keras.Input([784]), L.Dense(256), L.LeakyReLU(negative_slope=slope)])
    d.add(GivenDropout(256, 0.3))
    d.add(L.Dense(1, activation="sigmoid"))
    return g, d, keras.optimizers.Adam(1e-5, **KERAS_209), keras.optimizers.SGD(0.01)


def dcgan_004(slope):
    """Document 004, section "DCGAN" (it has no leaky ReLU)."""
    g = keras.Sequential([keras.Input([256]), L.Dense(3200, activation="tanh")])
    g.add(L.Reshape([5, 5, 128]))
    for maps in (64, 32, 16):
        g.add(L.UpSampling2D())
        g.add(L.Conv2D(maps, 5, padding="same", activation="tanh"))
    g.add(L.Flatten())
    g.add(L.Dense(784, activation="tanh"))
    d = keras.Sequential([keras.Input([784]), L.Reshape([28, 28, 1])])
    d.add(L.Conv2D(64, 5, padding="same", activation="tanh"))
    d.add(L.MaxPooling2D())
    d.add(L.Flatten())
    d.add(L.Dense(1, activation="sigmoid"))
    return g, d, keras.optimizers.Adam(1e-5, **KERAS_209), keras.optimizers.SGD(0.01)


def points_003(slope):
    """Document 003 (ReLU, not leaky)."""
    g = keras.Sequential([keras.Input([3])])
    d = keras.Sequential([keras.Input([2])])
    for network, out, activation in ((g, 2, "linear"), (d, 1, "sigmoid")):
        network.add(L.Dense(32, activation="relu"))
        network.add(L.Dense(16, activation="relu"))
        network.add(L.Dense(out, activation=activation))
    return g, d, keras.optimizers.Adam(1e-3), keras.optimizers.Adam(1e-3)


def dense_002(slope):
    """Document 002: D ends in a logit."""
    g = keras.Sequential([keras.Input([100])])
    d = keras.Sequential([keras.Input([784])])
    for network, out, activation in ((g, 784, "tanh"), (d, 1, "linear")):
        for _ in range(2):
            network.add(L.Dense(128))
            network.add(L.LeakyReLU(negative_slope=slope))
        network.add(L.Dense(out, activation=activation))
    adam = {"learning_rate": 1e-3, "epsilon": 1e-8}  # TensorFlow 1's
    return g, d, keras.optimizers.Adam(**adam), keras.optimizers.Adam(**adam)


def dense_000(slope):
    """Document 000: batch norm in G."""
    g = keras.Sequential([keras.Input([100]), L.Dense(100), L.BatchNormalization()])
    g.add(L.LeakyReLU(negative_slope=slope))
    g.add(L.Dense(784, activation="tanh"))
    d = keras.Sequential([keras.Input([784]), L.Dense(784), L.LeakyReLU(negative_slope=slope)])
    d.add(L.Dense(1, activation="sigmoid"))
    return g, d, keras.optimizers.Adam(1e-4), keras.optimizers.Adam(1e-4)


def deconv_001(slope, side):
    """Document 001's G; our D, for it has none."""
    norm = {"epsilon": 1e-5, "momentum": 0.9}
    g = keras.Sequential([keras.Input([100]), L.Dense(7 * 7 * 256, use_bias=False)])
    g.add(L.BatchNormalization(**norm))
    g.add(L.LeakyReLU(negative_slope=slope))
    g.add(L.Reshape([7, 7, 256]))
    for maps, stride in ((256, 1 if side == 28 else 2), (128, 2)):
        g.add(L.Conv2DTranspose(maps, 3, strides=stride, padding="same"))
        g.add(L.BatchNormalization(**norm))
        g.add(L.LeakyReLU(negative_slope=slope))
    g.add(L.Conv2DTranspose(1, 3, strides=2, padding="same", activation="tanh"))
    d = keras.Sequential([keras.Input([side, side, 1]), L.Conv2D(64, 5, 2, padding="same")])
    d.add(L.LeakyReLU(negative_slope=slope))
    d.add(L.Conv2D(128, 5, 2, padding="same"))
    d.add(L.BatchNormalization(**norm))
    d.add(L.LeakyReLU(negative_slope=slope))
    d.add(L.Flatten())
    d.add(L.Dense(1, activation="sigmoid"))
    adam = {"learning_rate": 2e-4, "beta_1": 0.5, "epsilon": 1e-8}
    return g, d, keras.optimizers.Adam(**adam), keras.optimizers.Adam(**adam)


# ---------------------------------------------------------------- the documents' steps


class Compiled:
    """Documents 000, 003, 004: D compiled, and the GAN of G and a frozen D compiled."""

    def __init__(self, g, d, g_optimizer, d_optimizer):
        self.g, self.d = g, d
        self.loss = keras.losses.BinaryCrossentropy()
        d.compile(loss=self.loss, optimizer=d_optimizer)
        d.trainable = False
        z_in = keras.Input(g.input_shape[1:])
        self.gan = keras.Model(z_in, d(g(z_in)))
        self.gan.compile(loss=self.loss, optimizer=g_optimizer)
        self.g_optimizer, self.d_optimizer = g_optimizer, d_optimizer

    def generate(self, z):
        return self.g(z, training=False)  # what `predict` does, without its progress bar

    def train_d(self, x, label):
        self.d.trainable = True
        return self._train(self.d, self.d.trainable_variables, x, label)

    def train_g(self, z):
        self.d.trainable = False
        label = np.ones([len(z), 1], np.float32)
        return self._train(self.gan, self.g.trainable_variables, z, label)

    def _train(self, model, variables, x, label):
        """The gradients that `train_on_batch` is about to take, then `train_on_batch`."""
        statistics = [v.numpy() for v in model.non_trainable_variables]
        with tf.GradientTape() as tape:
            loss = self.loss(label, model(x, training=True))
        gradients = tape.gradient(loss, variables)
        for variable, value in zip(model.non_trainable_variables, statistics, strict=True):
            variable.assign(value)  # looking moved them; the training shall do it once
        model.reset_metrics()  # else Keras returns the mean over all batches so far
        return float(model.train_on_batch(x, label)), gradients


class Taped:
    """Documents 002 and 001: losses of their own, minimised over one network's variables."""

    def __init__(self, g, d, g_optimizer, d_optimizer):
        self.g, self.d, self.g_optimizer, self.d_optimizer = g, d, g_optimizer, d_optimizer
        from_logits = d.layers[-1].activation is keras.activations.linear
        self.loss = keras.losses.BinaryCrossentropy(from_logits=from_logits)

    def generate(self, z):
        return self._still(self.g, lambda: self.g(z, training=True))

    def train_d(self, x, real_label, fake):
        n = len(x)
        with tf.GradientTape() as tape:
            real = self.loss(np.full([n, 1], real_label), self.d(x, training=True))
            loss = real + self.loss(np.zeros([n, 1]), self.d(fake, training=True))
        return self._apply(tape, loss, self.d, self.d_optimizer)

    def train_g(self, z):
        with tf.GradientTape() as tape:
            fake = self.g(z, training=True)
            judged = self._still(self.d, lambda: self.d(fake, training=True))
            loss = self.loss(np.ones([len(z), 1]), judged)
        return self._apply(tape, loss, self.g, self.g_optimizer)

    def _apply(self, tape, loss, network, optimizer):
        gradients = tape.gradient(loss, network.trainable_variables)
        optimizer.apply_gradients(zip(gradients, network.trainable_variables, strict=True))
        return float(loss), gradients

    def _still(self, network, call):
        """Batch statistics without moving the moving ones: it is not this network's step."""
        statistics = [v.numpy() for v in network.non_trainable_variables]
        output = call()
        for variable, value in zip(network.non_trainable_variables, statistics, strict=True):
            variable.assign(value)
        return output


# ---------------------------------------------------------------- one step of each


def flat(x):
    return x.reshape(len(x), -1)


def labels(real, fake):
    return np.repeat(np.float32([[real], [fake]]), N, axis=0)


def step_simple_keras(program, batch):
    x_in = np.concatenate([flat(batch["x"]), program.generate(batch["z_d"])])
    mask = program.d.layers[-2]
    mask.u.assign(np.concatenate([batch["u_real_0"], batch["u_fake_0"]]))
    d = program.train_d(x_in, labels(0.9, 0.1))
    mask.u.assign(np.concatenate([batch["u_g_0"]] * 2))
    return [d], program.train_g(batch["z_g"])


def step_dcgan(program, batch):
    x_in = np.concatenate([flat(batch["x"]), program.generate(batch["z_d"])])
    return [program.train_d(x_in, labels(0.9, 0.1))], program.train_g(batch["z_g"])


def step_circle(program, batch):
    on_real = program.train_d(batch["x"], np.ones([N, 1], np.float32))
    on_fake = program.train_d(program.generate(batch["z_d"]), np.zeros([N, 1], np.float32))
    return [on_real, on_fake], program.train_g(batch["z_g"])


def step_dense_batch_norm(program, batch):
    x_in = np.concatenate([program.generate(batch["z_d"]), flat(batch["x"])])
    return [program.train_d(x_in, labels(0.0, 1.0))], program.train_g(batch["z_g"])


def step_dense_logits(program, batch):
    d = program.train_d(flat(batch["x"]), 0.9, program.generate(batch["z"]))
    return [d], program.train_g(batch["z"])


def step_deconv(program, batch):
    d = program.train_d(batch["x"], 1.0, program.generate(batch["z_d"]))
    return [d], program.train_g(batch["z_g"])


FROM_OUR_STATE = ("deconv", "deconv_56")

# name -> (model, x_shape, the document's networks, its program, its step, its slope)
TWINS = {
    "simple_keras": ("simple_keras", (28, 28, 1), dense_004, Compiled, step_simple_keras, 0.3),
    "dcgan_upsampling": ("dcgan_upsampling", (28, 28, 1), dcgan_004, Compiled, step_dcgan, None),
    "circle": ("circle", (2,), points_003, Compiled, step_circle, None),
    "dense_logits": ("dense_logits", (28, 28, 1), dense_002, Taped, step_dense_logits, 0.2),
    "dense_batch_norm": (
        "dense_batch_norm", (28, 28, 1), dense_000, Compiled, step_dense_batch_norm, 0.3,
    ),
    "deconv": (
        "deconv", (28, 28, 1), lambda s: deconv_001(s, 28), Taped, step_deconv, 0.2,
    ),
    "deconv_56": (
        "deconv", (56, 56, 1), lambda s: deconv_001(s, 56), Taped, step_deconv, 0.2,
    ),
}  # fmt: skip


def faults(twin, **changes):
    """Where our model and the document's program part; `changes` are made to ours."""
    name, x_shape, networks, program_of, step_of, slope = TWINS[twin]
    module = models.load(name)
    gan = gans.build(module, module.Config(**changes), Fields({"x": x_shape}), seed=1)
    program = program_of(*networks(slope))
    ours = [*gan.g.values(), *gan.d.values()]
    theirs = [v for net in (program.g, program.d) for v in net.weights if v.name != "u"]
    copy(ours, theirs)
    first, cancelled = [v.numpy() for v in ours], biases_before_a_norm(gan)
    step, rng = tf.function(stepping.whole_step(gan)), np.random.default_rng(2)
    both = [(gan.g_optimizer, program.g_optimizer), (gan.d_optimizer, program.d_optimizer)]
    for number in range(1, STEPS + 1):
        batch = stepping.batch_of(gan, x_shape, N, rng)
        scalars, gradients = step({k: tf.constant(v) for k, v in batch.items()})
        of_d, (g_loss, g_gradients) = step_of(program, batch)
        found = [scalars["d_loss"], scalars["g_loss"]]
        expected = [sum(loss for loss, _ in of_d), g_loss]
        if not np.allclose(found, expected, rtol=1e-5, atol=1e-6):
            return f"step {number}: losses {np.array(found)}, expected {np.array(expected)}"
        updates = ["d_step"] if len(of_d) == 1 else ["d_step_real", "d_step_fake"]
        pairs = [(gan.g_variables, gradients["g_step"], g_gradients)]
        for update, (_, d_gradients) in zip(updates, of_d, strict=True):
            pairs.append((gan.d_variables, gradients[update], d_gradients))
        for trained, a, b in pairs:
            if fault := differing(trained, a, b, cancelled):
                return f"step {number}: the gradient of {fault}"
        for ours_of, theirs_of in both:
            if fault := differing_slots(ours_of, theirs_of, cancelled):
                return f"step {number}: {fault}"
        if twin in FROM_OUR_STATE:
            if fault := parted(ours, theirs, first, cancelled, 0.1):
                return f"step {number}: {fault}"
            copy(ours, theirs)
            for ours_of, theirs_of in both:
                for a, b in slot_pairs(ours_of, theirs_of):
                    copy(a.values(), b)
            first = [v.numpy() for v in ours]
    return None if twin in FROM_OUR_STATE else parted(ours, theirs, first, cancelled, 0.01)


def differing(trained, found, expected, cancelled):
    """Which of two lists like `trained` parts from the other by more than 5 % of its norm."""
    size = np.linalg.norm([np.linalg.norm(y) for y in expected])
    for variable, x, y in zip(trained, found, expected, strict=True):
        x, y = np.asarray(x), np.asarray(y)
        if id(variable) in cancelled:
            if max(np.linalg.norm(x), np.linalg.norm(y)) > 1e-5 * size:
                return f"{variable.name} is not cancelled"
        elif np.linalg.norm(x - y) > 0.05 * np.linalg.norm(y):
            return f"{variable.name} is off by {np.linalg.norm(x - y) / np.linalg.norm(y):.1%}"
    return None


def differing_slots(ours, theirs, cancelled):
    """Which slot or count of two optimizers differs."""
    if ours.iterations.numpy() != theirs.iterations.numpy():
        return f"{ours.iterations.numpy()} iterations, expected {theirs.iterations.numpy()}"
    for a, b in slot_pairs(ours, theirs):
        if fault := differing(ours.trained, a.values(), b, cancelled):
            return f"the slot of {fault}"
    return None


def slot_pairs(ours, theirs):
    """Of two Adams, both moments; SGD has none."""
    if isinstance(theirs, keras.optimizers.SGD):
        return []
    return [(ours.adam_m, theirs._momentums), (ours.adam_v, theirs._velocities)]


def biases_before_a_norm(gan):
    """In a network's dict a bias that a batch norm cancels stands right before its gamma."""
    pairs = [p for weights in (gan.g, gan.d) for p in itertools.pairwise(weights.items())]
    return {id(v) for (_, v), (k, _) in pairs if len(v.shape) == 1 and k.endswith("_gamma")}


def copy(ours, theirs):
    for a, b in zip(ours, theirs, strict=True):
        b.assign(a.numpy())


def parted(ours, theirs, first, cancelled, share):
    """The first weight that lies further off than a share of how far it has moved."""
    for a, b, start in zip(ours, theirs, first, strict=True):
        moved = np.linalg.norm(b.numpy() - start)
        if not moved:
            return f"{a.name} has not moved"
        off = np.linalg.norm(a.numpy() - b.numpy())
        if off > share * moved + 1e-7 and id(a) not in cancelled:
            return f"{a.name} is off by {off / moved:.1%} of its way"
    return None


# A convolutional one, a dense one and one on points are daily; they take half a minute each.
DAILY = ("circle",)  # and test_simple_twin.py


def daily(twins):
    return [t if t in DAILY else pytest.param(t, marks=pytest.mark.slow) for t in twins]


@pytest.mark.parametrize("twin", daily(TWINS))
def test_our_explicit_weights_are_the_documents_network(twin):
    assert faults(twin) is None


@pytest.mark.parametrize("twin", daily(t for t in TWINS if TWINS[t][-1] is not None))
def test_another_leaky_slope_is_another_network(twin):
    slope = TWINS[twin][-1]
    assert faults(twin, slope=slope + 0.1) is not None


def test_another_label_is_another_program():
    assert faults("simple_keras", real_label=1.0) is not None


def test_another_rate_is_another_program():
    assert faults("circle", g_learning_rate=2e-3) is not None
