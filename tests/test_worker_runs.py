"""Trainings of two workers on loopback: what they make, and how they end."""

import dataclasses
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import processes
import pytest
from processes import Process

from ganflow.workers import cluster, launching

CIRCLE = ("--model=circle", "--summary_every=20", "--steps=40")
ENDS_WITHIN_SECONDS = 30
TOLERANCE = {"rtol": 1e-4, "atol": 1e-5}


@dataclasses.dataclass
class Pair:
    """The chief and another worker."""

    chief: Process
    other: Process

    def wait_for_step(self, step: int) -> None:
        """Wait until the chief has told of a step."""
        assert self.chief.wait_until(lambda: f"step {step} of" in self.chief.err()), self.end()

    def parted(self, victim: str) -> tuple[Process, Process]:
        """(The victim, "chief" or "other", and the one that is left)."""
        return (self.chief, self.other) if victim == "chief" else (self.other, self.chief)

    def end(self) -> list[processes.Ended]:
        return [self.chief.end(), self.other.end()]


def start(workdir, *flags: str, other: tuple[str, ...] = ()) -> Pair:
    """Two workers of one training; `other` are more flags of the second."""
    addresses = launching.free_addresses(2)
    made = []
    for index, more in enumerate(((), other)):
        own = f"--workdir={workdir}" if index == 0 else f"--workdir={workdir}-other"
        config = {"TF_CONFIG": cluster.as_tf_config(addresses, index)}
        made.append(Process("train.py", *flags, own, *more, environment=config))
    return Pair(*made)


def assert_close(a, b) -> None:
    """The newest checkpoints are of one step and equal to float tolerance."""
    assert processes.steps(a)[-1] == processes.steps(b)[-1]
    left, right = processes.tensors(a), processes.tensors(b)
    assert left.keys() == right.keys()
    for name, value in left.items():
        np.testing.assert_allclose(value, right[name], err_msg=name, **TOLERANCE)


def test_two_workers_make_what_one_process_makes(tmp_path):
    two, one = tmp_path / "two", tmp_path / "one"
    ends = start(two, *CIRCLE).end()
    assert [end.code for end in ends] == [0, 0], ends
    assert "2 replica(s) on 2 workers" in ends[0].err and ends[1].out == ""
    assert not (tmp_path / "two-other").exists()  # the chief alone writes
    assert processes.run("train.py", *CIRCLE, f"--workdir={one}").code == 0
    assert_close(one, two)
    rows = zip(processes.metrics(one), processes.metrics(two), strict=True)
    for a, b in rows:
        assert a["step"] == b["step"]
        assert a.get("g_loss", 0.0) == pytest.approx(b.get("g_loss", 0.0), rel=1e-4)


@pytest.mark.parametrize(
    ("other", "told"),
    [
        ("--seed=1", r"has --seed=1 (the chief's is 0); start every worker"),
        ("--dataset=gaussians_8", r"has --dataset=gaussians_8 (the chief's is circle); start"),
    ],
)
def test_another_flag_is_refused_by_both(tmp_path, other, told):
    for end in start(tmp_path / "run", *CIRCLE, other=(other,)).end():
        assert told in end.error(2)
    assert not (tmp_path / "run").exists()


def test_other_data_are_refused_by_both(tmp_path):
    for name in ("a", "b"):
        points = np.random.default_rng(ord(name)).standard_normal([300, 2]).astype(np.float32)
        np.save(tmp_path / f"{name}.npy", points)
    flags = (*CIRCLE, "--dataset=npy", f"--data_dir={tmp_path}/a.npy")
    pair = start(tmp_path / "run", *flags, other=(f"--data_dir={tmp_path}/b.npy",))
    for end in pair.end():
        assert "has data of SHA-256=" in end.error(2)


