"""DCGAN: its equations, its sizes, and the mistakes that are made of it."""

import keras
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

from ganflow.base.errors import InputError
from ganflow.interface import tables
from ganflow.interface.fields import Fields
from ganflow.models import dcgan

SMALL = {"width": 4, "z_size": 5}


@pytest.fixture
def gan():
    return build(dcgan, **SMALL)


# ---------------------------------------------------------------- sizes


def test_the_networks_have_as_many_parameters_as_the_docstring_says():
    full = build(dcgan, Fields({"x": (28, 28, 1)}))
    projection = 100 * 6_272 + 2 * 6_272  # 7 * 7 * 128 units, a gain and a shift each
    g_kernels = 25 * 128 * 64 + 2 * 64 + 25 * 64
    assert trainable(full.g) == projection + g_kernels == 846_272
    moving = 2 * 6_272 + 2 * 64
    assert tables.parameters(full.g) == 846_272 + moving == 858_944
    assert trainable(full.d) == 25 * 64 + 25 * 64 * 128 + 2 * 128 + 6_272 == 212_928
    assert tables.parameters(full.d) == 212_928
    for count in ("858,944", f"{moving:,}", "212,928"):
        assert count in dcgan.__doc__


@pytest.mark.parametrize("shape", [(28, 28, 1), (56, 56, 1), (32, 8, 3)])
def test_images_of_all_sizes_that_4_divides(shape):
    gan = build(dcgan, Fields({"x": shape}), **SMALL)
    samples = gan.generate({"z": noise(3, 5)})
    assert samples.shape == (3, *shape)
    assert gan.score(samples, {}).shape == (3,)


def test_other_sizes_are_refused_in_one_line():
    with pytest.raises(InputError, match="trains on images whose sides 4 divides, not on 28x30"):
        build(dcgan, Fields({"x": (28, 30, 1)}))


def test_batch_norm_stands_in_all_layers_but_gs_last_and_ds_first_and_no_bias_is_anywhere(gan):
    normed = {name.rpartition("_")[0] for name in [*gan.g, *gan.d] if name.startswith("norm")}
    assert normed == {"norm_in", "norm_0", "norm_1"}
    assert [name for name in gan.g if name.startswith("norm_1")] == []
    assert not [name for name in [*gan.g, *gan.d] if name.endswith("_b")]


def test_first_weights_are_normal_and_gains_too():
    full = build(dcgan, Fields({"x": (28, 28, 1)}))
    for name in ("in_w", "deconv_0_w"):
        values = full.g[name].numpy()
        assert values.std() == pytest.approx(0.02, rel=0.01)
        assert np.abs(values).max() > 0.07  # the tails are not cut off at two deviations
    gains = full.g["norm_in_gamma"].numpy()
    assert gains.mean() == pytest.approx(1, abs=0.002)
    assert gains.std() == pytest.approx(0.02, rel=0.05)
    assert not full.g["norm_in_beta"].numpy().any()


# ---------------------------------------------------------------- networks, beside Keras's


def test_the_generator_is_kerass_network(gan):
    randomised(gan.g)
    z = noise(6, 5)
    into = keras.Sequential([L.Dense(32, use_bias=False), keras_norm(gan.g, "norm_in", 1e-5, 2)])
    into.add(L.ReLU())
    into.add(L.Reshape([2, 2, 8]))
    into.add(L.Conv2DTranspose(4, 5, 2, "same", use_bias=False))
    into.add(keras_norm(gan.g, "norm_0", 1e-5, 4))
    into.add(L.ReLU())
    into.add(L.Conv2DTranspose(1, 5, 2, "same", use_bias=False, activation="tanh"))
    into.build((None, 5))
    kernels = [layer for layer in into.layers if layer.name.startswith(("dense", "conv"))]
    for layer, name in zip(kernels, ("in_w", "deconv_0_w", "deconv_1_w"), strict=True):
        layer.set_weights([gan.g[name].numpy()])
    for statistics, training in (("moving", False), ("batch", True)):
        found = dcgan.generator(gan.g, z, (8, 8, 1), statistics)
        np.testing.assert_allclose(found, into(z, training=training), atol=1e-5)


def test_the_discriminator_is_kerass_network(gan):
    randomised(gan.d)
    x = images(6)
    network = keras.Sequential([L.Conv2D(4, 5, 2, "same", use_bias=False)])
    network.add(L.LeakyReLU(negative_slope=0.2))  # Keras's own would be .3
    network.add(L.Conv2D(8, 5, 2, "same", use_bias=False))
    network.add(keras_norm(gan.d, "norm_1", 1e-5, 4))
    network.add(L.LeakyReLU(negative_slope=0.2))
    network.add(L.Flatten())
    network.add(L.Dense(1, use_bias=False))
    network.build((None, 8, 8, 1))
    for at, name in ((0, "conv_0_w"), (2, "conv_1_w"), (6, "out_w")):
        network.layers[at].set_weights([gan.d[name].numpy()])
    found = dcgan.discriminator(gan.d, x, gan.config)
    np.testing.assert_allclose(found, network(x, training=True), atol=1e-5)


