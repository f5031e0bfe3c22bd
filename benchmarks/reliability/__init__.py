"""What ganflow promises of its runs, tried point by point: `benchmarks/torture.py` starts it.

`trying` has what a case is and does them one after another, `report` writes docs/reliability.md,
`trainings` starts trainings in other processes and `here` in this one, `faulty` starts a program
amid faults. Each point is a file with its promise and its cases.
"""
