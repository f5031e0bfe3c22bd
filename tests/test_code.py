"""A changed model file is another model: hashes of code, and runs that go on or do not."""

import json
import shutil
import sys
from pathlib import Path

import pytest
from processes import ROOT, checkpoint, contents, run

from ganflow import engine, models
from ganflow.base.errors import InputError
from ganflow.models import circle
from ganflow.storage import checkpoints, code
from ganflow.trained import loading

CIRCLE = Path(circle.__file__).read_text()
ONE_LOSS = 'return {"g_loss": g_loss}'
OTHER_LOSS = 'return {"g_loss": 10.0 * g_loss}'
assert ONE_LOSS in CIRCLE


def written(folder: Path, files: dict[str, str]) -> Path:
    """The first of these Python files, once they all stand in the folder."""
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    return folder / next(iter(files))


def told_of(manifest_of: Path, step: int) -> dict[str, str]:
    return json.loads((checkpoint(manifest_of, step) / "manifest.json").read_text())["code"]


# ---------------------------------------------------------------- hashes

CODE = '''
"""A model."""
import numpy as np

SIZES = (3, 4)


class Gan:
    """Of two."""

    def step(self, batch):
        """Do it."""
        return {"loss": batch["x"] * 2.0, "name": f"{SIZES[0]:d} of"}
'''
SAME = [
    CODE.replace("A model", "Quite another"),
    CODE.replace('    """Of two."""\n\n', ""),
    CODE.replace("SIZES = (3, 4)", "SIZES = (  # comment\n    3,\n    4,\n)"),
    CODE.replace('"x"', "'x'").replace("\n\n", "\n\n\n"),
]
OTHER = [
    CODE.replace("2.0", "20.0"),
    CODE.replace("2.0", "2"),
    CODE.replace("(3, 4)", "(3, 4), ()"),
    CODE.replace("(3, 4)", "[3, 4]"),
    CODE.replace('"loss"', '"lost"'),
    CODE.replace("* 2.0", "+ 2.0"),
    CODE.replace(":d}", ":x}"),
    CODE.replace("def step(self", "def step(selfish"),
    CODE.replace("import numpy as np", "import numpy as tf"),
]


@pytest.mark.parametrize("text", [*SAME, *OTHER])
def test_comments_docstrings_and_formatting_do_not_count_and_all_else_does(tmp_path, text):
    assert text != CODE
    path = written(tmp_path, {"mine.py": CODE})
    before = code.hashes(path)
    path.write_text(text)
    assert (code.hashes(path) == before) == (text in SAME)
    assert list(before) == ["mine.py"]


def test_what_stands_beside_a_model_and_is_imported_counts_however_it_is_named(tmp_path):
    files = {
        "mine.py": "import helper\nfrom pack import part\nimport pack.deep.down as d\nimport numpy",
        "helper.py": "def late():\n    from other import x",
        "other.py": "x = 1",
        "pack/__init__.py": "from . import near\nfrom .deep import z",
        "pack/near.py": "",
        "pack/part.py": "from ..outside import y\nfrom .near import it",
        "pack/deep/down.py": "",  # of a package without __init__.py
        "unused.py": "",
        "broken.py": "import",
        "numbers.py": "",
    }
    mine = written(tmp_path, files)
    found = code.hashes(mine)
    assert list(found)[0] == "mine.py"
    assert sorted(found) == [
        "helper.py",
        "mine.py",
        "other.py",
        "pack/__init__.py",
        "pack/deep/down.py",
        "pack/near.py",
        "pack/part.py",
    ]
    (tmp_path / "other.py").write_text("x = 2")
    now = code.hashes(mine)
    assert [name for name in found if now[name] != found[name]] == ["other.py"]
    (tmp_path / "other.py").write_text("import broken\nimport helper\n# \xe9")
    assert set(code.hashes(mine)) == {*found, "broken.py"}


def test_of_a_model_of_ours_all_that_it_imports_of_ganflow_counts(tmp_path, monkeypatch):
    found = code.hashes(Path(circle.__file__))
    assert list(found)[0] == "ganflow/models/circle.py"
    assert {"ganflow/nn/losses.py", "ganflow/interface/schedule.py"} <= set(found)
    assert "ganflow/nn/replicas.py" in found  # imported by nn/optimizers.py alone
    assert not any(name.startswith(("ganflow/engine", "ganflow/storage")) for name in found)

    house = tmp_path / "ganflow"
    shutil.copytree(ROOT / "ganflow", house, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "_HOUSE", house)
    assert code.hashes(house / "models" / "circle.py") == found
    mine = written(tmp_path / "own", {"mine.py": CIRCLE})
    of_mine = code.hashes(mine)
    assert list(of_mine.values()) == list(found.values()) and list(of_mine)[0] == "mine.py"
    losses = house / "nn" / "losses.py"
    losses.write_text(losses.read_text() + "\n# a comment\n")
    assert code.hashes(mine) == of_mine
    losses.write_text(losses.read_text() + "\nEPSILON = 1e-3\n")
    now = code.hashes(mine)
    assert [name for name in now if now[name] != of_mine[name]] == ["ganflow/nn/losses.py"]


