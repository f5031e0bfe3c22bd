"""Every model made small, with data that it can train on: what the battery goes through."""

import dataclasses
import importlib
import types

import numpy as np

from ganflow import data, models
from ganflow.data import drawings
from ganflow.interface import gans
from ganflow.nn.optimizers import Optimizer

# A model takes the fields it has of these.
SMALL = {
    "batch_size": 8,
    "z_size": 4,
    "g_hidden": (8, 6),
    "d_hidden": (8, 6),
    "g_maps": (4, 4, 2, 2),
    "d_maps": 4,
    "width": 8,
    "n_critic": 2,
    "g_units": 8,
    "d_units": 6,
    "block_steps": 0,
    "momentum_steps": 2,  # the end of a rise is to be seen in a few steps
    "g_weight_limit": 0.3,  # layers so narrow pass nothing on through smaller weights
    "d_weight_limit": 0.5,
    "g_z_units": 4,
    "g_y_units": 5,
    "d_x_units": 6,
    "d_y_units": 4,
    "constant_steps": 0,
    "decay_steps": 4,
    "code_size": 6,
    "d_interval": 1,  # both rates of a step of G, in two steps
    "first_steps": 1,
    "halving_steps": 1,
    "lowest_learning_rate": 6e-5,  # above half of the first one
    "long_critic": 3,
    "long_steps": 1,
    "long_every": 0,
    "blocks": 1,
    "d_layers": 1,
    "pool_size": 6,  # full within a step of the battery
    "pretrain_steps": 1,
    "pretrain_drop_after": 0,
    "drop_after": 0,
    "stage_1_steps": 1,
    "text_size": 5,
    "c_size": 4,
    "g_width": 4,
    "g_2_width": 4,
    "d_width": 1,
    "clip": 0.5,  # at .01 nearly all weights are equal, and rounding decides the sign of their sums
}
# The gradient of an absolute difference jumps at 0, where rounding decides. At the model's own rate
# so many pixels come to lie there that within three steps Adam's means differ by a few hundredths.
OWN = {"cyclegan": {"g_learning_rate": 1e-5}}
PROVING = ("coupled", "cyclic", "planar", "staged")
# A kind each: dropout, points, batch norm and labels, a critic's loop, a state beside the weights,
# several networks, phases. `make test` compiles these, `make test-slow` the others.
KINDS = (
    *("simple", "circle", "dcgan_conditional", "wgan_gp_points", "began"),
    *("coupled", "cyclic", "staged"),
)
IN_REPLICAS = {"wgan": {"long_steps": 0}}  # a phase less: replicas are dear to compile
ONE_REPLICA = ("cyclic", "cyclegan")  # these say so in one line
# Of images, for models with many layers that can do with smaller ones.
SIDES = {"began": 14, "cyclegan": 12, "discogan": 16, "srgan": 16}


def module_of(name: str) -> types.ModuleType:
    """A model of the folder, or one of `tests/proving`."""
    if name in PROVING:
        return importlib.import_module(f"tests.proving.{name}")
    return models.load(name)


def small_config(name: str, **changes):
    """The model's own settings, but for sizes."""
    config = module_of(name).Config()
    fields = {field.name for field in dataclasses.fields(config)}
    small = {key: value for key, value in SMALL.items() if key in fields and name not in PROVING}
    for key, value in small.items():  # one model's d_maps is a number, another's a list
        if isinstance(getattr(config, key), tuple) and isinstance(value, int):
            small[key] = (value, value)
    return dataclasses.replace(config, **small | OWN.get(name, {}) | changes)


def dataset_of(name: str) -> data.Dataset:
    """Random examples of the kind that a model trains on."""
    rng = np.random.default_rng(0)

    def pixels(count, side, dtype=np.uint8):
        return rng.integers(0, 256, (count, side, side, 1), dtype=dtype)

    if name in ("coupled", "cyclic", "cyclegan"):
        side = SIDES.get(name, 8)
        return data.Dataset("pair", {"a": pixels(40, side), "b": pixels(30, side)})
    if name == "staged":
        caption = rng.integers(0, 5, (40, 2)).astype(np.int32)
        return data.Dataset("captioned", {"x": pixels(40, 8), "caption": caption})

    def points(count):
        return rng.standard_normal((count, 2)).astype(np.float32)

    dataset = module_of(name).Config().dataset
    if dataset in drawings.NAMES:
        x = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
        caption = rng.integers(0, 5, (40, 3)).astype(np.int32)
        return data.Dataset("captioned", {"x": x, "caption": caption})
    if dataset in data.TWO_DOMAINS:
        some = pixels if data.modes(dataset, "a") is None else points
        sides = () if some is points else (SIDES.get(name, 28),)
        return data.Dataset("pair", {"a": some(40, *sides), "b": some(30, *sides)})
    if dataset in data.POINTS:
        return data.Dataset("points", {"x": points(50)})
    label = np.arange(50, dtype=np.int32) % 10
    return data.Dataset("images", {"x": pixels(50, SIDES.get(name, 28)), "label": label})


def build(name: str, seed: int = 0, **changes):
    """A small model, weights of `seed`."""
    return gans.build(
        module_of(name), small_config(name, **changes), dataset_of(name).about(), seed
    )


def optimizers_of(gan) -> dict[str, Optimizer]:
    """A model's optimizers by their names, "d" or "d_0"."""
    return gans.named_optimizers(gan)
