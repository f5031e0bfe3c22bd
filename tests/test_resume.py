"""A run that is stopped, however it is stopped, goes on as if it had not been."""

import random
import shlex
import shutil
import signal
import time
from pathlib import Path

import pytest
from processes import (
    Process,
    assert_same_run,
    assert_same_tensors,
    checkpoint,
    contents,
    metrics,
    partials,
    run,
    run_afresh,
    start_afresh,
    steps,
    tensors,
)

from ganflow.storage import checkpoints

CIRCLE = ("--model=circle", "--steps=120", "--summary_every=30", "--checkpoint_every=3")
TWO_REPLICAS = (*CIRCLE, "--num_replicas=2")
SIMPLE = (
    "--model=simple",
    "--dataset=digits",
    "--g_hidden=64",
    "--d_hidden=32",
    "--steps=300",
    "--summary_every=50",
    "--checkpoint_every=10",
)


def _finish(*args: str, workdir: Path) -> None:
    ended = run("train.py", *args, f"--workdir={workdir}")
    assert ended.code == 0, ended.err


def _train_with_kills(*args: str, workdir: Path, delays_seconds: list[float | None]) -> None:
    """Kill a run after each delay, counted from its first new checkpoint, then let it finish.

    A delay of None means: at the moment when it is seen saving.
    """
    in_saves = 0
    for delay in delays_seconds:
        before = steps(workdir)
        process = Process("train.py", *args, f"--workdir={workdir}")
        still_runs = process.wait_until(
            lambda before=before: steps(workdir)[-1:] > [max(before, default=0)]
        )
        assert still_runs, "finished before it could be killed: give it more steps"
        if delay is None:
            assert process.wait_until(lambda: partials(workdir), every_seconds=0), process.err()
        else:
            time.sleep(delay)
        was_running = process.runs()
        process.send(signal.SIGKILL)
        process.end()
        left = [p.name for p in partials(workdir)]
        in_saves += bool(left)
        print(f"killed after {delay} s at {steps(workdir)}, running: {was_running}, left: {left}")
    print(f"{in_saves} of {len(delays_seconds)} kills fell into saves")
    _finish(*args, workdir=workdir)


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """CIRCLE without interruption."""
    workdir = tmp_path_factory.mktemp("circle") / "whole"
    ended = run_afresh("train.py", *CIRCLE, f"--workdir={workdir}")
    assert ended.code == 0, ended.err
    return workdir


@pytest.fixture
def copy(whole, tmp_path):
    """A copy of `whole` to be damaged."""
    return Path(shutil.copytree(whole, tmp_path / "copy"))


# ---------------------------------------------------------------- SIGKILL


def test_killed_at_random_moments_ends_bit_identical(whole, tmp_path):
    delays = [None, random.Random(0).uniform(0, 0.8)]
    _train_with_kills(*CIRCLE, workdir=tmp_path / "run", delays_seconds=delays)
    assert_same_run(whole, tmp_path / "run")
    assert not partials(tmp_path / "run")
    assert steps(tmp_path / "run") == [114, 117, 120]


@pytest.mark.slow
def test_killed_with_two_replicas_ends_bit_identical(tmp_path):
    whole = Process("train.py", *TWO_REPLICAS, f"--workdir={tmp_path / 'whole'}")
    delays = [random.Random(1).uniform(0, 0.5)]
    _train_with_kills(*TWO_REPLICAS, workdir=tmp_path / "run", delays_seconds=delays)
    assert whole.end().code == 0
    assert_same_run(tmp_path / "whole", tmp_path / "run")


@pytest.mark.slow
@pytest.mark.parametrize("args", [CIRCLE, SIMPLE, TWO_REPLICAS, (*SIMPLE, "--num_replicas=2")])
def test_killed_ten_times_ends_bit_identical(args, tmp_path):
    args = (*args, "--steps=900", "--checkpoint_every=3")
    whole = tmp_path / "whole"
    _finish(*args, workdir=whole)
    seed = time.time_ns()
    print(f"seed of the delays: {seed}")
    dice = random.Random(seed)
    delays = [None] + [dice.uniform(0, 1) for _ in range(9)]
    _train_with_kills(*args, workdir=tmp_path / "run", delays_seconds=delays)
    assert_same_run(whole, tmp_path / "run")
    assert not partials(tmp_path / "run")


def test_half_written_files_are_cleared_and_a_cut_row_is_written_again(copy, whole):
    for step in (117, 120):  # what was done after step 114 is lost, but not its metrics
        shutil.rmtree(checkpoint(copy, step))
    (copy / "checkpoints" / ".partial-000000117-1").mkdir()
    for name in ("metrics.jsonl", "strip.npz", "samples_a_to_b.png"):
        (copy / f".{name}.1.partial").write_text("{")
    with open(copy / "metrics.jsonl", "a") as file:
        file.write('{"step": 150, "d_loss": 0.')
    ended = run("train.py", *CIRCLE, f"--workdir={copy}")
    assert ended.code == 0, ended.err
    assert not partials(copy)
    assert_same_run(whole, copy)


