"""The programs: each module here has `run()`, which is both `bin/NAME.py` and `ganflow-NAME`.

`run` defines the program's flags, so that importing a program defines none. Whatever is imported
from here imports TensorFlow quietly, for that is done first. May import every other package.
"""

import ganflow.base.quiet  # noqa: F401 - before anything that imports TensorFlow
