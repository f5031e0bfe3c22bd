"""What feeds what in an update, as `describe --wiring` draws it."""

import numpy as np
import pytest
from processes import run

from ganflow import models
from ganflow.interface import gans, wiring
from ganflow.pictures import wiring as picture
from tests import cases

ORANGE = (213, 94, 0)


def wired(name, update):
    """(Edges by names, what is moved, repeats) of one update."""
    gan, fields = cases.build(name), cases.dataset_of(name).about()
    (found,) = (w for w in wiring.wirings(gan, fields) if w.update == update)
    names = [node.name for node in found.nodes]
    return sorted((names[a], names[b]) for a, b in found.edges), found


def test_the_d_step_of_simple_is_two_passes_through_d_and_moves_d_alone():
    edges, found = wired("simple", "d_step")
    drops = [f"u_{of}_{i}" for of in ("real", "fake") for i in (0, 1)]
    assert edges == sorted(
        [("z_d", "generator"), ("generator", "discriminator"), ("x", "discriminator")]
        + [("discriminator", "d_loss")] * 2
        + [(u, "discriminator") for u in drops]
    )
    assert found.moved == {"discriminator": "SGD"} and found.repeats == 1
    assert {n.name: n.note for n in found.nodes}["x"] == "real x"
    assert {n.name: n.note for n in found.nodes}["z_d"] == "uniform [4]"


def test_the_g_step_of_simple_goes_through_d_and_moves_g_alone():
    edges, found = wired("simple", "g_step")
    assert ("z_g", "generator") in edges and ("generator", "discriminator") in edges
    assert ("discriminator", "g_loss") in edges and not [a for a, _ in edges if a == "x"]
    assert found.moved == {"generator": "Adam"}


def test_a_critics_repeats_are_told_and_its_penalty_is_a_third_pass():
    edges, found = wired("wgan_gp_points", "critic_step")
    assert [n.name for n in found.nodes].count("critic") == 3
    assert ("epsilon", "critic") in edges and found.repeats == 2
    assert wired("wgan_gp_points", "g_step")[1].repeats == 1  # it has no lists


def test_shared_layers_belong_to_the_pass_under_way():
    edges, found = wired("coupled", "g_step")
    assert edges == [
        ("discriminator_a", "g_loss"),
        ("discriminator_b", "g_loss"),
        ("generator_a", "discriminator_a"),
        ("generator_b", "discriminator_b"),
        ("z_g", "generator_a"),
        ("z_g", "generator_b"),
    ]
    assert found.moved == {"generator_a": "Adam", "generator_b": "Adam"}


def test_a_frozen_stage_is_not_moved_and_a_cycle_is_seen():
    assert wired("staged", "g_step")[1].moved == {"stage_2": "Adam"}
    edges, _ = wired("cyclic", "g_step")
    assert ("g_ab", "g_ba") in edges and ("g_ba", "g_ab") in edges and ("a", "cycle_loss") in edges


DEEP = ("cyclegan", "srgan", "stackgan", "stackgan_pp")  # their graphs take long to trace


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=pytest.mark.slow) if name in DEEP else name
        for name in [*models.names(), *cases.PROVING]
    ],
)
def test_every_update_is_drawn_and_nothing_has_moved(name):
    gan, fields = cases.build(name), cases.dataset_of(name).about()
    before = {k: v.numpy() for k, v in gans.named_weights(gan)}
    found = wiring.wirings(gan, fields)
    assert [w.update for w in found] == list(gan.schedule().updates)
    for w in found:
        assert w.moved and {"network", "loss"} <= {node.kind for node in w.nodes}
        drawn = picture.draw([w])
        assert drawn.dtype == np.uint8 and (drawn == ORANGE).all(axis=2).sum() > 500
    assert all(np.array_equal(before[k], v.numpy()) for k, v in gans.named_weights(gan))


def test_a_networks_colour_says_whether_it_is_moved():
    """Where nothing is moved there is no orange."""
    _, found = wired("simple", "g_step")
    still = wiring.Wiring(found.update, 1, found.nodes, found.edges, moved={})
    assert not (picture.draw([still]) == ORANGE).all(axis=2).any()


def test_describe_writes_the_picture_or_says_why_not(tmp_path):
    ended = run("describe.py", "--model=circle", f"--wiring={tmp_path / 'circle.png'}")
    assert ended.code == 0, ended.err
    assert (tmp_path / "circle.png").read_bytes().startswith(b"\x89PNG")
    ended = run("describe.py", "--model=circle", f"--wiring={tmp_path / 'circle.txt'}")
    assert ended.code == 2 and "expected a .png file" in ended.err and "Traceback" not in ended.err
