"""What everything else may rely on: errors with their exit codes, options with bounds and help.

`quiet` imports TensorFlow without its start-up chatter. Imports nothing else of ganflow.
"""
