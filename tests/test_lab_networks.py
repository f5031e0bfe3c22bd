"""ganflow/lab on a GAN of three networks, two of which share a weight, with three updates."""

import dataclasses
import functools
import re

import numpy as np
import pytest
import tensorflow as tf
from labs import hurry, moved, typed_into, weights

from ganflow import data
from ganflow.interface.sampler import Sampler
from ganflow.interface.schedule import Phase, Schedule
from ganflow.lab import lesson
from ganflow.lab.stepping import Lab
from ganflow.nn import losses, optimizers
from ganflow.nn.draws import Normal, Real

PRETRAINING = 2  # steps


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    yield from hurry(monkeypatch)


@dataclasses.dataclass(frozen=True)
class Config:
    batch_size: int = 4


class Gan(tf.Module):
    """Two generators of points with a common first layer, one linear discriminator."""

    def __init__(self):
        super().__init__()
        rng = np.random.default_rng(3)

        def weight(name, *shape):
            return tf.Variable(rng.standard_normal(shape).astype(np.float32), name=name)

        shared = weight("w_in", 3, 5)
        self.a = {"w_in": shared, "w_out": weight("w_out", 5, 2)}
        self.b = {"w_in": shared, "w_out": weight("w_out", 5, 2)}
        self.d = {"w": weight("w", 2, 1), "b": weight("b", 1)}
        self.networks = {"generator_a": self.a, "generator_b": self.b, "discriminator": self.d}
        self.a_optimizer = optimizers.Momentum(0.01, optimizers.variables(self.a))
        self.g_optimizer = optimizers.Adam(0.01, optimizers.variables(self.a, self.b))
        self.d_optimizer = optimizers.Adam(0.01, optimizers.variables(self.d))

    def schedule(self):
        z = Normal([3])
        once = [Phase(PRETRAINING, (self.pretrain_step,), {"x": Real("x"), "z": z})]
        return Schedule([Phase(1, (self.d_step, self.g_step), {"x": Real("x"), "z": z})], once)

    def pretrain_step(self, batch):
        """Generator a to the real points' mean, twice."""
        for label in ("first", "second"):
            with tf.GradientTape() as tape:
                g_loss = distance(generator(self.a, batch["z"]), batch["x"])
            self.a_optimizer.update(tape.gradient(g_loss, self.a_optimizer.trained), label)
        return {"g_loss": g_loss}  # of the second time

    def d_step(self, batch):
        with tf.GradientTape() as tape:
            fake = tf.concat([generator(of, batch["z"]) for of in (self.a, self.b)], 0)
            d_loss = losses.minimax_d_loss(self.logits(batch["x"]), self.logits(fake))
        self.d_optimizer.update(tape.gradient(d_loss, self.d_optimizer.trained))
        return {"d_loss": d_loss}

    def g_step(self, batch):
        """Both generators against the one discriminator."""
        with tf.GradientTape() as tape:
            fake = tf.concat([generator(of, batch["z"]) for of in (self.a, self.b)], 0)
            g_loss = losses.non_saturating_g_loss(self.logits(fake))
        self.g_optimizer.update(tape.gradient(g_loss, self.g_optimizer.trained))
        return {"g_loss": g_loss}

    def logits(self, x):
        return x @ self.d["w"] + self.d["b"]

    def samplers(self):
        def distances(x, given):  # as if D were one of least distance
            return tf.norm(x, axis=1)

        z, generate = (
            {"z": Normal([3])},
            {
                "a": lambda given: generator(self.a, given["z"]),
                "b": lambda given: generator(self.b, given["z"]),
            },
        )
        low = {"boundary": 1.5, "higher_is_real": False}
        return [
            Sampler("a", z, generate["a"], lambda x, given: self.logits(x)[:, 0]),
            Sampler("b", z, generate["b"], distances, **low),
            Sampler("unjudged", z, generate["b"]),
        ]


def generator(weights, z):
    return z @ weights["w_in"] @ weights["w_out"]


def distance(fake, x):
    return tf.reduce_mean(tf.square(fake - tf.reduce_mean(x, 0)))


