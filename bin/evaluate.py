#!/usr/bin/env python
"""Judge a run's checkpoints, or a file of samples: a table, JSON, TensorBoard scalars.

python bin/evaluate.py --workdir=runs/simple
python bin/evaluate.py --samples=S.npy --dataset=mnist --data_dir=DIR
"""

from ganflow.programs import evaluate

if __name__ == "__main__":
    evaluate.run()
