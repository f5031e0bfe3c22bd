"""The lab in a browser: its state is the engine's, and what it saves a training goes on with."""

import dataclasses
import fcntl
import re

import numpy as np
import pytest
from webs import OPTIONS, SMALL, page, setting, state, weights

from ganflow import data, models
from ganflow.base.errors import BusyError, InputError, NotFiniteError
from ganflow.engine import Run
from ganflow.lab import bench as flags
from ganflow.lab.web import frames, keeping
from ganflow.lab.web.asking import Question
from ganflow.lab.web.bench import Bench
from ganflow.lab.web.doctor import Doctor
from ganflow.lab.web.looking import looks
from ganflow.lab.web.setting import of_flags
from ganflow.models import discogan


@pytest.fixture(scope="module")
def shared():
    return Bench(setting())


@pytest.fixture
def bench(shared):
    shared.restart()
    return shared


def new_run(config=SMALL, workdir="") -> Run:
    """A training with the flags of the lab."""
    options = dataclasses.replace(OPTIONS, workdir=str(workdir))
    return Run(models.load("circle"), config, options, data.load("circle"))


@pytest.fixture(scope="module")
def trained():
    """Every bit of the model that a training has, by the step; in calls of other lengths."""
    run = new_run()
    found = {0: values(run)}
    for count in (10, 7, 8, 20):
        run.advance(count)
        found[int(run.step)] = values(run)
    return found


def values(run: Run) -> list[bytes]:
    return [v.numpy().tobytes() for v in run.gan.variables]


# ---------------------------------------------------------------- bit for bit


def test_whole_steps_are_those_of_a_training_whatever_is_looked_at_between(bench, trained):
    questions = [Question(bench.lab, name) for name in bench.lab.updates]
    shown = looks(bench.lab)
    while bench.step < 45:
        bench.advance(min(bench.most(45 - bench.step), 13))
        answers = {question.name: question.ask() for question in questions}
        frames.weights(bench, answers)
        assert all(np.isfinite(look.now()["push"]).all() for look in shown)
    assert values(bench.run) == trained[45]
    assert bench.apart == [] and bench.lab.done == {"d_step": 45, "g_step": 45}


def test_one_update_more_is_another_state_and_is_told(bench, trained):
    bench.advance(10)
    assert values(bench.run) == trained[10]
    bench.update("d_step", 1)
    assert values(bench.run) != trained[10]
    assert bench.apart == ["single updates were made"] and bench.step == 11


def test_a_question_moves_no_bit_and_answers_what_then_happens(bench):
    bench.advance(5)
    before = state(bench)
    answer = Question(bench.lab, "g_step").ask()
    assert state(bench) == before
    report = bench.update("g_step", 1)
    for (label, name), gradient in answer.gradients.items():
        network, _, weight = name.partition("/")
        norm = report.weights[network][weight].gradient_norms["g_step", label]
        np.testing.assert_allclose(np.linalg.norm(gradient), norm, rtol=1e-4)
    np.testing.assert_allclose(answer.scalars["g_loss"], report.scalars["g_loss"][0], rtol=1e-5)
    fake = dict(answer.passes)["generator"]
    np.testing.assert_allclose(answer.passes[0][1], fake)
    assert [network for network, _ in answer.passes] == ["generator", "discriminator"]


def test_a_restart_goes_back_to_the_first_bits(bench):
    first = state(bench)
    bench.advance(20)
    bench.set_rate("d", 0.5)
    bench.update("g_step", 2)
    assert state(bench) != first and len(bench.apart) == 2
    bench.restart()
    assert state(bench) == first and bench.apart == [] and bench.step == 0


def test_a_rate_of_0_stops_one_network_and_the_same_rate_changes_nothing(bench):
    bench.set_rate("d", SMALL.d_learning_rate)
    assert bench.apart == []
    bench.set_rate("d", 0.0)
    before = weights(bench)
    bench.advance(3)
    moved = {name for name, value in weights(bench).items() if value != before[name]}
    assert moved == {name for name in before if name.startswith("generator/")}
    assert bench.apart == ["the learning rate of d was changed"]
    with pytest.raises(InputError, match="there is no such optimizer"):
        bench.set_rate("nobody", 1.0)


