"""Two domains of arrows: their fields, and that nothing pairs them. test_factors.py reads them."""

import numpy as np
import pytest

from ganflow import data


@pytest.fixture(scope="module")
def arrows():
    return data.load("arrows", split="test")


def test_fields(arrows):
    found = {name: (array.dtype.name, array.shape) for name, array in arrows.fields.items()}
    assert found == {
        "a": ("uint8", (2_000, 32, 32, 3)),
        "a_angle": ("float32", (2_000,)),
        "b": ("uint8", (2_000, 32, 32, 3)),
        "b_angle": ("float32", (2_000,)),
    }
    assert arrows.sizes == {"a": 2_000, "b": 2_000} and arrows.main == "a"
    assert arrows.about().classes == {} and "afresh" in arrows.part
    assert "arrows" in data.BUILT_IN
    assert data.load("arrows", split="test").sha256 == arrows.sha256


def test_the_domains_are_unpaired_and_point_everywhere(arrows):
    a, b = arrows.fields["a_angle"], arrows.fields["b_angle"]
    assert abs(np.exp(1j * (a.astype(float) - b)).mean()) < 0.07  # 3 / sqrt(2,000)
    for angle in (a, b):
        assert -np.pi <= angle.min() < -3.1 and 3.1 < angle.max() <= np.pi
        counts = np.histogram(angle, 8, (-np.pi, np.pi))[0]
        assert counts.min() > 190 and counts.max() < 310


def test_an_arrow_points_anticlockwise_from_the_right(arrows):
    """The tip of a thin arrow is white where its angle says, and behind it there is nothing."""
    angle = arrows.fields["a_angle"].astype(float)
    for sign, least, most in ((0.3, 60, 256), (0.45, 0, 5)):
        column = np.rint(15.5 + 32 * sign * np.cos(angle)).astype(int)
        row = np.rint(15.5 - 32 * sign * np.sin(angle)).astype(int)
        mean = arrows.fields["a"][np.arange(2_000), row, column, 0].mean()
        assert least <= mean <= most


def test_each_domain_has_its_own_style(arrows):
    assert not arrows.fields["a"][:, 0, 0].any(), "black"
    assert (arrows.fields["b"][:, 0, 0] == [0, 114, 178]).all(), "blue"
    of_ink = [(arrows.fields["a"] > 127).all(axis=3), arrows.fields["b"][..., 0] > 115]
    thin, thick = (covered.mean() for covered in of_ink)
    assert 1.5 * thin < thick < 0.2


def test_the_training_split_is_another_draw(arrows):
    train = data.load("arrows")
    assert train.sizes == {"a": 10_000, "b": 10_000}
    for domain in "ab":
        assert not {*map(bytes, train.fields[domain])} & {*map(bytes, arrows.fields[domain])}
