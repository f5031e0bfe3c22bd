"""DCGAN's conditional network for MNIST: labels at every layer, and the mistakes that are made."""

import numpy as np
import pytest
import tensorflow as tf
from convolving import L, build, images, minimax, moved, noise, softplus, trainable, values_of
from convolving import with_kernel as kernel

from ganflow.base.errors import InputError
from ganflow.engine.feed import Feed
from ganflow.interface import tables
from ganflow.interface.fields import Fields
from ganflow.models import dcgan_conditional as model
from tests.cases import dataset_of

SHAPE = (8, 8, 1)
SMALL = {"width": 4, "g_units": 6, "d_units": 6, "z_size": 5}
MIXED = tf.constant([0, 1, 2, 3, 3, 9])


@pytest.fixture
def gan():
    return build(model, **SMALL)


def enlarged(weights):
    """Weights so large that outputs differ clearly."""
    for name, v in weights.items():
        if "w" in name:
            v.assign(v * 20)


def test_the_networks_have_as_many_parameters_as_the_docstring_says():
    full = build(model, Fields({"x": (28, 28, 1), "label": ()}, {"label": 10}))
    dense = 110 * 1_024 + 1_034 * 6_272
    assert trainable(full.g) == dense + 25 * 138 * 64 + 25 * 74 == 6_820_538
    moving = 2 * (1_024 + 6_272 + 64)
    assert tables.parameters(full.g) == 6_820_538 + moving == 6_835_258
    kernels = 25 * 11 * 64 + 25 * 74 * 128
    assert tables.parameters(full.d) == kernels + 6_282 * 1_024 + 1_034 == 6_688_202
    for count in ("6,835,258", f"{moving:,}", "6,688,202"):
        assert count in model.__doc__
    assert full.g["w_1"].numpy().std() == pytest.approx(0.02, rel=0.01)
    trained = [*full.g_variables, *full.d_variables]
    assert all(len(v.shape) >= 2 for v in trained)  # no scale, no shift, no bias


def test_data_without_labels_are_refused_in_one_line():
    with pytest.raises(InputError, match="needs the field label, and the data set has x"):
        build(model, Fields({"x": (28, 28, 1)}))
    with pytest.raises(InputError, match="sides 4 divides, not on 30x28"):
        build(model, Fields({"x": (30, 28, 1), "label": ()}, {"label": 10}))


# ---------------------------------------------------------------- networks, beside Keras's


def keras_norm(x):
    return L.BatchNormalization(center=False, scale=False, epsilon=1e-8)(x, training=True)


def as_maps(y, like):
    return np.broadcast_to(y[:, None, None, :], (*like.shape[:3], y.shape[1]))


def test_the_generator_is_kerass_network(gan):
    z, y = noise(6, 5), np.eye(10, dtype=np.float32)[MIXED]
    x = kernel(L.Dense(6, use_bias=False), gan.g["w_0"], np.concatenate([z, y], 1))
    x = tf.nn.relu(keras_norm(x))
    x = kernel(L.Dense(32, use_bias=False), gan.g["w_1"], np.concatenate([x, y], 1))
    x = tf.reshape(tf.nn.relu(keras_norm(x)), [6, 2, 2, 8])
    for name, maps in (("deconv_2_w", 4), ("deconv_3_w", 1)):
        layer = L.Conv2DTranspose(maps, 5, 2, "same", use_bias=False)
        x = kernel(layer, gan.g[name], np.concatenate([x, as_maps(y, x)], 3))
        x = tf.nn.relu(keras_norm(x)) if maps > 1 else tf.sigmoid(x)
    found = model.generator(gan.g, z, tf.constant(y), SHAPE, "batch")
    np.testing.assert_allclose(found, x, atol=1e-5)


def test_the_discriminator_is_kerass_network(gan):
    x, y = images(6), np.eye(10, dtype=np.float32)[MIXED]
    found = model.discriminator(gan.d, x, tf.constant(y), 0.2)
    leaky = L.LeakyReLU(negative_slope=0.2)
    for name, maps in (("conv_0_w", 4), ("conv_1_w", 8)):
        layer = L.Conv2D(maps, 5, 2, "same", use_bias=False)
        x = kernel(layer, gan.d[name], np.concatenate([x, as_maps(y, x)], 3))
        x = leaky(keras_norm(x)) if maps > 4 else leaky(x)
    x = np.concatenate([tf.reshape(x, [6, 32]), y], 1)
    x = leaky(keras_norm(kernel(L.Dense(6, use_bias=False), gan.d["w_2"], x)))
    x = kernel(L.Dense(1, use_bias=False), gan.d["w_3"], np.concatenate([x, y], 1))
    np.testing.assert_allclose(found, x, atol=1e-5)


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize("network", ["generator", "discriminator"])
def test_the_label_is_heard_at_every_layer(gan, network):
    """Deaf at all layers but one, a network still tells labels apart; deaf at all, it does not."""
    weights = gan.networks[network]
    enlarged(weights)
    kernels = [name for name in weights if "w" in name]
    axis = {name: 2 if "conv_" in name else 0 for name in kernels}  # of its inputs
    axis |= {name: 3 for name in kernels if "deconv" in name}

    def deafened(but: str | None):
        copies = dict(weights)
        for name in kernels:
            if name != but:
                w = np.moveaxis(weights[name].numpy(), axis[name], 0).copy()
                w[-10:] = 0
                copies[name] = tf.constant(np.moveaxis(w, 0, axis[name]))
        return copies

    def differs(copies):
        ys = [tf.one_hot(label, 10) for label in (MIXED, tf.reverse(MIXED, [0]))]
        if network == "generator":
            a, b = (model.generator(copies, noise(6, 5), y, SHAPE, "batch") for y in ys)
        else:
            a, b = (model.discriminator(copies, images(6), y, 0.2) for y in ys)
        return np.abs(a - b).max() > 1e-3

    assert len(kernels) == 4 and not differs(deafened(None))
    for name in kernels:
        assert differs(deafened(name)), name


