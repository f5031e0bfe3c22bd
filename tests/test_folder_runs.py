"""Runs on a folder of pictures: any model trains on it, and its flags are the run's."""

import numpy as np
import pytest
from PIL import Image

import ganflow
from ganflow.base.errors import InputError
from tests import cases

RNG = np.random.default_rng(0)


def save(folder, count, side=8):
    folder.mkdir(parents=True)
    for i in range(count):
        pixels = RNG.integers(0, 256, (side, side + 2, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / f"{i:03}.png")


def build(model, folder, tmp_path, **settings):
    common = {"dataset": "folder", "data_dir": str(folder), "workdir": str(tmp_path / "run")}
    return ganflow.build(model, **common, num_replicas=1, jit="off", **settings)


@pytest.fixture(scope="module")
def classes(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pictures")
    for name in ("cats", "dogs"):
        save(folder / name, 100)
    return folder


def test_a_model_trains_on_a_folder_and_goes_on_with_the_same_pictures_alone(classes, tmp_path):
    small = {"width": 2, "z_size": 4, "batch_size": 8}
    first = build("dcgan", classes, tmp_path, image_size=12, channels=1, **small)
    assert dict(first.fields.shapes) == {"x": (12, 12, 1), "label": ()}
    assert dict(first.fields.classes) == {"label": 2}
    assert (first.dataset.size("x"), first.held_out.size("x")) == (160, 40)
    assert not first.resume()
    norms = first.advance(2)
    assert norms and np.isfinite(list(norms.values())).all()
    second = build("dcgan", classes, tmp_path, image_size=12, channels=3, **small)
    with pytest.raises(InputError) as caught:
        second.resume()
    says = "the data set's content (its SHA-256 differs), --channels=3 (the workdir's is 1); give"
    assert says in str(caught.value)


def test_two_domains_train_on_a_folder(tmp_path):
    for name, count in (("a", 30), ("b", 20)):
        save(tmp_path / "pictures" / name, count)
    model = cases.module_of("cyclic").__file__
    run = build(model, tmp_path / "pictures", tmp_path, image_size=8)
    assert run.dataset.sizes == {"a": 24, "b": 16} and run.held_out.sizes == {"a": 6, "b": 4}
    assert np.isfinite(list(run.advance(2).values())).all()
