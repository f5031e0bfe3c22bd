#!/usr/bin/env python
"""Step through training by hand: one D step, one G step, and what each changed.

python bin/lab.py

It starts on points of a circle; `--model=NAME` takes another model, with that model's own flags
(`--helpfull` lists them). The commands can be piped in: `printf 'd\\ng 3\\n' | python bin/lab.py`.
"""

import functools
import sys
from pathlib import Path

from absl import flags as absl_flags

import ganflow.quiet  # noqa: F401 - before anything that imports TensorFlow

# isort: split
from ganflow import command, flags, lab, lesson, models

FLAGS = absl_flags.FLAGS
absl_flags.DEFINE_string("model", "circle", "the model: a file of ganflow/models")


def main(_) -> int:
    config = flags.read(models.load(FLAGS.model).Config())
    options = flags.read(lab.Options())
    given = {name for name in FLAGS if FLAGS[name].present}
    prepared, origin = lab.prepare(FLAGS.model, config, options, given)
    say = functools.partial(print, flush=True)
    say(lesson.greeting(prepared, origin))
    return lesson.session(prepared, lesson.typed(sys.stdin), Path(options.out), say)


if __name__ == "__main__":
    command.run(main, lambda argv: flags.parse_for_model(argv, lab.Options()))
