"""`bin/describe.py`: networks as tables, as the documents print them, read from what ran."""

import tensorflow as tf

from ganflow.base import tables
from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.nn import layers
from ganflow.nn.layers import LayerRow

_TITLES = ("Layer", "Output shape", "Parameters", "Weights")


def table(gan: tf.Module, fields: Fields) -> str:
    """Every network of a model: its layers as they run, shapes, parameters, weights; then all.

    Args:
      gan: the model.
      fields: those it was built with.
    """
    ran = layers_that_run(gan, fields)
    parts = [_network(gan, name, ran.get(name, [])) for name in gan.networks]
    return "\n\n".join([*parts, _combined(gan, ran)])


def parameters(weights: layers.Weights) -> int:
    """Numbers in all weights of a network."""
    return sum(v.shape.num_elements() for v in weights.values())


def layers_that_run(gan: tf.Module, fields: Fields) -> dict[str, list[LayerRow]]:
    """The layers of each network, from the first sampler that runs it.

    What no sampler runs, neither to generate nor to score, is not in it.
    """
    found: dict[str, list[LayerRow]] = {}
    for sampler in gan.samplers():
        given = gans.blank(sampler, fields)
        with layers.recorded_layers() as of_generate:
            x = sampler.generate(given)
        runs = [of_generate]
        if sampler.score is not None:
            with layers.recorded_layers() as of_score:
                sampler.score(x, given)
            runs.append(of_score)
        for rows in runs:
            for name, of_network in gans.layers_by_network(gan, rows).items():
                found.setdefault(name, _once(of_network))
    return found


def _once(rows: list[LayerRow]) -> list[LayerRow]:
    """The first of several runs of one network, which begins again with its first weights."""
    starts, first = [], None
    for i, row in enumerate(rows):
        used = [id(v) for v in row.variables]
        first = first or used
        if used and used == first:
            starts.append(i)
    if len(starts) < 2:
        return rows
    # Layers without weights stand before the first weights of the second run as of the first.
    return rows[: starts[1] - starts[0]]


def _network(gan: tf.Module, title: str, rows: list[LayerRow]) -> str:
    weights = gan.networks[title]
    names = {id(variable): name for name, variable in weights.items()}
    cells = [_cells(row, names) for row in rows]
    listed = {id(v) for row in rows for v in row.variables}
    cells += [  # of a network that no sampler runs, or not whole
        ["weight", f"[{', '.join(map(str, v.shape))}]", f"{v.shape.num_elements():,}", name]
        for name, v in weights.items()
        if id(v) not in listed
    ]
    trainable = sum(v.shape.num_elements() for v in weights.values() if v.trainable)
    total = parameters(weights)
    return "\n".join(
        [
            f"{title}:",
            tables.as_text(_TITLES, cells, left=(0, 1, 3)),
            f"Total parameters: {total:,}",
            f"Trainable: {trainable:,}; not trainable: {total - trainable:,}",
            "Weights: " + ", ".join(f"{n} {list(v.shape)}" for n, v in weights.items()),
        ]
    )


def _cells(row: LayerRow, names: dict[int, str]) -> list[str]:
    shape = ", ".join(["n", *map(str, row.output.shape[1:])])
    used = ", ".join(names[id(v)] for v in row.variables)
    count = sum(v.shape.num_elements() for v in row.variables)
    return [row.kind, f"[{shape}]", f"{count:,}", used]


# ---------------------------------------------------------------- all networks as one


def _combined(gan: tf.Module, ran: dict[str, list[LayerRow]]) -> str:
    """All networks as one GAN: layers in their order, and what trains them."""
    names = gans.weight_names(gan)
    cells = [[network, *_cells(row, names)] for network, rows in ran.items() for row in rows]
    named = gans.named_weights(gan)
    sizes = {id(v): v.shape.num_elements() for _, v in named}
    optimizers = gans.named_optimizers(gan)
    moved = {id(v) for optimizer in optimizers.values() for v in optimizer.trained}
    fixed = sum(sizes[id(v)] for _, v in named if not v.trainable)
    frozen = sum(sizes[id(v)] for _, v in named if v.trainable and id(v) not in moved)
    lines = [
        "combined:",
        tables.as_text(("Network", *_TITLES), cells, left=(0, 1, 2, 4)),
        f"Combined parameters: {sum(sizes.values()):,}",
    ]
    for name, optimizer in optimizers.items():
        count = sum(sizes.get(id(v), 0) for v in optimizer.trained)
        of = dict.fromkeys(names[id(v)].partition("/")[0] for v in optimizer.trained)
        kind = type(optimizer).__name__
        lines.append(f"Moved by the optimizer {name} ({kind}): {count:,} ({', '.join(of)})")
    lines.append(f"Not trainable: {fixed:,}; frozen, in no optimizer's list: {frozen:,}")
    return "\n".join(lines)
