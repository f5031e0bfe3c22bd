"""Pictures of what the networks do: the numbers in them, and that they are where they should be."""

import io
import os
import tracemalloc
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from ganflow.base.errors import InputError
from ganflow.interface.sampler import Sampler
from ganflow.pictures import canvas, grids, scores, sheets, strips, surface
from ganflow.summaries import weights

SQUARE = np.float32([[-1, -1], [-1, 1], [1, -1], [1, 1]])  # the frame is [-1.5, 1.5]
BLUE, ORANGE, PURPLE = (0, 114, 178), (213, 94, 0), (106, 27, 122)


def right_is_real(x):
    """A D whose logit is 4 x: [n, 2] -> [n]."""
    return 4.0 * x[:, 0]


def saturating(x):
    """-mean(log D) of that D."""
    return tf.reduce_mean(tf.nn.softplus(-right_is_real(x)))


def judged(score=right_is_real, g_loss=saturating, boundary=0.0, higher_is_real=True):
    """A sampler of points, of which only what D and G's loss say matters."""
    meaning = {"boundary": boundary, "higher_is_real": higher_is_real, "g_loss": g_loss}
    return Sampler("", {}, generate=lambda given: None, score=lambda x, given: score(x), **meaning)


def asked(sampler, fake):
    """What is drawn of some points in the square."""
    _, plane = surface.plane(SQUARE)
    answers = surface.ask(sampler, tf.constant(plane), tf.constant(fake), {})
    return surface.surface(sampler, SQUARE, fake, *(a.numpy() for a in answers))


def drawn(sampler, fake):
    return surface.decision_surface(sampler, SQUARE, fake, "t")


def near(picture, colour, tolerance=12):
    """Where a picture shows a colour: bool [h, w]."""
    return (np.abs(picture.astype(int) - colour) <= tolerance).all(axis=-1)


# ---------------------------------------------------------------- the decision surface


def test_a_point_at_the_end_of_all_numbers_leaves_the_frame_finite():
    _, plane = surface.plane(np.array([[3e38, 0], [1, -1]], np.float32))
    assert np.isfinite(plane).all() and np.abs(plane).max() > 1e29


def test_d_is_asked_over_the_frame_and_g_s_loss_at_the_points_in_it():
    fake = np.float32([[0.0, 0.5], [9.0, 0.0], [0.25, -1.0]])
    seen = asked(judged(), fake)
    assert seen.ticks[[0, -1]].tolist() == [-1.5, 1.5]
    np.testing.assert_allclose(seen.scores[7], 4 * seen.ticks, rtol=1e-6)  # a row is one y
    assert seen.inside.tolist() == [True, False, True]
    assert seen.start.tolist() == [[0.0, 0.5], [0.25, -1.0]]
    # -d softplus(-4 x) / dx = 4 sigmoid(-4 x), whatever the number of points
    np.testing.assert_allclose(seen.push, [[2.0, 0.0], [4 / (1 + np.e), 0.0]], rtol=1e-6)


def test_no_more_than_sixty_arrows():
    fake = np.zeros([80, 2], np.float32)
    assert len(asked(judged(), fake).push) == 60


def plane(picture):
    """The part of a decision surface within the axes: [600, 600, 3]."""
    return picture[45:645, 65:665]


def test_the_surface_is_orange_where_d_says_generated_and_blue_where_it_says_real():
    fake = np.float32([[0.0, 0.75]])
    picture = drawn(judged(), fake)
    assert picture.shape == (760, 780, 3) and picture.dtype == np.uint8
    shown = plane(picture)
    left, right = shown[300, 10].astype(int), shown[300, 590].astype(int)
    assert left[0] > left[2] + 60 and right[2] > right[0] + 60
    # D = 1/2 is a line upright in the middle; the arrow starts on it, at y = .75, and goes right
    line = np.argwhere(near(shown[400:, 9:-9], (26, 26, 26), 60))[:, 1] + 9
    assert len(line) > 190 and line.min() >= 297 and line.max() <= 302
    arrow = np.argwhere(near(shown, PURPLE))
    assert np.abs(arrow[:, 0] - 150).max() < 12
    assert arrow[:, 1].min() > 290 and 350 < arrow[:, 1].max() < 365  # .2 of the reach: 60 pixels
    for x, y in ((100, 100), (100, 500), (500, 100), (500, 500)):  # the real points
        assert near(shown[y - 3 : y + 3, x - 3 : x + 3], BLUE).any()
    assert near(shown[145:155, 295:305], ORANGE).any()


