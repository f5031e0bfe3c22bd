"""What lies on disk: a run's folder, its lock and metrics, and checkpoints that survive a kill.

Whatever is written here is written whole or not at all. May import base.
"""
