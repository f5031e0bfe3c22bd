"""The judge and `bin/evaluate.py`: what must hold on real images, and each figure's sabotage.

The quick part uses scikit-learn's digits; `slow` proves the same on the real MNIST.
"""

import json
import math
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from processes import ROOT, run

from ganflow import classifier, data, engine, evaluation, feed, metrics_report, models, workdir
from ganflow.errors import InputError

MNIST = ROOT.parent / "shared" / "data" / "mnist"
IMAGE_FIGURES = {
    *("frechet_distance", "kid", "precision", "recall", "density", "coverage"),
    *("nearest_neighbour_ratio", "class_entropy", *(f"class_{i}" for i in range(10))),
}


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory):
    """A cache of these tests' own, so that a user's is neither used nor filled."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("GANFLOW_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield classifier.cache_folder()


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load("digits")


@pytest.fixture(scope="module")
def judge(digits) -> evaluation.Judge:
    return evaluation.make_judge(digits, None)


@pytest.fixture(scope="module")
def training(digits) -> data.Dataset:
    """The part of the digits that the judge does not hold out."""
    return classifier.split(digits, None)[0]


@pytest.fixture(scope="module")
def run_on_points(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("points") / "run"
    args = ("--model=circle", "--steps=4", "--checkpoint_every=2", "--jit=off")
    ended = run("train.py", *args, "--dataset=pacgan_ring", f"--workdir={folder}")
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture(scope="module")
def run_on_images(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("images") / "run"
    args = ("--model=simple", "--dataset=digits", "--g_hidden=8", "--steps=0", "--jit=off")
    ended = run("train.py", *args, f"--workdir={folder}")
    assert ended.code == 0, ended.err
    return folder


def decoded(x: np.ndarray) -> np.ndarray:
    return feed.decoded(x).numpy()


def values(figures: dict) -> dict[str, float]:
    return {name: figure.value for name, figure in figures.items()}


def untrained(num: int) -> np.ndarray:
    module = models.load("simple")
    gan = engine.build(module, module.Config(), (28, 28, 1), seed=0)
    return gan.sample(engine.latent(gan, 1, num)).numpy()


# ---------------------------------------------------------------- the classifier


def test_the_classifier_tells_held_out_digits_and_is_kept_with_its_hashes(judge, digits, cache):
    about = judge.about["classifier"]
    assert about["accuracy"] >= 0.96 and about["num_held_out"] == 359
    (folder,) = cache.iterdir()
    stored = json.loads((folder / "classifier.json").read_text())
    assert stored == about
    train, held_out = classifier.split(digits, None)
    assert (stored["train_sha256"], stored["held_out_sha256"]) == (train.sha256, held_out.sha256)
    again = classifier.trained(digits, None, seed=0)  # from the cache: retraining is not bit exact
    assert again.about == about
    read, _ = again.read(train.x)
    assert np.mean(read**2) == pytest.approx(1, abs=1e-3)
    assert np.mean(again.read(held_out.x)[1] == held_out.label) == about["accuracy"]
    logits = again.logits(feed.decoded(held_out.x[:5])).numpy()
    assert logits.shape == (5, 10)
    assert (logits.argmax(axis=1) == again.read(held_out.x[:5])[1]).all()


# ---------------------------------------------------------------- what must hold


def test_figures_are_finite_and_none_is_missing(judge, digits):
    assert judge.num == 1_438
    figures = judge.figures(decoded(digits.x), digits.label)
    assert figures.keys() == IMAGE_FIGURES | {"conditional_accuracy"}
    assert all(type(v) is float and math.isfinite(v) for v in figures.values())
    assert sum(figures[f"class_{i}"] for i in range(10)) == pytest.approx(1)


def test_real_digits_are_near_and_noise_and_an_untrained_generator_far(judge):
    floor, noise = values(judge.floor), judge.figures(judge.noise)
    start = judge.figures(untrained(judge.num))
    for bad in (noise, start):
        # On MNIST at n = 10,000 it is 100 and more (below, slow); 359 digits lift the floor.
        assert bad["frechet_distance"] > 50 * floor["frechet_distance"]
        assert bad["kid"] > 100 * abs(floor["kid"])
        assert bad["precision"] < 0.05 and bad["recall"] < 0.05
        assert bad["density"] < 0.05 and bad["coverage"] < 0.05
        assert bad["nearest_neighbour_ratio"] > 2
    assert floor["precision"] > 0.85 and floor["recall"] > 0.85
    assert floor["density"] == pytest.approx(1, abs=0.2) and floor["coverage"] > 0.9
    assert floor["nearest_neighbour_ratio"] == pytest.approx(1, abs=0.15)
    assert floor["class_entropy"] == pytest.approx(math.log(10), abs=0.02)


def test_one_digit_repeated_has_no_entropy_and_no_recall(judge, training):
    figures = judge.figures(np.repeat(decoded(training.x[:1]), judge.num, axis=0))
    assert figures["class_entropy"] == 0
    assert figures[f"class_{training.label[0]}"] == 1
    assert figures["recall"] < 0.02 and figures["coverage"] < 0.05
    assert figures["frechet_distance"] > 50 * judge.floor["frechet_distance"].value


def test_dropped_classes_cost_entropy_recall_and_coverage(judge, training):
    some = training.x[training.label < 5]
    figures = judge.figures(decoded(some))
    assert figures["class_entropy"] == pytest.approx(math.log(5), abs=0.05)
    assert figures["recall"] < 0.75 and figures["coverage"] < 0.75
    assert figures["precision"] > 0.85


def test_copies_of_training_images_have_no_distance(judge, training):
    copies = judge.figures(decoded(training.x[:500]))
    assert copies["nearest_neighbour_ratio"] < 1e-3
    assert copies["precision"] > 0.85  # and nothing else gives them away


def test_shuffled_labels_bring_the_conditional_accuracy_down_to_chance(judge, training):
    x = decoded(training.x)
    assert judge.figures(x, training.label)["conditional_accuracy"] > 0.96
    shuffled = np.random.default_rng(0).permutation(training.label)
    assert judge.figures(x, shuffled)["conditional_accuracy"] == pytest.approx(0.1, abs=0.04)


def test_every_figure_tells_how_many_examples_it_is_of(judge, training):
    measured = judge.measured(decoded(training.x[:700]))
    n = {name: (figure.samples, figure.real) for name, figure in measured.items()}
    assert n["frechet_distance"] == (700, 359)
    assert n["kid"] == n["precision"] == n["coverage"] == (359, 359)
    assert n["nearest_neighbour_ratio"] == (179, 1_438)
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
        evaluation.make_judge(data.Dataset("few", digits.x[:30], digits.label[:30]), None)


# ---------------------------------------------------------------- bin/evaluate.py


def scalars(folder: Path) -> dict[tuple[str, int], float]:
    """What TensorBoard would show: (tag, step) -> value."""
    found = {}
    for file in folder.iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found[value.tag, event.step] = float(tf.make_ndarray(value.tensor))
    return found


def test_evaluate_prints_and_writes_every_checkpoint_of_a_run_on_points(run_on_points):
    ended = run("evaluate.py", f"--workdir={run_on_points}", "--num=1000")
    assert ended.code == 0, ended.err
    table = {line.split()[0]: line.split() for line in ended.out.splitlines() if line.strip()}
    header = next(line for line in ended.out.splitlines() if line.startswith("figure"))
    titles = ["floor", "step 0", "step 2", "step 4", "untrained", "noise"]
    assert [header.index(t) for t in titles] == sorted(header.index(t) for t in titles)
    assert table["sliced_wasserstein"][1:4] == ["1,000", ":", "1,000"]
    assert table["modes_captured"][1:3] == ["1,000", "8"]  # n, floor
    for name in ("count", "mean", "std", "min", "25", "50", "75", "max"):
        assert name in table
    assert "a fixed half" in ended.out

    written = json.loads((run_on_points / "evaluation.json").read_text())
    assert [row["step"] for row in written["rows"]] == [0, 2, 4]
    assert written["num"] == 1_000 and written["judge"]["dataset"] == "pacgan_ring"
    distance = {row["step"]: row["figures"]["sliced_wasserstein"] for row in written["rows"]}
    assert distance[2]["samples"] == 1_000 and distance[2]["value"] > 0
    # The same weights and the same z.
    assert written["untrained"]["figures"]["sliced_wasserstein"] == distance[0]
    assert f"{distance[2]['value']:.4g}" in table["sliced_wasserstein"]
    shown = scalars(run_on_points / "eval")
    assert shown["eval/sliced_wasserstein", 2] == pytest.approx(distance[2]["value"], rel=1e-6)
    assert {step for _, step in shown} == {0, 2, 4}
    assert {tag for tag, _ in shown} == {f"eval/{n}" for n in written["rows"][0]["figures"]}


def test_evaluate_of_one_step_elsewhere(run_on_points, tmp_path):
    out = tmp_path / "e.json"
    args = (f"--workdir={run_on_points}", "--num=100", "--step=2", f"--out={out}")
    ended = run("evaluate.py", *args)
    assert ended.code == 0, ended.err
    assert [row["step"] for row in json.loads(out.read_text())["rows"]] == [2]


def test_evaluate_of_a_file_of_points(tmp_path):
    dataset = data.load("pacgan_ring")
    np.save(tmp_path / "s.npy", dataset.x[:200])
    ended = run("evaluate.py", f"--samples={tmp_path / 's.npy'}", "--dataset=pacgan_ring")
    assert ended.code == 0, ended.err
    (row,) = json.loads((tmp_path / "s.evaluation.json").read_text())["rows"]
    assert row["figures"]["modes_captured"] == {"value": 8, "samples": 200, "real": 0}
    assert "untrained circle" in ended.out and "s.npy" in ended.out


def test_a_run_on_images_is_judged_with_floor_and_ceilings(run_on_images, judge):
    report = metrics_report.of_workdir(run_on_images)
    assert [column.step for column in report.judged] == [0]
    text = metrics_report.as_text(report)
    (line,) = (line for line in text.splitlines() if " : 359 " in line and "frechet" in line)
    cells = line.split()
    assert cells[1:4] == ["1,438", ":", "359"]
    floor, first, start, noise = map(float, cells[4:])
    assert floor == pytest.approx(judge.floor["frechet_distance"].value, rel=1e-3)
    assert first == start > 50 * floor and noise > 50 * floor
    assert "a fixed fifth" in text and "O(1/n)" in text
    assert f"accuracy {judge.about['classifier']['accuracy']:.4f} on n = 359" in text
    metrics_report.write_events(report, run_on_images)
    assert ("eval/recall", 0) in scalars(run_on_images / "eval")


def test_a_file_of_images_with_labels_has_a_conditional_accuracy(training, tmp_path, judge):
    np.save(tmp_path / "x.npy", training.x[:300, ..., 0])
    np.save(tmp_path / "y.npy", training.label[:300])
    report = metrics_report.of_samples(
        tmp_path / "x.npy", "digits", labels=tmp_path / "y.npy", num=200
    )
    (column,) = report.judged
    assert column.figures["conditional_accuracy"][1:] == (200, 0)
    assert column.figures["conditional_accuracy"].value > 0.96
    noise = report.ceilings[1].figures["conditional_accuracy"].value
    assert noise < 0.3


def test_a_checkpoint_that_is_not_sound_is_left_out_and_the_log_says_so(
    run_on_points, tmp_path, caplog
):
    import shutil

    shutil.copytree(run_on_points, tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "000000002" / "weights.index").unlink()
    with caplog.at_level("WARNING", logger="absl"):
        report = metrics_report.of_workdir(tmp_path / "run", num=50)
    assert [column.step for column in report.judged] == [0, 4]
    assert "step 2: left out" in caplog.text
    with pytest.raises(InputError, match="sound"):
        metrics_report.of_workdir(tmp_path / "run", step=2, num=50)


def test_a_full_disk_leaves_the_old_json(run_on_points, tmp_path, monkeypatch):
    report = metrics_report.of_workdir(run_on_points, step=4, num=50)
    out = tmp_path / "e.json"
    out.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workdir.os, "fsync", full)
    with pytest.raises(workdir.StorageError, match="No space left"):
        metrics_report.write_json(report, out)
    assert out.read_text() == "old" and [p.name for p in tmp_path.iterdir()] == ["e.json"]


REFUSED = {
    "nothing": ([], ["--workdir", "--samples"]),
    "both": (["--workdir=/nowhere", "--samples=/nowhere.npy"], ["--workdir", "--samples"]),
    "no workdir": (["--workdir=/nowhere"], ["/nowhere", "no checkpoint"]),
    "no such step": (["--workdir={run}", "--step=3"], ["step 3", "there are: 4, 2, 0"]),
    "labels of a run": (["--workdir={run}", "--labels=y.npy"], ["--labels", "--samples"]),
    "other data": (["--workdir={run}", "--data_dir={tmp}"], ["pacgan_ring", "built in"]),
    "no data set": (["--samples={tmp}/s.npy"], ["--dataset"]),
    "no file": (["--samples={tmp}/no.npy", "--dataset=circle"], ["no.npy"]),
    "images as points": (["--samples={tmp}/s.npy", "--dataset=circle"], ["s.npy", "(28, 28, 1)"]),
    "bytes as floats": (["--samples={tmp}/f.npy", "--dataset=digits"], ["f.npy", "0 to 255"]),
    "not finite": (["--samples={tmp}/n.npy", "--dataset=circle"], ["n.npy", "not finite"]),
    "few labels": (
        ["--samples={tmp}/s.npy", "--dataset=digits", "--labels={tmp}/y.npy"],
        ["y.npy", "found 3 labels"],
    ),
    "few samples": (["--workdir={run}", "--num=9"], ["num"]),
    "bad ending": (["--workdir={run}", "--out={tmp}/e.txt"], [".txt", ".json"]),
    "no folder": (["--workdir={run}", "--out={tmp}/no/e.json"], ["no folder"]),
    "mistyped": (["--workdr={run}"], ["--workdr", "did you mean --workdir?"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_command_line_is_one_line_and_writes_nothing(case, run_on_points, tmp_path):
    np.save(tmp_path / "s.npy", np.zeros([12, 28, 28], np.uint8))
    np.save(tmp_path / "f.npy", np.linspace(0, 255, 12 * 784).reshape(12, 28, 28))
    np.save(tmp_path / "n.npy", np.full([12, 2], np.nan))
    np.save(tmp_path / "y.npy", np.zeros([3], int))
    before = sorted(tmp_path.iterdir())
    args, parts = REFUSED[case]
    ended = run("evaluate.py", *(a.format(run=run_on_points, tmp=tmp_path) for a in args))
    assert ended.code == 2, ended.err
    line = ended.err.splitlines()[-1]
    assert line.startswith("evaluate.py: ") and "Traceback" not in ended.err
    for part in parts:
        assert part in line, line
    assert sorted(tmp_path.iterdir()) == before


def test_other_data_than_the_runs_are_refused(run_on_images, digits, monkeypatch):
    other = data.Dataset("digits", 255 - digits.x, digits.label)
    monkeypatch.setattr(data, "load_both", lambda *_: (other, None))
    with pytest.raises(InputError, match="SHA-256"):
        metrics_report.of_workdir(run_on_images)


# ---------------------------------------------------------------- the real MNIST


@pytest.mark.slow
@pytest.mark.skipif(not MNIST.exists(), reason=f"no MNIST in {MNIST}")
def test_mnist_must_hold():
    train, test = data.load_both("mnist", str(MNIST))
    judge = evaluation.make_judge(train, test)
    assert judge.num == 10_000
    assert judge.about["classifier"]["accuracy"] >= 0.99
    assert classifier.trained(train, test, seed=1).about["accuracy"] >= 0.99

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
    copies = judge.figures(decoded(train.x[:2_000]), train.label[:2_000])
    assert copies["nearest_neighbour_ratio"] < 1e-3
    assert copies["conditional_accuracy"] > 0.99

    # At most 2 s on two idle cores; on busy ones the CPU's time tells it better than a clock.
    quick = evaluation.make_judge(train, test, num=2_000)
    quick.figures(quick.noise)
    started = time.process_time()
    quick.figures(quick.noise)
    assert time.process_time() - started < 4
