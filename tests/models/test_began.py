"""BEGAN: the error and where its gradient goes, k and its balance, rates, networks."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow.base.errors import InputError
from ganflow.interface import gans, tables
from ganflow.interface.fields import Fields
from ganflow.models import began
from ganflow.nn import layers, optimizers, replicas
from tests import cases
from tests.test_every_model import drawn

IMAGES = Fields({"x": (28, 28, 1)})
SMALL = Fields({"x": (8, 8, 1)})  # one block: fast


def tiny(**changes):
    """On images of 8x8."""
    return gans.build(began, cases.small_config("began", width=3, **changes), SMALL, seed=0)


def batch_of(n=4, seed=0):
    rng = np.random.default_rng(seed)
    batch = {"x": rng.uniform(-1, 1, [n, 8, 8, 1])}
    batch |= {name: rng.uniform(-1, 1, [n, 4]) for name in ("z_d", "z_g")}
    return {name: tf.constant(value, tf.float32) for name, value in batch.items()}


def error(gan, x):
    """mean |x - D(x)| in NumPy: no root, no sum, no square."""
    return np.abs(x - began.discriminator(gan.d, x, gan.sides).numpy()).mean()


# ---------------------------------------------------------------- losses


def test_losses_are_mean_absolute_errors_and_d_weighs_that_of_fakes_by_k():
    gan, batch = tiny(), batch_of()
    gan.k.assign(0.75)
    real = error(gan, batch["x"].numpy())
    fake = error(gan, began.generator(gan.g, batch["z_d"], gan.sides).numpy())
    found = {name: float(v) for name, v in gan.d_step(batch).items()}
    assert found["d_loss"] == pytest.approx(real - 0.75 * fake, rel=1e-5)
    assert (found["d_real"], found["d_fake"]) == pytest.approx((real, fake), rel=1e-5)
    expected = error(gan, began.generator(gan.g, batch["z_g"], gan.sides).numpy())  # z_g, not z_d
    assert float(gan.g_step(batch)["g_loss"]) == pytest.approx(expected, rel=1e-5)


def test_gs_gradient_flows_through_the_image_and_through_what_d_makes_of_it():
    """By a shift of all pixels, which is G's last bias: mean sign(v - D(v)) (1 - dD(v)/dshift)."""
    gan, batch = tiny(), batch_of()
    for v in gan.d_variables:
        v.assign(2.0 * v)  # a D whose output follows its input
    fake = began.generator(gan.g, batch["z_g"], gan.sides)
    with tf.GradientTape() as tape:
        tape.watch(fake)
        rebuilt = began.discriminator(gan.d, fake, gan.sides)
        sign = tf.stop_gradient(tf.sign(fake - rebuilt))
        through_d = tf.reduce_mean(sign * rebuilt)
    direct = float(tf.reduce_mean(sign))  # all there is with D's output, or the image, held still
    by_d = float(tf.reduce_sum(tape.gradient(through_d, fake)))
    assert abs(by_d) > 1e-3 and abs(direct) > 1e-3
    with optimizers.recorded_updates() as rows:
        gan.g_step(batch)
    gradients = zip(gan.g_variables, rows[0].gradients, strict=True)
    (found,) = (float(g[0]) for v, g in gradients if v is gan.g["out_b"])
    assert found == pytest.approx(direct - by_d, rel=1e-4)


# ---------------------------------------------------------------- k


def test_k_and_convergence_by_hand():
    # gamma .5: .5 x .4 - .1 = .1, so k rises by lambda .1 and M = .4 + .1; with L(G(z)) = .5 the
    # balance is -.3: k falls by lambda .3, and M = .4 + .3.
    k = tf.constant(0.2)
    assert float(began.next_k(k, 0.4, 0.1, 0.5, 0.1)) == pytest.approx(0.21)
    assert float(began.next_k(k, 0.4, 0.5, 0.5, 0.1)) == pytest.approx(0.17)
    assert float(began.convergence(0.4, 0.1, 0.5)) == pytest.approx(0.5)
    assert float(began.convergence(0.4, 0.5, 0.5)) == pytest.approx(0.7)
    assert float(began.next_k(k, 0.4, 0.5, 0.5, 10.0)) == 0.0  # held within [0, 1]
    assert float(began.next_k(k, 0.4, 0.1, 0.5, 10.0)) == 1.0


def test_k_starts_at_0_and_follows_the_balance_of_the_step():
    gan, batch = tiny(lambda_k=0.5, gamma=0.5), batch_of()
    assert float(gan.k) == 0.0
    k = 0.0
    for _ in range(3):
        real = error(gan, batch["x"].numpy())  # before D moves
        of_d = gan.d_step(batch)
        of_g = {name: float(v) for name, v in gan.g_step(batch).items()}
        assert float(of_d["d_real"]) == pytest.approx(real, rel=1e-5)
        balance = 0.5 * real - of_g["g_loss"]
        k = min(max(k + 0.5 * balance, 0.0), 1.0)
        assert k > 0 and of_g["k"] == pytest.approx(k, rel=1e-4) == float(gan.k)
        assert of_g["convergence"] == pytest.approx(real + abs(balance), rel=1e-4)


def test_k_is_a_variable_of_the_gan_and_so_checkpointed(tmp_path):
    gan = tiny()
    gan.k.assign(0.25)
    path = tf.train.Checkpoint(gan=gan).write(str(tmp_path / "checkpoint"))
    other = tiny()
    tf.train.Checkpoint(gan=other).read(path).assert_existing_objects_matched()
    assert float(other.k) == 0.25
    assert not [v for v in gan.trainable_variables if v is gan.k or v is gan.real_error]


