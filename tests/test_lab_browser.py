"""`bin/lab.py --browser` in a real browser: what is clicked is done, and what is shown is so.

Slow: `make test-slow` runs these. Screenshots are left in pytest's temporary folder.
"""

import contextlib
import hashlib
import re
import signal
import socket
import subprocess
import sys
import time

import numpy as np
import pytest
from browsing import coloured, needs_chromium, server
from labs import new_lab, weights
from processes import ROOT

import ganflow
from ganflow.data import drawings
from ganflow.interface import captions, gans
from ganflow.models import circle

pytestmark = [pytest.mark.slow, needs_chromium]
LAB = [sys.executable, str(ROOT / "bin" / "lab.py"), "--browser"]

SEEN = (ROOT / "tests" / "seen.js").read_text()


@contextlib.contextmanager
def lab(*flags: str):
    """A lab's process; its address."""
    with server([*LAB, *flags], r"(http://127\.0\.0\.1:\d+/[\w-]+/)") as url:
        yield url


@pytest.fixture(scope="module")
def on_circle():
    with lab("--seed=5") as url:
        yield url


@pytest.fixture
def opened(browser, on_circle):
    browser.resize(1300, 1000)
    browser.open(on_circle)
    browser.wait_until("document.body.dataset.step !== undefined")
    click(browser, "restart")
    at_step(browser, 0)
    return browser


def click(browser, name: str) -> None:
    """As a person does: not what is off."""
    browser.wait_until("!document.getElementById(arguments[0]).disabled", name)
    browser.script("document.getElementById(arguments[0]).click();", name)


def type_in(browser, name: str, value) -> None:
    browser.script(
        "const e = document.getElementById(arguments[0]); e.value = arguments[1];"
        "e.dispatchEvent(new Event('change'));",
        name,
        value,
    )


def at_step(browser, step: int) -> None:
    of = "document.body.dataset"
    there = f"{of}.step === String(arguments[0]) && {of}.waiting !== '1'"
    browser.wait_until(f"{there} && {of}.running === 'false'", step)


def text(browser, name: str) -> str:
    return browser.script("return document.getElementById(arguments[0]).textContent;", name)


def fingerprint(gan) -> str:
    found = b"".join(v.numpy().tobytes() for _, v in gans.named_weights(gan))
    return hashlib.sha256(found).hexdigest()


def shown_fingerprint(browser) -> str:
    return browser.wait_until("document.getElementById('fingerprint').textContent")


# ---------------------------------------------------------------- clicks


def test_whole_steps_are_those_of_a_training_bit_for_bit(opened):
    run = ganflow.build("circle", seed=5)
    assert shown_fingerprint(opened) == fingerprint(run.gan)
    for _ in range(2):
        type_in(opened, "count", 30)
        click(opened, "whole")
        run.advance(30)
        at_step(opened, int(run.step))
        assert shown_fingerprint(opened) == fingerprint(run.gan)
    scalars = dict(
        re.findall(
            r"(\w+) ([\d.]+)", opened.script("return document.getElementById('scalars').innerText;")
        )
    )
    assert set(scalars) == {"d_loss", "d_real", "d_fake", "g_loss"}


def test_single_updates_are_those_of_the_lab(opened):
    of = new_lab(circle.Config(), seed=5)
    for name, count in (("d_step", 3), ("g_step", 2)):
        type_in(opened, "count", count)
        click(opened, f"update-{name}")
        report = of.train(name, count)
        at_step(opened, of.step)
        assert shown_fingerprint(opened) == fingerprint(of.gan)
        assert f"{count} x {name}" in text(opened, "report")
        rest = "generator" if name == "d_step" else "discriminator"
        assert f"{rest}: all 6 weights unchanged, to the bit." in text(opened, "report")
        told = float(re.search(r"d_loss ([\d.]+)", text(opened, "scalars")).group(1))
        np.testing.assert_allclose(told, report.scalars["d_loss"][1], rtol=1e-3)
    assert "cannot be saved" in text(opened, "apart")
    click(opened, "save")
    opened.wait_until("!document.getElementById('problem').hidden")
    assert "single updates were made" in text(opened, "problem")


