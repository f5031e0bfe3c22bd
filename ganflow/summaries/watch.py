"""What a run looks at in each summary: D's scores, every weight, quality, illness, pictures.

`look` takes what is of the moment, in compiled calls, and hands it to a thread beside the training,
which works out all figures, draws and writes. Nothing here changes the run, and every figure is a
function of the run's state and its earlier summaries, so a run that was killed and resumed reports
what the uninterrupted one would have. Which summaries have pictures depends on the time they take.
"""

from collections.abc import Callable

import tensorflow as tf

from ganflow.interface import gans
from ganflow.nn import replicas
from ganflow.summaries.album import Taken, kind
from ganflow.summaries.background import Background
from ganflow.summaries.moments import SamplerEye, Seen
from ganflow.summaries.recorder import Moment, Recorder

RARE = 10  # summaries between those figures and pictures that cost more


class Watch:
    """Looks at one run."""

    def __init__(self, run, rows: list[dict], on_row: Callable[[dict], None] = lambda row: None):
        """Args:
        run: an `engine.Run`.
        rows: those of its `metrics.jsonl`; more are appended, by another thread.
        on_row: called with each new row once it is on the disk, by another thread.
        """
        self.run, self.rows = run, rows
        self._eyes = [
            SamplerEye(run, sampler, is_main=not number)
            for number, sampler in enumerate(run.samplers)
        ]
        self._recorder = Recorder(run, self._eyes, rows, on_row)
        self._last_step = rows[-1]["step"] if rows else 0
        self._weights = [v for _, v in gans.named_weights(run.gan)]
        self._slots = gans.named_slots(run.gan)
        self._read_weights = _reader(self._weights)
        self._read_slots = _reader(list(self._slots.values()))
        self._background = Background()

    def weights(self) -> list[tf.Tensor]:
        """Every weight as it is now, in the order of `gans.named_weights`."""
        return self._read_weights()

    def evaluation_is_due(self, step: int) -> bool:
        """Whether the next summary, if it is at `step`, has an evaluation."""
        every = self.run.options.evaluate_every
        return bool(every) and step // every != self._last_step // every

    def look(
        self,
        row: dict,
        before: list[tf.Tensor] | None,
        norms: dict[tuple[str, str], float],
        final: bool,
    ) -> None:
        """Take the moment; the rest of the summary comes about beside the training.

        Args:
          row: step and means, from the engine.
          before: `weights()` one step ago; None before the first step.
          norms: that step's gradient norms by (update's label, "generator/w_0").
          final: whether this is the last summary.

        Raises:
          StorageError: an earlier summary could not be written.
        """
        step = row["step"]
        rare = final or step // self.run.config.summary_every % RARE == 0
        pictures = self._recorder.plan(rare, always=final or step == 0)
        seen = [eye.look() for eye in self._eyes]
        is_due = self.evaluation_is_due(step)
        evaluated = self._evaluated("eval") if is_due else []
        taken = self._taken(pictures, seen)
        if self.run.average is not None and (is_due or any("_ema" in p for p in pictures)):
            with self.run.average.in_place():
                averaged = [eye.samples() for eye in self._eyes]
                evaluated += self._evaluated("eval_ema") if is_due else []
            taken = [
                Taken(of.surface, of.between, ema) for of, ema in zip(taken, averaged, strict=True)
            ]
        slots = dict(zip(self._slots, self._read_slots(), strict=True)) if rare else {}
        moment = Moment(
            row=row,
            rare=rare,
            norms=norms,
            weights=self.weights(),
            before=before,
            slots=slots,
            seen=seen,
            taken=taken,
            pictures=pictures,
            evaluated=evaluated,
        )
        self._last_step = step
        self._background.hand_over(lambda: self._recorder.record(moment), moment.num_bytes)

    def drain(self) -> None:
        """Wait until everything that was taken is on the disk.

        Raises:
          StorageError: it could not be written.
        """
        self._background.hand_over(self._recorder.flush)
        self._background.drain()

    def close(self) -> None:
        """Wait for what is still being written, and end the thread; raises as `drain` does."""
        try:
            self._background.hand_over(self._recorder.close)
        finally:
            self._background.close()

    def _taken(self, pictures: list[str], seen: list[Seen]) -> list[Taken]:
        """What the pictures need that no figure does."""
        taken = []
        for eye, one in zip(self._eyes, seen, strict=True):
            kinds = {kind(name) for name in pictures if name.rpartition("/")[0] + "/" == eye.prefix}
            if not eye.prefix:
                kinds = {name for name in pictures if "/" not in name}
            asked = "samples" in kinds and eye.has_surface
            answers = eye.ask_surface(one.samples) if asked else None
            taken.append(Taken(answers, eye.between() if "interpolation" in kinds else None))
        return taken

    def _evaluated(self, group: str):
        """Fresh samples to be judged: (figures' group, samples, labels).

        The judge knows x: what should look like it in another size, or like nothing in the data, is
        not judged.
        """
        count = self.run.options.evaluate_num
        judged = [eye for eye in self._eyes if eye.sampler.against == "x"]
        return [(eye.prefix + group, *eye.evaluated(count)) for eye in judged]


def _reader(variables: list[tf.Variable]) -> Callable[[], list[tf.Tensor]]:
    """One call that reads all variables as they are."""

    def read():
        return [tf.identity(replicas.value_of(v)) for v in variables]

    return tf.function(read, autograph=False).get_concrete_function()
