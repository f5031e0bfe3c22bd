"""The lab in a browser: who is let in, what is answered, two pages at once, what is refused."""

import base64
import dataclasses
import json
import re
import signal
import subprocess
import sys
import threading
import time
import types
import urllib.request
from concurrent.futures import Future

import numpy as np
import pytest
import tensorflow as tf
from processes import ROOT, Process
from webs import HOST, OPTIONS, PORT, SMALL, TOKEN, Page, built, page, setting, weights
from werkzeug.test import Client

from ganflow import data, engine, models
from ganflow.base.errors import InputError
from ganflow.data import Dataset
from ganflow.interface.sampler import Sampler
from ganflow.lab.web import curves, equations, frames, goals, looking, serving, trainer, wire
from ganflow.lab.web.server import _PAGE, MOST_BYTES, Server, is_loopback
from ganflow.lab.web.trainer import Trainer
from ganflow.models import circle
from ganflow.nn import draws


@pytest.fixture(scope="module")
def shared():
    with page(setting()) as found:
        yield found


@pytest.fixture
def of(shared):
    shared.do("pause")
    shared.do("limit", steps_per_second=0)
    shared.do("restart")
    return shared


# ---------------------------------------------------------------- who is let in


@pytest.mark.parametrize("path", ["", "about", "state", "lab.js", "nowhere"])
@pytest.mark.parametrize("token", ["", "wrong", TOKEN + "x", TOKEN[:-1], "\N{SNOWMAN}"])
def test_without_the_token_nothing_is_told(of, path, token):
    answer = of.get(path, token=token)
    assert answer.status_code == 403 and "circle" not in answer.text


def test_a_command_without_the_token_is_not_obeyed(of):
    answer = of._client.post("/command", json={"do": "steps"}, headers=HOST)
    assert answer.status_code == 403 and of.trainer.bench.step == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": f"rebound.example:{PORT}"},
        {"Host": "127.0.0.1:80"},
        {"Host": "127.0.0.1:port"},
        {"Host": f"[broken:{PORT}"},
        {"Host": f"10.0.0.1:{PORT}"},
        {**HOST, "Origin": "http://other.example"},
        {**HOST, "Origin": f"http://localhost:{PORT}"},
        {**HOST, "Origin": "null"},
        {**HOST, "Sec-Fetch-Site": "cross-site"},
        {**HOST, "Sec-Fetch-Site": "same-site"},
    ],
    ids=str,
)
def test_other_hosts_and_other_sites_are_refused_whatever_their_token(of, headers):
    assert of.get(headers=headers).status_code == 403
    assert of.post({"do": "steps"}, headers=headers).status_code == 403
    assert of.trainer.bench.step == 0


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
def test_its_own_page_is_let_in(of, host):
    headers = {"Host": f"{host}:{PORT}", "Sec-Fetch-Site": "same-origin"}
    headers["Origin"] = f"http://{host}:{PORT}"
    assert of.get(headers=headers).status_code == 200


def test_the_page_is_there_before_its_networks_are():
    nobody = Future()
    client = Client(Server(nobody, TOKEN, "127.0.0.1", PORT))
    answer = client.get(f"/{TOKEN}/", headers=HOST)
    assert answer.status_code == 200 and b"builds its networks" in answer.data
    asked = threading.Thread(target=client.get, args=(f"/{TOKEN}/about",), kwargs={"headers": HOST})
    asked.daemon = True
    asked.start()
    asked.join(0.2)
    assert asked.is_alive()  # it waits
    nobody.set_result(types.SimpleNamespace(about={}))
    asked.join(30)
    assert not asked.is_alive()


def test_beside_loopback_addresses_are_let_in_and_names_are_not(of):
    server = Server(built(of.trainer), TOKEN, "0.0.0.0", PORT)
    assert server._is_own(f"192.168.0.7:{PORT}") and server._is_own(f"127.0.0.1:{PORT}")
    assert not server._is_own(f"rebound.example:{PORT}")
    assert [is_loopback(h) for h in ("::1", "127.8.0.1", "0.0.0.0", "a.b")] == [
        True,
        True,
        False,
        False,
    ]


