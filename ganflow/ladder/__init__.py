"""Many models, one budget, one table: `plans` from words, `running` to the report.

A cell (`cells`) is trained in a process of its own (`training`) and judged in the ladder's
(`results`). May import everything but the lab and the programs.
"""
