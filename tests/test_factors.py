"""Readers of drawings' factors and arrows' angles: exact on real pictures, calm on all others."""

import numpy as np
import pytest
from PIL import Image
from scipy import ndimage

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data.drawings import FACTORS, NAMES
from ganflow.judging import factors

NUM = 600  # pictures of a test split, from its first


def decoded(x):
    return x.astype(np.float32) / 127.5 - 1


@pytest.fixture(scope="module")
def tests():
    datasets = {name: data.load(name, split="test") for name in NAMES}
    return {name: d.select(np.arange(NUM)).fields for name, d in datasets.items()}


@pytest.fixture(scope="module")
def arrows():
    return data.load("arrows", split="test").fields


@pytest.mark.parametrize("name", NAMES)
def test_every_factor_is_read_from_real_pictures(tests, name):
    found = factors.accuracies(decoded(tests[name]["x"]), tests[name])
    assert list(found) == list(FACTORS)
    for factor, accuracy in found.items():
        if (name, factor) == ("drawings_16", "fine"):
            assert 0.45 < accuracy < 0.55, "rows and columns give the same 16 pixels"
        else:
            assert accuracy >= 0.99, factor


@pytest.mark.parametrize("side", [32, 64])
def test_stripes_do_not_come_back_by_making_16_pixels_larger(tests, side):
    fields = {f: values[:300] for f, values in tests["drawings_16"].items()}
    for way in (Image.Resampling.NEAREST, Image.Resampling.BILINEAR, Image.Resampling.BICUBIC):
        larger = [np.asarray(Image.fromarray(x).resize((side, side), way)) for x in fields["x"]]
        found = factors.accuracies(decoded(np.stack(larger)), fields)
        assert 0.42 < found.pop("fine") < 0.58
        assert min(found.values()) > 0.9  # and nothing else is lost


def test_accuracies_are_those_of_the_fields_that_were_asked_for(tests):
    fields, x = tests["drawings_32"], decoded(tests["drawings_32"]["x"][:300])
    other = {f: (fields[f][:300] + 1) % len(FACTORS[f]) for f in ("colour", "place")}
    assert factors.accuracies(x, other) == {"colour": 0, "place": 0}
    rolled = {f: np.roll(fields[f][:300], 1) for f in FACTORS}
    found = factors.accuracies(x, rolled)
    assert all(found[f] < 1 / len(FACTORS[f]) + 0.2 for f in FACTORS if f != "angle")


@pytest.mark.parametrize("name", ["drawings_32", "drawings_64"])
def test_a_little_damage_does_little(tests, name):
    fields = {f: values[:200] for f, values in tests[name].items()}
    x, sigma = decoded(fields["x"]), fields["x"].shape[1] / 64
    noise = np.random.default_rng(0).normal(0, 0.1, x.shape)
    blurred = ndimage.gaussian_filter(x, [0, sigma, sigma, 0])
    hazy = 0.9 * x  # as from a tanh that is not at its ends
    for damaged in (x + noise, blurred, hazy, blurred + noise):
        assert min(factors.accuracies(damaged, fields).values()) > 0.95
    # And much does more: shapes are lost before colours are.
    strong = factors.accuracies(x + 8 * noise, fields)
    assert strong["label"] < 0.9 and strong["colour"] > 0.9


@pytest.mark.parametrize("side", [16, 32, 64, 96])
def test_any_picture_is_read_as_something(side):
    rng = np.random.default_rng(0)
    pictures = np.stack(
        [
            *(np.full([side, side, 3], value) for value in (-1, 0, 1, 5, -np.inf, np.nan)),
            rng.normal(size=[side, side, 3]),
            np.where(rng.uniform(size=[side, side, 3]) < 0.1, np.nan, 1),
        ]
    )
    seen = factors.read(pictures)
    for factor, values in FACTORS.items():
        assert seen[factor].dtype == np.int32 and seen[factor].shape == (8,)
        assert ((seen[factor] >= 0) & (seen[factor] < len(values))).all()
    drawn = seen["drawn"]
    assert np.isfinite(drawn).all() and ((drawn >= 0) & (drawn <= 1)).all()
    empty = [0, 2, 3, 4]  # black or white all over
    assert (drawn[empty] < factors.LEAST_DRAWN).all() and drawn[6] > 0.1
    assert factors.read(pictures[:0])["label"].shape == (0,)


