"""A ladder's table in Markdown, its figures in JSON, and its curves in one picture."""

import json
import math
import statistics
from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BytesIO
from pathlib import Path

from ganflow.ladder import lateness
from ganflow.pictures.canvas import CYCLE, DASHES
from ganflow.storage import workdir

# The figure that ranks a row: for images, for points, for images without labels; the first that a
# judge gives. Lower is better for all.
_RANKING = ("frechet_distance", "sliced_wasserstein", "patch_distance")
_FURTHER = (
    "second_frechet_distance",
    "patch_distance",
    "precision",
    "recall",
    "density",
    "coverage",
    "class_entropy",
    "conditional_accuracy",
    "modes_captured",
    "high_quality_3std",
)
_FRACTIONS = ("precision", "recall", "coverage", "conditional_accuracy", "high_quality_3std")
_BAND_ALPHA = 0.2
_MARKERS = "os^DvPX"  # as many as colours


def write(plan, results: dict[str, dict], folder: Path, command: str) -> None:
    """Write `ladder.md` and `ladder.json`, each whole.

    Args:
      plan: a `plans.Plan`.
      results: cell name -> what `results.finish` returned, for the cells done so far.
      folder: the ladder's workdir.
      command: the command line.
    """
    told = {
        "command": command,
        "budget": {"unit": plan.budget.unit, "marks": list(plan.budget.marks)},
        "num": plan.num,
        "left_out": list(plan.left_out),
        "cells": results,
    }
    workdir.write_whole(folder / "ladder.json", json.dumps(told, indent=1).encode() + b"\n")
    workdir.write_whole(folder / "ladder.md", table(plan, results, command).encode())


def table(plan, results: dict[str, dict], command: str) -> str:
    """The report in Markdown; its first line is the command.

    A row is an entry on a data set; its figures are mean ± standard deviation over the seeds
    that ended well. Rows stand by data set, in the plan's order, and then from good to bad.
    """
    parts = [f"    {command}", ""]
    groups = _groups(plan, results)
    for ranking in _RANKING:
        here = [group for group in groups if group.ranking == ranking]
        if here:
            parts += [*_rows(here, ranking, plan.budget), ""]
    empty = [group for group in groups if group.ranking is None]
    parts += [f"- {group.entry} on {group.dataset}: no seed ended well." for group in empty]
    for cell in plan.cells:
        if (result := results.get(cell.name)) and result["failed"]:
            parts.append(f"- {cell.name} failed: {result['failed']}")
        elif result and (told := lateness.told(result["marks"], plan.budget)):
            parts.append(f"- {cell.name}: {told}.")
    resumed = [name for name, r in results.items() if r["processes"] > 1]
    if resumed:
        names = ", ".join(resumed)
        parts.append(f"- Resumed after a stop, so their clocks count a second start: {names}.")
    waiting = [cell.name for cell in plan.cells if cell.name not in results]
    if waiting:
        parts.append(f"- Not yet trained: {', '.join(waiting)}.")
    for (entry, reason), datasets in plan.left_out_by_reason().items():
        parts.append(f"- Left out: `{entry}` on {', '.join(datasets)}: {reason}.")
    marks = ", ".join(f"{mark:,g}" for mark in plan.budget.marks)
    nums = {group.dataset: group.good[0]["num"] for group in groups if group.good}
    fewer = [f"{name} {num:,}" for name, num in nums.items() if num < plan.num]
    but = f" ({', '.join(fewer)})" if fewer else ""
    parts.append(
        f"- Judged on {plan.num:,} samples{but} at {marks} {plan.budget.unit} of training; final: "
        "the last mark; best: the best mark of each seed; ±: standard deviation over the seeds; "
        "marks at: when they fell, the mean over the seeds. "
        "Where a run keeps a moving average of G's weights, that is judged. "
        "steps/s: from the first mark to the last. Peak memory: of the training process."
    )
    return "\n".join(parts) + "\n"


class _Group:
    """The cells of one entry on one data set that have ended."""

    def __init__(self, entry: str, dataset: str, results: Sequence[dict]):
        self.entry, self.dataset = entry, dataset
        self.good = [result for result in results if not result["failed"]]
        self.asked = len(results)
        figures = self.good[0]["marks"][-1]["figures"] if self.good else {}
        self.ranking = next((name for name in _RANKING if name in figures), None)
        self.further = [name for name in _FURTHER if name in figures and name != self.ranking]

    def final(self, name: str) -> list[float]:
        return [result["marks"][-1]["figures"][name] for result in self.good]

    def best(self, name: str) -> list[float]:
        return [min(mark["figures"][name] for mark in result["marks"]) for result in self.good]

    def fell_at_seconds(self) -> list[float]:
        """When the marks fell, the mean over the seeds."""
        of_seeds = [[mark["seconds"] for mark in result["marks"]] for result in self.good]
        return [statistics.fmean(of_mark) for of_mark in zip(*of_seeds, strict=True)]

    def of(self, name: str) -> list[float]:
        return [result[name] for result in self.good if result[name] is not None]


def _groups(plan, results: dict[str, dict]) -> list[_Group]:
    members: dict[tuple[str, str], list[dict]] = {}
    for cell in plan.cells:
        if cell.name in results:
            key = (cell.dataset, cell.entry)
            members.setdefault(key, []).append(results[cell.name])
    groups = [_Group(entry, dataset, found) for (dataset, entry), found in members.items()]
    order = list(dict.fromkeys(group.dataset for group in groups))

    def rank(group):
        final = statistics.fmean(group.final(group.ranking)) if group.ranking else math.inf
        return order.index(group.dataset), final if math.isfinite(final) else math.inf

    return sorted(groups, key=rank)


