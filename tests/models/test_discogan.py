"""DiscoGAN: who judges and who translates what, what the three --arch train, no pair is seen."""

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
    randomised,
    softplus,
    trainable,
    values_of,
    with_kernel,
)

from ganflow.base.errors import InputError
from ganflow.interface import gans, tables
from ganflow.interface.fields import Fields
from ganflow.models import discogan
from ganflow.nn.draws import Real
from tests import cases
from tests.test_every_model import drawn

SHAPE = (8, 8, 1)
IMAGES, POINTS = Fields({"a": SHAPE, "b": (8, 8, 3)}), Fields({"a": (2,), "b": (2,)})
ON_POINTS = {"dataset": "gaussians_5_10", "width": 6}
ON_IMAGES = {"width": 3}


def points(n, seed):
    return tf.constant(np.random.default_rng(seed).normal(0, 2, (n, 2)), tf.float32)


def batch_of(on_images, n=6):
    if on_images:
        return {"a": images(n, 1, SHAPE), "b": images(n, 2, (8, 8, 3))}
    return {"a": points(n, 1), "b": points(n, 2)}


@pytest.fixture
def on_points():
    return build(discogan, POINTS, **ON_POINTS)


@pytest.fixture
def on_images():
    gan = build(discogan, IMAGES, **ON_IMAGES)
    for weights in gan.networks.values():
        randomised(weights)
    return gan


# ---------------------------------------------------------------- sizes and networks


def test_the_networks_have_as_many_parameters_as_the_docstring_says():
    full = build(discogan, Fields({"a": (64, 64, 3), "b": (64, 64, 3)}))
    kernels = 16 * (3 * 64 + 64 * 128 + 128 * 256 + 256 * 512)
    down, up = 128 + 256 + 512, 256 + 128 + 64
    for g in (full.g_ab, full.g_ba):
        assert trainable(g) == 2 * kernels + 2 * (down + up)
        assert tables.parameters(g) == trainable(g) + 2 * (down + up) == 5_516_544
    for d in (full.d_a, full.d_b):
        assert tables.parameters(d) == kernels + 2 * down + 4 * 4 * 512 == 2_765_568
    small = build(discogan, POINTS)
    of_g = 2 * 128 + 128 + 128 * 128 + 128 + 128 * 2 + 2
    of_d = 2 * 128 + 128 + 3 * (128 * 128 + 128) + 128 + 1
    assert [tables.parameters(v) for v in small.networks.values()] == [of_g, of_g, of_d, of_d]
    told = ("5,516,544", f"{2 * (down + up):,}", "2,765,568", f"{of_g:,}", f"{of_d:,}")
    assert all(count in discogan.__doc__ for count in told)


@pytest.mark.parametrize(
    ("shape", "maps"),
    [
        ((64, 64, 3), [3, 64, 128, 256, 512]),
        ((128, 128, 3), [3, 64, 128, 256, 512, 512]),
        ((32, 32, 1), [1, 64, 128, 256]),
        ((28, 28, 1), [1, 64, 128]),  # 7 is odd
        ((12, 20, 1), [1, 64, 128]),  # 3 and 5
    ],
)
def test_sides_are_halved_down_to_4_pixels_or_an_odd_side(shape, maps):
    assert discogan.maps_of(shape, 64) == maps


