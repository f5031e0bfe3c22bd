"""What to do about an illness, in flags that the model has and that are not yet so.

Settings are a model's config by field name, and "model", its name. The advice is that of the
documents, with the number of the document; what they do not say was measured (docs/practices.md),
or is a paper's.
"""

from collections.abc import Callable, Mapping
from typing import Any

Settings = Mapping[str, Any]

_D_RATES = ("d_learning_rate", "critic_learning_rate")
_STEP = 5  # by how much a learning rate is first lowered or raised
_RATES_APART = 10  # "well above": document 004 has 1,000 times


def of(illness: str, settings: Settings) -> str:
    """One line for an illness of `diagnosis.ILLNESSES`; general words where no setting is known."""
    found = [said for advise in _ADVICE[illness] if (said := advise(settings))]
    return "; or ".join(found) if found else _OTHERWISE[illness]


# ---------------------------------------------------------------- pieces of advice


def _set(name: str, wanted: Any, because: str, unless: Callable[[Any], bool]) -> Callable:
    """Set a flag, where the model has it and its value is not `unless`."""

    def advise(settings: Settings) -> str:
        if name not in settings or unless(settings[name]):
            return ""
        return f"{_flag(name, wanted)} (now {_text(settings[name])}): {because}"

    return advise


def _still(network: str, *names: str) -> Callable:
    """A network that cannot learn, for its rate is 0."""

    def advise(settings: Settings) -> str:
        name = next((name for name in names if settings.get(name) == 0), None)
        return f"--{name} is 0, so {network} never changes: give it a rate" if name else ""

    return advise


def _lower(network: str, *names: str) -> Callable:
    def advise(settings: Settings) -> str:
        name = next((name for name in names if settings.get(name)), None)
        return (
            f"lower {network}'s learning rate: {_rate(settings, name, 1 / _STEP)}" if name else ""
        )

    return advise


def _lower_g_below_d(settings: Settings) -> str:
    d = next((name for name in _D_RATES if settings.get(name)), None)
    g = settings.get("g_learning_rate")
    if not d or not g or g * _RATES_APART <= settings[d]:
        return ""
    rate = _rate(settings, "g_learning_rate", 1 / _STEP)
    return f"lower G's learning rate, for document 004 keeps D's well above it: {rate}"


def _raise_d(settings: Settings) -> str:
    d = next((name for name in _D_RATES if settings.get(name)), None)
    return f"let D keep up: {_rate(settings, d, _STEP)}" if d else ""


def _weaker_d(settings: Settings) -> str:
    d = next((name for name in _D_RATES if settings.get(name)), None)
    return f"slow D down: {_rate(settings, d, 1 / _STEP)}" if d else ""


def _another_loss(settings: Settings) -> str:
    model, points = settings.get("model", ""), settings.get("is_points", False)
    if not model or model.startswith("wgan_gp"):
        return ""
    other = "wgan_gp_points" if points else "wgan_gp"
    return f"a Wasserstein loss, of the derivatives that document 004 lists: --model={other}"


def _penalty(settings: Settings) -> str:
    if settings.get("penalty_weight") != 0:
        return ""
    return "--penalty_weight=10 (now 0): without it nothing keeps the critic's slope near 1"


def _rate(settings: Settings, name: str, factor: float) -> str:
    return f"{_flag(name, settings[name] * factor)} (now {_text(settings[name])})"


def _flag(name: str, value: Any) -> str:
    return f"--{name}" if value is True else f"--{name}={_text(value)}"


def _text(value: Any) -> str:
    return f"{value:.3g}" if isinstance(value, float) else str(value)


_LESS_MOMENTUM = _set(
    "beta_1", 0.5, "less momentum; alone it ended the collapse of document 002", lambda b: b <= 0.5
)
_LOGITS = _set(
    "d_output", "logit", "document 002's cure: a loss of unscaled logits", lambda v: v == "logit"
)
_REAL_LABEL = _set("real_label", 0.9, "document 004 softens D's targets", lambda v: v <= 0.9)
_FAKE_LABEL = _set("fake_label", 0.1, "document 004 softens D's targets", lambda v: v >= 0.1)

_PACKS = _set(
    "pac", 4, "D judges samples together, and alike ones stand out (PacGAN)", lambda m: m > 1
)
_SPECTRAL = _set("spectral_norm", True, "it keeps D from growing steep (1802.05957)", bool)

_ADVICE: dict[str, tuple[Callable[[Settings], str], ...]] = {
    "not_finite": (_LOGITS, _penalty, _lower("D", *_D_RATES), _lower("G", "g_learning_rate")),
    "mode_collapse": (
        _still("D", *_D_RATES),
        _still("G", "g_learning_rate"),
        _penalty,
        _PACKS,
        _LESS_MOMENTUM,
        _lower_g_below_d,
        _another_loss,
    ),
    "d_overpowers_g": (
        _still("G", "g_learning_rate"),
        _LOGITS,
        _set("dropout_rate", 0.3, "document 004: dropout in D alone", lambda v: v >= 0.3),
        _REAL_LABEL,
        _FAKE_LABEL,
        _set("random_labels", True, "document 004: labels from [.8, 1] and [0, .3]", bool),
        _set("d_optimizer", "sgd", "document 004: SGD for D, Adam for G", lambda v: v == "sgd"),
        _SPECTRAL,
        _weaker_d,
    ),
    "g_overpowers_d": (
        _still("D", *_D_RATES),
        _lower_g_below_d,
        _set("dropout_rate", 0.3, "less dropout in D", lambda v: v <= 0.3),
        _raise_d,
    ),
    "saturation": (
        _LOGITS,
        _REAL_LABEL,
        _FAKE_LABEL,
        _lower("D", *_D_RATES),
        _lower("G", "g_learning_rate"),
    ),
    "oscillation": (
        _LESS_MOMENTUM,
        _set("d_optimizer", "sgd", "document 004: SGD for D, Adam for G", lambda v: v == "sgd"),
        _lower("D", *_D_RATES),
        _lower("G", "g_learning_rate"),
    ),
    "dead_units": (
        _lower("D", *_D_RATES),
        _lower("G", "g_learning_rate"),
    ),
}
_OTHERWISE = {
    "not_finite": "go back to the last checkpoint and lower both learning rates",
    "mode_collapse": "lower G's learning rate against D's (document 004), or take another loss",
    "d_overpowers_g": "weaken D (document 004): dropout, fewer units, softer labels, a lower rate",
    "g_overpowers_d": "let D keep up (document 004): raise its learning rate, or lower G's",
    "saturation": "lower the learning rate of the network named",
    "oscillation": "lower both learning rates and the momentum, which feeds the swing",
    "dead_units": "lower the learning rate and start again, for dead units stay dead",
}
