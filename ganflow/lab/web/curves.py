"""Losses as they grow, in as many points as a page shows: neighbours are averaged as it fills."""

import numpy as np

MOST = 400  # points


class Curves:
    """Scalars by their names over the steps; where one was not reported it is not a number."""

    def __init__(self):
        self._steps: list[float] = []
        self._rows: list[dict[str, float]] = []
        self._every = 1  # steps that a point stands for, at least

    def add(self, step: int, scalars: dict[str, float]) -> None:
        """A point: means over the steps since the one before."""
        if self._steps and step - self._steps[-1] < self._every:
            self._rows[-1] |= scalars
            return
        self._steps.append(step)
        self._rows.append(dict(scalars))
        if len(self._steps) > MOST:
            self._halve()

    def _halve(self) -> None:
        steps, rows = self._steps, self._rows
        self._every = max(1, int(2 * (steps[-1] - steps[0]) / MOST))
        self._steps, self._rows = (
            steps[1::2],
            [
                {name: _mean(a.get(name), b.get(name)) for name in {**a, **b}}
                for a, b in zip(rows[::2], rows[1::2], strict=False)
            ],
        )
        self._steps = self._steps[: len(self._rows)]

    def arrays(self) -> dict:
        """{"steps": float32 [n], "values": {name: float32 [n]}}."""
        names = dict.fromkeys(name for row in self._rows for name in row)
        values = {
            name: np.array([row.get(name, np.nan) for row in self._rows], np.float32)
            for name in names
        }
        return {"steps": np.array(self._steps, np.float32), "values": values}


def _mean(a: float | None, b: float | None) -> float:
    found = [value for value in (a, b) if value is not None]
    return sum(found) / len(found)
