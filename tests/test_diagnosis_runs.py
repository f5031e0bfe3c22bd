"""Runs made ill on purpose are told their illness, healthy ones nothing.

The settings that provoke an illness are such as are known to cause it, and every one is a sabotage
of a model that is healthy without them.
"""

import dataclasses

import numpy as np
import pytest
from stepping import batch_of, whole_step

from ganflow import data, engine, models
from ganflow.interface import gans
from ganflow.storage import workdir
from ganflow.summaries import recorder
from ganflow.summaries.diagnosis import diagnose
from ganflow.summaries.probes import Evidence


@pytest.fixture(autouse=True)
def no_pictures(monkeypatch):
    """Drawing takes longer than the training does."""
    monkeypatch.setattr(recorder.Album, "draw", lambda *_: [])


def found(folder, model: str, seed: int = 0, **settings) -> set[str]:
    """Train with a model's defaults but for `settings`; the illnesses that its rows name."""
    folder.mkdir(exist_ok=True)
    module = models.load(model)
    config = dataclasses.replace(module.Config(), **settings)
    options = engine.Options(workdir=str(folder), seed=seed)
    run = engine.Run(module, config, options, data.load(config.dataset))
    assert run.train(config.steps)
    rows = workdir.Metrics(folder).rows()
    assert [row["step"] for row in rows] == [*range(0, config.steps + 1, config.summary_every)]
    return {illness for row in rows for illness in row["diagnosis"]}


SMALL_IMAGES = {
    "model": "simple",
    "dataset": "digits",
    "batch_size": 32,
    "g_hidden": (32,),
    "d_hidden": (32,),
    "z_size": 16,
    "steps": 1_000,
    "summary_every": 100,
}
POINTS = {"model": "circle", "steps": 1_000, "summary_every": 100}
PROVOKED = {
    "mode_collapse": POINTS | {"dataset": "gaussians_8", "g_learning_rate": 5e-2},
    # G stands still
    "d_overpowers_g": SMALL_IMAGES | {"g_learning_rate": 0.0, "d_learning_rate": 0.1},
    # D stands still
    "g_overpowers_d": POINTS | {"d_learning_rate": 0.0},
    "saturation": SMALL_IMAGES | {"g_learning_rate": 0.1, "d_learning_rate": 0.1},
    # Two linear networks under strong momentum go round the equilibrium
    "oscillation": {
        "model": "circle",
        "steps": 1_500,
        "summary_every": 75,
        "d_hidden": (),
        "g_hidden": (),
        "d_learning_rate": 1e-2,
        "g_learning_rate": 1e-2,
        "beta_1": 0.99,
    },
    "dead_units": POINTS | {"d_learning_rate": 0.3, "g_learning_rate": 0.3},
}


# Healthy runs: what the thresholds must stay silent on.
QUICKSTART = {
    "model": "simple",
    "dataset": "digits",
    "batch_size": 64,
    "steps": 10_000,
    "summary_every": 500,
    "d_hidden": (512,),
    "d_learning_rate": 0.1,
    "g_learning_rate": 5e-4,
}
HEALTHY = {
    "circle": {"model": "circle"},
    "circle, often": {"model": "circle", "steps": 3_000, "summary_every": 50},
    "circle on 25 modes": {"model": "circle", "dataset": "gaussians_25", "steps": 3_000}
    | {"summary_every": 100},
    "quickstart": QUICKSTART,
    "wgan_gp_points": {"model": "wgan_gp_points", "width": 128, "steps": 10_000},
}


QUICK = ("d_overpowers_g",)


@pytest.mark.parametrize("illness", QUICK)
def test_an_illness_provoked_on_purpose_is_found(tmp_path, illness):
    assert illness in found(tmp_path, **PROVOKED[illness])


@pytest.mark.slow
@pytest.mark.parametrize("illness", sorted(PROVOKED.keys() - QUICK))
def test_the_other_illnesses_are_found_too(tmp_path, illness):
    assert illness in found(tmp_path, **PROVOKED[illness])


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize("illness", PROVOKED)
def test_it_is_found_for_other_seeds_too(tmp_path, illness, seed):
    assert illness in found(tmp_path, seed=seed, **PROVOKED[illness])


def test_an_enormous_learning_rate_is_not_finite(points):
    module = models.load("circle")
    config = module.Config(d_learning_rate=1e30, g_learning_rate=1e30)
    gan = gans.build(module, config, points.about(), seed=0)
    step = whole_step(gan)
    batch = batch_of(gan, points.example_shape, 50, np.random.default_rng(0))
    for _ in range(2):
        scalars, _ = step(batch)
    (sampler,) = gan.samplers()
    given = gans.given(sampler, 1, 50)
    samples = sampler.generate(given)
    now = Evidence(
        step=2,
        rows=[{"step": 2} | {name: float(value) for name, value in scalars.items()}],
        samples=samples.numpy(),
        real=points.x,
        real_scores=sampler.score(points.x, {}).numpy(),
        fake_scores=sampler.score(samples, given).numpy(),
        activations=gans.activations(gan, sampler, given, points.x, {}),
    )
    assert [verdict.illness for verdict in diagnose(now)] == ["not_finite"]


def test_a_healthy_run_is_told_nothing(tmp_path):
    assert found(tmp_path, **HEALTHY["circle"]) == set()


@pytest.mark.slow
@pytest.mark.parametrize("run", HEALTHY)
def test_healthy_runs_are_told_nothing(tmp_path, run):
    # minutes for the two long ones, seconds for the others
    for seed in range(1 if HEALTHY[run].get("steps") == 10_000 else 3):
        assert found(tmp_path / str(seed), seed=seed, **HEALTHY[run]) == set()
