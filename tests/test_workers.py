"""Several workers without TensorFlow: who they are, how they meet, agree, part, and are started."""

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import pytest
from processes import ROOT

from ganflow.base.errors import InputError, WorkersError
from ganflow.workers import ALONE, cluster, group, launching, meeting, wire
from ganflow.workers.cluster import Cluster
from ganflow.workers.pulse import Pulse

TWO = {"worker": ["a:2000", "b:2000"]}


def tf_config(jobs, kind="worker", index=0) -> dict[str, str]:
    return {"TF_CONFIG": json.dumps({"cluster": jobs, "task": {"type": kind, "index": index}})}


# ---------------------------------------------------------------- who they are


def test_the_workers_of_tf_config():
    found = cluster.from_tf_config(tf_config(TWO, index=1))
    assert found == Cluster(("a:2000", "b:2000"), 1)
    assert found.meeting == ("a", 1999)
    assert found.name(0) == "worker 0, the chief (a:2000)" and found.name(1) == "worker 1 (b:2000)"
    assert cluster.from_tf_config({"TF_CONFIG": cluster.as_tf_config(["a:2000", "b:2000"], 1)}) == (
        found
    )


def test_a_chief_comes_first_and_one_process_is_no_cluster():
    jobs = {"chief": ["c:2000"], "worker": ["a:2000", "b:2000"]}
    assert cluster.from_tf_config(tf_config(jobs, "worker", 1)).index == 2
    assert cluster.from_tf_config(tf_config(jobs, "chief")) == Cluster(
        ("c:2000", "a:2000", "b:2000"), 0
    )
    assert cluster.from_tf_config({}) is None
    assert cluster.from_tf_config(tf_config({"worker": ["a:2000"]})) is None
    assert Cluster(("[::1]:2000", "b:1"), 0).meeting == ("::1", 1999)


@pytest.mark.parametrize(
    ("environment", "told"),
    [
        ({"TF_CONFIG": "{"}, "cannot be understood"),
        ({"TF_CONFIG": "[]"}, "cannot be understood"),
        ({"TF_CONFIG": '{"cluster": {"worker": 5}, "task": {}}'}, "cannot be understood"),
        (tf_config({"worker": [5, "a:2"]}), "5 is no address"),
        (tf_config({"worker": ["a", "b:2000"]}), "'a' is no address"),
        (tf_config({"worker": ["a:99999", "b:2000"]}), "'a:99999' is no address"),
        (tf_config({"worker": ["a:2000", "a:2000"]}), "stands there twice"),
        (tf_config(TWO, index=2), "no worker 2 among 2"),
        (tf_config(TWO, index="0"), "no worker -1"),
        (tf_config(TWO | {"ps": ["c:2000"]}), "found 'ps'; expected"),
        (tf_config(TWO, "evaluator"), "found 'evaluator'; expected"),
        (tf_config({"chief": ["c:1", "d:1"], "worker": ["a:2"]}), "several chiefs"),
        (tf_config({}, kind=None), "found None; expected"),
        (tf_config({"worker": ["a:2"]}, kind=True), "found True; expected"),
        (tf_config({"worker": ["a:2"]}, kind=[]), "cannot be understood"),
    ],
)
def test_what_is_no_cluster_is_refused_in_a_line(environment, told):
    with pytest.raises(InputError, match=told) as found:
        cluster.from_tf_config(environment)
    assert "\n" not in str(found.value)


# ---------------------------------------------------------------- threads as workers


def together(functions, timeout_seconds=5.0, on_loss=None):
    """Each function called in a thread of its own with its group; what they gave or raised."""
    addresses = tuple(launching.free_addresses(len(functions)))
    results: list = [None] * len(functions)
    lost: list[list[str]] = [[] for _ in functions]

    def work(index):
        try:
            mine = Cluster(addresses, index)
            with group.joined(mine, timeout_seconds, on_loss or lost[index].append) as joined:
                results[index] = functions[index](joined)
        except BaseException as error:
            results[index] = error

    threads = [threading.Thread(target=work, args=[i]) for i, f in enumerate(functions) if f]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive()
    return results, lost


def test_all_workers_agree_on_the_largest():
    given = [(0, 15, False), (2, 0, False), (1, 3, True)]
    results, lost = together([lambda g, values=v: (g.agree(*values), g.agree(7)) for v in given])
    assert results == [([2, 15, True], [7])] * 3
    assert lost == [[], [], []]  # that they part is no loss
    assert ALONE.agree(3, False) == [3, False] and ALONE.is_chief and ALONE.size == 1


