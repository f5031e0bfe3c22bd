"""A model's file is run only if this user has named it: a workdir may be a stranger's."""

import hashlib
import importlib.util
import json
import os
import sys
from pathlib import Path

import pytest

from ganflow import engine, models
from ganflow.base.errors import InputError
from ganflow.models import circle
from ganflow.storage import cache
from ganflow.trained import loading


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("GANFLOW_CACHE", str(tmp_path / "cache"))
    return tmp_path


@pytest.fixture
def workdir(home, points):
    """A run's first checkpoint, whose manifest is then made to name another file."""
    module, folder = models.load("circle"), home / "W"
    config = module.Config(steps=2, summary_every=2, batch_size=8)
    engine.Run(module, config, engine.Options(workdir=str(folder), jit="off"), points).resume()
    return folder


def named(workdir: Path, model: Path) -> None:
    rewritten(workdir, {"model": str(model)})


def rewritten(workdir: Path, parts: dict) -> None:
    """Manifests with other parts, and digests that agree."""
    for path in (workdir / "checkpoints").glob("*/manifest.json"):
        manifest = json.loads(path.read_text()) | parts
        told = {key: value for key, value in manifest.items() if key != "sha256"}
        text = json.dumps(told, sort_keys=True).encode()
        path.write_text(json.dumps(told | {"sha256": hashlib.sha256(text).hexdigest()}))


def test_a_file_that_only_a_checkpoint_names_is_not_run(home, workdir):
    ran = home / "ran"
    evil = workdir / "model.py"
    evil.write_text(f"open({str(ran)!r}, 'w')\n" + Path(circle.__file__).read_text())
    named(workdir, evil)
    with pytest.raises(InputError, match=r"if you trust it, say so once: .*describe") as error:
        loading.load_trained(workdir)
    assert "\n" not in str(error.value) and not ran.exists()

    models.load(str(evil))  # as a program with --model does
    assert ran.exists()
    gan, _ = loading.load_trained(workdir)
    assert list(gan.networks) == ["generator", "discriminator"]


def test_the_file_of_a_run_of_ones_own_is_taken(home, points):
    mine = home / "mine.py"
    mine.write_text(Path(circle.__file__).read_text())
    spec = importlib.util.spec_from_file_location("mine", mine)
    module = importlib.util.module_from_spec(spec)
    sys.modules["mine"] = module
    spec.loader.exec_module(module)
    config = module.Config(steps=2, summary_every=2, batch_size=8)
    options = engine.Options(workdir=str(home / "W"), jit="off")
    engine.Run(module, config, options, points).resume()
    gan, manifest = loading.load_trained(home / "W")
    assert manifest["model"] == str(mine) and list(gan.networks) == ["generator", "discriminator"]


@pytest.mark.parametrize(
    "parts",
    [
        {"config": {"z_size": 10**15}},
        {"config": {"z_size": "many"}},
        {"config": {"g_hidden": [[32]]}},
        {"fields": {}},
        {"fields": {"shapes": {"x": 7}, "classes": {}}},
        {"fields": {"shapes": {"x": [10**15, 10**15]}, "classes": {}}},
    ],
)
def test_a_manifest_of_what_cannot_be_built_is_one_line(workdir, parts):
    rewritten(workdir, parts)
    with pytest.raises(InputError) as error:
        loading.load_trained(workdir)
    assert "\n" not in str(error.value)


def test_a_pipe_in_the_place_of_a_log_is_set_aside_before_the_first_row(home, points):
    (home / "W").mkdir()
    os.mkfifo(home / "W" / "metrics.jsonl")
    config = circle.Config(steps=2, summary_every=2, batch_size=8)
    options = engine.Options(workdir=str(home / "W"), jit="off")
    engine.Run(models.load("circle"), config, options, points).resume()
    assert sorted(path.name for path in (home / "W").glob("metrics*")) == [
        "metrics.jsonl.damaged-1"
    ]


def test_a_file_that_is_not_there_is_said_to_be_so(home, workdir):
    named(workdir, home / "gone.py")
    with pytest.raises(InputError, match=r"gone\.py: there is no such file"):
        loading.load_trained(workdir)


def test_files_are_remembered_once_and_forgotten_when_they_are_gone(home):
    files = [home / f"{name}.py" for name in "ab"]
    for path in files:
        path.write_text("")
        cache.remember_model(path)
        cache.remember_model(path)
    assert cache.own_models() == files
    files[0].unlink()
    assert cache.own_models() == files[1:]


def test_a_cache_that_cannot_be_written_refuses_nothing(home, monkeypatch):
    (home / "file").write_text("")
    monkeypatch.setenv("GANFLOW_CACHE", str(home / "file" / "cache"))
    path = home / "mine.py"
    path.write_text("")
    cache.remember_model(path)
    assert cache.own_models() == []
