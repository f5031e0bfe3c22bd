"""The judge: what must hold on real images, and each figure's sabotage.

The quick part uses scikit-learn's digits; `slow` proves the same on the real MNIST.
"""

import json
import math

import numpy as np
import pytest
from processes import ROOT
from scipy import ndimage

from ganflow import data, models
from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.judging import (
    best,
    classifier,
    classifier_cache,
    classifier_training,
    evaluation,
)
from ganflow.storage import cache

MNIST = ROOT.parent / "shared" / "data" / "mnist"
IMAGE_FIGURES = {
    *("frechet_distance", "patch_distance", "kid", "precision", "recall", "density", "coverage"),
    *("nearest_neighbour_ratio", "class_entropy", *(f"class_{i}" for i in range(10))),
}


@pytest.fixture(scope="module")
def both() -> tuple[data.Dataset, data.Dataset]:
    return data.load_both("digits")


@pytest.fixture(scope="module")
def digits(both) -> data.Dataset:
    """Those that models train on."""
    return both[0]


@pytest.fixture(scope="module")
def judge(both) -> evaluation.Judge:
    return evaluation.make_judge(*both)


def values(figures: dict) -> dict[str, float]:
    return {name: figure.value for name, figure in figures.items()}


def decoded(x: np.ndarray) -> np.ndarray:
    return data.decoded(x).numpy()


def untrained(num: int) -> np.ndarray:
    module = models.load("simple")
    gan = gans.build(module, module.Config(), Fields({"x": (28, 28, 1)}), seed=0)
    sampler = gan.samplers()[0]
    return sampler.generate(gans.given(sampler, 1, num)).numpy()


# ---------------------------------------------------------------- the classifier


def test_the_classifier_tells_held_out_digits_and_is_kept_with_its_hashes(judge, both):
    about = judge.about["classifier"]
    assert about["accuracy"] >= 0.96 and about["num_held_out"] == 355
    train, held_out = both
    (folder,) = cache.folder().glob(f"classifier-*-{train.sha256[:16]}-*-seed0")
    stored = json.loads((folder / "classifier.json").read_text())
    assert stored == about
    assert (stored["train_sha256"], stored["held_out_sha256"]) == (train.sha256, held_out.sha256)
    again = classifier_cache.trained(*both, seed=0)
    assert again.about == about
    read, _ = again.read(train.x)
    assert np.mean(read**2) == pytest.approx(1, abs=1e-3)
    assert np.mean(again.read(held_out.x)[1] == held_out.label) == about["accuracy"]
    logits = again.logits(data.decoded(held_out.x[:5])).numpy()
    assert logits.shape == (5, 10)
    assert (logits.argmax(axis=1) == again.read(held_out.x[:5])[1]).all()


@pytest.mark.slow
def test_the_same_seed_and_data_give_the_same_classifier_to_the_bit(digits, monkeypatch):
    monkeypatch.setattr(classifier_training, "_MIN_STEPS", 20)
    train, held_out = data.split(digits.select(np.arange(200)))
    once, again = (classifier_training.train(train, held_out, seed=5) for _ in range(2))
    weights = [trained.network.get_weights() for trained in (once, again)]
    assert all((a == b).all() for a, b in zip(*weights, strict=True))
    start = classifier.make_network((28, 28, 1), 10, seed=5).get_weights()
    assert not any((a == b).all() for a, b in zip(weights[0], start, strict=True))
    other = classifier.make_network((28, 28, 1), 10, seed=6).get_weights()
    assert (start[0] != other[0]).all()


# ---------------------------------------------------------------- what must hold


def test_figures_are_finite_and_none_is_missing(judge, digits):
    assert judge.num == 1_442
    figures = judge.figures(decoded(digits.x), digits.label)
    assert figures.keys() == IMAGE_FIGURES | {"conditional_accuracy"}
    assert all(best.metric_for(name, digits, asks_classes=True) == name for name in figures)
    assert all(type(v) is float and math.isfinite(v) for v in figures.values())
    assert sum(figures[f"class_{i}"] for i in range(10)) == pytest.approx(1)


