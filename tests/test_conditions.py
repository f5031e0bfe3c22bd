"""Labels, codes and captions that are asked for, and sweeps over them."""

import dataclasses

import numpy as np
import pytest
from processes import ROOT, run

from ganflow import data, engine, models
from ganflow.base.errors import InputError
from ganflow.interface.fields import Fields
from ganflow.judging import reports
from ganflow.trained import conditions, loading, sampling
from tests import cases


def model(name):
    about = cases.dataset_of(name).about()
    shapes = {field: list(shape) for field, shape in about.shapes.items()}
    return cases.build(name), {"fields": {"shapes": shapes, "classes": dict(about.classes)}}


def test_a_label_and_codes_take_the_place_of_draws_and_the_rest_stays():
    gan, manifest = model("infogan")
    fixed = conditions.asked(sampling.choose(gan), 7, label=3, codes=[-0.5])
    drawn = sampling.of_gan(gan, manifest, 7, seed=1)
    made = sampling.of_gan(gan, manifest, 7, seed=1, fixed=fixed)
    assert made.given["category"].tolist() == [3] * 7 and len(set(drawn.given["category"])) > 1
    assert made.given["code_1"].tolist() == [-0.5] * 7
    for name in ("z", "code_2"):
        np.testing.assert_array_equal(made.given[name], drawn.given[name])
    assert (made.samples != drawn.samples).any()


def test_what_is_fixed_is_what_g_is_given():
    gan, manifest = model("cgan")
    labels = np.arange(10, dtype=np.int32)
    made = sampling.of_gan(gan, manifest, 10, seed=1, fixed={"label": labels})
    one = sampling.of_gan(gan, manifest, 10, seed=1, fixed={"label": np.full(10, 4, np.int32)})
    np.testing.assert_array_equal(made.samples[4], one.samples[4])
    assert (made.samples[5] != one.samples[5]).any()


@pytest.mark.parametrize(
    ("name", "label", "codes", "says"),
    [
        ("simple", 3, [], "G is given no label"),
        ("cgan", 10, [], "from 0 to 9"),
        ("cgan", -1, [], "from 0 to 9"),
        ("cgan", None, [0.5], "given none"),
        ("infogan", None, [0, 0, 0], "found 3 codes, and this model's G has 2"),
        ("infogan", None, [float("nan")], "finite"),
    ],
)
def test_what_a_model_is_not_given_cannot_be_asked_for(name, label, codes, says):
    with pytest.raises(InputError, match=says):
        conditions.asked(sampling.choose(cases.build(name)), 5, label, codes)


