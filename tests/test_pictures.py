"""Pictures: grids pixel by pixel, and PNG files that can be read again."""

import io

import numpy as np
import pytest
import tensorflow as tf

from ganflow.pictures import canvas, curves, films, grids, heat, paths, sheets

BLUE, ORANGE = (0, 114, 178), (213, 94, 0)


def tile(*levels):
    """Images of 1 x 2 pixels, the second pixel 1.0, from the level of the first."""
    return np.float32([[[[v], [1.0]]] for v in levels])


def test_grid_goes_row_by_row_with_grey_gaps_and_fills_the_last_row_with_grey():
    image = grids.grid(tile(-1, 0, 1), columns=2, gap_pixels=1)
    assert image.dtype == np.uint8
    np.testing.assert_array_equal(
        image[:, :, 0],
        [
            [0, 255, 96, 128, 255, 96],
            [96, 96, 96, 96, 96, 96],
            [255, 255, 96, 96, 96, 96],
            [96, 96, 96, 96, 96, 96],
        ],
    )


def test_grid_keeps_rows_columns_and_channels_of_an_image_apart():
    images = np.zeros([2, 2, 2, 3], np.float32) - 1
    images[0, 1, 0] = [-1, 0, 1]  # lower left pixel of the first
    images[1, 0, 1] = [1, -1, -1]  # upper right pixel of the second
    image = grids.grid(images, columns=2, gap_pixels=0)
    assert image.shape == (2, 4, 3)
    assert image[1, 0].tolist() == [0, 128, 255]
    assert image[0, 3].tolist() == [255, 0, 0]
    assert np.count_nonzero(image) == 3


def test_grid_with_more_columns_than_images():
    image = grids.grid(tile(1), columns=3, gap_pixels=0)
    assert image[:, :, 0].tolist() == [[255, 255, 96, 96, 96, 96]]


def test_grid_clips_what_is_out_of_range_instead_of_wrapping_it():
    image = grids.grid(tile(-1.5, 1.5), columns=2, gap_pixels=0)
    assert image[0, ::2, 0].tolist() == [0, 255]


@pytest.mark.parametrize("byte", [0, 1, 2, 127, 128, 254, 255])
def test_a_byte_that_models_see_as_a_float_comes_back_as_that_byte(byte):
    level = np.float32(byte) / np.float32(127.5) - np.float32(1)
    assert grids.grid(tile(level), columns=1)[0, 0, 0] == byte


def test_beside_fills_the_lower_one_with_white_and_grey_beside_colours():
    left, right = np.zeros([1, 1, 1], np.uint8), np.full([2, 1, 3], [1, 2, 3], np.uint8)
    image = grids.beside(left, right, gap_pixels=0)
    assert image.tolist() == [[[0, 0, 0], [1, 2, 3]], [[255, 255, 255], [1, 2, 3]]]


def test_beside_puts_a_white_bar_between():
    left, right = np.zeros([2, 1, 3], np.uint8), np.full([2, 2, 3], 7, np.uint8)
    image = grids.beside(left, right, gap_pixels=3)
    assert image.shape == (2, 6, 3)
    assert image[:, :, 0].tolist() == [[0, 255, 255, 255, 7, 7]] * 2


@pytest.mark.parametrize("channels", [1, 3])
def test_a_png_can_be_read_again(tmp_path, channels):
    image = np.arange(2 * 3 * channels, dtype=np.uint8).reshape(2, 3, channels)
    grids.write_png(tmp_path / "a.png", image)
    np.testing.assert_array_equal(tf.io.decode_png((tmp_path / "a.png").read_bytes()), image)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]


def has(image, colour):
    return (image == np.uint8(colour)).all(axis=-1).any()


def test_loss_curves_draws_both_losses():
    rows = [{"step": s, "d_loss": s / 10, "g_loss": 1 - s / 10} for s in range(5)]
    image = curves.loss_curves(rows, "title")
    assert image.shape == (450, 800, 3)
    assert has(image, BLUE) and has(image, ORANGE)


