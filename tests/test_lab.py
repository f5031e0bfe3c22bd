"""ganflow/lab.py: which weights a step moves; what is said of losses, gradients, D's view."""

import re

import numpy as np
import pytest
import tensorflow as tf
from labs import hurry, moved, names, new_lab, typed_into, weights

from ganflow import gans, lesson, models
from ganflow.errors import InputError
from ganflow.models import circle, wgan_gp

AT_REST = "{}: 6 weights, not one bit changed."
MOVED = "{}: 6 of 6 weights changed."


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

    texts = []
    assert lesson.session(of, keys(), tmp_path / "lab.png", texts.append) == 0
    steps = list(zip(watched, watched[1:], texts[1:], strict=False))
    assert len(steps) == 20
    for before, after, text in steps[:10]:
        assert moved(before, after) == names(of, "D")
        assert text.startswith("1 D step;") and MOVED.format("D") in text
        assert AT_REST.format("G") in text
    for before, after, text in steps[10:]:
        assert moved(before, after) == names(of, "G")
        assert text.startswith("1 G step;") and MOVED.format("G") in text
        assert AT_REST.format("D") in text
    assert of.done == {"D": 10, "G": 10} and of.step == 20


@pytest.mark.parametrize(("step", "of_other", "key"), [("d_step", "g", "d"), ("g_step", "d", "g")])
def test_a_step_that_also_nudges_the_other_network_is_found_out(
    step, of_other, key, tmp_path, monkeypatch
):
    sound = getattr(circle.Gan, step)

    def broken(self, batches):
        nudged = getattr(self, of_other)["w_0001"]
        nudged.assign(tf.math.nextafter(nudged, nudged + 1))  # by one unit in the last place
        return sound(self, batches)

    monkeypatch.setattr(circle.Gan, step, broken)
    (text,), _ = typed_into(new_lab(), tmp_path / "lab.png", key)
    assert f"{of_other.upper()}: CHANGED, ALTHOUGH it made no step: w_0001." in text
    assert "not one bit" not in text


def test_a_step_that_moves_nothing_is_found_out(tmp_path):
    frozen = circle.Config(g_hidden=(8, 4), d_hidden=(8, 4), batch_size=16, d_learning_rate=0.0)
    (text,), _ = typed_into(new_lab(frozen), tmp_path / "lab.png", "d 3")
    assert "D: 6 weights, not one bit changed, ALTHOUGH it made a step." in text


def test_some_weights_at_rest_are_named(tmp_path, monkeypatch):
    sound = circle.Gan.d_step

    def stuck(self, batches):
        kept = tf.identity(self.d["b_0000"])
        results = sound(self, batches)
        with tf.control_dependencies([results["d_loss"]]):
            self.d["b_0000"].assign(kept)
        return results

    monkeypatch.setattr(circle.Gan, "d_step", stuck)
    (text,), _ = typed_into(new_lab(), tmp_path / "lab.png", "d")
    assert "D: 5 of 6 weights changed, not b_0000." in text


# ---------------------------------------------------------------- what is said of a step


def by_numpy(weights, x):
    """circle's networks: ReLU layers and a linear one, in float64."""
    for i in range(3):
        x = x @ np.float64(weights[f"w_{i:04d}"]) + np.float64(weights[f"b_{i:04d}"])
        x = np.maximum(x, 0) if i < 2 else x
    return x


def losses_by_hand(of, batches):
    """-mean log D(x) - mean log(1 - D(G(z_d))) and -mean log D(G(z_g)), at the weights now."""
    (batch,) = batches
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


@pytest.mark.parametrize(("stepped", "count"), [("D", 1), ("G", 1), ("DG", 3)])
def test_losses_before_and_after_are_those_of_one_batch(stepped, count):
    of = new_lab()
    of.train("DG", 2)  # so that Adam has moments
    batches = of.batches_of(2 + count - 1)
    before = losses_by_hand(of, batches)
    report = of.train(stepped, count)
    after = losses_by_hand(of, batches)
    assert report.batch == 2 + count - 1
    for name in ("d_loss", "g_loss"):
        np.testing.assert_allclose(report.scalars[name], (before[name], after[name]), rtol=1e-5)
    assert before["d_loss"] != after["d_loss"] and before["g_loss"] != after["g_loss"]
    if count == 1:  # on its own batch a small step goes downhill
        own = f"{stepped.lower()}_loss"
        assert report.scalars[own][1] < report.scalars[own][0]


