"""The diagnosis of a run: each figure worked out by hand, each rule just within and just beyond."""

import dataclasses
import math

import numpy as np
import pytest

from ganflow import data
from ganflow.summaries import advice, diagnosis
from ganflow.summaries.diagnosis import Verdict, diagnose
from ganflow.summaries.probes import DISTANCE_EXAMPLES, Evidence, probes

# ---------------------------------------------------------------- rules, on literal figures

GRID = np.stack(np.meshgrid(np.linspace(-1, 1, 10), np.linspace(-1, 1, 10)), -1).reshape(100, 2)
EVEN = np.linspace(-1.0, 1.0, 100)  # scores of a D that knows nothing: half on either side


def evidence(rows: list[dict] | int = 6, every: int = 250, **changes) -> Evidence:
    """A healthy summary but for `changes`; history is `rows`, or so many summaries just like it."""
    values = {
        "samples": GRID,
        "real": GRID[::-1],
        "real_scores": EVEN,
        "fake_scores": EVEN,
        "activations": {},
        "modes": None,
    } | changes
    if isinstance(rows, int):
        rows = [{"d_loss": 1.386, "g_loss": 0.693} for _ in range(rows)]
    rows = [{"step": every * (i + 1)} | row for i, row in enumerate(rows)]
    now = Evidence(step=rows[-1]["step"], rows=rows, **values)
    figures = probes(now)
    return dataclasses.replace(now, rows=[figures | row for row in rows[:-1]] + rows[-1:])


def illnesses(now: Evidence) -> list[str]:
    return [verdict.illness for verdict in diagnose(now)]


def test_a_healthy_summary_is_silent():
    assert diagnose(evidence()) == []


def test_figures_of_points_worked_out_by_hand():
    square = np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    figures = probes(
        Evidence(
            step=1,
            rows=[{"step": 1}],
            samples=square / 2,
            real=square,
            real_scores=np.array([2.0, 1.0, -1.0, 8.0]),
            fake_scores=np.array([-8.0, -1.0, -1.0, 3.0]),
            modes=(np.array([[0.0, 0.0], [1.0, 1.0], [5.0, 5.0]]), 0.01),
        )
    )
    within = (4 + 2 * math.sqrt(2)) / 6  # of the square: four sides, two diagonals
    half = math.sqrt(0.5)  # distances between the corners of the two squares, 16 of them
    between = (0 + 1 + 1 + math.sqrt(2)) + 2 * (0.5 + 0.5 + 2 * math.sqrt(1.25)) + 4 * half
    assert figures.pop("energy_distance_ratio") == pytest.approx(
        (2 * between / 16 - within / 2 - within) / within
    )
    assert figures == pytest.approx(
        {
            "pairwise_distance_ratio": 0.5,
            "modes_captured": 1,  # (0, 0); (.5, .5) lies between
            "modes_reached": 1,  # a tie goes to the first
            "d_accuracy_real": 0.75,
            "d_accuracy_fake": 0.75,
            "d_saturated_share": 0.25,
        }
    )


def test_distances_do_not_depend_on_the_order_of_the_data():
    circle = data.load("circle").x  # 1,000 points in the order of their angle
    mixed = np.random.default_rng(0).permutation(circle)
    few = np.linspace(-1, 1, 3)
    scores = {"real_scores": few, "fake_scores": few}
    figures = probes(Evidence(step=1, rows=[], samples=mixed, real=circle, **scores))
    assert figures["pairwise_distance_ratio"] == pytest.approx(1, abs=0.03)
    assert figures["energy_distance_ratio"] == pytest.approx(0, abs=0.03)


def test_figures_of_images_and_layers_worked_out_by_hand():
    images = np.zeros([4, 2, 2, 1])
    images[0] = [[[1.0], [-1.0]], [[0.99], [0.98]]]
    relu = np.zeros([4, 2, 2, 3])  # three maps: one never fires, one at one pixel, one below 0
    relu[2, 1, 0, 1] = 0.5
    relu[..., 2] = -1.0
    figures = probes(
        evidence(
            samples=images,
            real=images,
            boundary=None,
            real_scores=np.array([1.0, 2.0, 3.0, 4.0]),
            fake_scores=np.array([1.0, 2.5, 0.0, 0.0]),
            activations={
                "generator/relu_1": relu,
                "discriminator/leaky_relu_2": np.zeros([4, 9]),
                "generator/tanh_3": np.full([4, 5], 0.995),
                "generator/tanh_4": np.ones([4, 4]),  # G's outputs
                "discriminator/sigmoid_5": np.full([4, 5], 0.6),
            },
        )
    )
    assert figures["saturated_share"] == 3 / 16
    assert figures["saturated_units_share"] == 1
    assert figures["dead_units_share"] == pytest.approx(2 / 3)
    # of 16 pairs real is higher in 2 (and one tie), 3, 4, 4
    assert figures["d_ranking"] == (2.5 + 3 + 4 + 4) / 16
    assert "d_accuracy_real" not in figures


