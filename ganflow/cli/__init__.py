"""What programs share: flags made of configs, errors as one line, exit codes, signals.

May import everything up to the summaries; of all that it needs base and models.
"""
