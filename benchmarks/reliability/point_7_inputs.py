"""Point 7: inputs that nobody would write, at every place where something is read."""

import contextlib
import functools
import json
import shutil
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import hypothesis
from hypothesis import strategies as st

from benchmarks.reliability import generated, hostile, memory
from benchmarks.reliability.trying import Case, Outcome, Point
from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data.readers import files
from ganflow.interface import captions
from ganflow.ladder import plans
from ganflow.pictures import strips
from ganflow.storage import checkpoints, workdir
from ganflow.trained import inputs, loading
from ganflow.workers import cluster
from tests import webs

CHUNK, CHUNKS = 250, 4  # inputs of a parser in a case; cases of a parser
MOST_MB, MOST_SECONDS = 1024, 10  # more memory than before; of one input
_VOCABULARY = ("", "a", "circle", "red", "small")


class Places:
    """Where inputs are put, and what reads them there."""

    def __init__(self, folder: Path):
        self.folder = folder

    def flag_file(self, text: str) -> None:
        """Given as --flagfile."""
        path = self.folder / "x.flags"
        path.write_text(text, errors="surrogatepass")
        hostile.parse_command_line([f"--flagfile={path}"])

    def plan_file(self, text: str) -> None:
        """Given as --plan of a ladder."""
        path = self.folder / "x.plan"
        path.write_text(text, errors="surrogatepass")
        for entry in plans.read_plan_file(path):
            plans.resolve(entry, None, "")

    def caption(self, text: str) -> None:
        """Given as --caption, and as those of a data set."""
        captions.split(text)
        try:
            captions.vocabulary_of([text])
            ids = captions.ids([text], _VOCABULARY, 4)
        except ValueError as error:  # which its callers tell in a line
            raise InputError(str(error)) from error
        captions.words(ids[0], _VOCABULARY)

    def picture(self, content: bytes) -> None:
        """Given as --input, and in a folder of pictures."""
        for name, channels in (("x.png", 1), ("x.jpg", 0)):
            path = self.folder / name
            path.write_bytes(content)
            with files.reading(str(path)):
                inputs.read(path, channels)

    def log(self, content: bytes) -> None:
        """A workdir's metrics.jsonl."""
        for old in self.folder.glob("metrics.jsonl*"):
            old.unlink()
        log = workdir.Metrics(self.folder)
        log.path.write_bytes(content)
        log.rows()
        log.keep_until(20)
        log.append({"step": 30})
        if [row["step"] for row in log.rows()][-1:] != [30]:
            raise AssertionError("a row that was added is not read")

    def strip(self, content: bytes) -> None:
        """A workdir's strip.npz."""
        path = self.folder / "strip.npz"
        path.write_bytes(content)
        strips.read_strip(path, 20)

    def data_file(self, content: bytes) -> None:
        """Given as --data_dir, read as each kind of file."""
        path = self.folder / "data"
        path.write_bytes(content)
        refused = None
        for kind in ("npy", "npz", "idx"):
            try:
                data.load(kind, str(path))
            except InputError as error:
                refused = error
        if refused:
            raise refused

    def manifest(self, told: dict) -> None:
        """A checkpoint's, its own digest agreeing."""
        newest = self.folder / "checkpoints" / "000000002" / "manifest.json"
        told.pop("sha256", None)
        told["sha256"] = checkpoints._sha256_of_manifest(told)
        newest.write_text(json.dumps(told))
        sound = checkpoints.newest_sound(self.folder / "checkpoints")
        if sound.step == 2:
            loading.untrained(sound.manifest)

    def cluster(self, text: str) -> None:
        """TF_CONFIG."""
        cluster.from_tf_config({"TF_CONFIG": text})


class Lab:
    """The lab's page, asked as any page might."""

    def __init__(self, page: webs.Page):
        self.page = page

    def ask(self, asked: tuple) -> None:
        """A URL, or a command."""
        path, query, body, is_command = asked
        if is_command:
            answer = self.page._client.post(
                f"/{webs.TOKEN}/command",
                data=body,
                content_type="application/json",
                headers=webs.HOST,
            )
        else:
            query["after"] = "0"  # a page that asks for later frames is kept waiting
            path = path.replace("?", "%3F")  # its query is given apart
            answer = self.page.get(path, query_string=query)
        if answer.status_code >= 500:
            raise AssertionError(f"status {answer.status_code}")
        if answer.status_code >= 400:
            raise InputError(" ".join(answer.text.split()))


