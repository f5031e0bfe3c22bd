"""What is typed into `bin/lab.py`, and what it prints: plain columns of some 90 characters."""

import contextlib
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TextIO

import numpy as np

from ganflow import pictures
from ganflow.errors import EXIT_INTERRUPTED, EXIT_OK
from ganflow.lab import Change, Lab, Report, norm, steps

_COUNTED = {"d": "D", "g": "G", "b": "DG"}  # commands that take n, and which networks they step
_MAX_STEPS = 10_000  # of one command: a slip of the finger must not cost the lesson
_SHOWN = 6  # fixed samples of each kind that `s` lists
COMMANDS = "d [n], g [n], b [n], w, s, p, r, h, q"
HELP = """\
  d [n]  n steps of D alone, 1 by default   w  the weights: shapes, norms, way from the start
  g [n]  n steps of G alone                 s  D's view of the same fixed samples
  b [n]  n of both, as in training          p  draw the picture again
  r      back to the first weights          h  this help        q  quit"""


def session(lab: Lab, lines: Iterable[str], out: Path, write: Callable = print) -> int:
    """Obey commands until `q`, the end of the lines, or Ctrl-C.

    Args:
      lab: what is stepped.
      lines: what is typed.
      out: the picture, written at once and after every command that moves a weight.
      write: takes each text that is to be shown.

    Returns:
      The exit code.

    Raises:
      StorageError: the picture cannot be written.
    """
    try:
        pictures.write_png(out, lab.picture())
        write(f"picture: {out}, drawn again after every command\n")
        for line in lines:
            words = line.lower().split()
            if words == ["q"]:
                break
            if words:
                write(_obeyed(lab, words, out) + "\n")
    except KeyboardInterrupt:
        write("")
        return EXIT_INTERRUPTED
    return EXIT_OK


def typed(stream: TextIO) -> Iterator[str]:
    """Lines of a stream, with a prompt and a history where it is a terminal.

    A byte that is no character is taken for one that is in no command.
    """
    if not stream.isatty():
        yield from (line.decode(errors="replace") for line in stream.buffer)
        return
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - gives `input` its history
    stream.reconfigure(errors="replace")
    try:
        while True:
            yield input("lab> ")
    except EOFError:
        print()  # the shell's prompt belongs on a line of its own


def _obeyed(lab: Lab, words: list[str], out: Path) -> str:
    """Do one command; what it has to say."""
    command, *rest = words
    if command in _COUNTED and len(rest) <= 1:
        count = _count(rest[0]) if rest else 1
        if count is None:
            return f"{command} {rest[0][:40]!r}: n is a whole number from 1 to {_MAX_STEPS:,}"
        text = report_text(lab.train(_COUNTED[command], count), lab)
    elif rest or command not in ("w", "s", "p", "r", "h"):
        return f"{' '.join(words)[:40]!r}: there is no such command; there are: {COMMANDS}"
    elif command == "r":
        lab.restart()
        text = "back at the start: " + ", ".join(f"{k} {_figure(v)}" for k, v in lab.view().items())
    elif command == "p":
        text = f"picture: {out}"
    else:
        return {"w": weights_text, "s": view_text, "h": lambda _: HELP}[command](lab)
    pictures.write_png(out, lab.picture())
    return text


def _count(word: str) -> int | None:
    if not word.isdecimal() or len(word) > len(str(_MAX_STEPS)):
        return None
    return int(word) if 1 <= int(word) <= _MAX_STEPS else None


# ---------------------------------------------------------------- what is printed


def report_text(report: Report, lab: Lab) -> str:
    """What a command changed and what it did not, some 90 columns wide."""
    several = report.count > 1
    what = " and ".join(steps(report.count, network) for network in report.stepped)
    which = "the batch of the last" if several else "its batch"
    lines = [f"{what}; on {which} (number {report.batch}), before and after:"]
    lines += [_before_after(name, *pair) for name, pair in report.scalars.items() if _is_loss(name)]
    others = [(n, p) for n, p in report.scalars.items() if not _is_loss(n) and n not in _D_MEANS]
    lines += [_before_after(name, *pair) for name, pair in others]
    lines.append(f"{_view_title(lab)}, before and after:")
    lines += [_before_after(f"{name} samples", *pair) for name, pair in report.view.items()]
    if several:
        lines.append("gradients are those of the last step, updates those of all together")
    for network, changes in report.weights.items():
        lines += ["", *_changes_table(network, changes)]
    lines.append("")
    lines += [_sentence(n, changes, n in report.stepped) for n, changes in report.weights.items()]
    return "\n".join(lines + _not_finite(report))


