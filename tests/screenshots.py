"""The pictures of the lab's page in docs/pictures, as chromium shows it.

    python tests/screenshots.py             all of them; or the names of some: circle cyclegan

Each starts a lab, makes so many whole steps, and takes the window as it then is. The files have 256
colours, which these pages hardly exceed.
"""

import sys
import tempfile
import time
from pathlib import Path

from browsing import CHROMEDRIVER, CHROMIUM, browsing, server
from PIL import Image

ROOT = Path(__file__).resolve().parent.parent
PICTURES = ROOT / "docs" / "pictures"
LAB = [sys.executable, str(ROOT / "bin" / "lab.py"), "--browser"]
PATIENCE_SECONDS = 1_800  # for the steps
JUDGED_SECONDS = 5  # after which the last summary's diagnosis is there
PAGES = {  # flags, whole steps, the window
    "circle": ("", 3_000, (1300, 1180)),
    "digits": (
        "--model=simple --dataset=digits --batch_size=64 --g_hidden=128,256 "
        "--d_learning_rate=.1 --g_learning_rate=5e-4 --summary_every=500",
        2_500,
        (1300, 1350),
    ),
    "cyclegan": (
        "--model=cyclegan --dataset=arrows --width=8 --d_learning_rate=5e-4 "
        "--g_learning_rate=5e-4 --summary_every=100",
        300,
        (1300, 1000),
    ),
}


def take(browser, name: str) -> Path:
    """One picture; its file."""
    flags, steps, size = PAGES[name]
    with server([*LAB, *flags.split()], r"(http://127\.0\.0\.1:\d+/[\w-]+/)") as url:
        browser.resize(*size)
        browser.open(url)
        browser.wait_until("document.body.dataset.step === '0'")
        browser.script(
            "document.getElementById('count').value = arguments[0];"
            "document.getElementById('whole').click();",
            steps,
        )
        of = "document.body.dataset"
        done = f"{of}.step === String(arguments[0]) && {of}.waiting === '0'"
        browser.wait_until(done, steps, patience_seconds=PATIENCE_SECONDS)
        time.sleep(JUDGED_SECONDS)
        out = PICTURES / f"lab_{name}.png"
        browser.screenshot(out)
    with Image.open(out) as whole:
        small = whole.convert("RGB").quantize(256, dither=Image.Dither.NONE)
    small.save(out, optimize=True)
    return out


def main(names: list[str]) -> None:
    if not (CHROMIUM and CHROMEDRIVER):
        sys.exit("chromium and chromedriver are not installed (Debian: chromium, chromium-driver)")
    if unknown := set(names) - PAGES.keys():
        sys.exit(f"{min(unknown)}: expected some of {', '.join(PAGES)}")
    with tempfile.TemporaryDirectory() as profile, browsing(profile) as browser:
        for name in names or PAGES:
            out = take(browser, name)
            print(f"{out.relative_to(ROOT)}: {out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main(sys.argv[1:])
