"""The programs: each module here has `run()`, which is both `bin/NAME.py` and `ganflow-NAME`.

`run` defines the program's flags, so that importing a program defines none. Whatever is imported
from here imports TensorFlow quietly, for that is done first; on a terminal it is said before, for
it takes seconds, and training's `--help` does without. May import every other package.
"""

import sys

from ganflow.base import stages
from ganflow.cli import helping

helping.answer_at_once(sys.argv)
stages.say_on_terminal("starting TensorFlow, which takes some seconds ...")

import ganflow.base.quiet  # noqa: E402, F401 - before anything that imports TensorFlow
