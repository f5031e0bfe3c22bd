"""CoGAN: which layers are shared, that they are one variable, and what one z makes of them."""

import numpy as np
import pytest
import tensorflow as tf
from convolving import L, build, images, moved, noise, randomised, trainable, values_of

from ganflow.base.errors import InputError
from ganflow.interface import gans, tables, wiring
from ganflow.interface.fields import Fields
from ganflow.models import cogan
from ganflow.nn.draws import Real
from ganflow.storage import checkpoints

SHAPE = (28, 28, 1)
FIELDS = Fields({"a": SHAPE, "b": SHAPE})
SMALL = {"width": 2, "z_size": 5, "d_maps": 5, "d_units": 6, "dropout_rate": 0.2}
DROPPED = ("real_a", "real_b", "fake_a", "fake_b", "g_a", "g_b")


@pytest.fixture
def gan():
    gan = build(cogan, FIELDS, **SMALL)
    for weights in gan.networks.values():
        randomised(weights)
    return gan


def batch_of(n=4):
    us = np.random.default_rng(5).uniform(0, 1, (len(DROPPED), n, 6)).astype(np.float32)
    batch = {f"u_{of}": tf.constant(u) for of, u in zip(DROPPED, us, strict=True)}
    real = {"a": images(n, 1, SHAPE), "b": images(n, 2, SHAPE)}
    return batch | real | {"z_d": noise(n, 5, 3), "z_g": noise(n, 5, 4)}


# ---------------------------------------------------------------- sizes and sharing


def test_the_networks_have_as_many_parameters_as_the_docstring_says():
    full = build(cogan, FIELDS)
    maps = (100, 1_024, 512, 256, 128)
    kernels = 16 * 100 * 1_024 + 9 * (1_024 * 512 + 512 * 256 + 256 * 128)
    slopes, moving, own = sum(maps[1:]), 2 * sum(maps[1:]), 36 * 128 + 1
    assert trainable(full.g_a) == kernels + slopes + own
    assert tables.parameters(full.g_a) == kernels + slopes + own + moving == 7_841_921
    first = 25 * 20 + 20
    rest = 25 * 20 * 50 + 50 + 800 * 500 + 500 + 500 + 500 * 2 + 2
    assert tables.parameters(full.d_a) == first + rest == 427_572
    everything = kernels + slopes + moving + 2 * own + rest + 2 * first
    assert sum(v.shape.num_elements() for _, v in gans.named_weights(full)) == everything
    for count in ("7,841,921", f"{own:,}", f"{moving:,}", "427,572", str(first)):
        assert count in cogan.__doc__, count


def test_g_shares_all_but_the_last_layer_and_d_all_but_the_first(gan):
    """The paper's way round; first layers of D and last ones of G in common are another GAN."""
    for a, b, own in (
        (gan.g_a, gan.g_b, {"deconv_4_w", "deconv_4_b"}),
        (gan.d_a, gan.d_b, {"conv_0_w", "conv_0_b"}),
    ):
        assert list(a) == list(b)
        assert {name for name in a if a[name] is not b[name]} == own
        apart = [name for name in own if name.endswith("_w")]
        assert not any(np.array_equal(a[name], b[name]) for name in apart)


def test_what_is_shared_is_trained_once_and_by_both_domains(gan):
    for variables, a, b in (
        (gan.g_variables, gan.g_a, gan.g_b),
        (gan.d_variables, gan.d_a, gan.d_b),
    ):
        assert len({id(v) for v in variables}) == len(variables)
        assert {id(v) for v in variables} == {
            id(v) for v in [*a.values(), *b.values()] if v.trainable
        }
    found = {w.update: w.moved for w in wiring.wirings(gan, FIELDS)}
    assert found["d_step"] == dict.fromkeys(("discriminator_a", "discriminator_b"), "Adam")
    assert found["g_step"] == dict.fromkeys(("generator_a", "generator_b"), "Adam")


def test_what_is_shared_is_shared_after_a_restore(gan, tmp_path):
    state = tf.train.Checkpoint(gan=gan)
    about = dict.fromkeys(("config", "options", "fields", "networks"), {})
    about |= {"model": "cogan", "data_sha256": "0"}
    checkpoints.save(tmp_path, state, 0, about, keep=1)
    other = build(cogan, FIELDS, seed=1, **SMALL)
    checkpoints.restore_model(checkpoints.newest_sound(tmp_path), gan=other)
    for name, value in values_of(gan.g_b).items():
        np.testing.assert_array_equal(other.g_b[name], value)
    assert other.g_a["deconv_0_w"] is other.g_b["deconv_0_w"]
    assert other.d_a["w_3"] is other.d_b["w_3"]


# ---------------------------------------------------------------- the networks


