"""Figures of GANs that draw what captions say: drawings are read again, factor by factor.

Samples are of the held-out captions, one in ten of which asks for a shape, a colour and a place
that were in no training picture together.
"""

from itertools import pairwise

import numpy as np

from ganflow.data import drawings
from ganflow.gates.measures import Trained
from ganflow.judging import factors
from ganflow.trained import sampling

_SEED = 1  # of z and of epsilon
_SIDE = 32  # pixels, at which pictures that are smaller are read
_CAPTIONS, _DRAWS = 20, 20  # of the variance within a caption
_TOLD = {"shape": "label", "colour": "colour", "place": "place", "size": "size"}


def stages(trained: Trained) -> dict[str, float]:
    """Of StackGAN: what its pictures show of their captions, by stage.

    shape, colour, place, size  shares in which stage II's pictures have what was asked for
    fine                        the same of the stripes' direction, which no sketch can show
    all_seen, all_held_out      the four first at once, where training had such combinations, and
                                where it had not
    sketch_shape, sketch_fine   of stage I's pictures, each pixel enlarged
    kl_of_a_number              in nats, over the last fifth of the training
    variance_of_c               of a pixel of stage II's pictures, in [-1, 1], by epsilon alone
    """
    asked = _asked(trained)
    images, sketches = (_drawn(trained, asked, name) for name in ("stage_2", "stage_1"))
    figures, of_sketches = accuracies(images, asked), accuracies(sketches, asked)
    return figures | {
        "sketch_shape": of_sketches["shape"],
        "sketch_fine": of_sketches["fine"],
        "kl_of_a_number": trained.mean_at_the_end("kl"),
        "variance_of_c": variance_of_c(trained),
    }


def branches(trained: Trained) -> dict[str, float]:
    """Of StackGAN++ with captions: does each branch show more than the one before.

    accuracy_1, 2, 3   the mean share of all seven factors that are as asked, by branch
    rise_1, rise_2     from the first to the second, and from there to the third
    shape, ..., all_held_out   of the largest, as `stages` has them
    kl_of_a_number     as there
    """
    asked = _asked(trained)
    of_branches = [accuracies(x, asked) for x in _by_branch(trained, asked)]
    means = [np.mean([of[name] for name in drawings.FACTORS]) for of in of_branches]
    return {
        **of_branches[-1],
        **{f"accuracy_{i}": float(mean) for i, mean in enumerate(means, 1)},
        **{f"rise_{i}": float(b - a) for i, (a, b) in enumerate(pairwise(means), 1)},
        "kl_of_a_number": trained.mean_at_the_end("kl"),
    }


def colours(trained: Trained) -> dict[str, float]:
    """Of StackGAN++ without captions: do the branches agree on the colours.

    colour_correlation   of neighbours' mean colours, each less its own grey: the least of both
    brightness_correlation   the same of the grey, which is mostly the ground's
    distance             mean absolute difference of a pixel between one branch's picture and the
                         next one's made as small: the largest of both
    """
    by_branch = _by_branch(trained, {})
    pairs = [agreement(small, large) for small, large in pairwise(by_branch)]
    return {
        "colour_correlation": min(pair["colour_correlation"] for pair in pairs),
        "brightness_correlation": min(pair["brightness_correlation"] for pair in pairs),
        "distance": max(pair["distance"] for pair in pairs),
    }


# ---------------------------------------------------------------- of pictures alone


def accuracies(x: np.ndarray, asked: dict[str, np.ndarray]) -> dict[str, float]:
    """What pictures show of what they were asked to.

    Args:
      x: [n, s, s, 3] in [-1, 1]; smaller ones than 32 pixels are enlarged.
      asked: of each factor of `drawings.FACTORS` the values, int [n].

    Returns:
      The share of each factor that is as asked, and `shape` for its label; `all_seen` and
      `all_held_out` as of `stages`.
    """
    seen = factors.read(enlarged(x, _SIDE))
    right = {name: seen[name] == asked[name] for name in drawings.FACTORS}
    at_once = np.all([right[name] for name in _TOLD.values()], axis=0)
    held_out = drawings.is_held_out(asked)
    return {
        **{name: float(of.mean()) for name, of in right.items()},
        "shape": float(right["label"].mean()),
        "all_seen": float(at_once[~held_out].mean()),
        "all_held_out": float(at_once[held_out].mean()),
    }


def agreement(small: np.ndarray, large: np.ndarray) -> dict[str, float]:
    """How well pictures agree with the same ones of twice the side, as of `colours`."""
    halved = np.mean([large[:, i::2, j::2] for i in (0, 1) for j in (0, 1)], axis=0)
    means = [np.float64(x).mean(axis=(1, 2)) for x in (small, halved)]  # [n, 3]
    greys = [of.mean(axis=1) for of in means]
    hues = [(of - grey[:, np.newaxis]).ravel() for of, grey in zip(means, greys, strict=True)]
    return {
        "colour_correlation": _correlation(*hues),
        "brightness_correlation": _correlation(*greys),
        "distance": float(np.abs(np.float64(small) - halved).mean()),
    }


def enlarged(x: np.ndarray, side: int) -> np.ndarray:
    """Pictures [n, s, s, c], each pixel as a square, so that they are at least `side` high."""
    times = max(1, side // x.shape[1])
    return x.repeat(times, axis=1).repeat(times, axis=2)


def _correlation(a: np.ndarray, b: np.ndarray) -> float:
    """0 where one of them does not vary."""
    return float(np.corrcoef(a, b)[0, 1]) if a.std() and b.std() else 0.0


# ---------------------------------------------------------------- samples


def variance_of_c(trained: Trained) -> float:
    """Over draws of epsilon, z and the caption staying as they are."""
    captions = trained.held_out.fields["caption"][:_CAPTIONS].repeat(_DRAWS, axis=0)
    z_size = trained.gan.config.z_size
    z = np.random.RandomState(_SEED).standard_normal((_CAPTIONS, z_size)).astype(np.float32)
    fixed = {"caption": captions, "z": z.repeat(_DRAWS, axis=0)}
    x = sampling.of_gan(trained.gan, trained.manifest, len(captions), _SEED, fixed=fixed).samples
    return float(x.reshape(_CAPTIONS, _DRAWS, -1).var(axis=1).mean())


def _asked(trained: Trained) -> dict[str, np.ndarray]:
    """Captions and factors of as many held-out drawings as there are, at most `trained.num`."""
    return {name: array[: trained.num] for name, array in trained.held_out.fields.items()}


def _drawn(trained: Trained, asked: dict[str, np.ndarray], sampler: str) -> np.ndarray:
    """A sampler's pictures, of these captions if any; the same z and epsilon for each sampler."""
    fixed = {"caption": asked["caption"]} if asked else {}
    count = len(asked["caption"]) if asked else trained.num
    made = sampling.of_gan(trained.gan, trained.manifest, count, _SEED, sampler, fixed)
    return made.samples


def _by_branch(trained: Trained, asked: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Of every sampler, the smallest first."""
    names = [sampler.name for sampler in trained.gan.samplers()]
    return [_drawn(trained, asked, name) for name in reversed(names)]
