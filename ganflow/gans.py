"""What every model can be asked, whichever it is."""

import types

import numpy as np
import tensorflow as tf

from ganflow import draws, layers
from ganflow.errors import InputError


def build(module: types.ModuleType, config, x_shape: tuple[int, ...], seed: int) -> tf.Module:
    """The model, its weights drawn from `seed`.

    Raises:
      InputError: the model cannot train on examples of this shape.
    """
    try:
        return module.Gan(config, tuple(x_shape), np.random.default_rng(seed))
    except ValueError as error:
        raise InputError(f"--dataset={config.dataset}: {error}") from error


def latent(gan: tf.Module, seed: int, count: int, stream: str = "samples") -> tf.Tensor:
    """`count` z's of a stream of their own: the same at every summary, and never trained on."""
    return draws.random(gan.latent(), stream, seed, 0, 1, count)[0]


def named_weights(gan: tf.Module) -> list[tuple[str, tf.Variable]]:
    """Every weight of every network as (network/weight, variable)."""
    return [
        (f"{network}/{name}", variable)
        for network, (weights, _) in gan.networks().items()
        for name, variable in weights.items()
    ]


def names_of_trained(gan: tf.Module, gradient_list: str) -> list[str]:
    """Weights behind "d_gradient_real", say: those of `gan.d_variables`, in their order."""
    names = {id(v): name for name, v in named_weights(gan)}
    network = gradient_list.partition("_gradient")[0]
    return [names[id(v)] for v in getattr(gan, f"{network}_variables")]


def activations(gan: tf.Module, z: tf.Tensor, x: tf.Tensor) -> dict[str, np.ndarray]:
    """What every layer gives: G's on z, D's on real examples.

    Returns:
      "generator/relu_3" -> [n, ...], the layers of a network numbered in the order they run.
    """
    with layers.recorded_layers() as of_g:
        gan.sample(z)
    with layers.recorded_layers() as of_d:
        gan.score(x)
    networks = zip(gan.networks(), (of_g, of_d), strict=False)
    return {
        f"{network}/{row.kind}_{i}": row.output.numpy()
        for network, rows in networks
        for i, row in enumerate(rows)
    }
