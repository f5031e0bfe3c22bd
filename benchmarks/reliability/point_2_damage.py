"""Point 2: files of a workdir, damaged in every way that we could think of."""

import functools
import os
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

from benchmarks.reliability import here, trainings
from benchmarks.reliability.trying import Case, Outcome, Point
from ganflow.base.errors import InputError
from ganflow.storage import checkpoints
from tests import processes

REGIONS = 64  # of a checkpoint's file
MODELS = {"circle": here.CIRCLE, "simple": here.DIGITS}


# ---------------------------------------------------------------- damages: (file, another run's)


def _remove(path: Path) -> None:
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def _truncate(path: Path, other: Path) -> None:
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size // 2)


def _empty(path: Path, other: Path) -> None:
    path.write_bytes(b"")


def _flip(path: Path, other: Path) -> None:
    content = bytearray(path.read_bytes())
    if content:
        content[len(content) // 2] ^= 0x80
    path.write_bytes(content)


def _garbage(path: Path, other: Path) -> None:
    path.write_bytes(random.Random(0).randbytes(5_000))


def _delete(path: Path, other: Path) -> None:
    path.unlink()


def _folder(path: Path, other: Path) -> None:
    path.unlink()
    path.mkdir()


def _pipe(path: Path, other: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def _link_to_zeros(path: Path, other: Path) -> None:
    path.unlink()
    path.symlink_to("/dev/zero")


def _link_to_nothing(path: Path, other: Path) -> None:
    path.unlink()
    path.symlink_to(path.with_name("nothing"))


def _other_runs(path: Path, other: Path) -> None:
    shutil.copyfile(other, path)


def _link_to_other_runs(path: Path, other: Path) -> None:
    path.unlink()
    path.symlink_to(other)


def _immutable(path: Path, other: Path) -> None:
    subprocess.run(["chattr", "+i", str(path)], check=True, capture_output=True)


DAMAGES: dict[str, Callable[[Path, Path], None]] = {
    "cut in half": _truncate,
    "one bit flipped": _flip,
    "replaced by a pipe": _pipe,
    "deleted": _delete,
    "replaced by another run's": _other_runs,
    "replaced by a link to /dev/zero": _link_to_zeros,
    "filled with garbage": _garbage,
    "replaced by a folder": _folder,
    "emptied": _empty,
    "replaced by a link to nothing": _link_to_nothing,
    "replaced by a link to another run's": _link_to_other_runs,
    "made immutable, even for root": _immutable,
}


class Found:
    """Runs to damage, made once: one to go on, the same to its end, and another run's."""

    def __init__(self, model: str, shared: Path):
        self.model = model
        self.run, self.whole, self.other = (shared / model / n for n in ("run", "whole", "other"))
        if not (shared / model / "done").exists():
            shutil.rmtree(shared / model, ignore_errors=True)
            for folder, until in ((self.run, here.STEPS), (self.whole, here.MORE_STEPS)):
                self._train(self.training, folder, until)
            self._train(here.Here(**MODELS[model], seed=1), self.other, here.STEPS)
            (shared / model / "done").touch()

    @functools.cached_property
    def training(self) -> here.Here:
        """The model, built once it is needed."""
        return here.Here(**MODELS[self.model])

    def _train(self, training, folder, until):
        ended = training.train(folder, until)
        assert ended.code == 0, ended.err

    def counterpart(self, name: str) -> Path:
        """The other run's file of the same kind."""
        there = self.other / name
        if there.exists():
            return there
        return next(p for p in there.parent.iterdir() if p.name[:8] == there.name[:8])


_FOUND: dict[str, Found] = {}


def found(model: str, shared: Path) -> Found:
    """The runs of a model, which this process makes once."""
    if model not in _FOUND:
        _FOUND[model] = Found(model, shared)
    return _FOUND[model]


def damaged_file(model: str, name: str, damages: dict, shared: Path, folder: Path) -> Outcome:
    """Damage one file in each way and go on."""
    outcome, runs = Outcome(), found(model, shared)
    for told, damage in damages.items():
        workdir = runs.training.copy(runs.run, folder / "run")
        other = runs.counterpart(name)
        content = other.read_bytes()
        try:
            damage(workdir / name, other)
        except subprocess.CalledProcessError:
            continue  # a file system without that attribute
        try:
            what, fault = gone_on(runs, workdir)
        finally:
            if damage is _immutable:
                subprocess.run(["chattr", "-i", str(workdir / name)], check=True)
        if other.read_bytes() != content:
            fault = "another run's file was written through a link"
            other.write_bytes(content)
        outcome.saw(what, fault and f"{name} {told}: {fault}")
    return outcome


def gone_on(runs: Found, workdir: Path) -> tuple[str, str]:
    """(What happened when the run was started again, what was wrong with it)."""
    steps = processes.steps(workdir)
    ended = runs.training.train(workdir, here.MORE_STEPS)
    if fault := trainings.fault_of_end(ended, {0, 2, 4}):
        return "", fault
    if ended.code:
        kept = set(steps) <= set(processes.steps(workdir)) or runs.training.newest(workdir)
        what = f"refused in a line, code {ended.code}, and nothing was lost"
        return what, "" if kept else "refused, and checkpoints are gone"
    if "resumed from the checkpoint of step 0" in ended.err or "resumed from" not in ended.err:
        return "", f"began again: {ended.err[-200:]!r}"
    fell_back = "rejected" in ended.err
    fault = trainings.difference(runs.whole, workdir, rows=False)
    aside = "damaged-" in ended.err
    what = "went on from an older checkpoint, equal to the bit" if fell_back else "went on, equal"
    return what + ", the damaged log set aside" * aside, fault


def regions(path: Path, folder: Path, count: int = REGIONS) -> Outcome:
    """Flip a bit in each region of a newest checkpoint's file: the one before it is taken.

    Args:
      path: of the file, whose run is left as it is.
      folder: for a copy.
      count: of regions.
    """
    outcome, dice = Outcome(), random.Random(path.name)
    copy = Path(shutil.copytree(path.parents[1], folder / "checkpoints"))
    newest, before = checkpoints.steps(copy)[:2]
    changing, content = copy / f"{newest:09d}" / path.name, path.read_bytes()
    for region in range(count):
        low, high = (len(content) * i // count for i in (region, region + 1))
        place = dice.randrange(low, max(high, low + 1))
        changed = bytearray(content)
        changed[place] ^= 1 << dice.randrange(8)
        changing.write_bytes(changed)
        try:
            step = checkpoints.newest_sound(copy).step
            fault = "" if step == before else f"step {step} was taken"
        except InputError as error:
            fault = str(error)
        outcome.saw("a flipped bit was noticed", fault and f"{path.name}, byte {place}: {fault}")
    return outcome


def every_checkpoint(shared: Path, folder: Path) -> Outcome:
    """All checkpoints damaged, or gone: refused in a line, never a restart from zero."""
    outcome, runs = Outcome(), found("circle", shared)
    for told, damage in DAMAGES.items():
        if damage is _immutable:
            continue
        workdir = runs.training.copy(runs.run, folder / "run")
        for path in sorted((workdir / "checkpoints").glob("*/weights.data*")):
            damage(path, runs.counterpart(str(path.relative_to(workdir))))
        what, fault = gone_on(runs, workdir)
        if what.startswith("went on"):
            fault = fault or "went on with no sound checkpoint"
        outcome.saw(what, fault and f"all {told}: {fault}")
    workdir = runs.training.copy(runs.run, folder / "run")
    _remove(workdir / "checkpoints")
    what, fault = gone_on(runs, workdir)
    outcome.saw(what, fault and f"no checkpoints: {fault}")
    return outcome


def files(run: Path) -> list[str]:
    """Every file of a workdir, by its path in it."""
    return sorted(str(p.relative_to(run)) for p in run.rglob("*") if p.is_file())


def cases(shared: Path) -> list[Case]:
    """A file each; the checkpoint's regions; all checkpoints at once."""
    newest = found("circle", shared).run / "checkpoints" / f"{here.STEPS:09d}"
    made = [
        Case(f"every byte region of {name}", lambda f, name=name: regions(newest / name, f))
        for name in ("weights.data-00000-of-00001", "weights.index", "manifest.json")
    ]
    made.append(Case("all checkpoints", lambda folder: every_checkpoint(shared, folder)))
    named = {m: files(found(m, shared).run) for m in MODELS}
    several = [(model, name) for model, names in named.items() for name in names]
    several.sort(key=lambda pair: (pair[0] != "circle" and pair[1] != "strip.npz", pair))
    for model, name in several:
        made.append(
            Case(
                f"{model}: {Path(name).parent / Path(name).name.partition('.tfevents')[0]}",
                lambda folder, m=model, n=name: damaged_file(m, n, DAMAGES, shared, folder),
            )
        )
    return made


POINT = Point(
    number=2,
    title="Damaged files",
    promise="Whatever happens to a file of a workdir, the same command falls back to an older "
    "checkpoint or says in one line why it cannot go on: no traceback, no hang, no restart from "
    "zero, and what it goes on to is equal to the bit.",
    how="Every file of two workdirs (points, and images with a strip) in turn: "
    f"{', '.join(DAMAGES)}. Each of {REGIONS} regions of each file of a checkpoint had one bit "
    "flipped at a random place. All checkpoints at once. After each the run was started again and "
    "trained on, in one process that is built once, by the code of bin/train.py behind its flags.",
    not_promised="That a file cannot be read for want of rights could not be tried as root, whom "
    "no mode stops; immutable files stand in for those that cannot be written.",
    cases=cases,
)
