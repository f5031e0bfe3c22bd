"""Pictures of what the two networks do to each other, as uint8 arrays [h, w, 3].

    decision_surface    points: D over the plane, and where G's loss pushes the generated points
    strip               images: the same z's over the training
    interpolation       images: on the way from one z to another
    neighbours          images: samples, each beside the training image that is nearest to it
    score_histogram     D's outputs on real, on held-out real and on generated examples

Blue is real and orange is generated, everywhere. Everything is drawn without pyplot's global
state, so that a thread beside the training can do it.
"""

import dataclasses
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from ganflow import canvas
from ganflow.sheets import between, interpolation, nearest, neighbours, slerp, strip
from ganflow.strips import add_to_strip, read_strip, write_strip

__all__ = [
    "Surface",
    "add_to_strip",
    "between",
    "decision_surface",
    "draw_surface",
    "interpolation",
    "nearest",
    "neighbours",
    "read_strip",
    "score_histogram",
    "slerp",
    "strip",
    "surface",
    "write_strip",
]

_BLUE, _ORANGE, _GREEN = "#135a9e", "#d95f02", "#1b7f3b"  # real, generated, held-out real
_PURPLE, _DARK, _GREY = "#6a1b7a", "#1a1a1a", "#9a9a9a"  # arrows, lines, not finite
_SURFACE = ("#f4a259", "#fbd9b5", "#f7f7f7", "#c6dcef", "#6aa6d6")  # generated, undecided, real
_GRID = 100  # cells of the decision surface along each axis
_ARROWS = 60
_BINS = 40
# Of the decision surface: a frame that stays in its place, so that one can leaf through steps.
_SIZE_PIXELS = (780, 760)
_BOXES = ((65, 115, 600, 600), (682, 145, 18, 540))  # left, bottom, width, height: plane, bar


# ---------------------------------------------------------------- points: the decision surface


@dataclasses.dataclass(frozen=True)
class Surface:
    """What a decision surface shows: numbers of one moment, which no later step changes."""

    ticks: np.ndarray  # float32 [100]: where D was asked, along both axes
    scores: np.ndarray  # float64 [100, 100]: row i is y = ticks[i]
    real: np.ndarray  # float32 [n, 2]
    fake: np.ndarray  # float32 [m, 2]
    inside: np.ndarray  # bool [m]: the generated points in the frame
    start: np.ndarray  # float32 [k, 2]: up to 60 of these
    push: np.ndarray  # float64 [k, 2]: minus the gradient of m g_loss with respect to each
    is_logit: bool


def surface(
    score: Callable[[tf.Tensor], tf.Tensor],
    g_loss: Callable[[tf.Tensor], tf.Tensor],
    real: np.ndarray,
    fake: np.ndarray,
    is_logit: bool,
) -> Surface:
    """Ask D over the plane, and G's loss about the generated points; takes milliseconds.

    Args:
      score: D's output before any sigmoid: points [n, 2] -> [n, 1].
      g_loss: G's loss on generated points [m, 2], a scalar: a mean over them.
      real: float32 [n, 2]; the frame is 1.5 times as far from 0 as they are.
      fake: float32 [m, 2].
      is_logit: whether sigmoid(score) is D's probability of "real"; else D is a critic.
    """
    reach = 1.5 * float(np.abs(real).max()) or 1.0
    ticks = np.linspace(-reach, reach, _GRID, dtype=np.float32)
    plane = np.stack(np.meshgrid(ticks, ticks), axis=-1)  # [y, x, 2]
    scores = np.asarray(score(tf.constant(plane.reshape(-1, 2))), np.float64)
    x = tf.constant(fake)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(x)
        loss = g_loss(x)
    # Times m: in the mean each point has a share of 1 / m, which would shrink with their number.
    push = -len(fake) * np.asarray(tape.gradient(loss, x), np.float64)
    inside = (np.abs(fake) <= reach).all(axis=1)
    some = np.flatnonzero(inside)[:_ARROWS]
    scores = scores.reshape(_GRID, _GRID)
    return Surface(ticks, scores, real, fake, inside, fake[some], push[some], is_logit)


