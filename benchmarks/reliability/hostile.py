"""Files of a stranger that would like to run code, and what would read them."""

import functools
import json
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from absl import flags as absl_flags

from benchmarks.reliability import here
from benchmarks.reliability.trying import Outcome
from ganflow import data, engine, models
from ganflow.base.errors import InputError
from ganflow.cli import flags
from ganflow.interface import captions
from ganflow.ladder import plans
from ganflow.pictures import strips
from ganflow.storage import checkpoints
from ganflow.trained import loading


def parse_command_line(words: list[str]) -> None:
    """As training does, into flags of its own."""
    values, define = absl_flags.FlagValues(), flags.define
    absl_flags.DEFINE_string("model", "circle", "", flag_values=values)
    absl_flags.DEFINE_boolean("fresh", False, "", flag_values=values)
    absl_flags.DEFINE_string("flagfile", "", "", flag_values=values)
    absl_flags.DEFINE_string("undefok", "", "", flag_values=values)
    before = flags.FLAGS
    flags.FLAGS, flags.define = values, functools.partial(define, flag_values=values)
    try:
        flags.parse_for_model(["train.py", *words], engine.Options())
        flags.read(models.load(values.model).Config(), values)
        flags.read(engine.Options(), values)
    finally:
        flags.FLAGS, flags.define = before, define


def sound_manifest(run: Path) -> tuple[Path, dict]:
    """The newest checkpoint of a run of two steps, which is made where it is not there yet."""
    if not run.exists():
        training = here.circle()
        training.put_on(run)
        training.run.resume()
        training.run.advance(2)
        training.run.save()
    newest = run / "checkpoints" / "000000002"
    return newest, json.loads((newest / "manifest.json").read_text())


class Payload:
    """Unpickled, it makes a file."""

    def __init__(self, canary: Path):
        self.canary = canary

    def __reduce__(self):
        return Path.touch, (self.canary,)


def attempts(run: Path, folder: Path) -> Outcome:
    """Files of a stranger that would like to run code: none does."""
    outcome, canary = Outcome(), folder / "canary"
    pickled, payload = pickle.dumps(Payload(canary)), np.array([Payload(canary)], dtype=object)
    np.save(folder / "x.npy", payload, allow_pickle=True)
    np.savez(folder / "x.npz", x=payload)
    np.savez(folder / "strip.npz", **{"10": payload})
    (folder / "pickle").write_bytes(pickled)
    mine = folder / "mine.py"
    mine.write_text(f"from pathlib import Path\nPath({str(canary)!r}).touch()\n")
    manifest = sound_manifest(run)[1] | {"model": str(mine)}
    shell = f"$(touch {canary}) `touch {canary}`; touch {canary}"
    tried: dict[str, Callable[[], object]] = {
        "a pickle in an .npy": lambda: data.load("npy", str(folder / "x.npy")),
        "a pickle in an .npz": lambda: data.load("npz", str(folder / "x.npz")),
        "a pickle as an .npy": lambda: data.load("npy", str(folder / "pickle")),
        "a pickle in strip.npz": lambda: strips.read_strip(folder / "strip.npz", 20),
        "a manifest that names a model's file": lambda: loading.untrained(manifest),
        "a command line's shell": lambda: parse_command_line([f"--workdir={shell}", shell]),
        "a plan's shell": lambda: plans.read_plan(f"x: --model=circle {shell}", "x"),
        "a caption's shell": lambda: captions.split(shell),
        "a checkpoint of pickles": functools.partial(_pickled_checkpoint, run, folder, pickled),
        "a zip that leads outside": functools.partial(_leads_outside, folder),
    }
    for told, attempt in tried.items():
        fault = ""
        try:
            attempt()
        except InputError:
            pass
        except Exception as error:
            fault = f"{type(error).__name__}: {error}"
        if canary.exists():
            fault = "it ran code"
            canary.unlink()
        outcome.saw("ran no code", fault and f"{told}: {fault}")
    return outcome


def _pickled_checkpoint(run: Path, folder: Path, pickled: bytes) -> None:
    """All weights replaced by a pickle, with hashes that agree."""
    copy = Path(shutil.copytree(run, folder / "pickled"))
    for path in (copy / "checkpoints").glob("*"):
        manifest = json.loads((path / "manifest.json").read_text())
        for name in manifest["files"]:
            (path / name).write_bytes(pickled)
            manifest["files"][name] = checkpoints._sha256(path / name)
        manifest["sha256"] = checkpoints._sha256_of_manifest(manifest)
        (path / "manifest.json").write_text(json.dumps(manifest))
    loading.load_trained(copy)


def _leads_outside(folder: Path) -> None:
    with zipfile.ZipFile(folder / "outside.npz", "w") as archive:
        archive.writestr("../canary", b"x")
    data.load("npz", str(folder / "outside.npz"))
