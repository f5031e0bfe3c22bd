"""When which update runs, and what a step consumes: a GAN's training as data.

    Schedule(repeated=[Phase(1, (self.d_step, self.g_step), {"x": Real("x"), "z": Normal([100])})])

A phase is so many steps that all do the same updates in the same order. `once` phases come at the
start, one after another (SRGAN's pre-training, WGAN's first 25 steps); `repeated` ones come after
them, over and over (document 000's blocks). A call of the engine lies within one phase.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import tensorflow as tf

from ganflow.nn.draws import Real

_ENDLESS = 2**62  # steps

Batch = dict[str, tf.Tensor | list[tf.Tensor]]
Update = Callable[[Batch], dict[str, tf.Tensor]]


@dataclasses.dataclass(frozen=True)
class Phase:
    """Steps that are alike.

    Attributes:
      steps: how many of them there are before the next phase, at least 1.
      updates: bound methods of the Gan, in the order in which a step calls them. Each takes the
        step's batch, moves its variables, and returns scalars by name.
      inputs: what one step consumes: {name in the batch: draw}. A list of draws gives the batch a
        list of tensors, a fresh one for each repeat of an update (WGAN's critic); all lists of a
        phase are of one length.
    """

    steps: int
    updates: tuple[Update, ...]
    inputs: Mapping[str, Any]  # a Draw or a list of Draws each

    def __post_init__(self):
        if made := [draw.field for draw in self.reals() if draw.through is not None]:
            raise ValueError(f"a step is given real {made[0]} as it is; make of it what is needed")

    @property
    def update_names(self) -> tuple[str, ...]:
        """The updates' names: "d_step", "g_step"."""
        return tuple(update.__name__ for update in self.updates)

    @property
    def repeats(self) -> int:
        """Tensors in each list of the batch; 1 where there are no lists."""
        lengths = {len(d) for d in self.inputs.values() if isinstance(d, list | tuple)}
        if len(lengths) > 1:
            raise ValueError(f"lists of draws of {sorted(lengths)} entries in one phase")
        return lengths.pop() if lengths else 1

    def draws(self) -> list[tuple[str, int | None, Any]]:
        """(name, place in the list or None, draw) of everything a step consumes."""
        return [
            (name, place, draw)
            for name, draws in self.inputs.items()
            for place, draw in (
                enumerate(draws) if isinstance(draws, list | tuple) else [(None, draws)]
            )
        ]

    def reals(self) -> list[Real]:
        """The draws of real fields, those in lists included."""
        return [draw for _, _, draw in self.draws() if isinstance(draw, Real)]


@dataclasses.dataclass(frozen=True)
class Schedule:
    """All phases of a training."""

    repeated: Sequence[Phase]
    once: Sequence[Phase] = ()

    @property
    def phases(self) -> list[Phase]:
        """Each phase once, in the order in which they first come."""
        return [*self.once, *self.repeated]

    @property
    def updates(self) -> dict[str, Update]:
        """Every update by its name, in the order in which they first come."""
        return {update.__name__: update for phase in self.phases for update in phase.updates}

    def at(self, step: int) -> tuple[int, int]:
        """Of the step after `step` steps: (its phase's number in `phases`, steps left in it).

        A single repeated phase never ends.
        """
        for number, phase in enumerate(self.once):
            if step < phase.steps:
                return number, phase.steps - step
            step -= phase.steps
        if len(self.repeated) == 1:
            return len(self.once), _ENDLESS
        step %= sum(phase.steps for phase in self.repeated)
        for number, phase in enumerate(self.repeated, len(self.once)):
            if step < phase.steps:
                return number, phase.steps - step
            step -= phase.steps
        raise AssertionError("a step lies in some phase")

    def steps_of_each(self, step: int) -> list[int]:
        """How many of the first `step` steps lay in each of `phases`."""
        counts = []
        for phase in self.once:
            counts.append(min(step, phase.steps))
            step -= counts[-1]
        rounds, rest = divmod(step, sum(phase.steps for phase in self.repeated))
        for phase in self.repeated:
            counts.append(rounds * phase.steps + min(rest, phase.steps))
            rest -= min(rest, phase.steps)
        return counts
