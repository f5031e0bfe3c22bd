"""What a `Dataset` tells of its fields: domains, sizes, shapes, classes, its digest."""

import dataclasses

import numpy as np
import pytest

from ganflow import data
from ganflow.base.errors import InputError

IMAGES = np.arange(6 * 4 * 4, dtype=np.uint8).reshape(6, 4, 4, 1)
LABEL = np.array([0, 1, 2, 3, 2, 1], np.int32)
POINTS = np.linspace(-2, 2, 12, dtype=np.float32).reshape(6, 2)


@pytest.fixture
def two_domains():
    fields = {
        "b": np.zeros((2, 4, 4, 3), np.float32),
        "a": IMAGES,
        "a_label": LABEL,
        "b_mass": np.ones(2, np.float32),
    }
    return data.Dataset("two", fields)


def test_the_fields_of_one_domain():
    dataset = data.Dataset("own", {"label": LABEL, "x": IMAGES})
    assert dataset.x is IMAGES and dataset.label is LABEL
    assert dataset.main == "x" and dataset.example_shape == (4, 4, 1) and not dataset.is_points
    assert dataset.sizes == {"x": 6} and dataset.size("label") == 6
    points = data.Dataset("points", {"x": POINTS})
    assert points.is_points and points.example_shape == (2,) and points.label is None


def test_two_domains_have_sizes_of_their_own(two_domains):
    assert two_domains.x is None and two_domains.label is None
    assert two_domains.main == "b", "the first field, for there is no x"
    assert two_domains.example_shape == (4, 4, 3) and not two_domains.is_points
    assert two_domains.sizes == {"b": 2, "a": 6}
    assert [two_domains.size(field) for field in ("a", "a_label", "b", "b_mass")] == [6, 6, 2, 2]
    with pytest.raises(KeyError):
        two_domains.size("x")


@pytest.mark.parametrize(
    ("field", "domain"),
    [
        *(("x", "x"), ("label", "x"), ("caption", "x"), ("apple", "x"), ("x_a", "x"), ("ab", "x")),
        *(("a", "a"), ("a_", "a"), ("a_label", "a"), ("a_b_c", "a"), ("b", "b"), ("b_a", "b")),
    ],
)
def test_domain(field, domain, two_domains):
    assert data.domain(field) == two_domains.domain(field) == domain


def test_fields_that_do_not_fit_together_are_refused():
    with pytest.raises(ValueError, match="'x': 6, 'label': 5"):
        data.Dataset("own", {"x": IMAGES, "label": LABEL[:5]})
    with pytest.raises(ValueError, match="own: no fields"):
        data.Dataset("own", {})


def test_select():
    dataset = data.Dataset("own", {"x": IMAGES, "label": LABEL})
    part = dataset.select(np.array([4, 0]))
    assert part.name == "own" and list(part.fields) == ["x", "label"]
    np.testing.assert_array_equal(part.x, IMAGES[[4, 0]])
    assert part.label.tolist() == [2, 0]


def test_select_needs_one_domain(two_domains):
    with pytest.raises(ValueError, match="domains b, a, expected one"):
        two_domains.select(np.array([0]))


def test_about():
    fields = {
        "x": IMAGES,
        "label": LABEL,
        "caption": np.array([[9, 0, 3]] * 6, np.int32),
        "offset": np.array([-1, 0, 1, 0, 0, 1], np.int32),
        "mass": np.arange(6, dtype=np.float32),
        "small": IMAGES[:, ::2, ::2],
    }
    about = data.Dataset("own", fields).about()
    assert about.shapes == {
        **{"x": (4, 4, 1), "label": (), "caption": (3,), "offset": (), "mass": ()},
        "small": (2, 2, 1),
    }
    # No classes: uint8 are images, and what may be negative does not count from 0.
    assert about.classes == {"label": 4, "caption": 10}
    assert about.image_shape() == (4, 4, 1) and about.num_classes() == 4


def captioned(caption, vocabulary=("", "a", "red", "square"), **fields):
    return data.Dataset("own", {"x": IMAGES, "caption": caption} | fields, vocabulary=vocabulary)


CAPTION = np.array([[1, 2, 0]] * 6, np.int32)  # "a red": the last word is in no caption


