"""The first GAN: its equations in NumPy, its settings by hand, and what is easily done wrong."""

import math

import numpy as np
import pytest
import stepping
import tensorflow as tf

from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.models import vanilla
from tests import cases

N, PIECES = 5, 5
IMAGE = (28, 28, 1)


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def linear(weights, i, x):
    return x @ weights[f"w_{i}"].numpy() + weights[f"b_{i}"].numpy()


def g_by_hand(weights, z):
    """ReLU, ReLU, sigmoid."""
    for i in (0, 1):
        z = np.maximum(linear(weights, i, z), 0)
    return sigmoid(linear(weights, 2, z))


def d_by_hand(weights, x, us=None):
    """The program's D(x): includes .8 of its inputs and .5 of its units, scaled by 1.25 and 2."""
    for i, (kept, scale) in enumerate([(0.8, 1.25), (0.5, 2.0), (0.5, 2.0)]):
        if us is not None:
            x = np.where(us[i] >= 1 - kept, scale * x, 0)
        x = linear(weights, i, x)
        if i < 2:
            pieces = [x[:, k::PIECES] for k in range(PIECES)]  # neighbours belong to one unit
            x = np.maximum.reduce(pieces)
    return sigmoid(x)


def us_of(batch, of):
    return [batch[f"u_{of}_{i}"] for i in range(3)]


@pytest.fixture
def gan():
    return cases.build("vanilla", d_weight_limit=0.3, g_weight_limit=1.0)  # D is far from 1/2


@pytest.fixture
def batch(gan):
    return stepping.batch_of(gan, IMAGE, N, np.random.default_rng(0))


def test_both_losses_are_the_papers(gan, batch):
    x = (batch["x"].reshape(N, 784) + 1) / 2
    on_real = d_by_hand(gan.d, x, us_of(batch, "real"))
    on_fake = d_by_hand(gan.d, g_by_hand(gan.g, batch["z_d"]), us_of(batch, "fake"))
    expected = -0.5 * (np.log(on_real).mean() + np.log(1 - on_fake).mean())
    assert min(on_real.std(), on_fake.std()) > 0.05
    found = gan.d_step(batch)
    np.testing.assert_allclose(found["d_loss"], expected, rtol=1e-4)
    np.testing.assert_allclose(found["d_real"], on_real.mean(), rtol=1e-4)
    np.testing.assert_allclose(found["d_fake"], on_fake.mean(), rtol=1e-4)
    # G through D as it now is, dropout included.
    on_fake = d_by_hand(gan.d, g_by_hand(gan.g, batch["z_g"]), us_of(batch, "g"))
    np.testing.assert_allclose(gan.g_step(batch)["g_loss"], -np.log(on_fake).mean(), rtol=1e-4)


def test_samples_are_mapped_to_the_engines_range_and_scored_without_dropout(gan, batch):
    (sampler,) = gan.samplers()
    samples = sampler.generate({"z": tf.constant(batch["z_d"])})
    pixels = g_by_hand(gan.g, batch["z_d"])
    np.testing.assert_allclose(samples.numpy().reshape(N, 784), 2 * pixels - 1, atol=1e-5)
    scores = sampler.score(samples, {})
    np.testing.assert_allclose(sigmoid(scores), d_by_hand(gan.d, pixels)[:, 0], rtol=1e-3)


def test_dropout_is_in_every_pass_through_d_with_numbers_of_its_own_and_nowhere_in_g(gan):
    inputs = stepping.inputs(gan)
    drops = {name: draw for name, draw in inputs.items() if name.startswith("u_")}
    assert set(inputs) == {"x", "z_d", "z_g", *drops} and len(drops) == 3 * 3
    assert {draw.low for draw in drops.values()} == {0.0}
    assert [draw.shape for name, draw in drops.items() if "_g_" in name] == [[784], [8], [6]]


def test_z_has_variance_1(gan):
    (sampler,) = gan.samplers()
    z = gans.given(sampler, 0, 20_000)["z"].numpy()
    assert z.var() == pytest.approx(1, abs=0.02) and np.abs(z).max() == pytest.approx(
        math.sqrt(3), rel=1e-4
    )


# ---------------------------------------------------------------- settings


@pytest.fixture(scope="module")
def whole():
    """With the paper's settings."""
    return gans.build(vanilla, vanilla.Config(), Fields({"x": IMAGE}), seed=0)


def test_parameters_are_as_many_as_counted_by_hand(whole):
    g = (100 * 1200 + 1200) + (1200 * 1200 + 1200) + (1200 * 784 + 784)
    d = (784 * 240 * 5 + 240 * 5) + (240 * 240 * 5 + 240 * 5) + (240 + 1)
    for weights, expected in ((whole.g, g), (whole.d, d)):
        assert sum(v.shape.num_elements() for v in weights.values()) == expected
        assert f"{expected:,}" in vanilla.__doc__


def test_first_weights_are_those_of_the_program(whole):
    for weights, limit in ((whole.g, 0.05), (whole.d, 0.005)):
        for name, v in weights.items():
            largest = np.abs(v.numpy()).max()
            assert largest == 0 if name.startswith("b_") else 0.98 * limit < largest < 1.001 * limit


@pytest.mark.parametrize(
    ("t", "mu"), [(0, 0.5), (1, 0.5), (62_250, 0.6), (124_500, 0.7), (500_000, 0.7), (9e6, 0.7)]
)
def test_rate_and_momentum_change_as_in_the_program(whole, t, mu):
    for optimizer in (whole.d_optimizer, whole.g_optimizer):
        optimizer.iterations.assign(int(t))
        optimizer.update([tf.zeros_like(v) for v in optimizer.trained])
        expected = max(0.1 / 1.000004**t, 1e-6)
        np.testing.assert_allclose(optimizer.learning_rate, expected, rtol=1e-5)
        np.testing.assert_allclose(optimizer.mu, mu, rtol=1e-4)


def test_a_rate_of_0_stays_0():
    gan = cases.build("vanilla", d_learning_rate=0.0)
    gan.d_optimizer.update([tf.ones_like(v) for v in gan.d_variables])
    assert gan.d_optimizer.learning_rate.numpy() == 0


def test_gs_first_images_are_as_bright_as_its_output_bias_says():
    bias = float(np.log(0.13 / 0.87))
    for name, last in (("vanilla", "b_2"), ("cgan", "out_b")):
        gan = cases.build(name, g_output_bias=bias)
        np.testing.assert_allclose(gan.g[last].numpy(), bias, rtol=1e-6)
        assert not cases.build(name).g[last].numpy().any()
