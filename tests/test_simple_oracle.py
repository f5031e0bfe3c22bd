"""The dense GAN against a second writing of it in NumPy, with backpropagation written out.

The oracle computes in float64 from the same weights, z and dropout numbers. TensorFlow computes in
float32, so numbers may differ by 1e-5 of their size, and by 1e-7 where they are sums near zero.
"""

import numpy as np
import pytest
import stepping
import tensorflow as tf

from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.models import simple
from ganflow.nn import losses

CLOSE = {"rtol": 1e-5, "atol": 1e-7}
N, X_SHAPE = 7, (2, 3, 1)
CONFIG = simple.Config(
    z_size=4,
    g_hidden=(5, 8),
    d_hidden=(9, 6),
    slope=0.2,
    dropout_rate=0.3,
    d_learning_rate=0.5,
    g_learning_rate=0.01,
)


# ---------------------------------------------------------------- the oracle


def forward(weights, x, masks=None):
    """Dense layers; keeps what the way back needs: the inputs and slopes of each layer."""
    inputs, slopes = [], []
    for i in range(0, len(weights), 2):
        w, b = weights[i : i + 2]
        inputs.append(x)
        x = x @ w + b
        if i + 2 < len(weights):
            slope = np.where(x > 0, 1.0, 0.2)
            if masks is not None:
                slope = slope * masks[i // 2]
            slopes.append(slope)
            x = x * slope
    return x, inputs, slopes


def backward(weights, inputs, slopes, delta):
    """From d loss / d output to the gradients [w, b, w, b, ...] and d loss / d input."""
    gradients = []
    for layer in reversed(range(len(inputs))):
        gradients = [inputs[layer].T @ delta, delta.sum(axis=0), *gradients]
        delta = delta @ weights[2 * layer].T
        if layer:
            delta = delta * slopes[layer - 1]
    return gradients, delta


def masks_of(batch, of):
    """A unit is kept where its u is at least .3, and then scaled by 1 / .7."""
    return [np.where(batch[f"u_{of}_{i}"] >= 0.3, 1 / 0.7, 0.0) for i in range(2)]


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def d_step(g, d, batch):
    """D's loss -mean(log D(x) + log(1 - D(G(z)))) and its gradients, both outputs of D."""
    x = batch["x"].reshape(N, -1)
    fake = np.tanh(forward(g, batch["z_d"])[0])
    real_logits, *real_way = forward(d, x, masks_of(batch, "real"))
    fake_logits, *fake_way = forward(d, fake, masks_of(batch, "fake"))
    loss = -np.mean(np.log(sigmoid(real_logits)) + np.log(1 - sigmoid(fake_logits)))
    from_real, _ = backward(d, *real_way, (sigmoid(real_logits) - 1) / N)
    from_fake, _ = backward(d, *fake_way, sigmoid(fake_logits) / N)
    gradients = [a + b for a, b in zip(from_real, from_fake, strict=True)]
    return loss, gradients, sigmoid(real_logits).mean(), sigmoid(fake_logits).mean()


def g_step(g, d, batch):
    """G's loss -mean(log D(G(z))) and its gradients, through D and its dropout."""
    out, *g_way = forward(g, batch["z_g"])
    fake = np.tanh(out)
    logits, *d_way = forward(d, fake, masks_of(batch, "g"))
    loss = -np.mean(np.log(sigmoid(logits)))
    _, delta = backward(d, *d_way, (sigmoid(logits) - 1) / N)
    gradients, _ = backward(g, *g_way, delta * (1 - fake**2))
    return loss, gradients


class Adam:
    """arXiv 1412.6980, section 2, last paragraph, at rate .01."""

    def __init__(self, weights):
        self.t = 0
        self.m = [np.zeros_like(w) for w in weights]
        self.v = [np.zeros_like(w) for w in weights]

    def step(self, weights, gradients):
        self.t += 1
        self.m = [0.9 * m + 0.1 * g for m, g in zip(self.m, gradients, strict=True)]
        self.v = [0.999 * v + 0.001 * g * g for v, g in zip(self.v, gradients, strict=True)]
        rate = 0.01 * np.sqrt(1 - 0.999**self.t) / (1 - 0.9**self.t)
        return [
            w - rate * m / (np.sqrt(v) + 1e-8)
            for w, m, v in zip(weights, self.m, self.v, strict=True)
        ]


# ---------------------------------------------------------------- what it is held against


def random_batch(rng):
    uniform = {"z_d": 4, "z_g": 4}
    batch = {name: rng.uniform(-1, 1, (N, size)) for name, size in uniform.items()}
    batch["x"] = rng.uniform(-1, 1, (N, *X_SHAPE))
    for of in ("real", "fake", "g"):
        for i, units in enumerate((9, 6)):
            batch[f"u_{of}_{i}"] = rng.uniform(0, 1, (N, units))
    return {name: value.astype(np.float32) for name, value in batch.items()}


@pytest.fixture
def setting():
    """A model with biases that are not zero, its weights for the oracle, and two batches."""
    rng = np.random.default_rng(0)
    gan = gans.build(simple, CONFIG, Fields({"x": X_SHAPE}), seed=0)
    for v in gan.trainable_variables:
        if len(v.shape) == 1:
            v.assign(rng.uniform(-0.5, 0.5, v.shape))
    g, d = ([v.numpy().astype(np.float64) for v in vs] for vs in (gan.g_variables, gan.d_variables))
    batches = [random_batch(rng) for _ in range(2)]
    return gan, g, d, batches


def all_close(found, expected):
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, **CLOSE)


