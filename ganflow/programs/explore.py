"""Explore the space of z of a trained model: pictures, films and arrays of what lies where.

ganflow-explore --workdir=runs/simple --out=explored
ganflow-explore --workdir=W --what=interpolation,animation --film=webp
ganflow-explore --workdir=W --what=algebra --algebra="label=3 - label=7 + label=7"
ganflow-explore --workdir=W --what=projection --input=photo.png
"""

import io
from pathlib import Path

import numpy as np
from absl import flags, logging

from ganflow.base.errors import InputError
from ganflow.cli import command
from ganflow.cli.flags import parse
from ganflow.explore import animation, space, tasks, views
from ganflow.explore.visit import Asked, Visit
from ganflow.pictures import films
from ganflow.programs import steps
from ganflow.storage import workdir
from ganflow.trained import loading, sampling

FLAGS = flags.FLAGS
VIEWS = {
    "interpolation": views.interpolation,
    "components": views.components,
    "directions": views.principal,
    "algebra": tasks.arithmetic,
    "projection": tasks.projected,
    "neighbours": views.neighbours,
    "animation": animation.animation,
}


def run() -> None:
    """Define the flags and start."""
    flags.DEFINE_string("workdir", None, "the run's folder", required=True)
    flags.DEFINE_string("out", None, "the folder to write to; by default WORKDIR/explored")
    flags.DEFINE_list("what", [], f"some of {', '.join(VIEWS)}; by default all that can be")
    flags.DEFINE_integer("seed", 0, "of all that is drawn", lower_bound=0)
    flags.DEFINE_string("step", None, f"{steps.HELP}; by default the newest")
    flags.DEFINE_boolean("ema", False, "with the moving average of G's weights")
    flags.DEFINE_string("sampler", "", "its name; by default the first that is given a z")
    flags.DEFINE_integer("label", None, "the class of all samples, of a model that is given one")
    flags.DEFINE_string("data_dir", None, "where the data are now; by default where they were")
    flags.DEFINE_string(
        "algebra", "", "A - B + C by attributes; by default one whose groups are large"
    )
    flags.DEFINE_integer("index", 0, "of the real example that is projected", lower_bound=0)
    flags.DEFINE_string("input", None, "or a picture, PNG or JPEG, or an .npy file of uint8")
    flags.DEFINE_integer("projection_steps", 500, "of the descent", lower_bound=1)
    flags.DEFINE_enum("film", "gif", films.KINDS, "the animations' format")
    command.run(main, parse)


def main(_) -> int:
    """Write the files; return the exit code."""
    for name in FLAGS.what:
        if name not in VIEWS:
            raise InputError(f"--what={name}: there is no such view; there are {', '.join(VIEWS)}")
    if FLAGS["index"].present and FLAGS.input:
        raise InputError("--index: takes the place of --input; leave one out")
    folder = Path(FLAGS.workdir)
    step, averaged = steps.asked(FLAGS.step, folder)
    ema = FLAGS.ema or (averaged and not FLAGS["ema"].present)  # --noema: not even then
    gan, manifest = loading.load_trained(folder, step, ema)
    found = space.find(gan, manifest, FLAGS.seed, FLAGS.sampler, FLAGS.label)
    out = Path(FLAGS.out) if FLAGS.out else folder / "explored"
    _make(out)
    asked = Asked(
        workdir=folder,
        title=sampling.title(manifest, FLAGS.seed, ema),
        data_dir=FLAGS.data_dir,
        algebra=FLAGS.algebra,
        index=FLAGS.index,
        input=Path(FLAGS.input) if FLAGS.input else None,
        steps=FLAGS.projection_steps,
        film=FLAGS.film,
    )
    _look(Visit(found, asked), FLAGS.what, out)
    return 0


def _look(visit: Visit, what: list[str], out: Path) -> None:
    """Write what was asked for; where nothing was, all that can be, and say what cannot.

    Raises:
      InputError: a view that was asked for cannot be, or none can.
    """
    left_out = {}
    for name in what or VIEWS:
        logging.info("%s", name)
        try:
            seen = VIEWS[name](visit)
        except InputError as error:
            if what:
                raise
            left_out[name] = str(error)
            continue
        for file, content in seen.files.items():
            workdir.write_whole(out / file, content)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **seen.arrays)  # type: ignore[arg-type]
        workdir.write_whole(out / f"{name}.npz", buffer.getvalue())
        written = ", ".join(str(out / file) for file in [*seen.files, f"{name}.npz"])
        print(f"{name}: {seen.told}\n  {written}", flush=True)
    for name, reason in left_out.items():
        print(f"{name}: left out: {reason}")
    if len(left_out) == len(VIEWS):
        raise InputError(f"nothing of {visit.asked.workdir} can be explored; see above")


def _make(out: Path) -> None:
    try:
        out.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(
            f"--out={out}: cannot be made: {error.strerror}; choose another"
        ) from error