def test_it_runs_and_pauses_and_the_plane_moves(opened, tmp_path):
    before = opened.screenshot(tmp_path / "before.png")
    click(opened, "run")
    opened.wait_until("Number(document.body.dataset.step) > 300")
    click(opened, "pause")
    opened.wait_until("document.body.dataset.running === 'false'")
    step = int(opened.script("return document.body.dataset.step;"))
    time.sleep(1.5)
    assert int(opened.script("return document.body.dataset.step;")) == step
    box = opened.script("""
        const r = document.getElementById('plane').getBoundingClientRect();
        return [r.x, r.y, r.width, r.height];""")
    after = opened.screenshot(tmp_path / "after.png")
    x, y, width, height = (round(v) for v in box)
    part = (slice(y, y + height), slice(x, x + width))
    assert coloured(after, box) > 10_000 and np.mean(before[part] != after[part]) > 0.05
    run = ganflow.build("circle", seed=5)
    while int(run.step) < step:
        run.advance(min(step - int(run.step), run.steps_per_call))
    assert shown_fingerprint(opened) == fingerprint(run.gan)


def test_an_update_in_slow_motion_moves_at_its_end_alone(opened):
    first = shown_fingerprint(opened)
    click(opened, "slow-d_step")
    opened.wait_until("document.querySelectorAll('#stages li').length === 1")
    for count in range(2, 6):
        click(opened, "next")
        opened.wait_until(f"document.querySelectorAll('#stages li').length === {count}")
    items = "[...document.querySelectorAll('#stages li')]"
    stages = opened.script(f"return {items}.map((e) => e.dataset.stage);")
    assert stages == ["draw", "generate", "judge", "loss", "gradient"]
    assert shown_fingerprint(opened) == first
    click(opened, "make")
    at_step(opened, 1)
    of = new_lab(circle.Config(), seed=5)
    of.train("d_step", 1)
    assert shown_fingerprint(opened) == fingerprint(of.gan)


def test_points_are_drawn_with_the_mouse_and_with_keys_and_trained_on(opened):
    click(opened, "draw")
    opened.script("""
        const plane = document.getElementById('plane'), box = plane.getBoundingClientRect();
        const at = (kind, x, y) => plane.dispatchEvent(new PointerEvent(kind, {
          clientX: box.x + x * box.width, clientY: box.y + y * box.height, pointerId: 1}));
        plane.setPointerCapture = () => {};
        at('pointerdown', .3, .3);
        for (let i = 0; i < 40; i++) at('pointermove', .3 + i / 100, .3);
        at('pointerup', .7, .3);
        plane.focus();
        const press = (key) => plane.dispatchEvent(new KeyboardEvent('keydown', {key}));
        press('ArrowLeft'); press(' ');
    """)
    count = int(re.match(r"(\d+) points", text(opened, "drawn")).group(1))
    assert count == 6 * 42
    click(opened, "train-on")
    opened.wait_until("document.getElementById('title').textContent.includes('drawn points')")
    type_in(opened, "count", 10)
    click(opened, "whole")
    at_step(opened, 10)
    assert "202 drawn points" in text(opened, "title")  # a fifth is held out
    click(opened, "undraw")
    opened.wait_until("document.getElementById('title').textContent.startsWith('circle on circle')")
    at_step(opened, 0)


def test_a_batch_and_a_target_change_under_way_and_the_equations_hold_the_values(opened):
    assert "[" not in text(opened, "equations")  # no step yet
    type_in(opened, "live-batch_size", 48)
    type_in(opened, "live-real_label", 0.9)
    opened.wait_until("document.getElementById('apart').textContent.includes('real_label was')")
    assert "batch_size was changed; real_label was changed" in text(opened, "apart")
    type_in(opened, "count", 5)
    click(opened, "whole")
    at_step(opened, 5)
    told = dict(re.findall(r"(\w+) ([\d.]+)", text(opened, "scalars")))
    first, second, *_ = text(opened, "equations").splitlines()
    assert first.startswith(f"D's loss [{told['d_loss']}], twice a step: -mean(log D(x) [")
    assert f"D(G(z)) [{told['d_fake']}]" in first and f"G's loss [{told['g_loss']}]" in second
    click(opened, "restart")
    at_step(opened, 0)
    opened.wait_until("document.getElementById('live-batch_size').value === '128'")
    assert text(opened, "apart") == ""


