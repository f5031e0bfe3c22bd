"""What a page is sent of a moment: everything that it shows, as numbers and texts."""

import dataclasses
import hashlib
import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from ganflow.interface import gans, tables
from ganflow.lab.web import equations, heat
from ganflow.lab.web.asking import Answer
from ganflow.lab.web.bench import Bench
from ganflow.lab.web.looking import Look

_HASHED_BYTES = 2**25  # of weights whose fingerprint is worth its time while the page waits


def about(bench: Bench, looks: list[Look]) -> dict:
    """What stays as it is until a bench is built anew."""
    run, setting = bench.run, bench.setting
    return {
        "model": run.model_name,
        "dataset": run.dataset.name,
        "examples": run.dataset.size(run.dataset.main),
        "is_points": run.dataset.is_points and set(run.dataset.fields) <= {"x", "label"},
        "is_drawn": setting.drawn is not None,
        "drawn": setting.drawn,
        "start": setting.start,
        "seed": run.options.seed,
        "equations": equations.pieces(run.module.__doc__ or "", run.scalar_names),
        "updates": [_update(bench, name) for name in bench.lab.updates],
        "phases": [[*phase.update_names] for phase in run.schedule.phases],
        "settings": _settings(bench),
        "networks": {name: tables.parameters(of) for name, of in run.gan.networks.items()},
        "samplers": [look.fixed() for look in looks],
        "summary_every": run.config.summary_every,
    }


def _update(bench: Bench, name: str) -> dict:
    update = bench.lab.schedule.updates[name]
    doc = inspect.getdoc(update) or ""
    lines = inspect.getsource(update).splitlines()
    indent = len(lines[0]) - len(lines[0].lstrip())
    return {"name": name, "about": doc, "source": [line[indent:] for line in lines]}


def _settings(bench: Bench) -> list[dict]:
    """The config's fields that a restart can change."""
    found = []
    for field in dataclasses.fields(bench.setting.config):
        value: Any = getattr(bench.setting.config, field.name)
        if field.name != "dataset":
            told = {key: field.metadata.get(key) for key in ("help", "minimum", "maximum")}
            choices = field.metadata.get("choices")
            found.append({"name": field.name, "value": value, "choices": choices, **told})
    return found


def weights(bench: Bench, answers: dict[str, Answer]) -> list[dict]:
    """Every weight as a small heat map, beside its gradients in each update's next batch."""
    found = []
    for name, variable in gans.named_weights(bench.run.gan):
        value = variable.numpy()
        norms = {label: norm for (label, of), norm in bench.gradient_norms.items() if of == name}
        network, _, short = name.partition("/")
        found.append(
            {
                "name": name,
                "network": network,
                "short": short,
                "shape": list(value.shape),
                "value": heat.summary(value),
                "gradients": _gradients(answers, name, heat.summary),
                "last_norms": norms,
            }
        )
    return found


def large(bench: Bench, answers: dict[str, Answer], name: str) -> dict:
    """One weight and its gradients, larger; KeyError where there is no such weight."""
    value = dict(gans.named_weights(bench.run.gan))[name].numpy()

    def shown(w: np.ndarray) -> dict:
        part, every_row, every_column = heat.spread(w, heat.LARGE)
        return {"map": part, "every": [every_row, every_column], "norm": heat.norm(w)}

    whole = list(heat.matrix(value).shape)
    shape = list(value.shape)
    return {"name": name, "shape": shape, "matrix": whole, "value": shown(value)} | {
        "gradients": _gradients(answers, name, shown)
    }


def _gradients(answers: dict[str, Answer], name: str, shown: Callable) -> dict[str, dict]:
    """A weight's gradients as they are shown, by the update and its label."""
    return {
        " ".join(filter(None, [update, label])): shown(answer.gradients[label, name])
        for update, answer in answers.items()
        for label, of in answer.gradients
        if of == name
    }


def fingerprint(bench: Bench) -> str:
    """SHA-256 over all weights in their order, hexadecimal; "" where they are many megabytes."""
    variables = [v for _, v in gans.named_weights(bench.run.gan)]
    if sum(4 * v.shape.num_elements() for v in variables) > _HASHED_BYTES:
        return ""
    digest = hashlib.sha256()
    for variable in variables:
        digest.update(np.ascontiguousarray(variable.numpy()))
    return digest.hexdigest()
