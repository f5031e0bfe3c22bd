"""What is exported gives the model's own samples; what is wrong is noticed and said in one line."""

import base64
import dataclasses
import hashlib
import json
import re

import numpy as np
import pytest
import tensorflow as tf
from exports import WORDS, random_model, said
from processes import contents, run

from ganflow import models
from ganflow.base.errors import InputError
from ganflow.export import describing, examples, exporting, pages, running, tracing, words
from ganflow.export.program import Program, Weights
from ganflow.interface import gans
from ganflow.interface.sampler import Sampler
from ganflow.nn.draws import Normal, Uniform
from ganflow.storage import workdir
from ganflow.trained import loading

# Dense, convolutions and labels, instance norm and mirrored edges, kernels alone.
SOME = ("simple", "dcgan_conditional", "cyclegan", "srgan")


# ---------------------------------------------------------------- words


@pytest.mark.parametrize("case", WORDS)
def test_a_word_does_what_tensorflow_does(case):
    of = said(case)
    assert case.split(",")[0] in {step.word for step in of.program.steps}
    program = Program.of(json.loads(json.dumps(of.program.plain())))
    made = running.run(program, of.weights.arrays, of.given)
    np.testing.assert_allclose(made, of.wanted, rtol=1e-6, atol=1e-6)


def test_every_word_has_a_case_and_a_twin_in_the_page():
    source = (pages._SOURCE / "words.js").read_text()
    table = source.partition("const WORDS = {")[2].partition("\n};")[0]
    in_page = re.findall(r"^  (\w+): \(", table, re.M)
    assert in_page == sorted(running.WORDS) == sorted({case.split(",")[0] for case in WORDS})


def test_what_no_sample_changes_becomes_a_constant():
    variance = tf.Variable([3.0, 8.0])

    def normed(given):
        return tf.nn.batch_normalization(given["x"], tf.ones([2]), variance, None, None, 1.0)

    weights, names = Weights(), {id(variance): "g/variance"}
    program = tracing.trace(normed, {"x": tf.ones([1, 2])}, names, weights)
    assert [step.word for step in program.steps] == ["mul", "add"]
    np.testing.assert_allclose(weights.arrays["from g/variance"], [1 / 2, 1 / 3], rtol=1e-6)


def test_dropout_that_drops_nothing_is_no_step():
    def held(given):
        return tf.where(tf.ones([1, 3]) >= 0.0, given["x"] * (1 / (1 - 0.0)), 0.0) + 2.0

    program = tracing.trace(held, {"x": tf.ones([1, 3])}, {}, Weights())
    assert [(step.word, step.inputs) for step in program.steps] == [("add", ("x", 2.0))]


@pytest.mark.parametrize(
    "function, says",
    [
        (lambda g: tf.roll(g["x"], 1, axis=0), "Roll"),
        (lambda g: tf.cumsum(g["x"]), "Cumsum"),
        (lambda g: tf.nn.conv2d(g["x"][None, ..., None], tf.ones([2, 2, 1, 1]), 1, "SAME",
                                dilations=2), "Conv2D with dilations"),
        (lambda g: g["x"][: tf.cast(g["x"][0, 0], tf.int32)], "whose size depends on the sample"),
        (lambda g: g["x"] + tf.random.normal([4, 4]), "RandomStandardNormal"),
        (lambda g: tf.function(tf.nn.relu)(g["x"]), "PartitionedCall"),
        (lambda g: g["x"][:, ::2], "StridedSlice with strides"),
        (lambda g: g["x"][:, ::-1], "StridedSlice with strides"),
        (lambda g: tf.ones([4]), "an output that depends on nothing"),
    ],
)  # fmt: skip
def test_what_the_page_has_no_word_for_is_named(function, says):
    with pytest.raises(words.UnknownOperationError, match=says):
        tracing.trace(function, {"x": tf.ones([4, 4])}, {}, Weights())


def test_constants_are_kept_once_and_others_of_one_name_apart():
    weights = Weights()
    first, other = np.zeros([2], np.float32), np.ones([2], np.float32)
    names = [weights.name_of(array, "w") for array in (first, other, first.copy(), other.copy())]
    assert names == ["w", "w (2)", "w", "w (2)"]