def test_under_an_image_stands_its_caption(browser):
    flags = ("--model=stackgan", "--batch_size=4", "--g_width=8", "--g_2_width=8", "--d_width=8")
    with lab(*flags) as url:
        browser.resize(1300, 1000)
        browser.open(url)
        browser.wait_until("document.getElementById('grid-generated')")
        label = "return document.getElementById(arguments[0]).getAttribute('aria-label');"
        for grid in ("grid-generated", "grid-real"):
            found = browser.script(label, grid).rpartition("the first: ")[2]
            assert set(captions.split(found)) <= set(drawings.VOCABULARY) and len(found) > 10
        assert browser.script(f"{SEEN} return overlapping();") == []


def test_weights_open_and_one_is_read(opened):
    opened.script("document.getElementById('weights-open').open = true;")
    opened.wait_until("document.querySelectorAll('.weight').length === 12")
    opened.script("document.querySelector('.weight').click();")
    opened.wait_until("document.getElementById('large').open")
    opened.script("""
        const map = document.querySelector('#large canvas'), box = map.getBoundingClientRect();
        map.dispatchEvent(new PointerEvent('pointermove', {
          clientX: box.x + 1, clientY: box.y + 1}));""")
    told = float(text(opened, "large-entry").rpartition("= ")[2])
    w = weights(new_lab(circle.Config(), seed=5))["generator/w_0000"]
    np.testing.assert_allclose(told, w[0, 0], rtol=1e-3)
    click(opened, "large-close")
    opened.script("document.getElementById('weights-open').open = false;")


# ---------------------------------------------------------------- pages that come and go


def test_a_reload_shows_the_state_as_it_is(opened, on_circle):
    type_in(opened, "count", 7)
    click(opened, "whole")
    at_step(opened, 7)
    before = shown_fingerprint(opened)
    opened.open(on_circle)
    at_step(opened, 7)
    assert shown_fingerprint(opened) == before


def test_a_lab_that_has_ended_is_told_in_the_page(browser):
    process = subprocess.Popen(LAB, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    browser.open(re.search(r"http://\S+", line).group())
    browser.wait_until("document.body.dataset.step === '0'")
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=90)
    assert (process.returncode, out) == (130, "") and "Traceback" not in err
    browser.wait_until("!document.getElementById('problem').hidden")
    assert "does not answer" in text(browser, "problem") and "step 0" in text(browser, "problem")
    assert browser.script("return document.getElementById('run').disabled;")


def test_a_port_in_use_is_one_line_and_exit_code_2():
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        ended = subprocess.run([*LAB, f"--port={port}"], capture_output=True, text=True, timeout=90)
    assert ended.returncode == 2 and ended.stdout == ""
    assert re.fullmatch(rf"lab\.py: --port={port}: cannot listen .*", ended.stderr.splitlines()[-1])


# ---------------------------------------------------------------- to be seen by everybody


@pytest.mark.parametrize("width", [1300, 400])
def test_nothing_overlaps_all_is_named_and_nothing_is_pale(opened, width, tmp_path):
    type_in(opened, "count", 5)
    click(opened, "whole")
    at_step(opened, 5)
    opened.script("for (const d of document.querySelectorAll('details')) d.open = true;")
    opened.wait_until("document.querySelectorAll('.weight').length === 12")
    click(opened, "slow-g_step")
    opened.wait_until("document.querySelectorAll('#stages li').length === 1")
    for _ in range(4):
        click(opened, "next")
    opened.resize(width, 1000)
    time.sleep(1)
    opened.screenshot(tmp_path / f"{width}.png")
    page = "document.documentElement"
    assert opened.script(f"return {page}.scrollWidth <= {page}.clientWidth;")
    for what in ("overlapping", "nameless", "pale"):
        assert opened.script(f"{SEEN} return {what}();") == []


def test_what_is_pale_nameless_or_in_the_way_is_found(opened):
    """The control."""
    opened.script("""
        const add = (name, style) => document.body.append(Object.assign(
          document.createElement(name), {textContent: name === 'p' ? 'pale' : '', style}));
        add('button', '');
        add('p', 'color: #bbb');
        add('p', 'color: #bbb; margin-top: -2rem');""")
    for what in ("overlapping", "nameless", "pale"):
        assert opened.script(f"{SEEN} return {what}();") != []