def draw_surface(surface: Surface, title: str) -> np.ndarray:
    """D over the plane, the points it judges, and where G's loss pushes the generated ones.

    The view of GAN Lab (Kahng et al. 2018, arXiv 1809.01587). The frame follows the real points
    and a probability's colours always span 0 to 1, so the pictures of one run can be compared. A
    critic's zero means nothing, so there the colours span the scores at hand. An arrow's length
    goes with the square root of the gradient's, for those range over magnitudes; the legend says
    what the longest stands for.

    Returns:
      uint8 [760, 780, 3]. What is not finite is left out, and the legend counts it.
    """
    real, fake, reach = surface.real, surface.fake, surface.ticks[-1]
    outside = np.count_nonzero(~surface.inside)
    beyond = f", {outside:,} of them out of the frame" if outside else ""
    figure = canvas.figure(*_SIZE_PIXELS)
    axes, bar = (
        figure.add_axes([pixels / size for pixels, size in zip(box, 2 * _SIZE_PIXELS, strict=True)])
        for box in _BOXES
    )
    _draw_scores(figure, axes, bar, surface)
    axes.scatter(*real.T, s=10, lw=0, c=_BLUE, label=f"real ({len(real):,})")
    label = f"generated ({len(fake):,}{beyond})"
    axes.scatter(*fake.T, s=12, lw=0.3, edgecolors="white", c=_ORANGE, label=label)
    _draw_arrows(axes, surface, longest=0.2 * reach)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="x", ylabel="y")
    axes.set_title(title, fontsize=13)
    figure.legend(loc="lower center", ncols=2, frameon=False, markerscale=1.6)
    return canvas.rendered(figure)


def decision_surface(
    score: Callable[[tf.Tensor], tf.Tensor],
    g_loss: Callable[[tf.Tensor], tf.Tensor],
    real: np.ndarray,
    fake: np.ndarray,
    title: str,
    is_logit: bool,
) -> np.ndarray:
    """`surface` and `draw_surface` in one, for when nobody trains meanwhile."""
    return draw_surface(surface(score, g_loss, real, fake, is_logit), title)


def _draw_scores(figure, axes, box, surface) -> None:
    """Colours, colour bar and contour lines of D's scores [y, x]."""
    from matplotlib.colors import LinearSegmentedColormap

    colours = LinearSegmentedColormap.from_list("surface", _SURFACE).with_extremes(bad=_GREY)
    ticks, values, is_logit = surface.ticks, surface.scores, surface.is_logit
    finite = np.isfinite(values)
    if is_logit:
        values, span = _sigmoid(values), (0.0, 1.0)
        label = "D(x) = sigmoid(score): 0 generated, 1 real"
    else:
        # The far corners' scores would leave no colours for what is among the points.
        span = tuple(np.percentile(values[finite], [10, 99])) if finite.any() else (0.0, 1.0)
        label = "critic's score: the higher, the more real (only differences mean anything)"
    values = np.ma.masked_array(values, ~finite)
    half = (ticks[1] - ticks[0]) / 2
    extent = (ticks[0] - half, ticks[-1] + half) * 2  # a value is the middle of its cell
    shown = {"cmap": colours, "vmin": span[0], "vmax": span[1], "interpolation": "bilinear"}
    image = axes.imshow(values, extent=extent, origin="lower", **shown)
    extend = "neither" if is_logit else "both"
    bar = figure.colorbar(image, cax=box, label=label, extend=extend)
    levels = [0.5] if is_logit else np.linspace(*span, 11)[1:-1]
    if finite.any() and values.min() < levels[-1] and values.max() > levels[0]:
        width, name = (1.8, "D(x) = 1/2") if is_logit else (0.6, "equal score")
        style = {"colors": _DARK, "linewidths": width, "linestyles": "solid"}
        bar.add_lines(axes.contour(ticks, ticks, values, levels, **style))
        axes.plot([], [], c=_DARK, lw=width, label=name)
    if not finite.all():
        axes.plot([], [], "s", c=_GREY, label=f"score not finite: {np.mean(~finite):.0%}")


