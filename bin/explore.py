#!/usr/bin/env python
"""Explore the space of z of a trained model: pictures, films and arrays of what lies where.

python bin/explore.py --workdir=runs/simple --out=explored
python bin/explore.py --workdir=W --what=projection --input=photo.png
"""

from ganflow.programs import explore

if __name__ == "__main__":
    explore.run()
