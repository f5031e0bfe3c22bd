"""What only one model is asked, for `bin/evaluate.py`: its gate's figures, of any of its runs."""

import dataclasses
import math
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ganflow import data
from ganflow.data import drawings
from ganflow.gates import captions, domains, measures, resolution, translation
from ganflow.gates.measures import Measure, Trained
from ganflow.judging.evaluation import Figure
from ganflow.judging.reports import Report
from ganflow.trained import loading

# What a figure means, by a pattern of its name; one that stands nowhere here is not told.
_WORDS = {
    "log_likelihood": "Parzen's, of held-out images, in nats",
    "sigma": "of the Parzen window, chosen on 1,000 held-out images",
    "nearest_neighbour_error": "of held-out images that have their nearest sample's class",
    "distance_within_classes": "between samples of a class, over real ones'",
    "blocks": "layers with SELU",
    "blocks_not_finite": "those whose outputs are not finite",
    "(lowest|highest)_(mean|variance)": "of what a layer with SELU gives",
    "information": "on the category, in nats",
    "matched_accuracy": "of the category, matched one-to-one to classes, on held-out images",
    "code_correlation": "of a code with the samples' slant or ink, the best",
    "convergence_ratio": "M at the end over M at the first summary",
    "balance_over_gamma": "L(G(z)) / L(x), over gamma",
    "(highest|last)_k": "of the summaries",
    "agreement": "share of pixels in which b's is the transform of a's",
    "shuffled": "the same of a and b of two z",
    "gain": "(agreement - shuffled) / (1 - shuffled)",
    "same_class": "pairs of which two classifiers say one class",
    "classes": "with 2 % or more of a's and of b's",
    "modes": "of b, with 1 % or more of what a is taken to",
    "high_quality_3std": "share of a within 3 standard deviations of a mode of b",
    "injectivity": "what the mode of b tells of the mode of a, 0 to 1",
    "(reconstruction|back)_sigmas": "there and back again from a, from b, in standard deviations",
    "(angle|shuffled)_error": "degrees between an arrow and its translation; of another arrow",
    "off_style": "colours' distance from b's two",
    "ink": "of translations, over real b's",
    "(back_)?l1_ratio": "distance to true partners, over that of who knows nothing",
    "(back_)?retrieval": "share to which, of 1,000, the true partner is nearest",
    "class_kept": "translations that a classifier of b's takes for their class",
    "class_kept_by_partners": "the same of true partners",
    "cycle_error": "mean |a there and back again - a|",
    "(sketch_)?(shape|colour|size|place|angle|background|fine)": "share that is as captions ask",
    "all_seen": "shape, colour, place and size at once, of combinations that were trained on",
    "all_held_out": "the same of others",
    "kl_of_a_number": "in nats",
    "variance_of_c": "of a pixel, by epsilon alone",
    "accuracy_[123]": "the mean share of factors that are as asked, by branch",
    "rise_[12]": "from one branch to the next",
    "(colour|brightness)_correlation": "between branches, the least",
    "distance": "of a pixel between branches, the largest",
    "(srgan|srresnet|bicubic)_psnr": "decibels",
    "(srgan|srresnet|bicubic)_distance": "to the true picture, in a second classifier's features",
    "(srgan|srresnet|bicubic)_detail": "energy that small pictures cannot hold, over the true one",
    "(srgan|srresnet|bicubic)_accuracy": "taken for their class by the second classifier",
}
_OF_ROWS = {  # of the training's summaries, not of samples
    "information",
    "convergence_ratio",
    "balance_over_gamma",
    "highest_k",
    "last_k",
    "kl_of_a_number",
}


def measure_of(manifest: Mapping[str, Any], dataset: data.Dataset) -> Measure | None:
    """The figures that only this model has; None where it has none on such data.

    Args:
      manifest: of a checkpoint: its model, and how that was trained.
      dataset: what it was trained on.
    """
    name, fields = dataset.name, set(dataset.fields)
    is_labelled, is_drawn = "label" in fields, {"caption", *drawings.FACTORS} <= fields
    # A transform draws edges of one pixel.
    is_paired = name in data.PAIRS and manifest["options"]["enlarge"] == 1
    of_two = translation.translation if is_paired else None
    of_two = domains.arrows if name == "arrows" else of_two
    of_branches = captions.branches if is_drawn else None
    if manifest["config"].get("conditional") is False:
        of_branches = captions.colours
    found = {
        "vanilla": measures.likelihood,
        "dcgan_conditional": measures.classes if is_labelled else None,
        "hr_dcgan": measures.activations,
        "cgan": measures.classes if is_labelled else None,
        "infogan": measures.codes if is_labelled else None,
        "began": measures.balance,
        "cogan": domains.pairs if is_paired else None,
        "discogan": domains.modes if name == "gaussians_5_10" else of_two,
        "cyclegan": of_two,
        "stackgan": captions.stages if is_drawn else None,
        "stackgan_pp": of_branches,
        "srgan": resolution.enlarged if is_labelled else None,
    }
    return found.get(manifest["model"])


def words_of(figure: str) -> str:
    """What a figure means; "" for one that is not told."""
    found = (told for pattern, told in _WORDS.items() if re.fullmatch(pattern, figure))
    return next(found, "")


def figures(trained: Trained, measure: Measure) -> dict[str, Figure]:
    """Those of a measure that have words and are finite; none before a run's first summary."""
    if not trained.rows:
        return {}
    return {
        name: Figure(float(value), 0 if name in _OF_ROWS else trained.num, 0)
        for name, value in measure(trained).items()
        if words_of(name) and math.isfinite(value)
    }


def with_own(report: Report, folder: Path) -> tuple[Report, Mapping[str, str]]:
    """A report of a workdir's checkpoints, the last one's own figures with it.

    Args:
      report: as `reports.of_workdir` made it.
      folder: the workdir.

    Returns:
      (the report, what each of those figures means).
    """
    *others, last = report.judged
    train, held_out = report.datasets
    measure = measure_of(loading.sound_checkpoint(folder, last.step).manifest, train)
    if measure is None or held_out is None:
        return report, {}
    trained = Trained(folder, lambda: report.judge, train, held_out, last.step, report.judge.num)
    found = {name: f for name, f in figures(trained, measure).items() if name not in last.figures}
    column = dataclasses.replace(last, figures=last.figures | found)
    told = {name: words_of(name) for name in found}
    return dataclasses.replace(report, judged=[*others, column]), told
