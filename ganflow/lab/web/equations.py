"""A model's equations, as its docstring sets them off, with the places where values belong.

What a step reports stands for a term of them: d_loss for "D's loss", d_real, the mean of D(x), for
"D(x)". D's means are those of D's update, so they belong into the lines of D's loss alone.
"""

import re
from collections.abc import Iterable

Piece = tuple[str, str]  # text, and the scalar whose value follows it; "" where none does

_BEGINS = {
    "d_loss": re.compile(r"D's(?: and Q's)? loss|critic(?=:)|d_loss"),
    "g_loss": re.compile(r"G's loss|G(?=:)|G_ab, G_ba(?=:)|g_loss"),
}
_OF_D = {
    "d_real": r"\bD\(x(?:_1)?\b[^()]*\)|\bL\(x\)",
    "d_fake": r"\bD\((?:G\([^()]*\)[^()]*)+\)|\bD\(fake\b[^()]*\)|\bL\(G\(z_D\)\)",
}
_ANYWHERE = {"kl": r"\bKL\(N\([^()]*\) \|\| N\([^()]*\)\)", "content_loss": r"\bcontent(?= -)"}


def lines(doc: str) -> list[str]:
    """The lines that a model's docstring sets off before its first command: its losses."""
    found: list[str] = []
    for line in doc.splitlines():
        if re.match(r"\s+(ganflow-|python |bin/)", line):
            break
        if line.startswith("    "):
            found.append(line[4:])
        elif found and not line.strip() and found[-1]:
            found.append("")
    return found[:-1] if found and not found[-1] else found


def pieces(doc: str, scalars: Iterable[str]) -> list[list[Piece]]:
    """The same lines, each cut after every term whose value is reported.

    Args:
      doc: a model's docstring.
      scalars: the names of what its updates report.
    """
    found, is_of_d, known = [], False, set(scalars)
    named = {name: rf"\b{re.escape(name)}\b" for name in known - _BEGINS.keys()}
    for line in lines(doc):
        begins = {name: match for name, of in _BEGINS.items() if (match := of.match(line))}
        if line[:1].strip():  # not one that goes on with the loss before it
            is_of_d = "d_loss" in begins
        ends = {match.end(): name for name, match in begins.items()}
        for name, term in (named | _ANYWHERE | (_OF_D if is_of_d else {})).items():
            ends |= {match.end(): name for match in re.finditer(term, line)}
        found.append(_cut(line, {end: name for end, name in ends.items() if name in known}))
    return found


def _cut(line: str, ends: dict[int, str]) -> list[Piece]:
    places = sorted(ends)
    starts = [0, *places]
    return [(line[a:b], ends[b]) for a, b in zip(starts, places, strict=False)] + [
        (line[starts[-1] :], "")
    ]
