"""The ladder: plans, the clock, resuming after a kill, the table."""

import dataclasses
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from processes import ROOT, Process, run, tensors

from ganflow import data, engine, models
from ganflow.base.errors import InputError, NotFiniteError, StorageError
from ganflow.ladder import cells, lateness, plans, reports, running, training
from ganflow.ladder import results as cell_results
from ganflow.ladder.cells import Budget
from ganflow.trained import sampling

CIRCLES = """
# two settings of one model
slow: --model=circle --jit=off --steps_per_call=50
quick: --model=circle --jit=off --steps_per_call=50 --d_learning_rate=2e-3  # a comment
"""
STEPS = Budget("steps", (100, 200, 300))


def _plan(seeds=(0,), num=20, budget=STEPS, text=CIRCLES) -> plans.Plan:
    return plans.make_plan(plans.read_plan(text, "plan"), None, seeds, budget, num)


# ---------------------------------------------------------------- budgets, entries, plans


def test_marks_stand_at_equal_parts_or_where_they_are_put():
    assert plans.budget(60, None, [4]) == Budget("seconds", (15, 30, 45, 60))
    assert plans.budget(None, 10, [3]) == Budget("steps", (3, 7, 10))
    assert plans.budget(None, None, [60, 120]) == Budget("seconds", (60, 120))
    assert plans.budget(None, 30, [10, 30]) == Budget("steps", (10, 30))
    assert str(plans.budget(60, None, [1])) == "60 s"
    assert str(plans.budget(None, 27_500, [1])) == "27,500 steps"


@pytest.mark.parametrize(
    "args, part",
    [
        ((60, 10, [1]), "found both"),
        ((None, None, [4]), "found neither"),
        ((60, None, [30, 20, 60]), "rise"),
        ((60, None, [20, 50]), "--seconds=60"),
        ((None, 2, [4]), "rise"),  # four marks in two steps
        ((None, 10, [0.5, 10]), "whole"),
        ((60, None, [2.5]), "how many"),
        ((60, None, [-1]), "above 0"),
        ((60, None, [float("nan")]), "above 0"),
        ((60, None, []), "above 0"),
        ((8, None, [2]), "--seconds=8: expected at least 10"),
        ((None, None, [4, 9]), "--seconds=9: expected at least 10"),
    ],
)
def test_budgets_that_make_no_sense_are_refused(args, part):
    with pytest.raises(InputError, match=part):
        plans.budget(*args)


def test_a_plan_is_named_command_lines():
    slow, quick = plans.read_plan(CIRCLES, "plan")
    assert slow.name == "slow" and quick.flags[-1] == "--d_learning_rate=2e-3"
    cells = _plan(seeds=(0, 7)).cells
    names = ["slow-circle-seed0", "quick-circle-seed0", "slow-circle-seed7", "quick-circle-seed7"]
    assert [cell.name for cell in cells] == names  # seed by seed
    assert [cell.config.d_learning_rate for cell in cells] == [1e-3, 2e-3] * 2
    assert cells[2].options.seed == 7 and cells[0].options.jit == "off"


@pytest.mark.parametrize(
    "line, parts",
    [
        ("no colon", ["plan, line 1"]),
        ("a/b: --model=circle", ["plan, line 1"]),
        ("x:", ["plan, line 1"]),
        ("x: --model='circle", ["plan, line 1", "quotation"]),
        ("# nothing", ["found no line"]),
        ("x: --model=cirkle", ["x:", "did you mean circle?"]),
        ("x: --model=circle --d_hiden=3", ["x:", "--d_hiden", "did you mean --d_hidden?"]),
        ("x: --model=circle --batch_size=0", ["x:", "batch_size"]),
        ("x: --model=circle --g_learning_rate=nan", ["x:", "finite"]),
        ("x: --model=circle --seed=3", ["x:", "--seeds"]),
        ("x: --model=circle --dataset=circel", ["x:", "circel", "did you mean circle?"]),
        ("x: --model=circle three", ["x:", "'three'"]),
        ("x: --model=circle --dataset=digits", ["x:", "points"]),
        ("x: --model=circle --batch_size=2000", ["x:", "1000", "2000"]),
        ("x: --flagfile=/nowhere/x.flags", ["x:", "/nowhere/x.flags"]),
        ("x: --model=circle\nx: --model=circle", ["x-circle-seed0", "twice"]),
    ],
)
def test_bad_plans_are_one_line(line, parts):
    with pytest.raises(InputError) as caught:
        _plan(text=line)
    assert "\n" not in str(caught.value)
    for part in parts:
        assert part in str(caught.value)


