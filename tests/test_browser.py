"""TensorBoard in a real browser: what a run writes is there to be seen.

Slow: `make test-slow` runs these. Screenshots are left in pytest's temporary folder.
"""

import contextlib
import re
import sys

import pytest
import tensorflow as tf
from browsing import SEEN, Browser, coloured, needs_chromium, server
from processes import run

pytestmark = [pytest.mark.slow, needs_chromium]


def wait_for_charts(browser: Browser, titles: list[str], path) -> None:
    """Wait until these titles are seen, and every chart in the window has a line."""

    def drawn(seen):
        screen = browser.screenshot(path)
        boxes = [box for box in seen["charts"] if box[1] + box[3] <= len(screen)]
        lines = [coloured(screen, box) > 100 for box in boxes]
        return all(title in seen["text"] for title in titles) and lines and all(lines)

    browser.wait_for(drawn)


@contextlib.contextmanager
def tensorboard(*flags: str):
    """TensorBoard on a free port; its address."""
    command = [sys.executable, "-m", "tensorboard.main", "--port=0", "--host=127.0.0.1", *flags]
    with server(command, r"(http://127\.0\.0\.1:\d+)/") as url:
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
    wait_for_charts(browser, titles, tmp_path / "scalars.png")
    text = browser.script(SEEN)["text"]
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
    wait_for_charts(browser, [*charts, "Every weight"], tmp_path / "custom_scalars.png")
    text = browser.script(SEEN)["text"]
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
        wait_for_charts(browser, ["Loss/d_loss"], tmp_path / "scalars.png")
        for tab, part in (
            ("text", "What healthy looks like"),
            ("hparams", "Trial ID"),
            ("custom_scalars", "losses of D and G"),
            ("images", "samples"),
        ):
            browser.open(f"{url}/#{tab}")
            with pytest.raises(AssertionError, match="waited in vain"):
                browser.wait_for(lambda seen, part=part: part in seen["text"], 5)
            assert not browser.script(SEEN)["images"]