def test_every_answer_forbids_what_a_page_could_be_made_to_do(of):
    for answer in (of.get(), of.get("about"), of.get(token="wrong"), of.get("nowhere")):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "script-src 'self';" in policy
        assert "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Access-Control-Allow-Origin" not in answer.headers


def test_the_page_asks_nothing_of_other_places(of):
    for name in ("", *(path.name for path in _PAGE.iterdir())):
        text = of.get(name).text
        assert text and "http://" not in text and "https://" not in text and "eval(" not in text
    assert of.get("../server.py").status_code == 404


# ---------------------------------------------------------------- what cannot be asked


def test_a_large_body_is_refused_unread(of):
    class Unread:
        """A body of which no byte may be asked for."""

        def read(self, *_):
            raise AssertionError("it was read")

        readline = readinto = read

    claimed = {"CONTENT_LENGTH": str(100 * 2**20), "wsgi.input": Unread()}
    json_type = {"content_type": "application/json", "headers": HOST}
    url = f"/{TOKEN}/command"
    assert of._client.post(url, environ_overrides=claimed, **json_type).status_code == 413
    just = b'"' + b"x" * MOST_BYTES + b'"'
    assert of._client.post(url, data=just, **json_type).status_code == 413


def test_what_is_no_command_is_refused(of):
    url = f"/{TOKEN}/command"
    ask = of._client.post
    assert ask(url, data="do=run", headers=HOST).status_code == 415
    assert ask(url, data="{", content_type="application/json", headers=HOST).status_code == 400
    deep = "[" * 100_000
    assert ask(url, data=deep, content_type="application/json", headers=HOST).status_code == 400
    assert of.get("command").status_code == 405
    assert of._client.post(f"/{TOKEN}/about", headers=HOST).status_code == 405
    assert of.get("state", query_string={"after": "x"}).status_code == 400
    for told in ([], 3, "run", {}, {"do": "rm"}, {"do": ["run"]}):
        assert of.post(told).status_code == 409


@pytest.mark.parametrize(
    ("what", "told", "why"),
    [
        ("steps", {"count": 0}, "a whole number from 1"),
        ("steps", {"count": 1.5}, "a whole number from 1"),
        ("steps", {"count": True}, "a whole number from 1"),
        ("steps", {"count": "9"}, "a whole number from 1"),
        ("steps", {"count": 10**9}, "a whole number from 1"),
        ("update", {"name": "e_step"}, "there is no such update"),
        ("update", {"name": ["d_step"]}, "there is no such update"),
        ("stages", {}, "there is no such update"),
        ("limit", {"steps_per_second": -1}, "a number from 0"),
        ("limit", {"steps_per_second": None}, "a number from 0"),
        ("rate", {"name": "d", "value": "1"}, "a number from 0"),
        ("rate", {"name": "e", "value": 1}, "there is no such optimizer"),
        ("live", {"name": "batch_size", "value": 0}, "expected 1 or more"),
        ("live", {"name": "batch_size", "value": 2.5}, "expected int"),
        ("live", {"name": "batch_size", "value": 10**6}, "batch"),
        ("live", {"name": "real_label", "value": 1.5}, "expected 1 or less"),
        ("live", {"name": "real_label", "value": "1"}, "expected float"),
        ("live", {"name": "g_hidden", "value": [3]}, "not to be changed under way"),
        ("weight", {"name": "generator/w_9"}, "there is no such weight"),
        ("save", {"workdir": ""}, "expected the name of a folder"),
        ("save", {"workdir": "/proc/nowhere"}, "/proc/nowhere"),
        ("restart", {"settings": {"batch_sise": 3}}, "has no such setting"),
        ("restart", {"settings": {"batch_size": "3"}}, "expected int"),
        ("restart", {"settings": {"batch_size": 0}}, "expected 1 or more"),
        ("restart", {"settings": {"batch_size": 5000}}, "batch"),
        ("restart", {"settings": {"dataset": "idx"}}, "start another lab"),
        ("restart", {"settings": {"seed": -1}}, "expected 0 or more"),
        ("restart", {"settings": []}, "names and values"),
        ("restart", {"points": [[0, 1]] * 9}, "16 of one batch"),
        ("restart", {"points": [[1, 2, 3]]}, "pairs of finite numbers"),
        ("restart", {"points": [["a", "b"]]}, "pairs of finite numbers"),
        ("restart", {"points": [[1, None]]}, "pairs of finite numbers"),
        ("restart", {"points": [[1e39, 0]]}, "pairs of finite numbers"),
    ],
    ids=str,
)
def test_what_cannot_be_obeyed_is_one_line_and_nothing_moves(of, what, told, why):
    before = weights(of.trainer.bench)
    assert why in of.refused(what, **told)
    assert weights(of.trainer.bench) == before and of.trainer.is_alive()


