"""The names under which figures are shown, and the curves of a run's history."""

from pathlib import Path

from ganflow.pictures import curves, grids
from ganflow.storage import workdir


def tensorboard_tag(name: str) -> str:
    """The group a figure of `metrics.jsonl` is shown in; those with a group keep it.

    TensorBoard sorts groups by their letters, capitals first, and opens the first two: `Loss` and
    `Pictures`. `weight`, with most of the tags, comes last.
    """
    if "/" in name:
        return name
    if name.endswith("_loss"):
        return f"Loss/{name}"
    if name in ("d_real", "d_fake"):
        return f"d_output/{name}"
    if name.startswith("d_accuracy_"):
        return f"accuracy/d_{name.removeprefix('d_accuracy_')}"
    if name.endswith("_gradient_norm"):
        return f"gradient/{name.removesuffix('_gradient_norm')}"
    return f"train/{name}"


def picture_tag(name: str) -> str:
    """The same of a picture."""
    return f"Pictures/{name}"


def draw_losses(folder: Path, title: str, is_logistic: bool = False) -> Path | None:
    """Draw `losses.png` from `metrics.jsonl`; None where there is not yet a row.

    Args:
      folder: the workdir.
      title, is_logistic: see `curves.loss_curves`.
    """
    rows = workdir.Metrics(folder).rows()
    if not rows:
        return None
    grids.write_png(folder / "losses.png", curves.loss_curves(rows, title, is_logistic))
    return folder / "losses.png"