def test_samples_nearly_alike_are_a_collapse_and_less_alike_ones_are_not():
    assert illnesses(evidence(samples=0.099 * GRID)) == ["mode_collapse"]
    assert illnesses(evidence(samples=0.101 * GRID)) == []


def test_samples_that_grow_less_alike_are_a_network_that_learns():
    alike = {"samples": 0.05 * GRID}
    growing = [{"pairwise_distance_ratio": r} for r in (0.03, 0.03, 0.035, 0.04)] + [{}]
    assert illnesses(evidence(growing, **alike)) == []
    falling = [{"pairwise_distance_ratio": r} for r in (0.09, 0.08, 0.07, 0.06)] + [{}]
    assert illnesses(evidence(falling, **alike)) == ["mode_collapse"]


def on_modes(count: int) -> dict:
    """Real ones on eight modes, samples on so many of them, far apart all the same."""
    centres, std = data.modes("gaussians_8")
    order = [0, 4, 2, 6, 1, 5, 3, 7]
    real = np.tile(centres, (13, 1))[:100]
    return {
        "real": real,
        "samples": np.tile(centres[order[:count]], (100, 1))[:100],
        "modes": (centres, std),
    }


def test_half_of_the_modes_are_a_collapse_and_more_are_not():
    assert illnesses(evidence(**on_modes(4))) == ["mode_collapse"]
    assert illnesses(evidence(**on_modes(5))) == []
    assert "reach 4 of 8 modes" in diagnose(evidence(**on_modes(4)))[0].evidence


def test_few_classes_are_a_collapse_and_more_are_not():
    def rows(entropy):
        classes = {f"eval/class_{i}": 0.1 for i in range(10)}
        return [{"eval/class_entropy": entropy} | classes if i % 2 else {} for i in range(8)]

    assert illnesses(evidence(rows(math.log(2.9)))) == ["mode_collapse"]
    assert illnesses(evidence(rows(math.log(3.1)))) == []
    assert "2.0 even classes of 10" in diagnose(evidence(rows(math.log(2))))[0].evidence


def scores(right: int, size: float) -> np.ndarray:
    """100 logits of real examples, so many of them called real."""
    return np.where(np.arange(100) < right, size, -size)


def test_a_d_that_is_right_and_sure_overpowers_g_only_while_g_stands_still():
    far = {"samples": GRID + 3}
    ahead = {"real_scores": scores(95, 5), "fake_scores": -scores(95, 5)} | far
    assert illnesses(evidence(**ahead)) == ["d_overpowers_g"]
    assert illnesses(evidence(**ahead | {"fake_scores": -scores(94, 5)})) == []
    assert illnesses(evidence(**ahead | {"real_scores": scores(94, 5)})) == []
    near = evidence(**ahead | {"samples": GRID})
    assert illnesses(near) == []  # as good as real ones, whatever D says
    unsure = {"real_scores": scores(95, 1), "fake_scores": -scores(95, 1)} | far
    assert illnesses(evidence(**unsure)) == []
    assert illnesses(evidence(**ahead, boundary=None)) == []
    distance = probes(evidence(**ahead))["energy_distance_ratio"]
    gaining = [{"energy_distance_ratio": distance * f} for f in (1.3, 1.2, 1.1, 1.06, 1.02)]
    assert illnesses(evidence([*gaining, {}], **ahead)) == []
    stuck = [{"energy_distance_ratio": distance * f} for f in (1.3, 1.2, 1.1, 1.04, 1.02)]
    assert illnesses(evidence([*stuck, {}], **ahead)) == ["d_overpowers_g"]


def test_a_d_that_wins_under_soft_labels_overpowers_g():
    logit = math.log(9)  # D = .9 and .1, the best that labels of .9 and .1 allow
    soft = {"real_scores": scores(100, logit), "fake_scores": -scores(100, logit)}
    assert illnesses(evidence(**soft, samples=GRID + 3)) == ["d_overpowers_g"]


def test_a_d_that_takes_samples_for_real_is_overpowered():
    def found(fake_scores, samples=GRID + 3):
        return illnesses(evidence(fake_scores=fake_scores, samples=samples))

    assert found(scores(95, 2)) == ["g_overpowers_d"]  # mean D(G(z)) = .842
    assert found(scores(94, 2)) == []
    assert found(scores(100, 1.09)) == []  # .748
    assert found(scores(100, 1.11)) == ["g_overpowers_d"]  # .752
    assert found(scores(95, 2), samples=GRID) == []  # as good as real: D has a hard task


