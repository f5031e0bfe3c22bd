"""TensorBoard in a real browser: what a run writes is there to be seen.

Debian's chromium is driven through its chromedriver by the WebDriver protocol (W3C), plain HTTP.
Slow: `make test-slow` runs these. Screenshots are left in pytest's temporary folder.
"""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request

import numpy as np
import pytest
import tensorflow as tf
from processes import run

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(
        not (CHROMIUM and CHROMEDRIVER),
        reason="chromium and chromedriver are not installed (Debian: chromium, chromium-driver)",
    ),
]
_PATIENCE_SECONDS = 90
_FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--no-proxy-server",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=1600,1200",
)

# TensorBoard nests its pages in shadow roots, which `document.body.innerText` does not see.
_SEEN = """
const texts = [], images = [], charts = [];
const box = (e) => { const r = e.getBoundingClientRect(); return [r.x, r.y, r.width, r.height]; };
const walk = (node) => {
  if (node.nodeType === Node.TEXT_NODE) {
    if (node.data.trim()) texts.push(node.data.trim());
  } else if (!(node instanceof Element) || node.checkVisibility()) {
    if (node.localName === 'img' && node.complete && node.naturalWidth > 0)
      images.push({width: node.naturalWidth, height: node.naturalHeight, box: box(node)});
    if (['line-chart', 'vz-line-chart2'].includes(node.localName)) charts.push(box(node));
    if (['script', 'style'].includes(node.localName)) return;
    if (node.shadowRoot) node.shadowRoot.childNodes.forEach(walk);
    node.childNodes.forEach(walk);
  }
};
walk(document.body);
return {text: texts.join(' '), images, charts};
"""


