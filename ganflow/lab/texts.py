"""What the lab prints: plain columns some 90 characters wide, without colours."""

import io
import textwrap
from collections.abc import Sequence

import numpy as np
from rich.console import Console
from rich.table import Table

from ganflow.lab.stepping import Change, Lab, Report, norm, times
from ganflow.lab.viewing import View

WIDTH = 92  # of a terminal that shows it all
_MAX_NAME = 24  # columns of a weight's name, where there is need
_SHOWN = 6  # fixed samples of each kind that `view_text` lists
_D_MEANS = ("d_real", "d_fake")  # of the batch; the fixed samples' are shown instead


def report_text(report: Report, lab: Lab) -> str:
    """What a command changed and what it did not."""
    several = report.count > 1
    which = "the batch of the last" if several else "its batch"
    on = f"on {which} (number {report.batch}), before and after:"
    lines = wrapped(f"{_what_ran(report)}; {on}")
    lines += _before_after(_losses_first(report))
    for view, means in zip(lab.views, report.views, strict=True):
        if means:
            lines += wrapped(f"{view_title(view)}, before and after:")
            lines += _before_after({f"{name} samples": pair for name, pair in means.items()})
    if several:
        lines.append("gradients are those of the last step, updates those of all together")
    for network, changes in report.weights.items():
        lines += ["", *_changes_table(network, changes)]
    lines.append("")
    for network, changes in report.weights.items():
        lines += wrapped(_sentence(network, changes))
    return "\n".join(lines + _not_finite(report))


def weights_text(lab: Lab) -> str:
    """Every weight's shape and norm, and how far it is from where the lab began."""
    rows = []
    for network, weights in lab.networks.items():
        for name, variable in weights.items():
            way = np.array(variable) - lab.first_weights[network][name]
            sizes = [_shape(variable), figure(norm(variable)), figure(norm(way))]
            rows.append([f"{network}/{name}", *sizes])
    return "\n".join(table(["", "shape", "norm", "from start"], rows))


def view_text(lab: Lab) -> str:
    """D's view of each sampler's fixed samples."""
    return "\n\n".join(_one_view(view) for view in lab.views)


def means_text(lab: Lab) -> str:
    """D's means over the fixed samples, in a line."""
    named = [
        f"{name} {figure(mean)}" + (f" ({view.sampler.name})" if view.sampler.name else "")
        for view in lab.views
        for name, mean in view.means().items()
    ]
    return ", ".join(named) or "no D judges the samples"


def view_title(view: View) -> str:
    """Whose mean, over what."""
    sampler, what = view.sampler, "mean D"
    more = "higher" if sampler.higher_is_real else "lower"
    if sampler.boundary is None:
        what = f"mean score (the {more}, the more real)"
    elif not sampler.scores_are_logits:
        beyond = "above" if sampler.higher_is_real else "below"
        what = f"mean score (real: {beyond} {sampler.boundary:g})"
    name = f"{sampler.name}: " if sampler.name else ""
    given = " and ".join(view.given)
    return (
        f"{name}{what} of the same {len(view.real):,} real samples and samples of the same {given}"
    )


# ---------------------------------------------------------------- columns


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns as wide as they must be: the first flush left, the others right.

    Where that is too wide a title goes on in the next line, and so does a long name. Figures are
    whole in any case.
    """
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    widths = []
    for i, title in enumerate(header):
        longest = max(len(row[i]) for row in rows)
        cells = min(longest, _MAX_NAME) if i == 0 else longest
        widths.append(max(cells, *map(len, title.split()), 0))
        made.add_column(
            title,
            justify="right" if i else "left",
            min_width=widths[-1],
            vertical="bottom",
            overflow="fold",
        )
    for row in rows:
        made.add_row(*row)
    return _rendered(made, max(WIDTH, sum(widths) + 2 * len(widths)))


def explained(rows: Sequence[Sequence[str]]) -> list[str]:
    """Columns, of which the last is wrapped."""
    made = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), show_header=False)
    for _ in rows[0][1:]:
        made.add_column(no_wrap=True)
    made.add_column()
    for row in rows:
        made.add_row(*row)
    return [f"  {line}" for line in _rendered(made, WIDTH - 2)]


def wrapped(text: str) -> list[str]:
    """Lines of a long one."""
    return textwrap.wrap(text, WIDTH, subsequent_indent="  ", break_on_hyphens=False)


def figure(value: float | None) -> str:
    """Four decimals, so that a column's points line up, where they say enough."""
    if not value:
        return "-" if value is None else "0"  # nothing but 0 itself is printed as 0
    return f"{value:.4f}" if 1e-3 <= abs(value) < 1e5 else f"{value:.1e}"


def _rendered(made: Table, width: int) -> list[str]:
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        color_system=None,
        force_terminal=False,
        force_jupyter=False,
        markup=False,  # names are not instructions
        emoji=False,
        highlight=False,
    )
    console.print(made)
    return [line.rstrip() for line in out.getvalue().splitlines()]


# ---------------------------------------------------------------- parts of a report