def test_a_vocabulary_goes_wherever_the_captions_go():
    dataset = captioned(CAPTION)
    assert dataset.words(CAPTION[0]) == "a red"
    about = dataset.about()
    assert about.num_classes("caption") == 4, "as many as there are words, used or not"
    assert about.vocabulary == dataset.vocabulary and about.words([3, 0, 1]) == "square a"
    for part in (dataset.select(np.array([0])), *data.split(dataset)):
        assert part.vocabulary == dataset.vocabulary
    bare = captioned(CAPTION, ())
    assert bare.about().num_classes("caption") == 3 and bare.words(CAPTION[0]) == "1 2"


def test_a_vocabulary_belongs_to_what_is_trained_on():
    bare = data.Dataset("own", {"x": IMAGES, "caption": CAPTION})
    assert captioned(CAPTION, ()).sha256 == bare.sha256, "as before there were any"
    others = [captioned(CAPTION), captioned(CAPTION, ("", "a", "blue"))]
    assert len({bare.sha256, *(other.sha256 for other in others)}) == 3


def test_a_vocabulary_without_captions_or_with_fewer_words_is_refused():
    with pytest.raises(ValueError, match="no caption within its 2 words"):
        captioned(CAPTION, ("", "a"))
    with pytest.raises(ValueError, match="no caption"):
        data.Dataset("own", {"x": IMAGES}, vocabulary=("", "a"))


def test_what_a_model_needs_and_a_data_set_lacks_is_told_by_its_fields():
    about = data.Dataset("own", {"x": POINTS}).about()
    assert about.point_shape() == (2,)
    with pytest.raises(ValueError, match="needs the field label, and the data set has x"):
        about.num_classes()
    with pytest.raises(ValueError, match="x is 2"):
        about.image_shape()


def test_sha256_is_over_the_content():
    def digest(**fields):
        return data.Dataset("own", fields).sha256

    same = data.Dataset("own", {"x": IMAGES, "label": LABEL})
    assert len(same.sha256) == 64
    assert dataclasses.replace(same, name="other").sha256 == same.sha256
    assert digest(label=LABEL.copy(), x=IMAGES.copy()) == same.sha256, "order does not matter"
    changed = IMAGES.copy()
    changed[5, 3, 3, 0] ^= 1
    others = [
        digest(x=IMAGES),
        digest(x=IMAGES, labels=LABEL),
        digest(a=IMAGES, a_label=LABEL),
        digest(x=IMAGES, label=LABEL + 1),
        digest(x=IMAGES, label=LABEL.view(np.float32)),
        digest(x=IMAGES.reshape(6, 2, 8, 1), label=LABEL),
        digest(x=IMAGES.view(np.int8), label=LABEL),
        digest(x=changed, label=LABEL),
        digest(x=IMAGES, label=LABEL, mass=POINTS[:, 0]),
    ]
    assert len({same.sha256, *others}) == len(others) + 1


def test_check_batch():
    def of(count):
        return data.Dataset("own", {"x": np.zeros((count, 2), np.float32)})

    assert data.check_batch(of(5), 5) is None
    for count, batch_size, words in (
        (4, 5, "own: found 4 examples, expected at least the 5"),
        (0, 1, "own: found 0 examples, expected at least the 1"),
        (4, 0, "--batch_size=0, expected at least 1"),
    ):
        with pytest.raises(InputError) as caught:
            data.check_batch(of(count), batch_size)
        assert words in str(caught.value)


def test_check_batch_asks_every_domain(two_domains):
    assert data.check_batch(two_domains, 2) is None
    with pytest.raises(InputError, match="two: found 2 examples of domain b, expected at least"):
        data.check_batch(two_domains, 3)


def test_decoded():
    pixels = np.array([0, 51, 255], np.uint8).reshape(1, 1, 3, 1)
    decoded = data.decoded(pixels)
    assert decoded.dtype.name == "float32" and decoded.shape == pixels.shape
    np.testing.assert_allclose(decoded.numpy().ravel(), [-1, -0.6, 1], atol=1e-6)
    for array in (POINTS, LABEL):
        same = data.decoded(array)
        assert same.dtype.name == array.dtype.name
        np.testing.assert_array_equal(same, array)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf])
def test_what_is_not_finite_is_no_example(value):
    x = np.array([[0, 1], [value, 0]], np.float32)
    with pytest.raises(ValueError, match="data set points: x has a number that is not finite"):
        data.Dataset("points", {"x": x})
