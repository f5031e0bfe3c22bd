"""ganflow at a Python prompt."""

import os
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from processes import ROOT

import ganflow
from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.pictures import grids

SMALL = {"dataset": "digits", "batch_size": 16, "g_hidden": (16,), "d_hidden": (16,)}


def test_ten_steps_gradients_by_name_and_a_picture(tmp_path):
    run = ganflow.build("simple", **SMALL, workdir=str(tmp_path / "new" / "run"))
    before = run.gan.networks["generator"]["w_0000"].numpy()
    norms = run.advance(10)
    assert int(run.step) == 10
    assert not np.array_equal(run.gan.networks["generator"]["w_0000"], before)
    assert {"discriminator/w_0000", "generator/w_0000"} <= {weight for _, weight in norms}
    assert all(norm > 0 for norm in norms.values())
    ganflow.picture(run, tmp_path / "s.png", num=16)
    image = tf.io.decode_png((tmp_path / "s.png").read_bytes()).numpy()
    sampler = run.samplers[0]
    samples = sampler.generate(gans.given(sampler, run.options.seed, 16)).numpy()
    wanted = grids.titled("simple, step 10", {"": grids.grid(samples, 4)})
    assert np.array_equal(image, wanted)  # with its title
    with pytest.raises(InputError, match="expected a .png"):
        ganflow.picture(run, tmp_path / "s.jpg")
    assert run.train(20)  # it makes its workdir
    assert (tmp_path / "new" / "run" / "metrics.jsonl").exists()


def test_a_picture_of_points(tmp_path):
    run = ganflow.build("circle", workdir=str(tmp_path / "run"))
    ganflow.picture(run, tmp_path / "p.png")
    assert tf.io.decode_png((tmp_path / "p.png").read_bytes()).shape[0] > 100


@pytest.mark.parametrize(
    "settings, words",
    [
        ({"datset": "digits"}, "datset='digits': there is no such setting; did you mean dataset?"),
        ({"batch_size": 0}, "batch_size=0: expected 1 or more"),
        ({"batch_size": 1.5}, "batch_size=1.5: expected int"),
        ({"g_hidden": 16}, "g_hidden=16: expected a tuple"),
        ({"g_hidden": (16, 0)}, "expected 1 or more"),
        ({"dropout_rate": 2}, "dropout_rate=2: expected 0.99 or less"),
        ({"d_learning_rate": float("nan")}, "expected a finite number"),
        ({"jit": "maybe"}, "expected one of auto, on, off"),
        ({"seed": True}, "seed=True: expected int"),
    ],
)
def test_a_setting_that_does_not_fit_is_one_line(settings, words):
    with pytest.raises(InputError) as caught:
        ganflow.build("simple", **{"dataset": "digits"} | settings)
    assert words in str(caught.value) and "\n" not in str(caught.value)


def test_the_package_finds_its_parts_without_chatter():
    code = (
        "import sys, ganflow; assert 'tensorflow' not in sys.modules\n"
        "print('circle' in ganflow.models.names(), ganflow.nn.__name__)\n"
        "import tensorflow as tf; tf.zeros([1])\n"
        "print(hasattr(ganflow, 'nonsense'))"
    )
    env = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=env)
    assert ended.stdout.split() == ["True", "ganflow.nn", "False"]
    assert ended.stderr == ""
