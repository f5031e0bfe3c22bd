"""The gates: their bars, their figures, their controls, and that a kill loses nothing."""

import dataclasses
import functools
import json
import math
import signal
import time
import types

import numpy as np
import pytest
from processes import ROOT, run

from ganflow import data, engine, models
from ganflow.base.errors import InputError
from ganflow.gates import gate, measures, report, running
from ganflow.gates.gate import Bar, Edit, Gate, Variant
from ganflow.gates.table import GATES
from ganflow.interface import gans
from ganflow.judging import evaluation
from ganflow.ladder import cells, kept, results, training
from ganflow.ladder.cells import data_of
from ganflow.ladder.results import Interrupted
from ganflow.programs.ladder import PRESETS
from ganflow.trained.sampling import Made
from tests import cases
from tests.test_every_model import drawn, same, weights

MNIST = ROOT.parent / "shared" / "data" / "mnist"
VARIANTS = [(g, v) for g in GATES for v in g.variants]
DEEP = ("cyclegan", "srgan", "stackgan")  # to take their steps takes seconds
A_VARIANT = [
    pytest.param(
        g, v, id=f"{g.name}-{v.name}", marks=pytest.mark.slow if g.name.startswith(DEEP) else ()
    )
    for g, v in VARIANTS
]


# ---------------------------------------------------------------- bars and verdicts


@pytest.mark.parametrize(
    ("bar", "value", "unit", "met"),
    [
        (Bar("f", at_least=2), 2.0, 1, True),
        (Bar("f", at_least=2), 1.99, 1, False),
        (Bar("f", at_most=2), 2.01, 1, False),
        (Bar("f", 0.8, 1.2), 1.3, 1, False),
        (Bar("f", 0.8, 1.2), 0.8, 1, True),
        (Bar("f", at_most=1.5, times="other"), 5.9, 4, True),
        (Bar("f", at_most=1.5, times="other"), 6.1, 4, False),
        (Bar("f", at_most=2), float("nan"), 1, False),
        (Bar("f", at_least=2), float("nan"), 1, False),
    ],
)
def test_a_bar_is_met_on_its_side(bar, value, unit, met):
    assert bar.is_met(value, unit) is met


def small_gate(**changes):
    made = Gate(
        "small",
        "A claim.",
        "circle_steady",
        40,
        measures.circle,
        (Bar("near", at_least=0.9),),
        (Variant("broken", ("--d_learning_rate=0",)),),
        ("--ema=0", "--jit=off", "--steps_per_call=20"),
        marks=2,
    )
    return dataclasses.replace(made, **changes)


def results_of(work, near):
    """Results as they stand in the files: {variant: [near of each seed]}."""
    cells = {}
    for one in work:
        value = near[one.variant.name][one.seed]
        failed = None if value is not None else "exit code 3: not finite"
        figures = {"near": value} if value is not None else {}
        row = {"figures": figures, "failed": failed, "seconds": 60.0, "date": "2026-01-01"}
        cells[one.name] = row
    return cells


@pytest.mark.parametrize(
    ("own", "counts", "says"),
    [
        ([0.95, 0.1, 0.91], "median", "passes"),  # the median is .91
        ([0.95, 0.1, 0.91], "every", "fails: near at least 0.9"),
        ([0.95, 0.92, 0.91], "every", "passes"),
        ([0.95, 0.2, 0.1], "median", "fails: near at least 0.9"),
        ([0.95, None, 0.95], "median", "fails: near at least 0.9"),  # one has diverged
        ([0.1, 0.95, 0.2], "best", "passes"),
        ([None, 0.95, None], "best", "passes"),
        ([0.1, 0.89, 0.2], "best", "fails: near at least 0.9"),
        ([None, None, None], "best", "fails: near at least 0.9"),
    ],
)
def test_the_median_of_the_seeds_counts_or_every_one_or_the_best(own, counts, says):
    a_gate = small_gate(counts=counts)
    work = running.plan([a_gate], [], [0])
    results = results_of(work, {"as it is": own, "broken": [0.2] * 3})
    assert report.verdict(a_gate, a_gate.own, work, results) == says
    assert report.verdict(a_gate, a_gate.variants[0], work, results).startswith("fails")
    text = report.table(work, results)
    assert f"| `small` | {says} | 1 of 1 fail |" in text
    assert "`--d_learning_rate=0`" in text


