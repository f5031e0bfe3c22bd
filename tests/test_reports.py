"""`bin/evaluate.py`: runs and files of samples judged, and what is printed and written of it."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from processes import run

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.judging import evaluation, reports, telling
from ganflow.storage import workdir


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    """Those that models train on."""
    return data.load("digits")


@pytest.fixture(scope="module")
def judge() -> evaluation.Judge:
    return evaluation.make_judge(*data.load_both("digits"))


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


def every_scalar(folder: Path) -> list[tuple[str, int, float]]:
    """What TensorBoard would show: (tag, step, value), in the order of the files."""
    return [
        (value.tag, event.step, float(tf.make_ndarray(value.tensor)))
        for file in sorted(folder.iterdir())
        for event in tf.compat.v1.train.summary_iterator(str(file))
        for value in event.summary.value
    ]


def scalars(folder: Path) -> dict[tuple[str, int], float]:
    """The same by (tag, step)."""
    return {(tag, step): value for tag, step, value in every_scalar(folder)}


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
    assert "drawn afresh" in ended.out

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
    of_trial = scalars(run_on_points / "trial" / "eval")  # beside the run's other metrics
    assert {tag for tag, _ in of_trial} == {"trial/sliced_wasserstein"}
    for (tag, step), value in of_trial.items():
        assert value == shown[tag.replace("trial", "eval"), step]


def test_a_step_judged_again_has_its_new_figures_alone_and_other_steps_stay(
    run_on_points, tmp_path
):
    folder = tmp_path / "run"
    shutil.copytree(run_on_points, folder, ignore=shutil.ignore_patterns("eval*"))
    telling.write_events(reports.of_workdir(folder, num=50), folder)
    first = every_scalar(folder / "eval")
    telling.write_events(reports.of_workdir(folder, num=50), folder)
    assert every_scalar(folder / "eval") == first
    assert len(first) == len(set((tag, step) for tag, step, _ in first))
    assert [step for tag, step, _ in first if "wasserstein" in tag] == [0, 2, 4]

    telling.write_events(reports.of_workdir(folder, step=2, num=60), folder)
    again = every_scalar(folder / "eval")
    changed = {step for (_, step, old), (_, _, new) in zip(first, again, strict=True) if old != new}
    assert changed == {2} and len(list((folder / "eval").iterdir())) == 1


def test_events_that_a_kill_cut_short_do_not_hinder(run_on_points, tmp_path):
    report = reports.of_workdir(run_on_points, step=4, num=50)
    telling.write_events(report, tmp_path)
    (file,) = (tmp_path / "eval").iterdir()
    whole = every_scalar(tmp_path / "eval")
    file.write_bytes(file.read_bytes()[:-5])
    telling.write_events(report, tmp_path)
    assert every_scalar(tmp_path / "eval") == whole


@pytest.mark.slow
def test_averaged_weights_are_judged_beside_the_raw_ones(tmp_path):
    args = ("--model=circle", "--steps=4", "--checkpoint_every=2", "--jit=off", "--ema=.9")
    ended = run("train.py", *args, "--dataset=pacgan_ring", f"--workdir={tmp_path / 'run'}")
    assert ended.code == 0, ended.err
    report = reports.of_workdir(tmp_path / "run", num=50)
    titles = ["step 0", "step 0, averaged", "step 2", "step 2, averaged"]
    assert [c.title for c in report.judged] == [*titles, "step 4", "step 4, averaged"]
    assert [(c.step, c.averaged) for c in report.judged[2:4]] == [(2, False), (2, True)]
    distances = [c.figures["sliced_wasserstein"].value for c in report.judged]
    assert distances[0] == distances[1]  # nothing to average yet
    assert distances[2] != distances[3] and distances[4] != distances[5]
    telling.write_events(report, tmp_path / "run")
    for name, expected in (("eval", distances[::2]), ("eval_averaged", distances[1::2])):
        shown = scalars(tmp_path / "run" / name)
        found = [shown["eval/sliced_wasserstein", step] for step in (0, 2, 4)]
        assert found == pytest.approx(expected, rel=1e-6)


def test_a_run_on_a_part_of_mnist_is_judged_as_one_on_the_whole(monkeypatch, digits, tmp_path):
    part = digits.select(np.arange(5, len(digits.x)))
    sets = {"mnist_55000": (part, None), "mnist": (digits, None)}
    monkeypatch.setattr(data, "load_both", lambda name, *_, **__: sets[name])
    options = {"data_dir": "", "enlarge": 1}
    manifest = {"config": {"dataset": "mnist_55000"}, "options": options}
    manifest["data_sha256"] = part.sha256
    assert reports.judging_data(tmp_path, manifest, None)[0] is digits
    with pytest.raises(InputError, match="SHA-256"):
        reports.judging_data(tmp_path, manifest | {"data_sha256": digits.sha256}, None)


def test_a_table_is_plain_text_whatever_stands_in_it(digits, tmp_path, monkeypatch):
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "20")
    path = tmp_path / "[red]:smile: a_long_name_of_a_file_of_samples.npy"
    np.save(path, digits.x[:200, ..., 0])
    text = telling.as_text(reports.of_samples(path, "digits"))
    lines = text.splitlines()
    header = next(i for i, line in enumerate(lines) if line.startswith("figure"))
    assert path.name in lines[header] and "\x1b" not in text
    cells = lines[header + 2].split()  # below the rule
    assert cells[:4] == ["frechet_distance", "200", ":", "355"] and len(cells) == 8
    end = lines[header].index(path.name) + len(path.name)
    assert all(line[end - 1] != " " and line[end] == " " for line in lines[header + 2 : header + 6])


def test_copies_of_training_images_are_called_so_and_held_out_ones_are_not(digits, tmp_path):
    told = {}
    for name, images in (("copies", digits), ("others", data.load("digits", split="test"))):
        np.save(tmp_path / f"{name}.npy", images.x[:200, ..., 0])
        told[name] = telling.as_text(reports.of_samples(tmp_path / f"{name}.npy", "digits"))
    assert "COPIES: the samples of copies.npy" in told["copies"]
    assert "COPIES" not in told["others"]


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
    report = reports.of_workdir(run_on_images)
    assert [column.step for column in report.judged] == [0]
    text = telling.as_text(report)
    (line,) = (line for line in text.splitlines() if " : 355 " in line and "frechet" in line)
    cells = line.split()
    assert cells[1:4] == ["1,442", ":", "355"]
    floor, first, start, noise = map(float, cells[4:])
    assert floor == pytest.approx(judge.floor["frechet_distance"].value, rel=1e-3)
    assert first == start > 50 * floor and noise > 50 * floor
    assert (
        "355 held-out examples (one in five, set aside before training" in text and "O(1/n)" in text
    )
    assert f"accuracy {judge.about['classifier']['accuracy']:.4f} on n = 355" in text
    telling.write_events(report, run_on_images)
    assert ("eval/recall", 0) in scalars(run_on_images / "eval")


def test_a_file_of_images_with_labels_has_a_conditional_accuracy(digits, tmp_path, judge):
    np.save(tmp_path / "x.npy", digits.x[:300, ..., 0])
    np.save(tmp_path / "y.npy", digits.label[:300])
    report = reports.of_samples(tmp_path / "x.npy", "digits", labels=tmp_path / "y.npy", num=200)
    (column,) = report.judged
    assert column.figures["conditional_accuracy"][1:] == (200, 0)
    assert column.figures["conditional_accuracy"].value > 0.96
    noise = report.ceilings[1].figures["conditional_accuracy"].value
    assert noise < 0.3


def test_a_checkpoint_that_is_not_sound_is_left_out_and_the_log_says_so(
    run_on_points, tmp_path, caplog
):
    shutil.copytree(run_on_points, tmp_path / "run")
    (tmp_path / "run" / "checkpoints" / "000000002" / "weights.index").unlink()
    with caplog.at_level("WARNING", logger="absl"):
        report = reports.of_workdir(tmp_path / "run", num=50)
    assert [column.step for column in report.judged] == [0, 4]
    assert "step 2: left out" in caplog.text
    with pytest.raises(InputError, match="sound"):
        reports.of_workdir(tmp_path / "run", step=2, num=50)


def test_a_full_disk_leaves_the_old_json(run_on_points, tmp_path, monkeypatch):
    report = reports.of_workdir(run_on_points, step=4, num=50)
    out = tmp_path / "e.json"
    out.write_text("old")

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(workdir.os, "fsync", full)
    with pytest.raises(workdir.StorageError, match="No space left"):
        telling.write_json(report, out)
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
    other = data.Dataset("digits", {"x": 255 - digits.x, "label": digits.label})
    monkeypatch.setattr(data, "load_both", lambda *_, **__: (other, None))
    with pytest.raises(InputError, match="SHA-256"):
        reports.of_workdir(run_on_images)
