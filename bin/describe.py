#!/usr/bin/env python
"""Print a model's networks: layers, output shapes, parameters, totals, the weights' names.

python bin/describe.py --model=simple
"""

from ganflow.programs import describe

if __name__ == "__main__":
    describe.run()
