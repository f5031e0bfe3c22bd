"""The losses of a run over its steps."""

import numpy as np

from ganflow.pictures import canvas
from ganflow.pictures.canvas import BLUE, ORANGE

_FIRST = {"d_loss": BLUE, "g_loss": ORANGE}  # the others follow in matplotlib's colours


def loss_curves(rows: list[dict], title: str) -> np.ndarray:
    """Every loss over steps, from rows of `metrics.jsonl` -> uint8 [h, w, 3]."""
    figure = canvas.figure(800, 450)
    axes = figure.subplots()
    names = {name for row in rows for name in row if name.endswith("_loss") and "/" not in name}
    others = sorted(names - _FIRST.keys())
    colours = _FIRST | {name: f"C{2 + i}" for i, name in enumerate(others)}
    for name in [n for n in _FIRST if n in names] + others:
        points = [(row["step"], row[name]) for row in rows if name in row]
        style = {"c": colours[name], "label": name, "marker": "." * (len(points) < 3)}
        axes.plot(*zip(*points, strict=True), **style)
    axes.set(xlabel="step", ylabel="loss (mean since the summary before)", title=title)
    axes.grid(alpha=0.3)
    if names:
        axes.legend()
    return canvas.rendered(figure)