def test_arrows_turn_with_g_s_loss_and_vanish_with_its_gradient():
    fake = np.float32([[0.0, 0.0]])

    def purple(g_loss):
        return np.argwhere(near(plane(drawn(judged(g_loss=g_loss), fake)), PURPLE))

    up = purple(lambda x: -tf.reduce_mean(x[:, 1]))
    down = purple(lambda x: tf.reduce_mean(x[:, 1]))
    assert up[:, 0].min() < 250 < 310 > up[:, 0].max()
    assert down[:, 0].max() > 350 > 290 < down[:, 0].min()
    assert not len(purple(lambda x: tf.reduce_sum(0.0 * x)))


def test_a_translation_has_a_colour_for_each_side_that_points_come_from():
    """Two points that are taken up, and past each other."""
    given, samples = np.float32([[-1, 0], [1, 0]]), np.float32([[1, 2], [-1, 2]])
    turn = np.arctan2(*given.T) / (2 * np.pi) + 0.5
    colours = [
        [int(canvas.CYCLE[int(t * len(canvas.CYCLE))][i : i + 2], 16) for i in (1, 3, 5)]
        for t in turn
    ]
    assert colours[0] != colours[1]
    picture = grids.translation(given, samples, "t")
    assert picture.shape == (600, 600, 3)
    places = [np.argwhere(near(picture[60:540, 80:], colour, 40)) for colour in colours]
    for of, way in zip(places, (1, -1), strict=True):  # from below to above, and across
        above, below = of[of[:, 0] < 240], of[of[:, 0] > 240]
        assert len(above) and len(below)
        assert way * (above[:, 1].mean() - below[:, 1].mean()) > 100


def test_a_critic_s_colours_do_not_depend_on_where_its_zero_is():
    fake = np.float32([[0.5, 0.5]])

    def shifted(shift, boundary):
        sampler = judged(lambda x: right_is_real(x) + shift, boundary=boundary)
        return plane(drawn(sampler, fake)).astype(int)

    assert np.abs(shifted(0, None) - shifted(64, None)).mean() < 0.1
    assert np.abs(shifted(0, 0.0) - shifted(64, 0.0)).mean() > 10  # the control: a probability's do


def test_a_boundary_that_is_no_logit_s_is_a_line_and_low_scores_can_be_real():
    fake = np.float32([[0.5, 0.5]])

    def dark_columns(boundary):
        shown = plane(drawn(judged(boundary=boundary), fake))
        return np.argwhere(near(shown[400:, 9:-9], (26, 26, 26), 60))[:, 1] + 9

    # 4 x = 2 at x = .5: a sixth of the frame right of the middle
    assert np.abs(dark_columns(2.0) - 400).max() <= 4 and len(dark_columns(2.0)) > 190
    # 4 x = -2 is left of it by as much
    assert np.abs(dark_columns(-2.0) - 200).max() <= 4
    low = plane(drawn(judged(boundary=0.0, higher_is_real=False), fake))
    left, right = low[300, 10].astype(int), low[300, 590].astype(int)
    assert left[2] > left[0] + 60 and right[0] > right[2] + 60  # real is left now


def test_without_g_s_loss_there_are_no_arrows():
    fake = np.float32([[0.0, 0.5]])
    assert near(plane(drawn(judged(), fake)), PURPLE).any()
    assert not near(plane(drawn(judged(g_loss=None), fake)), PURPLE).any()


@pytest.mark.parametrize("boundary", [0.0, 0.5, None])
def test_what_is_not_finite_is_left_out_and_said(boundary):
    fake = np.float32([[0.5, 0.5], [np.nan, 0.0]])

    def half(x):
        return tf.where(x[:, 0] > 0, right_is_real(x), np.nan)

    def grey(score):
        picture = drawn(judged(score, boundary=boundary), fake)
        assert near(picture[650:], (154, 154, 154), 3).any()  # the legend
        return near(plane(picture), (154, 154, 154), 3)

    some = grey(half)
    assert some[:, :290].mean() > 0.95 and some[:, 310:].mean() < 0.01
    assert grey(lambda x: half(-tf.abs(x))).mean() > 0.95


# ---------------------------------------------------------------- strips


def row(level, k=2):
    return np.full([k, 2, 3, 1], level, np.float32)


