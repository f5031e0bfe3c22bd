"""Point 1: `kill -9` at any moment. And the loss of power, which forgets what was not synced."""

import os
import random
import shutil
import signal
import time
from pathlib import Path

from benchmarks.reliability import here, trainings
from benchmarks.reliability.trying import Case, Outcome, Point
from ganflow.storage import checkpoints
from ganflow.workers import cluster, launching
from tests import processes
from tests.processes import Process

OFTEN = ("--jit=off", "--summary_every=20", "--checkpoint_every=2", "--steps=2000")
DIGITS = ("--dataset=digits", "--batch_size=4", *OFTEN)
CIRCLE = ("--model=circle", "--g_hidden=8,4", "--d_hidden=8,4", "--batch_size=16", *OFTEN)
# Slower ones are asked for fewer steps: a chain of kills has to end before the run does.
SLOW = ("--summary_every=10", "--steps=120")
KINDS = {
    "points": CIRCLE,
    "state (began's k_t)": ("--model=began", *DIGITS, *SLOW, "--width=4"),
    "two workers": CIRCLE,
    "phases (srgan)": (
        *("--model=srgan", *DIGITS, *SLOW, "--blocks=1", "--width=4"),
        *("--pretrain_steps=60", "--d_units=8"),
    ),
    "dense": ("--model=simple", *DIGITS, *SLOW, "--g_hidden=8", "--d_hidden=8"),
    "state (cyclegan's pool)": (
        *("--model=cyclegan", *DIGITS, *SLOW, "--dataset=digits_negative", "--batch_size=1"),
        *("--width=4", "--blocks=1", "--d_layers=1", "--pool_size=6"),
    ),
    "two replicas": (*CIRCLE, "--num_replicas=2"),
    "convolutions": ("--model=dcgan", *DIGITS, *SLOW, "--width=4"),
    "stages (stackgan)": (
        *("--model=stackgan", *DIGITS, *SLOW, "--dataset=drawings_32", "--g_width=4"),
        *("--g_2_width=4", "--d_width=1", "--text_size=5", "--stage_1_steps=60"),
    ),
    "average, evaluations, XLA": (
        *(*CIRCLE, "--jit=on", "--ema=.9", "--evaluate_every=100", "--evaluate_num=100"),
    ),
}
KILLS, CHAINS = 12, 2  # in one workdir; chains of each kind
START_SECONDS = 12  # about what a run needs to its first step on a busy machine


class Training:
    """A training of one process or of two workers, to be killed."""

    def __init__(self, kind: str, workdir: Path):
        flags = KINDS[kind]
        if kind != "two workers":
            self.processes = [trainings.start(*flags, workdir=workdir)]
            return
        addresses = launching.free_addresses(2)
        self.processes = [
            Process(
                "train.py",
                *flags,
                f"--workdir={workdir}{'-other' * index}",
                environment={"TF_CONFIG": cluster.as_tf_config(addresses, index)},
            )
            for index in range(2)
        ]

    @property
    def chief(self) -> Process:
        """The one that writes."""
        return self.processes[0]

    def kill(self, number: int) -> bool:
        """Kill one of the workers and wait for all to end; whether it still ran."""
        victim = self.processes[number % len(self.processes)]
        was_running = victim.runs()
        victim.send(signal.SIGKILL)
        for process in self.processes:  # the others end by themselves, within half a minute
            process.end()
        return was_running

    def finish(self) -> str:
        """Wait for the end: what was wrong with it, or ""."""
        faults = [trainings.fault_of_end(process.end(), {0}) for process in self.processes]
        return next(filter(None, faults), "")


def chain(kind: str, number: int, shared: Path, folder: Path) -> Outcome:
    """Kill a run again and again, let it finish, and compare it with one that was left alone."""
    outcome, dice = Outcome(), random.Random(f"{kind} {number}")
    whole, workdir = shared / kind, folder / "run"
    if not (whole / "seconds").exists():
        shutil.rmtree(whole, ignore_errors=True)
        since = time.monotonic()
        if fault := Training(kind, whole / "run").finish():
            outcome.saw("", f"could not be trained: {fault}")
            return outcome
        (whole / "seconds").write_text(str(time.monotonic() - since))
    seconds = float((whole / "seconds").read_text())
    for kill in range(KILLS):
        training = Training(kind, workdir)
        moment = ("at any time", "after a save", "in a save")[kill % 3]
        before = processes.steps(workdir)[-1:]
        chief = training.chief
        if moment == "at any time":
            time.sleep(dice.uniform(0, max(START_SECONDS, 1.5 * seconds / KILLS)))
        elif chief.wait_until(lambda: processes.steps(workdir)[-1:] > (before or [0])):  # noqa: B023
            if moment == "in a save":
                chief.wait_until(lambda: processes.partials(workdir), every_seconds=0)
            else:
                time.sleep(dice.uniform(0, 1))
        if training.kill(kill):
            outcome.saw(f"killed {moment}")
    if fault := Training(kind, workdir).finish() or trainings.difference(whole / "run", workdir):
        outcome.saw("", f"after {outcome.tries} kills: {fault}")
    if left := processes.partials(workdir):
        outcome.saw("", f"left half-written: {left[0].name}")
    return outcome


