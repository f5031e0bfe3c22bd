"""What TensorBoard shows of a run besides its figures: a layout, and a card to read; settings.

Written once at a run's start; the tabs are Custom Scalars, Text and Graphs. HParams: see `trial`.
"""

import dataclasses
import inspect
import math
from collections.abc import Sequence

import numpy as np

from ganflow.base.tables import as_markdown
from ganflow.interface import tables
from ganflow.summaries import events
from ganflow.summaries.events import Events

_PLACES = ("workdir", "data_dir")  # of this machine: they say nothing about the run
_EXACT = 2**53  # TensorBoard keeps numbers as doubles

# Chart titles, and the tags (as regular expressions that must match the whole tag) in each.
_CHARTS = {
    "The two networks": {
        "D's mean output on real and on generated": ["d_output/d_real", "d_output/d_fake"],
        "D's accuracy on real, generated and held-out real": [
            "accuracy/d_real",
            "accuracy/d_fake",
            "accuracy/d_held_out",
        ],
        "losses of D and G": ["Loss/d_loss", "Loss/g_loss"],
        "norms of the gradients of D and G": ["gradient/.*"],
    },
    "Every weight": {
        "norm": ["weight/.*/norm"],
        "norm of the gradient": ["weight/.*gradient.*_norm"],
        "update / weight, one step": ["weight/.*/update_ratio"],
        "largest singular value": ["weight/.*/largest_singular_value"],
        "share of dead ReLU units": ["weight/.*/dead_units"],
    },
}

_HEALTHY = """
## What healthy looks like

Look at the samples first and at the curves second: no curve says how good the samples are.

Where D gives a probability:

- `d_output`: D(real) a little above .5, D(fake) a little below, and both keep moving.
- `Loss`: near the values at D = 1/2, which are 2 log 2 = 1.386 for D's two log losses together
  (log 2 = .693 for their mean) and log 2 = .693 for G's -log D(G(z)).
- `accuracy`: above .5 and well below 1 on real and on generated; on held-out real as on real.
  It is of one moment, without dropout, where `d_output` and `loss` are means over the steps since
  the last summary, with it: they may disagree.

Where D is a critic (WGAN), its zero means nothing, so there is no accuracy:

- `d_output`: D(real) above D(fake); the gap between them shrinks slowly.
- `Loss`: `d_loss` is below 0 and rises towards it; `g_loss` may drift anywhere.

For both:

- `gradient`: the norms of D and of G within a factor of ten or so, without a trend.
- `weight`: `update_ratio` around 1e-3; no share of dead units that only grows.

## What an illness looks like

- **D wins**: D(real) goes to 1, D(fake) to 0, `d_loss` to 0, and `g_loss` rises. G learns little
  from such a D. Lower D's learning rate, or take a loss whose gradient does not vanish.
- **G has found a hole**: `g_loss` falls steadily and D(fake) is high, but the samples are poor.
- **Mode collapse**: samples of different z look alike, and the rows of the interpolation do not
  change. On points, real clusters have no generated point nearby, and all arrows point one way.
- **Going in circles**: samples change completely from one row of the strip to the next and come
  back; D's outputs swing.
- **D learns by heart**: its accuracy on real is far above that on held-out real.
- **G learns by heart**: distances to the nearest training images are close to 0.
- **Exploding**: gradient norms of hundreds, largest singular values that keep growing. The run
  stops by itself as soon as a number is no longer finite.
- **Dying**: the share of dead units rises, or an `update_ratio` goes to 0.

These are signs to look at, not verdicts: many a good run shows one of them for a while.

What the run itself has noticed, step by step, is the text `diagnosis`.
"""

_PICTURES = """
## Where the pictures are

In the group `Pictures`; the newest of each is a PNG in the workdir. All but the first are rare.

- `samples`: for images, generated beside real, from the same z at every summary; for points, D
  over the plane, and arrows where G's loss pushes the generated points.
- `heat`, for images: one sample and one real example, a colour for each value.
- `strip`, for images: the same z's over the training.
- `interpolation`, for images: on the way from one z to another.
- `neighbours`, for images: samples, each beside its nearest training image.
- `scores`: histograms of D's outputs on real, generated and held-out real.

"Show actual image size" makes them legible; `{flag}` shows all steps, not ten.
"""