def three_networks(kind=Gan):
    x = np.random.default_rng(1).standard_normal((20, 2)).astype(np.float32)
    return Lab("three", kind(), Config(), data.Dataset("cloud", {"x": x}), seed=1)


def test_commands_follow_from_the_schedule():
    of = three_networks()
    assert lesson.commands(of) == {"pretrain": "pretrain_step", "d": "d_step", "g": "g_step"}
    text = lesson.help_text(of)
    assert "pretrain [n]  pretrain 10  pretrain_step: Generator a to the real" in text
    assert "  d [n]         d 10         d_step\n" in text  # it has no docstring
    assert "the updates of the phase under way" in text


def test_each_update_moves_what_its_optimizers_list_and_nothing_else(tmp_path):
    of = three_networks()
    moves = {
        "pretrain": {"generator_a/w_in", "generator_a/w_out", "generator_b/w_in"},
        "d": {"discriminator/w", "discriminator/b"},
        "g": {f"generator_{i}/{w}" for i in "ab" for w in ("w_in", "w_out")},
    }
    said = {}
    for key, expected in moves.items():
        before = weights(of)
        ((said[key],), _) = typed_into(of, tmp_path / "lab.png", key)
        assert moved(before, weights(of)) == expected
        assert said[key].startswith(f"1 x {key}_step;") and "ALTHOUGH" not in said[key]
    at_rest = "discriminator: all 2 weights unchanged, to the bit."
    assert "\ngenerator_a: all 2 weights changed." in said["pretrain"]
    shared = "\ngenerator_b: 1 of 2 weights changed; unchanged, to the bit: w_out."
    assert shared in said["pretrain"] and at_rest in said["pretrain"]
    assert "\ngenerator_b: all 2 weights unchanged, to the bit." in said["d"]
    assert "\ngenerator_b: all 2 weights changed." in said["g"] and at_rest in said["g"]
    assert of.done == {"pretrain_step": 1, "d_step": 1, "g_step": 1} and of.step == 3


def test_whole_steps_are_those_of_the_phase_under_way(tmp_path):
    of = three_networks()
    ((text,), _) = typed_into(of, tmp_path / "lab.png", "b 5")
    ran = {"pretrain_step": 2, "d_step": 3, "g_step": 3}
    assert of.done == ran
    assert text.startswith(
        "5 steps of training: 2 x pretrain_step, 3 x d_step, 3 x g_step; on the batch of the last"
    )
    assert max(map(len, text.splitlines())) <= 92
    # A table too wide for a line has its titles in several, and every figure whole.
    rows = [re.sub(" +", " ", line) for line in text.splitlines()]
    assert "generator_a shape norm first second gradient update update/norm" in rows
    w_out = next(row for row in rows if row.startswith("w_out 5 x 2 "))
    assert re.fullmatch(r"w_out 5 x 2( \d+\.\d{4}){6}", w_out)
    other, report = three_networks(), None
    for update in 2 * ["pretrain_step"] + 3 * ["d_step", "g_step"]:
        other.step = sum(other.done[name] for name in ("pretrain_step", "g_step"))
        report = other.train(update, 1)
    assert report.batch == 4
    assert moved(weights(other), weights(of)) == set()


def test_an_update_of_another_phase_takes_that_phases_batches():
    of = three_networks()
    places = {("d_step", 0): 2, ("d_step", 1): 3, ("g_step", 7): 7, ("pretrain_step", 0): 0}
    places |= {("pretrain_step", 2): 0, ("pretrain_step", 7): 1}  # which begins anew
    for (update, step), place in places.items():
        assert of.place(update, step) == place
    report = of.train("d_step", 2)
    assert report.batch == 3 and report.ran == {"d_step": 2} and of.step == 2
    # In blocks of 3 and 2 steps the sixth of the second is the last of its third block.
    a, b = Phase(3, (of.gan.d_step,), {}), Phase(2, (of.gan.g_step,), {})
    of.schedule = Schedule([a, b])
    assert [of.place("g_step", step) for step in (0, 2, 3, 4, 5, 12)] == [3, 8, 3, 4, 14, 33]
    assert [of.place("d_step", step) for step in (0, 2, 3, 4, 5)] == [0, 2, 5, 6, 5]


