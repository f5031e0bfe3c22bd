"""Figures of every named weight: how large is it, how far does it move?

A ratio of update to weight of about 1e-3 a step is common (Karpathy's lecture notes on training
networks); much less learns little, much more forgets. D's largest singular values grow before a
run turns unstable, which is what spectral normalisation holds down (arXiv 1802.05957).
"""

from collections.abc import Mapping, Sequence

import numpy as np


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
            report[f"weight/{name}/update_ratio"] = _norm(after - before[i]) / norm
    for (label, name), norm in gradient_norms.items():
        report[f"weight/{name}/{label}_gradient_norm"] = float(norm)
    return report


def _norm(w: np.ndarray) -> float:
    """In float64; by parts that stay in the cache, and without BLAS, whose threads cost more."""
    flat, size = np.ravel(w), 2**14
    parts = (flat[i : i + size] for i in range(0, flat.size, size))
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
    matrix = np.asarray(w, np.float64).reshape(-1, w.shape[-1])
    scale = np.abs(matrix).max(initial=0.0)
    if scale == 0:
        return 0.0
    matrix = matrix / scale  # so that no square under- or overflows
    gram = matrix.T @ matrix if matrix.shape[0] >= matrix.shape[1] else matrix @ matrix.T
    return float(scale * np.sqrt(np.linalg.eigvalsh(gram)[-1]))
