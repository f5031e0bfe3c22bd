"""Print a model's networks: layers, output shapes, parameters, totals, the weights' names.

ganflow-describe --model=simple
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

FLAGS = absl_flags.FLAGS


def run() -> None:
    """Define the flags and start."""
    absl_flags.DEFINE_string(
        "model", "simple", "a file of ganflow/models, or the path of one's own"
    )
    absl_flags.DEFINE_string(
        "wiring", None, "a .png file: what is drawn, networks, losses, what each update moves"
    )
    command.run(main, lambda argv: flags.parse_for_model(argv, engine.Options()))


def main(_) -> int:
    """Print the tables; return the exit code."""
    out = Path(FLAGS.wiring) if FLAGS.wiring else None
    if out and (out.suffix != ".png" or not out.parent.is_dir()):
        raise InputError(f"--wiring={out}: expected a .png file in a folder that is there")
    module = models.load(FLAGS.model)
    config = flags.read(module.Config())
    fields = _fields(config.dataset, flags.read(engine.Options()))
    gan = gans.build(module, config, fields, seed=0)
    shapes = ", ".join(f"{name} {list(shape)}" for name, shape in fields.shapes.items() if shape)
    print(f"{FLAGS.model} on {config.dataset}: {shapes}\n")
    print(tables.table(gan, fields))
    if out:
        grids.write_png(out, wiring_picture.draw(wiring.wirings(gan, fields)))
        print(f"\nThe wiring of every update: {out}")
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
