"""Runs side by side: settings that differ, last figures, histories, one picture."""

import json

import numpy as np
import pytest
import tensorflow as tf
from processes import contents, run

from ganflow.base.errors import InputError
from ganflow.judging import best
from ganflow.pictures import canvas, curves
from ganflow.summaries import comparison, history
from ganflow.summaries.comparison import Run


def made_up(name, rows, model="circle", **config):
    """A run that nobody has trained."""
    manifest = {"model": model, "step": rows[-1]["step"], "config": config, "options": {"seed": 1}}
    manifest["options"] |= {"workdir": f"runs/{name}", "data_dir": name, "keep_best": "auto"}
    return Run(name, None, manifest, rows)


A = made_up(
    "a",
    [{"step": 0, "d_loss": 1.5}, {"step": 500, "d_loss": 1.25, "eval/sliced_wasserstein": 0.5}],
    batch_size=128,
    beta_1=0.9,
)
B = made_up(
    "b",
    [{"step": 100, "g_loss": 2.0, "health": "ill", "diagnosis": ["mode_collapse"]}],
    model="simple",
    batch_size=128,
    g_hidden=[8, 4],
)


def test_the_table_has_what_differs_and_what_has_come_of_it():
    titles, rows = comparison.table([A, B])
    assert titles == ["", "a", "b"]
    found = {name: cells for name, *cells in rows}
    assert found == {
        "model": ["circle", "simple"],
        "beta_1": ["0.9", "-"],
        "g_hidden": ["-", "8,4"],
        "steps done": ["500", "100"],
        "d_loss": ["1.25", "-"],
        "g_loss": ["-", "2"],
        "eval/sliced_wasserstein": ["0.5", "-"],
        "health": ["-", "ill: mode collapse"],
        "best evaluation": ["step 500, sliced_wasserstein 0.5", "-"],
    }


def test_a_run_is_called_by_the_shortest_end_of_its_path_that_tells_it_apart(tmp_path):
    folders = [tmp_path / name for name in ("one/w", "two/w", "two/v")]
    assert comparison._names(folders) == ["one/w", "two/w", "two/v"]
    assert comparison._names(folders[1:]) == ["w", "v"]


def test_the_best_evaluation_is_by_the_figure_that_the_run_was_kept_by():
    rows = [{"step": i, "eval/recall": i / 10, "eval/frechet_distance": i} for i in (1, 2)]
    assert best.best_by(rows, "recall").step == 2
    assert best.best_by(rows, "auto").step == 1
    assert best.best_by(rows, "none") is None


def test_a_history_begins_with_the_first_row_and_ends_with_the_last():
    rows = [{"step": 10 * i, "d_accuracy_real": i / 100} for i in range(101)]
    del rows[0]["d_accuracy_real"]
    rows[50]["d_fake"] = 0.25
    titles, cells = history.table(rows)
    assert titles == ["step", "D on generated", "accuracy on real"]
    assert [row[0] for row in cells] == [f"{100 * i:,}" for i in range(11)]
    assert cells[0] == ["0", "-", "-"] and cells[5] == ["500", "0.25", "0.5"]
    assert history.table(rows[:1])[1] == [["0"]]
    assert [row[0] for row in history.table(rows[:3])[1]] == ["0", "10", "20"]


def test_every_run_has_a_curve_in_its_colour_where_it_has_the_figure():
    def colours(picture):
        return {
            colour
            for colour in canvas.CYCLE[:2]
            if (picture == np.uint8(tf.io.decode_raw(bytes.fromhex(colour[1:]), tf.uint8)))
            .all(axis=-1)
            .any()
        }

    rows = [{"step": i, "d_loss": float(i)} for i in range(5)]
    picture = curves.compared({"a": rows, "b": []}, ["d_loss"])
    above = picture[: curves._CHART_PIXELS[1] - 20]  # without the legend
    assert colours(above) == {canvas.BLUE} and colours(picture) == {canvas.BLUE, canvas.ORANGE}
    both = curves.compared({"a": rows, "b": rows[::-1]}, ["d_loss", "g_loss"])
    assert both.shape[1] == 2 * curves._CHART_PIXELS[0]


