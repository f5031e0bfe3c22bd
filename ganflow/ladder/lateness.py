"""Marks of seconds that were not kept: told, one line a cell.

A mark falls at the end of a call of the engine. Start-up (building, tracing, compilation) counts,
so a mark that stands before its end falls late, and so do all that it takes along.
"""

from collections.abc import Sequence

from ganflow.ladder.cells import Budget

LATE_SHARE, LATE_SECONDS = 0.1, 1.0  # either of them is late


def told(marks: Sequence[dict], budget: Budget) -> str:
    """What a cell did not keep of its budget; "" where it kept everything.

    Args:
      marks: of the cell's result: "mark" in the budget's unit, "seconds" and "step" as they fell.
      budget: what was asked for.
    """
    if budget.unit != "seconds":
        return ""
    late = [
        f"the mark of {row['mark']:,g} s fell at {row['seconds']:,.1f} s"
        for row in marks
        if row["seconds"] > row["mark"] + min(LATE_SECONDS, LATE_SHARE * row["mark"])
    ]
    of_step: dict[int, list[str]] = {}
    for row in marks:
        of_step.setdefault(row["step"], []).append(f"{row['mark']:,g}")
    together = [
        f"the marks of {', '.join(names[:-1])} and {names[-1]} s are of one step, {step:,}"
        for step, names in of_step.items()
        if len(names) > 1
    ]
    return "; ".join(late + together)
