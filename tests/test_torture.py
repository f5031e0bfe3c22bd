"""What `make torture` tries, in short; and that its cases notice what is broken on purpose."""

from dataclasses import fields

import pytest

from benchmarks.reliability import (
    here,
    hostile,
    mutations,
    point_1_kills,
    point_2_damage,
    point_6_writers,
    point_7_inputs,
    points,
    report,
    taken_away,
    trying,
)
from ganflow import models
from ganflow.engine import options
from ganflow.storage import workdir


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    return tmp_path_factory.mktemp("shared")


def broken(outcome: trying.Outcome) -> list[str]:
    """The promises that a case found broken, after checking that it tried some."""
    assert outcome.tries > 0 and not outcome.skipped
    return outcome.broken


# ---------------------------------------------------------------- the points, in short


def test_after_a_loss_of_power_what_was_saved_is_there(tmp_path):
    assert broken(point_1_kills.power_loss(tmp_path, saves=3)) == []


def test_every_number_of_a_run_is_saved(tmp_path):
    assert broken(point_1_kills.saved_and_restored(tmp_path)) == []


@pytest.mark.parametrize("name", ["weights.data-00000-of-00001", "weights.index", "manifest.json"])
def test_a_flipped_bit_is_noticed_wherever_it_is(shared, name, tmp_path):
    checkpoint, _ = hostile.sound_manifest(shared / "run")
    assert broken(point_2_damage.regions(checkpoint / name, tmp_path, count=16)) == []


def test_locks_of_all_sorts(tmp_path):
    for attempt in (point_6_writers.abandoned_locks, point_6_writers.strange_locks):
        folder = workdir.make(tmp_path / attempt.__name__)
        assert broken(attempt(folder)) == []
    assert broken(point_6_writers.foreign_locks(tmp_path, ["of bytes that are no text"])) == []


LAB = "URL or command of the lab's page"


@pytest.mark.parametrize(
    "parser",
    [*(p for p in point_7_inputs.PARSERS if p != LAB), pytest.param(LAB, marks=pytest.mark.slow)],
)
def test_generated_inputs_are_read_or_refused(parser, shared, tmp_path):
    found = point_7_inputs.parser_case(parser, 10**6, 25, shared, tmp_path)  # a seed of its own
    assert broken(found) == [] and found.tries >= 25


def test_files_of_strangers_run_no_code(shared, tmp_path):
    assert broken(hostile.attempts(shared / "run", tmp_path)) == []


@pytest.mark.slow
def test_a_workdir_that_vanishes_ends_the_run(tmp_path):
    assert broken(taken_away.vanishes(tmp_path / "shared", tmp_path, rows=(2,))) == []


# ---------------------------------------------------------------- broken on purpose


def test_a_checksum_that_is_not_compared_is_noticed(shared, tmp_path):
    checkpoint, _ = hostile.sound_manifest(shared / "run")
    piece = "if _sha256(path / name) != sha256:"
    with mutations.replaced("ganflow.storage.checkpoints", piece, "if False:"):
        found = point_2_damage.regions(checkpoint / "weights.index", tmp_path, count=8)
    assert any("was taken" in fault for fault in broken(found))


@pytest.mark.parametrize(
    ("module", "piece", "by"),
    [
        ("ganflow.storage.checkpoints", "_sha256(p, sync=True)", "_sha256(p)"),
        ("ganflow.storage.workdir", "                os.fsync(file.fileno())\n", ""),
    ],
    ids=["weights", "manifest"],
)
def test_a_rename_before_fsync_is_noticed(module, piece, by, tmp_path):
    with mutations.replaced(module, piece, by):
        found = point_1_kills.power_loss(tmp_path, saves=2)
    assert len(broken(found)) == 2


def test_a_lock_that_is_not_taken_is_noticed(tmp_path):
    piece = "fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)"
    with mutations.replaced("ganflow.storage.workdir", piece, "pass"):
        found = point_6_writers.foreign_locks(tmp_path, ["empty"])
    assert any("was locked, and not refused" in fault for fault in broken(found))


def test_a_lock_that_follows_links_is_noticed(tmp_path):
    with mutations.replaced("ganflow.storage.workdir", " | os.O_NOFOLLOW", ""):
        found = point_6_writers.strange_locks(tmp_path)
    assert any("a file outside of the workdir was written" in fault for fault in broken(found))


