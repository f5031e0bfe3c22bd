"""What all views of the space of z share: what was asked, the data, what is found."""

import dataclasses
import functools
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.explore.space import Space
from ganflow.judging import reports
from ganflow.pictures import grids, paths, sheets


@dataclasses.dataclass(frozen=True, eq=False)
class Found:
    """A view: files' contents by their names, arrays, and what was found, in words."""

    files: dict[str, bytes]
    arrays: dict[str, np.ndarray]
    told: str


@dataclasses.dataclass(frozen=True)
class Asked:
    """What a user may choose.

    Attributes:
      workdir: the run's folder.
      title: of all pictures: model, step, seed.
      data_dir: where the data are now; None: where they were in training.
      algebra: a formula; "" chooses one.
      index: of the real example that is projected.
      input: a picture's file, in the place of `index`.
      steps: of the projection.
      film: "gif" or "webp".
    """

    workdir: Path
    title: str
    data_dir: str | None = None
    algebra: str = ""
    index: int = 0
    input: Path | None = None
    steps: int = 500
    film: str = "gif"


class Visit:
    """One exploration: the space, and the data once they are needed."""

    def __init__(self, space: Space, asked: Asked):
        self.space, self.asked = space, asked

    @functools.cached_property
    def data(self) -> tuple[data.Dataset, data.Dataset | None]:
        """(Training examples, held-out ones); see `reports.judging_data`, which raises."""
        asked = self.asked
        return reports.judging_data(asked.workdir, self.space.manifest, asked.data_dir)

    def against(self) -> str:
        """The real field that the samples should look like.

        Raises:
          InputError: real examples of their kind are made in training, and in no data set.
        """
        against = self.space.sampler.against
        if not isinstance(against, str):
            raise InputError(
                f"sampler {self.space.sampler.name}: no data set has examples of its size; give "
                "another with --sampler"
            )
        return against

    @functools.cached_property
    def real_points(self) -> np.ndarray | None:
        """Some real points to see behind others; None where the data are not at hand."""
        try:
            examples = self.data[0].fields[self.against()]
        except InputError:
            return None
        return examples[:: max(1, len(examples) // 1_000)]


def in_rows(samples: np.ndarray, rows: int) -> np.ndarray:
    """[rows * columns, ...] -> [rows, columns, ...]."""
    return samples.reshape(rows, -1, *samples.shape[1:])


def found(name: str, picture: np.ndarray, arrays: dict[str, np.ndarray], told: str) -> Found:
    """A view of one picture."""
    return Found({f"{name}.png": grids.encoded(picture)}, arrays, told)


def sheet(
    visit: Visit,
    samples: np.ndarray,
    rows: Sequence[str],
    columns: Sequence[str],
    title: str,
    names: tuple[str, str],
) -> np.ndarray:
    """Images in rows and columns, or points as a line for each row."""
    if samples.ndim > 2:
        return sheets.labelled(samples, rows, columns, title, names)
    return paths.draw(in_rows(samples, len(rows)), rows, title, visit.real_points)
