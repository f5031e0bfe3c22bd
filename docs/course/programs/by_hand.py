"""Lesson 4: document 003's generator, 3-32-16-2, forwards and backwards in NumPy alone.

    python docs/course/programs/by_hand.py

Every product is written out; then the tape and the optimizer of the project do the same, and the
largest difference is printed.
"""

import ganflow.base.quiet

# isort: split
import numpy as np
import tensorflow as tf

import ganflow
from ganflow.models import circle

N = 5  # examples: few enough to print


def forward(g, z):
    """z [n, 3] -> a_1 [n, 32] -> a_2 [n, 16] -> x [n, 2]; all that the way back needs."""
    s_1 = z @ g["w_0000"] + g["b_0000"]
    a_1 = np.maximum(s_1, 0)
    s_2 = a_1 @ g["w_0001"] + g["b_0001"]
    a_2 = np.maximum(s_2, 0)
    x = a_2 @ g["w_0002"] + g["b_0002"]
    return s_1, a_1, s_2, a_2, x


def backward(weights, inputs, parts, dx):
    """From the loss's gradient by the outputs to that by every weight, and by the inputs."""
    s_1, a_1, s_2, a_2, _ = parts
    grad = {"w_0002": a_2.T @ dx, "b_0002": dx.sum(0)}
    ds_2 = (dx @ weights["w_0002"].T) * (s_2 > 0)
    grad |= {"w_0001": a_1.T @ ds_2, "b_0001": ds_2.sum(0)}
    ds_1 = (ds_2 @ weights["w_0001"].T) * (s_1 > 0)
    grad |= {"w_0000": inputs.T @ ds_1, "b_0000": ds_1.sum(0)}
    return grad, ds_1 @ weights["w_0000"].T


def adam_step(w, grad, rate=1e-3, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """The first update of Adam: m and v begin at 0."""
    m, v = (1 - beta_1) * grad, (1 - beta_2) * grad**2
    return w - rate * np.sqrt(1 - beta_2) / (1 - beta_1) * m / (np.sqrt(v) + epsilon)


def main() -> None:
    """Do G's update twice, by hand and by the project, and compare."""
    gan = ganflow.build("circle", workdir="unused").gan
    z = np.random.default_rng(0).normal(size=[N, 3]).astype(np.float32)
    g, d = ({name: v.numpy() for name, v in net.items()} for net in (gan.g, gan.d))

    parts_g = forward(g, z)
    x = parts_g[-1]
    parts_d = forward(d, x)  # D has the same layers: 2-32-16-1
    a = parts_d[-1]  # logits [n, 1]; D(x) = 1 / (1 + exp(-a))
    g_loss = np.mean(np.log1p(np.exp(-a)))  # -mean(log D(G(z)))
    da = -(1 - 1 / (1 + np.exp(-a))) / N  # of -log D: D - 1, and the mean's 1 / n
    _, dx = backward(d, x, parts_d, da)  # D's own gradients are left alone: G moves
    grad, _ = backward(g, z, parts_g, dx)

    with tf.GradientTape() as tape:
        fake = circle.generator(gan.g, tf.constant(z))
        loss = gan.g_loss(fake)
    of_tape = dict(zip(gan.g, tape.gradient(loss, list(gan.g.values())), strict=True))
    print(f"G(z) of the first z: {x[0]} by hand, {fake[0].numpy()} by the project")
    print(f"G's loss {g_loss:.6f} by hand, {float(loss):.6f} by the project")
    gan.g_optimizer.update([of_tape[name] for name in gan.g])
    for name in gan.g:
        way = np.abs(grad[name] - of_tape[name]).max()
        new = np.abs(adam_step(g[name], grad[name]) - gan.g[name].numpy()).max()
        shape = "x".join(map(str, g[name].shape))
        same = "agree" if max(way, new) < 1e-5 else "DIFFER"
        length = np.linalg.norm(grad[name])
        print(f"{name} {shape:>6}: gradient of length {length:.5f}; it and the new weights {same}")


if __name__ == "__main__":
    main()
