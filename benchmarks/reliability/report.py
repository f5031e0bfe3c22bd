"""docs/reliability.md, of the results so far."""

import collections
from collections.abc import Sequence

from benchmarks.reliability.trying import Point, Results
from ganflow.base import tables

_HEAD = """# What runs survive

What is promised of a run, how it was put to the test, how often, and what happened. This page is
written by `make torture`, which goes on where it was stopped. Short forms are in `make test`, with
pieces of ganflow broken on purpose to see that the cases notice (`tests/test_torture.py`).
A case counts by its last try; one that found something broken stands here as broken until it has
been tried again and held. What has not been tried is not counted: "cases so far" are all there are.

"""


def as_markdown(points: Sequence[Point], results: Results, command: str) -> str:
    """The whole page.

    Args:
      points: all of them.
      results: of those that were tried.
      command: that wrote it.
    """
    titles = ("point", "cases so far", "tries", "broken", "skipped cases", "tried on")
    parts = [_HEAD, tables.as_markdown(titles, [_line(p, results.of(p)) for p in points]), "\n"]
    parts += [_section(point, results.of(point)) for point in points]
    parts.append(f"\nThe command: `{command}` (see BUILD.md).\n")
    return "\n".join(parts).replace("\n\n\n", "\n\n")


def _line(point: Point, rows: list[dict]) -> list[str]:
    name = f"{point.number}. {point.title}"
    if not rows:
        return [name, "not yet tried", "", "", "", ""]
    broken = sum(len(row["broken"]) for row in rows)
    skipped = sum(bool(row["skipped"]) for row in rows)
    tries = sum(row["tries"] for row in rows)
    return [name, f"{len(rows):,}", f"{tries:,}", f"{broken:,}", str(skipped), _dates(rows)]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count:,} times"


def _dates(rows: list[dict]) -> str:
    dates = sorted({row["date"] for row in rows})
    return dates[0] if len(dates) == 1 else f"{dates[0]} to {dates[-1]}"


def _section(point: Point, rows: list[dict]) -> str:
    lines = [f"## {point.number}. {point.title}", "", f"**Promised.** {point.promise}", ""]
    lines += [f"**How it is tried**, once all cases are done. {point.how}", ""]
    if point.not_promised:
        lines += [f"**Not promised.** {point.not_promised}", ""]
    if not rows:
        return "\n".join([*lines, "Not yet tried.", ""])
    happened: collections.Counter = collections.Counter()
    for row in rows:
        happened.update(row["happened"])
    tries, cases = sum(row["tries"] for row in rows), len(rows)
    named = ", ".join(dict.fromkeys(row["case"].partition(", part ")[0] for row in rows))
    lines += [f"**Cases so far**, {cases:,}: {named}.", ""]
    lines += [f"**Happened**, in {tries:,} tries, {_dates(rows)}:", ""]
    lines += [f"- {_times(count)}: {what}" for what, count in happened.most_common()]
    lines += [f"- **broken**: {fault}" for row in rows for fault in row["broken"]]
    skipped = collections.Counter(row["skipped"] for row in rows if row["skipped"])
    lines += [f"- {count} cases skipped: {why}" for why, count in skipped.items()]
    figures = {name: row["figures"] for row in rows if row["figures"] for name in [row["case"]]}
    if figures:
        lines += ["", _figures(figures)]
    return "\n".join([*lines, ""])


def _figures(figures: dict[str, dict[str, float]]) -> str:
    """A table of what was measured; a parser's parts, which have one figure each, are one row."""
    found: dict[str, dict[str, float]] = {}
    for case, of_case in figures.items():
        whole = found.setdefault(case.partition(", part ")[0], {})
        for name, value in of_case.items():
            whole[name] = max(value, whole.get(name, value))
    names = list(dict.fromkeys(name for of_case in found.values() for name in of_case))
    rows = [
        [case, *(f"{of_case[n]:,g}" if n in of_case else "" for n in names)]
        for case, of_case in found.items()
    ]
    return tables.as_markdown(("case", *(name.replace("_", " ") for name in names)), rows)
