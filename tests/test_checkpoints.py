"""Checkpoints that are whole or do not count, and the fall back to the newest sound one."""

import errno
import json
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

from ganflow.base.errors import InputError, NotFiniteError, StorageError
from ganflow.storage import checkpoints, workdir

FILES = ["weights.data-00000-of-00001", "weights.index", "manifest.json"]
ABOUT = {"model": "toy", "options": {"seed": 7}, "config": {}, "fields": {}, "networks": {}}
ABOUT |= {"data_sha256": "0"}


def state_of(w):
    gan = tf.Module()
    gan.w = tf.Variable(w, dtype=tf.float32)
    return tf.train.Checkpoint(gan=gan, step=tf.Variable(0, dtype=tf.int64))


def save(folder, step, keep=10):
    """A checkpoint whose one weight is its step."""
    state = state_of([step, step])
    state.step.assign(step)
    return checkpoints.save(folder, state, step, ABOUT, keep)


def names(folder):
    return sorted(p.name for p in folder.iterdir())


@pytest.fixture
def history(tmp_path):
    """Checkpoints of steps 5 and 10."""
    save(tmp_path, 5)
    save(tmp_path, 10)
    return tmp_path


# ---------------------------------------------------------------- what is written


def test_what_is_restored_is_what_was_saved(tmp_path):
    path = save(tmp_path, 12)
    assert path == tmp_path / "000000012"
    assert names(path) == sorted(FILES)
    sound = checkpoints.newest_sound(tmp_path)
    assert (sound.path, sound.step) == (path, 12)
    assert sound.manifest["model"] == "toy" and sound.manifest["options"] == {"seed": 7}
    assert sound.manifest["versions"]["tensorflow"] == tf.__version__

    state = state_of([0, 0])
    checkpoints.restore(sound, state)
    assert (state.gan.w.numpy().tolist(), int(state.step)) == ([12, 12], 12)

    gan = state_of([0, 0]).gan
    checkpoints.restore_model(sound, gan=gan)
    assert gan.w.numpy().tolist() == [12, 12]


def test_the_oldest_beyond_keep_are_deleted(tmp_path):
    for step in (1, 2, 3, 10):
        save(tmp_path, step, keep=2)
    assert names(tmp_path) == ["000000003", "000000010"]


def test_protected_steps_are_kept_beside_the_newest_as_long_as_they_are_protected(tmp_path):
    for step, protected in ((1, ()), (2, (1,)), (3, {2}), (4, {2}), (5, {2})):
        state = state_of([step, step])
        checkpoints.save(tmp_path, state, step, ABOUT, 2, protected)
    assert checkpoints.steps(tmp_path) == [5, 4, 2]
    save(tmp_path, 6, keep=2)
    assert checkpoints.steps(tmp_path) == [6, 5]


def test_a_step_saved_again_replaces_its_checkpoint(tmp_path):
    save(tmp_path, 5)
    checkpoints.save(tmp_path, state_of([1, 2]), 5, ABOUT, 3)
    state = state_of([0, 0])
    checkpoints.restore(checkpoints.newest_sound(tmp_path), state)
    assert state.gan.w.numpy().tolist() == [1, 2]
    assert names(tmp_path) == ["000000005"]


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite_is_not_saved(history, bad):
    with pytest.raises(NotFiniteError, match="step 11: gan/w.* is not finite"):
        checkpoints.save(history, state_of([1, bad]), 11, ABOUT, 1)
    assert names(history) == ["000000005", "000000010"]


def test_on_a_full_disk_older_checkpoints_stay_and_nothing_is_left_beside_them(
    history, monkeypatch
):
    def full_disk(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    for function in ("rename", "fsync"):
        with monkeypatch.context() as patch:
            patch.setattr(os, function, full_disk)
            with pytest.raises(StorageError, match="No space left on device"):
                save(history, 15, keep=1)
        assert names(history) == ["000000005", "000000010"]
    assert checkpoints.newest_sound(history).step == 10


def test_a_failure_inside_tensorflow_is_a_storage_error(history, monkeypatch):
    def full_disk(*_):
        raise tf.errors.ResourceExhaustedError(None, None, "No space left on device\nmore")

    monkeypatch.setattr(tf.train.Checkpoint, "write", full_disk)
    with pytest.raises(StorageError, match="cannot write this checkpoint: No space left on devi"):
        save(history, 15)
    assert names(history) == ["000000005", "000000010"]


# ---------------------------------------------------------------- damage


def flip_a_bit(path):
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


def truncate(path):
    path.write_bytes(path.read_bytes()[:-3])  # at least the last brace of a manifest


def empty(path):
    path.write_bytes(b"")


DAMAGES = [flip_a_bit, truncate, empty, os.unlink]


@pytest.mark.parametrize("damage", DAMAGES, ids=["bit flip", "truncation", "empty", "deletion"])
@pytest.mark.parametrize("file", FILES)
def test_damage_is_noticed_and_the_older_checkpoint_taken(history, caplog, file, damage):
    newest = history / "000000010"
    damage(newest / file)
    sound = checkpoints.newest_sound(history)
    assert sound.step == 5
    (record,) = [r for r in caplog.records if "rejected" in r.getMessage()]
    assert record.levelname == "WARNING"
    assert str(newest) in record.getMessage()
    if file != "manifest.json":  # there the flipped bit may be another file's digest
        assert file in record.getMessage()


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "null",
        "7",
        "{}",
        '{"step": 10}',
        '{"step": 10, "files": 3}',
        "\ud800",
        "[" * 100_000,
        '{"step": 1' + "0" * 10_000 + "}",
        '{"step": "x"}',
    ],
)
def test_a_manifest_of_something_else_is_rejected(history, text):
    manifest = history / "000000010" / "manifest.json"
    manifest.write_bytes(text.encode(errors="surrogatepass"))
    assert checkpoints.newest_sound(history).step == 5


