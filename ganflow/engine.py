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

from ganflow import checkpoints, data, draws, replicas, workdir
from ganflow.config import option
from ganflow.errors import InputError, NotFiniteError
from ganflow.summaries import POINTS, SAMPLES, Summaries, tensorboard_tag

_DRAWN_BYTES_A_CALL = 32 * 2**20  # more steps in a call than this holds bring nothing more
_MAX_STEPS_A_CALL = {"compiled": 1_000, "op by op": 10}  # a signal waits for a call to end


@dataclasses.dataclass(frozen=True)
class Options:
    """What every run has, whatever the model."""

    data_dir: str = option("", "the folder or file that holds the data set")
    workdir: str = option("", "the run's folder; empty: runs/MODEL-DATASET")
    seed: int = option(0, "of weights, data order, z and dropout", minimum=0, maximum=2**63 - 1)
    num_replicas: int = option(0, "GPUs, or logical CPU devices; 0: all GPUs, else 1", minimum=0)
    steps_per_call: int = option(0, "steps in one call of the engine; 0: by size", minimum=0)
    jit: str = option("auto", "compile with XLA", choices=("auto", "on", "off"))
    checkpoint_every: int = option(0, "steps; 0: ten times summary_every", minimum=0)
    keep_checkpoints: int = option(3, "how many of the newest are kept", minimum=1)


