"""Fields by their names in .npz: domains, captions, other numbers, and members that do not fit."""

import io
import struct
import tracemalloc
import zipfile

import numpy as np
import pytest

from ganflow import data
from ganflow.base.errors import InputError

IMAGES = np.arange(2 * 3 * 4, dtype=np.uint8).reshape(2, 3, 4)


def load(folder, save=np.savez, split="train", enlarge=1, **members):
    path = str(folder / "a.npz")
    save(path, **members)
    return data.load("npz", path, split, enlarge)


def error_of(folder, **members):
    with pytest.raises(InputError) as caught:
        load(folder, **members)
    message = str(caught.value)
    assert message.isprintable() and message.startswith(str(folder / "a.npz"))
    return message


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_every_member_is_a_field(tmp_path, save):
    dataset = load(
        tmp_path,
        save,
        mass=np.array([0.5, 2e6]),
        caption=np.array([[3, 1, 0], [9, 0, 0]], np.int64),
        label=np.array([4, 0], ">i2"),
        attributes=np.array([[True, False], [True, True]]),
        small=IMAGES[:, :2, :2],
        offset=np.array([-5, 5], np.int8),
        depth=np.full((2, 3, 4, 1), 0.25, np.float16),
        x=IMAGES,
    )
    found = {name: (array.dtype.name, array.shape) for name, array in dataset.fields.items()}
    assert found == {
        "x": ("uint8", (2, 3, 4, 1)),
        "mass": ("float32", (2,)),
        "caption": ("int32", (2, 3)),
        "label": ("int32", (2,)),
        "attributes": ("int32", (2, 2)),
        "small": ("uint8", (2, 2, 2, 1)),
        "offset": ("int32", (2,)),
        "depth": ("float32", (2, 3, 4, 1)),
    }
    assert list(dataset.fields)[:2] == ["x", "mass"], "x first, then as in the file"
    assert dataset.fields["mass"].tolist() == [0.5, 2e6], "other floats keep their units"
    assert dataset.fields["depth"][0, 0, 0, 0] == 0.25
    assert dataset.fields["caption"].tolist() == [[3, 1, 0], [9, 0, 0]]
    assert dataset.about().classes == {"caption": 10, "label": 5, "attributes": 2}


def test_unpaired_domains_may_differ_in_length(tmp_path):
    b = np.linspace(0, 1, 5 * 4).reshape(5, 2, 2)
    dataset = load(tmp_path, b_mass=np.arange(5.0), b=b, a_label=np.array([1, 2]), a=IMAGES)
    assert dataset.sizes == {"a": 2, "b": 5} and dataset.main == "a"
    assert dataset.fields["a"].shape == (2, 3, 4, 1) and dataset.fields["a"].dtype == np.uint8
    assert dataset.fields["b"].shape == (5, 2, 2, 1)
    assert dataset.fields["b"].min() == -1 and dataset.fields["b"].max() == 1, "scaled as x is"
    assert dataset.x is None and dataset.fields["a_label"].tolist() == [1, 2]


def test_x_alone_is_enough_and_so_is_one_domain(tmp_path):
    dataset = load(tmp_path, x=IMAGES.repeat(3, axis=0))
    assert list(dataset.fields) == ["x"] and dataset.label is None  # for super-resolution
    train, held_out = data.load_both("npz", str(tmp_path / "a.npz"))
    assert list(train.fields) == list(held_out.fields) == ["x"]
    with pytest.raises(ValueError, match="needs the field b, and the data set has a"):
        load(tmp_path, a=IMAGES).about().image_shape("b")


def test_points_in_both_domains(tmp_path):
    points = np.array([[3, -7], [0.5, 100]])
    dataset = load(tmp_path, a=points, b=points[:1])
    assert dataset.is_points and dataset.fields["b"].tolist() == [[3, -7]]


