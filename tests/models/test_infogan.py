"""InfoGAN: what Q reads, who learns from it, and the mistakes that are made of it."""

import math

import numpy as np
import pytest
import tensorflow as tf
from convolving import (
    L,
    build,
    images,
    keras_norm,
    minimax,
    moved,
    noise,
    randomised,
    softplus,
    trainable,
    values_of,
)
from convolving import with_kernel as kernel

from ganflow.interface import tables, wiring
from ganflow.interface.fields import Fields
from ganflow.models import infogan
from ganflow.nn.draws import Real

SHAPE = (8, 8, 1)
FIELDS = Fields({"x": SHAPE})
SMALL = {"width": 4, "z_size": 5, "g_units": 6, "d_units": 7, "q_units": 5, "categories": 3}


@pytest.fixture
def gan():
    gan = build(infogan, FIELDS, **SMALL)
    for weights in gan.networks.values():
        for name, v in weights.items():
            if name.endswith("_w") or name in ("w_0", "w_1", "w_2"):
                v.assign(20 * v)  # so that outputs differ clearly
        randomised(weights)
    return gan


def given_of(n, seed=1):
    rng = np.random.default_rng(seed)
    codes = {f"code_{i}": rng.uniform(-1, 1, n).astype(np.float32) for i in (1, 2)}
    category = tf.constant(rng.integers(0, 3, n), tf.int32)
    return {"z": noise(n, 5, seed), "category": category, **codes}


def batch_of(n=6):
    given = given_of(n)
    return {"x": images(n)} | {f"{name}_{of}": v for of in "dg" for name, v in given.items()}


# ---------------------------------------------------------------- sizes and networks


def test_the_networks_have_as_many_parameters_as_the_docstring_says():
    full = build(infogan, Fields({"x": (28, 28, 1)}))
    dense = 74 * 1_024 + 2 * 1_024 + 1_024 * 6_272 + 2 * 6_272
    assert trainable(full.g) == dense + 16 * 128 * 64 + 2 * 64 + 16 * 64 + 1 == 6_645_121
    moving = 2 * (1_024 + 6_272 + 64)
    assert tables.parameters(full.g) == 6_645_121 + moving == 6_659_841
    kernels = 16 * 64 + 64 + 16 * 64 * 128 + 2 * 128
    trunk = kernels + 6_272 * 1_024 + 2 * 1_024
    assert tables.parameters(full.d) == trunk + 1_024 + 1 == 6_558_017
    own = 1_024 * 128 + 2 * 128 + 128 * 12 + 12
    assert tables.parameters(full.q) == trunk + own and own == 132_876
    for count in ("6,659,841", f"{moving:,}", "6,558,017", "132,876"):
        assert count in infogan.__doc__
    for name in ("conv_1_w", "w_2"):
        std = 0.02 * (0.8796 if "conv" in name else 1)  # cut off at two deviations
        assert full.d[name].numpy().std() == pytest.approx(std, rel=0.02), name


def test_the_generator_is_kerass_network(gan):
    given = given_of(6)
    codes = np.stack([given["code_1"], given["code_2"]], 1)
    x = np.concatenate([given["z"], np.eye(3, dtype=np.float32)[given["category"]], codes], 1)
    for i, units in enumerate((6, 32)):
        x = kernel(L.Dense(units, use_bias=False), gan.g[f"w_{i}"], x)
        x = tf.nn.relu(keras_norm(gan.g, f"norm_{i}", 1e-5, 2)(x, training=False))
    x = kernel(
        L.Conv2DTranspose(4, 4, 2, "same", use_bias=False),
        gan.g["deconv_2_w"],
        tf.reshape(x, [6, 2, 2, 8]),
    )
    x = tf.nn.relu(keras_norm(gan.g, "norm_2", 1e-5, 4)(x, training=False))
    x = kernel(L.Conv2DTranspose(1, 4, 2, "same", use_bias=False), gan.g["deconv_3_w"], x)
    expected = 2 * tf.sigmoid(x + gan.g["deconv_3_b"]) - 1  # out of the program's [0, 1]
    np.testing.assert_allclose(gan.generate(given), expected, atol=1e-5)


