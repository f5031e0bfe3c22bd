"""The conditional GAN: its equations in NumPy, its settings by hand, what is easily done wrong."""

import numpy as np
import pytest
import stepping
import tensorflow as tf

from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.models import cgan
from ganflow.nn.draws import Classes, Real, Uniform
from tests import cases

N = 5
LABELS = np.int32([3, 0, 9, 3, 1])
FIELDS = Fields({"x": (28, 28, 1), "label": ()}, {"label": 10})


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def linear(weights, name, x):
    return x @ weights[f"{name}_w"].numpy() + weights[f"{name}_b"].numpy()


def drop(x, us, i, kept):
    """Each unit stays where its number says so, scaled by 1 / kept; without numbers, all stay."""
    return x if us is None else np.where(us[i] >= 1 - kept, x / kept, 0)


def one_hot(labels):
    return np.eye(10)[labels]


def g_by_hand(weights, z, labels, us=None, kept=0.8):
    z = drop(np.maximum(linear(weights, "z", z), 0), us, 0, kept)
    y = drop(np.maximum(linear(weights, "y", one_hot(labels)), 0), us, 1, kept)
    both = np.maximum(linear(weights, "joint", np.hstack([z, y])), 0)
    return sigmoid(linear(weights, "out", drop(both, us, 2, kept)))


def d_by_hand(weights, x, labels, us=None, kept=0.7):
    def maxout(name, x, pieces):  # neighbours belong to one unit
        x = linear(weights, name, x)
        return np.maximum.reduce([x[:, k::pieces] for k in range(pieces)])

    x = drop(maxout("x", x, 5), us, 0, kept)
    y = drop(maxout("y", one_hot(labels), 5), us, 1, kept)
    both = drop(maxout("joint", np.hstack([x, y]), 4), us, 2, kept)
    return sigmoid(linear(weights, "out", both))


def us_of(batch, of):
    return [batch[f"u_{of}_{i}"] for i in range(3)]


@pytest.fixture
def gan():
    # With .5, nobody would see the share that stays taken for the one that goes.
    rates = {"dropout_rate": 0.3, "g_dropout_rate": 0.2}
    return cases.build("cgan", d_weight_limit=1.0, g_weight_limit=1.0, **rates)


@pytest.fixture
def batch(gan):
    made = stepping.batch_of(gan, (28, 28, 1), N, np.random.default_rng(0))
    return made | {"label": LABELS}


def test_both_losses_are_the_papers_with_the_same_labels_in_g_and_d(gan, batch):
    x = (batch["x"].reshape(N, 784) + 1) / 2
    fake = g_by_hand(gan.g, batch["z_d"], LABELS, us_of(batch, "g_for_d"))
    on_real = d_by_hand(gan.d, x, LABELS, us_of(batch, "d_real"))
    on_fake = d_by_hand(gan.d, fake, LABELS, us_of(batch, "d_fake"))
    assert min(on_real.std(), on_fake.std()) > 0.1
    found = gan.d_step(batch)
    expected = -np.log(on_real).mean() - np.log(1 - on_fake).mean()
    np.testing.assert_allclose(found["d_loss"], expected, rtol=1e-4)
    fake = g_by_hand(gan.g, batch["z_g"], LABELS, us_of(batch, "g_for_g"))
    on_fake = d_by_hand(gan.d, fake, LABELS, us_of(batch, "d_for_g"))
    np.testing.assert_allclose(gan.g_step(batch)["g_loss"], -np.log(on_fake).mean(), rtol=1e-4)


def test_samples_and_scores_are_without_dropout_and_in_the_engines_range(gan, batch):
    (sampler,) = gan.samplers()
    given = {"z": tf.constant(batch["z_d"]), "label": tf.constant(LABELS)}
    samples = sampler.generate(given)
    pixels = g_by_hand(gan.g, batch["z_d"], LABELS)
    np.testing.assert_allclose(samples.numpy().reshape(N, 784), 2 * pixels - 1, atol=1e-5)
    scores = sampler.score(samples, {"label": tf.constant(LABELS)})
    np.testing.assert_allclose(sigmoid(scores), d_by_hand(gan.d, pixels, LABELS)[:, 0], rtol=1e-3)


