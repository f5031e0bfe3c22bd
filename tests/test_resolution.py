"""The figures of SRGAN's gates: PSNR, detail, and what they say of pictures that are known."""

import types

import numpy as np
import pytest
import tensorflow as tf

from ganflow import data
from ganflow.gates import resolution
from ganflow.interface.sampler import Sampler
from ganflow.models import srgan
from ganflow.nn import resampling
from ganflow.nn.draws import Real

SIDE = 32


def waves(periods, amplitude=1.0, axis=1):
    """A picture of so many periods, along one axis: [1, 32, 32, 1]."""
    line = amplitude * np.cos(2 * np.pi * periods * np.arange(SIDE) / SIDE + 0.7)
    picture = np.broadcast_to(line[:, np.newaxis] if axis == 0 else line, (SIDE, SIDE))
    return picture[np.newaxis, :, :, np.newaxis].astype(np.float32)


def test_psnr_by_hand():
    # Off by .02 of a range of 2: 20 log10(100) = 40. And a mean over pictures, not over errors.
    truth = np.zeros([2, SIDE, SIDE, 1], np.float32)
    x = truth + np.float32([0.02, 0.2])[:, np.newaxis, np.newaxis, np.newaxis]
    np.testing.assert_allclose(resolution.psnr(x, truth), [40, 20], rtol=1e-5)
    np.testing.assert_allclose(resolution.psnr(truth, truth), [100, 100])


def test_psnr_is_of_brightness_without_four_pixels_at_each_side():
    truth = np.zeros([1, SIDE, SIDE, 3], np.float32)
    x = truth.copy()
    x[:, :4], x[:, -4:], x[:, :, :4], x[:, :, -4:] = 1, 1, 1, 1
    assert resolution.psnr(x, truth) == pytest.approx(100)
    x[:, 4, 4] = 1
    assert resolution.psnr(x, truth)[0] == pytest.approx(10 * np.log10(4 * 24 * 24))
    green = np.zeros_like(x)
    green[..., 1] = 0.02
    assert resolution.psnr(green, truth)[0] == pytest.approx(40 - 20 * np.log10(0.587), abs=1e-3)


@pytest.mark.parametrize("axis", [0, 1])
def test_detail_is_the_energy_that_a_quarter_of_the_pixels_cannot_hold(axis):
    # 8 pixels hold up to 4 periods; a wave's mean square is half its amplitude's square.
    for periods, share in ((1, 0), (4, 0), (5, 1), (15, 1)):
        found = resolution.detail(waves(periods, 0.6, axis))
        assert found[0] == pytest.approx(share * 0.6**2 / 2, abs=1e-6), periods
    both = waves(3, 0.5, 0) + waves(9, 0.2, 1) + 0.3
    assert resolution.detail(both)[0] == pytest.approx(0.2**2 / 2, rel=1e-4)
    assert resolution.detail(waves(3, 1, axis), scale=8)[0] == pytest.approx(0.5, rel=1e-4)


def test_detail_of_noise_is_its_share_of_the_frequencies_and_bicubic_pictures_have_little():
    noise = np.random.default_rng(0).normal(0, 0.3, [200, SIDE, SIDE, 1]).astype(np.float32)
    # Of 32 frequencies along an axis 9 are held, from -4 to 4.
    expected = 0.3**2 * (1 - (9 / 32) ** 2)
    assert resolution.detail(noise).mean() == pytest.approx(expected, rel=0.02)
    large = resampling.bicubic(resampling.bicubic(tf.constant(noise), 1 / 4), 4).numpy()
    assert resolution.detail(large).mean() < 0.02 * expected


class Reader:
    """A classifier whose features are a picture's mean and its detail."""

    def read(self, x):
        features = np.stack([x.mean(axis=(1, 2, 3)), 10 * resolution.detail(x)], axis=1)
        return features, (features[:, 0] > 0).astype(int)


@pytest.fixture
def trained(monkeypatch):
    """Pictures, and a model whose SRResNet smooths them and whose SRGAN adds the right noise."""
    monkeypatch.setattr(resolution.classifier_cache, "trained", lambda *_: Reader())
    rng = np.random.default_rng(0)
    x = rng.uniform(-0.5, 0.5, [150, 8, 8, 1]).repeat(4, axis=1).repeat(4, axis=2)
    clean = (x + 0.3 * np.sign(np.arange(150) % 2 - 0.5)[:, None, None, None]).astype(np.float32)
    x = clean + rng.normal(0, 0.1, clean.shape).astype(np.float32)
    smooth = dict(zip((low.tobytes() for low in srgan.shrunk(x).numpy()), clean, strict=True))

    def srresnet(given):
        return tf.constant(np.stack([smooth[row.tobytes()] for row in given["low"].numpy()]))

    def of_srgan(given):
        noise = np.random.default_rng(1).normal(0, 0.1, [len(given["low"]), 32, 32, 1])
        return srresnet(given) + noise.astype(np.float32)

    def bicubic(given):
        return resampling.bicubic(given["low"], 4)

    given = {"low": Real("x", through=srgan.shrunk)}
    named = {"srgan": of_srgan, "srresnet": srresnet, "bicubic": bicubic}
    samplers = [Sampler(name, given, generate) for name, generate in named.items()]
    label = (np.arange(150) % 2).astype(np.int32)
    held_out = data.Dataset("pictures", {"x": x, "label": label})
    gan = types.SimpleNamespace(samplers=lambda: samplers)
    return types.SimpleNamespace(gan=gan, train=held_out, held_out=held_out, num=10_000)


def test_the_figures_tell_smooth_pictures_from_those_with_detail(trained):
    figures = resolution.enlarged(trained)
    assert figures["srresnet_over_bicubic_psnr"] > 1
    # Twice the error's energy.
    assert figures["srgan_over_srresnet_psnr"] == pytest.approx(-10 * np.log10(2), abs=0.05)
    assert figures["srgan_detail_error"] < figures["srresnet_detail_error"] < 1
    assert figures["srgan_over_srresnet_detail_error"] < 0.5
    assert figures["srgan_over_srresnet_distance"] < 1
    assert figures["srgan_psnr"] - figures["bicubic_psnr"] == pytest.approx(
        figures["srgan_over_bicubic_psnr"]
    )
    assert all(figures[f"{name}_accuracy"] == 1 for name in ("srgan", "srresnet", "bicubic"))


def test_without_an_srresnet_there_is_none_of_its_figures(trained):
    first, _, last = trained.gan.samplers()
    trained.gan.samplers = lambda: [first, last]
    figures = resolution.enlarged(trained)
    assert "srgan_over_bicubic_detail_error" in figures
    assert not [name for name in figures if "srresnet" in name]
