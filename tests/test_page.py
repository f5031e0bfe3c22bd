"""The exported page in a real browser: its pixels are Python's, and its controls do what they say.

Needs Debian's chromium and chromium-driver, as `test_browser`, and TensorFlow.js, whose path
$GANFLOW_TFJS gives; BUILD.md says how to get it. Slow: `make test-slow` runs these.
"""

import functools
import http.server
import os
import threading
import time
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from browsing import Browser, ask, needs_chromium
from exports import WORDS, random_model, said

from ganflow.export import exporting, pages
from ganflow.trained import sampling

TFJS = os.environ.get("GANFLOW_TFJS", "")
pytestmark = [
    pytest.mark.slow,
    needs_chromium,
    pytest.mark.skipif(
        not Path(TFJS).is_file(),
        reason=f"GANFLOW_TFJS does not name a {pages.LIBRARY} (BUILD.md: how to get it)",
    ),
]
_PATIENCE_SECONDS = 90
# Dense, convolutional, conditional, translating, enlarging, captioned; and points.
KINDS = {
    "simple": "",
    "deconv": "",
    "cgan": "",
    "dcgan_conditional": "",
    "infogan": "",
    "cyclegan": "a_to_b",
    "discogan": "b_to_a",
    "srgan": "srgan",
    "stackgan_pp": "16x16",
    "circle": "",
}


def open_page(page: Browser, url: str) -> None:
    """Wait until the page has shown its first sample."""
    page.open(url)
    end = time.monotonic() + _PATIENCE_SECONDS
    while not page.script("return document.documentElement.dataset.ready"):
        trouble = page.script("return document.getElementById('trouble').textContent")
        assert not trouble and time.monotonic() < end, trouble
        time.sleep(0.2)


def settle(page: Browser) -> None:
    """Wait until what was asked for is computed and shown."""
    end = time.monotonic() + _PATIENCE_SECONDS
    while page.script("return busy || asked"):
        assert time.monotonic() < end
        time.sleep(0.05)


def export(name: str, folder: Path, sampler: str) -> tuple[tf.Module, dict, str]:
    """A model of random weights, its manifest, and its page's address."""
    gan, manifest = random_model(name)
    library = pages.read_library(Path(TFJS))
    exporting.export(gan, manifest, folder / name, sampler, library)
    return gan, manifest, (folder / name / "page" / "index.html").as_uri()


def numbers(page: Browser, name: str) -> dict[str, np.ndarray]:
    """What the page's controls say."""
    said = page.script("return controls.map((c) => [c.input.name, c.input.shape, [...c.values]])")
    kinds = dict(page.script("return controls.map((c) => [c.input.name, c.input.kind])"))
    return {
        key: np.array(values, "i4" if kinds[key] in ("classes", "caption") else "f4").reshape(shape)
        for key, shape, values in said
    }


@pytest.mark.parametrize("backend", ["cpu", "webgl"])
@pytest.mark.parametrize("name", KINDS)
def test_pixels_are_pythons(browser, tmp_path, name, backend):
    gan, _, url = export(name, tmp_path, KINDS[name])
    open_page(browser, url)
    browser.script("return tf.setBackend(arguments[0])", backend)
    for seed in (1, 2):  # not those that the page is held against
        browser.script("vectors().forEach((c) => c.draw(arguments[0]))", seed)
        # Of a blank image an instance norm would show nothing but rounding.
        browser.script(
            "for (const c of controls) if (c.input.kind === 'image') c.values = "
            "drawn({...c.input, kind: 'uniform', low: -1, high: 1}, arguments[0])",
            seed,
        )
        given = numbers(browser, name)
        made = browser.script(
            "return computed(sampler.program, given()).then((m) => [...m.values])"
        )
        sampler = sampling.choose(gan, KINDS[name])
        wanted = sampler.generate({k: tf.constant(v) for k, v in given.items()}).numpy()
        np.testing.assert_allclose(np.reshape(made, wanted.shape), wanted, atol=1e-3)
        assert np.ptp(wanted) > 0.01
    browser.script("return check()")
    assert browser.script("return document.getElementById('check').textContent")[:6] == "equal,"


def test_a_wrong_weight_is_seen_and_said(browser, tmp_path):
    *_, url = export("simple", tmp_path, "")
    script = tmp_path / "simple" / "page" / "weights.js"
    lines = script.read_text().splitlines()
    (place,) = (i for i, line in enumerate(lines) if '"generator/b_0000"' in line)
    _, weights = pages.read(script.parent)
    turned = weights["generator/b_0000"][::-1].copy()
    lines[place] = f'WEIGHTS["generator/b_0000"] = {pages._text(turned)};'
    script.write_text("\n".join(lines))
    open_page(browser, url)
    said = browser.script("return document.getElementById('check').textContent")
    assert said.startswith("differs by ")