def test_real_digits_are_near_and_noise_and_an_untrained_generator_far(judge):
    floor, noise = values(judge.floor), judge.figures(judge.noise)
    start = judge.figures(untrained(judge.num))
    for bad in (noise, start):
        # On MNIST at n = 10,000 it is 100 and more (below, slow); 355 digits lift the floor.
        assert bad["frechet_distance"] > 50 * floor["frechet_distance"]
        assert bad["kid"] > 100 * abs(floor["kid"])
        assert bad["precision"] < 0.05 and bad["recall"] < 0.05
        assert bad["density"] < 0.05 and bad["coverage"] < 0.05
        assert bad["nearest_neighbour_ratio"] > 2
    assert floor["precision"] > 0.85 and floor["recall"] > 0.85
    assert floor["density"] == pytest.approx(1, abs=0.2) and floor["coverage"] > 0.9
    assert floor["nearest_neighbour_ratio"] == pytest.approx(1, abs=0.15)
    assert floor["class_entropy"] == pytest.approx(math.log(10), abs=0.02)


def test_one_digit_repeated_has_no_entropy_and_no_recall(judge, digits):
    figures = judge.figures(np.repeat(decoded(digits.x[:1]), judge.num, axis=0))
    assert figures["class_entropy"] == 0
    assert figures[f"class_{digits.label[0]}"] == 1
    assert figures["recall"] < 0.02 and figures["coverage"] < 0.05
    assert figures["frechet_distance"] > 50 * judge.floor["frechet_distance"].value


def test_dropped_classes_cost_entropy_recall_and_coverage(judge, digits):
    some = digits.x[digits.label < 5]
    figures = judge.figures(decoded(some))
    assert figures["class_entropy"] == pytest.approx(math.log(5), abs=0.05)
    assert figures["recall"] < 0.75 and figures["coverage"] < 0.75
    assert figures["precision"] > 0.85


def test_copies_of_training_images_have_no_distance(judge, digits):
    copies = judge.figures(decoded(digits.x[:500]))
    assert copies["nearest_neighbour_ratio"] < 1e-3
    assert copies["precision"] > 0.85  # and nothing else gives them away


def test_shuffled_labels_bring_the_conditional_accuracy_down_to_chance(judge, digits):
    x = decoded(digits.x)
    assert judge.figures(x, digits.label)["conditional_accuracy"] > 0.96
    shuffled = np.random.default_rng(0).permutation(digits.label)
    assert judge.figures(x, shuffled)["conditional_accuracy"] == pytest.approx(0.1, abs=0.04)


def test_every_figure_tells_how_many_examples_it_is_of(judge, digits):
    measured = judge.measured(decoded(digits.x[:700]))
    n = {name: (figure.samples, figure.real) for name, figure in measured.items()}
    assert n["frechet_distance"] == (700, 355)
    assert n["kid"] == n["precision"] == n["coverage"] == (355, 355)
    assert n["nearest_neighbour_ratio"] == (177, 1_442)
    assert n["class_entropy"] == n["class_3"] == (700, 0)


def test_what_cannot_be_judged_is_one_line(judge, digits):
    x = decoded(digits.x[:20])
    broken = x.copy()
    broken[3, 4, 5] = np.nan
    for samples, labels, part in (
        (x[:9], None, "at least 10"),
        (x[:, 1:], None, r"\(27, 28, 1\)"),
        (broken, None, "not finite"),
        (x, digits.label[:19], "found 19"),
    ):
        with pytest.raises(InputError, match=part) as error:
            judge.figures(samples, labels)
        assert "\n" not in str(error.value)
    with pytest.raises(InputError, match="at least 40"):
        evaluation.make_judge(*data.split(digits.select(np.arange(30))))
    with pytest.raises(InputError, match="no field x"):
        evaluation.make_judge(data.Dataset("pairs", {"a": digits.x, "b": digits.x}), None)


def test_a_part_of_mnist_is_judged_as_the_whole():
    assert evaluation.judged_as("mnist_55000") == "mnist"
    assert all(evaluation.judged_as(name) == name for name in data.NAMES if name != "mnist_55000")


# ---------------------------------------------------------------- damage, by every figure


def salted(x, share, rng):
    """Lone bright pixels."""
    return np.where(rng.uniform(size=x.shape) < share, np.float32(1), x)


def blurred(x, sigma, rng):
    return ndimage.gaussian_filter(x, [0, sigma, sigma, 0]).astype(np.float32)


def broken(x, count, rng):
    """Strokes interrupted by so many black squares of 4 x 4 an image."""
    x, side = x.copy(), 4
    for image in x:
        for row, column in rng.integers(4, x.shape[1] - 4 - side, [count, 2]):
            image[row : row + side, column : column + side] = -1
    return x


DAMAGES = {
    "salt": (salted, (0.005, 0.02, 0.08)),
    "blur": (blurred, (0.6, 1.0, 1.6)),
    "stroke breaks": (broken, (1, 3, 9)),
}
ANSWERING = ("frechet_distance", "second_frechet_distance", "patch_distance")