def test_a_model_or_a_preset_is_an_entry(tmp_path):
    (tmp_path / "small.flags").write_text(
        "--model=circle\n--workdir=x\n--g_hidden=4,4\n--steps=9\n"
    )
    cell = plans.resolve(plans.entry("small", tmp_path), "circle", "")
    assert (cell.entry, cell.model, cell.config.g_hidden) == ("small", "circle", (4, 4))
    assert plans.resolve(plans.entry("circle", tmp_path), "circle", "").config == (
        models.load("circle").Config()
    )
    with pytest.raises(InputError, match="did you mean small.*, small$"):
        plans.entry("smal", tmp_path)
    with pytest.raises(InputError, match="there are: .*presets are files of the repository's"):
        plans.entry("small", None)
    assert plans.entry("circle", None) == plans.entry("circle", tmp_path)


def test_pairs_that_do_not_fit_are_left_out_and_listed():
    entries = [plans.entry(name, None) for name in ("circle", "wgan_gp_points", "simple")]
    plan = plans.make_plan(entries, ["circle", "digits"], [0], STEPS, 20)
    assert [(cell.entry, cell.dataset) for cell in plan.cells] == [
        ("circle", "circle"),
        ("wgan_gp_points", "circle"),
        ("simple", "digits"),
    ]
    pairs = [(name, dataset) for name, dataset, _ in plan.left_out]
    assert pairs == [("circle", "digits"), ("wgan_gp_points", "digits"), ("simple", "circle")]
    defaults = models.load("wgan_gp_points").Config()
    assert plan.cells[1].config == dataclasses.replace(defaults, dataset="circle")
    assert "left out: simple on circle" in plans.describe(plan)
    with pytest.raises(InputError, match="no model fits"):
        plans.make_plan(entries[:1], ["digits"], [0], STEPS, 20)


def test_every_model_fits_digits_or_a_set_of_points():
    entries = [plans.entry(name, None) for name in models.names()]
    plan = plans.make_plan(entries, ["digits", "gaussians_8"], [0], STEPS, 20)
    missing = set(models.names()) - {cell.model for cell in plan.cells}
    reasons = [reason for name, _, reason in plan.left_out if name in missing]
    of_other_data = ("needs the field", "28", "trains on images, and x is")
    assert all(any(part in reason for part in of_other_data) for reason in reasons), reasons


def test_points_cannot_be_enlarged_and_images_can():
    enlarged = plans.Entry("large", ("--model=circle", "--enlarge=2"))
    deconv = plans.Entry("deconv", ("--model=deconv", "--enlarge=2"))
    plan = plans.make_plan([enlarged, deconv], ["circle", "digits"], [0], STEPS, 20)
    assert [cell.name for cell in plan.cells] == ["deconv-digits_x2-seed0"]
    reasons = {name: reason for name, dataset, reason in plan.left_out if dataset == "circle"}
    assert all("--enlarge needs images" in reasons[name] for name in ("large", "deconv"))


def test_what_pictures_are_made_to_be_is_told_where_it_is_given():
    """So that a result from before there were such flags is still of the same cell."""
    plain, shaped = (
        plans.resolve(plans.Entry("e", ("--model=dcgan", "--dataset=folder", *words)), None, "/d")
        for words in ((), ("--image_size=64", "--channels=3", "--enlarge=2"))
    )
    assert (plain.dataset, shaped.dataset) == ("folder", "folder_64px_3ch_x2")
    assert not {"image_size", "channels"} & plain.identity()["options"].keys()
    told = shaped.identity()["options"]
    assert (told["image_size"], told["channels"], told["enlarge"]) == (64, 3, 2)


def test_a_budget_outranks_the_steps_and_epochs_of_an_entry(tmp_path):
    text = "x: --model=circle --epochs=7\ny: --model=circle --steps=9"
    for cell in _plan(text=text).cells:
        cells.write(cell, STEPS, tmp_path)
        told, budget = cells.read(tmp_path)
        assert (told.config.steps, told.options.epochs, budget) == (300, 0, STEPS)
        assert (told.entry, told.model) == (cell.entry, "circle")
        in_seconds = cells.with_budget(cell, Budget("seconds", (1.0,)), tmp_path)
        assert in_seconds.options.epochs == 0 and in_seconds.config.summary_every == cells.NEVER


