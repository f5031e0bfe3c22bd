"""The drawings: their factors, what captions say of them, and stripes that 16 pixels can't show."""

import numpy as np
import pytest

from ganflow import data
from ganflow.data import drawings
from ganflow.data.drawings import FACTORS

# What a sentence says, word by word, apart from the data set's own grammar.
MEANS = {
    "label": {"circle": 0, "disc": 0, "square": 1, "box": 1, "triangle": 2, "cross": 3, "plus": 3},
    "colour": {"red": 0, "green": 1, "blue": 2, "yellow": 3},
    "size": {"small": 0, "little": 0, "large": 1, "big": 1},
    "place": {"left": 0, "right": 1, "top": 2, "bottom": 3, "centre": 4, "middle": 4},
    "angle": {"upright": 0, "straight": 0, "tilted": 1, "slanted": 1},
    "background": {"black": 0, "white": 1},
    "fine": {"across": 0, "down": 1},
}
EMPTY_WORDS = {"a", "on", "at", "in", "the", "against", "with", "stripes", "striped"}


@pytest.fixture(scope="module")
def train():
    return data.load("drawings_16")


@pytest.fixture(scope="module")
def tests():
    return {name: data.load(name, split="test") for name in drawings.SIDES}


def combinations(dataset):
    return list(
        zip(*(dataset.fields[f].tolist() for f in ("label", "colour", "place")), strict=True)
    )


def test_fields(train, tests):
    assert train.x.shape == (20_000, 16, 16, 3) and train.x.dtype == np.uint8
    counts = {"drawings_16": 4_000, "drawings_32": 4_000, "drawings_64": 2_000}
    for name, dataset in tests.items():
        side = int(name[-2:])
        assert dataset.x.shape == (counts[name], side, side, 3)
        assert list(dataset.fields) == ["x", *FACTORS, "caption"]
        assert all(dataset.fields[f].dtype == np.int32 for f in (*FACTORS, "caption"))
    about = train.about()
    assert {f: about.classes[f] for f in FACTORS} == {f: len(FACTORS[f]) for f in FACTORS}
    assert about.num_classes("caption") == len(about.vocabulary) == 1 + 38
    assert about.shape("caption") == (13,)
    assert "drawn afresh" in tests["drawings_16"].part and train.part == ""
    assert set(drawings.NAMES) < set(data.BUILT_IN)


def test_every_factor_has_each_of_its_values_as_often(train):
    for factor, values in FACTORS.items():
        counts = np.bincount(train.fields[factor], minlength=len(values)) / len(train.x)
        expected = 1 / len(values)
        if factor == "angle":  # circles are upright
            expected = np.array([0.625, 0.375])
        np.testing.assert_allclose(counts, expected, atol=0.02, err_msg=factor)
    assert not train.fields["angle"][train.label == 0].any()


def test_one_combination_in_ten_is_never_trained_on_and_is_tested(train, tests):
    left_out = {
        tuple(FACTORS[f].index(v) for f, v in zip(("label", "colour", "place"), names, strict=True))
        for names in drawings.HELD_OUT
    }
    assert len(left_out) == 8 and not drawings.is_held_out(train.fields).any()
    seen = set(combinations(train))
    assert len(seen) == 72 and not seen & left_out
    # Each value, and each pair of values, is seen beside the combinations that are not.
    for one, other in ((0, 1), (0, 2), (1, 2)):
        pairs = {(c[one], c[other]) for c in seen}
        assert len(pairs) == [4, 4, 5][one] * [4, 4, 5][other]
    tested = tests["drawings_16"]
    assert set(combinations(tested)) == seen | left_out
    held_out = drawings.is_held_out(tested.fields)
    assert held_out.tolist() == [c in left_out for c in combinations(tested)]
    assert 0.08 < held_out.mean() < 0.12


def test_the_test_split_is_drawn_afresh_and_every_draw_is_the_same_again(train, tests):
    assert not {*map(bytes, train.x)} & {*map(bytes, tests["drawings_16"].x)}
    assert data.load("drawings_16", split="test").sha256 == tests["drawings_16"].sha256
    told = tests["drawings_16"].words(tests["drawings_16"].fields["caption"][0])
    assert told == "at the top a little tilted yellow square striped down on white"


def test_a_caption_says_every_factor(train):
    for i in range(0, len(train.x), 20):
        words = train.words(train.fields["caption"][i]).split()
        said = [
            (factor, means[word])
            for word in words
            for factor, means in MEANS.items()
            if word in means
        ]
        true = {factor: int(train.fields[factor][i]) for factor in FACTORS}
        if true["label"] == 0:
            del true["angle"]
        assert dict(said) == true and len(said) == len(true), words
        assert len(said) + sum(word in EMPTY_WORDS for word in words) == len(words)


