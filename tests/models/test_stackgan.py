"""StackGAN: conditioning augmentation, pairs that match and that do not, and a stage at rest."""

import math

import numpy as np
import pytest
import tensorflow as tf
from convolving import (
    L,
    build,
    images,
    keras_norm,
    moved,
    randomised,
    softplus,
    trainable,
    values_of,
)
from convolving import with_kernel as kernel

from ganflow import engine
from ganflow.base.errors import InputError
from ganflow.engine.feed import Feed
from ganflow.interface import gans, tables, wiring
from ganflow.interface.fields import Fields
from ganflow.models import stackgan as model
from ganflow.nn import blocks, layers, optimizers
from tests import cases

SHAPE, WORDS = (32, 32, 3), 6
FIELDS = Fields({"x": SHAPE, "caption": (3,)}, {"caption": WORDS})
SMALL = {"text_size": 5, "c_size": 4, "z_size": 3, "g_width": 2, "g_2_width": 2, "d_width": 1}
SMALL |= {"stage_1_steps": 3}
CAPTIONS = tf.constant([[1, 2, 0], [3, 4, 5], [1, 5, 0], [2, 0, 0]])
OTHERS = tf.constant([[3, 4, 5], [3, 4, 5], [2, 2, 0], [1, 2, 0]])  # the second is its own


@pytest.fixture
def gan():
    gan = build(model, FIELDS, **SMALL)
    for weights in gan.networks.values():
        for name, v in weights.items():
            if name.endswith("_w"):
                v.assign(15 * v)  # so that outputs differ clearly
        randomised(weights)
    return gan


def normal(n, size, seed):
    return tf.constant(np.random.default_rng(seed).standard_normal([n, size]), tf.float32)


def batch_of(n=4):
    given = {"z": normal(n, 3, 1), "epsilon": normal(n, 4, 2), "epsilon_2": normal(n, 4, 3)}
    return {"x": images(n, shape=SHAPE), "caption": CAPTIONS, "other_caption": OTHERS, **given}


# ---------------------------------------------------------------- sizes and networks


def test_the_networks_have_as_many_parameters_as_the_docstring_says(monkeypatch):
    def blank(rng, shape, std, name):  # to draw forty million numbers takes seconds
        return tf.Variable(tf.zeros(shape), name=name)

    monkeypatch.setattr(model, "truncated_normal", blank)
    full = build(model, FIELDS)
    c = 1_024 * 256 + 256
    g_1 = c + 228 * 16_384 + 2 * 16_384 + 9 * 1_024 * 512 + 2 * 512 + 9 * 512 * 3
    moving_1 = 2 * (16_384 + 512)
    ups = 9 * (512 * 256 + 256 * 128 + 128 * 64) + 2 * (256 + 128 + 64)
    downs = 16 * (128 * 256 + 256 * 512) + 2 * (256 + 512)
    joined = 9 * 640 * 512 + 2 * 512 + 8 * (9 * 512 * 512 + 2 * 512)
    g_2 = c + 9 * 3 * 128 + downs + joined + ups + 9 * 64 * 3
    moving_2 = 2 * (256 + 512 + 9 * 512 + 256 + 128 + 64)
    head = 1_024 * 128 + 128 + 640 * 512 + 2 * 512 + 16 * 512
    d_1 = 16 * (3 * 256 + 256 * 512) + 2 * 512 + head
    d_2 = 16 * (3 * 128 + 128 * 256 + 256 * 512) + 2 * (256 + 512) + head
    assert [trainable(w) for w in full.networks.values()] == [6 * 1_024, g_1, d_1, g_2, d_2]
    totals = [tables.parameters(w) for w in full.networks.values()]
    assert totals == [6 * 1_024, g_1 + moving_1, d_1, g_2 + moving_2, d_2]
    for count in (*totals[1:], moving_1, moving_2):
        assert f"{count:,}" in model.__doc__, count


def test_document_004_swaps_two_numbers_and_the_docstring_says_so():
    assert "1612.03242" in model.__doc__.splitlines()[0]
    assert "Document 004 swaps its number" in " ".join(model.__doc__.split())


def by_keras(weights, x, name, stride=1):
    """A convolution and its batch norm, by moving statistics."""
    w = weights[f"{name}_w"]
    layer = L.Conv2D(w.shape[3], w.shape[0], stride, "same", use_bias=False)
    return keras_norm(weights, name, 1e-5, 4)(kernel(layer, w, x), training=False)


