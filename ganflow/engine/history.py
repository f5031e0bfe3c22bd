"""A workdir's past: the checkpoint that a run goes on from.

Of several workers the chief reads and writes the workdir; the others are given its checkpoint, so
that they need no file system in common.
"""

from ganflow import models
from ganflow.base.errors import InputError
from ganflow.engine import start
from ganflow.storage import checkpoints, code, workdir


def resume(run, allow_changed_code: bool) -> bool:
    """See `Run.resume`."""
    resumed = 0
    if run.group.is_chief:
        resumed = int(_go_to_newest(run, allow_changed_code))
    if run.group.size > 1:
        restore_newest(run)
    return bool(*run.group.agree(resumed))


def restore_newest(run) -> int | None:
    """Every worker goes to the chief's newest sound checkpoint; its step, None if there is none."""
    folder, found = run.folder / "checkpoints", None
    if run.group.is_chief:
        found = checkpoints.newest_sound(folder)
    (is_found,) = run.group.agree(int(found is not None))
    if not is_found:
        return None
    with run.group.folder_of_chief(found.path if found else folder) as here:
        sound = found or checkpoints.newest_sound(here.parent)
        if sound is None:
            raise InputError(f"{here}: the chief's checkpoint has not arrived")
        checkpoints.restore(sound, run.state)
    return sound.step


def _go_to_newest(run, allow_changed_code: bool) -> bool:
    folder, log = run.folder / "checkpoints", workdir.Metrics(run.folder)
    sound = checkpoints.newest_sound(folder)
    checkpoints.clear_partial(folder)
    models.remember(run.module)
    if sound is None:
        start.refuse_lost_history(run.folder)
        log.keep_until(-1)  # no row is there, but what is none would stand before the first
        start.init_from(run)
        run.save()  # from here on the workdir has an identity, and a kill loses nothing
        return False
    checkpoints.refuse_other_run(sound, start.about(run), run.folder)
    code.hold_against(sound.manifest, run.code, run.folder, allow_changed_code)
    checkpoints.restore(sound, run.state)
    log.keep_until(sound.step)
    return True