def weights_text(lab: Lab) -> str:
    """Every weight's shape and norm, and how far it is from where the lab began."""
    rows = [["", "shape", "norm", "from start"]]
    for network, weights in lab.networks.items():
        for name, variable in weights.items():
            way = np.array(variable) - lab.first_weights[network][name]
            rows.append([f"{network} {name}", _shape(variable), _figure(norm(variable))])
            rows[-1].append(_figure(norm(way)))
    return "\n".join(_aligned(rows))


def view_text(lab: Lab) -> str:
    """D's scores of the first few fixed samples of each kind, and its means over all of them."""
    logits = lab.gan.scores_are_logits
    rows = [["", "sample", "score", *(["D = sigmoid"] if logits else [])]]
    fake = lab.fake()
    for name, x, scores in zip(("real", "generated"), (lab.real, fake), lab.scores(), strict=True):
        for i in np.arange(_SHOWN) * len(scores) // _SHOWN:  # from all over the data set
            sample = _point(x[i]) if lab.dataset.is_points else f"image {i}"
            row = [name, sample, _figure(scores[i])]
            rows.append(row + ([_figure(lab.output(scores)[i])] if logits else []))
    means = ", ".join(f"{name} {_figure(mean)}" for name, mean in lab.view().items())
    return "\n".join([*_aligned(rows), f"{_view_title(lab)}: {means}"])


def greeting(lab: Lab, origin: str) -> str:
    """What is on the table, and the commands."""
    sizes = [
        f"{sum(v.shape.num_elements() for v in weights.values()):,} weights in {network}"
        for network, weights in lab.networks.items()
    ]
    return (
        f"{lab.model} on {lab.dataset.name}: {', '.join(sizes)}; batch "
        f"{lab.config.batch_size}; {origin}\n{HELP}"
    )


_D_MEANS = ("d_real", "d_fake")  # of the batch; the fixed samples' are shown instead


def _is_loss(name: str) -> bool:
    return name.endswith("_loss")


def _view_title(lab: Lab) -> str:
    mean = "mean D" if lab.gan.scores_are_logits else "the critic's mean score"
    return f"{mean} of the same {len(lab.real):,} real samples and {len(lab.z):,} z"


def _before_after(name: str, before: float, after: float) -> str:
    return f"  {name:<22}{_figure(before):>11} -> {_figure(after):<11} {after - before:+.2g}"


def _changes_table(network: str, changes: dict[str, Change]) -> list[str]:
    labels = list(dict.fromkeys(label for c in changes.values() for label in c.gradient_norms))
    rows = [[network, "shape", "norm", *(labels or ["gradient"]), "update", "update/norm"]]
    for name, change in changes.items():
        norms = [change.gradient_norms.get(label) for label in labels] or [None]
        size, update = norm(change.before), norm(change.after - change.before)
        ratio = update / size if size else (None if update else 0.0)
        rows.append([name, _shape(change.before)])
        rows[-1] += [_figure(value) for value in (size, *norms, update, ratio)]
    return _aligned(rows)


def _sentence(network: str, changes: dict[str, Change], stepped: bool) -> str:
    """Which weights moved, from the comparison of their bits."""
    moved = [name for name, change in changes.items() if change.moved]
    still = [name for name in changes if name not in moved]
    if not moved:
        wrong = ", ALTHOUGH it made a step" if stepped else ""
        return f"{network}: {len(still)} weights, not one bit changed{wrong}."
    if not stepped:
        return f"{network}: CHANGED, ALTHOUGH it made no step: {', '.join(moved)}."
    return f"{network}: {len(moved)} of {len(changes)} weights changed" + (
        f", not {', '.join(still)}." if still else "."
    )


def _not_finite(report: Report) -> list[str]:
    pairs = {**report.scalars, **report.view}
    bad = [name for name, (_, after) in pairs.items() if not np.isfinite(after)]
    for network, changes in report.weights.items():
        bad += [f"{network} {n}" for n, c in changes.items() if not np.isfinite(c.after).all()]
    return [f"NOT FINITE any more: {', '.join(bad)}; r goes back to the start."] if bad else []


def _shape(weight) -> str:
    return " x ".join(map(str, weight.shape)) or "scalar"


def _point(x) -> str:
    return "({:6.3f}, {:6.3f})".format(*x)


def _figure(value: float | None) -> str:
    """Four decimals, so that a column's points line up, where they say enough."""
    if not value:
        return "-" if value is None else "0"  # nothing but 0 itself is printed as 0
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 else f"{value:.1e}"


def _aligned(rows: list[list[str]]) -> list[str]:
    """Columns as wide as they must be; the first flush left, the others right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]) for row in rows
    ]
