"""Pictures of other sizes, by the bicubic kernel and without a learnt weight.

Resampling is linear and goes along one axis at a time, so a size to another is a matrix, worked out
once in NumPy: two matrix products, which run and compile on every device.

The kernel is Keys's (1981) with a = -1/2:

    k(t) = 1.5 |t|^3 - 2.5 |t|^2 + 1            for |t| <= 1
         = -.5 |t|^3 + 2.5 |t|^2 - 4 |t| + 2    for 1 < |t| <= 2, and 0 beyond

To make pictures smaller by s it is stretched, k(t / s), so that every pixel counts and fine stripes
end as grey ("antialiasing"; `tf.image.resize` does it only when asked). That is what MATLAB's
`imresize`, by which papers on super-resolution make their pictures small, has in the middle of a
picture and, with pixels mirrored there, at its borders.
"""

import functools

import numpy as np
import tensorflow as tf


def bicubic(x: tf.Tensor, times: float) -> tf.Tensor:
    """Pictures [n, h, w, c] -> [n, times h, times w, c], rounded to whole pixels.

    Values may overshoot those of x where edges are sharp.
    """
    down, across = (bicubic_matrix(side, round(times * side)) for side in x.shape[1:3])
    x = tf.einsum("oh,nhwc->nowc", tf.constant(down), x)
    return tf.einsum("ow,nhwc->nhoc", tf.constant(across), x)


@functools.cache
def bicubic_matrix(size: int, new_size: int) -> np.ndarray:
    """Along one axis: float32 [new_size, size], of rows that sum to 1. Do not write to it."""
    stretch = max(size / new_size, 1.0)
    centres = (np.arange(new_size) + 0.5) * size / new_size - 0.5  # in pixels of the old picture
    reach = int(np.ceil(2 * stretch)) + 1
    taps = np.floor(centres)[:, np.newaxis].astype(int) + np.arange(-reach, reach + 1)
    weights = _keys((centres[:, np.newaxis] - taps) / stretch)
    weights /= weights.sum(axis=1, keepdims=True)
    taps = np.mod(taps, 2 * size)  # 0 1 2 | 2 1 0 | 0 1 2: mirrored, the pixel at the edge twice
    taps = np.minimum(taps, 2 * size - 1 - taps)
    matrix = np.zeros([new_size, size])
    np.add.at(matrix, (np.arange(new_size)[:, np.newaxis], taps), weights)
    return matrix.astype(np.float32)


def _keys(t: np.ndarray) -> np.ndarray:
    t = np.abs(t)
    near = (1.5 * t - 2.5) * t**2 + 1
    far = ((-0.5 * t + 2.5) * t - 4) * t + 2
    return np.where(t <= 1, near, np.where(t <= 2, far, 0.0))
