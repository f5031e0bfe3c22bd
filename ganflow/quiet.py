"""Import TensorFlow without its start-up chatter.

Before its logging is set up TensorFlow prints some lines to stderr, whatever one asks for, among
them an error about CUDA on every machine without a GPU. A program that promises one clear line for
an error cannot have them in front of it. Whoever sets TF_CPP_MIN_LOG_LEVEL sees them all.
"""

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator

from absl import logging


@contextlib.contextmanager
def _stderr_held_back() -> Iterator[None]:
    """Keep what is written to file descriptor 2; print it after all if the body fails."""
    sys.stderr.flush()
    real = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except Exception:
            held.seek(0)
            os.write(real, held.read())
            raise
        finally:
            os.dup2(real, 2)
            os.close(real)


def _without_ctrl_c(kind, error, trace):
    if not issubclass(kind, KeyboardInterrupt):
        sys.__excepthook__(kind, error, trace)


# Before a run has begun there is nothing to save, and Ctrl-C needs no traceback to say so.
sys.excepthook = _without_ctrl_c

if "TF_CPP_MIN_LOG_LEVEL" not in os.environ:
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    with _stderr_held_back():
        import tensorflow as tf

        tf.config.list_physical_devices("GPU")

    # Its Python part would go on with a line for every reduction and one for every save.
    tf.get_logger().setLevel("WARNING")
    logging.get_absl_logger().addFilter(lambda record: record.filename != "functional_saver.py")
