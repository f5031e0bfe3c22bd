"""The cures of mode collapse: each against a value worked out by hand, and in both models."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ganflow import engine
from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.nn import cures, optimizers
from tests import cases
from tests.test_every_model import drawn, same, trained_by_hand, weights

NUMBERS = np.random.default_rng(0)
CURES = {
    "pac": 3,
    "minibatch_std": True,
    "minibatch_kernels": 4,
    "spectral_norm": True,
    "r1_weight": 1.0,
    "unroll": 2,
}


# ---------------------------------------------------------------- by hand


def test_minibatch_std_is_the_mean_of_the_units_deviations():
    x = tf.constant([[0.0, 0.0], [2.0, 4.0]])
    np.testing.assert_allclose(cures.minibatch_std(x), [[1.5], [1.5]], rtol=1e-5)
    alike = tf.Variable([[3.0, 1.0], [3.0, 1.0]])
    with tf.GradientTape() as tape:
        told = tf.reduce_sum(cures.minibatch_std(alike))
    assert float(told) < 1e-3 and np.isfinite(tape.gradient(told, alike)).all()


def test_minibatch_discrimination_sums_how_near_the_others_are():
    x = np.zeros([3, 5], np.float32)
    x[1] += 0.1  # |M_0 - M_1| = .5
    x[2] += 1.0  # 5 and 4.5
    found = cures.minibatch_discrimination(tf.constant(x), tf.eye(5))
    expected = [np.exp(-0.5) + np.exp(-5), np.exp(-0.5) + np.exp(-4.5), np.exp(-5) + np.exp(-4.5)]
    np.testing.assert_allclose(found[:, 0], expected, rtol=1e-5)
    alike = cures.minibatch_discrimination(tf.zeros([3, 5]), tf.eye(5))
    np.testing.assert_allclose(alike, 2)  # the most there can be


@pytest.mark.parametrize("shape", [(6, 4), (3, 3, 2, 5)])
def test_spectral_norm_leaves_a_largest_gain_of_1(shape):
    w = {"w": tf.Variable(NUMBERS.normal(size=shape), dtype=tf.float32)}
    us = cures.spectral_vectors(w, cures.Options(spectral_norm=True), np.random.default_rng(0))
    for _ in range(100):
        cures.power_iteration(w, us)
    found = cures.held(w, us)["w"]
    gains = np.linalg.svd(np.reshape(found, [-1, shape[-1]]), compute_uv=False)
    assert gains.max() == pytest.approx(1, abs=1e-3)
    w["w"].assign(3 * w["w"])  # its size no longer matters
    np.testing.assert_allclose(cures.held(w, us)["w"], found, atol=1e-5)
    with tf.GradientTape() as tape:
        gain = tf.reduce_sum(tf.square(cures.held(w, us)["w"]))
    along = tf.reduce_sum(tape.gradient(gain, w["w"]) * w["w"])
    assert float(along) == pytest.approx(0, abs=1e-3)  # nor does its gradient know of it
    off = cures.spectral_vectors(w, cures.Options(), np.random.default_rng(0))
    assert off == {} and cures.held(w, off)["w"] is w["w"]


def test_r1_of_a_linear_d_is_the_square_of_its_slope():
    slope = tf.constant([[2.0], [-1.0]])
    x = tf.constant(NUMBERS.normal(size=[6, 2]), tf.float32)
    assert float(cures.r1(lambda v: v @ slope, x)) == pytest.approx(5, rel=1e-5)

    def of_pairs(v):  # a pack of two has four numbers
        return tf.reshape(v, [-1, 4]) @ tf.concat([slope, slope], axis=0)

    assert float(cures.r1(of_pairs, x)) == pytest.approx(10, rel=1e-5)


def adam_of(w, done):
    adam = optimizers.Adam(0.1, [w], beta_1=0.5)
    for _ in range(done):
        adam.update([tf.constant([1.0])])
    return adam


@pytest.mark.parametrize("done", [0, 3])
def test_unrolling_foresees_the_updates_and_assigns_nothing(done):
    w = tf.Variable([2.0], name="w")
    adam = adam_of(w, done)
    before = float(w[0]), int(adam.iterations)

    def d_loss(d):
        return tf.reduce_sum(d["w"] ** 2)

    ahead = cures.unrolled({"w": w}, adam, d_loss, 2)["w"]
    assert (float(w[0]), int(adam.iterations)) == before
    for _ in range(2):
        adam.update([2 * w])
    np.testing.assert_allclose(ahead, w, rtol=1e-5)


def test_gs_gradient_flows_through_ds_update():
    w, f = tf.Variable([2.0], name="w"), tf.Variable([3.0])
    adam = adam_of(w, 0)
    with tf.GradientTape() as tape:
        ahead = cures.unrolled({"w": w}, adam, lambda d: tf.reduce_sum(d["w"] * f), 1)
        loss = tf.reduce_sum(ahead["w"] * f)
    # w' = w - size (1 - b1) f / (sqrt(v) + eps), v = (1 - b2) f^2 constant; d(w' f) = w' + f dw'.
    size = 0.1 * np.sqrt(1 - 0.999) / (1 - 0.5)
    dw = -size * 0.5 / (np.sqrt(0.001 * 9.0) + 1e-8)
    expected = (2.0 + 3.0 * dw) + 3.0 * dw
    assert float(tape.gradient(loss, f)[0]) == pytest.approx(expected, rel=1e-4)


# ---------------------------------------------------------------- in the models


@pytest.mark.parametrize("name", ["pacgan", "dcgan"])
@pytest.mark.parametrize("cure", CURES)
def test_every_cure_trains_in_both_models_and_changes_them(name, cure):
    plain = weights(trained_by_hand(name, steps=2))
    gan = trained_by_hand(name, steps=2, **{cure: CURES[cure]})
    cured = weights(gan)
    assert all(np.isfinite(value).all() for value in cured.values())
    assert not same(plain, cured)
    dataset, config = cases.dataset_of(name), cases.small_config(name, **{cure: CURES[cure]})
    sampler = gan.samplers()[0]
    samples = sampler.generate(gans.given(sampler, 1, 6))
    assert sampler.score(samples, {}).shape == (6,)
    assert drawn(gan, dataset, config, 0)["x" if name == "dcgan" else "x_0"].shape[0] == 8


@pytest.mark.parametrize("cure", CURES)
def test_each_keeps_what_it_is_about(cure):
    gan = cases.build("pacgan", **{cure: CURES[cure]})
    vectors = [name for name in gan.us]
    assert bool(vectors) == (cure == "spectral_norm")
    assert ("minibatch_t" in gan.d) == (cure == "minibatch_kernels")
    in_checkpoint = {id(v) for v in gan.variables}
    assert all(id(u) in in_checkpoint for u in gan.us.values())


def test_packs_of_images_stand_in_the_maps():
    gan = cases.build("dcgan", pac=3)
    assert gan.d["conv_0_w"].shape[2] == 3
    inputs = gan.schedule().phases[0].inputs
    assert [inputs[f"x{i}"].batch for i in ("", "_1", "_2")] == [0, 1, 2]
    assert inputs["z_d"].times == inputs["z_g"].times == 3


@pytest.mark.slow
def test_a_batch_on_two_replicas_has_one_deviation(two_replicas, tmp_path):
    made = []
    for replicas, strategy in ((1, None), (2, two_replicas)):
        config = cases.small_config("pacgan", minibatch_std=True, spectral_norm=True)
        options = engine.Options(workdir=str(tmp_path / str(replicas)), num_replicas=replicas)
        run = engine.Run(
            cases.module_of("pacgan"), config, options, cases.dataset_of("pacgan"), strategy
        )
        run.advance(2)
        made.append(weights(run.gan) | {k: u.numpy() for k, u in run.gan.us.items()})
    for name, value in made[0].items():
        np.testing.assert_allclose(made[1][name], value, rtol=1e-4, atol=2e-5, err_msg=name)
    config = dataclasses.replace(config, minibatch_kernels=2)
    with pytest.raises(InputError, match="trains on one replica, for minibatch discrimination"):
        engine.Run(
            cases.module_of("pacgan"), config, options, cases.dataset_of("pacgan"), two_replicas
        )
