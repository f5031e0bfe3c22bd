"""What everything else may rely on: errors with their exit codes, options with bounds and help.

`quiet` imports TensorFlow without its start-up chatter, `stages` says what is going on meanwhile,
`hints` which commands to type next. Imports nothing else of ganflow.
"""
