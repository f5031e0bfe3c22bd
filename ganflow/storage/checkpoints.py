"""Checkpoints that count only once they are whole, and a resume that takes the newest whole one.

    checkpoints/000001000/weights.index, weights.data-...   written by tf.train.Checkpoint
                          manifest.json                     step, flags, versions, SHA-256 a file
                                                            written, and of the model's code

A checkpoint is written under another name, reopened and read to the end, listed in its manifest,
and then moved to its final name in one rename. A kill at any moment leaves either a whole folder
or a `.partial-` one, which the next run clears away.
"""

import dataclasses
import hashlib
import json
import os
import platform
import re
import shutil
from collections.abc import Collection
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from ganflow.base.errors import InputError, NotFiniteError, StorageError
from ganflow.storage import reading, workdir

_PREFIX = "weights"
_STEP = re.compile(r"[0-9]{1,18}")  # of a folder's name
_MANIFEST_BYTES = 1 << 26  # a vocabulary is the largest part of one
_PARTS: dict[str, type] = {  # what a manifest tells, besides its own digest
    "step": int,
    "files": dict,
    "model": str,
    "config": dict,
    "options": dict,
    "fields": dict,
    "networks": dict,
    "data_sha256": str,
}


@dataclasses.dataclass(frozen=True)
class Sound:
    """A checkpoint whose files are all there and unchanged."""

    path: Path
    manifest: dict

    @property
    def step(self) -> int:
        """Steps that had been done when it was written."""
        return self.manifest["step"]