# ---------------------------------------------------------------- models


def programs_of(name):
    """(sampler, program, its constants, what it is given, what the model makes of it)."""
    gan, manifest = random_model(name)
    for sampler in gan.samplers():
        example, weights = examples.of(sampler, manifest, 2), Weights()
        one = {k: tf.constant(v) for k, v in example.part(1).items()}
        program = tracing.trace(sampler.generate, one, gans.weight_names(gan), weights)
        yield sampler, program, weights.arrays, example


@pytest.mark.parametrize(
    "name",
    [*SOME, *(pytest.param(n, marks=pytest.mark.slow) for n in models.names() if n not in SOME)],
)
def test_a_models_program_gives_its_samples_and_no_weight_is_for_nothing(name):
    for sampler, program, weights, example in programs_of(name):
        for i in range(2):
            made = running.run(program, weights, example.part(1, i))
            np.testing.assert_allclose(made[0], example.samples[i], atol=1e-5)
        assert np.ptp(example.samples) > 0.01, f"{sampler.name}: nothing to see"
        used = {input for step in program.steps for input in step.inputs}
        assert set(weights) <= used


def test_a_wrong_word_and_swapped_weights_are_noticed():
    _, program, weights, example = next(programs_of("simple"))
    given, wanted = example.part(1), example.samples[:1]

    def differs(program, weights):
        return examples.difference(running.run(program, weights, given), wanted)

    assert differs(program, weights) <= 1e-6
    wrong = tuple(
        dataclasses.replace(step, word="relu", settings={}) if step.word == "leaky_relu" else step
        for step in program.steps
    )
    assert differs(dataclasses.replace(program, steps=wrong), weights) > exporting.TOLERANCE
    steeper = tuple(
        dataclasses.replace(step, settings={"slope": 0.21}) if step.word == "leaky_relu" else step
        for step in program.steps
    )
    assert differs(dataclasses.replace(program, steps=steeper), weights) > exporting.TOLERANCE
    a, b = "generator/b_0000", "generator/b_0001"
    turned = weights | {a: weights[a][::-1].copy(), b: weights[b][::-1].copy()}
    assert differs(program, turned) > exporting.TOLERANCE


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_what_is_not_finite_or_of_another_shape_is_never_equal(value):
    samples = np.zeros([2, 3], np.float32)
    assert examples.difference(samples, samples) == 0
    assert examples.difference(np.full([2, 3], value), samples) == np.inf
    assert examples.difference(samples[:1], samples) == np.inf


# ---------------------------------------------------------------- a whole export


@pytest.fixture(scope="module")
def circle(tmp_path_factory):
    """The workdir of a short run on points."""
    folder = tmp_path_factory.mktemp("circle") / "run"
    ended = run("train.py", "--model=circle", "--steps=40", "--jit=off", f"--workdir={folder}")
    assert ended.code == 0, ended.err
    return folder


@pytest.fixture(scope="module")
def exported(circle, tmp_path_factory):
    """(its export's folder, what was printed)."""
    out = tmp_path_factory.mktemp("exported") / "out"
    ended = run("export.py", f"--workdir={circle}", f"--out={out}")
    assert ended.code == 0 and ended.err == "", ended.err
    return out, ended.out


def test_sizes_and_times_are_printed(exported):
    out, told = exported
    page_bytes = pages.size(out / "page")
    assert f"{out}/page/index.html: {page_bytes:,} bytes in all; 8 steps; at most " in told
    assert re.search(r"sample\.tflite: [\d,]+ bytes; [\d.e-]+ ms a sample; at most", told)
    assert re.search(r"^[\d.]+ ms a sample in Python", told, re.M)
    assert pages.ADDRESS in told
    assert sorted(path.name for path in out.parent.iterdir()) == ["out"]  # nothing half-written
    assert sorted(path.name for path in out.iterdir()) == ["page", "saved_model", "tflite"]