def test_the_printed_figures_are_those_of_the_report():
    of = new_lab()
    report = of.train("D", 1)
    text = lesson.report_text(report, of)
    before, after = report.scalars["d_loss"]
    assert re.search(rf"d_loss +{before:.4f} -> {after:.4f} ", text)
    row = re.search(r"^w_0001 +8 x 4 (.*)$", text, re.M)[1].split()
    change = report.weights["D"]["w_0001"]
    size, update = np.linalg.norm(change.before), np.linalg.norm(change.after - change.before)
    norms = [change.gradient_norms[f"gradient {of}"] for of in ("real", "fake")]
    np.testing.assert_allclose(
        np.float64(row), [size, *norms, update, update / size], atol=6e-5, rtol=0.06
    )
    assert max(map(len, text.splitlines())) <= 100
    assert "\x1b" not in text


def test_gradient_norms_are_those_of_the_gradients():
    of = new_lab()
    (batch,) = of.batches_of(0)
    with tf.GradientTape() as tape:
        loss = tf.reduce_mean(tf.nn.softplus(-of.gan.score(of.gan.sample(batch["z_g"]))))
    gradients = tape.gradient(loss, list(of.gan.g.values()))
    changes = of.train("G", 1).weights
    for name, gradient in zip(of.gan.g, gradients, strict=True):
        found = changes["G"][name].gradient_norms
        assert list(found) == ["gradient"]
        np.testing.assert_allclose(found["gradient"], np.linalg.norm(gradient), rtol=1e-4)
    assert all(change.gradient_norms == {} for change in changes["D"].values())


def test_ds_view_is_of_the_same_fixed_samples():
    of = new_lab()
    real, z = of.dataset.x[:1000], np.float64(of.z)

    def by_hand():
        x = {"real": np.float64(real), "generated": by_numpy(of.gan.g, z)}
        return {k: (1 / (1 + np.exp(-by_numpy(of.gan.d, v)))).mean() for k, v in x.items()}

    before = by_hand()
    report = of.train("G", 1)
    after = by_hand()
    for name in ("real", "generated"):
        np.testing.assert_allclose(report.view[name], (before[name], after[name]), rtol=1e-5)
    assert report.view["real"][0] == report.view["real"][1]  # D has not moved
    assert report.view["generated"][1] > report.view["generated"][0]  # and G fools it better


def test_a_critic_has_scores_and_no_probabilities(tmp_path):
    config = wgan_gp.Config(dataset="gaussians_8", batch_size=16, width=8, n_critic=2, z_size=2)
    of = new_lab(config, "wgan_gp")
    (stepped, seen), _ = typed_into(of, tmp_path / "lab.png", "d", "s")
    assert "the critic's mean score" in stepped and "gradient_penalty" in stepped
    assert "G: 8 weights, not one bit changed." in stepped
    assert "sigmoid" not in seen
    # The loss is that of the last of both batches, with the critic that the step began with.
    first = new_lab(config, "wgan_gp")
    batches = first.batches_of(0)
    one = wgan_gp.Gan.d_step(first.gan, [batches[1], batches[2]])["d_loss"]
    np.testing.assert_allclose(
        new_lab(config, "wgan_gp").scalars(batches)["d_loss"], one, rtol=1e-4
    )


def test_the_moving_statistics_of_batch_norm_are_weights_too():
    module = models.load("deconv")
    small = {"g_maps": (8, 4, 4), "d_maps": (4, 8), "batch_size": 4, "z_size": 4}
    of = new_lab(module.Config(dataset="digits", **small), "deconv")
    for network, other in ("DG", "GD"):
        changes = of.train(network, 1).weights
        moving = [name for name in changes[network] if name.endswith(("_mean", "_variance"))]
        assert moving and all(changes[network][name].moved for name in moving)
        assert not any(change.moved for change in changes[other].values())


@pytest.mark.parametrize("model", models.names())
def test_d_and_g_are_all_the_networks_of_every_model(model, images, points):
    module = models.load(model)
    for dataset in (images, points):
        config = models.default_config(module, dataset.is_points)
        try:
            gan = gans.build(module, config, dataset.example_shape, seed=0)
        except InputError:  # the model is for the other kind
            continue
        named = {id(variable) for _, variable in gans.named_weights(gan)}
        assert named == {
            id(variable) for network in (gan.d, gan.g) for variable in network.values()
        }
        assert gan.config == config  # `prepare` reads it
        return
    raise AssertionError(f"{model} takes neither points nor images")
