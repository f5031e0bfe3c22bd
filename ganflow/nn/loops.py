"""Doing the same many times within a step."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import tensorflow as tf

from ganflow.nn import layers, optimizers, replicas

Found = TypeVar("Found")


def for_each(update: Callable[..., Found], *lists: Sequence[tf.Tensor]) -> Found:
    """update(*items) for the entries of some lists, place by place; returns what the last gives.

    A hundred updates written out make a graph that takes minutes to trace and compile. So all but
    the last become one loop of the graph. The last stands behind it, where what it gives, its
    layers and its gradients can be read; those of the loop are recorded for nobody. (TensorFlow's
    replicas cannot meet inside a loop: there, and op by op, everything is written out.)

    Args:
      update: it moves variables.
      lists: of one length; the tensors of a list are of one shape.
    """
    *before, last = zip(*lists, strict=True)
    if len(before) > 1 and replicas.count() == 1 and tf.inside_function():
        stacked = [tf.stack(entries) for entries in zip(*before, strict=True)]

        def one(place):
            with layers.recorded_layers(), optimizers.recorded_updates():  # for nobody
                update(*(entries[place] for entries in stacked))
            return (place + 1,)

        tf.while_loop(lambda i: i < len(before), one, (tf.constant(0),), parallel_iterations=1)
    else:
        for items in before:
            update(*items)
    return update(*last)
