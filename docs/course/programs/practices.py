"""Lesson 8: document 004's best practices as switches of `simple`, each turned over alone.

    python docs/course/programs/practices.py

Small digits, narrow networks and rates that show digits soon: 1,500 steps of 64 images, one seed.
"""

import ganflow.base.quiet

# isort: split
import numpy as np
import tensorflow as tf

import ganflow
from ganflow.interface import gans
from ganflow.judging import evaluation
from ganflow.models import simple

STEPS, SAMPLES = 1_500, 1_000
SETTINGS = {
    "dataset": "digits",
    "batch_size": 64,
    "g_hidden": (64, 128, 256),
    "d_hidden": (128,),
    "d_learning_rate": 0.1,
    "g_learning_rate": 5e-4,
    "workdir": "unused",
}
SWITCHES = {
    "as the program has it": {},
    "equal rates": {"d_learning_rate": 5e-4},
    "Adam for D": {"d_optimizer": "adam", "d_learning_rate": 5e-4},
    "no dropout in D": {"dropout_rate": 0.0},
    "dropout in G too": {"g_dropout_rate": 0.3},
    "D as large as G": {"d_hidden": (256, 128, 64)},
    "linear output": {"g_output": "linear"},
    "labels .9 and .1": {"real_label": 0.9, "fake_label": 0.1},
}


def trained(switch: dict) -> ganflow.engine.Run:
    """`simple` after its steps, with one thing changed."""
    run = ganflow.build("simple", **SETTINGS | switch)
    while (step := int(run.step)) < STEPS:
        run.advance(min(run.steps_per_call, STEPS - step))
    return run


def row(name: str, judge: evaluation.Judge, images: tf.Tensor, other: tf.Tensor) -> None:
    """A line: what the judge finds, and how far two samples of one z lie apart."""
    found = judge.figures(images.numpy())
    figures = [found[key] for key in ("frechet_distance", "precision", "recall", "class_entropy")]
    apart = float(np.abs(images - other).mean())
    print(f"{name:28}" + "".join(f"{value:10.2f}" for value in [*figures, apart]))


def main() -> None:
    """Train each, and print the table."""
    judge = None
    titles = ("distance", "precision", "recall", "classes", "one z")
    print(f"{'':28}" + "".join(f"{title:>10}" for title in titles))
    for name, switch in SWITCHES.items():
        run = trained(switch)
        judge = judge or evaluation.make_judge(run.dataset, run.held_out, SAMPLES)
        sampler, gan = run.samplers[0], run.gan
        given = gans.given(sampler, 0, SAMPLES)
        again = gans.given(sampler, 0, SAMPLES, "again") | {"z": given["z"]}
        row(name, judge, sampler.generate(given), sampler.generate(again))
        if gan.dropped:  # the same weights, and all units of G at work
            whole = simple.generator(gan.g, given["z"], gan.config.slope)
            whole = tf.reshape(whole, [SAMPLES, *gan.image_shape])
            row("  the same, none in sampling", judge, whole, whole)


if __name__ == "__main__":
    main()
