"""The losses of a run over its steps, and figures of several runs beside each other."""

import math
from collections.abc import Mapping, Sequence

import numpy as np

from ganflow.pictures import canvas
from ganflow.pictures.canvas import CYCLE, DARK, DASHES

_CHARTS_A_ROW = 3
_CHART_PIXELS = (360, 260)
_LEGEND_PIXELS = 24  # of a line
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


def compared(runs: Mapping[str, list[dict]], figures: Sequence[str]) -> np.ndarray:
    """A chart for each figure, with a curve of each run that has it -> uint8 [h, w, 3].

    Args:
      runs: rows of `metrics.jsonl` by the runs' names.
      figures: what is shown of them, at least one.
    """
    columns = min(len(figures), _CHARTS_A_ROW)
    rows = math.ceil(len(figures) / columns)
    size = (columns * _CHART_PIXELS[0], rows * _CHART_PIXELS[1] + _LEGEND_PIXELS * len(runs))
    figure = canvas.figure(*size, layout="constrained")
    charts = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes, name in zip(charts, figures, strict=False):
        for i, of_run in enumerate(runs.values()):
            points = [(row["step"], row[name]) for row in of_run if name in row]
            style = {"c": CYCLE[i % len(CYCLE)], "ls": DASHES[i % len(DASHES)]}
            style["marker"] = "." * (len(points) < 3)
            if points:
                axes.plot(*zip(*points, strict=True), **style)
        axes.set(xlabel="step", title=name)
        axes.grid(alpha=0.3)
    for axes in charts[len(figures) :]:
        axes.axis("off")
    lines = [
        charts[0].plot([], [], c=CYCLE[i % len(CYCLE)], ls=DASHES[i % len(DASHES)])[0]
        for i in range(len(runs))
    ]
    figure.legend(lines, list(runs), loc="outside lower left")
    return canvas.rendered(figure)
