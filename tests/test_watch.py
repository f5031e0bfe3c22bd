"""Looking at a run: what is handed over, what is on the disk after a drain, and errors."""

import json
import threading

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.histogram.summary_v2 import histogram_pb

from ganflow import data, engine, models
from ganflow.base.errors import StorageError
from ganflow.models import circle
from ganflow.pictures import grids, sheets
from ganflow.storage import workdir
from ganflow.summaries import album, background, events, recorder
from ganflow.summaries.moments import COLUMNS, SamplerEye
from ganflow.summaries.watch import Watch
from ganflow.trained import loading, sampling
from tests.cases import small_config
from tests.test_proving import make_run

SMALL = circle.Config(g_hidden=(8, 4), d_hidden=(8, 4), batch_size=16, steps=40, summary_every=10)
BLANK = np.zeros([4, 4, 3], np.uint8)


@pytest.fixture
def no_drawing(monkeypatch):
    """Pictures are blank: drawing takes longer than all the rest."""
    for part in (album.surface, album.scores):
        name = "draw" if part is album.surface else "score_histogram"
        monkeypatch.setattr(part, name, lambda *_: BLANK)


def small_run(folder, points, **options):
    folder.mkdir(exist_ok=True)
    return engine.Run(circle, SMALL, engine.Options(workdir=str(folder), **options), points)


def rows_of(folder):
    rows = workdir.Metrics(folder).rows()
    return [{k: v for k, v in row.items() if k != "steps_per_second"} for row in rows]


def events_of(folder):
    """{tag: [step, ...]}, and the graphs, of a workdir's events."""
    (path,) = (folder / "train").iterdir()
    events = list(EventFileLoader(str(path)).Load())
    tags = {}
    for event in events:
        for value in event.summary.value:
            tags.setdefault(value.tag, []).append(event.step)
    return tags, [event.graph_def for event in events if event.graph_def]


# ---------------------------------------------------------------- a run


@pytest.mark.slow
@pytest.mark.usefixtures("no_drawing")
def test_rows_begin_with_step_0_and_do_not_depend_on_how_often_pictures_are_drawn(
    tmp_path, points, monkeypatch
):
    drawn = {}
    for share in (0.0, 1e9):
        monkeypatch.setattr(album, "SHARE", share)
        folder = tmp_path / str(share)
        told = []
        assert small_run(folder, points).train(40, on_row=told.append)
        assert [row["step"] for row in told] == [0, 10, 20, 30, 40]
        assert workdir.Metrics(folder).rows() == told
        tags, graphs = events_of(folder)
        drawn[share] = tags["Pictures/samples"]
        assert tags["Loss/d_loss"] == [10, 20, 30, 40] and len(graphs) == 1
        assert tags["gradient/d_step_real"] == [10, 20, 30, 40]
        rare = ("optimizer/d/adam_m/w_0000", "weight/generator/w_0000", "statistics")
        assert {tuple(tags[name]) for name in rare} == {(0, 40)}
    assert drawn[0.0] == [0, 40]
    assert {0, 40} < set(drawn[1e9])  # one that is still being drawn is not begun again
    first, second = (rows_of(tmp_path / str(share)) for share in drawn)
    assert first == second
    zero, one = first[:2]
    assert "d_loss" not in zero and 0 <= zero["d_accuracy_real"] <= 1
    assert "weight/generator/w_0000/update_ratio" not in zero
    assert one["weight/generator/w_0000/update_ratio"] > 0
    assert one["weight/generator/w_0000/g_step_gradient_norm"] > 0


@pytest.mark.usefixtures("no_drawing")
def test_look_hands_over_and_drain_waits(tmp_path, points, monkeypatch):
    go_on, threads = threading.Event(), []
    record = recorder.Recorder.record

    def late(self, moment):
        threads.append(threading.current_thread())
        assert go_on.wait(60)
        record(self, moment)

    monkeypatch.setattr(recorder.Recorder, "record", late)
    run = small_run(tmp_path, points)
    watch = Watch(run, [])
    before = watch.weights()
    watch.look({"step": 0, "epoch": 0.0}, None, {}, final=False)
    kept = [w.numpy() for w in before]
    run.advance(5)
    assert rows_of(tmp_path) == []  # look came back although nothing has been worked out
    go_on.set()
    watch.drain()
    (row,) = rows_of(tmp_path)
    watch.close()
    # A long run's rows are in memory once.
    assert watch._recorder._histories[0][-1] is watch.rows[-1]
    assert threads and threads[0] is not threading.main_thread()
    # The row is of the moment of the look, not of five steps later.
    assert row["weight/generator/w_0000/norm"] == pytest.approx(np.linalg.norm(kept[0]), rel=1e-6)
    assert any((a != b.numpy()).any() for a, b in zip(kept, watch.weights(), strict=True))
    for was, is_now in zip(kept, before, strict=True):
        np.testing.assert_array_equal(was, is_now)