@pytest.mark.parametrize("backend", ["cpu", "webgl"])
def test_every_word_does_what_tensorflow_does(browser, tmp_path, backend):
    *_, url = export("circle", tmp_path, "")
    open_page(browser, url)
    browser.script("return tf.setBackend(arguments[0])", backend)
    wrong = {}
    for case in WORDS:
        of = said(case)
        prefix = f"{backend}, {case}: "
        program = of.program.plain()
        for step in program["steps"]:
            step["inputs"] = [
                prefix + i if isinstance(i, str) and i in of.weights.arrays else i
                for i in step["inputs"]
            ]
        constants = [
            [prefix + key, list(v.shape), v.dtype.name, pages._text(v)[1:-1]]
            for key, v in of.weights.arrays.items()
        ]
        given = {key: [v.dtype.name, v.ravel().tolist()] for key, v in of.given.items()}
        made = browser.script(
            """
            const [program, constants, values] = arguments, given = {};
            for (const [name, shape, dtype, text] of constants) {
              MODEL.weights[name] = { shape, dtype };
              WEIGHTS[name] = text;
            }
            for (const [name, [dtype, list]] of Object.entries(values))
              given[name] = (dtype === "int32" ? Int32Array : Float32Array).from(list);
            return computed(program, given).then((m) => [m.shape, [...m.values]],
                                                 (error) => [[], error.message]);
            """,
            program,
            constants,
            given,
        )
        shape, values = made
        if shape != list(of.wanted.shape) or not np.allclose(
            np.ravel(values), np.ravel(of.wanted), rtol=1e-4, atol=1e-4
        ):
            wrong[case] = made
    assert wrong == {}


def test_d_over_the_plane_is_pythons(browser, tmp_path):
    gan, _, url = export("circle", tmp_path, "")
    open_page(browser, url)
    places = np.array(browser.script("return [...surface.places]"))
    reach = browser.script("return sampler.plane.reach")
    ticks = np.linspace(-reach, reach, int(len(places) ** 0.5), dtype=np.float32)
    x = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
    wanted = tf.sigmoid(gan.samplers()[0].score(tf.constant(x), {})).numpy()
    np.testing.assert_allclose(places, wanted, atol=1e-3)
    browser.script("at('way').value = 0.5; return showWay()")
    assert browser.script("return at('way-value').value") == "0.50"


def test_controls_change_what_is_made(browser, tmp_path):
    gan, _, url = export("cgan", tmp_path, "")
    open_page(browser, url)

    def after(script):
        browser.script(script)
        settle(browser)
        return np.array(browser.script("return [...last]"))

    first = after("")
    by_label = after("document.querySelector('input[type=radio][value=\"3\"]').click()")
    assert np.abs(by_label - first).max() > 0.01
    assert numbers(browser, "cgan")["label"].tolist() == [3]
    move = "const s = document.querySelector('input[type=range]'); s.value = s.max; "
    by_slider = after(move + "s.dispatchEvent(new Event('input'))")
    assert np.abs(by_slider - by_label).max() > 1e-4
    assert numbers(browser, "cgan")["z"][0, 0] == gan.samplers()[0].given["z"].high
    by_button = after("document.getElementById('new').click()")
    assert np.abs(by_button - by_slider).max() > 1e-4
    other_seed = "const s = document.getElementById('seed'); s.value = 1; "
    again = after(other_seed + "s.dispatchEvent(new Event('change'))")
    np.testing.assert_array_equal(again, by_label)
    ends = [browser.script("return [...givenAt(arguments[0]).z]", t) for t in (0, 1)]
    assert ends[0] == browser.script("return [...drawn(controls[0].input, 1)]")
    np.testing.assert_allclose(ends[1], browser.script("return [...drawn(controls[0].input, 2)]"))
    assert browser.script("return document.querySelectorAll('#strip canvas').length") == 8
    browser.script("document.querySelector('#steps button').click()")
    browser.wait_for(lambda seen: "blue is below 0" in seen["text"], 10)


