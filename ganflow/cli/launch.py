"""Start several workers on this machine, and watch them until all have ended.

bin/launch.py --workers=2 -- bin/train.py --model=simple --dataset=digits --steps=400

What follows `--` is started so many times, each with all addresses in TF_CONFIG, and each line that
a worker says comes with its number in front. Signals are handed on. If one worker ends badly, so do
the others; the exit code is the first bad one.
"""

import os

from absl import flags as absl_flags

from ganflow.cli import command, flags
from ganflow.workers import launching

FLAGS = absl_flags.FLAGS


def run() -> None:
    """Define the flags and start."""
    absl_flags.DEFINE_integer(
        "workers", 2, "how many processes train together", lower_bound=1, upper_bound=64
    )
    words: list[str] = []

    def parse(argv: list[str]) -> list[str]:
        """Everything behind the first "--" belongs to what is started."""
        cut = argv.index("--") if "--" in argv else len(argv)
        words.extend(argv[cut + 1 :])
        return flags.parse(argv[:cut])

    command.run(lambda _: main(words), parse)


def main(words: list[str]) -> int:
    """Run them; return the exit code."""
    return launching.launch(words, FLAGS.workers, os.environ)
