"""A plain DCGAN on MNIST in Keras: the reference of benchmarks/time_to_quality.py.

    python benchmarks/peers/keras_dcgan.py --data_dir=DIR --out=runs/keras --marks=60,120

It stands alone, as a user of Keras would write it. G: z of 100, dense to 7 x 7 x 128, 5 x 5
transposed convolutions to 64 and to 1 channel with stride 2, batch norm and leaky ReLU before
each of the two, tanh. D: 5 x 5 convolutions to 64 and 128 channels with stride 2, leaky ReLU,
dense to one logit. Adam 2e-4 with beta1 .5, batch 64, Keras's own initial weights.

At each mark of training time it writes 10,000 samples to OUT/mark_SECONDS.npy. The clock counts
building, tracing and every step, not imports, reading the data or sampling.
"""

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
os.environ["KERAS_BACKEND"] = "tensorflow"

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from keras import layers

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from ganflow import data  # noqa: E402 - only to read MNIST and to write whole files
from ganflow.storage import workdir  # noqa: E402 - only to read MNIST and to write whole files

BATCH, Z_SIZE = 64, 100
_SAMPLES_AT_A_TIME = 500


def make_generator() -> keras.Model:
    """z [n, 100] -> images [n, 28, 28, 1] in [-1, 1]."""
    up = {"kernel_size": 5, "strides": 2, "padding": "same", "use_bias": False}
    return keras.Sequential([
        keras.Input([Z_SIZE]),
        layers.Dense(7 * 7 * 128, use_bias=False),
        layers.BatchNormalization(), layers.LeakyReLU(), layers.Reshape([7, 7, 128]),
        layers.Conv2DTranspose(64, **up),
        layers.BatchNormalization(), layers.LeakyReLU(),
        layers.Conv2DTranspose(1, **up, activation="tanh"),
    ])  # fmt: skip


def make_discriminator() -> keras.Model:
    """Images [n, 28, 28, 1] -> logit [n, 1]."""
    down = {"kernel_size": 5, "strides": 2, "padding": "same"}
    return keras.Sequential([
        keras.Input([28, 28, 1]),
        layers.Conv2D(64, **down), layers.LeakyReLU(0.2),
        layers.Conv2D(128, **down), layers.LeakyReLU(0.2),
        layers.Flatten(), layers.Dense(1),
    ])  # fmt: skip


def _adam() -> keras.optimizers.Adam:
    return keras.optimizers.Adam(2e-4, beta_1=0.5)


def compiled_step(g: keras.Model, d: keras.Model) -> Callable[[tf.Tensor], None]:
    """Both updates from one batch of fakes, in one `tf.function`; XLA is off: see the README."""
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    g_adam, d_adam = _adam(), _adam()
    g_adam.build(g.trainable_variables)
    d_adam.build(d.trainable_variables)

    @tf.function(jit_compile=False)
    def step(real):
        z = tf.random.normal([BATCH, Z_SIZE])
        with tf.GradientTape() as g_tape, tf.GradientTape() as d_tape:
            fake = g(z, training=True)
            real_logits, fake_logits = d(real, training=True), d(fake, training=True)
            g_loss = loss(tf.ones_like(fake_logits), fake_logits)
            d_loss = loss(tf.ones_like(real_logits), real_logits)
            d_loss += loss(tf.zeros_like(fake_logits), fake_logits)
        g_gradients = g_tape.gradient(g_loss, g.trainable_variables)
        d_gradients = d_tape.gradient(d_loss, d.trainable_variables)
        g_adam.apply_gradients(zip(g_gradients, g.trainable_variables, strict=True))
        d_adam.apply_gradients(zip(d_gradients, d.trainable_variables, strict=True))

    return step


