"""A model that is stepped by hand, update by update, and what a command did to every weight.

Before and after every command the weights of all networks are copied and compared bit by bit.
What is said of a network at rest is what was found, not what ought to be.
"""

import collections
import dataclasses
from collections.abc import Iterable
from typing import Any

import numpy as np
import tensorflow as tf

from ganflow import data
from ganflow.base import grappler
from ganflow.engine.feed import Feed
from ganflow.interface import gans, schedule
from ganflow.lab.update import Update
from ganflow.lab.viewing import View
from ganflow.nn import optimizers

_POINTS, _IMAGES = 1_000, 64  # fixed samples of each kind


@dataclasses.dataclass(frozen=True, eq=False)
class Change:
    """One weight before and after a command.

    Attributes:
      before, after: its values.
      trained: whether an update that ran may move it: it is in a list of that update's optimizers,
        or it is a moving statistic of a network that has such a weight.
      gradient_norms: of the last step, by (update, the label that it gave); empty at rest.
    """

    before: np.ndarray
    after: np.ndarray
    trained: bool
    gradient_norms: dict[tuple[str, str], float]

    @property
    def moved(self) -> bool:
        """Whether a single bit differs."""
        return self.before.tobytes() != self.after.tobytes()


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """What a command of `count` steps did.

    Attributes:
      update: the one that was asked for, None for whole steps.
      count: how many steps.
      ran: how often each update ran, by its name.
      batch: the number of the last step's batch.
      scalars: of that batch, before and after the command.
      views: D's means on the fixed samples, before and after, for each sampler.
      weights: of each network, by the weight's name.
    """

    update: str | None
    count: int
    ran: dict[str, int]
    batch: int
    scalars: dict[str, tuple[float, float]]
    views: list[dict[str, tuple[float, float]]]
    weights: dict[str, dict[str, Change]]