def answers(judge, x, damage) -> dict[str, list[float]]:
    """What the figures say of real images, and of the same damaged more and more."""
    damaged, strengths = DAMAGES[damage]
    found = [judge.figures(x)]
    for strength in strengths:
        found.append(judge.figures(damaged(x, strength, np.random.default_rng(0))))
    there = [name for name in ANSWERING if name in found[0]]
    return {name: [figures[name] for figures in found] for name in there}


@pytest.fixture(scope="module")
def two_judges(both) -> evaluation.Judge:
    return evaluation.make_judge(*both, second=True)


def test_more_salt_more_of_every_figure(judge, digits):
    for name, told in answers(judge, decoded(digits.x[:500]), "salt").items():
        assert told == sorted(told) and told[-1] > 3 * told[0], (name, told)


@pytest.mark.slow  # it trains the second judge
@pytest.mark.parametrize("damage", DAMAGES)
def test_every_figure_answers_to_more_damage_with_more(two_judges, digits, damage):
    told = answers(two_judges, decoded(digits.x), damage)
    assert set(told) == set(ANSWERING)
    for name, values_told in told.items():
        assert values_told == sorted(values_told) and values_told[-1] > 3 * values_told[0], name


@pytest.mark.slow
def test_the_second_judge_is_another_network_and_tells_digits(two_judges, both):
    first, second = (two_judges.about[k] for k in ("classifier", "second_classifier"))
    assert second["architecture"] == "pooled" and second["seed"] != first["seed"]
    assert second["accuracy"] > 0.95 and second["weights_sha256"] != first["weights_sha256"]
    network = classifier_cache.trained(*both, seed=2, architecture="pooled").network
    kinds = {type(layer).__name__ for layer in network.layers}
    assert "MaxPooling2D" in kinds and network.output_shape == (None, 10)
    assert two_judges.floor["second_frechet_distance"].value < 3


# ---------------------------------------------------------------- without labels


def test_images_without_labels_are_judged_by_what_needs_no_network(both, caplog):
    train, held_out = (data.Dataset("folder", {"x": part.x}) for part in both)
    with caplog.at_level("WARNING"):
        judge = evaluation.make_judge(train, held_out, num=300)
    assert "has no labels, so no classifier judges" in caplog.text and "--features" in caplog.text
    images = decoded(held_out.x)[:300]
    noisy = np.clip(images + np.random.default_rng(0).normal(0, 0.3, images.shape), -1, 1)
    of_images, of_noisy = (judge.figures(x.astype(np.float32)) for x in (images, noisy))
    assert set(of_images) == set(judge.floor) == {"patch_distance", "nearest_neighbour_ratio"}
    assert of_noisy["patch_distance"] > 10 * of_images["patch_distance"]
    assert "classifier" not in judge.about
    assert best.metric_for("auto", train, asks_classes=False) == "patch_distance"


# ---------------------------------------------------------------- the real MNIST


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.exists(), reason=f"no MNIST in {MNIST}")
def test_mnist_must_hold():
    train, test = data.load_both("mnist", str(MNIST))
    judge = evaluation.make_judge(train, test)
    assert judge.num == 10_000
    assert judge.about["classifier"]["accuracy"] >= 0.99
    assert classifier_cache.trained(train, test, seed=1).about["accuracy"] >= 0.99

    floor = values(judge.floor)
    for bad in (judge.figures(judge.noise), judge.figures(untrained(judge.num))):
        assert bad["frechet_distance"] > 100 * floor["frechet_distance"]
        assert bad["kid"] > 100 * abs(floor["kid"])
        assert bad["precision"] < 0.02 and bad["recall"] < 0.02
    assert floor["precision"] > 0.9 and floor["recall"] > 0.9 and floor["coverage"] > 0.9
    assert floor["class_entropy"] > 2.29

    one = judge.figures(np.repeat(decoded(train.x[:1]), judge.num, axis=0))
    assert one["class_entropy"] < 0.01 and one["recall"] < 0.01
    ones = judge.figures(decoded(train.x[train.label == 1]))
    assert ones["class_entropy"] < 0.05 and ones["recall"] < 0.2
    both_judges = evaluation.make_judge(train, test, second=True)
    for damage in DAMAGES:
        for name, told in answers(both_judges, decoded(train.x[:10_000]), damage).items():
            assert told == sorted(told) and told[-1] > 10 * told[0], (damage, name, told)
    copies = judge.figures(decoded(train.x[:2_000]), train.label[:2_000])
    assert copies["nearest_neighbour_ratio"] < 1e-3
    assert copies["conditional_accuracy"] > 0.99