def read_by_keras(gan, x):
    """(D's logits, Q's logits of the category, Q's means of the codes) of images in [0, 1]."""
    leaky, q = L.LeakyReLU(negative_slope=0.1), gan.q
    x = kernel(L.Conv2D(4, 4, 2, "same", use_bias=False), q["conv_0_w"], x) + q["conv_0_b"]
    x = kernel(L.Conv2D(8, 4, 2, "same", use_bias=False), q["conv_1_w"], leaky(x))
    x = leaky(keras_norm(q, "norm_1", 1e-5, 4)(x, training=True))
    x = kernel(L.Dense(7, use_bias=False), q["w_2"], tf.reshape(x, [-1, 32]))
    features = leaky(keras_norm(q, "norm_2", 1e-5, 2)(x, training=True))
    logits = kernel(L.Dense(1, use_bias=False), gan.d["d_w"], features) + gan.d["d_b"]
    x = kernel(L.Dense(5, use_bias=False), q["q_0_w"], features)
    x = leaky(keras_norm(q, "q_norm_0", 1e-5, 2)(x, training=True))
    x = kernel(L.Dense(5, use_bias=False), q["q_1_w"], x) + q["q_1_b"]
    return logits.numpy(), x[:, :3].numpy(), x[:, 3:].numpy()


def test_the_discriminator_is_kerass_network(gan):
    x = images(6)
    expected, _, _ = read_by_keras(gan, (x + 1) / 2)
    np.testing.assert_allclose(gan.score(x, {}), expected[:, 0], atol=1e-5)


# ---------------------------------------------------------------- the losses


def information_of(category, codes, logits, means):
    """I's two parts, in NumPy's float64."""
    logits, means = logits.astype(np.float64), means.astype(np.float64)
    log_q = logits - np.log(np.exp(logits).sum(1, keepdims=True))  # one softmax
    of_category = math.log(3) + log_q[np.arange(len(log_q)), category].mean()
    return of_category, ((codes**2 - (codes - means) ** 2) / 2).sum(1).mean()


def test_the_losses_are_the_equations_and_information_stands_in_both(gan):
    batch = batch_of()
    given = {name: batch[f"{name}_d"] for name in gan.given}
    codes = np.stack([given["code_1"], given["code_2"]], 1)
    fake = gan._generate(given, "batch")
    real_logits, _, _ = read_by_keras(gan, (batch["x"] + 1) / 2)
    fake_logits, logits, means = read_by_keras(gan, fake)  # apart from the real ones
    of_category, of_codes = information_of(given["category"].numpy(), codes, logits, means)
    information = of_category + of_codes
    assert abs(information) > 0.01
    g = gan.g_step(dict(batch))  # moves G; D's and Q's step below has another fake
    assert float(g["g_loss"]) == pytest.approx(softplus(-fake_logits).mean() - information, 1e-4)

    fake_logits, logits, means = read_by_keras(gan, gan._generate(given, "batch"))
    of_category, of_codes = information_of(given["category"].numpy(), codes, logits, means)
    found = {name: float(value) for name, value in gan.d_step(batch).items()}
    expected = minimax(real_logits, fake_logits) - of_category - of_codes
    assert found["d_loss"] == pytest.approx(expected, rel=1e-4)
    assert found["information_category"] == pytest.approx(of_category, abs=1e-4)
    assert found["information_codes"] == pytest.approx(of_codes, abs=1e-4)


def test_information_is_all_or_nothing_where_q_knows_all_or_nothing(gan):
    """Nothing known: 0 nats, not log 10; the entropy is that of the draw, not of a one-hot."""
    given = given_of(600)
    for name in ("q_1_w", "q_1_b"):
        gan.q[name].assign(tf.zeros_like(gan.q[name]))
    fake = images(600)
    _, of_category, of_codes = gan._read(fake, given)
    assert float(of_category) == pytest.approx(0, abs=1e-6) and float(of_codes) == 0
    sure = tf.one_hot(given["category"], 3) * 50
    codes = tf.stack([given["code_1"], given["code_2"]], 1)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(infogan, "recognition", lambda *_: (sure, codes))
        _, of_category, of_codes = gan._read(fake, given)
    assert float(of_category) == pytest.approx(math.log(3))
    assert float(of_codes) == pytest.approx(2 / 6, abs=0.03)  # 1/6 a code


