#!/usr/bin/env python
"""Print a model's networks: layers, output shapes, parameters, totals, the weights' names.

python bin/describe.py --model=simple
"""

from absl import flags as absl_flags

import ganflow.quiet  # noqa: F401 - before anything that imports TensorFlow

# isort: split
from ganflow import command, data, describe, engine, flags, models

FLAGS = absl_flags.FLAGS
absl_flags.DEFINE_string("model", "simple", "the model: a file of ganflow/models")


def main(_) -> int:
    module = models.load(FLAGS.model)
    config = flags.read(module.Config())
    points = data.is_points(config.dataset, FLAGS.data_dir or None)
    side = 28 * FLAGS.enlarge
    x_shape = (2,) if points else (side, side, 1)
    gan = engine.build(module, config, x_shape, seed=0)
    print(f"{FLAGS.model} on {'points' if points else f'{side} x {side} images'}\n")
    print(describe.table(gan))
    return 0


if __name__ == "__main__":
    command.run(main, lambda argv: flags.parse_for_model(argv, engine.Options()))
