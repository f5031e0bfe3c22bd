"""The course stays true: what its pages name is there, what they quote stands where they say.

How a page writes what can be found is told in docs/course/README.md. The documents lie beside the
project, where there are any; without them, what is said of their text is not checked.
"""

import ast
import dataclasses
import functools
import importlib
import itertools
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest
from absl import flags as absl_flags
from absl.testing import flagsaver
from processes import ROOT

from ganflow import data, models
from ganflow.base.errors import InputError
from ganflow.cli import command

COURSE = ROOT / "docs" / "course"
PAGES = sorted(COURSE.glob("*.md"))
DOCUMENTS = ROOT.parent / "shared" / "documents"
NUMBERS = ("000", "001", "002", "003", "004")
with_documents = pytest.mark.skipif(
    not DOCUMENTS.exists(), reason=f"no documents in {DOCUMENTS}: the course is not held to them"
)

PROGRAMS = {  # and what has to be said for one to parse its flags
    "train": (),
    "describe": (),
    "lab": (),
    "sample": ("--workdir=W",),
    "evaluate": (),
    "ladder": (),
    "gates": (),
    "export": ("--workdir=W", "--out=D"),
    "explore": ("--workdir=W",),
    "compare": (),
}
HAS_MODEL = ("train", "describe", "lab")
ABSL = {"flagfile", "help", "helpfull"}  # there in every program


# ---------------------------------------------------------------- a page, taken apart


@dataclasses.dataclass(frozen=True)
class Span:
    """What stands between two backticks.

    Attributes:
      line: its number.
      text: what it says.
      column: the title of its column in a table; "" elsewhere.
      home: the file of names without a file; "" where none is named.
      document: "004" below a heading "Document 004: ...".
      section: the heading above it.
    """

    line: int
    text: str
    column: str
    home: str
    document: str
    section: str


@dataclasses.dataclass(frozen=True)
class Fence:
    """A block of code, and the places that the line above names."""

    line: int
    kind: str
    lines: list[str]
    places: list[str]


@dataclasses.dataclass
class Page:
    """One file of the course."""

    spans: list[Span]
    fences: list[Fence]
    commands: list[tuple[int, str]]
    headings: list[tuple[int, str, str]]  # line, "##", text
    links: list[tuple[int, str]]
    sections: dict[str, str]  # heading -> all that stands below it


def take_apart(text: str) -> Page:
    page = Page([], [], [], [], [], {})
    home = document = section = above = ""
    titles: list[str] = []
    fence: Fence | None = None
    for number, line in enumerate(text.splitlines(), 1):
        if section:
            page.sections[section] += line + "\n"
        if fence is not None:
            if line.startswith("```"):
                fence = None
            else:
                fence.lines.append(line)
            continue
        if line.startswith("```"):
            fence = Fence(number, line[3:].strip(), [], re.findall(r"`([^`]+)`", above))
            page.fences.append(fence)
            continue
        if heading := re.match(r"(#+) (.+)", line):
            section, home = heading[2], ""
            page.headings.append((number, heading[1], section))
            page.sections[section] = ""
            if len(heading[1]) < 3:
                found = re.match(r"Document (\d{3})\b", section)
                document = found[1] if found else ""
        if line.startswith("    "):
            if re.match(r"ganflow-|bin/", line.strip()):
                page.commands.append((number, line.strip()))
            continue
        if found := re.match(r"Names without a file are of `([^`]+)`", line):
            home = found[1]
        cells = [line]
        if line.startswith("|"):
            cells = re.split(r"(?<!\\)\|", line.strip().strip("|"))
            titles = titles or [cell.strip() for cell in cells]
        else:
            titles = []
        for i, cell in enumerate(cells):
            column = titles[i] if i < len(titles) else ""
            for piece in re.findall(r"`([^`]+)`", cell):
                page.spans.append(Span(number, piece, column, home, document, section))
        page.links += [(number, target) for target in re.findall(r"\]\(([^)\s]+)\)", line)]
        above = line if line.strip() else above
    return page


# ---------------------------------------------------------------- names in files