def test_a_critic_that_ranks_samples_higher_is_overpowered():
    critic = {"boundary": None, "real_scores": np.arange(100.0), "samples": GRID + 3}
    assert illnesses(evidence(**critic, fake_scores=np.full(100, 89.5))) == ["g_overpowers_d"]
    assert illnesses(evidence(**critic, fake_scores=np.full(100, 88.5))) == []
    assert illnesses(evidence(**critic, fake_scores=np.full(100, -1e6))) == []


def test_beyond_another_boundary_or_below_it_is_real():
    real, fake = np.array([0.6, 0.7, 0.4, 0.5]), np.array([0.4, 0.5, 0.2, 0.9])
    least_squares = probes(evidence(real_scores=real, fake_scores=fake, boundary=0.5))
    assert least_squares["d_accuracy_real"] == 0.5  # a score on it is right for neither
    assert least_squares["d_accuracy_fake"] == 0.5
    assert "d_saturated_share" not in least_squares
    low = probes(
        evidence(real_scores=-real, fake_scores=-fake, boundary=-0.5, higher_is_real=False)
    )
    assert low["d_accuracy_real"] == low["d_accuracy_fake"] == 0.5
    assert low["d_ranking"] == least_squares["d_ranking"] == (3 + 3 + 1.5 + 2.5) / 16


def test_where_nothing_judges_the_samples_they_can_be_ill_all_the_same():
    nothing = {"real_scores": None, "fake_scores": None}
    assert illnesses(evidence(**nothing)) == []
    assert not any(name.startswith("d_") for name in probes(evidence(**nothing)))
    assert illnesses(evidence(**nothing, samples=0.05 * GRID)) == ["mode_collapse"]


def test_nothing_is_said_because_of_step_0():
    alike = evidence(3, 250, samples=0 * GRID)
    assert illnesses(alike) == ["mode_collapse"]
    first, *others = alike.rows
    assert illnesses(dataclasses.replace(alike, rows=[first | {"step": 0}, *others])) == []


def images(saturated: int, of: int = 1000) -> np.ndarray:
    """[10, 10, 10, 1] with so many of 1,000 pixels at -1 or 1, at random, the rest between."""
    rng = np.random.default_rng(0)
    pixels = rng.uniform(-0.9, 0.9, of)
    pixels[:saturated] = np.sign(pixels[:saturated])
    return rng.permutation(pixels).reshape(10, 10, 10, 1)


def test_outputs_without_greys_are_saturated_unless_real_ones_have_none():
    few = {"real_scores": EVEN[:10], "fake_scores": EVEN[:10]}
    real = {"real": images(800), **few}  # 20 % greys
    assert illnesses(evidence(samples=images(980), **real)) == ["saturation"]
    assert illnesses(evidence(samples=images(979), **real)) == []
    real = {"real": images(1000), **few}
    assert illnesses(evidence(samples=images(1000), **real)) == []


def test_sigmoids_at_their_limits_are_saturated():
    def at_limits(share):
        # D errs in half of the cases, so that nobody overpowers anybody
        return np.where(np.arange(200) < 200 * share, 7.1, 6.9) * np.tile([1, -1], 100)

    def found(share):
        both = at_limits(share)
        return illnesses(evidence(real_scores=both[:100], fake_scores=both[100:]))

    assert found(0.95) == ["saturation"]
    assert found(0.85) == []


def test_hidden_units_at_their_limits_are_saturated_and_named():
    def hidden(share):
        outputs = np.where(np.arange(100) < 100 * share, -0.995, 0.5).reshape(10, 10)
        return evidence(activations={"generator/tanh_1": outputs, "generator/tanh_2": outputs / 2})

    assert illnesses(hidden(0.9)) == ["saturation"]
    assert "90.0% of the outputs of generator/tanh_1" in diagnose(hidden(0.9))[0].evidence
    assert illnesses(hidden(0.89)) == []


def losses(values, name="g_loss") -> list[dict]:
    return [{name: value} for value in values]


def test_a_loss_that_swings_oscillates_and_a_smaller_swing_does_not():
    assert illnesses(evidence(losses([0.8, 1.2] * 3))) == ["oscillation"]  # .4 of the mean
    assert illnesses(evidence(losses([0.9, 1.1] * 3))) == []
    assert illnesses(evidence(losses([0.8, 1.2, 0.8, 1.2, 0.8]))) == []  # turned three times
    assert illnesses(evidence(losses([3.0, 2.0, 1.5, 1.0, 0.7, 0.7]))) == []  # it falls
    assert illnesses(evidence(losses([0.8, 1.2] * 3), every=20)) == []  # noise of few steps
    assert illnesses(evidence(losses([0.08, 0.12] * 3))) == []  # against log 2 it stands still
    was = losses([0.8, 1.2] * 3) + losses([1.0] * 16)
    assert illnesses(evidence(was)) == []  # long ago


