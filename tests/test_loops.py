"""Many updates within a step: written out or as a loop of the graph, they are the same."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn import loops, optimizers, replicas

XS = np.float32([[1, 2], [3, 5], [-4, 0], [0.5, 1]])
ZS = np.float32([[1], [2], [3], [4]])


def trained(count, strategy=None, compiled=lambda f: f):
    """(w, slot, updates, what the last gave) after `count` updates with their own entries."""
    strategy = strategy or tf.distribute.get_strategy()
    with strategy.scope():
        w = tf.Variable([1.0, -1.0], name="w")
        optimizer = optimizers.Momentum(0.1, [w], mu=0.5)

    def update(x, z):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(w * x - z))
        optimizer.update(tape.gradient(loss, [w]))
        return {"loss": loss, "z": tf.reduce_sum(z)}

    def step(batch):
        return loops.for_each(update, batch["x"], batch["z"])

    batch = {"x": [*tf.constant(XS[:count])], "z": [*tf.constant(ZS[:count])]}
    found = compiled(lambda: replicas.run(strategy, step, batch))()
    slot = optimizer.momentum_v["w"].numpy()
    return w.numpy(), slot, int(optimizer.iterations), {k: float(v) for k, v in found.items()}


MODES = {"graph": tf.function, "XLA": lambda f: tf.function(f, jit_compile=True)}


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_loop_does_what_the_updates_do_one_after_another(mode, count):
    w, slot, updates, last = trained(count)
    assert updates == count and last["z"] == ZS[count - 1].sum()
    found = trained(count, compiled=MODES[mode])
    np.testing.assert_allclose(found[0], w, rtol=1e-6)
    np.testing.assert_allclose(found[1], slot, rtol=1e-6)
    assert found[2] == count and found[3] == pytest.approx(last, rel=1e-6)


def test_two_replicas_do_it_too(two_replicas):
    # Each sees one of the two numbers of an entry; the loss is then a mean over replicas.
    x, z = [*tf.constant(XS)], [tf.repeat(v, 2) for v in tf.constant(ZS)]
    with two_replicas.scope():
        w = tf.Variable(1.0, name="w")
        optimizer = optimizers.SGD(0.1, [w])

    def update(x, z):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(w * x - z))
        optimizer.update(tape.gradient(loss, [w]))
        return loss

    def step(batch):
        return loops.for_each(update, batch["x"], batch["z"])

    tf.function(lambda: replicas.run(two_replicas, step, {"x": x, "z": z}))()
    expected = 1.0
    for row, target in zip(XS, ZS[:, 0], strict=True):
        expected -= 0.1 * np.mean(2 * row * (expected * row - target))
    assert float(replicas.value_of(w)) == pytest.approx(expected, rel=1e-5)
    assert int(replicas.value_of(optimizer.iterations)) == 4


def test_what_is_recorded_can_be_read_and_a_loop_stays_small():
    w = tf.Variable(1.0)
    optimizer = optimizers.SGD(0.1, [w])

    def update(x):
        optimizer.update([x])
        return x

    @tf.function
    def step(xs):
        with optimizers.recorded_updates() as rows:
            loops.for_each(update, xs)
        assert len(rows) == 1
        return rows[0].gradients[0]

    xs = [tf.constant(float(i)) for i in range(50)]
    assert float(step(xs)) == 49.0  # the last update's gradient, outside the loop
    graph = step.get_concrete_function(xs).graph
    assert (
        sum(
            op.type in ("StatefulPartitionedCall", "PartitionedCall")
            for op in graph.get_operations()
        )
        < 5
    )
    assert int(optimizer.iterations) == 50


def test_lists_of_different_lengths_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        loops.for_each(lambda x, z: x, [tf.constant(1.0)] * 2, [tf.constant(1.0)])
