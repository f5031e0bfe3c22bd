"""Lesson 3: what G's two losses give it to learn from, as D gets better.

    python docs/course/programs/two_losses.py

Document 002's networks on small digits. G stands still at its first weights while D is trained, as
happens for a moment whenever D learns faster; both gradients are taken, and none is applied.
"""

import ganflow.base.quiet

# isort: split
import numpy as np
import tensorflow as tf

import ganflow
from ganflow.nn import losses

AT = (0, 20, 40, 60, 80, 100, 200, 400)  # updates of D


def saturating(fake_logits):
    """mean(log(1 - D(G(z)))), document 004's equation as it stands: minus what D minimises."""
    return -tf.reduce_mean(tf.nn.softplus(fake_logits))


def norm_of_gradient(g_loss, gan, z) -> float:
    """The length of a loss's gradient over all of G's weights."""
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        tape.watch(gan.g_variables)
        loss = g_loss(gan.score(gan.generate({"z": z}), {}))
    return float(tf.linalg.global_norm(tape.gradient(loss, gan.g_variables)))


def main() -> None:
    """Print D(G(z)) and both norms after some updates of D."""
    run = ganflow.build("dense_logits", dataset="digits", real_label=1.0, workdir="unused")
    gan, rng = run.gan, np.random.default_rng(0)
    real = ganflow.data.decoded(run.dataset.fields["x"]).numpy()
    z = tf.constant(rng.uniform(-1, 1, [256, gan.config.z_size]), tf.float32)
    d_step = tf.function(gan.d_step)
    print("updates of D   mean D(G(z))   gradient of log(1 - D)   of -log D   ratio")
    for done in range(AT[-1] + 1):
        if done in AT:
            d = float(tf.reduce_mean(tf.sigmoid(gan.score(gan.generate({"z": z}), {}))))
            first = norm_of_gradient(saturating, gan, z)
            second = norm_of_gradient(losses.non_saturating_g_loss, gan, z)
            print(f"{done:12} {d:14.5f} {first:24.5f} {second:11.4f} {second / first:7.0f}")
        x = real[rng.integers(len(real), size=64)]
        fresh = rng.uniform(-1, 1, [64, gan.config.z_size]).astype(np.float32)
        d_step({"x": tf.constant(x), "z": tf.constant(fresh)})


if __name__ == "__main__":
    main()