def test_a_generator_and_a_discriminator_are_kerass_networks():
    shape = (16, 16, 1)
    gan = build(discogan, Fields({"a": shape, "b": shape}), **ON_IMAGES)
    g, leaky = gan.g_ab, L.LeakyReLU(negative_slope=0.2)
    randomised(g)
    x = first = images(5, 3, shape)
    x = leaky(with_kernel(L.Conv2D(3, 4, 2, "same", use_bias=False), g["conv_0_w"], (x + 1) / 2))
    x = with_kernel(L.Conv2D(6, 4, 2, "same", use_bias=False), g["conv_1_w"], x)
    x = leaky(keras_norm(g, "conv_1_norm", 1e-5, 4)(x, training=False))
    x = with_kernel(L.Conv2DTranspose(3, 4, 2, "same", use_bias=False), g["deconv_1_w"], x)
    x = tf.nn.relu(keras_norm(g, "deconv_1_norm", 1e-5, 4)(x, training=False))
    x = with_kernel(L.Conv2DTranspose(1, 4, 2, "same", use_bias=False), g["deconv_0_w"], x)
    found = gan.samplers()[0].generate({"a": first})
    assert np.std(found) > 0.05
    np.testing.assert_allclose(found, 2 * tf.sigmoid(x) - 1, atol=1e-5)

    d, x = gan.d_b, (first + 1) / 2
    randomised(d)
    x = leaky(with_kernel(L.Conv2D(3, 4, 2, "same", use_bias=False), d["conv_0_w"], x))
    x = with_kernel(L.Conv2D(6, 4, 2, "same", use_bias=False), d["conv_1_w"], x)
    x = leaky(keras_norm(d, "conv_1_norm", 1e-5, 4)(x, training=True))  # by the batch, always
    logits, features = discogan.discriminator(d, (first + 1) / 2)
    np.testing.assert_allclose(features[-1], x, atol=1e-4)
    expected = tf.reshape(x, [5, -1]).numpy() @ d["out_w"].numpy()
    np.testing.assert_allclose(logits, expected, atol=1e-4)
    np.testing.assert_allclose(gan.samplers()[0].score(first, {}), expected[:, 0], atol=1e-4)


def in_numpy(weights, x):
    """(Output, the last three hidden layers) of dense layers with ReLUs, in float64."""
    x, hidden, last = np.float64(x), [], len(weights) // 2 - 1
    for i in range(last + 1):
        x = x @ np.float64(weights[f"w_{i}"].numpy()) + np.float64(weights[f"b_{i}"].numpy())
        if i < last:
            x = np.maximum(x, 0)
            hidden.append(x)
    return x, hidden[-3:]


def test_on_points_there_are_three_and_five_dense_layers(on_points):
    for weights, hidden in ((on_points.g_ba, 2), (on_points.d_a, 3)):
        expected, features = in_numpy(weights, points(7, 3))
        found, of_found = discogan.discriminator(weights, points(7, 3))
        assert len(of_found) == hidden and expected.std() > 0
        for a, b in zip([found, *of_found], [expected, *features], strict=True):
            np.testing.assert_allclose(a, b, atol=1e-5)


# ---------------------------------------------------------------- the losses


def in_the_paper(gan, x, r, weights=(0.1, 0.9)):
    """(D's loss, G's loss) without weight decay, in NumPy, of points."""
    d_loss = g_loss = 0.0
    couples = [("a", "b", gan.g_ab, gan.g_ba, gan.d_b), ("b", "a", gan.g_ba, gan.g_ab, gan.d_a)]
    for source, target, there, back, d in couples:
        fake, _ = in_numpy(there, x[source])
        fake_logits, of_fake = in_numpy(d, fake)
        real_logits, of_real = in_numpy(d, x[target])
        d_loss += minimax(real_logits, fake_logits) / 2
        l_gan = softplus(-fake_logits).mean()
        l_features = sum(
            np.square(a.mean(axis=0) - b.mean(axis=0)).mean()
            for a, b in zip(of_real, of_fake, strict=True)
        )
        l_const = np.square(in_numpy(back, fake)[0] - x[source].numpy()).mean()
        g_loss += (1 - r) * (weights[0] * l_gan + weights[1] * l_features) + r * l_const
    return d_loss, g_loss


def wide(gan):
    """Larger weights: near 0, all losses of one kind are alike."""
    for v in gan.trainable_variables:
        v.assign(3.0 * v)
    return gan


def test_the_losses_are_the_equations():
    gan, x = wide(build(discogan, POINTS, **ON_POINTS, weight_decay=0.0)), batch_of(False)
    d_loss, g_loss = in_the_paper(gan, x, r=0.01)
    assert float(gan.d_step(x)["d_loss"]) == pytest.approx(d_loss, rel=1e-5)
    _, now = in_the_paper(gan, x, r=0.01)  # D has moved
    assert float(gan.g_step(x)["g_loss"]) == pytest.approx(now, rel=1e-5)
    assert now != pytest.approx(g_loss, rel=1e-5)