def member(node: ast.AST, name: str) -> ast.AST | None:
    """What `name` is in a module, a class or a function: where it is defined or first set."""
    inside = node.body if isinstance(node, ast.Module | ast.ClassDef) else list(ast.walk(node))[1:]
    for part in inside:
        if isinstance(part, ast.FunctionDef | ast.ClassDef) and part.name == name:
            return part
        targets = part.targets if isinstance(part, ast.Assign) else [getattr(part, "target", None)]
        if any(name == n.id for t in targets if t for n in ast.walk(t) if isinstance(n, ast.Name)):
            return part
        if isinstance(part, ast.arg) and part.arg == name:
            return part
    if isinstance(node, ast.ClassDef):
        for part in ast.walk(node):  # self.name = ...
            targets = part.targets if isinstance(part, ast.Assign) else []
            for n in (n for target in targets for n in ast.walk(target)):
                if isinstance(n, ast.Attribute) and ast.unparse(n) == f"self.{name}":
                    return part
    return None


@functools.cache
def source(path: str) -> str:
    return (ROOT / path).read_text()


@functools.cache
def tree(path: str) -> ast.Module:
    return ast.parse(source(path))


def find(path: str, name: str) -> ast.AST | None:
    """What a dotted name is in a file: "Gan.d_step"."""
    node: ast.AST | None = tree(path)
    for part in name.split("."):
        node = member(node, part) if node is not None else None
    return node


@functools.cache
def words(path: str) -> set[str]:
    """Every name, and every text of one word, in a file's code."""
    found: set[str] = set()
    for node in ast.walk(tree(path)):
        named = (getattr(node, key, None) for key in ("id", "arg", "attr", "value"))
        found |= {value for value in named if isinstance(value, str)}
    return found


def is_piece(text: str, of: str) -> bool:
    """Whether it stands in one of the lines, and no name is cut in two."""
    before = r"(?<![\w.])" if re.match(r"\w", text) else ""
    after = r"(?!\w)" if re.search(r"\w$", text) else ""
    return re.search(before + re.escape(text) + after, of) is not None and "\n" not in text


def about_name(path: str, name: str) -> str:
    """What is wrong with a name, a default or a piece of a line in a file; "" where nothing is."""
    if path.endswith(".py"):
        if default := re.fullmatch(r"Config\.(\w+) = (.+)", name):
            config = models.load(Path(path).stem).Config()
            found = getattr(config, default[1], None)
            agrees = found == ast.literal_eval(default[2]) and hasattr(config, default[1])
            return "" if agrees else f"{path}: Config.{default[1]} is {found!r}, not {default[2]}"
        if re.fullmatch(r"[A-Za-z_][\w.]*", name):
            if find(path, name) is not None or ("." not in name and name in words(path)):
                return ""
            if "." not in name or find(path, name.partition(".")[0]) is not None:
                return f"{path} has no {name}"
    return "" if is_piece(name, source(path)) else f"{path} has no line with {name}"


# ---------------------------------------------------------------- flags and commands


def parsed(program: str, *args: str) -> set[str]:
    """The flags of a program, after its own parser has taken these; nothing is run.

    Raises:
      InputError: what the program would say.
    """
    names: set[str] = set()

    def parse_only(main, flags_parser):
        flags_parser([program, *args])
        values = absl_flags.FLAGS
        names.update(values)
        for name in ("dataset", "datasets"):
            found = values[name].value if name in values else None
            for one in found if isinstance(found, list) else [found]:
                if one is not None and one not in data.NAMES:
                    raise InputError(f"--{name}={one}: there is no such data set")

    module = importlib.import_module(f"ganflow.programs.{program}")
    before = set(absl_flags.FLAGS)
    with flagsaver.flagsaver(), pytest.MonkeyPatch.context() as patch:
        patch.chdir(ROOT)  # a flag file's path is of the repository
        patch.setattr(command, "run", parse_only)
        module.run()
    return names - before | ABSL


@functools.cache
def flags_of(program: str, model: str) -> set[str]:
    given = (f"--model={model}",) if program in HAS_MODEL else ()
    return parsed(program, *given, *PROGRAMS[program])


