"""The lessons of the course: their programs print what the pages say, and the exercises check."""

import importlib.util
import re

import pytest
from processes import ROOT

COURSE = ROOT / "docs" / "course"
PAGES = sorted(COURSE.glob("*.md"))
COMMAND = re.compile(r"^ +python (docs/course/programs/(\w+)\.py)(.*)$", re.MULTILINE)
PRINTS = re.compile(
    r"^    python docs/course/programs/(\w+)\.py\n\nprints\n\n((?:    .*\n)+)", re.M
)
QUICK = ("by_hand", "convolutions")  # the others train
NUMBER = re.compile(r"(?<![\w.])-?\d[\d,]*\.?\d*(?:e[-+]\d+)?")
PRINTED = [
    pytest.param(path, *found, id=found[0], marks=() if found[0] in QUICK else pytest.mark.slow)
    for path in PAGES
    for found in PRINTS.findall(path.read_text())
]


def program(name: str):
    """The module of a lesson's program."""
    path = COURSE / "programs" / f"{name}.py"
    spec = importlib.util.spec_from_file_location(f"lesson_{name}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def differences(said: str, printed: str) -> list[str]:
    """Lines that differ in a word, or in a number by more than 5 % and .02: trainings do."""
    found, pair = [], (said.split("\n"), printed.split("\n"))
    if len(pair[0]) != len(pair[1]):
        return [f"{len(pair[0])} lines and {len(pair[1])}"]
    for a, b in zip(*pair, strict=True):
        words = [" ".join(NUMBER.sub("#", line).split()) for line in (a, b)]
        numbers = [[float(n.replace(",", "")) for n in NUMBER.findall(line)] for line in (a, b)]
        if words[0] != words[1] or numbers[0] != pytest.approx(numbers[1], rel=0.05, abs=0.02):
            found.append(f"{a} | {b}")
    return found


@pytest.mark.parametrize(("path", "name", "block"), PRINTED)
def test_a_lesson_quotes_what_its_program_prints(path, name, block, capsys):
    program(name).main()
    said = "\n".join(line[4:].rstrip() for line in block.rstrip().split("\n"))
    printed = "\n".join(line.rstrip() for line in capsys.readouterr().out.rstrip().split("\n"))
    assert differences(said, printed) == []


def test_another_figure_or_another_word_is_a_difference():
    assert differences("step 1,000: .5 and 3.25", "step 1,000: .5 and 3.27") == []
    assert differences("step 1,000: 3.25", "step 1,000: 3.5")
    assert differences("step 1,000: 3.25", "steps 1,000: 3.25")


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)
def test_every_program_that_a_page_runs_is_there_and_says_so_itself(path):
    for name in (found[0] for found in COMMAND.findall(path.read_text())):
        assert f"python {name}" in (ROOT / name).read_text()


def test_the_site_has_every_page():
    text = (ROOT / "docs" / "site" / "index.md").read_text()
    pages = [path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != "site"]
    assert set(re.findall(r"^\.\./(.*)$", text, re.M)) == {
        path.relative_to(ROOT / "docs").with_suffix("").as_posix() for path in pages
    } | {"../README", "../BUILD"}


def test_every_lesson_program_is_run_by_a_page():
    there = {path.name for path in (COURSE / "programs").glob("*.py")}
    named = {f"{found[1]}.py" for path in PAGES for found in COMMAND.findall(path.read_text())}
    assert named == there


# ---------------------------------------------------------------- exercises


EXERCISE = program("exercise")
ANSWERS = {  # right, wrong
    1: ("0", "6"),
    2: ("0", "-1.386"),
    3: ("0.75", "0.7"),
    4: ("99", "100"),
    5: ("690", "672"),
    8: ("6", "5"),
}


def test_the_page_asks_what_the_program_does(capsys):
    EXERCISE.main([])
    words = " ".join(capsys.readouterr().out.split())
    assert words in " ".join((COURSE / "exercises.md").read_text().split())
    assert all(f"{number}. (lesson" in words for number in EXERCISE.EXERCISES)


@pytest.mark.parametrize("number", ANSWERS)
def test_a_right_answer_is_told_from_a_wrong_one(number, capsys):
    right, wrong = ANSWERS[number]
    assert EXERCISE.main([str(number), right]) == 0
    assert capsys.readouterr().out == f"{right}: right\n"
    assert EXERCISE.main([str(number), wrong]) == 1
    assert capsys.readouterr().out == f"{wrong}: not so\n"


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["99", "1"], "there are exercises 1 to 8"),
        (["first"], "there are exercises 1 to 8"),
        (["3"], "found 0 words, expected D"),
        (["3", "three"], "found 'three', expected a number"),
        (["7", "mode_collapse", "nan"], "found 'nan', expected a number"),
    ],
)
def test_what_is_no_answer_is_told_in_a_line(words, told, capsys):
    assert EXERCISE.main(words) == 2
    said = capsys.readouterr()
    assert said.out == "" and told in said.err and said.err.count("\n") == 1


@pytest.mark.slow
@pytest.mark.parametrize("number", [6, 7])
def test_the_exercises_that_train_have_an_illness_for_an_answer(number):
    """The step is the machine's in its last digits, so only that there is one."""
    illness, step = EXERCISE.EXERCISES[number].solve()
    assert illness != "none" and step > 0


def test_every_exercise_is_tested():
    assert {*ANSWERS, 6, 7} == set(EXERCISE.EXERCISES)