def test_a_difference_is_the_same_line_for_all():
    sames = {"--seed": "0", "data of SHA-256": "f" * 64}
    other = {"--seed": "1", "data of SHA-256": "e" * 64}
    results, _ = together([lambda g, t=t: g.compare(t, "repair it") for t in (sames, sames, other)])
    assert all(isinstance(found, InputError) for found in results)
    (line,) = {str(found) for found in results}
    assert line.startswith("worker 2 (127.0.0.1:") and line.endswith("; repair it")
    assert "has --seed=1 (the chief's is 0), data of SHA-256=eeeeeeeeeeeeeeee (the chief's" in line
    assert "\n" not in line
    assert together([lambda g: g.compare(sames, "")] * 2)[0] == [None, None]


def test_the_chiefs_folder_arrives_byte_for_byte(tmp_path, monkeypatch):
    monkeypatch.setattr(wire, "CHUNK_BYTES", 1000)
    folder = tmp_path / "000000400"
    folder.mkdir()
    contents = {"weights.data": os.urandom(12_345), "weights.index": b"", "manifest.json": b"{}"}
    for name, data in contents.items():
        (folder / name).write_bytes(data)

    def read(g):
        with g.folder_of_chief(folder if g.is_chief else tmp_path / "nowhere") as here:
            assert (here == folder) == g.is_chief and here.name == folder.name
            return {path.name: path.read_bytes() for path in here.iterdir()}

    assert together([read] * 3)[0] == [contents] * 3


def test_who_is_missing_is_named_by_those_who_are_there():
    results, _ = together([lambda g: g, None, lambda g: g], timeout_seconds=0.5)
    (line,) = {str(found) for found in (results[0], results[2])}
    assert isinstance(results[0], WorkersError) and isinstance(results[2], WorkersError)
    assert line.startswith("worker 1 (127.0.0.1:") and "is missing: not there after 0 s" in line
    results, _ = together([None, lambda g: g], timeout_seconds=0.5)
    assert isinstance(results[1], WorkersError)
    assert str(results[1]).startswith("worker 0, the chief (127.0.0.1:")


def test_other_addresses_and_strangers_do_not_get_in():
    addresses = launching.free_addresses(2)
    mine, found = Cluster(tuple(addresses), 0), []

    def chief():
        try:
            meeting.meet(mine, 4.0)
        except WorkersError as error:
            found.append(str(error))

    thread = threading.Thread(target=chief)
    thread.start()
    time.sleep(0.2)
    for said in (b"GET / HTTP/1.1\r\n\r\n", b"\x00\x00\x00\x02[]", b"\x7f\xff\xff\xff"):
        with socket.create_connection(mine.meeting) as stranger:
            stranger.sendall(said)
    with pytest.raises(InputError, match=r"was given the addresses .*, c:5, and the chief"):
        meeting.meet(Cluster((addresses[0], "c:5"), 1), 1.0)
    thread.join(20)
    assert len(found) == 1 and "worker 1" in found[0]


def test_a_port_that_is_taken_is_a_line():
    addresses = launching.free_addresses(2)
    mine = Cluster(tuple(addresses), 0)
    with socket.create_server(mine.meeting), pytest.raises(InputError, match="cannot listen at"):
        meeting.meet(mine, 1.0)


def test_the_error_that_ends_one_worker_is_told_by_the_others(monkeypatch):
    monkeypatch.setattr("ganflow.workers.pulse.LAST_WORDS_SECONDS", 0.1)
    told = threading.Event()

    def fails(g):
        raise InputError("its disk has burnt")

    def waits(g):
        assert told.wait(10)

    lines = []
    together([waits, fails], on_loss=lambda line: (lines.append(line), told.set()))
    assert len(lines) == 1
    assert lines[0].startswith("worker 1 (") and lines[0].endswith("ended: its disk has burnt")


# ---------------------------------------------------------------- the pulse


@contextlib.contextmanager
def pulses(silence_seconds=15.0):
    """A chief's pulse, its lines, and the raw other ends of two workers."""
    pairs = [socket.socketpair() for _ in range(2)]
    links = {i + 1: wire.Connection(ours.detach()) for i, (ours, _) in enumerate(pairs)}
    theirs = [wire.Connection(end.detach()) for _, end in pairs]
    lines: list[str] = []
    yield Pulse(links, lambda i: f"worker {i}", lines.append, silence_seconds), lines, theirs
    for end in theirs:
        end.close()