def test_the_paper_s_equations_are_those_flags():
    paper = {"adversarial_weight": 1.0, "feature_weight": 0.0, "first_steps": 0}
    gan = wide(build(discogan, POINTS, **ON_POINTS, **paper, weight_decay=0.0, d_interval=1))
    (phase,) = gan.schedule().phases
    assert phase.update_names == ("d_step", "g_step")
    x = batch_of(False)
    _, g_loss = in_the_paper(gan, x, r=0.5, weights=(1, 0))  # (L_gan + L_const) / 2 each way
    assert float(gan.g_step(x)["g_loss"]) == pytest.approx(g_loss, rel=1e-5)


def test_weight_decay_is_in_both_losses(on_points):
    x, state = batch_of(False), [v.numpy() for v in on_points.variables]
    without = build(discogan, POINTS, **ON_POINTS, weight_decay=0.0)
    for update, variables in (("d_step", on_points.d_variables), ("g_step", on_points.g_variables)):
        squares = sum(float(np.square(np.float64(v.numpy())).sum()) for v in variables)
        found = [getattr(gan, update)(x)[f"{update[0]}_loss"] for gan in (on_points, without)]
        assert float(found[0] - found[1]) == pytest.approx(1e-5 * squares / 2, rel=0.01)
        for gan in (on_points, without):
            for v, value in zip(gan.variables, state, strict=True):
                v.assign(value)


def test_d_s_logit_goes_through_one_sigmoid(on_points):
    """Not two, as in a toy that is copied much: a D that is sure has a loss of nearly 0."""
    for d in (on_points.d_a, on_points.d_b):
        for name in d:
            d[name].assign(tf.zeros_like(d[name]))
    wrong = dict(batch_of(False))
    assert float(on_points.d_step(wrong)["d_loss"]) == pytest.approx(2 * math.log(2), rel=1e-3)
    for d in (on_points.d_a, on_points.d_b):
        d["b_4"].assign([40.0])
    gan_loss = float(on_points.g_step(wrong)["adversarial_loss"])
    assert gan_loss == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("on", ["points", "images"])
def test_no_pair_is_seen(on, on_points, on_images):
    """A loss between G_ab(a) and the b beside it is a popular mistake: it would be supervised."""
    gan, x = (on_points, batch_of(False)) if on == "points" else (on_images, batch_of(True))
    state = [v.numpy() for v in gan.variables]
    other = {"a": x["a"], "b": tf.roll(x["b"], 1, axis=0)}
    for update, loss in ((gan.d_step, "d_loss"), (gan.g_step, "g_loss")):
        found = []
        for batch in (x, other):
            for v, value in zip(gan.variables, state, strict=True):
                v.assign(value)
            found.append(float(update(batch)[loss]))
        assert found[0] == pytest.approx(found[1], rel=1e-5), loss
    assert {r.field for phase in gan.schedule().phases for r in phase.reals()} == {"a", "b"}


# ---------------------------------------------------------------- who learns, and when


@pytest.mark.parametrize("on", ["points", "images"])
def test_each_update_moves_its_own_networks_alone(on, on_points, on_images):
    gan, x = (on_points, batch_of(False)) if on == "points" else (on_images, batch_of(True))
    for update, its in ((gan.d_step, "discriminator"), (gan.g_step, "generator")):
        first = {name: values_of(weights) for name, weights in gan.networks.items()}
        update(x)
        for name, weights in gan.networks.items():
            expected = set(weights) if name.startswith(its) else set()
            found = moved(first[name], weights)
            assert found == expected, name


def test_d_has_every_third_iteration_and_g_the_others():
    gan = build(discogan, POINTS, **ON_POINTS)
    d, g = gan.schedule().phases
    assert (d.steps, d.update_names, g.steps, g.update_names) == (1, ("d_step",), 2, ("g_step",))
    names = [gan.schedule().phases[gan.schedule().at(i)[0]].update_names[0] for i in range(7)]
    assert names == ["d_step", "g_step", "g_step"] * 2 + ["d_step"]


