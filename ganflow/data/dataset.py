"""A data set in memory: named arrays, of which those of one domain have a row for each example."""

import dataclasses
import functools
import hashlib
from collections.abc import Iterable
from typing import TYPE_CHECKING

import numpy as np

from ganflow.interface import captions
from ganflow.interface.fields import Fields

if TYPE_CHECKING:  # slow to import, and reading data does without
    import tensorflow as tf


def domain(field: str) -> str:
    """Whose examples a field tells of: "a" and "a_..." of a, "b" and "b_..." of b, others of x.

    Fields of one domain belong to the same examples; two domains are unpaired.
    """
    first = field.partition("_")[0]
    return first if first in ("a", "b") else "x"


@dataclasses.dataclass(frozen=True, eq=False)
class Dataset:
    """Named arrays. Do not write to them.

    Attributes:
      name: for messages; like `part` it does not enter `sha256`.
      fields: `x`, and `a` and `b` of two unpaired domains: images, uint8 or float32 in [-1, 1],
        [n, h, w, c], or points, float32 [n, 2]; `label`, int32 [n]; `caption`, token ids, int32
        [n, words]; and whatever else there is, one row an example. uint8 are always images.
      part: of held-out examples, where they come from, in words.
      vocabulary: of `caption`, where its words are known: see `interface.captions`. The training
        and the test split have the same.

    Raises:
      ValueError: no fields, fields of one domain that differ in their number of rows, a number that
        is not finite, or a caption with ids beyond its vocabulary.
    """

    name: str
    fields: dict[str, np.ndarray]
    part: str = ""
    vocabulary: tuple[str, ...] = ()

    def __post_init__(self):
        if not self.fields:
            raise ValueError(f"data set {self.name}: no fields")
        for field, array in self.fields.items():
            if len(array) != self.size(field):
                rows = {name: len(self.fields[name]) for name in self.fields}
                raise ValueError(f"data set {self.name}: rows of one domain differ: {rows}")
            if (  # by two numbers, for an array of answers would be as large as the data
                array.dtype.kind == "f"
                and not np.isfinite([array.min(initial=0), array.max(initial=0)]).all()
            ):
                raise ValueError(f"data set {self.name}: {field} has a number that is not finite")
        if self.vocabulary:
            caption, words = self.fields.get("caption"), len(self.vocabulary)
            if caption is None or caption.max(initial=0) >= words:
                raise ValueError(f"data set {self.name}: no caption within its {words} words")

    @property
    def x(self) -> np.ndarray | None:
        """The field of this name, None where there is none."""
        return self.fields.get("x")

    @property
    def label(self) -> np.ndarray | None:
        """The field of this name, None where there is none."""
        return self.fields.get("label")

    @property
    def main(self) -> str:
        """The field that is shown where none is named: `x`, else the first."""
        return "x" if "x" in self.fields else next(iter(self.fields))

    @property
    def is_points(self) -> bool:
        """Whether the main field holds points in the plane."""
        return self.example_shape == (2,) and self.fields[self.main].dtype.kind == "f"

    @property
    def example_shape(self) -> tuple[int, ...]:
        """Of the main field: (h, w, c), or (2,)."""
        return self.fields[self.main].shape[1:]

    def domain(self, field: str) -> str:
        """The domain of a field, see `data.domain`."""
        return domain(field)

    @property
    def sizes(self) -> dict[str, int]:
        """Examples in each domain that the data set has, in the order of the fields."""
        sizes = {}
        for field, array in self.fields.items():
            sizes.setdefault(domain(field), len(array))
        return sizes

    def size(self, field: str) -> int:
        """Examples in the domain of a field; KeyError where there is no such domain."""
        return self.sizes[domain(field)]

    def select(self, index: np.ndarray) -> "Dataset":
        """The examples at `index`, of a data set of one domain.

        Raises:
          ValueError: there are several domains, whose examples one index cannot name.
        """
        if len(self.sizes) > 1:
            raise ValueError(f"data set {self.name}: domains {', '.join(self.sizes)}, expected one")
        fields = {field: array[index] for field, array in self.fields.items()}
        return dataclasses.replace(self, fields=fields, part="")

    def alone(self, field: str) -> "Dataset":
        """The examples of one field as x, with the labels of its domain where there are any."""
        domain = self.domain(field)
        label = self.fields.get("label" if domain == "x" else f"{domain}_label")
        fields = {"x": self.fields[field]} | ({} if label is None else {"label": label})
        return Dataset(self.name, fields, self.part)

    def about(self) -> Fields:
        """What a Gan is told: shapes of one example; classes of integers that begin at 0; words.

        A caption has as many classes as its vocabulary has words, used or not.
        """
        classes = {
            field: int(array.max()) + 1
            for field, array in self.fields.items()
            if array.dtype.kind in "iu" and not is_image(array) and array.size and array.min() >= 0
        }
        if self.vocabulary:
            classes["caption"] = len(self.vocabulary)
        shapes = {field: array.shape[1:] for field, array in self.fields.items()}
        return Fields(shapes, classes, self.vocabulary)

    def words(self, caption: Iterable[int]) -> str:
        """Token ids [words] as a sentence, see `captions.words`."""
        return captions.words(caption, self.vocabulary)

    @functools.cached_property
    def sha256(self) -> str:
        """Hexadecimal digest of the fields' names, types, shapes and values, in whatever order.

        And of the vocabulary, where there is one: the same ids may be other words.
        """
        digest = hashlib.sha256()
        for field, array in sorted(self.fields.items()):
            digest.update(f"{field!r} {array.dtype.name} {array.shape}".encode())
            digest.update(np.ascontiguousarray(array))
        if self.vocabulary:
            digest.update("\n".join(self.vocabulary).encode())
        return digest.hexdigest()


def is_image(array: np.ndarray) -> bool:
    """Whether a field's array holds images: uint8, or float [n, h, w, c]."""
    return array.dtype == np.uint8 or (array.dtype.kind == "f" and array.ndim == 4)


def decoded(array: "np.ndarray | tf.Tensor") -> "tf.Tensor":
    """Stored examples to what models see: uint8 images -> float32 [-1, 1], all else as it is."""
    import tensorflow as tf

    array = tf.convert_to_tensor(array)
    return tf.cast(array, tf.float32) / 127.5 - 1.0 if array.dtype == tf.uint8 else array
