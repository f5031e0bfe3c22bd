"""HR-DCGAN: batch norm and then SELU, one block more a doubling, and what it is not."""

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
from convolving import with_kernel as kernel

from ganflow.base.errors import InputError
from ganflow.interface import tables
from ganflow.interface.fields import Fields
from ganflow.models import hr_dcgan
from ganflow.nn import layers

SHAPE = (16, 16, 1)  # two blocks, from 4x4 on
SMALL = {"width": 4, "z_size": 5}


@pytest.fixture
def gan():
    gan = build(hr_dcgan, Fields({"x": SHAPE}), **SMALL)
    for weights in (gan.g, gan.d):
        for name, v in weights.items():
            if name.endswith("_w"):
                v.assign(10 * v)  # so that outputs differ clearly
        randomised(weights)
    return gan


def test_the_networks_have_as_many_parameters_as_the_docstring_says():
    small = build(hr_dcgan, Fields({"x": (28, 28, 1)}))
    assert trainable(small.g) == 102 * 6_272 + 25 * 128 * 64 + 2 * 64 + 25 * 64 == 846_272
    assert tables.parameters(small.g) == 846_272 + 12_672 == 858_944
    assert tables.parameters(small.d) == 25 * 64 + 25 * 64 * 128 + 2 * 128 + 6_272 == 212_928
    large = build(hr_dcgan, Fields({"x": (56, 56, 1)}))  # a block of 256 maps more
    more = 102 * 6_272 + 25 * 256 * 128 + 2 * 128
    assert trainable(large.g) == 846_272 + more == 2_305_472
    assert tables.parameters(large.g) == 2_305_472 + 25_472 == 2_330_944
    assert tables.parameters(large.d) == 212_928 + 25 * 128 * 256 + 2 * 256 + 6_272 == 1_038_912
    for count in ("858,944", "12,672", "212,928", "2,330,944", "25,472", "1,038,912"):
        assert count in hr_dcgan.__doc__


@pytest.mark.parametrize(
    ("sides", "blocks"),
    [((28, 28), 2), ((56, 56), 3), ((112, 112), 4), ((32, 32), 3), ((64, 64), 4), ((8, 4), 1)],
)
def test_every_doubling_is_one_block_more(sides, blocks):
    assert hr_dcgan.count_blocks(*sides) == blocks
    if max(sides) <= 56:
        gan = build(hr_dcgan, Fields({"x": (*sides, 3)}), **SMALL)
        with layers.recorded_layers() as ran:
            x = gan.generate({"z": noise(2, 5)})
            assert gan.score(x, {}).shape == (2,)
        assert x.shape == (2, *sides, 3)
        kinds = [row.kind for row in ran]
        assert kinds.count("deconv") == kinds.count("conv") == blocks
        # G: all but its last layer; D: batch norm in all but the first, SELU in every one.
        assert kinds.count("batch_norm") == blocks + blocks - 1
        assert kinds.count("selu") == 2 * blocks
        assert not {"relu", "leaky_relu"} & set(kinds)  # that would be DCGAN


@pytest.mark.parametrize("shape", [(30, 28, 1), (84, 84, 1), (7, 7, 1)])
def test_other_sizes_are_refused_in_one_line(shape):
    with pytest.raises(InputError, match="hr_dcgan trains on images .*, not"):
        build(hr_dcgan, Fields({"x": shape}))


# ---------------------------------------------------------------- networks, beside Keras's


def test_the_generator_is_kerass_network_with_selu_after_batch_norm(gan):
    z = noise(6, 5)
    selu = keras.activations.selu
    x = kernel(L.Dense(128, use_bias=False), gan.g["in_w"], z)
    x = selu(keras_norm(gan.g, "norm_in", 1e-5, 2)(x, training=False))
    x = tf.reshape(x, [6, 4, 4, 8])
    x = kernel(L.Conv2DTranspose(4, 5, 2, "same", use_bias=False), gan.g["deconv_0_w"], x)
    x = selu(keras_norm(gan.g, "norm_0", 1e-5, 4)(x, training=False))
    x = kernel(L.Conv2DTranspose(1, 5, 2, "same", use_bias=False), gan.g["out_w"], x)
    np.testing.assert_allclose(gan.generate({"z": z}), tf.tanh(x), atol=1e-5)


@pytest.mark.parametrize(
    ("activation", "norm_first", "same"),
    [("selu", True, True), ("elu", True, False), ("selu", False, False)],
)
def test_the_discriminator_is_kerass_network_and_neither_elu_nor_the_other_order(
    gan, activation, norm_first, same
):
    x = images(6, shape=SHAPE)
    act, norm = keras.activations.get(activation), keras_norm(gan.d, "norm_1", 1e-5, 4)
    h = act(kernel(L.Conv2D(4, 5, 2, "same", use_bias=False), gan.d["conv_0_w"], x))
    h = kernel(L.Conv2D(8, 5, 2, "same", use_bias=False), gan.d["conv_1_w"], h)
    h = act(norm(h, training=True)) if norm_first else norm(act(h), training=True)
    expected = kernel(L.Dense(1, use_bias=False), gan.d["out_w"], tf.reshape(h, [6, 128]))
    off = np.abs(gan.score(x, {}) - expected[:, 0]).max()
    assert off < 1e-4 if same else off > 0.01


def test_bs_layers_give_a_mean_of_0_and_a_variance_of_1():
    """At the start, for gains near 1; ReLU in SELU's place would give .4 and .34."""
    gan = build(hr_dcgan, Fields({"x": (28, 28, 1)}), width=16)
    with layers.recorded_layers() as ran:
        hr_dcgan.generator(gan.g, noise(64, 100), (28, 28, 1), "batch")
        hr_dcgan.discriminator(gan.d, images(64, shape=(28, 28, 1)))
    pairs = zip(ran, ran[1:], strict=False)
    outputs = [b.output for a, b in pairs if a.kind == "batch_norm" and b.kind == "selu"]
    assert len(outputs) == 3
    for output in outputs:
        assert np.mean(output) == pytest.approx(0, abs=0.05)
        assert np.var(output) == pytest.approx(1, abs=0.1)


# ---------------------------------------------------------------- a step


def test_the_losses_are_dcgans(gan):
    x, z = images(6, shape=SHAPE), noise(6, 5)
    fake = hr_dcgan.generator(gan.g, z, SHAPE, "batch")
    real_logits, fake_logits = (hr_dcgan.discriminator(gan.d, half) for half in (x, fake))
    g_loss = float(gan.g_step({"z_g": z})["g_loss"])
    assert g_loss == pytest.approx(softplus(-fake_logits.numpy()).mean(), rel=1e-4)
    fake_logits = hr_dcgan.discriminator(gan.d, hr_dcgan.generator(gan.g, z, SHAPE, "batch"))
    before = values_of(gan.g)
    d_loss = float(gan.d_step({"x": x, "z_d": z})["d_loss"])
    assert d_loss == pytest.approx(minimax(real_logits, fake_logits), rel=1e-4)
    assert moved(before, gan.g) == set()
    gan.g_step({"z_g": z})
    assert moved(before, gan.g) == set(gan.g)


def test_what_is_not_verified_is_said():
    told = hr_dcgan.__doc__.partition("What could not be verified:")[2]
    for word in ("text was not at hand", "no code", "bs-dcgan", "4x4", "no MNIST"):
        assert word in told, word
