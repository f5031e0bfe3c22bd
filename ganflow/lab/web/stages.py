"""An update in slow motion, as five stages with what each produced; nothing moves.

    draw       what the update consumes
    generate   what came out of the networks that make samples
    judge      what came out of all other networks
    loss       what the update reports
    gradient   of each weight that it is about to move

Which network makes samples is read from the samplers; a stage without anything in it says so.
"""

import dataclasses
import math

import numpy as np

from ganflow.interface import gans
from ganflow.interface.schedule import Phase
from ganflow.lab.stepping import Lab
from ganflow.lab.web import heat
from ganflow.lab.web.asking import Answer
from ganflow.nn import draws
from ganflow.pictures import grids

_EXAMPLES = 16  # images of a stage
_ROWS = 256  # numbers or points of one


def stages(
    lab: Lab, update: str, answer: Answer, generating: set[str], used: set[str]
) -> list[dict]:
    """The five, each {"stage", "about", "parts": [{"name", "kind", "values", "shape"}]}.

    Args:
      lab: that was asked.
      update: which one.
      answer: to it.
      generating: the networks that make samples.
      used: names in the batch that the update takes, the others being for other updates.
    """
    phase = next(p for p in lab.schedule.phases if update in p.update_names)
    made = [(name, x) for name, x in answer.passes if name in generating]
    judged = [(name, x) for name, x in answer.passes if name not in generating]
    lists = any(place is not None for _, place, _ in phase.draws())
    others = [name for name in answer.batch if name not in used]
    beside = f" For the step's other updates there are also {', '.join(others)}." if others else ""
    last = " Of updates made many times within a step, the last is shown." if lists else ""
    return [
        {
            "stage": "draw",
            "about": f"The batch of step {lab.step + 1:,}.{beside}",
            "parts": _drawn(phase, answer, used),
        },
        {
            "stage": "generate",
            "about": _about(made, "makes no samples: no network that makes some runs in it") + last,
            "parts": [_part(name, x, "", lab) for name, x in made],
        },
        {
            "stage": "judge",
            "about": _about(judged, "has nothing judged: no other network runs in it") + last,
            "parts": [_part(name, x, "") for name, x in judged],
        },
        {
            "stage": "loss",
            "about": "What the update reports of this batch, before it moves anything.",
            "parts": [
                {"name": name, "kind": "number", "values": value, "note": ""}
                for name, value in answer.scalars.items()
            ],
        },
        {
            "stage": "gradient",
            "about": "Of each weight that it moves, and how the weight stands.",
            "parts": _gradients(lab, answer),
        },
    ]


def _about(passes: list, without: str) -> str:
    if not passes:
        return f"This update {without}."
    return f"{len(passes)} pass{'es' * (len(passes) > 1)}, in the order in which they ran."


def _drawn(phase: Phase, answer: Answer, used: set[str]) -> list[dict]:
    notes = {name: _note(draw) for name, _, draw in phase.draws()}
    found = []
    for name, value in answer.batch.items():
        if name in used:
            one = value[-1] if isinstance(value, list) else value
            times = f", the last of {len(value)}" if isinstance(value, list) else ""
            found.append(_part(name, one.numpy(), notes[name] + times))
    return found


def _note(draw: draws.Draw) -> str:
    if isinstance(draw, draws.Real):
        return f"real {draw.field}"
    settings = dataclasses.asdict(draw) if dataclasses.is_dataclass(draw) else {}
    told = {"Normal": "N(0, 1)", "Classes": f"classes 0 to {settings.get('count', 1) - 1}"}
    between = f"U({settings.get('low')}, {settings.get('high')})"
    return told.get(type(draw).__name__, between)


def _part(name: str, x: np.ndarray, note: str, lab: Lab | None = None) -> dict:
    """An array as what it is: images (flat ones too, of a lab), points, scores, or a matrix."""
    about = {"name": name, "note": note, "shape": list(x.shape)}
    shape = lab.dataset.example_shape if lab is not None else ()
    if x.ndim == 2 and len(shape) == 3 and x.shape[1] == math.prod(shape):
        x = x.reshape(-1, *shape)
    if x.ndim == 4 and x.shape[3] in (1, 3) and min(x.shape[1:3]) > 4:
        return about | {"kind": "images", "values": grids.as_bytes(x[:_EXAMPLES])}
    if x.shape[1:] == (2,):
        return about | {"kind": "points", "values": np.float32(x[:_ROWS])}
    if x.ndim < 2 or x[0].size == 1:
        return about | {"kind": "scores", "values": np.float32(x).reshape(-1)[:_ROWS]}
    shown = heat.summary(x.reshape(len(x), -1))
    return about | {"kind": "map", "values": shown["map"], "every": shown["every"]}


def _gradients(lab: Lab, answer: Answer) -> list[dict]:
    values = dict(gans.named_weights(lab.gan))
    return [
        {
            "name": name,
            "note": label,
            "kind": "gradient",
            "shape": list(gradient.shape),
            "values": heat.summary(gradient),
            "weight": heat.summary(values[name].numpy()),
        }
        for (label, name), gradient in answer.gradients.items()
    ]