# ---------------------------------------------------------------- the program


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Workdirs of a run on points and of one on images."""
    folder = tmp_path_factory.mktemp("runs")
    small = ("--g_hidden=8", "--d_hidden=8", "--steps=2", "--summary_every=2", "--jit=off")
    for name, args in {
        "points": ("--model=circle", "--evaluate_every=2", "--evaluate_num=100"),
        "images": ("--model=simple", "--dataset=digits"),
    }.items():
        ended = run("train.py", *args, *small, f"--workdir={folder / name}")
        assert ended.code == 0, ended.err
    return folder


def test_runs_of_different_models_on_different_data_stand_side_by_side(runs, tmp_path):
    out = tmp_path / "both.png"
    was = contents(runs)
    ended = run("compare.py", str(runs / "points"), str(runs / "images"), f"--out={out}")
    assert ended.code == 0, ended.err
    lines = [line.split() for line in ended.out.splitlines()]
    assert lines[0] == ["points", "images"]
    assert ["model", "circle", "simple"] in lines and ["dataset", "circle", "digits"] in lines
    last = json.loads((runs / "points" / "metrics.jsonl").read_text().splitlines()[-1])
    (d_loss,) = (words for words in lines if words[:1] == ["d_loss"])
    assert d_loss[1] == f"{last['d_loss']:.4g}"
    assert "best evaluation" in ended.out and "step 2, sliced_wasserstein" in ended.out
    written = out.with_suffix(".md").read_text()
    assert "| model | circle | simple |" in written and "## images" in written
    picture = tf.io.decode_png(out.read_bytes()).numpy()
    assert picture.shape[1] >= 3 * 360 and picture.shape[2] == 3
    assert contents(runs) == was


def test_one_run_tells_its_own_history(runs, tmp_path):
    ended = run("compare.py", str(runs / "points"), f"--out={tmp_path / 'one.png'}")
    assert ended.code == 0, ended.err
    rows = [line.split() for line in ended.out.splitlines()]
    assert [row[0] for row in rows if row and row[0] in "012"] == ["0", "2"]


@pytest.mark.parametrize(
    ("args", "parts"),
    [
        ([], ["give the workdirs"]),
        (["{}", "/nowhere"], ["/nowhere: is no workdir"]),
        (["{}", "{}"], ["is given twice"]),
        (["{}", "--out=both.npy"], ["--out=both.npy", ".png"]),
        (["{}", "--out=/nowhere/both.png"], ["/nowhere"]),
        (["{}", "--sed=3"], ["--sed", "did you mean --seed?"]),
    ],
)
def test_what_cannot_be_compared_is_one_line(args, parts, runs):
    was = contents(runs)
    line = run("compare.py", *(arg.format(runs / "points") for arg in args)).error(2)
    for part in parts:
        assert part in line, line
    assert contents(runs) == was


def test_a_damaged_checkpoint_is_refused(tmp_path):
    folder = tmp_path / "w" / "checkpoints" / "000000001"
    folder.mkdir(parents=True)
    (folder / "manifest.json").write_text("{}")
    with pytest.raises(InputError, match="none of 1 checkpoints is sound"):
        comparison.read([tmp_path / "w"])


# ---------------------------------------------------------------- single examples in colour


def test_a_sample_is_drawn_as_a_heat_map_where_that_can_be(runs, tmp_path):
    images = f"--workdir={runs / 'images'}"
    ended = run("sample.py", images, "--heat", "--num=2", f"--out={tmp_path / 'two.png'}")
    assert ended.code == 0, ended.err
    assert tf.io.decode_png((tmp_path / "two.png").read_bytes()).shape[1] > 600
    assert (runs / "images" / "heat.png").exists()
    for args, told in (
        ((images, "--heat", "--num=9"), "at most 8"),
        ((images, "--heat", f"--out={tmp_path / 'x.npy'}"), "--heat: is a .png"),
        ((f"--workdir={runs / 'points'}", "--heat", f"--out={tmp_path / 'x.png'}"), "points"),
    ):
        assert told in run("sample.py", *args).error(2)
    assert [path.name for path in tmp_path.iterdir()] == ["two.png"]