def c_of(weights, phi, epsilon):
    """In NumPy: the first half is mu, the second log sigma."""
    y = np.asarray(phi, np.float64) @ weights["c_w"].numpy() + weights["c_b"].numpy()
    y = np.where(y > 0, y, 0.2 * y)
    mu, log_sigma = y[:, :4], y[:, 4:]
    divergence = (mu**2 + np.exp(log_sigma) ** 2 - 1) / 2 - log_sigma
    return np.float32(mu + np.exp(log_sigma) * epsilon), divergence.mean()


def bag(gan, captions):
    vectors = gan.words["vectors"].numpy()
    return np.stack([vectors[[i for i in row if i]].sum(0) for row in captions.numpy()])


def test_the_generators_are_kerass_networks_by_moving_statistics(gan):
    given, up = batch_of(), L.UpSampling2D(interpolation="nearest")
    c, _ = c_of(gan.g_1, bag(gan, CAPTIONS), given["epsilon"])
    x = kernel(L.Dense(256, use_bias=False), gan.g_1["in_w"], np.concatenate([c, given["z"]], 1))
    x = tf.nn.relu(keras_norm(gan.g_1, "in", 1e-5, 2)(x, training=False))
    x = tf.nn.relu(by_keras(gan.g_1, up(tf.reshape(x, [-1, 4, 4, 16])), "up_0"))
    sketch = tf.tanh(
        kernel(L.Conv2D(3, 3, padding="same", use_bias=False), gan.g_1["out_w"], up(x))
    )
    second, first = gan.samplers()
    np.testing.assert_allclose(first.generate(given), sketch, atol=1e-4)

    c, _ = c_of(gan.g_2, bag(gan, CAPTIONS), given["epsilon_2"])
    layer = L.Conv2D(2, 3, padding="same", use_bias=False)
    x = tf.nn.relu(kernel(layer, gan.g_2["in_w"], sketch))
    for i in (0, 1):  # PyTorch's padding of 1 is what "same" does with kernels of 4, strides of 2
        x = tf.nn.relu(by_keras(gan.g_2, x, f"down_{i}", stride=2))
    tiled = np.broadcast_to(c[:, None, None], [4, 4, 4, 4])
    x = tf.nn.relu(by_keras(gan.g_2, tf.concat([x, tiled], 3), "join"))
    for i in (0, 2, 4, 6):
        y = tf.nn.relu(by_keras(gan.g_2, x, f"block_{i}"))
        x = tf.nn.relu(x + by_keras(gan.g_2, y, f"block_{i + 1}"))
    for i in range(3):
        x = tf.nn.relu(by_keras(gan.g_2, up(x), f"up_{i}"))
    image = tf.tanh(kernel(L.Conv2D(3, 3, padding="same", use_bias=False), gan.g_2["out_w"], x))
    np.testing.assert_allclose(second.generate(given), image, atol=1e-3)


def test_ds_logit_is_kerass_on_a_batch_of_its_own(gan):
    x, leaky = images(4, shape=SHAPE), L.LeakyReLU(negative_slope=0.2)
    score = gan.samplers()[0].score(x, {"caption": CAPTIONS})
    y = leaky(kernel(L.Conv2D(2, 4, 2, "same", use_bias=False), gan.d_2["in_w"], x))
    for name, maps in (("down_0", 4), ("down_1", 8)):
        y = kernel(L.Conv2D(maps, 4, 2, "same", use_bias=False), gan.d_2[f"{name}_w"], y)
        y = leaky(keras_norm(gan.d_2, name, 1e-5, 4)(y, training=True))
    text = leaky(bag(gan, CAPTIONS) @ gan.d_2["text_w"].numpy() + gan.d_2["text_b"].numpy())
    y = tf.concat([y, np.broadcast_to(np.asarray(text)[:, None, None], [4, 4, 4, 4])], 3)
    y = kernel(L.Conv2D(8, 1, use_bias=False), gan.d_2["join_w"], y)
    y = leaky(keras_norm(gan.d_2, "join", 1e-5, 4)(y, training=True))
    np.testing.assert_allclose(score, (tf.reshape(y, [4, -1]) @ gan.d_2["out_w"])[:, 0], atol=1e-4)


def test_images_grow_by_nearest_neighbours_and_no_bias_stands_before_a_batch_norm(gan):
    ran = tables.layers_that_run(gan, FIELDS)
    kinds = {row.kind for of in ("stage_1", "stage_2") for row in ran[of]}
    assert "upsample" in kinds and "deconv" not in kinds
    biases = [k for w in gan.networks.values() for k in w if k.endswith("_b")]
    assert biases == ["c_b", "text_b", "c_b", "text_b"]  # before no batch norm


