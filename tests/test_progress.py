"""What a run says while it goes: lines of log, a bar on a terminal, and nothing glued to it."""

import errno
import json
import os
import pty
import re
import sys
import time
from pathlib import Path

import pytest
from processes import ROOT, run

from ganflow.base import stages
from ganflow.programs import progress

MEANS = {"d_loss": 1.25, "d_real": 0.625, "d_fake": 0.5, "g_loss": 0.75}
LATER = {"d_step_gradient_norm": 3.5, "steps_per_second": 50.0, "d_accuracy_real": 0.0}


def row(step, **more):
    return {"step": step, "epoch": 1.5} | more


# ---------------------------------------------------------------- a line


def test_a_line_has_step_share_time_left_and_four_means():
    told = progress.line(row(500, **MEANS, **LATER), 2_000, 130.2)
    assert told == (
        "step 500 of 2,000 (25 %), 2 min 10 s left: "
        "d_loss=1.25 g_loss=0.75 d_real=0.625 d_fake=0.5, 50 steps/s"
    )
    last = progress.line(row(2_000, **MEANS, **LATER), 2_000, 0.0)
    assert last.startswith("step 2,000 of 2,000 (100 %): d_loss")


@pytest.mark.parametrize(
    ("figures", "shown"),
    [
        (MEANS | LATER, ["d_loss", "g_loss", "d_real", "d_fake"]),
        ({"d_loss": 1.0} | LATER, ["d_loss"]),
        ({"penalty": 1.0, "c_loss": 2.0, "g_loss": 3.0} | LATER, ["c_loss", "g_loss", "penalty"]),
        ({f"{n}_loss": 1.0 for n in "abcdef"}, ["a_loss", "b_loss", "c_loss", "d_loss"]),
        ({f"{n}_loss": 1.0 for n in "abc"} | MEANS, ["a_loss", "b_loss", "d_real", "d_fake"]),
        (
            {"weight/g/norm": 1.0, "ratio": 1.0, "d_accuracy_real": 0.5, "diagnosis": []},
            ["ratio", "d_accuracy_real"],
        ),
    ],
    ids=lambda value: " ".join(value),
)
def test_means_over_steps_and_figures_of_a_moment_are_not_side_by_side(figures, shown):
    assert list(progress.figures(row(100, **figures))) == shown


def test_the_time_left_leaves_out_the_first_steps_which_waited_for_the_compilation():
    pace = progress.Pace(2_000)
    assert pace.seconds_left(row(0)) is None
    assert pace.seconds_left(row(500, steps_per_second=2.5)) is None
    assert pace.seconds_left(row(1_000, steps_per_second=100.0)) == 10.0
    assert pace.seconds_left(row(1_500, steps_per_second=50.0)) == 7.5  # 1,000 steps took 15 s
    assert pace.seconds_left(row(2_000, steps_per_second=50.0)) == 0.0
    resumed = progress.Pace(2_000)
    assert resumed.seconds_left(row(1_000, steps_per_second=2.5)) is None
    assert resumed.seconds_left(row(1_500, steps_per_second=50.0)) == 10.0


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "1 s"), (59.4, "59 s"), (60, "1 min"), (130.2, "2 min 10 s"), (3_599.7, "1 h"),
     (11_100, "3 h 5 min"), (11_111, "3 h 5 min"), (187_000, "2 d 4 h")],
)  # fmt: skip
def test_a_duration_is_in_two_units_at_most(seconds, text):
    assert progress.duration(seconds) == text


