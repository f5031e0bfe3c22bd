"""Small labs of the browser for tests, and how to ask them as a page does."""

import contextlib
from concurrent.futures import Future

import numpy as np
from werkzeug.test import Client

from ganflow import engine
from ganflow.lab.web.bench import Bench
from ganflow.lab.web.server import Server
from ganflow.lab.web.setting import Setting
from ganflow.lab.web.trainer import Trainer
from ganflow.models import circle

TOKEN, PORT = "the-token", 8123
HOST = {"Host": f"127.0.0.1:{PORT}"}
SMALL = circle.Config(g_hidden=(8, 4), d_hidden=(8, 4), batch_size=16, summary_every=50)
# Without XLA, which takes seconds to compile and gives the same steps to the last digits.
OPTIONS = engine.Options(jit="off", steps_per_call=20)


def setting(config=SMALL, model="circle", options=OPTIONS, **others) -> Setting:
    return Setting(model, config, options, **others)


def built(trainer: Trainer) -> Future[Trainer]:
    """As the server takes it: one that is there already."""
    found: Future[Trainer] = Future()
    found.set_result(trainer)
    return found


class Page:
    """Asks a lab as its page does."""

    def __init__(self, trainer: Trainer):
        self.trainer = trainer
        self._client = Client(Server(built(trainer), TOKEN, "127.0.0.1", PORT))

    def get(self, path="", token=TOKEN, headers=HOST, **settings):
        return self._client.get(f"/{token}/{path}", headers=headers, **settings)

    def post(self, told, headers=HOST, **settings):
        return self._client.post(f"/{TOKEN}/command", json=told, headers=headers, **settings)

    def do(self, what: str, **told) -> dict:
        """A command that is obeyed."""
        answer = self.post({"do": what} | told)
        assert answer.status_code == 200, answer.text
        return answer.json

    def refused(self, what: str, **told) -> str:
        """Why a command is not obeyed, in one line."""
        answer = self.post({"do": what} | told)
        assert answer.status_code == 409, answer.text
        assert "\n" not in answer.json["error"] and answer.json["exit_code"] in (2, 3, 4, 5)
        return answer.json["error"]

    def frame(self, **asked) -> dict:
        """A frame of the state as it now is."""
        self.trainer.call(lambda: None)  # so that what is there already is an old one
        version = self.trainer._version
        for _ in range(30):
            found = self.get("state", query_string={"after": version, **asked}).json
            if "step" in found:
                return found
        raise AssertionError("no frame")


@contextlib.contextmanager
def page(of: Setting):
    """A page of a lab whose thread runs."""
    trainer = Trainer(of, Bench(of))
    trainer.start()
    try:
        yield Page(trainer)
    finally:
        trainer.close()
        assert trainer.failed is None


def state(bench: Bench) -> list[bytes]:
    """Every bit that a checkpoint has."""
    run = bench.run
    return [np.asarray(v).tobytes() for v in (*run.gan.variables, run.step, *run.means.variables)]


def weights(bench: Bench) -> dict[str, bytes]:
    return {
        f"{network}/{name}": v.numpy().tobytes()
        for network, of in bench.run.gan.networks.items()
        for name, v in of.items()
    }
