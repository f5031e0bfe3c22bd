"""Take a trained generator along: SavedModel, TFLite, and a page that runs it in a browser.

ganflow-export --workdir=runs/simple --out=exported
ganflow-export --workdir=W --sampler=a_to_b --step=best --ema --out=exported
ganflow-export --workdir=W --tfjs=tf.es2017.min.js --out=exported   a page that needs no network

Then open exported/page/index.html, from the folder or from any web server. Each form is held
against the model's own samples after it was written.
"""

import sys
from pathlib import Path

from absl import flags

from ganflow.cli import command
from ganflow.cli.flags import parse
from ganflow.export import exporting, pages
from ganflow.programs import steps
from ganflow.trained import loading

FLAGS = flags.FLAGS


def run() -> None:
    """Define the flags and start."""
    flags.DEFINE_string("workdir", None, "the run's folder", required=True)
    flags.DEFINE_string("step", None, f"{steps.HELP}; by default the newest")
    flags.DEFINE_string("sampler", "", "one of a model with several; by default all of them")
    flags.DEFINE_boolean("ema", False, "with the moving average of G's weights")
    flags.DEFINE_string("out", None, "a folder that is not there yet, or empty", required=True)
    flags.DEFINE_string(
        "tfjs",
        None,
        f"a local copy of TensorFlow.js, {pages.LIBRARY} of version {pages.VERSION}, to lie beside "
        "the page; by default the page takes it from a public address",
    )
    command.run(main, parse)


def main(_) -> int:
    """Write the folder; return the exit code."""
    out, folder = Path(FLAGS.out), Path(FLAGS.workdir)
    exporting.check_out(out)
    library = pages.read_library(Path(FLAGS.tfjs)) if FLAGS.tfjs else None
    step, averaged = steps.asked(FLAGS.step, folder)
    ema = FLAGS.ema or (averaged and not FLAGS["ema"].present)  # --noema: not even then
    gan, manifest = loading.load_trained(folder, step, ema)
    lines, lacking = exporting.export(gan, manifest, out, FLAGS.sampler, library, ema)
    print("\n".join(lines))
    if library is None:
        print(f"the page takes TensorFlow.js from {pages.ADDRESS}; --tfjs=PATH copies it instead")
    for line in lacking:
        print(f"export: {line}", file=sys.stderr)
    return 0
