"""When a run is called healthy, of how many kinds samples are, and what is advised."""

import dataclasses

import numpy as np
import pytest

from ganflow import data, models
from ganflow.summaries import advice, cells, health, patches
from ganflow.summaries.diagnosis import ILLNESSES, NEAR_PATCH_DISTANCE, Verdict, diagnose
from ganflow.summaries.probes import Evidence, probes

GOOD = {"energy_distance_ratio": 0.02, "pairwise_distance_ratio": 0.95, "cells_ratio": 0.9}
GOOD |= {"patch_distance_ratio": 0.002}


def rows(*changes: dict, every: int = 500) -> list[dict]:
    return [{"step": every * (i + 1)} | GOOD | change for i, change in enumerate(changes)]


# ---------------------------------------------------------------- states


def test_too_early_is_said_until_the_rules_can_speak():
    assert health.judge([], []).state == health.TOO_EARLY
    assert health.judge(rows({}, {}), []).state == health.TOO_EARLY
    assert health.judge(rows({}, {}, {}, every=166), []).state == health.TOO_EARLY
    assert health.judge([{"step": 0}, *rows({}, {})], []).state == health.TOO_EARLY
    assert health.judge(rows({}, {}, {}, every=167), []).state == health.HEALTHY


def test_healthy_is_said_with_the_figures_it_rests_on():
    told = str(health.judge(rows({}, {}, {}), []))
    assert told.startswith("healthy: at the last 3 summaries")
    assert "energy distance to real examples 0.02 (0.15 or less)" in told
    assert "of those of real examples 0.9 (0.5 or more)" in told