def test_a_strip_grows_in_the_order_of_steps_and_replaces_a_step():
    history = strips.add_to_strip({}, 20, row(0))
    longer = strips.add_to_strip(history, 10, row(1))
    assert list(history) == [20] and list(longer) == [10, 20]
    again = strips.add_to_strip(longer, 20, row(-1))
    assert again[20][0, 0, 0, 0] == -1 and len(again) == 2


def grown(history, steps):
    for step in steps:
        history = strips.add_to_strip(history, step, row(0), most=16)
    return history


@pytest.mark.parametrize("count", [15, 16, 17, 18, 33, 100, 1000])
def test_a_long_strip_is_thinned_out_evenly(count):
    steps = list(grown({}, range(5, 10 * count, 10)))
    assert min(count, 9) <= len(steps) <= 16 and steps[0] == 5 and steps[-1] == 10 * count - 5
    assert count > 16 or len(steps) == count
    *gaps, newest = np.diff(steps)
    assert len(set(gaps)) == 1 and 0 < newest <= gaps[0]


def test_a_strip_of_a_resumed_run_is_that_of_an_uninterrupted_one():
    whole = grown({}, range(0, 500, 10))
    for saved in (0, 50, 170, 310):
        for killed in (saved, 330, 400):
            left = {s: r for s, r in grown({}, range(0, killed + 1, 10)).items() if s <= saved}
            assert list(grown(left, range(saved + 10, 500, 10))) == list(whole)


def test_a_strip_of_uneven_steps_keeps_its_ends():
    steps = np.cumsum(np.random.default_rng(0).integers(1, 9, 200)).tolist()
    kept = list(grown({}, steps))
    assert 8 <= len(kept) <= 16 and (kept[0], kept[-1]) == (steps[0], steps[-1])


def test_a_strip_shows_steps_as_rows_and_z_as_columns():
    first, last = row(-1), row(-1)
    last[1] = 1.0  # only the second z, at the later step
    picture = sheets.strip({100: last, 0: first}, "t")
    # a tile is 2 x 3 pixels, 28 times enlarged, and a gap of 2; the margins are 90 and 40
    tiles = [[picture[40 + 58 * i + 30, 90 + 86 * j + 40, 0] for j in (0, 1)] for i in (0, 1)]
    assert tiles == [[0, 0], [0, 255]]
    assert (picture[40 + 58 : 40 + 58 + 56, 90 + 86 : 90 + 86 + 84] == 255).all()
    left = [(picture[40 + 58 * i : 40 + 58 * i + 58, 40:89] < 100).sum() for i in (0, 1)]
    assert 0 < left[0] < left[1]  # "0" and "100" stand beside them


def test_a_strip_of_colours():
    images = np.zeros([1, 4, 4, 3], np.float32) - 1
    images[..., 1] = 1.0
    assert sheets.strip({0: images}, "t")[60, 110].tolist() == [0, 255, 0]


def test_a_strip_is_read_again_up_to_a_step(tmp_path):
    path = tmp_path / "strip.npz"
    assert strips.read_strip(path, 100) == {}
    history = {0: row(-1.0), 10: row(0.25), 20: row(1.0)}
    strips.write_strip(path, history)
    assert [p.name for p in tmp_path.iterdir()] == ["strip.npz"]
    again = strips.read_strip(path, 10)
    assert list(again) == [0, 10] and again[0].shape == (2, 2, 3, 1)
    np.testing.assert_allclose(again[10], 0.25, atol=0.5 / 127.5)
    first = sheets.strip({0: row(-1), 10: row(0.25)}, "t")
    np.testing.assert_array_equal(sheets.strip(again, "t"), first)


