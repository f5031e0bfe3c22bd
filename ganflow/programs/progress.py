"""What a training shows while it runs: a bar on a terminal, lines of log elsewhere."""

import sys
from contextlib import AbstractContextManager

from absl import logging

_SHOWN_LOSSES = 4


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
    return _Bar(first, total) if sys.stdout.isatty() else _Log()


class _Log(Progress):
    """One log line a summary."""

    def __exit__(self, *_: object) -> None:
        pass

    def row(self, row: dict) -> None:
        told = {k: v for k, v in row.items() if "/" not in k and isinstance(v, float)}
        figures = " ".join(f"{k}={v:.4g}" for k, v in told.items())
        logging.info("step %d: %s", row["step"], figures)


class _Bar(Progress):
    """Steps, losses, rate, time left."""

    def __init__(self, first: int, total: int):
        from rich import progress

        self.bar = progress.Progress(
            progress.TextColumn("step"),
            progress.MofNCompleteColumn(),
            progress.BarColumn(),
            progress.TextColumn("{task.fields[figures]}"),
            progress.TimeRemainingColumn(),
        )
        self.task = self.bar.add_task("", total=total, completed=first, figures="")

    def __enter__(self) -> "_Bar":
        self.bar.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.bar.stop()

    def step(self, step: int) -> None:
        self.bar.update(self.task, completed=step)

    def row(self, row: dict) -> None:
        losses = [name for name in row if name.endswith("_loss")][:_SHOWN_LOSSES]
        told = [f"{name} {row[name]:.3f}" for name in losses]
        if "steps_per_second" in row:
            told.append(f"{row['steps_per_second']:.1f} steps/s")
        self.bar.update(self.task, figures="  ".join(told))
