"""Points: D over the plane, and where G's loss pushes the generated points.

Blue is real and orange is generated, in all pictures. Everything is drawn without pyplot's global
state, so that a thread beside the training can do it.
"""

import dataclasses

import numpy as np
import tensorflow as tf

from ganflow.interface.sampler import Given, Sampler
from ganflow.pictures import canvas
from ganflow.pictures.canvas import BLUE, DARK, GREY, ORANGE

_PURPLE = "#6a1b7a"  # arrows
_SURFACE = ("#f4a259", "#fbd9b5", "#f7f7f7", "#c6dcef", "#6aa6d6")  # generated, undecided, real
_GRID = 100  # cells of the decision surface along each axis
_ARROWS = 60
# A frame that stays in its place, so that one can leaf through steps.
_SIZE_PIXELS = (780, 760)
_BOXES = ((65, 115, 600, 600), (682, 145, 18, 540))  # left, bottom, width, height: plane, bar


@dataclasses.dataclass(frozen=True)
class Surface:
    """What a decision surface shows: numbers of one moment, which no later step changes."""

    ticks: np.ndarray  # float32 [100]: where D was asked, along both axes
    scores: np.ndarray  # float64 [100, 100]: row i is y = ticks[i]
    real: np.ndarray  # float32 [n, 2]
    fake: np.ndarray  # float32 [m, 2]
    inside: np.ndarray  # bool [m]: the generated points in the frame
    start: np.ndarray  # float32 [k, 2]: up to 60 of these; none where G's loss is not known
    push: np.ndarray  # float64 [k, 2]: minus the gradient of m g_loss with respect to each
    boundary: float | None  # the sampler's
    higher_is_real: bool

    @property
    def is_logit(self) -> bool:
        """Whether sigmoid(score) is D's probability of "real"."""
        return self.boundary == 0.0 and self.higher_is_real


_FARTHEST = 1e30  # beyond it a frame would be infinite in float32


def plane(real: np.ndarray, cells: int = _GRID) -> tuple[np.ndarray, np.ndarray]:
    """Where D is asked: in a frame 1.5 times as far from 0 as the real points.

    Returns:
      (ticks float32 [cells] along both axes, points float32 [cells^2, 2], x fastest).
    """
    reach = min(1.5 * float(np.abs(real).max()) or 1.0, _FARTHEST)
    ticks = np.linspace(-reach, reach, cells, dtype=np.float32)
    return ticks, np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)


def ask(
    sampler: Sampler, points: tf.Tensor, fake: tf.Tensor, given: Given
) -> tuple[tf.Tensor, tf.Tensor]:
    """D's scores on the plane, and G's loss about the generated points; it can be compiled.

    Args:
      sampler: of points, with a score.
      points: [10000, 2], of `plane`.
      fake: generated points [m, 2].
      given: what D is given with every point of the plane: [1, ...] by name, or nothing.

    Returns:
      (scores [10000], the gradient of the mean loss by each point [m, 2], or [0, 2] without loss).
    """
    given = {name: tf.repeat(value[:1], len(points), axis=0) for name, value in given.items()}
    scores = sampler.score(points, given)
    if sampler.g_loss is None:
        return scores, tf.zeros([0, 2])
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(fake)
        loss = sampler.g_loss(fake)
    return scores, tape.gradient(loss, fake)


def surface(
    sampler: Sampler,
    real: np.ndarray,
    fake: np.ndarray,
    scores: np.ndarray,
    gradient: np.ndarray,
) -> Surface:
    """What is drawn, from the answers of `ask`.

    Args:
      sampler: that was asked.
      real: float32 [n, 2], those of `plane`.
      fake: float32 [m, 2].
      scores, gradient: of `ask`.
    """
    ticks, _ = plane(real)
    inside = (np.abs(fake) <= ticks[-1]).all(axis=1)
    some = np.flatnonzero(inside)[: _ARROWS if len(gradient) else 0]
    # Times m: in the mean each point has a share of 1 / m, which would shrink with their number.
    push = -len(fake) * np.asarray(gradient, np.float64)[some]
    scores = np.asarray(scores, np.float64).reshape(_GRID, _GRID)
    meaning = (sampler.boundary, sampler.higher_is_real)
    return Surface(ticks, scores, real, fake, inside, fake[some], push, *meaning)


