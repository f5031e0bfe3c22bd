"""A disk that is full, and folders that cannot be written."""

import os
from pathlib import Path

import disks
import pytest
from processes import (
    assert_same_run,
    contents,
    metrics,
    partials,
    run,
    steps,
    tensors,
)

CIRCLE = (
    "--model=circle",
    "--steps=400",
    "--summary_every=50",
    "--checkpoint_every=20",
    "--jit=off",
)
SIZE_KB = 4096


@pytest.fixture
def small_disk():
    """A folder on a file system of 4 MB."""
    try:
        with disks.small_disk(SIZE_KB) as folder:
            yield folder
    except disks.NoMount as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """CIRCLE on a disk with room."""
    workdir = tmp_path_factory.mktemp("circle") / "whole"
    ended = run("train.py", *CIRCLE, f"--workdir={workdir}")
    assert ended.code == 0, ended.err
    return workdir


# The room ends in TensorBoard's events of the first summary, or in a later one's samples.png.
@pytest.mark.slow
@pytest.mark.parametrize("leave_kb", [108, 300])
def test_a_full_disk_stops_with_code_4_and_room_lets_the_run_go_on(leave_kb, whole, small_disk):
    filler = disks.fill(small_disk, leave_kb)
    workdir = small_disk / "run"
    line = run("train.py", *CIRCLE, f"--workdir={workdir}").error(4)
    assert "No space left on device" in line and str(workdir) in line and "make room" in line
    assert not partials(workdir)
    for step in steps(workdir):
        assert tensors(workdir, step)  # readable to the end

    filler.unlink()
    ended = run("train.py", *CIRCLE, f"--workdir={workdir}")
    assert ended.code == 0, ended.err
    assert "rejected" not in ended.err
    assert_same_run(whole, workdir)


def test_a_disk_that_is_full_during_a_save_keeps_the_checkpoints_before_it(whole, small_disk):
    filler = disks.fill(small_disk, leave_kb=1_000)  # the summary of step 0 takes two thirds
    workdir = small_disk / "run"
    args = (*CIRCLE, "--keep_checkpoints=100", f"--workdir={workdir}")
    line = run("train.py", *args, "--summary_every=100000").error(4)
    assert "No space left on device" in line and "checkpoints/" in line
    assert "{{" not in line and "[Op:" not in line  # TensorFlow's own names
    saved = steps(workdir)
    assert saved[-1] < 400 and saved == list(range(0, saved[-1] + 1, 20))
    assert not partials(workdir)
    for step in saved:
        assert tensors(workdir, step)

    filler.unlink()
    ended = run("train.py", *args)
    assert ended.code == 0, ended.err
    assert f"resumed from the checkpoint of step {saved[-1]}" in ended.err
    assert tensors(workdir)
    assert metrics(workdir)[-1]["step"] == 400
    left, right = tensors(whole), tensors(workdir)
    assert all(left[name].tobytes() == right[name].tobytes() for name in left)


def test_samples_onto_a_full_disk_leave_no_file(whole, small_disk):
    disks.fill(small_disk, leave_kb=4)
    for name in ("x.npy", "x.png"):
        out = small_disk / name
        line = run("sample.py", f"--workdir={whole}", "--num=1000", f"--out={out}").error(4)
        assert "No space left on device" in line and name in line
        assert [p.name for p in small_disk.iterdir()] == ["filler"]


def test_a_workdir_that_cannot_be_made_is_refused(tmp_path):
    (tmp_path / "file").write_text("kept")
    for workdir in (tmp_path / "file", Path("/proc/run")):
        line = run("train.py", "--model=circle", f"--workdir={workdir}").error(2)
        assert f"--workdir={workdir}: cannot be used" in line
    assert contents(tmp_path).keys() == {"file"}


def test_a_workdir_without_the_right_to_write_is_refused(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    tmp_path.chmod(0o500)
    line = run("train.py", "--model=circle", f"--workdir={tmp_path}").error(2)
    assert "Permission denied" in line
