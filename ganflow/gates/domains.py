"""Figures of GANs with two domains: do pairs belong together, and where does a translation lead."""

import numpy as np

from ganflow import data
from ganflow.data import arrows as data_arrows
from ganflow.gates import measures
from ganflow.gates.measures import Trained
from ganflow.judging import factors, metrics
from ganflow.trained import sampling

_SEED = 1  # of the samples' z
_SHARE_OF_A_MODE = 0.01  # from which a mode counts as there
_TURNS = 360  # that are tried


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
    of_a, of_b = trained.classifier("a"), trained.classifier("b")
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
            found[key] = float(np.sqrt(np.mean((x - given[sampler[0]]) ** 2))) / std
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


# ---------------------------------------------------------------- arrows of one style in the other


def arrows(trained: Trained) -> dict[str, float]:
    """Of DiscoGAN on `arrows`: whether G_ab(a) points where a does, as far as can be asked.

    angle_error     degrees, see `angle_error`: 104 where the two have nothing to do with each
                    other
    shuffled_error  the same beside the angle of another a: what that comes to here
    off_style       how far the pixels of G_ab(a) are from any mixture of the two colours of b:
                    root mean square, colours from 0 to 1. Of real b it is .00; of a left as it
                    is, where every angle is right, .7
    ink             how much of the picture is covered, over what it is in real b
    """
    n = min(trained.num, len(trained.held_out.fields["a"]))
    x = _made(trained, "a_to_b").samples[:n]
    true = trained.held_out.fields["a_angle"][:n]
    read = factors.read_angle(x, "b")
    of_b = factors.read_angle(data.decoded(trained.held_out.fields["b"]).numpy(), "b")
    return {
        "angle_error": angle_error(read["angle"], true),
        "shuffled_error": angle_error(read["angle"], np.roll(true, 1)),
        "off_style": off_style(x, "b"),
        "ink": float(read["drawn"].mean() / of_b["drawn"].mean()),
    }


def angle_error(found: np.ndarray, true: np.ndarray) -> float:
    """Root mean square of found - (s true + t), in degrees, all angles in radians, [n].

    s is 1 or -1 and t any angle, the same for all and the best there are: an unpaired translation
    may turn or mirror everything. Of angles that have nothing to do with each other it is
    180 / sqrt(3) = 104, a little less where there are few.
    """
    best = np.inf
    for sign in (1, -1):
        off = np.asarray(found, np.float64) - sign * np.asarray(true, np.float64)
        # The mean direction is near the best turn, and is it where errors are small.
        middle = np.angle(np.exp(1j * off).mean())
        for turn in middle + np.linspace(-np.pi, np.pi, _TURNS, endpoint=False):
            around = (off - turn + np.pi) % (2 * np.pi) - np.pi
            best = min(best, float(np.mean(around**2)))
    return float(np.degrees(np.sqrt(best)))


def off_style(x: np.ndarray, domain: str) -> float:
    """Of images [n, h, w, 3] in [-1, 1], as of `arrows`: distance of colours from the line."""
    ground, ink = (np.array(of[domain]) / 255 for of in (data_arrows.GROUND, data_arrows.INK))
    length = np.linalg.norm(ink - ground)
    way, colour = (ink - ground) / length, (x + 1) / 2 - ground
    along = np.clip(colour @ way, 0, length)[..., np.newaxis]
    return float(np.sqrt(np.mean(np.sum((colour - along * way) ** 2, axis=3))))


# ---------------------------------------------------------------- shared


def _made(trained: Trained, sampler: str) -> sampling.Made:
    """`num` samples, of held-out examples where it is given any."""
    return sampling.of_gan(trained.gan, trained.manifest, trained.num, _SEED, sampler)
