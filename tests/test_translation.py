"""The figures of a translation, of translations of which one knows what they are worth."""

import types

import numpy as np
import pytest

from ganflow import data
from ganflow.gates import translation
from ganflow.interface.sampler import Sampler
from ganflow.nn.draws import Real


@pytest.fixture(scope="module")
def held_out():
    return data.load("digits_edges", split="test")


@pytest.fixture(scope="module")
def x(held_out):
    return data.decoded(held_out.fields["a"]).numpy()


def test_a_partner_is_found_where_it_alone_is_the_nearest():
    partners = np.float32([0, 1, 2, 5]).reshape(4, 1, 1, 1)
    found = np.float32([0.4, 1.6, 2.0, 9.0]).reshape(4, 1, 1, 1)  # 1.6 is nearer to 2
    assert translation.retrieval(found, partners) == 0.75
    assert translation.retrieval(np.full_like(found, 0.5), partners) == 0  # as near to 0 as to 1
    assert translation.retrieval(np.zeros_like(found), partners) == 0.25


def test_blocks_make_no_difference(monkeypatch):
    rng = np.random.default_rng(0)
    partners = rng.uniform(-1, 1, (30, 4, 4, 1)).astype(np.float32)
    found = partners + rng.normal(0, 1, partners.shape).astype(np.float32)
    whole = translation.retrieval(found, partners)
    assert 0.2 < whole < 1
    monkeypatch.setattr(translation, "_BLOCK", 7)
    assert translation.retrieval(found, partners) == whole


@pytest.mark.parametrize("name", ["digits_edges", "digits_negative"])
def test_the_true_transform_has_the_best_figures_and_idle_ones_have_bad_ones(x, name):
    partners = data.transform(name, x)
    noisy = partners + np.random.default_rng(0).normal(0, 0.05, x.shape).astype(np.float32)
    assert translation.of_pairs(partners, partners, x) == {"l1_ratio": 0, "retrieval": 1}
    found = translation.of_pairs(noisy, partners, x)
    assert found["l1_ratio"] < 0.4 and found["retrieval"] > 0.95
    for idle in (x, np.roll(partners, 1, axis=0), np.roll(partners, 5, axis=0)):
        found = translation.of_pairs(idle, partners, x)
        assert found["l1_ratio"] >= 0.95
    assert found["retrieval"] < 0.02  # digits of others
    same = np.repeat(partners[:1], len(x), axis=0)
    assert translation.of_pairs(same, partners, x)["retrieval"] <= 1 / len(x)


def test_the_better_of_two_idle_guesses_is_the_unit(x):
    """Of negatives x itself is a bad guess, of edges it may be a good one."""
    negatives, others = data.transform("digits_negative", x), np.roll(x, 1, axis=0)
    by_hand = np.abs(negatives - others).mean() / np.abs(-others + x).mean()
    found = translation.of_pairs(others, negatives, x)["l1_ratio"]
    assert found == pytest.approx(by_hand, rel=1e-5) and found > 2


class Knowing:
    """Samplers that know the transform, and one that goes there and comes back with an error."""

    def samplers(self):
        of_a, of_b = {"a": Real("a")}, {"b": Real("b")}
        return [
            Sampler("a_to_b", of_a, lambda given: -given["a"], against="b"),
            Sampler("b_to_a", of_b, lambda given: -given["b"], against="a"),
            Sampler("a_to_b_to_a", of_a, lambda given: given["a"] * 0.75, against="a"),
        ]


def test_what_is_translated_is_what_is_given(held_out, x):
    about = held_out.about()
    fields = {"shapes": dict(about.shapes), "classes": dict(about.classes)}
    config = {"dataset": "digits_negative"}
    options = {"data_dir": "", "enlarge": 1, "image_size": 0, "channels": 0}
    manifest = {"fields": fields, "config": config, "options": options}
    trained = types.SimpleNamespace(gan=Knowing(), manifest=manifest)
    np.testing.assert_array_equal(translation._translated(trained, "a_to_b", x), -x)
    np.testing.assert_array_equal(translation._translated(trained, "b_to_a", -x), x)
    np.testing.assert_array_equal(translation._translated(trained, "a_to_b_to_a", x), x * 0.75)
