"""The best evaluation: which it is, that its checkpoint is kept, and that a run may end by it."""

import dataclasses
import shutil

import numpy as np
import pytest
from processes import assert_same_run, assert_same_tensors, checkpoint, metrics, run, steps

from ganflow import data, engine
from ganflow.base.errors import InputError
from ganflow.engine import keeping
from ganflow.interface.sampler import Sampler
from ganflow.judging import best, evaluation
from ganflow.judging.best import Best
from ganflow.models import circle
from ganflow.programs import steps as step_flag
from ganflow.summaries import album, recorder
from ganflow.trained import sampling
from tests.test_resume import _train_with_kills

SMALL = circle.Config(g_hidden=(8, 4), d_hidden=(8, 4), batch_size=16, steps=40, summary_every=10)
NEVER = 10**9


def rows(metric, *values, group="eval"):
    """Rows at steps 10, 20, ...; a None is a summary without an evaluation."""
    return [
        {"step": 10 * number} | ({} if value is None else {f"{group}/{metric}": value})
        for number, value in enumerate(values, 1)
    ]


# ---------------------------------------------------------------- which it is


@pytest.mark.parametrize(
    ("metric", "values", "step"),
    [
        ("frechet_distance", [9.0, 3.0, 5.0], 20),
        ("kid", [0.1, -0.1, 0.0], 20),
        ("recall", [0.2, 0.7, None, 0.6], 20),
        ("recall", [0.2, 0.7, 0.7], 20),  # of equals the first
        ("nearest_neighbour_ratio", [0.2, 1.5, 0.9, 1.4], 30),
        ("class_3", [0.1, 0.2, 0.0], 20),
        ("mode_share_12", [0.3, 0.2, 0.1], 10),
        ("high_quality_3std", [None, 0.1, 0.3], 30),
    ],
)
def test_the_best_is_where_the_figure_is_best(metric, values, step):
    found = best.best_of(rows(metric, *values), metric)
    assert found == Best(step, metric, values[step // 10 - 1], averaged=False)


def test_averaged_weights_count_as_well_and_it_is_known_whose_it_was():
    raw, averaged = rows("kid", 5.0, 3.0), rows("kid", 4.0, 2.5, group="eval_ema")
    both = [a | b for a, b in zip(raw, averaged, strict=True)]
    found = best.best_of(both, "kid")
    assert found == Best(20, "kid", 2.5, averaged=True)
    assert str(found) == "step 20, kid 2.5, of G's averaged weights"
    assert str(best.best_of(raw, "kid")) == "step 20, kid 3"
    assert best.best_of(rows("kid", None), "kid") is None
    assert best.best_of([row | {"b_to_a/eval/kid": 0.0} for row in raw], "kid").value == 3.0


def test_patience_counts_evaluations_and_no_other_rows():
    history = rows("kid", 5.0, 3.0, None, 4.0, None, 6.0)
    for patience, expected in ((1, True), (2, True), (3, False), (0, False)):
        kept = keeping.Keeping("kid", patience)
        assert kept.is_over(history) == expected
    assert keeping.Keeping("kid", 3).is_over(history, more=1)
    assert not keeping.Keeping("kid", 1).is_over(history[:3])
    assert not keeping.Keeping("kid", 1).is_over([])


def test_every_figure_of_the_judge_is_known():
    ring = data.load("pacgan_ring").select(np.arange(400))
    figures = evaluation.make_judge(*data.split(ring), 100).floor
    assert "mode_share_7" in figures
    for name in figures:
        assert best.metric_for(name, ring, asks_classes=False) == name
        best.best_of([{"step": 1, f"eval/{name}": 0.5}], name)


IMAGES = {"x": np.zeros([20, 2, 2, 1], np.uint8), "label": np.arange(20, dtype=np.int32) % 10}


@pytest.mark.parametrize(
    ("name", "figure", "part"),
    [
        ("images", "sliced_wasserstein", "of these images; there are: frechet_distance, patch"),
        ("images", "class_10", r"class_N \(N from 0 to 9\)"),
        ("images", "conditional_accuracy", "no such figure"),
        ("images", "step", "no such figure"),
        ("images", "class_N", "no such figure"),
        ("points", "frechet_distance", "of these points; there are: sliced_wasserstein$"),
        ("points", "modes_captured", "no such figure"),
        ("pacgan_ring", "mode_share_8", r"mode_share_N \(N from 0 to 7\)"),
    ],
)
def test_a_figure_that_the_judge_has_not_is_one_line(name, figure, part):
    dataset = data.Dataset(name, IMAGES if name == "images" else {"x": np.zeros([9, 2], "f4")})
    options = engine.Options(evaluate_every=5, keep_best=figure)
    with pytest.raises(InputError, match=f"--keep_best={figure}: .*{part}") as error:
        keeping.of_options(options, dataset, Sampler("", {}, generate=None))
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("options", "part"),
    [
        ({"keep_best": "recall"}, "--keep_best=recall: goes by evaluations; give --evaluate_every"),
        ({"stop_when_worse": 3}, "--stop_when_worse=3: goes by evaluations; give --evaluate_every"),
        (
            {"stop_when_worse": 3, "keep_best": "none", "evaluate_every": 5},
            "--stop_when_worse=3: with --keep_best=none no evaluation is the best",
        ),
    ],
)
def test_what_needs_evaluations_says_so(options, part):
    dataset = data.Dataset("images", IMAGES)
    with pytest.raises(InputError, match=part):
        keeping.of_options(engine.Options(**options), dataset, Sampler("", {}, generate=None))


def test_figures_by_default(points):
    sampler = Sampler("", {}, generate=None)
    images = data.Dataset("images", IMAGES)
    asked = engine.Options(evaluate_every=5)
    assert keeping.of_options(asked, images, sampler).metric == "frechet_distance"
    assert keeping.of_options(asked, points, sampler).metric == "sliced_wasserstein"
    none = dataclasses.replace(asked, keep_best="none")
    assert keeping.of_options(none, images, sampler).metric is None
    assert keeping.of_options(engine.Options(), images, sampler).metric is None
    assert best.metric_for("conditional_accuracy", images, asks_classes=True)
    assert best.metric_for("class_9", images, asks_classes=False) == "class_9"


# ---------------------------------------------------------------- a run


class Scripted:
    """A judge that says what it was told to say, one value an evaluation."""

    num = 50

    def __init__(self, metric, values):
        self.metric, self.values = metric, iter(values)

    def figures(self, samples, labels):
        return {self.metric: next(self.values)}


@pytest.fixture
def judged(monkeypatch, tmp_path, points):
    """A function that builds a run whose evaluations, every 10 steps, have these figures."""
    for part, name in ((album.surface, "draw"), (album.scores, "score_histogram")):
        monkeypatch.setattr(part, name, lambda *_: np.zeros([4, 4, 3], np.uint8))

    def build(*values, metric="sliced_wasserstein", config=SMALL, dataset=points, **options):
        monkeypatch.setattr(recorder.Recorder, "_judge", Scripted(metric, values))
        defaults = {"checkpoint_every": NEVER, "keep_checkpoints": 1, "evaluate_every": 10}
        options = defaults | options | {"evaluate_num": 100, "jit": "off"}
        return engine.Run(circle, config, engine.Options(workdir=str(tmp_path), **options), dataset)

    return build


@pytest.mark.slow
def test_the_best_in_the_middle_survives_and_is_sampled(judged, tmp_path, caplog):
    with caplog.at_level("INFO", "absl"):
        trained = judged(5.0, 2.0, 4.0, 3.0)
        trained.resume()
        assert trained.train(40)
    assert steps(tmp_path) == [20, 40]
    told = [r.getMessage() for r in caplog.records if "best" in r.getMessage()]
    assert told == [
        "the best so far: step 10, sliced_wasserstein 5",
        "the best so far: step 20, sliced_wasserstein 2",
    ]
    line = "best: step 20, sliced_wasserstein 2 (kept; --step=best)"
    assert trained.keeping.closing(trained.rows, tmp_path) == line

    assert step_flag.asked("best", tmp_path) == (20, False)
    sampled = sampling.generate(tmp_path, 7, seed=1, step=step_flag.asked("best", tmp_path)[0])
    shutil.rmtree(tmp_path / "checkpoints")
    plain = judged(evaluate_every=0)
    plain.advance(10), plain.advance(10)
    plain.save()
    np.testing.assert_array_equal(sampling.generate(tmp_path, 7, seed=1), sampled)
    plain.advance(10)
    plain.save()
    assert (sampling.generate(tmp_path, 7, seed=1) != sampled).any()


def test_where_nothing_is_to_be_kept_the_oldest_go_as_ever(judged, tmp_path):
    assert judged(5.0, 2.0, 4.0, 3.0, keep_best="none").train(40)
    assert steps(tmp_path) == [40]
    with pytest.raises(InputError, match="was trained with --keep_best=none"):
        step_flag.asked("best", tmp_path)


def test_more_can_be_better(judged, tmp_path):
    ring = data.Dataset("pacgan_ring", {"x": data.load("pacgan_ring").x[:50]})
    named = {"metric": "modes_captured", "keep_best": "modes_captured", "dataset": ring}
    assert judged(3.0, 5.0, 8.0, 7.0, **named).train(40)
    assert steps(tmp_path) == [30, 40]
    assert best.of_workdir(tmp_path) == Best(30, "modes_captured", 8.0, averaged=False)


def test_the_averaged_weights_may_be_the_best(judged, tmp_path):
    values = [5.0, 5.5, 4.0, 2.0, 3.0, 4.0, 3.5, 3.0]  # raw, averaged, raw, averaged, ...
    trained = judged(*values, ema=0.9)
    assert trained.train(40)
    assert steps(tmp_path) == [20, 40]
    assert step_flag.asked("best", tmp_path) == (20, True)
    assert "2, of G's averaged weights (kept" in trained.keeping.closing(trained.rows, tmp_path)


@pytest.mark.slow
def test_a_run_ends_after_so_many_worse_evaluations_and_goes_on_when_told_to(judged, tmp_path):
    longer = dataclasses.replace(SMALL, steps=70)
    first = judged(5.0, 2.0, 3.0, 4.0, config=longer, stop_when_worse=2)
    first.resume()
    assert first.train(70) and int(first.step) == 40
    assert steps(tmp_path) == [20, 40]
    told = first.keeping.closing(first.rows, tmp_path)
    assert told.startswith("stopped at step 40: 2 evaluations in a row without a new best (--stop")
    assert "\nbest: step 20, " in told
    written = metrics(tmp_path)
    assert "weight/generator/w_0000/largest_singular_value" in written[-1]  # drawn as the last
    assert "weight/generator/w_0000/largest_singular_value" not in written[-2]

    again = judged(config=longer, stop_when_worse=2)
    assert again.resume() and again.train(70) and int(again.step) == 40
    assert metrics(tmp_path) == written

    patient = judged(6.0, 1.0, 6.0, config=longer, stop_when_worse=4)
    assert patient.resume() and patient.train(70) and int(patient.step) == 70
    assert steps(tmp_path) == [60, 70]


def test_a_figure_that_an_evaluation_lacks_is_told_of(judged, tmp_path, caplog):
    assert judged(1.0, 2.0, 3.0, 4.0, metric="other").train(40)
    warnings = [r.getMessage() for r in caplog.records if "no such figure" in r.getMessage()]
    assert len(warnings) == 4 and warnings[0].startswith("step 10: --keep_best=sliced_wasserstein")
    with pytest.raises(InputError, match="has no evaluations; train with --evaluate_every=N"):
        step_flag.asked("best", tmp_path)


def test_a_best_step_whose_checkpoint_is_gone_is_one_line(judged, tmp_path):
    assert judged(5.0, 2.0, 4.0, 3.0).train(40)
    shutil.rmtree(checkpoint(tmp_path, 20))
    with pytest.raises(InputError, match="the best was step 20, .* one of the steps 40$"):
        step_flag.asked("best", tmp_path)


@pytest.mark.parametrize("text", ["-1", "soon", "2.5", "", "١"])
def test_a_step_is_a_number_or_best(text, tmp_path):
    with pytest.raises(InputError, match="expected a whole number from 0 on, or best"):
        step_flag.asked(text, tmp_path)
    assert step_flag.asked("20", tmp_path) == (20, False)
    assert step_flag.asked(None, tmp_path) == (None, False)


# ---------------------------------------------------------------- the programs

CIRCLE = (
    *("--model=circle", "--steps=120", "--summary_every=10", "--evaluate_every=20"),
    *("--evaluate_num=100", "--keep_checkpoints=1", "--checkpoint_every=15", "--ema=.9"),
)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """(CIRCLE without interruption, what it said at its end)."""
    workdir = tmp_path_factory.mktemp("best") / "whole"
    ended = run("train.py", *CIRCLE, f"--workdir={workdir}")
    assert ended.code == 0, ended.err
    return workdir, ended.out


@pytest.mark.slow  # test_resume.py kills runs every day
def test_a_run_killed_around_its_evaluations_finds_the_same_best(whole, tmp_path):
    delays = [None, 0.3, None]
    _train_with_kills(*CIRCLE, workdir=tmp_path / "run", delays_seconds=delays)
    assert_same_run(whole[0], tmp_path / "run")
    assert steps(tmp_path / "run") == steps(whole[0])
    assert best.of_workdir(tmp_path / "run") == best.of_workdir(whole[0])


@pytest.mark.slow
def test_a_run_that_goes_back_before_its_best_finds_it_again(whole, tmp_path):
    before = tmp_path / "before"
    ended = run("train.py", *CIRCLE, "--steps=15", f"--workdir={before}")
    assert ended.code == 0, ended.err
    ended = run("train.py", *CIRCLE, f"--workdir={before}")
    assert ended.code == 0, ended.err
    assert_same_tensors(whole[0], before)
    assert best.of_workdir(before) == best.of_workdir(whole[0])
    assert steps(before) == steps(whole[0])


def test_the_end_of_a_run_names_the_best_and_the_programs_take_it(whole, tmp_path):
    workdir, said = whole
    found = best.of_workdir(workdir)
    assert said.startswith(f"best: {found} (kept; --step=best)\n")
    assert steps(workdir) == sorted({found.step, 120})
    taken = {}
    for name in ("best", str(found.step)):
        args = (f"--step={name}", f"--out={tmp_path / name}.npy", "--num=5")
        args += ("--ema",) * (name != "best" and found.averaged)
        ended = run("sample.py", f"--workdir={workdir}", *args)
        assert ended.code == 0, ended.err
        assert (f"--step=best: {found}" in ended.err) == (name == "best")
        taken[name] = np.load(tmp_path / f"{name}.npy")
    np.testing.assert_array_equal(*taken.values())
    out = tmp_path / "e.json"
    ended = run("evaluate.py", f"--workdir={workdir}", "--step=best", f"--out={out}", "--num=100")
    assert ended.code == 0, ended.err
    assert f"step {found.step}, averaged" in ended.out and "step 120" not in ended.out