# ---------------------------------------------------------------- going on


@pytest.mark.slow
def test_more_steps_and_other_steps_per_call_go_on_bit_identical(whole, tmp_path):
    shorter = (*CIRCLE, "--steps=60", "--checkpoint_every=50")
    first = run("train.py", *shorter, "--steps_per_call=7", f"--workdir={tmp_path / 'run'}")
    assert first.code == 0, first.err
    assert steps(tmp_path / "run")[-1] == 60
    second = run("train.py", *CIRCLE, "--steps_per_call=2", f"--workdir={tmp_path / 'run'}")
    assert second.code == 0, second.err
    assert "resumed from the checkpoint of step 60" in second.err
    assert_same_tensors(whole, tmp_path / "run")


def test_the_same_command_after_the_end_does_nothing(copy, whole):
    ended = run("train.py", *CIRCLE, f"--workdir={copy}")
    assert ended.code == 0, ended.err
    assert ended.out.startswith(f"{copy} has done its 120 steps: nothing was left to train.\n")
    was, now = contents(whole), contents(copy)
    was.pop("flags.txt"), now.pop("flags.txt")  # holds the workdir's own path
    assert now == was


def test_fewer_steps_than_are_done_are_said_to_be_and_change_nothing(copy):
    was = contents(copy)
    ended = run("train.py", *CIRCLE, f"--workdir={copy}", "--steps", "10")
    assert ended.code == 0, ended.err
    assert f"{copy} has done 120 steps already, more than --steps=10: " in ended.out
    assert contents(copy) == was
    _, _, *flags = shlex.split(ended.out.partition("go on with: ")[2])
    assert flags == [*(CIRCLE[0], *CIRCLE[2:]), f"--workdir={copy}", "--steps=240"]

    flags = [flag for flag in CIRCLE if "--steps" not in flag]
    ended = run("train.py", *flags, "--epochs=2", f"--workdir={copy}")
    assert ended.code == 0, ended.err
    assert "has done 120 steps already, more than --epochs=2: " in ended.out
    assert ended.out.endswith(" --epochs=32\n")  # 120 batches of 128 of 1,000 points: 15.4 epochs
    assert contents(copy) == was


# ---------------------------------------------------------------- SIGTERM, SIGINT