def by_keras(layer, w, b, x):
    layer.build(x.shape)
    layer.set_weights([w.numpy(), np.zeros(layer.filters) if b is None else b.numpy()])
    return layer(x)


def prelu(x, slope):
    x = np.asarray(x)
    return np.where(x > 0, x, slope.numpy() * x)


def generated_by_keras(weights, z):
    """With moving statistics, in (0, 1)."""
    x = tf.reshape(z, [-1, 1, 1, 5])
    for i, (maps, side, stride, crop) in enumerate(
        ((16, 4, 1, 0), (8, 3, 2, 1), (4, 3, 2, 1), (2, 3, 2, 1), (1, 6, 1, 1))
    ):
        layer = L.Conv2DTranspose(maps, side, stride, "valid")
        x = by_keras(layer, weights[f"deconv_{i}_w"], weights.get(f"deconv_{i}_b"), x)
        x = x[:, crop : x.shape[1] - crop, crop : x.shape[2] - crop].numpy()
        assert x.shape[1] == (4, 7, 13, 25, 28)[i]
        if i < 4:
            mean, variance = (weights[f"norm_{i}_{part}"].numpy() for part in ("mean", "variance"))
            x = prelu((x - mean) / np.sqrt(variance + 1e-5), weights[f"slope_{i}"])
    return tf.sigmoid(x).numpy()


def test_each_generator_is_kerass_network(gan):
    z = noise(3, 5)
    for sampler, weights in zip(gan.samplers(), (gan.g_a, gan.g_b), strict=True):
        expected = 2 * generated_by_keras(weights, z) - 1  # out of the program's [0, 1]
        assert expected.std() > 0.05
        np.testing.assert_allclose(sampler.generate({"z": z}), expected, atol=1e-5)


def softmax_by_keras(weights, x, u=None, rate=0.0):
    """The two inputs of D's softmax, [n, 2], of images in [0, 1]."""
    for i, maps in enumerate((2, 5)):
        layer = L.Conv2D(maps, 5, padding="valid")
        x = by_keras(layer, weights[f"conv_{i}_w"], weights[f"conv_{i}_b"], x)
        x = L.MaxPooling2D()(x)
    x = tf.reshape(x, [len(x), -1]).numpy() @ weights["w_2"].numpy() + weights["b_2"].numpy()
    x = prelu(x, weights["slope_2"])
    x = x if u is None else np.where(u.numpy() >= rate, x / (1 - rate), 0)
    return np.float64(x @ weights["w_3"].numpy() + weights["b_3"].numpy())


def test_each_discriminator_is_kerass_lenet(gan):
    x = images(3, 7, SHAPE)
    for sampler, weights in zip(gan.samplers(), (gan.d_a, gan.d_b), strict=True):
        out = softmax_by_keras(weights, (x + 1) / 2)
        expected = out[:, 1] - out[:, 0]
        assert np.ptp(expected) > 0.01
        np.testing.assert_allclose(sampler.score(x, {}), expected, atol=1e-4)


# ---------------------------------------------------------------- the losses


def cross_entropy(out, real):
    """Of a softmax of two, in NumPy: -mean log of its share for "real" (1) or "generated" (0)."""
    shares = np.exp(out) / np.exp(out).sum(axis=1, keepdims=True)
    return -np.log(shares[:, int(real)]).mean()


def expected_losses(gan, batch, decay):
    """(D's, G's) of the weights as they are: a softmax's cross-entropies, squares of weights."""
    d_loss = g_loss = 0.0
    for domain, g, d in (("a", gan.g_a, gan.d_a), ("b", gan.g_b, gan.d_b)):
        fake_d, fake_g = (
            cogan.generator(g, batch[z], "batch") for z in ("z_d", "z_g")
        )  # one z for both domains
        of = [(f"real_{domain}", (batch[domain] + 1) / 2, 1), (f"fake_{domain}", fake_d, 0)]
        for name, x, real in of:
            d_loss += cross_entropy(softmax_by_keras(d, x, batch[f"u_{name}"], 0.2), real)
        g_loss += cross_entropy(softmax_by_keras(d, fake_g, batch[f"u_g_{domain}"], 0.2), 1)
    squares = [
        sum(float(np.square(np.float64(v.numpy())).sum()) for v in variables)
        for variables in (gan.d_variables, gan.g_variables)
    ]
    return d_loss + decay * squares[0] / 2, g_loss + decay * squares[1] / 2


@pytest.mark.parametrize("decay", [0.0, 0.01])
def test_the_losses_are_sums_over_both_domains_on_one_z(decay):
    gan, batch = build(cogan, FIELDS, **SMALL, weight_decay=decay), batch_of()
    d_loss, g_loss = expected_losses(gan, batch, decay)
    assert float(gan.g_step(dict(batch))["g_loss"]) == pytest.approx(g_loss, rel=1e-4)
    d_loss, _ = expected_losses(gan, batch, decay)  # of the new G
    assert float(gan.d_step(batch)["d_loss"]) == pytest.approx(d_loss, rel=1e-4)


