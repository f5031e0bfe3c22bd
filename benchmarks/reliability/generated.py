"""Inputs as Hypothesis makes them: texts, JSON and files that are almost right."""

import io
import json
import shlex
import zipfile

import numpy as np
from hypothesis import strategies as st
from PIL import Image

WORDS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        [
            "nan",
            "-1",
            "1e400",
            "0",
            "9" * 400,
            "",
            "None",
            "True",
            "../..",
            "/dev/zero",
            "\0",
            "1_0",
        ]
    ),
    st.integers(-(2**70), 2**70).map(str),
    st.floats().map(str),
)
NAMES = st.one_of(
    st.sampled_from(
        [
            *("steps", "batch_size", "g_hidden", "d_learning_rate", "dataset", "workdir", "seed"),
            *("jit", "ema", "epochs", "keep_best", "flagfile", "model", "help", "undefok", "fresh"),
        ]
    ),
    st.text(max_size=12),
)
FLAG_WORDS = st.one_of(
    st.builds("--{}={}".format, NAMES, WORDS),
    st.builds("-{}".format, NAMES),
    st.builds("--no{}".format, NAMES),
    WORDS,
)
COMMAND_LINES = st.lists(FLAG_WORDS, max_size=6)
FLAG_FILES = st.lists(st.one_of(FLAG_WORDS, st.just("# said")), max_size=8).map("\n".join)
PLANS = st.lists(
    st.one_of(
        st.builds(
            "{}: --model={} {}".format,
            st.text(max_size=8),
            st.sampled_from(["circle", "simple", "x", "", "../x.py"]),
            COMMAND_LINES.map(lambda words: " ".join(map(shlex.quote, words))),
        ),
        st.text(max_size=40),
    ),
    max_size=4,
).map("\n".join)

VALUES = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.floats(),
        st.text(max_size=12),
        st.sampled_from([-1, 0, 1, 2, 3, 2**31, 2**63, 10**18, -(10**30), 1e308]),
    ),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=5,
)
ROWS = st.dictionaries(
    st.sampled_from(["step", "d_loss", "health", "diagnosis", "eval/recall"]) | st.text(max_size=5),
    VALUES,
    max_size=4,
)
LINES = st.one_of(
    ROWS.map(lambda row: json.dumps(row).encode()),
    ROWS.map(lambda row: json.dumps(row | {"step": 10}).encode()[:-3]),
    st.builds(lambda row, s: json.dumps(row | {"step": s}).encode(), ROWS, st.integers(-1, 40)),
    st.binary(max_size=60),
    st.sampled_from([b"[" * 5000, b"1" * 5000, b'{"step":' * 500, b"\x00", b"NaN"]),
)
LOGS = st.lists(LINES, max_size=6).map(b"\n".join)

CAPTIONS = st.one_of(
    st.text(max_size=60),
    st.lists(
        st.sampled_from(["a", "small", "red", "circle", "RED,", "gr\u00fcn", "\u202e", "\0"])
    ).map(" ".join),
)


@st.composite
def damaged(draw, files: tuple[bytes, ...]):
    """One of some sound files, with bytes changed, cut out, doubled or put in."""
    content = bytearray(draw(st.sampled_from(files)))
    for _ in range(draw(st.integers(0, 4))):
        place = draw(st.integers(0, max(0, len(content) - 1)))
        how = draw(st.sampled_from(["change", "cut", "double", "put in", "end"]))
        if how == "change" and content:
            content[place] = draw(st.integers(0, 255))
        elif how == "cut":
            del content[place : place + draw(st.integers(1, 40))]
        elif how == "double":
            content[place:place] = content[place : place + draw(st.integers(1, 200))]
        elif how == "put in":
            content[place:place] = draw(st.binary(max_size=20))
        else:
            del content[place:]
    return bytes(content)


