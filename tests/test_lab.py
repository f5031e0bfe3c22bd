"""ganflow/lab: which weights a step moves; what is said of losses, gradients, D's view."""

import functools
import re

import numpy as np
import pytest
import tensorflow as tf
from labs import hurry, moved, names, new_lab, typed_into, weights

from ganflow import models
from ganflow.lab import lesson, texts
from ganflow.lab.stepping import Lab
from ganflow.models import circle, wgan_gp_points
from ganflow.nn import optimizers
from tests.cases import PROVING, build, dataset_of

AT_REST = "{}: all 6 weights unchanged, to the bit."
MOVED = "{}: all 6 weights changed."


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    yield from hurry(monkeypatch)


# ---------------------------------------------------------------- who moves


def test_ten_d_steps_and_ten_g_steps_each_move_one_network_alone(tmp_path):
    tf.config.run_functions_eagerly(False)  # compiled, as in a lesson
    of, watched = new_lab(), []

    def keys():  # looks at the weights between one command and the next
        for key in ["d"] * 10 + ["g"] * 10:
            watched.append(weights(of))
            yield key
        watched.append(weights(of))

    said = []
    assert lesson.session(of, keys(), tmp_path / "lab.png", said.append) == 0
    steps = list(zip(watched[:-1], watched[1:], said[1:], strict=True))
    assert len(steps) == 20
    for before, after, text in steps[:10]:
        assert moved(before, after) == names(of, "discriminator")
        assert text.startswith("1 x d_step;") and MOVED.format("discriminator") in text
        assert AT_REST.format("generator") in text
    for before, after, text in steps[10:]:
        assert moved(before, after) == names(of, "generator")
        assert text.startswith("1 x g_step;") and MOVED.format("generator") in text
        assert AT_REST.format("discriminator") in text
    assert of.done == {"d_step": 10, "g_step": 10} and of.step == 20


@pytest.mark.parametrize(
    ("step", "of_other", "key"), [("d_step", "generator", "d"), ("g_step", "discriminator", "g")]
)
def test_a_step_that_also_nudges_the_other_network_is_found_out(
    step, of_other, key, tmp_path, monkeypatch
):
    sound = getattr(circle.Gan, step)

    @functools.wraps(sound)
    def broken(self, batch):
        nudged = self.networks[of_other]["w_0001"]
        nudged.assign(tf.math.nextafter(nudged, nudged + 1))  # by one unit in the last place
        return sound(self, batch)

    monkeypatch.setattr(circle.Gan, step, broken)
    (text,), _ = typed_into(new_lab(), tmp_path / "lab.png", key)
    assert f"\n{of_other}: CHANGED, ALTHOUGH no update of it ran: w_0001." in text
    assert "to the bit" not in text


def test_a_step_that_moves_nothing_is_found_out(tmp_path):
    frozen = circle.Config(g_hidden=(8, 4), d_hidden=(8, 4), batch_size=16, d_learning_rate=0.0)
    (text,), _ = typed_into(new_lab(frozen), tmp_path / "lab.png", "d 3")
    at_rest = "discriminator: all 6 weights unchanged, to the bit"
    assert f"{at_rest}, ALTHOUGH an update of it ran." in text


def test_some_weights_at_rest_are_named(tmp_path, monkeypatch):
    sound = circle.Gan.d_step

    @functools.wraps(sound)
    def stuck(self, batch):
        kept = tf.identity(self.d["b_0000"])
        scalars = sound(self, batch)
        self.d["b_0000"].assign(kept)
        return scalars

    monkeypatch.setattr(circle.Gan, "d_step", stuck)
    (text,), _ = typed_into(new_lab(), tmp_path / "lab.png", "d")
    assert "discriminator: 5 of 6 weights changed; unchanged, to the bit: b_0000." in text


# ---------------------------------------------------------------- what is said of a step


def by_numpy(weights, x):
    """circle's networks: ReLU layers and a linear one, in float64."""
    for i in range(3):
        x = x @ np.float64(weights[f"w_{i:04d}"]) + np.float64(weights[f"b_{i:04d}"])
        x = np.maximum(x, 0) if i < 2 else x
    return x