def tensors(batch):
    return {name: tf.constant(value) for name, value in batch.items()}


def test_samples(setting):
    gan, g, _, (batch, _) = setting
    expected = np.tanh(forward(g, batch["z_g"])[0]).reshape(N, *X_SHAPE)
    (sampler,) = gan.samplers()
    found = sampler.generate({"z": tf.constant(batch["z_g"])})
    np.testing.assert_allclose(found, expected, **CLOSE)


def test_scores_are_logits_without_dropout(setting):
    gan, _, d, (batch, _) = setting
    (sampler,) = gan.samplers()
    found = sampler.score(tf.constant(batch["x"]), {})
    expected = forward(d, batch["x"].reshape(N, -1))[0][:, 0]
    np.testing.assert_allclose(found, expected, **CLOSE)
    assert sampler.scores_are_logits


def test_the_discriminators_logits_with_dropout(setting):
    gan, _, d, (batch, _) = setting
    x = batch["x"].reshape(N, -1)
    masks = masks_of(batch, "real")
    assert all(0.1 < (mask == 0).mean() < 0.6 for mask in masks)
    us = [batch["u_real_0"], batch["u_real_1"]]
    logits = simple.discriminator(gan.d, x, us, 0.2, 0.3)
    np.testing.assert_allclose(logits, forward(d, x, masks)[0], **CLOSE)
    assert losses.non_saturating_g_loss(logits).numpy() == pytest.approx(
        -np.mean(np.log(sigmoid(forward(d, x, masks)[0]))), rel=1e-5
    )


def test_the_oracles_gradients_are_its_losses_differences(setting):
    """The oracle itself: (loss(w + h) - loss(w - h)) / 2h, along a random direction."""
    _, g, d, (batch, _) = setting
    rng, h = np.random.default_rng(1), 1e-6
    for weights, step in (
        (d, lambda w: d_step(g, w, batch)[:2]),
        (g, lambda w: g_step(w, d, batch)),
    ):
        direction = [rng.standard_normal(w.shape) for w in weights]
        ahead, behind = (
            step([w + s * h * v for w, v in zip(weights, direction, strict=True)])[0]
            for s in (1, -1)
        )
        slope = sum(np.vdot(a, b) for a, b in zip(step(weights)[1], direction, strict=True))
        assert (ahead - behind) / (2 * h) == pytest.approx(slope, rel=1e-5)


@pytest.mark.parametrize("compiled", [lambda f: f, tf.function], ids=["eager", "graph"])
def test_two_training_steps(setting, compiled):
    """Losses, D's outputs, gradients and new weights: SGD for D, then Adam for G on the new D.

    A weight of G moves by about the rate, .01, whatever its gradient, so gradients that differ by
    1e-5 of their size move it apart by 1e-7.
    """
    gan, g, d, batches = setting
    step, adam = compiled(stepping.whole_step(gan)), Adam(g)
    for batch in batches:
        d_loss, d_gradients, d_real, d_fake = d_step(g, d, batch)
        d = [w - 0.5 * gradient for w, gradient in zip(d, d_gradients, strict=True)]
        g_loss, g_gradients = g_step(g, d, batch)
        g = adam.step(g, g_gradients)

        found, gradients = step(tensors(batch))
        all_close(
            [found[name] for name in ("d_loss", "g_loss", "d_real", "d_fake")],
            [d_loss, g_loss, d_real, d_fake],
        )
        all_close(gradients["d_step"], d_gradients)
        all_close(gradients["g_step"], g_gradients)
        all_close(gan.d_variables, d)
        for a, b in zip(gan.g_variables, g, strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)
