"""The run's folder: the lock, files that are whole or absent, metrics, the setting aside."""

import errno
import fcntl
import json
import os
import resource
import shutil
import tempfile
from pathlib import Path

import hypothesis
import pytest
import tensorflow as tf

from ganflow.base.errors import BusyError, InputError, StorageError
from ganflow.storage import checkpoints, workdir


def full_disk(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


# ---------------------------------------------------------------- the lock


def test_a_second_holder_is_refused_and_told_who_holds_it(tmp_path):
    with (
        workdir.locked(tmp_path),
        pytest.raises(BusyError, match=f"process {os.getpid()} is writing"),
        workdir.locked(tmp_path),
    ):
        pytest.fail("two holders")


def test_the_lock_is_free_again_after_the_block_even_when_it_fails(tmp_path):
    with pytest.raises(ZeroDivisionError), workdir.locked(tmp_path):
        raise ZeroDivisionError
    with workdir.locked(tmp_path):
        assert (tmp_path / ".lock").read_text() == str(os.getpid())


def test_a_lock_that_cannot_be_signed_holds_all_the_same(tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, limits[1]))  # as a full disk: no byte is taken
    try:
        with (
            workdir.locked(tmp_path),
            pytest.raises(BusyError, match="process unknown"),
            workdir.locked(tmp_path),
        ):
            pytest.fail("two holders")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def test_a_file_system_without_locks_is_refused_and_nobody_is_blamed(tmp_path, monkeypatch):
    def fails(file, how):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", fails)
    with pytest.raises(InputError, match="cannot be locked .No locks"), workdir.locked(tmp_path):
        pytest.fail("locked")


def test_locking_makes_the_folder(tmp_path):
    with workdir.locked(tmp_path / "a" / "b"):
        assert (tmp_path / "a" / "b").is_dir()


def test_a_workdir_that_is_a_file_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match="--workdir=.*file"), workdir.locked(tmp_path / "file"):
        pytest.fail("locked")


@pytest.mark.parametrize(
    ("content", "named"),
    [(b"\xff\xfe", "unknown"), (b"", "unknown"), (b"a name", "unknown"), (b"7" * 10_000, "7" * 20)],
)
def test_a_holder_that_has_not_signed_as_we_do_is_told_briefly(tmp_path, content, named):
    (tmp_path / ".lock").write_bytes(content)
    with open(tmp_path / ".lock") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        with pytest.raises(BusyError) as told, workdir.locked(tmp_path):
            pytest.fail("two holders")
    assert f"process {named} is writing here" in str(told.value)


def test_a_lock_that_is_no_file_is_refused_and_what_a_link_leads_to_is_left_alone(tmp_path):
    outside, lock = tmp_path / "precious", tmp_path / "W" / ".lock"
    outside.write_text("kept")
    lock.parent.mkdir()
    makers = (
        lambda: lock.symlink_to(outside),
        lambda: lock.symlink_to(tmp_path / "made"),
        lambda: os.mkfifo(lock),
        lock.mkdir,
    )
    for make in makers:
        make()
        with pytest.raises(InputError, match="its .lock is no file"), workdir.locked(lock.parent):
            pytest.fail("locked")
        lock.rmdir() if lock.is_dir() else lock.unlink()
    assert outside.read_text() == "kept" and names(tmp_path) == ["W", "precious"]


@pytest.mark.parametrize("how", ["deleted", "renamed", "replaced"])
def test_a_workdir_that_was_locked_and_is_gone_is_written_no_more(tmp_path, how):
    folder = tmp_path / "W"
    with workdir.locked(folder):
        workdir.Metrics(folder).append({"step": 1})
        folder.rename(tmp_path / "aside")
        if how == "deleted":
            shutil.rmtree(tmp_path / "aside")
        if how == "replaced":
            folder.mkdir()
            (folder / ".lock").write_text("of another process")
        for write in (
            lambda: workdir.Metrics(folder).append({"step": 2}),
            lambda: checkpoints.save(folder / "checkpoints", tf.train.Checkpoint(), 2, {}, keep=1),
        ):
            with pytest.raises(StorageError, match="W: was deleted, renamed or replaced"):
                write()
        assert not folder.exists() or names(folder) == [".lock"]
    workdir.Metrics(workdir.make(folder)).append({"step": 3})  # whoever holds no lock may


