"""Trained models: read from a workdir (`loading`), and sampled (`sampling`).

What samples are asked to be is in `conditions`; images that they are made from, in `inputs`.

May import anything below judging.
"""