def about_flag(text: str, home: str) -> str:
    """What is wrong with `--flag` or `--flag=value` in a section about a file."""
    name, equals, _ = text.removeprefix("--").partition("=")
    own = Path(home).stem if home.startswith("ganflow/models/") else ""
    for program in PROGRAMS:
        for model in [own] if own else models.names():
            known = flags_of(program, model)
            if name not in known and name.removeprefix("no") not in known:
                if program in HAS_MODEL:
                    continue
                break
            if not equals:
                return ""
            given = [f"--model={model}"] * (program in HAS_MODEL and name != "model")
            return refusal(program, *given, *PROGRAMS[program], text)
    return f"--{name} is no flag" + f" of {own}" * bool(own)


def refusal(program: str, *args: str) -> str:
    """What a program says against a command line; "" where it takes it."""
    try:
        parsed(program, *args)
    except InputError as error:
        return str(error)
    return ""


def about_command(text: str) -> str:
    started, *args = shlex.split(text, comments=True)
    program = re.sub(r"^(ganflow-|bin/)|\.py$", "", started)
    if program not in PROGRAMS:
        return f"{started} is no program"
    helpful = [arg for arg in args if arg.lstrip("-") in ("help", "helpfull")]
    return refusal(program, *(arg for arg in args if arg not in helpful))


# ---------------------------------------------------------------- complaints


def is_of_document(span: Span) -> bool:
    return span.column.startswith(("document 0", "document 004 gives", "in the documents"))


def about_span(text: str, home: str) -> str:
    """What is wrong with something in backticks; "" where nothing is."""
    path, colon, rest = text.partition(": ")
    if text.startswith("--"):
        return about_flag(text, home)
    if re.match(r"ganflow-|bin/\w+\.py ", text):
        return about_command(text)
    is_path = re.fullmatch(r"[\w.-]+(/[\w.-]+)*/?", path) and "/" in path
    if is_path or (ROOT / path).is_file():
        if not (ROOT / path).exists():
            return f"there is no file {path}"
        return about_name(path, rest) if colon else ""
    if text in models.names() or text in data.NAMES:
        return ""
    if re.fullmatch(r"\w+\.(png|jsonl|txt)", text):  # what a run leaves behind
        there = text in source("ganflow/programs/train.py")
        return "" if there else f"no run writes {text}"
    if home:
        return about_name(home, text)
    return f"{text}: in which file?"


def about_fence(fence: Fence) -> str:
    """What is wrong with a block of code."""
    wanted = 2 if fence.kind == "diff" else 1
    if len(fence.places) < wanted or fence.kind not in ("diff", "python", "text"):
        return f"a block of {fence.kind or 'nothing'} below a line that names no file of it"
    marks = {"diff": ("- ", "+ ")}.get(fence.kind, ("",))
    for place, mark in zip(fence.places, marks, strict=False):
        lines = [line for line in fence.lines if not mark or line[:1] in mark]
        lines = [line[bool(mark) :].strip() for line in lines]
        if not lines:
            return f"no line of {place}"
        if problem := about_lines([line for line in lines if line], place):
            return problem
    return ""


def about_lines(lines: list[str], place: str) -> str:
    """Lines that follow each other in a file, or in something in it; "..." leaves some out."""
    path, _, name = place.partition(": ")
    if problem := about_span(place, ""):
        return problem
    text = source(path).splitlines()
    if name:
        node = find(path, name)
        text = text[node.lineno - 1 : node.end_lineno]
    left = [line.strip() for line in text if line.strip()]
    for line in lines:
        if line != "..." and line not in left:
            return f"{place} has no line {line}"
    for is_gap, group in itertools.groupby(lines, lambda line: line == "..."):
        run = list(group)
        starts = [i for i in range(len(left)) if left[i : i + len(run)] == run]
        if not is_gap and not starts:
            return f"{place}: these lines do not follow each other, {run[0]} to {run[-1]}"
        left = left if is_gap else left[starts[0] + len(run) :]
    return ""