def test_files_are_named_as_far_as_a_line_can_hold_them():
    old = {"mine.py": "1", "a.py": "1", "b.py": "1", "c.py": "1", "gone.py": "1"}
    new = {"mine.py": "2", "a.py": "1", "b.py": "2", "c.py": "2", "new.py": "1"}
    assert code._changed(old, new) == "mine.py, b.py, c.py and 2 more have changed"
    assert code._changed(old, old | {"a.py": "2"}) == "a.py has changed"
    assert code._changed(old, old) == ""


# ---------------------------------------------------------------- a run that goes on


@pytest.fixture
def mine(tmp_path):
    """A copy of circle as a user's own model file."""
    return written(tmp_path / "own", {"mine.py": CIRCLE})


@pytest.mark.slow  # the same in one process stands below
def test_a_loss_times_10_is_refused_until_it_is_allowed(mine, tmp_path):
    workdir = tmp_path / "run"
    args = (f"--model={mine}", "--dataset=circle", "--jit=off", f"--workdir={workdir}")
    assert run("train.py", *args, "--steps=2").code == 0
    hashes = told_of(workdir, 2)
    assert hashes == code.hashes(mine)

    mine.write_text(CIRCLE.replace(ONE_LOSS, OTHER_LOSS))
    was = contents(workdir)
    line = run("train.py", *args, "--steps=4").error(2)
    assert "mine.py has changed" in line and "checkpoint of step 2" in line
    assert all(way in line for way in ("--allow_changed_code", "--fresh", "--workdir"))
    assert contents(workdir) == was

    ended = run("sample.py", f"--workdir={workdir}", "--num=1", f"--out={tmp_path / 'x.npy'}")
    assert ended.code == 0
    (warning,) = ended.err.splitlines()
    assert "the model's code is not that which was trained: mine.py has changed" in warning

    ended = run("train.py", *args, "--steps=4", "--allow_changed_code")
    assert ended.code == 0, ended.err
    (warning,) = [line for line in ended.err.splitlines() if line.startswith("W")]
    assert "--allow_changed_code: from step 2 on with other code: mine.py has changed" in warning
    assert told_of(workdir, 4) == code.hashes(mine) != hashes
    assert "--allow_changed_code" not in (workdir / "flags.txt").read_text()


def run_of(mine, folder, points):
    config = models.load(str(mine)).Config(g_hidden=(4, 4), d_hidden=(4, 4), batch_size=8)
    return engine.Run(models.load(str(mine)), config, engine.Options(workdir=str(folder)), points)


@pytest.mark.slow
def test_a_changed_file_beside_the_model_is_refused(mine, tmp_path, points, monkeypatch):
    monkeypatch.setattr(sys, "path", [*sys.path])  # which the model's folder is added to
    monkeypatch.delitem(sys.modules, "beside", raising=False)
    written(mine.parent, {"beside.py": "FACTOR = 1.0\n"})
    mine.write_text(CIRCLE.replace(ONE_LOSS, 'return {"g_loss": beside.FACTOR * g_loss}'))
    mine.write_text(mine.read_text().replace("import numpy", "import beside\nimport numpy"))
    folder = tmp_path / "run"
    folder.mkdir()
    first = run_of(mine, folder, points)
    written(mine.parent, {"beside.py": "FACTOR = 10.0\n"})  # edited while the run trains
    assert not first.resume()
    second = run_of(mine, folder, points)
    with pytest.raises(InputError, match=r"step 0: beside\.py has changed; give --allow_changed"):
        second.resume()
    assert second.resume(allow_changed_code=True)
    second.advance(1)
    second.save()
    assert run_of(mine, folder, points).resume()


def test_a_changed_docstring_is_no_change(mine, tmp_path, points, caplog):
    run_of(mine, tmp_path, points).resume()
    mine.write_text(CIRCLE.replace('"""', '"""Changed. ', 1) + "# the end\n")
    with caplog.at_level("INFO", "absl"):
        assert run_of(mine, tmp_path, points).resume()
    assert not caplog.records


def test_a_changed_file_of_ganflow_is_refused_where_the_run_goes_on_and_told_elsewhere(
    tmp_path, points, monkeypatch, caplog
):
    house = tmp_path / "ganflow"
    shutil.copytree(ROOT / "ganflow", house, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(code, "_HOUSE", house)
    mine = written(tmp_path / "own", {"mine.py": CIRCLE})
    run_of(mine, tmp_path, points).resume()
    layers = house / "nn" / "layers.py"
    layers.write_text(layers.read_text() + "\nSLOPE = 0.3\n")
    with pytest.raises(InputError, match="ganflow/nn/layers.py has changed") as error:
        run_of(mine, tmp_path, points).resume()
    assert "\n" not in str(error.value)
    assert not caplog.records
    for _ in range(2):
        loading.load_trained(tmp_path)
    (record,) = caplog.records
    assert record.levelname == "WARNING" and "nn/layers.py has changed" in record.getMessage()


def test_a_checkpoint_without_hashes_is_told_of_and_goes_on(mine, tmp_path, points, caplog):
    old = run_of(mine, tmp_path, points)
    about = engine.run.start.about(old)
    del about["code"]
    checkpoints.save(tmp_path / "checkpoints", old.state, 0, about, 1)
    with caplog.at_level("INFO", "absl"):
        assert run_of(mine, tmp_path, points).resume()
        loading.load_trained(tmp_path)
    (record,) = caplog.records
    assert "holds no hashes of the model's code" in record.getMessage()
