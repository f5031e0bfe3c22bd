"""Try what is promised of runs, and write docs/reliability.md.

    python benchmarks/torture.py --workdir=runs/torture --out=docs/reliability.md

Nine points, each of many cases; --only=1,3 chooses points, --scale=.1 a tenth of the cases. Started
again it goes on: what is done is in WORKDIR/results.jsonl, and the case that was running is tried
again, as are those that found something broken. Point 3 and parts of 6 mount small disks, which
takes root.
"""

import logging
import sys
from pathlib import Path

from absl import flags

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import ganflow.base.quiet  # noqa: E402, F401 - before anything that imports TensorFlow

# isort: split
from benchmarks.reliability import points, report, trying  # noqa: E402
from ganflow.base.errors import EXIT_INTERRUPTED, InputError  # noqa: E402
from ganflow.cli import command  # noqa: E402
from ganflow.cli import flags as flags_of  # noqa: E402
from ganflow.storage import workdir  # noqa: E402

FLAGS = flags.FLAGS


def main(_) -> int:
    """Try what is not yet tried; return the exit code, 1 where a promise was found broken."""
    known = {point.number: point for point in points.ALL}
    numbers = flags_of.numbers("only", int) or list(known)
    for number in numbers:
        if number not in known:
            raise InputError(f"--only={number}: expected some of {', '.join(map(str, known))}")
    asked = [known[number] for number in dict.fromkeys(numbers)]
    folder, out = Path(FLAGS.workdir), Path(FLAGS.out)
    command_line = "make torture" if FLAGS.scale == 1 else f"make torture SCALE={FLAGS.scale:g}"

    def write(results: trying.Results) -> None:
        text = report.as_markdown(points.ALL, results, command_line)
        workdir.write_whole(out, text.encode())

    for name in ("absl", "tensorflow"):  # what trainings in this process say is judged, not shown
        logger = logging.getLogger(name)
        logger.handlers, logger.propagate = [logging.NullHandler()], False
    try:
        with workdir.locked(folder):
            results = trying.try_all(asked, folder.resolve(), FLAGS.scale, say, write)
            write(results)
    except KeyboardInterrupt:
        print("stopped; the same command goes on")
        return EXIT_INTERRUPTED
    broken = sum(len(row["broken"]) for point in asked for row in results.of(point))
    print(f"{out} is written; {broken} promises were found broken")
    return 1 if broken else 0


def say(line: str) -> None:
    """A line of progress."""
    print(line, file=sys.stderr, flush=True)


if __name__ == "__main__":
    flags.DEFINE_string("workdir", "runs/torture", "the folder of all cases and of their results")
    flags.DEFINE_string("out", "docs/reliability.md", "the report")
    flags.DEFINE_list("only", None, "numbers of points; default: all")
    flags.DEFINE_float("scale", 1.0, "the share of each point's cases", lower_bound=0.0)
    command.run(main, flags_of.parse)