def decision_surface(
    sampler: Sampler, real: np.ndarray, fake: np.ndarray, title: str, given: Given | None = None
) -> np.ndarray:
    """`ask`, `surface` and `draw` in one, for when nobody trains meanwhile."""
    answers = ask(sampler, tf.constant(plane(real)[1]), tf.constant(fake), given or {})
    return draw(surface(sampler, real, fake, *(a.numpy() for a in answers)), title)


def draw(surface: Surface, title: str) -> np.ndarray:
    """D over the plane, the points it judges, and where G's loss pushes the generated ones.

    The view of GAN Lab (Kahng et al. 2018, arXiv 1809.01587). The frame follows the real points
    and a probability's colours always span 0 to 1, so the pictures of one run can be compared. A
    critic's zero means nothing, so there the colours span the scores at hand; where another number
    than a logit's 0 parts real from generated, they span as far to both sides of it. An arrow's
    length goes with the square root of the gradient's, for those range over magnitudes; the legend
    says what the longest stands for.

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
    axes.scatter(*real.T, s=10, lw=0, c=BLUE, label=f"real ({len(real):,})")
    label = f"generated ({len(fake):,}{beyond})"
    axes.scatter(*fake.T, s=12, lw=0.3, edgecolors="white", c=ORANGE, label=label)
    if len(surface.start):
        _draw_arrows(axes, surface, longest=0.2 * reach)
    axes.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal", xlabel="x", ylabel="y")
    axes.set_title(title, fontsize=13)
    figure.legend(loc="lower center", ncols=2, frameon=False, markerscale=1.6)
    return canvas.rendered(figure)


def _draw_scores(figure, axes, box, surface) -> None:
    """Colours, colour bar and contour lines of D's scores [y, x]."""
    from matplotlib.colors import LinearSegmentedColormap

    scale = _SURFACE if surface.higher_is_real else _SURFACE[::-1]
    colours = LinearSegmentedColormap.from_list("surface", scale).with_extremes(bad=GREY)
    ticks, values = surface.ticks, surface.scores
    finite = np.isfinite(values)
    values = canvas.sigmoid(values) if surface.is_logit else values
    span, levels, width, name, label = _scale(surface, values[finite])
    values = np.ma.masked_array(values, ~finite)
    half = (ticks[1] - ticks[0]) / 2
    extent = (ticks[0] - half, ticks[-1] + half) * 2  # a value is the middle of its cell
    shown = {"cmap": colours, "vmin": span[0], "vmax": span[1], "interpolation": "bilinear"}
    image = axes.imshow(values, extent=extent, origin="lower", **shown)
    extend = "neither" if surface.is_logit else "both"
    bar = figure.colorbar(image, cax=box, label=label, extend=extend)
    if finite.any() and values.min() < levels[-1] and values.max() > levels[0]:
        style = {"colors": DARK, "linewidths": width, "linestyles": "solid"}
        bar.add_lines(axes.contour(ticks, ticks, values, levels, **style))
        axes.plot([], [], c=DARK, lw=width, label=name)
    if not finite.all():
        axes.plot([], [], "s", c=GREY, label=f"score not finite: {np.mean(~finite):.0%}")


def _scale(surface, values):
    """What the colours span, levels of the contour lines, their width and name, the bar's label."""
    if surface.is_logit:
        label = "D(x) = sigmoid(score): 0 generated, 1 real"
        return (0.0, 1.0), [0.5], 1.8, "D(x) = 1/2", label
    # The far corners' scores would leave no colours for what is among the points.
    low, high = np.percentile(values, [10, 99]) if len(values) else (0.0, 1.0)
    real = "higher" if surface.higher_is_real else "lower"
    if surface.boundary is None:
        label = f"critic's score: the {real}, the more real (only differences mean anything)"
        levels = np.linspace(low, high, 11)[1:-1]
        return (low, high), levels, 0.6, "equal score", label
    boundary = surface.boundary
    reach = max(abs(low - boundary), abs(high - boundary)) or 1.0
    label = f"D's score: the {real}, the more real"
    return (boundary - reach, boundary + reach), [boundary], 1.8, f"score {boundary:g}", label


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
        axes.scatter(*start.T, s=16, c=ORANGE, lw=0.8, edgecolors=_PURPLE, zorder=4)
    axes.plot([], [], c=_PURPLE, marker=r"$\rightarrow$", ms=11, mew=0, ls="", label=label)
