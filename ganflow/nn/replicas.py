"""One replica or several: every call to `tf.distribute` stands here.

The engine draws the global batch once, whatever the number of replicas; each replica then takes
its own slice. So N replicas do the same work as one, and differ only in the order of additions.
"""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from ganflow.base.errors import InputError


def make_strategy(num_replicas: int) -> tf.distribute.Strategy:
    """A strategy for that many GPUs or, on a machine without any, logical CPU devices.

    Args:
      num_replicas: 0 means all GPUs, or one replica where there is none.

    Raises:
      InputError: more replicas than GPUs, or TensorFlow has already fixed its CPU devices.
    """
    gpus = tf.config.list_physical_devices("GPU")
    num_replicas = num_replicas or max(1, len(gpus))
    if gpus and num_replicas > len(gpus):
        raise InputError(
            f"--num_replicas={num_replicas}: this machine has {len(gpus)} GPUs; give at most that"
        )
    if num_replicas == 1:
        return tf.distribute.get_strategy()  # the default one: no wrapper around anything
    if gpus:
        return tf.distribute.MirroredStrategy([f"GPU:{i}" for i in range(num_replicas)])
    make_logical_cpus(num_replicas)
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(num_replicas)])


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

    def on_replica(batch):
        index = tf.distribute.get_replica_context().replica_id_in_sync_group
        return step(tf.nest.map_structure(lambda value: _slice(value, index, replicas), batch))

    results = strategy.run(on_replica, args=(batch,))
    mean = tf.distribute.ReduceOp.MEAN
    return tf.nest.map_structure(lambda value: strategy.reduce(mean, value, axis=None), results)


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
    copies = context.strategy.experimental_local_results(variable)
    return copies[int(tf.get_static_value(context.replica_id_in_sync_group))]


def value_of(variable: tf.Variable) -> tf.Tensor:
    """A variable's value in the first replica."""
    return tf.convert_to_tensor(variable)
