"""Generative adversarial networks in plain TensorFlow: every weight explicit, every step readable.

Imports go downwards only, each package's from those before it:

    base < storage < nn < interface < data < models < pictures < trained < judging < summaries
    < cli < engine < ladder < lab < programs
"""