def test_what_it_cannot_train_on_is_told_in_one_line():
    with pytest.raises(
        InputError, match="stackgan needs the field caption, and the data set has x"
    ):
        build(model, Fields({"x": SHAPE}))
    with pytest.raises(InputError, match="side 32, 64, 128, ..., not on 16x16"):
        build(model, Fields({"x": (16, 16, 3), "caption": (3,)}, {"caption": 4}))
    with pytest.raises(InputError, match="side 64, 128, 256, ..., not on 32x32"):
        build(model, FIELDS, shrink=4)
    gan = build(
        model, Fields({"x": (64, 64, 3), "caption": (3,)}, {"caption": 4}), **SMALL, shrink=4
    )
    sides = [s.generate(gans.blank(s, FIELDS)).shape[1] for s in gan.samplers()]
    assert sides == [64, 16]


# ---------------------------------------------------------------- conditioning augmentation


def test_mu_and_log_sigma_are_two_halves_and_sigma_is_no_variance(gan):
    gan.g_1["c_w"].assign(tf.zeros_like(gan.g_1["c_w"]))
    gan.g_1["c_b"].assign([1.0, 2.0, 3.0, 4.0, 0.0, math.log(2), math.log(3), 0.0])
    epsilon = tf.ones([1, 4]) * 10
    c, kl = model.augmented(gan.g_1, tf.zeros([1, 5]), epsilon)
    np.testing.assert_allclose(c, [[11, 22, 33, 14]], rtol=1e-5)  # with a variance: 2^.5 in 22
    # (1 + 1 - 1, 4 + 4 - 1, 9 + 9 - 1, 16 + 1 - 1) / 2 - (0, ln 2, ln 3, 0), the mean over 4
    assert float(kl) == pytest.approx((1 + 7 + 17 + 16) / 8 - math.log(6) / 4)


def test_one_caption_gives_many_sketches_by_c_alone(gan):
    given = batch_of()
    one = given | {"caption": tf.repeat(CAPTIONS[:1], 4, 0), "z": tf.repeat(given["z"][:1], 4, 0)}
    _, first = gan.samplers()
    assert np.asarray(first.generate(one)).std(axis=0).max() > 0.01
    same = one | {"epsilon": tf.repeat(given["epsilon"][:1], 4, 0)}
    assert np.asarray(first.generate(same)).std(axis=0).max() == 0


# ---------------------------------------------------------------- losses


def test_the_losses_are_the_equations_with_the_kls_mean(gan):
    batch = batch_of()
    phi, other_phi = (tf.constant(bag(gan, c)) for c in (CAPTIONS, OTHERS))
    for d, x, make, d_step, g_step, prefix in (
        (gan.d_1, layers.average_pool(batch["x"]), gan._sketch, gan.stage_1_d_step,
         gan.stage_1_g_step, "stage_1_"),
        (gan.d_2, batch["x"], gan._image, gan.d_step, gan.g_step, ""),
    ):  # fmt: skip
        fake, _ = make(batch, "batch")
        g, epsilon = (gan.g_1, "epsilon") if prefix else (gan.g_2, "epsilon_2")
        _, kl = c_of(g, bag(gan, CAPTIONS), batch[epsilon])
        real, wrong, fakes = (
            model.discriminator(d, blocks.halved(pair[0], d), pair[1]).numpy()
            for pair in ((x, phi), (x, other_phi), (fake, phi))
        )
        counted = softplus(wrong)[[0, 2, 3]].sum() / 4  # the second caption is its own
        expected = softplus(-real).mean() + (counted + softplus(fakes).mean()) / 2
        told = g_step(dict(batch))  # before D has moved
        assert float(told[f"{prefix}g_loss"]) == pytest.approx(
            softplus(-fakes).mean() + 2 * kl, rel=1e-4
        )
        assert float(told[f"{prefix}kl"]) == pytest.approx(kl, rel=1e-4)
        again, _ = make(batch, "batch")  # of the moved G
        fakes = model.discriminator(d, blocks.halved(again, d), phi).numpy()
        expected = softplus(-real).mean() + (counted + softplus(fakes).mean()) / 2
        assert float(d_step(batch)[f"{prefix}d_loss"]) == pytest.approx(expected, rel=1e-4)


