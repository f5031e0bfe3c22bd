"""A run's history as a table: document 003's figures, a row for each of some steps.

The document asks D about real and about generated points at the start, every so often and at the
end. A summary does so too; here its figures stand one below the other.
"""

from collections.abc import Sequence

MOST_ROWS = 11
# By their names in `metrics.jsonl`, in this order as far as a run has them.
_FIGURES = {
    "d_loss": "D's loss",
    "g_loss": "G's loss",
    "d_real": "D on real",
    "d_fake": "D on generated",
    "d_accuracy_real": "accuracy on real",
    "d_accuracy_fake": "on generated",
    "d_accuracy_held_out": "on held-out",
    "energy_distance_ratio": "energy distance",
}


def table(rows: Sequence[dict], most: int = MOST_ROWS) -> tuple[list[str], list[list[str]]]:
    """Titles and rows of cells, for `base.tables`.

    Args:
      rows: of `metrics.jsonl`, oldest first.
      most: rows of the table, at least 2; the first and the last are among them.
    """
    found = [name for name in _FIGURES if any(name in row for row in rows)]
    count = min(most, len(rows))
    chosen = [rows[round(i * (len(rows) - 1) / max(count - 1, 1))] for i in range(count)]
    cells = [
        [f"{row['step']:,}", *(f"{row[n]:.3g}" if n in row else "-" for n in found)]
        for row in chosen
    ]
    return ["step", *(_FIGURES[name] for name in found)], cells
