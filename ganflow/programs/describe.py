"""Print a model's networks: layers, output shapes, parameters, totals, the weights' names.

ganflow-describe --model=simple
ganflow-describe --flagfile=W/flags.txt --logdir=W    # the wiring beside a run in TensorBoard
ganflow-describe --model=simple --wiring=simple.png   # what feeds what in each update, as a picture
"""

from pathlib import Path

from absl import flags as absl_flags

from ganflow import data, engine, models
from ganflow.base.errors import InputError
from ganflow.cli import command, flags
from ganflow.interface import gans, tables, wiring
from ganflow.interface.fields import Fields
from ganflow.pictures import grids
from ganflow.pictures import wiring as wiring_picture
from ganflow.summaries import events, writer

FLAGS = absl_flags.FLAGS


def run() -> None:
    """Define the flags and start."""
    absl_flags.DEFINE_string(
        "model", "simple", "a file of ganflow/models, or the path of one's own"
    )
    absl_flags.DEFINE_string(
        "wiring", None, "a .png file: what is drawn, networks, losses, what each update moves"
    )
    absl_flags.DEFINE_string(
        "logdir", None, "a folder that TensorBoard shows, a workdir say: the wiring goes there too"
    )
    command.run(main, lambda argv: flags.parse_for_model(argv, engine.Options()))


def main(_) -> int:
    """Print the tables; return the exit code."""
    out = Path(FLAGS.wiring) if FLAGS.wiring else None
    if out and (out.suffix != ".png" or not out.parent.is_dir()):
        raise InputError(f"--wiring={out}: expected a .png file in a folder that is there")
    if FLAGS.logdir and not Path(FLAGS.logdir).is_dir():
        raise InputError(f"--logdir={FLAGS.logdir}: there is no such folder; make it first")
    module = models.load(FLAGS.model)
    config = flags.read(module.Config())
    fields = _fields(config.dataset, flags.read(engine.Options()))
    gan = gans.build(module, config, fields, seed=0)
    shapes = ", ".join(f"{name} {list(shape)}" for name, shape in fields.shapes.items() if shape)
    print(f"{FLAGS.model} on {config.dataset}: {shapes}\n")
    print(tables.table(gan, fields))
    if out or FLAGS.logdir:
        picture = wiring_picture.draw(wiring.wirings(gan, fields))
    if out:
        grids.write_png(out, picture)
        print(f"\nThe wiring of every update: {out}")
    if FLAGS.logdir:
        written = events.Events(Path(FLAGS.logdir) / "wiring")
        png = grids.encoded(picture)
        written.write(0, events.image(writer.picture_tag("wiring"), png, *picture.shape[:2]))
        written.close()
        print(f"\nThe wiring of every update, for TensorBoard: {written.folder}")
    return 0


def _fields(dataset: str, options: engine.Options) -> Fields:
    """What the model is told of its data; MNIST's shape is known without its files."""
    if dataset.startswith("mnist") and not options.data_dir:
        side = 28 * options.enlarge
        images = ("a", "b") if dataset in data.TWO_DOMAINS else ("x",)
        labels = ("a_label", "b_label") if dataset in data.TWO_DOMAINS else ("label",)
        shapes = dict.fromkeys(images, (side, side, 1)) | dict.fromkeys(labels, ())
        return Fields(shapes, dict.fromkeys(labels, 10))
    shape = data.shaping(vars(options))
    return data.load(dataset, options.data_dir or None, "train", **shape).about()
