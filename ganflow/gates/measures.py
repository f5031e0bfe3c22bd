"""The figures of a trained cell: what the papers measured, and what none of the losses contains."""

import functools
import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import tensorflow as tf

from ganflow import data, models
from ganflow.interface import gans
from ganflow.judging import classifier_cache, metrics
from ganflow.judging.classifier import Classifier
from ganflow.ladder.cells import read_json_lines
from ganflow.storage import checkpoints
from ganflow.trained import loading, sampling

NUM = 10_000  # samples
_SEED = 1  # of their z
_SIGMAS = np.logspace(-1, 0, 10)  # of the authors' parzen_ll.py
_CHOSEN_BY = 1_000  # held-out images that choose sigma; the others are scored
_LAST = 0.2  # share of a run's rows that "at the end" means
SHARE_OF_A_CLASS = 0.02  # from which a class counts as there
_OF_A_MODE = 20  # samples within 3 standard deviations from which a mode counts as there
_SHOWN = (
    "frechet_distance",
    "second_frechet_distance",
    "patch_distance",
    "precision",
    "recall",
    "conditional_accuracy",
)
_ALONG_TRAINING = 2_000  # samples of each checkpoint
_UPDATES = 600  # of a critic that is trained on


class Trained:
    """A cell's workdir, its model and what it is judged by."""

    def __init__(
        self,
        folder: Path,
        judge: Callable,
        train: data.Dataset,
        held_out: data.Dataset,
        step: int | None = None,
        num: int = NUM,
    ):
        """Args:
        folder: the workdir.
        judge: () -> an `evaluation.Judge`.
        train, held_out: the data set and its held-out part.
        step: of the checkpoint; None: the newest.
        num: how many samples, and held-out examples at most.
        """
        self.folder, self.train, self.held_out, self._judge = folder, train, held_out, judge
        self.num = num
        # Where there is an average of G's weights, it is what is judged.
        self.averaged = loading.sound_checkpoint(folder, step).manifest["options"]["ema"] > 0
        self.gan, self.manifest = loading.load_trained(folder, step, self.averaged)

    @functools.cached_property
    def judge(self):
        """The `evaluation.Judge`, made when it is first asked for."""
        return self._judge()

    def classifier(self, field: str) -> Classifier:
        """The judging classifier of a field of images, by the labels of its domain."""
        parts = self.train.alone(field), self.held_out.alone(field)
        return classifier_cache.trained(*parts, seed=0)

    @functools.cached_property
    def made(self) -> sampling.Made:
        """`num` samples of the checkpoint."""
        return sampling.of_gan(self.gan, self.manifest, self.num, _SEED)

    @functools.cached_property
    def rows(self) -> list[dict]:
        """The rows of metrics.jsonl up to the checkpoint, but for that of step 0."""
        rows = read_json_lines(self.folder / "metrics.jsonl")
        return [row for row in rows if 0 < row["step"] <= self.manifest["step"]]

    def mean_at_the_end(self, name: str) -> float:
        """The mean of a figure over the last fifth of the rows that have it: of a phase."""
        values = [row[name] for row in self.rows if name in row]
        if not values:  # of a phase that has not come yet
            return math.nan
        return float(np.mean(values[-max(1, round(_LAST * len(values))) :]))


Measure = Callable[[Trained], dict[str, float]]  # figures by name

# ---------------------------------------------------------------- images


def images(trained: Trained) -> dict[str, float]:
    """Fréchet distance, and how many classes have at least 2 % of the samples."""
    return of_samples(trained.judge, trained.made.samples, trained.made.given.get("label"))


def of_samples(judge, samples: np.ndarray, label: np.ndarray | None = None) -> dict[str, float]:
    """The same of images [n, h, w, c] in [-1, 1], whoever made them, and their labels if any."""
    figures = judge.figures(samples, label)
    shares = [share for name, share in figures.items() if name.removeprefix("class_").isdigit()]
    there = sum(share >= SHARE_OF_A_CLASS for share in shares)
    return {"classes": there} | {name: figures[name] for name in _SHOWN if name in figures}


def and_images(measure: Measure) -> Measure:
    """A measure with the figures of `images` as well."""
    return lambda trained: measure(trained) | images(trained)


def likelihood(trained: Trained) -> dict[str, float]:
    """The Parzen log-likelihood by the authors' protocol, pixels in [0, 1].

    Sigma is chosen on 1,000 held-out images, and the other 9,000 are scored.
    """
    samples = _unit(trained.made.samples)
    x = _unit(data.decoded(trained.held_out.x).numpy())
    x = x[np.random.RandomState(0).permutation(len(x))]
    chosen_by, scored = x[:_CHOSEN_BY], x[_CHOSEN_BY:]
    of_sigmas = {s: metrics.parzen_log_likelihood(samples, chosen_by, s) for s in _SIGMAS}
    sigma = max(of_sigmas, key=lambda s: of_sigmas[s])
    found = metrics.parzen_log_likelihood(samples, scored, sigma)
    return {"log_likelihood": found, "sigma": sigma}


