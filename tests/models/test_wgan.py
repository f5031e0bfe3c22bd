"""WGAN: the clip, the long steps, the sign of the estimate, both kinds of networks."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow.base.errors import InputError
from ganflow.interface import gans, tables
from ganflow.interface.fields import Fields
from ganflow.lab import stepping
from ganflow.models import wgan
from ganflow.nn import optimizers
from tests import cases
from tests.test_every_model import drawn, trained_by_hand

archs = pytest.mark.parametrize("arch", ["conv", "mlp"])
CLIP = 0.01


def largest(variables):
    return max(float(tf.reduce_max(tf.abs(v))) for v in variables)


# ---------------------------------------------------------------- the clip


@archs
def test_no_weight_of_the_critic_is_beyond_the_clip_after_any_update(arch, monkeypatch):
    """Gammas, betas and biases included; nor before the first one."""
    gan = cases.build("wgan", arch=arch, clip=CLIP)
    bound = np.float32(CLIP)
    assert largest(gan.d_variables) == bound  # it was drawn much wider
    seen, clip = [], optimizers.clip_weights

    def watched(weights, limit):
        before = largest(weights)
        clip(weights, limit)
        seen.append((before, largest(weights)))

    monkeypatch.setattr(optimizers, "clip_weights", watched)
    config = cases.small_config("wgan", arch=arch, clip=CLIP)
    for step in range(2):  # a long step and a usual one
        batch = drawn(gan, cases.dataset_of("wgan"), config, step)
        for update in gan.schedule().phases[step].updates:
            update(batch)
            assert largest(gan.d_variables) <= bound
    assert len(seen) == 3 + 2  # once an update
    assert all(before > bound >= after for before, after in seen)


def test_neither_g_nor_moving_statistics_are_clipped():
    gan = trained_by_hand("wgan", steps=2, clip=CLIP)
    assert largest(gan.g_variables) > 10 * CLIP
    moving = [v for name, v in gan.d.items() if name.endswith("_variance")]
    assert len(moving) == 2 and all(float(tf.reduce_min(v)) > CLIP for v in moving)


def test_a_compiled_long_step_keeps_the_critic_within_the_clip_and_is_the_one_by_hand():
    changes = {"arch": "mlp", "clip": CLIP, "long_critic": 4}
    batch = drawn(
        cases.build("wgan"), cases.dataset_of("wgan"), cases.small_config("wgan", **changes), 0
    )
    batch = {name: batch[name] * 2 for name in ("x", "z_critic")}  # four and more, for the loop
    gans_of = [cases.build("wgan", **changes) for _ in range(2)]
    gans_of[0].critic_step(batch)
    tf.function(gans_of[1].critic_step, autograph=False, jit_compile=True)(batch)
    for by_hand, compiled in zip(*(gan.d_variables for gan in gans_of), strict=True):
        np.testing.assert_allclose(compiled, by_hand, atol=2e-5)
    for gan in gans_of:
        assert largest(gan.d_variables) <= np.float32(CLIP)
        assert int(gan.d_optimizer.iterations) == 6


# ---------------------------------------------------------------- long steps


def critic_updates(count, **changes):
    """Critic updates in each of the first so many steps."""
    schedule = cases.build("wgan", **changes).schedule()
    return [schedule.phases[schedule.at(step)[0]].repeats for step in range(count)]


def test_long_steps_are_those_of_the_authors_program():
    config = wgan.Config()
    paper = {name: getattr(config, name) for name in ("long_critic", "long_steps", "long_every")}
    found = critic_updates(1_502, n_critic=config.n_critic, **paper)
    expected = [100 if i < 25 or i % 500 == 0 else 5 for i in range(1_502)]
    assert found == expected


@pytest.mark.parametrize(
    ("long_steps", "long_every", "expected"),
    [
        (0, 0, [2, 2, 2, 2, 2, 2]),
        (2, 0, [7, 7, 2, 2, 2, 2]),
        (0, 3, [7, 2, 2, 7, 2, 2]),
        (1, 3, [7, 2, 2, 7, 2, 2]),
        (3, 3, [7, 7, 7, 7, 2, 2]),
        (5, 3, [7, 7, 7, 7, 2, 2]),
        (1, 1, [7, 7, 7, 7, 7, 7]),
    ],
)
def test_long_steps_of_any_number(long_steps, long_every, expected):
    settings = {"long_steps": long_steps, "long_every": long_every, "long_critic": 7}
    assert critic_updates(6, n_critic=2, **settings) == expected


def test_every_critic_update_sees_images_and_z_of_its_own():
    config = cases.small_config("wgan", long_critic=5)
    batch = drawn(cases.build("wgan", long_critic=5), cases.dataset_of("wgan"), config, 0)
    for name in ("x", "z_critic"):
        assert len(batch[name]) == 5
        flat = np.concatenate(batch[name]).reshape(5 * config.batch_size, -1)
        assert len(np.unique(flat, axis=0)) == len(flat)
    assert not np.isin(np.concatenate(batch["z_critic"]), batch["z_g"]).any()


@pytest.mark.slow
def test_a_lab_can_step_through_a_long_step():
    config = cases.small_config("wgan", arch="mlp", long_critic=4)
    gan = cases.build("wgan", arch="mlp", long_critic=4)
    of = stepping.Lab("wgan", gan, config, cases.dataset_of("wgan"), seed=0)
    report = of.train("critic_step", 1)
    assert int(gan.d_optimizer.iterations) == 4
    assert all(change.moved for name, change in report.weights["critic"].items() if name != "b_3")
    assert not any(change.moved for change in report.weights["generator"].values())


# ---------------------------------------------------------------- losses and their rule


def in_numpy(weights, x):
    """The dense critic, layer by layer."""
    for i in range(3):
        x = np.maximum(x @ weights[f"w_{i}"].numpy() + weights[f"b_{i}"].numpy(), 0)
    return x @ weights["w_3"].numpy() + weights["b_3"].numpy()


def test_the_estimate_is_mean_real_minus_mean_fake_and_no_sigmoid_is_on_it():
    changes = {"arch": "mlp", "clip": 0.5, "long_steps": 0, "n_critic": 1}
    gan, config = cases.build("wgan", **changes), cases.small_config("wgan", **changes)
    gan.d["b_3"].assign([30.0])  # a sigmoid would end at 1
    batch = drawn(gan, cases.dataset_of("wgan"), config, 0)
    x = batch["x"][0].numpy().reshape(8, -1)
    fake = gan._generator(batch["z_critic"][0], "batch").numpy().reshape(8, -1)
    real_scores, fake_scores = in_numpy(gan.d, x), in_numpy(gan.d, fake)
    found = {name: float(value) for name, value in gan.critic_step(batch).items()}
    assert found["d_real"] == pytest.approx(real_scores.mean(), rel=1e-5) and found["d_real"] > 20
    assert found["d_fake"] == pytest.approx(fake_scores.mean(), rel=1e-5)
    estimate = real_scores.mean() - fake_scores.mean()
    assert found["wasserstein_estimate"] == pytest.approx(estimate, rel=1e-3)
    assert found["d_loss"] == pytest.approx(-estimate, rel=1e-3)
    fake = gan._generator(batch["z_g"], "batch").numpy().reshape(8, -1)
    expected = -in_numpy(gan.d, fake).mean()
    assert float(gan.g_step(batch)["g_loss"]) == pytest.approx(expected, rel=1e-5)


@archs
def test_the_critic_learns_to_score_real_images_higher(arch):
    changes = {"arch": arch, "long_critic": 30, "critic_learning_rate": 1e-3}
    gan, config = cases.build("wgan", **changes), cases.small_config("wgan", **changes)
    batch = drawn(gan, cases.dataset_of("wgan"), config, 0)
    step = tf.function(gan.critic_step, autograph=False)
    first, last = (float(step(batch)["wasserstein_estimate"]) for _ in range(2))
    assert 0 < first < last


def test_both_are_moved_by_pytorchs_rms_prop_without_momentum():
    config = wgan.Config()
    assert (config.critic_learning_rate, config.g_learning_rate) == (5e-5, 5e-5)
    assert (config.clip, config.n_critic, config.batch_size) == (0.01, 5, 64)
    gan = cases.build("wgan")
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        assert type(optimizer) is optimizers.RMSProp
        assert (optimizer.rho, optimizer.epsilon, optimizer.in_root) == (0.99, 1e-8, False)


# ---------------------------------------------------------------- networks


@pytest.mark.parametrize(
    ("arch", "totals", "not_trainable"),
    [
        # conv G: 100 x 4096 + 4096, its norm 4 x 4096; 25 x 256 x 128 + 128, 4 x 128;
        # 25 x 128 x 64 + 64, 4 x 64; 25 x 64 + 1. Not trained: 2 x (4096 + 128 + 64).
        # conv D: 25 x 64 + 64; 25 x 64 x 128 + 128, 4 x 128; 25 x 128 x 256 + 256, 4 x 256;
        # 4096 + 1. Not trained: 2 x (128 + 256).
        ("conv", ["1,456,641", "1,031,681"], ["8,576", "768"]),
        # mlp: 100 x 512 + 512, twice 512 x 512 + 512, 512 x 784 + 784; and from 784 to 1.
        ("mlp", ["979,216", "927,745"], ["0", "0"]),
    ],
)
def test_totals(arch, totals, not_trainable):
    fields = Fields({"x": (28, 28, 1)})
    text = tables.table(gans.build(wgan, wgan.Config(arch=arch), fields, 0), fields)
    lines = text.splitlines()
    found = [line.split()[-1] for line in lines if line.startswith("Total")]
    assert found == totals
    assert [line.split()[-1] for line in lines if line.startswith("Trainable")] == not_trainable
    for total in totals:
        assert total in wgan.__doc__


def test_the_critics_first_convolution_has_no_batch_norm_and_its_last_layer_neither():
    gan = cases.build("wgan")
    norms = [name for name in gan.d if name.endswith("_gamma")]
    assert norms == ["norm_1_gamma", "norm_2_gamma"]
    assert [name for name in gan.g if name.endswith("_gamma")] == [
        "norm_in_gamma", "norm_0_gamma", "norm_1_gamma",
    ]  # fmt: skip


def test_real_and_fake_images_are_normed_apart():
    """The scores of real images do not depend on which fake ones are in the step."""
    gan, config = cases.build("wgan"), cases.small_config("wgan")
    batch = drawn(gan, cases.dataset_of("wgan"), config, 0)
    x = batch["x"][0]
    expected = float(tf.reduce_mean(wgan.conv_critic(gan.d, x, "batch")))
    found = gan._critic_update(x, 5.0 * batch["z_critic"][0])
    assert float(found["d_real"]) == pytest.approx(expected, rel=1e-5)


def test_dense_samples_are_cut_off_where_they_are_shown_and_not_where_they_train():
    gan = cases.build("wgan", arch="mlp")
    gan.g["b_3"].assign(tf.fill([784], 3.0))
    z = tf.ones([2, 4])
    assert float(tf.reduce_max(gan._generator(z, "batch"))) > 2
    assert float(tf.reduce_max(gan.generate({"z": z}))) == 1.0


def test_convolutions_take_images_of_28x28_and_dense_layers_any():
    fields = Fields({"x": (8, 8, 1)})
    with pytest.raises(InputError, match="wgan trains on images of 28x28 .or --arch=mlp., not on"):
        gans.build(wgan, wgan.Config(), fields, 0)
    gan = gans.build(wgan, wgan.Config(arch="mlp", width=4), fields, 0)
    assert gan.generate({"z": tf.zeros([2, 100])}).shape == (2, 8, 8, 1)
