"""The gates of the derivatives with several networks: two domains, stages, two resolutions."""

from ganflow.gates import captions, domains, measures, resolution, translation
from ganflow.gates.gate import Bar, Edit, Gate, Variant

_COGAN_CLAIM = (
    "1606.07536, section 4: what one z gives in both domains belongs together, though no pair was "
    "seen; "
)
_COGAN_BARS = (
    Bar("agreement", at_least=0.93),
    Bar("gain", at_least=0.5),  # a common background alone makes most pixels agree
    Bar("same_class", at_least=0.85),
)
_COGAN_CONTROLS = (
    Variant(
        "nothing shared in G",
        edits=(
            Edit(
                "self.g_b = {**of_g, ",
                "self.g_b = {**shared_g_weights(config, rng), ",
            ),
            Edit(
                "return private_g(self.g_a, maps), private_g(self.g_b, maps)",
                "return private_g(self.g_a, maps), generator(self.g_b, z, statistics)",
            ),
        ),
    ),
    Variant(
        "nothing shared in D",
        edits=(
            Edit(
                'private_d_weights(config, channels["b"], rng), **of_d}',
                'private_d_weights(config, channels["b"], rng), **shared_d_weights(config, rng)}',
            ),
        ),
        # It may pass: the paper found agreement to rise with what is shared in G, and to be
        # uncorrelated with what is shared in D.
    ),
)
COGAN = Gate(
    "cogan",
    _COGAN_CLAIM + "a digit, and the edges of the same digit.",
    "cogan_fast",
    16_000,
    domains.pairs,
    _COGAN_BARS,
    _COGAN_CONTROLS,
    shown=("shuffled", "classes"),
)
COGAN_NEGATIVE = Gate(
    "cogan_negative",
    _COGAN_CLAIM + "a digit, and its negative.",
    "cogan_negative_fast",
    8_000,
    domains.pairs,
    _COGAN_BARS,
    _COGAN_CONTROLS,
    shown=("shuffled", "classes"),
)

DISCOGAN_POINTS = Gate(
    "discogan_points",
    "1703.05192, section 3: two GANs that translate back what they translated cover all ten modes "
    "of b and keep those of a apart; one GAN, with and without a way back, does not.",
    "discogan_points_fast",
    20_000,
    domains.modes,
    (
        Bar("modes", at_least=9),
        Bar("injectivity", at_least=0.8),  # of the five modes of a
        Bar("reconstruction_sigmas", at_most=2),
    ),
    (
        Variant("one GAN", ("--arch=gan",)),
        Variant("one GAN and a way back", ("--arch=recongan",)),
    ),
    shown=("high_quality_3std", "back_sigmas"),
    counts="best",  # any of the modes of b may be the right ones of a mode of a
)

DISCOGAN_ARROWS = Gate(
    "discogan_arrows",
    "1703.05192, section 4: a translation that has to come back keeps the angle, up to a turn or a "
    "reflection that is the same for all; of strangers it is 104 degrees off.",
    "discogan_fast",
    9_000,
    domains.arrows,
    (
        Bar("angle_error", at_most=15),
        Bar("off_style", at_most=0.15),  # or an arrow of a, left as it is, would do
        Bar("ink", at_least=0.7, at_most=1.4),
    ),
    (
        Variant("no D", ("--adversarial_weight=0", "--feature_weight=0")),
        Variant("one GAN", ("--arch=gan",)),
    ),
    shown=("shuffled_error",),
    counts="best",
)


def _cyclegan(name: str, dataset: str, retrieval: float) -> Gate:
    return Gate(
        name,
        "1703.10593: images of one domain become images of another by examples of both and no "
        f"pairs, and back; here MNIST's digits those of {dataset}, by held-out digits' true "
        "partners. It is not identifiable, so one seed is enough; a cycle's error proves nothing.",
        "cyclegan_fast",
        1_500,
        translation.translation,
        (
            Bar("l1_ratio", at_most=0.4),
            Bar("retrieval", at_least=retrieval),
            Bar("class_kept", at_least=0.8),
            # One way alone may succeed without the cycle, which ties both: negatives do.
            Bar("back_l1_ratio", at_most=0.4),
            Bar("back_retrieval", at_least=retrieval),
        ),
        (
            Variant("lambda 0", ("--cycle_weight=0",)),
            Variant("no D", ("--adversarial_weight=0",)),
        ),
        (f"--dataset={dataset}",),
        ("class_kept_by_partners", "cycle_error"),
        counts="best",
    )


CYCLEGAN_EDGES = _cyclegan("cyclegan_edges", "mnist_edges", retrieval=0.5)
CYCLEGAN_NEGATIVES = _cyclegan("cyclegan_negatives", "mnist_negative", retrieval=0.8)

