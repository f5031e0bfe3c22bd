"""The only training loop.

`Run` builds a model on a data set in a workdir and trains it. It knows the names that a model has
(`ganflow.models`) and nothing of what they do.
"""

import dataclasses
import time
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganflow import data, workers
from ganflow.base.errors import NotFiniteError
from ganflow.engine import bystander, history, keeping, start
from ganflow.engine.call import PhaseCall
from ganflow.engine.feed import Feed
from ganflow.engine.means import Means, gradient_norms
from ganflow.engine.not_finite import NotFinite, blame
from ganflow.engine.options import Options
from ganflow.interface import gans
from ganflow.nn import replicas
from ganflow.storage import checkpoints, code, workdir

CHECKPOINT_SECONDS = 60  # between two, where --checkpoint_every does not say


class Run:
    """One model, on one data set, in one workdir."""

    def __init__(
        self,
        module: types.ModuleType,
        config,
        options: Options,
        dataset: data.Dataset,
        strategy: tf.distribute.Strategy | None = None,
        held_out: data.Dataset | None = None,
        group: workers.Group = workers.ALONE,
    ):
        """Build the model; nothing is read from or written to the workdir yet.

        Args:
          module: the model's file, see `ganflow.models`.
          config: its `Config`.
          options: the rest.
          dataset: real examples.
          strategy: from `replicas.make_strategy`; by default of `options.num_replicas`.
          held_out: real examples that are never trained on, for D's accuracy on them.
          group: the workers that train it, over whose replicas `strategy` has to be.

        Raises:
          InputError: the model, the data set and the options do not fit together.
        """
        self.module, self.model_name = module, module.__name__.rpartition(".")[2]
        self.options = options = start.with_workdir(options, self.model_name, dataset)
        self.dataset, self.held_out, self.group = dataset, held_out, group
        self.strategy = strategy or replicas.make_strategy(options.num_replicas)
        self.folder, self.fields = Path(options.workdir), dataset.about()
        self.code = code.hashes(Path(module.__file__ or ""))  # now: it may be edited meanwhile
        with self.strategy.scope():
            self.gan = gans.build(module, config, self.fields, options.seed)
            self.average = start.moving_average(self.gan, self.fields, options.ema)
        self.schedule, self.samplers = self.gan.schedule(), self.gan.samplers()
        self.rows: list[dict] = []  # of metrics.jsonl, once it trains
        self.keeping = keeping.of_options(options, dataset, self.samplers[0])
        self.jit = start.decide_jit(self.gan, self.strategy, options.jit)
        self.compile(config)
        self.scalar_names = list(dict.fromkeys(n for c in self.calls for n in c.scalar_names))
        self.means, self.step = Means(self.scalar_names), tf.Variable(0, False, dtype=tf.int64)
        state = {"gan": self.gan, "step": self.step, "means": self.means}
        self.state = tf.train.Checkpoint(**state, **start.named(average=self.average))

    def compile(self, config) -> None:
        """Make the calls, with these settings; InputError where the data do not fill a batch."""
        dataset, options = self.dataset, self.options
        start.check_batch(dataset, config.batch_size, self.strategy)
        self.feed = Feed(self.schedule, dataset, config.batch_size, options.seed)
        steps = self.feed.steps_of(options.epochs) if options.epochs else config.steps
        self.config = dataclasses.replace(config, steps=steps)
        self.steps_per_call = start.steps_per_call(self.gan, self.feed, options, self.jit)
        self.calls = [PhaseCall(self, number) for number in range(len(self.feed.phases))]

    def advance(self, count: int) -> dict[tuple[str, str], float]:
        """Do `count` steps, at most `steps_per_call` and all of one phase, in one call.

        Returns:
          The last step's gradient norms by (update's label, "generator/w_0").

        Raises:
          NotFinite: a loss, a gradient or a weight stopped being finite.
        """
        step = int(self.step)
        call = self.calls[self.schedule.at(step)[0]]
        sums, last, norms, done = (value.numpy() for value in call(step, count))
        named_norms = dict(zip(call.gradient_names, norms, strict=True))
        if not (np.isfinite(sums).all() and np.isfinite(norms).all()):
            scalars = dict(zip(call.scalar_names, last, strict=True))
            raise NotFinite(step + int(done), scalars, named_norms)
        self.step.assign_add(int(done))
        self.means.add(call.scalar_names, sums, int(done))
        return named_norms

    def train(
        self,
        until: int,
        progress: Callable[[int], None] = lambda step: None,
        stop: Callable[[], bool] = lambda: False,
        on_row: Callable[[dict], None] = lambda row: None,
        goes_on: bool = False,
    ) -> bool:
        """Train to step `until`, with summaries and checkpoints on the way.

        Args:
          until: total steps, those of earlier runs included.
          progress: called after each call with the step.
          stop: asked at every step boundary between calls; true saves and returns.
          on_row: called with each summary's row, by another thread.
          goes_on: it will be trained further soon, so the last summary is like any other.

        Returns:
          Whether it is at its end: at `until`, or where its evaluations have ended it.

        Raises:
          NotFiniteError, StorageError: with the last good checkpoint in place.
        """
        self.rows, watch = bystander.of_run(self, on_row)
        keeping, step, saved = self.keeping, int(self.step), int(self.step)
        over = int(keeping.is_over(self.rows))
        rate, saved_at_seconds = workdir.Rate(step), time.monotonic()
        try:
            if step == 0 and not watch.rows:
                watch.look(self._row({}, rate), None, {}, final=until == 0)
            while step < until:
                over, stopped = self.group.agree(over, stop())
                if over or stopped:
                    break
                summary = min(_next(step, self.config.summary_every), until)
                every = self.options.checkpoint_every
                # The step before a summary is a call of its own: what it does can be told.
                pause = summary - 1 if step < summary - 1 else summary
                end = min(pause, step + min(self.steps_per_call, self.schedule.at(step)[1]))
                end = min(end, _next(step, every)) if every else end
                before = watch.weights() if end == summary else None
                try:
                    norms = self.advance(end - step)
                except NotFinite as found:
                    watch.drain()
                    raise NotFiniteError(blame(self, found)) from None
                step = end
                judged = step == summary and keeping.judges and watch.evaluation_is_due(step)
                if step == summary:
                    final = step == until or judged and keeping.is_over(self.rows, more=1)
                    watch.look(self._row(norms, rate), before, norms, final and not goes_on)
                waited = time.monotonic() - saved_at_seconds > CHECKPOINT_SECONDS
                if judged or (step % every == 0 if every else step == summary and waited):
                    watch.drain()
                    self.save()
                    saved, saved_at_seconds = step, time.monotonic()
                    over = keeping.heard(self.rows, step)
                progress(step)
            watch.drain()
            if step != saved:
                self.save()
        finally:
            watch.close()
        return bool(over) or step >= until

    def _row(self, norms: dict[tuple[str, str], float], rate: workdir.Rate) -> dict:
        """The engine's part of a summary's row: means since the last; starts the next sums."""
        step = int(self.step)
        row = {"step": step, "epoch": round(self.feed.epochs(step), 4)} | self.means.take()
        row |= gradient_norms(norms)
        return row | ({"steps_per_second": round(rate.mark(step), 2)} if step else {})

    def save(self) -> Path:
        """The chief writes a checkpoint of this step; the best step's stays beside the newest."""
        about, keep = start.about(self), self.options.keep_checkpoints
        folder, best = self.folder / "checkpoints", self.keeping.protected(self.rows)
        if not self.group.is_chief:
            return folder
        return checkpoints.save(folder, self.state, int(self.step), about, keep, best)

    def resume(self, allow_changed_code: bool = False) -> bool:
        """Go to the newest sound checkpoint, or write the first one; true if there was one.

        Raises:
          InputError: a history without a sound checkpoint, of another run, or of other code, where
            that is not allowed; or `--init_from` cannot be used.
        """
        return history.resume(self, allow_changed_code)


def _next(step: int, every: int) -> int:
    return (step // every + 1) * every