def test_whatever_is_no_strip_is_refused_with_one_line(tmp_path):
    path = tmp_path / "strip.npz"
    strips.write_strip(path, {0: row(0), 10: row(0)})
    whole = path.read_bytes()
    np.savez(tmp_path / "floats.npz", **{"0": row(0)})
    np.savez(tmp_path / "names.npz", a=np.zeros([1, 2, 3, 1], np.uint8))
    np.savez(tmp_path / "objects.npz", **{"0": np.array([{}], object)})
    np.save(tmp_path / "array.npy", row(0))
    others = [p.read_bytes() for p in tmp_path.iterdir() if p != path]
    assert len(others) == 4
    for content in (b"", b"no", whole[:-9], whole[: len(whole) // 2], *others):
        path.write_bytes(content)
        with pytest.raises(InputError, match="strip.npz") as error:
            strips.read_strip(path, 100)
        assert "\n" not in str(error.value) and "delete it" in str(error.value)
    flipped = bytearray(whole)
    flipped[60] ^= 0xFF
    path.write_bytes(flipped)
    with pytest.raises(InputError):
        strips.read_strip(path, 100)


def of_rows(path, header, pixels=b"", compression=zipfile.ZIP_DEFLATED, **flags):
    """A strip of one row that declares what `header` says."""
    member = io.BytesIO()
    np.lib.format.write_array_header_1_0(member, header)
    with zipfile.ZipFile(path, "w", compression) as archive:
        archive.writestr("0.npy", member.getvalue() + pixels)


def test_a_strip_takes_no_more_memory_than_a_strip_has(tmp_path):
    path = tmp_path / "strip.npz"
    sound = {"descr": "|u1", "fortran_order": False, "shape": (1, 2, 3, 1)}
    of_rows(path, sound, bytes(6))
    assert list(strips.read_strip(path, 100)) == [0]
    tracemalloc.start()
    try:
        for wrong in (
            {"shape": (10**5, 10**5, 10**5, 1)},  # 10^15 bytes
            {"shape": (1, 1 << 15, 1 << 15, 1)},
            {"shape": (1, 2, 3, 0)},
            {"shape": (6,)},
            {"descr": "<f4"},
            {"fortran_order": True},
            {"shape": (1, 2, 3, 2)},  # more than there is
        ):
            of_rows(path, sound | wrong, bytes(6))
            with pytest.raises(InputError, match="is not a strip of samples"):
                strips.read_strip(path, 100)
        assert tracemalloc.get_traced_memory()[1] < 10e6
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("header", [b"{'shape': (", b"{'shape': 1 1}", b"(" * 60, b"\0"])
def test_a_strip_whose_header_is_no_python_is_refused(tmp_path, header):
    path = tmp_path / "strip.npz"
    with zipfile.ZipFile(path, "w") as archive:
        length = len(header).to_bytes(2, "little")
        archive.writestr("0.npy", b"\x93NUMPY\x01\x00" + length + header)
    with pytest.raises(InputError, match="is not a strip of samples"):
        strips.read_strip(path, 100)


def test_a_strip_of_another_compression_or_no_file_is_refused_at_once(tmp_path):
    path = tmp_path / "strip.npz"
    sound = {"descr": "|u1", "fortran_order": False, "shape": (1, 2, 3, 1)}
    of_rows(path, sound, bytes(6))
    whole = path.read_bytes()
    at = whole.index(b"PK\x01\x02")  # the directory's entry
    for offset, value in ((10, 99), (8, 1)):  # its compression; its flag of encryption
        changed = bytearray(whole)
        changed[at + offset] = value
        path.write_bytes(changed)
        with pytest.raises(InputError, match="is not a strip of samples"):
            strips.read_strip(path, 100)
    path.unlink()
    for make in (path.mkdir, lambda: os.mkfifo(path), lambda: path.symlink_to("/dev/zero")):
        make()
        with pytest.raises(InputError, match="is not a strip of samples"):
            strips.read_strip(path, 100)
        path.rmdir() if path.is_dir() else path.unlink()


# ---------------------------------------------------------------- between z's


def test_slerp_is_exact_at_its_ends_and_stays_on_the_great_circle():
    rng = np.random.default_rng(0)
    a, b = rng.standard_normal([2, 5, 64]).astype(np.float32)
    np.testing.assert_array_equal(sheets.slerp(a, b, 0.0), a)
    np.testing.assert_array_equal(sheets.slerp(a, b, 1.0), b)
    assert sheets.slerp(a, b, 0.3).dtype == np.float32
    x, y = np.eye(2)
    t = np.linspace(0, 1, 7)[:, np.newaxis]
    angle = t[:, 0] * np.pi / 2
    np.testing.assert_allclose(
        sheets.slerp(x, y, t), np.stack([np.cos(angle), np.sin(angle)], axis=1), atol=1e-12
    )
    u, v = (w / np.linalg.norm(w) for w in rng.standard_normal([2, 9]))
    norms = np.linalg.norm(sheets.slerp(u, v, t), axis=-1)
    np.testing.assert_allclose(norms, 1.0, rtol=1e-12)
    straight = np.linalg.norm(u + (v - u) / 2)
    assert straight < 0.99  # the control: a straight line leaves the sphere


def test_slerp_is_straight_where_there_is_no_great_circle():
    a = np.array([1.0, 2.0])
    np.testing.assert_allclose(sheets.slerp(a, 3 * a, 0.5), 2 * a)
    np.testing.assert_allclose(sheets.slerp(a, -a, 0.25), a / 2)
    np.testing.assert_allclose(sheets.slerp(a, 0 * a, 0.25), 0.75 * a)
    assert np.isfinite(sheets.slerp(np.zeros(2), np.zeros(2), 0.5)).all()


def test_an_interpolation_goes_from_the_first_to_the_second_of_each_pair():
    z = np.random.default_rng(0).standard_normal([4, 2, 3]).astype(np.float32)
    way = sheets.between(z)
    assert way.shape == (20, 2, 3)
    np.testing.assert_array_equal(way[[0, 9, 10, 19]], z)
    assert np.linalg.norm(way[5] - z[1]) < np.linalg.norm(way[4] - z[1])
    images = np.repeat(np.linspace(-1, 1, 20, dtype=np.float32), 16).reshape(20, 4, 4, 1)
    picture = sheets.interpolation(images, "t")
    shown = [int(picture[50 + 58 * i, 100 + 58 * j, 0]) for i in (0, 1) for j in range(10)]
    assert shown == np.rint(np.linspace(0, 255, 20)).astype(int).tolist()


# ---------------------------------------------------------------- neighbours


@pytest.mark.parametrize("chunk_bytes", [1, 8 * 12 * 7, 2**24])
def test_the_nearest_training_image_is_found_whatever_the_chunks(monkeypatch, chunk_bytes):
    monkeypatch.setattr("ganflow.pictures.sheets._CHUNK_BYTES", chunk_bytes)
    rng = np.random.default_rng(0)
    train = rng.integers(0, 256, (50, 2, 2, 3), dtype=np.uint8)
    samples = rng.uniform(-1, 1, (6, 2, 2, 3)).astype(np.float32)
    samples[2] = train[31] / np.float32(127.5) - 1
    index, distance = sheets.nearest(samples, train)
    every = np.linalg.norm((samples[:, None] - (train / 127.5 - 1)).reshape(6, 50, -1), axis=-1)
    np.testing.assert_array_equal(index, every.argmin(axis=1))
    np.testing.assert_allclose(distance, every.min(axis=1), atol=1e-6)
    assert index[2] == 31 and distance[2] < 1e-6
    floats = (train / 127.5 - 1).astype(np.float32)
    np.testing.assert_array_equal(sheets.nearest(samples, floats)[0], index)


def test_a_sample_that_is_not_finite_has_no_nearest_image():
    train = np.zeros([3, 2, 2, 1], np.uint8)
    train[1] = 255
    samples = np.ones([3, 2, 2, 1], np.float32)
    samples[0, 0, 0], samples[2, 1, 1] = np.nan, np.inf
    index, distance = sheets.nearest(samples, train)
    assert index.tolist() == [0, 1, 0]
    np.testing.assert_array_equal(distance, [np.nan, 0, np.nan])
    assert np.isnan(sheets.nearest(samples[[0, 2]], train)[1]).all()


def test_neighbours_stand_right_of_their_samples():
    train = np.zeros([3, 4, 4, 1], np.uint8)
    train[1] = 255
    samples = np.full([5, 4, 4, 1], 0.9, np.float32)  # 242, nearest to 255
    picture = sheets.neighbours(samples, train, "t")
    assert picture[60, 100, 0] == 242 and picture[60, 90 + 56 + 14 + 10, 0] == 255
    # a gap of an enlarged pixel (14) between them, 20 pixels for the distance, a gap of 2
    below = picture[40 + 56 : 40 + 76, 90 : 90 + 126]
    assert (below < 100).sum() > 20  # "0.40" is written there
    assert picture[40 + 78 + 10, 100, 0] == 242  # the fifth in a second row


# ---------------------------------------------------------------- D's outputs


GREEN = (0, 158, 115)


def test_scores_are_shown_as_probabilities_or_as_they_are():
    rng = np.random.default_rng(0)
    of = {"real": rng.normal(2, 1, 500), "generated": rng.normal(-2, 1, 500)}
    picture = scores.score_histogram(of, judged(), "title")
    assert picture.shape == (450, 800, 3)
    columns = [np.argwhere(near(picture[120:, 70:], c))[:, 1].mean() for c in (BLUE, ORANGE)]
    assert columns[0] > columns[1] + 100  # real right of generated
    assert not near(picture, GREEN).any()
    three = of | {"held_out": of["real"]}
    assert near(scores.score_histogram(three, judged(), "title"), GREEN).any()

    def spread(boundary):  # how far apart the two means are, in pixels
        picture = scores.score_histogram(of, judged(boundary=boundary), "title")
        means = [np.argwhere(near(picture[120:, 70:], c))[:, 1].mean() for c in (BLUE, ORANGE)]
        return means[0] - means[1]

    # The sigmoids of 2 and -2 are .88 and .12 of an axis from 0 to 1; as scores, of one of +-5.
    assert spread(0.0) > 1.15 * spread(None) > 100


@pytest.mark.parametrize("boundary", [0.0, 0.5, None])
def test_scores_that_are_huge_equal_or_not_finite_are_counted(boundary):
    few = {"real": np.full(4, 0.25), "generated": np.full(4, -0.25)}
    sampler = judged(boundary=boundary)
    whole = scores.score_histogram(few, sampler, "title")
    odd = np.array([np.nan, np.inf, -np.inf, 0.25])
    with np.errstate(all="raise"):
        some = scores.score_histogram(few | {"real": odd}, sampler, "title")
        # The bars of the other set stand where they stood; "3 not finite" is in the legend.
        assert near(some, ORANGE).sum() == pytest.approx(near(whole, ORANGE).sum(), rel=0.2)
        assert near(some, BLUE).any() and (some != whole).any()
        huge = scores.score_histogram({"real": odd * 1e30, "generated": odd}, sampler, "title")
        assert near(huge, BLUE).any() and near(huge, ORANGE).any()
        nothing = scores.score_histogram({"real": odd[:1], "generated": odd[:1]}, sampler, "title")
        assert near(nothing, BLUE).sum() < near(some, BLUE).sum()  # the legend's line alone


# ---------------------------------------------------------------- figures of weights


def test_figures_of_a_weight_by_hand():
    named = [("g/w", np.float32([[3, 4]])), ("g/b", np.float32([0.5]))]
    before = [np.float32([[3, 0]]), np.float32([0])]
    norms = {("g_step", "g/w"): 2.0, ("d_step_real", "g/b"): np.float32(0.25)}
    expected = {
        "weight/g/w/norm": 5.0,
        "weight/g/w/update_ratio": pytest.approx(4 / 3),
        "weight/g/w/g_step_gradient_norm": 2.0,
        "weight/g/b/norm": 0.5,  # it was zero, so there is no ratio
        "weight/g/b/d_step_real_gradient_norm": 0.25,
    }
    assert weights.figures(named, before, norms) == expected
    of_step_0 = {name: value for name, value in expected.items() if name.endswith("/norm")}
    assert weights.figures(named, None, {}) == of_step_0


def test_the_norm_of_a_large_weight_is_summed_in_float64():
    w = np.full([300, 1000], 1e-3, np.float32)  # more than one part
    w[-1, -1] = 1e3
    found = weights.figures([("g/w", w)], None, {})["weight/g/w/norm"]
    assert found == pytest.approx(np.sqrt(1e6 + 299_999 * float(w[0, 0]) ** 2), rel=1e-12)


@pytest.mark.parametrize("shape", [(7, 3), (3, 7), (3, 3, 4, 5), (1, 1)])
def test_the_largest_singular_value_is_that_of_the_decomposition(shape):
    w = np.random.default_rng(0).standard_normal(shape).astype(np.float32)
    expected = np.linalg.svd(w.reshape(-1, shape[-1]), compute_uv=False)[0]
    assert weights.largest_singular_value(w) == pytest.approx(expected, rel=1e-6)
    for scale in (1e-30, 1e30):
        value = weights.largest_singular_value(w * np.float32(scale))
        assert value == pytest.approx(scale * expected, rel=1e-6)


def test_singular_values_of_nothing_and_of_what_has_none():
    assert weights.largest_singular_value(np.zeros([2, 3])) == 0.0
    assert weights.largest_singular_value(np.diag([1.0, -3.0])) == pytest.approx(3.0)
    for bad in (np.ones(3), np.array([[np.nan]]), np.array([[np.inf]])):
        with pytest.raises(ValueError):
            weights.largest_singular_value(bad)
