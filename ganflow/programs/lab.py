"""Step through training by hand: one D step, one G step, and what each changed.

ganflow-lab
ganflow-lab --browser

The second is a page in a browser, with everything that moves in pictures. It starts on points of a
circle; `--model=NAME` takes another model, with that model's own flags (`--helpfull` lists them).
Without a browser commands can be piped in: `printf 'd\\ng 3\\n' | ganflow-lab`.
"""

import functools
import sys
from pathlib import Path
from typing import Any

import tensorflow as tf
from absl import flags as absl_flags

from ganflow import data, models
from ganflow.base.errors import InputError
from ganflow.cli import command, flags
from ganflow.lab import bench, lesson
from ganflow.trained import loading

FLAGS = absl_flags.FLAGS


def run() -> None:
    """Define the flags and start."""
    absl_flags.DEFINE_string(
        "model", "circle", "a file of ganflow/models, or the path of one's own"
    )
    absl_flags.DEFINE_boolean("browser", False, "show a page in a browser, and print its address")
    absl_flags.DEFINE_string(
        "host",
        "127.0.0.1",
        "of --browser: the address to listen on; others than this machine's "
        "own let others in who know the token",
    )
    absl_flags.DEFINE_integer(
        "port", 0, "of --browser: 0 takes a free one", lower_bound=0, upper_bound=65535
    )
    command.run(main, lambda argv: flags.parse_for_model(argv, bench.Options()))


def main(_) -> int:
    """Hold the lesson; return the exit code."""
    config = flags.read(models.load(FLAGS.model).Config())
    options = flags.read(bench.Options())
    given = {name for name in FLAGS if FLAGS[name].present}
    say = functools.partial(print, flush=True)
    if FLAGS.browser:
        if "out" in given:
            raise InputError("--out: is of the lab in a terminal; leave it or --browser out")
        from ganflow.lab.web import serving, setting  # the terminal does without a server

        if _dataset(config, options) in data.POINTS:
            _leave_a_core_to_the_page()
        told = setting.of_flags(FLAGS.model, config, options, given)
        return serving.serve(told, FLAGS.host, FLAGS.port, say)
    if asked := [name for name in ("host", "port") if FLAGS[name].present]:
        raise InputError(f"--{asked[0]}: is of the page; give --browser too")
    prepared, origin = bench.prepare(FLAGS.model, config, options, given)
    say(lesson.greeting(prepared, origin))
    return lesson.session(prepared, lesson.typed(sys.stdin), Path(options.out), say)


def _dataset(config: Any, options: bench.Options) -> str | None:
    """The name of what is trained on, read without TensorFlow."""
    if not options.workdir:
        return config.dataset
    return loading.sound_checkpoint(Path(options.workdir)).manifest["config"].get("dataset")


def _leave_a_core_to_the_page() -> None:
    """Have one thread compute; TensorFlow takes that only before its first operation.

    `circle`'s matrices are so small that two threads keep two cores busy to be no faster: .27 to
    .30 ms a step, and .20 to .28 with one, to the same bits. `pacgan`, the largest on points, takes
    15 ms with two and 19 with one: the page is worth that.
    """
    tf.config.threading.set_intra_op_parallelism_threads(1)
