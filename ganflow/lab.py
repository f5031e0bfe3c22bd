"""`bin/lab.py`: training by hand, for a class-room: one D step, one G step, and what each did.

Before and after every command the weights of both networks are copied and compared bit by bit.
What the text says of a network at rest is what was found, not what ought to be.
"""

import dataclasses
from collections.abc import Set
from pathlib import Path
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from ganflow import data, feed, gans, models, pictures, training, views
from ganflow.config import option
from ganflow.errors import InputError

_POINTS, _IMAGES = 1_000, 64  # fixed samples of each kind
_COLUMNS = 8  # images in a row of each of the picture's two grids


@dataclasses.dataclass(frozen=True)
class Options:
    """What the lab has beside the settings of the model."""

    data_dir: str = option("", "the folder or file that holds the data set")
    workdir: str = option("", "start from this run's newest checkpoint; nothing is written there")
    seed: int = option(
        0,
        "of weights, data order, z and dropout; with --workdir, by default the run's",
        minimum=0,
        maximum=2**63 - 1,
    )
    enlarge: int = option(1, "each pixel becomes a square of this many by as many", minimum=1)
    out: str = option("lab.png", "the picture, drawn again after every command")


@dataclasses.dataclass(frozen=True, eq=False)
class Change:
    """One weight before and after a command."""

    before: np.ndarray
    after: np.ndarray
    gradient_norms: dict[str, float]  # of the last step, by the gradient's name; empty at rest

    @property
    def moved(self) -> bool:
        """Whether a single bit differs."""
        return self.before.tobytes() != self.after.tobytes()


@dataclasses.dataclass(frozen=True, eq=False)
class Report:
    """What a command of `count` steps did."""

    stepped: str  # the networks that made steps: "D", "G" or "DG"
    count: int
    batch: int  # the number of the last step's batch
    scalars: dict[str, tuple[float, float]]  # of that batch: before and after the command
    view: dict[str, tuple[float, float]]  # D's means on the fixed samples, before and after
    weights: dict[str, dict[str, Change]]  # of "D" and "G", by the weight's name