def test_epsilon_and_decay_are_not_in_each_others_places(gan):
    """An epsilon of .8, or a decay of .1, is what Keras's values become in PyTorch's order."""
    x = tf.constant(np.random.default_rng(0).normal(3, 0.1, (500, 4)), tf.float32)
    y = dcgan.norm(x, {k: v for k, v in gan.g.items() if "norm_0" in k}, "norm_0", "update")
    assert np.std(y, axis=0) == pytest.approx(gan.g["norm_0_gamma"].numpy(), rel=0.01)
    assert gan.g["norm_0_mean"].numpy() == pytest.approx(0.1 * np.mean(x, axis=0), rel=1e-4)


# ---------------------------------------------------------------- a step


def test_d_sees_real_and_fake_images_in_batches_of_their_own(gan):
    """D's loss from its logits, in NumPy; one batch of both would have other statistics."""
    randomised(gan.d)
    x, z = images(6), noise(6, 5)
    fake = dcgan.generator(gan.g, z, (8, 8, 1), "batch")
    apart = [dcgan.discriminator(gan.d, half, gan.config) for half in (x, fake)]
    as_one = tf.split(dcgan.discriminator(gan.d, tf.concat([x, fake], 0), gan.config), 2)
    found = gan.d_step({"x": x, "z_d": z})
    assert float(found["d_loss"]) == pytest.approx(minimax(*apart), rel=1e-5)
    assert minimax(*as_one) != pytest.approx(minimax(*apart), rel=1e-3)
    assert float(found["d_real"]) == pytest.approx(float(tf.reduce_mean(tf.sigmoid(apart[0]))))


def test_gs_loss_is_the_one_that_does_not_saturate(gan):
    z = noise(6, 5)
    fake = dcgan.generator(gan.g, z, (8, 8, 1), "batch")
    logits = dcgan.discriminator(gan.d, fake, gan.config)
    found = gan.g_step({"z_g": z})["g_loss"]
    assert float(found) == pytest.approx(softplus(-logits.numpy()).mean(), rel=1e-5)


def test_gs_moving_statistics_move_in_its_own_step_alone(gan):
    before = values_of(gan.g)
    gan.d_step({"x": images(6), "z_d": noise(6, 5)})
    assert moved(before, gan.g) == set()
    gan.g_step({"z_g": noise(6, 5)})
    assert moved(before, gan.g) == set(gan.g)


def test_both_adams_have_the_papers_beta():
    gan = build(dcgan, Fields({"x": (8, 8, 1)}))
    for optimizer in (gan.d_optimizer, gan.g_optimizer):
        assert float(optimizer.learning_rate) == pytest.approx(2e-4)
        assert (optimizer.beta_1, optimizer.beta_2) == (0.5, 0.999)


# ---------------------------------------------------------------- samples


def test_an_image_depends_on_its_z_and_not_on_the_images_beside_it(gan):
    randomised(gan.g)
    z = noise(6, 5)
    alone, among = gan.generate({"z": z[:1]}), gan.generate({"z": z})[:1]
    np.testing.assert_allclose(alone, among, atol=1e-6)
    in_training = dcgan.generator(gan.g, z[:1], (8, 8, 1), "batch")
    assert np.abs(in_training - dcgan.generator(gan.g, z, (8, 8, 1), "batch")[:1]).max() > 0.01


def test_samples_become_those_of_training_when_the_means_have_been_moved_often(gan):
    z, generate = noise(16, 5), tf.function(dcgan.generator)
    for name in ("in_w", "deconv_0_w", "deconv_1_w"):
        gan.g[name].assign(20 * gan.g[name])  # so that no variance is next to nothing
    for _ in range(80):  # .9^80 = 2e-4 of the first statistics is left
        in_training = generate(gan.g, z, (8, 8, 1), "update")
    np.testing.assert_allclose(gan.generate({"z": z}), in_training, atol=0.02)
    gan.g["norm_0_mean"].assign(tf.zeros([4]))  # as it would be, had it never been moved
    gan.g["norm_0_variance"].assign(tf.ones([4]))
    assert np.abs(gan.generate({"z": z}) - in_training).max() > 0.01
    assert in_training.numpy().min() < 0  # images in (-1, 1), not (0, 1)