def test_bytes_are_read_as_what_they_are_decoded_to(tests, arrows):
    x = tests["drawings_32"]["x"][:50]
    for name, values in factors.read(x).items():
        np.testing.assert_allclose(values, factors.read(decoded(x))[name], atol=1e-5)
    seen = [
        factors.read_angle(a, "b")["angle"] for a in (arrows["b"][:50], decoded(arrows["b"][:50]))
    ]
    np.testing.assert_allclose(*seen, atol=1e-4)


def test_every_drawing_is_more_than_the_least(tests):
    for fields in tests.values():
        drawn = factors.read(decoded(fields["x"][:300]))["drawn"]
        assert drawn.min() > 1.5 * factors.LEAST_DRAWN and drawn.max() < 0.13


@pytest.mark.parametrize("shape", [(2, 28, 28, 3), (2, 32, 32, 1), (2, 32, 16, 3), (2, 48, 48, 3)])
def test_pictures_of_other_shapes_are_refused(shape):
    with pytest.raises(InputError, match=r"drawings: found pictures of \(.*expected \(s, s, 3\)"):
        factors.read(np.zeros(shape))
    if shape[1] != shape[2] or shape[3] != 3:  # an arrow may be of any size
        with pytest.raises(InputError, match=r"arrows: found pictures of \(.*expected \(s, s, 3\)"):
            factors.read_angle(np.zeros(shape), "a")


# ---------------------------------------------------------------- arrows


def errors(images, angle, domain):
    return np.degrees(factors.angle_errors(factors.read_angle(images, domain)["angle"], angle))


@pytest.mark.parametrize("domain", ["a", "b"])
def test_angles_are_read_from_real_arrows(arrows, domain):
    x, angle = decoded(arrows[domain]), arrows[f"{domain}_angle"]
    assert errors(x, angle, domain).max() < 1  # degrees
    noise = np.random.default_rng(0).normal(0, 0.2, x[:500].shape)
    assert errors(x[:500] + noise, angle[:500], domain).mean() < 2
    blurred = ndimage.gaussian_filter(x[:500], [0, 1, 1, 0])
    assert errors(blurred, angle[:500], domain).max() < 1
    # Turned by half a turn, or mirrored, an arrow is read as turned or mirrored.
    turned = x[:100, ::-1, ::-1]
    assert errors(turned, angle[:100] + np.pi, domain).max() < 1
    assert errors(x[:100, ::-1], -angle[:100], domain).max() < 1
    assert 60 < errors(x, np.roll(angle, 1), domain).mean() < 120


def test_angles_are_apart_the_shorter_way_round():
    apart = factors.angle_errors(np.array([3.0, -3.0, 0.5, 7.0]), np.array([-3.0, 3.0, -0.5, 0.5]))
    around = 2 * np.pi - 6
    np.testing.assert_allclose(apart, [around, around, 1, 6.5 - 2 * np.pi], atol=1e-6)


@pytest.mark.parametrize("domain", ["a", "b"])
def test_an_empty_picture_has_no_arrow(domain):
    ground = {"a": [-1, -1, -1], "b": decoded(np.array([0, 114, 178]))}[domain]
    empty = np.broadcast_to(np.float32(ground), [2, 32, 32, 3]).copy()
    empty[1, 3, 4] = np.nan
    seen = factors.read_angle(empty, domain)
    assert seen["drawn"][0] == 0 and seen["angle"][0] == 0
    assert np.isfinite(seen["angle"]).all() and seen["drawn"][1] < 0.01
