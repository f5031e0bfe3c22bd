#!/usr/bin/env python
"""Train a GAN; run it again to go on.

python bin/train.py --model=simple --dataset=mnist --data_dir=DIR --workdir=runs/simple

`--helpfull` with `--model=NAME` lists what that model has. Exit codes: see ganflow/command.py.
"""

from absl import flags as absl_flags

import ganflow.quiet  # noqa: F401 - before anything that imports TensorFlow

# isort: split
from ganflow import command, engine, flags, models, training

FLAGS = absl_flags.FLAGS
absl_flags.DEFINE_string("model", "simple", "the model: a file of ganflow/models")
absl_flags.DEFINE_boolean("dry_run", False, "say what would be done, check it all, write nothing")
absl_flags.DEFINE_boolean("fresh", False, "set the workdir's history aside and start from step 0")


def main(_) -> int:
    config = flags.read(models.load(FLAGS.model).Config())
    run = training.prepare(FLAGS.model, config, flags.read(engine.Options()))
    if FLAGS.dry_run:
        print(training.describe_plan(run))
        return 0
    return training.train(run, FLAGS.fresh)


if __name__ == "__main__":
    command.run(main, lambda argv: flags.parse_for_model(argv, engine.Options()))