@pytest.mark.parametrize(
    "figure, just_beyond",
    [
        ("energy_distance_ratio", health.NEAR_ENERGY_DISTANCE + 0.001),
        ("pairwise_distance_ratio", health.LEAST_PAIRWISE_DISTANCE - 0.001),
        ("cells_ratio", health.LEAST_CELLS - 0.001),
        ("patch_distance_ratio", health.NEAR_PATCH_DISTANCE + 0.001),
        ("energy_distance_ratio", float("nan")),
    ],
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_one_figure_that_is_not_where_it_should_be_makes_it_unclear(figure, just_beyond, place):
    changes = [{}, {}, {}]
    changes[place] = {figure: just_beyond}
    found = health.judge(rows(*changes), [])
    assert found.state == health.UNCLEAR
    assert found.evidence.startswith("not all at the last 3 summaries")


def test_points_have_to_be_nearer_than_images():
    changes = [{"energy_distance_ratio": 0.04}] * 3
    assert health.judge(rows(*changes), []).state == health.HEALTHY
    assert health.judge(rows(*changes), [], is_points=True).state == health.UNCLEAR


def test_modes_count_where_there_are_modes():
    for reached, state in ((20, health.HEALTHY), (19, health.UNCLEAR)):
        found = health.judge(rows(*[{"modes_reached": reached}] * 3), [], num_modes=25)
        assert found.state == state


def test_where_nothing_is_measured_nothing_is_called_healthy():
    bare = [{"step": 500 * i} for i in range(1, 6)]
    assert health.judge(bare, []).state == health.UNCLEAR


def test_an_illness_outweighs_good_figures():
    found = health.judge(rows({}, {}, {}), [Verdict("dead_units", 1500, "figures", "advice")])
    assert str(found) == "ill: dead units"


# ---------------------------------------------------------------- kinds of samples


def corners(counts: list[int], seed: int = 0) -> np.ndarray:
    """So many points about each corner of a 5 x 4 grid, which are 20 kinds."""
    places = np.stack(np.meshgrid(np.arange(5.0), np.arange(4.0)), axis=-1).reshape(20, 2)
    index = np.repeat(np.arange(20), counts)
    noise = np.random.default_rng(seed).normal(size=[len(index), 2])
    return places[index] + 0.01 * noise


def test_kinds_are_counted_as_even_ones():
    found = cells.find(corners([50] * 20), 200)
    assert found.usual == pytest.approx(20, rel=0.15)  # k-means may part one corner in two
    one = found.effective(corners([0] * 7 + [64] + [0] * 12))
    assert one <= 2 and found.ratio(corners([10] * 20)) == pytest.approx(1, abs=0.1)
    assert found.ratio(corners([10] * 10 + [0] * 10)) == pytest.approx(0.5, abs=0.12)


def test_too_few_or_equal_examples_have_no_kinds():
    assert cells.find(corners([19] * 20), 200) is None
    assert cells.find(corners([50] * 20), cells.COUNT - 1) is None
    assert cells.find(np.ones([1_000, 2]), 200) is None


def test_one_blob_in_many_shades_is_one_kind_of_digit():
    real = data.decoded(data.load("digits").x).numpy()
    found = cells.find(real, 64)
    shades = np.linspace(0.2, 1, 64)[:, None, None, None]
    blob = (real.mean(axis=0)[None] + 1) * shades - 1
    assert found.ratio(blob) < 0.2
    assert found.ratio(real[:64]) > 0.8


def test_a_blob_is_a_collapse_without_an_evaluation_unless_it_still_comes_nearer():
    real = data.decoded(data.load("digits").x).numpy()
    found = cells.find(real, 64)
    shades = np.linspace(0.1, 1, 64)[:, None, None, None]
    blob = (real.mean(axis=0)[None] + 1) * shades - 1
    now = Evidence(
        step=2000, rows=[], samples=blob, real=real[:64], real_scores=None, fake_scores=None
    )
    now = dataclasses.replace(now, cells=found)
    figures = probes(now)
    assert figures["pairwise_distance_ratio"] > 0.1  # pixels alone would let it pass

    def verdicts(*energies: float) -> list[Verdict]:
        before = [
            figures | {"step": 500 * (i + 1), "energy_distance_ratio": energy}
            for i, energy in enumerate(energies)
        ]
        return diagnose(dataclasses.replace(now, rows=[*before, {"step": 2000}]), figures)

    here = figures["energy_distance_ratio"]
    (verdict,) = verdicts(here, here, here)
    assert verdict.illness == "mode_collapse" and "samples are of" in verdict.evidence
    assert verdicts(here, 1.2 * here, 1.1 * here) == []  # it still learns


# ---------------------------------------------------------------- pieces of images


def test_noise_as_bright_and_as_different_as_digits_is_told_by_its_pieces():
    """Shuffled columns and rows keep every image's pixels, and the distances between images."""
    real = data.decoded(data.load("digits").x).numpy()
    found = patches.find(real[64:])
    digits = real[:64]
    rng = np.random.default_rng(0)
    shuffled = digits[:, rng.permutation(28)][:, :, rng.permutation(28)]
    speckled = np.where(rng.random(digits.shape) < 0.1, 1.0, digits)
    assert abs(found.distance(digits)) < NEAR_PATCH_DISTANCE
    for spoilt in (shuffled, speckled):
        assert found.distance(spoilt) > NEAR_PATCH_DISTANCE


def test_only_images_have_pieces():
    assert patches.find(np.zeros([100, 2])) is None
    assert patches.find(np.zeros([100, 4, 4, 1])) is None
    assert patches.find(np.zeros([100, 8, 8, 1])) is None  # all alike
    colours = np.random.default_rng(0).normal(size=[100, 8, 6, 3])
    assert abs(patches.find(colours).distance(colours)) < NEAR_PATCH_DISTANCE


# ---------------------------------------------------------------- advice


def settings(model: str, **changes) -> dict:
    config = dataclasses.replace(models.load(model).Config(), **changes)
    return dataclasses.asdict(config) | {"model": model, "is_points": "points" in model}


def test_a_model_with_cures_is_advised_to_take_them():
    known = {"model": "dcgan", "pac": 1, "spectral_norm": False, "beta_1": 0.5}
    assert "--pac=4 (now 1)" in advice.of("mode_collapse", known)
    assert "--spectral_norm (now False)" in advice.of("d_overpowers_g", known)
    cured = known | {"pac": 2, "spectral_norm": True}
    assert "pac" not in advice.of("mode_collapse", cured)
    assert "spectral" not in advice.of("d_overpowers_g", cured)


@pytest.mark.parametrize("model", models.names())
@pytest.mark.parametrize("illness", ILLNESSES)
def test_advice_names_flags_of_this_model_that_are_not_yet_so(model, illness):
    known = settings(model)
    line = advice.of(illness, known)
    assert line and "\n" not in line
    for word in line.replace("(", " ").split():
        if word.startswith("--") and not word.startswith("--model="):
            name, _, value = word.lstrip("-").rstrip(",:;").partition("=")
            assert name in known, f"{word}: not a flag of {model}"
            assert value != str(known[name])


def test_what_a_model_has_already_is_not_advised():
    line = advice.of("d_overpowers_g", settings("simple"))
    assert "dropout" not in line and "sgd" not in line  # it has both
    assert "--d_learning_rate=0.002 (now 0.01)" in line
    assert "--dropout_rate=0.3 (now 0)" in advice.of(
        "d_overpowers_g", settings("simple", dropout_rate=0.0)
    )
    hard = advice.of("d_overpowers_g", settings("simple_keras", real_label=1.0))
    assert "--real_label=0.9 (now 1)" in hard and "--fake_label" not in hard
    assert "wgan_gp" not in advice.of("mode_collapse", settings("wgan_gp"))
    assert "--penalty_weight=10" in advice.of(
        "mode_collapse", settings("wgan_gp", penalty_weight=0.0)
    )


def test_a_network_that_never_moves_is_named_first():
    line = advice.of("d_overpowers_g", settings("simple", g_learning_rate=0.0))
    assert line.startswith("--g_learning_rate is 0, so G never changes")
    line = advice.of("g_overpowers_d", settings("wgan_gp", critic_learning_rate=0.0))
    assert line.startswith("--critic_learning_rate is 0, so D never changes")