def test_samples_may_keep_gs_dropout_which_is_then_drawn_with_them():
    rates = {"g_dropout_rate": 0.2, "g_weight_limit": 1.0}
    gan = cases.build("cgan", sample_dropout=True, **rates)
    (sampler,) = gan.samplers()
    drawn = {f"u_sample_{i}": Uniform([n], 0.0, 1.0) for i, n in enumerate(gan.g_hidden)}
    assert dict(sampler.given) == {"z": gan.z, "label": Classes(10)} | drawn
    rng = np.random.default_rng(0)
    z = rng.random((N, 4), np.float32)
    us = [rng.random((N, units), np.float32) for units in gan.g_hidden]
    given = {"z": z, "label": LABELS} | {f"u_sample_{i}": u for i, u in enumerate(us)}
    samples = sampler.generate({name: tf.constant(one) for name, one in given.items()})
    pixels = g_by_hand(gan.g, z, LABELS, us)
    np.testing.assert_allclose(samples.numpy().reshape(N, 784), 2 * pixels - 1, atol=1e-5)
    assert np.abs(pixels - g_by_hand(gan.g, z, LABELS)).max() > 0.01


@pytest.mark.parametrize("network", ["g", "d"])
def test_neither_network_is_without_the_label(gan, batch, network):
    (sampler,) = gan.samplers()
    z, x = tf.constant(batch["z_d"][:1]), tf.constant(batch["x"][:1])

    def output(label):
        label = tf.constant([label])
        made = sampler.generate({"z": z, "label": label})
        return (made if network == "g" else sampler.score(x, {"label": label})).numpy()

    outputs = [output(label) for label in range(10)]
    differences = [np.abs(a - b).max() for i, a in enumerate(outputs) for b in outputs[:i]]
    assert min(differences) > 1e-4


def test_labels_in_training_are_those_of_the_images_and_in_samples_all_as_likely(gan):
    inputs = stepping.inputs(gan)
    assert inputs["x"] == Real("x") and inputs["label"] == Real("label")
    assert not any(isinstance(draw, Classes) for draw in inputs.values())
    (sampler,) = gan.samplers()
    assert dict(sampler.given) == {"z": Uniform([4], 0.0, 1.0), "label": Classes(10)}
    passes = {name.rpartition("_")[0] for name in inputs if name.startswith("u_")}
    assert passes == {"u_g_for_d", "u_g_for_g", "u_d_real", "u_d_fake", "u_d_for_g"}


def test_y_has_as_many_components_as_the_data_have_classes():
    fields = Fields({"x": (8, 8, 1), "label": ()}, {"label": 3})
    gan = gans.build(cgan, cases.small_config("cgan"), fields, seed=0)
    assert gan.g["y_w"].shape == [3, 5] and gan.d["y_w"].shape == [3, 4 * 5]
    with pytest.raises(InputError, match="cgan needs the field label"):
        gans.build(cgan, cgan.Config(), Fields({"x": (28, 28, 1)}), seed=0)


# ---------------------------------------------------------------- settings


@pytest.fixture(scope="module")
def whole():
    """With the paper's settings."""
    return gans.build(cgan, cgan.Config(), FIELDS, seed=0)


def test_parameters_are_as_many_as_counted_by_hand(whole):
    g = (100 * 200 + 200) + (10 * 1000 + 1000) + (1200 * 1200 + 1200) + (1200 * 784 + 784)
    d = (784 * 1200 + 1200) + (10 * 250 + 250) + (290 * 960 + 960) + (240 + 1)
    for weights, expected in ((whole.g, g), (whole.d, d)):
        assert sum(v.shape.num_elements() for v in weights.values()) == expected
        assert f"{expected:,}" in cgan.__doc__


def test_first_weights_are_those_of_the_first_gans_program(whole):
    for weights, limit in ((whole.g, 0.05), (whole.d, 0.005)):
        for name, v in weights.items():
            largest = np.abs(v.numpy()).max()
            assert largest == 0 if name.endswith("_b") else 0.9 * limit < largest < 1.001 * limit


@pytest.mark.parametrize(("t", "mu"), [(0, 0.5), (62_250, 0.6), (124_500, 0.7), (300_000, 0.7)])
def test_rate_and_momentum_change_as_the_paper_says(whole, t, mu):
    for optimizer in (whole.d_optimizer, whole.g_optimizer):
        optimizer.iterations.assign(t)
        optimizer.update([tf.zeros_like(v) for v in optimizer.trained])
        expected = max(0.1 / 1.00004**t, 1e-6)  # ten times as fast as the first GAN's
        np.testing.assert_allclose(optimizer.learning_rate, expected, rtol=1e-5)
        np.testing.assert_allclose(optimizer.mu, mu, rtol=1e-4)
