"""Judging classifiers are trained once and kept, in `$GANFLOW_CACHE`, else `~/.cache/ganflow`.

    classifier-2-DATA-HELDOUT-seed0/classifier.keras
                                    classifier.json    hashes, accuracy on held-out images, their n
    pooled-2-...                    the second one

Seed 0 judges. Seed 1 is for whoever needs a classifier in a loss: a model must not be judged by
what it was trained on.
"""

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

from absl import logging

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.judging import classifier_training, splits
from ganflow.judging.classifier import STRIDED, Classifier
from ganflow.storage import cache, workdir

if TYPE_CHECKING:
    import keras

_POOR = 0.8  # accuracy


def trained(
    dataset: data.Dataset,
    held_out: data.Dataset | None,
    seed: int,
    architecture: str = STRIDED,
) -> Classifier:
    """The classifier of a data set: from the cache, or trained now (MNIST: about a minute).

    Args:
      dataset: images with labels.
      held_out: images that tell its accuracy.
      seed: of weights, order and distortions; 0 is the judge's, 1 is for losses.
      architecture: `classifier.STRIDED`, or `classifier.POOLED` for the second one.

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
    train, held_out = splits.checked(dataset, held_out)
    hashes = {"train_sha256": train.sha256, "held_out_sha256": held_out.sha256}
    identity = {"version": classifier_training.VERSION, "seed": seed, **hashes}
    short = "-".join(value[:16] for value in hashes.values())
    kind = "classifier"
    if architecture != STRIDED:
        kind = identity["architecture"] = architecture
    name = f"{kind}-{classifier_training.VERSION}-{short}-seed{seed}"
    folder = cache.folder() / name
    kept = _load(folder, identity)
    if kept is not None:
        return kept
    _check_writable(folder.parent)
    logging.info(
        "%s: training the judging %s (seed %d) on %d images, once; it will be in %s",
        *(dataset.name, kind.replace("pooled", "second classifier"), seed, len(train.x), folder),
    )
    made = classifier_training.train(train, held_out, seed, architecture)
    made.about.update(identity)
    _save(made, folder)
    accuracy = made.about["accuracy"]
    logging.info(
        "%s: accuracy %.4f on %d held-out images after %.0f s of training",
        *(dataset.name, accuracy, len(held_out.x), made.about["training_seconds"]),
    )
    if accuracy < _POOR:
        logging.warning(
            "%s: a judge of accuracy %.4f says little about classes", dataset.name, accuracy
        )
    return made


def _check_writable(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        usable = os.access(folder, os.W_OK)
    except OSError:
        usable = False
    if not usable:
        raise InputError(
            f"{folder}: cannot be written, and the trained classifier is kept there; set "
            "GANFLOW_CACHE to a folder that can"
        )


def _save(made: Classifier, folder: Path) -> None:
    """Both files in a folder of another name, then one rename: there whole, or not at all."""
    with workdir.whole_folder(folder) as partial:
        made.network.save(partial / "classifier.keras")
        made.about["weights_sha256"] = _sha256_of_weights(made.network)
        packed = (partial / "classifier.keras").read_bytes()
        made.about["file_sha256"] = hashlib.sha256(packed).hexdigest()
        text = json.dumps(made.about, indent=1) + "\n"
        (partial / "classifier.json").write_text(text)
        shutil.rmtree(folder, ignore_errors=True)  # damaged, or it would have been taken


def _load(folder: Path, identity: dict) -> Classifier | None:
    """A kept classifier whose files are as they were written; None, and a log line, if not."""
    if not folder.exists():
        return None
    try:
        about = json.loads((folder / "classifier.json").read_text())
        packed = (folder / "classifier.keras").read_bytes()
        if any(about[name] != value for name, value in identity.items()):
            raise ValueError("classifier.json is of another classifier")
        if hashlib.sha256(packed).hexdigest() != about["file_sha256"]:
            raise ValueError("classifier.keras is not as it was written (its SHA-256 differs)")
        network = _read_network(folder / "classifier.keras")
        if _sha256_of_weights(network) != about["weights_sha256"]:
            raise ValueError("classifier.keras holds other weights (their SHA-256 differs)")
    except (OSError, ValueError, KeyError, TypeError) as error:
        logging.warning("%s: a damaged classifier: %s; it is trained again", folder, error)
        return None
    logging.info("classifier: taken from %s", folder)
    return Classifier(network, about)


def _read_network(path: Path) -> "keras.Sequential":
    """The network of a file, of which nothing is executed.

    Raises:
      ValueError: no such network.
    """
    import keras

    try:
        return keras.saving.load_model(path, compile=False, safe_mode=True)
    except Exception as error:  # a strange file fails in any layer of Keras
        raise ValueError(f"classifier.keras: {' '.join(str(error).split())[:200]}") from error


def _sha256_of_weights(network: "keras.Sequential") -> str:
    """Of their values alone; the file's own differs from save to save, for it holds a date."""
    digest = hashlib.sha256()
    for value in network.get_weights():
        digest.update(value.tobytes())
    return digest.hexdigest()