def losses_by_hand(of, batch):
    """-mean log D(x) - mean log(1 - D(G(z_d))) and -mean log D(G(z_g)), at the weights now."""
    sigmoid = {
        name: 1 / (1 + np.exp(-by_numpy(of.gan.d, np.float64(x))))
        for name, x in {
            "real": batch["x"],
            "fake": by_numpy(of.gan.g, np.float64(batch["z_d"])),
            "for_g": by_numpy(of.gan.g, np.float64(batch["z_g"])),
        }.items()
    }
    d_loss = -np.log(sigmoid["real"]).mean() - np.log(1 - sigmoid["fake"]).mean()
    return {"d_loss": d_loss, "g_loss": -np.log(sigmoid["for_g"]).mean()}


@pytest.mark.parametrize(("update", "count"), [("d_step", 1), ("g_step", 1), (None, 3)])
def test_losses_before_and_after_are_those_of_one_batch(update, count):
    of = new_lab()
    of.train(None, 2)  # so that Adam has moments
    batch = of.batches(["d_step"], 2 + count - 1)["d_step"]
    before = losses_by_hand(of, batch)
    report = of.train(update, count)
    after = losses_by_hand(of, batch)
    assert report.batch == 2 + count - 1
    for name in ("d_loss", "g_loss"):
        np.testing.assert_allclose(report.scalars[name], (before[name], after[name]), rtol=1e-5)
    assert before["d_loss"] != after["d_loss"] and before["g_loss"] != after["g_loss"]
    if count == 1:  # on its own batch a small step goes downhill
        own = {"d_step": "d_loss", "g_step": "g_loss"}[update]
        assert report.scalars[own][1] < report.scalars[own][0]


def test_the_printed_figures_are_those_of_the_report():
    of = new_lab()
    report = of.train("d_step", 1)
    text = texts.report_text(report, of)
    before, after = report.scalars["d_loss"]
    assert re.search(rf"d_loss +{before:.4f} -> {after:.4f} ", text)
    row = re.search(r"^discriminator .*^w_0001 +8 x 4 (.*?)$", text, re.M | re.S)[1].split()
    change = report.weights["discriminator"]["w_0001"]
    size, update = np.linalg.norm(change.before), np.linalg.norm(change.after - change.before)
    norms = [change.gradient_norms["d_step", label] for label in ("real", "fake")]
    np.testing.assert_allclose(
        np.float64(row), [size, *norms, update, update / size], atol=6e-5, rtol=0.06
    )
    assert max(map(len, text.splitlines())) <= 92
    assert "\x1b" not in text


def test_gradient_norms_are_those_of_the_gradients():
    of = new_lab()
    batch = of.batches(["g_step"], 0)["g_step"]
    with tf.GradientTape() as tape:
        fake = of.gan.generate({"z": batch["z_g"]})
        loss = tf.reduce_mean(tf.nn.softplus(-of.gan.score(fake, {})))
    gradients = tape.gradient(loss, list(of.gan.g.values()))
    changes = of.train("g_step", 1).weights
    for name, gradient in zip(of.gan.g, gradients, strict=True):
        ((key, found),) = changes["generator"][name].gradient_norms.items()
        assert key == ("g_step", "")
        np.testing.assert_allclose(found, np.linalg.norm(gradient), rtol=1e-4)
    assert all(change.gradient_norms == {} for change in changes["discriminator"].values())


def test_ds_view_is_of_the_same_fixed_samples():
    of = new_lab()
    real, z = of.dataset.x[:1000], np.float64(of.views[0].given["z"])

    def by_hand():
        x = {"real": np.float64(real), "generated": by_numpy(of.gan.g, z)}
        return {k: (1 / (1 + np.exp(-by_numpy(of.gan.d, v)))).mean() for k, v in x.items()}

    before = by_hand()
    (means,) = of.train("g_step", 1).views
    after = by_hand()
    assert list(means) == ["real", "generated"]
    for name in means:
        np.testing.assert_allclose(means[name], (before[name], after[name]), rtol=1e-5)
    assert means["real"][0] == means["real"][1]  # D has not moved
    assert means["generated"][1] > means["generated"][0]  # and G fools it better


