#!/usr/bin/env python
"""Train many models on one budget, judge them alike, and write one table; again to go on.

python bin/ladder.py --models=simple,circle --datasets=mnist,circle --data_dir=DIR --seconds=60

A plan's lines are `NAME: --model=... --dataset=... --d_learning_rate=... ...`. A ladder decides
--workdir, --seed, --summary_every, --checkpoint_every and --keep_checkpoints of its cells itself,
and with --steps their --steps.
"""

import shlex
import sys
from pathlib import Path

from absl import flags as absl_flags

import ganflow.quiet  # noqa: F401 - before anything that imports TensorFlow

# isort: split
import tensorflow as tf

from ganflow import command, flags, ladder, models
from ganflow.errors import InputError

FLAGS = absl_flags.FLAGS
PRESETS = Path(__file__).resolve().parents[1] / "configs"

absl_flags.DEFINE_list(
    "models", None, "models or presets (configs/NAME.flags); default: all models"
)
absl_flags.DEFINE_list("datasets", None, f"data sets; default: {','.join(ladder.DATASETS)}")
absl_flags.DEFINE_string("plan", None, "a file of named command lines, in place of both")
absl_flags.DEFINE_list("seeds", ["0"], "seeds of every cell")
absl_flags.DEFINE_float("seconds", None, "the budget of a cell, in seconds of training")
absl_flags.DEFINE_integer("steps", None, "the budget of a cell, in steps", lower_bound=1)
absl_flags.DEFINE_list(
    "marks", ["4"], "how many marks, or the marks themselves, in the budget's unit"
)
absl_flags.DEFINE_integer("num", 10_000, "samples judged at each mark", lower_bound=2)
absl_flags.DEFINE_string("data_dir", "", "the folder or file of the data sets that lie in files")
absl_flags.DEFINE_string("workdir", "runs/ladder", "the ladder's folder")
absl_flags.DEFINE_boolean("dry_run", False, "list the cells, write nothing")


def main(_) -> int:
    # A cell's process takes a GPU's memory whole; this one has to leave it there.
    tf.config.set_visible_devices([], "GPU")
    budget = ladder.budget(FLAGS.seconds, FLAGS.steps, _numbers("marks", float))
    if FLAGS.plan:
        if FLAGS.models or FLAGS.datasets:
            raise InputError("--plan: takes the place of --models and --datasets; leave those out")
        entries, datasets = ladder.read_plan_file(Path(FLAGS.plan)), None
    else:
        entries = [ladder.entry(name, PRESETS) for name in FLAGS.models or models.names()]
        datasets = FLAGS.datasets or ladder.DATASETS
    plan = ladder.make_plan(
        entries, datasets, _numbers("seeds", int), budget, FLAGS.num, FLAGS.data_dir
    )
    if FLAGS.dry_run:
        print(ladder.describe(plan))
        return 0
    return ladder.run(plan, Path(FLAGS.workdir), shlex.join(["python", *sys.argv]))


def _numbers(flag: str, kind: type) -> list:
    try:
        return [kind(word) for word in FLAGS[flag].value]
    except ValueError as error:
        text = ",".join(FLAGS[flag].value)
        raise InputError(f"--{flag}={text}: expected numbers separated by commas") from error


if __name__ == "__main__":
    command.run(main, flags.parse)