class Lab:
    """A model that is stepped by hand, from the state in which it is handed over.

    Attributes:
      updates: every update of the schedule by its name, compiled.
      views: fixed samples of each sampler, the main one first.
      step: the step of a run whose batch comes next.
      done: how often each update has run since the start.
    """

    def __init__(
        self, model: str, gan: tf.Module, config: Any, dataset: data.Dataset, seed: int, step=0
    ):
        """Put a model on the bench.

        Args:
          model: its name.
          gan: with the weights, and the optimizers, to start from.
          config: its settings.
          dataset: real examples.
          seed: of the batches, as in a run of that seed, and of the fixed samples.
          step: the step of a run whose batch comes first.

        Raises:
          InputError: the data set does not fill a batch, or has not the fields that are needed.
        """
        self.model, self.gan, self.dataset, self.seed = model, gan, dataset, seed
        self.networks, self.first_step, self.schedule = gan.networks, step, gan.schedule()
        grappler.set_up()
        self.compile(config)
        most = _POINTS if dataset.is_points else _IMAGES
        count = min(most, *map(len, dataset.fields.values()))
        fields = {name: data.decoded(array[:count]) for name, array in dataset.fields.items()}
        self.views = [View(sampler, fields, seed, count) for sampler in gan.samplers()]
        self._first = self._state()
        self.first_weights = self._weights()
        self.restart()

    def compile(self, config: Any) -> None:
        """Make the updates with these settings, those of the networks being as they are built.

        Raises:
          InputError: the data set does not fill a batch.
        """
        data.check_batch(self.dataset, config.batch_size)
        self.config = config
        self._feed = Feed(self.schedule, self.dataset, config.batch_size, self.seed)
        names = gans.weight_names(self.gan)
        self.updates = {
            name: Update(update, names) for name, update in self.schedule.updates.items()
        }

    def restart(self) -> None:
        """Back to the state, optimizers included, in which the lab began."""
        self._go_to(self._first)
        self.step, self.done = self.first_step, dict.fromkeys(self.updates, 0)

    def place(self, update: str, step: int) -> int:
        """The step of a run whose batch an update takes after `step` steps.

        That step itself where its phase has the update; else the step at which as many steps of
        the first phase that has it have been done. A phase that comes once begins anew then.
        """
        phases, once = self.schedule.phases, self.schedule.once
        number, _ = self.schedule.at(step)
        if update in phases[number].update_names:
            return step
        number = next(i for i, phase in enumerate(phases) if update in phase.update_names)
        start = sum(phase.steps for phase in phases[:number])
        rounds, rest = divmod(step, phases[number].steps)
        if number < len(once):
            return start + rest
        return start + rounds * sum(phase.steps for phase in self.schedule.repeated) + rest

    def batches(self, updates: Iterable[str], step: int) -> dict[str, schedule.Batch]:
        """What each of these updates takes after `step` steps."""
        places = {update: self.place(update, step) for update in updates}
        drawn = {place: self._feed.batch_of(place) for place in set(places.values())}
        return {update: drawn[place] for update, place in places.items()}

    def train(self, update: str | None, count: int) -> Report:
        """Do some steps; every one sees the next batch of the run.

        Args:
          update: the name of one; None for whole steps, as the schedule has them in training.
          count: how many, at least 1.
        """
        last = self.step + count - 1
        before, means, weights = self.scalars(last), self._means(), self._weights()
        ran: collections.Counter[str] = collections.Counter()
        norms: dict[tuple[str, str], dict[str, float]] = {}
        for step in range(self.step, self.step + count):
            phase = self.schedule.phases[self.schedule.at(step)[0]]
            names = (update,) if update else phase.update_names
            batches = self.batches(names, step)
            for name in names:
                _, of_labels = self.updates[name](batches[name])
                ran[name] += 1
                norms |= {(name, label): of for label, of in of_labels.items()}
        self.step += count
        for name, times in ran.items():
            self.done[name] += times
        batch = self.place(update, last) if update else last
        scalars = _paired(before, self.scalars(last))
        views = [_paired(*pair) for pair in zip(means, self._means(), strict=True)]
        return Report(update, count, dict(ran), batch, scalars, views, self._moves(weights, norms))

    def scalars(self, step: int) -> dict[str, float]:
        """Losses and what else the updates report after `step` steps, at the weights as they stand.

        The updates themselves are asked, with optimizers that move nothing, and the state is put
        back: so a loss is the model's own, and several updates of one D see one D.
        """
        state, found = self._state(), {}
        try:
            for name, batch in self.batches(self.updates, step).items():
                for part in self.gan.submodules:
                    if isinstance(part, optimizers.Optimizer):
                        _stop(part)
                found[name], _ = self.updates[name](batch)
                self._go_to(state)
        finally:
            self._go_to(state)
        times = collections.Counter(key for values in found.values() for key in values)
        return {
            key if times[key] == 1 else f"{name} {key}": float(value)
            for name, values in found.items()
            for key, value in values.items()
        }

    def picture(self) -> np.ndarray:
        """The main sampler's fixed samples -> uint8 [h, w, c]."""
        done = [times(count, update) for update, count in self.done.items() if count]
        return self.views[0].picture(", ".join(done) or "no step yet")

    def _moves(self, before, norms) -> dict[str, dict[str, Change]]:
        """What became of the weights `before`, after updates with these gradients' norms."""
        names, now = gans.weight_names(self.gan), self._weights()
        ran = {update for update, _ in norms}
        trained = set().union(*(self.updates[update].trained for update in ran))
        changes: dict[str, dict[str, Change]] = {}
        for network, weights in self.networks.items():
            any_trained = any(id(v) in trained for v in weights.values())
            changes[network] = {}
            for name, v in weights.items():
                own = {key: of[names[id(v)]] for key, of in norms.items() if names[id(v)] in of}
                may_move = id(v) in trained or (any_trained and not v.trainable)
                values = before[network][name], now[network][name]
                changes[network][name] = Change(*values, may_move, own)
        return changes

    def _means(self) -> list[dict[str, float]]:
        return [view.means() for view in self.views]

    def _weights(self) -> dict[str, dict[str, np.ndarray]]:
        return {
            network: {name: np.array(variable) for name, variable in weights.items()}
            for network, weights in self.networks.items()
        }

    def _state(self) -> list[np.ndarray]:
        """Weights, the optimizers' variables and whatever else the model remembers."""
        return [np.array(variable) for variable in self.gan.variables]

    def _go_to(self, state: list[np.ndarray]) -> None:
        for variable, value in zip(self.gan.variables, state, strict=True):
            variable.assign(value)


def times(count: int, update: str) -> str:
    """1, "d_step" -> "1 x d_step"."""
    return f"{count:,} x {update}"


def norm(values) -> float:
    """The Euclidean norm over all entries."""
    return float(np.linalg.norm(np.asarray(values, np.float64)))


def _paired(before: dict, after: dict) -> dict[str, tuple]:
    return {name: (value, after[name]) for name, value in before.items()}


def _stop(optimizer: optimizers.Optimizer) -> None:
    """All its variables to 0, the trained ones apart: a rate of 0 would leave Momentum its v."""
    trained = set(map(id, optimizer.trained))
    for variable in optimizer.variables:
        if id(variable) not in trained:
            variable.assign(tf.zeros_like(variable))
