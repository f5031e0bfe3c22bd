"""bin/lab.py: what is typed, the picture, a lesson that starts from a workdir, processes."""

import builtins
import os
import re
import signal
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from labs import SMALL, hurry, moved, new_lab, typed_into, weights, weights_of
from processes import ROOT, Process, contents

from ganflow import data, engine, models
from ganflow.base.errors import InputError
from ganflow.lab import bench, lesson
from ganflow.models import circle


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    yield from hurry(monkeypatch)


# ---------------------------------------------------------------- what is typed


def test_r_goes_back_to_the_first_weights_and_their_optimizers(tmp_path):
    of = new_lab()
    first = weights(of)
    texts, _ = typed_into(of, tmp_path / "lab.png", "b 3", "r")
    assert moved(first, weights(of)) == set()
    assert of.step == 0 and of.done == {"d_step": 0, "g_step": 0}
    again, _ = typed_into(of, tmp_path / "lab.png", "b 3")
    assert again[0] == texts[0]


REFUSED = {
    "x": "'x': there is no such command",
    "dd": "'dd': there is no such command",
    "wsp": "'wsp': there is no such command",
    "w 3": "'w 3': there is no such command",
    "q now": "'q now': there is no such command",
    "d 1 2": "'d 1 2': there is no such command",
    "\x1b[A": r"'\x1b[a': there is no such command",
    "d -1": "d '-1': n is a whole number from 1 to 10,000",
    "d 0": "d '0': n is",
    "g 1.5": "g '1.5': n is",
    "b many": "b 'many': n is",
    "d 10001": "d '10001': n is",
    "d \N{SUPERSCRIPT TWO}": "d '\N{SUPERSCRIPT TWO}': n is",
    "g " + 5000 * "9": "g '999",
}


def test_what_cannot_be_obeyed_is_one_line_and_the_lesson_goes_on(tmp_path):
    of = new_lab()
    first = weights(of)
    texts, code = typed_into(of, tmp_path / "lab.png", "", "  \n", *REFUSED, "H\n", "q\n", "d")
    assert code == 0
    *refused, helped = texts
    assert helped == lesson.help_text(of) + "\n"
    for key, text in zip(REFUSED, refused, strict=True):
        assert text.startswith(REFUSED[key]), text
        assert len(text.splitlines()) == 1 and len(text) < 120
        assert ("d [n]" in text) == ("no such command" in text)
    assert moved(first, weights(of)) == set()  # the d after q was not done


def test_every_command_of_the_help_is_obeyed(tmp_path):
    of = new_lab()
    helped = lesson.help_text(of)
    title, *rows = re.findall(r"^  ([a-z]+)(?: \[n\])? +(\S+(?: \S+)?)  +\S", helped, re.M)
    assert title == ("type", "as in")
    keys, examples = zip(*rows, strict=True)
    assert sorted(keys) == sorted("dgbwsprhq")
    assert {"d 10", "b 100", "help", "quit"} < set(examples)
    for commands in (keys, [re.sub(r"\d+", "2", example) for example in examples]):
        texts, code = typed_into(of, tmp_path / "lab.png", *commands)
        assert code == 0 and len(texts) == 8
        assert not any("no such command" in text for text in texts)
    assert max(map(len, helped.splitlines())) <= 92
    assert "To begin: d 10, s, g 10, s." in helped


def test_what_one_types_without_having_read_is_understood(tmp_path):
    of = new_lab()
    assert "  help shows this list again." in lesson.greeting(of, "").splitlines()
    for word in ("quit", "EXIT"):
        texts, code = typed_into(of, tmp_path / "lab.png", "help", "?", word, "d")
        assert code == 0 and texts == 2 * [lesson.help_text(of) + "\n"]
    (text,), _ = typed_into(of, tmp_path / "lab.png", "hlp")
    assert text.endswith("w, s, p, r, h, q; help says more\n")


def test_the_picture_is_drawn_at_once_and_after_every_step(tmp_path, monkeypatch):
    monkeypatch.undo()  # pictures are drawn in full
    of, out, seen = new_lab(), tmp_path / "lab.png", []

    def keys():
        for key in ("", "d", "g", "w", "r", "p"):
            seen.append(out.read_bytes())
            yield key
        seen.append(out.read_bytes())

    assert lesson.session(of, keys(), out, lambda _: None) == 0
    start, empty, d, g, w, r, p = seen
    assert tf.io.decode_png(start).shape[2] == 3
    assert start == empty == r == p  # r is back where it began
    assert len({start, d, g}) == 3 and w == g
    assert [path.name for path in tmp_path.iterdir()] == ["lab.png"]


