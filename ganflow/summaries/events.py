"""TensorBoard's events, written as the records that they are.

`tf.summary` takes a quarter of a millisecond for every scalar, and a summary has some hundred; here
a summary's scalars are one record. What TensorBoard reads is the same: tensors, with the plugin's
name in their metadata.
"""

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorboard.compat.proto import event_pb2, summary_pb2

from ganflow.base.errors import StorageError
from ganflow.storage import workdir
from ganflow.summaries import descriptions

Values = list[summary_pb2.Summary.Value]
_BUCKETS = 30  # of a histogram
_PART = 2**20  # numbers at a time


class Events:
    """The events' file of one run of the program, below `folder`; made at the first record."""

    def __init__(self, folder: Path):
        self.folder = folder
        self._file: tf.io.TFRecordWriter | None = None
        self._described: set[str] = set()  # tags; TensorBoard reads the first description alone

    def write(self, step: int, values: Values) -> None:
        """Add one record; a tag's first value says what the tag means.

        Raises:
          StorageError: it cannot be written.
        """
        for value in values:
            if value.tag not in self._described:
                value.metadata.summary_description = descriptions.of_tag(value.tag)
                self._described.add(value.tag)
        self._write(event_pb2.Event(step=step, summary=summary_pb2.Summary(value=values)))

    def write_graph(self, definition: bytes) -> None:
        """Add a graph, a serialised GraphDef, for the Graphs tab; raises as `write` does."""
        self._write(event_pb2.Event(graph_def=definition))

    def flush(self) -> None:
        """Hand everything to the disk; raises as `write` does."""
        if self._file is not None:
            with self._storage_errors():
                self._file.flush()

    def close(self) -> None:
        """Flush, and close the file; raises as `write` does."""
        if self._file is not None:
            with self._storage_errors():
                self._file.close()
            self._file = None
            self._described.clear()

    def _write(self, event: event_pb2.Event) -> None:
        event.wall_time = time.time()
        with self._storage_errors():
            if self._file is None:
                self.folder.mkdir(exist_ok=True)  # in a workdir that is there
                name = f"events.out.tfevents.{time.time():.6f}.{socket.gethostname()}.{os.getpid()}"
                self._file = tf.io.TFRecordWriter(str(self.folder / name))
                first = event_pb2.Event(wall_time=time.time(), file_version="brain.Event:2")
                self._file.write(first.SerializeToString())
            self._file.write(event.SerializeToString())

    @contextlib.contextmanager
    def _storage_errors(self) -> Iterator[None]:
        """Turn a failed write into one line that names the folder."""
        try:
            yield
        except (tf.errors.OpError, OSError) as error:
            reason = workdir.plain(error) if isinstance(error, tf.errors.OpError) else error
            raise StorageError(
                f"{self.folder}: cannot write TensorBoard's events: {reason}; make room, then run "
                "the same command to go on"
            ) from error


# ---------------------------------------------------------------- what a record holds


def scalars(figures: dict[str, float]) -> Values:
    """Figures by tag."""
    metadata = _metadata("scalars", summary_pb2.DATA_CLASS_SCALAR)
    values = []
    for tag, figure in figures.items():
        value = summary_pb2.Summary.Value(tag=tag, metadata=metadata)
        value.tensor.dtype = tf.float32.as_datatype_enum
        value.tensor.tensor_shape.SetInParent()
        value.tensor.float_val.append(figure)
        values.append(value)
    return values


def image(tag: str, png: bytes, height: int, width: int) -> Values:
    """A PNG file's content."""
    metadata = _metadata("images", summary_pb2.DATA_CLASS_BLOB_SEQUENCE)
    value = summary_pb2.Summary.Value(tag=tag, metadata=metadata)
    value.tensor.dtype = tf.string.as_datatype_enum
    value.tensor.tensor_shape.dim.add(size=3)
    value.tensor.string_val.extend([str(width).encode(), str(height).encode(), png])
    return [value]


def histogram(tag: str, values: np.ndarray) -> Values:
    """Of an array's finite values; nothing where there are none.

    TensorBoard's own `histogram_pb` takes 100 bytes of memory for every number.
    """
    values = np.ravel(values)
    if not (is_finite := np.isfinite(values)).all():
        values = values[is_finite]
    if not values.size:
        return []
    low, high = float(values.min()), float(values.max())
    counts, width = np.zeros(_BUCKETS), (high - low) / _BUCKETS
    if width == 0:  # as TensorBoard has it: all in the last bucket
        counts[-1] = values.size
    for i in range(0, values.size if width else 0, _PART):
        place = ((values[i : i + _PART].astype(np.float64) - low) / width).astype(np.int64)
        counts += np.bincount(np.minimum(place, _BUCKETS - 1), minlength=_BUCKETS)
    edges = np.linspace(low, high, _BUCKETS + 1)
    buckets = np.stack([edges[:-1], edges[1:], counts], axis=1).astype(np.float64)
    value = summary_pb2.Summary.Value(
        tag=tag, metadata=_metadata("histograms", summary_pb2.DATA_CLASS_TENSOR)
    )
    value.tensor.dtype = tf.float64.as_datatype_enum
    for size in buckets.shape:
        value.tensor.tensor_shape.dim.add(size=size)
    value.tensor.tensor_content = buckets.tobytes()
    return [value]


def text(tag: str, markdown: str) -> Values:
    """Markdown."""
    metadata = _metadata("text", summary_pb2.DATA_CLASS_TENSOR)
    value = summary_pb2.Summary.Value(tag=tag, metadata=metadata)
    value.tensor.dtype = tf.string.as_datatype_enum
    value.tensor.tensor_shape.SetInParent()
    value.tensor.string_val.append(markdown.encode())
    return [value]


def converted(summary) -> Values:
    """Of a `tf.compat.v1.Summary`, whose class is another than TensorBoard's own."""
    return list(summary_pb2.Summary.FromString(summary.SerializeToString()).value)


def _metadata(plugin: str, data_class: int) -> summary_pb2.SummaryMetadata:
    metadata = summary_pb2.SummaryMetadata(data_class=data_class)
    metadata.plugin_data.plugin_name = plugin
    return metadata