def test_losses_are_of_the_weights_as_they_stand_and_nothing_moves():
    of = three_networks()
    of.train("pretrain_step", 2)  # Momentum has its velocity, which moves at a rate of 0 too
    before = [np.array(v) for v in of.gan.variables]
    scalars = of.scalars(3)
    for v, value in zip(of.gan.variables, before, strict=True):
        assert np.array(v).tobytes() == value.tobytes(), v.name
    batch = of.batches(["pretrain_step"], 3)["pretrain_step"]
    now = distance(generator(of.gan.a, batch["z"]), batch["x"])
    np.testing.assert_allclose(scalars["pretrain_step g_loss"], now, rtol=1e-6)
    assert set(scalars) == {"pretrain_step g_loss", "d_loss", "g_step g_loss"}


def test_gradients_are_named_by_their_labels():
    of = three_networks()
    changes = of.train("pretrain_step", 1).weights
    keys = [("pretrain_step", "first"), ("pretrain_step", "second")]
    for network in ("generator_a", "generator_b"):  # the shared weight has them in both
        assert list(changes[network]["w_in"].gradient_norms) == keys
    assert changes["generator_b"]["w_out"].gradient_norms == {}
    of.restart()
    with tf.GradientTape() as tape:
        batch = of.batches(["pretrain_step"], 0)["pretrain_step"]
        loss = distance(generator(of.gan.a, batch["z"]), batch["x"])
    by_hand = np.linalg.norm(tape.gradient(loss, of.gan.a["w_in"]))
    np.testing.assert_allclose(
        changes["generator_a"]["w_in"].gradient_norms[keys[0]], by_hand, 1e-5
    )


def test_a_weight_that_moves_beside_trained_ones_of_its_network_is_found_out(tmp_path):
    class Stray(Gan):
        @functools.wraps(Gan.pretrain_step)
        def pretrain_step(self, batch):
            self.b["w_out"].assign_add(tf.ones([5, 2]))
            return super().pretrain_step(batch)

    ((text,), _) = typed_into(three_networks(Stray), tmp_path / "lab.png", "pre")
    wrong = "all 2 weights changed; CHANGED, ALTHOUGH no update of them ran: w_out."
    assert f"generator_b: {wrong}" in text


def test_every_sampler_has_its_view(tmp_path):
    of = three_networks()
    ((text,), _) = typed_into(of, tmp_path / "lab.png", "s")
    a, b, unjudged = text.rstrip().split("\n\n")
    assert "a: mean D of the same 20 real samples and samples of the same z: real 0." in a
    assert "D = sigmoid" in a and "sigmoid" not in b
    assert "b: mean score (real: below 1.5) of the same 20 real samples" in b
    near = np.linalg.norm(of.dataset.x, axis=1) < 1.5
    assert 0 < near.mean() < 1 and f"taken for real: {near.mean():.0%} of real, " in b
    assert unjudged == "unjudged: no D judges them"
    means = of.train("d_step", 1).views
    assert means[1]["real"][0] == pytest.approx(np.linalg.norm(of.dataset.x, axis=1).mean())
    assert means[2] == {}


class Doubtful(Gan):
    """Names that begin alike, and one that is the picture's."""

    def schedule(self):
        updates = (self.d_a_step, self.d_b_step, self.p_step)
        return Schedule([Phase(1, updates, {"x": Real("x"), "z": Normal([3])})])

    def d_a_step(self, batch):
        return self.d_step(batch)

    def d_b_step(self, batch):
        return self.d_step(batch)

    def p_step(self, batch):
        return self.pretrain_step(batch)


def test_a_word_that_may_mean_two_updates_is_refused(tmp_path):
    of = three_networks(Doubtful)
    first = weights(of)
    (doubtful, picture), _ = typed_into(of, tmp_path / "lab.png", "d 2", "p")
    assert doubtful == "'d': that may be d_a_step or d_b_step; type more of it\n"
    assert picture.startswith("picture: ") and moved(first, weights(of)) == set()
    typed_into(of, tmp_path / "lab.png", "d_b", "p_step")
    assert of.done == {"d_a_step": 0, "d_b_step": 1, "p_step": 1}
