"""Figures of every named weight: how large is it, how far does it move?

A ratio of update to weight of about 1e-3 a step is common (Karpathy's lecture notes on training
networks); much less learns little, much more forgets. D's largest singular values grow before a
run turns unstable, which is what spectral normalisation holds down (arXiv 1802.05957).
"""

from collections.abc import Mapping, Sequence

import numpy as np

_PART = 2**20  # numbers of a matrix at a time


def figures(
    named: Sequence[tuple[str, np.ndarray]],
    before: Sequence[np.ndarray] | None,
    gradient_norms: Mapping[tuple[str, str], float],
) -> dict[str, float]:
    """Norms, and the update's, of ONE training step.

    Args:
      named: (network/weight, value after the step).
      before: the values before it, in the same order; None before the first step.
      gradient_norms: by (update's label, network/weight).

    Returns:
      weight/NAME/norm           |w| after the step
      weight/NAME/update_ratio   |w after - w before| / |w before|; left out where w was all zero
      weight/NAME/LABEL_gradient_norm   one for each update that moves this weight
    """
    report = {}
    for i, (name, after) in enumerate(named):
        report[f"weight/{name}/norm"] = _norm(after)
        if before is not None and (norm := _norm(before[i])) > 0:
            report[f"weight/{name}/update_ratio"] = _norm(after, before[i]) / norm
    for (label, name), norm in gradient_norms.items():
        report[f"weight/{name}/{label}_gradient_norm"] = float(norm)
    return report


def _norm(w: np.ndarray, other: np.ndarray | float = 0.0) -> float:
    """|w - other| in float64.

    By parts that stay in the cache, and without BLAS, whose threads cost more.
    """
    flat, size = np.ravel(w), 2**14
    subtracted = np.broadcast_to(np.ravel(other), flat.shape)
    parts = (flat[i : i + size] - subtracted[i : i + size] for i in range(0, flat.size, size))
    return float(np.sqrt(sum(np.square(part, dtype=np.float64).sum() for part in parts)))


def largest_singular_value(w: np.ndarray) -> float:
    """The spectral norm of a matrix [in, out], or of a kernel [kh, kw, in, out] as [kh kw in, out].

    That is how spectral normalisation takes a kernel (Miyato et al. 2018, arXiv 1802.05957,
    section 2.1); it is not the norm of the convolution. A deconvolution's [kh, kw, out, in] is
    taken the same way. It costs all eigenvalues of the smaller Gram matrix, so: at a low rate.

    Raises:
      ValueError: a vector, such as a bias, or a value that is not finite.
    """
    if w.ndim < 2:
        raise ValueError(f"found a weight of shape {list(w.shape)}, expected a matrix or a kernel")
    if not np.isfinite(w).all():
        raise ValueError("found a value that is not finite")
    matrix = w.reshape(-1, w.shape[-1])
    if matrix.shape[0] < matrix.shape[1]:
        matrix = matrix.T
    scale = float(max(matrix.max(initial=0.0), -matrix.min(initial=0.0)))
    if scale == 0:
        return 0.0
    gram = np.zeros([matrix.shape[1]] * 2)
    rows = max(1, _PART // matrix.shape[1])
    for i in range(0, len(matrix), rows):  # a copy of the whole in float64 may be 160 MB
        part = matrix[i : i + rows].astype(np.float64) / scale  # no square under- or overflows
        gram += part.T @ part
    return float(scale * np.sqrt(np.linalg.eigvalsh(gram)[-1]))