STACKGAN = Gate(
    "stackgan",
    "1612.03242: pictures are of their captions, of combinations that were never seen too, and "
    "stage II adds what no sketch of stage I can show: whether stripes run across or down.",
    "stackgan_fast",
    22_000,
    captions.stages,
    (
        Bar("colour", at_least=0.95),
        Bar("place", at_least=0.95),
        Bar("shape", at_least=0.85),
        Bar("size", at_least=0.9),
        Bar("all_seen", at_least=0.75),
        Bar("all_held_out", at_least=0.6),
        Bar("fine", at_least=0.8),
        Bar("sketch_fine", at_most=0.6),
        Bar("kl_of_a_number", at_least=1e-3, at_most=1),
        Bar("variance_of_c", at_least=1e-4),
    ),
    (
        Variant(
            "captions shuffled",
            edits=(Edit('inputs = {"x": Real("x"), ', 'inputs = {"x": Real("x", batch=2), '),),
        ),
        Variant(
            "no mismatched pairs",
            edits=(
                Edit(
                    'is_wrong = layers.differ(batch["caption"], batch["other_caption"])',
                    "is_wrong = tf.zeros_like(fake_logits)",
                ),
            ),
        ),
        Variant(
            "stage II without caption",
            edits=(
                Edit(
                    'augmented(self.g_2, self._phi(given["caption"]), given["epsilon_2"])',
                    'augmented(self.g_2, self._phi(0 * given["caption"]), given["epsilon_2"])',
                ),
            ),
        ),
    ),
    shown=("sketch_shape", "angle", "background"),
)

STACKGAN_PP = Gate(
    "stackgan_pp",
    "1710.10916: a tree of branches, each of which shows more of the caption than the one before.",
    "stackgan_pp_fast",
    6_000,
    captions.branches,
    (
        Bar("rise_1", at_least=0.03),
        Bar("rise_2", at_least=0.03),
        Bar("colour", at_least=0.95),
        Bar("place", at_least=0.95),
        Bar("kl_of_a_number", at_least=1e-3, at_most=1),
    ),
    (
        Variant(
            "one D for all",
            edits=(
                Edit(
                    "self.ds = [made_d(discriminator_shapes(config, s, channels)) "
                    "for s in self.sides]",
                    "self.ds = 3 * [made_d(discriminator_shapes(config, 8, channels))]",
                ),
                Edit(
                    "x = blocks.halved(x, weights)",
                    "x = blocks.halved(layers.average_pool(x, x.shape[1] // 8), weights)",
                ),
            ),
        ),
    ),
    shown=("accuracy_1", "accuracy_2", "accuracy_3", "shape", "size", "fine", "all_held_out"),
)

STACKGAN_PP_COLOURS = Gate(
    "stackgan_pp_colours",
    "1710.10916, on colour consistency: without captions, a larger picture has the colours of the "
    "smaller one.",
    "stackgan_pp_unconditional",
    2_500,
    measures.and_images(captions.colours),
    (Bar("colour_correlation", at_least=0.95),),
    (Variant("alpha 0", ("--colour_weight=0",)),),
    shown=("brightness_correlation", "distance", "frechet_distance"),
)


def _srgan(name: str, claim: str, flags: tuple[str, ...] = ()) -> Gate:
    return Gate(
        name,
        claim,
        "srgan_fast",
        4_000,
        resolution.enlarged,
        (
            Bar("srresnet_over_bicubic_psnr", at_least=1),
            Bar("srgan_over_srresnet_psnr", at_most=0),
            Bar("srgan_over_bicubic_psnr", at_least=-1.5),
            Bar("srresnet_over_bicubic_distance", at_most=1),
            Bar("srgan_over_srresnet_distance", at_most=1),
            Bar("srgan_over_srresnet_detail_error", at_most=1),
            Bar("srgan_over_bicubic_detail_error", at_most=1),
        ),
        (
            Variant("adversarial weight 0", ("--adversarial_weight=0",)),
            # It has no SRResNet, and so meets none of its bars: the others tell.
            Variant("no pre-training", ("--pretrain_steps=0",)),
        ),
        flags,
        shown=(
            *(f"{of}_psnr" for of in _LARGE),
            *(f"{of}_detail" for of in _LARGE),
            *(f"{of}_accuracy" for of in _LARGE),
        ),
    )


_LARGE = ("bicubic", "srresnet", "srgan")
SRGAN_MNIST = _srgan(
    "srgan_mnist",
    "1609.04802, tables 1 and 2: SRResNet is above bicubic pictures in PSNR, and SRGAN below "
    "SRResNet; but SRGAN's pictures are more like real ones, in features and in fine detail.",
)
SRGAN_DRAWINGS = _srgan(
    "srgan_drawings",
    "The same in colours: of drawings at 8x8, the stripes of 32x32 have to be made up.",
    ("--dataset=drawings_32",),
)

GATES = (
    COGAN,
    COGAN_NEGATIVE,
    DISCOGAN_POINTS,
    DISCOGAN_ARROWS,
    CYCLEGAN_EDGES,
    CYCLEGAN_NEGATIVES,
    STACKGAN,
    STACKGAN_PP,
    STACKGAN_PP_COLOURS,
    SRGAN_MNIST,
    SRGAN_DRAWINGS,
)
