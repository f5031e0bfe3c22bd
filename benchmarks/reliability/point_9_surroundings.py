"""Point 9: slow disks, readers beside the run, a huge log, changed data, too little memory."""

import contextlib
import json
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import numpy as np

from benchmarks.reliability import here, memory, trainings
from benchmarks.reliability.trying import Case, Outcome, Point
from tests import processes

SLOW_SECONDS = (0.3, 2.0)
LOG_MB = 100
LOG_SECONDS, LOG_MEMORY_MB = 60, 2_000
MEMORY_MB = (600, 1_500, 2_500, 3_500)  # of addresses: TensorFlow alone needs some 2,000
FLAGS = (*trainings.CIRCLE, "--steps=40")


def slow_disk(seconds: float, shared: Path, folder: Path) -> Outcome:
    """Every fsync and rename takes so long; and a kill in the middle."""
    outcome, like, dice = Outcome(), trainings.whole(shared, *FLAGS), random.Random(0)
    faults, workdir = {"slow_seconds": seconds}, folder / "run"
    process = trainings.start(*FLAGS, workdir=workdir, faults=faults)
    process.wait_until(lambda: processes.steps(workdir)[-1:] > [0])
    time.sleep(dice.uniform(0, 2 * seconds))
    process.send(signal.SIGKILL)
    process.end()
    fault = trainings.unsound(workdir)
    outcome.saw("killed in slow writes, all sound", fault)
    process = trainings.start(*FLAGS, workdir=workdir, faults=faults)
    fault = trainings.fault_of_end(process.end(), {0}) or trainings.difference(like, workdir)
    outcome.saw("went on amid slow writes to the same end", fault)
    return outcome


def tensorboard(shared: Path, folder: Path) -> Outcome:
    """TensorBoard reads the workdir all the while; it shows the last step, and changes nothing."""
    outcome, workdir = Outcome(), folder / "run"
    flags = (*FLAGS, "--steps=400")
    like = trainings.whole(shared, *flags)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "tensorboard.main", f"--logdir={workdir}", f"--port={port}"]
    board = subprocess.Popen(
        [*command, "--reload_interval=1", "--load_fast=false"], stderr=subprocess.DEVNULL
    )
    try:
        process = trainings.start(*flags, workdir=workdir)
        fault = trainings.fault_of_end(process.end(), {0}) or trainings.difference(like, workdir)
        outcome.saw("trained beside TensorBoard to the same end", fault)
        address = f"http://127.0.0.1:{port}/data/plugin/scalars/scalars?run=train&tag=Loss%2Fd_loss"
        shown, end = [], time.monotonic() + 120
        while not shown or shown[-1][1] < 400:
            with contextlib.suppress(OSError, ValueError):
                shown = json.loads(urllib.request.urlopen(address, timeout=5).read())
            if time.monotonic() > end:
                break
            time.sleep(1)
        last = shown[-1][1] if shown else None
        outcome.saw("it showed the last step", "" if last == 400 else f"showed step {last}")
    finally:
        board.kill()
        board.wait()
    return outcome


def large_log(folder: Path) -> Outcome:
    """metrics.jsonl of 100 MB: read at a start, in bounded time and memory."""
    outcome, training, workdir = Outcome(), here.Here(**here.CIRCLE), folder / "run"
    assert training.train(workdir).code == 0
    path = workdir / "metrics.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    filling = {f"weight/of_another_model_{i}/norm": i / 7 for i in range(2_000)}
    size, lines = 0, []
    while size < LOG_MB * 2**20:  # as a run of days of a larger model leaves
        row = rows[0] | filling | {"step": 0, "d_loss": len(lines) / 3}
        lines.append(json.dumps(row) + "\n")
        size += len(lines[-1])
    path.write_text("".join(lines) + "".join(json.dumps(row) + "\n" for row in rows))
    before_mb, since = memory.forget_peak(), time.monotonic()
    ended = training.train(workdir, here.MORE_STEPS)
    seconds, more_mb = time.monotonic() - since, memory.peak_mb() - before_mb
    outcome.figures |= {"log_seconds": round(seconds, 1), "log_memory_mb": round(more_mb)}
    fault = trainings.fault_of_end(ended, {0})
    if seconds > LOG_SECONDS or more_mb > LOG_MEMORY_MB:
        fault = fault or f"took {seconds:.0f} s and {more_mb:.0f} MB"
    outcome.saw(f"went on with a log of {LOG_MB} MB", fault)
    return outcome