def _png(mode: str, size: tuple[int, int] = (9, 7), form: str = "PNG") -> bytes:
    stream = io.BytesIO()
    Image.new(mode, size, 1).save(stream, form)
    return stream.getvalue()


def _array(save, *args, **fields) -> bytes:
    stream = io.BytesIO()
    save(stream, *args, **fields)
    return stream.getvalue()


def _huge_zip() -> bytes:
    """A strip whose row says that it has 10^15 bytes."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        head = io.BytesIO()
        about = {"descr": "|u1", "fortran_order": False, "shape": (1, 10**8, 10**7, 1)}
        np.lib.format.write_array_header_1_0(head, about)
        archive.writestr("10.npy", head.getvalue() + bytes(100_000))
    return stream.getvalue()


_IMAGES = np.arange(2 * 4 * 4, dtype=np.uint8).reshape(2, 4, 4, 1)
PICTURES = damaged(
    (
        *(_png(mode) for mode in ("L", "RGB", "RGBA", "P", "I;16", "1")),
        *(_png(mode, form="JPEG") for mode in ("L", "RGB", "CMYK")),
        _png("L", (60_000, 1)),
    )
)
STRIPS = damaged(
    (
        _array(np.savez_compressed, **{"10": _IMAGES, "20": _IMAGES}),
        _array(np.savez, **{"10": _IMAGES}),
        _array(np.savez, **{"10": _IMAGES, "20": _IMAGES[:1]}),
        _huge_zip(),
    )
)
DATA = damaged(
    (
        _array(np.save, _IMAGES),
        _array(np.save, np.zeros([4, 2], np.float32)),
        _array(np.savez, x=_IMAGES, label=np.arange(2), caption=np.array(["a red", "one"])),
        _array(np.savez_compressed, a=_IMAGES, b=_IMAGES),
        b"\0\0\x08\x03" + bytes((0, 0, 0, 2, 0, 0, 0, 4, 0, 0, 0, 4)) + _IMAGES.tobytes(),
    )
)

PATHS = st.one_of(
    st.sampled_from(
        ["", "about", "state", "command", "lab.js", "../server.py", "%2e%2e/%00", "//"]
    ),
    st.text(max_size=20),
)
QUERIES = st.dictionaries(
    st.sampled_from(["after", "samplers", "weights", "weights_version"]) | st.text(max_size=5),
    WORDS,
    max_size=3,
)
COMMANDS = st.fixed_dictionaries(
    # Not "save": that one writes where it is told to, as a user of the page may.
    {"do": st.sampled_from(["update", "limit", "rate", "stages", "weight", "pause", "x"]) | VALUES},
    optional={
        "name": WORDS | VALUES,
        "count": VALUES,
        "at": VALUES,
        "steps_per_second": VALUES,
        "value": VALUES,
        "points": VALUES,
    },
)
BODIES = st.one_of(COMMANDS.map(json.dumps), VALUES.map(json.dumps), st.text(max_size=40))
CLUSTERS = st.one_of(
    st.builds(
        lambda jobs, task: json.dumps({"cluster": jobs, "task": task}),
        st.dictionaries(st.sampled_from(["chief", "worker", "ps"]), VALUES, max_size=3) | VALUES,
        st.fixed_dictionaries({"type": VALUES | st.just("worker"), "index": VALUES}) | VALUES,
    ),
    VALUES.map(json.dumps),
    st.text(max_size=30),
)


@st.composite
def changed_json(draw, sound: dict):
    """A JSON object with up to three values in it replaced or left out, at any depth."""
    told = json.loads(json.dumps(sound))
    for _ in range(draw(st.integers(1, 3))):
        place, key = told, draw(st.sampled_from(sorted(told)))
        while isinstance(place[key], dict) and place[key] and draw(st.booleans()):
            place = place[key]
            key = draw(st.sampled_from(sorted(place)))
        if draw(st.booleans()) or place is told and len(told) < 3:
            place[key] = draw(VALUES)
        else:
            del place[key]
            if not told:
                break
    return told
