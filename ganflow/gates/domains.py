"""Figures of GANs with two domains: do pairs belong together, and where does a translation lead."""

import numpy as np

from ganflow import data
from ganflow.gates import measures
from ganflow.gates.measures import Trained
from ganflow.judging import classifier_cache
from ganflow.judging.classifier import Classifier
from ganflow.trained import sampling

_SEED = 1  # of the samples' z


# ---------------------------------------------------------------- pairs of one z


def pairs(trained: Trained) -> dict[str, float]:
    """Of CoGAN on a data set whose b is a known transform of a.

    agreement          pixels in which the transform of G_a(z) and G_b(z) are alike, each black
                       or white by the middle of the range
    shuffled           the same over all pairs of two z: what a common background gives
    gain               (agreement - shuffled) / (1 - shuffled): 0 by chance, 1 at best
    same_class         share of the z of which classifiers, one of either domain, say one class
    classes            those with at least 2 % of each domain's images
    """
    a, b = (_samples(trained, domain) for domain in ("a", "b"))
    figures = agreement(data.transform(trained.train.name, a), b)
    of_a, of_b = classifier(trained, "a"), classifier(trained, "b")
    class_a, class_b = of_a.read(a)[1], of_b.read(b)[1]
    shares = [
        np.bincount(found, minlength=of_a.num_classes) / len(a) for found in (class_a, class_b)
    ]
    there = np.minimum(*shares) >= measures.SHARE_OF_A_CLASS
    return figures | {
        "same_class": float(np.mean(class_a == class_b)),
        "classes": int(there.sum()),
    }


def agreement(x: np.ndarray, y: np.ndarray) -> dict[str, float]:
    """`agreement`, `shuffled` and `gain` of images [n, h, w, c] in [-1, 1], x[i] beside y[i]."""
    x, y = x > 0, y > 0
    alike = float(np.mean(x == y))
    of_x, of_y = x.mean(axis=0), y.mean(axis=0)  # how often a pixel is white
    shuffled = float(np.mean(of_x * of_y + (1 - of_x) * (1 - of_y)))
    gain = (alike - shuffled) / (1 - shuffled) if shuffled < 1 else 0.0
    return {"agreement": alike, "shuffled": shuffled, "gain": gain}


def classifier(trained: Trained, domain: str) -> Classifier:
    """The judging classifier of one domain's images, by its field of labels."""
    train, held_out = (
        data.Dataset(
            f"{of.name}, {domain}",
            {"x": of.fields[domain], "label": of.fields[f"{domain}_label"]},
            of.part,
        )
        for of in (trained.train, trained.held_out)
    )
    return classifier_cache.trained(train, held_out, seed=0)


def _samples(trained: Trained, sampler: str) -> np.ndarray:
    return sampling.of_gan(trained.gan, trained.manifest, measures.NUM, _SEED, sampler).samples
