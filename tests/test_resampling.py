"""Bicubic pictures: against TensorFlow's and Pillow's, by hand at the borders, and what is lost."""

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganflow.nn import resampling

EDGE = 2  # small pixels from a border, which each program continues in its own way


def noise(*shape, seed=0):
    return np.random.default_rng(seed).uniform(-1, 1, shape).astype(np.float32)


@pytest.mark.parametrize(("height", "width"), [(28, 40), (32, 64), (96, 48)])
def test_small_pictures_are_tensorflows_and_pillows_with_antialiasing(height, width):
    x = noise(2, height, width, 3)
    small = resampling.bicubic(tf.constant(x), 1 / 4).numpy()
    assert small.shape == (2, height // 4, width // 4, 3)
    size = [height // 4, width // 4]
    theirs = tf.image.resize(x, size, method="bicubic", antialias=True).numpy()
    inner = slice(None), slice(EDGE, -EDGE), slice(EDGE, -EDGE)
    np.testing.assert_allclose(small[inner], theirs[inner], atol=1e-6)
    picture = Image.fromarray(x[0, :, :, 0], mode="F").resize(size[::-1], Image.Resampling.BICUBIC)
    np.testing.assert_allclose(
        small[0, :, :, 0][inner[1:]], np.array(picture)[inner[1:]], atol=1e-6
    )
    without = tf.image.resize(x, size, method="bicubic", antialias=False).numpy()
    assert np.abs(small - without).mean() > 0.1  # the trap: it takes a sixteenth of the pixels


def test_large_pictures_are_tensorflows_and_pillows():
    x = noise(2, 9, 12, 3)
    large = resampling.bicubic(tf.constant(x), 4).numpy()
    assert large.shape == (2, 36, 48, 3)
    theirs = tf.image.resize(x, [36, 48], method="bicubic", antialias=True).numpy()
    inner = slice(8, -8), slice(8, -8)
    np.testing.assert_allclose(large[:, *inner], theirs[:, *inner], atol=1e-6)
    picture = Image.fromarray(x[0, :, :, 0], mode="F").resize((48, 36), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(large[0, :, :, 0][inner], np.array(picture)[inner], atol=1e-6)


def test_the_borders_are_mirrored_by_hand():
    # Two pixels to four: new pixel 0 stands at -.25, so at distances 1.75, .75, .25 and 1.25 from
    # pixels -2, -1, 0, 1. Their k: -.0234, .2266, .8672, -.0703; -1 mirrors 0, and -2 mirrors 1.
    matrix = resampling.bicubic_matrix(2, 4)
    np.testing.assert_allclose(matrix[0], [0.8672 + 0.2266, -0.0703 - 0.0234], atol=5e-5)
    np.testing.assert_allclose(matrix[3], matrix[0][::-1], atol=1e-6)


@pytest.mark.parametrize(("size", "new_size"), [(28, 7), (7, 28), (30, 10), (5, 5)])
def test_rows_sum_to_1_and_both_ends_are_alike(size, new_size):
    matrix = resampling.bicubic_matrix(size, new_size)
    assert matrix.shape == (new_size, size)
    np.testing.assert_allclose(matrix.sum(axis=1), 1, atol=1e-6)
    np.testing.assert_allclose(matrix, matrix[::-1, ::-1], atol=1e-6)
    if size == new_size:
        np.testing.assert_allclose(matrix, np.eye(size), atol=1e-7)


def test_fine_stripes_end_as_grey_and_broad_ones_stay():
    columns = np.arange(32)
    fine = np.broadcast_to(np.float32((-1.0) ** columns), (1, 32, 32))[..., np.newaxis]
    small = resampling.bicubic(tf.constant(fine), 1 / 4).numpy()
    assert np.abs(small[0, :, 1:-1]).max() < 0.05  # where the border's mirror makes no broad one
    broad = np.broadcast_to(np.float32((-1.0) ** (columns // 16)), (1, 32, 32))[..., np.newaxis]
    small = resampling.bicubic(tf.constant(broad), 1 / 4).numpy()
    assert (small[0, :, :3] > 0.9).all() and (small[0, :, 5:] < -0.9).all()