@pytest.mark.slow
def test_another_batch_and_another_label_go_on_from_the_same_state(bench, trained):
    """As a training does that has had them from the beginning, and is given that state."""
    bench.advance(15)
    before, question = state(bench), Question(bench.lab, "d_step")
    loss = question.ask().scalars["d_loss"]
    bench.set_live("batch_size", 16)
    assert bench.apart == []  # it had that already
    bench.set_live("batch_size", 24)
    bench.set_live("real_label", 0.8)
    assert state(bench) == before and Question(bench.lab, "d_step").ask().scalars["d_loss"] != loss
    run = new_run(dataclasses.replace(SMALL, batch_size=24, real_label=0.8))
    copied = (*bench.run.gan.variables, bench.run.step)
    for variable, value in zip((*run.gan.variables, run.step), copied, strict=True):
        variable.assign(value)
    run.advance(12)
    bench.advance(12)
    assert values(bench.run) == values(run) and bench.step == 27
    assert bench.apart == ["batch_size was changed", "real_label was changed"]
    bench.update("d_step", 1)  # a single update takes them as well
    run.gan.d_step(run.feed.batch_of(27))
    for a, b in zip(bench.run.gan.d_variables, run.gan.d_variables, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-6)
    bench.restart()  # what the flags say
    bench.advance(10)
    assert values(bench.run) == trained[10] and bench.apart == []


@pytest.mark.slow
@pytest.mark.parametrize("model", ["dense_logits", "simple_keras"])
def test_labels_of_other_models_are_changed_under_way_too(model):
    small = {"dataset": "digits", "batch_size": 8, "g_hidden": (8,), "d_hidden": (8,)}
    config = models.load(model).Config()
    known = {field.name for field in dataclasses.fields(config)}
    config = dataclasses.replace(config, **{k: v for k, v in small.items() if k in known})
    bench = Bench(setting(config, model))
    before = Question(bench.lab, "d_step").ask().scalars["d_loss"]
    bench.set_live("real_label", 0.6)
    assert Question(bench.lab, "d_step").ask().scalars["d_loss"] != before


def test_what_is_no_longer_finite_is_named(bench):
    bench.set_rate("d", 1e38)
    with pytest.raises(NotFiniteError, match="not finite: .*d_loss.*restart"):
        for _ in range(4):
            bench.advance(bench.most(20))
    bench.restart()
    bench.advance(2)


# ---------------------------------------------------------------- diagnosis


@pytest.mark.slow
def test_the_diagnosis_is_that_of_a_training(tmp_path):
    config = dataclasses.replace(SMALL, summary_every=200, steps=600)
    run = new_run(config, tmp_path)
    run.train(600)
    bench = Bench(setting(config))
    doctor, judged = Doctor(bench.run), {}
    while bench.step < 600:
        bench.advance(bench.most(600 - bench.step))
        if doctor.is_due(bench.step):
            doctor.look(bench.step, bench.gradient_norms)
            doctor._background.drain()
            (judged[bench.step],) = doctor.told
    doctor.close()
    assert list(judged) == [200, 400, 600]
    for row in run.rows[1:]:
        told = judged[row["step"]]
        assert told.state.startswith(row["health"])
        assert [ill["illness"].replace(" ", "_") for ill in told.illnesses] == row["diagnosis"]


@pytest.mark.slow
def test_every_sampler_is_judged_and_by_its_own_samples():
    config = discogan.Config(dataset="gaussians_5_10", batch_size=16, width=8)
    bench = Bench(setting(dataclasses.replace(config, summary_every=2), "discogan"))
    doctor = Doctor(bench.run)
    for _ in range(3):
        bench.advance(bench.most(2))
        doctor.look(bench.step, bench.gradient_norms)
    doctor.close()
    assert len(doctor.told) == len(bench.run.samplers) > 1
    assert all(told.step == bench.step and told.state for told in doctor.told)
    own = [rows[-1] for rows in doctor._rows]
    assert len({str(sorted(row.items())) for row in own}) == len(own)


