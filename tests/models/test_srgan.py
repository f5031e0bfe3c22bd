"""SRGAN: its networks, both phases, the SRResNet that is kept, and what pictures are made of."""

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
    randomised,
    softplus,
    trainable,
    values_of,
)
from convolving import with_kernel as kernel

from ganflow.base.errors import InputError
from ganflow.interface import gans, tables
from ganflow.interface.fields import Fields
from ganflow.models import srgan
from ganflow.nn import optimizers, perceptual, resampling

SHAPE = (16, 20, 3)  # D has two pairs
FIELDS = Fields({"x": SHAPE, "label": ()}, {"label": 4})
SMALL = {"width": 3, "blocks": 2, "d_units": 5, "pretrain_steps": 7}


def small(**changes):
    """Weights, slopes and statistics such that each of them shows."""
    gan = build(srgan, FIELDS, **SMALL | changes)
    for weights in gan.networks.values():
        randomised(weights)
    slopes = np.random.default_rng(4)
    for name, v in gan.g.items():
        if name.endswith("_slope"):
            v.assign(slopes.uniform(-0.5, 0.5, v.shape))
    return gan


@pytest.fixture
def gan():
    return small()


def batch_of(n=5, seed=0):
    label = tf.constant(np.arange(n) % 4, tf.int32)
    return {"x": images(n, seed, SHAPE), "label": label}


def state_of(gan):
    """All that a step could move, by network; the kept SRResNet too."""
    return {name: values_of(w) for name, w in gan.networks.items()} | {
        "srresnet": values_of(gan.srresnet.averages)
    }


def moved_by(gan, step, batch):
    """Names of what an update moved, to the bit."""
    before = state_of(gan)
    step(batch)
    now = gan.networks | {"srresnet": gan.srresnet.averages}
    return {name: moved(before[name], weights) for name, weights in now.items()}


# ---------------------------------------------------------------- sizes and networks


def test_the_networks_have_as_many_parameters_as_the_docstring_says():
    full = build(srgan, Fields({"x": (28, 28, 1)}))
    ends = (81 * 64 + 64) + (81 * 64 + 1)
    residual = 33 * (9 * 64 * 64 + 2 * 64) + 17 * 64  # two a block, one before the long skip
    shuffled = 2 * (9 * 64 * 256 + 256 + 64)
    assert trainable(full.g) == ends + residual + shuffled == 1_527_809
    assert tables.parameters(full.g) == 1_527_809 + 33 * 2 * 64 == 1_532_033
    maps = [(64, 64), (64, 128), (128, 128), (128, 256), (256, 256)]
    d = 9 * 64 + 64 + sum(9 * a * b + 2 * b for a, b in maps)
    d += 4 * 4 * 256 * 1_024 + 1_024 + 1_024 + 1
    assert tables.parameters(full.d) == d == 5_341_441
    for count in ("1,532,033", f"{33 * 2 * 64:,}", "5,341,441"):
        assert count in srgan.__doc__


def test_g_is_the_papers_prelu_9x9_at_its_ends_and_no_norm_where_pixels_are_shuffled():
    fields = Fields({"x": (28, 28, 1)})
    gan = build(srgan, fields, blocks=3, width=2, d_units=3)
    ran = tables.layers_that_run(gan, fields)["generator"]
    block = ["conv", "batch_norm", "prelu", "conv", "batch_norm"]
    kinds = [row.kind for row in ran]
    assert kinds[:2] == ["conv", "prelu"] and kinds[2:17] == 3 * block
    assert kinds[17:] == ["conv", "batch_norm", *2 * ["conv", "pixel_shuffle", "prelu"], "conv"]
    sides = [tuple(row.variables[0].shape[:2]) for row in ran if row.kind == "conv"]
    assert sides == [(9, 9), *9 * [(3, 3)], (9, 9)]
    assert [r.output.shape[1:].as_list() for r in ran if r.kind == "pixel_shuffle"] == [
        [14, 14, 2], [28, 28, 2],
    ]  # fmt: skip
    assert all((gan.g[f"{of}_slope"].numpy() == 0.25).all() for of in ("in", "block_2", "up_1"))


