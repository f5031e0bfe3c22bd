"""Which tensor stopped being finite, and at which step."""

from collections.abc import Mapping

import numpy as np
from absl import logging

from ganflow.engine import history
from ganflow.interface import gans
from ganflow.nn import replicas


class NotFinite(Exception):
    """Raised by `Run.advance`; `Run.train` turns it into a `NotFiniteError` with names."""

    def __init__(
        self, step: int, scalars: Mapping[str, float], norms: Mapping[tuple[str, str], float]
    ):
        super().__init__(step)
        self.step, self.scalars, self.norms = step, scalars, norms


def blame(run, found: NotFinite) -> str:
    """Say which tensor stopped being finite, at which step.

    A gradient that is not finite shows in the losses one step later, so the steps since the last
    checkpoint are done again one by one, watching every gradient.

    Args:
      run: an `engine.Run`; it is left somewhere before the fault.
      found: what was raised.
    """
    logging.error("step %d: not finite; looking for the first tensor", found.step)
    saved = history.restore_newest(run)
    if saved is not None:
        try:
            while int(run.step) <= found.step:
                run.advance(1)
        except NotFinite as first:
            found = first
    names = [name for name, value in found.scalars.items() if _bad(value)]
    of: dict[str, list[tuple[str, bool]]] = {}
    for (label, weight), norm in found.norms.items():
        of.setdefault(label, []).append((weight, _bad(norm)))
    for label, weights in of.items():
        bad = [weight for weight, is_bad in weights if is_bad]
        of_which = "" if len(bad) == len(weights) else f" of {', '.join(bad)}"
        names += [f"the gradient of {label}{of_which}"] if bad else []
    named = gans.named_weights(run.gan)
    bad = [name for name, v in named if _bad(replicas.value_of(v))]
    bad = bad if len(bad) < len(named) else ["all of them"]
    names = names or ["the sum of a call's losses"]
    after = f" (weights no longer finite: {', '.join(bad)})" if bad else ""
    return (
        f"step {found.step}: {', '.join(names)} not finite{after}; nothing of it was saved, "
        f"the last checkpoint is of step {saved or 0}; lower the learning rate"
    )


def _bad(value) -> bool:
    return not np.isfinite(value).all()
