"""TensorFlow's first interface: a graph, a Session and a feed_dict every step."""

from collections.abc import Sequence

import numpy as np
import tensorflow.compat.v1 as tf

from benchmarks import works


def _dense(x: tf.Tensor, size: int, name: str) -> tf.Tensor:
    with tf.variable_scope(name):
        w = tf.get_variable("w", [x.shape[1], size])
        b = tf.get_variable("b", [size], initializer=tf.zeros_initializer())
    return tf.matmul(x, w) + b


def _generate(z: tf.Tensor, sizes: Sequence[int] = (256, 512, 1024)) -> tf.Tensor:
    with tf.variable_scope("g", reuse=tf.AUTO_REUSE):
        for i, size in enumerate(sizes):
            z = tf.nn.leaky_relu(_dense(z, size, f"hidden{i}"), 0.2)
        return tf.tanh(_dense(z, 784, "out"))


def _logits(x: tf.Tensor) -> tf.Tensor:
    with tf.variable_scope("d", reuse=tf.AUTO_REUSE):
        h = tf.nn.leaky_relu(_dense(x, 256, "hidden"), 0.2)
        return _dense(tf.nn.dropout(h, rate=0.3), 1, "out")


def simple() -> works.Contender:
    """The dense GAN."""
    tf.disable_v2_behavior()
    images = works.images()
    rng = np.random.default_rng(1)

    x_fed = tf.placeholder(tf.float32, [100, 784])
    z_fed = tf.placeholder(tf.float32, [100, 256])
    fake = _generate(z_fed)
    on_real, on_fake = _logits(x_fed), _logits(fake)
    d_loss = tf.reduce_mean(tf.nn.softplus(-on_real)) + tf.reduce_mean(tf.nn.softplus(on_fake))
    g_loss = tf.reduce_mean(tf.nn.softplus(-on_fake))
    d_vars, g_vars = tf.trainable_variables("d/"), tf.trainable_variables("g/")
    # Only the variables listed are differentiated, so D's update does not run G backwards.
    d_train = tf.train.GradientDescentOptimizer(0.01).minimize(d_loss, var_list=d_vars)
    g_train = tf.train.AdamOptimizer(1e-5).minimize(g_loss, var_list=g_vars)
    session = tf.Session()
    session.run(tf.global_variables_initializer())
    losses: dict[str, float] = {}

    def z() -> np.ndarray:
        return rng.uniform(-1, 1, (100, 256)).astype(np.float32)

    def update_d() -> None:
        x = images[rng.integers(len(images), size=100)] / np.float32(127.5) - 1
        _, losses["d"] = session.run([d_train, d_loss], {x_fed: x, z_fed: z()})

    def update_g() -> None:
        _, losses["g"] = session.run([g_train, g_loss], {z_fed: z()})

    def run(n_steps: int) -> None:
        for _ in range(n_steps):
            update_d()
            update_g()

    return works.Contender(
        run=run,
        losses=lambda: {name: float(value) for name, value in losses.items()},
        weights=lambda: tuple(session.run([d_vars, g_vars])),
        update_d=update_d,
        update_g=update_g,
        note="Session, feed_dict",
    )


WORKS = {"simple": simple}