@contextlib.contextmanager
def _reader(parser: str, shared: Path, folder: Path) -> Iterator[tuple]:
    """(What makes inputs, what reads one)."""
    places = Places(folder)
    if parser == "URL or command of the lab's page":
        asked = st.tuples(generated.PATHS, generated.QUERIES, generated.BODIES, st.booleans())
        with webs.page(webs.setting()) as page:
            yield asked, Lab(page).ask
    elif parser == "manifest":
        _, sound = hostile.sound_manifest(shared / "run")
        shutil.copytree(shared / "run" / "checkpoints", folder / "checkpoints")
        yield generated.changed_json(sound), places.manifest
    else:
        yield {
            "command line": (generated.COMMAND_LINES, hostile.parse_command_line),
            "flag file": (generated.FLAG_FILES, places.flag_file),
            "plan file": (generated.PLANS, places.plan_file),
            "caption": (generated.CAPTIONS, places.caption),
            "picture": (generated.PICTURES, places.picture),
            "metrics.jsonl": (generated.LOGS, places.log),
            "strip.npz": (generated.STRIPS, places.strip),
            "data file": (generated.DATA, places.data_file),
            "TF_CONFIG": (generated.CLUSTERS, places.cluster),
        }[parser]


PARSERS = (
    *("command line", "flag file", "plan file", "manifest", "caption", "picture"),
    *("URL or command of the lab's page", "metrics.jsonl", "strip.npz", "data file"),
)


def parser_case(parser: str, chunk: int, count: int, shared: Path, folder: Path) -> Outcome:
    """So many generated inputs of one parser, and the memory that they took."""
    outcome = Outcome()
    with _reader(parser, shared, folder) as (strategy, read):
        before_mb = memory.forget_peak()
        for_all(strategy, count, chunk, functools.partial(_one, outcome, parser, read))
    outcome.figures["memory_mb"] = round(max(0.0, memory.peak_mb() - before_mb))
    if outcome.figures["memory_mb"] > MOST_MB:
        outcome.saw("", f"{parser}: took {outcome.figures['memory_mb']} MB")
    return outcome


def for_all(strategy, count: int, seed: int, check: Callable) -> None:
    """Have Hypothesis make so many inputs, and check each."""

    @hypothesis.settings(
        max_examples=count,
        deadline=None,
        database=None,
        phases=[hypothesis.Phase.generate],
        suppress_health_check=list(hypothesis.HealthCheck),
    )
    @hypothesis.seed(seed)
    @hypothesis.given(strategy)
    def checked(one):
        check(one)

    checked()


def _one(outcome: Outcome, parser: str, read: Callable, given) -> None:
    shown, since, fault, what = repr(given)[:150], time.monotonic(), "", "read"
    try:
        read(given)
    except InputError as error:
        what = "refused in a line"
        fault = "" if "\n" not in str(error) else f"more than a line: {str(error)[:150]!r}"
    except SystemExit as error:
        fault = f"ended the process with {error.code}"
    except Exception as error:
        fault = f"{type(error).__name__}: {str(error)[:150]}"
    seconds = time.monotonic() - since
    if seconds > MOST_SECONDS:
        fault = fault or f"took {seconds:.0f} s"
    outcome.saw(what, fault and f"{parser}, {shown}: {fault}")


def cases(shared: Path) -> list[Case]:
    """A part of each parser's inputs, and again; what would like to run code."""
    made = [
        Case(
            "files that would like to run code",
            lambda folder: hostile.attempts(shared / "run", folder),
        )
    ]
    for chunk in range(CHUNKS):
        for parser in (*PARSERS, "TF_CONFIG"):
            made.append(
                Case(
                    f"{parser}, part {chunk + 1}",
                    lambda folder, p=parser, c=chunk: parser_case(p, c, CHUNK, shared, folder),
                )
            )
    return made


POINT = Point(
    number=7,
    title="Generated inputs",
    promise="Whatever is written in a flag, a file or an address, it is read, or refused in one "
    f"line: no traceback, no more than {MOST_MB} MB of memory beyond what was held before, no more "
    f"than {MOST_SECONDS} seconds, and nothing in it is executed.",
    how=f"Hypothesis made {CHUNK * CHUNKS:,} inputs for each of {', '.join(PARSERS)}, TF_CONFIG: "
    "texts, numbers beyond bounds, JSON with values of other types at any depth, sound files with "
    "bytes changed, cut out, doubled or put in. Besides, files made to run code: pickles in "
    "arrays, strips and weights, a manifest that names a Python file, words of a shell.",
    not_promised="A flag file, a plan and a model's file are programs of whoever wrote them: "
    "`--model=FILE` in them runs that file (docs/security.md). How much memory a model takes that "
    "somebody asks for is not bounded by what reads the asking.",
    cases=cases,
)
