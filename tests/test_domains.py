"""Figures of two domains: what pairs, modes and angles that are kept come to, and what chance."""

import types

import numpy as np
import pytest

from ganflow import data
from ganflow.gates import domains, measures
from ganflow.trained.sampling import Made

# ---------------------------------------------------------------- pairs


def test_pixels_agree_by_the_middle_of_the_range_and_beyond_what_shuffled_pairs_do():
    # Two images of three pixels; the last one is always black.
    x = np.float32([[0.2, 0.9, -1], [-0.1, -0.9, -1]]).reshape(2, 1, 3, 1)
    y = np.float32([[1.0, 0.1, -0.5], [-1, 0.1, -1]]).reshape(2, 1, 3, 1)
    found = domains.agreement(x, y)
    # By pixel: 2 of 2, 1 of 2, 2 of 2. Of all four pairs of two images: 1/2, 1/2 and 1.
    assert found["agreement"] == pytest.approx(5 / 6)
    assert found["shuffled"] == pytest.approx((0.5 + 0.5 + 1) / 3)
    assert found["gain"] == pytest.approx((5 / 6 - 2 / 3) / (1 - 2 / 3))


def test_shuffled_is_the_mean_over_all_pairs():
    rng = np.random.default_rng(0)
    x, y = (rng.choice([-1.0, 1.0], (20, 4, 4, 1), p=[0.8, 0.2]) for _ in range(2))
    expected = np.mean([np.mean(x == np.roll(y, i, axis=0)) for i in range(20)])
    assert domains.agreement(x, y)["shuffled"] == pytest.approx(expected)


def test_true_partners_have_the_whole_gain_and_strangers_none():
    digits = data.load("digits").x
    x = np.float32(digits[:400]) / 127.5 - 1
    partners = data.transform("digits_edges", x)
    assert domains.agreement(partners, partners)["gain"] == 1
    strangers = domains.agreement(partners, np.roll(partners, 7, axis=0))
    assert strangers["shuffled"] > 0.6  # a common background
    assert abs(strangers["gain"]) < 0.05
    blank = -np.ones_like(x)
    assert domains.agreement(blank, blank) == {"agreement": 1, "shuffled": 1, "gain": 0}


def test_pairs_are_of_one_z_and_classes_of_either_domain(monkeypatch):
    """Samples and classifiers are set; the right partners, and then those of other digits."""
    digits = data.load("digits")
    a = np.float32(digits.x[:300]) / 127.5 - 1
    shift = [0]

    def made(trained, sampler):
        b = data.transform("digits_negative", np.roll(a, shift[0], axis=0))
        return Made(a if sampler == "a" else b, {})

    def classifier(domain):
        label = digits.label[:300] if domain == "a" else np.roll(digits.label[:300], shift[0])
        return types.SimpleNamespace(num_classes=10, read=lambda x: (None, label))

    monkeypatch.setattr(domains, "_made", made)
    train = types.SimpleNamespace(name="digits_negative")
    trained = types.SimpleNamespace(train=train, classifier=classifier)
    found = domains.pairs(trained)
    assert (found["agreement"], found["gain"], found["same_class"]) == (1, 1, 1)
    assert found["classes"] == 10
    shift[0] = 1
    found = domains.pairs(trained)
    assert found["gain"] < 0.1 and found["same_class"] < 0.3 and found["classes"] == 10


def test_a_classifier_is_of_its_own_domain(monkeypatch):
    seen = []
    monkeypatch.setattr(measures.classifier_cache, "trained", lambda *a, **k: seen.append((a, k)))
    trained = object.__new__(measures.Trained)
    trained.train, trained.held_out = data.load_both("digits_negative")
    trained.classifier("b")
    (((own, others), settings),) = seen
    np.testing.assert_array_equal(own.x, trained.train.fields["b"])
    np.testing.assert_array_equal(own.label, trained.train.fields["b_label"])
    np.testing.assert_array_equal(others.x, trained.held_out.fields["b"])
    assert settings == {"seed": 0}


# ---------------------------------------------------------------- modes


@pytest.mark.parametrize(
    ("found", "share"),
    [
        ([0, 1, 2, 3], 1),  # each class of its own
        ([3, 0, 2, 7], 1),  # whatever their names
        ([0, 0, 0, 0], 0),
        ([0, 0, 1, 1], 0.5),  # of two bits one
    ],
)
def test_what_is_told_is_the_share_of_the_true_classes_entropy(found, share):
    true = np.repeat(np.arange(4), 10)
    assert domains.told_by(np.repeat(found, 10), true) == pytest.approx(share, abs=1e-9)


