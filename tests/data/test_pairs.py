"""Two domains by a known transform: disjoint halves of digits, and the true partner of each."""

import pathlib

import numpy as np
import pytest

from ganflow import data
from ganflow.data import digits, pairs

MNIST = pathlib.Path(__file__).resolve().parents[3] / "shared" / "data" / "mnist"
KINDS = ("edges", "negative", "rotated")


def images(array):
    return {image.tobytes() for image in array}


@pytest.fixture(scope="module")
def mnist():
    if not MNIST.is_dir():
        pytest.skip(f"no real MNIST in {MNIST}")
    return str(MNIST)


# ---------------------------------------------------------------- transforms, by hand


def one(rows):
    return np.array(rows, np.uint8)[np.newaxis, :, :, np.newaxis]


DOT = one([[0, 0, 0, 0], [0, 200, 50, 0], [0, 0, 0, 0], [7, 0, 0, 0]])
PARTNERS = {
    # The largest of nine, minus the pixel; beyond the border there is nothing.
    "edges": [[200, 200, 200, 50], [200, 0, 150, 50], [200, 200, 200, 50], [0, 7, 0, 0]],
    "negative": [[255, 255, 255, 255], [255, 55, 205, 255], [255] * 4, [248, 255, 255, 255]],
    # Counter-clockwise: the last column is the first row.
    "rotated": [[0, 0, 0, 0], [0, 50, 0, 0], [0, 200, 0, 0], [0, 0, 0, 7]],
}


@pytest.mark.parametrize("family", ["mnist", "digits"])
@pytest.mark.parametrize("kind", KINDS)
def test_a_transform_by_hand(kind, family):
    before = DOT.copy()
    found = data.transform(f"{family}_{kind}", DOT)
    assert found.dtype == np.uint8 and found.shape == DOT.shape
    np.testing.assert_array_equal(found, one(PARTNERS[kind]))
    np.testing.assert_array_equal(DOT, before)


@pytest.mark.parametrize("kind", KINDS)
def test_the_transform_of_what_models_make_is_that_of_bytes(kind):
    x = np.random.default_rng(0).integers(0, 256, (3, 5, 7, 2), dtype=np.uint8)
    name = f"mnist_{kind}"
    expected = data.decoded(data.transform(name, x)).numpy()
    found = data.transform(name, data.decoded(x).numpy())
    assert found.dtype == np.float32 and expected.shape[1:3] == (
        (7, 5) if "rot" in kind else (5, 7)
    )
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_there_is_no_transform_of_other_data():
    with pytest.raises(ValueError, match="mnist: no transform is known; there is one of mnist_edg"):
        data.transform("mnist", DOT)


# ---------------------------------------------------------------- halves


def check_halves(name, dataset, whole):
    """Each image of `whole` is in one domain, as it is or transformed, with its label."""
    a, b = dataset.fields["a"], dataset.fields["b"]
    assert list(dataset.fields) == ["a", "a_label", "b", "b_label"] and dataset.main == "a"
    assert dataset.sizes == {"a": (len(whole.x) + 1) // 2, "b": len(whole.x) // 2}
    assert a.dtype == b.dtype == np.uint8 and a.shape[1:] == b.shape[1:] == (28, 28, 1)
    assert dataset.about().classes == {"a_label": 10, "b_label": 10}
    by_image = {}
    for image, label in zip(whole.x, whole.label, strict=True):
        by_image.setdefault(image.tobytes(), set()).add(int(label))
    left = images(whole.x) - images(a)
    assert images(a) <= by_image.keys() and len(left) == len(b)
    for image, label in zip(a[:50], dataset.fields["a_label"][:50], strict=True):
        assert label in by_image[image.tobytes()]
    assert images(data.transform(name, whole.x)) >= images(b)
    # No partner of an `a` is among the `b`: there is no pair to learn from.
    assert not images(data.transform(name, a)) & images(b)


@pytest.fixture(scope="module")
def whole():
    return data.Dataset("digits", digits.load())


@pytest.mark.parametrize("kind", KINDS)
def test_digits_are_halved(whole, kind):
    name = f"digits_{kind}"
    both = data.Dataset(name, pairs.load(name, None, "train"))
    check_halves(name, both, whole)
    train, held_out = data.split(both)
    assert train.sizes == {"a": 720, "b": 719} and held_out.sizes == {"a": 179, "b": 179}
    assert not images(train.fields["a"]) & images(held_out.fields["a"])
    partners = images(data.transform(name, held_out.fields["a"]))
    assert not partners & (images(train.fields["b"]) | images(held_out.fields["b"]))


def test_digits_in_two_domains_are_the_same_every_time_and_split_by_their_hash():
    train, held_out = data.load_both("digits_rotated")
    again = data.split(data.Dataset("digits", pairs.load("digits_rotated", None, "train")))
    assert (train.sha256, held_out.sha256) == (again[0].sha256, again[1].sha256)
    assert "one in five" in held_out.part


def test_the_labels_of_transformed_digits_are_theirs(whole):
    fields = pairs.load("digits_negative", None, "train")
    known = {x.tobytes(): k for x, k in zip(whole.x, whole.label, strict=True)}
    labels = [known[(255 - image).tobytes()] for image in fields["b"]]
    assert labels == fields["b_label"].tolist() and set(labels) == set(range(10))


def test_mnist_is_halved_split_by_split(mnist):
    train, held_out = data.load_both("mnist_edges", mnist)
    check_halves("mnist_edges", held_out, data.load("mnist", mnist, split="test"))
    assert held_out.part == "its test split" and train.sizes == {"a": 30_000, "b": 30_000}
    partners = images(data.transform("mnist_edges", train.fields["a"]))
    assert len(partners) > 29_900 and not partners & images(train.fields["b"])


def test_they_are_enlarged_after_the_transform(whole):
    edges = images(data.transform("digits_edges", whole.x))
    large = data.load("digits_edges", enlarge=2).fields["b"]
    assert large.shape[1:] == (56, 56, 1) and images(large[:, ::2, 1::2]) <= edges
