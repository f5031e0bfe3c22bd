"""The programs as processes, and what they leave behind."""

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

# One process imports all that is slow to import, some 5 s, and forks for each command line. It has
# run no operation, so that a child starts TensorFlow anew. A child ends by _exit, for Python would
# spend another second on taking TensorFlow's modules apart.
_SERVER = """
import importlib, json, os, runpy, signal, sys, traceback
from ganflow.programs import compare, describe, evaluate, explore, export, gates, lab, ladder
from ganflow.programs import sample, train
from ganflow import models
from ganflow.judging import evaluation
import matplotlib.backends.backend_agg, matplotlib.colors, matplotlib.figure
import scipy.linalg, scipy.spatial.distance, scipy.special, sklearn.datasets, sklearn.neighbors
import tensorboard.plugins.custom_scalar.summary, tensorboard.plugins.hparams.api
for name in models.names():
    models.load(name)
for line in sys.stdin:
    job = json.loads(line)
    if "poll" in job:
        child, status = os.waitpid(job["poll"], os.WNOHANG)
        print(json.dumps(os.waitstatus_to_exitcode(status) if child else None), flush=True)
        continue
    child = os.fork()
    if child == 0:
        for descriptor, name in ((0, os.devnull), (1, job["out"]), (2, job["err"])):
            os.dup2(os.open(name, os.O_RDWR), descriptor)
        os.environ.update(job["env"])
        sys.argv = job["argv"]
        # Not as whoever began this process has them: in the background, or under nohup, ignored.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)
        code = 0
        try:
            program = os.path.basename(sys.argv[0])
            if program.startswith("ganflow-"):  # as the console's script of this name does
                name = program.removeprefix("ganflow-")
                importlib.import_module(f"ganflow.programs.{name}").run()
            else:
                runpy.run_path(sys.argv[0], run_name="__main__")
        except SystemExit as end:
            code = end.code or 0
        except BaseException:
            traceback.print_exc()
            code = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)
    print(child, flush=True)
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
        names = "train|sample|describe|evaluate|export|ladder|lab|gates|explore|compare"
        assert re.match(rf"(({names})\.py|ganflow-({names})): ", last), self.err
        for line in before:
            assert re.match(r"[IWE]\d{4} [\d:.]+ \d+ \w+\.py:\d+\] ", line), self.err
        return last


@functools.cache
def _server() -> subprocess.Popen:
    server = subprocess.Popen(
        [sys.executable, "-c", _SERVER],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=_ENVIRONMENT,
    )
    atexit.register(server.communicate)  # closes its stdin, which ends it
    return server


def _ask(**job) -> int | None:
    server = _server()
    server.stdin.write(json.dumps(job) + "\n")
    server.stdin.flush()
    answer = server.stdout.readline()
    assert answer, "the process that forks has died"
    return json.loads(answer)


class Process:
    """A program that runs: `train.py` of `bin/`, or `ganflow-train` as the console starts it."""

    def __init__(self, program: str, *args: str, environment: dict[str, str] | None = None):
        with tempfile.NamedTemporaryFile(delete=False) as out:
            self._out = Path(out.name)
        with tempfile.NamedTemporaryFile(delete=False) as err:
            self._err = Path(err.name)
        argv = [str(ROOT / "bin" / program), *args]
        files = {"out": str(self._out), "err": str(self._err)}
        self.pid = _ask(argv=argv, env=environment or {}, **files)
        self._code: int | None = None

    def err(self) -> str:
        """What it has written to stderr so far."""
        return self._err.read_text()

    def runs(self) -> bool:
        if self._code is None:
            self._code = _ask(poll=self.pid)
        return self._code is None

    def wait_until(self, condition, every_seconds: float = 0.01) -> bool:
        """Wait for `condition()`; false where the program ended before it came true."""
        end = time.monotonic() + _PATIENCE_SECONDS
        while not condition():
            if not self.runs():
                return condition()
            if time.monotonic() > end:
                self.send(signal.SIGKILL)
                raise AssertionError(f"waited in vain: {self.err()}")
            time.sleep(every_seconds)
        return True

    def send(self, number: signal.Signals) -> None:
        if self.runs():
            os.kill(self.pid, number)

    def end(self) -> Ended:
        """Wait for the end."""
        self.wait_until(lambda: False)
        ended = Ended(self._code, self._out.read_text(), self._err.read_text())
        self._out.unlink()
        self._err.unlink()
        return ended


def run(program: str, *args: str) -> Ended:
    """Run a program to its end."""
    return Process(program, *args).end()


def start_afresh(program: str, *args: str) -> subprocess.Popen:
    """A process of its own, TensorFlow's import included."""
    return subprocess.Popen(
        [sys.executable, str(ROOT / "bin" / program), *args],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env=_ENVIRONMENT,
    )


def run_afresh(program: str, *args: str) -> Ended:
    """Run a program to its end in such a process."""
    process = start_afresh(program, *args)
    out, err = process.communicate(timeout=_PATIENCE_SECONDS)
    return Ended(process.returncode, out, err)


# ---------------------------------------------------------------- what a run leaves behind


def steps(workdir: Path) -> list[int]:
    """Steps of the checkpoints that have their final name, oldest first."""
    folder = workdir / "checkpoints"
    return sorted(int(p.name) for p in folder.glob("[0-9]*")) if folder.exists() else []


def checkpoint(workdir: Path, step: int) -> Path:
    return workdir / "checkpoints" / f"{step:09d}"


def partials(workdir: Path) -> list[Path]:
    """Whatever is half-written, in the workdir and below, some of which may vanish meanwhile."""
    return [
        Path(folder, name)
        for folder, folders, files in os.walk(workdir)
        for name in (*folders, *files)
        if name.startswith(".") and "partial" in name
    ]


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
