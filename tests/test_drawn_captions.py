"""The figures of GANs that draw captions: real drawings pass, and what is broken fails."""

import types

import numpy as np
import pytest

from ganflow import data
from ganflow.data import drawings
from ganflow.gates import captions, measures
from ganflow.trained import sampling


@pytest.fixture(scope="module")
def held_out():
    whole = data.load("drawings_32", split="test")
    return whole.select(np.arange(600))


def pictures(dataset):
    return data.decoded(dataset.x).numpy()


def halved(x):
    return np.mean([x[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=0)


# ---------------------------------------------------------------- of pictures alone


def test_real_drawings_show_what_they_were_asked_to(held_out):
    found = captions.accuracies(pictures(held_out), held_out.fields)
    assert set(drawings.FACTORS) | {"shape", "all_seen", "all_held_out"} == set(found)
    assert all(share > 0.98 for share in found.values())


def test_captions_of_other_drawings_are_met_by_chance(held_out):
    fields = {name: np.roll(array, 1, axis=0) for name, array in held_out.fields.items()}
    found = captions.accuracies(pictures(held_out), fields)
    chances = {"shape": 1 / 4, "colour": 1 / 4, "place": 1 / 5, "size": 1 / 2, "fine": 1 / 2}
    for name, chance in chances.items():  # five standard deviations of 600
        assert found[name] == pytest.approx(chance, abs=0.11), name
    assert found["all_seen"] < 0.06


def test_combinations_are_told_apart_by_whether_training_had_them(held_out):
    x, fields = pictures(held_out), dict(held_out.fields)
    unseen = drawings.is_held_out(fields)
    assert 30 < unseen.sum() < 100
    fields["size"] = np.where(unseen, 1 - fields["size"], fields["size"])  # none of them is right
    found = captions.accuracies(x, fields)
    assert found["all_held_out"] == 0 and found["all_seen"] > 0.98


def test_no_sketch_shows_where_stripes_run_to_and_smaller_pictures_less_of_shapes(held_out):
    x = pictures(held_out)
    sketch = captions.accuracies(halved(x), held_out.fields)
    assert sketch["fine"] == pytest.approx(0.5, abs=0.11) and sketch["shape"] > 0.98
    smallest = captions.accuracies(halved(halved(x)), held_out.fields)
    assert smallest["colour"] > 0.95 and smallest["shape"] < 0.9


def test_branches_that_agree_on_colours_and_such_that_do_not(held_out):
    x = pictures(held_out)
    found = captions.agreement(halved(x), x)
    assert found["colour_correlation"] > 0.999 and found["distance"] < 1e-6
    others = captions.agreement(halved(x), x[..., ::-1])  # red and blue exchanged
    assert others["colour_correlation"] < 0.7 and others["brightness_correlation"] > 0.999
    assert others["distance"] > 0.01
    grounds = np.sign(x.mean(axis=(1, 2, 3), keepdims=True)) * np.ones_like(x)
    assert captions.agreement(halved(x), grounds)["colour_correlation"] == 0  # no colour at all


# ---------------------------------------------------------------- of a trained model


class Drawer:
    """Draws the real picture of each caption, brighter by what `epsilon` says, if it hears it."""

    def __init__(self, held_out, hears):
        self.config = types.SimpleNamespace(z_size=3)
        captions_of = map(bytes, held_out.fields["caption"])
        self._by_caption = dict(zip(captions_of, pictures(held_out), strict=True))
        self._hears = hears

    def samplers(self):
        return [types.SimpleNamespace(name=name) for name in ("32x32", "16x16", "8x8")]

    def draw(self, captions_of, epsilon):
        x = np.stack([self._by_caption[bytes(caption)] for caption in captions_of])
        return x + self._hears * 0.1 * epsilon[:, np.newaxis, np.newaxis, np.newaxis]


@pytest.fixture
def trained(held_out, monkeypatch):
    """A function: one that hears epsilon or not, and rows of metrics."""

    def of_gan(gan, manifest, num, seed, sampler="", fixed=None):
        epsilon = np.random.default_rng(seed).standard_normal(num).astype(np.float32)
        x = gan.draw(fixed["caption"], epsilon)
        times = {"stage_1": 1, "16x16": 1, "8x8": 2}.get(sampler, 0)
        for _ in range(times):
            x = halved(x)
        return sampling.Made(x, {"caption": fixed["caption"]})

    monkeypatch.setattr(sampling, "of_gan", of_gan)

    def made(hears=0.0):
        whole = object.__new__(measures.Trained)
        rows = [{"step": i, "kl": kl} for i, kl in enumerate((9.0, 9.0, 9.0, 9.0, 0.25), 1)]
        whole.__dict__ |= {
            "gan": Drawer(held_out, hears), "manifest": {}, "held_out": held_out, "rows": rows,
            "num": measures.NUM,
        }  # fmt: skip
        return whole

    return made


def test_a_model_that_draws_each_caption_passes_the_stages_bars(trained):
    found = captions.stages(trained())
    for name in ("shape", "colour", "place", "size", "fine", "all_seen", "all_held_out"):
        assert found[name] > 0.98, name
    assert found["sketch_fine"] == pytest.approx(0.5, abs=0.11) and found["sketch_shape"] > 0.98
    assert found["kl_of_a_number"] == 0.25  # of the end alone
    assert found["variance_of_c"] < 1e-12


def test_the_variance_is_that_of_epsilon_alone(trained):
    assert captions.variance_of_c(trained(hears=1.0)) == pytest.approx(0.01, rel=0.2)


def test_accuracy_rises_from_branch_to_branch(trained):
    found = captions.branches(trained())
    assert found["accuracy_1"] < found["accuracy_2"] < found["accuracy_3"]
    assert found["rise_2"] == pytest.approx(found["accuracy_3"] - found["accuracy_2"])
    assert found["rise_1"] > 0.05 and found["rise_2"] > 0.05 and found["shape"] > 0.98
