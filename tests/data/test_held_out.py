"""What no training sees: one in five of every data set without a test split of its own."""

import numpy as np
import pytest

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data import digits


def rows(dataset: data.Dataset, field: str = "x") -> list[bytes]:
    return sorted(map(bytes, dataset.fields[field]))


def test_of_the_digits_one_in_five_of_every_class_is_held_out():
    whole = data.Dataset("digits", digits.load())
    train, held_out = data.load_both("digits")
    assert (len(train.x), len(held_out.x)) == (1_442, 355)
    assert rows(train) + rows(held_out) != rows(whole)
    assert sorted(rows(train) + rows(held_out)) == rows(whole)
    wanted = np.bincount(whole.label) // 5
    assert np.array_equal(np.bincount(held_out.label), wanted)
    assert data.load("digits").sha256 == train.sha256
    assert data.load("digits", split="test").sha256 == held_out.sha256
    assert "one in five" in held_out.part and train.part == ""


@pytest.mark.parametrize("name", data.POINTS)
def test_held_out_points_are_drawn_afresh(name):
    train, held_out = data.load_both(name)
    assert train.x.shape == held_out.x.shape
    assert not {*map(bytes, train.x)} & {*map(bytes, held_out.x)}
    np.testing.assert_allclose(train.x.mean(axis=0), held_out.x.mean(axis=0), atol=0.02)
    np.testing.assert_allclose(train.x.std(axis=0), held_out.x.std(axis=0), rtol=0.02)
    assert "afresh" in held_out.part


def test_a_users_arrays_are_split_by_their_content_alone(tmp_path):
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (103, 4, 4), dtype=np.uint8)
    for name in ("a.npy", "b.npy"):
        np.save(tmp_path / name, x)
    train, held_out = data.load_both("npy", str(tmp_path / "a.npy"))
    assert (len(train.x), len(held_out.x)) == (83, 20)
    again = data.load_both("npy", str(tmp_path / "b.npy"))[1]
    assert again.sha256 == held_out.sha256
    np.save(tmp_path / "b.npy", 255 - x)
    other = data.load_both("npy", str(tmp_path / "b.npy"))[1]
    assert rows(other) != sorted(bytes(255 - image) for image in held_out.x)


def test_each_of_two_domains_gives_up_its_own(tmp_path):
    rng = np.random.default_rng(0)
    a, b = (rng.integers(0, 256, (n, 4, 4), dtype=np.uint8) for n in (50, 20))
    np.savez(tmp_path / "s.npz", a=a, b=b, a_place=np.arange(50))
    train, held_out = data.load_both("npz", str(tmp_path / "s.npz"))
    assert train.sizes == {"a": 40, "b": 16} and held_out.sizes == {"a": 10, "b": 4}
    for part in (train, held_out):
        places = part.fields["a_place"]
        assert np.array_equal(part.fields["a"][..., 0], a[places])


def test_rare_classes_stay_whole_and_four_examples_leave_nothing():
    x = np.arange(40, dtype=np.uint8).reshape(40, 1, 1, 1)
    label = np.array([0] * 36 + [1] * 4, np.int32)
    train, held_out = data.split(data.Dataset("rare", {"x": x, "label": label}))
    assert (len(train.x), len(held_out.x)) == (32, 8)  # of all together, not of each class
    assert data.split(data.Dataset("four", {"x": x[:4]}))[1] is None


@pytest.mark.parametrize(
    ("members", "says"),
    [
        ({"x": 8, "label": 0, "x_test": 8}, "found no label in the test split, expected it there"),
        ({"a": 8, "b": 8, "a_test": 8}, "found no b in the test split, expected it there as in"),
        ({"x": 8, "x_test": 6}, r"found x of (6, 6, 1) in the test split, expected (8, 8, 1) as"),
        ({"x": 8, "x_test": 8, "label_test": 0}, None),
    ],
)
def test_a_test_split_is_like_the_training_split(tmp_path, members, says):
    path = str(tmp_path / "s.npz")
    arrays = {k: np.zeros((9, side, side), np.uint8) for k, side in members.items() if side}
    np.savez(path, **arrays, **{k: np.arange(9) for k, side in members.items() if not side})
    if says is None:
        assert data.load_both("npz", path)[1].fields.keys() == {"x", "label"}
        return
    with pytest.raises(InputError) as caught:
        data.load_both("npz", path)
    assert str(caught.value).startswith(f"data set npz: {says}")
    assert set(data.load("npz", path).fields) == {k for k in members if "_test" not in k}


def test_a_test_split_of_its_own_is_taken_as_it_is(tmp_path):
    x = np.arange(100, dtype=np.uint8).reshape(100, 1, 1)
    np.savez(tmp_path / "s.npz", x=x, x_test=x[:3])
    train, held_out = data.load_both("npz", str(tmp_path / "s.npz"))
    assert (len(train.x), len(held_out.x)) == (100, 3)
    assert held_out.part == "its test split"
