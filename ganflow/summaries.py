"""What a run shows at each summary: TensorBoard's scalars and pictures, and samples.png.

Pictures are drawn and written by one thread beside the training, which waits for it only when the
next summary comes before it has finished.
"""

from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganflow import pictures, workdir
from ganflow.errors import StorageError

SAMPLES = 64  # images in a grid
COLUMNS = 8
POINTS = 1_000  # points in a scatter


class Summaries:
    """Writes summaries below `folder`; `close` waits for the last."""

    def __init__(self, folder: Path, real: np.ndarray):
        """Args:
        folder: the workdir.
        real: real examples to show beside the generated: [n, h, w, c] in [-1, 1], or [n, 2].
        """
        self.folder, self.real = folder, real
        self._writer = None
        self._thread = ThreadPoolExecutor(max_workers=1)
        self._pending: Future | None = None

    def write(self, step: int, scalars: dict[str, float], samples: np.ndarray) -> None:
        """Hand one summary to the writing thread.

        Raises:
          StorageError: this or the one before could not be written.
        """
        self._wait()
        self._pending = self._thread.submit(self._write, step, scalars, samples)

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

    def _write(self, step, scalars, samples):
        picture = self._picture(step, samples)
        pictures.write_png(self.folder / "samples.png", picture)
        try:
            if self._writer is None:
                self._writer = tf.summary.create_file_writer(str(self.folder / "train"))
            with self._writer.as_default(step=step):
                for name, value in scalars.items():
                    tf.summary.scalar(name, value)
                tf.summary.image("samples", picture[np.newaxis])
            self._writer.flush()
        except tf.errors.OpError as error:
            raise StorageError(
                f"{self.folder / 'train'}: cannot write TensorBoard's events: "
                f"{workdir.plain(error)}; make room, then run the same command to go on"
            ) from error

    def _picture(self, step, samples):
        if self.real.ndim == 2:
            return pictures.scatter(self.real, samples, f"step {step:,}")
        return pictures.beside(pictures.grid(samples, COLUMNS), pictures.grid(self.real, COLUMNS))


def tensorboard_tag(name: str) -> str:
    """The group a scalar is shown in: losses, D's outputs, gradient norms, or the rest."""
    if name.endswith("_loss"):
        return f"loss/{name}"
    if name in ("d_real", "d_fake"):
        return f"d_output/{name}"
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
