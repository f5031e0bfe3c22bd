"""Judge a run's checkpoints, or a file of samples: a table, JSON, TensorBoard scalars.

ganflow-evaluate --workdir=runs/simple
ganflow-evaluate --samples=S.npy --dataset=mnist --data_dir=DIR
"""

from collections.abc import Mapping
from pathlib import Path

from absl import flags

from ganflow.base.errors import InputError
from ganflow.cli import command
from ganflow.cli.flags import parse
from ganflow.gates import own
from ganflow.judging import reports, telling
from ganflow.programs import steps
from ganflow.summaries import descriptions, trial

FLAGS = flags.FLAGS
_SHAPING = ("enlarge", "image_size", "channels")


def run() -> None:
    """Define the flags and start."""
    flags.DEFINE_string("workdir", None, "the run's folder: judge its checkpoints")
    flags.DEFINE_string("step", None, f"{steps.HELP}; by default every one that is kept")
    flags.DEFINE_integer("seed", 1, "of the z of the checkpoints' samples", lower_bound=0)
    flags.DEFINE_string(
        "samples", None, "or an .npy file to judge: images in [-1, 1] or uint8, points"
    )
    flags.DEFINE_string("labels", None, "an .npy file with the class each of --samples was to be")
    flags.DEFINE_string("dataset", None, "the data set that --samples should look like")
    flags.DEFINE_string("data_dir", None, "where the data are; of a workdir: where they are now")
    flags.DEFINE_integer(
        "enlarge", 1, "side of a pixel of --dataset, as in training", lower_bound=1
    )
    flags.DEFINE_integer("image_size", 0, "of --dataset=folder, as in training", lower_bound=0)
    flags.DEFINE_integer(
        "channels", 0, "of --dataset=folder, as in training", lower_bound=0, upper_bound=3
    )
    flags.DEFINE_integer("num", 10_000, "how many samples", lower_bound=10)
    flags.DEFINE_string(
        "features",
        None,
        "a SavedModel folder or .keras file that you trust, in place of our features",
    )
    flags.DEFINE_boolean(
        "second_judge", True, "also judge images by a second classifier, of another architecture"
    )
    flags.DEFINE_string(
        "out", None, "the JSON file; by default WORKDIR/evaluation.json or SAMPLES.evaluation.json"
    )
    command.run(main, parse)


def main(_) -> int:
    """Judge, print the table and write the files; return the exit code."""
    if (FLAGS.workdir is None) == (FLAGS.samples is None):
        raise InputError("give --workdir=DIR to judge a run, or --samples=FILE to judge an array")
    features = Path(FLAGS.features) if FLAGS.features else None
    told: Mapping[str, str] = {}
    if FLAGS.workdir is not None:
        _refuse("samples, not to --workdir", "labels", "dataset", *_SHAPING)
        folder = Path(FLAGS.workdir)
        out = Path(FLAGS.out) if FLAGS.out else folder / "evaluation.json"
        if FLAGS.out or folder.is_dir():
            telling.check_out(out)
        step, _ = steps.asked(FLAGS.step, folder)
        report = reports.of_workdir(
            *(folder, step, FLAGS.num, FLAGS.seed, features, FLAGS.data_dir, FLAGS.second_judge)
        )
        report, told = own.with_own(report, folder)
    else:
        _refuse("workdir, not to --samples", "step")
        if FLAGS.dataset is None:
            raise InputError("--samples: which data set should they look like? give --dataset=NAME")
        path = Path(FLAGS.samples)
        out = Path(FLAGS.out) if FLAGS.out else path.with_suffix(".evaluation.json")
        labels = Path(FLAGS.labels) if FLAGS.labels else None
        shape = {name: FLAGS[name].value for name in _SHAPING}
        telling.check_out(out)
        report = reports.of_samples(
            *(path, FLAGS.dataset, FLAGS.data_dir, shape, labels, FLAGS.num, features),
            FLAGS.second_judge,
        )
    print(telling.as_text(report, told), flush=True)
    telling.write_json(report, out)
    if FLAGS.workdir is not None:
        telling.write_events(
            *(report, folder, trial.METRICS),
            lambda tag: told.get(tag.removeprefix("eval/")) or descriptions.of_tag(tag),
        )
    print(f"\n{out}")
    return 0


def _refuse(belongs_to: str, *names: str) -> None:
    for name in names:
        if FLAGS[name].present:
            raise InputError(f"--{name}: belongs to --{belongs_to}; leave it out")
