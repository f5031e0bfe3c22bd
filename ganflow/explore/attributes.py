"""What a picture shows, as factors with named values, read without asking G.

    drawings          every factor of `data.drawings`, by the readers of `judging.factors`
    labelled images   `label` by the judge's classifier, and `ink`: thin below and bold above the
                      median brightness of the real images of that label, so that the two are
                      independent

So the same reader chooses the samples for an arithmetic of z and judges what comes of it.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data import drawings

_INK_FROM = 5_000  # real images whose median brightnesses part thin from bold


@dataclasses.dataclass(frozen=True, eq=False)
class Reader:
    """Reads pictures.

    Attributes:
      values: names of the values of each factor, in the order of their numbers.
      read: images [n, h, w, c] -> a number of each factor's values, int [n].
      pair: two factors that are independent, for an arithmetic that nobody has asked for.
      told: who reads, in words.
    """

    values: Mapping[str, tuple[str, ...]]
    read: Callable[[np.ndarray], Mapping[str, np.ndarray]]
    pair: tuple[str, str]
    told: str


def reader_of(dataset: data.Dataset, held_out: data.Dataset | None, field: str) -> Reader:
    """The reader of a data set's pictures; trains the judge's classifier where no cache has it.

    Args:
      dataset, held_out: see `reports.judging_data`.
      field: what samples should look like: "x".

    Raises:
      InputError: nothing reads such examples.
    """
    examples = dataset.fields[field]
    if dataset.name in drawings.NAMES:
        from ganflow.judging import factors

        told = "the drawings' readers"
        return Reader(drawings.FACTORS, factors.read, ("colour", "background"), told)
    own = dataset.alone(field)
    if examples.ndim != 4 or own.label is None:
        kind = "points" if examples.ndim == 2 else "images without labels"
        raise InputError(
            f"data set {dataset.name}: no attribute of {kind} is read; arithmetic needs drawings, "
            "or images with labels"
        )
    from ganflow.judging import classifier_cache

    of_held_out = None if held_out is None else held_out.alone(field)
    judge = classifier_cache.trained(own, of_held_out, seed=0)
    every = max(1, len(examples) // _INK_FROM)
    real, label = data.decoded(examples[::every]).numpy(), own.label[::every]
    of_all = np.median(_brightness(real))
    medians = np.array(
        [
            np.median(_brightness(real[label == k])) if np.any(label == k) else of_all
            for k in range(judge.num_classes)
        ]
    )

    def read(images: np.ndarray) -> dict[str, np.ndarray]:
        seen = judge.read(images)[1].astype(np.int32)
        return {"label": seen, "ink": (_brightness(images) > medians[seen]).astype(np.int32)}

    labels = tuple(map(str, range(judge.num_classes)))
    told = "the judge's classifier, and the brightness beside the median of real ones of the label"
    return Reader({"label": labels, "ink": ("thin", "bold")}, read, ("label", "ink"), told)


def _brightness(images: np.ndarray) -> np.ndarray:
    return images.reshape(len(images), -1).mean(axis=1)