@pytest.mark.parametrize("interval", [1, 3])
def test_r_changes_with_the_iteration_that_the_flag_says(interval):
    """It goes by the count of G's updates, which a checkpoint holds."""
    flags = {"first_steps": 7, "d_interval": interval, "weight_decay": 0.0, "g_learning_rate": 0.0}
    gan = wide(build(discogan, POINTS, **ON_POINTS, **flags))
    schedule, x = gan.schedule(), batch_of(False)
    expected = {r: in_the_paper(gan, x, r)[1] for r in (0.01, 0.5)}
    assert abs(expected[0.01] - expected[0.5]) > 1e-2
    for iteration in range(10):
        for update in schedule.phases[schedule.at(iteration)[0]].updates:
            if update.__name__ == "g_step":
                found = float(update(x)["g_loss"])
                r = 0.01 if iteration < 7 else 0.5
                assert found == pytest.approx(expected[r], rel=1e-4), iteration


def test_what_an_arch_trains():
    x = batch_of(False)
    names = {
        "gan": ["generator_ab", "discriminator_b"],
        "recongan": ["generator_ab", "generator_ba", "discriminator_b"],
        "discogan": ["generator_ab", "generator_ba", "discriminator_a", "discriminator_b"],
    }
    whole = build(discogan, POINTS, **ON_POINTS)
    for arch, networks in names.items():
        gan = build(discogan, POINTS, **ON_POINTS, arch=arch)
        assert list(gan.networks) == networks
        for name, weights in gan.networks.items():  # they start alike
            for key, v in weights.items():
                np.testing.assert_array_equal(v, whole.networks[name][key])
        assert ("reconstruction_loss" in gan.g_step(x)) == (arch != "gan")
        samplers = ["a_to_b", "b_to_a", "a_to_b_to_a", "b_to_a_to_b"]
        assert [s.name for s in gan.samplers()] == samplers[: 1 if arch == "gan" else 4]
        judged = [s.name for s in gan.samplers() if s.score is not None]
        assert judged == samplers[: 2 if arch == "discogan" else 1]


@pytest.mark.parametrize("arch", ["gan", "recongan"])
def test_the_ablations_have_the_program_s_losses(arch):
    gan = wide(build(discogan, POINTS, **ON_POINTS, arch=arch, weight_decay=0.0))
    x = batch_of(False)
    fake, _ = in_numpy(gan.g_ab, x["a"])
    (logits, of_fake), (_, of_real) = in_numpy(gan.d_b, fake), in_numpy(gan.d_b, x["b"])
    of_b = 0.1 * softplus(-logits).mean() + 0.9 * sum(
        np.square(a.mean(axis=0) - b.mean(axis=0)).mean()
        for a, b in zip(of_real, of_fake, strict=True)
    )
    if arch == "recongan":
        back = in_numpy(gan.g_ba, fake)[0]
        of_b = 0.99 * of_b + 0.01 * np.square(back - x["a"].numpy()).mean()
    assert float(gan.g_step(x)["g_loss"]) == pytest.approx(of_b, rel=1e-5)


# ---------------------------------------------------------------- batch norm and samplers


@pytest.mark.parametrize("arch", ["discogan", "recongan"])
def test_a_generator_s_statistics_are_of_what_it_is_given_when_it_samples(arch):
    """Of real examples; of G_ab's where it is given no others."""
    shape = (16, 16, 1)
    gan = build(discogan, Fields({"a": shape, "b": shape}), **ON_IMAGES, arch=arch)
    x = {"a": images(6, 1, shape), "b": images(6, 2, shape)}
    inside = {name: (value + 1) / 2 for name, value in x.items()}
    fake = discogan.generator(gan.g_ab, inside["a"], "batch")
    given = {"generator_ab": inside["a"], "generator_ba": inside["b"]}
    if arch == "recongan":
        given["generator_ba"] = fake
    expected = {}
    for name, value in given.items():
        g = gan.networks[name]
        hidden = tf.nn.conv2d(value, g["conv_0_w"], 2, "SAME")
        hidden = tf.nn.conv2d(tf.nn.leaky_relu(hidden, 0.2), g["conv_1_w"], 2, "SAME")
        expected[name] = 0.1 * tf.reduce_mean(hidden, [0, 1, 2])
    gan.d_step(x)
    assert not gan.g_ab["conv_1_norm_mean"].numpy().any()  # only G's own iterations move them
    gan.g_step(x)
    for name, mean in expected.items():
        np.testing.assert_allclose(gan.networks[name]["conv_1_norm_mean"], mean, atol=1e-6)


