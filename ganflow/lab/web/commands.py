"""What a page may ask of the lab: each command checked, then done by the trainer's thread.

A command is JSON, {"do": "update", "name": "d_step", "count": 10}; its answer is a dict, or an
`InputError` of one line. All commands of all pages go through one queue.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.lab.web import frames, keeping, stages
from ganflow.lab.web.bench import Bench
from ganflow.lab.web.goals import ENDLESS, Goal
from ganflow.lab.web.trainer import Trainer

MOST_STEPS = 1_000_000  # of one command; `run` has no end
MOST_UPDATES = 10_000
MOST_POINTS = 20_000


def obey(trainer: Trainer, command: Any) -> dict:
    """Do what a page asks; what it is told.

    Raises:
      InputError: what is asked cannot be done; the text says why.
      GanflowError: it could not be done.
    """
    if not isinstance(command, dict) or str(command.get("do")) not in _KNOWN:
        raise InputError(f"expected a command: {', '.join(_KNOWN)}")
    return _KNOWN[str(command["do"])](trainer, command)


# ---------------------------------------------------------------- stepping


def _update(trainer: Trainer, command: dict) -> dict:
    count = _count(command, MOST_UPDATES)
    return _until_done(trainer, str(command.get("name")), count, command.get("at"))


def _steps(trainer: Trainer, command: dict) -> dict:
    return _until_done(trainer, None, _count(command, MOST_STEPS), None)


def _until_done(trainer: Trainer, name: str | None, count: int, at: Any) -> dict:
    def begin() -> Goal:
        _check_update(trainer, name)
        if trainer.goals and trainer.goals[0].left > ENDLESS // 2:
            raise InputError("it is running: pause first")
        if at is not None and at != trainer.bench.step:
            raise InputError("another page has gone on since: look at the stages again")
        goal = Goal(name, count, count)
        trainer.goals.append(goal)
        return goal

    goal = trainer.call(begin)
    goal.over.wait()
    stopped = f"stopped after {goal.done:,} of {count:,}" if goal.left else ""
    return {"text": goal.text, "done": goal.done, "stopped": stopped}


def _run(trainer: Trainer, command: dict) -> dict:
    def begin() -> dict:
        if not trainer.goals:
            trainer.error = ""
            trainer.goals.append(Goal(None, ENDLESS, ENDLESS))
        return {}

    return trainer.call(begin)


def _pause(trainer: Trainer, command: dict) -> dict:
    def pause() -> dict:
        trainer.end_goals()
        return {"step": trainer.bench.step}

    return trainer.call(pause)


def _limit(trainer: Trainer, command: dict) -> dict:
    limit = _number(command, "steps_per_second", 0.0, 1e9)

    def set_limit() -> dict:
        trainer.pace.limit = limit
        return {}

    return trainer.call(set_limit)


# ---------------------------------------------------------------- settings


def _rate(trainer: Trainer, command: dict) -> dict:
    value = _number(command, "value", 0.0, 1e38)

    def set_rate() -> dict:
        trainer.busy = "changing a learning rate"
        trainer.bench.set_rate(str(command.get("name")), value)
        return {}

    return trainer.call(set_rate)


def _live(trainer: Trainer, command: dict) -> dict:
    def set_live() -> dict:
        trainer.busy = "compiling the steps with another setting"
        trainer.bench.set_live(str(command.get("name")), command.get("value"))
        trainer.renew()
        return {}

    return trainer.call(set_live)


def _restart(trainer: Trainer, command: dict) -> dict:
    settings, points = command.get("settings"), command.get("points")
    if settings is not None and not isinstance(settings, dict):
        raise InputError("settings: expected names and values")
    drawn = None if points is None else _points(points)

    def restart() -> dict:
        trainer.busy = "back to the start"
        setting = trainer.setting
        if settings:
            setting = setting.with_settings(settings)
        if drawn is not None:
            setting = setting.with_points(drawn if len(drawn) else None)
        if setting is trainer.setting:
            live = trainer.bench.live()
            trainer.bench.restart()
            if trainer.bench.live() != live:
                trainer.renew()
            trainer.begin()
        else:
            trainer.busy = "building the networks and a graph of their steps"
            trainer.set_up(setting, Bench(setting))
        return {}

    return trainer.call(restart)


def _save(trainer: Trainer, command: dict) -> dict:
    folder = command.get("workdir")
    if not isinstance(folder, str) or not folder.strip() or "\0" in folder:
        raise InputError("workdir: expected the name of a folder")

    def save() -> dict:
        trainer.busy = "saving"
        written = keeping.save(trainer.bench, Path(folder))
        return {"text": f"step {trainer.bench.step:,} saved in {written}", "folder": folder}

    return trainer.call(save)


# ---------------------------------------------------------------- looking


def _stages(trainer: Trainer, command: dict) -> dict:
    def look() -> dict:
        name = str(command.get("name"))
        _check_update(trainer, name)
        if trainer.goals:
            raise InputError("it is running: pause first")
        trainer.busy = f"preparing {name} in slow motion"
        lab = trainer.bench.lab
        answer, used = trainer.shown.answer(name), trainer.shown.used(name)
        found = stages.stages(lab, name, answer, trainer.shown.generating, used)
        return {"name": name, "at": trainer.bench.step, "stages": found}

    return trainer.call(look)


def _weight(trainer: Trainer, command: dict) -> dict:
    def look() -> dict:
        trainer.busy = "reading a weight"
        name = str(command.get("name"))
        if name not in dict(gans.named_weights(trainer.bench.run.gan)):
            raise InputError("there is no such weight")
        return frames.large(trainer.bench, trainer.shown.answers(), name)

    return trainer.call(look)


_KNOWN: dict[str, Callable[[Trainer, dict], dict]] = {
    "update": _update,
    "steps": _steps,
    "run": _run,
    "pause": _pause,
    "limit": _limit,
    "rate": _rate,
    "live": _live,
    "restart": _restart,
    "save": _save,
    "stages": _stages,
    "weight": _weight,
}


# ---------------------------------------------------------------- checks


def _check_update(trainer: Trainer, name: str | None) -> None:
    known = trainer.bench.lab.updates
    if name is not None and name not in known:
        raise InputError(f"there is no such update; there are: {', '.join(known)}")


def _count(command: dict, most: int) -> int:
    count = command.get("count", 1)
    if type(count) is not int or not 1 <= count <= most:
        raise InputError(f"count: expected a whole number from 1 to {most:,}")
    return count


def _number(command: dict, name: str, low: float, high: float) -> float:
    value = command.get(name)
    if type(value) not in (int, float) or not math.isfinite(value) or not low <= value <= high:
        raise InputError(f"{name}: expected a number from {low:g} to {high:g}")
    return float(value)


def _points(points: Any) -> np.ndarray:
    """Points [n, 2]; none of them means the data set again."""
    if not isinstance(points, list) or len(points) > MOST_POINTS:
        raise InputError(f"points: expected a list of at most {MOST_POINTS:,} pairs of numbers")
    try:
        with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
            found = np.array(points, np.float32).reshape(-1, 2) if points else np.zeros([0, 2])
        whole = len(found) == len(points)
    except (ValueError, TypeError, OverflowError):
        whole = False
    if not whole or not np.isfinite(found).all() or np.abs(found).max(initial=0.0) > 1e6:
        raise InputError("points: expected pairs of finite numbers")
    return found