def test_lambda_weighs_information_in_both_losses():
    with_it, without = (
        build(infogan, FIELDS, **SMALL, information_weight=weight) for weight in (1.0, 0.0)
    )
    a, b = with_it.d_step(batch_of()), without.d_step(batch_of())
    information = float(a["information_category"] + a["information_codes"])
    assert float(b["d_loss"] - a["d_loss"]) == pytest.approx(information, abs=1e-5)
    first = values_of(without.q)
    without.d_step(batch_of())
    assert not {k for k in moved(first, without.q) if k.startswith("q_")}  # only lambda moves Q


# ---------------------------------------------------------------- who learns


def test_q_shares_ds_trunk_and_is_trained_with_it_by_ds_optimizer(gan):
    shared = {id(v) for v in gan.d.values()} & {id(v) for v in gan.q.values()}
    assert shared == {id(v) for k, v in gan.d.items() if not k.startswith("d_")}
    first = values_of(gan.d | gan.q)
    g_first = values_of(gan.g)
    gan.d_step(batch_of())
    assert moved(first, gan.d | gan.q) == set(first)
    assert moved(g_first, gan.g) == set()
    assert float(gan.d_optimizer.learning_rate) == pytest.approx(2e-4)
    assert float(gan.g_optimizer.learning_rate) == pytest.approx(1e-3)
    assert gan.d_optimizer.beta_1 == gan.g_optimizer.beta_1 == 0.5


def test_q_reads_the_fake_images_through_ds_trunk_and_no_real_ones(gan):
    d, g = wiring.wirings(gan, FIELDS)
    for found in (d, g):
        names = [node.name for node in found.nodes]
        edges = {(names[a], names[b]) for a, b in found.edges}
        assert {("generator", "discriminator"), ("discriminator", "recognition")} <= edges
        assert names.count("recognition") == 1  # of one pass alone, that on fake images
    assert d.moved == {"discriminator": "Adam", "recognition": "Adam"}
    assert g.moved == {"generator": "Adam"}


def test_information_reaches_the_trunk_and_g(gan):
    """Gradients of I alone, as in Q updated without the trunk, or not passed back into G."""
    given = given_of(6)
    for weights in (gan.q, gan.g):
        variables = [v for v in weights.values() if v.trainable]
        with tf.GradientTape() as tape:
            _, of_category, of_codes = gan._read(gan._generate(given, "batch"), given)
            information = of_category + of_codes
        for v, gradient in zip(variables, tape.gradient(information, variables), strict=True):
            assert gradient is not None and np.any(gradient != 0), v.name


def test_codes_are_drawn_and_no_label_is_seen(gan):
    """Real labels in the place of codes would make a classifier of Q (`SUPERVISED=True`)."""
    (phase,) = gan.schedule().phases
    assert phase.reals() == [Real("x")] and phase.repeats == 1
    assert phase.update_names == ("d_step", "g_step")  # on one minibatch
    assert {"category_d", "category_g", "code_1_d", "code_2_g"} <= set(phase.inputs)
    (sampler,) = gan.samplers()
    assert list(sampler.given) == ["z", "category", "code_1", "code_2"]
    assert sampler.given["category"].count == 3


@pytest.mark.parametrize("name", ["category", "code_1", "code_2"])
def test_every_code_matters_to_the_image_and_images_to_no_other(gan, name):
    given = given_of(6)
    first = gan.generate(given).numpy()
    changed = (given[name] + 1) % 3 if name == "category" else -given[name]
    # The first image's code alone:
    some = tf.concat([changed[:1], given[name][1:]], axis=0)
    now = gan.generate(given | {name: some}).numpy()
    assert np.abs(now[0] - first[0]).max() > 1e-3
    np.testing.assert_allclose(now[1:], first[1:], atol=1e-6)  # by moving statistics


def test_gs_moving_statistics_move_in_its_own_step_alone(gan):
    before = values_of(gan.g)
    gan.g_step(batch_of())
    assert moved(before, gan.g) == set(gan.g)
