"""Writing what a run shows: TensorBoard's events and PNG files in the workdir.

Everything is drawn and written by one thread beside the training, which waits for it only when the
next summary comes before it has finished.
"""

import dataclasses
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganflow import pictures, workdir
from ganflow.errors import StorageError


@dataclasses.dataclass(frozen=True)
class Summary:
    """All that is shown of one step."""

    step: int
    scalars: dict[str, float]  # by TensorBoard tag
    pictures: dict[str, Callable[[], np.ndarray]]  # by file name without .png; drawn in the thread
    histograms: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    texts: dict[str, str] = dataclasses.field(default_factory=dict)  # Markdown


class Summaries:
    """Writes summaries below `folder`; `close` waits for the last."""

    def __init__(self, folder: Path, write_start: Callable[[tf.summary.SummaryWriter], None]):
        """Args:
        folder: the workdir.
        write_start: writes what stands before the first summary.
        """
        self.folder, self._write_start = folder, write_start
        self._writer = None
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._pending: Future | None = None

    def write(self, summary: Summary) -> None:
        """Hand one summary to the writing thread.

        Raises:
          StorageError: this or the one before could not be written.
        """
        self._wait()
        self._pending = self._thread.submit(self._write, summary)

    def close(self) -> None:
        """Wait for what is still being written."""
        try:
            self._wait()
        finally:
            self._thread.shutdown()

    def _wait(self):
        if self._pending is not None:
            pending, self._pending = self._pending, None
            pending.result()

    def _write(self, summary):
        drawn = {name: draw() for name, draw in summary.pictures.items()}
        for name, picture in drawn.items():
            pictures.write_png(self.folder / f"{name}.png", picture)
        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(str(self.folder / "train"))
                self._write_start(self._writer)
            with self._writer.as_default(step=summary.step):
                for name, value in summary.scalars.items():
                    tf.summary.scalar(name, value)
                for name, picture in drawn.items():
                    tf.summary.image(name, picture[np.newaxis])
                for name, values in summary.histograms.items():
                    tf.summary.histogram(name, values)
                for name, text in summary.texts.items():
                    tf.summary.text(name, text)
            self._writer.flush()
        except tf.errors.OpError as error:
            raise StorageError(
                f"{self.folder / 'train'}: cannot write TensorBoard's events: "
                f"{workdir.plain(error)}; make room, then run the same command to go on"
            ) from error


def tensorboard_tag(name: str) -> str:
    """The group a figure of `metrics.jsonl` is shown in; those with a group keep it."""
    if "/" in name:
        return name
    if name.endswith("_loss"):
        return f"loss/{name}"
    if name in ("d_real", "d_fake"):
        return f"d_output/{name}"
    if name.startswith("d_accuracy_"):
        return f"accuracy/d_{name.removeprefix('d_accuracy_')}"
    if name.endswith("_norm"):
        return f"gradient/{name}"
    return f"train/{name}"


def draw_losses(folder: Path, title: str) -> Path | None:
    """Draw `losses.png` from `metrics.jsonl`; None where there is not yet a row."""
    rows = workdir.Metrics(folder).rows()
    if not rows:
        return None
    pictures.write_png(folder / "losses.png", pictures.loss_curves(rows, title))
    return folder / "losses.png"