# ---------------------------------------------------------------- what is told


def decoded(value: dict) -> np.ndarray:
    kind = {"f4": "<f4", "u8": np.uint8}[value["array"]]
    return np.frombuffer(base64.b64decode(value["data"]), kind).reshape(value["shape"])


def test_a_page_is_shown_every_piece_of_steps():
    assert trainer.FRAME_SECONDS < goals._WATCHED_SECONDS  # or the frame is not yet due after one


def test_a_frame_shows_the_state_as_it_is(of):
    of.do("steps", count=30)
    frame, lab = of.frame(weights=1), of.trainer.bench.lab
    assert frame["step"] == 30 and not frame["running"] and frame["done"]["d_step"] == 30
    look = frame["looks"]["0"]
    some = lab.views[0].fake().numpy()[::2]  # of 1,000, to the last digits
    np.testing.assert_allclose(decoded(look["generated"]), some, rtol=1e-5, atol=1e-6)
    assert decoded(look["plane"]).shape == (2500,) and decoded(look["push"]).shape == (60, 2)
    shown = {weight["name"]: weight for weight in frame["weights"]}
    w = of.trainer.bench.run.gan.g["w_0000"].numpy()
    np.testing.assert_array_equal(decoded(shown["generator/w_0000"]["value"]["map"]), w)
    assert set(shown["generator/w_0000"]["gradients"]) == {"g_step"}
    assert set(shown["discriminator/w_0000"]["gradients"]) == {"d_step real", "d_step fake"}
    assert list(frame["scalars"]) == ["d_loss", "d_real", "d_fake", "g_loss"]
    assert frame["fingerprint"] == frames.fingerprint(of.trainer.bench)
    large = of.do("weight", name="generator/w_0001")
    value = of.trainer.bench.run.gan.g["w_0001"].numpy()
    np.testing.assert_array_equal(decoded(large["value"]["map"]), value)


def test_under_each_sample_stands_what_it_was_asked_to_be():
    fields = {"x": np.zeros([2, 2], np.float32), "caption": np.int32([[1, 2], [2, 0]])}
    dataset = Dataset("some", fields, vocabulary=("", "blue", "dot"))
    drawn = {"z": draws.Normal([3]), "label": draws.Classes(10), "code": draws.Uniform()}
    sampler = Sampler("", drawn | {"caption": draws.Real("caption")}, lambda given: given["z"])
    given = {
        "caption": tf.constant(fields["caption"]),
        "z": tf.zeros([2, 3]),
        "label": tf.constant([7, 0]),
        "code": tf.constant([0.5, -0.251]),
    }
    assert looking.conditions(sampler, given, dataset) == [
        "blue dot, label 7, code 0.50",
        "dot, label 0, code -0.25",
    ]
    assert looking.conditions(sampler, {"z": given["z"]}, dataset) == []