def _what_ran(report: Report) -> str:
    if report.update:
        return times(report.count, report.update)
    parts = ", ".join(times(count, update) for update, count in report.ran.items())
    return f"{report.count:,} step{'' if report.count == 1 else 's'} of training: {parts}"


def _losses_first(report: Report) -> dict[str, tuple[float, float]]:
    """The scalars, without those means of D that the fixed samples show better."""
    hidden = _D_MEANS if any(report.views) else ()
    shown = {name: pair for name, pair in report.scalars.items() if name not in hidden}
    return dict(sorted(shown.items(), key=lambda item: not item[0].endswith("_loss")))


def _before_after(pairs: dict[str, tuple[float, float]]) -> list[str]:
    return [
        f"  {name:<22}{figure(before):>11} -> {figure(after):<11} {after - before:+.2g}"
        for name, (before, after) in pairs.items()
    ]


def _changes_table(network: str, changes: dict[str, Change]) -> list[str]:
    keys = list(dict.fromkeys(key for c in changes.values() for key in c.gradient_norms))
    several = len({update for update, _ in keys}) > 1
    titles = [" ".join(filter(None, [update * several, "gradient", of])) for update, of in keys]
    header = [network, "shape", "norm", *(titles or ["gradient"]), "update", "update/norm"]
    rows = []
    for name, change in changes.items():
        norms = [change.gradient_norms.get(key) for key in keys] or [None]
        size, update = norm(change.before), norm(change.after - change.before)
        ratio = update / size if size else (None if update else 0.0)
        figures = [figure(value) for value in (size, *norms, update, ratio)]
        rows.append([name, _shape(change.before), *figures])
    return table(header, rows)


def _sentence(network: str, changes: dict[str, Change]) -> str:
    """Which weights moved, from the comparison of their bits."""
    moved = [name for name, change in changes.items() if change.moved]
    still = [name for name in changes if name not in moved]
    trained = [name for name, change in changes.items() if change.trained]
    astray = [name for name in moved if name not in trained]
    if not moved:
        wrong = f", ALTHOUGH an update of {_names(trained, changes)} ran" if trained else ""
        return f"{network}: {_all(changes)} unchanged, to the bit{wrong}."
    if not trained:
        return f"{network}: CHANGED, ALTHOUGH no update of it ran: {', '.join(astray)}."
    text = f"{network}: {_all(changes)} changed"
    if still:
        text = f"{network}: {len(moved)} of {len(changes)} weights changed"
        text += f"; unchanged, to the bit: {', '.join(still)}"
    if astray:
        text += f"; CHANGED, ALTHOUGH no update of them ran: {', '.join(astray)}"
    return f"{text}."


def _all(changes: dict[str, Change]) -> str:
    return "its weight" if len(changes) == 1 else f"all {len(changes)} weights"


def _names(some: list[str], changes: dict[str, Change]) -> str:
    return "it" if len(some) == len(changes) else ", ".join(some)


def _not_finite(report: Report) -> list[str]:
    pairs = [*report.scalars.items()]
    pairs += [
        (f"D of {name} samples", pair) for view in report.views for name, pair in view.items()
    ]
    bad = list(dict.fromkeys(name for name, (_, after) in pairs if not np.isfinite(after)))
    for network, changes in report.weights.items():
        bad += [f"{network}/{n}" for n, c in changes.items() if not np.isfinite(c.after).all()]
    if not bad:
        return []
    return wrapped(f"NOT FINITE any more: {', '.join(bad)}; r goes back to the start.")


# ---------------------------------------------------------------- D's view


def _one_view(view: View) -> str:
    if not view.is_judged:
        return f"{view.sampler.name or 'the samples'}: no D judges them"
    sampler, sides = view.sampler, {"real": view.real, "generated": view.fake()}
    all_scores = view.scores()
    header = ["", "sample", "score"]
    header += ["D = sigmoid"] if sampler.scores_are_logits else []
    header += ["taken for"] if sampler.boundary is not None else []
    rows = []
    for name, x in sides.items():
        scores = all_scores[name]
        for i in np.arange(_SHOWN) * len(scores) // _SHOWN:  # from all over the data set
            row = [name, _point(x[i]) if view.is_points else f"image {i}", figure(scores[i])]
            if sampler.scores_are_logits:
                row.append(figure(view.output(scores)[i]))
            if sampler.boundary is not None:
                row.append("real" if view.taken_for_real(scores)[i] else "generated")
            rows.append(row)
    means = ", ".join(f"{name} {figure(mean)}" for name, mean in view.means().items())
    lines = [*table(header, rows), *wrapped(f"{view_title(view)}: {means}")]
    if sampler.boundary is not None:
        shares = {name: np.mean(view.taken_for_real(scores)) for name, scores in all_scores.items()}
        lines.append(
            "taken for real: " + ", ".join(f"{share:.0%} of {n}" for n, share in shares.items())
        )
    return "\n".join(lines)


def _shape(weight) -> str:
    return " x ".join(map(str, weight.shape)) or "scalar"


def _point(x) -> str:
    return "({:6.3f}, {:6.3f})".format(*x)
