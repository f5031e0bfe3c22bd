"""Pictures: grids pixel by pixel, and PNG files that can be read again."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow.pictures import curves, grids

BLUE, ORANGE = (19, 90, 158), (217, 95, 2)


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
    assert has(image, (44, 160, 44)) and has(image, (214, 39, 40)) and has(image, ORANGE)
    assert not has(image, BLUE)  # D's colour
    assert not has(curves.loss_curves([{"step": 0}], "title"), ORANGE)


def test_points_alone():
    one, other = (grids.points(np.float32([[0, 0], [x, 1]]), "t") for x in (1, 2))
    assert one.shape == (600, 600, 3)
    assert (one != other).any()