def changed_data(folder: Path) -> Outcome:
    """A data file that is replaced during the run: the run goes on, the next start notices."""
    outcome, path = Outcome(), folder / "points.npy"
    for how in ("replaced", "written over", "deleted"):
        workdir = folder / how
        dice = np.random.default_rng(0)
        np.save(path, dice.normal(size=[300, 2]).astype(np.float32))
        flags = (*FLAGS, "--dataset=npy", f"--data_dir={path}", "--steps=200")
        process = trainings.start(*flags, workdir=workdir)
        process.wait_until(lambda w=workdir: processes.steps(w)[-1:] > [0])
        if how == "deleted":
            path.unlink()
        else:
            new = folder / "new.npy" if how == "replaced" else path
            np.save(new, dice.normal(size=[300, 2]).astype(np.float32))
            new.replace(path)
        fault = trainings.fault_of_end(process.end(), {0})
        ended = trainings.start(*flags, workdir=workdir).end()
        fault = fault or trainings.fault_of_end(ended, {2})
        if not fault and str(path) not in ended.err and "data set's content" not in ended.err:
            fault = f"does not say why: {ended.err[-200:]!r}"
        outcome.saw("the next start noticed", fault and f"{how}: {fault}")
    return outcome


def little_memory(shared: Path, folder: Path) -> Outcome:
    """A limit on memory, and the kill with which the system ends a process that takes too much."""
    outcome, like = Outcome(), trainings.whole(shared, *FLAGS)
    for limit in MEMORY_MB:
        workdir, faults = folder / f"{limit}", {"limits": {"AS": limit * 2**20}}
        ended = trainings.start(*FLAGS, workdir=workdir, faults=faults).end()
        fault = trainings.unsound(workdir) if workdir.exists() else ""
        fault = fault or trainings.goes_on(*FLAGS, workdir=workdir, like=like)
        what = "had enough" if ended.code == 0 else "ended by it"
        outcome.saw(f"{what}, then went on to the same end", fault and f"{limit} MB: {fault}")
    return outcome


def cases(shared: Path) -> list[Case]:
    """Each of the surroundings."""
    for name in ("slow", "board", "memory"):
        (shared / name).mkdir(exist_ok=True)
    return [
        Case("a data file that is replaced", changed_data),
        Case(
            f"writes that take {SLOW_SECONDS[0]:g} s",
            lambda f: slow_disk(SLOW_SECONDS[0], shared / "slow", f),
        ),
        Case(f"metrics.jsonl of {LOG_MB} MB", large_log),
        Case("TensorBoard beside the run", lambda f: tensorboard(shared / "board", f)),
        Case("too little memory", lambda f: little_memory(shared / "memory", f)),
        Case(
            f"writes that take {SLOW_SECONDS[1]:g} s",
            lambda f: slow_disk(SLOW_SECONDS[1], shared / "slow", f),
        ),
    ]


POINT = Point(
    number=9,
    title="Slow and broken surroundings",
    promise="Slow writes and readers beside the run change nothing. A log of 100 MB is read within "
    f"{LOG_SECONDS} s and {LOG_MEMORY_MB:,} MB. Data that changed are refused at the next start. "
    "A process that was killed for its memory goes on as after any other kill.",
    how=f"Every fsync and rename slowed down to {' and '.join(map(str, SLOW_SECONDS))} s, with a "
    "kill in the middle; TensorBoard reloading the workdir each second; metrics.jsonl filled up to "
    f"{LOG_MB} MB; the data's file replaced, written over and deleted during a run; limits of "
    f"{', '.join(map(str, MEMORY_MB))} MB of addresses (`ulimit -v`). The system's killer sends "
    "SIGKILL, which is point 1.",
    not_promised="Which code or line a process ends with that gets no memory: TensorFlow may abort "
    "within C++, where nobody can answer for it. Only what it leaves is promised.",
    cases=cases,
)