def test_images_are_shown_generated_beside_real(tmp_path):
    config = models.load("simple").Config(dataset="digits", g_hidden=(8,), d_hidden=(8,))
    of = new_lab(config, "simple")
    (text, seen), _ = typed_into(of, tmp_path / "lab.png", "g 2", "s")
    assert "discriminator: all 4 weights unchanged, to the bit." in text
    assert "generator: all 4 weights changed." in text
    assert "image 10 " in seen  # six of 64: 0, 10, 21, ...
    picture = tf.io.decode_png((tmp_path / "lab.png").read_bytes()).numpy()
    assert picture.shape == (40 + 8 * 30, 2 * 8 * 30 + 8, 1)  # a title and captions above
    first = np.clip(np.rint((data.decoded(of.dataset.x[:1])[0] + 1) * 127.5), 0, 255)
    np.testing.assert_array_equal(picture[40:68, 8 * 30 + 8 :][:, :28], first)


def test_what_is_no_longer_finite_is_said(tmp_path):
    wild = circle.Config(g_hidden=(8, 4), d_hidden=(8, 4), batch_size=16, d_learning_rate=1e38)
    texts, code = typed_into(new_lab(wild), tmp_path / "lab.png", "d 3", "r", "g")
    assert code == 0
    assert "NOT FINITE any more: d_loss" in texts[0] and "discriminator/w_0000" in texts[0]
    assert "NOT FINITE" not in texts[2]


def test_ctrl_c_ends_a_lesson(tmp_path):
    def keys():
        yield "d"
        raise KeyboardInterrupt

    texts = []
    assert lesson.session(new_lab(), keys(), tmp_path / "lab.png", texts.append) == 130
    assert len(texts) == 3 and texts[-1] == ""


class _Terminal(list):
    def isatty(self):
        return True

    def reconfigure(self, errors):
        assert errors == "replace"


def test_a_terminal_has_a_prompt_and_its_end_of_file_ends_the_lesson(monkeypatch):
    answers, prompts = iter(["d 2", "h"]), []

    def answer(prompt):
        prompts.append(prompt)
        try:
            return next(answers)
        except StopIteration:
            raise EOFError from None

    monkeypatch.setattr(builtins, "input", answer)
    assert list(lesson.typed(_Terminal())) == ["d 2", "h"]
    assert prompts == ["lab> "] * 3