def _ask(url: str, body: dict | None = None, method: str | None = None):
    """One request to a server on this machine, past any proxy; the answer's JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=_PATIENCE_SECONDS) as answer:
        return json.load(answer)


@contextlib.contextmanager
def _server(command: list[str], announces: str):
    """A server process, and what the group of `announces` matches in what it prints."""
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, bufsize=1
    )
    lines, found = [], threading.Event()
    match = []

    def read():
        for line in process.stdout:
            lines.append(line)
            if not match and (hit := re.search(announces, line)):
                match.append(hit.group(1))
                found.set()
        found.set()  # it has ended

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    try:
        found.wait(_PATIENCE_SECONDS)
        assert match, f"{command[0]} did not start: {''.join(lines)}"
        yield match[0]
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        thread.join(20)
        process.stdout.close()


class Browser:
    """A page in chromium."""

    def __init__(self, session: str):
        self.session = session

    def open(self, url: str) -> None:
        # By way of an empty page: a new fragment alone would leave the old tab's texts in the page.
        for address in ("about:blank", url):
            _ask(f"{self.session}/url", {"url": address})

    def script(self, text: str, *args):
        return _ask(f"{self.session}/execute/sync", {"script": text, "args": list(args)})["value"]

    def screenshot(self, path) -> np.ndarray:
        """Written to `path`; uint8 [h, w, 3]."""
        path.write_bytes(base64.b64decode(_ask(f"{self.session}/screenshot")["value"]))
        return tf.io.decode_png(path.read_bytes(), channels=3).numpy()

    def wait_for(self, holds, patience_seconds: float = _PATIENCE_SECONDS) -> dict:
        """What is seen as soon as `holds` of it; an error that says what is seen, if never."""
        end = time.monotonic() + patience_seconds
        while not holds(seen := self.script(_SEEN)):
            assert time.monotonic() < end, f"waited in vain; seen: {seen}"
            time.sleep(0.3)
        return seen

    def wait_for_charts(self, titles: list[str], path) -> None:
        """Wait until these titles are seen, and every chart in the window has a line."""

        def drawn(seen):
            screen = self.screenshot(path)
            boxes = [box for box in seen["charts"] if box[1] + box[3] <= len(screen)]
            lines = [coloured(screen, box) > 100 for box in boxes]
            return all(title in seen["text"] for title in titles) and lines and all(lines)

        self.wait_for(drawn)


def coloured(screen: np.ndarray, box: list[float]) -> int:
    """Pixels in a box [x, y, width, height] of a screenshot that are neither grey nor white."""
    x, y, width, height = (round(v) for v in box)
    part = screen[y : y + height, x : x + width].astype(int)
    return int((part.max(axis=-1) - part.min(axis=-1) > 60).sum())


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    profile = tmp_path_factory.mktemp("chromium")
    started = r"started successfully on port (\d+)"
    with _server([CHROMEDRIVER, "--port=0"], started) as port:
        options = {"binary": CHROMIUM, "args": [*_FLAGS, f"--user-data-dir={profile}"]}
        wanted = {"alwaysMatch": {"goog:chromeOptions": options}}
        url = f"http://127.0.0.1:{port}/session"
        session = f"{url}/{_ask(url, {'capabilities': wanted})['value']['sessionId']}"
        try:
            yield Browser(session)
        finally:
            _ask(session, method="DELETE")


@contextlib.contextmanager
def tensorboard(*flags: str):
    """TensorBoard on a free port; its address."""
    command = [sys.executable, "-m", "tensorboard.main", "--port=0", "--host=127.0.0.1", *flags]
    with _server(command, r"(http://127\.0\.0\.1:\d+)/") as url:
        yield url


def make_run(folder) -> list[str]:
    """Train a little; TensorBoard's flags, as the run's last words recommend them."""
    settings = ("--model=circle", "--steps=2000", "--summary_every=200")
    ended = run("train.py", *settings, f"--workdir={folder}")
    assert ended.code == 0, ended.err
    flags = re.search(r"tensorboard (--logdir=.*)", ended.out).group(1).split()
    assert flags[0] == f"--logdir={folder}"
    return flags


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A run's folder, and the address of a TensorBoard that shows it."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    with tensorboard(*make_run(folder)) as url:
        yield folder, url


def test_scalars_are_drawn(browser, trained, tmp_path):
    browser.open(f"{trained[1]}/#scalars")
    titles = ["Loss/d_loss", "accuracy/d_real", "d_output", "Loss", "gradient", "weight"]
    browser.wait_for_charts(titles, tmp_path / "scalars.png")
    text = browser.script(_SEEN)["text"]
    assert [title for title in titles if title not in text] == []


def test_the_layout_pairs_the_networks(browser, trained, tmp_path):
    browser.open(f"{trained[1]}/#custom_scalars")
    # D's gradient has a norm on real and one on fake; there are no held-out points.
    charts = {
        "D's mean output on real and on generated": 2,
        "D's accuracy on real, generated and held-out real": 2,
        "losses of D and G": 2,
        "norms of the gradients of D and G": 3,
    }
    browser.wait_for_charts([*charts, "Every weight"], tmp_path / "custom_scalars.png")
    text = browser.script(_SEEN)["text"]
    for title, lines in charts.items():
        assert re.search(rf"{title} [-\d.km ]+Matches \({lines}\)", text), text


def test_pictures_are_shown_as_they_are_in_the_workdir(browser, trained, tmp_path):
    folder, url = trained
    browser.open(f"{url}/#images")
    names = ("samples", "scores")
    seen = browser.wait_for(
        lambda seen: all(name in seen["text"] for name in names) and len(seen["images"]) >= 2
    )
    screen = browser.screenshot(tmp_path / "images.png")
    shown = {(image["width"], image["height"]) for image in seen["images"]}
    for name in names:
        png = tf.io.decode_png((folder / f"{name}.png").read_bytes())
        assert (png.shape[1], png.shape[0]) in shown, f"{name}: {png.shape} is not in {shown}"
    inside = [i["box"] for i in seen["images"] if i["box"][1] + i["box"][3] <= len(screen)]
    assert inside and all(coloured(screen, box) > 100 for box in inside)


def test_the_card_is_shown_as_text_with_headings(browser, trained, tmp_path):
    browser.open(f"{trained[1]}/#text")
    wanted = ("Points on a circle", "What healthy looks like", "Mode collapse", "log 2 = .693")
    seen = browser.wait_for(lambda seen: all(part in seen["text"] for part in wanted))
    browser.screenshot(tmp_path / "text.png")
    assert "##" not in seen["text"] and "**" not in seen["text"]


def test_hparams_are_filled_in_with_the_figures_of_the_run(browser, trained, tmp_path):
    browser.open(f"{trained[1]}/#hparams")
    wanted = ("d_learning_rate", "0.0010000", "d_hidden", "32,16", "trial/d_loss", "Trial ID")
    seen = browser.wait_for(lambda seen: all(part in seen["text"] for part in wanted))
    browser.screenshot(tmp_path / "hparams.png")
    assert [part for part in wanted if part not in seen["text"]] == []


def test_what_a_run_has_not_written_is_not_found(browser, tmp_path):
    """The control: a folder with a curve alone fails each of the other tests' conditions."""
    with tf.summary.create_file_writer(str(tmp_path / "train")).as_default():
        for step in range(5):
            tf.summary.scalar("Loss/d_loss", float(step), step=step)
    with tensorboard(f"--logdir={tmp_path}") as url:
        browser.open(f"{url}/#scalars")
        browser.wait_for_charts(["Loss/d_loss"], tmp_path / "scalars.png")
        for tab, part in (
            ("text", "What healthy looks like"),
            ("hparams", "Trial ID"),
            ("custom_scalars", "losses of D and G"),
            ("images", "samples"),
        ):
            browser.open(f"{url}/#{tab}")
            with pytest.raises(AssertionError, match="waited in vain"):
                browser.wait_for(lambda seen, part=part: part in seen["text"], 5)
            assert not browser.script(_SEEN)["images"]