def test_an_update_in_slow_motion_is_five_stages_and_then_that_update(of):
    of.do("steps", count=3)
    before = weights(of.trainer.bench)
    found = of.do("stages", name="d_step")
    stages = {stage["stage"]: stage for stage in found["stages"]}
    assert list(stages) == ["draw", "generate", "judge", "loss", "gradient"]
    assert weights(of.trainer.bench) == before
    batch = of.trainer.bench.lab.batches(["d_step"], 3)["d_step"]
    drawn = {part["name"]: part for part in stages["draw"]["parts"]}
    assert set(drawn) == {"x", "z_d"} and "z_g" in stages["draw"]["about"]
    np.testing.assert_array_equal(decoded(drawn["x"]["values"]), batch["x"])
    (fake,) = stages["generate"]["parts"]
    made = of.trainer.bench.run.gan.generate({"z": batch["z_d"]})
    np.testing.assert_allclose(decoded(fake["values"]), made, rtol=1e-5, atol=1e-6)
    assert [part["name"] for part in stages["judge"]["parts"]] == 2 * ["discriminator"]
    assert {part["name"] for part in stages["loss"]["parts"]} == {"d_loss", "d_real", "d_fake"}
    done = of.do("update", name="d_step", count=1, at=found["at"])
    assert "1 x d_step" in done["text"]
    assert "look at the stages again" in of.refused(
        "update", name="d_step", count=1, at=found["at"]
    )


def test_the_equations_are_those_of_the_docstring():
    told = equations.lines("A.\n\n    D: a\n    G: b\n\nText.\n\n    ganflow-train --x\n\n    no\n")
    assert told == ["D: a", "G: b"]
    assert equations.lines("Nothing set off.") == equations.pieces("Nothing.", ["d_loss"]) == []


def test_values_belong_behind_the_terms_that_they_are_of(of):
    d, g = of.get("about").json["equations"]
    assert d == [
        ["D's loss", "d_loss"],
        [", twice a step: -mean(log D(x)", "d_real"],
        ["), then -mean(log(1 - D(G(z))", "d_fake"],
        ["))", ""],
    ]
    assert g == [["G's loss", "g_loss"], [":               -mean(log D(G(z)))", ""]]
    of_g = equations.pieces("    G: -mean D(x), k D(G(z))\n    + k", ["g_loss", "k", "d_fake"])
    assert [[name for _, name in line] for line in of_g] == [["g_loss", "k", ""], ["k", ""]]


LOSSES = {
    "cyclegan": {"g_loss"},  # d_loss is of two D
    "stackgan_pp": {"g_loss", "kl"},  # d_loss is the sum over three D
    "began": {"d_loss", "g_loss", "d_real", "d_fake", "k", "convergence"},
    "stackgan": {"d_loss", "g_loss", "d_real", "d_fake", "kl"},
    "cogan": {"d_loss", "g_loss"},  # D's means are over two domains
    "discogan": {"d_loss", "g_loss"},
    "dense_batch_norm": {"d_loss", "g_loss"},  # its equation names no term of one kind
    "simple_keras": {"d_loss", "g_loss"},
    "srgan": {"d_loss", "g_loss", "d_real", "d_fake", "content_loss"},
}


@pytest.mark.parametrize("model", models.names())
def test_every_models_equations_have_places_for_values(model):
    scalars = ["d_loss", "g_loss", "d_real", "d_fake", "kl", "k", "convergence", "content_loss"]
    doc = models.load(model).__doc__
    found = equations.pieces(doc, scalars)
    assert ["".join(text for text, _ in line) for line in found] == equations.lines(doc)
    placed = {name for line in found for _, name in line if name}
    assert placed == LOSSES.get(model, {"d_loss", "g_loss", "d_real", "d_fake"})


def test_numbers_survive_the_wire():
    sent = {"a": np.float32([1.5, np.nan]), "b": np.nan, "c": [np.int64(3), np.inf], 4: None}
    got = json.loads(wire.encoded(sent))
    np.testing.assert_array_equal(decoded(got["a"]), sent["a"])
    assert got["b"] == "nan" and got["c"] == [3, "inf"] and got["4"] is None


def test_curves_keep_to_a_number_of_points_and_to_the_means():
    grown = curves.Curves()
    for step in range(1, 10_001):
        grown.add(step, {"loss": step / 10_000} | ({"odd": 1.0} if step % 2 else {}))
    found = grown.arrays()
    assert len(found["steps"]) <= curves.MOST
    assert np.all(np.diff(found["steps"]) > 0) and found["steps"][-1] >= 9_900
    np.testing.assert_allclose(found["values"]["loss"], found["steps"] / 10_000, atol=0.02)