@pytest.mark.usefixtures("no_drawing")
def test_an_error_in_the_thread_comes_out_of_the_run(tmp_path, points, monkeypatch):
    def full(self, row):
        raise StorageError("the disk is full")

    run = small_run(tmp_path, points)
    monkeypatch.setattr(workdir.Metrics, "append", full)
    with pytest.raises(StorageError, match="disk is full"):
        run.train(40)
    assert not [t for t in threading.enumerate() if t.name.startswith("summaries")]


# ---------------------------------------------------------------- several samplers


@pytest.mark.slow
def test_every_sampler_has_figures_and_pictures_of_its_own(tmp_path):
    run = make_run("cyclic", tmp_path)
    assert run.train(10)
    rows = workdir.Metrics(tmp_path).rows()
    assert "pairwise_distance_ratio" in rows[-1] and "d_accuracy_real" in rows[-1]
    assert "b_to_a/pairwise_distance_ratio" in rows[-1] and "b_to_a/d_ranking" in rows[-1]
    assert "a_to_b_to_a/energy_distance_ratio" in rows[-1]
    assert not any(name.startswith("a_to_b_to_a/d_") for name in rows[-1])  # nothing judges it
    assert not any(name.startswith("a_to_b/") for name in rows[-1])  # the main one
    pictures = {path.name for path in tmp_path.glob("*.png")}
    assert {"samples.png", "samples_b_to_a.png", "samples_a_to_b_to_a.png"} <= pictures
    assert "scores_b_to_a.png" in pictures and "scores_a_to_b_to_a.png" not in pictures


def test_the_image_that_was_given_stands_left_of_what_came_out(tmp_path):
    run = make_run("cyclic", tmp_path)
    eye = SamplerEye(run, run.samplers[0], is_main=True)
    (given,) = eye.shown_given
    np.testing.assert_array_equal(given, data.decoded(run.dataset.fields["a"])[: eye.count])
    np.testing.assert_array_equal(eye.real, data.decoded(run.dataset.fields["b"])[: eye.count])


def test_pictures_of_images_say_what_they_are_and_keep_every_pixel(tmp_path, images):
    config = small_config("dense_logits", steps=2, summary_every=1)
    options = engine.Options(workdir=str(tmp_path), jit="off")
    run = engine.Run(models.load("dense_logits"), config, options, images)
    run.resume()
    assert run.train(2)
    eye = SamplerEye(run, run.samplers[0], is_main=True)
    parts = {"generated": eye.samples().numpy(), "real": eye.real}
    tiles = {name: grids.grid(x, COLUMNS) for name, x in parts.items()}

    def shown(name):
        return tf.io.decode_png((tmp_path / name).read_bytes()).numpy()

    expected = grids.titled("dense_logits, step 2", tiles)
    np.testing.assert_array_equal(shown("samples.png"), expected)
    interpolation = sheets.interpolation(eye.between().numpy(), "dense_logits, step 2")
    np.testing.assert_array_equal(shown("interpolation.png"), interpolation)
    of_step = {at: loading.load_trained(tmp_path, at)[1] for at in (None, 0)}
    title = sampling.title(of_step[None], seed=3)
    assert title == "dense_logits, step 2, seed 3"
    assert sampling.title(of_step[0], 3, ema=True) == (
        "dense_logits, step 0, seed 3, averaged weights"
    )
    samples = sampling.generate(tmp_path, 4, seed=3)
    sampling.write(samples, tmp_path / "new.png", title)
    expected = grids.titled(title, {"": grids.grid(samples, 2)})
    np.testing.assert_array_equal(shown("new.png"), expected)


# ---------------------------------------------------------------- the thread; the budget