class Lab:
    """A model that is stepped by hand, from the state in which it is handed over."""

    def __init__(
        self, model: str, gan: tf.Module, config: Any, dataset: data.Dataset, seed: int, step=0
    ):
        """Put a model on the bench.

        Args:
          model: its name.
          gan: with the weights, and the optimizers, to start from.
          config: its settings.
          dataset: real examples.
          seed: of the batches, as in a run of that seed, and of the fixed z.
          step: the step of a run whose batch comes first.

        Raises:
          InputError: the data set does not fill a batch, or has not the labels that are needed.
        """
        self.model, self.gan, self.config, self.dataset = model, gan, config, dataset
        self.networks, self.first_step = {"D": gan.d, "G": gan.g}, step
        data.check_batch(dataset, config.batch_size)
        specs = gan.batches()
        self._feed = feed.Feed(specs, dataset, config.batch_size, seed, feed.needs_labels(specs))
        count = min(_POINTS if dataset.is_points else _IMAGES, len(dataset.x))
        self.real = feed.decoded(dataset.x[:count])
        self.z = gans.latent(gan, seed, count)
        # As in a run: a fusion that fails on gradients of gradients, and says so on stderr.
        tf.config.optimizer.set_experimental_options({"remapping": False})
        self._steps = {"D": tf.function(gan.d_step), "G": tf.function(gan.g_step)}
        self._score, self._sample = tf.function(gan.score), tf.function(gan.sample)
        self._first = _state(gan)
        self.first_weights = self._weights()
        self.restart()

    def restart(self) -> None:
        """Back to the state, optimizers included, in which the lab began."""
        _go_to(self.gan, self._first)
        self.step, self.done = self.first_step, {"D": 0, "G": 0}

    def batches_of(self, step: int) -> list[dict[str, tf.Tensor]]:
        """What that step of a run consumes, as `d_step` and `g_step` take it."""
        return self._feed.batches(self._feed.draw(step, self._feed.order(step, 1)), 0)

    def fake(self) -> tf.Tensor:
        """G's samples for the fixed z: [n, h, w, c] in [-1, 1], or points [n, 2]."""
        return self._sample(self.z)

    def train(self, stepped: str, count: int) -> Report:
        """Do some steps; every one sees the next batch of the run.

        Args:
          stepped: "D", "G", or "DG" for D and then G on one batch, which is a step of training.
          count: how many, at least 1.
        """
        last = self.batches_of(self.step + count - 1)
        scalars, view, weights = self.scalars(last), self.view(), self._weights()
        results = {}
        for _ in range(count):
            batches = self.batches_of(self.step)
            for network in stepped:
                results[network] = self._steps[network](batches)
                self.done[network] += 1
            self.step += 1
        norms = {network: self._gradient_norms(network, results[network]) for network in stepped}
        now = self._weights()
        changes = {
            network: {
                name: Change(before, now[network][name], norms.get(network, {}).get(name, {}))
                for name, before in weights[network].items()
            }
            for network in weights
        }
        scalars, view = _paired(scalars, self.scalars(last)), _paired(view, self.view())
        return Report(stepped, count, self.step - 1, scalars, view, changes)

    def scalars(self, batches: list[dict[str, tf.Tensor]]) -> dict[str, float]:
        """Losses and what else both steps report of a batch, at the weights as they stand.

        The steps themselves are asked, with learning rates of zero, and the state is put back: so
        a loss is the model's own, and circle's and WGAN-GP's several D updates see one D.
        """
        state = _state(self.gan)
        try:
            for optimizer in _optimizers(self.gan):
                optimizer.learning_rate = 0.0
            results = self._steps["D"](batches) | self._steps["G"](batches)
        finally:
            _go_to(self.gan, state)
        single = {name: value for name, value in results.items() if not isinstance(value, list)}
        return {name: float(value) for name, value in single.items()}

    def scores(self) -> tuple[np.ndarray, np.ndarray]:
        """D's scores, before any sigmoid, of the fixed real samples and of G's for the fixed z."""
        return np.ravel(self._score(self.real)), np.ravel(self._score(self.fake()))

    def view(self) -> dict[str, float]:
        """Means over the fixed samples of D's output: a probability, or a critic's score."""
        names = ("real", "generated")
        means = [float(np.mean(self.output(scores))) for scores in self.scores()]
        return dict(zip(names, means, strict=True))

    def output(self, scores: np.ndarray) -> np.ndarray:
        """What D says: sigmoid(score) where scores are logits."""
        return tf.sigmoid(scores).numpy() if self.gan.scores_are_logits else scores

    def picture(self) -> np.ndarray:
        """Points: the decision surface; images: generated beside real -> uint8 [h, w, c]."""
        real, fake = self.real.numpy(), self.fake().numpy()
        if not self.dataset.is_points:
            fake = np.nan_to_num(fake, nan=0.0)
            return pictures.beside(*(pictures.grid(x, _COLUMNS) for x in (fake, real)))
        title = f"{steps(self.done['D'], 'D')}, {steps(self.done['G'], 'G')}"
        logit = self.gan.scores_are_logits
        return views.decision_surface(self.gan.score, self.gan.g_loss, real, fake, title, logit)

    def _gradient_norms(self, network: str, results: dict) -> dict[str, dict[str, float]]:
        """{weight: {gradient: norm}} of what a step of this network returned."""
        names = {id(variable): name for name, variable in self.networks[network].items()}
        norms = {name: {} for name in names.values()}
        for label, gradients in results.items():
            if isinstance(gradients, list):  # d_gradient_real is that of gan.d_variables
                owner, _, of = label.partition("_gradient")
                trained = getattr(self.gan, f"{owner}_variables")
                for variable, gradient in zip(trained, gradients, strict=True):
                    norms[names[id(variable)]][f"gradient{of.replace('_', ' ')}"] = norm(gradient)
        return norms

    def _weights(self) -> dict[str, dict[str, np.ndarray]]:
        return {
            network: {name: np.array(variable) for name, variable in weights.items()}
            for network, weights in self.networks.items()
        }