# ---------------------------------------------------------------- workdirs


def test_what_is_saved_a_training_takes_to_the_last_bit(bench, trained, tmp_path):
    bench.advance(10)
    bench.advance(7)
    folder = tmp_path / "saved"
    assert keeping.save(bench, folder).name == "000000017"
    run = new_run(workdir=folder)
    assert run.resume() and int(run.step) == 17
    assert values(run) == trained[17]
    assert [v.numpy().tobytes() for v in (*run.gan.variables, run.step, *run.means.variables)] == (
        state(bench)
    )
    text = (folder / "flags.txt").read_text()
    assert "--model=circle\n" in text and f"--workdir={folder}\n" in text and "--seed=0\n" in text
    bench.advance(3)  # and again, further on
    assert keeping.save(bench, folder).name == "000000020"


def test_a_lab_goes_on_from_a_workdir_and_writes_nothing_there(bench, trained, tmp_path):
    bench.advance(10)
    keeping.save(bench, tmp_path / "saved")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    told = of_flags("circle", SMALL, flags.Options(workdir=str(tmp_path / "saved")), set())
    again = Bench(told)
    assert again.step == 10 and state(again) == state(bench)
    assert values(again.run) == trained[10] and again.apart == []
    assert before == {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}


def test_a_state_that_no_flags_lead_to_is_not_saved(bench, tmp_path):
    bench.update("d_step", 1)
    bench.set_rate("g", 0.5)
    with pytest.raises(InputError, match=r"single updates were made; the learning rate of g"):
        keeping.save(bench, tmp_path / "saved")
    assert not (tmp_path / "saved").exists()


def test_a_folder_that_holds_something_is_left_as_it_is(bench, tmp_path):
    (tmp_path / "mine.txt").write_text("mine")
    bench.advance(2)
    with pytest.raises(InputError, match="is not empty"):
        keeping.save(bench, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]
    keeping.save(bench, tmp_path / "saved")
    bench.restart()  # another history
    bench.advance(5)
    with pytest.raises(InputError, match="is not empty"):
        keeping.save(bench, tmp_path / "saved")


def test_a_folder_in_which_somebody_writes_is_refused(bench, tmp_path):
    folder = tmp_path / "busy"
    folder.mkdir()
    with open(folder / ".lock", "a+") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(BusyError, match="is writing here") as found:
            keeping.save(bench, folder)
    assert found.value.exit_code == 5 and [p.name for p in folder.iterdir()] == [".lock"]


@pytest.mark.slow
def test_drawn_points_are_trained_on_and_saved_with_the_run(tmp_path):
    drawn = np.random.default_rng(0).standard_normal((60, 2)).astype(np.float32)
    with page(setting()) as of:
        points = [[float(x), float(y)] for x, y in drawn]
        of.do("restart", points=points)
        bench = of.trainer.bench
        kept = {row.tobytes() for row in bench.run.dataset.x}
        assert len(kept) == 48 and kept < {row.tobytes() for row in drawn}  # a fifth is held out
        of.do("steps", count=9)
        folder = tmp_path / "drawn"
        of.do("save", workdir=str(folder))
        # A training that is given the workdir's flags takes the same points and goes on.
        text = (folder / "flags.txt").read_text()
        assert "--dataset=npy\n" in text and f"--data_dir={folder / 'points.npy'}\n" in text
        config = dataclasses.replace(SMALL, dataset="npy")
        options = dataclasses.replace(OPTIONS, workdir=str(folder), data_dir=f"{folder}/points.npy")
        dataset, held_out = data.load_both("npy", options.data_dir)
        run = Run(models.load("circle"), config, options, dataset, held_out=held_out)
        assert run.resume() and int(run.step) == 9
        run.advance(6)
        of.do("steps", count=6)
        assert values(run) == values(bench.run)
        # Too few of them are refused, and the lab is as it was.
        assert re.search("batch", of.refused("restart", points=points[:10]))
        assert of.trainer.bench is bench and of.frame()["step"] == 15
        of.do("restart", points=[])
        assert of.trainer.bench.run.dataset.name == "circle"
