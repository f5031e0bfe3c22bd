"""CycleGAN: who translates what, who judges it, the pools, and the mistakes that are made of it."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from convolving import L, build, images, moved, values_of, with_kernel

from ganflow.base.errors import InputError
from ganflow.interface import gans, tables
from ganflow.interface.fields import Fields
from ganflow.models import cyclegan
from ganflow.nn import layers

SHAPE = (12, 12, 1)
FIELDS = Fields({"a": SHAPE, "b": SHAPE})
SMALL = {"width": 3, "blocks": 1, "d_layers": 2, "pool_size": 4}


@pytest.fixture
def gan():
    return made()


def made(fields=FIELDS, **changes):
    """Of weights so large that outputs differ clearly, and biases that show."""
    gan = build(cyclegan, fields, **SMALL | changes)
    rng = np.random.default_rng(1)
    for weights in gan.networks.values():
        for name, v in weights.items():
            v.assign(rng.normal(0, 0.3, v.shape) if name.endswith("_b") else 5 * v)
    return gan


def batch_of(n=3, seed=0, a_shape=SHAPE, b_shape=SHAPE):
    rng = np.random.default_rng(seed)
    # The domains differ clearly: b has greys.
    drawn = {"a": images(n, seed, a_shape), "b": 0.3 * images(n, seed + 50, b_shape) + 0.6}
    for of in "ab":
        drawn[f"place_{of}"] = tf.constant(rng.integers(0, SMALL["pool_size"], n), tf.int32)
        drawn[f"u_{of}"] = tf.constant(rng.uniform(0, 1, n), tf.float32)
    return drawn


# ---------------------------------------------------------------- networks


def test_the_networks_have_as_many_parameters_as_the_docstring_says():
    full = build(cyclegan, Fields({"a": (28, 28, 1), "b": (28, 28, 1)}))
    trunk = 9 * (64 * 128 + 128 * 256) * 2 + 6 * 2 * 9 * 256 * 256
    g = 49 * 64 + trunk + 49 * 64 + 1
    d = 16 * (64 + 64 * 128 + 128 * 256 + 256 * 512 + 512) + 64 + 1
    assert [tables.parameters(w) for w in full.networks.values()] == [g, g, d, d]
    assert f"{g:,}" in cyclegan.__doc__ and f"{d:,}" in cyclegan.__doc__
    assert full.g_ab["block_0_0_w"].numpy().std() == pytest.approx(0.02, rel=0.01)


def test_at_256_pixels_the_networks_are_the_programs_but_for_biases_that_do_nothing():
    colour = Fields({"a": (256, 256, 3), "b": (256, 256, 3)})
    full = build(cyclegan, colour, blocks=9)
    totals = [tables.parameters(weights) for weights in full.networks.values()]
    g_biases = 64 + 128 + 256 + 9 * 2 * 256 + 128 + 64  # in front of an instance norm each
    assert totals[0] + g_biases == 11_378_179
    assert totals[2] + 128 + 256 + 512 == 2_764_737


def normed(x):
    """Keras's instance norm."""
    settings = {"groups": -1, "epsilon": 1e-5, "center": False, "scale": False}
    return L.GroupNormalization(**settings)(x)


def mirrored(x, margin):
    beside = (margin, margin)
    return np.pad(x, [(0, 0), beside, beside, (0, 0)], mode="reflect")


def by_keras(weights, x, blocks=1):
    """The generator."""

    def conv(name, x, side=3, stride=1):
        w = weights[f"{name}_w"]
        return with_kernel(L.Conv2D(w.shape[3], side, stride, use_bias=False), w, x)

    def down(name, x):
        return tf.nn.relu(normed(conv(name, L.ZeroPadding2D(1)(x), stride=2)))

    def up(name, x):
        w = weights[f"{name}_w"]
        # All that a stride of 2 paints; PyTorch's padding 1 and output padding 1 cut this off.
        whole = with_kernel(L.Conv2DTranspose(w.shape[2], 3, 2, use_bias=False), w, x)
        return tf.nn.relu(normed(whole[:, 1:, 1:]))

    x = tf.nn.relu(normed(conv("in", mirrored(x, 3), side=7)))
    x = down("down_1", down("down_0", x))
    for i in range(blocks):
        y = tf.nn.relu(normed(conv(f"block_{i}_0", mirrored(x, 1))))
        x = x + normed(conv(f"block_{i}_1", mirrored(y, 1)))
    x = up("up_1", up("up_0", x))
    return tf.tanh(conv("out", mirrored(x, 3), side=7) + weights["out_b"])


