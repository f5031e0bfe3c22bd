"""Lesson 9: a convolution is a matrix, and the transposed convolution is that matrix transposed.

python docs/course/programs/convolutions.py
"""

import ganflow.base.quiet  # noqa: F401 - before TensorFlow

# isort: split
import numpy as np
import tensorflow as tf

from ganflow.nn import layers

SIDE, KERNEL, STRIDE = 4, 3, 2


def matrix_of(function, shape) -> np.ndarray:
    """The matrix of a linear function of an image: a column for every pixel set to 1."""
    columns = []
    for pixel in range(np.prod(shape)):
        image = np.zeros(np.prod(shape), np.float32)
        image[pixel] = 1
        columns.append(np.ravel(function(image.reshape(1, *shape, 1))))
    return np.stack(columns, axis=1)


def counts(kernel: int, stride: int, side: int) -> np.ndarray:
    """How many kernel entries reach each pixel of a transposed convolution's output."""
    ones = tf.ones([kernel, kernel, 1, 1])
    return layers.deconv(tf.ones([1, side, side, 1]), ones, stride=stride).numpy()[0, :, :, 0]


def main() -> None:
    """Print both matrices' shapes, that they are each other's transposes, and how they overlap."""
    rng = np.random.default_rng(0)
    w = tf.constant(rng.normal(size=[KERNEL, KERNEL, 1, 1]), tf.float32)
    down = matrix_of(lambda x: layers.conv(x, w, stride=STRIDE), (SIDE, SIDE))
    up = matrix_of(lambda x: layers.deconv(x, w, stride=STRIDE), (SIDE // STRIDE, SIDE // STRIDE))
    print(f"convolution 4x4 -> 2x2 by 3x3, stride 2: a matrix {down.shape[0]} x {down.shape[1]}")
    print(f"its entries that are not 0: {np.count_nonzero(down)} of {down.size}, 9 different")
    print(f"transposed convolution 2x2 -> 4x4: {up.shape[0]} x {up.shape[1]}")
    print(f"largest difference to the first's transpose: {np.abs(up - down.T).max():.1e}")
    x = tf.constant(rng.normal(size=[1, SIDE, SIDE, 1]), tf.float32)
    with tf.GradientTape() as tape:
        tape.watch(x)
        loss = tf.reduce_sum(layers.conv(x, w, stride=STRIDE) * 2.0)
    gradient = tape.gradient(loss, x)
    same = layers.deconv(tf.fill([1, 2, 2, 1], 2.0), w, stride=STRIDE)
    print(f"and to the convolution's gradient: {np.abs(gradient - same).max():.1e}")
    for kernel in (5, 4):
        print(f"kernel {kernel}, stride 2: entries that reach the pixels in the middle of a row:")
        print("   ", *(f"{n:.0f}" for n in counts(kernel, 2, 8)[8, 4:12]))


if __name__ == "__main__":
    main()
