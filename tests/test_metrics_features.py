"""Where a judge's features come from: the kept classifier's cache, and files of the user's own."""

import hashlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from processes import ROOT

from ganflow import data
from ganflow.base.errors import InputError, StorageError
from ganflow.judging import (
    classifier,
    classifier_cache,
    classifier_training,
    evaluation,
    features,
)


@pytest.fixture(scope="module")
def digits() -> data.Dataset:
    return data.load("digits")


def test_nothing_slow_is_imported_before_it_is_needed():
    code = (
        "import sys, ganflow.base.quiet\n"
        "from ganflow.judging import reports, telling\n"
        "slow = {'keras', 'sklearn', 'scipy.stats', 'rich', 'tensorboard'}\n"
        "print(sorted(slow & set(sys.modules)))"
    )
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT)
    assert ended.stdout == "[]\n", ended.stdout + ended.stderr


# ---------------------------------------------------------------- the classifier's cache


@pytest.fixture
def untaught(monkeypatch, tmp_path):
    """Classifiers that skip their training, in a cache of the test's own; and who was to train."""
    trained = []

    def skip(dataset, held_out, seed, architecture):
        assert architecture == classifier.STRIDED
        trained.append(seed)
        network = classifier.make_network(dataset.example_shape, 10, seed)
        about = {"accuracy": 0.1, "num_held_out": len(held_out.x), "training_seconds": 0}
        return classifier.Classifier(network, about)

    monkeypatch.setattr(classifier_training, "train", skip)
    monkeypatch.setenv("GANFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache", trained


@pytest.mark.parametrize("damage", ["flipped", "cut", "network gone", "JSON gone", "no JSON"])
def test_a_damaged_classifier_is_trained_again_and_the_log_says_so(
    damage, untaught, images, caplog
):
    cache, trained = untaught
    first = classifier_cache.trained(*data.split(images), seed=0)
    (folder,) = cache.iterdir()
    network, about = folder / "classifier.keras", folder / "classifier.json"
    whole = network.read_bytes()
    if damage == "flipped":
        network.write_bytes(whole[:-100] + bytes([whole[-100] ^ 1]) + whole[-99:])
    elif damage == "cut":
        network.write_bytes(whole[:-1])
    elif damage == "no JSON":
        about.write_text("{")
    else:
        (network if damage == "network gone" else about).unlink()
    with caplog.at_level("INFO", logger="absl"):
        again = classifier_cache.trained(*data.split(images), seed=0)
    assert "a damaged classifier" in caplog.text and "training the judging" in caplog.text
    assert trained == [0, 0]
    assert again.about["weights_sha256"] == first.about["weights_sha256"]
    caplog.clear()
    with caplog.at_level("INFO", logger="absl"):
        kept = classifier_cache.trained(*data.split(images), seed=0)
    assert "taken from" in caplog.text and "a damaged classifier" not in caplog.text
    assert trained == [0, 0] and kept.about == again.about
    for read, made in zip(kept.network.get_weights(), first.network.get_weights(), strict=True):
        np.testing.assert_array_equal(read, made)
    assert [p.name for p in cache.iterdir()] == [folder.name]
    assert sorted(p.name for p in folder.iterdir()) == ["classifier.json", "classifier.keras"]


def test_nothing_in_a_kept_file_is_executed(untaught, images, caplog, tmp_path):
    """A network with a function of its own, whose JSON vouches for it."""
    import keras

    cache, trained = untaught
    classifier_cache.trained(*data.split(images), seed=0)
    (folder,) = cache.iterdir()
    path, about = folder / "classifier.keras", folder / "classifier.json"
    executed = tmp_path / "executed"
    mark = str(executed)
    strange = keras.layers.Lambda(lambda x: (open(mark, "w").close(), x)[1], (11,))
    start = keras.Input([28, 28, 1])
    network = keras.Sequential([start, *keras.models.load_model(path).layers, strange])
    network.save(path)
    told = json.loads(about.read_text())
    told["file_sha256"] = hashlib.sha256(path.read_bytes()).hexdigest()
    about.write_text(json.dumps(told))

    executed.unlink(missing_ok=True)  # written when the network was built
    with caplog.at_level("WARNING", logger="absl"):
        classifier_cache.trained(*data.split(images), seed=0)
    assert "a damaged classifier" in caplog.text and trained == [0, 0]
    assert not executed.exists()
    network.save(path)  # the control: such a file does execute something, if one lets it
    keras.models.load_model(path, safe_mode=False)(np.zeros([1, 28, 28, 1], np.float32))
    assert executed.exists()


def test_a_classifier_that_cannot_be_saved_leaves_nothing(untaught, images, monkeypatch):
    cache, _ = untaught

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(StorageError, match="No space left"):
        classifier_cache.trained(*data.split(images), seed=0)
    assert not list(cache.iterdir())


def test_seeds_and_data_have_classifiers_of_their_own(untaught, images, caplog):
    cache, trained = untaught
    for seed in (0, 1, 0):
        classifier_cache.trained(*data.split(images), seed)
    assert trained == [0, 1] and len(list(cache.iterdir())) == 2
    other = data.Dataset("other", {"x": 255 - images.x, "label": images.label})
    with caplog.at_level("WARNING", logger="absl"):
        classifier_cache.trained(*data.split(other), seed=0)
    assert trained == [0, 1, 0] and len(list(cache.iterdir())) == 3
    assert "0.1000" in caplog.text and "little" in caplog.text  # a poor judge is told


def test_a_cache_that_cannot_be_written_is_said_before_the_training(monkeypatch, tmp_path, images):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("GANFLOW_CACHE", str(tmp_path / "file" / "cache"))
    with pytest.raises(InputError, match="GANFLOW_CACHE"):
        classifier_cache.trained(*data.split(images), seed=0)


# ---------------------------------------------------------------- features of one's own


class Means(tf.Module):
    """Features: the mean of each row of 8 x 8 RGB images."""

    @tf.function(input_signature=[tf.TensorSpec([None, 8, 8, 3])])
    def __call__(self, x):
        return tf.reduce_mean(x, axis=[2, 3])


@pytest.mark.parametrize("kind", ["SavedModel", "Keras"])
def test_features_from_a_file_serve_images_without_labels(kind, tmp_path, digits, caplog):
    import keras

    path = tmp_path / ("model.keras" if kind == "Keras" else "model")
    if kind == "Keras":
        layers = [keras.layers.Input([8, 8, 3]), keras.layers.AveragePooling2D((1, 8))]
        keras.Sequential([*layers, keras.layers.Flatten()]).save(path)
    else:
        means = Means()
        tf.saved_model.save(means, str(path), signatures=means.__call__)
    bare = data.Dataset("bare", {"x": digits.x[:400]})
    with caplog.at_level("INFO", logger="absl"):
        judge = evaluation.make_judge(*data.split(bare), features=path)
    assert "28 x 28 x 1" in caplog.text and "8 x 8 x 3" in caplog.text
    assert judge.about["features"]["path"] == str(path) and "classifier" not in judge.about
    assert "class_entropy" not in judge.floor
    floor = judge.floor["frechet_distance"].value
    # Noise has as bright rows everywhere as real images have nowhere.
    assert judge.figures(judge.noise)["frechet_distance"] > 20 * floor
    resized = tf.image.resize(data.decoded(bare.x[:2]), [8, 8], antialias=True)
    expected = np.mean(resized, axis=(2, 3))
    read = features.load(path, (28, 28, 1)).read(bare.x[:2])
    read = read.reshape(2, 8, -1).mean(axis=2)
    np.testing.assert_allclose(read, expected, atol=1e-5)


def test_features_that_cannot_be_used_are_one_line(tmp_path, digits):
    load = features.load
    (tmp_path / "empty").mkdir()
    (tmp_path / "bad.keras").write_bytes(b"no zip")
    for name in ("nowhere", "empty", "bad.keras"):
        with pytest.raises(InputError, match="--features") as error:
            load(tmp_path / name, (28, 28, 1))
        assert "\n" not in str(error.value)
    means = Means()
    means.__class__.whole = tf.function(lambda self, x: x, input_signature=None)
    signature = means.whole.get_concrete_function(tf.TensorSpec([None, 8, 8, 3]))
    tf.saved_model.save(means, str(tmp_path / "images"), signatures=signature)
    network = load(tmp_path / "images", (28, 28, 1))
    with pytest.raises(InputError, match="global pooling"):
        network.read(digits.x[:3])
    with pytest.raises(InputError, match="3 channels"):
        network.read(np.zeros([3, 8, 8, 2], np.float32))