def test_loss_curves_draws_every_loss_that_the_rows_have():
    rows = [{"step": s, "g_loss": 1 - s / 10, "q_loss": 0.5} for s in range(5)]
    rows[3] |= {"cycle_loss": 0.1}  # of a phase that came once
    image = curves.loss_curves(rows, "title")
    assert has(image, (0, 158, 115)) and has(image, (204, 121, 167)) and has(image, ORANGE)
    assert not has(image, BLUE)  # D's colour
    assert not has(curves.loss_curves([{"step": 0}], "title"), ORANGE)


def test_what_losses_are_at_a_half_is_a_line_where_scores_are_logits():
    rows = [{"step": s, "d_loss": 2.0 - s / 5, "g_loss": s / 5} for s in range(11)]
    critic, logistic = (curves.loss_curves(rows, "t", is_logistic=is_) for is_ in (False, True))

    def dark(image):  # rows of the picture, within the axes and left of the legend, with dark dots
        inside = (image[60:395, 110:400] < 90).all(axis=-1)
        return np.flatnonzero(inside.sum(axis=1) > 40)

    assert dark(critic).size == 0
    (low, high) = dark(logistic)[[-1, 0]]  # log 2 is lower in the picture
    # From 0 to 2 in 300 pixels or so: log 2 apart
    assert low - high == pytest.approx(np.log(2) / 2.2 * 346, abs=6)


def test_a_title_stands_above_the_grids_and_leaves_every_pixel_as_it_was():
    rng = np.random.default_rng(0)
    left = rng.integers(0, 256, (40, 90, 1), dtype=np.uint8)
    right = rng.integers(0, 256, (40, 70, 3), dtype=np.uint8)
    image = grids.titled("t", {"generated": left, "real": right})
    np.testing.assert_array_equal(image[-40:], grids.beside(left, right))
    above = image[:-40]
    assert (above.min(axis=-1)[:, :4] == 255).all()
    dark = (above < 100).all(axis=-1)
    title, captions = dark[:20], dark[20:]
    assert title.any() and captions[:, :90].any() and captions[:, 98:].any()
    assert not captions[:, 75:98].any()  # each stands over its own grid
    other = grids.titled("step 2", {"generated": left, "real": right})
    assert (other[:20, :60] != image[:20, :60]).any()
    np.testing.assert_array_equal(other[20:], image[20:])


def test_a_long_title_is_not_cut():
    picture = np.zeros([4, 10, 1], np.uint8)
    image = grids.titled("a title that is longer than its picture", {"": picture})
    assert image.shape[2] == 1 and image.shape[1] > 200 and (image[-4:, 10:] == 255).all()
    assert (image[:-4, -4:] == 255).all() and (image[:-4, -60:] < 100).any()


def test_each_line_of_text_stands_within_its_own_rows():
    strip = grids.lines(["a red circle", "", "a yellow triangle"], 40)
    assert strip.dtype == np.uint8 and strip.shape[0] == 3 * 40 and strip.shape[2] == 1
    ink = [(strip[i * 40 : (i + 1) * 40] < 128).any(axis=(1, 2)) for i in range(3)]
    assert not ink[1].any()
    for i in (0, 2):  # in the middle, and whole
        rows = np.flatnonzero(ink[i])
        assert rows.min() >= 8 and rows.max() < 32
        assert (rows.min() + rows.max()) / 2 == pytest.approx(20, abs=4)
    first, last = (strip[i * 40 : (i + 1) * 40] < 128 for i in (0, 2))
    assert (
        np.flatnonzero(last.any(axis=(0, 2))).max() > np.flatnonzero(first.any(axis=(0, 2))).max()
    )
    assert (strip[:, -1] == 255).all()  # the longest one fits