def _rows(groups: list[_Group], ranking: str, budget) -> list[str]:
    further = [name for name in _FURTHER if any(name in group.further for group in groups)]
    title = ranking.replace("_", " ")
    heads = ["data set", "entry", "seeds", "budget", "marks at", f"{title}, final", "best"]
    heads += [name.replace("_", " ") for name in further] + ["steps/s", "peak memory"]
    lines = [f"| {' | '.join(heads)} |", "|" + "---|" * len(heads)]
    last = None
    for group in groups:
        if group.dataset != last:  # what a perfect generator would reach
            last, floor = group.dataset, group.good[0]["floor"]
            figures = [_shown(name)(floor[name]) if name in floor else "" for name in further]
            real = [last, "(real against real)", "", "", "", three(floor[ranking]), "", *figures]
            lines.append(f"| {' | '.join([*real, '', ''])} |")
        well = len(group.good)
        seeds = str(well) if well == group.asked else f"{well} of {group.asked}"
        fell = ", ".join(f"{seconds:,.1f}" for seconds in group.fell_at_seconds())
        cells = [group.dataset, f"`{group.entry}`", seeds, str(budget), f"{fell} s"]
        cells += [spread(group.final(ranking), three), spread(group.best(ranking), three)]
        for name in further:
            known = name in group.further
            cells.append(spread(group.final(name), _shown(name)) if known else "")
        peak = max(group.of("peak_mib"), default=math.nan)
        cells += [spread(group.of("steps_per_second"), three), f"{peak:,.0f} MiB"]
        lines.append(f"| {' | '.join(cells)} |")
    return lines


def spread(values: Sequence[float], shown: Callable[[float], str]) -> str:
    """Mean ± standard deviation (n - 1 in the denominator); the mean alone for one value."""
    if not values:
        return "-"
    if not all(map(math.isfinite, values)):
        return "not finite"
    mean = shown(statistics.fmean(values))
    return f"{mean} ± {shown(statistics.stdev(values))}" if len(values) > 1 else mean


def three(value: float) -> str:
    """Three significant digits, or all of those before the point; no exponent."""
    if value == 0:
        return "0"
    return f"{value:,.{max(0, 2 - math.floor(math.log10(abs(value))))}f}"


def _shown(name: str) -> Callable[[float], str]:
    return _percent if name in _FRACTIONS else three


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def draw(plan, results: dict[str, dict], path: Path) -> None:
    """The ranking figure over the budget, one panel a data set: mean, and minimum to maximum.

    Args:
      plan: a `plans.Plan`.
      results: as for `write`.
      path: the PNG to write. Nothing is written where no cell has ended well.
    """
    panels: dict[str, list[tuple[str, list]]] = {}
    for group in _groups(plan, results):
        if group.ranking is None:
            continue
        curves = [
            [(mark[_X[plan.budget.unit]], mark["figures"][group.ranking]) for mark in r["marks"]]
            for r in group.good
        ]
        title = f"{group.dataset}: {group.ranking.replace('_', ' ')}"
        panels.setdefault(title, []).append((group.entry, curves))
    if panels:
        draw_panels(panels, path, f"training {plan.budget.unit}")


_X = {"seconds": "seconds", "steps": "step"}


def draw_panels(panels: Mapping[str, Iterable[tuple[str, list]]], path: Path, x_label: str) -> None:
    """Curves of several seeds each, in panels beside one another.

    Args:
      panels: title -> [(name, [curve of each seed])]; a curve is a list of (x, y).
      path: the PNG to write.
      x_label: of every panel.
    """
    import numpy as np
    from matplotlib.figure import Figure

    columns = min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    figure = Figure(figsize=(7 * columns, 4.2 * rows), dpi=100, layout="constrained")
    all_axes = figure.subplots(rows, columns, squeeze=False).ravel()
    for axes in all_axes[len(panels) :]:
        axes.set_axis_off()
    names = dict.fromkeys(name for lines in panels.values() for name, _ in lines)
    style = {
        name: (CYCLE[i % len(CYCLE)], _MARKERS[i % len(_MARKERS)], DASHES[i // len(CYCLE) % 4])
        for i, name in enumerate(names)
    }
    for axes, (title, lines) in zip(all_axes, panels.items(), strict=False):
        positive = True
        for name, curves in lines:
            x, y = np.moveaxis(np.array(curves), -1, 0)  # [seeds, marks] each
            y = np.where(np.isfinite(y), y, np.nan)  # a gap
            color, marker, dashes = style[name]
            middle = x.mean(axis=0)
            axes.plot(middle, y.mean(axis=0), dashes, c=color, marker=marker, ms=4, label=name)
            axes.fill_between(middle, y.min(axis=0), y.max(axis=0), color=color, alpha=_BAND_ALPHA)
            positive = positive and not (y <= 0).any()
        if positive:
            axes.set_yscale("log")
        axes.set(title=title, xlabel=x_label, ylabel="mean over seeds, minimum to maximum")
        axes.grid(alpha=0.3, which="both")
        axes.legend(fontsize=8, loc="upper left", bbox_to_anchor=(1, 1))  # never over a curve
    buffer = BytesIO()
    figure.savefig(buffer, format="png")
    workdir.write_whole(path, buffer.getvalue())