def test_the_best_seed_is_one_that_reaches_all_bars():
    """Not the best of each figure; and what it lacks is told, not what all of them lack."""
    a_gate = small_gate(bars=(Bar("near", 0.9), Bar("radius", 0.9)), variants=(), counts="best")
    work = running.plan([a_gate], [0, 1, 2], [0])
    figures = [
        {"near": 0.95, "radius": 0.1},
        {"near": 0.1, "radius": 0.95},
        {"near": 0, "radius": 0},
    ]
    results = {one.name: {"figures": f} for one, f in zip(work, figures, strict=True)}
    assert report.verdict(a_gate, a_gate.own, work, results) == "fails: radius at least 0.9"
    figures[2] |= {"near": 0.95, "radius": 0.95}
    assert report.verdict(a_gate, a_gate.own, work, results) == "passes"


def test_where_the_best_seed_counts_a_control_has_as_many_tries():
    seeds = {"as it is": [0, 1, 2], "broken": [5]}
    for counts in ("median", "every", "best"):
        work = running.plan([small_gate(counts=counts)], [], [5])
        found = {name: [o.seed for o in work if o.variant.name == name] for name in seeds}
        assert found == (seeds | {"broken": [0, 1, 2]} if counts == "best" else seeds)
    a_gate = small_gate(counts="best")
    work = running.plan([a_gate], [], [0])
    results = results_of(work, {"as it is": [0.95] * 3, "broken": [0.2, 0.2, 0.95]})
    assert report.verdict(a_gate, a_gate.variants[0], work, results) == "passes"
    assert "(the best seed)" in report.table(work, results)


def test_a_control_that_passes_is_told_and_one_that_is_missing_too():
    a_gate = small_gate()
    work = running.plan([a_gate], [0], [0])
    results = results_of(work, {"as it is": [0.95], "broken": [0.95]})
    assert "| `small` | passes | 0 of 1 fail |" in report.table(work, results)
    del results["small/broken-seed0"]
    assert "0 of 1 fail, 1 not yet all trained" in report.table(work, results)
    assert "not yet trained" in report.table(work, {})
    without = [one for one in work if one.variant.role == "own"]
    assert "0 of 1 fail, 1 not yet all trained" in report.table(without, results)


def test_seeds_that_are_done_are_told_before_all_are():
    a_gate = small_gate()
    work = running.plan([a_gate], [0, 1, 2], [0, 1])
    results = results_of(work, {"as it is": [0.95, 0.1, 0.91], "broken": [0.2, 0.2]})
    for name in ("small/as_it_is-seed1", "small/as_it_is-seed2", "small/broken-seed1"):
        del results[name]
    text = report.table(work, results)
    assert "| `small` | with 1 of 3 seeds passes | 0 of 1 fail, 1 not yet all trained |" in text
    told = "with 1 of 2 seeds fails: near at least 0.9"
    assert report.verdict(a_gate, a_gate.variants[0], work, results) == told


def test_a_figure_that_is_no_number_is_told_as_it_is_and_meets_no_bar():
    """As the means of activations in a network that has none of the blocks in question."""
    a_gate = small_gate()
    work = running.plan([a_gate], [0], [0])
    text = report.table(work, results_of(work, {"as it is": [math.nan], "broken": [math.inf]}))
    assert "near nan" in text and "near inf" in text
    assert "| `small` | fails: near at least 0.9 | 0 of 1 fail |" in text


def test_what_a_run_said_of_itself_stands_beside_its_figures(tmp_path):
    a_gate = small_gate()
    work = running.plan([a_gate], [0, 1], [0])
    last_rows = ({"health": "healthy", "diagnosis": []}, {"health": "unclear", "diagnosis": []})
    last_rows += ({"health": "ill", "diagnosis": ["mode_collapse"]},)
    cells_of = results_of(work, {"as it is": [0.95, 0.95], "broken": [0.2]})
    for one, row in zip(work, last_rows, strict=True):
        (tmp_path / one.name).mkdir(parents=True)
        (tmp_path / one.name / "result.json").write_text(json.dumps(cells_of[one.name]))
        earlier = {"step": 0, "health": "too early", "diagnosis": []}
        cells.write_json_lines(tmp_path / one.name / "metrics.jsonl", [earlier, row])
    text = report.table(work, running.found(work, tmp_path))
    assert "| passes | healthy (1); unclear (1) | 2026-01-01 |" in text
    assert "| fails: near at least 0.9 | mode_collapse | 2026-01-01 |" in text