# ---------------------------------------------------------------- from a workdir


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run of four steps, and the weights of three more."""
    folder = tmp_path_factory.mktemp("trained")
    dataset = new_lab().dataset
    options = engine.Options(workdir=str(folder), seed=5, jit="off")
    run = engine.Run(circle, SMALL, options, dataset)
    run.advance(4)
    run.save()
    run.advance(3)
    return folder, weights_of(run.gan)


def test_a_lesson_goes_on_where_a_run_is_and_writes_nothing_there(trained, tmp_path):
    folder, later = trained
    was = contents(folder)
    of, origin = bench.prepare("circle", circle.Config(), bench.Options(workdir=str(folder)), set())
    assert origin == f"from step 4 of {folder}" and of.step == 4
    text = typed_into(of, tmp_path / "lab.png", "b 3")[0][0]
    assert "(number 6)" in text
    for name, value in weights(of).items():
        np.testing.assert_allclose(value, later[name], atol=1e-6, err_msg=name)
    assert contents(folder) == was


def test_a_workdirs_settings_cannot_be_contradicted(trained, monkeypatch):
    options = bench.Options(workdir=str(trained[0]))
    bench.prepare("circle", SMALL, options, {"batch_size", "model"})  # says what is so
    with pytest.raises(InputError, match="--batch_size=128: .* where it is 16; leave it out"):
        bench.prepare("circle", circle.Config(), options, {"batch_size"})
    with pytest.raises(InputError, match="--model=simple: .* where it is circle"):
        bench.prepare("simple", models.load("simple").Config(), options, {"model"})
    with pytest.raises(InputError, match="no checkpoint"):
        bench.prepare("circle", SMALL, bench.Options(workdir="/nowhere"), set())
    sound = bench.data.load
    monkeypatch.setattr(bench.data, "load", lambda name, *_, **__: sound("pacgan_ring"))
    with pytest.raises(InputError, match="other data"):
        bench.prepare("circle", SMALL, options, set())


def test_a_model_of_ones_own_is_known_by_its_path(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(Path(circle.__file__).read_text())
    monkeypatch.chdir(tmp_path)
    module = models.load("mine.py")
    config = module.Config(g_hidden=(8, 4), d_hidden=(8, 4), batch_size=16)
    of, _ = bench.prepare("mine.py", config, bench.Options(), set())
    assert of.model == "mine"
    options = engine.Options(workdir="run", jit="off", steps_per_call=1)
    engine.Run(module, config, options, of.dataset).save()
    for path in ("mine.py", str(tmp_path / "mine.py")):
        of, _ = bench.prepare(path, config, bench.Options(workdir="run"), {"model"})
        assert of.model == "mine"
    with pytest.raises(InputError, match="--model=circle: .* where it is .*mine.py; leave it out"):
        bench.prepare("circle", SMALL, bench.Options(workdir="run"), {"model"})


# ---------------------------------------------------------------- as a process


def script(folder: Path, keys: Path) -> str:
    """A program that is bin/lab.py with `keys` as its stdin."""
    program, lab_py = folder / "lab.py", str(ROOT / "bin" / "lab.py")
    program.write_text(
        "import os, runpy, signal, sys\n"
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        f"os.dup2(os.open({str(keys)!r}, os.O_RDWR), 0)\n"
        f"sys.argv[0] = {lab_py!r}\n"
        f"runpy.run_path({lab_py!r}, run_name='__main__')\n"
    )
    return str(program)


def test_a_script_of_keys_without_any_flag_but_the_picture(tmp_path):
    (tmp_path / "keys").write_bytes(b"\xff\xfe\n" + b"d 10\n" + b"g 10\n")
    program = script(tmp_path, tmp_path / "keys")
    ended = Process(program, f"--out={tmp_path / 'lab.png'}").end()
    assert ended.code == 0 and ended.err == "", ended.err
    sizes = "generator with 690 parameters, discriminator with 641 parameters"
    assert " ".join(ended.out.split()).startswith(f"circle on circle: {sizes}; batch 128;")
    at_rest = re.findall(r"^(\w+): all 6 weights unchanged, to the bit\.$", ended.out, re.M)
    assert at_rest == ["generator", "discriminator"]
    assert "10 x d_step;" in ended.out and "10 x g_step;" in ended.out
    assert "lab>" not in ended.out and "\x1b" not in ended.out
    assert ended.out.count("no such command") == 1
    assert ended.out.count("lab.png") == 1
    assert tf.io.decode_png((tmp_path / "lab.png").read_bytes()).shape[2] == 3


def test_ctrl_c_at_the_prompt_ends_the_program(tmp_path):
    os.mkfifo(tmp_path / "keys")
    process = Process(script(tmp_path, tmp_path / "keys"), f"--out={tmp_path / 'lab.png'}")
    assert process.wait_until(lambda: "picture: " in process._out.read_text())
    process.send(signal.SIGINT)
    ended = process.end()
    assert ended.code == 130 and ended.err == ""


BAD = {
    "mistyped": (["--sed=3"], ["--sed", "did you mean --seed?"]),
    "another model's": (["--n_critic=3"], ["--n_critic", "--model=circle, but of wgan, wgan_gp, "]),
    "of training": (["--keep_checkpoints=3"], ["--keep_checkpoints"]),
    "not a png": (["--out={tmp}/lab.jpg"], [".jpg", ".png"]),
    "no folder": (["--out={tmp}/no/lab.png"], ["no folder"]),
    "no workdir": (["--workdir=/nowhere"], ["/nowhere", "no checkpoint"]),
    "images into points": (["--dataset=digits"], ["digits", "points"]),
    "negative seed": (["--seed=-1"], ["seed"]),
}


@pytest.mark.parametrize("case", BAD)
def test_a_bad_command_line_is_one_line_and_draws_nothing(case, tmp_path):
    args, parts = BAD[case]
    ended = Process("lab.py", *(arg.format(tmp=tmp_path) for arg in args)).end()
    assert ended.code == 2, ended.err
    assert re.fullmatch(r"lab\.py: [^\n]+\n", ended.err), ended.err
    assert all(part in ended.err for part in parts), ended.err
    assert ended.out == "" and list(tmp_path.iterdir()) == []
