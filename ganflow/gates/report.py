"""The gates' table in Markdown: figures, bars, what the controls gave, minutes, commands."""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from ganflow.base import tables
from ganflow.gates.gate import Figures, Gate, Variant, medians, missed

_HEAD = """# Gates

    make gates DATA_DIR=DIR        # all of them, again to go on; one: bin/gates.py --only=circle

A gate is a claim of a paper, as figures of a trained model and the bars that they have to reach.
The median of the seeds counts, or where it says so every seed, or the best one. A control is the
same training with something essential taken away, by flags or by another line in the model's file;
it has to miss a bar. Figures are of 10,000 samples and of held-out examples, but for those of the
training itself; minutes are of training, on one or two cores that may have had other work as well.
The diagnosis is what the run itself said of its last summary.
"""
_COUNTS = {"median": "", "every": " (every seed)", "best": " (the best seed)"}
COLUMNS = (
    "trained",
    "seeds",
    "figures: the median (all seeds)",
    "minutes",
    "is",
    "diagnosis at the end",
    "date",
)


def table(work: Sequence[Any], results: Mapping[str, dict]) -> str:
    """Every gate of the work, with what is done of it.

    Args:
      work: of `running.plan`.
      results: of `running.found`.
    """
    gates = list(dict.fromkeys(one.gate for one in work))
    parts = [_HEAD, _summary(gates, work, results)]
    for gate in gates:
        parts += ["", f"## {gate.name}", "", gate.claim, ""]
        bars = "; ".join(map(str, gate.bars)) + _COUNTS[gate.counts]
        parts += [f"Bars: {bars}. {gate.steps:,} steps of `configs/{gate.preset}.flags`"]
        parts[-1] += f" with `{' '.join(gate.flags)}`. " if gate.flags else ". "
        parts[-1] += f"`python bin/gates.py --only={gate.name} --data_dir=DIR`"
        rows = [
            _row(gate, variant, work, results)
            for variant in (gate.own, *gate.variants)
            if any(one.name in results for one in _cells(gate, variant, work))
        ]
        parts += ["", tables.as_markdown(COLUMNS, rows) if rows else "Not yet trained."]
        for variant in gate.variants:
            how = [f"`{flag}`" for flag in variant.flags]
            how += [f"`{_line(e.piece)}` becomes `{_line(e.instead)}`" for e in variant.edits]
            how += [f"`configs/{variant.preset}.flags`"] if variant.preset else []
            how += [f"`benchmarks/peers/{variant.program}`"] if variant.program else []
            parts += ["", f"{variant.name} ({variant.role}): {', '.join(how)}."]
    return "\n".join(parts) + "\n"


def verdict(gate: Gate, variant: Variant, work, results: Mapping[str, dict]) -> str:
    """ "passes", "fails: ..." with the bars that are missed, or what is still missing.

    While some seeds wait: "with 1 of 3 seeds ...", as if there were no others.
    """
    cells = _cells(gate, variant, work)
    done = sum(one.name in results for one in cells)
    if not done:
        return "not yet trained"
    of_variants = {v.name: _figures(gate, v, work, results) for v in (gate.own, *gate.variants)}
    others = {name: medians(figures) for name, figures in of_variants.items() if figures}
    by_median = gate.counts == "median"
    held = [others[variant.name]] if by_median else of_variants[variant.name]
    of_each = []
    for figures in held:
        of_these = missed(gate, figures, others)
        if of_these is None:
            return "waits for what it is compared with"
        of_each.append(of_these)
    if gate.counts == "best":
        of_each = [min(of_each, key=len)]
    bars = list(dict.fromkeys(bar for of_these in of_each for bar in of_these))
    word = "passes" if not bars else f"fails: {'; '.join(bars)}"
    return word if done == len(cells) else f"with {done} of {len(cells)} seeds {word}"


def _summary(gates, work, results) -> str:
    rows = []
    for gate in gates:
        own = verdict(gate, gate.own, work, results)
        controls = [v for v in gate.variants if v.role == "control"]
        said = [verdict(gate, v, work, results) for v in controls]
        fail = sum(word.startswith("fails") for word in said)
        waiting = sum(not word.startswith(("fails", "passes")) for word in said)
        of = f"{fail} of {len(controls)} fail" + (
            f", {waiting} not yet all trained" if waiting else ""
        )
        rows.append([f"`{gate.name}`", own, of])
    return tables.as_markdown(("gate", "as it is", "controls, which have to fail"), rows)


def _row(gate: Gate, variant: Variant, work, results) -> list[str]:
    done = [one for one in _cells(gate, variant, work) if one.name in results]
    figures = _figures(gate, variant, work, results)
    ended = [results[one.name] for one in done]
    failures = [result["failed"] for result in ended if result["failed"]]
    names = list(dict.fromkeys([*(bar.figure for bar in gate.bars), *gate.shown]))
    middle = medians(figures) if figures else {}
    told = [
        f"{name.replace('_', ' ')} {_shown(middle[name])}"
        + (f" ({', '.join(_shown(f[name]) for f in figures)})" if len(figures) > 1 else "")
        for name in names
        if name in middle
    ]
    is_word = variant.role if variant.role == "report" else verdict(gate, variant, work, results)
    diagnosed = Counter(result.get("diagnosed", "") for result in ended)
    minutes = [result["seconds"] / 60 for result in ended if result["seconds"]]
    return [
        variant.name,
        ", ".join(str(one.seed) for one in done),
        "; ".join([*told, *failures]),
        ", ".join(f"{m:.1f}" for m in minutes),
        is_word,
        "; ".join(
            f"{said} ({times})" if len(ended) > 1 else said for said, times in diagnosed.items()
        ),
        max(result["date"] for result in ended),
    ]


def _cells(gate: Gate, variant: Variant, work) -> list:
    return [one for one in work if one.gate == gate and one.variant.name == variant.name]


def _figures(gate: Gate, variant: Variant, work, results) -> list[Figures]:
    """Of the cells that are done; of one that has failed there are none, so it meets no bar."""
    cells = _cells(gate, variant, work)
    return [results[one.name]["figures"] for one in cells if one.name in results]


def _shown(value: float) -> str:
    is_whole = math.isfinite(value) and value == round(value)
    return f"{value:,.0f}" if is_whole else f"{value:.4g}"


def _line(piece: str) -> str:
    return " ".join(piece.split())