def test_a_critic_has_scores_and_no_probabilities(tmp_path):
    config = wgan_gp_points.Config(batch_size=16, width=8, n_critic=2)
    of = new_lab(config, "wgan_gp_points")
    (stepped, seen), _ = typed_into(of, tmp_path / "lab.png", "c", "s")
    assert stepped.startswith("1 x critic_step;") and "gradient_penalty" in stepped
    assert "mean score (the higher, the more real) of the same 1,000 real samples" in stepped
    assert "generator: all 8 weights unchanged, to the bit." in stepped
    assert "sigmoid" not in seen and "taken for" not in seen
    # The loss is that of the last of both batches, with the critic that the step began with.
    first = new_lab(config, "wgan_gp_points")
    batch = dict(first.batches(["critic_step"], 0)["critic_step"])
    last = batch | {name: [value[1]] for name, value in batch.items() if isinstance(value, list)}
    one = first.gan.critic_step(last)["d_loss"]
    of = new_lab(config, "wgan_gp_points")
    np.testing.assert_allclose(of.scalars(0)["d_loss"], one, rtol=1e-4)


def test_the_moving_statistics_of_batch_norm_are_weights_too():
    module = models.load("deconv")
    small = {"g_maps": (8, 4, 4), "d_maps": (4, 8), "batch_size": 4, "z_size": 4}
    of = new_lab(module.Config(dataset="digits", **small), "deconv")
    both = ("discriminator", "generator")
    for update, network, other in (("d_step", *both), ("g_step", *both[::-1])):
        changes = of.train(update, 1).weights
        moving = [name for name in changes[network] if name.endswith(("_mean", "_variance"))]
        assert moving
        assert all(
            changes[network][name].moved and changes[network][name].trained for name in moving
        )
        assert not any(change.moved or change.trained for change in changes[other].values())


# What a model remembers that is no weight: no optimizer moves it, and no weight is hidden in it.
BESIDE = {
    "began": {"k", "real_error"},
    "cyclegan": {"pool", "filled"},
    "srgan": {"ema"},  # SRResNet, as it was before D came
}


@pytest.mark.parametrize("model", models.names())
def test_a_lab_watches_whatever_a_step_of_any_model_may_move(model):
    gan = build(model)
    watched = {id(v) for weights in gan.networks.values() for v in weights.values()}
    own = set()  # of the optimizers: learning rates, counts, slots
    for part in gan.submodules:
        if isinstance(part, optimizers.Optimizer):
            trained = {id(v) for v in part.trained}
            assert trained <= watched, "trains what is in no network: the lab would not see it move"
            own |= {id(v) for v in part.variables} - trained
    assert own and watched.isdisjoint(own)
    beside = [v for v in gan.variables if id(v) not in watched | own]
    names = {v.name.partition(":")[0] for v in beside}
    assert {name.partition("/")[0] for name in names} == BESIDE.get(model, set())
    assert not any(v.trainable for v in beside)


@pytest.mark.parametrize("model", PROVING)
def test_gans_of_many_networks_are_stepped_by_their_updates(model, tmp_path):
    gan, out = build(model), tmp_path / "lab.png"
    of = Lab(model, gan, gan.config, dataset_of(model), seed=0)
    for key, update in lesson.commands(of).items():
        before = weights(of)
        (text,), _ = typed_into(of, out, key)
        changed = moved(before, weights(of))
        assert text.startswith(f"1 x {update};") and "ALTHOUGH" not in text and changed
        for network, ws in gan.networks.items():
            some = {name for name in ws if f"{network}/{name}" in changed}
            everything = f"{network}: " + (
                "its weight" if len(ws) == 1 else f"all {len(ws)} weights"
            )
            found = {0: f"{everything} unchanged, to the bit.", len(ws): f"{everything} changed."}
            some_of = f"{network}: {len(some)} of {len(ws)} weights changed; "
            assert f"\n{found.get(len(some), some_of)}" in text
    texts_of, code = typed_into(of, out, "b 2", "s", "w", "r", "h")
    assert code == 0 and texts_of[0].startswith("2 steps of training: ")
    assert "ALTHOUGH" not in texts_of[0] and len(texts_of[1].split("\n\n")) == len(of.views)
    assert texts_of[2].count("\n") == len(weights(of)) + 1  # a line a weight, under the titles
