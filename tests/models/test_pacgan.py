"""PacGAN: what a pack is, how single examples are scored, the networks."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow.interface import gans, tables
from ganflow.interface.fields import Fields
from ganflow.models import pacgan
from tests import cases
from tests.test_every_model import drawn

every_pac = pytest.mark.parametrize("pac", [1, 2, 3])
POINTS = Fields({"x": (2,)})


def in_numpy(weights, packs, pieces):
    """D on packs [n, 2 m], layer by layer: logits [n]."""
    x = np.asarray(packs, np.float64)
    for i in range(len(weights) // 2 - 1):
        x = x @ weights[f"w_{i}"].numpy() + weights[f"b_{i}"].numpy()
        x = x.reshape(len(x), -1, pieces).max(axis=2)
    return (x @ weights["out_w"].numpy() + weights["out_b"].numpy())[:, 0]


def widened(gan):
    """The same with larger weights: at .02, D says nearly 0 to everything."""
    for v in gan.d_variables:
        v.assign(20.0 * v)
    return gan


# ---------------------------------------------------------------- training


@every_pac
def test_losses_are_those_of_packs_of_m_all_real_or_all_generated(pac):
    gan, config = widened(cases.build("pacgan", pac=pac)), cases.small_config("pacgan", pac=pac)
    batch = drawn(gan, cases.dataset_of("pacgan"), config, 0)
    n = config.batch_size
    reals = np.concatenate([batch[f"x_{i}"] for i in range(pac)])  # n m of them
    assert reals.shape == (n * pac, 2) and len(np.unique(reals, axis=0)) == n * pac
    assert batch["z"].shape == (n * pac, config.z_size)
    fake = pacgan.generator(gan.g, batch["z"], "batch").numpy()
    real_logits = in_numpy(gan.d, reals.reshape(n, 2 * pac), config.pieces)
    fake_logits = in_numpy(gan.d, fake.reshape(n, 2 * pac), config.pieces)
    expected = np.log1p(np.exp(-real_logits)).mean() + np.log1p(np.exp(fake_logits)).mean()
    found = gan.d_step(batch)
    assert float(found["d_loss"]) == pytest.approx(expected, rel=1e-5)
    assert float(found["d_real"]) == pytest.approx(
        (1 / (1 + np.exp(-real_logits))).mean(), rel=1e-5
    )
    fake_logits = in_numpy(gan.d, fake.reshape(n, 2 * pac), config.pieces)  # D has moved
    expected = np.log1p(np.exp(-fake_logits)).mean()
    assert float(gan.g_step(batch)["g_loss"]) == pytest.approx(expected, rel=1e-5)


def test_d_and_g_see_the_same_z_as_in_the_program():
    inputs = cases.build("pacgan", pac=3).schedule().phases[0].inputs
    assert list(inputs) == ["x_0", "x_1", "x_2", "z"]
    assert inputs["z"].times == 3 and [inputs[f"x_{i}"].batch for i in range(3)] == [0, 1, 2]


def test_d_can_see_in_a_pack_what_no_single_example_shows():
    """Real points are -1 or 1, in packs of all kinds; a G that always gives the same is caught."""
    gan = cases.build("pacgan", pac=2, d_learning_rate=0.01, d_hidden=(16, 16))
    rng = np.random.default_rng(0)
    for v in gan.d_variables:
        v.assign(5.0 * v)
    sides = tf.constant(rng.choice([-1.0, 1.0], [64, 1]) * np.ones([1, 2]), tf.float32)
    mixed, alike = tf.reshape(tf.stack([sides, -sides], 1), [-1, 2]), tf.repeat(sides, 2, axis=0)

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.nn.softplus(-gan._judge(mixed)))
            loss += tf.reduce_mean(tf.nn.softplus(gan._judge(alike)))
        gan.d_optimizer.update(tape.gradient(loss, gan.d_variables))
        return loss

    losses = [float(step()) for _ in range(150)]
    assert losses[0] > 1.3 and losses[-1] < 0.1


# ---------------------------------------------------------------- scores of single examples


@every_pac
def test_an_example_is_judged_with_those_that_follow_it(pac):
    gan = widened(cases.build("pacgan", pac=pac))
    x = np.random.default_rng(1).standard_normal([5, 2]).astype(np.float32)
    packs = [np.concatenate([x[(i + j) % 5] for j in range(pac)]) for i in range(5)]
    expected = in_numpy(gan.d, np.stack(packs), gan.config.pieces)
    found = gan.score(tf.constant(x), {})
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    assert np.ptp(expected) > 0.1
    loss = np.log1p(np.exp(-expected)).mean()
    assert float(gan.g_loss(tf.constant(x))) == pytest.approx(loss, rel=1e-5)


def test_with_one_sample_a_pack_g_loss_is_that_of_the_step():
    gan, config = cases.build("pacgan", pac=1), cases.small_config("pacgan", pac=1)
    batch = drawn(gan, cases.dataset_of("pacgan"), config, 0)
    expected = float(gan.g_loss(pacgan.generator(gan.g, batch["z"], "batch")))
    assert float(gan.g_step(batch)["g_loss"]) == pytest.approx(expected, rel=1e-6)


def test_samples_do_not_depend_on_each_other():
    gan = cases.build("pacgan")
    z = tf.constant(np.random.default_rng(2).standard_normal([6, 4]), tf.float32)
    alone = gan.generate({"z": z[2:3]})
    np.testing.assert_allclose(gan.generate({"z": z})[2:3], alone, rtol=1e-5, atol=1e-7)


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize(
    ("pac", "of_d"),
    # G: 2 x 400, 3 x 400 x 400, four norms of 4 x 400, 400 x 2 + 2; 4 x 2 x 400 not trained.
    # D: 2 m x 1000 + 1000, twice 200 x 1000 + 1000, 200 + 1.
    [(1, "405,201"), (2, "407,201"), (4, "411,201")],
)
def test_totals(pac, of_d):
    text = tables.table(gans.build(pacgan, pacgan.Config(pac=pac), POINTS, 0), POINTS)
    lines = text.splitlines()
    found = [line.split()[-1] for line in lines if line.startswith("Total")]
    assert found == ["488,002", of_d]
    assert [line.split()[-1] for line in lines if line.startswith("Trainable")] == ["3,200", "0"]
    assert "488,002" in pacgan.__doc__ and "407,201" in pacgan.__doc__


def test_settings_are_the_programs():
    config = pacgan.Config()
    assert (config.g_hidden, config.d_hidden, config.pieces) == ((400,) * 4, (200,) * 3, 5)
    assert (config.d_learning_rate, config.g_learning_rate, config.beta_1) == (1e-4, 1e-4, 0.8)
    assert (config.batch_size, config.z_size) == (100, 2)
    gan = gans.build(pacgan, config, POINTS, 0)
    weights = [v.numpy() for v in gan.trainable_variables]
    matrices = np.concatenate([w.ravel() for w in weights if w.ndim == 2])
    assert matrices.std() == pytest.approx(0.02, rel=0.01)
    assert np.abs(matrices).max() > 0.08  # tails and all
    assert not [name for name in gan.g if name.startswith("b_")]
