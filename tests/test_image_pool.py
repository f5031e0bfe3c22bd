"""The pool of earlier fakes, against the authors' program."""

import numpy as np
import pytest
import tensorflow as tf

from ganflow.nn.image_pool import ImagePool


def of_the_program(pool, size, new, place, u):
    """CycleGAN's ImagePool.query, on images that are numbers, with its draws handed over."""
    shown = []
    for image, at, coin in zip(new, place, u, strict=True):
        if len(pool) < size:
            pool.append(image)
            shown.append(image)
        elif coin > 0.5:
            shown.append(pool[at])
            pool[at] = image
        else:
            shown.append(image)
    return shown


def as_images(numbers):
    return tf.reshape(tf.constant(numbers, tf.float32), [-1, 1, 1, 1])


@pytest.mark.parametrize("n", [1, 4])
def test_the_pool_is_the_programs(n):
    """Images come and go within one batch too."""
    pool, expected, rng, olds = ImagePool(3, (1, 1, 1)), [], np.random.default_rng(0), 0
    query = tf.function(pool.query)
    for new in np.arange(1, 12 * n + 1).reshape(12, n):
        place, u = rng.integers(0, 3, n).astype(np.int32), rng.uniform(0, 1, n).astype(np.float32)
        shown = of_the_program(expected, 3, new.tolist(), place, u)
        found = query(as_images(new), tf.constant(place), tf.constant(u))
        assert found.numpy().ravel().tolist() == shown
        assert int(pool.filled) == len(expected)
        assert pool.images.numpy().ravel()[: len(expected)].tolist() == expected
        olds += shown != new.tolist()
    assert olds > 2  # it was full, and used


def test_until_it_is_full_the_pool_shows_every_new_image_and_keeps_it():
    pool = ImagePool(4, (1, 1, 1))
    always = tf.ones([3])  # an old one, had there been one
    shown = pool.query(as_images([1, 2, 3]), tf.constant([2, 0, 0]), always)
    assert shown.numpy().ravel().tolist() == [1, 2, 3]
    assert int(pool.filled) == 3 and pool.images.numpy().ravel().tolist() == [1, 2, 3, 0]
    # 4 fills it. Then 5 goes to place 0, where 1 was, and 6 to place 3, where by now 4 is.
    shown = pool.query(as_images([4, 5, 6]), tf.constant([2, 0, 3]), always)
    assert shown.numpy().ravel().tolist() == [4, 1, 4]
    assert int(pool.filled) == 4 and pool.images.numpy().ravel().tolist() == [5, 2, 3, 6]


def test_one_time_in_two_it_is_the_new_one_and_the_pool_stays():
    pool = ImagePool(2, (1, 1, 1))
    never, places = tf.constant([0.5, 0.0]), tf.constant([1, 0])
    for new in ([1, 2], [3, 4]):
        assert pool.query(as_images(new), places, never).numpy().ravel().tolist() == new
    assert pool.images.numpy().ravel().tolist() == [1, 2]
