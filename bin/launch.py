#!/usr/bin/env python
"""Start several workers on this machine, and watch them until all have ended.

python bin/launch.py --workers=2 -- bin/train.py --model=simple --dataset=digits --steps=400

Exit codes: the first bad one of a worker; see ganflow/cli/command.py.
"""

from ganflow.cli import launch

if __name__ == "__main__":
    launch.run()