def test_a_missing_worker_is_named(tmp_path):
    addresses = launching.free_addresses(2)
    for index, name in ((0, "worker 1"), (1, "worker 0, the chief")):
        config = {"TF_CONFIG": cluster.as_tf_config(addresses, index)}
        flags = (*CIRCLE, f"--workdir={tmp_path / 'run'}", "--start_timeout_seconds=1")
        line = Process("train.py", *flags, environment=config).end().error(6)
        assert f"{name} ({addresses[1 - index]}) is missing" in line


def test_what_is_wrong_with_the_cluster_is_a_line(tmp_path):
    for environment, flag, told in (
        ({"TF_CONFIG": "{"}, "--cluster=tf_config", "TF_CONFIG: cannot be understood"),
        ({}, "--cluster=slurm", "--cluster=slurm: this is no SLURM step"),
    ):
        process = Process("train.py", *CIRCLE, flag, environment=environment)
        assert told in process.end().error(2)


def test_several_replicas_of_a_worker_are_refused_on_cpus(tmp_path):
    flags = (*CIRCLE, "--num_replicas=2", f"--workdir={tmp_path / 'run'}")
    for end in start(tmp_path / "run", *flags).end():
        assert "--num_replicas=2: of several workers each has one replica" in end.error(2)


# ---------------------------------------------------------------- slow: ends of all kinds

LONG = ("--model=circle", "--summary_every=50", "--checkpoint_every=50", "--steps=400")


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory):
    folder = tmp_path_factory.mktemp("whole") / "run"
    assert [end.code for end in start(folder, *LONG).end()] == [0, 0]
    return folder


@pytest.mark.slow
def test_a_run_goes_on_with_another_number_of_workers(tmp_path, uninterrupted):
    one, two, more = tmp_path / "one", tmp_path / "two", ("--steps=450",)
    shutil.copytree(uninterrupted, one)
    shutil.copytree(uninterrupted, two)
    assert processes.run("train.py", *LONG, *more, f"--workdir={one}").code == 0
    assert [end.code for end in start(two, *LONG, *more).end()] == [0, 0]  # the other has nothing
    assert processes.steps(two)[-1] == 450
    assert_close(one, two)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["chief", "other"])
def test_a_killed_worker_ends_the_other_and_the_command_goes_on(tmp_path, victim, uninterrupted):
    pair = start(tmp_path / "run", *LONG)
    pair.wait_for_step(200)
    killed, left = pair.parted(victim)
    killed.send(signal.SIGKILL)
    since = time.monotonic()
    end = left.end()
    assert time.monotonic() - since < ENDS_WITHIN_SECONDS
    assert end.code == 6, end.err
    name = "worker 0, the chief" if victim == "chief" else "worker 1"
    assert f"train.py: {name} (127.0.0.1:" in end.err and ") has gone; the last" in end.err
    assert killed.end().code == -signal.SIGKILL

    assert [end.code for end in start(tmp_path / "run", *LONG).end()] == [0, 0]
    processes.assert_same_run(tmp_path / "run", uninterrupted)


@pytest.mark.slow
@pytest.mark.parametrize("victim", ["chief", "other"])
def test_a_worker_that_is_stopped_ends_the_other(tmp_path, victim):
    pair = start(tmp_path / "run", *LONG)
    pair.wait_for_step(100)
    stopped, left = pair.parted(victim)
    stopped.send(signal.SIGSTOP)
    since = time.monotonic()
    end = left.end()
    stopped.send(signal.SIGCONT)
    assert time.monotonic() - since < ENDS_WITHIN_SECONDS
    assert end.code == 6 and "has not been heard of for" in end.err, end.err
    assert stopped.end().code == 6  # it finds that the other has gone


@pytest.mark.slow
def test_a_signal_to_one_worker_saves_once_and_ends_both(tmp_path, uninterrupted):
    pair = start(tmp_path / "run", *LONG)
    pair.wait_for_step(100)
    pair.other.send(signal.SIGTERM)
    ends = pair.end()
    assert [end.code for end in ends] == [143, 143], ends
    assert "stopped at step" in ends[0].out and ends[1].out == ""
    assert [end.code for end in start(tmp_path / "run", *LONG).end()] == [0, 0]
    processes.assert_same_run(tmp_path / "run", uninterrupted)


