"""A small convolutional classifier, trained on the data set at hand: it judges generated images.

Its last hidden layer gives the features whose distributions are compared, its output the classes.
Besides the classes of the data it knows one more, "no example": noise, blotches, shuffled pixels
and their pale versions. Without it such images fall amid the features of real ones, and noise gets
a precision of .8 and more.

A classifier is trained once and kept in `$GANFLOW_CACHE`, else `~/.cache/ganflow`:

    classifier-1-DATA-HELDOUT-seed0/weights.npz
                                    classifier.json   hashes, accuracy on held-out images, their n

Seed 0 judges. Seed 1 is for whoever needs a classifier in a loss: a model must not be judged by
what it was trained on.
"""

import dataclasses
import functools
import hashlib
import io
import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from ganflow import data, draws, layers, optim, workdir
from ganflow.errors import InputError
from ganflow.feed import decoded
from ganflow.layers import Weights

VERSION = 1  # of everything that decides about the weights: raise it, and all are trained anew
FEATURES = 64
_CHANNELS = (16, 32, 64)
_BATCH, _NO_EXAMPLE_BATCH = 100, 30
_EPOCHS, _MIN_STEPS, _MAX_STEPS = 8, 400, 8_000
_LEARNING_RATE = 2e-3  # Adam's at the start; falls to 0 on a straight line
_SHIFT_PIXELS = 1
_READ_AT_ONCE = 500
_POOR = 0.8  # accuracy


