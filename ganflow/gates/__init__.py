"""Gates: claims of the papers as figures with bars, and controls that must fail them.

`one_pair`, `several` and `documents` have the gates and `table` all of them, `measures` the
figures; `running` trains and measures what is not yet done, `report` writes docs/gates.md; `own`
has the same figures of any run, for `bin/evaluate.py`. May import anything below programs.
"""
