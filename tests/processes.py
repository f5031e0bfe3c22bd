"""The programs in `bin/` as processes, and what they leave behind."""

import atexit
import dataclasses
import functools
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tensorflow as tf

ROOT = Path(__file__).resolve().parents[1]
# A user has not set this; where it is set, TensorFlow's start-up lines are shown.
_ENVIRONMENT = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
_PATIENCE_SECONDS = 300

# One process that imports TensorFlow once (some 4 s) and then forks for each command line. It has
# not run an operation, so that a child starts TensorFlow anew.
_SERVER = """
import json, os, runpy, sys
from ganflow import quiet, engine, sampling, training
for line in sys.stdin:
    job = json.loads(line)
    child = os.fork()
    if child == 0:
        for descriptor, name in ((0, os.devnull), (1, job["out"]), (2, job["err"])):
            os.dup2(os.open(name, os.O_RDWR), descriptor)
        sys.argv = job["argv"]
        runpy.run_path(sys.argv[0], run_name="__main__")
        sys.exit(0)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@dataclasses.dataclass(frozen=True)
class Ended:
    """A program that has ended."""

    code: int
    out: str
    err: str

    def error(self, code: int) -> str:
        """The one line that the program says about its error, after checking that it is one."""
        assert self.code == code, f"exit code {self.code}, not {code}: {self.err}"
        *before, last = self.err.splitlines()
        assert re.match(r"(train|sample|describe)\.py: ", last), self.err
        for line in before:
            assert re.match(r"[IWE]\d{4} [\d:.]+ \d+ \w+\.py:\d+\] ", line), self.err
        return last


class Process:
    """A program that runs."""

    def __init__(self, program: str, *args: str):
        self._out, self._err = tempfile.TemporaryFile("w+"), tempfile.TemporaryFile("w+")
        command = [sys.executable, str(ROOT / "bin" / program), *args]
        self.popen = subprocess.Popen(
            command, stdout=self._out, stderr=self._err, cwd=ROOT, env=_ENVIRONMENT
        )

    @property
    def pid(self) -> int:
        return self.popen.pid

    def err(self) -> str:
        """What it has written to stderr so far."""
        return os.pread(self._err.fileno(), 10**7, 0).decode()

    def runs(self) -> bool:
        return self.popen.poll() is None

    def wait_until(self, condition, every_seconds: float = 0.01) -> bool:
        """Wait for `condition()`; false where the program ended before it came true."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            assert time.monotonic() < end, f"waited in vain: {self.err()}"
            if not self.runs():
                return condition()
            time.sleep(every_seconds)
        return True

    def send(self, number: signal.Signals) -> None:
        self.popen.send_signal(number)

    def kill(self) -> None:
        """SIGKILL: no handler, no cleaning up."""
        self.popen.kill()
        self.popen.wait()

    def end(self) -> Ended:
        """Wait for the end."""
        try:
            code = self.popen.wait(_PATIENCE_SECONDS)
        finally:
            if self.runs():
                self.kill()
        return Ended(code, os.pread(self._out.fileno(), 10**7, 0).decode(), self.err())


def run(program: str, *args: str) -> Ended:
    """Run a program to its end, as a user does."""
    return Process(program, *args).end()


@functools.cache
def _server() -> subprocess.Popen:
    pipe = subprocess.PIPE
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER], stdin=pipe, stdout=pipe, text=True, cwd=ROOT,
        env=_ENVIRONMENT,
    )
    atexit.register(server.communicate)  # closes its stdin, which ends it
    return server


def run_forked(program: str, *args: str) -> Ended:
    """The same without the seconds that importing TensorFlow takes."""
    with tempfile.NamedTemporaryFile("r") as out, tempfile.NamedTemporaryFile("r") as err:
        argv = [str(ROOT / "bin" / program), *map(str, args)]
        server = _server()
        server.stdin.write(json.dumps({"argv": argv, "out": out.name, "err": err.name}) + "\n")
        server.stdin.flush()
        code = server.stdout.readline()
        assert code, "the process that forks has died"
        return Ended(int(code), out.read(), err.read())


# ---------------------------------------------------------------- what a run leaves behind


def steps(workdir: Path) -> list[int]:
    """Steps of the checkpoints that have their final name, oldest first."""
    folder = workdir / "checkpoints"
    return sorted(int(p.name) for p in folder.glob("[0-9]*")) if folder.exists() else []


def checkpoint(workdir: Path, step: int) -> Path:
    return workdir / "checkpoints" / f"{step:09d}"


def partials(workdir: Path) -> list[Path]:
    """Whatever is half-written, in the workdir and below."""
    return [p for p in workdir.rglob(".*") if "partial" in p.name]


def tensors(workdir: Path, step: int | None = None) -> dict[str, np.ndarray]:
    """Every tensor of a checkpoint, by default the newest."""
    step = steps(workdir)[-1] if step is None else step
    reader = tf.train.load_checkpoint(str(checkpoint(workdir, step) / "weights"))
    names = [name for name in reader.get_variable_to_shape_map() if "OBJECT_GRAPH" not in name]
    assert names
    return {name: reader.get_tensor(name) for name in names}


def metrics(workdir: Path) -> list[dict]:
    """Rows of `metrics.jsonl` without the only figure that depends on the machine."""
    rows = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in row.items() if k != "steps_per_second"} for row in rows]


def assert_same_tensors(a: Path, b: Path) -> None:
    """The newest checkpoints are of one step and equal bit for bit."""
    assert steps(a)[-1] == steps(b)[-1]
    left, right = tensors(a), tensors(b)
    assert left.keys() == right.keys()
    different = [name for name in left if left[name].tobytes() != right[name].tobytes()]
    assert not different


def assert_same_run(a: Path, b: Path) -> None:
    """The same, and the same rows of metrics."""
    assert_same_tensors(a, b)
    assert metrics(a) == metrics(b)


def contents(folder: Path) -> dict[str, str]:
    """SHA-256 of every file below a folder, but for the lock, which each process signs."""
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and path.name != ".lock"
    }