def test_the_saved_model_and_tflite_are_called_by_the_samplers_names(circle, exported):
    out, _ = exported
    gan, _ = loading.load_trained(circle)
    z = np.random.default_rng(0).normal(size=[5, 3]).astype(np.float32)
    wanted = gan.samplers()[0].generate({"z": tf.constant(z)}).numpy()
    loaded = tf.saved_model.load(str(out / "saved_model"))
    assert sorted(loaded.signatures) == ["sample", "serving_default"]
    made = loaded.signatures["sample"](z=tf.constant(z))["samples"].numpy()
    np.testing.assert_allclose(made, wanted, atol=1e-5)
    names = {v.name for v in loaded.signatures["sample"].variables}
    assert len(loaded.signatures["sample"].variables) == 6, names  # G's alone
    with pytest.warns(UserWarning, match="LiteRT"):
        lite = tf.lite.Interpreter(str(out / "tflite" / "sample.tflite")).get_signature_runner()
    np.testing.assert_allclose(lite(z=z[:1])["samples"], wanted[:1], atol=1e-5)


def test_the_page_holds_the_models_weights_and_d_over_the_plane(circle, exported):
    model, weights = pages.read(exported[0] / "page")
    gan, manifest = loading.load_trained(circle)
    for name, variable in gans.named_weights(gan):
        np.testing.assert_array_equal(weights[name], variable.numpy())
    assert (model["title"], model["dataset"]) == ("circle, step 40", "circle")
    (told,) = model["samplers"]
    assert told["inputs"] == [{"name": "z", "shape": [400, 3], "kind": "normal"}]
    x = describing.grid(told["plane"]["reach"]).numpy()
    made = running.run(Program.of(told["plane"]["score"]["program"]), weights, {"x": x})
    wanted = gan.samplers()[0].score(tf.constant(x), {}).numpy()
    np.testing.assert_allclose(made, wanted, atol=1e-5)
    real = weights[told["plane"]["real"]]
    angles = np.arctan2(real[:, 1], real[:, 0])
    assert len(np.unique(np.floor(angles * 4 / np.pi))) == 8  # all around, not its first piece


def test_the_page_runs_no_code_but_its_own_and_the_pinned_library(exported):
    index = (exported[0] / "page" / "index.html").read_text()
    policy = re.search(r'Content-Security-Policy"\s+content="([^"]+)"', index)[1]
    assert policy.startswith(f"default-src 'none'; script-src 'self' {pages.ADDRESS};")
    assert "unsafe" not in policy
    assert f'src="{pages.ADDRESS}"\n        integrity="{pages.INTEGRITY}"' in index
    assert "style=" not in index and not re.search(r"<script>|\son\w+=", index)
    assert pages._index(from_afar=False).count("https:") == 0
    assert "{" not in index


@pytest.fixture(scope="module")
def averaged(tmp_path_factory):
    """The workdir of a run with a moving average, whose evaluations find step 20's the best."""
    folder = tmp_path_factory.mktemp("averaged") / "run"
    flags = ["--ema=.9", "--evaluate_every=20", "--summary_every=20", "--evaluate_num=200"]
    flags += ["--model=circle", "--steps=40", "--jit=off", "--keep_checkpoints=3"]
    ended = run("train.py", *flags, f"--workdir={folder}")
    assert ended.code == 0, ended.err
    log = folder / "metrics.jsonl"
    rows = [json.loads(line) for line in log.read_text().splitlines()]
    for row in rows:
        if row["step"] == 20:
            row["eval_ema/sliced_wasserstein"] = 0.0
    log.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return folder


@pytest.mark.parametrize(
    ("flags", "step", "ema"),
    [
        (["--step=best"], 20, True),
        pytest.param(["--ema"], 40, True, marks=pytest.mark.slow),
        pytest.param(["--step=best", "--noema"], 20, False, marks=pytest.mark.slow),
    ],
    ids=lambda of: " ".join(of) if isinstance(of, list) else str(of),
)
def test_the_weights_that_are_asked_for_are_exported(averaged, tmp_path, flags, step, ema):
    ended = run("export.py", f"--workdir={averaged}", f"--out={tmp_path / 'out'}", *flags)
    assert ended.code == 0, ended.err
    asked, _ = loading.load_trained(averaged, step, ema)
    others = [(20, False), (20, True), (40, False), (40, True)]
    others.remove((step, ema))
    model, weights = pages.read(tmp_path / "out" / "page")
    assert model["title"] == f"circle, step {step}" + ", averaged weights" * ema
    for name, variable in gans.named_weights(asked):
        np.testing.assert_array_equal(weights[name], variable.numpy())
    z = tf.random.stateless_normal([5, 3], [0, 1])
    loaded = tf.saved_model.load(str(tmp_path / "out" / "saved_model"))
    made = loaded.signatures["sample"](z=z)["samples"].numpy()
    np.testing.assert_allclose(made, asked.samplers()[0].generate({"z": z}), atol=1e-5)
    for other in others:  # none of which would have passed
        gan, _ = loading.load_trained(averaged, *other)
        assert np.abs(made - gan.samplers()[0].generate({"z": z})).max() > 1e-4