class Run:
    """One model, on one data set, in one workdir."""

    def __init__(
        self,
        module: types.ModuleType,
        config,
        options: Options,
        dataset: data.Dataset,
        strategy: tf.distribute.Strategy | None = None,
    ):
        """Build the model; nothing is read from or written to the workdir yet.

        Args:
          module: the model's file, see `ganflow.models`.
          config: its `Config`.
          options: the rest.
          dataset: real examples.
          strategy: from `replicas.make_strategy`; by default of `options.num_replicas`.

        Raises:
          InputError: the model, the data set and the options do not fit together.
        """
        self.config, self.options, self.dataset = config, options, dataset
        self.strategy = strategy or replicas.make_strategy(options.num_replicas)
        self.folder = Path(options.workdir)
        self.model_name = module.__name__.rpartition(".")[2]
        data.check_batch(dataset, config.batch_size)
        if config.batch_size % self.strategy.num_replicas_in_sync:
            raise InputError(
                f"--batch_size={config.batch_size}: not a multiple of "
                f"{self.strategy.num_replicas_in_sync} replicas"
            )
        with self.strategy.scope():
            self.gan = build(module, config, dataset.example_shape, options.seed)
        self.batches = self.gan.batches()
        self._real_batches = sum(map(_has_real, self.batches))
        self.jit = self._decide_jit()
        self.steps_per_call = options.steps_per_call or self._fitting_steps_per_call()
        self.checkpoint_every = options.checkpoint_every or 10 * config.summary_every

        self._x = tf.constant(dataset.x)
        self._label = None if dataset.label is None else tf.constant(dataset.label)
        if self._label is None and any(
            isinstance(d, draws.Label) for batch in self.batches for d in batch.values()
        ):
            raise InputError(f"--dataset={dataset.name}: has no labels, and the model needs them")
        self.scalar_names, self.gradient_names = self._names_of_results()
        self.step = tf.Variable(0, dtype=tf.int64, trainable=False)
        # Sums since the last summary: saved too, so that a resumed run reports the same means.
        self._sums = tf.Variable(np.zeros(len(self.scalar_names)), trainable=False)
        self._summed_steps = tf.Variable(0, dtype=tf.int64, trainable=False)
        self.state = tf.train.Checkpoint(
            gan=self.gan, step=self.step, sums=self._sums, summed_steps=self._summed_steps
        )
        self.call = self._make_call()
        self.sample = tf.function(self.gan.sample, reduce_retracing=True)
        count = POINTS if dataset.is_points else SAMPLES
        self._fixed_z = latent(self.gan, options.seed, count)
        self._real = decoded(dataset.x[:count]).numpy()

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
        bytes_a_step = sum(
            self.config.batch_size * _bytes_an_example(draw, self.dataset)
            for batch in self.batches
            for draw in batch.values()
        )
        limit = _MAX_STEPS_A_CALL["compiled" if self.jit else "op by op"]
        return int(max(1, min(limit, _DRAWN_BYTES_A_CALL // bytes_a_step)))

    def _order(self, step: int) -> tf.Tensor:
        """The real examples of a call that starts at `step`: int32 [steps, batches, n]."""
        shape = (self.steps_per_call, self._real_batches, self.config.batch_size)
        first = step * self._real_batches * self.config.batch_size
        index = draws.order(len(self._x), self.options.seed, first, int(np.prod(shape)))
        return tf.constant(index.reshape(shape))

    def _draw(self, step: tf.Tensor, order: tf.Tensor) -> list[dict[str, tf.Tensor]]:
        """What a call's steps consume: tensors [steps, n, ...]."""
        seed, n, count = self.options.seed, self.config.batch_size, self.steps_per_call
        real = iter(tf.unstack(order, axis=1)) if self._real_batches else iter(())
        drawn = []
        for j, batch in enumerate(self.batches):
            index = next(real) if _has_real(batch) else None
            values = {}
            for name, draw in batch.items():
                if isinstance(draw, draws.Real):
                    values[name] = tf.gather(self._x, index)
                elif isinstance(draw, draws.Label):
                    values[name] = tf.gather(self._label, index)
                else:
                    values[name] = draws.random(draw, f"{j}/{name}", seed, step, count, n)
            drawn.append(values)
        return drawn

    def _one_step(self, drawn: list[dict[str, tf.Tensor]], i: tf.Tensor | int) -> dict:
        """Step number `i` of those drawn."""
        batches = [
            {
                name: decoded(value[i]) if isinstance(batch[name], draws.Real) else value[i]
                for name, value in values.items()
            }
            for batch, values in zip(self.batches, drawn, strict=True)
        ]
        return replicas.run(self.strategy, self.gan.train_step, batches)

    def _names_of_results(self) -> tuple[list[str], list[str]]:
        """Trace a step without running it: which scalars and which gradients it returns."""

        @tf.function
        def trace():
            return self._one_step(self._draw(tf.constant(0, tf.int64), self._order(0)), 0)

        results = trace.get_concrete_function().structured_outputs
        gradients = sorted(name for name, v in results.items() if isinstance(v, list))
        return sorted(results.keys() - gradients), gradients

    def _norms(self, results: dict) -> tf.Tensor:
        return tf.stack([tf.linalg.global_norm(results[name]) for name in self.gradient_names])

    def _make_call(self) -> Callable:
        """The compiled engine: (step, order, count) -> (sums, last scalars, norms, done)."""

        def loop(drawn, count):
            sums = tf.zeros(len(self.scalar_names))
            last = tf.zeros(len(self.scalar_names))
            norms = tf.zeros(len(self.gradient_names))
            i = tf.constant(0)
            while tf.logical_and(i < count, tf.reduce_all(tf.math.is_finite(sums))):
                results = self._one_step(drawn, i)
                last = tf.stack([results[name] for name in self.scalar_names])
                sums += last
                # Norms cost a pass over all gradients, so they are taken at a call's last step.
                norms = tf.cond(
                    tf.equal(i, count - 1),
                    functools.partial(self._norms, results),
                    lambda: tf.zeros(len(self.gradient_names)),
                )
                i += 1
            return sums, last, norms, i

        # Grappler's fusion of convolution, bias and activation trips over gradients of gradients
        # (it says so on stderr and gives up), and makes no step faster.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        inner = tf.function(loop, jit_compile=True if self.jit else None)

        @tf.function
        def call(step, order, count):
            return inner(self._draw(step, order), count)

        return call

    # ------------------------------------------------------------ the loop

    def advance(self, count: int) -> np.ndarray:
        """Do `count` steps, at most `steps_per_call`, in one call; return the gradient norms.

        Raises:
          NotFiniteError: a loss, a gradient or a weight stopped being finite.
        """
        step = int(self.step)
        sums, last, norms, done = self.call(self.step, self._order(step), tf.constant(count))
        done = int(done)
        if not (np.isfinite(sums).all() and np.isfinite(norms).all()):
            raise _NotFinite(step + done, last.numpy(), norms.numpy())
        self.step.assign_add(done)
        self._sums.assign_add(tf.cast(sums, tf.float64))
        self._summed_steps.assign_add(done)
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
        metrics, summaries = workdir.Metrics(self.folder), Summaries(self.folder, self._real)
        step = saved = int(self.step)
        rate = workdir.Rate(step)
        try:
            while step < until and not stop():
                summary = _next(step, self.config.summary_every)
                checkpoint = _next(step, self.checkpoint_every)
                end = min(step + self.steps_per_call, summary, checkpoint, until)
                try:
                    norms = self.advance(end - step)
                except _NotFinite as found:
                    raise NotFiniteError(self._blame(found)) from None
                step, row = end, None
                if step in (summary, until):
                    row = self._row(norms, rate.mark(step))
                    metrics.append(row)
                    scalars = {tensorboard_tag(k): v for k, v in row.items() if k != "step"}
                    summaries.write(step, scalars, self.sample(self._fixed_z).numpy())
                if step == checkpoint:
                    self.save()
                    saved = step
                progress(step, row)
            if step != saved:
                self.save()
        finally:
            summaries.close()
        return step >= until

    def _row(self, norms: np.ndarray, steps_per_second: float) -> dict:
        """One line of `metrics.jsonl`; starts the next sums."""
        means = self._sums.numpy() / int(self._summed_steps)
        self._sums.assign(tf.zeros_like(self._sums))
        self._summed_steps.assign(0)
        row = {"step": int(self.step)}
        row |= dict(zip(self.scalar_names, map(float, means), strict=True))
        row |= {f"{k}_norm": float(v) for k, v in zip(self.gradient_names, norms, strict=True)}
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
        names += [n for n, v in zip(self.gradient_names, found.norms, strict=True) if _bad(v)]
        weights = [n for n, v in named_weights(self.gan) if _bad(replicas.value_of(v))]
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


def build(module: types.ModuleType, config, x_shape: tuple[int, ...], seed: int) -> tf.Module:
    """The model, its weights drawn from `seed`.

    Raises:
      InputError: the model cannot train on examples of this shape.
    """
    try:
        return module.Gan(config, tuple(x_shape), np.random.default_rng(seed))
    except ValueError as error:
        raise InputError(f"--dataset={config.dataset}: {error}") from error


def latent(gan: tf.Module, seed: int, count: int, stream: str = "samples") -> tf.Tensor:
    """`count` z's of a stream of their own: the same at every summary, and never trained on."""
    return draws.random(gan.latent(), stream, seed, 0, 1, count)[0]


def decoded(x) -> tf.Tensor:
    """Stored examples to what models see: uint8 images [0, 255] -> float32 [-1, 1]."""
    x = tf.convert_to_tensor(x)
    return tf.cast(x, tf.float32) / 127.5 - 1.0 if x.dtype == tf.uint8 else x


def named_weights(gan: tf.Module) -> list[tuple[str, tf.Variable]]:
    """Every weight of every network as (network/weight, variable)."""
    return [
        (f"{network}/{name}", variable)
        for network, (weights, _) in gan.networks().items()
        for name, variable in weights.items()
    ]


def _has_real(batch: dict) -> bool:
    return any(isinstance(draw, draws.Real) for draw in batch.values())


def _next(step: int, every: int) -> int:
    return (step // every + 1) * every


def _bad(value) -> bool:
    return not np.isfinite(value).all()


def _bytes_an_example(draw, dataset: data.Dataset) -> int:
    if isinstance(draw, draws.Real):
        return dataset.x[0].nbytes
    if isinstance(draw, draws.Label):
        return 4
    return 4 * draw.times * int(np.prod(draw.shape, dtype=np.int64))
