#!/usr/bin/env python
"""Train many models on one budget, judge them alike, and write one table; again to go on.

python bin/ladder.py --models=simple,circle --datasets=mnist,circle --data_dir=DIR --seconds=60

A plan's lines are `NAME: --model=... --dataset=... --d_learning_rate=... ...`. A ladder decides
--workdir, --seed, --epochs, --summary_every, --checkpoint_every and --keep_checkpoints of its
cells itself, and with --steps their --steps.
"""

from ganflow.programs import ladder

if __name__ == "__main__":
    ladder.run()