def test_a_copied_library_has_to_be_the_pinned_one(tmp_path, monkeypatch):
    library = tmp_path / "tf.js"
    library.write_bytes(b"tensorflow")
    with pytest.raises(InputError, match="another file than the page is made for"):
        pages.read_library(library)
    with pytest.raises(InputError, match="cannot be read"):
        pages.read_library(tmp_path)
    digest = base64.b64encode(hashlib.sha384(b"tensorflow").digest()).decode()
    monkeypatch.setattr(pages, "INTEGRITY", f"sha384-{digest}")
    assert pages.read_library(library) == b"tensorflow"
    (tmp_path / "page").mkdir()
    pages.write(tmp_path / "page", {}, {}, b"tensorflow")
    assert (tmp_path / "page" / pages.LIBRARY).read_bytes() == b"tensorflow"


def test_numbers_of_every_kind_come_back_as_they_were(tmp_path):
    weights = {
        'a "quoted" name': np.array([[1.5, -0.0], [3e-39, np.float32(1e38)]], np.float32),
        "ids": np.array([0, -7], np.int32),
        "empty": np.zeros([0, 2], np.float32),
    }
    model = {"samplers": [{"program": {"shape": [1, 2], "text": "[ a  b ]"}}]}
    pages.write(tmp_path, model, weights, None)
    told, read = pages.read(tmp_path)
    assert told["samplers"] == model["samplers"]
    assert {k: (v.dtype, v.shape, v.tobytes()) for k, v in read.items()} == {
        k: (v.dtype, v.shape, v.tobytes()) for k, v in weights.items()
    }


# ---------------------------------------------------------------- what cannot be exported


class Made(tf.Module):
    """A generator of 2 x 2 pixels, as a function of z [n, 4]."""

    def __init__(self, generate):
        super().__init__()
        self.w = tf.Variable(np.linspace(-1, 1, 16).reshape(4, 4), dtype=tf.float32)
        self.networks = {"generator": {"w": self.w}}
        self._sampler = Sampler("", {"z": Uniform([4])}, lambda g: self.images(generate, g))

    def images(self, generate, given):
        """[n, 2, 2, 1]."""
        return tf.reshape(generate(tf.matmul(given["z"], self.w)), [-1, 2, 2, 1])

    def samplers(self):
        return [self._sampler]


MANIFEST = {
    "model": "path/to/mine.py",
    "step": 1_000,
    "config": {"dataset": "digits"},
    "options": {},
    "fields": {"shapes": {"x": [2, 2, 1]}, "classes": {}},
}


def test_a_page_without_a_word_is_left_out_and_the_rest_is_written(tmp_path):
    gan = Made(lambda x: tf.roll(x, 1, axis=1))
    lines, lacking = exporting.export(gan, MANIFEST, tmp_path / "out")
    assert lacking == ["no sample in a page: it has no word for Roll"]
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["saved_model", "tflite"]
    assert not any("index.html" in line for line in lines)


def test_a_title_says_which_weights(tmp_path):
    exporting.export(Made(tf.tanh), MANIFEST, tmp_path / "out", averaged=True)
    model, _ = pages.read(tmp_path / "out" / "page")
    assert model["title"] == "mine, step 1,000, averaged weights"


