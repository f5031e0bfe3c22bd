"""Point 5: numbers that stop being finite, in as many ways as there are losses and optimizers."""

import dataclasses
import re
from pathlib import Path

import numpy as np

from benchmarks.reliability.trying import Case, Outcome, Point
from ganflow import data, engine
from ganflow.base.errors import InputError, NotFiniteError
from ganflow.interface import gans
from ganflow.storage import checkpoints
from tests import cases as small

# Losses: logarithms of probabilities, of logits, of a critic with a penalty, with clipped weights,
# least squares, an autoencoder's; rules: SGD, momentum, RMSProp, Adam.
MODELS = ("circle", "simple", "wgan_gp_points", "began", "vanilla", "dcgan", "cyclegan", "wgan")
RATES = {"G": ("g_learning_rate",), "D": ("d_learning_rate", "critic_learning_rate")}
HELD = {("cyclegan", "G")}  # instance norm keeps finite what weights of 1e30 make
STEPS, BREAKS_AFTER = 12, 6
WENT_ON = "trained on as if nothing had happened"


def built(name: str, workdir: Path, dataset: data.Dataset | None = None, **changes) -> engine.Run:
    """A small run of a model."""
    options = engine.Options(
        workdir=str(workdir), jit="off", checkpoint_every=3, steps_per_call=2, num_replicas=1
    )
    changes |= {"steps": STEPS, "summary_every": 4}
    config = small.small_config(name, **changes)
    return engine.Run(small.module_of(name), config, options, dataset or small.dataset_of(name))


def verdict(run: engine.Run, spoil=lambda step: None, names: str = "") -> tuple[str, str]:
    """Train; (what happened, what was wrong with how it ended).

    Args:
      run: it may have a workdir already.
      spoil: called with each step that is done.
      names: what the line has to name; by default any tensor.
    """
    try:
        run.resume()
        run.train(STEPS, progress=spoil)
    except NotFiniteError as error:
        line = str(error)
    else:
        return "", WENT_ON
    if "\n" in line or not re.match(r"step \d+: \S.* not finite", line):
        return "", f"no line with a step and a tensor: {line[:200]!r}"
    if names not in line:
        return "", f"does not name {names}: {line[:200]!r}"
    for step in checkpoints.steps(run.folder / "checkpoints"):
        sound = checkpoints.newest_sound(run.folder / "checkpoints", step)
        checkpoints.restore(sound, run.state)
        for variable in _variables(run):
            if not np.isfinite(variable.numpy()).all():
                return "", f"step {step}'s checkpoint has {variable.name}, not finite"
    return "ended with a line that names tensor and step", ""


def _variables(run: engine.Run):
    return [v for v in (*run.gan.variables, *run.means.variables) if v.dtype.is_floating]


def rate(name: str, network: str, folder: Path) -> Outcome:
    """A learning rate of 1e30: weights, then losses, overflow, but where a norm holds them."""
    outcome = Outcome()
    fields = {f.name for f in dataclasses.fields(small.module_of(name).Config)}
    (field,) = fields.intersection(RATES[network])
    run = built(name, folder / "run", **{field: 1e30})
    what, fault = verdict(run)
    is_finite = all(np.isfinite(v.numpy()).all() for v in _variables(run))
    if fault == WENT_ON and (name, network) in HELD and is_finite:
        what, fault = "trained on, all of it finite", ""
    outcome.saw(what, fault and f"{name}, {network}'s rate: {fault}")
    return outcome


def poison(name: str, folder: Path) -> Outcome:
    """A variable of each kind becomes infinite or not a number in the middle of a run."""
    outcome, run = Outcome(), built(name, folder / "run")
    slots = gans.named_slots(run.gan)
    weights = dict(gans.named_weights(run.gan))
    known = {id(v) for v in (*slots.values(), *weights.values())}
    states = {v.name: v for v in _variables(run) if id(v) not in known}
    first = {id(v): v.numpy() for v in (*run.gan.variables, *run.means.variables)}
    chosen = [*list(weights.items())[:: max(1, len(weights) // 2)], *list(slots.items())[:1]]
    chosen += [(n, v) for n, v in states.items() if v.shape.rank == 0][:1]
    for number, (told, variable) in enumerate(chosen):
        for v in (*run.gan.variables, *run.means.variables):
            v.assign(first[id(v)])
        run.step.assign(0)
        run.folder = folder / f"{number}"
        value = (np.nan, np.inf, -np.inf)[number % 3]

        def spoil(step, variable=variable, value=value):
            if step == BREAKS_AFTER:
                variable.assign(np.full(variable.shape, value, np.float32))

        what, fault = verdict(run, spoil)
        outcome.saw(what, fault and f"{name}: {told} became {value}: {fault}")
    return outcome


def examples(value: float, folder: Path) -> Outcome:
    """One example of the data is not finite, or too large: in a file, and in memory."""
    outcome, points = Outcome(), np.random.default_rng(0).normal(size=[64, 2]).astype(np.float32)
    points[17, 1] = value
    np.save(folder / "points.npy", points)
    try:
        data.load("npy", str(folder / "points.npy"))
        fault = "" if np.isfinite(value) else "the file was read"
        outcome.saw("finite, and read", fault and f"{value}: {fault}")
    except InputError as error:
        fault = "" if "\n" not in str(error) and "points.npy" in str(error) else str(error)
        outcome.saw("refused in a line when it was read", fault)
    try:
        dataset = data.Dataset("points", {"x": points})
    except ValueError as error:
        outcome.saw("refused in memory", "" if "not finite" in str(error) else str(error))
        return outcome
    run = built("circle", folder / "run", dataset, batch_size=32)
    what, fault = verdict(run)
    if np.isfinite(value) and fault == WENT_ON:  # large, but no number overflowed
        what, fault = "trained on, all of it finite", ""
    outcome.saw(what, fault and f"an example of {value} in memory: {fault}")
    return outcome


def cases(shared: Path) -> list[Case]:
    """Rates of each model, poison in some, data."""
    made = []
    for name in MODELS[:-1]:  # wgan clips its weights, so none overflows
        for network in RATES:
            made.append(
                Case(
                    f"{name}, {network}'s learning rate 1e30",
                    lambda folder, n=name, w=network: rate(n, w, folder),
                )
            )
    poisons = [
        Case(f"{name}, variables that become not finite", lambda f, n=name: poison(n, f))
        for name in ("circle", "began", "wgan", "simple")
    ]
    values = [
        Case(f"an example of {value}", lambda f, v=value: examples(v, f))
        for value in (np.nan, np.inf, 3e38)
    ]
    return [*poisons[:2], values[0], *made[:6], *poisons[2:], *values[1:], *made[6:]]


POINT = Point(
    number=5,
    title="Not finite",
    promise="As soon as a loss, a gradient or a weight is infinite or not a number, the run ends "
    "with code 3 and a line that names tensor and step; nothing of it is saved, and the "
    "checkpoints before it are there.",
    how=f"A learning rate of 1e30 of G and of D in {', '.join(MODELS[:-1])} (cyclegan's G, whose "
    "instance norm keeps all finite, may train on); weights, slots and "
    f"states of circle, began, wgan and simple that become nan, inf or -inf after step "
    f"{BREAKS_AFTER}; an example of nan, inf and 3e38 in a file and in memory. All checkpoints "
    "that were left were read, and every number in them was finite.",
    not_promised="A variable that no loss, gradient or weight depends on (an average) is looked at "
    "when it is saved, not before.",
    cases=cases,
)