def _draw_arrows(axes, surface, longest) -> None:
    """Arrows of at most `longest` units."""
    finite = np.isfinite(surface.push).all(axis=1)
    start, push = surface.start[finite], surface.push[finite]
    size = np.hypot(*push.T)
    largest = size.max(initial=0.0)
    label = f"push of G's loss on a point (longest arrow: gradient {largest:.2g})"
    if not finite.all():
        label += f", {np.count_nonzero(~finite)} not finite"
    if largest > 0:
        # gradient / |gradient| * sqrt(|gradient| / largest), without a division by zero
        arrows = longest * push / np.sqrt(np.maximum(size, 1e-300) * largest)[:, np.newaxis]
        style = {"angles": "xy", "scale_units": "xy", "scale": 1, "width": 0.0035, "zorder": 3}
        axes.quiver(*start.T, *arrows.T, color=_PURPLE, **style)
        axes.scatter(*start.T, s=16, c=_ORANGE, lw=0.8, edgecolors=_PURPLE, zorder=4)
    axes.plot([], [], c=_PURPLE, marker=r"$\rightarrow$", ms=11, mew=0, ls="", label=label)


# ---------------------------------------------------------------- D's outputs


def score_histogram(
    real_scores: np.ndarray,
    fake_scores: np.ndarray,
    held_out_scores: np.ndarray | None,
    is_logit: bool,
    title: str,
) -> np.ndarray:
    """D's outputs on real, on held-out real and on generated examples.

    Args:
      real_scores, fake_scores, held_out_scores: D's outputs before any sigmoid, [n] or [n, 1];
        None where there are no held-out examples.
      is_logit: show sigmoid(score), and the share that D takes for real; else the scores.
      title: above the picture.

    Returns:
      uint8 [450, 800, 3]. What is not finite is left out, and the legend counts it.
    """
    sets = {"real": (real_scores, _BLUE), "generated": (fake_scores, _ORANGE)}
    if held_out_scores is not None:
        sets["held-out real"] = (held_out_scores, _GREEN)
    sets = {name: (np.ravel(scores).astype(np.float64), c) for name, (scores, c) in sets.items()}
    finite = {name: scores[np.isfinite(scores)] for name, (scores, _) in sets.items()}
    shown = {name: _sigmoid(scores) if is_logit else scores for name, scores in finite.items()}
    everything = np.concatenate(list(shown.values()))
    span = (0.0, 1.0) if is_logit or not len(everything) else (everything.min(), everything.max())
    edges = np.histogram_bin_edges(everything, _BINS, span)
    figure = canvas.figure(width_pixels=800, height_pixels=450, layout="constrained")
    axes = figure.subplots()
    for name, (scores, colour) in sets.items():
        label = f"{name} ({len(scores):,})"
        if is_logit:
            label += (
                f": {np.mean(finite[name] > 0):.0%} taken for real" if len(finite[name]) else ""
            )
        if len(finite[name]) < len(scores):
            label += f", {len(scores) - len(finite[name]):,} not finite"
        share = np.histogram(shown[name], edges)[0] / max(len(scores), 1)
        filled = name != "held-out real"
        axes.stairs(share, edges, color=colour, lw=1.8, label=label)
        axes.stairs(share, edges, color=colour, alpha=0.2 * filled, fill=True)
    if is_logit:
        axes.axvline(0.5, c=_DARK, lw=1, ls=":")
    axes.set(xlabel="D(x) = sigmoid(score): 0 generated, 1 real" if is_logit else "critic's score")
    axes.set(ylabel=f"share of examples (of {_BINS} bins)", xlim=(edges[0], edges[-1]))
    axes.set_title(title, fontsize=13)
    axes.grid(alpha=0.3)
    axes.legend()
    return canvas.rendered(figure)


def _sigmoid(scores: np.ndarray) -> np.ndarray:
    return 0.5 * (1.0 + np.tanh(0.5 * scores))  # exp(-score) would overflow
