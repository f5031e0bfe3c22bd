"""Small labs for tests, and what to ask of them."""

import numpy as np
import tensorflow as tf

from ganflow.lab import bench, lesson, viewing
from ganflow.models import circle

SMALL = circle.Config(g_hidden=(8, 4), d_hidden=(8, 4), batch_size=16)


def new_lab(config=SMALL, model="circle", **options):
    return bench.prepare(model, config, bench.Options(**options), given=set())[0]


def weights(of):
    """Every weight of every network, copied: {"generator/w_0000": array}."""
    return weights_of(of.gan)


def weights_of(gan):
    return {f"{k}/{n}": np.array(v) for k, ws in gan.networks.items() for n, v in ws.items()}


def moved(before, after):
    """Names of the weights of which a bit differs."""
    return {name for name in before if before[name].tobytes() != after[name].tobytes()}


def names(of, network):
    return {name for name in weights(of) if name.startswith(f"{network}/")}


def typed_into(of, out, *keys):
    """What a lesson prints, one text a command, and its exit code."""
    texts = []
    code = lesson.session(of, keys, out, texts.append)
    return texts[1:], code  # the first says where the picture is


def hurry(monkeypatch):
    """Steps run op by op, for compiling them takes seconds; the points' picture is left blank.

    The processes of `test_lesson.py` see the real thing.
    """
    blank = np.zeros([2, 2, 3], np.uint8)
    monkeypatch.setattr(viewing.surface, "decision_surface", lambda *_: blank)
    tf.config.run_functions_eagerly(True)
    yield
    tf.config.run_functions_eagerly(False)
