"""What is shown of a bench: views, curves, weights, diagnosis; and what its updates would do."""

import dataclasses
import time
from collections.abc import Callable, Collection

from ganflow.interface import wiring
from ganflow.lab.web import frames
from ganflow.lab.web.asking import Answer, Question
from ganflow.lab.web.bench import Bench
from ganflow.lab.web.curves import Curves
from ganflow.lab.web.doctor import Doctor
from ganflow.lab.web.looking import generating_networks, looks

WEIGHTS = ("weights",)  # what a page may look at, beside ("look", number of a sampler)
_WEIGHTS_SECONDS = 0.5  # between two looks at all weights while steps run, at least
_NUMBERS_SECONDS = 0.2  # likewise at curves and rates: more often the eye cannot follow


class Shown:
    """One bench as pages see it; the trainer's thread alone calls this.

    Attributes:
      scalars: what updates last reported, by name.
      generating: the networks that make samples.
    """

    def __init__(self, bench: Bench, on_told: Callable[[], None]):
        """Args:
        bench: is shown.
        on_told: called when there is a new diagnosis, by another thread.
        """
        self.bench = bench
        self.looks, self.doctor = looks(bench.lab), Doctor(bench.run, on_told)
        self.generating = generating_networks(bench.lab)
        self._questions: dict[str, Question] = {}
        self._used: dict[str, set[str]] | None = None
        self.begin()

    def begin(self) -> None:
        """Forget what was of a state that is no more."""
        self.doctor.restart()
        self.curves = Curves()
        self.scalars: dict[str, float] = {}
        self._rate = (time.monotonic(), self.bench.step, 0.0)  # since when, from where, steps a s
        self._weights: tuple[int, float, list] = (-1, 0.0, [])  # version, not before, what
        self._numbers: tuple[int, float, dict] = (-1, 0.0, {})  # likewise

    def renew(self) -> None:
        """The same state goes on with other settings: what had been traced with the old is gone."""
        self._questions = {}

    def about(self) -> dict:
        """What stays as it is."""
        return frames.about(self.bench, self.looks)

    def close(self) -> None:
        """End the doctor's thread."""
        self.doctor.close()

    def stepped(self, are_whole: bool) -> None:
        """Steps were made, and `scalars` are of them."""
        self.curves.add(self.bench.step, self.scalars)
        if are_whole and self.doctor.is_due(self.bench.step):
            self.doctor.look(self.bench.step, self.bench.gradient_norms)

    def frame(self, wanted: Collection[tuple], version: int, is_running: bool) -> dict:
        """The bench as it is now, and of what costs more to see what is wanted."""
        bench = self.bench
        found = {
            "step": bench.step,
            "done": dict(bench.lab.done),
            "running": is_running,
            "steps_per_second": self._speed(is_running),
            "scalars": dict(self.scalars),
            "live": bench.live(),
            "apart": list(bench.apart),
            "saved_in": str(bench.saved_in or ""),
            "told": [one and dataclasses.asdict(one) for one in self.doctor.told],
            "fingerprint": "" if is_running else frames.fingerprint(bench),
            "looks": {
                what[1]: self.looks[what[1]].now()
                for what in wanted
                if what[0] == "look" and what[1] < len(self.looks)
            },
        }
        found |= self._shown_numbers(version, is_running)
        return found | (self._shown_weights(version, is_running) if WEIGHTS in wanted else {})

    def _speed(self, is_running: bool) -> float:
        """Steps a second, over half a second or more."""
        (since, first, rate), now = self._rate, time.monotonic()
        if not is_running:
            self._rate = (now, self.bench.step, 0.0)
        elif now - since > 0.5:
            rate = (self.bench.step - first) / (now - since)
            self._rate = (now, self.bench.step, rate)
        return self._rate[2]

    def _shown_numbers(self, version: int, is_running: bool) -> dict:
        """Curves and learning rates."""
        seen_at, not_before, found = self._numbers
        if not is_running or time.monotonic() >= not_before:
            rates = {name: list(of) for name, of in self.bench.rates().items()}
            found, seen_at = {"curves": self.curves.arrays(), "rates": rates}, version
            self._numbers = (seen_at, time.monotonic() + _NUMBERS_SECONDS, found)
        return found | {"numbers_version": seen_at}

    def _shown_weights(self, version: int, is_running: bool) -> dict:
        """All weights and gradients; while steps run, in a fifth of the time at most."""
        seen_at, not_before, found = self._weights
        begun = time.monotonic()
        if not is_running or begun >= not_before:
            found, seen_at = frames.weights(self.bench, self.answers()), version
            took = time.monotonic() - begun
            self._weights = (seen_at, begun + max(_WEIGHTS_SECONDS, 5 * took), found)
        return {"weights": found, "weights_version": seen_at}

    # ------------------------------------------------------------ what updates would do

    def answer(self, name: str) -> Answer:
        """What an update would do now."""
        if name not in self._questions:
            self._questions[name] = Question(self.bench.lab, name)
        return self._questions[name].ask()

    def answers(self) -> dict[str, Answer]:
        """The same of all."""
        return {name: self.answer(name) for name in self.bench.lab.updates}

    def used(self, name: str) -> set[str]:
        """What of a batch an update takes, see `wiring`; read from its graph, once."""
        if self._used is None:
            read = wiring.wirings(self.bench.run.gan, self.bench.run.fields)
            self._used = {
                of.update: {node.name for node in of.nodes if node.kind == "input"} for of in read
            }
        return self._used[name]
