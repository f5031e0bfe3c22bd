"""Our `simple` beside the document's own program: a TensorFlow 1 graph, in a session of its own.

The graph is document 004's, section "Simple GAN with TensorFlow": placeholders for images and z,
weights in the variable scopes `g` and `d`, one D for real images and one on G's output that share
them, dropout that keeps .7, losses of logarithms of sigmoids, and `minimize` over a list each.
Only its dropout's masks are handed in, not drawn. Both get the same weights, and for 20 steps the
same images, masks and z; a loss may be 1e-5 of its size off (both are float32), a weight 1 % of its
way.
"""

import itertools

import numpy as np
import pytest
import stepping
import tensorflow as tf

from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.models import simple
from ganflow.nn.draws import Real, Uniform

tf1 = tf.compat.v1

STEPS, N = 20, 100
KEEP = 0.7  # what TensorFlow 1's `dropout` is given: the share that stays
NUMBERS = {"z_d": 256, "z_g": 256, "u_real_0": 256, "u_fake_0": 256, "u_g_0": 256}


# ---------------------------------------------------------------- the document's program


def dense_weights(scope, sizes):
    """w_0000, b_0000, w_0001, ... under a variable scope."""
    weights = {}
    with tf1.variable_scope(scope):
        for i, (n_in, n_out) in enumerate(itertools.pairwise(sizes)):
            for name, shape in ((f"w_{i:04d}", [n_in, n_out]), (f"b_{i:04d}", [n_out])):
                weights[name] = tf1.get_variable(name, shape, initializer=tf1.zeros_initializer())
    return weights


class Document:
    """The graph, its session, and the two halves of a step."""

    def __init__(self):
        self.graph = tf.Graph()
        with self.graph.as_default():
            self._build()
            self.session = tf1.Session(graph=self.graph)
            self.session.run(tf1.global_variables_initializer())

    def _build(self):
        self.x_p = tf1.placeholder(tf.float32, [None, 784], name="x_p")
        self.z_p = tf1.placeholder(tf.float32, [None, 256], name="z_p")
        self.masks_p = {of: tf1.placeholder(tf.float32, [None, 256]) for of in ("real", "fake")}
        self.g = dense_weights("g", [256, 256, 512, 1024, 784])
        self.d = dense_weights("d", [784, 256, 1])

        layer = self.z_p
        for i in range(3):
            layer = tf.nn.leaky_relu(layer @ self.g[f"w_{i:04d}"] + self.g[f"b_{i:04d}"])
        g_model = tf.nn.tanh(layer @ self.g["w_0003"] + self.g["b_0003"])
        d_model_real = tf.nn.sigmoid(self._d_logit(self.x_p, "real"))
        d_model_fake = tf.nn.sigmoid(self._d_logit(g_model, "fake"))

        log = tf.math.log
        self.g_loss = -tf.reduce_mean(log(d_model_fake))
        self.d_loss = -tf.reduce_mean(log(d_model_real) + log(1 - d_model_fake))
        g_optimizer = tf1.train.AdamOptimizer(1e-5)
        d_optimizer = tf1.train.GradientDescentOptimizer(0.01)
        self.g_train = g_optimizer.minimize(self.g_loss, var_list=list(self.g.values()))
        self.d_train = d_optimizer.minimize(self.d_loss, var_list=list(self.d.values()))

    def _d_logit(self, x, of):
        layer = tf.nn.leaky_relu(x @ self.d["w_0000"] + self.d["b_0000"])
        layer = layer / KEEP * self.masks_p[of]
        return layer @ self.d["w_0001"] + self.d["b_0001"]

    def train_d(self, x, z, real_mask, fake_mask):
        """D's loss before its update, and the update."""
        fed = {self.x_p: x, self.z_p: z}
        fed |= {self.masks_p["real"]: real_mask, self.masks_p["fake"]: fake_mask}
        return self.session.run([self.d_loss, self.d_train], fed)[0]

    def train_g(self, z, mask):
        """G's loss before its update, and the update."""
        fed = {self.z_p: z, self.masks_p["fake"]: mask}
        return self.session.run([self.g_loss, self.g_train], fed)[0]

    def weights(self):
        return self.session.run([*self.g.values(), *self.d.values()])

    def put(self, values):
        with self.graph.as_default():
            for variable, value in zip([*self.g.values(), *self.d.values()], values, strict=True):
                variable.load(value, self.session)


