"""The only training loop.

`Run` builds a model on a data set in a workdir and trains it. Many steps run inside one
`tf.function`: the outer part draws what they consume (under XLA the generators would give other
numbers), the inner part loops over the steps and is compiled by XLA where that pays. The loop ends
at once when a scalar is no longer finite.
"""

import dataclasses
import functools
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf
from absl import logging

from ganflow import checkpoints, data, replicas, workdir
from ganflow.config import option
from ganflow.errors import InputError, NotFiniteError
from ganflow.feed import Feed, decoded, needs_labels  # noqa: F401
from ganflow.gans import build, latent, named_weights, names_of_trained  # noqa: F401
from ganflow.watch import Watch

_DRAWN_BYTES_A_CALL = 32 * 2**20  # more steps in a call than this holds bring nothing more
_MAX_STEPS_A_CALL = {"compiled": 1_000, "op by op": 10}
_FLOP_A_CALL = 2e11  # a second or two on 2 cores: a signal waits for a call to end


@dataclasses.dataclass(frozen=True)
class Options:
    """What every run has, whatever the model."""

    data_dir: str = option("", "the folder or file that holds the data set")
    workdir: str = option("", "the run's folder; empty: runs/MODEL-DATASET")
    seed: int = option(0, "of weights, data order, z and dropout", minimum=0, maximum=2**63 - 1)
    num_replicas: int = option(0, "GPUs, or logical CPU devices; 0: all GPUs, else 1", minimum=0)
    steps_per_call: int = option(0, "steps in one call of the engine; 0: by size", minimum=0)
    jit: str = option("auto", "compile with XLA", choices=("auto", "on", "off"))
    enlarge: int = option(1, "each pixel becomes a square of this many by as many", minimum=1)
    checkpoint_every: int = option(0, "steps; 0: ten times summary_every", minimum=0)
    keep_checkpoints: int = option(3, "how many of the newest are kept", minimum=1)
    evaluate_every: int = option(0, "steps between evaluations; 0: none", minimum=0)
    evaluate_num: int = option(2_000, "samples in such an evaluation", minimum=100)


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
    ):
        """Build the model; nothing is read from or written to the workdir yet.

        Args:
          module: the model's file, see `ganflow.models`.
          config: its `Config`.
          options: the rest.
          dataset: real examples.
          strategy: from `replicas.make_strategy`; by default of `options.num_replicas`.
          held_out: real examples that are never trained on, for D's accuracy on them.

        Raises:
          InputError: the model, the data set and the options do not fit together.
        """
        self.config, self.options = config, options
        self.dataset, self.held_out = dataset, held_out
        self.strategy = strategy or replicas.make_strategy(options.num_replicas)
        self.folder = Path(options.workdir)
        self.module, self.model_name = module, module.__name__.rpartition(".")[2]
        data.check_batch(dataset, config.batch_size)
        if config.batch_size % self.strategy.num_replicas_in_sync:
            raise InputError(
                f"--batch_size={config.batch_size}: not a multiple of "
                f"{self.strategy.num_replicas_in_sync} replicas"
            )
        with self.strategy.scope():
            self.gan = build(module, config, dataset.example_shape, options.seed)
        specs = self.gan.batches()
        self.feed = Feed(specs, dataset, config.batch_size, options.seed, needs_labels(specs))
        # Most models have one kind of step; some train one network for a while, then the other.
        self.phases = self.gan.phases() if hasattr(self.gan, "phases") else [(1, "train_step")]
        self.jit = self._decide_jit()
        self.steps_per_call = options.steps_per_call or self._fitting_steps_per_call()
        self.checkpoint_every = options.checkpoint_every or 10 * config.summary_every

        self.scalar_names, self.gradient_names = self._names_of_results()
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        # Sums since the last summary: saved too, so that a resumed run reports the same means.
        self._sums = tf.Variable(np.zeros(len(self.scalar_names)), trainable=False)
        self._counts = tf.Variable(np.zeros(len(self.scalar_names)), trainable=False)
        self.state = tf.train.Checkpoint(
            gan=self.gan, step=self.step, sums=self._sums, counts=self._counts
        )
        self.call = self._make_call()
        self.sample = tf.function(self.gan.sample, reduce_retracing=True)
        self.score = tf.function(self.gan.score, reduce_retracing=True)

    # ------------------------------------------------------------ what the graph is made of

    def _decide_jit(self) -> bool:
        convolutions = any(len(v.shape) == 4 for v in self.gan.trainable_variables)
        several = self.strategy.num_replicas_in_sync > 1
        on_gpu = bool(tf.config.list_physical_devices("GPU"))
        if self.options.jit == "on" and several:
            raise InputError("--jit=on: XLA compiles for one replica; use --jit=auto")
        if self.options.jit == "on" and convolutions and not on_gpu:
            logging.warning("--jit=on: XLA runs convolutions on a CPU some 40 times slower")
        fits = not several and (on_gpu or not convolutions)
        return {"auto": fits, "on": True, "off": False}[self.options.jit]

    def _fitting_steps_per_call(self) -> int:
        limit = _MAX_STEPS_A_CALL["compiled" if self.jit else "op by op"]
        weights = sum(v.shape.num_elements() for v in self.gan.trainable_variables)
        # A multiplication and an addition a weight, about five times: forwards and backwards.
        flop_a_step = 10 * weights * self.config.batch_size * len(self.feed.specs)
        limit = min(limit, _DRAWN_BYTES_A_CALL // self.feed.bytes_a_step)
        return int(max(1, min(limit, _FLOP_A_CALL // flop_a_step)))

    def batches_of(self, step: int) -> list[dict[str, tf.Tensor]]:
        """What the step after `step` steps consumes, as `train_step` takes it."""
        return self.feed.batches(self.feed.draw(step, self.feed.order(step, 1)), 0)

    def _names_of_results(self) -> tuple[list[str], list[tuple[str, str]]]:
        """Trace every kind of step without running it.

        Returns:
          The scalars' names, and each gradient's (list, weight).
        """
        scalars, gradients = set(), set()
        for _, kind in self.phases:

            @tf.function
            def trace(kind=kind):
                return replicas.run(self.strategy, getattr(self.gan, kind), self.batches_of(0))

            results = trace.get_concrete_function().structured_outputs
            gradients |= {name for name, value in results.items() if isinstance(value, list)}
            scalars |= results.keys()
        names = [(g, w) for g in sorted(gradients) for w in names_of_trained(self.gan, g)]
        return sorted(scalars - gradients), names

    def _one_step(self, kind: str, batches: list[dict], is_last: tf.Tensor) -> tuple:
        """A step of one kind.

        Returns:
          Its scalars; which of `scalar_names` it has; the norms of its gradients, which cost a
          pass over all of them and so are taken at a call's last step alone.
        """
        results = replicas.run(self.strategy, getattr(self.gan, kind), batches)
        scalars = tf.stack([results.get(name, 0.0) for name in self.scalar_names])
        has = tf.constant([float(name in results) for name in self.scalar_names])

        def norms():
            of = {name: iter(v) for name, v in results.items() if isinstance(v, list)}
            return tf.stack(
                [tf.norm(next(of[name])) if name in of else 0.0 for name, _ in self.gradient_names]
            )

        return scalars, has, tf.cond(is_last, norms, lambda: tf.zeros(len(self.gradient_names)))

    def _make_call(self) -> Callable:
        """The compiled engine: (step, order, count) -> (sums, counts, last, norms, done)."""
        length = sum(count for count, _ in self.phases)
        ends = tf.constant(np.cumsum([count for count, _ in self.phases]), tf.int64)

        def loop(step, drawn, count):
            sums = tf.zeros(len(self.scalar_names))
            counts = tf.zeros(len(self.scalar_names))
            last = tf.zeros(len(self.scalar_names))
            norms = tf.zeros(len(self.gradient_names))
            i = tf.constant(0)
            while tf.logical_and(i < count, tf.reduce_all(tf.math.is_finite(sums))):
                batches, is_last = self.feed.batches(drawn, i), tf.equal(i, count - 1)
                kinds = [
                    functools.partial(self._one_step, kind, batches, is_last)
                    for _, kind in self.phases
                ]
                if len(kinds) == 1:
                    last, has, norms = kinds[0]()
                else:
                    place = (step + tf.cast(i, tf.int64)) % length
                    kind = tf.reduce_sum(tf.cast(place >= ends, tf.int32))
                    last, has, norms = tf.switch_case(kind, kinds)
                sums += last
                counts += has
                i += 1
            return sums, counts, last, norms, i

        # Grappler's fusion of convolution, bias and activation trips over gradients of gradients
        # (it says so on stderr and gives up), and makes no step faster.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        inner = tf.function(loop, jit_compile=True if self.jit else None)

        @tf.function
        def call(step, order, count):
            return inner(step, self.feed.draw(step, order), count)

        return call

    # ------------------------------------------------------------ the loop

    def advance(self, count: int) -> np.ndarray:
        """Do `count` steps, at most `steps_per_call`, in one call.

        Returns:
          The last step's gradient norms, in the order of `gradient_names`.

        Raises:
          NotFiniteError: a loss, a gradient or a weight stopped being finite.
        """
        step = int(self.step)
        order = self.feed.order(step, self.steps_per_call)
        sums, counts, last, norms, done = self.call(self.step, order, tf.constant(count))
        done = int(done)
        if not (np.isfinite(sums).all() and np.isfinite(norms).all()):
            raise _NotFinite(step + done, last.numpy(), norms.numpy())
        self.step.assign_add(done)
        self._sums.assign_add(tf.cast(sums, tf.float64))
        self._counts.assign_add(tf.cast(counts, tf.float64))
        return norms.numpy()

    def train(self, until: int, progress: Callable = lambda *_: None, stop=lambda: False) -> bool:
        """Train to step `until`, with summaries and checkpoints on the way.

        Args:
          until: total steps, those of earlier runs included.
          progress: called after each call with (step, rate or None, scalars or None).
          stop: asked at every step boundary between calls; true saves and returns.

        Returns:
          Whether `until` was reached.

        Raises:
          NotFiniteError, StorageError: with the last good checkpoint in place.
        """
        metrics = workdir.Metrics(self.folder)
        watch = Watch(self, metrics.rows())
        step = saved = int(self.step)
        rate = workdir.Rate(step)
        try:
            while step < until and not stop():
                summary = min(_next(step, self.config.summary_every), until)
                checkpoint = _next(step, self.checkpoint_every)
                # The step before a summary is a call of its own: what it does can be told.
                pause = summary - 1 if step < summary - 1 else summary
                end = min(step + self.steps_per_call, pause, checkpoint)
                before = watch.weights() if end == summary else None
                try:
                    norms = self.advance(end - step)
                except _NotFinite as found:
                    raise NotFiniteError(self._blame(found)) from None
                step, row = end, None
                if step == summary:
                    row = self._row(norms, rate.mark(step))
                    row = watch.look(row, before, norms, final=step == until)
                    metrics.append(row)
                if step == checkpoint:
                    self.save()
                    saved = step
                progress(step, row)
            if step != saved:
                self.save()
        finally:
            watch.close()
        return step >= until

    def _row(self, norms: np.ndarray, steps_per_second: float) -> dict:
        """One line of `metrics.jsonl`: means since the last; starts the next sums."""
        row = {"step": int(self.step)}
        sums, counts = self._sums.numpy(), self._counts.numpy()
        for name, total, count in zip(self.scalar_names, sums, counts, strict=True):
            if count:
                row[name] = float(total / count)
        self._sums.assign(tf.zeros_like(self._sums))
        self._counts.assign(tf.zeros_like(self._counts))
        for gradient in dict.fromkeys(name for name, _ in self.gradient_names):
            of = [name == gradient for name, _ in self.gradient_names]
            if norm := float(np.linalg.norm(norms[of])):
                row[f"{gradient}_norm"] = norm
        return row | {"steps_per_second": round(steps_per_second, 2)}

    # ------------------------------------------------------------ saving, resuming, blaming

    def about(self) -> dict:
        """What a checkpoint's manifest tells of the run."""
        return {
            "model": self.model_name,
            "config": dataclasses.asdict(self.config),
            "options": dataclasses.asdict(self.options),
            "x_shape": list(self.dataset.example_shape),
            "data_sha256": self.dataset.sha256,
        }

    def save(self) -> Path:
        """Write a checkpoint of this step."""
        keep, step = self.options.keep_checkpoints, int(self.step)
        return checkpoints.save(self.folder / "checkpoints", self.state, step, self.about(), keep)

    def resume(self) -> bool:
        """Go to the newest sound checkpoint, or write the first one; true if there was one.

        Raises:
          InputError: a history without a sound checkpoint, or one of another run.
        """
        folder = self.folder / "checkpoints"
        sound = checkpoints.newest_sound(folder)
        checkpoints.clear_partial(folder)
        if sound is None:
            if workdir.Metrics(self.folder).rows():
                raise InputError(
                    f"{self.folder}: has metrics but no checkpoint; restore its checkpoints, or "
                    "start again with --fresh, which sets this history aside"
                )
            self.save()  # from here on the workdir has an identity, and a kill loses nothing
            return False
        checkpoints.refuse_other_run(sound, self.about(), self.folder)
        checkpoints.restore(sound, self.state)
        workdir.Metrics(self.folder).keep_until(sound.step)
        return True

    def _blame(self, found: "_NotFinite") -> str:
        """Say which tensor stopped being finite, at which step.

        A gradient that is not finite shows in the losses one step later, so the steps since the
        last checkpoint are done again one by one, watching every gradient.
        """
        logging.error("step %d: not finite; looking for the first tensor", found.step)
        sound = checkpoints.newest_sound(self.folder / "checkpoints")
        if sound is not None:
            checkpoints.restore(sound, self.state)
            try:
                while int(self.step) <= found.step:
                    self.advance(1)
            except _NotFinite as first:
                found = first
        names = [n for n, v in zip(self.scalar_names, found.scalars, strict=True) if _bad(v)]
        of = {}
        for (gradient, weight), norm in zip(self.gradient_names, found.norms, strict=True):
            of.setdefault(gradient, []).append((weight, _bad(norm)))
        for gradient, weights in of.items():
            bad = [weight for weight, is_bad in weights if is_bad]
            of_which = "" if len(bad) == len(weights) else f" of {', '.join(bad)}"
            names += [gradient + of_which] if bad else []
        weights = [n for n, v in named_weights(self.gan) if _bad(replicas.value_of(v))]
        weights = weights if len(weights) < len(named_weights(self.gan)) else ["all of them"]
        names = names or ["the sum of a call's losses"]
        after = f" (weights no longer finite: {', '.join(weights)})" if weights else ""
        return (
            f"step {found.step}: {', '.join(names)} not finite{after}; nothing of it was saved, "
            f"the last checkpoint is of step {sound.step if sound else 0}; lower the learning rate"
        )


class _NotFinite(Exception):
    """Raised by `Run.advance`; `Run.train` turns it into a `NotFiniteError` with names."""

    def __init__(self, step: int, scalars: np.ndarray, norms: np.ndarray):
        super().__init__(step)
        self.step, self.scalars, self.norms = step, scalars, norms


def _next(step: int, every: int) -> int:
    return (step // every + 1) * every


def _bad(value) -> bool:
    return not np.isfinite(value).all()
