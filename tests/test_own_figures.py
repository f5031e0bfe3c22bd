"""What `bin/evaluate.py` tells of one model alone: its gate's figures, of any run on such data."""

import json
import types

import pytest
from processes import run

from ganflow import data
from ganflow.data import drawings
from ganflow.gates import captions, domains, measures, own, resolution, translation
from ganflow.gates.table import GATES


def of(name: str, *fields: str):
    return types.SimpleNamespace(name=name, fields=dict.fromkeys(fields))


def manifest(model: str, enlarge: int = 1, **config) -> dict:
    return {"model": model, "config": config, "options": {"enlarge": enlarge}}


MNIST = of("mnist", "x", "label")
EDGES = of("mnist_edges", "a", "a_label", "b", "b_label")
DRAWINGS = of("drawings_32", "x", "caption", *drawings.FACTORS)
OWN = [
    ("vanilla", MNIST, measures.likelihood),
    ("cgan", MNIST, measures.classes),
    ("dcgan_conditional", MNIST, measures.classes),
    ("hr_dcgan", of("npy", "x"), measures.activations),
    ("infogan", MNIST, measures.codes),
    ("began", of("npy", "x"), measures.balance),
    ("cogan", EDGES, domains.pairs),
    ("discogan", of("gaussians_5_10", "a", "b"), domains.modes),
    ("discogan", of("arrows", "a", "b", "a_angle"), domains.arrows),
    ("discogan", EDGES, translation.translation),
    ("cyclegan", EDGES, translation.translation),
    ("cyclegan", of("arrows", "a", "b", "a_angle"), domains.arrows),
    ("stackgan", DRAWINGS, captions.stages),
    ("stackgan_pp", DRAWINGS, captions.branches),
    ("srgan", MNIST, resolution.enlarged),
    # No truth is known of these, or no such figures.
    ("infogan", of("npy", "x"), None),
    ("srgan", of("folder", "x"), None),
    ("cyclegan", of("npz", "a", "b"), None),
    ("stackgan", of("npz", "x", "caption"), None),
    ("simple", MNIST, None),
    ("path/to/mine.py", MNIST, None),
]


@pytest.mark.parametrize("model, dataset, measure", OWN)
def test_a_model_has_its_own_figures_where_the_truth_is_known(model, dataset, measure):
    assert own.measure_of(manifest(model), dataset) is measure


def test_true_partners_of_enlarged_images_are_not_known():
    """Edges are one pixel wide."""
    assert own.measure_of(manifest("cyclegan", enlarge=2), EDGES) is None
    assert set(data.PAIRS) >= {"mnist_edges", "digits_negative"}


def test_without_captions_branches_have_to_agree_on_colours():
    without = manifest("stackgan_pp", conditional=False)
    assert own.measure_of(without, DRAWINGS) is captions.colours
    assert own.measure_of(without, of("npy", "x")) is captions.colours
    assert own.measure_of(manifest("stackgan_pp", conditional=True), of("npy", "x")) is None


def test_a_figure_that_a_gate_asks_for_has_words():
    models = {"stackgan", "stackgan_pp", "discogan", "cyclegan", "cogan", "began", "infogan"}
    asked = {
        bar.figure
        for gate in GATES
        if gate.preset.split("_fast")[0].removesuffix("_points") in models
        for bar in gate.bars
    }
    assert len(asked) > 20
    assert [figure for figure in sorted(asked) if not own.words_of(figure)] == []
    assert own.words_of("label") == own.words_of("nowhere") == ""


def test_evaluate_tells_a_models_own_figures_beside_the_others(tmp_path):
    folder = tmp_path / "run"
    small = [
        "--arch=discogan",
        "--dataset=gaussians_5_10",
        "--jit=off",
        "--summary_every=2",
        "--width=8",
    ]
    ended = run("train.py", "--model=discogan", *small, "--steps=4", f"--workdir={folder}")
    assert ended.code == 0, ended.err
    ended = run("evaluate.py", f"--workdir={folder}", "--num=500")
    assert ended.code == 0, ended.err
    table = {line.split()[0]: line.split() for line in ended.out.splitlines() if line.strip()}
    for figure in ("modes", "injectivity", "reconstruction_sigmas", "back_sigmas"):
        assert table[figure][1] == "500" and table[figure].count("-") >= 3  # no floor, no ceiling
    assert "injectivity: what the mode of b tells of the mode of a, 0 to 1" in ended.out
    *_, last = json.loads((folder / "evaluation.json").read_text())["rows"]
    assert last["figures"]["injectivity"]["value"] == pytest.approx(
        float(table["injectivity"][-3]), rel=1e-3
    )
    assert "frechet" not in ended.out and "modes_captured" in table


def test_a_run_without_a_summary_has_none():
    gan = types.SimpleNamespace(config=types.SimpleNamespace(gamma=0.5))
    trained = types.SimpleNamespace(gan=gan, rows=[], num=10)
    assert own.figures(trained, measures.balance) == {}
    row = {"d_real": 1.0, "g_loss": 0.5, "convergence": float("nan"), "k": 0.1}
    trained.rows = [row]
    trained.mean_at_the_end = lambda name: row[name]
    found = own.figures(trained, measures.balance)
    assert found["balance_over_gamma"] == (1.0, 0, 0)  # of the summaries, not of samples
    assert "convergence_ratio" not in found  # not finite
