"""One replica or several: slices of a batch, means, and what is refused."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from ganflow import engine, models
from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.nn import optimizers, replicas

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

    def step(batch):
        assert batch["x"].shape == (2, 1) and batch["z"].shape == (3,)  # 6 z for 4 x
        seen.append(replicas.count())
        return {"x": tf.reduce_sum(batch["x"]), "z": tf.reduce_max(batch["z"])}

    batch = {"x": tf.constant([[1.0], [2.0], [30.0], [40.0]]), "z": tf.range(6.0)}
    results = tf.function(lambda: replicas.run(two_replicas, step, batch))()
    assert {name: float(value) for name, value in results.items()} == {
        "x": (3 + 70) / 2,  # a replica that took the other's slice would leave 3 or 70
        "z": (2 + 5) / 2,
    }
    assert set(seen) == {2}


def test_a_list_in_the_batch_is_sliced_entry_by_entry_and_results_may_be_nested(two_replicas):
    def step(batch):
        assert [tuple(x.shape) for x in batch["x"]] == [(1,), (2,)]
        sums = [tf.reduce_sum(x) for x in batch["x"]]
        return (tf.stack(sums), {"first": sums[0]})

    batch = {"x": [tf.constant([1.0, 3.0]), tf.constant([1.0, 2.0, 30.0, 40.0])]}
    means, nested = tf.function(lambda: replicas.run(two_replicas, step, batch))()
    np.testing.assert_array_equal(means, [2.0, 36.5])
    assert float(nested["first"]) == 2.0


def test_one_replica_sees_the_batch_as_it_is():
    batch = {"x": tf.range(3.0)}
    results = replicas.run(tf.distribute.get_strategy(), lambda b: {"seen": b}, batch)
    assert results["seen"] is batch
    assert replicas.count() == 1


RULES = {
    "sgd": lambda trained: optimizers.SGD(0.1, trained),
    "momentum": lambda trained: optimizers.Momentum(0.1, trained),
    "adam": lambda trained: optimizers.Adam(0.1, trained),
    "rms_prop": lambda trained: optimizers.RMSProp(0.1, trained),
}


def trained_for(strategy, rule, batches):
    """A weight and its optimizer after a step on each batch, and what the steps were given."""
    with strategy.scope():
        w = tf.Variable([1.0, -1.0], name="w")
        optimizer = RULES[rule]([w])

    def step(batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.linalg.matvec(batch["x"], tf.square(w)))
        with optimizers.recorded_updates() as rows:
            optimizer.update(tape.gradient(loss, [w]))
        return {"loss": loss, "gradient": rows[0].gradients[0]}

    run = tf.function(lambda batch: replicas.run(strategy, step, batch))
    return w, optimizer, [run({"x": tf.constant(x)}) for x in batches]


@pytest.mark.parametrize("rule", RULES)
def test_two_replicas_do_what_one_does(two_replicas, rule):
    """Weights, every slot in both copies, losses, and the gradients that an update records."""
    batches = np.random.default_rng(0).standard_normal([5, 4, 2]).astype(np.float32)
    w_1, one, found_1 = trained_for(tf.distribute.get_strategy(), rule, batches)
    w_2, two, found_2 = trained_for(two_replicas, rule, batches)
    for a, b in zip(found_1, found_2, strict=True):
        for name in ("loss", "gradient"):
            np.testing.assert_allclose(a[name], b[name], rtol=1e-5, atol=1e-6, err_msg=name)
    assert w_1.numpy() != pytest.approx([1.0, -1.0], abs=1e-3)
    for a, b in zip([w_1, *one.variables], [w_2, *two.variables], strict=True):
        copies = two_replicas.experimental_local_results(b)
        assert len(copies) == 2
        np.testing.assert_array_equal(copies[0], copies[1], err_msg=b.name)
        np.testing.assert_allclose(copies[0], a, rtol=1e-5, atol=1e-6, err_msg=b.name)
    assert two.iterations.numpy() == len(batches)


def test_a_gradient_is_applied_once_as_the_mean_over_the_replicas(two_replicas):
    # The loss mean(w x) has the gradient mean(x): 1.5 in one replica, 35 in the other, 18.25 for
    # the batch. SGD at rate .1 then goes to 1 - 1.825, and not to 1 - 3.65.
    with two_replicas.scope():
        w = tf.Variable(1.0)
        optimizer = optimizers.SGD(0.1, [w])

    def step(batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(w * batch["x"])
        optimizer.update(tape.gradient(loss, [w]))
        return {"loss": loss}

    batch = {"x": tf.constant([1.0, 2.0, 30.0, 40.0])}
    results = tf.function(lambda: replicas.run(two_replicas, step, batch))()
    assert float(results["loss"]) == 18.25
    assert optimizer.iterations.numpy() == 1
    one, other = (float(v) for v in two_replicas.experimental_local_results(w))
    assert one == other == float(replicas.value_of(w)) == pytest.approx(1 - 1.825)


def test_each_replica_has_a_copy_of_its_own_to_assign_to(two_replicas):
    with two_replicas.scope():
        v = tf.Variable(0.0)

    def step(batch):
        replicas.local(v).assign(batch["x"][0])
        return tf.constant(0.0)

    batch = {"x": tf.constant([3.0, 5.0])}
    tf.function(lambda: replicas.run(two_replicas, step, batch))()
    copies = [float(copy) for copy in two_replicas.experimental_local_results(v)]
    assert copies == [3.0, 5.0]  # nothing but the caller keeps them alike
    assert float(replicas.value_of(v)) == 3.0


def test_a_variable_of_one_replica_is_its_own_copy():
    v = tf.Variable(0.0)
    assert replicas.local(v) is v


def test_a_model_can_refuse_several_replicas(two_replicas):
    replicas.refuse_several("its pool of samples")
    with (
        two_replicas.scope(),
        pytest.raises(ValueError, match="one replica, for its pool of .*--num_replicas=1"),
    ):
        replicas.refuse_several("its pool of samples")


def test_the_tasks_of_a_slurm_step_are_addresses(monkeypatch):
    step = {"STEP_NUM_TASKS": "3", "STEP_NODELIST": "n[1-2]", "STEP_TASKS_PER_NODE": "2,1"}
    for name, value in (step | {"PROCID": "2"}).items():
        monkeypatch.setenv(f"SLURM_{name}", value)
    assert replicas.slurm_step() == (["n1:8888", "n1:8889", "n2:8888"], 2)
    monkeypatch.delenv("SLURM_PROCID")
    with pytest.raises(RuntimeError, match="SLURM_PROCID"):
        replicas.slurm_step()


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
        gans.named_weights(one.gan), gans.named_weights(two.gan), strict=True
    ):
        np.testing.assert_array_equal(a, replicas.value_of(b), err_msg=name)
