"""What holds on this machine's GPUs: one command, one table.

    python benchmarks/gpu_check.py

Each line compares trainings of some steps, each in a process of its own: compiled with XLA and
not, on a GPU and on the CPU, on two GPUs and on one, in one go and resumed. Where there is no GPU
the lines say so and nothing is run; --device=CPU has the CPU play the GPU's part, which tries the
checks themselves. It ends with 1 where something does not hold.
"""

import dataclasses
import importlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from absl import app, flags

_DEVICE = flags.DEFINE_enum("device", "GPU", ["GPU", "CPU"], "What plays the GPU's part.")
_STEPS = flags.DEFINE_integer("steps", 40, "Of a training that is compared; even.", lower_bound=2)
_ONLY = flags.DEFINE_list("only", [], "Lines of the table; default: all.")
_CHILD = flags.DEFINE_string("child", "", "For the processes that it starts.")

ROOT = Path(__file__).resolve().parent.parent
TOLERANCE = 1e-3  # of float32 sums in another order, over some dozens of steps
CONVOLUTIONS = {"width": 8, "batch_size": 32}
_SPEED_WORKS = ("simple", "dcgan")


@dataclasses.dataclass(frozen=True)
class Training:
    """What a process does: some steps of a model on the bundled digits."""

    model: str
    steps: int
    changes: dict[str, Any] = dataclasses.field(default_factory=dict)  # of its config
    jit: str = "off"
    replicas: int = 1
    halves: bool = False  # save at half of the steps, and go on from the file
    gpu: bool = True
    kind: str = "weights"  # at the end; "gradients": their norms in the first step; "draws": the
    # random numbers that its steps would consume


@dataclasses.dataclass(frozen=True)
class Found:
    """What it found."""

    arrays: dict[str, np.ndarray]  # weights, their gradients' norms, or what was drawn
    about: dict[str, Any]  # devices, steps_per_second, peak_bytes


def main(_) -> int:
    if _CHILD.value:
        child(Training(**json.loads(_CHILD.value)), Path(os.environ["GPU_CHECK_OUT"]))
        return 0
    unknown = set(_ONLY.value) - set(CHECKS)
    if unknown:
        print(f"--only={','.join(sorted(unknown))}: there are {', '.join(CHECKS)}", file=sys.stderr)
        return 2
    there = devices()
    print(f"{len(there)} GPU{'s' * (len(there) != 1)}" + "".join(f"\n  {one}" for one in there))
    if _DEVICE.value == "CPU":
        print("the CPU plays the GPU's part")
    all_held = True
    for name, check in CHECKS.items():
        if _ONLY.value and name not in _ONLY.value:
            continue
        if _DEVICE.value == "GPU" and not there:
            print(f"{name:22} no GPU")
            continue
        try:
            held, text = check(there)
        except subprocess.CalledProcessError as error:
            held, text = False, (error.stderr or "").strip().rpartition("\n")[2] or str(error)
        word = {True: "holds", False: "DOES NOT HOLD", None: "-"}[held]
        print(f"{name:22} {word:14} {text}", flush=True)
        all_held &= held is not False
    return 0 if all_held else 1


# ---------------------------------------------------------------- the lines of the table


def compiled(_) -> tuple[bool, str]:
    """XLA's convolutions are those of the library, and pay.

    By every weight's gradient of the first step: Adam makes a step of the same size of the least
    gradient, so that weights say little.
    """
    on, off = (_trained("dcgan", CONVOLUTIONS, kind="gradients", jit=jit) for jit in ("on", "off"))
    rates = [each.about["steps_per_second"] for each in (on, off)]
    return _close(on, off, f"; {rates[0]:.1f} steps/s compiled, {rates[1]:.1f} without")


def streams(_) -> tuple[bool, str]:
    """A step's random numbers are a function of seed and step, on whatever device."""
    there, cpu = (_trained("wgan_gp_points", {}, gpu=gpu, kind="draws") for gpu in (True, False))
    return _close(there, cpu, " (uniform numbers; N(0, 1): their logarithms)", 1e-6)


def training(_) -> tuple[bool, str]:
    """The same weights as on the CPU, but for the order of additions."""
    return _close(_trained("simple", {}), _trained("simple", {}, gpu=False))


def replicas(there: list[str]) -> tuple[bool | None, str]:
    """Two replicas do one's work."""
    if _DEVICE.value == "GPU" and len(there) < 2:
        return None, "one GPU"
    return _close(_trained("simple", {}, replicas=2), _trained("simple", {}))


def resume(_) -> tuple[bool, str]:
    """To the bit, with TF_DETERMINISTIC_OPS=1, which every user can set."""
    whole, halves = (_trained("dcgan", CONVOLUTIONS, halves=halves) for halves in (False, True))
    return _close(whole, halves, "", 0.0)


def memory(_) -> tuple[None, str]:
    """Of the paper's DCGAN, batches of 128."""
    peak = _trained("dcgan", {}).about["peak_bytes"]
    return None, f"{peak / 2**20:,.0f} MiB at most" if peak else "not told by a CPU"


def speed(_) -> tuple[None, str]:
    """The loop of bin/train.py, and PyTorch's, by turns."""
    texts = []
    for work in _SPEED_WORKS:
        rates = {who: _rate(who, work) for who in ("ours", "torch")}
        if rates["torch"] is None:
            texts.append(f"{work}: {rates['ours']:.0f} steps/s, PyTorch is not installed")
        else:
            ratio = rates["ours"] / rates["torch"]
            texts.append(f"{work}: {rates['ours']:.0f} steps/s, {ratio:.2f} of PyTorch's")
    return None, "; ".join(texts)


