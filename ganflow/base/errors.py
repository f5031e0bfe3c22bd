"""What can go wrong, one class an exit code.

Libraries raise these; only the programs (`ganflow.cli.command`) turn them into one line on stderr
and an exit code, so that whoever imports ganflow is never ended by it.
"""

EXIT_OK = 0
EXIT_INTERRUPTED = 130  # 128 + SIGINT; SIGTERM gives 143


class GanflowError(Exception):
    """An error whose text is one line that says what was wrong, where, and what to do."""

    exit_code = 1


class InputError(GanflowError):
    """A flag, a data file or a workdir that cannot be used as given."""

    exit_code = 2


class NotFiniteError(GanflowError):
    """A loss, a gradient or a weight became infinite or not a number."""

    exit_code = 3


class StorageError(GanflowError):
    """The disk is full, or a file of the run cannot be written."""

    exit_code = 4


class BusyError(GanflowError):
    """Another process is writing to the same workdir."""

    exit_code = 5


class WorkersError(GanflowError):
    """Another worker of the run is missing or has gone."""

    exit_code = 6