def wait_for(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while not condition() and time.monotonic() < end:
        time.sleep(0.01)
    return condition()


def test_a_closed_connection_is_noticed_at_once_and_the_others_are_told():
    with pulses() as (_, lines, (first, second)):
        first.close()
        assert wait_for(lambda: lines, 2)
        assert lines == ["worker 1 has gone"]
        heard = [wire.receive(second) for _ in range(2)]
        assert heard == [["beat"], ["end", "worker 1 has gone"]]


def test_a_silent_worker_is_noticed_and_one_that_speaks_is_not():
    with pulses(silence_seconds=1.0) as (_, lines, (first, second)):
        end = time.monotonic() + 1.3
        while time.monotonic() < end:
            wire.try_to_send(first, "beat")
            time.sleep(0.1)
        assert wait_for(lambda: lines, 2)
    assert lines[0].startswith("worker 2 has not been heard of for 1 s")


def test_who_has_said_that_it_ends_is_not_missed():
    with pulses(silence_seconds=0.5) as (pulse, lines, ends):
        for end in ends:
            wire.send(end, "end", "")
        pulse.wait_for_ends(5)
        for end in ends:
            end.close()
        time.sleep(0.3)
        assert lines == []


# ---------------------------------------------------------------- the launcher


def launcher(*words, workers=2, **settings):
    return subprocess.Popen(
        [sys.executable, str(ROOT / "bin" / "launch.py"), f"--workers={workers}", "--", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        **settings,
    )


def test_what_is_started():
    assert launching.command(["bin/train.py", "--a"]) == [sys.executable, "bin/train.py", "--a"]
    assert launching.command(["ganflow-train"]) == ["ganflow-train"]
    with pytest.raises(InputError, match="give a command after --"):
        launching.command([])


def test_each_worker_is_told_who_it_is_and_its_lines_are_numbered():
    process = launcher("sh", "-c", "echo $TF_CONFIG; echo oh >&2; printf last", workers=3)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 0 and sorted(err.split("\n")) == [
        "",
        *(f"[{i}] oh" for i in "012"),
    ]
    lines = sorted(out.splitlines())
    assert lines[::2] == ["[0] last", "[1] last", "[2] last"]
    found = [cluster.from_tf_config({"TF_CONFIG": line[4:]}) for line in lines[1::2]]
    assert [each.index for each in found] == [0, 1, 2] and len(found[0].addresses) == 3


def test_the_first_bad_code_is_the_launchers_and_nobody_stays(tmp_path, monkeypatch):
    monkeypatch.setattr(launching, "GRACE_SECONDS", 0.5)
    script = f"""
        case $TF_CONFIG in *'"index": 1'*) sleep .3; exit 7;; esac
        trap "" TERM; echo $$ > {tmp_path}/pid; sleep 60; exit 3"""
    started = time.monotonic()
    assert launching.launch(["sh", "-c", script], 2, os.environ) == 7
    assert time.monotonic() - started < 10
    with pytest.raises(ProcessLookupError):
        os.kill(int((tmp_path / "pid").read_text()), 0)


def test_the_reason_counts_and_not_that_another_has_gone():
    script = """case $TF_CONFIG in *'"index": 1'*) exit 6;; esac; sleep .5; exit 4"""
    assert launching.launch(["sh", "-c", script], 2, os.environ) == 4


def test_a_program_that_is_not_there_is_a_line():
    process = launcher("no-such-program")
    _, err = process.communicate(timeout=60)
    assert process.returncode == 2
    assert err == "launch.py: no-such-program: cannot be started: No such file or directory\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_is_handed_on_once(number):
    script = """if True:
        import signal, sys, time
        def end(n, frame):
            print("got", n, flush=True)
            sys.exit(128 + n)
        for n in (1, 2, 15):
            signal.signal(n, end)
        print("ready", flush=True)
        time.sleep(60)"""
    process = launcher(sys.executable, "-c", script)
    assert sorted(process.stdout.readline() for _ in range(2)) == ["[0] ready\n", "[1] ready\n"]
    process.send_signal(number)
    out, _ = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert sorted(out.splitlines()) == [f"[0] got {number:d}", f"[1] got {number:d}"]


def test_a_launcher_that_is_killed_leaves_no_orphan():
    process = launcher("sh", "-c", "echo $$; exec sleep 60")
    pids = [int(process.stdout.readline()[4:]) for _ in range(2)]
    process.kill()
    process.wait()
    process.stdout.close()
    process.stderr.close()

    def is_there(pid):
        try:
            os.kill(pid, 0)
            return open(f"/proc/{pid}/stat").read().rpartition(")")[2].split()[0] != "Z"
        except OSError:
            return False

    assert wait_for(lambda: not any(map(is_there, pids)))