@pytest.mark.parametrize(
    "signals",
    [
        ((signal.SIGTERM, 143),),
        pytest.param(
            ((signal.SIGTERM, 143), (signal.SIGINT, 130), (signal.SIGHUP, 129)),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_signals_save_where_they_stop_and_the_run_goes_on(whole, tmp_path, signals):
    workdir = tmp_path / "run"
    args = (*CIRCLE, "--checkpoint_every=50", "--steps_per_call=1", f"--workdir={workdir}")
    go_on = (*args, "--summary_every=1")
    for row, (number, code) in enumerate(signals, 1):
        process = Process("train.py", *go_on, *["--fresh"] * (row == 1))
        old = len(metrics(workdir)) if row > 1 else 0
        assert process.wait_until(lambda old=old: _rows(workdir) >= old + 3), process.err()
        process.send(number)
        ended = process.end()
        assert ended.code == code, ended.err
        assert f"{number.name}: saving at the next step boundary" in ended.err
        assert "Traceback" not in ended.err
        stopped = steps(workdir)[-1]
        assert stopped == metrics(workdir)[-1]["step"] < 120
        assert f"step {stopped}: " in ended.err.splitlines()[-1]
        # What is printed to go on with must not set aside what is there.
        said, command = ended.out.rstrip("\n").split("; go on with: ")
        assert said == f"stopped at step {stopped}, saved"
        _, script, *flags = shlex.split(command)
        assert Path(script).name == "train.py" and flags == list(go_on)
    ended = run("train.py", *args)
    assert ended.code == 0, ended.err
    assert_same_tensors(whole, workdir)


def _rows(workdir: Path) -> int:
    path = workdir / "metrics.jsonl"
    return path.read_text().count("\n") if path.exists() else 0


def test_a_second_writer_is_refused_and_a_second_signal_ends_at_once(tmp_path):
    workdir = tmp_path / "run"
    long_call = (  # 500 steps of some 30 ms in one call
        "--model=simple",
        "--dataset=digits",
        "--g_hidden=4096",
        "--d_hidden=16",
        "--batch_size=16",
        "--z_size=8",
        "--steps=500",
        "--steps_per_call=500",
        f"--workdir={workdir}",
    )
    process = Process("train.py", *long_call)
    assert process.wait_until(lambda: "to step 500" in process.err()), process.err()

    refused = run("train.py", *long_call).error(5)
    assert f"process {process.pid} is writing here" in refused
    assert process.runs(), process.err()

    process.send(signal.SIGTERM)
    assert process.wait_until(lambda: "SIGTERM: saving" in process.err()), process.err()
    process.send(signal.SIGTERM)
    ended = process.end()
    assert ended.code == 143, ended.err
    assert steps(workdir) == [0]  # it did not wait for the call, whose end would have been saved


def test_ctrl_c_before_the_run_has_begun_leaves_no_traceback(tmp_path):
    process = start_afresh("train.py", *CIRCLE, f"--workdir={tmp_path / 'run'}")
    maps = Path(f"/proc/{process.pid}/maps")
    while "tensorflow" not in maps.read_text():  # until it is importing TensorFlow
        assert process.poll() is None
        time.sleep(0.01)
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=300)
    assert process.returncode in (130, -signal.SIGINT), err  # a shell shows 130 for both
    assert err == ""


# ---------------------------------------------------------------- another run's workdir


def test_changed_flags_are_named_and_nothing_changes(copy):
    was = contents(copy)
    changed = ("--batch_size=64", "--seed=1", "--g_learning_rate=0.01", "--dataset=pacgan_ring")
    line = run("train.py", *CIRCLE, *changed, f"--workdir={copy}").error(2)
    for flag in changed:
        assert flag in line
    assert "--d_learning_rate" not in line
    line = run("train.py", *CIRCLE, "--seed=1", f"--workdir={copy}").error(2)
    assert "--seed=1 (the workdir's is 0)" in line and "--batch_size" not in line
    line = run("train.py", "--model=wgan_gp_points", "--dataset=circle", f"--workdir={copy}")
    assert "--model=wgan_gp_points (the workdir's is circle)" in line.error(2)
    assert contents(copy) == was


def test_fresh_sets_the_history_aside(copy):
    was = contents(copy)
    args = (*CIRCLE, "--seed=1", "--steps=4", "--jit=off", "--fresh", f"--workdir={copy}")
    ended = run("train.py", *args)
    assert ended.code == 0, ended.err
    assert contents(copy / "previous-1") == was
    assert steps(copy) == [0, 3, 4]
    assert [row["step"] for row in metrics(copy)] == [0, 4]


# ---------------------------------------------------------------- damaged checkpoints


def _flip_a_byte(folder: Path) -> None:
    path = next(folder.glob("weights.data*"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def _truncate(folder: Path) -> None:
    path = next(folder.glob("weights.data*"))
    path.write_bytes(path.read_bytes()[:-1])


def _delete_the_index(folder: Path) -> None:
    (folder / "weights.index").unlink()


def _fill_manifest_with_garbage(folder: Path) -> None:
    (folder / "manifest.json").write_bytes(b"\xff\x00 no JSON")


def _change_a_flag_in_the_manifest(folder: Path) -> None:
    text = (folder / "manifest.json").read_text()
    assert '"batch_size": 128' in text
    (folder / "manifest.json").write_text(text.replace('"batch_size": 128', '"batch_size": 129'))


DAMAGES = {
    _flip_a_byte: "SHA-256",
    _truncate: "SHA-256",
    _delete_the_index: "weights.index is missing",
    _fill_manifest_with_garbage: "manifest.json cannot be read",
    _change_a_flag_in_the_manifest: "manifest.json is not as it was written",
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_checkpoint_is_rejected(damage, copy, caplog):
    damage(checkpoint(copy, 120))
    with caplog.at_level("WARNING", "absl"):
        assert checkpoints.newest_sound(copy / "checkpoints").step == 117
    (message,) = [record.getMessage() for record in caplog.records]
    assert "000000120: rejected: " in message and DAMAGES[damage] in message


def test_a_run_goes_on_from_the_newest_sound_checkpoint_bit_identical(copy, whole):
    _truncate(checkpoint(copy, 120))
    _flip_a_byte(checkpoint(copy, 117))
    ended = run("train.py", *CIRCLE, f"--workdir={copy}")
    assert ended.code == 0, ended.err
    assert "000000120: rejected: " in ended.err and "000000117: rejected: " in ended.err
    assert "resumed from the checkpoint of step 114" in ended.err
    assert_same_run(whole, copy)


def test_a_history_without_a_sound_checkpoint_is_refused_and_kept(copy):
    damages = list(DAMAGES)
    for step, damage in zip(steps(copy), damages, strict=False):
        damage(checkpoint(copy, step))
    was = contents(copy)
    line = run("train.py", *CIRCLE, f"--workdir={copy}").error(2)
    assert "none of 3 checkpoints is sound" in line and "--fresh" in line
    assert contents(copy) == was

    shutil.rmtree(copy / "checkpoints")
    was = contents(copy)
    line = run("train.py", *CIRCLE, f"--workdir={copy}").error(2)
    assert "has metrics but no checkpoint" in line
    assert contents(copy) == was


def test_a_rejected_checkpoint_is_not_kept_in_place_of_a_sound_one(copy):
    _flip_a_byte(checkpoint(copy, 120))
    args = (*CIRCLE, "--keep_checkpoints=1", "--jit=off", f"--workdir={copy}")
    ended = run("train.py", *args, "--steps=118")
    assert ended.code == 0, ended.err
    assert steps(copy) == [118, 120]
    assert tensors(copy, 118)
