"""How a GAN is wired: what is drawn, the networks, the losses, and what each update moves."""

from collections.abc import Sequence

import numpy as np

from ganflow.interface.wiring import Wiring
from ganflow.pictures import canvas
from ganflow.pictures.canvas import BLUE, DARK, GREY, ORANGE

_STEP_PIXELS = (230, 74)  # from one column, or one row, to the next
_BOX_PIXELS = (176, 46)
_TITLE_PIXELS = 44
_MARGIN_PIXELS = 24

Edges = Sequence[tuple[int, int]]


def draw(wirings: Sequence[Wiring]) -> np.ndarray:
    """Every update below the one before, each from its draws on the left to its losses.

    Networks that an update moves are orange, those that stand still are grey. Dashed lines lead
    back the way that the gradient takes, from the losses to what is moved.

    Args:
      wirings: of the updates.

    Returns:
      uint8 [h, w, 3].
    """
    placed = [_places(wiring) for wiring in wirings]
    columns = max(x for places in placed for x, _ in places) + 1
    rows = [max(y for _, y in places) + 1 for places in placed]
    width = round(columns * _STEP_PIXELS[0] + 2 * _MARGIN_PIXELS)
    heights = [round(n * _STEP_PIXELS[1]) + _TITLE_PIXELS + _MARGIN_PIXELS for n in rows]
    figure = canvas.figure(width, sum(heights))
    top = sum(heights)
    for wiring, places, height in zip(wirings, placed, heights, strict=True):
        top -= height
        axes = figure.add_axes((0, top / sum(heights), 1, height / sum(heights)))
        axes.set(xlim=(0, width), ylim=(height, 0))
        axes.axis("off")
        _draw_one(axes, wiring, places)
    return canvas.rendered(figure)


def _places(wiring: Wiring) -> list[tuple[float, float]]:
    """(Column, row) of every node: right of all that feed it, beside what it is joined to."""
    nodes, edges = wiring.nodes, wiring.edges
    column = [0] * len(nodes)
    for _ in nodes:  # long enough for the longest way
        for a, b in edges:
            column[b] = max(column[b], column[a] + 1)
    for number, node in enumerate(nodes):
        if node.kind == "input":
            column[number] = min(column[b] for a, b in edges if a == number) - 1
        elif node.kind == "loss":
            column[number] = max(column)
    of_column = [[n for n, c in enumerate(column) if c == x] for x in range(max(column) + 1)]
    most = max(map(len, of_column))
    row = [0.0] * len(nodes)
    for sweep in range(4):
        for numbers in of_column:
            if sweep:
                numbers.sort(key=lambda n: _mean_row_of_neighbours(n, edges, row))
            for i, number in enumerate(numbers):
                row[number] = i + (most - len(numbers)) / 2
    return list(zip(map(float, column), row, strict=True))


def _mean_row_of_neighbours(number: int, edges: Edges, row: list[float]) -> float:
    return float(np.mean([row[a + b - number] for a, b in edges if number in (a, b)]))


def _on_the_way_back(wiring: Wiring) -> set[tuple[int, int]]:
    """The edges that the gradient passes, from a loss to a network that is moved."""
    reached = {
        number
        for number, node in enumerate(wiring.nodes)
        if node.kind == "network" and node.name in wiring.moved
    }
    found: set[tuple[int, int]] = set()
    while more := {(a, b) for a, b in wiring.edges if a in reached} - found:
        found |= more
        reached |= {b for _, b in more}
    return found


def _draw_one(axes, wiring: Wiring, places: list[tuple[float, float]]) -> None:
    moves = " and ".join(f"{name} ({rule})" for name, rule in wiring.moved.items())
    times = f", {wiring.repeats} times a step" if wiring.repeats > 1 else ""
    axes.text(_MARGIN_PIXELS, 26, f"{wiring.update}{times}: moves {moves}", size=13, color=DARK)
    centres = [
        (
            _MARGIN_PIXELS + (x + 0.5) * _STEP_PIXELS[0],
            _TITLE_PIXELS + (y + 0.5) * _STEP_PIXELS[1],
        )
        for x, y in places
    ]
    back = _on_the_way_back(wiring)
    for a, b in wiring.edges:
        _arrow(axes, centres[a], centres[b], GREY)
        if (a, b) in back:
            _arrow(axes, centres[b], centres[a], ORANGE, back=True)
    for node, (x, y) in zip(wiring.nodes, centres, strict=True):
        colour = {"input": BLUE, "loss": DARK}.get(node.kind, GREY)
        if node.kind == "network" and node.name in wiring.moved:
            colour = ORANGE
        _box(axes, x, y, {"facecolor": "white", "edgecolor": colour, "lw": 2})
        text = f"{node.name}\n{node.note}" if node.note else node.name
        axes.text(x, y, text, size=9, ha="center", va="center", color=DARK, zorder=4)


def _box(axes, x: float, y: float, style: dict) -> None:
    from matplotlib.patches import FancyBboxPatch

    width, height = _BOX_PIXELS
    corner, shape = (x - width / 2, y - height / 2), "round,pad=0"
    axes.add_patch(FancyBboxPatch(corner, width, height, boxstyle=shape, zorder=3, **style))


def _arrow(axes, start, end, colour: str, back: bool = False) -> None:
    """From the side of one box to that of another; `back` is dashed and bends below."""
    side = _BOX_PIXELS[0] / 2
    sign = -1 if back else 1
    style = {"arrowstyle": "-|>", "color": colour, "lw": 1.4, "shrinkA": 0, "shrinkB": 0}
    style |= {"ls": "--", "connectionstyle": "arc3,rad=-0.15"} if back else {}
    axes.annotate(
        "",
        xy=(end[0] - sign * side, end[1] + 9 * back),
        xytext=(start[0] + sign * side, start[1] + 9 * back),
        arrowprops=style,
        zorder=2,
    )
