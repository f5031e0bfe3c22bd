"""D's outputs on real, on held-out real and on generated examples, as histograms."""

import numpy as np

from ganflow.interface.sampler import Sampler
from ganflow.pictures import canvas
from ganflow.pictures.canvas import BLUE, DARK, GREEN, ORANGE

_BINS = 40
_SETS = {  # in this order; name, colour, line
    "real": ("real", BLUE, "-"),
    "generated": ("generated", ORANGE, "--"),
    "held_out": ("held-out real", GREEN, "-."),
}


def score_histogram(scores: dict[str, np.ndarray], sampler: Sampler, title: str) -> np.ndarray:
    """D's outputs, side by side.

    Args:
      scores: D's outputs before any sigmoid, [n], by "real", "generated" and, where there are
        such examples, "held_out".
      sampler: of logits, sigmoid(score) is shown; where there is a boundary, it is a line, and the
        shares beyond it are told.
      title: above the picture.

    Returns:
      uint8 [450, 800, 3]. What is not finite is left out, and the legend counts it.
    """
    is_logit, boundary = sampler.scores_are_logits, sampler.boundary
    sets = {name: np.ravel(scores[name]).astype(np.float64) for name in _SETS if name in scores}
    finite = {name: values[np.isfinite(values)] for name, values in sets.items()}
    shown = {name: canvas.sigmoid(x) if is_logit else x for name, x in finite.items()}
    everything = np.concatenate(list(shown.values()))
    span = (0.0, 1.0) if is_logit or not len(everything) else (everything.min(), everything.max())
    edges = np.histogram_bin_edges(everything, _BINS, span)
    figure = canvas.figure(width_pixels=800, height_pixels=450, layout="constrained")
    axes = figure.subplots()
    for name, values in sets.items():
        title_of, colour, dashes = _SETS[name]
        label = f"{title_of} ({len(values):,})"
        if boundary is not None and len(finite[name]):
            share = np.mean((finite[name] > boundary) == sampler.higher_is_real)
            label += f": {share:.0%} taken for real"
        if len(finite[name]) < len(values):
            label += f", {len(values) - len(finite[name]):,} not finite"
        share = np.histogram(shown[name], edges)[0] / max(len(values), 1)
        axes.stairs(share, edges, color=colour, ls=dashes, lw=1.8, label=label)
        axes.stairs(share, edges, color=colour, alpha=0.2 * (name != "held_out"), fill=True)
    if boundary is not None:
        axes.axvline(0.5 if is_logit else boundary, c=DARK, lw=1, ls=":")
    axes.set(xlabel="D(x) = sigmoid(score): 0 generated, 1 real" if is_logit else "D's score")
    axes.set(ylabel=f"share of examples (of {_BINS} bins)", xlim=(edges[0], edges[-1]))
    axes.set_title(title, fontsize=13)
    axes.grid(alpha=0.3)
    axes.legend()
    return canvas.rendered(figure)