def test_a_cell_is_not_judged_while_it_trains_whatever_its_entry_says(tmp_path):
    judged = "--evaluate_every=5 --keep_best=modes_captured --stop_when_worse=2"
    (cell,) = _plan(text=f"x: --model=circle {judged}").cells
    options = cells.with_budget(cell, STEPS, tmp_path).options
    assert (options.evaluate_every, options.keep_best, options.stop_when_worse) == (0, "none", 0)
    assert not {"keep_best", "stop_when_worse"} & set(cell.identity()["options"])


def test_a_ladder_may_only_gain_cells(tmp_path):
    running.agree(_plan(), tmp_path)
    running.agree(_plan(), tmp_path)
    running.agree(_plan(seeds=(0, 1)), tmp_path)
    before = (tmp_path / "plan.json").read_bytes()
    faster = CIRCLES.replace("2e-3", "3e-3")
    for plan, part in [
        (_plan(), "slow-circle-seed1 is gone"),
        (_plan(seeds=(0, 1), num=30), "another num"),
        (_plan(seeds=(0, 1), budget=Budget("steps", (100, 300))), "another budget"),
        (_plan(seeds=(0, 1), text=faster), "quick-circle-seed0 has other settings"),
    ]:
        with pytest.raises(InputError, match=part):
            running.agree(plan, tmp_path)
    assert (tmp_path / "plan.json").read_bytes() == before


# ---------------------------------------------------------------- the clock, and a cell's process


def test_calls_have_as_many_steps_as_end_at_the_mark(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])
    clock = training._Clock(started=98.0, spent_seconds=10.0, step=7)  # 12 s so far
    assert clock.seconds() == 12 and clock.steps_before(11.9, 50) == 0
    assert clock.steps_before(12.5, 50) == 1
    now[0] += 5  # compiles: nothing is known of a step yet
    clock.called(8)
    assert clock.steps_before(17.5, 50) == 1 and clock.steps_before(17, 50) == 0
    now[0] += 0.5
    clock.called(9)
    assert clock.called_at_seconds == 17.5
    assert [clock.steps_before(17.5 + left, 50) for left in (0.4, 5, 99)] == [0, 10, 50]
    now[0] += 2.5  # 50 steps: the call's own cost is shared by them
    clock.called(59)
    now[0] += 3  # a checkpoint is no step's
    assert clock.steps_before(23.5, 50) == 10
    now[0] += 0.5
    clock.called(69)
    assert clock.called_at_seconds == 23.5


def test_a_cell_near_its_mark_asks_the_engine_for_fewer_steps(monkeypatch):
    """An engine whose steps take a fifth of a second each, the first 3 seconds."""
    now, calls = [0.0], []
    monkeypatch.setattr(time, "perf_counter", lambda: now[0])

    class Engine:
        steps_per_call = 20

        def train(self, until, progress, stop):
            while not stop():
                calls.append(self.steps_per_call)
                now[0] += 0.2 * self.steps_per_call + 2.8 * (len(calls) == 1)
                progress(sum(calls))

    clock = training._Clock(0.0, 0.0, 0)
    marks = [2.0, 8.01, 16.01]
    fell = []
    for mark in marks:
        assert training._train_to(Engine(), mark, "seconds", 20, clock, lambda: False, False)
        fell.append(clock.called_at_seconds)
    assert fell == pytest.approx([3.0, 8.0, 16.0])  # the first within the start; then the marks
    assert calls == [1, 1, 20, 4, 20, 20]


def test_late_marks_and_marks_of_one_step_are_told_in_one_line():
    budget = Budget("seconds", (2, 4, 8, 40))
    fell = [(2, 14.25, 100), (4, 14.25, 100), (8, 14.25, 100), (40, 40.9, 1500)]
    marks = [{"mark": m, "seconds": s, "step": step} for m, s, step in fell]
    told = lateness.told(marks, budget)
    assert "the mark of 2 s fell at 14.2 s; the mark of 4 s fell at 14.2 s" in told
    assert told.endswith("; the marks of 2, 4 and 8 s are of one step, 100") and "40" not in told
    assert lateness.told([marks[3] | {"seconds": 41.1}], budget) != ""  # by more than 1 s
    assert lateness.told([marks[1] | {"seconds": 4.5}], budget) != ""  # by more than a tenth
    kept = [row | {"seconds": row["mark"], "step": i} for i, row in enumerate(marks)]
    assert lateness.told(kept, budget) == ""
    assert lateness.told(marks, STEPS) == ""