def test_samplers_lead_there_and_back_again(on_points):
    gan, x = on_points, {"a": points(5, 3), "b": points(5, 4)}
    g = {"ab": lambda v: in_numpy(gan.g_ab, v)[0], "ba": lambda v: in_numpy(gan.g_ba, v)[0]}
    expected = {
        "a_to_b": (g["ab"](x["a"]), "b", gan.d_b),
        "b_to_a": (g["ba"](x["b"]), "a", gan.d_a),
        "a_to_b_to_a": (g["ba"](g["ab"](x["a"])), "a", None),
        "b_to_a_to_b": (g["ab"](g["ba"](x["b"])), "b", None),
    }
    for sampler in gan.samplers():
        made, target, d = expected[sampler.name]
        assert sampler.given == {sampler.name[0]: Real(sampler.name[0])}
        assert sampler.against == target
        found = sampler.generate({sampler.name[0]: x[sampler.name[0]]})
        np.testing.assert_allclose(found, made, atol=1e-5)
        if d is None:
            assert sampler.score is None and sampler.g_loss is None
        else:  # the D of where it leads, and what pushes points there
            logits = in_numpy(d, found)[0][:, 0]
            np.testing.assert_allclose(sampler.score(found, {}), logits, atol=1e-5)
            assert float(sampler.g_loss(found)) == pytest.approx(softplus(-logits).mean(), rel=1e-4)


def test_the_engine_s_batches_of_a_and_b_are_not_beside_each_other():
    """Of the first batch, in the run's order: no a has the b of its own place for a partner."""
    gan, dataset = cases.build("discogan"), cases.dataset_of("discogan")
    batch = drawn(gan, dataset, cases.small_config("discogan"), 0)
    places = {}
    for domain in "ab":
        whole = dataset.fields[domain].reshape(dataset.size(domain), -1)
        seen = np.rint((batch[domain].numpy().reshape(8, -1) + 1) * 127.5).astype(int)
        places[domain] = [int(np.flatnonzero((whole == row).all(axis=1))[0]) for row in seen]
    assert places["a"] != places["b"] and len(set(places["a"])) == 8


@pytest.mark.parametrize(
    ("shapes", "says"),
    [
        (
            {"a": (8, 8, 1), "b": (16, 16, 1)},
            r"trains on two domains of one size, not on \(8, 8\) and \(16, 16\)",
        ),
        ({"a": (7, 8, 1), "b": (7, 8, 1)}, "trains on images with even sides above 4, not on 7x8"),
        ({"a": (8, 8, 1), "b": (2,)}, "trains on images, and b is 2"),
        ({"a": (2,), "b": (8, 8, 1)}, "trains on points .*, and b is 8 x 8 x 1"),
        ({"x": (8, 8, 1)}, "needs the field a, and the data set has x"),
    ],
)
def test_what_it_cannot_train_on_is_one_line(shapes, says):
    with pytest.raises(InputError, match=f"--dataset=arrows: discogan {says}"):
        build(discogan, Fields(shapes))


def test_domains_may_differ_in_their_channels(on_images):
    x = batch_of(True)
    shapes = {s.name: s.generate({s.name[0]: x[s.name[0]]}).shape[3] for s in on_images.samplers()}
    assert shapes == {"a_to_b": 3, "b_to_a": 1, "a_to_b_to_a": 1, "b_to_a_to_b": 3}
    assert gans.sampled_weights(on_images, IMAGES)
