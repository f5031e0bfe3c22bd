"""What `--help` and `--helpfull` print: our flags alone, the ones that matter first.

absl's own lists begin with the flags of TensorFlow, of its logging and of its tests.
"""

import re
import sys
import textwrap
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from absl import flags

from ganflow import models
from ganflow.base import hints
from ganflow.base.errors import EXIT_OK

FLAGS = flags.FLAGS
EVERY_MODEL = "ganflow.engine"  # under this name stand the flags that there are with every model
_WIDTH, _MAX_NAME = 100, 24  # characters: of a line, of a flag's column
_FLAGFILE = ("--flagfile=FILE", "more flags, one a line; later ones win")

# Training's `--help` is a text of its own, for it answers before TensorFlow is imported.
_TRAIN = "Train a GAN; run it again to go on."
TRAIN_FLAGS = (
    ("--model=NAME", f"{', '.join(models.names())}; or path/to/mine.py"),
    (
        "--dataset=NAME",
        "mnist, digits, circle, folder, npz, ...; by default the one of the model's source",
    ),
    (
        "--data_dir=PATH",
        "the folder or file of the data set: of mnist the folder of its IDX files, of folder that "
        "of your pictures",
    ),
    ("--workdir=DIR", "the run's folder; by default runs/MODEL-DATASET"),
    ("--steps=N", "train until step N, counted from the run's start"),
    ("--epochs=N", "or until the data have been gone through N times"),
    ("--batch_size=N", "examples in a batch"),
    ("--seed=N", "of weights, data order, z and dropout"),
    ("--summary_every=N", "steps between two rows of figures"),
    ("--evaluate_every=N", "steps between two evaluations of the samples' quality; 0: none"),
    ("--ema=DECAY", "keep a moving average of G's weights too, for instance .999; 0: none"),
    ("--init_from=DIR", "begin with the networks of another run's folder"),
    ("--fresh", "set aside what the workdir holds, and start from step 0"),
    ("--dry_run", "check everything and say what would be done; write nothing"),
    _FLAGFILE,
)
# Of what a model brings to the other programs.
_MATTERS = {
    "describe": ("dataset", "data_dir"),
    "lab": ("workdir", "dataset", "data_dir", "seed", "out"),
}


def answer_at_once(argv: Sequence[str]) -> None:
    """Where `ganflow-train --help` was typed, print it and exit: that need not wait for anything.

    Args:
      argv: the command line.
    """
    script = Path(__file__).resolve().parents[2] / "bin" / "train.py"
    started = Path(argv[0])
    is_train = started.name == "ganflow-train" or started.resolve() == script
    if is_train and not {"--help", "-help", "-h", "-?"}.isdisjoint(argv[1:]):
        print(_of_train())
        sys.exit(EXIT_OK)


def install(module: str) -> None:
    """Put our texts in the place of absl's, for a program whose `main` is in `module`."""

    def short() -> str:
        return _short(module)

    flags.DEFINE_flag(_Help("help", "show the flags that matter", short, short_name="h"))
    flags.DEFINE_flag(_Help("helpshort", "the same", short, short_name="?"))
    flags.DEFINE_flag(_Help("helpfull", "show all flags", lambda: _full(module)))


class _Help(flags.BooleanFlag):
    """A flag that prints and exits; all flags are defined by the time it is parsed."""

    def __init__(self, name: str, help: str, text: Callable[[], str], short_name=None):
        super().__init__(name, False, help, short_name=short_name, allow_override=True)
        self._text = text

    def parse(self, argument) -> None:
        if self._parse(argument):
            print(self._text())
            sys.exit(EXIT_OK)


# ---------------------------------------------------------------- texts


def _short(module: str) -> str:
    program = module.rpartition(".")[2]
    if program == "train":
        return _of_train()
    matters = [FLAGS[name] for name in _MATTERS.get(program, ())]
    rows = [*map(_in_short, [*_of_module(module), *matters]), _FLAGFILE]
    text = f"{_about(module)}\n\nThe flags that matter, with their [defaults]:\n{_columns(rows)}"
    if _model_section():
        text += f"\n\nThe rest of a model's: {hints.command(program)} --helpfull --model=NAME"
    return text


def _full(module: str) -> str:
    sections = {"All flags, with their [defaults]": [*map(_in_full, _of_module(module)), _FLAGFILE]}
    if model := _model_section():
        sections[f"Those of {model}"] = [*map(_in_full, _of_module(model))]
        sections["Those of every model"] = [*map(_in_full, _of_module(EVERY_MODEL))]
    parts = [f"{title}:\n{_columns(rows)}" for title, rows in sections.items()]
    return "\n\n".join([_about(module), *parts])


def _of_train() -> str:
    command = hints.command("train")
    return f"""{_TRAIN}

{command} --model=simple --dataset=mnist --data_dir=DIR --workdir=runs/simple

The flags that matter:
{_columns(TRAIN_FLAGS)}

All others, with every default: {command} --helpfull --model=NAME"""


def _about(module: str) -> str:
    """A program's docstring, its commands as they are typed from where one stands."""
    doc = sys.modules[module].__doc__ or ""
    return re.sub(r"\bganflow-(\w+)", lambda m: hints.command(m[1]), doc.strip())


def _model_section() -> str | None:
    """Under which name the flags of the chosen model stand, if there is one: "--model=circle"."""
    names = FLAGS.flags_by_module_dict()
    return next((name for name in names if name.startswith("--model=")), None)


def _of_module(module: str) -> list[flags.Flag]:
    name = sys.argv[0] if module == "__main__" else module
    found = FLAGS.flags_by_module_dict().get(name, [])
    return sorted(found, key=lambda flag: flag.name)


def _in_short(flag: flags.Flag) -> tuple[str, str]:
    if flag.boolean:
        return f"--[no]{flag.name}", flag.help + " [on]" * bool(flag.default)
    default = "" if flag.default in (None, "") else flag.default_as_str.strip("'")
    return f"--{flag.name}", flag.help + f" [{default}]" * bool(default)


def _in_full(flag: flags.Flag) -> tuple[str, str]:
    """With what its value may be, where there is a bound."""
    name, text = _in_short(flag)
    bounds = {getattr(flag.parser, bound, None) for bound in ("lower_bound", "upper_bound")}
    return name, text if bounds == {None} else f"{text}; {flag.parser.syntactic_help}"


def _columns(rows: Iterable[tuple[str, str]]) -> str:
    """The flags, and beside them what they are, wrapped."""
    rows = list(rows)
    width = min(_MAX_NAME, max(len(name) for name, _ in rows))
    lines = []
    for name, text in rows:
        wrapped = textwrap.wrap(text, _WIDTH - width - 4, break_on_hyphens=False) or [""]
        lines.append(f"  {name:<{width}}  {wrapped[0]}")
        lines += [" " * (width + 4) + more for more in wrapped[1:]]
    return "\n".join(lines)
