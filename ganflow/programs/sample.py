"""Sample a trained model into an .npy array or a .png picture.

ganflow-sample --workdir=runs/simple --num=64 --seed=1 --out=samples.png
"""

from pathlib import Path

from absl import flags

from ganflow.cli import command
from ganflow.cli.flags import parse
from ganflow.programs import steps
from ganflow.trained import loading, sampling

FLAGS = flags.FLAGS


def run() -> None:
    """Define the flags and start."""
    flags.DEFINE_string("workdir", None, "the run's folder", required=True)
    flags.DEFINE_integer("num", 64, "how many samples", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "of all that is drawn", lower_bound=0)
    flags.DEFINE_string("step", None, f"{steps.HELP}; by default the newest")
    flags.DEFINE_string("sampler", "", "its name, of a model with several; by default the first")
    flags.DEFINE_boolean("ema", False, "with the moving average of G's weights")
    flags.DEFINE_string("out", "samples.png", "the file to write: .npy, or .png for a picture")
    command.run(main, parse)


def main(_) -> int:
    """Write the samples; return the exit code."""
    out = Path(FLAGS.out)
    sampling.check_out(out)
    folder = Path(FLAGS.workdir)
    step, averaged = steps.asked(FLAGS.step, folder)
    ema = FLAGS.ema or (averaged and not FLAGS["ema"].present)  # --noema: not even then
    gan, manifest = loading.load_trained(folder, step, ema)
    samples = sampling.of_gan(gan, manifest, FLAGS.num, FLAGS.seed, FLAGS.sampler)
    sampling.write(samples, out, sampling.title(manifest, FLAGS.seed, ema))
    print(f"{out}: {samples.dtype} {' x '.join(map(str, samples.shape))}")
    return 0
