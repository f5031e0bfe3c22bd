"""Sample a trained model into an .npy array or a .png picture.

ganflow-sample --workdir=runs/simple --num=64 --seed=1 --out=samples.png
ganflow-sample --workdir=runs/cgan --label=3 --out=threes.png
ganflow-sample --workdir=runs/deconv --heat --num=2 --out=heat.png
ganflow-sample --workdir=W --caption="a small red circle on the left" --out=circles.png
ganflow-sample --workdir=runs/infogan --sweep=code_1 --out=code_1.png
ganflow-sample --workdir=runs/mine --sampler=a_to_b --input=photo.png --out=b.png
"""

from pathlib import Path

import numpy as np
from absl import flags

from ganflow.base.errors import InputError
from ganflow.cli import command
from ganflow.cli.flags import numbers, parse
from ganflow.pictures import grids, heat
from ganflow.programs import steps
from ganflow.trained import conditions, inputs, loading, sampling

FLAGS = flags.FLAGS
_MOST_MAPS = 8  # side by side


def run() -> None:
    """Define the flags and start."""
    flags.DEFINE_string("workdir", None, "the run's folder", required=True)
    flags.DEFINE_integer("num", 64, "how many samples", lower_bound=1)
    flags.DEFINE_integer("seed", 0, "of all that is drawn", lower_bound=0)
    flags.DEFINE_string("step", None, f"{steps.HELP}; by default the newest")
    flags.DEFINE_string("sampler", "", "its name, of a model with several; by default the first")
    flags.DEFINE_integer("label", None, "the class of all samples, of a model that is given one")
    flags.DEFINE_list("code", [], "the codes of all samples, of a model that is given some")
    flags.DEFINE_string("caption", None, "what all samples shall show, of a model that is given it")
    flags.DEFINE_string(
        "input",
        None,
        "a picture, PNG or JPEG, or an .npy file of uint8 images, for a sampler that is given real "
        "ones; by default they are held-out ones of the data set",
    )
    flags.DEFINE_string(
        "sweep",
        "",
        "a condition, label or code_1: a row for each of its values and a column for each z, in "
        "place of --num samples",
    )
    flags.DEFINE_boolean(
        "heat", False, f"--num samples, at most {_MOST_MAPS}, each as a heat map of its values"
    )
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
    title, columns, num = sampling.title(manifest, FLAGS.seed, ema), None, FLAGS.num
    if FLAGS.heat:
        num = _number_of_maps(out)
    chosen = sampling.choose(gan, FLAGS.sampler)
    if FLAGS.sweep:
        others = ("label", "code", "caption", "input")
        if any(FLAGS[name].present for name in others):
            names = ", ".join(f"--{name}" for name in others)
            raise InputError(f"--sweep: takes the place of {names}; leave those out")
        samples, columns = conditions.sweep(gan, manifest, FLAGS.sweep, FLAGS.seed, FLAGS.sampler)
        title += f"; {FLAGS.sweep} row by row"
    else:
        images = {}
        if FLAGS.input:
            of_each = num if FLAGS["num"].present else None
            images = inputs.asked(gan, manifest, chosen, Path(FLAGS.input), of_each)
            num = len(next(iter(images.values())))
        told = FLAGS.label, numbers("code", float), FLAGS.caption
        fixed = images | conditions.asked(chosen, num, *told, loading.fields_of(manifest))
        given = num, FLAGS.seed, FLAGS.sampler, fixed
        samples = sampling.of_gan(gan, manifest, *given).samples
        title += f", label {FLAGS.label}" * (FLAGS.label is not None)
        title += f", code {','.join(FLAGS.code)}" * bool(FLAGS.code)
        title += f", {FLAGS.caption}" * (FLAGS.caption is not None)
        title += f", from {Path(FLAGS.input).name}" if FLAGS.input else ""
    if FLAGS.heat:
        _write_heat(samples, out, title)
    else:
        sampling.write(samples, out, title, columns)
    print(f"{out}: {samples.dtype} {' x '.join(map(str, samples.shape))}")
    return 0


def _number_of_maps(out: Path) -> int:
    """How many heat maps there shall be.

    Raises:
      InputError: too many, or what goes not together with them.
    """
    num = FLAGS.num if FLAGS["num"].present else 1
    if num > _MOST_MAPS:
        raise InputError(f"--num={num}: --heat shows at most {_MOST_MAPS} samples")
    if FLAGS.sweep or out.suffix != ".png":
        other = "--sweep" if FLAGS.sweep else f"--out={out}"
        raise InputError(f"--heat: is a .png picture of single samples, not {other}")
    return num


def _write_heat(samples: np.ndarray, out: Path, title: str) -> None:
    """Write heat maps of a few images.

    Raises:
      InputError: the samples are points.
    """
    if samples.ndim != 4:
        raise InputError("--heat: the samples are points, which have no picture of their own")
    maps = {f"sample {i}": image for i, image in enumerate(samples[:_MOST_MAPS])}
    grids.write_png(out, heat.heat_maps(maps, title))