@pytest.mark.slow
def test_what_is_not_finite_ends_both_alike(tmp_path):
    flags = (*LONG, "--d_learning_rate=1e30", "--g_learning_rate=1e30")
    ends = start(tmp_path / "run", *flags).end()
    assert [end.code for end in ends] == [3, 3], ends
    first, second = (end.err.splitlines()[-1] for end in ends)
    assert first == second and "not finite" in first


DIGITS = ("--dataset=digits", "--batch_size=16", "--jit=off")


@pytest.mark.slow
def test_four_hundred_steps_through_the_launcher(tmp_path):
    """Two workers have two replicas' weights, and one process's as far as floats allow."""
    flags = ("--model=simple", *DIGITS, "--steps=400", "--summary_every=200")
    for name, more in (("one", ()), ("replicas", ("--num_replicas=2",))):
        ended = processes.run("train.py", *flags, *more, f"--workdir={tmp_path / name}")
        assert ended.code == 0, ended.err
    train = ("bin/train.py", *flags, f"--workdir={tmp_path / 'two'}")
    ended = processes.run_afresh("launch.py", "--workers=2", "--", *train)
    assert ended.code == 0, ended.err
    assert_close(tmp_path / "two", tmp_path / "replicas")
    one, two = (processes.tensors(tmp_path / name) for name in ("one", "two"))
    for name in [name for name in one if "/w_" in name and "optimizer" not in name]:
        apart = np.linalg.norm(one[name] - two[name]) / np.linalg.norm(one[name])
        assert 0 < apart < 0.01, name


@pytest.mark.slow
def test_a_signal_to_the_launcher_saves_once(tmp_path):
    train = ("bin/train.py", *LONG, f"--workdir={tmp_path}", "--steps=100000")
    process = processes.start_afresh("launch.py", "--workers=2", "--", *train)
    assert any("step 50 of" in line for line in process.stderr)
    process.send_signal(signal.SIGTERM)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 143
    assert out.count("stopped at step") == 1 and "go on with, on every worker: " in out


@pytest.mark.slow
def test_gradients_are_reduced_in_one_piece_an_update(tmp_path):
    """simple's D and G, and one more for the scalars: whatever the number of weights."""
    ended = subprocess.run(
        [sys.executable, str(processes.ROOT / "benchmarks" / "workers.py"), "--seconds=.1"],
        capture_output=True,
        text=True,
    )
    assert " 3 reductions, " in ended.stdout, ended.stderr


@pytest.mark.slow
@pytest.mark.parametrize(
    ("flags", "steps"),
    [
        (("--model=dense_batch_norm", "--block_steps=3"), 10),
        (("--model=dcgan", "--width=8", "--ema=.9"), 6),
        (("--model=began",), 2),
    ],
    ids=lambda value: str(value),
)
def test_models_of_every_kind_make_what_one_process_makes(tmp_path, flags, steps):
    """Batch norm over all workers, phases; convolutions and an average; state."""
    two, one = tmp_path / "two", tmp_path / "one"
    every = (*flags, *DIGITS, f"--steps={steps}")
    assert [end.code for end in start(two, *every).end()] == [0, 0]
    assert processes.run("train.py", *every, f"--workdir={one}").code == 0
    assert_close(one, two)


@pytest.mark.slow
def test_a_model_that_cannot_be_split_is_refused_by_all(tmp_path):
    flags = (
        "--model=cyclegan",
        "--dataset=digits_negative",
        "--batch_size=2",
        f"--workdir={tmp_path / 'run'}",
    )
    for end in start(tmp_path / "run", *flags).end():
        assert "trains on one replica, for its pools" in end.error(2)
