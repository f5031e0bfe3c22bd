"""What every model can be asked, whichever it is."""

import types
from collections.abc import Iterable, Mapping

import numpy as np
import tensorflow as tf

from ganflow.base.errors import InputError
from ganflow.interface.fields import Fields
from ganflow.interface.sampler import Given, Sampler
from ganflow.nn import draws, layers
from ganflow.nn.layers import LayerRow
from ganflow.nn.optimizers import Optimizer


def build(module: types.ModuleType, config, fields: Fields, seed: int) -> tf.Module:
    """The model, its weights drawn from `seed`.

    Raises:
      InputError: the model cannot train on such data.
    """
    try:
        return module.Gan(config, fields, np.random.default_rng(seed))
    except ValueError as error:
        name = module.__name__.rpartition(".")[2]
        raise InputError(f"--dataset={config.dataset}: {name} {error}") from error


def given(
    sampler: Sampler,
    seed: int,
    count: int,
    stream: str = "samples",
    fields: Mapping[str, tf.Tensor] | None = None,
) -> Given:
    """What `sampler.generate` is given, `count` of each: never trained on, the same every time.

    Args:
      sampler: of the model.
      seed: of the random ones; number i depends on the seed, the stream and i alone.
      count: how many.
      stream: a name; two streams of one seed are independent.
      fields: real examples [count, ...] by field, where the sampler is given any.
    """
    return {
        name: draws.random(draw, f"{stream}/{name}", seed, 0, 1, count)[0]
        if isinstance(draw, draws.Random)
        else draw.of(fields[draw.field])
        for name, draw in sampler.given.items()
    }


def given_with(sampler: Sampler, fields: Mapping[str, tf.Tensor]) -> Given:
    """What `sampler.score` is given with real examples: those fields of `given` they have."""
    return {name: fields[name] for name in sampler.given if name in fields}


# ---------------------------------------------------------------- weights by name


def named_weights(gan: tf.Module) -> list[tuple[str, tf.Variable]]:
    """Every weight of every network as (network/weight, variable).

    One that two networks share is listed once, under the first of them.
    """
    names = weight_names(gan)
    found = {id(v): v for weights in gan.networks.values() for v in weights.values()}
    return [(name, found[key]) for key, name in names.items()]


def weight_names(gan: tf.Module) -> dict[int, str]:
    """{id of the variable: "generator/w_0"}, a shared one under its first network."""
    names: dict[int, str] = {}
    for network, weights in gan.networks.items():
        for name, variable in weights.items():
            names.setdefault(id(variable), f"{network}/{name}")
    return names


def named_optimizers(gan: tf.Module) -> dict[str, Optimizer]:
    """The Gan's optimizers by the attributes that hold them, without "_optimizer": "d", "g"."""
    found = {}
    public = {key: value for key, value in vars(gan).items() if not key.startswith("_")}
    for attribute, value in public.items():
        name = attribute.removesuffix("_optimizer")
        if name.startswith("_"):  # TensorFlow keeps the same objects there for itself
            continue
        if isinstance(value, Optimizer):
            found[name] = value
        elif isinstance(value, list | tuple | dict):
            items = value.items() if isinstance(value, dict) else enumerate(value)
            found |= {f"{name}_{k}": v for k, v in items if isinstance(v, Optimizer)}
    return found


def named_slots(gan: tf.Module) -> dict[str, tf.Variable]:
    """What the optimizers keep of each weight: {"optimizer/g/adam_m/w_0000": variable}."""
    return {
        f"optimizer/{name}/{slot}/{weight}": variable
        for name, optimizer in named_optimizers(gan).items()
        for slot, of_weights in vars(optimizer).items()
        if isinstance(of_weights, dict) and not slot.startswith("_")
        for weight, variable in of_weights.items()
    }


def sampled_weights(gan: tf.Module, fields: Fields) -> list[tuple[str, tf.Variable]]:
    """The trained weights that the samplers' `generate` reads, as of `named_weights`: G's.

    They are found by running each once, so no network has to be called "generator".
    """
    rows: list[LayerRow] = []
    for sampler in gan.samplers():
        with layers.recorded_layers() as ran:
            sampler.generate(blank(sampler, fields))
        rows += ran
    used = {id(v) for row in rows for v in row.variables if v.trainable}
    return [(name, v) for name, v in named_weights(gan) if id(v) in used]


def blank(sampler: Sampler, fields: Fields, count: int = 1) -> Given:
    """Zeros of the shapes that `generate` is given, to see what it does."""
    made = {}
    for name, draw in sampler.given.items():
        if isinstance(draw, draws.Real):
            dtype = tf.int32 if draw.field in fields.classes else tf.float32
            made[name] = draw.of(tf.zeros([count, *fields.shape(draw.field)], dtype))
        else:
            dtype = tf.int32 if isinstance(draw, draws.Classes) else tf.float32
            made[name] = tf.zeros([count, *draw.shape], dtype)
    return made


# ---------------------------------------------------------------- layers that ran


def layers_by_network(gan: tf.Module, rows: Iterable[LayerRow]) -> dict[str, list[LayerRow]]:
    """Recorded layers, each given to the network whose weights ran there; in their order.

    A layer without weights belongs to the network before it; in front of the first weights, to
    that one after it. A shared weight belongs to the network under way, if that one has it.
    """
    members = {name: {id(v) for v in weights.values()} for name, weights in gan.networks.items()}
    found: dict[str, list[LayerRow]] = {}
    current, waiting = None, []
    for row in rows:
        used = {id(v) for v in row.variables}
        if used and not (current and used <= members[current]):
            current = next((name for name, ids in members.items() if used <= ids), current)
        if current is None:
            waiting.append(row)
            continue
        found.setdefault(current, []).extend([*waiting, row])
        waiting = []
    return found


def named_outputs(gan: tf.Module, rows: Iterable[LayerRow]) -> dict[str, tf.Tensor]:
    """{"generator/relu_3": output}, a network's layers numbered in the order in which they ran."""
    return {
        f"{network}/{row.kind}_{i}": row.output
        for network, ran in layers_by_network(gan, rows).items()
        for i, row in enumerate(ran)
    }


def activations(
    gan: tf.Module, sampler: Sampler, given: Given, real: tf.Tensor, real_given: Given
) -> dict[str, tf.Tensor]:
    """What every layer gives: G's on what is given, D's on real examples."""
    with layers.recorded_layers() as of_g:
        sampler.generate(given)
    outputs = named_outputs(gan, of_g)
    if sampler.score is not None:
        with layers.recorded_layers() as of_d:
            sampler.score(real, real_given)
        outputs |= named_outputs(gan, of_d)
    return outputs
