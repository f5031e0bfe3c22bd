"""What a worker that is not the chief has in the place of a `Watch`: it looks at nothing."""

from collections.abc import Callable

import tensorflow as tf

from ganflow.storage import workdir
from ganflow.summaries.watch import Watch


class Bystander:
    """Does nothing where a `Watch` looks, and waits for nothing."""

    rows: tuple[dict, ...] = ()

    def weights(self) -> list[tf.Tensor]:
        """None are asked for."""
        return []

    def evaluation_is_due(self, step: int) -> bool:
        """The chief's affair."""
        return False

    def look(self, row, before, norms, final) -> None:
        """Nothing."""

    def drain(self) -> None:
        """Nothing."""

    def close(self) -> None:
        """Nothing."""


def of_run(run, on_row: Callable[[dict], None]) -> tuple[list[dict], Watch | Bystander]:
    """The rows so far, and who looks: of several workers, only the chief has either.

    Args:
      run: an `engine.Run`.
      on_row: see `Watch`.
    """
    if not run.group.is_chief:
        return [], Bystander()
    rows = workdir.Metrics(workdir.make(run.folder)).rows()
    return rows, Watch(run, rows, on_row)