# ---------------------------------------------------------------- running, and two pages


def until(holds, seconds=20.0):
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def test_two_pages_see_one_lab_and_their_commands_come_one_after_another(of):
    other = Page(of.trainer)
    threads = [
        threading.Thread(target=who.do, args=("steps",), kwargs={"count": 25})
        for who in (of, other, of, other)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert of.frame()["step"] == other.frame()["step"] == 100
    of.do("run")
    assert "pause first" in other.refused("update", name="d_step")
    assert "pause first" in other.refused("stages", name="d_step")
    assert other.frame()["running"]
    other.do("pause")
    assert not of.frame()["running"]
    step = of.trainer.bench.step
    time.sleep(0.1)
    assert of.trainer.bench.step == step > 100


def test_a_pause_ends_what_another_page_waits_for(of):
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(of.do("steps", count=1_000_000)))
    waiting.start()
    until(lambda: of.trainer.bench.step > 20)
    Page(of.trainer).do("pause")
    waiting.join(20)
    assert answers[0]["stopped"].startswith("stopped after ")
    assert answers[0]["done"] == of.trainer.bench.step


def test_a_page_that_is_gone_costs_no_frames(of):
    of.do("run")
    of.get("state", query_string={"after": 0})
    version, step = of.trainer._version, of.trainer.bench.step
    until(lambda: of.trainer.bench.step > step + 200)
    assert of.trainer._version <= version + 1


def test_curves_and_rates_are_sent_where_a_page_has_older_ones(of):
    def asked(after, numbers):
        query = {"after": after, "numbers_version": numbers}
        return of.get("state", query_string=query).json

    of.do("steps", count=30)
    first = asked(0, 0)
    assert len(decoded(first["curves"]["steps"])) and set(first["rates"]) == {"d", "g"}
    again = asked(0, first["numbers_version"])
    assert not {"curves", "rates"} & set(again) and again["step"] == first["step"]
    of.do("run")
    found = [asked(0, 0)]
    while len(found) < 12:
        found.append(asked(found[-1]["version"], found[-1]["numbers_version"]))
    pictures = [frame for frame in found if "alive" not in frame]
    with_curves = sum("curves" in frame for frame in pictures)
    assert 0 < with_curves < len(pictures)  # as often as the eye follows, no more
    of.do("pause")
    last = asked(found[-1]["version"], found[-1]["numbers_version"])
    assert decoded(last["curves"]["steps"])[-1] == last["step"]  # at rest they are complete


def test_a_diagnosis_is_shown_once_it_is_there_also_at_rest(of):
    of.do("steps", count=SMALL.summary_every)
    until(lambda: of.trainer.shown.doctor.told[0] is not None)
    until(lambda: of.trainer._dirty or of.trainer._frame.get("told") not in (None, [None]))
    (told,) = of.get("state", query_string={"after": 0}).json["told"]
    assert told["step"] == SMALL.summary_every and told["state"].startswith("too early")


def test_after_a_restart_no_frame_from_before_it_is_shown(of, monkeypatch):
    monkeypatch.setattr(trainer, "_FRESH_SECONDS", 60.0)  # as if the restart took no time
    of.do("steps", count=3)
    before = of.get("state", query_string={"after": 0}).json
    of.do("restart")
    after = of.get("state", query_string={"after": 0}).json
    assert before["step"] == 3 and after["step"] == 0 and after["epoch"] > before["epoch"]


def test_the_program_serves_a_workdir(tmp_path):
    options = dataclasses.replace(OPTIONS, workdir=str(tmp_path / "run"))
    engine.Run(circle, SMALL, options, data.load("circle")).save()
    process = Process("lab.py", "--browser", f"--workdir={tmp_path / 'run'}")
    assert process.wait_until(lambda: "http://" in process._out.read_text())
    address = re.search(r"http://\S+/", process._out.read_text())[0]
    with urllib.request.urlopen(f"{address}state?after=0", timeout=60) as answer:
        assert json.load(answer)["step"] == 0
    process.send(signal.SIGTERM)
    ended = process.end()
    assert ended.code == 143 and "Traceback" not in ended.err, ended.err