@pytest.mark.parametrize(
    ("name", "swept", "rows"), [("cgan", "label", 10), ("infogan", "code_2", 9)]
)
def test_a_sweep_has_a_row_a_value_and_a_column_a_z(name, swept, rows):
    gan, manifest = model(name)
    samples, columns = conditions.sweep(gan, manifest, swept, seed=3)
    assert (len(samples), columns) == (rows * 10, 10)
    draw = sampling.choose(gan).given[swept]
    value = rows // 2 if swept == "label" else 0.0
    kind = np.int32 if swept == "label" else np.float32
    middle = sampling.of_gan(gan, manifest, 10, 3, fixed={swept: np.full(10, value, kind)})
    np.testing.assert_allclose(samples[rows // 2 * 10 :][:10], middle.samples, atol=1e-5)
    assert (samples[:10] != samples[10:20]).any() and draw is not None


def test_a_sweep_over_what_is_not_there_names_what_is():
    gan, manifest = model("infogan")
    with pytest.raises(InputError, match="expected category or code_1 or code_2"):
        conditions.sweep(gan, manifest, "label", seed=0)
    gan, manifest = model("simple")
    with pytest.raises(InputError, match="G has no condition"):
        conditions.sweep(gan, manifest, "label", seed=0)


@pytest.fixture(scope="module")
def trained_cgan(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cgan")
    options = engine.Options(workdir=str(folder), jit="off")
    config = cases.small_config("cgan", dataset="digits", steps=2, summary_every=2)
    engine.Run(cases.module_of("cgan"), config, options, *pair(data.load_both("digits"))).train(2)
    return folder


def pair(both):
    return both[0], None, both[1]


@pytest.mark.slow
def test_the_program_draws_threes_and_sweeps(trained_cgan, tmp_path):
    ended = run(
        "sample.py", f"--workdir={trained_cgan}", "--label=3", "--num=4", f"--out={tmp_path}/a.npy"
    )
    assert ended.code == 0, ended.err
    from_python = sampling.generate(trained_cgan, 4, seed=0)
    assert (np.load(tmp_path / "a.npy") != from_python).any()
    ended = run(
        "sample.py", f"--workdir={trained_cgan}", "--sweep=label", f"--out={tmp_path}/b.npy"
    )
    assert ended.code == 0 and np.load(tmp_path / "b.npy").shape[0] == 100
    for words, says in (
        (["--sweep=label", "--label=2"], "--sweep: takes the place"),
        (["--code=x"], "--code=x: expected numbers"),
        (["--label=11"], "from 0 to 9"),
    ):
        line = run(
            "sample.py", f"--workdir={trained_cgan}", f"--out={tmp_path}/c.npy", *words
        ).error(2)
        assert says in line and not (tmp_path / "c.npy").exists()


# ---------------------------------------------------------------- captions

COLOURS = ("red", "green", "blue")


@pytest.fixture(scope="module")
def captioned(tmp_path_factory):
    """A workdir of the proving GAN that is given captions, whose data are gone."""
    folder = tmp_path_factory.mktemp("captioned")
    words = [f"a {COLOURS[i % 3]} square" + " on the left" * (i % 2) for i in range(40)]
    x = np.random.default_rng(0).integers(0, 256, (40, 8, 8), dtype=np.uint8)
    np.savez(folder / "data.npz", x=x, caption=np.array(words))
    options = {"data_dir": str(folder / "data.npz"), "workdir": str(folder), "num_replicas": 1}
    module = models.load(str(ROOT / "tests" / "proving" / "staged.py"))
    both = data.load_both("npz", options["data_dir"])
    run = engine.Run(module, module.Config(), engine.Options(**options), both[0])
    run.save()
    (folder / "data.npz").unlink()
    return folder


def test_a_caption_is_what_g_is_given_and_needs_no_data(captioned):
    gan, manifest = loading.load_trained(captioned)
    fields, sampler = loading.fields_of(manifest), sampling.choose(gan)
    words = ["", "a", "blue", "green", "left", "on", "red", "square", "the"]
    assert list(fields.vocabulary) == manifest["fields"]["vocabulary"] == words
    fixed = conditions.asked(sampler, 120, caption="Left: a RED square", fields=fields)
    assert list(fixed) == ["caption"] and fixed["caption"].shape == (120, 6)
    assert fields.words(fixed["caption"][119]) == "left a red square"
    made = sampling.of_gan(gan, manifest, 120, seed=1, fixed=fixed)
    np.testing.assert_array_equal(made.given["caption"], fixed["caption"])
    again = sampling.of_gan(gan, manifest, 7, 1, fixed={"caption": fixed["caption"][:7]})
    np.testing.assert_array_equal(made.samples[:7], again.samples)
    blue = conditions.asked(sampler, 7, caption="blue", fields=fields)
    other = sampling.of_gan(gan, manifest, 7, seed=1, fixed=blue)
    np.testing.assert_array_equal(other.given["z"], again.given["z"])
    assert (other.samples != again.samples).any(axis=(1, 2, 3)).all()
    with pytest.raises(InputError, match=r"data\.npz"):
        sampling.of_gan(gan, manifest, 7, seed=1)  # captions of the data set


def test_a_caption_that_cannot_be_is_one_line(captioned):
    gan, manifest = loading.load_trained(captioned)
    fields, sampler = loading.fields_of(manifest), sampling.choose(gan)
    for caption, says in (
        ("a rad square", "'a rad square': found the word 'rad', .* near to it are red"),
        (
            "a red square on the left left",
            "'a red square on the left left': found 7 words, expected 1 to 6",
        ),
        ("", "'': found 0 words, expected 1 to 6"),
    ):
        with pytest.raises(InputError, match=f"^--caption={says}"):
            conditions.asked(sampler, 5, caption=caption, fields=fields)
    ids_alone = dataclasses.replace(fields, vocabulary=())
    with pytest.raises(InputError, match="--caption='red': this model was trained on token ids"):
        conditions.asked(sampler, 5, caption="red", fields=ids_alone)
    with pytest.raises(InputError, match="--caption='red': this model's G is given no caption"):
        conditions.asked(sampling.choose(cases.build("cgan")), 5, caption="red", fields=fields)


def test_a_manifest_without_a_vocabulary_is_read_as_before():
    about = cases.dataset_of("staged").about()
    told = {"fields": {"shapes": {"x": [8, 8, 1], "caption": [2]}, "classes": {"caption": 5}}}
    assert loading.fields_of(told) == about == Fields(about.shapes, about.classes)


@pytest.mark.slow
def test_the_program_draws_a_caption(captioned, tmp_path):
    words = f"--workdir={captioned}", "--num=3", f"--out={tmp_path}/a.npy"
    ended = run("sample.py", *words, "--caption=a blue square")
    assert ended.code == 0, ended.err
    gan, manifest = loading.load_trained(captioned)
    fields, sampler = loading.fields_of(manifest), sampling.choose(gan)
    fixed = conditions.asked(sampler, 3, caption="a blue square", fields=fields)
    samples = sampling.of_gan(gan, manifest, 3, seed=0, fixed=fixed).samples
    np.testing.assert_allclose(np.load(tmp_path / "a.npy"), samples, atol=1e-6)
    line = run("sample.py", *words, "--caption=blue", "--sweep=z").error(2)
    assert "--sweep: takes the place of --label, --code, --caption, --input" in line


@pytest.mark.slow
def test_evaluate_tells_how_many_samples_are_what_was_asked_for(trained_cgan):
    column = reports.of_workdir(trained_cgan, num=100).judged[0]
    assert 0 <= column.figures["conditional_accuracy"].value <= 0.5  # after two steps
