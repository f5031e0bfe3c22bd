"""What feeds what in an update, read from the update's own graph.

An update is traced, which runs nothing and moves nothing, and its graph is walked backwards: from
the losses to the networks they are of, from the networks to what these are given.
"""

import dataclasses
from collections.abc import Iterable

import tensorflow as tf

from ganflow.interface.fields import Fields
from ganflow.interface.schedule import Batch, Phase, Update
from ganflow.nn import draws, layers, optimizers
from ganflow.nn.layers import LayerRow

_EXAMPLES = 2  # in the batch that is traced


@dataclasses.dataclass(frozen=True)
class Node:
    """Something in an update.

    Attributes:
      kind: "input" of the batch, "network" (one pass through it), or "loss".
      name: of the draw in the batch, of the network, of the scalar.
      note: what an input is drawn from; "" for the others.
    """

    kind: str
    name: str
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Wiring:
    """One update.

    Attributes:
      update: its name, "d_step".
      repeats: how often it does the same on lists of draws; it is traced with lists of one.
      nodes: inputs that are used, passes through networks in their order, losses.
      edges: (number of a node, number of a node that it feeds).
      moved: networks with a variable that the update trains, and by which rule: {"generator":
        "Adam"}.
    """

    update: str
    repeats: int
    nodes: tuple[Node, ...]
    edges: tuple[tuple[int, int], ...]
    moved: dict[str, str]


def wirings(gan: tf.Module, fields: Fields) -> list[Wiring]:
    """Of every update of a model, in the order in which they first come.

    Args:
      gan: the model; one replica.
      fields: those it was built with.
    """
    found: dict[str, Wiring] = {}
    for phase in gan.schedule().phases:
        for update in phase.updates:
            if update.__name__ not in found:
                found[update.__name__] = _wiring(gan, fields, phase, update)
    return list(found.values())


def _wiring(gan: tf.Module, fields: Fields, phase: Phase, update: Update) -> Wiring:
    """Trace one update and read its graph."""
    seen: dict[str, list] = {}

    def traced(batch: Batch):
        with layers.recorded_layers() as ran, optimizers.recorded_updates() as applied:
            scalars = update(batch)
        seen["ran"], seen["applied"] = ran, applied
        return scalars

    specs, notes = _batch_specs(phase, fields)
    call = tf.function(traced, autograph=False).get_concrete_function(specs)
    losses = {name: x for name, x in call.structured_outputs.items() if "loss" in name}

    nodes: list[Node] = []
    made_by: dict[int, int] = {}  # id of a tensor -> number of the node that it comes out of
    for tensor, name in zip(call.inputs, _names(specs), strict=False):
        made_by[id(tensor)] = len(nodes)
        nodes.append(Node("input", name, notes[name]))
    starts: dict[int, list[tf.Tensor]] = {}  # of networks and losses: where to walk back from
    for network, rows in passes(gan, seen["ran"]):
        starts[len(nodes)] = [row.output for row in rows]
        made_by |= {id(row.output): len(nodes) for row in rows}
        nodes.append(Node("network", network))
    for name, tensor in losses.items():
        starts[len(nodes)] = [tensor]
        nodes.append(Node("loss", name))

    edges = {
        (source, number)
        for number, tensors in starts.items()
        for source in _sources(tensors, made_by, number)
    }
    used = sorted({number for edge in edges for number in edge})
    lists = {name for name, place, _ in phase.draws() if place is not None}
    place = {number: i for i, number in enumerate(used)}
    return Wiring(
        update=update.__name__,
        repeats=phase.repeats if any(nodes[i].name in lists for i in used) else 1,
        nodes=tuple(nodes[number] for number in used),
        edges=tuple(sorted((place[a], place[b]) for a, b in edges)),
        moved=_moved(gan, seen["applied"]),
    )


def _batch_specs(phase: Phase, fields: Fields) -> tuple[dict, dict[str, str]]:
    """(A small batch's specs, with one tensor in each list; what each is drawn from)."""
    specs: dict[str, tf.TensorSpec | list[tf.TensorSpec]] = {}
    notes = {}
    for name, place, draw in phase.draws():
        if isinstance(draw, draws.Real):
            shape, count = fields.shape(draw.field), _EXAMPLES
            whole = draw.field in fields.classes
            notes[name] = f"real {draw.field}"
        else:
            shape, count = tuple(draw.shape), draw.times * _EXAMPLES
            whole = isinstance(draw, draws.Classes)
            notes[name] = f"{type(draw).__name__.lower()} {list(shape) or ''}".strip()
        spec = tf.TensorSpec([count, *shape], tf.int32 if whole else tf.float32)
        if place is None:
            specs[name] = spec
        elif place == 0:
            specs[name] = [spec]
    return specs, notes


def _names(specs: dict) -> list[str]:
    """The batch's names in the order in which a traced function has its tensors."""
    named = {name: [name] if isinstance(spec, list) else name for name, spec in specs.items()}
    return tf.nest.flatten(named)


def passes(gan: tf.Module, rows: Iterable[LayerRow]) -> list[tuple[str, list[LayerRow]]]:
    """Layers with weights, grouped by passes: (network, its rows), in their order.

    A pass ends where a weight comes for the second time, or where no network has all its weights.
    """
    members = {name: {id(v) for v in weights.values()} for name, weights in gan.networks.items()}
    found: list[tuple[list[str], list[LayerRow]]] = []
    seen: set[int] = set()
    for row in rows:
        used = {id(v) for v in row.variables}
        if not used:
            continue
        able = [name for name, ids in members.items() if used <= ids]
        both = [name for name in found[-1][0] if name in able] if found else []
        if both and not used & seen:
            found[-1] = (both, [*found[-1][1], row])
            seen |= used
        elif able:
            found.append((able, [row]))
            seen = used
    return [(names[0], of_pass) for names, of_pass in found]


def _sources(tensors: list[tf.Tensor], made_by: dict[int, int], number: int) -> set[int]:
    """The nodes that are met first on the way back from some tensors, but for their own."""
    found, walked = set(), set()
    waiting = [source for tensor in tensors for source in tensor.op.inputs]
    waiting += [tensor for tensor in tensors if made_by.get(id(tensor), number) != number]
    while waiting:
        tensor = waiting.pop()
        if id(tensor) in walked:
            continue
        walked.add(id(tensor))
        if id(tensor) in made_by:
            found.add(made_by[id(tensor)])
        elif tensor.op.type not in ("Shape", "ShapeN"):  # these see no value
            waiting += list(tensor.op.inputs)
    return found - {number}


def _moved(gan: tf.Module, applied: list[optimizers.RecordedUpdate]) -> dict[str, str]:
    """Networks with a variable that is trained, and the rule that does it."""
    rules = {id(v): type(row.optimizer).__name__ for row in applied for v in row.optimizer.trained}
    return {
        network: rule
        for network, weights in gan.networks.items()
        for rule in dict.fromkeys(rules[id(v)] for v in weights.values() if id(v) in rules)
    }