def stitched_step(g: keras.Model, d: keras.Model) -> Callable[[tf.Tensor], None]:
    """`train_on_batch` for D on reals and on fakes, then for G through a frozen D."""
    loss = keras.losses.BinaryCrossentropy(from_logits=True)
    g.compile(jit_compile=False)  # for predict_on_batch
    d.compile(_adam(), loss, jit_compile=False)
    ones, zeros = np.ones([BATCH, 1], np.float32), np.zeros([BATCH, 1], np.float32)
    d.train_on_batch(np.zeros([BATCH, 28, 28, 1], np.float32), ones)  # fixes what D trains
    d.trainable = False
    gan = keras.Sequential([g, d])
    gan.compile(_adam(), loss, jit_compile=False)
    rng = np.random.default_rng(0)

    def step(real):
        z = rng.standard_normal((BATCH, Z_SIZE), np.float32)
        fake = g.predict_on_batch(z)
        d.train_on_batch(real, ones)
        d.train_on_batch(fake, zeros)
        gan.train_on_batch(z, ones)

    return step


STEPS = {"function": compiled_step, "train_on_batch": stitched_step}


def batches(x: np.ndarray, seed: int) -> Iterator[tf.Tensor]:
    """Endless shuffled batches of 64 from memory, prefetched."""
    dataset = tf.data.Dataset.from_tensor_slices(x).shuffle(len(x), seed=seed).repeat()
    return iter(dataset.batch(BATCH, drop_remainder=True).prefetch(tf.data.AUTOTUNE))


def sample(g: keras.Model, count: int) -> np.ndarray:
    """Samples [count, 28, 28, 1] of G as it is used after training: moving statistics."""
    z = np.random.default_rng(1).standard_normal((count, Z_SIZE), np.float32)
    parts = range(0, count, _SAMPLES_AT_A_TIME)
    return np.concatenate([g(z[i : i + _SAMPLES_AT_A_TIME], training=False) for i in parts])


def _peak_memory_mib() -> float:
    """Of this process since it was started; `ru_maxrss` would count the one that started it."""
    (line,) = [t for t in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in t]
    return int(line.split()[1]) / 1024


def train(x: np.ndarray, kind: str, seed: int, marks: list[float], out: Path | None) -> dict:
    """Train to the last mark of seconds; leave samples of every mark in `out`.

    Args:
      x: float32 [n, 28, 28, 1] in [-1, 1].
      kind: a key of `STEPS`.
      seed: of the initial weights, the order of the data and z.
      marks: rising, in seconds of training time.
      out: an existing folder, or None: measure only.

    Returns:
      {"marks": [{"seconds", "step"}], "steps_per_second": after the first 20 steps,
      "peak_mib"}.
    """
    keras.utils.set_random_seed(seed)
    started = time.perf_counter()
    away_seconds = 0.0  # spent on samples
    g, d = make_generator(), make_discriminator()
    step, real = STEPS[kind](g, d), batches(x, seed)
    done, reached, settled = 0, [], None
    for mark in marks:
        while (now := time.perf_counter() - started - away_seconds) < mark:
            step(next(real))
            done += 1
            if done == 20:
                settled = time.perf_counter() - started - away_seconds
        reached.append({"seconds": now, "step": done})
        if out is not None:
            left = time.perf_counter()
            np.save(out / f"mark_{mark:g}.npy", sample(g, 10_000))
            away_seconds += time.perf_counter() - left
    rate = (done - 20) / (now - settled) if done > 20 else done / now
    return {"marks": reached, "steps_per_second": rate, "peak_mib": _peak_memory_mib()}


def main(_) -> None:
    config = flags.FLAGS
    marks = [float(mark) for mark in config.marks]
    out = Path(config.out) if config.out else None
    if out is not None:
        out.mkdir(parents=True, exist_ok=True)
    x = data.load("mnist", config.data_dir or None).x / np.float32(127.5) - 1
    result = train(x, config.step, config.seed, marks, out) | {
        "versions": {"keras": keras.__version__}
    }
    if out is not None:
        workdir.write_whole(out / "trained.json", json.dumps(result, indent=1).encode() + b"\n")
    print(json.dumps(result))


if __name__ == "__main__":
    flags.DEFINE_string("data_dir", "", "the folder with MNIST's four IDX files")
    flags.DEFINE_list("marks", ["60", "120", "300", "600"], "seconds of training, rising")
    flags.DEFINE_string("out", "", "the folder for samples and figures; empty: only measure")
    flags.DEFINE_integer("seed", 0, "of the weights, the order of the data and z")
    flags.DEFINE_enum("step", "function", list(STEPS), "how a step is written")
    app.run(main)
