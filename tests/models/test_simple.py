"""The switches of `simple`: document 004's best practices, one at a time. Off is the document's."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.models import simple
from ganflow.nn import losses, optimizers
from ganflow.nn.draws import random

N, SHAPE = 6, (4, 4, 1)
SMALL = {"z_size": 3, "g_hidden": (40, 30), "d_hidden": (5,)}


def gan_with(**settings):
    return gans.build(simple, simple.Config(**SMALL, **settings), Fields({"x": SHAPE}), seed=0)


def batch_of(gan) -> dict[str, tf.Tensor]:
    (phase,) = gan.schedule().phases
    drawn = {
        name: random(draw, name, 0, 0, 1, N)[0] for name, _, draw in phase.draws() if name != "x"
    }
    return drawn | {"x": tf.random.stateless_uniform([N, *SHAPE], [1, 2], -1.0, 1.0)}


def given_to(gan) -> dict[str, tf.Tensor]:
    return gans.given(gan.samplers()[0], 0, N)


def test_at_its_defaults_it_is_the_documents():
    gan = gan_with()
    assert isinstance(gan.d_optimizer, optimizers.SGD)
    assert set(gan.samplers()[0].given) == {"z"}
    assert set(batch_of(gan)) == {"x", "z_d", "z_g", "u_real_0", "u_fake_0", "u_g_0"}
    real, fake = tf.constant([[0.3], [-2.0]]), tf.constant([[1.0], [0.1]])
    assert gan._d_loss(real, fake) == losses.minimax_d_loss(real, fake)


def test_soft_labels_are_those_of_a_cross_entropy():
    gan, a, b = gan_with(real_label=0.9, fake_label=0.1), 0.3, -1.2
    loss = gan._d_loss(tf.constant([[a]]), tf.constant([[b]]))
    d_x, d_fake = (1 / (1 + np.exp(-x)) for x in (a, b))
    wanted = -0.9 * np.log(d_x) - 0.1 * np.log(1 - d_x)
    wanted += -0.1 * np.log(d_fake) - 0.9 * np.log(1 - d_fake)
    np.testing.assert_allclose(loss, wanted, rtol=1e-6)


def test_another_optimizer_moves_d():
    assert isinstance(gan_with(d_optimizer="adam").d_optimizer, optimizers.Adam)


def test_a_linear_output_has_no_tanh_and_samples_are_cut_off():
    bounded, free = gan_with(), gan_with(g_output="linear")
    for gan in (bounded, free):
        gan.g["b_0002"].assign_add(tf.fill([16], 3.0))
    batch = batch_of(free)
    assert tf.reduce_max(free._generate(batch, "g")) > 1.5
    assert tf.reduce_max(bounded._generate(batch, "g")) < 1.0
    assert tf.reduce_max(free.generate(given_to(free))) == 1.0


def test_dropout_in_g_is_fresh_in_training_and_in_sampling():
    plain, gan = gan_with(), gan_with(g_dropout_rate=0.4)
    batch, given = batch_of(gan), given_to(gan)
    assert {"u_0_of_g_d", "u_1_of_g_d", "u_0_of_g_g", "u_1_of_g_g"} < set(batch)
    assert {name: x.shape[1:] for name, x in given.items()} == {"z": 3, "u_0": 40, "u_1": 30}
    again = given | {"u_1": 1.0 - given["u_1"]}
    assert np.abs(gan.generate(given) - gan.generate(again)).max() > 1e-3  # of the same z
    # What is dropped is a share of .4; the others are as much larger.
    us = [tf.ones([N, 40]), tf.ones([N, 30])]  # drops none
    whole = simple.generator(gan.g, given["z"], 0.2, us, 0.4)
    first = tf.nn.leaky_relu(given["z"] @ gan.g["w_0000"], 0.2) / 0.6
    second = tf.nn.leaky_relu(first @ gan.g["w_0001"], 0.2) / 0.6
    np.testing.assert_allclose(whole, tf.tanh(second @ gan.g["w_0002"]), rtol=1e-4, atol=1e-6)
    assert 0.3 < np.mean(given["u_0"] < 0.4) < 0.5
    for step in (gan.d_step, gan.g_step):
        assert all(np.isfinite(value) for value in step(batch).values())
    np.testing.assert_array_equal(plain.g["w_0000"].shape, gan.g["w_0000"].shape)


@pytest.mark.parametrize("of", ["d", "g"])
def test_each_step_drops_units_of_g_by_its_own_numbers(of):
    gan = gan_with(g_dropout_rate=0.4)
    batch = batch_of(gan)
    before = gan._generate(batch, of)
    other = batch | {f"u_0_of_g_{'g' if of == 'd' else 'd'}": tf.zeros([N, 40])}
    np.testing.assert_array_equal(gan._generate(other, of), before)
    own = batch | {f"u_0_of_g_{of}": tf.zeros([N, 40])}  # drops all
    assert np.abs(gan._generate(own, of) - before).max() > 1e-3