# Not images=0, which ought to mean all and shows none (tensorboard issue 5550).
TENSORBOARD_FLAG = "--samples_per_plugin=images=1000"


def hparams(model: str, config, options) -> dict[str, bool | int | float | str]:
    """A run's settings as TensorBoard's HParams tab takes them.

    Args:
      model: its name.
      config: a model's `Config`.
      options: `engine.Options`; the folders of this machine are left out.

    Returns:
      By flag name. Tuples become "32,16"; what a double does not hold exactly becomes text.
    """
    fields = {f.name: getattr(c, f.name) for c in (config, options) for f in dataclasses.fields(c)}
    told = {name: _plain(value) for name, value in fields.items() if name not in _PLACES}
    return {"model": model} | told


def layout():
    """The layout of the Custom Scalars tab: what must be seen together is in one chart.

    Returns:
      A `tf.compat.v1.Summary`.
    """
    from tensorboard.plugins.custom_scalar import layout_pb2, summary

    categories = [
        layout_pb2.Category(
            title=category,
            chart=[
                layout_pb2.Chart(
                    title=title,
                    multiline=layout_pb2.MultilineChartContent(tag=[f"^{t}$" for t in tags]),
                )
                for title, tags in charts.items()
            ],
        )
        for category, charts in _CHARTS.items()
    ]
    return summary.pb(layout_pb2.Layout(category=categories))


def about(run) -> list[tuple[str, str]]:
    """(What, its value) of an `engine.Run`: model, data, sizes, and then every setting."""
    dataset, networks = run.dataset, run.gan.networks
    sizes = {name: len(array) for name, array in dataset.fields.items()}
    shapes = dataset.about().shapes
    examples = [
        f"{size:,} {name}" + (f" of {' x '.join(map(str, shapes[name]))}" if shapes[name] else "")
        for name, size in sizes.items()
    ]
    rows = [("model", run.model_name), ("examples", ", ".join(examples))]
    rows += [(f"parameters of {k}", f"{tables.parameters(w):,}") for k, w in networks.items()]
    rows += [("compiled by XLA", "yes" if run.jit else "no")]
    settings = hparams(run.model_name, run.config, run.options)
    return rows + [(name, str(value)) for name, value in settings.items() if name != "model"]


def card(doc: str, rows: Sequence[tuple[str, str]]) -> str:
    """What the run is, what healthy looks like, what an illness looks like, where pictures are.

    Args:
      doc: the model's docstring; its first line and the next paragraph are shown.
      rows: of `about`.

    Returns:
      Markdown.
    """
    heading, *paragraphs = inspect.cleandoc(doc).split("\n\n")
    paragraph = paragraphs[0] if paragraphs else ""
    cells = [(name, value.replace("|", "\\|")) for name, value in rows]
    settings = as_markdown(("this run", ""), cells)
    pictures = _PICTURES.format(flag=TENSORBOARD_FLAG)
    return f"# {heading}\n\n{paragraph}\n\n## This run\n\n{settings}\n{_HEALTHY}{pictures}"


def write_start(written: Events, doc: str, rows: Sequence[tuple[str, str]]) -> None:
    """Write layout and card at step 0.

    Args:
      written: the run's events.
      doc, rows: as for `card`.
    """
    written.write(0, [*events.converted(layout()), *events.text("card", card(doc, rows))])


def _plain(value) -> bool | int | float | str:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, (tuple, list)):
        return ",".join(map(str, value))
    if isinstance(value, int) and not isinstance(value, bool) and abs(value) > _EXACT:
        return str(value)
    if value is None or isinstance(value, float) and not math.isfinite(value):
        return str(value)
    return value
