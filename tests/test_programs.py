"""What a user meets: refused command lines, --dry_run, flag files, samples, runs that diverge."""

import configparser
import dataclasses
import importlib
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from absl import flags as absl_flags
from processes import (
    ROOT,
    assert_same_tensors,
    contents,
    metrics,
    partials,
    run,
    run_afresh,
    steps,
    tensors,
)

from ganflow import engine, models
from ganflow.base import hints
from ganflow.cli import helping
from ganflow.data import statistics
from ganflow.programs import train

PROGRAMS = (
    *("train", "sample", "describe", "evaluate", "explore", "compare", "export", "ladder"),
    *("lab", "gates"),
)
SIMPLE = ("--model=simple", "--dataset=digits", "--g_hidden=8", "--d_hidden=8", "--steps=4")


@pytest.fixture(scope="module")
def points(tmp_path_factory):
    """The workdir of a short run on points."""
    workdir = tmp_path_factory.mktemp("points") / "run"
    args = ("--model=circle", "--steps=6", "--checkpoint_every=3", "--jit=off")
    ended = run("train.py", *args, f"--workdir={workdir}")
    assert ended.code == 0, ended.err
    return workdir


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The workdir of a short run on images."""
    workdir = tmp_path_factory.mktemp("images") / "run"
    ended = run("train.py", *SIMPLE, "--jit=off", f"--workdir={workdir}")
    assert ended.code == 0, ended.err
    return workdir


# ---------------------------------------------------------------- command lines that are refused

REFUSED = {
    "mistyped": (["--model=circle", "--stesp=3"], ["--stesp", "did you mean --steps?"]),
    "another model's": (
        ["--model=circle", "--n_critic=3"],
        ["--n_critic", "not a flag of --model=circle, but of wgan, "],
    ),
    "out of bounds": (["--model=circle", "--batch_size=0"], ["--batch_size=0", "positive"]),
    "not a number": (["--model=circle", "--steps=many"], ["steps", "many"]),
    "not finite": (["--model=circle", "--g_learning_rate=nan"], ["--g_learning_rate=nan"]),
    "not one of the words": (["--model=circle", "--jit=maybe"], ["jit", "auto"]),
    "unknown model": (["--model=cirkle"], ["cirkle", "did you mean circle?"]),
    "unknown data set": (["--dataset=digitz"], ["digitz", "did you mean digits?"]),
    "two lengths": (
        ["--model=circle", "--steps=3", "--epochs=2"],
        ["--steps=3", "--epochs=2", "found both"],
    ),
    "unknown figure": (
        ["--model=circle", "--evaluate_every=5", "--keep_best=recal"],
        ["--keep_best=recal", "of these points", "sliced_wasserstein"],
    ),
    "best of nothing": (
        ["--model=circle", "--stop_when_worse=2"],
        ["--stop_when_worse=2", "--evaluate_every"],
    ),
    "positional": (["--model=circle", "steps=3"], ["'steps=3' is not a flag"]),
    "no flag file": (["--flagfile=/nowhere/flags.txt"], ["/nowhere/flags.txt"]),
    "no data folder": (["--dataset=mnist", "--data_dir=/nowhere"], ["/nowhere"]),
    "no data file": (["--dataset=npy"], ["--data_dir"]),
    "not of a folder": (
        ["--dataset=digits", "--image_size=8"],
        ["--image_size=8", "belongs to --dataset=folder, not to digits"],
    ),
    "not an array": (["--dataset=npy", f"--data_dir={__file__}"], ["test_programs.py"]),
    "large batch": (["--model=circle", "--batch_size=1001"], ["1000", "1001", "--batch_size"]),
    "images into points": (["--model=circle", "--dataset=digits"], ["points", "28 x 28 x 1"]),
    "points into images": (
        ["--model=dcgan_upsampling", "--dataset=circle", "--batch_size=8"],
        ["--dataset=circle", "images"],
    ),
    "uneven replicas": (
        ["--model=circle", "--batch_size=9", "--num_replicas=2"],
        ["--batch_size=9", "2 replicas"],
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_bad_command_line_is_one_line_and_makes_no_workdir(case, tmp_path):
    args, parts = REFUSED[case]
    line = run("train.py", *args, f"--workdir={tmp_path / 'run'}").error(2)
    for part in parts:
        assert part in line, line
    assert not (tmp_path / "run").exists()


def test_images_of_another_size_are_refused_before_anything_is_written(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros([80, 32, 32, 1], np.uint8))
    args = ("--model=wgan_gp", "--dataset=npy", f"--data_dir={tmp_path / 'x.npy'}")
    line = run("train.py", *args, f"--workdir={tmp_path / 'run'}").error(2)
    assert "32" in line and "28" in line
    assert not (tmp_path / "run").exists()


def test_a_refusal_leaves_a_workdir_as_it_was(points):
    was = contents(points)
    run("train.py", "--model=circle", "--stesp=3", f"--workdir={points}").error(2)
    run("train.py", "--model=circle", "--batch_size=1001", f"--workdir={points}").error(2)
    assert contents(points) == was


def test_the_line_is_all_that_stands_on_stderr_from_the_first_import_on(tmp_path):
    ended = run_afresh("train.py", "--model=circle", "--stesp=3", f"--workdir={tmp_path / 'run'}")
    assert ended.code == 2
    assert ended.err == "train.py: --stesp: there is no such flag; did you mean --steps?\n"


# ---------------------------------------------------------------- the console's names


def test_the_wheel_has_a_command_for_every_program():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options.entry_points"]["console_scripts"].split("\n")
    commands = dict(line.split(" = ") for line in lines if line)
    assert commands == {f"ganflow-{name}": f"ganflow.programs.{name}:run" for name in PROGRAMS}
    for name in PROGRAMS:
        assert callable(importlib.import_module(f"ganflow.programs.{name}").run)
        assert (ROOT / "bin" / f"{name}.py").stat().st_mode & 0o111, "not executable"


def test_programs_define_no_flag_before_they_are_run():
    for name in PROGRAMS:
        importlib.import_module(f"ganflow.programs.{name}")
    modules = absl_flags.FLAGS.flags_by_module_dict()
    assert [module for module in modules if module.startswith("ganflow.programs")] == []


@pytest.mark.parametrize("started", ["{}.py", "ganflow-{}"])
@pytest.mark.parametrize("program", PROGRAMS)
def test_help_says_what_a_program_is_for_and_lists_its_flags(program, started):
    ended = run(started.format(program), "--help")
    told = importlib.import_module(f"ganflow.programs.{program}").__doc__
    assert ended.code == 0 and ended.err == ""
    assert ended.out.startswith(told.splitlines()[0])
    own = {"train": "--fresh", "evaluate": "--features", "ladder": "--marks", "gates": "--only"}
    own |= {"explore": "--what", "export": "--tfjs"}
    assert own.get(program, "--model" if program in ("describe", "lab") else "--num") in ended.out
    # The example is a command that works from here; the flags are a line each, and all ours.
    example = shlex.split(ended.out.splitlines()[2])
    assert Path(example[1] if started == "{}.py" else example[0]).name == started.format(program)
    assert "ganflow-" not in ended.out or started == "ganflow-{}"
    rest = run(started.format(program), "--helpfull").out
    for foreign in (
        "_tpu",
        "--test",
        "--verbosity",
        "--logtostderr",
        "--helpxml",
        "--only_check",
        "absl",
    ):
        assert foreign not in ended.out + rest
    for name in re.findall(r"^  --(?:\[no\])?([a-z_]+)", ended.out, re.M):
        assert re.search(rf"^  --(\[no\])?{name}\b", rest, re.M), name
    assert ("--helpfull --model=NAME" in ended.out) == (program in ("train", "describe", "lab"))


@pytest.mark.parametrize("word", ["--help", "-h", "-?", "--helpshort"])
def test_help_is_asked_for_in_many_words(word):
    ended = run("sample.py", word)
    assert ended.code == 0 and "--workdir" in ended.out and "--num" in ended.out


def test_the_help_of_training_does_not_wait_for_tensorflow(tmp_path):
    (tmp_path / "tensorflow.py").write_text("raise SystemExit('imported')")
    program = [sys.executable, str(ROOT / "bin" / "train.py")]
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{ROOT}"}
    for word in ("--help", "--dry_run"):  # the second shows that the import would be seen
        ended = subprocess.run(
            [*program, word], capture_output=True, text=True, env=environment, cwd=tmp_path
        )
        assert (ended.returncode, "imported" in ended.stderr) == (
            (0, False) if word == "--help" else (1, True)
        )
        assert ("--dataset" in ended.stdout) == (word == "--help")


def test_the_help_of_training_knows_what_there_is():
    there = {f.name for f in dataclasses.fields(engine.Options)} | {"model", "flagfile"}
    there |= {"fresh", "dry_run"}  # of `programs.train` itself
    for model in models.names():
        config = {f.name for f in dataclasses.fields(models.load(model).Config)}
        named = {flag.lstrip("-").partition("=")[0] for flag, _ in helping.TRAIN_FLAGS}
        assert named <= there | config, model


def test_an_error_begins_with_the_name_by_which_the_program_was_started():
    assert run("ganflow-train", "--stesp=3").error(2).startswith("ganflow-train: --stesp: ")
    assert run("train.py", "--stesp=3").error(2).startswith("train.py: --stesp: ")
    assert run("ganflow-ladder", "--seconds=x").error(2).startswith("ganflow-ladder: ")


def test_commands_to_type_next_are_those_that_one_has_typed(monkeypatch, tmp_path):
    def at(*argv, path="/nowhere"):
        monkeypatch.setattr(sys, "argv", list(argv))
        monkeypatch.setenv("PATH", path)
        return hints.command("sample"), hints.command_line()

    monkeypatch.chdir(ROOT)
    monkeypatch.setattr(sys, "executable", str(ROOT / "env" / "bin" / "python"))
    in_env = str(ROOT / "env" / "bin")
    assert at("bin/train.py", "--a=b c") == (
        "env/bin/python bin/sample.py", "python bin/train.py '--a=b c'"
    )  # fmt: skip
    assert at(f"{in_env}/ganflow-train") == ("env/bin/ganflow-sample", "ganflow-train")
    monkeypatch.chdir(ROOT / "bin")
    assert at("train.py")[0] == "../env/bin/python sample.py"
    monkeypatch.chdir("/")
    with_python = _executables(tmp_path, "python", "ganflow-sample")
    monkeypatch.setattr(sys, "executable", f"{with_python}/python")
    assert at(f"{ROOT}/bin/train.py", path=with_python)[0] == (
        f"python {os.path.relpath(ROOT / 'bin' / 'sample.py')}"
    )
    assert at(f"{with_python}/ganflow-train", path=with_python)[0] == "ganflow-sample"
    # Whatever else imports ganflow is told the console's name.
    assert at("/usr/bin/pytest", path=with_python)[0] == "ganflow-sample"
    assert at(f"{tmp_path}/mine.py", path=with_python)[0] == "ganflow-sample"
    # Another of that name comes first in the PATH.
    other = _executables(tmp_path / "other", "ganflow-sample")
    assert "/" in at(f"{with_python}/ganflow-train", path=f"{other}:{with_python}")[0]


@pytest.mark.parametrize(
    ("typed", "again"),
    [
        (["--model=circle", "--fresh"], ["--model=circle"]),
        (["-fresh=true", "--nofresh", "--steps", "10", "--ema=.9"], ["--ema=.9"]),
        (["--fresh", "--workdir=a run", "--steps=10"], ["--workdir=a run"]),
        (["--freshness=1", "--steps_per_call=2"], ["--freshness=1", "--steps_per_call=2"]),
    ],
    ids=str,
)
def test_the_command_that_goes_on_leaves_out_what_it_must_not_have(monkeypatch, typed, again):
    monkeypatch.setattr(sys, "argv", ["bin/train.py", *typed])
    monkeypatch.chdir(ROOT)
    command = hints.again("train", ("fresh", "steps"), ["--steps=20"])
    assert shlex.split(command)[-len(again) - 2 :] == ["bin/train.py", *again, "--steps=20"]


def test_a_fresh_start_in_a_flag_file_is_undone_in_the_command_that_goes_on(monkeypatch):
    values = absl_flags.FlagValues()
    absl_flags.DEFINE_boolean("fresh", False, "start anew", flag_values=values)
    monkeypatch.setattr(train, "FLAGS", values)
    for typed, on, left in (
        (["--flagfile=a.flags"], True, ["--flagfile=a.flags", "--nofresh"]),
        (["--flagfile=a.flags"], False, ["--flagfile=a.flags"]),
        (["--ema=.9", "--fresh"], True, ["--ema=.9"]),
    ):
        values(["train.py", "--fresh" if on else "--nofresh"])
        monkeypatch.setattr(sys, "argv", [str(ROOT / "bin" / "train.py"), *typed])
        assert shlex.split(train._same_command())[2:] == left


def _executables(folder: Path, *names: str) -> str:
    folder.mkdir(exist_ok=True)
    for name in names:
        (folder / name).touch(0o755)
    return str(folder)


@pytest.mark.slow
def test_what_a_finished_run_prints_can_be_typed(tmp_path):
    workdir = tmp_path / "a run"
    flags = ("--model=circle", "--epochs=1", "--jit=off", f"--workdir={workdir}")
    by_epochs = run("ganflow-train", *flags)
    assert by_epochs.code == 0, by_epochs.err
    titles, rule, *table = by_epochs.out.strip("\n").splitlines()[:10]  # document 003's
    assert titles.split() == ["real", "x", "real", "y", "generated", "x", "generated", "y"]
    assert [line.split("  ")[0] for line in table] == list(statistics.NAMES)
    assert table[0].split()[1:] == ["1000"] * 4
    tensorboard, sample, _, train = map(shlex.split, by_epochs.out.splitlines()[-4:])
    assert f"--logdir={workdir}" in tensorboard
    assert Path(sample[0]).name == "ganflow-sample" and Path(train[0]).name == "ganflow-train"
    ended = run("ganflow-sample", *sample[1:], f"--out={tmp_path / 'x.npy'}")
    assert ended.code == 0 and np.load(tmp_path / "x.npy").shape == (100, 2)

    once = steps(workdir)[-1]
    ended = run("train.py", *train[1:])  # the same flags, for twice as many epochs
    assert ended.code == 0, ended.err
    assert "--epochs=2" in train and steps(workdir)[-1] in (2 * once, 2 * once - 1)
    python, script, *_ = shlex.split(ended.out.splitlines()[-1])
    assert (Path(script).name, Path(python).name) == ("train.py", Path(sys.executable).name)
    text = (workdir / "flags.txt").read_text()
    assert "--epochs=2\n" in text and "--steps=" not in text


# ---------------------------------------------------------------- --dry_run, --helpfull, flag files


def test_dry_run_writes_nothing(tmp_path):
    ended = run("train.py", "--model=circle", "--dry_run", f"--workdir={tmp_path / 'run'}")
    assert ended.code == 0, ended.err
    assert (
        "1,331 weights" in ended.out
        and "(1,000 points; 1,000 held out: as many, drawn afresh)" in ended.out
    )
    assert list(tmp_path.iterdir()) == []


def test_helpfull_lists_the_flags_of_the_chosen_model_alone():
    text = run("train.py", "--model=circle", "--helpfull")
    text = text.out + text.err
    assert "--g_hidden" in text and "--checkpoint_every" in text
    assert "[128]; a positive integer" in text  # the model's default, and what it may be
    assert "--n_critic" not in text and "--penalty_weight" not in text


@pytest.mark.slow
def test_a_saved_flag_file_repeats_the_run(points, tmp_path):
    args = (f"--flagfile={points / 'flags.txt'}", f"--workdir={tmp_path / 'again'}")
    ended = run("train.py", *args)
    assert ended.code == 0, ended.err
    assert_same_tensors(points, tmp_path / "again")
    again = (tmp_path / "again" / "flags.txt").read_text()
    assert again.replace(str(tmp_path / "again"), str(points)) == (points / "flags.txt").read_text()


# ---------------------------------------------------------------- runs that diverge


def test_a_run_that_diverges_names_tensor_and_step_and_saves_nothing_of_it(tmp_path):
    args = ("--model=circle", "--g_learning_rate=1e30", "--steps=50", "--checkpoint_every=10")
    in_one_call = run("train.py", *args, f"--workdir={tmp_path / 'a'}").error(3)
    assert re.match(r"train.py: step \d+: ", in_one_call)
    assert "d_loss" in in_one_call and "generator/" in in_one_call
    _assert_all_finite(tmp_path / "a")


@pytest.mark.slow
def test_up_to_the_step_before_a_divergence_everything_is_finite_and_can_be_saved(tmp_path):
    args = ("--model=circle", "--g_learning_rate=1e30", "--steps=50", "--checkpoint_every=10")
    first = run("train.py", *args, f"--workdir={tmp_path / 'a'}").error(3)
    assert run("train.py", *args, f"--workdir={tmp_path / 'a'}").error(3) == first
    step = int(re.match(r"train.py: step (\d+): ", first)[1])
    args = (*args, "--jit=off", "--steps_per_call=1", f"--workdir={tmp_path / 'b'}")
    ended = run("train.py", *args, f"--steps={step - 1}")
    assert ended.code == 0, ended.err
    assert steps(tmp_path / "b")[-1] == step - 1
    _assert_all_finite(tmp_path / "b")
    assert run("train.py", *args).error(3).startswith(f"train.py: step {step}: ")
    _assert_all_finite(tmp_path / "b")


def _assert_all_finite(workdir: Path) -> None:
    assert steps(workdir) and not partials(workdir)
    for step in steps(workdir):
        for name, value in tensors(workdir, step).items():
            if value.dtype.kind == "f":
                assert np.isfinite(value).all(), f"{name} at step {step}"
    if (workdir / "metrics.jsonl").exists():
        for row in metrics(workdir):
            figures = [v for v in row.values() if not isinstance(v, list | str)]  # no verdicts
            assert all(np.isfinite(value) for value in figures), row


# ---------------------------------------------------------------- sample.py


def _sample(workdir: Path, out: Path, *args: str) -> np.ndarray:
    ended = run("sample.py", f"--workdir={workdir}", f"--out={out}", *args)
    assert ended.code == 0, ended.err
    assert ended.err == ""
    return np.load(out)


def test_samples_of_points_follow_seed_number_and_step(points, tmp_path):
    ten = _sample(points, tmp_path / "ten.npy", "--num=10", "--seed=1")
    assert ten.shape == (10, 2) and ten.dtype == np.float32 and np.isfinite(ten).all()
    twenty = _sample(points, tmp_path / "twenty.npy", "--num=120", "--seed=1")
    assert np.array_equal(twenty[:10], ten)
    again = _sample(points, tmp_path / "again.npy", "--num=10", "--seed=1", "--step=6")
    assert np.array_equal(again, ten)
    assert not np.array_equal(_sample(points, tmp_path / "3.npy", "--num=10", "--seed=2"), ten)
    older = _sample(points, tmp_path / "older.npy", "--num=10", "--seed=1", "--step=3")
    assert not np.array_equal(older, ten)
    assert sorted(p.suffix for p in tmp_path.iterdir()) == [".npy"] * 5


def test_samples_of_images_are_in_range_and_a_png_decodes(images, tmp_path):
    x = _sample(images, tmp_path / "x.npy", "--num=3")
    assert x.shape == (3, 28, 28, 1) and x.dtype == np.float32
    assert -1 <= x.min() < x.max() <= 1
    assert np.array_equal(_sample(images, tmp_path / "one.npy", "--num=1"), x[:1])
    ended = run("sample.py", f"--workdir={images}", "--num=3", f"--out={tmp_path / 'x.png'}")
    assert ended.code == 0, ended.err
    picture = tf.io.decode_png((tmp_path / "x.png").read_bytes()).numpy()
    assert picture.shape[2] == 1 and min(picture.shape[:2]) >= 56  # two by two
    top = picture.shape[0] - 2 * 30  # below the title
    shown = picture[top : top + 28, :28]
    assert np.array_equal(shown, np.clip(np.rint((x[0] + 1) * 127.5), 0, 255))
    assert (picture[:top].min() < 100) and (picture[0] == 255).all()


def test_a_picture_of_points_decodes(points, tmp_path):
    ended = run("sample.py", f"--workdir={points}", f"--out={tmp_path / 'x.png'}")
    assert ended.code == 0, ended.err
    assert tf.io.decode_png((tmp_path / "x.png").read_bytes()).shape[2] == 3


NO_SAMPLE = {
    "no workdir": (
        ["--workdir=/nowhere", "--out={tmp}/x.npy"],
        ["/nowhere", "no checkpoint", "bin/train.py --workdir=/nowhere"],
    ),
    "no flag": (["--out={tmp}/x.npy"], ["--workdir"]),
    "no such step": (["--workdir={run}", "--step=5", "--out={tmp}/x.npy"], ["step 5", "3", "6"]),
    "no step": (["--workdir={run}", "--step=soon", "--out={tmp}/x.npy"], ["--step=soon", "best"]),
    "no best": (
        ["--workdir={run}", "--step=best", "--out={tmp}/x.npy"],
        ["--step=best", "no evaluations", "--evaluate_every"],
    ),
    "bad ending": (["--workdir=/nowhere", "--out={tmp}/x.jpg"], [".jpg", ".npy or .png"]),
    "no folder": (["--workdir=/nowhere", "--out={tmp}/no/x.npy"], ["no folder"]),
    "no samples": (["--workdir={run}", "--num=0", "--out={tmp}/x.npy"], ["num"]),
    "too many": (["--workdir={run}", f"--num={10**12}", "--out={tmp}/x.npy"], ["bytes of memory"]),
}


@pytest.mark.parametrize("case", NO_SAMPLE)
def test_samples_that_cannot_be_made_are_one_line(case, points, tmp_path):
    args, parts = NO_SAMPLE[case]
    line = run("sample.py", *(arg.format(run=points, tmp=tmp_path) for arg in args)).error(2)
    for part in parts:
        assert part in line, line
    assert list(tmp_path.iterdir()) == []


# ---------------------------------------------------------------- describe.py


def test_describe_prints_every_weight_once():
    ended = run("describe.py", "--model=circle", "--dataset=circle")
    assert ended.code == 0, ended.err
    assert "690" in ended.out and "641" in ended.out  # document 003's counts