def test_captions_are_filled_up_with_0_and_say_one_thing_in_several_ways(train):
    caption = train.fields["caption"]
    blank = caption == 0
    assert blank.any() and not blank.all(axis=1).any()
    assert (np.diff(blank.astype(int), axis=1) >= 0).all(), "no word behind a blank"
    assert set(np.unique(caption)) == set(range(len(train.vocabulary)))
    whole = np.stack([train.fields[factor] for factor in FACTORS], axis=1)
    alike = (whole == whole[0]).all(axis=1)
    assert 2 < alike.sum() < 100
    assert len(np.unique(caption[alike], axis=0)) > alike.sum() / 2
    first = {train.vocabulary[token] for token in caption[:, 0]}
    assert first == {"a", "on", "at", "in", "against"}, "in several orders"


# ---------------------------------------------------------------- stripes


def drawn(fine, side, n=400):
    """The same drawings of all kinds, each with these stripes, uint8 [n, side, side, 3]."""
    rng = np.random.default_rng(0)
    fields = {f: rng.integers(len(FACTORS[f]), size=n) for f in ("label", "colour", "background")}
    fields["fine"] = np.full(n, fine)
    centre, root_area = rng.uniform(0.3, 0.7, [n, 2]), rng.uniform(0.23, 0.34, n)
    return drawings.draw(fields, centre, root_area, rng.uniform(-1, 1, n), side)


def means(x, times):
    n, side = x.shape[0], x.shape[1] // times
    return x.reshape(n, side, times, side, times, 3).mean(axis=(2, 4))


def test_stripes_are_averaged_away_at_16_pixels_and_seen_at_32_and_64():
    np.testing.assert_array_equal(drawn(0, 16), drawn(1, 16))
    for side in (32, 64):
        across, down = drawn(0, side), drawn(1, side)
        assert (across != down).any(axis=(1, 2, 3)).all()
        # Not by rounding: by exact means, whoever takes them.
        np.testing.assert_array_equal(means(across, side // 16), means(down, side // 16))
        assert (means(across, side // 32) != means(down, side // 32)).any(axis=(1, 2, 3)).all()


@pytest.mark.parametrize(("side", "wide"), [(32, 1), (64, 2)])
def test_stripes_are_the_full_colour_and_half_of_it(side, wide):
    """In a large red square in the middle, each on one ground and with one kind of stripes."""
    fields = {"label": [1] * 4, "colour": [0] * 4, "background": [0, 0, 1, 1], "fine": [0, 1, 0, 1]}
    fields = {field: np.array(values) for field, values in fields.items()}
    x = drawings.draw(fields, np.full([4, 2], 0.5), np.full(4, 0.33), np.zeros(4), side)
    inside = x[:, side // 2 : side // 2 + 4 * wide, side // 2 : side // 2 + 4 * wide]
    rows = np.repeat([255, 127, 255, 127], wide)[:, np.newaxis].repeat(4 * wide, 1)
    for picture, fine in zip(inside, fields["fine"], strict=True):
        np.testing.assert_array_equal(picture[..., 0], rows.T if fine else rows)
        assert not picture[..., 1:].any()
    assert (x[:2, 0] == 0).all() and (x[2:, 0] == 255).all()


def test_smaller_pictures_are_the_larger_ones_made_smaller(tests):
    for name, larger in (("drawings_32", "drawings_64"), ("drawings_16", "drawings_32")):
        n, some = len(tests[larger].x), slice(200)
        exact = means(tests[larger].x[some], 2)
        np.testing.assert_array_equal(tests[name].x[some], np.floor(exact + 0.5))
        for field in (*FACTORS, "caption"):
            mine, its = tests[name].fields[field][:n], tests[larger].fields[field]
            np.testing.assert_array_equal(mine, its)


def test_those_on_white_are_those_of_drawings_64_that_are(tests):
    white, all_of_them = data.load("drawings_64_white", split="test"), tests["drawings_64"]
    on_white = all_of_them.fields["background"] == 1
    assert 900 < on_white.sum() < 1_100 and list(white.fields) == list(all_of_them.fields)
    for field, values in all_of_them.fields.items():
        np.testing.assert_array_equal(white.fields[field], values[on_white])
    assert (white.x[:, 0, 0] == 255).all()


@pytest.mark.parametrize("shape", range(4))
def test_a_shape_has_its_area_and_its_centre_and_is_not_cut_off(shape):
    rng = np.random.default_rng(0)
    turn = np.array([0, np.pi / 4, 0, np.pi / 4]) if shape else np.zeros(4)
    for root in drawings.ROOT_AREAS:
        centre = drawings.CENTRES[:4] + rng.uniform(-0.02, 0.02, [4, 2])
        covered = drawings.coverage(shape, centre, np.full(4, 1.03 * root), turn, 64)
        total = covered.sum(axis=(1, 2))
        np.testing.assert_allclose(total / 64**2, (1.03 * root) ** 2, rtol=0.015)
        ticks = (np.arange(64) + 0.5) / 64
        for axis, expected in ((1, centre[:, 0]), (2, centre[:, 1])):
            np.testing.assert_allclose(covered.sum(axis) @ ticks / total, expected, atol=0.002)


def test_sizes_are_apart():
    small, large = (root**2 for root in drawings.ROOT_AREAS)
    assert 1.5 * small * 1.03**2 < large * 0.97**2
