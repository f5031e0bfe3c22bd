#!/usr/bin/env python
"""Sample a trained model into an .npy array or a .png picture.

python bin/sample.py --workdir=runs/simple --num=64 --seed=1 --out=samples.png
"""

from ganflow.programs import sample

if __name__ == "__main__":
    sample.run()
