"""The engine's figures in a summary: means of scalars since the last one, norms of gradients."""

from collections.abc import Mapping, Sequence

import numpy as np
import tensorflow as tf


class Means(tf.Module):
    """Sums and counts; saved with a run, so that a resumed one reports the same means."""

    def __init__(self, names: Sequence[str]):
        super().__init__()
        self.names = tuple(names)
        self.sums = tf.Variable(np.zeros(len(names)), trainable=False)
        self.counts = tf.Variable(np.zeros(len(names)), trainable=False)

    def add(self, names: Sequence[str], sums: np.ndarray, steps: int) -> None:
        """Take in what some steps gave, which may have had some of the scalars alone."""
        places = [self.names.index(name) for name in names]
        all_sums, all_counts = self.sums.numpy(), self.counts.numpy()
        all_sums[places] += sums
        all_counts[places] += steps
        self.sums.assign(all_sums)
        self.counts.assign(all_counts)

    def take(self) -> dict[str, float]:
        """The means of those scalars that there were, and begin anew."""
        sums, counts = self.sums.numpy(), self.counts.numpy()
        self.sums.assign(np.zeros_like(sums))
        self.counts.assign(np.zeros_like(counts))
        found = zip(self.names, sums, counts, strict=True)
        return {name: float(total / count) for name, total, count in found if count}


def gradient_norms(norms: Mapping[tuple[str, str], float]) -> dict[str, float]:
    """An update's norm over all its weights, from those by (update's label, "generator/w_0")."""
    of: dict[str, list[float]] = {}
    for (label, _), norm in norms.items():
        of.setdefault(label, []).append(norm)
    return {f"{label}_gradient_norm": float(np.linalg.norm(each)) for label, each in of.items()}
