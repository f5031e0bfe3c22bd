"""A run and a lab over one model: whole steps are the engine's own calls, single updates the lab's.

So after n whole steps the state is, bit for bit, what `ganflow-train` has with the same flags. A
single update, another learning rate, batch or label takes it off that way; `Bench.apart` says so.
"""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow as tf

from ganflow import models
from ganflow.base.config import check
from ganflow.base.errors import InputError, NotFiniteError
from ganflow.engine import Run, start
from ganflow.engine.not_finite import NotFinite
from ganflow.interface import gans
from ganflow.lab import bench as flags
from ganflow.lab.stepping import Lab, Report
from ganflow.lab.web.setting import Setting, typed
from ganflow.nn.optimizers import Optimizer
from ganflow.storage import checkpoints
from ganflow.trained import loading

_TARGETS = ("real_label", "fake_label")  # of D, as models name them


class Bench:
    """A model under way.

    Attributes:
      setting: what it was built from.
      run: the engine's, over the model; nothing of it is written.
      lab: over the same model.
      apart: what was done that no flags of a training would do, in words.
      saved_in: the workdir in which this state, or an earlier one that led to it, was saved.
      gradient_norms: of the last whole step, by (update's label, "generator/w_0").
    """

    def __init__(self, setting: Setting):
        """Build it.

        Raises:
          InputError: as of `Run`; a workdir that cannot be gone on with.
        """
        self.setting, options = setting, setting.options
        dataset, held_out = setting.load()
        module = models.load(setting.model)
        self.run = Run(module, setting.trained_config, options, dataset, held_out=held_out)
        if setting.start:
            self._restore(setting)
        first = int(self.run.step)
        self.lab = Lab(
            self.run.model_name, self.run.gan, self.run.config, dataset, options.seed, first
        )
        self._factors: dict[str, tf.Variable] = {}
        self._first_live = self.live()
        self._beside = [(v, v.numpy()) for v in self._beside_the_model()]
        self.apart: list[str] = []
        self.saved_in: Path | None = None
        self.gradient_norms: dict[tuple[str, str], float] = {}
        self._begin()

    def _restore(self, setting: Setting) -> None:
        folder = Path(setting.start)
        options = flags.Options(workdir=setting.start)
        flags.refuse_other_data(self.run.dataset, setting.manifest or {}, options)
        checkpoints.restore(loading.sound_checkpoint(folder), self.run.state)

    def _beside_the_model(self) -> list[tf.Variable]:
        run = self.run
        average = () if run.average is None else run.average.variables
        return [run.step, *run.means.variables, *average]

    def _begin(self) -> None:
        self.apart = [self.setting.apart] if self.setting.apart else []
        self.saved_in, self.gradient_norms = None, {}

    # ------------------------------------------------------------ stepping

    @property
    def step(self) -> int:
        """Steps done, single updates counted as one each."""
        return self.lab.step

    def most(self, count: int) -> int:
        """How many of `count` whole steps one call can do from here, up to the next summary."""
        step, every = self.step, self.run.config.summary_every
        to_summary = every - step % every
        return min(count, self.run.steps_per_call, self.run.schedule.at(step)[1], to_summary)

    def advance(self, count: int) -> dict[str, float]:
        """Do whole steps, at most as `most` says; the means of what they reported.

        Raises:
          NotFiniteError: something stopped being finite; only a restart leads on.
        """
        means, done = self.run.means, self.lab.done
        sums, counts = means.sums.numpy(), means.counts.numpy()
        phase = self.run.schedule.phases[self.run.schedule.at(self.step)[0]]
        try:
            self.gradient_norms = self.run.advance(count)
        except NotFinite as found:
            raise NotFiniteError(_blame(found)) from None
        self.lab.step = int(self.run.step)
        for name in phase.update_names:
            done[name] += count
        sums, counts = means.sums.numpy() - sums, means.counts.numpy() - counts
        rows = zip(means.names, sums, counts, strict=True)
        return {name: float(total / times) for name, total, times in rows if times}

    def update(self, name: str, count: int) -> Report:
        """Do one update so often, each on the next step's batch; what it changed."""
        self._off("single updates were made")
        report = self.lab.train(name, count)
        self.run.step.assign(self.lab.step)
        norms = {
            (f"{update}_{label}" if label else update, f"{network}/{weight}"): norm
            for network, changes in report.weights.items()
            for weight, change in changes.items()
            for (update, label), norm in change.gradient_norms.items()
        }
        self.gradient_norms = norms
        return report

    def restart(self) -> None:
        """Back to the state in which it was built, learning rates, batch and labels included."""
        if self.live() != self._first_live:
            self._take(self._first_live)
        self.lab.restart()
        for variable, value in self._beside:
            variable.assign(value)
        for factor in self._factors.values():
            factor.assign(1.0)
        self._begin()

    # ------------------------------------------------------------ learning rates

    @property
    def optimizers(self) -> dict[str, Optimizer]:
        """By the names of the Gan's attributes, "d" and "g"."""
        return gans.named_optimizers(self.run.gan)

    def rates(self) -> dict[str, tuple[float, float | None]]:
        """(The rate of the last update, the factor before one that varies or None) by name."""
        found = {}
        for name, optimizer in self.optimizers.items():
            factor = None
            if optimizer.rate_varies:
                factor = float(self._factors[name]) if name in self._factors else 1.0
            found[name] = (float(optimizer.learning_rate), factor)
        return found

    def set_rate(self, name: str, value: float) -> None:
        """Take another learning rate from the next update on; of one that varies, a factor.

        Raises:
          InputError: there is no such optimizer.
        """
        if name not in self.optimizers:
            raise InputError(f"{name}: there is no such optimizer; {', '.join(self.optimizers)}")
        optimizer, (_, factor) = self.optimizers[name], self.rates()[name]
        if factor is None:
            if float(optimizer.learning_rate) != np.float32(value):
                self._off(f"the learning rate of {name} was changed")
                optimizer.learning_rate.assign(value)
        elif factor != np.float32(value):
            self._off(f"the learning rate of {name} was multiplied")
            if name not in self._factors:
                self._multiply(name, optimizer)
            self._factors[name].assign(value)

    def _multiply(self, name: str, optimizer: Optimizer) -> None:
        """Give a schedule its factor; what had been traced without it is traced anew."""
        self._factors[name] = tf.Variable(1.0, trainable=False)
        optimizer.multiply_rate(self._factors[name])
        self._take({})

    # ------------------------------------------------------------ batch and labels

    def live(self) -> dict[str, Any]:
        """The settings that `set_live` can change: the batch's size, and D's targets.

        A model reads its targets from its `config` while an update is traced; where it keeps none,
        or draws them, they are left to a restart.
        """
        config, of_gan = self.run.config, getattr(self.run.gan, "config", None)
        has_fixed = of_gan is not None and not getattr(of_gan, "random_labels", False)
        names = ["batch_size", *(_TARGETS if has_fixed else ())]
        return {name: getattr(config, name) for name in names if hasattr(config, name)}

    def set_live(self, name: str, value: Any) -> None:
        """Go on from this state with another batch size or target of D; steps are compiled anew.

        Batch n is then that of a training which had this size from its beginning.

        Raises:
          InputError: there is no such setting, or it cannot have this value.
        """
        known = self.live()
        if name not in known:
            raise InputError(f"{name}: not to be changed under way; {', '.join(known)}")
        value = typed(self.run.config, name, value)
        check(dataclasses.replace(self.run.config, **{name: value}))
        if value != known[name]:
            self._take({name: value})
            self._off(f"{name} was changed")

    def _take(self, settings: dict[str, Any]) -> None:
        """Trace everything anew, with some settings changed."""
        run = self.run
        changed = dataclasses.replace(run.config, **settings)
        start.check_batch(run.dataset, changed.batch_size, run.strategy)  # before anything is
        if settings and hasattr(run.gan, "config"):
            run.gan.config = dataclasses.replace(run.gan.config, **settings)
        run.compile(changed)
        self.lab.compile(changed)

    def _off(self, why: str) -> None:
        if why not in self.apart:
            self.apart.append(why)


def _blame(found: NotFinite) -> str:
    bad = [name for name, value in found.scalars.items() if not np.isfinite(value)]
    labels = dict.fromkeys(
        label for (label, _), norm in found.norms.items() if not np.isfinite(norm)
    )
    bad += [f"the gradient of {label}" for label in labels]
    what = ", ".join(bad) or "the sum of a loss over the steps"
    return f"step {found.step:,}: not finite: {what}; restart, with lower learning rates"