def slug(heading: str) -> str:
    """What a heading's anchor is called."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def about_link(target: str) -> str:
    if target.startswith("http"):
        return ""
    file, _, anchor = target.partition("#")
    path = (COURSE / file).resolve() if file else None
    if path is not None and not path.exists():
        return f"there is no file {file}"
    if not anchor or path is None:
        return ""
    there = {slug(text) for _, _, text in take_apart(path.read_text()).headings}
    return "" if anchor in there else f"{file} has no heading #{anchor}"


def complaints(text: str) -> list[str]:
    """Whatever is wrong with a page, for reasons that lie in this project: "line 3: ..."."""
    page = take_apart(text)
    found = [
        (span.line, about_span(span.text, span.home))
        for span in page.spans
        if not is_of_document(span)
    ]
    found += [(fence.line, about_fence(fence)) for fence in page.fences]
    found += [(line, about_command(command)) for line, command in page.commands]
    found += [(line, about_link(target)) for line, target in page.links]
    here = {slug(heading) for _, _, heading in page.headings}
    for line, target in page.links:
        if target.startswith("#") and target[1:] not in here:
            found.append((line, f"this page has no heading {target}"))
    return [f"line {line}: {problem}" for line, problem in sorted(found) if problem]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_whatever_a_page_names_is_there(path):
    assert complaints(path.read_text()) == []


def test_the_pages_are_all_there():
    assert {path.stem for path in PAGES} >= {"README", "concordance", "map"}


SABOTAGE = {  # page, what stands there, what is put in its place, what is found
    "method": ("concordance", "`Gan.generate`", "`Gan.generated`", "has no Gan.generated"),
    "function": ("concordance", "draws.py: order`", "draws.py: orders`", "has no orders"),
    "attribute": ("concordance", "`Gan.side`", "`Gan.sides`", "has no Gan.sides"),
    "file": ("concordance", "`tests/test_twins.py`", "`tests/test_twin.py`", "no file tests/"),
    "piece of a line": ("concordance", "`self.z = Normal(", "`self.z = Norma(", "no line"),
    "default": ("concordance", "`Config.z_size = 256`", "`Config.z_size = 25`", "is 256, not 25"),
    "file of a run": ("concordance", "`strip.png`", "`stripe.png`", "no run writes stripe.png"),
    "flag": ("concordance", "`--random_labels`", "`--random_label`", "--random_label is no flag"),
    "flag of others": ("concordance", "`--dropout_rate=0`", "`--beta_1=0`", "no flag of simple_k"),
    "value": ("concordance", "`--g_output=linear`", "`--g_output=relu`", "--g_output=relu"),
    "model": ("map", "`--model=infogan`", "`--model=infgan`", "did you mean infogan"),
    "command": ("README", "ganflow-lab --model", "ganflow-lab --modle", "--modle"),
    "program": ("README", "    ganflow-lab", "    ganflow-labs", "ganflow-labs is no program"),
    "preset": ("map", "=configs/cgan_fast.flags", "=configs/cgan_fats.flags", "cgan_fats"),
    "data set": ("map", "--dataset=pacgan_ring", "--dataset=pacgan_rink", "=pacgan_rink: there"),
    "line": ("map", "packs = layers.pack(x,", "packs = layers.pact(x,", "no line packs"),
    "equation": ("map", "- k L(G(z_D))", "+ k L(G(z_D))", "no line D's loss: L(x) + k"),
    "old line": (
        "map",
        "-        x = layers.upsample(x)",
        "-        x = layers.upsampled(x)",
        "no line",
    ),
    "lines between": ("map", "...\n            g_loss", "            g_loss", "do not follow"),
    "place": ("map", "In `ganflow/models/pacgan.py: Gan._judge`", "In PacGAN", "names no file"),
    "link": ("map", "gates.md#began", "gates.md#begin", "gates.md has no heading #begin"),
    "link to a file": ("README", "](map.md)", "](maps.md)", "there is no file maps.md"),
    "nothing known": ("README", "`samples.png`", "`sampled`", "sampled: in which file?"),
}


def excerpt(text: str, piece: str) -> str:
    """The section of a page in which something stands first."""
    parts = re.split(r"^(?=#)", text, flags=re.MULTILINE)
    return next(part for part in parts if piece in part)


def found_after(change, check, text: str) -> str:
    """The complaints that a change to a text gives rise to."""
    changed = change(text)
    assert changed != text
    return "; ".join(one for one in check(changed) if one not in check(text))


@pytest.mark.parametrize("what", SABOTAGE)
def test_what_is_wrong_is_found(what):
    page, there, instead, expected = SABOTAGE[what]
    text = excerpt((COURSE / f"{page}.md").read_text(), there)
    assert expected in found_after(lambda old: old.replace(there, instead, 1), complaints, text)


# ---------------------------------------------------------------- the map and the models


def staleness(text: str) -> list[str]:
    """Where the map lags behind ganflow/models."""
    sections = take_apart(text).sections
    abouts = {name: models.load(name).__doc__.partition("\n")[0] for name in models.names()}
    found = []
    for heading, body in sections.items():
        ids = re.findall(r"\((\d{4}\.\d{5})\)", heading)
        there = [name for name, about in abouts.items() if ids and f"arXiv {ids[0]}" in about]
        if there and "*In preparation.*" in body:
            found.append(f"{heading}: in preparation, and there is ganflow/models/{there[0]}.py")
    found += [
        f"no section has ganflow/models/{name}.py"
        for name in models.names()
        if f"ganflow/models/{name}.py" not in text and f"| `{name}` |" not in text
    ]
    return found


def test_the_map_has_every_model_and_none_in_preparation_that_is_there():
    assert staleness((COURSE / "map.md").read_text()) == []


def test_a_map_that_lags_behind_is_found():
    text = (COURSE / "map.md").read_text()
    forgotten = found_after(lambda old: old.replace("models/began.py", ""), staleness, text)
    assert forgotten == "no section has ganflow/models/began.py"
    still = found_after(
        lambda old: old.replace(
            "After the vanilla GAN. D no longer", "*In preparation.* D no longer"
        ),
        staleness,
        text,
    )
    assert still == "BEGAN (1703.10717): in preparation, and there is ganflow/models/began.py"


# ---------------------------------------------------------------- the documents


def squeezed(text: str) -> str:
    return re.sub(r"\s+", "", text)


def document_text(number: str) -> str:
    (path,) = DOCUMENTS.glob(f"{number}_*.txt")
    return path.read_text()


def document_headings(text: str) -> list[tuple[int, str]]:
    """(place in the squeezed text, title) of a document's headings, without its stars."""
    found = []
    for line in re.finditer(r"^#+ (.+)$", text, re.MULTILINE):
        found.append((len(squeezed(text[: line.start()])), line[1].strip("* ")))
    return found


