"""Pictures a second that the lab's page gets, and what a page that looks on takes of the training.

    python benchmarks/lab.py --seconds=20 --rounds=5 -- --model=circle

What follows `--` goes to `bin/lab.py --browser`; without it that is the circle. Each round is one
measurement with a page that looks and one without, whose order alternates. The page is a client
that asks as the page's script does: for the next picture as soon as one has come, which it then
decodes. With --chromium it is the page itself, which also draws; tests/browsing.py drives it.
"""

import base64
import contextlib
import json
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from absl import app, flags

_SECONDS = flags.DEFINE_float("seconds", 20.0, "Of each measurement.", lower_bound=0.5)
_ROUNDS = flags.DEFINE_integer("rounds", 5, "With a page and without.", lower_bound=1)
_CHROMIUM = flags.DEFINE_boolean("chromium", False, "The page itself, in a headless chromium.")

ROOT = Path(__file__).resolve().parent.parent
FORGOTTEN_SECONDS = 3.5  # after which the lab no longer counts on a page that has asked
COMPILED_SECONDS = 5.0  # of steps before the first round
OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # it is this machine


def ask(url: str, body: dict | None = None) -> dict:
    """One request; its answer."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with OPENER.open(request, timeout=60) as answer:
        return json.load(answer, object_hook=decoded)


def decoded(value: dict) -> dict | np.ndarray:
    """Arrays as arrays, as the page has them."""
    if {"array", "data"} <= value.keys():
        kind = np.uint8 if value["array"] == "u8" else np.float32
        return np.frombuffer(base64.b64decode(value["data"]), kind)
    return value


@contextlib.contextmanager
def lab(arguments: list[str]) -> Iterator[str]:
    """A lab's process; its address."""
    command = [sys.executable, str(ROOT / "bin" / "lab.py"), "--browser", *arguments]
    with (
        tempfile.TemporaryFile("w+") as said,
        subprocess.Popen(command, stdout=subprocess.PIPE, stderr=said, text=True) as process,
    ):
        try:
            found = re.search(r"http://\S+/", process.stdout.readline())
            if found is None:
                process.wait()
                said.seek(0)
                sys.exit(said.read())
            yield found.group()
        finally:
            process.terminate()


class Client:
    """A page that shows nothing.

    Attributes:
      pictures: how many have come.
    """

    def __init__(self, url: str):
        self._url, self.pictures, self._looks = url, 0, threading.Event()
        threading.Thread(target=self._ask, daemon=True).start()

    def look(self, looks: bool) -> None:
        """Ask from now on, or no more."""
        self._looks.set() if looks else self._looks.clear()

    def _ask(self) -> None:
        version = numbers = 0
        with contextlib.suppress(OSError):  # the lab has ended
            while self._looks.wait():
                asked = {"after": version, "samplers": 0, "numbers_version": numbers}
                found = ask(f"{self._url}state?{urllib.parse.urlencode(asked)}")
                version, numbers = found["version"], found.get("numbers_version", numbers)
                self.pictures += "alive" not in found


class Page:
    """The page in chromium; as `Client`."""

    def __init__(self, browser, url: str):
        self._browser, self._url = browser, url

    def look(self, looks: bool) -> None:
        """Open it, or leave it."""
        self._browser.open(self._url if looks else "about:blank")
        if looks:
            self._browser.wait_until("document.body.dataset.step !== undefined")
            self._browser.script("performance.setResourceTimingBufferSize(1e6);")

    @property
    def pictures(self) -> int:
        """How many it has been given."""
        all_asked = "performance.getEntriesByType('resource')"
        return self._browser.script(f"return {all_asked}.filter(e => /state/.test(e.name)).length;")


def measure(url: str, page, looks: bool) -> tuple[float, float]:
    """(Steps a second, pictures a second) over one measurement; between two the lab is at rest."""
    page.look(looks)
    time.sleep(1.0 if looks else FORGOTTEN_SECONDS)
    command, pictures = f"{url}command", page.pictures if looks else 0
    step = ask(command, {"do": "pause"})["step"]
    begun = time.perf_counter()
    ask(command, {"do": "run"})
    time.sleep(_SECONDS.value)
    steps = ask(command, {"do": "pause"})["step"] - step
    seconds = time.perf_counter() - begun
    return steps / seconds, (page.pictures - pictures) / seconds if looks else 0.0


def report(rounds: list[dict[bool, tuple[float, float]]]) -> None:
    """The table: medians, and how far the rounds lie apart."""
    shares = [of[True][0] / of[False][0] for of in rounds]
    rows = {
        "pictures a second": [of[True][1] for of in rounds],
        "steps a second, a page looking": [of[True][0] for of in rounds],
        "steps a second without a page": [of[False][0] for of in rounds],
        "of a round, the one over the other": shares,
    }
    print(f"{'':36}{'median':>10}{'least':>10}{'most':>10}")
    for name, values in rows.items():
        figures = (statistics.median(values), min(values), max(values))
        print(f"{name:36}" + "".join(f"{value:10,.2f}" for value in figures))


def main(argv: list[str]) -> None:
    with contextlib.ExitStack() as stack:
        url = stack.enter_context(lab(argv[1:]))
        if _CHROMIUM.value:
            sys.path.insert(0, str(ROOT / "tests"))
            from browsing import browsing

            profile = stack.enter_context(tempfile.TemporaryDirectory())
            page = Page(stack.enter_context(browsing(profile)), url)
        else:
            page = Client(url)
        ask(f"{url}command", {"do": "run"})
        time.sleep(COMPILED_SECONDS)
        ask(f"{url}command", {"do": "pause"})
        rounds = []
        for i in range(_ROUNDS.value):
            order = (True, False) if i % 2 else (False, True)
            rounds.append({looks: measure(url, page, looks) for looks in order})
            print(f"round {i + 1}: {rounds[-1]}", file=sys.stderr, flush=True)
        report(rounds)


if __name__ == "__main__":
    app.run(main)
