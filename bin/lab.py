#!/usr/bin/env python
"""Step through training by hand: one D step, one G step, and what each changed.

python bin/lab.py
python bin/lab.py --browser

The second is a page in a browser, with everything that moves in pictures. It starts on points of a
circle; `--model=NAME` takes another model, with that model's own flags (`--helpfull` lists them).
Without a browser commands can be piped in: `printf 'd\\ng 3\\n' | python bin/lab.py`.
"""

from ganflow.programs import lab

if __name__ == "__main__":
    lab.run()