def disorder(text: str) -> list[str]:
    """What a page says to stand in a document, and does not, or not in that place."""
    page, found = take_apart(text), []
    everywhere = squeezed("".join(map(document_text, NUMBERS)))
    spans: dict[tuple[str, str], list[Span]] = {}
    for span in filter(is_of_document, page.spans):
        if span.document:
            spans.setdefault((span.document, span.section), []).append(span)
        elif span.column.startswith("in the") and squeezed(span.text) not in everywhere:
            found.append(f"line {span.line}: no document has {span.text}")
    for (number, section), of_section in spans.items():
        whole, title = document_text(number), section.partition(" · ")[2]
        places = [place for place, heading in document_headings(whole) if heading == title]
        if not places:
            found.append(f"document {number} has no section {title}")
            continue
        whole, row_place, row_line = squeezed(whole), places[0], 0
        for span in of_section:
            place = whole.find(squeezed(span.text), row_place)
            if place < 0:
                where = "has no" if squeezed(span.text) not in whole else "has earlier"
                found.append(f"line {span.line}: document {number} {where} {span.text}")
            elif span.line != row_line:
                row_place, row_line = place, span.line
    return found


@with_documents
def test_what_is_said_of_a_document_stands_there_in_its_order():
    for path in PAGES:
        assert disorder(path.read_text()) == [], path.name


