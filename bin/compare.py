#!/usr/bin/env python
"""Compare runs: their curves and samples in one picture, settings and last figures in one table.

python bin/compare.py runs/simple runs/dense_logits --out=compared.png
"""

from ganflow.programs import compare

if __name__ == "__main__":
    compare.run()