def test_more_modes_than_classes_may_tell_all():
    """Ten modes for five classes: divided by the mean of both entropies it would be .82."""
    modes = np.arange(1_000) % 10
    assert domains.told_by(modes, modes // 2) == pytest.approx(1)
    assert domains.told_by(modes, modes % 5) == pytest.approx(1)
    random = np.random.default_rng(0).integers(0, 10, 1_000)
    assert domains.told_by(random, modes // 2) < 0.05


def of_points(monkeypatch, there, back, samplers=("a_to_b", "a_to_b_to_a", "b_to_a_to_b")):
    """`domains.modes` of a translation that is set, {name: given -> points}, on the mixtures."""
    _, held_out = data.load_both("gaussians_5_10")
    given = {domain: held_out.fields[domain][:5_000] for domain in "ab"}
    chains = {"a_to_b": there, "a_to_b_to_a": lambda a: back(there(a)), "b_to_a_to_b": lambda b: b}

    def made(trained, sampler):
        return Made(chains[sampler](given[sampler[0]]), {sampler[0]: given[sampler[0]]})

    monkeypatch.setattr(domains, "_made", made)
    gan = types.SimpleNamespace(samplers=lambda: [types.SimpleNamespace(name=n) for n in samplers])
    return domains.modes(
        types.SimpleNamespace(train=types.SimpleNamespace(name="gaussians_5_10"), gan=gan)
    )


def test_a_translation_onto_all_modes_that_comes_back_is_told(monkeypatch):
    (of_a, std), (of_b, _) = (data.modes("gaussians_5_10", domain) for domain in "ab")

    def parts(a):
        mode = np.argmin(np.linalg.norm(a[:, None] - of_a, axis=2), axis=1)
        right = (a[:, 0] > of_a[mode, 0]).astype(int)
        return mode, right

    def there(a):  # either half of a mode onto a mode of its own
        mode, right = parts(a)
        return of_b[2 * mode + right] + (a - of_a[mode])

    def back(b):
        mode = np.argmin(np.linalg.norm(b[:, None] - of_b, axis=2), axis=1)
        return of_a[mode // 2] + (b - of_b[mode])

    found = of_points(monkeypatch, there, back)
    assert found["modes"] == 10 and found["injectivity"] == pytest.approx(1, abs=1e-3)
    assert found["high_quality_3std"] == pytest.approx(0.989, abs=0.005)
    assert found["reconstruction_sigmas"] < 0.05
    # Five modes of b alone; all points at one; no way back at all.
    found = of_points(monkeypatch, lambda a: of_b[2 * parts(a)[0]], back)
    assert found["modes"] == 5 and found["injectivity"] == pytest.approx(1)
    assert found["reconstruction_sigmas"] == pytest.approx(1, abs=0.05)  # the modes' own spread
    found = of_points(monkeypatch, lambda a: np.repeat(of_b[:1], len(a), axis=0), back, ["a_to_b"])
    assert found["modes"] == 1 and found["injectivity"] == 0
    assert "reconstruction_sigmas" not in found


# ---------------------------------------------------------------- arrows


@pytest.mark.parametrize(("sign", "turn"), [(1, 0), (1, 2.5), (-1, -1.0)])
def test_a_turn_or_a_reflection_of_all_is_no_error_and_each_one_s_own_is(sign, turn):
    rng = np.random.default_rng(0)
    true = rng.uniform(-np.pi, np.pi, 2_000)
    off = np.radians(rng.normal(0, 10, 2_000))
    found = (sign * true + turn + off + np.pi) % (2 * np.pi) - np.pi
    assert domains.angle_error(found, true) == pytest.approx(10, rel=0.05)
    assert domains.angle_error(true + turn, true) == pytest.approx(0, abs=1e-5)


def test_random_angles_are_104_degrees_off_and_one_angle_for_all_too():
    rng = np.random.default_rng(0)
    true, found = rng.uniform(-np.pi, np.pi, (2, 2_000))
    chance = 180 / np.sqrt(3)
    assert domains.angle_error(found, true) == pytest.approx(chance, abs=3)
    assert domains.angle_error(np.ones(2_000), true) == pytest.approx(chance, abs=3)
    opposite = np.where(rng.random(2_000) < 0.5, true, true + np.pi)  # the axis alone is right
    assert domains.angle_error(opposite, true) == pytest.approx(90, abs=3)


def of_arrows(monkeypatch, x, train, held_out):
    monkeypatch.setattr(domains, "_made", lambda trained, sampler: Made(x, {}))
    return domains.arrows(types.SimpleNamespace(train=train, held_out=held_out, num=10_000))


def test_real_arrows_of_b_pass_and_those_of_a_left_as_they_are_are_off_style(monkeypatch):
    train, held_out = data.load_both("arrows")
    a, b = (data.decoded(held_out.fields[domain]).numpy() for domain in "ab")
    right = data.Dataset("arrows", held_out.fields | {"a_angle": held_out.fields["b_angle"]})
    found = of_arrows(monkeypatch, b, train, right)
    assert found["angle_error"] < 1 and found["off_style"] < 0.01
    assert found["ink"] == pytest.approx(1) and found["shuffled_error"] > 95
    found = of_arrows(monkeypatch, b, train, held_out)  # beside angles that are another's
    assert found["angle_error"] > 95 and found["off_style"] < 0.01
    found = of_arrows(monkeypatch, a, train, held_out)
    assert found["off_style"] > 0.5
    found = of_arrows(monkeypatch, np.zeros_like(b) + b[:1], train, held_out)
    assert found["angle_error"] > 95
