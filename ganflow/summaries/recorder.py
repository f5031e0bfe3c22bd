"""What the thread beside the training makes of a moment: figures, verdicts, events, pictures.

Every figure is a function of the moment and of the rows before it.
"""

import dataclasses
import functools
import sys
from typing import Any

import numpy as np
import tensorflow as tf
from absl import logging

from ganflow import data
from ganflow.data import statistics
from ganflow.interface import gans
from ganflow.storage import workdir
from ganflow.summaries import (
    diagnosis,
    events,
    health,
    probes,
    tensorboard,
    weights,
)
from ganflow.summaries.album import Album, Budget, Taken, made_alike
from ganflow.summaries.diagnosis import Verdict
from ganflow.summaries.judging import SamplerJudge
from ganflow.summaries.moments import SamplerEye, Seen
from ganflow.summaries.trial import Trial
from ganflow.summaries.writer import tensorboard_tag


@dataclasses.dataclass(frozen=True, eq=False)
class Moment:
    """A run at one step. All tensors are of that step, and nothing changes them."""

    row: dict  # the engine's part
    rare: bool
    norms: dict[tuple[str, str], float]  # gradients', by (update's label, weight)
    weights: list[tf.Tensor]  # in the order of `gans.named_weights`
    before: list[tf.Tensor] | None  # the same, one step ago
    slots: dict[str, tf.Tensor]  # of the optimizers, where they are due
    seen: list[Seen]  # a sampler each
    taken: list[Taken]
    pictures: list[str]  # to draw
    evaluated: list[tuple[str, tf.Tensor, np.ndarray | None]]  # (figures' group, samples, labels)

    @property
    def num_bytes(self) -> int:
        """What it holds, but for odds and ends."""
        tensors = [*self.weights, *(self.before or []), *self.slots.values()]
        for seen in self.seen:
            tensors += [seen.samples, *seen.activations.values()]
        return sum(t.shape.num_elements() * t.dtype.size for t in tensors)


