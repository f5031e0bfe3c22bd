"""What is typed into the lab, and what answers it."""

import contextlib
import inspect
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

from ganflow.base.errors import EXIT_INTERRUPTED, EXIT_OK
from ganflow.lab import texts
from ganflow.lab.stepping import Lab
from ganflow.pictures import grids

_WHOLE = "b"  # the command of whole steps
_OTHERS = {
    "w": "the weights: shapes, norms, how far from the start",
    "s": "D's view of the same fixed samples",
    "p": "draw the picture again",
    "r": "back to the first weights",
    "h": "this list",
    "q": "the end (Ctrl-D too)",
}
_WORDS = {"help": "h", "?": "h", "quit": "q", "exit": "q"}  # what one types without having read
_MAX_STEPS = 10_000  # of one command: a slip of the finger must not cost the lesson


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
        grids.write_png(out, lab.picture())
        write(f"picture: {out}, drawn again after every command: keep it open beside\n")
        for line in lines:
            words = _words(lab, line)
            if words == ["q"]:
                break
            if words:
                write(_obeyed(lab, words, out) + "\n")
    except KeyboardInterrupt:
        write("")
        return EXIT_INTERRUPTED
    return EXIT_OK


def typed(stream: Any) -> Iterator[str]:
    """Lines of a stream like `sys.stdin`, with a prompt and a history where it is a terminal.

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


def greeting(lab: Lab, origin: str) -> str:
    """What is on the table, and the commands."""
    sizes = [
        f"{network} with {sum(v.shape.num_elements() for v in weights.values()):,} parameters"
        for network, weights in lab.networks.items()
    ]
    about = (
        f"{lab.model} on {lab.dataset.name}: {', '.join(sizes)}; batch {lab.config.batch_size}; "
        f"{origin}"
    )
    return "\n".join([*texts.wrapped(about), help_text(lab), "  help shows this list again."])


# ---------------------------------------------------------------- commands


def commands(lab: Lab) -> dict[str, str]:
    """The updates by what is typed for them: {"d": "d_step", "critic": "critic_step"}."""
    found = {}
    for update in lab.updates:
        short = update.lower().removesuffix("_step")
        found[update.lower() if short in (_WHOLE, *_OTHERS) else short] = update
    return found


def help_text(lab: Lab) -> str:
    """Every command, an example, and what it does; of an update what the model says of it."""
    there = commands(lab)
    rows = []
    for key, update in there.items():
        about = (inspect.getdoc(getattr(lab.gan, update)) or "").partition("\n")[0]
        rows.append((f"{key} [n]", f"{key} 10", f"{update}: {about}" if about else update))
    phases = lab.schedule.phases
    whole = "whole steps, as in training: "
    whole += (
        ", ".join(phases[0].update_names)
        if len(phases) == 1
        else "the updates of the phase under way"
    )
    rows.append((f"{_WHOLE} [n]", f"{_WHOLE} 100", whole))
    words = {key: word for word, key in reversed(_WORDS.items())}
    rows += [(key, words.get(key, key), about) for key, about in _OTHERS.items()]
    begin = [word for key in [*there][:2] for word in (f"{key} 10", "s")]
    text = texts.explained([("type", "as in", "what it does"), *rows])
    text.append(f"  n is how often, 1 where it is left out. To begin: {', '.join(begin)}.")
    if any(len(key) > 1 for key in there):
        text.append("  A long name may be cut short where its beginning is like no other.")
    return "\n".join(text)


def _words(lab: Lab, line: str) -> list[str]:
    """What is typed, the short name of a command in the place of its long one."""
    words = line.lower().split()
    if len(words) == 1 and words[0] not in commands(lab):
        words[0] = _WORDS.get(words[0], words[0])
    return words


def _obeyed(lab: Lab, words: list[str], out: Path) -> str:
    """Do one command; what it has to say."""
    command, *rest = words
    stepping = [] if command in _OTHERS else _meant(lab, command)
    if len(stepping) == 1 and len(rest) <= 1:
        count = _count(rest[0]) if rest else 1
        if count is None:
            return f"{command} {rest[0][:40]!r}: n is a whole number from 1 to {_MAX_STEPS:,}"
        text = texts.report_text(lab.train(stepping[0], count), lab)
    elif len(stepping) > 1:
        return f"{command!r}: that may be {' or '.join(map(str, stepping))}; type more of it"
    elif rest or command not in _OTHERS:
        there = ", ".join(f"{key} [n]" for key in (*commands(lab), _WHOLE))
        return (
            f"{' '.join(words)[:40]!r}: there is no such command; there are: {there}, "
            f"{', '.join(_OTHERS)}; help says more"
        )
    elif command == "r":
        lab.restart()
        text = f"back at the start: {texts.means_text(lab)}"
    elif command == "p":
        text = f"picture: {out}"
    else:
        return {"w": texts.weights_text, "s": texts.view_text, "h": help_text}[command](lab)
    grids.write_png(out, lab.picture())
    return text


def _meant(lab: Lab, word: str) -> list[str | None]:
    """The updates that a word may mean; None is a whole step."""
    there = commands(lab)
    if word == _WHOLE:
        return [None]
    if word in there:
        return [there[word]]
    return [update for key, update in there.items() if key.startswith(word)]


def _count(word: str) -> int | None:
    if not word.isdecimal() or len(word) > len(str(_MAX_STEPS)):
        return None
    return int(word) if 1 <= int(word) <= _MAX_STEPS else None
