"""What a Gan is told of its data: the fields' shapes, classes and words, without any values."""

import dataclasses
from collections.abc import Iterable, Mapping

from ganflow.interface import captions


@dataclasses.dataclass(frozen=True)
class Fields:
    """The fields of a data set: `x`, `label`; `a`, `b`; `x`, `caption`.

    Attributes:
      shapes: of one example of each: {"x": (28, 28, 1), "label": ()}.
      classes: of each field of integers, how many values there are: {"label": 10}.
      vocabulary: of `caption`, where its words are known: a word's place is its token id, and the
        first is empty; see `interface.captions`.
    """

    shapes: Mapping[str, tuple[int, ...]]
    classes: Mapping[str, int] = dataclasses.field(default_factory=dict)
    vocabulary: tuple[str, ...] = ()

    def shape(self, field: str) -> tuple[int, ...]:
        """Of one example.

        Raises:
          ValueError: there is no such field.
        """
        if field not in self.shapes:
            there = ", ".join(self.shapes)
            raise ValueError(f"needs the field {field}, and the data set has {there}")
        return tuple(self.shapes[field])

    def image_shape(self, field: str = "x") -> tuple[int, int, int]:
        """(height, width, channels).

        Raises:
          ValueError: there is no such field, or it holds no images.
        """
        shape = self.shape(field)
        if len(shape) != 3:
            raise ValueError(f"trains on images, and {field} is {_text(shape)}")
        return shape

    def point_shape(self, field: str = "x") -> tuple[int]:
        """(2,).

        Raises:
          ValueError: there is no such field, or it holds no points.
        """
        shape = self.shape(field)
        if len(shape) != 1:
            raise ValueError(f"trains on points [n, 2], and {field} is {_text(shape)}")
        return shape

    def num_classes(self, field: str = "label") -> int:
        """How many values a field of integers has.

        Raises:
          ValueError: there is no such field, or it does not hold classes.
        """
        self.shape(field)
        if field not in self.classes:
            raise ValueError(f"needs classes in the field {field}, which holds other numbers")
        return self.classes[field]

    def words(self, caption: Iterable[int]) -> str:
        """Token ids [words] as a sentence, see `captions.words`."""
        return captions.words(caption, self.vocabulary)


def _text(shape) -> str:
    return " x ".join(map(str, shape)) or "a number"