def test_a_test_split_of_every_field(tmp_path):
    members = {
        "x_train": IMAGES,
        "y_train": np.array([3, 4]),
        "caption": np.array([[1], [2]]),
        "x_test": IMAGES[:1],
        "y_test": np.array([9]),
        "caption_test": np.array([[7]]),
        "mass_test": np.array([2.5]),
    }
    train = load(tmp_path, **members)
    assert list(train.fields) == ["x", "label", "caption"] and train.size("x") == 2
    test = load(tmp_path, split="test", **members)
    assert {name: array.ravel().tolist() for name, array in test.fields.items()} == {
        "x": list(range(12)),
        "label": [9],
        "caption": [7],
        "mass": [2.5],
    }
    held_out = data.load_both("npz", str(tmp_path / "a.npz"))[1]
    assert held_out.sha256 == test.sha256


def test_a_test_split_of_two_domains(tmp_path):
    members = {"a": IMAGES, "b": IMAGES, "a_test": IMAGES[:1], "b_test": IMAGES}
    assert load(tmp_path, split="test", **members).sizes == {"a": 1, "b": 2}


def test_the_main_field_is_not_missing_in_the_test_split(tmp_path):
    members = {"x": IMAGES, "label": np.array([1, 2]), "label_test": np.array([1])}
    message = error_of(tmp_path, split="test", **members)
    assert "found the members x, label, label_test, expected for the test split: x_test" in message
    assert "split: a_test" in error_of(tmp_path, split="test", a=IMAGES, b=IMAGES, b_test=IMAGES)


def test_every_image_is_enlarged(tmp_path):
    dataset = load(tmp_path, enlarge=2, a=IMAGES, b=IMAGES[:1] / 255, a_tokens=np.ones((2, 3)))
    assert dataset.about().shapes == {"a": (6, 8, 1), "b": (6, 8, 1), "a_tokens": (3,)}


