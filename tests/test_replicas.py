"""One replica or several: slices of a batch, means, and what is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ganflow import engine, models, optim, replicas
from ganflow.errors import InputError

HAS_GPU = bool(tf.config.list_physical_devices("GPU"))


@pytest.mark.skipif(HAS_GPU, reason="0 then means all GPUs")
@pytest.mark.parametrize("number", [0, 1])
def test_one_replica_has_no_wrapper(number):
    assert replicas.make_strategy(number) is tf.distribute.get_strategy()


def test_as_many_replicas_as_asked_for(two_replicas):
    assert two_replicas.num_replicas_in_sync == 2
    replicas.make_logical_cpus(2)  # there are two already: nothing to do


@pytest.mark.skipif(HAS_GPU, reason="counts GPUs, not CPUs")
def test_more_replicas_than_devices_are_refused_once_tensorflow_runs():
    tf.zeros([1])
    with pytest.raises(InputError, match="--num_replicas=99: .* start a new process"):
        replicas.make_strategy(99)


def test_each_replica_sees_its_slice_and_scalars_are_means(two_replicas):
    seen = []

    def step(batches):
        (batch,) = batches
        assert batch["x"].shape == (2, 1) and batch["z"].shape == (3,)  # 6 z for 4 x
        seen.append(replicas.count())
        return {"x": tf.reduce_sum(batch["x"]), "z": tf.reduce_max(batch["z"])}

    batches = [{"x": tf.constant([[1.0], [2.0], [30.0], [40.0]]), "z": tf.range(6.0)}]
    results = tf.function(lambda: replicas.run(two_replicas, step, batches))()
    assert {name: float(value) for name, value in results.items()} == {
        "x": (3 + 70) / 2,  # a replica that took the other's slice would leave 3 or 70
        "z": (2 + 5) / 2,
    }
    assert set(seen) == {2}


def test_one_replica_sees_the_batch_as_it_is():
    batches = [{"x": tf.range(3.0)}]
    results = replicas.run(tf.distribute.get_strategy(), lambda b: {"seen": b}, batches)
    assert results["seen"] is batches
    assert replicas.count() == 1


@pytest.mark.parametrize("kind", ["sgd", "adam"])
def test_gradients_are_applied_once_as_their_mean_over_the_replicas(two_replicas, kind):
    # The loss mean(w x) has the gradient mean(x): 1.5 in one replica, 35 in the other, 18.25 for
    # the batch. SGD at rate .1 then goes to 1 - 1.825; Adam's first step is its rate, and its
    # second moment .001 g^2 tells which gradient it saw.
    with two_replicas.scope():
        w = tf.Variable(1.0)
        optimizer = getattr(optim, kind)(0.1, [w])

    def step(batches):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(w * batches[0]["x"])
        return {"gradient": optim.update(optimizer, tape.gradient(loss, [w]), [w]), "loss": loss}

    batches = [{"x": tf.constant([1.0, 2.0, 30.0, 40.0])}]
    results = tf.function(lambda: replicas.run(two_replicas, step, batches))()
    assert [float(g) for g in results["gradient"]] == [18.25]
    assert float(results["loss"]) == 18.25
    assert optimizer.iterations.numpy() == 1
    if kind == "sgd":
        assert w.numpy() == pytest.approx(1 - 1.825)
    else:
        assert w.numpy() == pytest.approx(1 - 0.1)
        slots = [v.numpy() for v in optimizer.variables if v.shape == ()]
        assert any(v == pytest.approx(0.001 * 18.25**2) for v in slots)


def test_both_replicas_hold_the_same_weights_after_a_step(two_replicas):
    with two_replicas.scope():
        w = tf.Variable(1.0)
        optimizer = optim.sgd(0.1, [w])

    def step(batches):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(w * batches[0]["x"])
        optim.update(optimizer, tape.gradient(loss, [w]), [w])
        return {"loss": loss}

    tf.function(lambda: replicas.run(two_replicas, step, [{"x": tf.constant([1.0, 2.0])}]))()
    one, other = (float(v) for v in two_replicas.experimental_local_results(w))
    assert one == other == float(replicas.value_of(w)) == pytest.approx(0.85)


# ---------------------------------------------------------------- what a run refuses


def run_of(points, strategy, batch_size=8, **options):
    module = models.load("circle")
    config = dataclasses.replace(module.Config(), batch_size=batch_size)
    return engine.Run(module, config, engine.Options(workdir="w", **options), points, strategy)


def test_a_batch_that_replicas_cannot_share_is_refused(points, two_replicas):
    with pytest.raises(InputError, match="--batch_size=9: not a multiple of 2 replicas"):
        run_of(points, two_replicas, batch_size=9)


def test_xla_for_several_replicas_is_refused_and_not_chosen(points, two_replicas):
    with pytest.raises(InputError, match="--jit=on: .*--jit=auto"):
        run_of(points, two_replicas, jit="on")
    assert run_of(points, two_replicas).jit is False


def test_a_data_set_smaller_than_a_batch_is_refused(points):
    with pytest.raises(InputError, match="found 50 examples, expected at least the 51"):
        run_of(points, None, batch_size=51)


def test_weights_do_not_depend_on_the_number_of_replicas(points, two_replicas):
    one, two = (run_of(points, strategy) for strategy in (None, two_replicas))
    for (name, a), (_, b) in zip(
        engine.named_weights(one.gan), engine.named_weights(two.gan), strict=True
    ):
        np.testing.assert_array_equal(a, replicas.value_of(b), err_msg=name)