def test_another_z_for_the_second_generator_fails_that_test():
    gan, batch = build(cogan, FIELDS, **SMALL), batch_of()
    _, g_loss = expected_losses(gan, batch, gan.config.weight_decay)

    def unpaired(z, statistics):
        return [
            cogan.generator(g, x, statistics) for g, x in ((gan.g_a, z), (gan.g_b, noise(4, 5, 9)))
        ]

    gan._pair = unpaired
    assert abs(float(gan.g_step(batch)["g_loss"]) - g_loss) > 1e-4


def test_weight_decay_is_of_the_gradient_so_that_adam_scales_it(gan):
    """L2 as in both programs, not AdamW: a weight of no loss goes down by a whole rate."""
    w = gan.d_a["conv_0_w"]
    gan.d_a["conv_0_w"].assign(tf.ones_like(w))
    for name in ("conv_1_w", "w_2", "w_3"):
        gan.d_a[name].assign(tf.zeros_like(gan.d_a[name]))  # no gradient comes back to it
    gan.d_step(batch_of())
    np.testing.assert_allclose(w, 1 - 2e-4, rtol=1e-6)


# ---------------------------------------------------------------- who learns


def test_each_update_moves_its_own_networks_alone(gan):
    of_g, of_d = {**gan.g_a, "own": gan.g_b["deconv_4_w"]}, {**gan.d_a, "own": gan.d_b["conv_0_w"]}
    for update, its, others in ((gan.d_step, of_d, of_g), (gan.g_step, of_g, of_d)):
        first, rest = values_of(its), values_of(others)
        update(batch_of())
        assert moved(rest, others) == set()
        assert moved(first, its) == set(first)  # moving statistics too, in G's own step


def test_both_domains_move_what_is_shared(gan):
    """The gradient of one domain's loss alone reaches it, of either."""
    batch = batch_of()
    for z, g, d in (("z_g", gan.g_a, gan.d_a), ("z_g", gan.g_b, gan.d_b)):
        shared = [g["deconv_0_w"], d["w_2"]]
        with tf.GradientTape() as tape:
            fake = cogan.generator(g, batch[z], "batch")
            loss = tf.reduce_sum(cogan.discriminator(d, fake, batch["u_g_a"], 0.2))
        assert all(np.any(gradient != 0) for gradient in tape.gradient(loss, shared))


def test_no_pair_and_no_label_is_seen(gan):
    """Two domains, an order each; and which b stands beside which a is nothing to the losses."""
    (phase,) = gan.schedule().phases
    assert phase.reals() == [Real("a"), Real("b")]
    assert {n for n in phase.inputs if n.startswith("z")} == {"z_d", "z_g"}
    batch, state = batch_of(), [v.numpy() for v in gan.variables]
    expected = float(gan.d_step(batch)["d_loss"])
    for v, value in zip(gan.variables, state, strict=True):
        v.assign(value)
    rolled = {name: tf.roll(batch[name], 1, axis=0) for name in ("b", "u_real_b")}
    assert float(gan.d_step(batch | rolled)["d_loss"]) == pytest.approx(expected, rel=1e-6)


def test_a_pair_is_of_one_z(gan):
    a, b = gan.samplers()
    assert a.given == b.given and (a.against, b.against) == ("a", "b")
    given = [gans.given(sampler, seed=3, count=4) for sampler in (a, b)]
    np.testing.assert_array_equal(given[0]["z"], given[1]["z"])
    in_training = gan._pair(given[0]["z"], "moving")
    for sampler, x in zip((a, b), in_training, strict=True):
        np.testing.assert_allclose(sampler.generate(given[0]), 2 * x - 1, atol=1e-6)
    gan.g_a["slope_0"].assign(5 * gan.g_a["slope_0"])  # what is shared changes both
    for sampler, x in zip((a, b), in_training, strict=True):
        assert np.abs(sampler.generate(given[0]) - (2 * x - 1)).max() > 1e-3


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"a": SHAPE, "b": (32, 32, 1)}, "trains on images of 28x28, and b is 32x32"),
        ({"x": SHAPE}, "needs the field a, and the data set has x"),
    ],
)
def test_what_it_cannot_train_on_is_one_line(fields, says):
    with pytest.raises(InputError, match=f"--dataset=mnist_edges: cogan {says}"):
        build(cogan, Fields(fields))


def test_domains_may_differ_in_their_channels():
    gan = build(cogan, Fields({"a": SHAPE, "b": (28, 28, 3)}), **SMALL)
    a, b = (s.generate({"z": noise(2, 5)}).shape for s in gan.samplers())
    assert (tuple(a), tuple(b)) == ((2, 28, 28, 1), (2, 28, 28, 3))