def unit_numbers():
    """What every step is made of: images in [-1, 1], and numbers in [0, 1) for all the rest."""
    rng = np.random.default_rng(2)
    for _ in range(STEPS):
        numbers = {"x": np.tanh(rng.standard_normal([N, 784]))}
        numbers |= {name: rng.random([N, size]) for name, size in NUMBERS.items()}
        yield {name: value.astype(np.float32) for name, value in numbers.items()}


def build(**changes):
    return gans.build(simple, simple.Config(**changes), Fields({"x": (28, 28, 1)}), seed=1)


@pytest.fixture(scope="module")
def document():
    """The document's losses at every step and its weights after the last, from our first ones."""
    program, gan, losses = Document(), build(), []
    first = [v.numpy() for v in (*gan.g.values(), *gan.d.values())]
    program.put(first)
    for numbers in unit_numbers():
        z = {name: 2 * numbers[name] - 1 for name in ("z_d", "z_g")}
        # TensorFlow 1 kept a unit where floor(keep + u) is 1.
        real_mask, fake_mask, g_mask = (
            np.floor(KEEP + numbers[f"u_{of}_0"].astype(float)) for of in ("real", "fake", "g")
        )
        d_loss = program.train_d(numbers["x"], z["z_d"], real_mask, fake_mask)
        losses.append((d_loss, program.train_g(z["z_g"], g_mask)))
    last = program.weights()
    program.session.close()
    return np.array(losses), first, last


# ---------------------------------------------------------------- ours beside it


def faults(gan, document):
    """Where our model and the document's program part; None where they do not."""
    losses, first, last = document
    step = tf.function(stepping.whole_step(gan))
    for number, (numbers, expected) in enumerate(zip(unit_numbers(), losses, strict=True), 1):
        batch = {}
        for name, draw in stepping.inputs(gan).items():
            if isinstance(draw, Real):
                batch[name] = tf.reshape(numbers["x"], [N, 28, 28, 1])
            else:
                batch[name] = tf.constant(draw.low + (draw.high - draw.low) * numbers[name])
        scalars, _ = step(batch)
        found = np.array([scalars["d_loss"], scalars["g_loss"]])
        if not np.allclose(found, expected, rtol=1e-5, atol=0):
            return f"step {number}: losses {found}, expected {expected}"
    for v, start, end in zip((*gan.g.values(), *gan.d.values()), first, last, strict=True):
        off, way = np.linalg.norm(v.numpy() - end), np.linalg.norm(end - start)
        if not (way > 0 and off <= 0.01 * way):
            return f"{v.name} is off by {off / way:.1%} of its way"
    return None


def test_simple_is_the_documents_graph(document):
    assert faults(build(), document) is None


@pytest.mark.parametrize(
    "change",
    [
        {"slope": 0.3},
        {"dropout_rate": KEEP},  # keeps .3: the document's number taken as today's `rate`
        {"d_learning_rate": 0.011},
        {"g_learning_rate": 1.1e-5},
    ],
    ids=["slope", "dropout", "D's rate", "G's rate"],
)
def test_another_setting_is_another_program(document, change):
    assert "losses" in faults(build(**change), document)


def test_another_range_of_z_is_another_program(document):
    gan = build()
    gan.z = Uniform([256], low=0.0)
    assert "losses" in faults(gan, document)


def test_another_epsilon_of_adam_is_another_program(document):
    gan = build()
    gan.g_optimizer.epsilon = 1e-7  # Keras's of today
    assert "losses" in faults(gan, document)