@pytest.mark.slow
def test_marks_of_seconds_are_kept_and_a_checkpoint_without_its_row_is_not(tmp_path, monkeypatch):
    """In this process: two marks, a kill between a checkpoint and its row, the rest."""
    ticks = itertools.count(100, 0.05)  # the clock moves on by its being read
    monkeypatch.setattr(time, "perf_counter", lambda: next(ticks))
    plan = _plan(budget=Budget("seconds", (0.5, 1.5)))
    cells.write(plan.cells[0], plan.budget, tmp_path)

    written = []

    def killed_at_the_second(path, rows):
        if len(rows) == 2:
            raise KeyboardInterrupt
        written.append(list(rows))
        write(path, rows)

    write = cells.write_json_lines
    monkeypatch.setattr(cells, "write_json_lines", killed_at_the_second)
    with pytest.raises(KeyboardInterrupt):
        training.train(tmp_path)
    first = cells.read_json_lines(tmp_path / "marks.jsonl")
    assert [row["mark"] for row in first] == [0.5] and written == [first]
    unknown = max(int(p.name) for p in (tmp_path / "checkpoints").iterdir())
    assert unknown > first[0]["step"]

    monkeypatch.setattr(cells, "write_json_lines", write)
    assert training.train(tmp_path) == 0
    rows = cells.read_json_lines(tmp_path / "marks.jsonl")
    assert rows[0] == first[0] and [row["mark"] for row in rows] == [0.5, 1.5]
    assert rows[0]["clock_seconds"] < rows[1]["seconds"] and rows[1]["step"] > rows[0]["step"]
    steps = {int(p.name) for p in (tmp_path / "checkpoints").iterdir()}
    assert steps == {0} | {row["step"] for row in rows}
    assert all(row["peak_mib"] > 100 for row in rows)


@pytest.mark.parametrize(
    "code, kept, raised",
    [(3, True, None), (1, False, None), (-9, False, None), (4, False, StorageError)],
)
def test_a_cell_that_fails_is_a_result_and_tried_again_unless_it_diverged(
    code, kept, raised, tmp_path, monkeypatch
):
    said = "step 5: d_loss not finite"
    monkeypatch.setattr(cell_results, "in_own_process", lambda *_: (code, said))
    args = (_plan().cells[0], STEPS, tmp_path / "cell", pytest.fail, lambda: False)
    if raised:
        with pytest.raises(raised, match=said):
            cell_results.finish(*args)
    else:
        result = cell_results.finish(*args)
        assert result["failed"] == f"exit code {code}: {said}" and result["marks"] == []
    assert (tmp_path / "cell" / "result.json").exists() == kept
    assert NotFiniteError.exit_code == 3


@pytest.mark.slow
def test_where_there_is_an_average_of_gs_weights_it_is_judged(tmp_path):
    plan = _plan(text="averaged: --model=circle --jit=off --ema=0.9")
    cells.write(plan.cells[0], plan.budget, tmp_path)
    assert training.train(tmp_path) == 0
    seen = []

    class Judge:
        num, floor = 20, {}

        def figures(self, samples, label):
            seen.append(samples)
            assert label is None
            return {}

    cell_results._judged(plan.cells[0], tmp_path, Judge())
    average, last = (sampling.generate(tmp_path, 20, seed=1, ema=ema) for ema in (True, False))
    np.testing.assert_array_equal(seen[-1], average)
    assert np.abs(average - last).max() > 1e-3


def test_a_ladder_that_is_stopped_says_how_to_go_on(tmp_path, monkeypatch, capsys):
    def stopped(cell, budget, folder, judge, asked):
        os.kill(os.getpid(), signal.SIGTERM)
        while not asked():
            time.sleep(0.01)
        raise cell_results.Interrupted

    monkeypatch.setattr(running, "finish", stopped)
    monkeypatch.setattr(sys, "argv", [str(ROOT / "bin" / "ladder.py"), "--plan=a plan"])
    assert running.run(_plan(), tmp_path, "the command") == 143
    said, command = capsys.readouterr().out.split("; go on with: ")
    assert said == "stopped, saved" and command.endswith("/ladder.py '--plan=a plan'\n")