def test_d_gets_xs_own_labels_and_g_those_of_another_minibatch(gan):
    dataset = dataset_of("dcgan_conditional")
    batch = Feed(gan.schedule(), dataset, 8, seed=0).batch_of(0)
    find = {x.tobytes(): label for x, label in zip(dataset.x, dataset.label, strict=True)}
    pixels = np.rint((batch["x"].numpy() + 1) * 127.5).astype(np.uint8)
    assert [find[x.tobytes()] for x in pixels] == batch["label_d"].numpy().tolist()
    feed = Feed(gan.schedule(), dataset, 25, seed=0)  # two minibatches are an epoch of 50
    both = np.concatenate([feed.batch_of(0)[f"label_{of}"] for of in "dg"])
    assert np.bincount(both).tolist() == [5] * 10
    assert feed.epochs(1) == 1


def test_g_and_d_are_given_the_same_labels(gan):
    enlarged(gan.d)
    z, x = noise(6, 5), images(6)
    y = gan.one_hot(MIXED)
    fake = model.generator(gan.g, z, y, SHAPE, "batch")
    logits = model.discriminator(gan.d, fake, y, 0.2)
    decay = 1.25e-5 * sum((v.numpy().astype(np.float64) ** 2).sum() for v in gan.g_variables)
    found = gan.g_step({"z_g": z, "label_g": MIXED})
    assert float(found["g_loss"]) == pytest.approx(softplus(-logits.numpy()).mean() + decay)

    fake = model.generator(gan.g, z, y, SHAPE, "batch")
    real = model.discriminator(gan.d, (x + 1) / 2, y, 0.2)
    decay = 1.25e-5 * sum((v.numpy().astype(np.float64) ** 2).sum() for v in gan.d_variables)
    expected = minimax(real, model.discriminator(gan.d, fake, y, 0.2)) + decay
    assert decay > 1e-3
    found = gan.d_step({"x": x, "z_d": z, "label_d": MIXED})
    assert float(found["d_loss"]) == pytest.approx(expected)


# ---------------------------------------------------------------- samples, ranges, rates


def test_a_batch_of_one_label_keeps_it(gan):
    """With the batch's own statistics all but the last layer would not hear it."""
    enlarged(gan.g)
    z = noise(6, 5)
    alike = gan.generate({"z": z, "label": tf.fill([6], 3)})
    among = gan.generate({"z": z, "label": MIXED})
    np.testing.assert_allclose(alike[3:5], among[3:5], atol=1e-5)
    by_batch = [model.generator(gan.g, z, gan.one_hot(y), SHAPE, "batch") for y in (MIXED, [3] * 6)]
    assert np.abs(by_batch[0][3:5] - by_batch[1][3:5]).max() > 0.05


def test_gs_moving_statistics_move_in_its_own_step_alone(gan):
    before = values_of(gan.g)
    gan.d_step({"x": images(6), "z_d": noise(6, 5), "label_d": MIXED})
    assert moved(before, gan.g) == set()
    gan.g_step({"z_g": noise(6, 5), "label_g": MIXED})
    assert moved(before, gan.g) == set(gan.g)


def test_images_are_between_0_and_1_inside_and_between_minus_1_and_1_outside(gan):
    x, y = images(6), gan.one_hot(MIXED)
    inside = model.discriminator(gan.d, (x + 1) / 2, y, 0.2)[:, 0]
    np.testing.assert_allclose(gan.score(x, {"label": MIXED}), inside, rtol=1e-5)
    made = gan.generate({"z": noise(6, 5), "label": MIXED})
    of_g = model.generator(gan.g, noise(6, 5), y, SHAPE, "moving")
    np.testing.assert_allclose(made, 2 * of_g - 1, atol=1e-6)
    assert of_g.numpy().min() > 0 and of_g.numpy().max() < 1


def test_the_rates_are_constant_and_then_fall_to_nothing():
    gan = build(model, **SMALL, constant_steps=1, decay_steps=2, g_learning_rate=4e-4)
    rates = []
    for _ in range(4):
        d = gan.d_step({"x": images(6), "z_d": noise(6, 5), "label_d": MIXED})
        before = values_of(gan.g)
        g = gan.g_step({"z_g": noise(6, 5), "label_g": MIXED})
        rates.append((float(d["d_learning_rate"]), float(g["g_learning_rate"])))
    np.testing.assert_allclose(rates, [(2e-4, 4e-4), (2e-4, 4e-4), (1e-4, 2e-4), (0, 0)], rtol=1e-5)
    assert not [name for name in moved(before, gan.g) if "w" in name]
    config = model.Config()
    assert config.steps == config.constant_steps + config.decay_steps
    assert gan.d_optimizer.beta_1 == gan.g_optimizer.beta_1 == 0.5