def classes(trained: Trained) -> dict[str, float]:
    """Of a conditional GAN: 1-nearest-neighbour error, diversity within a class."""
    samples, label = _flat(trained.made.samples), trained.made.given["label"]
    real = _flat(data.decoded(trained.held_out.x).numpy())
    error = metrics.nearest_neighbour_error(samples, label, real, trained.held_out.label)
    within = metrics.distance_within_classes(samples, label)
    of_real = metrics.distance_within_classes(real, trained.held_out.label)
    return {"nearest_neighbour_error": error, "distance_within_classes": within / of_real}


def activations(trained: Trained) -> dict[str, float]:
    """Means and variances of what every layer with SELU gives, their extremes."""
    sampler = trained.gan.samplers()[0]
    real = data.decoded(trained.held_out.x[:100])
    outputs = gans.activations(
        trained.gan, sampler, gans.given(sampler, _SEED, 100), real, gans.given_with(sampler, {})
    )
    of_selu = [np.float64(v.numpy()) for name, v in outputs.items() if "/selu" in name]
    means, variances = [v.mean() for v in of_selu], [v.var() for v in of_selu]
    return {
        "blocks": len(of_selu),
        "blocks_not_finite": sum(not math.isfinite(v) for v in variances),
        "lowest_mean": min(means, default=math.nan),
        "highest_mean": max(means, default=math.nan),
        "lowest_variance": min(variances, default=math.nan),
        "highest_variance": max(variances, default=math.nan),
    }


def codes(trained: Trained) -> dict[str, float]:
    """Of InfoGAN: what Q knows, what its category is of real digits, what the codes do.

    The category is matched one-to-one to the classes on training images, and its accuracy is of
    held-out ones. A code's correlation is with the samples' slant or ink, each less its mean in
    the sample's category.
    """
    from scipy.optimize import linear_sum_assignment

    count, num = trained.gan.config.categories, trained.num
    of_train, label = _categories(trained, trained.train.x[:num]), trained.train.label[:num]
    table = np.zeros([count, count])
    np.add.at(table, (of_train, label), 1)
    matched = dict(zip(*linear_sum_assignment(-table), strict=True))
    found = np.array([matched[c] for c in _categories(trained, trained.held_out.x)])
    samples, given = trained.made
    best = 0.0
    for seen in (slants(samples), samples.mean(axis=(1, 2, 3), dtype=np.float64)):
        for category in range(count):
            seen[given["category"] == category] -= seen[given["category"] == category].mean()
        if seen.std() > 0:
            of_codes = [abs(np.corrcoef(seen, given[name])[0, 1]) for name in trained.gan.codes]
            best = max(best, *of_codes)
    return {
        "information": trained.mean_at_the_end("information_category"),
        "matched_accuracy": float(np.mean(found == trained.held_out.label)),
        "code_correlation": best,
    }


def slants(x: np.ndarray) -> np.ndarray:
    """How far each image's ink leans to the right with height: images in [-1, 1] -> [n].

    The slope of the line through the ink: the covariance of its column and its height over the
    variance of its height.
    """
    ink = np.float64(x).mean(axis=3) + 1 + 1e-6
    ink /= ink.sum(axis=(1, 2), keepdims=True)
    height, width = ink.shape[1:]
    up, right = -np.arange(height)[:, np.newaxis] + 0.0, np.arange(width)[np.newaxis] + 0.0
    up_mean = (ink * up).sum(axis=(1, 2), keepdims=True)
    right_mean = (ink * right).sum(axis=(1, 2), keepdims=True)
    covariance = (ink * (up - up_mean) * (right - right_mean)).sum(axis=(1, 2))
    return covariance / (ink * (up - up_mean) ** 2).sum(axis=(1, 2))


def estimate(trained: Trained) -> dict[str, float]:
    """Of WGAN: whether the critic's estimate follows the samples' Fréchet distance.

    Over all checkpoints, by 2,000 samples each, the estimate being the mean since the checkpoint
    before. `weight_excess` is the largest weight of the critic at any checkpoint, over the clip;
    `critic_updates` those made, over those that the schedule asks for. `tightness`: see there.
    """
    from scipy import stats

    rows = {row["step"]: row for row in trained.rows}
    steps = [step for step in sorted(checkpoints.steps(trained.folder / "checkpoints")) if step]
    clip, largest, distances = trained.gan.config.clip, 0.0, []
    for step in steps:
        gan, manifest = loading.load_trained(trained.folder, step)
        largest = max(largest, *(float(np.abs(v.numpy()).max()) for v in gan.d_variables))
        samples = sampling.of_gan(gan, manifest, _ALONG_TRAINING, _SEED).samples
        distances.append(trained.judge.figures(samples)["frechet_distance"])
    estimates = [rows[step]["wasserstein_estimate"] for step in steps]
    schedule = trained.gan.schedule()
    asked = sum(
        count * len(phase.inputs["x"])
        for count, phase in zip(schedule.steps_of_each(max(steps)), schedule.phases, strict=True)
    )
    return {
        "checkpoints": len(steps),
        "rank_correlation": float(stats.spearmanr(estimates, distances).statistic),
        "weight_excess": largest / clip,
        "critic_updates": int(trained.gan.d_optimizer.iterations) / asked,
        "first_distance": distances[0],
        "tightness": tightness(trained),
    }


