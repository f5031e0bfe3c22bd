"""The page: files that lie in `page/` as they are, and beside them the model and its weights.

index.html      what one opens, from a folder or from any static server
page.css, words.js, pictures.js, controls.js, page.js
model.js        what the model is asked for, and its programs, as JSON behind `const MODEL =`
weights.js      a line for each weight: its numbers, little-endian, as base64
tf.es2017.min.js   TensorFlow.js, where it was copied

The model and the weights are scripts, not .json and .bin files, because a page opened from a folder
may run the scripts beside it, but a browser does not let it read any other file there.
"""

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from ganflow.base.errors import InputError
from ganflow.storage import workdir

_SOURCE = Path(__file__).with_name("page")
STATIC = ("page.css", "words.js", "pictures.js", "controls.js", "page.js")
# TensorFlow.js: this file of the npm package @tensorflow/tfjs. Unlike the build for older browsers
# it makes no code of texts, which the page's policy forbids. BUILD.md: how the hash was computed.
VERSION, LIBRARY = "4.22.0", "tf.es2017.min.js"
ADDRESS = f"https://cdn.jsdelivr.net/npm/@tensorflow/tfjs@{VERSION}/dist/{LIBRARY}"
INTEGRITY = "sha384-ODzrY1mCTIRZRerZfDIqCoTQafA1St1OwLVc9SsTefnkCF1MeIaVSZ88wuK/NKfH"
MOST_BYTES = 400_000_000  # of weights.js: browsers keep a script as one string, of at most 512 MB
_LINE = 250  # characters of model.js
_LIBRARY_BYTES = 50_000_000  # no build of TensorFlow.js is larger


def read_library(path: Path) -> bytes:
    """A local copy of TensorFlow.js.

    Raises:
      InputError: it cannot be read, or it is another file than the one of `INTEGRITY`.
    """
    try:
        with open(path, "rb") as file:
            content = file.read(_LIBRARY_BYTES)
    except OSError as error:
        raise InputError(f"--tfjs={path}: cannot be read: {error.strerror}") from error
    if integrity(content) != INTEGRITY:
        raise InputError(
            f"--tfjs={path}: found another file than the page is made for; take dist/{LIBRARY} out "
            f"of what `npm pack @tensorflow/tfjs@{VERSION}` gives, or {ADDRESS}"
        )
    return content


def integrity(content: bytes) -> str:
    """As a script's `integrity` has it: "sha384-..."."""
    return f"sha384-{base64.b64encode(hashlib.sha384(content).digest()).decode()}"


def write(
    folder: Path, model: Mapping, weights: Mapping[str, np.ndarray], library: bytes | None
) -> None:
    """Write the page.

    Args:
      folder: is there, and empty.
      model: as `page/page.js` reads it, without "weights".
      weights: by name, float32 or int32.
      library: TensorFlow.js; None: the page names `ADDRESS` with its hash.

    Raises:
      InputError: more weights than a browser reads.
    """
    lines = [f"WEIGHTS[{json.dumps(name)}] = {_text(array)};" for name, array in weights.items()]
    size = sum(map(len, lines))
    if size > MOST_BYTES:
        raise InputError(f"{size:,} bytes of weights are more than a browser reads from a page")
    told = {
        name: {"shape": list(array.shape), "dtype": array.dtype.name}
        for name, array in weights.items()
    }
    text = _laid_out(dict(model) | {"weights": told})
    files = {name: (_SOURCE / name).read_bytes() for name in STATIC}
    files["index.html"] = _index(library is None).encode()
    files["model.js"] = f'"use strict";\nconst MODEL = {text};\n'.encode()
    files["weights.js"] = "\n".join(['"use strict";', "const WEIGHTS = {};", *lines, ""]).encode()
    if library is not None:
        files[LIBRARY] = library
    for name, content in files.items():
        workdir.write_whole(folder / name, content)


def read(folder: Path) -> tuple[dict, dict[str, np.ndarray]]:
    """The model and the weights of a page that was written."""
    model = json.loads((folder / "model.js").read_text().split("=", 1)[1].rstrip().rstrip(";"))
    lines = re.findall(r'^WEIGHTS\[(".*")\] = "(.*)";$', (folder / "weights.js").read_text(), re.M)
    weights = {}
    for name, text in lines:
        about = model["weights"][json.loads(name)]
        array = np.frombuffer(base64.b64decode(text), np.dtype(about["dtype"]).newbyteorder("<"))
        weights[json.loads(name)] = array.reshape(about["shape"])
    return model, weights


def size(folder: Path) -> int:
    """Bytes of a folder's files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def _text(array: np.ndarray) -> str:
    little = np.ascontiguousarray(array, array.dtype.newbyteorder("<"))
    return f'"{base64.b64encode(little.tobytes()).decode()}"'


def _laid_out(value, indent: str = "\n") -> str:
    """JSON to read: what fits into a line stands in one, a step of a program for instance."""
    whole = json.dumps(value, allow_nan=False)
    if len(whole) <= _LINE or not isinstance(value, dict | list):
        return whole
    deeper = indent + " "
    if isinstance(value, list):
        return f"[{deeper}{f',{deeper}'.join(_laid_out(v, deeper) for v in value)}{indent}]"
    parts = (f"{json.dumps(key)}: {_laid_out(v, deeper)}" for key, v in value.items())
    return f"{{{deeper}{f',{deeper}'.join(parts)}{indent}}}"


def _index(from_afar: bool) -> str:
    """index.html, with the library's source in its policy and its script."""
    script = f'<script src="{LIBRARY}" defer></script>'
    if from_afar:
        script = (
            f'<script src="{ADDRESS}"\n        integrity="{INTEGRITY}"\n'
            '        crossorigin="anonymous" defer></script>'
        )
    text = (_SOURCE / "index.html").read_text()
    text = text.replace("{AND_LIBRARY}", f" {ADDRESS}" if from_afar else "")
    return text.replace("{LIBRARY}", script)