class Recorder:
    """Writes a run's history; all but `__init__` and `plan` is called by one thread alone."""

    def __init__(self, run, eyes: list[SamplerEye], rows: list[dict], on_row):
        """Args:
        run: an `engine.Run`.
        eyes: one for each of its samplers.
        rows: those of its `metrics.jsonl`, which grow.
        on_row: called with each row.
        """
        self._run, self._eyes, self.rows, self._on_row = run, eyes, rows, on_row
        self._weight_names = [name for name, _ in gans.named_weights(run.gan)]
        self._metrics = workdir.Metrics(run.folder)
        self._events = events.Events(run.folder / "train")
        self._trial = Trial(
            run.folder, tensorboard.hparams(run.model_name, run.config, run.options)
        )
        # Here and not in the thread: reading a graph while another is traced can block both.
        self._graph = run.calls[0].step.graph.as_graph_def(add_shapes=True).SerializeToString()
        self._started = False
        self.budget = Budget()
        self._albums = [Album(eye, run.folder, int(run.step)) for eye in eyes]
        self._made_alike = made_alike(eyes)
        self._judges = [SamplerJudge(run, eye) for eye in eyes]
        self._illnesses = rows[-1].get("diagnosis", []) if rows else []
        # Rows as a sampler's rules see them: its own figures by their plain names.
        self._histories = [[_own(row, eye.prefix) for row in rows] for eye in eyes]
        self._verdicts: list[Verdict] = []
        self._health: dict[str, health.Health] = {}  # by the samplers' prefixes

    def plan(self, rare: bool, always: bool) -> list[str]:
        """The pictures of the next summary; called where the moment is taken."""
        has_average = self._run.average is not None
        names = [name for album in self._albums for name in album.names(has_average)]
        return self.budget.plan(names, rare, always)

    def record(self, moment: Moment) -> None:
        """Work everything out and write it.

        Raises:
          StorageError: it cannot be written.
        """
        if not self._started:
            self._start()
        values = [np.asarray(w) for w in moment.weights]  # the tensors' own memory, not a copy
        slots = {name: np.asarray(slot) for name, slot in moment.slots.items()}
        seen = [s.arrays() for s in moment.seen]
        row = moment.row | self._of_weights(moment, values, slots) | self._judged(moment)
        row |= self._diagnosed(row, seen)
        # Rows are kept as long as the run: each name once, and the main sampler's history is they.
        row = {sys.intern(name): value for name, value in row.items()}
        for eye, history in zip(self._eyes, self._histories, strict=True):
            history.append(_own(row, eye.prefix))
        self._metrics.append(row)
        self.rows.append(row)
        self._on_row(row)
        step = row["step"]
        shown = {k: v for k, v in row.items() if isinstance(v, float | int) and k != "step"}
        written = events.scalars({tensorboard_tag(k): v for k, v in shown.items()})
        written += events.text("diagnosis", self._told())
        if moment.rare:
            written += self._rare(values, slots, seen)
        title = f"{self._run.model_name}, step {step:,}"
        moments = list(zip(seen, moment.taken, strict=True))
        names = [eye.sampler.name for eye in self._eyes]
        for album, own, others in zip(self._albums, moments, self._made_alike, strict=True):
            album.add_to_strip(step, own[0])
            beside = {names[i]: moments[i] for i in others}
            written += album.draw(moment.pictures, title, *own, beside, self.budget)
        self._events.write(step, written)
        self._trial.add(row)

    def flush(self) -> None:
        """Have everything on the disk.

        Raises:
          StorageError: it cannot be written.
        """
        for album in self._albums:
            album.write_strip()
        self._events.flush()
        self._trial.flush()

    def close(self) -> None:
        """Close the events; raises as `flush` does."""
        self._events.close()
        if self._started:
            reached_end = self.rows[-1]["step"] >= self._run.config.steps
            self._trial.close(self.rows, reached_end)

    def _start(self) -> None:
        run, self._started = self._run, True
        tensorboard.write_start(self._events, run.module.__doc__, tensorboard.about(run))
        self._events.write_graph(self._graph)
        self._trial.start(self.rows)

    # ------------------------------------------------------------ figures

    def _of_weights(self, moment, values, slots) -> dict[str, float]:
        """Of every weight; singular values and the optimizers' slots only where they are due."""
        named = list(zip(self._weight_names, values, strict=True))
        before = None if moment.before is None else [np.asarray(w) for w in moment.before]
        figures = weights.figures(named, before, moment.norms)
        if moment.rare:
            figures |= {
                f"weight/{name}/largest_singular_value": weights.largest_singular_value(w)
                for name, w in named
                if w.ndim > 1
            }
        norms = {f"{name}/norm": float(np.linalg.norm(slot)) for name, slot in slots.items()}
        return figures | norms

    def _judged(self, moment) -> dict[str, float]:
        """Quality of fresh samples, where an evaluation has come due."""
        row = {}
        for group, samples, labels in moment.evaluated:
            judge, samples = self._judge, samples.numpy()[: self._judge.num]
            labels = None if labels is None else labels[: judge.num]
            figures = judge.figures(samples, labels)
            row |= {f"{group}/{name}": value for name, value in figures.items()}
        return row

    @functools.cached_property
    def _judge(self):
        from ganflow.judging import evaluation  # slow to import, and most runs do without

        run, pair = self._run, (self._run.dataset, self._run.held_out)
        whole = evaluation.judged_as(run.dataset.name)
        if whole != run.dataset.name:
            pair = data.load_both(
                whole, run.options.data_dir or None, **data.shaping(vars(run.options))
            )
        return evaluation.make_judge(*pair, run.options.evaluate_num)

    def _diagnosed(self, row: dict, seen: list[Seen]) -> dict:
        """Probes and verdicts of every sampler; the log hears of what has changed."""
        self._verdicts, self._health = [], {}
        found: dict[str, Any] = {}
        dead: dict[str, float] = {}
        every = zip(self._eyes, self._judges, seen, self._histories, strict=True)
        for eye, judge, one, history in every:
            said = judge.judge([*history, _own(row, eye.prefix)], row, one)
            evidence, figures = said.evidence, said.figures
            self._verdicts += [
                dataclasses.replace(verdict, illness=eye.prefix + verdict.illness)
                for verdict in said.verdicts
            ]
            self._health[eye.prefix] = said.health
            found[f"{eye.prefix}health"] = said.health.state
            if "held_out" in one.scores and evidence.boundary is not None:
                meaning = (evidence.boundary, evidence.higher_is_real)
                share = probes.taken_for_real(one.scores["held_out"], *meaning)
                figures |= {} if share is None else {"d_accuracy_held_out": share}
            found |= {eye.prefix + name: value for name, value in figures.items()}
            dead = probes.dead_layers(evidence) | dead
        begun, ended = diagnosis.changed(self._illnesses, self._verdicts)
        for verdict in begun:
            logging.warning("%s", verdict)
        for illness in ended:
            logging.info("step %d: no longer: %s", row["step"], illness.replace("_", " "))
        self._illnesses = [verdict.illness for verdict in self._verdicts]
        for prefix, judged in self._health.items():
            before = self.rows[-1].get(f"{prefix}health") if self.rows else None
            if judged.state not in (before, health.ILL, health.TOO_EARLY):
                logging.info("step %d: %s%s", row["step"], prefix, judged)
        found |= {f"weight/{layer}/dead_units": share for layer, share in dead.items()}
        found["diagnosis"] = self._illnesses
        return found

    def _told(self) -> str:
        """For TensorBoard's text."""
        states = "\n".join(f"{prefix}{judged}" for prefix, judged in self._health.items())
        return diagnosis.as_markdown(states, self._verdicts)

    # ------------------------------------------------------------ what is rare

    def _rare(self, values, slots, seen) -> events.Values:
        """Histograms of weights, slots and scores; of points, their statistics."""
        shown = {f"weight/{k}": w for k, w in zip(self._weight_names, values, strict=True)} | slots
        written = []
        for eye, one in zip(self._eyes, seen, strict=True):
            shown |= {f"{eye.prefix}d_output/{name}": x for name, x in one.scores.items()}
            if eye.is_points:
                table = statistics.as_markdown(eye.real, one.samples)
                written += events.text(f"{eye.prefix}statistics", table)
        for name, array in shown.items():
            written += events.histogram(name, array)
        return written


def _own(row: dict, prefix: str) -> dict:
    """A row as one sampler's rules see it."""
    if not prefix:
        return row
    return {"step": row["step"]} | {
        name.removeprefix(prefix): value for name, value in row.items() if name.startswith(prefix)
    }
