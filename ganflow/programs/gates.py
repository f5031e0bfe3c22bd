"""Put every model to its paper's claim, and to the same claim broken on purpose; again to go on.

ganflow-gates --data_dir=DIR
ganflow-gates --data_dir=DIR --only=circle,infogan

A gate trains a preset of configs/ with several seeds and holds the median of its figures, or those
of every seed or of the best one, against a bar; its controls, each with something essential taken
away, have to miss that bar.
"""

from pathlib import Path

import tensorflow as tf
from absl import flags as absl_flags

from ganflow.base.errors import InputError
from ganflow.cli import command, flags
from ganflow.gates import running
from ganflow.gates.table import GATES
from ganflow.programs.ladder import PRESETS

FLAGS = absl_flags.FLAGS


def run() -> None:
    """Define the flags and start."""
    absl_flags.DEFINE_list("only", None, f"gates; default: all: {', '.join(g.name for g in GATES)}")
    absl_flags.DEFINE_list("seeds", [], "of each gate's own training; default: the gate's own")
    absl_flags.DEFINE_list(
        "control_seeds", ["0"], "of each control; where the best seed counts: --seeds"
    )
    absl_flags.DEFINE_string("data_dir", "", "the folder with MNIST's four files")
    absl_flags.DEFINE_string("workdir", "runs/gates", "the gates' folder")
    absl_flags.DEFINE_string("out", "", "the report's file; by default gates.md in --workdir")
    absl_flags.DEFINE_string(
        "results", "", "a file that gathers results, a line each: the report has all that are in it"
    )
    absl_flags.DEFINE_boolean("dry_run", False, "list the cells, train and write nothing")
    absl_flags.DEFINE_boolean("report", False, "write the report of what is done, train nothing")
    command.run(main, flags.parse)


def main(_) -> int:
    """Do what is not yet done of the gates; return the exit code."""
    if PRESETS is None:
        raise InputError("gates train the repository's configs/, and this ganflow is not run there")
    # A cell's process takes a GPU's memory whole; this one has to leave it there.
    tf.config.set_visible_devices([], "GPU")
    known = {gate.name: gate for gate in GATES}
    for name in FLAGS.only or ():
        if name not in known:
            raise InputError(f"--only={name}: there is no such gate; there are: {', '.join(known)}")
    chosen = [gate for gate in GATES if not FLAGS.only or gate.name in FLAGS.only]
    work = running.plan(chosen, flags.seeds("seeds"), flags.seeds("control_seeds"))
    folder, out = Path(FLAGS.workdir), Path(FLAGS.out) if FLAGS.out else None
    kept_in = Path(FLAGS.results) if FLAGS.results else None
    if FLAGS.dry_run:
        print("\n".join(one.name for one in work))
        return 0
    if FLAGS.report:
        text = running.tell(work, folder, PRESETS, out, kept_in)
        if out is None:
            print(text, end="")
        return 0
    return running.run(work, folder, PRESETS, FLAGS.data_dir, out, kept_in)
