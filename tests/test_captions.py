"""Captions: words, vocabularies, token ids and back."""

import numpy as np
import pytest

from ganflow.interface import captions

VOCABULARY = ("", "a", "circle", "red", "small", "square")


@pytest.mark.parametrize(
    ("caption", "words"),
    [
        ("A small, RED circle.", ["a", "small", "red", "circle"]),
        ("  on\tthe\nleft ", ["on", "the", "left"]),
        ("red-and-white 3x don't x_y", ["red", "and", "white", "3x", "don", "t", "x", "y"]),
        ("Ein GRÜNER Kreis", ["ein", "grüner", "kreis"]),
        ("gru\u0308n", ["grün"]),  # the same letter in two code points
        ("красный круг, 赤い円", ["красный", "круг", "赤い円"]),
        ("", []),
        ("... !", []),
    ],
)
def test_split(caption, words):
    assert captions.split(caption) == words


def test_a_vocabulary_is_in_alphabetical_order_behind_an_empty_word():
    made = captions.vocabulary_of(["a small red circle", "A red square!"])
    assert made == VOCABULARY
    assert captions.vocabulary_of(["a red square", "a small red circle"]) == made
    assert captions.longest(["a small red circle", "a red square"]) == 4
    assert captions.longest([]) == 0


def test_a_vocabulary_is_bounded():
    words = [f"w{i}" for i in range(captions.MOST_WORDS)]
    assert len(captions.vocabulary_of(words)) == captions.MOST_WORDS + 1
    with pytest.raises(ValueError, match="found 10001 different words"):
        captions.vocabulary_of([*words, "more"])
    with pytest.raises(ValueError, match="found 0 different words"):
        captions.vocabulary_of([" ", ""])


def test_ids_and_words_are_each_others_inverse():
    ids = captions.ids(["A small red circle", "square"], VOCABULARY, 5)
    assert ids.dtype == np.int32 and ids.tolist() == [[1, 4, 3, 2, 0], [5, 0, 0, 0, 0]]
    assert captions.words(ids[0], VOCABULARY) == "a small red circle"
    assert captions.words([0, 0], VOCABULARY) == "" and captions.words([7, 3, 0]) == "7 3"
    assert captions.ids([], VOCABULARY, 5).shape == (0, 5)
    with pytest.raises(IndexError):
        captions.words([6], VOCABULARY)


def test_what_has_no_ids_is_named():
    with pytest.raises(ValueError) as caught:
        captions.ids(["a red square", "a smal red ball"], VOCABULARY, 4)
    assert str(caught.value) == (
        "'a smal red ball': found the word 'smal', which no training caption has; near to it are "
        "small"
    )
    with pytest.raises(ValueError, match="'hex', which .*; the words are a, circle, red, small, "):
        captions.ids(["hex"], VOCABULARY, 4)
    many = ("", *(f"w{i}" for i in range(41)))
    with pytest.raises(ValueError, match=r"; the words are w0, w1, .*, w39, \.\.\.$"):
        captions.ids(["hex"], many, 4)
    with pytest.raises(ValueError, match="^'a a a': found 3 words, expected 1 to 2$"):
        captions.ids(["a a a"], VOCABULARY, 2)
    with pytest.raises(ValueError, match="found 0 words"):
        captions.ids(["!"], VOCABULARY, 2)
    with pytest.raises(ValueError) as caught:  # a long one is told by its beginning
        captions.ids(["red\n" * 500], VOCABULARY, 4)
    assert len(str(caught.value)) < 120 and "\n" not in str(caught.value)
