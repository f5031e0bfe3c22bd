"""Figures of GANs with two domains: do pairs belong together, and where does a translation lead."""

import numpy as np

from ganflow import data
from ganflow.gates import measures
from ganflow.gates.measures import Trained
from ganflow.judging import classifier_cache, metrics
from ganflow.judging.classifier import Classifier
from ganflow.trained import sampling

_SEED = 1  # of the samples' z
_SHARE_OF_A_MODE = 0.01  # from which a mode counts as there


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
    a, b = (_made(trained, domain).samples for domain in ("a", "b"))
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


# ---------------------------------------------------------------- points of one domain in the other


def modes(trained: Trained) -> dict[str, float]:
    """Of DiscoGAN on two mixtures: where the points of each mode of a are taken, and brought back.

    modes                  of b, with at least 1 % of G_ab(a) within 3 standard deviations
    high_quality_3std      share of G_ab(a) that is so near to any
    injectivity            what the nearest mode of b tells of the mode of a, see `told_by`
    reconstruction_sigmas  root mean square of G_ba(G_ab(a)) - a, of both axes, in standard
                           deviations of a mode; only where there is a way back
    back_sigmas            the same from b to a and back
    """
    name = trained.train.name
    (of_a, std), (of_b, _) = data.modes(name, "a"), data.modes(name, "b")
    b, given = _made(trained, "a_to_b")
    figures = metrics.mode_figures(b, of_b, std)
    shares = [share for key, share in figures.items() if key.startswith("mode_share_")]
    found = {
        "modes": sum(share >= _SHARE_OF_A_MODE for share in shares),
        "high_quality_3std": figures["high_quality_3std"],
        "injectivity": told_by(
            metrics.nearest_modes(b, of_b), metrics.nearest_modes(given["a"], of_a)
        ),
    }
    there = {sampler.name for sampler in trained.gan.samplers()}
    for key, sampler in (("reconstruction_sigmas", "a_to_b_to_a"), ("back_sigmas", "b_to_a_to_b")):
        if sampler in there:
            x, given = _made(trained, sampler)
            difference = np.float64(x) - given[sampler[0]]
            found[key] = float(np.sqrt(np.mean(difference**2))) / std
    return found


def told_by(found: np.ndarray, true: np.ndarray) -> float:
    """How much of the information on classes `true` [n] is in classes `found` [n]: 0 to 1.

    It is the mutual information over the entropy of `true`, and 1 where every class that was found
    has members of one true class alone. Divided by a mean of both entropies it could not reach 1
    where there are more classes to find: .82 with 5 and 10.
    """
    from sklearn.metrics import mutual_info_score

    entropy = mutual_info_score(true, true)
    return float(mutual_info_score(true, found) / entropy) if entropy > 0 else 0.0


# ---------------------------------------------------------------- shared


def _made(trained: Trained, sampler: str) -> sampling.Made:
    """`NUM` samples, of held-out examples where it is given any."""
    return sampling.of_gan(trained.gan, trained.manifest, measures.NUM, _SEED, sampler)