def tightness(trained: Trained) -> float:
    """The last estimate of WGAN's critic, over what it finds if it is trained on, G held.

    The distance is what the best critic finds, so an estimate is worth as much as its critic is
    trained. What is found is the mean over the last 100 of 600 updates.
    """
    gan, _ = loading.load_trained(trained.folder, trained.manifest["step"])  # its critic is moved
    batch, x = gan.config.batch_size, trained.train.x
    z = gans.given(gan.samplers()[0], _SEED, _UPDATES * batch)["z"]
    order = np.random.RandomState(0).randint(len(x), size=[_UPDATES, batch])
    update = tf.function(gan.critic_step, autograph=False)
    found = [
        update({"x": [data.decoded(x[some])], "z_critic": [z[i * batch : (i + 1) * batch]]})
        for i, some in enumerate(order)
    ]
    best = np.mean([float(row["wasserstein_estimate"]) for row in found[-_UPDATES // 6 :]])
    return trained.rows[-1]["wasserstein_estimate"] / float(best)


def balance(trained: Trained) -> dict[str, float]:
    """Of BEGAN: M at the end over M at the start, L(G(z)) / L(x), the range of k."""
    rows, gamma = trained.rows, trained.gan.config.gamma
    real_error, fake_error = (trained.mean_at_the_end(name) for name in ("d_real", "g_loss"))
    ks = [row["k"] for row in rows]
    return {
        "convergence_ratio": trained.mean_at_the_end("convergence") / rows[0]["convergence"],
        "balance_over_gamma": fake_error / real_error / gamma,
        "highest_k": max(ks),
        "last_k": trained.mean_at_the_end("k"),
    }


# ---------------------------------------------------------------- points


def modes(trained: Trained) -> dict[str, float]:
    """Of a mixture: modes with at least 20 samples, high quality, and the critic's slope.

    `gradient_norm` is the mean length of the score's gradient on 10,000 lines between a real and a
    generated point.
    """
    figures = trained.judge.figures(trained.made.samples)
    shares = [v for name, v in figures.items() if name.startswith("mode_share_")]
    random = np.random.RandomState(0)
    real = trained.held_out.x[random.permutation(len(trained.held_out.x))[: trained.num]]
    epsilon = random.uniform(size=[len(real), 1]).astype(np.float32)
    x_hat = tf.constant(epsilon * real + (1 - epsilon) * trained.made.samples[: len(real)])
    with tf.GradientTape() as tape:
        tape.watch(x_hat)
        scores = trained.gan.samplers()[0].score(x_hat, {})
    norms = tf.norm(tape.gradient(scores, x_hat), axis=1)
    return {
        "modes": sum(share * trained.num >= _OF_A_MODE for share in shares),
        "high_quality_3std": figures["high_quality_3std"],
        "high_quality_5std": figures["high_quality_5std"],
        "gradient_norm": float(tf.reduce_mean(norms)),
    }


def circle(trained: Trained) -> dict[str, float]:
    """Of the circle: radius over the real one's, share within 10 % of it, sectors of 36."""
    radius = np.linalg.norm(np.float64(trained.made.samples), axis=1)
    real = float(np.linalg.norm(np.float64(trained.held_out.x), axis=1).mean())
    near = np.abs(radius / real - 1) <= 0.1
    angle = np.arctan2(*trained.made.samples[near].T[::-1])
    sectors = np.unique(np.floor((angle + np.pi) / (2 * np.pi) * 36).clip(max=35))
    return {
        "radius": float(radius.mean()) / real,
        "near": float(near.mean()),
        "sectors": len(sectors),
    }


# ---------------------------------------------------------------- shared


def _categories(trained: Trained, x: np.ndarray) -> np.ndarray:
    """InfoGAN's most likely category of each image, [n]; batch norm sees 500 of them at a time."""
    module, gan = models.load(trained.manifest["model"]), trained.gan
    found = []
    for start in range(0, len(x), 500):
        some = module.to_unit_range(data.decoded(x[start : start + 500]))
        features = module.trunk(gan.d, some, gan.config.slope)
        logits, _ = module.recognition(gan.q, features, gan.config.categories, gan.config.slope)
        found.append(np.argmax(logits, axis=1))
    return np.concatenate(found)


def _flat(x: np.ndarray) -> np.ndarray:
    return x.reshape(len(x), -1)


def _unit(x: np.ndarray) -> np.ndarray:
    return (_flat(x) + 1) / 2
