#!/usr/bin/env python
"""Put every model to its paper's claim, and to the same claim broken on purpose; again to go on.

python bin/gates.py --data_dir=DIR
python bin/gates.py --data_dir=DIR --only=circle,infogan

A gate trains a preset of configs/ with several seeds and holds the median of its figures against a
bar; its controls, each with something essential taken away, have to miss that bar.
"""

from ganflow.programs import gates

if __name__ == "__main__":
    gates.run()