def test_sums_that_are_not_saved_are_noticed(tmp_path):
    piece = ', "means": self.means}'
    with mutations.replaced("ganflow.engine.run", piece, "}"):
        found = point_1_kills.saved_and_restored(tmp_path, here.Here(**here.CIRCLE))
    assert any("something was not saved" in fault for fault in broken(found))


def test_a_strangers_model_that_is_run_is_noticed(shared, tmp_path):
    piece = 'if name.endswith(".py") and Path(name).resolve() not in cache.own_models():'
    with mutations.replaced("ganflow.models", piece, "if False:"):
        found = hostile.attempts(shared / "run", tmp_path)
    assert any("it ran code" in fault for fault in broken(found))


@pytest.mark.slow
def test_a_workdir_that_is_made_anew_is_noticed(tmp_path):
    with mutations.replaced("ganflow.storage.workdir", "    if is_lost:\n", "    if False:\n"):
        found = taken_away.vanishes(tmp_path / "shared", tmp_path, rows=(2,), how=("renamed",))
    assert broken(found)


def test_a_piece_that_is_gone_is_told():
    with pytest.raises(ValueError, match="0 times"):
        mutations.replace("ganflow.storage.workdir", "no such piece", "")


# ---------------------------------------------------------------- the command


def _point(cases) -> trying.Point:
    return trying.Point(1, "Title", "It holds.", "Often.", lambda shared: cases, "Nothing else.")


def test_what_held_is_not_tried_again_and_what_broke_or_was_cut_is(tmp_path):
    tried = []

    def attempt(name, fault=""):
        def of(folder):
            tried.append(name)
            outcome = trying.Outcome()
            outcome.saw("held", fault)
            return outcome

        return trying.Case(name, of)

    cases = [attempt("a"), attempt("b", "it broke"), attempt("c")]
    lines: list[str] = []
    trying.try_all([_point(cases)], tmp_path, scale=0.7, tell=lines.append)
    assert tried == ["a", "b"] and len(lines) == 2 and "it broke" in lines[1]
    with open(tmp_path / "results.jsonl", "a") as file:
        file.write('{"point": 1, "case": "c", "bro')  # a kill came here
    results = trying.try_all([_point(cases)], tmp_path, scale=1, tell=lines.append)
    assert tried == ["a", "b", "b", "c"]
    assert [row["case"] for row in results.rows] == ["a", "b", "c"]
    assert (tmp_path / "point_1" / "broken, b").is_dir()
    cases[1] = attempt("b")  # it was mended
    results = trying.try_all([_point(cases)], tmp_path, scale=1, tell=lines.append)
    assert tried[4:] == ["b"] and not any(row["broken"] for row in results.rows)
    assert trying.Results(results.path).rows == results.rows


def test_the_report_counts_what_happened(tmp_path):
    point, results = _point([]), trying.Results(tmp_path / "results.jsonl")
    assert "not yet tried" in report.as_markdown([point], results, "make torture")
    outcome = trying.Outcome(figures={"memory_mb": 3})
    for _ in range(3):
        outcome.saw("went on")
    outcome.saw("went on", "it broke")
    results.add(point, trying.Case("x, part 1", None), outcome, 1.0)
    text = report.as_markdown([point], trying.Results(results.path), "make torture")
    for told in (
        "3 times: went on",
        "**broken**: it broke",
        "**Cases so far**, 1: x.",
        "in 4 tries, ",
        "memory mb",
    ):
        assert told in text


def test_a_case_that_fails_by_itself_is_no_success(tmp_path):
    def fails(folder):
        raise ZeroDivisionError("by itself")

    lines: list[str] = []
    results = trying.try_all(
        [_point([trying.Case("x", fails)])], tmp_path, scale=1, tell=lines.append
    )
    assert results.rows[0]["broken"] == ["the case ended in ZeroDivisionError: by itself"]


def test_every_point_says_what_it_promises_and_names_its_cases_once():
    assert [point.number for point in points.ALL] == list(range(1, 10))
    for point in points.ALL:
        assert point.promise and point.how


@pytest.mark.parametrize("kind", point_1_kills.KINDS)
def test_a_run_that_is_to_be_killed_has_flags_of_its_model(kind):
    words = dict(word.removeprefix("--").split("=") for word in point_1_kills.KINDS[kind])
    config = models.load(words.pop("model")).Config()
    known = {field.name for each in (config, options.Options()) for field in fields(each)}
    assert words.keys() <= known
    assert int(words["steps"]) > int(words["summary_every"])