def test_colours_can_be_told_apart_by_those_who_do_not_see_red_or_green():
    """Distances in linear light as a deuteranope and a protanope see them (Machado et al. 2009)."""
    blind = {
        "deutan": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413],
                   [-0.011820, 0.042940, 0.968881]],
        "protan": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216],
                   [-0.003882, -0.048116, 1.051998]],
    }  # fmt: skip

    def nearest(colours, matrix):
        rgb = np.array([[int(c[i : i + 2], 16) / 255 for i in (1, 3, 5)] for c in colours])
        seen = np.clip((rgb**2.2) @ np.array(matrix).T, 0, 1) ** (1 / 2.2)
        apart = np.linalg.norm(seen[:, None] - seen[None], axis=-1)
        return apart[~np.eye(len(rgb), dtype=bool)].min()

    for matrix in blind.values():
        assert nearest(canvas.CYCLE[:3], matrix) > 0.25
        assert nearest(canvas.CYCLE, matrix) > 0.1
        assert nearest(("#2ca02c", "#d62728", "#8c564b"), matrix) < 0.15  # the control: tab10's


def test_points_alone():
    one, other = (grids.points(np.float32([[0, 0], [x, 1]]), "t") for x in (1, 2))
    assert one.shape == (600, 600, 3)
    assert (one != other).any()


# ---------------------------------------------------------------- films, heat maps, paths, names


@pytest.mark.parametrize(("kind", "channels"), [("gif", 1), ("webp", 1), ("webp", 3)])
def test_a_film_has_its_frames_to_the_bit_and_holds_the_last(kind, channels):
    from PIL import Image

    frames = np.random.RandomState(0).randint(0, 256, [3, 8, 10, channels], np.uint8)
    with Image.open(io.BytesIO(films.encoded(frames, kind, frame_ms=50))) as film:
        assert film.format.lower() == kind and film.n_frames == 3
        for i, frame in enumerate(frames):
            film.seek(i)
            film.load()
            shown = np.asarray(film.convert("RGB"))
            np.testing.assert_array_equal(shown, np.broadcast_to(frame, shown.shape))
            assert film.info["duration"] == (500 if i == 2 else 50)
        assert film.info["loop"] == 0


def test_a_heat_map_has_the_colours_of_its_values():
    from matplotlib import colormaps

    levels = np.float32([-1, 0, 1])
    image = levels.repeat(8)[np.newaxis, :, np.newaxis].repeat(24, axis=0)

    def shown(*images):
        return heat.heat_maps({str(i): image for i, image in enumerate(images)}, "t")

    colours = [tuple(colormaps["viridis"]((v + 1) / 2, bytes=True)[:3]) for v in levels]
    picture = shown(image)
    for colour in colours:
        assert np.sum((picture == np.uint8(colour)).all(axis=-1)) > 4_000  # pixels of a third
    # On one scale: beside a value of 3, 1 is no longer the brightest.
    beyond = shown(image, 3 * image)
    assert np.sum((beyond[:, :300] == np.uint8(colours[2])).all(axis=-1)) < 1_000
    assert shown(np.zeros([4, 4, 3], np.float32)).shape[0] > 2 * picture.shape[0]


def test_points_on_their_way_are_lines_over_real_ones():
    ways = np.float32([[[0, 0], [1, 1]], [[1, 0], [0, 1]]])
    real = np.float32([[0.5, y] for y in np.linspace(0.7, 0.9, 50)])
    alone, over = (paths.draw(ways, ["a", "b"], "t", some) for some in (None, real))
    assert has(over, BLUE) and has(over, ORANGE)
    middle = slice(300, 400)  # columns: between the lines
    assert np.sum((over != alone).any(axis=-1)[:300, middle]) > 200


def test_a_sheet_has_room_for_its_rows_names():
    images = np.zeros([4, 8, 8, 1], np.float32)
    short, long = (sheets.labelled(images, [n, n], ["1", "2"], "t") for n in ("a", "a" * 40))
    assert short.shape[0] == long.shape[0]
    assert long.shape[1] >= 40 * 7 + 2 * 56


def test_what_is_below_is_as_wide_and_as_colourful():
    upper, lower = np.zeros([1, 1, 1], np.uint8), np.full([1, 2, 3], [1, 2, 3], np.uint8)
    assert grids.below(upper, lower).tolist() == [
        [[0, 0, 0], [255, 255, 255]],
        [[1, 2, 3], [1, 2, 3]],
    ]
