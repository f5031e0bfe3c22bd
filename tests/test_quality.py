"""Trained until a quality can be judged; each gate has a broken variant that must fail it.

Slow: `make test-slow` runs these.
"""

import dataclasses

import numpy as np
import pytest

from ganflow import data, engine, models
from ganflow.interface import gans

pytestmark = pytest.mark.slow
SAMPLES = 10_000


def trained_samples(model: str, folder, seed: int = 0, **settings) -> np.ndarray:
    """Points [SAMPLES, 2] of a model trained with its own settings but for `settings`."""
    module = models.load(model)
    config = dataclasses.replace(module.Config(), **settings)
    options = engine.Options(workdir=str(folder), seed=seed)
    run = engine.Run(module, config, options, data.load(config.dataset))
    while (left := config.steps - int(run.step)) > 0:
        run.advance(min(left, run.steps_per_call))
    (sampler,) = run.samplers
    return sampler.generate(gans.given(sampler, 1, SAMPLES, "test_quality")).numpy()


def circle_faults(runs: list[np.ndarray]) -> list[str]:
    """What is wrong with the median run of several that should lie on the circle of radius 2."""
    radii = [np.hypot(*points.T) for points in runs]
    off = np.median([abs(radius.mean() - 2) for radius in radii])
    near = np.median([np.mean(np.abs(radius - 2) <= 0.2) for radius in radii])
    sectors = np.median([len(set(np.arctan2(y, x) * 18 // np.pi)) for x, y in (r.T for r in runs)])
    return [
        fault
        for fault, holds in {
            f"the mean radius is {off:.3f} off": off <= 0.1,
            f"{near:.1%} near the circle": near >= 0.9,
            f"{sectors} of 36 sectors": sectors == 36,
        }.items()
        if not holds
    ]


def grid_faults(points: np.ndarray) -> list[str]:
    """What is wrong with points that should come from the 25 Gaussians, evenly."""
    centres, std = data.modes("gaussians_25")
    distance = np.linalg.norm(points[:, None] - centres[None], axis=2)
    nearest, good = distance.argmin(axis=1), distance.min(axis=1) <= 3 * std
    captured = np.bincount(nearest[good], minlength=25) > 0
    share = np.bincount(nearest, minlength=25) / len(points)
    return [
        fault
        for fault, holds in {
            f"{captured.sum()} of 25 modes": captured.all(),
            f"{good.mean():.1%} within 3 standard deviations": good.mean() >= 0.2,
            f"the rarest mode has {share.min():.2%}": share.min() >= 0.01,
        }.items()
        if not holds
    ]


def test_circle_at_the_documents_settings_lies_on_the_circle(tmp_path):
    assert circle_faults([trained_samples("circle", tmp_path, seed) for seed in range(5)]) == []


def test_circle_without_labels_fails_its_gate(tmp_path):
    blind = {"real_label": 0.5, "fake_label": 0.5}
    runs = [trained_samples("circle", tmp_path, seed, **blind) for seed in range(3)]
    assert circle_faults(runs) != []


def test_wgan_gp_captures_all_25_modes(tmp_path):
    assert grid_faults(trained_samples("wgan_gp_points", tmp_path, width=128, steps=10_000)) == []


def test_wgan_gp_without_its_penalty_fails_its_gate(tmp_path):
    points = trained_samples(
        "wgan_gp_points", tmp_path, width=128, steps=10_000, penalty_weight=0.0
    )
    assert grid_faults(points) != []
