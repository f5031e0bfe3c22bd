"""Train many models on one budget, judge them alike, and write one table; again to go on.

ganflow-ladder --models=simple,circle --datasets=mnist,circle --data_dir=DIR --seconds=60

A plan's lines are `NAME: --model=... --dataset=... --d_learning_rate=... ...`. A ladder decides
--workdir, --seed, --epochs, --summary_every, --checkpoint_every and --keep_checkpoints of its
cells itself, and with --steps their --steps.
"""

from pathlib import Path

import tensorflow as tf
from absl import flags as absl_flags

from ganflow import models
from ganflow.base import hints
from ganflow.base.errors import InputError
from ganflow.cli import command, flags
from ganflow.ladder import plans, running

FLAGS = absl_flags.FLAGS
_ROOT = Path(__file__).resolve().parents[2]
# The repository's; an installed ganflow stands in a folder of packages, without any.
PRESETS = _ROOT / "configs" if (_ROOT / "setup.cfg").is_file() else None


def run() -> None:
    """Define the flags and start."""
    absl_flags.DEFINE_list(
        "models", None, "models or presets (configs/NAME.flags); default: all models"
    )
    absl_flags.DEFINE_list("datasets", None, f"data sets; default: {','.join(plans.DATASETS)}")
    absl_flags.DEFINE_string("plan", None, "a file of named command lines, in place of both")
    absl_flags.DEFINE_list("seeds", ["0"], "seeds of every cell")
    absl_flags.DEFINE_float(
        "seconds",
        None,
        "the budget of a cell, in seconds of training; at least 10, for they count its start",
    )
    absl_flags.DEFINE_integer("steps", None, "the budget of a cell, in steps", lower_bound=1)
    absl_flags.DEFINE_list(
        "marks", ["4"], "how many marks, or the marks themselves, in the budget's unit"
    )
    absl_flags.DEFINE_integer("num", 10_000, "samples judged at each mark", lower_bound=2)
    absl_flags.DEFINE_string("data_dir", "", "the folder or file of the data sets in files")
    absl_flags.DEFINE_string("workdir", "runs/ladder", "the ladder's folder")
    absl_flags.DEFINE_boolean("dry_run", False, "list the cells, write nothing")
    command.run(main, flags.parse)


def main(_) -> int:
    """Do what is not yet done of the plan; return the exit code."""
    # A cell's process takes a GPU's memory whole; this one has to leave it there.
    tf.config.set_visible_devices([], "GPU")
    budget = plans.budget(FLAGS.seconds, FLAGS.steps, flags.numbers("marks", float))
    datasets = None
    if FLAGS.plan:
        if FLAGS.models or FLAGS.datasets:
            raise InputError("--plan: takes the place of --models and --datasets; leave those out")
        entries = plans.read_plan_file(Path(FLAGS.plan))
    else:
        entries = [plans.entry(name, PRESETS) for name in FLAGS.models or models.names()]
        datasets = FLAGS.datasets or plans.DATASETS
    plan = plans.make_plan(
        entries, datasets, flags.numbers("seeds", int), budget, FLAGS.num, FLAGS.data_dir
    )
    if FLAGS.dry_run:
        print(plans.describe(plan))
        return 0
    return running.run(plan, Path(FLAGS.workdir), hints.command_line())