def test_the_generators_are_kerass_network_with_mirrored_edges_and_instance_norm():
    gan, x = made(blocks=2), images(3, shape=SHAPE)
    for weights, generate in ((gan.g_ab, gan.a_to_b), (gan.g_ba, gan.b_to_a)):
        found = generate(x).numpy()
        assert found.std() > 0.1
        np.testing.assert_allclose(found, by_keras(weights, x, blocks=2), atol=1e-4)


def judged_by_keras(weights, x):
    """The discriminator with two layers of stride 2: 12x12 -> 1x1."""
    for i, (stride, has_norm) in enumerate([(2, False), (2, True), (1, True), (1, False)]):
        w = weights[f"conv_{i}_w"]
        conv = L.Conv2D(w.shape[3], 4, stride, use_bias=False)
        x = with_kernel(conv, w, L.ZeroPadding2D(1)(x))
        x = normed(x) if has_norm else x + weights[f"conv_{i}_b"]
        x = keras.ops.leaky_relu(x, 0.2) if i < 3 else x
    return x.numpy()


def test_the_discriminators_are_kerass_network(gan):
    x = images(3, shape=SHAPE)
    for weights, name in ((gan.d_b, "a_to_b"), (gan.d_a, "b_to_a")):
        expected = judged_by_keras(weights, x)
        assert expected.shape == (3, 1, 1, 1) and expected.std() > 0.01
        (sampler,) = (s for s in gan.samplers() if s.name == name)
        np.testing.assert_allclose(sampler.score(x, {}), expected[:, 0, 0, 0], atol=1e-4)


