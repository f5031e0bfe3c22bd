"""A bench's state as an ordinary workdir, which `ganflow-train` goes on with."""

from pathlib import Path

from ganflow import models
from ganflow.base.errors import InputError
from ganflow.cli import flags
from ganflow.lab.web.bench import Bench
from ganflow.lab.web.setting import write_points
from ganflow.storage import checkpoints, workdir


def save(bench: Bench, folder: Path) -> Path:
    """Write the state as the checkpoint of its step, with the flags that lead to it.

    Args:
      bench: whose whole steps alone have led to it.
      folder: one that is empty or not there; or where this run was saved before.

    Returns:
      The checkpoint.

    Raises:
      InputError: the state is none that a training comes to, or the folder holds something else.
      BusyError: another process is writing there.
      StorageError: it cannot be written.
    """
    if bench.apart:
        raise InputError(
            f"not saved: {'; '.join(bench.apart)}, and no flags of a training lead to such a state;"
            " restart, with other settings if need be, and make whole steps"
        )
    run, setting = bench.run, bench.setting
    config, options = setting.flags(folder)
    if not (folder / ".lock").exists():
        _refuse_other(bench, folder)  # before a lock is left in a folder of somebody else's
    with workdir.locked(folder):
        _refuse_other(bench, folder)
        before = run.options, run.folder, run.config
        run.options, run.folder, run.config = options, folder, config
        try:
            checkpoints.clear_partial(folder / "checkpoints")
            if setting.drawn is not None:
                write_points(folder, setting.drawn)
            text = flags.as_text(
                models.reference(run.module), config, options, leave_out=("epochs",)
            )
            workdir.write_whole(folder / "flags.txt", text.encode())
            written = run.save()
        except BaseException:
            run.options, run.folder, run.config = before
            raise
        bench.saved_in = folder
    return written


def _refuse_other(bench: Bench, folder: Path) -> None:
    """Raises InputError where the folder is not empty and not this run's, at an earlier step."""
    if not folder.exists():
        return
    if not folder.is_dir():
        raise InputError(f"{folder}: is no folder; choose another name")
    there = [path.name for path in folder.iterdir() if path.name != ".lock"]
    if not there:
        return
    saved = checkpoints.steps(folder / "checkpoints")
    if folder != bench.saved_in or not saved or saved[0] > bench.step:
        raise InputError(
            f"{folder}: is not empty ({len(there)} entries); the lab saves into a new folder, or "
            "goes on where it saved this run before"
        )
