"""Named fields in one .npz file: each member is the field of its name.

    x or x_train or images, label or y_train or labels    of one domain; `_test`: x_test, y_test
    a, b, a_..., b_...                                    of two unpaired domains
    caption                                               token ids [n, words], or strings [n]

`NAME_test` is the field NAME of the test split, and `NAME_train` that of the training split.

Captions that are strings become token ids by the words of the training split's, see
`interface.captions`; of a file without a test split by those of all its captions.
"""

import re

import numpy as np

from ganflow.data.dataset import domain
from ganflow.data.readers import arrays, files, npy
from ganflow.interface import captions

_MOST_MEMBERS = 100
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]{0,63}")  # it goes into messages and files
_EXAMPLES = ("x", "a", "b")
_ALIASES = {"images": "x", "labels": "label"}


def load(path: str, split: str) -> tuple[dict[str, np.ndarray], tuple[str, ...]]:
    """The fields of one split: `x`, `a` and `b` first, the others in the order of the file.

    Returns:
      (fields, vocabulary): `x`, `a` and `b` as `arrays.check_examples` gives them, `label` as
      `check_labels`, `caption` as `check_captions`, all others as `check_numbers`; the words of
      captions that were strings, else none.

    Raises:
      InputError: anything wrong with the archive; a member whose name, type, values or number of
        rows does not fit; no member of this split; a word that the training split has not.
      OSError: the operating system refuses; `files.reading` maps it.
    """
    wanted = _wanted(path, split)
    npy.check_unpacked(path, wanted.values())
    fields, first_of = {}, {}
    vocabulary: tuple[str, ...] = ()
    for field, member in wanted.items():
        name = f"{path}[{member}]"
        first = first_of.setdefault(domain(field), field)
        rows = len(fields[first]) if first in fields else None
        if field == "caption":
            array, vocabulary = _captions(path, member, split)
        else:
            array = _checked(name, field, npy.read_member(path, member), rows)
        if rows not in (None, len(array)):
            raise files.fault(
                name,
                f"found {len(array)} rows, expected {rows}, one for each of {wanted[first]}",
            )
        fields[field] = array
    return fields, vocabulary


def has_test(path: str) -> bool:
    """Whether there are members `NAME_test`; raises as `load` for names that do not fit."""
    return bool(_members(path)["test"])


def _checked(name: str, field: str, array: np.ndarray, rows: int | None) -> np.ndarray:
    if field in _EXAMPLES:
        return arrays.check_examples(name, array)
    if field == "label":
        return arrays.check_labels(name, array, rows)
    return arrays.check_numbers(name, array)


def _captions(path: str, member: str, split: str) -> tuple[np.ndarray, tuple[str, ...]]:
    """Token ids [n, words], and the vocabulary where they were strings."""
    name, array = f"{path}[{member}]", npy.read_member(path, member, text=True)
    of_train = _members(path)["train"].get("caption", member)
    train_name, train = f"{path}[{of_train}]", array
    if of_train != member:
        train = npy.read_member(path, of_train, text=True)
    is_text = array.dtype.kind == "U"
    if is_text != (train.dtype.kind == "U"):
        raise files.fault(
            name, f"found captions of {array.dtype}, expected {train.dtype} as in {train_name}"
        )
    if not is_text:
        return arrays.check_captions(name, array), ()
    if of_train == member and split == "test":
        raise files.fault(name, "found words, expected captions of the training split beside them")
    at_fault, sentences = train_name, arrays.check_sentences(train_name, train)
    try:
        vocabulary, length = captions.vocabulary_of(sentences), captions.longest(sentences)
        at_fault, sentences = name, arrays.check_sentences(name, array)
        return captions.ids(sentences, vocabulary, length), vocabulary
    except ValueError as error:
        raise files.fault(at_fault, str(error)) from error


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
