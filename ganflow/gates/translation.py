"""Figures of a translation between two domains that was learnt without pairs.

In the data sets of `data.pairs` b holds transforms T of other digits than a's. So every x of a has
a true partner, T(x), that no training has seen beside it; and figures are of held-out x alone.
"""

import numpy as np

from ganflow import data
from ganflow.gates.measures import Trained
from ganflow.trained import sampling

CANDIDATES = 1_000  # among which a partner is looked for
_BLOCK = 50  # images whose distances to all candidates are in memory at a time


def translation(trained: Trained) -> dict[str, float]:
    """Of a model with the samplers a_to_b, b_to_a and a_to_b_to_a.

    `l1_ratio`, `retrieval`: see `of_pairs`, of a_to_b; `back_l1_ratio`, `back_retrieval`: of b_to_a
    on true partners. `class_kept`: the share of translated digits that a classifier, trained on
    b's, takes for the digit they were; `class_kept_by_partners`: of T(x) itself, the most there can
    be. `cycle_error`: mean |x there and back again - x|, which the identity has as 0.
    """
    x = data.decoded(trained.held_out.fields["a"][: trained.num]).numpy()
    label = trained.held_out.fields["a_label"][: trained.num]
    partners = data.transform(trained.manifest["config"]["dataset"], x)
    there = _translated(trained, "a_to_b", x)
    back = _translated(trained, "b_to_a", partners)
    there_and_back = _translated(trained, "a_to_b_to_a", x)
    judge = trained.classifier("b")
    figures = of_pairs(there, partners, x)
    figures |= {f"back_{k}": v for k, v in of_pairs(back, x, partners).items()}
    figures["class_kept"] = float(np.mean(judge.read(there)[1] == label))
    figures["class_kept_by_partners"] = float(np.mean(judge.read(partners)[1] == label))
    figures["cycle_error"] = _distance(there_and_back, x)
    return figures


def of_pairs(found: np.ndarray, partners: np.ndarray, x: np.ndarray) -> dict[str, float]:
    """How near translations are to the true partners of what they were made from.

    Args:
      found: images [n, h, w, c] in [-1, 1], made from `x`.
      partners: the true ones.
      x: what they were made from; examples in no order that tells anything.

    Returns:
      `l1_ratio`: mean |found - partner|, over that of the better of two which know nothing: x left
      as it is, and the partner of another x. `retrieval`: see there.
    """
    idle = [partners[np.arange(len(partners)) - 1]] + [x] * (x.shape == partners.shape)
    ratio = _distance(found, partners) / min(_distance(guess, partners) for guess in idle)
    first = slice(CANDIDATES)
    return {"l1_ratio": ratio, "retrieval": retrieval(found[first], partners[first])}


def retrieval(found: np.ndarray, partners: np.ndarray) -> float:
    """The share of images to which, of all partners, their own is the nearest by L1.

    Args:
      found, partners: [n, h, w, c]. One that is as near to another as to its own has not found it.
    """
    found, partners = (images.reshape(len(images), -1) for images in (found, partners))
    hits = 0
    for start in range(0, len(found), _BLOCK):
        some = found[start : start + _BLOCK, np.newaxis]
        distances = np.abs(some - partners).sum(axis=2)  # [50, n]
        own = distances[np.arange(len(some)), start + np.arange(len(some))]
        hits += int(np.count_nonzero((distances <= own[:, np.newaxis]).sum(axis=1) == 1))
    return hits / len(found)


def _translated(trained: Trained, sampler: str, x: np.ndarray) -> np.ndarray:
    fixed = {sampler[0]: x}
    made = sampling.of_gan(trained.gan, trained.manifest, len(x), 0, sampler, fixed)
    return made.samples


def _distance(x: np.ndarray, y: np.ndarray) -> float:
    return float(np.mean(np.abs(x - y), dtype=np.float64))