# ---------------------------------------------------------------- a loss of power


class Power:
    """What a disk holds if the power fails: names are kept, contents only once they were synced.

    It listens to this process's fsync. A file that was renamed before it was synced is there, and
    empty, which is what a file system may rightly leave.
    """

    def __init__(self):
        self._synced: dict[int, tuple[int, int]] = {}  # inode: size, time of the last change

    def __enter__(self):
        self._fsync = os.fsync
        os.fsync = self._listen
        return self

    def __exit__(self, *_):
        os.fsync = self._fsync

    def _listen(self, descriptor: int) -> None:
        self._fsync(descriptor)
        about = os.fstat(descriptor)
        self._synced[about.st_ino] = (about.st_size, about.st_mtime_ns)

    def fails(self, folder: Path, to: Path) -> Path:
        """Copy a folder as it would be found afterwards."""
        shutil.copytree(folder, to)
        for path in folder.rglob("*"):
            about = path.stat()
            kept = self._synced.get(about.st_ino) == (about.st_size, about.st_mtime_ns)
            if path.is_file() and not kept:
                (to / path.relative_to(folder)).write_bytes(b"")
        return to


def saved_and_restored(folder: Path, training: here.Here | None = None) -> Outcome:
    """Save after each of some steps, forget everything, and resume: no number has changed."""
    outcome, training = Outcome(), training or here.circle()
    training.put_on(folder / "run")
    training.run.resume()
    for step in range(1, 7):
        training.run.advance(1)
        training.run.save()
        state = training.state()
        training.put_on(folder / "run")
        training.run.resume()
        same = all(a.tobytes() == b.tobytes() for a, b in zip(state, training.state(), strict=True))
        fault = "" if same else f"step {step}: something was not saved"
        outcome.saw("saved, forgotten and restored to the bit", fault)
    return outcome


def power_loss(folder: Path, saves: int = 20) -> Outcome:
    """Lose power after each save: the checkpoint that was just written is sound."""
    outcome, training = Outcome(), here.circle()
    training.put_on(folder / "run")
    with Power() as power:
        training.run.resume()
        for step in range(1, saves + 1):
            training.run.advance(1)
            training.run.save()
            found = power.fails(folder / "run" / "checkpoints", folder / f"after {step}")
            try:
                sound = checkpoints.newest_sound(found)
                fault = "" if sound and sound.step == step else f"{sound and sound.step} was newest"
            except Exception as error:
                fault = str(error)
            outcome.saw("power lost after a save", fault and f"after step {step}'s save: {fault}")
    return outcome


def cases(shared: Path) -> list[Case]:
    """All kinds once, and again."""
    made = [
        Case("power lost after a save", power_loss),
        Case("saved and restored", saved_and_restored),
    ]
    for number in range(CHAINS):
        for kind in KINDS:
            name = f"{kind}, chain {number + 1}"
            made.append(
                Case(name, lambda f, kind=kind, number=number: chain(kind, number, shared, f))
            )
    return made


POINT = Point(
    number=1,
    title="Killed at any moment",
    promise="After `kill -9` at any moment the same command goes on, and weights, optimizers' "
    "slots, states and metrics end as if nothing had happened, bit for bit. After a loss of power "
    "the last checkpoint that was reported is there.",
    how=f"Chains of {KILLS} kills in one workdir: at any time from the first import on, within a "
    "second after a save, and at the sight of a half-written save; of two workers the chief and "
    "the other in turn. Then the run was let finish, and every tensor of its last checkpoint and "
    "every row of metrics.jsonl were compared with those of a run that was left alone. A loss of "
    "power was imitated: of each file only what had been synced was kept.",
    not_promised="A power loss was not tried on real hardware: a disk that lies about syncing is "
    "beyond what a program can see. Bits are equal on one machine with one set of versions.",
    cases=cases,
)