def test_of_a_critic_only_its_own_loss_counts():
    critic = {"boundary": None}
    assert illnesses(evidence(losses([-0.2, 0.2] * 3, "d_loss"), **critic)) == ["oscillation"]
    assert illnesses(evidence(losses([-5.0, 5.0] * 3, "g_loss"), **critic)) == []


def test_relu_units_that_never_fire_are_dead_and_the_layer_is_named():
    def layer(dead, name="generator/relu_1"):
        outputs = np.ones([100, 10])
        outputs[:, :dead] = 0
        return evidence(activations={name: outputs, "discriminator/relu_9": np.ones([100, 3])})

    assert illnesses(layer(6)) == ["dead_units"]
    assert "60% of the units of generator/relu_1 gave 0" in diagnose(layer(6))[0].evidence
    assert illnesses(layer(5)) == []
    assert illnesses(layer(10, "generator/leaky_relu_1")) == []


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("where", ["samples", "real_scores", "fake_scores", "activations", "row"])
def test_what_is_not_finite_is_told_at_once_and_alone(where, bad):
    array = np.zeros([100, 2])
    array[3, 1] = bad
    if where == "row":
        now = evidence([{"d_loss": bad, "note": "text"}], samples=GRID)
    elif where == "activations":
        now = evidence(1, activations={"generator/relu_1": array})
    else:
        now = evidence(1, **{where: array})
    (verdict,) = diagnose(now)
    assert verdict.illness == "not_finite"
    assert ("d_loss is" if where == "row" else "1 of 200 values of") in verdict.evidence
    assert all(map(math.isfinite, probes(now).values()))


def test_a_verdict_needs_three_summaries_and_500_steps():
    alike = {"samples": 0 * GRID}
    assert illnesses(evidence(2, 250, **alike)) == []
    assert illnesses(evidence(2, 10_000, **alike)) == []
    assert illnesses(evidence(3, 250, **alike)) == ["mode_collapse"]
    assert illnesses(evidence(3, 249, **alike)) == []
    assert illnesses(evidence(50, 10, **alike)) == []
    assert illnesses(evidence(51, 10, **alike)) == ["mode_collapse"]
    broken = [{}, {}, {"pairwise_distance_ratio": 1.0}, {}, {}]
    assert illnesses(evidence(broken, **alike)) == []
    unknown = [{"pairwise_distance_ratio": math.nan}] * 2 + [{}]
    assert illnesses(evidence(unknown, **alike)) == []


# ---------------------------------------------------------------- telling


def verdict(illness: str) -> Verdict:
    return Verdict(illness, 1500, "figures | more", advice.of(illness, {}))


def test_a_verdict_is_one_line_with_step_evidence_and_advice():
    for illness in diagnosis.ILLNESSES:
        line = str(verdict(illness))
        assert line.startswith(f"step 1500: {illness.replace('_', ' ')}: figures | more; advice: ")
        assert "\n" not in line and len(advice.of(illness, {})) > 40


def test_an_illness_is_told_when_it_comes_and_when_it_goes():
    now = [verdict("saturation"), verdict("dead_units")]
    begun, ended = diagnosis.changed(["oscillation", "dead_units"], now)
    assert [v.illness for v in begun] == ["saturation"]
    assert ended == ["oscillation"]
    assert diagnosis.changed(["saturation", "dead_units"], now) == ([], [])


def test_markdown_is_the_state_and_a_table_of_the_illnesses():
    assert diagnosis.as_markdown("healthy: figures", []) == "healthy: figures"
    lines = diagnosis.as_markdown("ill: saturation", [verdict("saturation")]).splitlines()
    assert lines[0] == "ill: saturation" and len(lines) == 5
    assert lines[4].startswith("| saturation | 1,500 | figures \\| more | ")
    assert "healthy" not in "".join(lines)


def test_what_grows_with_the_data_is_bounded():
    """A summary's cost: distances are between so many examples, however many there are."""
    rng = np.random.default_rng(0)
    every = -(-4_000 // DISTANCE_EXAMPLES)
    x = {name: rng.normal(size=[4_000, 2]) for name in ("samples", "real")}
    few = {name: points[::every] for name, points in x.items()}
    assert len(few["real"]) <= DISTANCE_EXAMPLES

    def distances(points):
        figures = probes(Evidence(step=1, rows=[], real_scores=None, fake_scores=None, **points))
        return {name: value for name, value in figures.items() if "distance" in name}

    assert distances(x) == distances(few) and len(distances(x)) == 2
