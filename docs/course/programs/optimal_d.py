"""Lesson 2: D, trained against a G that stands still, becomes p / (p + q).

    python docs/course/programs/optimal_d.py [PICTURE.png]

p and q are mixtures of Gaussians on a line, so that the closed form is known at every x. D is a
network of document 003's kind, with one input; it only ever sees samples.
"""

import math
import sys
from pathlib import Path

import ganflow.base.quiet  # noqa: F401 - before TensorFlow

# isort: split
import numpy as np
import tensorflow as tf
from scipy import integrate, stats

from ganflow.nn import layers, losses, optimizers, schedules
from ganflow.nn.initializers import dense_weights, he_uniform
from ganflow.pictures import canvas, grids

STEPS, BATCH = 4_000, 512
SHOWN = (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0)
P = ((0.5, -1.5, 0.5), (0.5, 1.5, 0.7))  # weight, mean, standard deviation
Q = ((1.0, 0.0, 1.2),)


def density(mixture, x):
    """Of a mixture at x."""
    return sum(share * stats.norm.pdf(x, mean, std) for share, mean, std in mixture)


def drawn(mixture, n: int, rng: np.random.Generator) -> np.ndarray:
    """n samples of a mixture, [n, 1]."""
    part = rng.choice(len(mixture), n, p=[share for share, _, _ in mixture])
    _, means, stds = (np.array(column) for column in zip(*mixture, strict=True))
    return rng.normal(means[part], stds[part])[:, None].astype(np.float32)


def logits(d, x):
    """x [n, 1] -> [n, 64] -> [n, 64] -> logit [n, 1]."""
    for i in range(2):
        x = layers.leaky_relu(layers.linear(x, d[f"w_{i}"], d[f"b_{i}"]))
    return layers.linear(x, d["w_2"], d["b_2"])


def trained(p, q, rng: np.random.Generator):
    """D after STEPS updates on samples of p and q; no G moves."""
    d = dense_weights(rng, (1, 64, 64, 1), he_uniform)
    variables = optimizers.variables(d)
    optimizer = optimizers.Adam(schedules.exponential(2e-3, 1.001), variables)

    @tf.function
    def step(real, fake):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            d_loss = losses.minimax_d_loss(logits(d, real), logits(d, fake))
        optimizer.update(tape.gradient(d_loss, variables))

    for _ in range(STEPS):
        step(drawn(p, BATCH, rng), drawn(q, BATCH, rng))
    return d


def value(d, p, q, rng: np.random.Generator) -> float:
    """V(D, G) = mean log D(x) + mean log(1 - D(G(z))), on 200,000 new samples of each."""
    real, fake = drawn(p, 200_000, rng), drawn(q, 200_000, rng)
    return -float(losses.minimax_d_loss(logits(d, real), logits(d, fake)))


def divergence(p, q) -> float:
    """Jensen and Shannon's, in nats, by integration."""

    def integrand(x):
        a, b = density(p, x), density(q, x)
        return sum(0.5 * y * math.log(2 * y / (a + b)) for y in (a, b) if y > 0)

    return integrate.quad(integrand, -8, 8, limit=200)[0]


def main() -> None:
    """Train both D's, print what they say, and draw the first."""
    rng = np.random.default_rng(0)
    d = trained(P, Q, rng)
    print("    x     p(x)   q(x)   p/(p+q)   D(x)")
    for x in SHOWN:
        p, q = density(P, x), density(Q, x)
        said = float(tf.sigmoid(logits(d, np.float32([[x]])))[0, 0])
        print(f"{x:5.1f}   {p:6.3f} {q:6.3f}   {p / (p + q):6.3f}   {said:6.3f}")
    js = divergence(P, Q)
    print(f"V of this D {value(d, P, Q, rng):.3f}; 2 JS(p, q) - log 4 = {2 * js - math.log(4):.3f}")

    same = trained(Q, Q, rng)
    said = tf.sigmoid(logits(same, drawn(Q, 10_000, rng))).numpy()
    print(f"where p = q: D(x) is {said.mean():.3f} in the mean, {said.std():.3f} around it")
    print(f"V of that D {value(same, Q, Q, rng):.3f}; -log 4 = {-math.log(4):.3f}")

    if len(sys.argv) > 1:
        x = np.linspace(-4, 4, 400)
        figure = canvas.figure(640, 360, "constrained")
        axes = figure.subplots()
        p, q = density(P, x), density(Q, x)
        axes.plot(x, p, color=canvas.BLUE, label="p: real")
        axes.plot(x, q, color=canvas.ORANGE, label="q: generated")
        axes.plot(x, p / (p + q), "--", color=canvas.DARK, label="p / (p + q)")
        said = tf.sigmoid(logits(d, np.float32(x[:, None])))[:, 0]
        axes.plot(x, said, color=canvas.GREEN, label="D, trained")
        axes.set_xlabel("x")
        axes.legend()
        grids.write_png(Path(sys.argv[1]), canvas.rendered(figure))


if __name__ == "__main__":
    main()
