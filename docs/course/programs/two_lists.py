"""Lesson 5: each update has a list, and what is not on the list does not move by a bit.

    python docs/course/programs/two_lists.py

Then the mistake that the lists are there against: D's loss minimised over the weights of both.
"""

import ganflow.base.quiet

# isort: split
import tensorflow as tf

import ganflow
from ganflow.models import circle
from ganflow.nn import losses, optimizers


def moved(before, network) -> int:
    """How many of a network's weights differ in any bit from `before`."""
    now = {name: v.numpy().tobytes() for name, v in network.items()}
    return sum(now[name] != before[name] for name in network)


def bits(network) -> dict[str, bytes]:
    """Every weight, to the bit."""
    return {name: v.numpy().tobytes() for name, v in network.items()}


def batch_of(rng, real):
    """128 real points and as many z for each of two uses, as a dict."""
    index = rng.uniform([128], maxval=len(real), dtype=tf.int32)
    z = {name: rng.normal([128, 3]) for name in ("z_d", "z_g")}
    return {"x": tf.gather(real, index)} | z


def train(run, d_step=None) -> None:
    """D's update, by default the model's own, and G's, step by step; where G's points get to."""
    gan, rng, real = run.gan, tf.random.Generator.from_seed(0), run.dataset.fields["x"]
    d_step, g_step = tf.function(d_step or gan.d_step), tf.function(gan.g_step)
    for step in range(1, 1_001):
        batch = batch_of(rng, real)
        said = d_step(batch)
        g_step(batch)
        if step in (1, 100, 300, 1_000):
            points = circle.generator(gan.g, rng.normal([1_000, 3]))
            radius = float(tf.reduce_mean(tf.norm(points, axis=1)))
            means = f"D(x) {float(said['d_real']):.2f}  D(G(z)) {float(said['d_fake']):.2f}"
            print(f"step {step:5,}: {means}  mean radius of G's points {radius:.2f}")


def main() -> None:
    """Print what each update moves; then train with one list for both."""
    for name in ("d_step", "g_step"):
        run = ganflow.build("circle", workdir="unused")
        gan, rng = run.gan, tf.random.Generator.from_seed(0)
        g, d = bits(gan.g), bits(gan.d)
        getattr(gan, name)(batch_of(rng, run.dataset.fields["x"]))
        print(f"{name} moves {moved(g, gan.g)} of G's 6 weights and {moved(d, gan.d)} of D's 6")

    run = ganflow.build("circle", workdir="unused")
    gan = run.gan
    both = gan.d_variables + gan.g_variables
    optimizer = optimizers.Adam(1e-3, both, epsilon=1e-7)

    def d_step_over_both(batch):
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(both)
            fake_logits = circle.discriminator(gan.d, circle.generator(gan.g, batch["z_d"]))
            real_logits = circle.discriminator(gan.d, batch["x"])
            d_loss = losses.minimax_d_loss(real_logits, fake_logits)
        optimizer.update(tape.gradient(d_loss, both))
        return losses.mean_probabilities(real_logits, fake_logits)

    print("G's own update, after D's loss over D's list:")
    train(ganflow.build("circle", workdir="unused"))
    print("the same, after D's loss over the weights of both:")
    train(run, d_step_over_both)


if __name__ == "__main__":
    main()