@pytest.mark.slow
def test_replicas_have_one_k(two_replicas):
    """Each sees images of its own, one of them much better rebuilt than the other."""
    batch = batch_of()
    batch["x"] *= tf.reshape([0.1, 0.1, 1.0, 1.0], [4, 1, 1, 1])
    found = []
    for strategy in (tf.distribute.get_strategy(), two_replicas):
        with strategy.scope():
            gan = tiny(lambda_k=0.5)
        step = tf.function(
            lambda gan=gan, strategy=strategy: replicas.run(
                strategy, lambda share: gan.d_step(share) | gan.g_step(share), batch
            )
        )
        rows = [{name: float(v) for name, v in step().items()} for _ in range(2)]
        copies = [float(v) for v in strategy.experimental_local_results(gan.k)]
        assert len(set(copies)) == 1 and copies[0] > 0.01
        found.append((copies[0], rows[-1]))
    (one, one_row), (two, two_row) = found
    assert two == pytest.approx(one, rel=1e-4)
    assert two_row == pytest.approx(one_row, rel=1e-3)


# ---------------------------------------------------------------- rates


def test_rates_are_halved_every_so_often_and_end_at_the_lowest():
    config = began.Config()
    assert (config.halving_steps, config.lowest_learning_rate) == (100_000, 2e-5)
    gan = tiny(halving_steps=config.halving_steps, lowest_learning_rate=2e-5)
    rates = {0: 8e-5, 99_999: 8e-5, 100_000: 4e-5, 200_000: 2e-5, 400_000: 2e-5}
    for done, rate in rates.items():
        for optimizer, step in ((gan.d_optimizer, gan.d_step), (gan.g_optimizer, gan.g_step)):
            optimizer.iterations.assign(done)
            step(batch_of())
            assert float(optimizer.learning_rate) == pytest.approx(rate), done
            assert int(optimizer.iterations) == done + 1


# ---------------------------------------------------------------- networks and scores


def test_totals():
    # G: 64 x 6272 + 6272, six convolutions 9 x 128 x 128 + 128, 9 x 128 + 1.
    # D: 9 x 128 + 128; 128, 256, 384 maps: three, three and two convolutions; 18816 x 64 + 64;
    # and as G.
    gan = gans.build(began, began.Config(), IMAGES, 0)
    totals = [f"{tables.parameters(weights):,}" for weights in gan.networks.values()]
    assert totals == ["1,294,337", "6,630,593"]
    assert all(total in began.__doc__ for total in totals)


def test_layers_are_the_papers_elu_alone_and_linear_at_codes_and_ends():
    gan = gans.build(began, cases.small_config("began"), IMAGES, seed=0)
    half = ["linear", "reshape", *["conv", "elu"] * 2, *["upsample", *["conv", "elu"] * 2] * 2]
    ran = tables.layers_that_run(gan, IMAGES)
    assert [row.kind for row in ran["generator"]] == [*half, "conv"]
    encoder = ["conv", "elu"] * (1 + 3 + 3 + 2)
    assert [row.kind for row in ran["discriminator"]] == [
        *encoder, "flatten", "linear", *half, "conv",
    ]  # fmt: skip
    maps = [row.output.shape[1:].as_list() for row in ran["discriminator"] if row.kind == "conv"]
    assert maps[1:9] == [
        [28, 28, 8], [28, 28, 8], [14, 14, 8], [14, 14, 16], [14, 14, 16], [7, 7, 16],
        [7, 7, 24], [7, 7, 24],
    ]  # fmt: skip
    with layers.recorded_layers() as rows:
        began.generator(gan.g, tf.ones([3, 4]), gan.sides)
    assert all(float(tf.reduce_min(row.output)) < 0 for row in rows if row.kind == "elu")


def test_a_score_is_an_images_error_and_lower_is_more_real():
    gan, batch = tiny(), batch_of()
    (sampler,) = gan.samplers()
    assert (sampler.boundary, sampler.higher_is_real, sampler.scores_are_logits) == (
        None, False, False,
    )  # fmt: skip
    found = sampler.score(batch["x"], {}).numpy()
    expected = [error(gan, batch["x"][i : i + 1].numpy()) for i in range(4)]
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_samples_are_cut_off_where_they_are_shown_and_not_where_they_train():
    gan, z = tiny(), batch_of()["z_g"]
    gan.g["out_b"].assign([3.0])
    assert float(tf.reduce_min(began.generator(gan.g, z, gan.sides))) > 1
    np.testing.assert_array_equal(gan.generate({"z": z}), np.ones([4, 8, 8, 1]))


@pytest.mark.parametrize(
    ("side", "expected"), [(28, (28, 14, 7)), (64, (64, 32, 16, 8)), (32, (32, 16, 8)), (5, (5,))]
)
def test_sides_of_the_blocks(side, expected):
    assert began.sides(side, side) == expected


@pytest.mark.parametrize("shape", [(30, 30, 1), (28, 14, 1)])
def test_other_sides_are_refused(shape):
    with pytest.raises(InputError, match="began trains on square images that halve to 8x8 or"):
        gans.build(began, began.Config(), Fields({"x": shape}), 0)


def test_d_sees_other_z_than_g():
    batch = drawn(cases.build("began"), cases.dataset_of("began"), cases.small_config("began"), 0)
    assert not np.isin(batch["z_d"], batch["z_g"]).any()
