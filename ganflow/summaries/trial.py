"""A run as one row of TensorBoard's HParams tab: WORKDIR/trial, a small run of its own.

HParams makes a column of every scalar that stands beside the settings, so here they stand with a
few, and no experiment is declared: then the columns are those of all runs below the log folder,
whatever their models. It keeps the first status that it reads, so the file is written anew once the
status changes.
"""

from pathlib import Path

from ganflow.storage import workdir
from ganflow.summaries import events
from ganflow.summaries.events import Events

# By their names here: figures of `metrics.jsonl`. A run has those that its kind has.
METRICS = {
    "trial/d_loss": "d_loss",
    "trial/g_loss": "g_loss",
    "trial/energy_distance_ratio": "energy_distance_ratio",
    "trial/modes_captured": "modes_captured",
    "trial/steps_per_second": "steps_per_second",
    "trial/frechet_distance": "eval/frechet_distance",
    "trial/recall": "eval/recall",
    "trial/sliced_wasserstein": "eval/sliced_wasserstein",
}


class Trial:
    """Writes one run's row."""

    def __init__(self, workdir_folder: Path, settings: dict[str, bool | int | float | str]):
        """Args:
        workdir_folder: of the run, by which the row is named.
        settings: the hyperparameters, by name.
        """
        self._folder, self._name = workdir_folder / "trial", str(workdir_folder)
        self._settings = settings
        self._events = Events(self._folder)

    def start(self, rows: list[dict]) -> None:
        """Begin with status "running", and the rows of `metrics.jsonl` so far.

        Raises:
          StorageError: it cannot be written.
        """
        self._write_anew(rows, is_running=True, reached_end=False)

    def add(self, row: dict) -> None:
        """Add a row; raises as `start` does."""
        metrics = {tag: row[name] for tag, name in METRICS.items() if name in row}
        if metrics:
            self._events.write(row["step"], events.scalars(metrics))

    def flush(self) -> None:
        """Hand everything to the disk; raises as `start` does."""
        self._events.flush()

    def close(self, rows: list[dict], reached_end: bool) -> None:
        """Write the status of the end: success, or unknown for a run that may go on."""
        self._write_anew(rows, is_running=False, reached_end=reached_end)
        self._events.close()

    def _write_anew(self, rows: list[dict], is_running: bool, reached_end: bool) -> None:
        # Not `api` or `summary_v2`: the first imports Keras, the second hashes names.
        from tensorboard.plugins.hparams import api_pb2, summary

        status = api_pb2.STATUS_SUCCESS if reached_end else api_pb2.STATUS_UNKNOWN
        status = api_pb2.STATUS_RUNNING if is_running else status
        started = summary.session_start_pb(self._settings, group_name=self._name)
        self._events.close()
        earlier = list(self._folder.glob("*tfevents*"))
        about = [started, summary.session_end_pb(status)]
        self._events.write(0, [value for pb in about for value in events.converted(pb)])
        for row in rows:
            self.add(row)
        self._events.flush()
        with workdir.storage_errors(self._folder):
            for file in earlier:
                file.unlink(missing_ok=True)