def test_a_wrong_caption_is_another_examples_and_the_right_one_its_own():
    """Captions shuffled apart from images, or wrong pairs that are right, would go unseen."""
    gan, dataset = cases.build("stackgan"), cases.dataset_of("stackgan")
    found = {image.tobytes(): i for i, image in enumerate(dataset.x)}
    feed = Feed(gan.schedule(), dataset, 8, seed=0)
    for step in range(2):
        drawn = feed.draw(0, step, feed.order(step, 1), 1)
        index = [found[x.tobytes()] for x in drawn["x"][0].numpy()]
        captions = dataset.fields["caption"]
        np.testing.assert_array_equal(drawn["caption"][0], captions[index])
        others = feed.order(step, 1)["x"][0, 1]
        np.testing.assert_array_equal(drawn["other_caption"][0], captions[others])
        assert not set(index) & set(others.tolist())


def test_rates_are_halved_after_so_many_updates_of_a_stage(gan):
    for optimizer in gans.named_optimizers(gan).values():
        rates = [float(optimizer._rate_at(done)) for done in (0, 31_249, 31_250, 70_000)]
        assert rates == pytest.approx([2e-4, 2e-4, 1e-4, 5e-5]) and optimizer.beta_1 == 0.5
    assert len({id(o) for o in gans.named_optimizers(gan).values()}) == 4  # a count for each stage


# ---------------------------------------------------------------- a stage at rest


def still(gan, *networks):
    return {name: values_of(gan.networks[name]) for name in networks}


def has_moved(gan, before):
    return {name: moved(values, gan.networks[name]) for name, values in before.items()}


def test_each_step_moves_its_own_network_alone_and_words_are_d_1s(gan):
    everything = list(gan.networks)
    for step, whole in (
        (gan.stage_1_d_step, {"d_1", "words"}),
        (gan.stage_1_g_step, {"stage_1"}),
        (gan.d_step, {"d_2"}),
        (gan.g_step, {"stage_2"}),
    ):
        before = still(gan, *everything)
        step(batch_of())
        found = has_moved(gan, before)
        for name in everything:
            assert found[name] == (set(before[name]) if name in whole else set()), (step, name)


def test_stage_2_sees_stage_1_by_statistics_that_stand_still(gan, monkeypatch):
    seen = []
    sound = model.stage_1
    monkeypatch.setattr(model, "stage_1", lambda w, c, z, s: seen.append(s) or sound(w, c, z, s))
    before = still(gan, "stage_1")
    for step in (gan.d_step, gan.g_step):
        step(batch_of())
    assert seen == ["moving", "moving"] and has_moved(gan, before) == {"stage_1": set()}
    gan.stage_1_d_step(batch_of())
    gan.stage_1_g_step(batch_of())
    assert seen[2:] == ["batch", "update"]


@pytest.mark.slow
def test_stage_2_has_no_z_but_that_of_its_sketch(gan):
    (g_step,) = (w for w in wiring.wirings(gan, FIELDS) if w.update == "g_step")
    names = [node.name for node in g_step.nodes]
    edges = {(names[a], names[b]) for a, b in g_step.edges}
    assert {("z", "stage_1"), ("stage_1", "stage_2"), ("epsilon_2", "stage_2")} <= edges
    assert ("z", "stage_2") not in edges and g_step.moved == {"stage_2": "Adam"}


def test_both_stages_are_drawn_from_one_caption_z_and_epsilon(gan):
    second, first = gan.samplers()
    assert (second.name, first.name) == ("stage_2", "stage_1")
    assert first.given == second.given  # so that they stand side by side
    fields = {"x": images(4, shape=SHAPE)}
    assert first.against(fields).shape == [4, 16, 16, 3] and second.against == "x"


# ---------------------------------------------------------------- stage II as a run of its own


@pytest.mark.slow
def test_without_stage_1s_steps_it_is_in_no_list_and_comes_from_another_run(tmp_path):
    gan = cases.build("stackgan", stage_1_steps=0)
    trained = {id(v) for o in gans.named_optimizers(gan).values() for v in o.trained}
    assert trained == {id(v) for v in optimizers.variables(gan.g_2, gan.d_2)}
    assert gan.schedule().once == []

    alone = engine.Run(
        model,
        gan.config,
        engine.Options(workdir=str(tmp_path), num_replicas=1),
        cases.dataset_of("stackgan"),
    )
    with pytest.raises(InputError) as caught:
        alone.resume()
    assert str(caught.value) == (
        "stackgan: nothing trains words, stage_1, d_1 in this run; give --init_from=WORKDIR of a "
        "run that has trained them"
    )
    assert not (tmp_path / "checkpoints").exists()