# ---------------------------------------------------------------- whole files


def test_write_whole_replaces_what_was_there(tmp_path):
    workdir.write_whole(tmp_path / "a", b"old and longer")
    workdir.write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


@pytest.mark.parametrize("fails", ["replace", "fsync"])
def test_on_a_full_disk_the_old_file_stays_and_nothing_is_left_beside_it(
    tmp_path, monkeypatch, fails
):
    workdir.write_whole(tmp_path / "a", b"old")
    monkeypatch.setattr(os, fails, full_disk)
    with pytest.raises(StorageError, match="a: cannot write: No space left on device"):
        workdir.write_whole(tmp_path / "a", b"new")
    assert (tmp_path / "a").read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == ["a"]


def test_a_missing_folder_is_a_storage_error(tmp_path):
    with pytest.raises(StorageError, match="cannot write: No such file or directory"):
        workdir.write_whole(tmp_path / "gone" / "a", b"")


# ---------------------------------------------------------------- setting aside


def names(folder):
    return sorted(p.name for p in folder.iterdir())


def test_set_aside_moves_everything_but_the_lock_and_counts_on(tmp_path):
    for number in (1, 2):
        (tmp_path / ".lock").write_text("")
        (tmp_path / "metrics.jsonl").write_text(f"{number}")
        (tmp_path / "checkpoints").mkdir()
        aside = workdir.set_aside(tmp_path)
        assert aside == tmp_path / f"previous-{number}"
        assert names(aside) == ["checkpoints", "metrics.jsonl"]
        assert (aside / "metrics.jsonl").read_text() == f"{number}"
    assert names(tmp_path) == [".lock", "previous-1", "previous-2"]
    assert (tmp_path / "previous-1" / "metrics.jsonl").read_text() == "1"


def test_set_aside_of_an_empty_folder_does_nothing(tmp_path):
    (tmp_path / ".lock").write_text("")
    assert workdir.set_aside(tmp_path) is None
    assert names(tmp_path) == [".lock"]


def test_set_aside_works_after_an_older_one_was_deleted(tmp_path):
    (tmp_path / "previous-2").mkdir()
    (tmp_path / "a").write_text("kept")
    aside = workdir.set_aside(tmp_path)
    assert (aside / "a").read_text() == "kept"
    assert names(tmp_path / "previous-2") == []


# ---------------------------------------------------------------- metrics


def test_metrics_come_back_in_order(tmp_path):
    metrics = workdir.Metrics(tmp_path)
    assert metrics.rows() == []
    rows = [{"step": s, "d_loss": s / 3} for s in (10, 20, 30)]
    for row in rows:
        metrics.append(row)
    assert metrics.rows() == rows
    assert metrics.path.read_text() == "".join(json.dumps(row) + "\n" for row in rows)


def test_keep_until_drops_later_rows_and_half_a_row(tmp_path):
    metrics = workdir.Metrics(tmp_path)
    for step in (10, 20, 30):
        metrics.append({"step": step})
    with open(metrics.path, "a") as file:
        file.write('{"step": 40, "d_lo')  # a kill came here
    assert [row["step"] for row in metrics.rows()] == [10, 20, 30]

    metrics.keep_until(20)
    assert metrics.path.read_text() == '{"step": 10}\n{"step": 20}\n'
    metrics.append({"step": 30})
    assert [row["step"] for row in metrics.rows()] == [10, 20, 30]


def test_keep_until_drops_half_a_row_where_no_row_is_later(tmp_path):
    metrics = workdir.Metrics(tmp_path)
    metrics.append({"step": 10})
    with open(metrics.path, "a") as file:
        file.write('{"st')
    metrics.keep_until(10)
    assert metrics.path.read_text() == '{"step": 10}\n'


