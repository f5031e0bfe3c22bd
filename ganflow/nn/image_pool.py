"""A pool of earlier fakes for D, so that G cannot follow D round in circles.

Shrivastava et al. 2016 (arXiv 1612.07828), section 2.3; as in the program of CycleGAN's authors.
"""

from collections.abc import Sequence

import tensorflow as tf


class ImagePool(tf.Module):
    """Some of the fakes that came before, in variables: a resumed run shows D what it would have.

    It is one: a model that has it calls `replicas.refuse_several`.
    """

    def __init__(self, size: int, shape: Sequence[int]):
        """Args: how many images it holds; the shape of one."""
        super().__init__()
        self.images = tf.Variable(tf.zeros([size, *shape]), trainable=False, name="pool")
        self.filled = tf.Variable(0, trainable=False, name="filled")  # how many there are

    def query(self, new: tf.Tensor, place: tf.Tensor, u: tf.Tensor) -> tf.Tensor:
        """What D is shown in place of new fakes, one after the other.

        Until the pool is full it is the new one, which is kept. Then, one time in two, it is the
        one at a random place, which the new one takes; else the new one, which is not kept.

        Args:
          new: [n, ...].
          place: int32 [n], each of 0 to size - 1 as likely.
          u: [n], U(0, 1): an old one beyond .5.

        Returns:
          [n, ...].
        """
        images, filled = tf.convert_to_tensor(self.images), tf.convert_to_tensor(self.filled)
        size, shown = images.shape[0], []
        for i in range(new.shape[0]):
            is_full = filled >= size
            from_pool = is_full & (u[i] > 0.5)
            at = tf.where(is_full, place[i], filled)
            old = images[at]
            shown.append(tf.where(from_pool, old, new[i]))
            stays = tf.where(is_full & ~from_pool, old, new[i])
            images = tf.tensor_scatter_nd_update(images, [[at]], [stays])
            filled = tf.minimum(filled + 1, size)
        self.images.assign(images)
        self.filled.assign(filled)
        return tf.stack(shown)
