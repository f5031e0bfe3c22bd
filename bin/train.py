#!/usr/bin/env python
"""Train a GAN; run it again to go on.

python bin/train.py --model=simple --dataset=mnist --data_dir=DIR --workdir=runs/simple

`--helpfull` with `--model=NAME` lists what that model has. Exit codes: see ganflow/cli/command.py.
"""

from ganflow.programs import train

if __name__ == "__main__":
    train.run()