@pytest.mark.slow
def test_the_benchmark_counts_pictures_and_steps():
    command = [sys.executable, str(ROOT / "benchmarks" / "lab.py"), "--seconds=1", "--rounds=1"]
    flags = ["--", "--g_hidden=8", "--d_hidden=8"]
    ended = subprocess.run([*command, *flags], capture_output=True, text=True, timeout=300)
    assert ended.returncode == 0, ended.stderr
    header, *rows = ended.stdout.splitlines()
    found = [float(row.split()[-1].replace(",", "")) for row in rows]
    assert header.split() == ["median", "least", "most"] and len(found) == 4 and min(found) > 0


def test_the_speed_has_a_limit(of):
    of.do("limit", steps_per_second=50)
    of.do("run")
    until(lambda: of.trainer.bench.step > 3)
    step, begun = of.trainer.bench.step, time.monotonic()
    time.sleep(1.0)
    rate = (of.trainer.bench.step - step) / (time.monotonic() - begun)
    of.do("pause")
    assert 0 < rate <= 60


def test_a_batch_changes_while_it_runs_and_goes_back_with_a_restart(of):
    of.do("run")
    until(lambda: of.trainer.bench.step > 30)
    epoch = of.get("about").json["epoch"]
    of.do("live", name="batch_size", value=24)
    frame, targets = of.frame(), {"real_label": 1.0, "fake_label": 0.0}
    assert frame["running"] and frame["live"] == {"batch_size": 24} | targets
    until(lambda: of.trainer.bench.step > frame["step"] + 30)
    of.do("pause")
    assert of.frame()["step"] > frame["step"] and of.get("about").json["epoch"] == epoch
    stages = {stage["stage"]: stage for stage in of.do("stages", name="d_step")["stages"]}
    assert [part["shape"] for part in stages["draw"]["parts"]] == [[24, 2], [24, 3]]
    assert "batch_size was changed" in of.refused("save", workdir="nowhere")
    of.do("restart")
    frame = of.frame()
    assert frame["live"] == {"batch_size": 16} | targets
    assert frame["apart"] == [] and frame["step"] == 0


def test_what_is_not_finite_stops_and_is_told_until_a_restart(of):
    of.do("rate", name="d", value=1e38)
    of.do("steps", count=100)
    assert "not finite" in of.frame()["error"]
    of.do("restart")
    of.do("steps", count=2)
    frame = of.frame()
    assert frame["error"] == "" and frame["step"] == 2


def test_a_defect_ends_the_thread_and_whoever_waits_is_told(of):
    trainer = Trainer(of.trainer.setting, of.trainer.bench)
    trainer.start()
    with pytest.raises(InputError, match="a defect"):
        trainer.call(lambda: 1 / 0)
    trainer.join(20)
    assert isinstance(trainer.failed, ZeroDivisionError)
    with pytest.raises(InputError, match="ending"):
        trainer.call(lambda: None)


def test_a_port_in_use_is_one_line():
    with serving.listening("127.0.0.1", 0) as sock:
        port = sock.getsockname()[1]
        with pytest.raises(InputError, match=f"--port={port}: .*in use; choose another"):
            serving.listening("127.0.0.1", port)
    with pytest.raises(InputError, match=r"192\.0\.2\.1"):
        serving.listening("192.0.2.1", 0)  # of nobody: RFC 5737


def test_a_restart_with_other_settings_is_another_lab(of):
    epoch = of.get("about").json["epoch"]
    of.do("restart", settings={"batch_size": 8, "real_label": 0.9, "g_hidden": [6, 4], "seed": 3})
    about, config = of.get("about").json, of.trainer.bench.run.config
    assert about["epoch"] > epoch and about["seed"] == 3
    assert (config.batch_size, config.real_label, config.g_hidden) == (8, 0.9, (6, 4))
