"""What is taken of one sampler while the training stands still: tensors, in one compiled call."""

import dataclasses
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from ganflow import data
from ganflow.interface import gans
from ganflow.interface.sampler import Given, Sampler
from ganflow.nn import draws, layers
from ganflow.pictures import sheets, surface

SAMPLES = 64  # images looked at
POINTS = 1_000  # points looked at
MANY = 3_000  # real examples by whose kinds the samples' are told
HELD_OUT = 500  # held-out examples that D judges
COLUMNS = 8
_MOST_ROWS_OF_LABELS = 16
_PAIRED = 16  # z's in the interpolation, and samples shown beside their nearest neighbours
_AT_ONCE = 100  # samples of an evaluation
_PROBED = ("relu", "tanh", "sigmoid")  # layers that can die or saturate

Fields = Mapping[str, tf.Tensor]


@dataclasses.dataclass(frozen=True, eq=False)
class Seen:
    """One sampler at one step; tensors, or arrays once they are out of the training's way."""

    samples: tf.Tensor  # [n, ...], of the same draws at every summary
    scores: Mapping[str, tf.Tensor]  # by "generated", "real", "held_out": [n]; {} without a D
    activations: Mapping[str, tf.Tensor]  # "generator/relu_3": [n, ..., units]

    def arrays(self) -> "Seen":
        """The same as NumPy's."""
        scores = {name: x.numpy() for name, x in self.scores.items()}
        activations = {name: x.numpy() for name, x in self.activations.items()}
        return Seen(self.samples.numpy(), scores, activations)


