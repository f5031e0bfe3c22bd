#!/usr/bin/env python
"""Sample a trained model into an .npy array or a .png picture.

python bin/sample.py --workdir=runs/simple --num=64 --seed=1 --out=samples.png
"""

from pathlib import Path

from absl import flags

import ganflow.quiet  # noqa: F401 - before anything that imports TensorFlow

# isort: split
from ganflow import command, sampling
from ganflow.flags import parse

FLAGS = flags.FLAGS
flags.DEFINE_string("workdir", None, "the run's folder", required=True)
flags.DEFINE_integer("num", 64, "how many samples", lower_bound=1)
flags.DEFINE_integer("seed", 0, "of z", lower_bound=0)
flags.DEFINE_integer("step", None, "which checkpoint; by default the newest", lower_bound=0)
flags.DEFINE_string("out", "samples.png", "the file to write: .npy, or .png for a picture")


def main(_) -> int:
    out = Path(FLAGS.out)
    sampling.check_out(out)
    samples = sampling.generate(Path(FLAGS.workdir), FLAGS.num, FLAGS.seed, FLAGS.step)
    sampling.write(samples, out)
    print(f"{out}: {samples.dtype} {' x '.join(map(str, samples.shape))}")
    return 0


if __name__ == "__main__":
    command.run(main, parse)