def test_a_drawn_image_and_the_keys_reach_the_model(browser, tmp_path):
    *_, url = export("cyclegan", tmp_path, "a_to_b")
    open_page(browser, url)
    before = numbers(browser, "cyclegan")["a"]
    pad = browser.script(
        "const r = document.querySelector('.pad').getBoundingClientRect();"
        "return [r.x, r.y, r.width, r.height].map(Math.round)"
    )
    x, y = pad[0] + pad[2] // 4, pad[1] + pad[3] // 2
    moves = [
        {"type": "pointerMove", "x": x, "y": y, "duration": 0},
        {"type": "pointerDown", "button": 0},
        {"type": "pointerMove", "x": x + pad[2] // 2, "y": y, "duration": 50},
        {"type": "pointerUp", "button": 0},
    ]
    mouse = {"type": "pointer", "id": "mouse", "actions": moves}
    ask(f"{browser.session}/actions", {"actions": [mouse]})
    settle(browser)
    drawn = numbers(browser, "cyclegan")["a"]
    changed = (drawn != before)[0, :, :, 0]
    side = drawn.shape[1]
    assert changed[side // 2].sum() >= side // 2 - 1 and not changed[0].any()
    assert (drawn[0, :, :, 0][changed] == 1.0).all()  # white
    browser.script(
        "const p = document.querySelector('.pad');"
        "for (const key of ['ArrowUp', 'ArrowUp', 'ArrowUp', ' '])"
        "  p.dispatchEvent(new KeyboardEvent('keydown', {key}))"
    )
    settle(browser)
    keyed = numbers(browser, "cyclegan")["a"]
    assert keyed[0, side // 2 - 3, side // 2, 0] == 1.0 and (keyed != drawn).any()


def test_a_caption_is_read_word_by_word(browser, tmp_path):
    gan, manifest = random_model("stackgan_pp")
    manifest["fields"]["vocabulary"] = ("", "circle", "large", "red", "small")
    library = pages.read_library(Path(TFJS))
    exporting.export(gan, manifest, tmp_path / "out", "8x8", library)
    open_page(browser, (tmp_path / "out" / "page" / "index.html").as_uri())
    type_in = (
        "const t = document.querySelector('input[type=text]'); t.value = arguments[0];"
        "t.dispatchEvent(new Event('input')); return [...controls.find("
        "(c) => c.input.kind === 'caption').values].concat(document.querySelector("
        "'fieldset [role=alert]').textContent)"
    )
    assert browser.script(type_in, "A small".replace("A ", "") + ", RED circle!") == [4, 3, 1, ""]
    assert browser.script(type_in, "small green") == [
        *(4, 3, 1),
        'no training caption has the word "green"',
    ]
    assert browser.script(type_in, "")[-1] == "found 0 words, expected 1 to 3"


def test_a_narrow_window_hides_nothing_and_everything_has_a_name(browser, tmp_path):
    *_, url = export("cyclegan", tmp_path, "")
    rectangle = f"{browser.session}/window/rect"
    before = ask(rectangle)["value"]
    try:
        ask(rectangle, {"width": 500, "height": 900})
        open_page(browser, url)
        wide = browser.script(
            "return [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
        )
        assert wide[0] <= wide[1]
        nameless = browser.script(
            "return [...document.querySelectorAll('input, select, button, canvas[role]')]"
            ".filter((e) => !e.labels?.length && !e.getAttribute('aria-label') && !e.ariaLabel"
            " && !e.textContent.trim()).map((e) => e.outerHTML)"
        )
        assert nameless == []
        samplers = browser.script("return [...document.querySelectorAll('#sampler option')].length")
        assert samplers == 4
        browser.screenshot(tmp_path / "narrow.png")
    finally:
        ask(rectangle, before)


def test_the_page_works_from_a_static_server_and_without_its_library_says_so(
    browser,
    tmp_path,
):
    export("simple", tmp_path, "")
    folder = tmp_path / "simple" / "page"
    handler = functools.partial(Quiet, directory=str(folder))
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        url = f"http://127.0.0.1:{server.server_port}/"
        open_page(browser, url)
        assert browser.script("return document.getElementById('check').textContent")[:6] == "equal,"
        (folder / pages.LIBRARY).unlink()
        browser.open(url + "?again")
        browser.wait_for(lambda seen: "could not be loaded" in seen["text"], 20)
    finally:
        server.shutdown()
        server.server_close()


class Quiet(http.server.SimpleHTTPRequestHandler):
    """A static server that logs nothing and lets nothing be cached."""

    def log_message(self, *_):
        """Nothing."""

    def end_headers(self):
        """With a word on caching."""
        self.send_header("Cache-Control", "no-store")
        super().end_headers()
