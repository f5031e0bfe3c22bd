"""A page in a real browser, for tests: Debian's chromium, driven through its chromedriver.

That speaks the WebDriver protocol (W3C), plain HTTP. Where the two are not installed whatever is
marked with `needs_chromium` skips, and says so.
"""

import base64
import contextlib
import json
import re
import shutil
import subprocess
import threading
import time
import urllib.request

import numpy as np
import pytest
import tensorflow as tf

CHROMIUM, CHROMEDRIVER = shutil.which("chromium"), shutil.which("chromedriver")
needs_chromium = pytest.mark.skipif(
    not (CHROMIUM and CHROMEDRIVER),
    reason="chromium and chromedriver are not installed (Debian: chromium, chromium-driver)",
)
PATIENCE_SECONDS = 90
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
SEEN = """
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


def ask(url: str, body: dict | None = None, method: str | None = None):
    """One request to a server on this machine, past any proxy; the answer's JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"}, method=method)
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=PATIENCE_SECONDS) as answer:
        return json.load(answer)


@contextlib.contextmanager
def server(command: list[str], announces: str):
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
        found.wait(PATIENCE_SECONDS)
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
            ask(f"{self.session}/url", {"url": address})

    def script(self, text: str, *args):
        return ask(f"{self.session}/execute/sync", {"script": text, "args": list(args)})["value"]

    def screenshot(self, path) -> np.ndarray:
        """Written to `path`; uint8 [h, w, 3]."""
        path.write_bytes(base64.b64decode(ask(f"{self.session}/screenshot")["value"]))
        return tf.io.decode_png(path.read_bytes(), channels=3).numpy()

    def wait_for(self, holds, patience_seconds: float = PATIENCE_SECONDS) -> dict:
        """What is seen as soon as `holds` of it; an error that says what is seen, if never."""
        end = time.monotonic() + patience_seconds
        while not holds(seen := self.script(SEEN)):
            assert time.monotonic() < end, f"waited in vain; seen: {seen}"
            time.sleep(0.3)
        return seen

    def resize(self, width: int, height: int) -> None:
        """The window's outer size in pixels."""
        ask(f"{self.session}/window/rect", {"width": width, "height": height})

    def wait_until(self, text: str, *args, patience_seconds: float = PATIENCE_SECONDS):
        """The value of an expression in the page, as soon as it is true there."""
        end = time.monotonic() + patience_seconds
        while not (found := self.script(f"return {text};", *args)):
            assert time.monotonic() < end, f"waited in vain for: {text}"
            time.sleep(0.1)
        return found


def coloured(screen: np.ndarray, box: list[float]) -> int:
    """Pixels in a box [x, y, width, height] of a screenshot that are neither grey nor white."""
    x, y, width, height = (round(v) for v in box)
    part = screen[y : y + height, x : x + width].astype(int)
    return int((part.max(axis=-1) - part.min(axis=-1) > 60).sum())


@contextlib.contextmanager
def browsing(profile, *flags: str):
    """A `Browser`, with a folder for its profile; flags of chromium's."""
    started = r"started successfully on port (\d+)"
    with server([CHROMEDRIVER, "--port=0"], started) as port:
        options = {"binary": CHROMIUM, "args": [*_FLAGS, *flags, f"--user-data-dir={profile}"]}
        wanted = {"alwaysMatch": {"goog:chromeOptions": options}}
        url = f"http://127.0.0.1:{port}/session"
        session = f"{url}/{ask(url, {'capabilities': wanted})['value']['sessionId']}"
        try:
            yield Browser(session)
        finally:
            ask(session, method="DELETE")
