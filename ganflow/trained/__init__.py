"""Trained models: read from a workdir (`loading`), and sampled (`sampling`).

May import anything below judging.
"""