def test_what_a_log_links_to_is_read_and_never_added_to(tmp_path):
    other, log = workdir.Metrics(tmp_path), workdir.Metrics(workdir.make(tmp_path / "W"))
    other.append({"step": 10})
    log.path.symlink_to(other.path)
    log.keep_until(10)
    log.append({"step": 20})
    assert [row["step"] for row in log.rows()] == [10, 20]
    assert [row["step"] for row in other.rows()] == [10]


def test_keep_until_leaves_a_file_without_surplus_alone(tmp_path):
    metrics = workdir.Metrics(tmp_path)
    metrics.keep_until(10)
    assert names(tmp_path) == []
    metrics.append({"step": 10})
    before = metrics.path.stat()
    metrics.keep_until(10)
    assert metrics.path.stat().st_ino == before.st_ino  # not even written anew


NO_ROWS = {
    "another byte": b'{"step": 20, "d_loss\xff": 1}',
    "no object": b"5",
    "nothing": b"null",
    "a list": b"[]",
    "no step": b'{"d_loss": 1}',
    "a step that is none": b'{"step": true}',
    "a step before all": b'{"step": -1}',
    "digits": b'{"step": 1' + b"0" * 10_000 + b"}",
    "a large number": b'{"step": 20, "d_loss": 1' + b"0" * 400 + b"}",
    "nesting": b'{"step": 20, "a": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "an object inside": b'{"step": 20, "health": {}}',
    "a list of numbers": b'{"step": 20, "diagnosis": [1]}',
}


@pytest.mark.parametrize("line", NO_ROWS.values(), ids=NO_ROWS)
def test_a_damaged_log_is_set_aside_and_its_rows_stay(tmp_path, caplog, line):
    metrics = workdir.Metrics(tmp_path)
    sound = b'{"step": 10}\n', b'{"step": 30, "d_loss": NaN, "diagnosis": ["young"]}\n'
    damaged = sound[0] + line + b"\n" + sound[1]
    metrics.path.write_bytes(damaged)
    assert [row["step"] for row in metrics.rows()] == [10, 30]
    assert metrics.path.read_bytes() == damaged  # whoever only reads leaves it alone

    metrics.keep_until(30)
    assert metrics.path.read_bytes() == b"".join(sound)
    assert (tmp_path / "metrics.jsonl.damaged-1").read_bytes() == damaged
    (record,) = caplog.records
    assert "line 2 is no row of figures; kept as" in record.getMessage()
    metrics.keep_until(30)
    assert names(tmp_path) == ["metrics.jsonl", "metrics.jsonl.damaged-1"]


def test_what_is_no_file_is_no_log_and_never_waited_for(tmp_path, caplog):
    path = tmp_path / "metrics.jsonl"
    makers = (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero"))
    for number, make in enumerate(makers, 1):
        make()
        assert workdir.Metrics(tmp_path).rows() == []
        workdir.Metrics(tmp_path).keep_until(10)
        assert not os.path.lexists(path)
        assert os.path.lexists(tmp_path / f"metrics.jsonl.damaged-{number}")
    assert len(caplog.records) == 3


@hypothesis.given(hypothesis.strategies.binary(max_size=60))
def test_any_bytes_in_a_log_are_rows_or_none(content):
    with tempfile.TemporaryDirectory() as folder:
        metrics = workdir.Metrics(Path(folder))
        metrics.path.write_bytes(b'{"step": 10}\n' + content + b'\n{"step": 30}\n')
        steps = [row["step"] for row in metrics.rows()]
        assert steps[0] == 10 and steps[-1] == 30
        metrics.keep_until(30)
        assert [row["step"] for row in metrics.rows()] == [s for s in steps if s <= 30]


def test_appending_to_a_full_disk_is_a_storage_error(tmp_path, monkeypatch):
    monkeypatch.setattr("builtins.open", full_disk)
    with pytest.raises(StorageError, match="metrics.jsonl: cannot write: No space left"):
        workdir.Metrics(tmp_path).append({"step": 1})


def test_rate_is_steps_per_second_since_the_last_mark(monkeypatch):
    seconds = iter([0.0, 2.0, 2.5])
    monkeypatch.setattr(workdir.time, "perf_counter", lambda: next(seconds))
    rate = workdir.Rate(100)
    assert rate.mark(110) == 5.0
    assert rate.mark(120) == 20.0