CHECKS: dict[str, Callable[[list[str]], tuple[bool | None, str]]] = {
    "compiled convolutions": compiled,
    "streams as the CPU's": streams,
    "weights as the CPU's": training,
    "replicas as one": replicas,
    "resume to the bit": resume,
    "memory": memory,
    "speed": speed,
}


def _close(a: Found, b: Found, more: str = "", tolerance: float = TOLERANCE) -> tuple[bool, str]:
    """Whether all arrays are the same, as shares of each array's largest number."""
    if a.arrays.keys() != b.arrays.keys():
        return False, "other arrays"
    away = 0.0
    for name, one in a.arrays.items():
        largest = max(float(np.abs(one).max(initial=0)), 1e-12)
        away = max(away, float(np.abs(one - b.arrays[name]).max(initial=0)) / largest)
    return away <= tolerance, f"{away:.1e} apart, at most {tolerance:.0e}{more}"


# ---------------------------------------------------------------- processes


def devices() -> list[str]:
    """The GPUs, as TensorFlow names them; asked in a process that leaves them alone afterwards."""
    asked = (
        "import ganflow.base.quiet, json, tensorflow as tf\n"
        "print(json.dumps([str(tf.config.experimental.get_device_details(gpu)) "
        "for gpu in tf.config.list_physical_devices('GPU')]))"
    )
    command = [sys.executable, "-c", asked]
    ended = subprocess.run(command, env=_environment(True), capture_output=True, check=True)
    return json.loads(ended.stdout)


def _trained(model: str, changes: dict[str, Any], **how) -> Found:
    asked = Training(model, _STEPS.value, changes, **how)
    with tempfile.TemporaryDirectory(prefix="ganflow-gpu-check-") as folder:
        command = [sys.executable, __file__, f"--child={json.dumps(dataclasses.asdict(asked))}"]
        command.append(f"--device={_DEVICE.value}")
        environment = _environment(asked.gpu) | {"GPU_CHECK_OUT": folder}
        subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
        with np.load(Path(folder, "arrays.npz")) as arrays:
            about = json.loads(Path(folder, "about.json").read_text())
            return Found(dict(arrays), about)


def _environment(gpu: bool) -> dict[str, str]:
    hidden = {} if gpu and _DEVICE.value == "GPU" else {"CUDA_VISIBLE_DEVICES": "-1"}
    path = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    return os.environ | hidden | {"PYTHONPATH": path, "TF_DETERMINISTIC_OPS": "1"}


def _rate(who: str, work: str) -> float | None:
    """Steps a second over three segments of some seconds; None where the library is missing."""
    command = [sys.executable, "-m", "benchmarks.worker", f"--contender={who}", f"--work={work}"]
    environment = _environment(True) | {"TF_DETERMINISTIC_OPS": "0"}
    asked = "go 4s\n" * 3
    ended = subprocess.run(
        command, cwd=ROOT, env=environment, input=asked, capture_output=True, text=True, check=True
    )
    first, *segments = map(json.loads, ended.stdout.splitlines())
    if "missing" in first:
        return None
    return statistics.median(one["steps"] / one["seconds"] for one in segments)


def child(asked: Training, folder: Path) -> None:
    """Do it; leave arrays.npz and about.json."""
    importlib.import_module("ganflow.base.quiet")  # before anything that imports TensorFlow
    import tensorflow as tf

    from ganflow import data, engine, models
    from ganflow.interface import gans
    from ganflow.nn import draws

    # Rounded to 10 bits of mantissa, products on newer GPUs are not those of any CPU.
    tf.config.experimental.enable_tensor_float_32_execution(False)
    module = models.load(asked.model)
    name = module.Config().dataset if asked.kind == "draws" else "digits"
    config = dataclasses.replace(
        module.Config(), dataset=name, steps=asked.steps, summary_every=asked.steps, **asked.changes
    )
    gpus = tf.config.list_physical_devices("GPU")
    options = engine.Options(
        workdir=str(folder / "W"), jit=asked.jit, num_replicas=asked.replicas, checkpoint_every=0
    )
    dataset = data.load(name, None)
    run = engine.Run(module, config, options, dataset)
    run.resume()
    if asked.kind == "draws":
        inputs = run.schedule.phases[0].inputs
        arrays = {
            key: draws.random(one, key, 0, 0, 3, config.batch_size).numpy()  # of three steps
            for key, one in inputs.items()
            if isinstance(one, draws.Random)
        }
        about: dict[str, Any] = {}
    else:
        if asked.halves:
            run.train(asked.steps // 2)
            run = engine.Run(module, config, options, dataset)
            run.resume()
        norms = run.advance(1)  # traced and compiled; the rest is timed
        first, started = int(run.step), time.perf_counter()
        run.train(asked.steps)
        seconds = time.perf_counter() - started
        if asked.kind == "gradients":
            arrays = {f"{update} {key}": np.array(norm) for (update, key), norm in norms.items()}
        else:
            arrays = {key: v.numpy() for key, v in gans.named_weights(run.gan)}
        peak = tf.config.experimental.get_memory_info("GPU:0")["peak"] if gpus else 0
        rate = (asked.steps - first) / seconds
        about = {"steps_per_second": rate, "peak_bytes": peak}
    np.savez(folder / "arrays.npz", **arrays)
    (folder / "about.json").write_text(json.dumps(about))


if __name__ == "__main__":
    app.run(main)