ROWS = np.zeros(2)
BAD_MEMBERS = {
    "too few rows": (
        {"x": IMAGES, "mass": np.zeros(1)},
        "[mass]: found 1 rows, expected 2, one for each of x",
    ),
    "too many rows": ({"x_train": IMAGES, "mass": np.zeros((3, 2))}, "expected 2, one for each of"),
    "rows of a": ({"a": IMAGES, "b": IMAGES[:1], "b_mass": ROWS}, "[b_mass]: found 2 rows"),
    "rows of captions": ({"x": IMAGES, "caption": np.ones((3, 2), int)}, "[caption]: found 3 rows"),
    "labels": ({"x": IMAGES, "label": np.arange(3)}, "[label]: found 3 labels, expected 2"),
    "labels alone": ({"label": np.eye(2)}, "found labels of float64 in the shape (2, 2), expected"),
    "float captions": (
        {"x": IMAGES, "caption": np.ones((2, 3))},
        "[caption]: found captions of float64 in the shape (2, 3), expected integers [n, words]",
    ),
    "flat captions": (
        {"x": IMAGES, "caption": np.array([1, 2])},
        "in the shape (2,), expected int",
    ),
    "negative captions": (
        {"x": IMAGES, "caption": np.array([[0, 5], [-1, 5]])},
        "found token ids from -1 to 5, expected token ids from 0 to 2147483647",
    ),
    "bool captions": ({"x": IMAGES, "caption": np.ones((2, 3), bool)}, "captions of bool"),
    "empty domain": (
        {"a": IMAGES, "b": np.zeros((0, 3, 4), np.uint8)},
        "[b]: found the shape (0, 3, 4), expected at least one value",
    ),
    "domain b": ({"a": IMAGES, "b": np.zeros((2, 784))}, "[b]: found the shape (2, 784), expected"),
    "one number": ({"x": IMAGES, "mass": np.float32(1)}, "[mass]: found a single number"),
    "text": ({"x": IMAGES, "names": np.array(["a", "b"])}, "[names]: found the type <U1, expected"),
    "objects": ({"x": IMAGES, "names": np.array([{}, None])}, "[names]: found pickled Python"),
    "complex": ({"x": IMAGES, "waves": ROWS.astype(complex)}, "found the type complex128"),
    "long floats": ({"x": IMAGES, "mass": ROWS.astype(np.longdouble)}, "found float128 values"),
    "nan": ({"x": IMAGES, "mass": np.array([0, np.nan])}, "[mass]: found nan at index (1,)"),
    "wide": ({"x": IMAGES, "ids": np.array([0, 2**40])}, "found integers from 0 to 1099511627776"),
    "wide uint64": ({"x": IMAGES, "ids": np.array([0, 2**64 - 1], np.uint64)}, "within int32"),
    "one field twice": (
        {"x": IMAGES, "images": IMAGES},
        "found the members x and images, expected",
    ),
    "one test field twice": (
        {"x": IMAGES, "label_test": ROWS, "y_test": ROWS},
        "found the members label_test and y_test, expected one of them, for both are the field lab",
    ),
    "a space": ({"x": IMAGES, "my field": ROWS}, "found the member 'my field', expected names of"),
    "a path": ({"x": IMAGES, "../x": ROWS}, "found the member '../x'"),
    "a line break": ({"x": IMAGES, "a\nb": ROWS}, "found the member 'a\\nb'"),
    "a digit": ({"x": IMAGES, "0": ROWS}, "found the member '0'"),
    "long": ({"x": IMAGES, "m" * 65: ROWS}, "at most 64 letters"),
    "many": ({f"field_{i}": ROWS for i in range(101)}, "found 101 members, expected at most 100"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", BAD_MEMBERS)
def test_bad_members(tmp_path, case):
    members, words = BAD_MEMBERS[case]
    assert words in error_of(tmp_path, **members)


def test_members_of_the_other_split_are_not_read(tmp_path):
    members = {"x": IMAGES, "x_test": IMAGES, "names_test": np.array(["a", "b"])}
    assert list(load(tmp_path, **members).fields) == ["x"]
    assert "[names_test]: found the type <U1" in error_of(tmp_path, split="test", **members)


# ---------------------------------------------------------------- captions that are words

TWO = ["A small, RED circle.", "a square"]


def test_captions_may_be_words(tmp_path):
    for kind in ("<U30", ">U30"):
        dataset = load(tmp_path, x=IMAGES, caption=np.array(TWO, kind))
        assert dataset.vocabulary == ("", "a", "circle", "red", "small", "square")
        assert dataset.fields["caption"].dtype == np.int32
        assert dataset.fields["caption"].tolist() == [[1, 4, 3, 2], [1, 5, 0, 0]]
        assert dataset.words(dataset.fields["caption"][0]) == "a small red circle"
        assert dataset.about().num_classes("caption") == 6


def test_the_words_of_the_test_split_are_the_training_splits(tmp_path):
    members = {"x": IMAGES, "x_test": IMAGES, "caption": np.array(TWO)}
    test = load(tmp_path, split="test", caption_test=np.array(["red", "square a"]), **members)
    assert test.fields["caption"].tolist() == [[3, 0, 0, 0], [5, 1, 0, 0]]
    assert test.vocabulary == load(tmp_path, **members).vocabulary
    for sentence, says in (
        (
            "a smal square",
            "'a smal square': found the word 'smal', which no training caption has; ",
        ),
        ("a a a a a", "'a a a a a': found 5 words, expected 1 to 4"),
        ("...", "'...': found 0 words, expected 1 to 4"),
    ):
        caption = np.array(["a", sentence])
        message = error_of(tmp_path, split="test", caption_test=caption, **members)
        assert "[caption_test]: " in message and says in message
    assert "near to it are small" in error_of(
        tmp_path, split="test", caption_test=np.array(["a", "smal"]), **members
    )


def test_what_is_held_out_of_one_file_has_its_words(tmp_path):
    x = np.arange(100 * 4, dtype=np.uint8).reshape(100, 2, 2)
    np.savez(tmp_path / "a.npz", x=x, caption=np.array([f"number {i}" for i in range(100)]))
    train, held_out = data.load_both("npz", str(tmp_path / "a.npz"))
    assert train.vocabulary == held_out.vocabulary and len(train.vocabulary) == 102
    told = sorted(held_out.words(row) for row in held_out.fields["caption"])
    assert len(told) == 20 and set(told) <= {f"number {i}" for i in range(100)}


def raw_text(*points):
    return np.array(points, np.uint32).view("<U1")


BAD_WORDS = {
    "too few": (
        {"caption": np.array(["a"])},
        "[caption]: found 1 rows, expected 2, one for each of x",
    ),
    "a table": ({"caption": np.array([["a"], ["b"]])}, "sentences in the shape (2, 1), expected"),
    "bytes": ({"caption": np.array([b"a", b"b"])}, "[caption]: found the type |S1, expected num"),
    "objects": ({"caption": np.array(["a", None])}, "[caption]: found pickled Python objects"),
    "an empty one": ({"caption": np.array(["a", ""])}, "'': found 0 words, expected 1 to 1"),
    "no words": ({"caption": np.array([".", "!"])}, "found 0 different words, expected 1 to 10000"),
    "half a pair": ({"caption": raw_text(97, 0xD800)}, "found characters that are none of Unicode"),
    "beyond": ({"caption": raw_text(97, 2**31)}, "[caption]: found characters that are none of"),
    "of another field": ({"names": np.array(["a", "b"])}, "[names]: found the type <U1, expected"),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", BAD_WORDS)
def test_bad_words(tmp_path, case):
    members, words = BAD_WORDS[case]
    assert words in error_of(tmp_path, x=IMAGES, **members)


def test_too_many_words(tmp_path):
    x = np.zeros((101, 1, 1), np.uint8)
    caption = np.array(
        [" ".join(f"w{i}" for i in range(n, n + 100)) for n in range(0, 10_100, 100)]
    )
    assert "found 10100 different words, expected 1 to 10000" in error_of(
        tmp_path, x=x, caption=caption
    )


def test_words_and_ids_do_not_mix(tmp_path):
    text, ids = np.array(["a", "b"]), np.array([[1], [2]])
    both = {"x": IMAGES, "x_test": IMAGES, "split": "test"}
    for train, test in ((text, ids), (ids, text)):
        message = error_of(tmp_path, caption=train, caption_test=test, **both)
        assert "[caption_test]: found captions of " in message and " as in " in message
    message = error_of(tmp_path, caption_test=text, **both)
    assert "found words, expected captions of the training split beside them" in message
    dataset = load(tmp_path, caption=ids, caption_test=ids, **both)
    assert dataset.vocabulary == () and dataset.fields["caption"].tolist() == [[1], [2]]


def npy_bytes(array):
    stream = io.BytesIO()
    np.save(stream, array)
    return stream.getvalue()


def test_a_member_twice(tmp_path):
    path = tmp_path / "a.npz"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("x.npy", npy_bytes(IMAGES))
        archive.writestr("x.npy", npy_bytes(IMAGES))
    with pytest.raises(InputError, match=r"a\.npz\[x\]: found twice"):
        data.load("npz", str(path))


def test_members_that_share_their_bytes_are_bounded_together(tmp_path):
    """Sixty directory entries point at one deflated member: each is sound, all together a bomb."""
    content = npy_bytes(np.zeros(2**20, np.uint8))
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("f00.npy", content)
    whole = stream.getvalue()
    start, end = whole.index(b"PK\x01\x02"), whole.rindex(b"PK\x05\x06")
    entries = [whole[start:end].replace(b"f00", b"f%02d" % i) for i in range(60)]
    directory = b"".join(entries)
    tail = struct.pack("<4s4H2IH", b"PK\5\6", 0, 0, 60, 60, len(directory), start, 0)
    path = tmp_path / "a.npz"
    path.write_bytes(whole[:start] + directory + tail)
    tracemalloc.start()
    try:
        with pytest.raises(InputError, match="packed bytes, expected enough for the 62922240"):
            data.load("npz", str(path))
        assert tracemalloc.get_traced_memory()[1] < 2**20
    finally:
        tracemalloc.stop()
