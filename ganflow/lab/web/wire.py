"""Frames as JSON: arrays as base64 of their bytes, what is no finite number as a word."""

import base64
import json
import math
from typing import Any

import numpy as np


def encoded(value: Any) -> bytes:
    """JSON of dicts, lists, numbers, texts and arrays (uint8, or else sent as float32)."""
    return json.dumps(_plain(value), allow_nan=False, separators=(",", ":")).encode()


def _plain(value: Any) -> Any:
    if isinstance(value, dict):
        return {str(key): _plain(of) for key, of in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(of) for of in value]
    if isinstance(value, np.ndarray):
        kind = "u8" if value.dtype == np.uint8 else "f4"
        array = np.ascontiguousarray(value, np.uint8 if kind == "u8" else "<f4")
        text = base64.b64encode(array).decode()
        return {"array": kind, "shape": list(value.shape), "data": text}
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)  # "nan", "inf"
    return value
