"""Points on their way, as z goes its own: lines over real points; uint8 [h, w, 3]."""

from collections.abc import Sequence

import numpy as np

from ganflow.pictures import canvas


def draw(
    ways: np.ndarray, names: Sequence[str], title: str, real: np.ndarray | None = None
) -> np.ndarray:
    """A line for each way, from a square to a dot.

    Args:
      ways: points [k, m, 2], m at least 2.
      names: of the ways.
      title: above the picture.
      real: points [n, 2] to see where they go.
    """
    figure = canvas.figure(700, 600, layout="constrained")
    axes = figure.subplots()
    if real is not None:
        axes.scatter(*real.T, s=3, c=canvas.GREY, alpha=0.5, label="real")
    for i, (way, name) in enumerate(zip(ways, names, strict=True)):
        colour, dashes = canvas.CYCLE[i % len(canvas.CYCLE)], canvas.DASHES[i % len(canvas.DASHES)]
        axes.plot(*way.T, c=colour, ls=dashes, lw=1.5, label=name)
        axes.scatter(*way[0], s=30, c=colour, marker="s", zorder=3)
        axes.scatter(*way[-1], s=30, c=colour, zorder=3)
    axes.set(aspect="equal", title=title, xlabel="x", ylabel="y")
    axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5), frameon=False)
    return canvas.rendered(figure)
