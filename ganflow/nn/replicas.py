"""One replica or several: every call to `tf.distribute` stands here.

The engine draws the global batch once, whatever the number of replicas; each replica then takes
its own slice. So N replicas do the same work as one, and differ only in the order of additions.
"""

import os
from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ganflow.base.errors import InputError
from ganflow.workers.cluster import Cluster


def make_strategy(num_replicas: int, cluster: Cluster | None = None) -> tf.distribute.Strategy:
    """A strategy for that many GPUs or, on a machine without any, logical CPU devices.

    Args:
      num_replicas: of this process; 0 means all GPUs, or one replica where there is none.
      cluster: the workers of which this process is one; all of them have to call this at once,
        before TensorFlow has run any operation.

    Raises:
      InputError: more replicas than GPUs, or TensorFlow has already fixed its CPU devices.
    """
    gpus = tf.config.list_physical_devices("GPU")
    num_replicas = num_replicas or max(1, len(gpus))
    if gpus and num_replicas > len(gpus):
        raise InputError(
            f"--num_replicas={num_replicas}: this machine has {len(gpus)} GPUs; give at most that"
        )
    if cluster is not None:
        return _of_workers(num_replicas, cluster, gpus)
    if num_replicas == 1:
        return tf.distribute.get_strategy()  # the default one: no wrapper around anything
    if gpus:
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(num_replicas)])
    make_logical_cpus(num_replicas)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(num_replicas)])


def _of_workers(num_replicas: int, cluster: Cluster, gpus: list) -> tf.distribute.Strategy:
    if gpus:
        tf.config.set_visible_devices(gpus[:num_replicas], "GPU")
    elif num_replicas > 1:
        raise InputError(
            f"--num_replicas={num_replicas}: of several workers each has one replica on a CPU; "
            "start more workers"
        )
    communication = tf.distribute.experimental.CommunicationImplementation
    implementation = communication.NCCL if gpus else communication.RING
    return tf.distribute.MultiWorkerMirroredStrategy(
        tf.distribute.cluster_resolver.SimpleClusterResolver(
            tf.train.ClusterSpec({"worker": list(cluster.addresses)}),
            task_type="worker",
            task_id=cluster.index,
            rpc_layer="grpc",
        ),
        tf.distribute.experimental.CommunicationOptions(implementation=implementation),
    )


def slurm_step() -> tuple[list[str], int]:
    """The addresses of a SLURM step's tasks, and which of them this process is.

    Raises:
      RuntimeError, ValueError, KeyError: this is no SLURM step, or it cannot be understood.
    """
    tasks = int(os.environ["SLURM_STEP_NUM_TASKS"])
    # Left alone, it asks nvidia-smi, and without GPUs it finds no task: each has one in its view.
    resolver = tf.distribute.cluster_resolver.SlurmClusterResolver(
        gpus_per_node=tasks, gpus_per_task=1, auto_set_gpu=False
    )
    return resolver.cluster_spec().as_dict()["worker"], int(os.environ["SLURM_PROCID"])


def make_logical_cpus(count: int) -> None:
    """Split the CPU into `count` logical devices, before TensorFlow has run any operation."""
    (cpu,) = tf.config.list_physical_devices("CPU")
    configuration = tf.config.get_logical_device_configuration(cpu) or []
    if len(configuration) >= count:
        return
    try:
        tf.config.set_logical_device_configuration(
            cpu, [tf.config.LogicalDeviceConfiguration() for _ in range(count)]
        )
    except RuntimeError as error:
        raise InputError(
            f"--num_replicas={count}: TensorFlow already runs with fewer CPU devices; "
            "start a new process"
        ) from error


def refuse_several(what: str) -> None:
    """For a model with state that cannot be split over replicas; call it where that is made.

    Raises:
      ValueError: several replicas are about to hold it.
    """
    if tf.distribute.get_strategy().num_replicas_in_sync > 1:
        raise ValueError(f"trains on one replica, for {what}; give --num_replicas=1")


def run(strategy: tf.distribute.Strategy, step: Callable, batch: dict) -> Any:
    """Run `step` in every replica on its slice of the batch; return the mean of what they return.

    Args:
      strategy: from `make_strategy`.
      step: from a batch to float tensors, in any structure.
      batch: by name, a tensor [n, ...] or a list of such.
    """
    replicas = strategy.num_replicas_in_sync
    if replicas == 1:
        return step(batch)

    structures: list[Any] = []  # of what each replica's step gives; they are alike

    def on_replica(batch):
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        found = step(tf.nest.map_structure(lambda value: _slice(value, index, replicas), batch))
        structures.append(tf.nest.map_structure(lambda v: tf.TensorSpec(v.shape, v.dtype), found))
        return _packed(found)

    packed = strategy.run(on_replica, args=(batch,))
    mean = strategy.reduce(tf.distribute.ReduceOp.MEAN, packed, axis=None)
    (structure,) = structures[:1]
    return _unpacked(mean, structure)


def _packed(values: Any) -> tf.Tensor:
    """All numbers of a structure of float tensors in one row: one exchange, whatever there is."""
    return tf.concat([tf.reshape(value, [-1]) for value in tf.nest.flatten(values)], 0)


def _unpacked(row: tf.Tensor, like: Any) -> Any:
    """The structure again."""
    shapes = [value.shape for value in tf.nest.flatten(like)]
    parts = tf.split(row, [shape.num_elements() for shape in shapes])
    parts = [tf.reshape(part, shape) for part, shape in zip(parts, shapes, strict=True)]
    return tf.nest.pack_sequence_as(like, parts)


def _slice(value, index, replicas):
    share = value.shape[0] // replicas
    return value[index * share : (index + 1) * share]


def count() -> int:
    """How many replicas run the step that calls this."""
    return tf.distribute.get_replica_context().num_replicas_in_sync


def mean(value: tf.Tensor) -> tf.Tensor:
    """The mean of the replicas' values, inside a step; gradients flow through it."""
    if count() == 1:
        return value
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, value)


def mean_gradients(gradients: list[tf.Tensor]) -> list[tf.Tensor]:
    """Gradients averaged over the replicas: a mean over shares becomes one over the batch."""
    if count() == 1:
        return gradients
    return tf.distribute.get_replica_context().all_reduce(tf.distribute.ReduceOp.MEAN, gradients)


def local(variable: tf.Variable) -> tf.Variable:
    """This replica's own copy of a variable, to read and to assign inside a step.

    Whoever assigns to it must assign the same in every replica: nothing else keeps the copies
    alike. It is what makes an update of averaged gradients free of any further exchange.
    """
    context = tf.distribute.get_replica_context()
    if context is None or context.num_replicas_in_sync == 1:
        return variable
    # This worker's alone, and each worker has as many.
    copies = context.strategy.experimental_local_results(variable)
    return copies[int(tf.get_static_value(context.replica_id_in_sync_group)) % len(copies)]


def value_of(variable: tf.Variable) -> tf.Tensor:
    """A variable's value in the first replica."""
    return tf.convert_to_tensor(variable)
