"""Training's part in a run of several workers: who they are, whether they fit, how they end."""

import contextlib
import dataclasses
import os
import platform
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import flags as absl_flags
from absl import logging

from ganflow import engine, workers
from ganflow.base.errors import InputError, WorkersError
from ganflow.nn import replicas
from ganflow.storage import code
from ganflow.workers import cluster

FLAGS = absl_flags.FLAGS
OWN = ("data_dir", "workdir")  # of each worker: the chief's workdir is the run's


@contextlib.contextmanager
def joined() -> Iterator[workers.Group]:
    """The workers that the flags and the environment name, met; alone where they name none.

    Raises:
      InputError: what they name cannot be understood.
      WorkersError: somebody has not come in time.
    """
    found = _slurm() if FLAGS.cluster == "slurm" else cluster.from_tf_config(os.environ)
    lost = (tf.errors.OpError,)
    with workers.joined(found, FLAGS.start_timeout_seconds, _end_at_once, lost) as group:
        yield group


def _slurm() -> workers.Cluster | None:
    try:
        addresses, index = replicas.slurm_step()
    except (RuntimeError, ValueError, KeyError, IndexError) as error:
        raise InputError(
            f"--cluster=slurm: this is no SLURM step ({error}); start it with srun"
        ) from error
    return cluster.of_addresses(addresses, index, "--cluster=slurm")


def _end_at_once(line: str) -> None:
    """Another has gone: the training may wait for it inside TensorFlow, where nothing reaches it.

    What this leaves behind is what a kill leaves: the last checkpoint, whole.
    """
    name = os.path.basename(sys.argv[0])
    logging.flush()
    print(
        f"{name}: {line}; the last checkpoint is intact: start all workers again to go on",
        file=sys.stderr,
        flush=True,
    )
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
    os._exit(WorkersError.exit_code)


def compare_flags(
    group: workers.Group, module: types.ModuleType, config: Any, options: engine.Options
) -> None:
    """Hold what decides the steps of a worker against the chief's.

    Raises:
      InputError: one has other flags, other code or another TensorFlow.
    """
    if group.size == 1:
        return
    told = {
        f"--{name}": str(value)
        for settings in (config, options)
        for name, value in dataclasses.asdict(settings).items()
        if name not in OWN
    }
    told |= {"--model": module.__name__.rpartition(".")[2], "--dry_run": str(FLAGS.dry_run)}
    told |= {"TensorFlow": tf.__version__, "Python": platform.python_version()}
    sources = code.hashes(Path(module.__file__ or "")) | code.hashes(Path(__file__))
    told |= {f"the code of {name}": sha256 for name, sha256 in sources.items()}
    group.compare(told, "start every worker with the same flags and the same code")


def agreed_signal(group: workers.Group, received: int | None) -> int:
    """Which signal has ended the run; it need not have reached every worker."""
    (number,) = group.agree(received or 0)
    return number