class SamplerEye:
    """Looks at one sampler of a run."""

    def __init__(self, run, sampler: Sampler, is_main: bool):
        """Args:
        run: an `engine.Run`.
        sampler: one of its Gan's.
        is_main: the main one's figures and pictures go by their plain names.
        """
        self.sampler, self.run = sampler, run
        self.prefix = "" if is_main else f"{sampler.name}/"  # of figures
        self.suffix = "" if is_main else f"_{sampler.name}"  # of pictures' files
        fields, self.count = _examples(run.dataset, sampler)
        self.given = _shown_given(sampler, run.options.seed, self.count, fields)
        self.real_tensor = real_side(sampler, fields)
        self.real = self.real_tensor.numpy()
        self.is_points = self.real.ndim == 2
        real_given = [
            self.given[name].numpy()
            for name, draw in sampler.given.items()
            if isinstance(draw, draws.Real)
        ]  # what of the data the samples were made from
        self.shown_given = [x for x in real_given if x.ndim == 4]  # images
        self.given_points = next((x for x in real_given if x.shape[1:] == (2,)), None)
        self.captions = [  # what the samples were asked to show, where the words are known
            run.dataset.words(caption)
            for name, draw in sampler.given.items()
            if isinstance(draw, draws.Real) and draw.field == "caption" and run.dataset.vocabulary
            for caption in self.given[name].numpy()
        ]
        self._real_given = gans.given_with(sampler, fields)
        self._held_out = self._held_out_given = None
        if run.held_out is not None and sampler.score is not None:
            fields = _spread(run.held_out, HELD_OUT)
            self._held_out = real_side(sampler, fields)
            self._held_out_given = gans.given_with(sampler, fields)
        self._take = tf.function(self._taken, autograph=False)
        self._generate = tf.function(sampler.generate, autograph=False, reduce_retracing=True)
        if self.has_surface:
            self.plane = tf.constant(surface.plane(self.real)[1])
            self._ask = tf.function(self._asked, autograph=False)

    @property
    def has_surface(self) -> bool:
        """Whether the picture of the samples asks D over the plane."""
        return self.is_points and self.sampler.score is not None

    @property
    def train(self) -> np.ndarray:
        """All real examples that samples are shown beside, as they are stored."""
        against = self.sampler.against
        if isinstance(against, str):
            return self.run.dataset.fields[against]
        return self.real  # made from the data: only these are at hand

    def many_real(self) -> np.ndarray:
        """Some thousand of the real examples that samples should look like, as models see them."""
        return data.decoded(self.train[:: max(1, len(self.train) // MANY)]).numpy()

    def look(self) -> Seen:
        """Samples, scores and activations of this moment."""
        return Seen(*self._take())

    def ask_surface(self, samples: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """See `pictures.surface.ask`."""
        return self._ask(samples)

    def samples(self) -> tf.Tensor:
        """The samples alone, with whatever weights stand in the networks."""
        return self._generate(self.given)

    def between(self) -> tf.Tensor | None:
        """Images between pairs of draws; None where nothing continuous is drawn."""
        ways, given = False, {}
        for name, value in self.given.items():
            draw, value = self.sampler.given[name], value[:_PAIRED].numpy()
            if isinstance(draw, draws.Uniform | draws.Normal):
                given[name], ways = sheets.between(value), True
            else:  # a class or an image stays as it is at the beginning of its row
                given[name] = np.repeat(value[::2], sheets.BETWEEN, axis=0)
        if not ways:
            return None
        return self.sampler.generate({name: tf.constant(value) for name, value in given.items()})

    def evaluated(self, count: int) -> tuple[tf.Tensor, np.ndarray | None]:
        """(Fresh samples for an evaluation, the classes that they were asked to be).

        Where a sampler is given real examples, these are spread over the data set.
        """
        names = [d.field for d in self.sampler.given.values() if isinstance(d, draws.Real)]
        count = min([count, *(self.run.dataset.size(name) for name in names)])
        fields = _spread(self.run.dataset, count, names)
        given = gans.given(self.sampler, self.run.options.seed, count, "evaluation", fields)
        parts = [
            self._generate({name: value[i : i + _AT_ONCE] for name, value in given.items()})
            for i in range(0, count, _AT_ONCE)
        ]
        return tf.concat(parts, axis=0), given["label"].numpy() if "label" in given else None

    def _taken(self):
        sampler, outputs = self.sampler, {}
        with layers.recorded_layers() as ran:
            samples = sampler.generate(self.given)
        outputs |= gans.named_outputs(self.run.gan, ran)
        scores = {}
        if sampler.score is not None:
            with layers.recorded_layers() as ran:
                scores["real"] = sampler.score(self.real_tensor, self._real_given)
            outputs |= gans.named_outputs(self.run.gan, ran)
            scores["generated"] = sampler.score(samples, self.given)
            if self._held_out is not None:
                scores["held_out"] = sampler.score(self._held_out, self._held_out_given)
        probed = {name: x for name, x in outputs.items() if _kind(name) in _PROBED}
        return samples, scores, probed

    def _asked(self, samples):
        return surface.ask(self.sampler, self.plane, samples, self._real_given)


def real_side(sampler: Sampler, fields: Fields) -> tf.Tensor:
    """The real examples that samples are judged by."""
    against = sampler.against
    return fields[against] if isinstance(against, str) else against(fields)


def _kind(layer: str) -> str:
    return layer.rpartition("/")[2].rpartition("_")[0]


# ---------------------------------------------------------------- what is looked at


def _examples(dataset: data.Dataset, sampler: Sampler) -> tuple[Fields, int]:
    """(Real examples beside the samples, how many)."""
    against = sampler.against if isinstance(sampler.against, str) else dataset.main
    field = dataset.fields[against]
    count = POINTS if field.ndim == 2 else SAMPLES
    classes = _classes(sampler)
    if classes and field.ndim > 2:
        count = COLUMNS * classes
    count = min([count, *(dataset.size(name) for name in dataset.fields)])
    label = dataset.fields.get("label")
    if not classes or label is None:
        return _spread(dataset, count), count
    # Rows by label, as the samples' rows are, as far as there are examples of each.
    wanted = np.arange(count) // COLUMNS % classes
    places = [np.flatnonzero(label == k) for k in range(classes)]
    index = [
        places[k][i % COLUMNS % len(places[k])] if len(places[k]) else i
        for i, k in enumerate(wanted)
    ]
    own = dataset.domain("label")
    fields = {
        name: data.decoded(array[index]) if dataset.domain(name) == own else None
        for name, array in dataset.fields.items()
    }
    others = _spread(dataset, count, [name for name, value in fields.items() if value is None])
    return {**fields, **others}, count


def _shown_given(sampler: Sampler, seed: int, count: int, fields: Fields) -> Given:
    """What is drawn at every summary; classes go row by row."""
    given = gans.given(sampler, seed, count, fields=fields)
    for name, draw in sampler.given.items():
        if isinstance(draw, draws.Classes) and not tuple(draw.shape):
            given[name] = tf.range(count, dtype=tf.int32) // COLUMNS % draw.count
    return given


def _classes(sampler: Sampler) -> int:
    """Rows of labels in the picture; 0 where there are none, or too many."""
    counts = [
        d.count for d in sampler.given.values() if isinstance(d, draws.Classes) and not d.shape
    ]
    return counts[0] if counts and counts[0] <= _MOST_ROWS_OF_LABELS else 0


def _spread(dataset: data.Dataset, count: int, names: list[str] | None = None) -> Fields:
    """Examples from all over a data set, which may be sorted by class: so many of each field."""
    found = {}
    for name in list(dataset.fields) if names is None else names:
        array = dataset.fields[name]
        found[name] = data.decoded(array[:: max(1, len(array) // count)][:count])
    return found
