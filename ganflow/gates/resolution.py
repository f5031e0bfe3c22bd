"""The figures of SRGAN: what is won and what is lost where pictures are made larger.

All are of held-out pictures, made small and, by each sampler of the model, large again; and no loss
contains any of them. The true pictures are known, and so are distances to them.
"""

import numpy as np
import tensorflow as tf

from ganflow import data
from ganflow.gates.measures import Trained
from ganflow.interface import gans
from ganflow.judging import classifier_cache
from ganflow.judging.classifier import POOLED, Classifier

_AT_ONCE = 100  # pictures
_BORDER = 4  # pixels at each side that the paper's PSNR leaves out
_RANGE = 2.0  # of pixels in [-1, 1]
_CLASSIFIER_SEED = 2  # the second classifier's, as `judging.evaluation` has it
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # of red, green and blue; ITU-R BT.601


def enlarged(trained: Trained) -> dict[str, float]:
    """Of the samplers "srgan", "srresnet" (if there is one) and "bicubic", and one to another.

    NAME_psnr           in decibels: the mean over pictures
    NAME_distance       to the true pictures, in features of the second classifier: the mean
    NAME_detail         energy that small pictures cannot hold, over the true pictures'
    NAME_detail_error   |NAME_detail - 1|
    NAME_accuracy       share of pictures that this classifier still takes for their class
    A_over_B_KIND       A's over B's; of PSNRs, A's minus B's
    """
    x, label = (trained.held_out.fields[name][: trained.num] for name in ("x", "label"))
    second = classifier_cache.trained(trained.train, trained.held_out, _CLASSIFIER_SEED, POOLED)
    truth = data.decoded(x).numpy()
    of_truth = second.read(truth)[0]
    figures = {}
    for sampler in trained.gan.samplers():
        large = np.concatenate(
            [
                sampler.generate(gans.given(sampler, 0, len(some), fields={"x": tf.constant(some)}))
                for some in np.split(truth, range(_AT_ONCE, len(truth), _AT_ONCE))
            ]
        )
        figures |= {
            f"{sampler.name}_{kind}": value
            for kind, value in _of_one(large, truth, second, of_truth, label).items()
        }
    for a, b in (("srgan", "srresnet"), ("srgan", "bicubic"), ("srresnet", "bicubic")):
        if f"{a}_psnr" in figures and f"{b}_psnr" in figures:
            figures[f"{a}_over_{b}_psnr"] = figures[f"{a}_psnr"] - figures[f"{b}_psnr"]
            for kind in ("distance", "detail_error"):
                ratio = figures[f"{a}_{kind}"] / figures[f"{b}_{kind}"]
                figures[f"{a}_over_{b}_{kind}"] = ratio
    return figures


def _of_one(large, truth, second: Classifier, of_truth, label) -> dict[str, float]:
    features, classes = second.read(large)
    detail_of_large = detail(large).mean() / detail(truth).mean()
    return {
        "psnr": float(psnr(large, truth).mean()),
        "distance": float(np.linalg.norm(features - of_truth, axis=1).mean()),
        "detail": float(detail_of_large),
        "detail_error": float(abs(detail_of_large - 1)),
        "accuracy": float(np.mean(classes == label)),
    }


def psnr(x: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """10 log10(range^2 / mean square error) of each picture, in decibels, as the paper takes it.

    That is of brightness alone, and without four pixels at each side. (MATLAB's brightness is of a
    smaller range, which gives 1.3 dB more of coloured pictures.)

    Args:
      x, truth: [n, h, w, 1 or 3], in [-1, 1].

    Returns:
      [n]; 100 for pictures without any error.
    """
    error = brightness(x) - brightness(truth)
    inner = np.float64(error[:, _BORDER:-_BORDER, _BORDER:-_BORDER])
    return 10 * np.log10(_RANGE**2 / np.maximum(np.mean(inner**2, axis=(1, 2)), 4e-10))


def detail(x: np.ndarray, scale: int = 4) -> np.ndarray:
    """The energy of each picture at frequencies that one `scale` times smaller cannot hold.

    Those are above 1 / (2 scale) periods a pixel, along either axis.

    Args:
      x: [n, h, w, 1 or 3].
      scale: how many times smaller.

    Returns:
      [n], mean squares: a picture's whole energy would be the mean square of its brightness.
    """
    grey = brightness(x)
    spectrum = np.abs(np.fft.fft2(grey, norm="forward")) ** 2  # [n, h, w], whose sum is that
    fine = [np.abs(np.fft.fftfreq(side)) > 1 / (2 * scale) for side in grey.shape[1:]]
    return np.sum(spectrum * (fine[0][:, np.newaxis] | fine[1]), axis=(1, 2))


def brightness(x: np.ndarray) -> np.ndarray:
    """[n, h, w, 1 or 3] -> [n, h, w], in the same range."""
    return x[..., 0] if x.shape[3] == 1 else x @ _LUMA