# ---------------------------------------------------------------- killed in the middle


def _flags(workdir: Path, plan: Path) -> list[str]:
    budget = ["--num=200", "--steps=300", "--marks=100,200,300"]
    return [f"--plan={plan}", f"--workdir={workdir}", *budget]


def _rows(path: Path) -> int:
    return len(path.read_text().splitlines()) if path.exists() else 0


@pytest.mark.slow
def test_a_ladder_killed_in_its_second_cell_ends_as_if_it_had_not_been(tmp_path):
    plan, workdir = tmp_path / "plan", tmp_path / "ladder"
    plan.write_text(CIRCLES)
    first, second = workdir / "slow-circle-seed0", workdir / "quick-circle-seed0"
    process = Process("ladder.py", *_flags(workdir, plan))
    assert process.wait_until(lambda: _rows(second / "marks.jsonl") > 0), process.err()
    process.send(signal.SIGKILL)  # and with it the cell's process, whose stdin has ended
    assert process.end().code == -signal.SIGKILL
    trained = (first / "result.json").stat().st_mtime_ns, (first / "log.txt").read_bytes()
    assert not (second / "result.json").exists()
    assert "Not yet trained: quick-circle-seed0" in (workdir / "ladder.md").read_text()

    ended = run("ladder.py", *_flags(workdir, plan))
    assert ended.code == 0, ended.err
    assert trained == ((first / "result.json").stat().st_mtime_ns, (first / "log.txt").read_bytes())
    table = (workdir / "ladder.md").read_text()
    assert table.splitlines()[0].startswith("    python ") and f"--workdir={workdir}" in table
    assert "| circle | `slow` | 1 | 300 steps |" in table
    assert "| circle | `quick` | 1 | 300 steps |" in table
    assert "Not yet trained" not in table and "failed" not in table
    assert ended.out == table
    assert (workdir / "ladder.png").read_bytes().startswith(b"\x89PNG")
    assert not list(workdir.rglob(".*.partial"))

    # What the second cell would have come to in one go, trained here.
    (cell,) = [c for c in _plan().cells if c.entry == "quick"]
    cell = cells.with_budget(cell, STEPS, tmp_path / "unkilled")
    unkilled = engine.Run(models.load("circle"), cell.config, cell.options, data.load("circle"))
    unkilled.resume()
    unkilled.train(300)
    straight, resumed = tensors(tmp_path / "unkilled"), tensors(second)
    assert straight.keys() == resumed.keys()
    gan = [name for name in straight if name.startswith("gan/")]
    assert gan and all(np.array_equal(straight[name], resumed[name]) for name in gan)
    assert [p.name for p in (second / "checkpoints").iterdir()] == ["000000300"]


def _deterministic(workdir: Path) -> dict:
    """What of a ladder does not depend on the machine's speed."""
    cells = json.loads((workdir / "ladder.json").read_text())["cells"]
    return {
        name: [(mark["step"], mark["figures"]) for mark in result["marks"]]
        for name, result in cells.items()
    }


