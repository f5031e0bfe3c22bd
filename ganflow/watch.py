"""What a run looks at in each summary: D's scores, every weight, quality, illness, pictures.

The figures are worked out where the training stands still, so that they are all of one step;
pictures are drawn from them and written by a thread beside the training. Nothing here changes the
run, and every figure is a function of the run's state and its earlier summaries, so a run that was
killed and resumed reports what the uninterrupted one would have.
"""

import functools

import numpy as np
import tensorflow as tf
from absl import logging

from ganflow import board, data, diagnosis, gans, pictures, probes, replicas, views, weights_report
from ganflow.feed import decoded
from ganflow.summaries import Summaries, Summary, tensorboard_tag

SAMPLES = 64  # images looked at
POINTS = 1_000  # points looked at
HELD_OUT = 1_000  # held-out examples that D judges
COLUMNS = 8
RARE = 10  # summaries between those figures and pictures that cost more
_IN_STRIP = 12  # images in a row of the strip
_PAIRED = 16  # z's in the interpolation, and samples shown beside their nearest neighbours


class Watch:
    """Looks at one run."""

    def __init__(self, run, rows: list[dict]):
        """Args:
        run: an `engine.Run`.
        rows: those of its `metrics.jsonl`.
        """
        self.run, self.gan, self.rows = run, run.gan, rows
        dataset = run.dataset
        count = min(POINTS if dataset.is_points else SAMPLES, len(dataset.x))
        self.z = gans.latent(run.gan, run.options.seed, count)
        self.real = _spread(dataset.x, count)
        self.held_out = _spread(run.held_out.x, HELD_OUT) if run.held_out else None
        self.named = gans.named_weights(run.gan)
        self.modes = data.modes(dataset.name)
        self.strip = views.read_strip(run.folder / "strip.npz", keep_until=int(run.step))
        self.illnesses = rows[-1].get("diagnosis", []) if rows else []
        doc = run.module.__doc__
        start = functools.partial(
            board.write_start, config=run.config, options=run.options, doc=doc
        )
        self.summaries = Summaries(run.folder, start)

    def close(self) -> None:
        """Wait until all is written."""
        self.summaries.close()

    def weights(self) -> list[np.ndarray]:
        """Every weight as it is now, in the order of `named`."""
        return [replicas.value_of(v).numpy() for _, v in self.named]

    def look(self, row: dict, before: list[np.ndarray], norms: np.ndarray, final: bool) -> dict:
        """Look at the run as it stands, and write the summary.

        Args:
          row: step and means, from the engine.
          before: `weights()` one step ago.
          norms: that step's gradient norms, in the order of `run.gradient_names`.
          final: whether this is the last summary.

        Returns:
          The row with all that was found.
        """
        step = row["step"]
        rare = final or step // self.run.config.summary_every % RARE == 0
        now = self.weights()
        samples = self.run.sample(self.z).numpy()
        scores = {"real": self._score(self.real), "generated": self._score(samples)}
        if self.held_out is not None:
            scores["held_out"] = self._score(self.held_out)
        row = row | self._of_weights(now, before, norms, rare) | self._evaluated(step)
        row |= self._diagnosed(row, samples, scores)
        if "held_out" in scores and self.gan.scores_are_logits:
            row["d_accuracy_held_out"] = float(np.mean(scores["held_out"] > 0))
        self.rows.append(row)
        shown = {k: v for k, v in row.items() if isinstance(v, float | int) and k != "step"}
        self.summaries.write(
            Summary(
                step,
                {tensorboard_tag(k): v for k, v in shown.items()},
                self._pictures(step, samples, scores, rare),
                self._histograms(now, scores) if rare else {},
                {"diagnosis": diagnosis.as_markdown(self.verdicts)},
            )
        )
        return row

    def _score(self, x):
        return self.run.score(tf.constant(x)).numpy().ravel()

    def _of_weights(self, now, before, norms, rare):
        """Figures of every weight; singular values only where they are due."""
        gradients = {}
        for (gradient, weight), norm in zip(self.run.gradient_names, norms, strict=True):
            gradients.setdefault(gradient, {})[weight] = norm
        named = [(name, value) for (name, _), value in zip(self.named, now, strict=True)]
        figures = weights_report.figures(named, before, gradients)
        if rare:
            figures |= {
                f"weight/{name}/largest_singular_value": weights_report.largest_singular_value(w)
                for name, w in named
                if w.ndim > 1
            }
        return figures

    def _evaluated(self, step):
        """Quality of fresh samples, where an evaluation has come due since the last summary."""
        every = self.run.options.evaluate_every
        last = self.rows[-1]["step"] if self.rows else 0
        if not every or step // every == last // every:
            return {}
        judge = self._judge
        z = gans.latent(self.gan, self.run.options.seed, judge.num, stream="evaluation").numpy()
        parts = np.array_split(z, -(-judge.num // 100))
        samples = [self.run.sample(tf.constant(part)).numpy() for part in parts]
        figures = judge.figures(np.concatenate(samples))
        return {f"eval/{name}": value for name, value in figures.items()}

    @functools.cached_property
    def _judge(self):
        from ganflow import evaluation  # slow to import, and most runs do without

        run = self.run
        return evaluation.make_judge(run.dataset, run.held_out, run.options.evaluate_num)

    def _diagnosed(self, row, samples, scores):
        """Probes and verdicts; the log hears of what has changed."""
        evidence = probes.Evidence(
            step=row["step"],
            rows=[*self.rows, row],
            samples=samples,
            real=self.real,
            real_scores=scores["real"],
            fake_scores=scores["generated"],
            scores_are_logits=self.gan.scores_are_logits,
            activations=gans.activations(self.gan, self.z, tf.constant(self.real)),
            modes=self.modes,
        )
        dead = probes.dead_layers(evidence)
        figures = probes.probes(evidence)
        self.verdicts = diagnosis.diagnose(evidence, figures)
        begun, ended = diagnosis.changed(self.illnesses, self.verdicts)
        for verdict in begun:
            logging.warning("%s", verdict)
        for illness in ended:
            logging.info("step %d: no longer: %s", row["step"], illness.replace("_", " "))
        self.illnesses = [verdict.illness for verdict in self.verdicts]
        figures |= {f"weight/{layer}/dead_units": share for layer, share in dead.items()}
        return figures | {"diagnosis": self.illnesses}

    def _pictures(self, step, samples, scores, rare):
        """What to draw, by file name; whatever needs the networks is worked out now."""
        is_logit, title = self.gan.scores_are_logits, f"{self.run.model_name}, step {step:,}"
        drawn = {}
        if self.run.dataset.is_points:
            surface = views.surface(self.run.score, self.gan.g_loss, self.real, samples, is_logit)
            drawn["samples"] = functools.partial(views.draw_surface, surface, title)
        else:
            drawn["samples"] = lambda: pictures.beside(
                pictures.grid(samples, COLUMNS), pictures.grid(self.real, COLUMNS)
            )
            self.strip = views.add_to_strip(self.strip, step, samples[:_IN_STRIP])
            views.write_strip(self.run.folder / "strip.npz", self.strip)
        if rare:
            drawn["scores"] = functools.partial(
                views.score_histogram,
                scores["real"],
                scores["generated"],
                scores.get("held_out"),
                is_logit,
                f"D's outputs: {title}",
            )
        if rare and not self.run.dataset.is_points:
            between = views.between(self.z[:_PAIRED].numpy())
            images = self.run.sample(tf.constant(between)).numpy()
            drawn["strip"] = functools.partial(views.strip, self.strip)
            drawn["interpolation"] = functools.partial(views.interpolation, images)
            drawn["neighbours"] = functools.partial(
                views.neighbours, samples[:_PAIRED], self.run.dataset.x
            )
        return drawn

    def _histograms(self, now, scores):
        of_weights = {
            f"weight/{name}": value for (name, _), value in zip(self.named, now, strict=True)
        }
        return of_weights | {f"d_output/{name}": value for name, value in scores.items()}


def _spread(x, count):
    """Some examples from all over a data set, which may be sorted by class."""
    return decoded(x[:: max(1, len(x) // count)][:count]).numpy()
