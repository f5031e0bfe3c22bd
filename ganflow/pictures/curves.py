"""The losses of a run over its steps."""

import math

import numpy as np

from ganflow.pictures import canvas
from ganflow.pictures.canvas import CYCLE, DARK, DASHES

_FIRST = ("d_loss", "g_loss")  # in these colours of the cycle, whether they are there or not
# Where D knows nothing, D = 1/2: each -log is log 2. D's loss is a sum of two, or their mean.
_AT_HALF = {
    "log 2: G's loss at D = 1/2, and D's if a mean": math.log(2),
    "2 log 2: D's loss at D = 1/2, if a sum": 2 * math.log(2),
}


def loss_curves(rows: list[dict], title: str, is_logistic: bool = False) -> np.ndarray:
    """Every loss over steps -> uint8 [h, w, 3].

    Args:
      rows: of `metrics.jsonl`.
      title: above the picture.
      is_logistic: whether D's outputs are logits; then lines show what losses are at D = 1/2.
    """
    figure = canvas.figure(800, 450)
    axes = figure.subplots()
    names = {name for row in rows for name in row if name.endswith("_loss") and "/" not in name}
    others = sorted(names - set(_FIRST))
    for i, name in enumerate([*_FIRST, *others]):
        if name not in names:
            continue
        points = [(row["step"], row[name]) for row in rows if name in row]
        style = {"c": CYCLE[i % len(CYCLE)], "ls": DASHES[i % len(DASHES)], "label": name}
        style["marker"] = "." * (len(points) < 3)
        axes.plot(*zip(*points, strict=True), **style)
    for (label, value), dots in zip(_AT_HALF.items(), (":", (0, (1, 2))), strict=True):
        if is_logistic and names:
            axes.axhline(value, c=DARK, lw=1, ls=dots, label=label)
    axes.set(xlabel="step", ylabel="loss (mean since the summary before)", title=title)
    axes.grid(alpha=0.3)
    if names:
        axes.legend()
    return canvas.rendered(figure)