def test_a_run_without_a_terminal_logs_its_stages_and_a_short_line_a_summary(tmp_path):
    args = ("--model=circle", "--steps=8", "--summary_every=2", "--jit=off")
    ended = run("train.py", *args, f"--workdir={tmp_path / 'run'}")
    assert ended.code == 0, ended.err
    said = [line.partition("] ")[2] for line in ended.err.splitlines()]
    for stage in ("reading circle", "building circle", "the first steps take longer"):
        assert sum(line.startswith(stage) for line in said) == 1, said
    lines = [line for line in said if line.startswith("step ") and " of 8 " in line]
    number = r"-?[\d.e+-]+"
    for line, step in zip(lines, (0, 2, 4, 6, 8), strict=True):
        left = r"(, \d+ (s|min)[^:]*)" + ("" if step in (4, 6) else "{0}")
        losses = rf"d_loss={number} g_loss={number} d_real={number} d_fake={number}"
        rate = r", [\d,.e+]+ steps/s" if step else ""
        share = rf"step {step} of 8 \({step * 100 // 8} %\)"
        assert re.fullmatch(f"{share}{left}: {losses if step else '.*'}{rate}", line), line


# ---------------------------------------------------------------- a terminal


def on_terminal(args, done) -> tuple[int, bytes, float]:
    """Run `bin/train.py` on a terminal, and press Ctrl-C there once `done(output)` holds.

    Returns:
      (exit code, all that it wrote, seconds until the first of it).
    """
    started, first_seconds, pressed, out = time.monotonic(), None, False, b""
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "200"}
    environment.pop("TF_CPP_MIN_LOG_LEVEL", None)
    child, terminal = pty.fork()
    if child == 0:
        os.chdir(ROOT)
        program = [sys.executable, str(ROOT / "bin" / "train.py"), *args]
        os.execve(sys.executable, program, environment)
    with os.fdopen(terminal, "r+b", buffering=0) as screen:
        while True:
            try:
                part = screen.read(65_536)
            except OSError as error:  # Linux's way of saying that the other side is closed
                assert error.errno == errno.EIO
                break
            if not part:
                break
            first_seconds = first_seconds or time.monotonic() - started
            out += part
            if not pressed and done(out):
                screen.write(b"\x03")
                pressed = True
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), out, first_seconds


@pytest.mark.slow
def test_on_a_terminal_something_stands_at_once_and_the_log_above_the_bar(tmp_path):
    args = ("--model=circle", "--steps=1000000", "--summary_every=50", "--jit=off")
    code, out, first_seconds = on_terminal(
        (*args, f"--workdir={tmp_path / 'run'}"), lambda out: b"g_loss" in out
    )
    assert code == 130, out.decode()
    text = out.decode()
    assert text.startswith("ganflow: starting TensorFlow"), text[:300]
    assert first_seconds < 3
    stages_told = ("reading circle", "building circle", "circle (1,331 weights)", "the first steps")
    places = [text.index(f"ganflow: {stage}") for stage in stages_told]
    assert places == sorted(places) and places[-1] < text.index("0/1000000")
    # Nothing precedes a line of the log but the order to go to the line's start and to clear it.
    before = re.findall(r"([^\n]{0,40})W\d{4} [\d:.]+ \d+ command\.py:\d+\] SIGINT: saving", text)
    assert before and all(part == "" or part.endswith("\r\x1b[2K") for part in before), before
    (stopped,) = re.findall(r"stopped at step ([\d,]+), saved; go on with: ", text)
    rows = (tmp_path / "run" / "metrics.jsonl").read_text().splitlines()
    assert int(stopped.replace(",", "")) >= json.loads(rows[-1])["step"]


def test_what_is_said_goes_to_the_terminal_or_to_the_log(monkeypatch, capsys, caplog):
    caplog.set_level("INFO", logger="absl")
    stages.say("reading x")
    assert not stages.say_on_terminal("a word")
    assert capsys.readouterr() == ("", "")
    assert [record.getMessage() for record in caplog.records] == ["reading x"]
    assert [Path(record.pathname).name for record in caplog.records] == [Path(__file__).name]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    stages.say("reading y")
    assert capsys.readouterr() == ("ganflow: reading y\n", "")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    stages.say("reading z")
    assert capsys.readouterr() == ("", "ganflow: reading z\n")
    assert len(caplog.records) == 1
