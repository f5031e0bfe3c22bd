"""The gates of the five documents' own systems.

Digits are told by both judges and by how many classes there are: the usual DCGAN in Keras has
distances of 10 and 13 after a hundred seconds (the gate `dcgan`). A control turns off what the
document advises, trains in blocks as document 000 prints it, or freezes D.
"""

from ganflow.gates import measures
from ganflow.gates.gate import Bar, Edit, Gate, Variant

_DIGITS = (
    Bar("frechet_distance", at_most=10),
    Bar("second_frechet_distance", at_most=15),
    Bar("classes", at_least=9),
)
_SHOWN = ("precision", "recall", "patch_distance")


def _digits(name: str, claim: str, steps: int, variants: tuple[Variant, ...]) -> Gate:
    """A gate on MNIST, of the preset `NAME_fast`."""
    preset = f"{name}_fast"
    return Gate(name, claim, preset, steps, measures.images, _DIGITS, variants, shown=_SHOWN)


SIMPLE = _digits(
    "simple",
    "Document 004: dense networks draw digits, where SGD moves D at a rate well above that of "
    "Adam, which moves G.",
    15_000,
    (Variant("D's rate that of G", ("--d_learning_rate=5e-4",)),),
)

SIMPLE_KERAS = _digits(
    "simple_keras",
    "Document 004's Keras recipe: dense networks draw digits by labels of .9 and .1, where SGD "
    "moves D.",
    15_000,
    (Variant("Adam for D too", ("--d_optimizer=adam", "--d_learning_rate=5e-4")),),
)

DCGAN_UPSAMPLING = _digits(
    "dcgan_upsampling",
    "Document 004's DCGAN draws digits, D's rate well above G's.",
    20_000,
    (Variant("D's rate that of G", ("--d_learning_rate=1e-4",)),),
)

DENSE_LOGITS = _digits(
    "dense_logits",
    "Document 002's dense networks draw digits, taught by D's logits; at these rates D does not "
    "overpower G without the document's cures either.",
    33_000,
    (
        Variant("D frozen", ("--d_learning_rate=0",)),
        Variant(
            "a sigmoid and its logarithm", ("--d_output=sigmoid", "--real_label=1"), role="report"
        ),
    ),
)

DENSE_BATCH_NORM = _digits(
    "dense_batch_norm",
    "Document 000's networks draw digits, where D and G are trained in turn; as printed, one "
    "after the other, they do not.",
    30_000,
    (
        Variant("in blocks of 1,000 updates", ("--block_steps=1000",)),
        Variant(
            "batch norm removed",
            edits=(
                Edit(
                    "x = layers.batch_norm(x, *norm_0, statistics, momentum=0.99, epsilon=1e-3)",
                    "x = x * norm_0[0] + norm_0[1]",
                ),
            ),
            role="report",
        ),
    ),
)

DECONV = _digits(
    "deconv",
    "Document 001's generator, by transposed convolutions, draws digits once a D teaches it; batch "
    "norm helps.",
    3_000,
    (
        Variant("D frozen", ("--d_learning_rate=0",)),
        Variant(
            "batch norm removed",
            edits=(
                Edit(
                    "return layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)",
                    "return x * parts[0] + parts[1]",
                ),
            ),
            role="report",
        ),
    ),
)

CIRCLE = Gate(
    "circle",
    "Document 003 shows points on a circle; with another seed its own settings may end in an arc "
    "or a smaller circle.",
    "circle_steady",
    20_000,
    measures.circle,
    (
        Bar("radius", at_least=0.95, at_most=1.05),
        Bar("near", at_least=0.9),
        Bar("sectors", at_least=36),
    ),
    (
        Variant("labels withheld", ("--real_label=0.5", "--fake_label=0.5")),
        Variant("without the moving average", ("--ema=0",), role="report"),
    ),
    seeds=(0, 1, 2, 3, 4),
    counts="every",
)

GATES = (
    SIMPLE,
    SIMPLE_KERAS,
    DCGAN_UPSAMPLING,
    DENSE_LOGITS,
    DENSE_BATCH_NORM,
    DECONV,
    CIRCLE,
)