@pytest.mark.slow
def test_a_ladder_killed_at_any_time_has_the_figures_of_one_that_was_not(tmp_path):
    """It is stopped again and again, each time a little later: by SIGKILL to its process group,
    which ends the cell's process too, and by SIGTERM to itself, which it passes on."""
    plan = tmp_path / "plan"
    plan.write_text(CIRCLES)
    killed, whole, other = (tmp_path / name for name in ("killed", "whole", "other"))
    assert run("ladder.py", *_flags(whole, plan)).code == 0
    program, patience_seconds, code = str(ROOT / "bin" / "ladder.py"), 6.0, None
    stops = itertools.count()
    while code is None:
        process = subprocess.Popen(
            [sys.executable, program, *_flags(killed, plan)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            code = process.wait(patience_seconds)
        except subprocess.TimeoutExpired:
            if next(stops) % 2:
                process.terminate()
                # 0: it was about to end; -SIGTERM: it was still importing.
                assert process.wait(60) in (143, 0, -signal.SIGTERM)
            else:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            patience_seconds *= 1.25
    assert code == 0
    assert next(stops) > 1
    assert _deterministic(killed) == _deterministic(whole)
    plan.write_text(CIRCLES.replace("2e-3", "3e-3"))
    assert run("ladder.py", *_flags(other, plan)).code == 0
    assert _deterministic(other) != _deterministic(whole)  # the comparison can tell


# ---------------------------------------------------------------- the report


def _result(cell, finals, failed=None, figure="sliced_wasserstein") -> dict:
    marks = [
        {"mark": m, "seconds": m / 10, "step": m, "figures": {figure: v, "modes_captured": 8.0}}
        for m, v in zip(STEPS.marks, finals, strict=not failed)
    ]
    return {
        **{"entry": cell.entry, "dataset": cell.dataset, "seed": cell.options.seed},
        **{"marks": [] if failed else marks, "failed": failed, "num": 20, "processes": 1},
        **{"steps_per_second": 100.0 + cell.options.seed, "peak_mib": 500.0 + cell.options.seed},
        "floor": {figure: 0.01, "modes_captured": 8.0},
    }


def test_the_table_holds_mean_spread_best_and_failures():
    plan = _plan(seeds=(0, 1, 2))
    finals = {
        "slow-circle-seed0": (3.0, 1.0, 2.0),
        "slow-circle-seed1": (3.0, 2.0, 4.0),
        "quick-circle-seed0": (1.0, 0.5, 1.0),
        "quick-circle-seed1": (1.0, 0.7, 1.0),
        "quick-circle-seed2": (1.0, 0.6, 1.0),
    }
    cells = {cell.name: cell for cell in plan.cells}
    results = {name: _result(cells[name], values) for name, values in finals.items()}
    diverged = _result(cells["slow-circle-seed2"], (), "exit code 3: d_loss not finite")
    results["slow-circle-seed2"] = diverged
    lines = reports.table(plan, results, "python bin/ladder.py --x").splitlines()
    assert lines[0] == "    python bin/ladder.py --x"
    rows = [line for line in lines if line.startswith("| circle")]
    # By hand: means 1, 3 and .6; standard deviations with n - 1: 0, 1.414, .1.
    assert rows == [
        "| circle | (real against real) |  |  |  | 0.0100 |  | 8.00 |  |  |",
        "| circle | `quick` | 3 | 300 steps | 10.0, 20.0, 30.0 s | 1.00 ± 0 | 0.600 ± 0.100 "
        "| 8.00 ± 0 | 101 ± 1.00 | 502 MiB |",
        "| circle | `slow` | 2 of 3 | 300 steps | 10.0, 20.0, 30.0 s | 3.00 ± 1.41 | 1.50 ± 0.707 "
        "| 8.00 ± 0 | 100 ± 0.707 | 501 MiB |",
    ]
    assert "- slow-circle-seed2 failed: exit code 3: d_loss not finite" in lines
    assert not any("fell at" in line for line in lines)
    in_seconds = dataclasses.replace(plan, budget=Budget("seconds", (2.0, 15.0, 31.0)))
    results["quick-circle-seed1"]["marks"][0]["mark"] = 2.0
    lines = reports.table(in_seconds, results, "x").splitlines()
    (told,) = [line for line in lines if "fell at" in line]
    assert told == "- quick-circle-seed1: the mark of 2 s fell at 10.0 s."


def test_the_picture_is_drawn_with_a_panel_a_data_set(tmp_path):
    plan = _plan()
    results = {cell.name: _result(cell, (1.0, 2.0, 3.0)) for cell in plan.cells}
    reports.draw(plan, results, tmp_path / "x.png")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")
    failed = {cell.name: _result(cell, (), "exit code 3: no") for cell in plan.cells}
    reports.draw(plan, failed, tmp_path / "y.png")
    assert not (tmp_path / "y.png").exists()
    table = reports.table(plan, failed, "x")
    assert "slow on circle: no seed ended well" in table


def test_figures_have_three_digits_and_no_exponent():
    shown = [reports.three(v) for v in (0.0, 0.01234, 1.0, 12.345, 123.4, 12345.6)]
    assert shown == ["0", "0.0123", "1.00", "12.3", "123", "12,346"]
    assert reports.spread([2.0], reports.three) == "2.00"
    assert reports.spread([1.0, float("nan")], reports.three) == "not finite"
    assert reports.spread([], reports.three) == "-"