def test_nothing_is_done_after_an_error_which_comes_out_once():
    thread, done, go_on = background.Background(), [], threading.Event()
    thread.hand_over(lambda: done.append(1) if go_on.wait(60) else None)
    thread.hand_over(lambda: json.loads("no"))
    thread.hand_over(lambda: done.append(2))
    go_on.set()
    with pytest.raises(json.JSONDecodeError):
        thread.drain()
    thread.hand_over(lambda: done.append(3))
    thread.close()
    assert done == [1]


def test_whoever_hands_over_too_much_waits(monkeypatch):
    monkeypatch.setattr(background, "_MOST_WAITING_BYTES", 10)
    thread, running = background.Background(), threading.Event()
    timer = threading.Timer(0.2, running.set)
    thread.hand_over(lambda: running.wait(60), num_bytes=8)
    timer.start()
    thread.hand_over(lambda: None, num_bytes=2)  # there is room for it
    assert not running.is_set()
    thread.hand_over(lambda: None, num_bytes=1)
    assert running.is_set()
    thread.close()


def test_drawing_takes_its_share_of_the_time_and_no_more():
    now = [0.0]
    budget = album.Budget(clock=lambda: now[0])
    names = ["samples", "scores"]
    assert budget.plan(names, rare=True, always=True) == names  # step 0
    for name in names:
        budget.took(name, 0.3)
    drawn = {name: 0 for name in names}
    for number in range(1, 1001):
        now[0] += 0.1
        for name in budget.plan(names, rare=number % 10 == 0, always=False):
            budget.took(name, 0.3)
            drawn[name] += 1
    assert 0.3 * sum(drawn.values()) == pytest.approx(album.SHARE * 100, abs=0.61)
    assert min(drawn.values()) >= 4
    assert budget.plan(names, rare=True, always=True) == names  # the last


def test_what_is_being_drawn_is_not_planned_again():
    now = [1000.0]
    budget = album.Budget(clock=lambda: now[0])
    now[0] += 1000
    assert budget.plan(["samples"], rare=False, always=False) == ["samples"]
    assert budget.plan(["samples"], rare=False, always=False) == []
    budget.took("samples", 0.1)
    assert budget.plan(["samples"], rare=False, always=False) == ["samples"]


# ---------------------------------------------------------------- the moving average


@pytest.mark.usefixtures("no_drawing")
@pytest.mark.slow
def test_averaged_samples_are_drawn_and_judged_and_change_nothing(tmp_path, points, monkeypatch):
    monkeypatch.setattr(recorder.Recorder, "_judge", FakeJudge())
    run = small_run(tmp_path / "with", points, ema=0.9, evaluate_every=20, evaluate_num=100)
    assert run.train(40)
    rows = workdir.Metrics(tmp_path / "with").rows()
    assert [row["step"] for row in rows if "eval_ema/mean" in row] == [20, 40]
    assert rows[-1]["eval_ema/mean"] != rows[-1]["eval/mean"]
    assert (tmp_path / "with" / "samples_ema.png").exists()
    plain = small_run(tmp_path / "without", points)
    assert plain.train(40)
    for a, b in zip(run.gan.g_variables, plain.gan.g_variables, strict=True):
        np.testing.assert_array_equal(a, b)


class FakeJudge:
    """Tells the mean of samples."""

    num = 50

    def figures(self, samples, labels):
        assert samples.shape == (50, 2) and labels is None and tf.executing_eagerly()
        return {"mean": float(samples.mean())}


def test_a_histogram_is_tensorboards(monkeypatch):
    monkeypatch.setattr(events, "_PART", 7)
    rng = np.random.default_rng(0)
    near_one = np.nextafter(np.float32(1), np.float32(2))
    for values in (
        rng.standard_normal([40, 5]).astype(np.float32),
        np.float32([3, 3, 3]),
        np.float32([1, near_one, near_one]),  # closer than 30 numbers of float32
    ):
        (found,) = events.histogram("w", values)
        (expected,) = histogram_pb("w", values).value
        assert found.metadata.plugin_data.plugin_name == "histograms"
        np.testing.assert_allclose(
            tf.make_ndarray(found.tensor), tf.make_ndarray(expected.tensor), rtol=1e-12
        )
    odd = np.float32([np.nan, 1, np.inf, 2])
    (found,) = events.histogram("w", odd)
    assert tf.make_ndarray(found.tensor)[:, 2].sum() == 2
    assert events.histogram("w", odd[:1]) == []
