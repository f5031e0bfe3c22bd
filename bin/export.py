#!/usr/bin/env python
"""Take a trained generator along: SavedModel, TFLite, and a page that runs it in a browser.

python bin/export.py --workdir=runs/simple --out=exported
"""

from ganflow.programs import export

if __name__ == "__main__":
    export.run()