@pytest.mark.parametrize(("d_layers", "pixels"), [(1, 16), (2, 34), (3, 70)])
def test_a_patch_is_16_34_or_70_pixels(monkeypatch, d_layers, pixels):
    """By what a score in the middle depends on, where no norm lets it see the whole image."""
    monkeypatch.setattr(layers, "instance_norm", lambda x: x)
    config = cyclegan.Config(width=1, d_layers=d_layers)
    weights = cyclegan.discriminator_weights(config, 1, np.random.default_rng(0))
    x = images(1, shape=(128, 128, 1))
    with tf.GradientTape() as tape:
        tape.watch(x)
        scores = cyclegan.discriminator(weights, x, d_layers, slope=0.2)
        middle = scores[0, scores.shape[1] // 2, scores.shape[2] // 2, 0]
    assert scores.shape == (1, *[128 // 2**d_layers - 2] * 2, 1)
    seen = np.any(tape.gradient(middle, x)[0, :, :, 0] != 0, axis=1)
    assert np.ptp(np.flatnonzero(seen)) + 1 == pixels


def test_an_image_is_translated_and_judged_apart_from_the_others_of_its_batch(gan):
    """As with an instance norm, and not with a batch norm."""
    x = images(3, shape=SHAPE)
    score = gan.samplers()[0].score
    for of_all, of_one in ((gan.a_to_b(x), gan.a_to_b(x[1:2])), (score(x, {}), score(x[1:2], {}))):
        np.testing.assert_allclose(of_all[1:2], of_one, atol=1e-5)


# ---------------------------------------------------------------- losses


def distance(x, y):
    return float(np.abs(np.float64(x) - np.float64(y)).mean())


def squares(scores, target):
    return float(((np.float64(scores) - target) ** 2).mean())


def test_each_generator_is_judged_by_the_other_domains_d_and_by_the_way_back(gan):
    batch = batch_of()
    a, b = batch["a"], batch["b"]
    fake_b, fake_a = by_keras(gan.g_ab, a), by_keras(gan.g_ba, b)
    adversarial = squares(judged_by_keras(gan.d_b, fake_b), 1)
    adversarial += squares(judged_by_keras(gan.d_a, fake_a), 1)
    cycle = distance(by_keras(gan.g_ba, fake_b), a) + distance(by_keras(gan.g_ab, fake_a), b)
    found = {name: float(v) for name, v in gan.g_step(batch).items()}
    assert found["adversarial_loss"] == pytest.approx(adversarial, rel=1e-3)
    assert found["cycle_loss"] == pytest.approx(cycle, rel=1e-3)
    assert found["g_loss"] == pytest.approx(adversarial + 10 * cycle, rel=1e-3)
    assert "identity_loss" not in found


def test_the_identity_loss_gives_each_generator_what_it_should_make():
    """G_ab is given b; a in its place is another number."""
    gan, batch = made(identity_weight=0.5), batch_of()
    a, b = batch["a"], batch["b"]
    expected = distance(by_keras(gan.g_ab, b), b) + distance(by_keras(gan.g_ba, a), a)
    wrong = distance(by_keras(gan.g_ab, a), a) + distance(by_keras(gan.g_ba, b), b)
    without = float(made().g_step(batch)["g_loss"])
    found = {name: float(v) for name, v in gan.g_step(batch).items()}
    assert found["identity_loss"] == pytest.approx(expected, rel=1e-3)
    assert abs(expected - wrong) > 0.01 * expected
    assert found["g_loss"] - without == pytest.approx(5 * expected, rel=1e-3)  # i lambda = 5


def test_weights_take_cycles_or_judgement_out_of_the_loss():
    batch = batch_of()
    alone = {name: float(v) for name, v in made(cycle_weight=0.0).g_step(batch).items()}
    assert alone["g_loss"] == pytest.approx(alone["adversarial_loss"])
    cycles = {name: float(v) for name, v in made(adversarial_weight=0.0).g_step(batch).items()}
    assert cycles["g_loss"] == pytest.approx(10 * cycles["cycle_loss"])
    assert cycles["adversarial_loss"] > 0


def test_each_d_knows_its_own_domain_from_fakes_of_it(gan):
    batch = batch_of()
    fake_b, fake_a = gan.a_to_b(batch["a"]), gan.b_to_a(batch["b"])  # the pools are not full
    expected = 0.0
    for d, real, fake in ((gan.d_a, batch["a"], fake_a), (gan.d_b, batch["b"], fake_b)):
        scores = judged_by_keras(d, real), judged_by_keras(d, fake)
        expected += (squares(scores[0], 1) + squares(scores[1], 0)) / 2
    found = {name: float(v) for name, v in gan.d_step(batch).items()}
    assert found["d_loss"] == pytest.approx(expected, rel=1e-3)
    # Of the main sampler's, D_b, which came last:
    assert (found["d_real"], found["d_fake"]) == pytest.approx([s.mean() for s in scores], abs=1e-3)


# ---------------------------------------------------------------- the pools


def test_d_sees_old_fakes_and_only_its_own_step_moves_the_pools():
    """With weights that stand still, so that every fake is known."""
    gan = made(g_learning_rate=0.0, d_learning_rate=0.0, pool_size=3)
    first, second = batch_of(seed=1), batch_of(seed=2)
    gan.g_step(first)
    assert int(gan.pool_a.filled) == int(gan.pool_b.filled) == 0
    gan.d_step(first)
    old = gan.a_to_b(first["a"])
    np.testing.assert_array_equal(gan.pool_b.images, old)
    np.testing.assert_array_equal(gan.pool_a.images, gan.b_to_a(first["b"]))
    place = tf.constant([2, 0, 1])
    draws = {"u_a": tf.zeros([3]), "u_b": tf.ones([3]), "place_a": place, "place_b": place}
    found = gan.d_step(second | draws)
    fake_a = gan.b_to_a(second["b"])
    assert float(found["d_fake"]) == pytest.approx(gan.judge_b(old).numpy().mean(), rel=1e-4)
    of_a = gan.judge_a(second["a"]), gan.judge_a(fake_a)  # new ones
    of_b = gan.judge_b(second["b"]), gan.judge_b(old)
    expected = sum(squares(real, 1) / 2 + squares(fake, 0) / 2 for real, fake in (of_a, of_b))
    assert float(found["d_loss"]) == pytest.approx(expected, rel=1e-4)
    new = gan.a_to_b(second["a"]).numpy()
    np.testing.assert_array_equal(gan.pool_b.images, new[[1, 2, 0]])


def test_each_pool_is_drawn_from_on_its_own(gan):
    (phase,) = gan.schedule().phases
    assert phase.update_names == ("g_step", "d_step")
    for name in ("place_a", "place_b"):
        assert phase.inputs[name].count == 4 and phase.inputs[name].shape == ()
    for name in ("u_a", "u_b"):
        assert (phase.inputs[name].low, phase.inputs[name].high) == (0.0, 1.0)


def test_the_pools_keep_the_model_to_one_replica(two_replicas):
    says = "cyclegan trains on one replica, for its pools of images are one; give --num_replicas=1"
    with two_replicas.scope(), pytest.raises(InputError, match=says):
        build(cyclegan, FIELDS, **SMALL)


# ---------------------------------------------------------------- updates


def test_one_adam_moves_both_generators_and_another_both_discriminators(gan):
    for optimizer, step, names, others in (
        (gan.g_optimizer, gan.g_step, "generator_ab generator_ba", "discriminator_a"),
        (gan.d_optimizer, gan.d_step, "discriminator_a discriminator_b", "generator_ba"),
    ):
        own = [gan.networks[name] for name in names.split()]
        assert len(optimizer.trained) == sum(map(len, own))
        assert optimizer.beta_1 == 0.5 and optimizer.beta_2 == 0.999
        before = [values_of(weights) for weights in own]
        still = values_of(gan.networks[others])
        step(batch_of())
        for first, weights in zip(before, own, strict=True):
            assert moved(first, weights) == set(weights)
        assert not moved(still, gan.networks[others])


def test_rates_stay_and_then_fall_to_0():
    config = cyclegan.Config()
    assert (config.constant_steps, config.decay_steps, config.steps) == (100_000, 100_000, 200_000)
    gan = build(cyclegan, FIELDS, **SMALL)
    rates = {0: 2e-4, 100_000: 2e-4, 150_000: 1e-4, 175_000: 5e-5, 200_000: 0, 300_000: 0}
    for done, rate in rates.items():
        for optimizer in (gan.g_optimizer, gan.d_optimizer):
            optimizer.iterations.assign(done)
            optimizer.update([tf.zeros(v.shape) for v in optimizer.trained])
            assert float(optimizer.learning_rate) == pytest.approx(rate, rel=1e-5, abs=1e-12), done


# ---------------------------------------------------------------- samplers, and other data


def test_samplers_go_there_and_back_again(gan):
    batch = batch_of()
    there = {"a_to_b": gan.a_to_b(batch["a"]), "b_to_a": gan.b_to_a(batch["b"])}
    back = {"a_to_b_to_a": gan.b_to_a(there["a_to_b"]), "b_to_a_to_b": gan.a_to_b(there["b_to_a"])}
    samplers = gan.samplers()
    assert [s.name for s in samplers] == [*there, *back]
    for s in samplers:
        (of,) = s.given
        assert of == s.name[0] and s.against == s.name[-1]
        given = {of: batch[of]}
        np.testing.assert_array_equal(s.generate(given), (there | back)[s.name])
        assert (s.score is None) == (s.name in back)
        if s.score is not None:
            assert s.boundary == 0.5 and s.higher_is_real and not s.scores_are_logits


def test_domains_of_different_channels_are_translated():
    shapes = {"a": (12, 16, 1), "b": (12, 16, 3)}
    gan = made(Fields(shapes))
    batch = batch_of(2, a_shape=shapes["a"], b_shape=shapes["b"])
    for step in (gan.g_step, gan.d_step):
        assert all(np.isfinite(v) for v in step(batch).values())
    for s in gan.samplers():
        assert s.generate(batch).shape == (2, *shapes[s.against])
    for field, pool in (("a", gan.pool_a), ("b", gan.pool_b)):
        assert pool.images.shape[1:] == shapes[field]


@pytest.mark.parametrize(
    ("a", "b", "changes", "says"),
    [
        ((28, 28, 1), (32, 32, 1), {}, "a and b of one size, not on (28, 28, 1) and (32, 32, 1)"),
        (
            (30, 28, 1),
            (30, 28, 1),
            {},
            "sides are multiples of 4, with --d_layers=3 from 24 on, not on 30x28",
        ),
        ((4, 4, 1), (4, 4, 1), {"d_layers": 1}, "with --d_layers=1 from 8 on, not on 4x4"),
        ((20, 64, 1), (20, 64, 1), {}, "from 24 on, not on 20x64"),
        (
            (28, 28, 1),
            (28, 28, 3),
            {"identity_weight": 0.5},
            "cyclegan trains on 1 and 3 channels with --identity_weight=0 alone",
        ),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(a, b, changes, says):
    with pytest.raises(InputError) as error:
        gans.build(cyclegan, cyclegan.Config(**changes), Fields({"a": a, "b": b}), 0)
    assert says in str(error.value) and "\n" not in str(error.value)
