"""Captions: from words to token ids and back, by a vocabulary.

A vocabulary is a tuple of words in alphabetical order behind an empty one; a word's place in it is
its token id. Id 0 says nothing: it fills rows up to one length.
"""

import difflib
import re
import textwrap
import unicodedata
from collections.abc import Iterable, Sequence

import numpy as np

PADDING = ""  # the word of id 0
MOST_WORDS = 10_000  # in a vocabulary: more are likelier to be names or numbers than a language
_WORD = re.compile(r"[^\W_]+")  # letters and digits, of whatever script
# Of an unknown word, so many that are so much like it are named; or, where none is, so many of all.
_NEAR, _LIKENESS, _TOLD = 3, 0.5, 40


def split(caption: str) -> list[str]:
    """The words of a caption: in lower case, without the blanks and punctuation between them."""
    return _WORD.findall(unicodedata.normalize("NFC", caption).lower())


def vocabulary_of(captions: Iterable[str]) -> tuple[str, ...]:
    """Every word of some captions, in alphabetical order (by code points), behind the padding.

    Raises:
      ValueError: more than `MOST_WORDS`, or no word at all.
    """
    words = {word for caption in captions for word in split(caption)}
    if not 0 < len(words) <= MOST_WORDS:
        raise ValueError(f"found {len(words)} different words, expected 1 to {MOST_WORDS}")
    return (PADDING, *sorted(words))


def longest(captions: Iterable[str]) -> int:
    """Words in the longest caption."""
    return max((len(split(caption)) for caption in captions), default=0)


def ids(captions: Sequence[str], vocabulary: Sequence[str], length: int) -> np.ndarray:
    """Captions as token ids, each row filled up with 0.

    Args:
      captions: sentences.
      vocabulary: as of `vocabulary_of`.
      length: ids in a row.

    Returns:
      int32 [captions, length].

    Raises:
      ValueError: a caption without words or with more than `length`, or a word that is not in the
        vocabulary; the message has the caption, and names near words or some of all.
    """
    places = {word: place for place, word in enumerate(vocabulary)}
    made = np.zeros([len(captions), length], np.int32)
    for row, caption in zip(made, captions, strict=True):
        words, told = split(caption), repr(textwrap.shorten(caption, 60, placeholder="..."))
        if unknown := next((word for word in words if word not in places), None):
            near = difflib.get_close_matches(unknown, vocabulary[1:], _NEAR, _LIKENESS)
            others = near or [*vocabulary[1 : 1 + _TOLD], *["..."] * (len(vocabulary) > 1 + _TOLD)]
            raise ValueError(
                f"{told}: found the word {unknown!r}, which no training caption has; "
                f"{'near to it are' if near else 'the words are'} {', '.join(others)}"
            )
        if not 0 < len(words) <= length:
            raise ValueError(f"{told}: found {len(words)} words, expected 1 to {length}")
        row[: len(words)] = [places[word] for word in words]
    return made


def words(caption: Iterable[int], vocabulary: Sequence[str] = ()) -> str:
    """A caption to read: words with a blank between, or the ids where there is no vocabulary.

    Raises:
      IndexError: an id beyond the vocabulary.
    """
    told = [int(token) for token in caption if token]
    return " ".join(vocabulary[token] if vocabulary else str(token) for token in told)