def save(
    folder: Path,
    state: tf.train.Checkpoint,
    step: int,
    about: dict,
    keep: int,
    protected: Collection[int] = (),
) -> Path:
    """Write `state` as the checkpoint of `step`, then delete the oldest beyond `keep`.

    Args:
      folder: WORKDIR/checkpoints.
      state: what to save.
      step: steps done so far.
      about: what else the manifest tells: flags, shapes, the data's hash.
      keep: how many to keep.
      protected: steps whose checkpoints are kept however old they are.

    Raises:
      NotFiniteError: a saved tensor is infinite or not a number; nothing is left behind.
      StorageError: the disk is full or cannot be written, or the workdir that was locked is gone;
        older checkpoints are untouched.
    """
    workdir.refuse_lost(folder.parent)
    final = folder / f"{step:09d}"
    partial = folder / f".partial-{step:09d}-{os.getpid()}"
    try:
        with workdir.storage_errors(folder):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            try:
                state.write(str(partial / _PREFIX))
                _check_readable(partial / _PREFIX, step)
            except tf.errors.OpError as error:
                raise StorageError(
                    f"{final}: cannot write this checkpoint: {workdir.plain(error)}; "
                    "make room, then run the same command to go on from the last one"
                ) from error
            files = {p.name: _sha256(p, sync=True) for p in sorted(partial.iterdir())}
            manifest = {
                "step": step,
                "files": files,
                "versions": {"python": platform.python_version(), "tensorflow": tf.__version__},
                **about,
            }
            manifest["sha256"] = _sha256_of_manifest(manifest)
            workdir.write_whole(
                partial / "manifest.json", json.dumps(manifest, indent=1).encode() + b"\n"
            )
            _sync_folder(partial)
            if final.exists():  # rejected earlier in this run, or it would not be written again
                shutil.rmtree(final)
            os.rename(partial, final)
            _sync_folder(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    # What is newer was rejected when this run began: it does not count as one of those kept.
    for old in [p for p in _folders(folder) if int(p.name) <= step][keep:]:
        if int(old.name) not in protected:
            shutil.rmtree(old, ignore_errors=True)
    return final


def newest_sound(folder: Path, step: int | None = None) -> Sound | None:
    """The newest checkpoint that is whole, or the one of `step`; every other one is logged.

    Returns:
      None where there has never been a checkpoint.

    Raises:
      InputError: there are checkpoints and none is sound, or none is of `step`.
    """
    for leftover in folder.glob(".partial-*"):
        logging.info("%s: left by a run that was stopped while saving", leftover)
    found = _folders(folder)
    if step is not None:
        found = [p for p in found if int(p.name) == step]
        if not found:
            have = ", ".join(map(str, steps(folder))) or "none"
            raise InputError(f"{folder}: no checkpoint of step {step}; there are: {have}")
    for path in found:
        reason = _reason_to_reject(path)
        if reason is None:
            return Sound(path, _manifest(path))
        logging.warning("%s: rejected: %s", path, reason)
    if found:
        raise InputError(
            f"{folder}: none of {len(found)} checkpoints is sound (the last: {reason}); restore "
            "them, or start again with --fresh, which sets this history aside"
        )
    return None


def steps(folder: Path) -> list[int]:
    """The steps of the checkpoints that are there, newest first; some may not be sound."""
    return [int(path.name) for path in _folders(folder)]


def clear_partial(folder: Path) -> None:
    """Remove what a killed run left half-written; only for the holder of the lock."""
    for leftover in folder.glob(".partial-*"):
        shutil.rmtree(leftover, ignore_errors=True)


def restore(sound: Sound, state: tf.train.Checkpoint) -> None:
    """Read every saved value into `state`; nothing on either side may be left over.

    Raises:
      InputError: the checkpoint holds other variables than the run.
    """
    _read(sound, state, lambda status: status.assert_consumed())


def restore_model(sound: Sound, **parts: tf.Module) -> None:
    """Read the model alone: gan=its weights, optimizers and state, and average=if there is one.

    Raises:
      InputError: the checkpoint lacks some of its variables.
    """
    state = tf.train.Checkpoint(**parts)
    _read(sound, state, lambda status: status.assert_existing_objects_matched().expect_partial())


def restore_networks(sound: Sound, networks: dict[str, dict[str, tf.Variable]]) -> None:
    """Read the weights of these networks alone, by their names; shapes have been compared."""
    state = tf.train.Checkpoint(gan=tf.train.Checkpoint(networks=networks))
    _read(sound, state, lambda status: status.assert_existing_objects_matched().expect_partial())


def refuse_other_run(sound: Sound, about: dict, folder: Path) -> None:
    """Hold a run against the workdir's history.

    Raises:
      InputError: a flag that changes the model, its data or its randomness; all are named.
    """
    old = sound.manifest
    may_change = {"steps", "summary_every"}  # of the config
    flags = [("model", old["model"], about["model"])]
    flags += [  # of the options all others may
        (name, old["options"].get(name), about["options"][name])
        for name in ("seed", "ema", "init_from")
    ]
    flags += [
        (name, old["config"].get(name), value)
        for name, value in about["config"].items()
        if name not in may_change
    ]
    changed = [
        f"--{name}={_text(new)} (the workdir's is {_text(was)})"
        for name, was, new in flags
        if _text(was) != _text(new)
    ]
    if not changed and old["data_sha256"] != about["data_sha256"]:
        changed = ["the data set's content (its SHA-256 differs)"]
        for name in ("enlarge", "image_size", "channels"):  # of which it may come
            new = about["options"].get(name)
            was = old["options"].get(name, new)
            changed += [f"--{name}={new} (the workdir's is {was})"] if was != new else []
    if changed:
        raise InputError(
            f"--workdir={folder}: another run: {', '.join(changed)}; give the workdir's flags "
            f"(--flagfile={folder}/flags.txt), another --workdir, or --fresh"
        )


def _text(value) -> str:
    return ",".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def _read(sound, state, check):
    try:
        check(state.read(str(sound.path / _PREFIX)))
    except (AssertionError, ValueError, tf.errors.OpError) as error:
        raise InputError(
            f"{sound.path}: does not fit this model: {str(error).splitlines()[0]}"
        ) from error


def _folders(folder: Path) -> list[Path]:
    """Checkpoint folders, newest first."""
    found = [p for p in folder.glob("[0-9]*") if p.is_dir() and _STEP.fullmatch(p.name)]
    return sorted(found, key=lambda p: int(p.name), reverse=True)


def _manifest(path: Path) -> dict:
    with reading.regular(path / "manifest.json", _MANIFEST_BYTES) as file:
        return json.loads(file.read())


def _reason_to_reject(path: Path) -> str | None:
    try:
        manifest = _manifest(path)
        for name, kind in _PARTS.items():
            if type(manifest[name]) is not kind:
                return f"manifest.json: {name} is no {kind.__name__}"
        if manifest["step"] != int(path.name):
            return f"its manifest is of step {manifest['step']}"
        for name, sha256 in manifest["files"].items():
            if Path(name).name != name:
                return f"manifest.json names a file elsewhere: {name}"
            if not (path / name).is_file():
                return f"{name} is missing"
            if _sha256(path / name) != sha256:
                return f"{name} is not as it was written (its SHA-256 differs)"
        if manifest["sha256"] != _sha256_of_manifest(manifest):
            return "manifest.json is not as it was written (its SHA-256 differs)"
    except FileNotFoundError:
        return "manifest.json is missing"
    except KeyError as error:
        return f"manifest.json tells no {error.args[0]}"
    except (OSError, ValueError, TypeError, AttributeError, RecursionError) as error:
        return f"manifest.json cannot be read: {error}"
    return None


def _check_readable(prefix: Path, step: int) -> None:
    """Reopen what was just written and read it to the end, which checks TensorFlow's checksums."""
    reader = tf.train.load_checkpoint(str(prefix))
    for name, dtype in reader.get_variable_to_dtype_map().items():
        value = reader.get_tensor(name)
        if dtype.is_floating and not np.isfinite(value).all():
            raise NotFiniteError(f"step {step}: {name} is not finite; not saved")


def _sha256_of_manifest(manifest: dict) -> str:
    told = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _sha256(path: Path, sync: bool = False) -> str:
    with open(path, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        if sync:
            os.fsync(file.fileno())
    return digest


def _sync_folder(folder: Path) -> None:
    """Make a rename in `folder` survive a loss of power."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
