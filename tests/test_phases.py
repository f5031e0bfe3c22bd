"""Phases: which step belongs to which, what each consumes, epochs; document 000's blocks."""

import dataclasses

import numpy as np
import pytest

from ganflow import data, engine, models
from ganflow.base.errors import InputError
from ganflow.engine.feed import Feed
from ganflow.interface.schedule import Phase, Schedule
from ganflow.nn import draws
from ganflow.nn.draws import Normal, Real
from ganflow.storage import workdir


def d_step(batch):
    return {}


def g_step(batch):
    return {}


def first_step(batch):
    return {}


ONCE = Phase(3, (first_step,), {"x": Real("x")})
A = Phase(2, (d_step,), {"x": [Real("x"), Real("x")], "z": Normal([3])})
B = Phase(4, (g_step,), {"z": Normal([3])})


# ---------------------------------------------------------------- schedules


def test_once_comes_first_and_the_others_over_and_over():
    schedule = Schedule([A, B], once=[ONCE])
    found = [schedule.at(step) for step in range(12)]
    assert [number for number, _ in found] == [0, 0, 0, 1, 1, 2, 2, 2, 2, 1, 1, 2]
    assert [left for _, left in found] == [3, 2, 1, 2, 1, 4, 3, 2, 1, 2, 1, 4]
    assert schedule.steps_of_each(0) == [0, 0, 0]
    assert schedule.steps_of_each(2) == [2, 0, 0]
    assert schedule.steps_of_each(10) == [3, 3, 4]
    assert list(schedule.updates) == ["first_step", "d_step", "g_step"]


def test_a_single_repeated_phase_never_ends():
    schedule = Schedule([A], once=[ONCE])
    number, left = schedule.at(1_000_000)
    assert number == 1 and left > 10**12
    assert schedule.steps_of_each(10) == [3, 7]


def test_lists_of_one_phase_are_of_one_length():
    phase = Phase(1, (d_step,), {"x": [Real("x")] * 2, "z": [Normal([1])] * 3})
    with pytest.raises(ValueError, match=r"lists of draws of \[2, 3\] entries"):
        _ = phase.repeats


def test_a_step_is_not_given_what_is_made_of_an_example():
    halved = Real("x", through=lambda x: 0.5 * x)
    for inputs in ({"x": halved}, {"x": [Real("x"), halved]}):
        with pytest.raises(ValueError, match="a step is given real x as it is"):
            Phase(1, (d_step,), inputs)


# ---------------------------------------------------------------- what a step consumes


def feed_of(schedule, fields, batch_size=4):
    return Feed(schedule, data.Dataset("numbers", fields), batch_size, seed=0)


def numbers(count, offset=0):
    return np.stack([np.arange(count) + offset] * 2, axis=1).astype(np.float32)


def test_every_phase_goes_on_in_the_order_where_the_one_before_stopped():
    feed = feed_of(Schedule([A, B], once=[ONCE]), {"x": numbers(20)})
    seen = []
    for step in range(11):
        batch = feed.batch_of(step)
        for x in batch.get("x", []) if isinstance(batch.get("x"), list) else [batch.get("x")]:
            seen += [] if x is None else [int(v) for v in x[:, 0]]
    assert seen == list(draws.order(20, 0, 0, len(seen)))  # 3 x 4 of once, then 8 a step of A
    assert len(seen) == 3 * 4 + 4 * 8
    assert feed.consumed(11) == {"x": len(seen)}
    assert feed.epochs(11) == len(seen) / 20


def test_a_label_belongs_to_its_example_and_another_batch_to_other_examples():
    inputs = {"x": Real("x"), "label": Real("label"), "wrong": Real("label", batch=1)}
    fields = {"x": numbers(20), "label": np.arange(20, dtype=np.int32)}
    feed = feed_of(Schedule([Phase(1, (d_step,), inputs)]), fields)
    for step in range(2):  # within an epoch
        batch = feed.batch_of(step)
        assert list(batch["x"][:, 0].numpy()) == list(batch["label"].numpy())
        assert not set(batch["label"].numpy()) & set(batch["wrong"].numpy())
    assert feed.consumed(1) == {"x": 8}


