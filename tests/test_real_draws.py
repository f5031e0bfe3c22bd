"""`Real(field, batch)` through the engine's feed: which examples a step sees of which field."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow import data
from ganflow.engine.feed import Feed
from ganflow.interface.schedule import Phase, Schedule
from ganflow.nn.draws import Real


def seen_in(inputs, dataset, step=0):
    """The rows that a step sees, by name in the batch: each example's number is its value."""
    schedule = Schedule([Phase(1, (), inputs)])
    batch = Feed(schedule, dataset, batch_size=4, seed=0).batch_of(step)
    return tf.nest.map_structure(lambda rows: rows.numpy().ravel().tolist(), batch)


@pytest.fixture
def numbered():
    """Twelve examples of x with labels, five of a and seven of b; a value is its row's number."""
    rows = {field: np.arange(n, dtype=np.int32) for field, n in (("x", 12), ("a", 5), ("b", 7))}
    return data.Dataset("numbered", rows | {"label": rows["x"]})


def test_fields_that_belong_together_come_from_the_same_examples(numbered):
    seen = seen_in({"x": Real("x"), "of_x": Real("label")}, numbered)
    assert seen["x"] == seen["of_x"] and len(set(seen["x"])) == 4


def test_another_batch_has_other_examples_of_the_same_epoch(numbered):
    inputs = {"x": Real("x"), "more": Real("x", 1), "label": Real("label", 1), "last": Real("x", 2)}
    seen = seen_in(inputs, numbered)
    assert seen["more"] == seen["label"]
    assert sorted(seen["x"] + seen["more"] + seen["last"]) == list(range(12))  # each example once
    assert seen_in(inputs, numbered, step=1)["x"] != seen["x"]  # the next epoch has its own order


def test_two_domains_have_an_order_each(numbered):
    seen = seen_in({"a": Real("a"), "b": Real("b")}, numbered)
    assert set(seen["a"]) <= set(range(5)) and set(seen["b"]) <= set(range(7))
    assert len(set(seen["a"])) == len(set(seen["b"])) == 4


def test_a_list_of_draws_is_a_batch_of_its_own_each(numbered):
    seen = seen_in({"x": [Real("x")] * 3, "label": [Real("label")] * 3}, numbered)
    assert seen["x"] == seen["label"]
    assert sorted(sum(seen["x"], [])) == list(range(12))
