"""The house: which package may import which, and how long files may be; read from the sources."""

import ast
import itertools
import re
from pathlib import Path

import pytest
from processes import ROOT

import ganflow

HOUSE = ROOT / "ganflow"
ROOMS = [
    "base",
    "workers",
    "storage",
    "nn",
    "interface",
    "data",
    "models",
    "pictures",
    "trained",
    "judging",
    "explore",
    "summaries",
    "cli",
    "engine",
    "ladder",
    "gates",
    "lab",
    "export",
    "programs",
]
FILES = sorted(HOUSE.rglob("*.py"))
PACKAGES = sorted(path.parent for path in HOUSE.rglob("__init__.py"))
MODELS = [path for path in FILES if path.parent.name == "models" and path.stem != "__init__"]

RUN_LINES = 200  # engine/run.py
MODEL_LINES = 250
SHARED_LINES = 15  # of one model file in another, without a break


def name_of(path: Path) -> str:
    return str(path.relative_to(HOUSE))


# ---------------------------------------------------------------- imports


def imported_rooms(source: str, module: str) -> list[tuple[int, str]]:
    """(line, room) of every import of a package of ganflow, wherever in the source it stands.

    Args:
      source: of a file.
      module: its dotted name; of a package, that of its `__init__`.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            before = module.split(".")[: -node.level] if node.level else []
            start = ".".join([*before, *([node.module] if node.module else [])])
            names = [f"{start}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            if name.startswith("ganflow."):
                found.append((node.lineno, name.split(".")[1]))
    return sorted(found)


def upward_imports(source: str, module: str) -> list[str]:
    """What of them goes up: "line 3: base imports nn"."""
    room = module.split(".")[1]
    height = ROOMS.index(room)
    return [
        f"line {line}: {room} imports {other}"
        for line, other in imported_rooms(source, module)
        if ROOMS.index(other) > height
    ]


@pytest.mark.parametrize("path", [p for p in FILES if p.parent != HOUSE], ids=name_of)
def test_imports_go_downwards(path):
    module = ".".join(["ganflow", *path.relative_to(HOUSE).with_suffix("").parts])
    assert upward_imports(path.read_text(), module) == []


UPWARD = '''
"""from ganflow import lab: only says so."""
import numpy as np
import ganflow.base.quiet
from ganflow import data, engine as the_engine, models
from ganflow.interface.gans import build
from . import layers
from .. import summaries
from ..judging.metrics import frechet
import ganflow.cli.flags as flags, ganflow.nn.layers

def late():
    from ganflow.engine.run import Run
    if Run:
        import ganflow.lab
'''


def test_an_import_that_goes_up_is_found_wherever_it_stands():
    assert upward_imports(UPWARD, "ganflow.models.made_up") == [
        "line 5: models imports engine",
        "line 8: models imports summaries",
        "line 9: models imports judging",
        "line 10: models imports cli",
        "line 13: models imports engine",
        "line 15: models imports lab",
    ]
    assert upward_imports(UPWARD, "ganflow.programs.made_up") == []
    within = "from ganflow.data.readers import files\nfrom .readers import idx\n"
    assert upward_imports(within, "ganflow.data.made_up") == []
    assert upward_imports("from .. import points", "ganflow.data.readers.made_up") == []


def test_the_house_tells_the_order_as_it_is():
    told = re.sub(r"\s+", " ", ganflow.__doc__)
    assert " < ".join(ROOMS) in told
    assert [path.name for path in PACKAGES if path.parent == HOUSE] == sorted(ROOMS)


# ---------------------------------------------------------------- packages and files


def test_at_the_top_stand_packages_alone():
    assert [path.name for path in FILES if path.parent == HOUSE] == ["__init__.py"]


@pytest.mark.parametrize("path", PACKAGES, ids=lambda path: path.name)
def test_a_package_says_what_is_in_it(path):
    told = ast.get_docstring(ast.parse((path / "__init__.py").read_text())) or ""
    assert len([line for line in told.splitlines() if line.strip()]) >= 2, told


def test_the_only_training_loop_is_read_in_one_sitting():
    assert len((HOUSE / "engine" / "run.py").read_text().splitlines()) <= RUN_LINES


@pytest.mark.parametrize("path", MODELS, ids=lambda path: path.stem)
def test_a_model_is_read_in_one_sitting(path):
    assert len(path.read_text().splitlines()) <= MODEL_LINES


# ---------------------------------------------------------------- models that copy each other


def code_lines(source: str) -> list[tuple[int, str]]:
    """(number, text) of the lines that are code: no blank ones, comments, docstrings, imports."""
    left_out: set[int] = set()
    for node in ast.walk(ast.parse(source)):
        is_constant = isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
        if (is_constant and isinstance(node.value.value, str)) or isinstance(
            node, ast.Import | ast.ImportFrom
        ):
            left_out.update(range(node.lineno, node.end_lineno + 1))
    return [
        (number, line.strip())
        for number, line in enumerate(source.splitlines(), 1)
        if line.strip() and not line.strip().startswith("#") and number not in left_out
    ]


def longest_shared(a: str, b: str) -> tuple[int, int, int]:
    """Of two sources' longest run of equal code: (lines of code, its first line in a, in b)."""
    lines_a, lines_b = code_lines(a), code_lines(b)
    places_in_b: dict[str, list[int]] = {}
    for j, (_, text) in enumerate(lines_b):
        places_in_b.setdefault(text, []).append(j)
    best, before = (0, 0, 0), {}
    for i, (_, text) in enumerate(lines_a):
        here = {j: before.get(j - 1, 0) + 1 for j in places_in_b.get(text, ())}
        for j, count in here.items():
            if count > best[0]:
                best = count, lines_a[i - count + 1][0], lines_b[j - count + 1][0]
        before = here
    return best


def test_no_model_repeats_another():
    sources = {path.stem: path.read_text() for path in MODELS}
    repeated = []
    for a, b in itertools.combinations(sources, 2):
        count, in_a, in_b = longest_shared(sources[a], sources[b])
        if count > SHARED_LINES:
            repeated.append(f"{a}.py, line {in_a}, and {b}.py, line {in_b}: {count} lines")
    assert repeated == []


def test_a_repetition_is_found_and_what_is_no_code_does_not_count():
    body = [f"x{i} = {i}" for i in range(20)]
    a = "\n".join(['"""A."""', "import one", "y = 1", *body, "z = 1"])
    spread = [line for text in body for line in ("", "# a comment", f"    {text}")]
    b = "\n".join(['"""B."""', "def f():", '    """Of', '    many lines."""', *spread])
    assert longest_shared(a, b) == (20, 4, 7)
    assert longest_shared(a, a.replace("x9 ", "x99 ")) == (11, 14, 14)  # x10 and on
    same = '"""One\ntwo\nthree."""\nimport a\nfrom b import (\n    c,\n    d,\n)\n'
    assert longest_shared(same, same)[0] == 0
