"""Checks an answer to an exercise of the course by working it out or by training.

    python docs/course/programs/exercise.py                        # the questions
    python docs/course/programs/exercise.py 3 0.75                 # an answer to the third
    python docs/course/programs/exercise.py 7 mode_collapse 600    # this one trains for a minute

The exit code is 0 if the answer is right, 1 if not, 2 if it is no answer.
"""

import dataclasses
import json
import math
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

PROGRAMS = Path(__file__).parent
ROOT = PROGRAMS.parents[2]


@dataclasses.dataclass(frozen=True)
class Exercise:
    """A question.

    Attributes:
      lesson: its number.
      question: in words.
      form: of the answer.
      solve: works the answer out: words and numbers.
      tolerance: relative, of numbers; 0: they have to be equal.
    """

    lesson: int
    question: str
    form: str
    solve: Callable[[], tuple]
    tolerance: float = 0.0


def best_d() -> tuple:
    """p / (p + q)."""
    return (0.3 / (0.3 + 0.1),)


def value_without_overlap() -> tuple:
    """2 JS - log 4 with JS = log 2."""
    return (2 * math.log(2) - math.log(4),)


def ratio_of_gradients() -> tuple:
    """Of one sample's two losses, by D's logit, where D is .01."""
    d = 0.01
    return ((1 - d) / d,)


def parameters_of_g() -> tuple:
    """Matrices and biases of 3-32-16-2."""
    sizes = (3, 32, 16, 2)
    return (sum(n * m + m for n, m in zip(sizes, sizes[1:], strict=False)),)


def weights_that_move() -> tuple:
    """G's matrices and biases that one D step changes by a bit, counted."""
    import ganflow.base.quiet  # noqa: F401 - before TensorFlow
    from ganflow.engine.prompt import build

    run = build("circle", workdir="unused")
    before = [v.numpy().tobytes() for v in run.gan.g.values()]
    zeros = {"x": [128, 2], "z_d": [128, 3]}
    import tensorflow as tf

    run.gan.d_step({name: tf.zeros(shape) for name, shape in zeros.items()})
    after = [v.numpy().tobytes() for v in run.gan.g.values()]
    return (sum(a != b for a, b in zip(before, after, strict=True)),)


def even_kernel() -> tuple:
    """The smallest kernel above 3 that reaches every pixel equally often with a stride of 3."""
    kernel = 4
    while kernel % 3:
        kernel += 1
    return (kernel,)


def first_diagnosis(model: str, *flags: str) -> tuple:
    """Train document 002's network on small digits; its first diagnosis, and at which step."""
    with tempfile.TemporaryDirectory() as folder:
        words = ["--dataset=digits", "--steps=1000", "--summary_every=100", *flags]
        words += [f"--model={model}", f"--workdir={folder}/run"]
        program = [sys.executable, str(ROOT / "bin" / "train.py"), *words]
        subprocess.run(program, check=True, capture_output=True)
        for line in (Path(folder) / "run" / "metrics.jsonl").read_text().splitlines():
            row = json.loads(line)
            if row.get("diagnosis"):
                return row["diagnosis"][0], row["step"]
    return ("none", 0)


def broken_sign() -> tuple:
    """As `first_diagnosis`, of a copy of the model with G's loss turned."""
    source = (ROOT / "ganflow" / "models" / "dense_logits.py").read_text()
    right = "g_loss = self._cross_entropy(fake_logits, 1.0)"
    assert source.count(right) == 1
    with tempfile.TemporaryDirectory() as folder:
        broken = Path(folder) / "broken.py"
        broken.write_text(source.replace(right, "g_loss = -self._cross_entropy(fake_logits, 1.0)"))
        return first_diagnosis(str(broken))


EXERCISES = {
    1: Exercise(1, "How many of G's 6 weights does one D step move?", "NUMBER", weights_that_move),
    2: Exercise(2, "p and q have no point in common. What is the largest V?", "V",
                value_without_overlap, 1e-3),
    3: Exercise(2, "At some x, p is .3 and q is .1. What does the best D say there?", "D",
                best_d, 1e-3),
    4: Exercise(3, "D says .01 of a sample. How many times as long is the gradient of -log D by "
                "the logit as that of log(1 - D)?", "RATIO", ratio_of_gradients, 1e-3),
    5: Exercise(4, "How many parameters has a generator 3-32-16-2?", "NUMBER", parameters_of_g),
    6: Exercise(6, "--d_learning_rate=0: which diagnosis comes first, and at which step? (Trains.)",
                "DIAGNOSIS STEP", lambda: first_diagnosis("dense_logits", "--d_learning_rate=0")),
    7: Exercise(6, "The sign of G's loss is turned: which diagnosis comes first, and at which "
                "step? (Trains.)", "DIAGNOSIS STEP", broken_sign),
    8: Exercise(9, "A stride of 3: what is the smallest kernel above 3 without a chessboard?",
                "NUMBER", even_kernel),
}  # fmt: skip


def is_right(answer: str, solution, tolerance: float) -> bool:
    """Whether a word is the solution, or a number near enough to it."""
    if isinstance(solution, str):
        return answer.lower().replace(" ", "_") == solution
    return abs(float(answer) - solution) <= tolerance * max(1.0, abs(solution))


def main(argv: list[str]) -> int:
    """Ask, or check; return the exit code."""
    if not argv:
        for number, exercise in EXERCISES.items():
            print(f"{number}. (lesson {exercise.lesson}) {exercise.question}")
            print(f"       python docs/course/programs/exercise.py {number} {exercise.form}")
        return 0
    exercise = EXERCISES.get(int(argv[0])) if argv[0].isdecimal() else None
    if exercise is None:
        return _no_answer(f"{argv[0]!r}: there are exercises 1 to {len(EXERCISES)}")
    forms, answers = exercise.form.split(), argv[1:]
    if len(answers) != len(forms):
        return _no_answer(
            f"exercise {argv[0]}: found {len(answers)} words, expected {exercise.form}"
        )
    for form, answer in zip(forms, answers, strict=True):
        if form != "DIAGNOSIS" and not _is_number(answer):
            return _no_answer(f"exercise {argv[0]}: found {answer!r}, expected a number")
    solution = exercise.solve()
    pairs = list(zip(answers, solution, strict=True))
    right = [is_right(answer, one, exercise.tolerance) for answer, one in pairs]
    for answer, is_one in zip(answers, right, strict=True):
        print(f"{answer}: {'right' if is_one else 'not so'}")
    return 0 if all(right) else 1


def _is_number(word: str) -> bool:
    try:
        return math.isfinite(float(word))
    except ValueError:
        return False


def _no_answer(text: str) -> int:
    print(text, file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