def test_samples_that_differ_from_call_to_call_are_refused(tmp_path):
    gan = Made(lambda x: x + tf.random.normal([4]))
    with pytest.raises(InputError, match="SavedModel's samples differ by"):
        exporting.export(gan, MANIFEST, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_samples_that_are_not_finite_are_refused(tmp_path):
    with pytest.raises(InputError, match="step 1000 are not finite"):
        exporting.export(Made(lambda x: x / 0.0), MANIFEST, tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_page_that_differs_is_not_left_there(tmp_path, monkeypatch):
    monkeypatch.setitem(running.WORDS, "tanh", lambda i, s: tf.sigmoid(i[0]))
    _, lacking = exporting.export(Made(tf.tanh), MANIFEST, tmp_path / "out")
    assert re.fullmatch(r"no page: its samples differ by .* from the model's own", lacking[0])
    assert not (tmp_path / "out" / "page").exists()


def test_more_weights_than_a_browser_reads_are_no_page(tmp_path, monkeypatch):
    monkeypatch.setattr(pages, "MOST_BYTES", 50)
    _, lacking = exporting.export(Made(tf.tanh), MANIFEST, tmp_path / "out")
    assert "more than a browser reads" in lacking[0]
    assert not (tmp_path / "out" / "page").exists()


def test_what_tflite_cannot_say_is_told_in_a_line(tmp_path):
    gan = Made(lambda x: tf.raw_ops.Betainc(a=tf.abs(x) + 1.0, b=tf.abs(x) + 1.0, x=tf.sigmoid(x)))
    lines, lacking = exporting.export(gan, MANIFEST, tmp_path / "out")
    assert len(lacking) == 2 and all("\n" not in line for line in lacking)
    assert lacking[0] == "no tflite/sample.tflite: TFLite alone does not have Betainc"
    assert not (tmp_path / "out" / "tflite").exists()
    assert lines[0].startswith(f"{tmp_path / 'out'}/saved_model: ")


def test_an_input_of_noise_has_no_real_examples(tmp_path):
    gan, manifest = random_model("srgan")
    lines, lacking = exporting.export(gan, manifest, tmp_path / "out", "bicubic")
    assert lacking[0].startswith("bicubic is held against what it makes of noise")
    model, _ = pages.read(tmp_path / "out" / "page")
    (told,) = model["samplers"]
    assert told["examples"] == {} and told["inputs"][0]["kind"] == "image"
    assert "signatures bicubic;" in lines[0]


def test_what_a_control_is_told():
    assert describing._input(Uniform([3], low=0.0), None) == {
        "kind": "uniform",
        "low": 0.0,
        "high": 1.0,
    }
    assert describing._input(Normal([3]), None) == {"kind": "normal"}


def test_a_folder_that_fails_leaves_nothing(tmp_path):
    with pytest.raises(RuntimeError), workdir.whole_folder(tmp_path / "out") as folder:
        (folder / "part").write_text("half")
        raise RuntimeError
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "out").mkdir()  # an empty one gives way
    with workdir.whole_folder(tmp_path / "out") as folder:
        (folder / "part").write_text("whole")
    assert (tmp_path / "out" / "part").read_text() == "whole"


BAD = {
    "no checkpoint": (["--workdir={tmp}"], "holds no checkpoint; train with"),
    "no workdir": (["--workdir={tmp}/none"], "holds no checkpoint; train with"),
    "no such step": (["--step=39"], "no checkpoint of step 39; there are: 40, 0"),
    "a step that is none": (["--step=last"], "expected a whole number from 0 on, or best"),
    "no best step": (["--step=best"], "--step=best"),
    "no average": (["--ema"], "has no moving average"),
    "no such sampler": (["--sampler=a_to_b"], "there is none of this name"),
    "not empty": (["--out={tmp}"], "is not empty; choose a folder that is not there yet"),
    "a file": (["--out={tmp}/file"], "is a file"),
    "no folder above": (["--out={tmp}/none/out"], "there is no folder"),
    "another library": (["--tfjs={tmp}/file"], "another file than the page is made for"),
    "no library": (["--tfjs={tmp}/none"], "--tfjs={tmp}/none: cannot be read: No such file"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_one_line_and_nothing_is_written(case, circle, tmp_path):
    (tmp_path / "file").write_text("text")
    args, says = ([a.format(tmp=tmp_path) for a in part] for part in (BAD[case][0], [BAD[case][1]]))
    given = [f"--workdir={circle}", f"--out={tmp_path / 'out'}", *args]
    before = contents(circle)
    assert says[0] in run("export.py", *given).error(2)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]
    assert contents(circle) == before