def test_a_bar_in_units_of_another_training_waits_for_it():
    other = Variant("other", role="reference")
    a_gate = small_gate(bars=(Bar("near", at_most=1.5, times="other"),), variants=(other,))
    work = running.plan([a_gate], [0], [0])
    near = {"as it is": [0.5], "other": [0.2]}
    results = results_of(work, near)
    assert report.verdict(a_gate, a_gate.own, work, results).startswith("fails: near at most 1.5")
    near["other"] = [0.4]
    assert report.verdict(a_gate, a_gate.own, work, results_of(work, near)) == "passes"
    del results["small/other-seed0"]
    assert report.verdict(a_gate, a_gate.own, work, results).startswith("waits")


# ---------------------------------------------------------------- the table's controls


def test_every_gate_has_a_control_and_three_seeds():
    assert len({g.name for g in GATES}) == len(GATES)
    for g in GATES:
        assert any(v.role == "control" for v in g.variants), g.name
        assert len(g.seeds) >= 3
        assert all(b.at_least is not None or b.at_most is not None for b in g.bars)
        references = {v.name for v in g.variants if v.role == "reference"}
        assert {b.times for b in g.bars if b.times} == references


@pytest.mark.parametrize(("a_gate", "variant"), A_VARIANT)
def test_a_variant_is_another_training_of_the_model(a_gate, variant, tmp_path):
    if variant.program:
        assert (running.PEERS / variant.program).is_file()
        return
    own, _ = running.cell_of(running.Work(a_gate, a_gate.own, 0), tmp_path, PRESETS, "")
    cell, budget = running.cell_of(running.Work(a_gate, variant, 0), tmp_path, PRESETS, "")
    assert budget.marks[-1] == a_gate.steps and len(budget.marks) == a_gate.marks
    if not variant.edits:
        assert cell.identity() | {"entry": ""} != own.identity() | {"entry": ""}
        return
    dataset, config = cases.dataset_of(own.model), cases.small_config(own.model)
    changes = {  # what the variant changes beside its edits
        f.name: getattr(cell.config, f.name)
        for f in dataclasses.fields(config)
        if getattr(cell.config, f.name) != getattr(own.config, f.name)
    }
    after = []
    for module in (models.load(own.model), models.load(cell.model)):
        broken = dataclasses.replace(config, **changes)
        made = gans.build(module, broken, dataset.about(), seed=0)
        for step in range(2):
            phase = made.schedule().phases[made.schedule().at(step)[0]]
            for update in phase.updates:
                update(drawn(made, dataset, broken, step))
        after.append(weights(made))
    assert not same(*after)


def test_an_edit_whose_piece_is_gone_or_stands_twice_is_refused():
    assert running.edited("a b c", [Edit("b", "d"), Edit("c", "e")], "x") == "a d e"
    for piece, times in (("z", 0), ("a", 2)):
        with pytest.raises(InputError, match=f"x: found '{piece}' {times} times"):
            running.edited("a b a", [Edit(piece, "d")], "x")


# ---------------------------------------------------------------- figures


def trained_with(**parts):
    return types.SimpleNamespace(**parts)


def test_the_circle_is_measured_by_radius_nearness_and_sectors():
    circle = data.load("circle", split="test")
    whole = measures.circle(trained_with(made=Made(circle.x, {}), held_out=circle))
    assert whole["radius"] == pytest.approx(1) and whole["near"] == 1 and whole["sectors"] == 36
    arc = circle.x[circle.x[:, 1] > 0] * np.float32(0.8)
    part = measures.circle(trained_with(made=Made(arc, {}), held_out=circle))
    assert part["radius"] == pytest.approx(0.8) and part["near"] == 0 and part["sectors"] == 0
    half = measures.circle(trained_with(made=Made(arc / np.float32(0.8), {}), held_out=circle))
    assert half["sectors"] in (18, 19)