def norm_of(weights, name):
    """The batch norm that bears a convolution's name."""
    parts = {key: v for key, v in weights.items() if not key.endswith("_w")}
    return keras_norm(parts, name, 1e-5, 4)


def g_by_keras(weights, low, blocks):
    """G on pictures in [0, 1], with moving statistics."""

    def conv(x, name, side):
        maps = weights[f"{name}_w"].shape[3]
        x = kernel(L.Conv2D(maps, side, padding="same", use_bias=False), weights[f"{name}_w"], x)
        return x + weights[f"{name}_b"] if f"{name}_b" in weights else normed(x, name)

    def normed(x, name):
        return norm_of(weights, name)(x, training=False)

    def prelu(x, name):
        layer = L.PReLU(shared_axes=[1, 2])
        layer.build(x.shape)
        layer.set_weights([weights[f"{name}_slope"].numpy().reshape(1, 1, -1)])
        return layer(x)

    def shuffled(x):
        """Shi et al.'s equation, pixel by pixel."""
        x = x.numpy()
        n, height, width, maps = x.shape
        large = np.zeros([n, 2 * height, 2 * width, maps // 4], np.float32)
        for i in range(2):
            for j in range(2):
                first = (2 * i + j) * maps // 4
                large[:, i::2, j::2] = x[..., first : first + maps // 4]
        return tf.constant(large)

    x = first = prelu(conv(low, "in", 9), "in")
    for i in range(blocks):
        x = x + conv(prelu(conv(x, f"block_{i}_0", 3), f"block_{i}"), f"block_{i}_1", 3)
    x = first + conv(x, "skip", 3)
    for i in range(2):
        x = prelu(shuffled(conv(x, f"up_{i}", 3)), f"up_{i}")
    return conv(x, "out", 9)


def test_the_generator_is_kerass_network_on_pictures_in_0_to_1(gan):
    low = images(4, seed=2, shape=(4, 5, 3))
    expected = g_by_keras(gan.g, (low + 1) / 2, blocks=2)
    found = srgan.generator(gan.g, low, 2, "moving")
    assert found.shape == (4, 16, 20, 3) and float(tf.reduce_max(tf.abs(found))) > 1.5  # no limits
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def d_by_keras(weights, x):
    leaky = L.LeakyReLU(negative_slope=0.2)
    for i in range(4):
        maps, stride = weights[f"conv_{i}_w"].shape[3], 1 + i % 2
        layer = L.Conv2D(maps, 3, stride, padding="same", use_bias=False)
        x = kernel(layer, weights[f"conv_{i}_w"], x)
        x = norm_of(weights, f"conv_{i}")(x, training=True) if i else x + weights["conv_0_b"]
        x = leaky(x)
    x = leaky(tf.reshape(x, [len(x), -1]) @ weights["w_0"] + weights["b_0"])
    return (x @ weights["w_1"] + weights["b_1"]).numpy()


def test_the_discriminator_is_kerass_network_with_the_batchs_own_statistics(gan):
    x = images(5, shape=SHAPE)
    expected = d_by_keras(gan.d, x)
    np.testing.assert_allclose(gan.score(x, {}), expected[:, 0], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("side", "maps"),
    [
        (16, [1, 1, 2, 2]),
        (28, [1, 1, 2, 2, 4, 4]),
        (32, [1, 1, 2, 2, 4, 4]),
        (64, [1, 1, 2, 2, 4, 4, 8, 8]),
        (96, [1, 1, 2, 2, 4, 4, 8, 8]),  # the paper's, to 6x6
    ],
)
def test_ds_depth_leaves_four_pixels_or_the_papers_six(side, maps):
    gan = build(srgan, Fields({"x": (side, side, 1)}), width=1, blocks=1, d_units=2)
    kernels = [v for name, v in gan.d.items() if name.startswith("conv") and name.endswith("_w")]
    assert [v.shape[3] for v in kernels] == maps
    left = 6 if side == 96 else 4
    assert gan.d["w_0"].shape == (left**2 * maps[-1], 2)
    assert gan.score(tf.zeros([2, side, side, 1]), {}).shape == (2,)


# ---------------------------------------------------------------- what is low


def test_low_is_bicubic_with_antialiasing_cut_off_at_black_and_white():
    x = images(3, shape=(32, 48, 1))
    theirs = tf.image.resize(x, [8, 12], method="bicubic", antialias=True)
    found = srgan.shrunk(x)
    np.testing.assert_allclose(found[:, 2:-2, 2:-2], theirs[:, 2:-2, 2:-2], atol=1e-6)
    edge = tf.where(tf.range(32) < 16, -1.0, 1.0)[tf.newaxis, :, tf.newaxis, tf.newaxis]
    edge *= tf.ones([1, 32, 32, 1])
    assert float(tf.reduce_max(resampling.bicubic(edge, 1 / 4))) > 1.005  # overshoots
    assert float(tf.reduce_max(tf.abs(srgan.shrunk(edge)))) == 1.0


def test_samplers_are_given_a_real_picture_made_small_or_any_small_picture(gan):
    x = images(3, seed=5, shape=SHAPE)
    named = {sampler.name: sampler for sampler in gan.samplers()}
    assert list(named) == ["srgan", "srresnet", "bicubic"]
    for sampler in named.values():
        given = gans.given(sampler, 0, 3, fields={"x": x})
        np.testing.assert_array_equal(given["low"], srgan.shrunk(x))
        assert sampler.generate(given).shape == x.shape
        assert gans.blank(sampler, FIELDS)["low"].shape == (1, 4, 5, 3)
        of_other_size = {"low": images(2, shape=(6, 3, 3))}  # a user's own
        assert sampler.generate(of_other_size).shape == (2, 24, 12, 3)
    large = named["bicubic"].generate({"low": srgan.shrunk(x)})
    theirs = tf.image.resize(srgan.shrunk(x), SHAPE[:2], method="bicubic", antialias=True)
    theirs = tf.clip_by_value(theirs, -1, 1)
    np.testing.assert_allclose(large[:, 8:-8, 8:-8], theirs[:, 8:-8, 8:-8], atol=1e-6)


def test_samples_are_cut_off_where_they_are_shown_and_not_where_they_train(gan):
    x = images(3, shape=SHAPE)
    for weights in (gan.g, gan.srresnet.averages):
        weights["out_b"].assign([9.0, 9.0, -9.0])
    assert float(tf.reduce_max(srgan.generator(gan.g, srgan.shrunk(x), 2, "moving"))) > 3
    for sampler in gan.samplers()[:2]:
        large = sampler.generate({"low": srgan.shrunk(x)})
        assert float(tf.reduce_max(large)) == 1 and float(tf.reduce_min(large)) == -1


def test_a_picture_does_not_depend_on_those_beside_it(gan):
    gan.pretrain_step(batch_of())
    low = images(4, seed=6, shape=(4, 5, 3))
    for sampler in gan.samplers():
        alone = sampler.generate({"low": low[:1]})
        np.testing.assert_allclose(sampler.generate({"low": low})[:1], alone, atol=1e-5)
    in_batch = srgan.generator(gan.g, low, 2, "batch")[:1]  # as it trains it does
    assert np.abs(in_batch - srgan.generator(gan.g, low[:1], 2, "batch")).max() > 0.01


# ---------------------------------------------------------------- the phases


def test_srresnet_comes_once_and_then_d_and_g_on_the_same_pictures(gan):
    schedule = gan.schedule()
    (first,), (second,) = schedule.once, schedule.repeated
    assert (first.steps, first.update_names) == (7, ("pretrain_step",))
    assert second.update_names == ("d_step", "g_step") and list(second.inputs) == ["x"]
    without = small(pretrain_steps=0)
    assert not without.schedule().once
    assert [s.name for s in without.samplers()] == ["srgan", "bicubic"]
    config = srgan.Config()
    assert (config.pretrain_steps, config.steps, config.batch_size) == (1_000_000, 1_200_000, 16)


def test_pretraining_is_by_pixels_and_moves_g_alone_and_what_is_kept_of_it(gan):
    x = batch_of()["x"]
    fake = srgan.generator(gan.g, srgan.shrunk(x), 2, "batch").numpy()
    before = values_of(gan.g)
    found = gan.pretrain_step({"x": x})
    expected = np.mean((x.numpy() - fake) ** 2)
    assert {k: float(v) for k, v in found.items()} == {"pretrain_loss": pytest.approx(expected)}
    assert moved(before, gan.g) == set(gan.g)
    for name, v in gan.g.items():
        np.testing.assert_array_equal(gan.srresnet.averages[name], v)
    assert not moved_by(gan, gan.pretrain_step, batch_of())["discriminator"]


def test_the_gan_goes_on_from_srresnet_which_then_stands_still(gan):
    for seed in range(2):
        gan.pretrain_step(batch_of(seed=seed))
    low = srgan.shrunk(images(2, seed=9, shape=SHAPE))
    ours, kept = (sampler.generate for sampler in gan.samplers()[:2])
    pretrained = ours({"low": low}).numpy()
    np.testing.assert_array_equal(kept({"low": low}), pretrained)
    moved_by_d = moved_by(gan, gan.d_step, batch_of(seed=2))
    assert moved_by_d == {"generator": set(), "discriminator": set(gan.d), "srresnet": set()}
    moved_by_g = moved_by(gan, gan.g_step, batch_of(seed=3))
    assert moved_by_g == {"generator": set(gan.g), "discriminator": set(), "srresnet": set()}
    np.testing.assert_array_equal(kept({"low": low}), pretrained)
    assert np.abs(ours({"low": low}) - pretrained).max() > 1e-4


def test_what_is_kept_is_checkpointed(gan, tmp_path):
    gan.pretrain_step(batch_of())
    gan.g_step(batch_of())
    path = tf.train.Checkpoint(gan=gan).write(str(tmp_path / "checkpoint"))
    other = small()
    tf.train.Checkpoint(gan=other).read(path).assert_existing_objects_matched()
    for name, v in gan.srresnet.averages.items():
        np.testing.assert_array_equal(other.srresnet.averages[name], v)
    assert not {id(v) for v in gan.srresnet.averages.values()} & {
        id(v) for v in gan.trainable_variables
    }


# ---------------------------------------------------------------- the losses


def test_ds_loss_is_the_minimax_loss_on_x_and_on_g_of_low(gan):
    x = batch_of()["x"]
    fake = srgan.generator(gan.g, srgan.shrunk(x), 2, "batch")
    real_logits, fake_logits = d_by_keras(gan.d, x), d_by_keras(gan.d, fake)
    found = {name: float(v) for name, v in gan.d_step({"x": x}).items()}
    assert found["d_loss"] == pytest.approx(minimax(real_logits, fake_logits), rel=1e-4)
    assert found["d_real"] == pytest.approx((1 / (1 + np.exp(-real_logits))).mean(), rel=1e-4)
    assert found["d_fake"] == pytest.approx((1 / (1 + np.exp(-fake_logits))).mean(), rel=1e-4)


@pytest.mark.parametrize("content", ["pixels", "features"])
def test_gs_loss_is_content_and_a_thousandth_of_ds(content):
    gan = small(content=content)
    x = batch_of()["x"]
    fake = srgan.generator(gan.g, srgan.shrunk(x), 2, "batch")
    compared = x, fake
    if content == "features":
        compared = [perceptual.features(gan.phi, v) for v in compared]
    a, b = (np.float64(v) for v in compared)
    expected = np.mean((a - b) ** 2)
    of_d = softplus(-d_by_keras(gan.d, fake)).mean()
    found = {name: float(v) for name, v in gan.g_step({"x": x}).items()}
    assert found["content_loss"] == pytest.approx(expected, rel=1e-4)
    assert found["adversarial_loss"] == pytest.approx(of_d, rel=1e-4)
    assert found["g_loss"] == pytest.approx(expected + 1e-3 * of_d, rel=1e-4)


def gradient_of_out_b(gan, batch):
    with optimizers.recorded_updates() as rows:
        gan.g_step(batch)
    (row,) = rows
    gradients = zip(gan.g_variables, row.gradients, strict=True)
    return next(g.numpy() for v, g in gradients if v is gan.g["out_b"])


def test_gs_gradient_is_that_of_both_parts():
    """By a shift of a channel, which is a last bias: 2 mean(G - x), and what D says of it."""
    x = batch_of()["x"]
    found = {
        weight: gradient_of_out_b(small(adversarial_weight=weight), {"x": x})
        for weight in (0.0, 1.0, 3.0)
    }
    gan = small()
    fake = srgan.generator(gan.g, srgan.shrunk(x), 2, "batch").numpy()
    by_pixels = 2 * (fake - x.numpy()).mean(axis=(0, 1, 2)) / 3  # a third of all pixels' numbers
    np.testing.assert_allclose(found[0.0], by_pixels, rtol=1e-4)
    of_d = found[1.0] - found[0.0]
    assert np.abs(of_d).max() > 1e-4
    np.testing.assert_allclose(found[3.0] - found[0.0], 3 * of_d, rtol=1e-3, atol=1e-6)


def test_each_phase_has_a_rate_that_falls_to_a_tenth():
    config = srgan.Config()
    assert (config.pretrain_learning_rate, config.d_learning_rate, config.g_learning_rate) == (
        1e-4, 1e-4, 1e-4,
    )  # fmt: skip
    assert (config.pretrain_drop_after, config.drop_after) == (
        1_000_000,
        100_000,
    )  # once at its end
    gan = small(blocks=1, pretrain_drop_after=3, drop_after=2)
    for optimizer, step, last in (
        (gan.pretrain_optimizer, gan.pretrain_step, 2),
        (gan.d_optimizer, gan.d_step, 1),
        (gan.g_optimizer, gan.g_step, 1),
    ):
        optimizer.iterations.assign(last)
        for rate in (1e-4, 1e-5):
            step(batch_of())
            assert float(optimizer.learning_rate) == pytest.approx(rate)
        assert (int(optimizer.iterations), optimizer.beta_1) == (last + 2, 0.9)


# ---------------------------------------------------------------- features in place of pixels


def test_phi_learns_beside_srresnet_and_then_stands_still():
    gan = small(content="features")
    (first,), (second,) = gan.schedule().once, gan.schedule().repeated
    assert first.update_names == ("pretrain_step", "classify_step")
    assert list(first.inputs) == ["x", "label"] and list(second.inputs) == ["x"]
    assert moved_by(gan, gan.classify_step, batch_of()) == {
        "generator": set(), "discriminator": set(), "classifier": set(gan.phi), "srresnet": set(),
    }  # fmt: skip
    for step in (gan.pretrain_step, gan.d_step, gan.g_step):
        assert not moved_by(gan, step, batch_of())["classifier"]
    assert set(build(srgan, FIELDS, **SMALL).networks) == {"generator", "discriminator"}


def test_phi_learns_real_pictures_labels():
    gan, batch = small(content="features"), batch_of()
    expected = float(perceptual.loss(gan.phi, batch["x"], batch["label"]))
    other = float(perceptual.loss(gan.phi, batch["x"], batch["label"][::-1]))
    with optimizers.recorded_updates() as rows:
        found = float(gan.classify_step(batch)["classifier_loss"])
    assert found == pytest.approx(expected, rel=1e-5) != pytest.approx(other, rel=1e-3)
    assert [row.optimizer for row in rows] == [gan.phi_optimizer]


@pytest.mark.parametrize(
    ("fields", "changes", "says"),
    [
        ({"x": (8, 8, 1)}, {}, "trains on images from 16x16 on whose sides 4 divides, not on 8x8"),
        ({"x": (30, 32, 1)}, {}, "whose sides 4 divides, not on 30x32"),
        ({"x": (32, 12, 1)}, {}, "from 16x16 on whose sides 4 divides, not on 32x12"),
        ({"x": (2,)}, {}, "trains on images"),
        ({"x": SHAPE}, {"content": "features"}, "needs the field label"),
        (
            {"x": SHAPE, "label": ()},
            {"content": "features", "pretrain_steps": 0},
            "trains with --content=features after some --pretrain_steps alone",
        ),
    ],
)
def test_what_it_cannot_train_on_is_told_in_a_line(fields, changes, says):
    classes = {"label": 4} if "label" in fields else {}
    with pytest.raises(InputError, match=f"--dataset=mnist: srgan .*{says}"):
        build(srgan, Fields(fields, classes), **SMALL | changes)
