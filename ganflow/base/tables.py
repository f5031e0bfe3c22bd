"""Tables of text: a column of words, columns of numbers."""

import io
from collections.abc import Sequence
from typing import Literal

_WIDTH = 10_000  # characters: nothing is folded or cut, however long a name is


def as_text(
    titles: Sequence[str], rows: Sequence[Sequence[str]], left: Sequence[int] = (0,)
) -> str:
    """Columns side by side under their titles, lines without trailing blanks.

    Args:
      titles: of the columns.
      rows: of cells.
      left: the columns that are aligned to the left; numbers are to the right.
    """
    # It takes a while, and a training's start does without.
    from rich import box, console, table, text

    drawn = table.Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for i, title in enumerate(titles):
        justify: Literal["left", "right"] = "left" if i in left else "right"
        drawn.add_column(text.Text(title), justify=justify, no_wrap=True)
    for row in rows:
        drawn.add_row(*map(text.Text, row))  # as they stand: rich reads [red] and :smile: in a str
    out = io.StringIO()
    console.Console(file=out, width=_WIDTH, color_system=None, highlight=False).print(drawn)
    lines = out.getvalue().replace("\u2500", "-").splitlines()  # plain dashes, for any terminal
    return "\n".join(line.rstrip() for line in lines)


def as_markdown(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """The same in Markdown."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)
