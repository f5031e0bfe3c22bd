"""Step through training by hand: one D step, one G step, and what each changed.

ganflow-lab

It starts on points of a circle; `--model=NAME` takes another model, with that model's own flags
(`--helpfull` lists them). The commands can be piped in: `printf 'd\\ng 3\\n' | ganflow-lab`.
"""

import functools
import sys
from pathlib import Path

from absl import flags as absl_flags

from ganflow import models
from ganflow.cli import command, flags
from ganflow.lab import bench, lesson

FLAGS = absl_flags.FLAGS


def run() -> None:
    """Define the flags and start."""
    absl_flags.DEFINE_string(
        "model", "circle", "a file of ganflow/models, or the path of one's own"
    )
    command.run(main, lambda argv: flags.parse_for_model(argv, bench.Options()))


def main(_) -> int:
    """Hold the lesson; return the exit code."""
    config = flags.read(models.load(FLAGS.model).Config())
    options = flags.read(bench.Options())
    given = {name for name in FLAGS if FLAGS[name].present}
    prepared, origin = bench.prepare(FLAGS.model, config, options, given)
    say = functools.partial(print, flush=True)
    say(lesson.greeting(prepared, origin))
    return lesson.session(prepared, lesson.typed(sys.stdin), Path(options.out), say)