@dataclasses.dataclass(frozen=True, eq=False)
class Classifier:
    """A trained classifier."""

    weights: Weights
    example_shape: tuple[int, ...]  # (h, w, c)
    num_classes: int
    about: dict  # what classifier.json holds

    def features(self, x: tf.Tensor) -> tf.Tensor:
        """Images [n, h, w, c] in [-1, 1] -> [n, 64], of mean square 1 over the training images."""
        return _features(self.weights, x)

    def logits(self, x: tf.Tensor) -> tf.Tensor:
        """Images [n, h, w, c] in [-1, 1] -> [n, num_classes], without that of "no example"."""
        return _logits(self.weights, _features(self.weights, x))[:, : self.num_classes]

    def read(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Images, uint8 or float32 in [-1, 1] -> features float32 [n, 64], classes int64 [n]."""
        read = [
            self._read(decoded(x[start : start + _READ_AT_ONCE]))
            for start in range(0, len(x), _READ_AT_ONCE)
        ]
        features, classes = zip(*read, strict=True)
        return np.concatenate(features), np.concatenate(classes)

    @functools.cached_property
    def _read(self) -> Callable:
        def read(x):
            features = _features(self.weights, x)
            logits = _logits(self.weights, features)[:, : self.num_classes]
            return features, tf.argmax(logits, axis=1)

        _no_remapping()
        return tf.function(read, input_signature=[tf.TensorSpec([None, *self.example_shape])])


def split(
    dataset: data.Dataset, held_out: data.Dataset | None
) -> tuple[data.Dataset, data.Dataset]:
    """Training and held-out examples; a data set without a test split gives up a fixed fifth.

    Raises:
      InputError: fewer than 50 examples, or held-out ones of another shape or without labels.
    """
    train = dataset
    if held_out is None:
        order = np.random.RandomState(0).permutation(len(dataset.x))
        fifth = len(order) // 5
        held_out, train = _part(dataset, order[:fifth]), _part(dataset, np.sort(order[fifth:]))
    if len(train.x) < 40 or len(held_out.x) < 10:
        raise InputError(
            f"data set {dataset.name}: found {len(train.x)} training and {len(held_out.x)} held-out"
            " examples, expected at least 40 and 10 to judge samples by; add examples"
        )
    if train.example_shape != held_out.example_shape:
        raise InputError(
            f"data set {dataset.name}: found held-out examples of {held_out.example_shape}, "
            f"expected {train.example_shape} like the training examples; give a fitting test split"
        )
    if (train.label is None) != (held_out.label is None):
        raise InputError(
            f"data set {dataset.name}: found labels in one split alone, expected them in both"
        )
    return train, held_out


def _part(dataset: data.Dataset, index: np.ndarray) -> data.Dataset:
    label = None if dataset.label is None else dataset.label[index]
    return data.Dataset(dataset.name, dataset.x[index], label)


def trained(dataset: data.Dataset, held_out: data.Dataset | None, seed: int) -> Classifier:
    """The classifier of a data set: from the cache, or trained now (MNIST: about a minute).

    Args:
      dataset: images with labels.
      held_out: images that tell its accuracy; None holds a fixed fifth out, see `split`.
      seed: of weights, order and distortions; 0 is the judge's, 1 is for losses.

    Raises:
      InputError: no images, no labels, or a cache folder that cannot be written.
      StorageError: the disk is full.
    """
    if dataset.is_points or dataset.label is None:
        found = "points" if dataset.is_points else "no labels"
        raise InputError(
            f"data set {dataset.name}: found {found}, and the judging classifier needs images with "
            "labels; add labels, or give --features=PATH, a SavedModel or .keras file"
        )
    train, held_out = split(dataset, held_out)
    hashes = {"train_sha256": train.sha256, "held_out_sha256": held_out.sha256}
    short = "-".join(value[:16] for value in hashes.values())
    folder = cache_folder() / f"classifier-{VERSION}-{short}-seed{seed}"
    identity = {"version": VERSION, "seed": seed, **hashes}
    found = _load(folder, identity)
    if found is not None:
        return found
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        usable = os.access(folder.parent, os.W_OK)
    except OSError:
        usable = False
    if not usable:
        raise InputError(
            f"{folder.parent}: cannot be written, and the trained classifier is kept there; set "
            "GANFLOW_CACHE to a folder that can"
        )
    logging.info(
        "%s: training the judging classifier (seed %d) on %d images, once; it will be in %s",
        *(dataset.name, seed, len(train.x), folder),
    )
    classifier = _train(train, held_out, seed, identity)
    _save(classifier, folder)
    accuracy = classifier.about["accuracy"]
    logging.info(
        "%s: accuracy %.4f on %d held-out images after %.0f s of training",
        *(dataset.name, accuracy, len(held_out.x), classifier.about["training_seconds"]),
    )
    if accuracy < _POOR:
        logging.warning(
            "%s: a judge of accuracy %.4f says little about classes", dataset.name, accuracy
        )
    return classifier


def cache_folder() -> Path:
    """`$GANFLOW_CACHE`, else `~/.cache/ganflow`."""
    chosen = os.environ.get("GANFLOW_CACHE")
    return Path(chosen) if chosen else Path.home() / ".cache" / "ganflow"


# ---------------------------------------------------------------- the network


def _make_weights(
    rng: np.random.Generator, shape: tuple[int, int, int], num_classes: int
) -> Weights:
    height, width, channels = shape
    weights = {}
    for i, maps in enumerate(_CHANNELS):
        side = 5 if i == 0 else 3
        weights[f"w_{i}"] = layers.he_uniform(rng, [side, side, channels, maps], f"w_{i}")
        weights[f"b_{i}"] = layers.zeros([maps], f"b_{i}")
        height, width, channels = -(-height // 2), -(-width // 2), maps
    flat = height * width * channels  # 4 * 4 * 64 = 1024 for 28 x 28
    weights["w_features"] = layers.he_uniform(rng, [flat, FEATURES], "w_features")
    weights["b_features"] = layers.zeros([FEATURES], "b_features")
    weights["w_logits"] = layers.glorot_uniform(rng, [FEATURES, num_classes + 1], "w_logits")
    weights["b_logits"] = layers.zeros([num_classes + 1], "b_logits")
    return weights


def _features(weights: Weights, x: tf.Tensor) -> tf.Tensor:
    layer = x  # [n, 28, 28, 1]
    for i in range(len(_CHANNELS)):
        layer = layers.conv(layer, weights[f"w_{i}"], weights[f"b_{i}"], stride=2)
        layer = layers.leaky_relu(layer)  # [n, 14, 14, 16], [n, 7, 7, 32], [n, 4, 4, 64]
    layer = layers.flatten(layer)  # [n, 1024]
    layer = layers.linear(layer, weights["w_features"], weights["b_features"])
    return layers.leaky_relu(layer)  # [n, 64]


def _logits(weights: Weights, features: tf.Tensor) -> tf.Tensor:
    """Of every class, and last of "no example"."""
    return layers.linear(features, weights["w_logits"], weights["b_logits"])


# ---------------------------------------------------------------- training


def _train(train: data.Dataset, held_out: data.Dataset, seed: int, identity: dict) -> Classifier:
    started = time.perf_counter()
    num_classes = int(max(train.label.max(), held_out.label.max())) + 1
    weights = _make_weights(np.random.default_rng(seed), train.example_shape, num_classes)
    variables = optim.variables(weights)
    optimizer = optim.adam(_LEARNING_RATE, variables)
    n = len(train.x)
    batch = min(_BATCH, n)
    steps = min(max(_EPOCHS * n // batch, _MIN_STEPS), _MAX_STEPS)
    x, label = tf.constant(train.x), tf.constant(train.label)
    random = tf.random.Generator.from_seed(seed)

    def step(index, learning_rate):
        optimizer.learning_rate.assign(learning_rate)
        images = _shifted(decoded(tf.gather(x, index)), random)
        no_example = _no_example(images, random)
        label_all = tf.concat(
            [tf.gather(label, index), tf.fill([_NO_EXAMPLE_BATCH], num_classes)], axis=0
        )
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(variables)
            features = _features(weights, tf.concat([images, no_example], axis=0))
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
                labels=label_all, logits=_logits(weights, features)
            )
            loss = tf.reduce_mean(losses)
        optim.update(optimizer, tape.gradient(loss, variables), variables)

    _no_remapping()
    step = tf.function(step)
    for i in range(steps):
        index = draws.order(n, seed, i * batch, batch)
        step(tf.constant(index), tf.constant(_LEARNING_RATE * (1 - i / steps), tf.float32))
        if time.perf_counter() - started > 15 and (i + 1) % 500 == 0:
            logging.info("classifier: step %d of %d", i + 1, steps)

    about: dict = {}
    classifier = Classifier(weights, train.example_shape, num_classes, about)
    _scale_features(weights, classifier.read(train.x)[0])
    correct = classifier.read(held_out.x)[1] == held_out.label
    about |= {
        **identity,
        "dataset": train.name,
        "num_train": n,
        "num_held_out": len(held_out.x),
        "accuracy": float(correct.mean()),
        "num_classes": num_classes,
        "example_shape": list(train.example_shape),
        "steps": steps,
        "training_seconds": round(time.perf_counter() - started, 1),
    }
    return classifier


def _shifted(images: tf.Tensor, random: tf.random.Generator) -> tf.Tensor:
    """The whole batch moved by up to a pixel in each direction; borders are mirrored."""
    pad = [0, 0], [_SHIFT_PIXELS] * 2, [_SHIFT_PIXELS] * 2, [0, 0]
    offset = random.uniform([2], 0, 2 * _SHIFT_PIXELS + 1, tf.int32)
    begin = tf.stack([0, offset[0], offset[1], 0])
    return tf.slice(tf.pad(images, pad, "SYMMETRIC"), begin, tf.shape(images))


def _no_example(images: tf.Tensor, random: tf.random.Generator) -> tf.Tensor:
    """Noise, blotches and shuffled pixels, half of them paler than that: what no example is like.

    Pale ones matter: an untrained generator gives nearly even grey.
    """
    _, height, width, channels = images.shape
    third = _NO_EXAMPLE_BATCH // 3
    noise = random.uniform([third, height, width, channels], -1, 1)
    blotches = random.uniform([third, -(-height // 4), -(-width // 4), channels], -1, 1)
    blotches = tf.image.resize(blotches, [height, width])
    pixels = tf.reshape(images[:third], [third, height * width, channels])
    shuffled = tf.gather(pixels, tf.argsort(random.uniform([height * width])), axis=1)
    shuffled = tf.reshape(shuffled, [third, height, width, channels])
    contrast = tf.minimum(random.uniform([3 * third, 1, 1, 1], 0, 2), 1)
    level = random.uniform([3 * third, 1, 1, 1], -1, 1)
    return tf.concat([noise, blotches, shuffled], axis=0) * contrast + level * (1 - contrast)


def _scale_features(weights: Weights, features: np.ndarray) -> None:
    """Bring the features to a mean square of 1, so that distances mean the same for every seed.

    Leaky ReLU lets a positive factor through, so the logits stay what they were.
    """
    scale = np.float32(np.sqrt(np.mean(np.square(features, dtype=np.float64))))
    for name in ("w_features", "b_features"):
        weights[name].assign(weights[name] / scale)
    weights["w_logits"].assign(weights["w_logits"] * scale)


def _no_remapping() -> None:
    # Grappler's fusion trips over leaky ReLU after a convolution (it says so on stderr and gives
    # up); the engine switches it off as well.
    tf.config.optimizer.set_experimental_options({"remapping": False})


# ---------------------------------------------------------------- the cache


def _save(classifier: Classifier, folder: Path) -> None:
    """Both files in a folder of another name, then one rename: there whole, or not at all."""
    buffer = io.BytesIO()
    np.savez(buffer, **{name: v.numpy() for name, v in classifier.weights.items()})
    packed = buffer.getvalue()
    classifier.about["weights_sha256"] = hashlib.sha256(packed).hexdigest()
    partial = folder.with_name(f".{folder.name}.{os.getpid()}.partial")
    try:
        with workdir.storage_errors(folder):
            partial.mkdir()
            workdir.write_whole(partial / "weights.npz", packed)
            text = json.dumps(classifier.about, indent=1) + "\n"
            workdir.write_whole(partial / "classifier.json", text.encode())
            shutil.rmtree(folder, ignore_errors=True)  # damaged, or it would have been taken
            partial.rename(folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _load(folder: Path, identity: dict) -> Classifier | None:
    """A kept classifier whose files are as they were written; None, and a log line, if not."""
    if not folder.exists():
        return None
    try:
        about = json.loads((folder / "classifier.json").read_text())
        packed = (folder / "weights.npz").read_bytes()
        if any(about[name] != value for name, value in identity.items()):
            raise ValueError("classifier.json is of another classifier")
        if hashlib.sha256(packed).hexdigest() != about["weights_sha256"]:
            raise ValueError("weights.npz is not as it was written (its SHA-256 differs)")
        with np.load(io.BytesIO(packed), allow_pickle=False) as values:
            weights = {name: tf.Variable(values[name], name=name) for name in values.files}
        classifier = Classifier(weights, tuple(about["example_shape"]), about["num_classes"], about)
    except (OSError, ValueError, KeyError, TypeError) as error:
        logging.warning("%s: a damaged classifier: %s; it is trained again", folder, error)
        return None
    logging.info("classifier: taken from %s", folder)
    return classifier