def test_ink_that_leans_right_has_a_slope():
    x = -np.ones([3, 28, 28, 1], np.float32)
    for row in range(4, 24):
        x[0, row, 14] = 1
        x[1, row, 14 + (14 - row) // 2] = 1
        x[2, row, 14 - (14 - row) // 2] = 1
    upright, right, left = measures.slants(x)
    assert upright == pytest.approx(0, abs=1e-4)
    assert right == pytest.approx(0.5, abs=0.02) and left == pytest.approx(-0.5, abs=0.06)


def rows_of_began(errors):
    return [
        {"step": 1 + i, "d_real": real, "g_loss": fake, "k": k, "convergence": m}
        for i, (real, fake, k, m) in enumerate(errors)
    ]


def test_balance_is_told_from_the_rows_of_the_end(monkeypatch):
    monkeypatch.setattr(measures, "images", lambda trained: {})
    rows = rows_of_began([(0.4, 0.1, 0.0, 0.5)] * 5 + [(0.2, 0.1, 0.3, 0.2)] * 5)
    of_gan = types.SimpleNamespace(config=types.SimpleNamespace(gamma=0.5))
    trained = object.__new__(measures.Trained)
    trained.__dict__ |= {"rows": rows, "gan": of_gan}
    found = measures.balance(trained)
    assert found["convergence_ratio"] == pytest.approx(0.4)
    assert found["balance_over_gamma"] == pytest.approx(1)
    assert found["highest_k"] == 0.3 and found["last_k"] == pytest.approx(0.3)


# ---------------------------------------------------------------- doing them


def test_a_stopped_gate_goes_on_and_finished_cells_stay(tmp_path, monkeypatch):
    a_gate = small_gate(seeds=(0,))
    work = running.plan([a_gate], [], [0])
    monkeypatch.setattr(running.hints, "again", lambda program: "again")
    started = []

    def trained(cell, budget, folder, asked):  # in this process: another takes long to start
        started.append(cell.entry)
        if len(started) == 2:
            signal.raise_signal(signal.SIGTERM)
            while not asked():  # a thread reads it
                time.sleep(0.01)
            raise Interrupted
        folder.mkdir(parents=True, exist_ok=True)
        cells.write(cell, budget, folder)
        assert training.train(folder) == 0
        return None, True

    monkeypatch.setattr(running.results, "trained", trained)
    assert running.run(work, tmp_path, PRESETS, "", None) == 143
    first = (tmp_path / "small/as_it_is-seed0/result.json").read_bytes()
    assert not (tmp_path / "small/broken-seed0/result.json").exists()
    assert running.run(work, tmp_path, PRESETS, "", None) == 0
    assert started == ["as it is", "broken", "broken"]
    assert (tmp_path / "small/as_it_is-seed0/result.json").read_bytes() == first
    found = running.found(work, tmp_path)
    assert set(found) == {one.name for one in work}
    assert json.loads(first)["figures"]["sectors"] <= 36
    text = (tmp_path / "gates.md").read_text()
    assert text == report.table(work, found) and "as it is" in text
    # Other settings under the same name are no result of these.
    changed = running.plan([dataclasses.replace(a_gate, steps=60)], [], [0])
    with pytest.raises(InputError, match="of other settings"):
        running.run(changed, tmp_path, PRESETS, "", None)


def test_results_outlast_the_folders_that_they_were_trained_in(tmp_path, caplog):
    a_gate = small_gate(seeds=(0, 1))
    work = running.plan([a_gate], [], [0])
    first, second, file = tmp_path / "first", tmp_path / "second", tmp_path / "gates.jsonl"

    def done(one, folder, near):
        of = {
            "figures": {"near": near},
            "failed": None,
            "seconds": 60.0,
            "date": "2000-01-01",
        }
        (folder / one.name).mkdir(parents=True)
        (folder / one.name / "result.json").write_text(json.dumps(of))

    done(work[0], first, 0.5)
    running.tell(work, first, PRESETS, None, file)
    done(work[1], second, 0.4)
    text = running.tell(work, second, PRESETS, tmp_path / "gates.md", file)
    assert "near 0.45 (0.5, 0.4)" in text and text == (tmp_path / "gates.md").read_text()
    assert text == running.tell(work, tmp_path / "third", PRESETS, None, file)
    # A newer result takes the place of the one before.
    done(work[0], tmp_path / "fourth", 0.3)
    assert "(0.3, 0.4)" in running.tell(work, tmp_path / "fourth", PRESETS, None, file)
    # What was trained by other settings is no result of these.
    changed = running.plan([dataclasses.replace(a_gate, steps=60)], [], [0])
    assert "near 0." not in running.tell(changed, tmp_path / "third", PRESETS, None, file)
    assert "small/as_it_is-seed1 is of other settings: passed over" in caplog.text
    file.write_text(file.read_text() + "{}\n")
    with pytest.raises(InputError, match="gates.jsonl, line 3: not the result of a cell"):
        running.tell(work, first, PRESETS, None, file)


def test_the_table_in_the_docs_is_of_the_results_beside_it():
    work = running.plan(GATES, [], [0])
    results = kept.of_these(
        work, ROOT / "docs/gates.jsonl", lambda one: running.settings_of(one, PRESETS)
    )
    assert set(results) == set(kept.read(ROOT / "docs/gates.jsonl"))
    assert report.table(work, results) == (ROOT / "docs/gates.md").read_text()


def test_a_critic_of_one_update_is_loose_and_one_that_was_trained_is_tight(tmp_path, monkeypatch):
    """And the critic that is measured is another: the one of the checkpoint stays as it is."""
    monkeypatch.setattr(measures, "_UPDATES", 120)
    both = data.load_both("digits")
    config = models.load("wgan").Config(
        *("digits", 32, 200), arch="mlp", width=16, n_critic=1, long_steps=0, long_every=0,
        critic_learning_rate=1e-3, g_learning_rate=0,
    )  # fmt: skip
    options = engine.Options(workdir=str(tmp_path), jit="off")
    a_run, found = engine.Run(models.load("wgan"), config, options, both[0]), {}
    for updates in (1, 200):
        a_run.train(updates)
        trained = measures.Trained(tmp_path, None, *both)
        before = [v.numpy() for v in trained.gan.d_variables]
        found[updates] = measures.tightness(trained)
        pairs = zip(trained.gan.d_variables, before, strict=True)
        assert all(np.array_equal(v.numpy(), b) for v, b in pairs)
    assert found[1] < 0.5 < 0.8 < found[200] < 1.2, found


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.exists(), reason=f"no MNIST in {MNIST}")
@pytest.mark.parametrize("a_gate", GATES, ids=[g.name for g in GATES])
def test_every_bar_has_its_figure_after_a_few_steps_already(a_gate, tmp_path):
    short = dataclasses.replace(a_gate, steps=40, marks=4)
    cell, budget = running.cell_of(
        running.Work(short, short.own, 0), tmp_path / "cell", PRESETS, str(MNIST)
    )
    assert results.trained(cell, budget, tmp_path / "cell", lambda: False) == (None, True)
    judge = functools.partial(evaluation.make_judge, *data_of(cell))
    trained = measures.Trained(tmp_path / "cell", judge, *data_of(cell), num=1_000)
    figures = short.measure(trained)
    for name in (*(bar.figure for bar in short.bars), *short.shown):
        assert math.isfinite(figures[name]), name


def test_the_mean_at_the_end_is_of_the_rows_of_a_figures_own_phase(tmp_path):
    """StackGAN's first stage has no `kl`, and its second no `stage_1_kl`."""
    rows = [{"step": 0}, *({"step": i, "stage_1_kl": 5.0} for i in range(1, 11))]
    rows += [{"step": i, "kl": float(i)} for i in range(11, 21)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "metrics.jsonl").write_text(text)
    trained = types.SimpleNamespace(folder=tmp_path, manifest={"step": 20})
    trained.rows = measures.Trained.rows.func(trained)
    assert measures.Trained.mean_at_the_end(trained, "kl") == 19.5
    assert measures.Trained.mean_at_the_end(trained, "stage_1_kl") == 5
    assert math.isnan(measures.Trained.mean_at_the_end(trained, "g_loss"))
    trained.manifest["step"] = 15  # of an earlier checkpoint
    trained.rows = measures.Trained.rows.func(trained)
    assert measures.Trained.mean_at_the_end(trained, "kl") == 15


def test_medians_are_of_figures_that_all_seeds_have():
    assert gate.medians([{"a": 1, "b": 2}, {"a": 3}, {"a": 9, "b": 1}]) == {"a": 3}


def test_the_program_lists_its_cells_and_refuses_what_it_does_not_know(tmp_path):
    ended = run("gates.py", "--dry_run", "--only=circle,infogan", "--seeds=1,2")
    assert ended.code == 0 and ended.out.split("\n")[:2] == [
        "infogan/as_it_is-seed1",
        "infogan/as_it_is-seed2",
    ]
    where = f"--workdir={tmp_path}"
    for words, says in (
        (["--only=circel"], "--only=circel: there is no such gate; there are: vanilla, "),
        (["--seeds=a"], "--seeds=a: expected numbers"),
        (["--seeds=1,1"], "different numbers"),
        (["--only=circle", "--control_seeds=-1"], "none below 0"),
    ):
        assert says in run("gates.py", *words, where).error(2)
    assert not list(tmp_path.iterdir())