def test_two_domains_have_an_order_each():
    inputs = {"a": Real("a"), "b": Real("b")}
    schedule = Schedule([Phase(1, (d_step,), inputs)])
    feed = feed_of(schedule, {"a": numbers(12), "b": numbers(9, offset=100)})
    seen = {"a": [], "b": []}
    for step in range(9):
        batch = feed.batch_of(step)
        for domain in seen:
            seen[domain] += [int(v) for v in batch[domain][:, 0]]
    for domain, size in (("a", 12), ("b", 9)):
        for start in range(0, 36, size):
            assert len(set(seen[domain][start : start + size])) == size  # each once an epoch
    assert feed.consumed(9) == {"a": 36, "b": 36}


def test_a_field_that_is_not_there_is_one_clear_line():
    schedule = Schedule([Phase(1, (d_step,), {"caption": Real("caption")})])
    with pytest.raises(InputError, match="--dataset=numbers: has no field caption, .* it has x"):
        feed_of(schedule, {"x": numbers(5)})


def test_epochs_are_so_many_steps():
    feed = feed_of(Schedule([A, B], once=[ONCE]), {"x": numbers(20)})
    assert feed.steps_of(0) == 0
    # 12 of once, 8 in each of two steps of A: 28 after step 5, none in B, 36 and 44 after 10, 11.
    assert [feed.steps_of(epochs) for epochs in (1, 2)] == [4, 11]
    of_simple = Schedule([Phase(1, (d_step,), {"x": Real("x")})])
    assert feed_of(of_simple, {"x": numbers(1_000)}, 10).steps_of(400) == 40_000


def test_a_run_may_be_told_its_epochs(images, tmp_path):
    module = models.load("dense_batch_norm")
    config = dataclasses.replace(module.Config(), batch_size=5, block_steps=0, g_units=4, d_units=4)
    options = engine.Options(workdir=str(tmp_path), epochs=2)
    run = engine.Run(module, config, options, images)
    assert run.config.steps == 20  # 50 images in batches of 5, twice
    assert [run.feed.epochs(step) for step in (0, 5, 20)] == [0.0, 0.5, 2.0]


# ---------------------------------------------------------------- document 000's blocks


def make(images, folder, block_steps, steps_per_call=4, strategy=None):
    module = models.load("dense_batch_norm")
    config = dataclasses.replace(
        module.Config(),
        batch_size=8,
        z_size=4,
        g_units=4,
        d_units=4,
        block_steps=block_steps,
        summary_every=3,
    )
    options = engine.Options(workdir=str(folder), steps_per_call=steps_per_call)
    return engine.Run(module, config, options, images, strategy)


def updates(run):
    return tuple(int(o.iterations.numpy()) for o in (run.gan.d_optimizer, run.gan.g_optimizer))


def test_each_block_moves_its_network_alone(images, tmp_path):
    run = make(images, tmp_path, block_steps=3)
    found = []
    for _ in range(7):
        run.advance(1)
        found.append(updates(run))
    assert found == [(1, 0), (2, 0), (3, 0), (3, 1), (3, 2), (3, 3), (4, 3)]


@pytest.mark.slow
def test_blocks_do_not_depend_on_calls_or_replicas(images, tmp_path, two_replicas):
    weights = []
    for calls, strategy in (((3, 3, 2), None), ((1, 2, 2, 1, 2), None), ((3, 3, 2), two_replicas)):
        run = make(images, tmp_path, block_steps=3, strategy=strategy)
        for count in calls:
            run.advance(count)
        assert updates(run) == (5, 3)
        weights.append([v.numpy() for v in run.gan.d_variables])
    one, cut, two = weights
    assert all(np.array_equal(a, b) for a, b in zip(one, cut, strict=True))
    assert all(np.allclose(a, b, atol=2e-5) for a, b in zip(one, two, strict=True))


def test_alternating_steps_move_both(images, tmp_path):
    run = make(images, tmp_path, block_steps=0)
    run.advance(2)
    assert updates(run) == (2, 2)


@pytest.mark.slow
def test_a_summary_tells_only_of_what_was_trained(images, tmp_path):
    run = make(images, tmp_path, block_steps=3)
    run.train(9)
    start, first, second, third = workdir.Metrics(tmp_path).rows()
    assert start["step"] == start["epoch"] == 0 and "d_loss" not in start
    assert "d_loss" in first and "g_loss" not in first and "g_step_gradient_norm" not in first
    assert "g_loss" in second and "d_loss" not in second and "d_step_gradient_norm" not in second
    assert "d_loss" in third
    assert first["weight/generator/w_0/update_ratio"] == 0.0
    assert first["weight/discriminator/w_0/update_ratio"] > 0.0
