"""The table of what holds on GPUs: a line says where there is none; a CPU can play the part."""

import os
import subprocess
import sys

import pytest

from tests import processes

LINES = (
    *("compiled convolutions", "streams as the CPU's", "weights as the CPU's", "replicas as one"),
    *("resume to the bit", "memory", "speed"),
)


def checked(*words: str) -> subprocess.CompletedProcess:
    command = [sys.executable, str(processes.ROOT / "benchmarks" / "gpu_check.py"), *words]
    environment = os.environ | {"CUDA_VISIBLE_DEVICES": "-1"}
    return subprocess.run(command, capture_output=True, text=True, env=environment)


@pytest.mark.slow
def test_without_a_gpu_every_line_says_so():
    ended = checked()
    first, *lines = ended.stdout.splitlines()
    assert ended.returncode == 0 and first == "0 GPUs", ended.stderr
    assert lines == [f"{name:22} no GPU" for name in LINES]


@pytest.mark.slow
def test_the_checks_themselves_pass_where_a_cpu_plays_the_part_and_a_wrong_line_is_named():
    ended = checked("--device=CPU", "--steps=6", "--only=weights as the CPU's,replicas as one")
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout.count(" holds ") == 2
    ended = checked("--only=resum")
    assert ended.returncode == 2 and "there are compiled convolutions" in ended.stderr
