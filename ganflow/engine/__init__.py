"""The engine: what trains a model, whichever it is.

`run` holds the loop, `call` what is compiled, `feed` what the steps consume, `history` what a run
goes on from, `not_finite` who is to blame, `options` the flags of every run, `bystander` what looks
in workers that are not the chief. It may import anything below it: not ladder, lab, programs.
"""

from ganflow.engine.options import Options
from ganflow.engine.run import Run

__all__ = ["Options", "Run"]
