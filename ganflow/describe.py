"""`bin/describe.py`: a network's table as the documents print it, and its weights' names."""

import tensorflow as tf

from ganflow import layers


def table(gan: tf.Module) -> str:
    """Every network of a model: its layers as they run, shapes, parameters, weights."""
    return "\n\n".join(
        _network(name, weights, call) for name, (weights, call) in gan.networks().items()
    )


def parameters(weights: layers.Weights) -> int:
    """Numbers in all weights of a network."""
    return sum(v.shape.num_elements() for v in weights.values())


def _network(title, weights, call):
    with layers.recorded_layers() as rows:
        call()
    names = {id(variable): name for name, variable in weights.items()}
    lines = [("Layer", "Output shape", "Parameters", "Weights")]
    for row in rows:
        shape = ", ".join(["n", *map(str, row.output.shape[1:])])
        used = ", ".join(names[id(v)] for v in row.variables)
        count = sum(v.shape.num_elements() for v in row.variables)
        lines.append((row.kind, f"[{shape}]", f"{count:,}", used))
    widths = [max(len(line[i]) for line in lines) for i in range(3)]
    text = [
        f"{a:<{widths[0]}}  {b:<{widths[1]}}  {c:>{widths[2]}}  {d}".rstrip()
        for a, b, c, d in lines
    ]
    rule = "-" * max(map(len, text))
    trainable = sum(v.shape.num_elements() for v in weights.values() if v.trainable)
    total = parameters(weights)
    return "\n".join(
        [
            f"{title}:",
            rule,
            text[0],
            rule,
            *text[1:],
            rule,
            f"Total parameters: {total:,}",
            f"Trainable: {trainable:,}; not trainable: {total - trainable:,}",
            "Weights: " + ", ".join(f"{n} {list(v.shape)}" for n, v in weights.items()),
        ]
    )