def _paired(before: dict, after: dict) -> dict[str, tuple]:
    return {name: (value, after[name]) for name, value in before.items()}


def _optimizers(gan: tf.Module) -> list[keras.Optimizer]:
    return [part for part in vars(gan).values() if isinstance(part, keras.Optimizer)]


def _variables(gan: tf.Module) -> list:
    """Weights, the optimizers' slots and whatever else the model remembers."""
    return [*gan.variables, *(v for part in _optimizers(gan) for v in part.variables)]


def _state(gan: tf.Module) -> list[np.ndarray]:
    return [np.array(variable) for variable in _variables(gan)]


def _go_to(gan: tf.Module, state: list[np.ndarray]) -> None:
    for variable, value in zip(_variables(gan), state, strict=True):
        variable.assign(value)


def steps(count: int, network: str) -> str:
    """1, "D" -> "1 D step"."""
    return f"{count:,} {network} step{'' if count == 1 else 's'}"


def norm(values) -> float:
    """The Euclidean norm over all entries."""
    return float(np.linalg.norm(np.asarray(values, np.float64)))


# ---------------------------------------------------------------- from flags to a lab


def prepare(model: str, config: Any, options: Options, given: Set[str]) -> tuple[Lab, str]:
    """Build what the flags describe; nothing is written.

    Args:
      model: its name.
      config: its `Config`.
      options: the lab's own.
      given: names of the flags that were given; with `options.workdir` the model and its settings
        are the run's, and a flag that says otherwise is refused.

    Returns:
      (the lab, where its weights are from).

    Raises:
      InputError: flags that do not fit together; a picture that cannot be written; a workdir
        without a sound checkpoint, or whose data are no longer the same.
    """
    out = Path(options.out)
    if out.suffix != ".png":
        raise InputError(f"--out={out}: found the ending {out.suffix!r}, expected .png")
    if not out.parent.is_dir():
        raise InputError(f"--out={out}: there is no folder {out.parent}; make it first")
    if options.workdir:
        return _from_workdir(model, config, options, given)
    dataset = _load(config, options)
    gan = gans.build(models.load(model), config, dataset.example_shape, options.seed)
    return Lab(model, gan, config, dataset, options.seed), f"new weights of seed {options.seed}"


def _from_workdir(model, config, options, given) -> tuple[Lab, str]:
    gan, manifest = training.load_trained(Path(options.workdir))
    of_run = {"model": manifest["model"], **dataclasses.asdict(gan.config)}
    for name, value in {"model": model, **dataclasses.asdict(config)}.items():
        if name in given and of_run.get(name) != value:
            raise InputError(
                f"--{name}={value}: the model and its settings come from --workdir="
                f"{options.workdir}, where it is {of_run.get(name)}; leave it out"
            )
    kept = {"seed", "data_dir", "enlarge"} - given  # what was not given is as in the run
    of_run = {name: value for name, value in manifest["options"].items() if name in kept}
    options = dataclasses.replace(options, **of_run)
    dataset = _load(gan.config, options)
    if dataset.sha256 != manifest["data_sha256"]:
        raise InputError(
            f"--workdir={options.workdir}: was trained on other data than {dataset.name} now "
            "holds (its SHA-256 differs); give the run's --data_dir"
        )
    step = manifest["step"]
    lab = Lab(manifest["model"], gan, gan.config, dataset, options.seed, step)
    return lab, f"from step {step:,} of {options.workdir}"


def _load(config: Any, options: Options) -> data.Dataset:
    return data.load(config.dataset, options.data_dir or None, enlarge=options.enlarge)
