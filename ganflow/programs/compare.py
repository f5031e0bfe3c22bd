"""Compare runs: their curves and samples in one picture, settings and last figures in one table.

ganflow-compare runs/simple runs/dense_logits --out=compared.png

Beside the picture stands the table in Markdown, compared.md. Of each run it also tells, as document
003 does, what D said of real and of generated examples at some steps.
"""

import functools
import math
from pathlib import Path

import numpy as np
from absl import flags, logging

from ganflow.base import tables
from ganflow.base.errors import InputError
from ganflow.cli import command
from ganflow.cli.flags import parse_with_names
from ganflow.pictures import curves, grids
from ganflow.storage import workdir
from ganflow.summaries import comparison, history
from ganflow.summaries.comparison import Run
from ganflow.trained import loading, sampling

FLAGS = flags.FLAGS
_POINTS = 1_000
_WIDTH_PIXELS = 360  # of the samples of a run, about


def run() -> None:
    """Define the flags and start."""
    flags.DEFINE_integer("num", 36, "samples of each run", lower_bound=1, upper_bound=10_000)
    flags.DEFINE_integer("seed", 0, "of all that is drawn", lower_bound=0)
    flags.DEFINE_string("out", "compared.png", "the picture; the table is beside it, as .md")
    command.run(main, parse_with_names)


def main(argv: list[str]) -> int:
    """Print the table, and write it and the picture; return the exit code."""
    out = Path(FLAGS.out)
    if out.suffix != ".png":
        raise InputError(f"--out={out}: found the ending {out.suffix!r}, expected .png")
    sampling.check_out(out)
    if len(argv) < 2:
        raise InputError("give the workdirs to compare, like runs/simple runs/dense_logits")
    runs = comparison.read([Path(name) for name in argv[1:]])
    compared = comparison.table(runs)
    histories = {run.name: history.table(run.rows) for run in runs if run.rows}
    print(tables.as_text(*compared))
    for name, of_run in histories.items():
        print(f"\n{name}\n{tables.as_text(*of_run)}")
    parts = [tables.as_markdown(*compared)]
    parts += [f"## {name}\n\n{tables.as_markdown(*of_run)}" for name, of_run in histories.items()]
    grids.write_png(out, _picture(runs))
    workdir.write_whole(out.with_suffix(".md"), ("\n\n".join(parts) + "\n").encode())
    print(f"\n{out}, {out.with_suffix('.md')}")
    return 0


def _picture(runs: list[Run]) -> np.ndarray:
    """Samples side by side, and the curves below them: uint8 [h, w, 3].

    Raises:
      InputError: there are neither.
    """
    drawn = {f"{run.name}, step {run.manifest['step']:,}": _samples(run) for run in runs}
    samples = {name: picture for name, picture in drawn.items() if picture is not None}
    shown = [
        name for name in comparison.FIGURES if any(name in r for run in runs for r in run.rows)
    ]
    parts = []
    if samples:
        parts.append(grids.titled(f"Samples of the newest checkpoints, seed {FLAGS.seed}", samples))
    if shown:
        parts.append(curves.compared({run.name: run.rows for run in runs}, shown))
    if not parts:
        raise InputError("found neither samples nor figures of these runs: nothing to draw")
    return functools.reduce(grids.below, parts)


def _samples(run: Run) -> np.ndarray | None:
    """Samples of a run as a picture; None, and a line of log, where they cannot be made."""
    try:
        gan, manifest = loading.load_trained(run.folder)
        made = sampling.of_gan(gan, manifest, FLAGS.num, FLAGS.seed).samples
        if made.ndim == 2 and FLAGS.num < _POINTS:  # as many points as images say nothing
            made = sampling.of_gan(gan, manifest, _POINTS, FLAGS.seed).samples
    except InputError as error:
        logging.warning("%s: no samples: %s", run.name, error)
        return None
    if made.ndim == 2:
        return grids.points(made, f"{len(made):,} points")
    columns = math.ceil(math.sqrt(len(made)))
    factor = max(1, _WIDTH_PIXELS // (columns * made.shape[2]))
    return grids.grid(made.repeat(factor, axis=1).repeat(factor, axis=2), columns)
