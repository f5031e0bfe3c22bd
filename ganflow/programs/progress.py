"""What a training shows while it runs: a bar on a terminal, lines of log elsewhere."""

import itertools
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager

from absl import logging

_SHOWN = 4  # figures


class Progress(AbstractContextManager):
    """To be told of steps, and of summaries when they are written: maybe a little later."""

    def step(self, step: int) -> None:
        """Show that `step` is done."""

    def row(self, row: dict) -> None:
        """Show a summary; another thread may call it."""


def shown(first: int, total: int) -> Progress:
    """What suits where stdout goes.

    Args:
      first: the step from which this process goes on.
      total: the step at which it ends.
    """
    return _Bar(first, total) if sys.stdout.isatty() else _Log(total)


def figures(row: Mapping) -> dict[str, float]:
    """The few figures of a summary that fit into a line.

    They are means over its steps: the losses first, then D's mean outputs, then what else a model
    returns. At step 0, where there are none, they are of the moment. The rest is in metrics.jsonl.
    """
    of_steps = itertools.takewhile(lambda item: item[0] != "steps_per_second", row.items())
    means = {
        name: value
        for name, value in of_steps
        if isinstance(value, float)
        and name != "epoch"
        and "/" not in name
        and not name.endswith("_gradient_norm")
    }
    outputs = [name for name in ("d_real", "d_fake") if name in means]
    losses = [name for name in means if name.endswith("_loss")]
    first = [*losses[: _SHOWN - len(outputs)], *outputs]
    return {name: means[name] for name in [*first, *(n for n in means if n not in first)][:_SHOWN]}


class Pace:
    """How long the steps of this process take, told by the rows of its summaries."""

    def __init__(self, total: int):
        self._total, self._last_step, self._compiled = total, 0, False
        self._seconds = self._steps = 0.0

    def seconds_left(self, row: Mapping) -> float | None:
        """Take in a row; the seconds from its step to the last, None while they are unknown.

        The first steps are left out: they have waited for the compilation.
        """
        step, rate = row["step"], row.get("steps_per_second")
        before, self._last_step = self._last_step, step
        if rate and self._compiled:
            self._steps += step - before
            self._seconds += (step - before) / rate
        self._compiled = self._compiled or bool(rate)
        return (self._total - step) * self._seconds / self._steps if self._steps else None


class _Log(Progress):
    """One log line a summary."""

    def __init__(self, total: int):
        self._total, self._pace = total, Pace(total)

    def __exit__(self, *_: object) -> None:
        pass

    def row(self, row: dict) -> None:
        logging.info("%s", line(row, self._total, self._pace.seconds_left(row)))


def line(row: Mapping, total: int, seconds_left: float | None) -> str:
    """A summary: "step 500 of 2,000 (25 %), 40 s left: d_loss=1.31 ..., 37.5 steps/s"."""
    step = row["step"]
    share = f" ({100 * step // total} %)" if total else ""
    left = f", {duration(seconds_left)} left" if seconds_left else ""
    told = " ".join(f"{name}={value:.4g}" for name, value in figures(row).items())
    rate = f", {row['steps_per_second']:,.4g} steps/s" if "steps_per_second" in row else ""
    return f"step {step:,} of {total:,}{share}{left}: {told}{rate}"


def duration(seconds: float) -> str:
    """In two units at most: "40 s", "2 min 10 s", "3 h 5 min", "2 d 4 h"."""
    sizes = {"d": 86_400, "h": 3_600, "min": 60, "s": 1}
    whole = max(1, round(seconds))
    largest = next(i for i, size in enumerate(sizes.values()) if whole >= size)
    units = list(sizes)[largest : largest + 2]
    smallest = sizes[units[-1]]
    left = round(whole / smallest) * smallest
    parts = []
    for unit in units:
        count, left = divmod(left, sizes[unit])
        parts += [f"{count} {unit}"] if count else []
    return " ".join(parts)


class _Bar(Progress):
    """Steps, losses, rate, time left; what is logged meanwhile stands above it."""

    def __init__(self, first: int, total: int):
        from rich import progress

        self.bar = progress.Progress(
            progress.TextColumn("step"),
            progress.MofNCompleteColumn(),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[figures]}"),
            progress.TimeRemainingColumn(),
            redirect_stderr=sys.stderr.isatty(),  # what goes to a file shall go on doing so
        )
        self.task = self.bar.add_task("", total=total, completed=first, figures="")

    def __enter__(self) -> "_Bar":
        stderr = sys.stderr
        self.bar.start()
        # rich draws the bar anew below what is written to sys.stderr. The log has to learn of it,
        # for it keeps the stream that it was given at its start.
        self._log = logging.get_absl_handler().python_handler
        if self._log.stream is stderr:
            self._log.setStream(sys.stderr)
        return self

    def __exit__(self, *_: object) -> None:
        redirected = sys.stderr
        self.bar.stop()
        if self._log.stream is redirected:
            self._log.setStream(sys.stderr)

    def step(self, step: int) -> None:
        self.bar.update(self.task, completed=step)

    def row(self, row: dict) -> None:
        told = [f"{n} {value:.3f}" for n, value in figures(row).items() if n.endswith("_loss")]
        if "steps_per_second" in row:
            told.append(f"{row['steps_per_second']:,.1f} steps/s")
        self.bar.update(self.task, figures="  ".join(told))
