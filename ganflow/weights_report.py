"""Figures of every named weight: how large is it, how far does it move?

A ratio of update to weight of about 1e-3 a step is common (Karpathy's lecture notes on training
networks); much less learns little, much more forgets. D's largest singular values grow before a
run turns unstable, which is what spectral normalisation holds down (arXiv 1802.05957).
"""

from collections.abc import Sequence

import numpy as np


def figures(
    named: Sequence[tuple[str, np.ndarray]],
    before: Sequence[np.ndarray],
    gradients: dict[str, dict[str, np.ndarray | float]],
) -> dict[str, float]:
    """Norms, and the update's, of ONE training step.

    Args:
      named: (network/weight, value after the step).
      before: the values before it, in the same order.
      gradients: by the name that the model gives to a list of gradients, then by weight; a
        gradient, or its norm.

    Returns:
      weight/NAME/norm           |w| after the step
      weight/NAME/update_ratio   |w after - w before| / |w before|; left out where w was all zero
      weight/NAME/GRADIENT_norm  one for each list of gradients that this weight has one in
    """
    report = {}
    for (name, after), was in zip(named, before, strict=True):
        after, was = np.asarray(after, np.float64), np.asarray(was, np.float64)
        report[f"weight/{name}/norm"] = float(np.linalg.norm(after))
        if (norm := np.linalg.norm(was)) > 0:
            report[f"weight/{name}/update_ratio"] = float(np.linalg.norm(after - was) / norm)
        for gradient_name, of_weight in gradients.items():
            if name in of_weight:
                gradient = np.asarray(of_weight[name], np.float64)
                report[f"weight/{name}/{gradient_name}_norm"] = float(np.linalg.norm(gradient))
    return report


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
