"""Named fields in one .npz file: each member is the field of its name.

    x or x_train or images, label or y_train or labels    of one domain; `_test`: x_test, y_test
    a, b, a_..., b_...                                    of two unpaired domains
    caption                                               token ids [n, words]

`NAME_test` is the field NAME of the test split, and `NAME_train` that of the training split.
"""

import re

import numpy as np

from ganflow.data.dataset import domain
from ganflow.data.readers import arrays, files, npy

_MOST_MEMBERS = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")  # it goes into messages and files
_EXAMPLES = ("x", "a", "b")
_ALIASES = {"images": "x", "labels": "label"}


def load(path: str, split: str) -> dict[str, np.ndarray]:
    """The fields of one split: `x`, `a` and `b` first, the others in the order of the file.

    Returns:
      `x`, `a` and `b` as `arrays.check_examples` gives them, `label` as `check_labels`, `caption`
      as `check_captions`, all others as `check_numbers`.

    Raises:
      InputError: anything wrong with the archive; a member whose name, type, values or number of
        rows does not fit; no member of this split.
      OSError: the operating system refuses; `files.reading` maps it.
    """
    wanted = _wanted(path, split)
    npy.check_unpacked(path, wanted.values())
    fields, first_of = {}, {}
    for field, member in wanted.items():
        name, array = f"{path}[{member}]", npy.read_member(path, member)
        first = first_of.setdefault(domain(field), field)
        rows = len(fields[first]) if first in fields else None
        array = _checked(name, field, array, rows)
        if rows not in (None, len(array)):
            raise files.fault(
                name,
                f"found {len(array)} rows, expected {rows}, one for each of {wanted[first]}",
            )
        fields[field] = array
    return fields


def has_test(path: str) -> bool:
    """Whether there are members `NAME_test`; raises as `load` for names that do not fit."""
    return bool(_members(path)["test"])


def _checked(name: str, field: str, array: np.ndarray, rows: int | None) -> np.ndarray:
    if field in _EXAMPLES:
        return arrays.check_examples(name, array)
    if field == "label":
        return arrays.check_labels(name, array, rows)
    if field == "caption":
        return arrays.check_captions(name, array)
    return arrays.check_numbers(name, array)


def _field(member: str) -> tuple[str, str]:
    """The field that a member gives, and of which split: y_test -> ("label", "test")."""
    for split in ("train", "test"):
        base = member.removesuffix(f"_{split}")
        if base not in ("", member):
            return "label" if base == "y" else _ALIASES.get(base, base), split
    return _ALIASES.get(member, member), "train"


def _wanted(path: str, split: str) -> dict[str, str]:
    """Field -> member of one split, which has some; in a test split the main one is among them."""
    splits = _members(path)
    there, main = splits[split], None
    if split == "test" and splits["train"]:
        main = "x" if "x" in splits["train"] else next(iter(splits["train"]))  # as of `Dataset`
    if not there or main not in (None, *there):
        found = ", ".join(member for members in splits.values() for member in members.values())
        wanted = f"{main or 'x'}_test" if split == "test" else "x, or a and b"
        raise files.fault(
            path,
            f"found the members {found or 'none'}, expected for the {split} split: {wanted}",
        )
    return there


def _members(path: str) -> dict[str, dict[str, str]]:
    """Of both splits: field -> member; x, a and b first, the others in the order of the file."""
    found = npy.members(path)
    if len(found) > _MOST_MEMBERS:
        raise files.fault(path, f"found {len(found)} members, expected at most {_MOST_MEMBERS}")
    splits = {"train": {}, "test": {}}
    for member in found:
        if not _NAME.fullmatch(member):
            raise files.fault(
                path,
                f"found the member {member!r}, expected names of at most 64 letters, digits and _ "
                "that begin with a letter",
            )
        field, split = _field(member)
        if field in splits[split]:
            raise files.fault(
                path,
                f"found the members {splits[split][field]} and {member}, expected one of them, "
                f"for both are the field {field}",
            )
        splits[split][field] = member
    return {split: _in_order(members) for split, members in splits.items()}


def _in_order(members: dict[str, str]) -> dict[str, str]:
    first = [field for field in _EXAMPLES if field in members]
    return {field: members[field] for field in [*first, *members]}