def test_a_manifest_is_a_regular_file_or_none(history, caplog):
    path = history / "000000010" / "manifest.json"
    for make in (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero")):
        path.rmdir() if path.is_dir() else path.unlink()
        make()
        assert checkpoints.newest_sound(history).step == 5
    assert caplog.text.count("manifest.json cannot be read") == 3


@pytest.mark.parametrize("part", ["files", "model", "config", "options", "fields", "data_sha256"])
@pytest.mark.parametrize("value", [None, 7, []])
def test_a_manifest_whose_parts_are_something_else_is_rejected(history, part, value):
    """Though its own digest agrees: whoever changed it may have written that anew."""
    path = history / "000000010" / "manifest.json"
    manifest = json.loads(path.read_text()) | {part: value}
    manifest["sha256"] = checkpoints._sha256_of_manifest(manifest)
    path.write_text(json.dumps(manifest))
    assert checkpoints.newest_sound(history).step == 5


def test_a_manifest_names_no_file_elsewhere(history, caplog):
    path = history / "000000010" / "manifest.json"
    manifest = json.loads(path.read_text())
    manifest["files"]["../000000005/weights.index"] = "0"
    manifest["sha256"] = checkpoints._sha256_of_manifest(manifest)
    path.write_text(json.dumps(manifest))
    assert checkpoints.newest_sound(history).step == 5
    assert "names a file elsewhere" in caplog.text


def test_a_folder_whose_name_is_no_number_is_no_checkpoint(history):
    (history / "1\u00b2").mkdir()
    (history / ("9" * 30)).mkdir()
    assert checkpoints.steps(history) == [10, 5]


def test_a_checkpoint_under_another_steps_name_is_rejected(history, caplog):
    (history / "000000010").rename(history / "000000020")
    assert checkpoints.newest_sound(history).step == 5
    assert "its manifest is of step 10" in caplog.text


@pytest.mark.parametrize(
    "change",
    [
        lambda manifest: manifest["files"].clear(),
        lambda manifest: manifest["options"].update(seed=6),
        lambda manifest: manifest.update(model="tox"),
        lambda manifest: manifest.pop("sha256"),
    ],
    ids=["no files", "seed", "model", "no digest"],
)
def test_a_manifest_that_was_changed_afterwards_is_rejected(history, change):
    path = history / "000000010" / "manifest.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))
    assert checkpoints.newest_sound(history).step == 5


def test_a_history_without_a_sound_checkpoint_is_an_error(history):
    for name in names(history):
        (history / name / "weights.index").unlink()
    with pytest.raises(
        InputError, match="none of 2 checkpoints is sound .*index is missing.*fresh"
    ):
        checkpoints.newest_sound(history)


def test_no_history_is_none(tmp_path):
    assert checkpoints.newest_sound(tmp_path / "checkpoints") is None


def test_other_files_in_the_folder_are_no_checkpoints(history):
    (history / "notes").mkdir()
    (history / "000000099").write_text("a file")
    assert checkpoints.newest_sound(history).step == 10


# ---------------------------------------------------------------- half-written folders, steps


def test_a_half_written_checkpoint_is_ignored_and_can_be_cleared(history):
    shutil.copytree(history / "000000010", history / ".partial-000000015-123")
    assert checkpoints.newest_sound(history).step == 10
    assert ".partial-000000015-123" in names(history)  # only the lock's holder may clear it
    checkpoints.clear_partial(history)
    assert names(history) == ["000000005", "000000010"]


def test_a_given_step_is_taken_though_a_newer_one_exists(history):
    assert checkpoints.newest_sound(history, step=5).step == 5


def test_a_step_that_is_not_there_is_an_error_that_lists_those_that_are(history):
    with pytest.raises(InputError, match="no checkpoint of step 7; there are: 10, 5"):
        checkpoints.newest_sound(history, step=7)


def test_a_given_step_that_is_damaged_is_an_error_not_another_step(history):
    flip_a_bit(history / "000000010" / "weights.index")
    with pytest.raises(InputError, match="is sound"):
        checkpoints.newest_sound(history, step=10)


# ---------------------------------------------------------------- another model's checkpoint


@pytest.mark.parametrize("other", ["shape", "one variable more", "one variable less"])
def test_a_checkpoint_of_another_model_is_refused(history, other):
    state = state_of([0, 0, 0] if other == "shape" else [0, 0])
    if other == "one variable more":
        state.gan.more = tf.Variable(1.0)
    if other == "one variable less":
        del state.gan.w
    with pytest.raises(InputError, match="does not fit this model"):
        checkpoints.restore(checkpoints.newest_sound(history), state)


@pytest.mark.parametrize("other", ["shape", "one variable more"])
def test_weights_that_the_model_has_and_the_checkpoint_lacks_are_refused(history, other):
    gan = state_of([0, 0, 0] if other == "shape" else [0, 0]).gan
    if other == "one variable more":
        gan.more = tf.Variable(1.0)
    with pytest.raises(InputError, match="does not fit this model"):
        checkpoints.restore_model(checkpoints.newest_sound(history), gan=gan)


def test_the_manifest_is_written_last(tmp_path, monkeypatch):
    seen = []
    write = workdir.write_whole

    def watched(path, data):
        seen.extend(names(path.parent))
        write(path, data)

    monkeypatch.setattr(workdir, "write_whole", watched)
    save(tmp_path, 5)
    assert seen == sorted(FILES[:2])