def statements(text: str) -> Iterator[str]:
    """Every statement of the code that a document prints, squeezed; tables of networks are none."""
    for block in re.findall(r"^```\w*\n(.*?)^```", text, re.DOTALL | re.MULTILINE):
        if "Layer (type)" in block or "Tensorflow/Keras" in block:  # tables, versions
            continue
        gathered = ""
        for line in block.splitlines():
            line = re.sub(r"(^|[\s*])(#|//).*", "", line)
            gathered += squeezed(line)
            if gathered.count("(") <= gathered.count(")"):
                if re.search(r"\w", gathered):
                    yield gathered
                gathered = ""


def untold(text: str) -> list[str]:
    """Statements of the documents of which no row of the concordance has a part."""
    told: dict[str, set[str]] = {number: set() for number in NUMBERS}
    for span in filter(is_of_document, take_apart(text).spans):
        told.setdefault(span.document, set()).add(squeezed(span.text))
    return [
        f"document {number}: {statement}"
        for number in NUMBERS
        for statement in statements(document_text(number))
        if not statement.startswith(tuple(told[number]))
    ]


@with_documents
def test_every_statement_of_the_documents_has_its_row():
    assert untold((COURSE / "concordance.md").read_text()) == []


def misnamed(text: str) -> list[str]:
    """Rows of the map whose name and ids do not stand in one row of document 004's table.

    A name alone, or an id alone, has to stand anywhere in its text.
    """
    rows: dict[int, list[str]] = {}
    for span in take_apart(text).spans:
        if span.column == "document 004 gives":
            rows.setdefault(span.line, []).append(span.text)
    whole = document_text("004")
    of_table = [re.split(r"[|\s<>]*\|[|\s<>]*", line) for line in whole.splitlines()]
    return [
        f"line {number}: document 004 has not {' and '.join(names)}"
        for number, names in rows.items()
        if not any(
            names[0] in cells and all(name in " ".join(cells) for name in names[1:])
            for cells in (of_table if len(names) > 1 else [[names[0]] * (names[0] in whole)])
        )
    ]


@with_documents
def test_the_map_gives_the_ids_that_document_004_gives():
    assert misnamed((COURSE / "map.md").read_text()) == []


OF_DOCUMENTS = {
    "line": (disorder, "`n_z = 256`", "`n_z = 255`", "document 004 has no n_z = 255"),
    "order": (disorder, "`b_initializer = tf", "`b_optimizer = tf", "has no b_optimizer"),
    "section": (disorder, "· 总结", "· 结论", "document 004 has no section 结论"),
    "word": (disorder, "`feed_dict`", "`feed_dicts`", "no document has feed_dicts"),
    "row": (untold, "`z = g_model`", "a row without it", "document 004: z=g_model"),
    "call": (untold, "`discriminator.fit(xs, ys);`", "training", "discriminator.fit(xs,ys);"),
}


@with_documents
@pytest.mark.parametrize("what", OF_DOCUMENTS)
def test_what_is_wrong_of_a_document_is_found(what):
    check, there, instead, expected = OF_DOCUMENTS[what]
    text = (COURSE / "concordance.md").read_text()
    assert expected in found_after(lambda old: old.replace(there, instead, 1), check, text)


@with_documents
def test_rows_that_change_places_and_ids_that_do_are_found():
    text = (COURSE / "concordance.md").read_text()
    rows = [
        line for line in text.splitlines() if line.startswith("| **6**") or "| `d_loss = -" in line
    ]
    assert len(rows) == 2

    def swap(old: str) -> str:
        return old.replace("\n".join(rows), "\n".join(reversed(rows)))

    assert "document 004 has earlier g_loss" in found_after(swap, disorder, text)
    right = found_after(
        lambda old: old.replace("`StackGAN`, `1710.10916`", "`StackGAN`, `1612.03242`"),
        misnamed,
        (COURSE / "map.md").read_text(),
    )
    assert "document 004 has not StackGAN and 1612.03242" in right
