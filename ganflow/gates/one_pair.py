"""The gates of the derivatives with one G and one D."""

from ganflow.gates import measures
from ganflow.gates.gate import Bar, Edit, Gate, Variant

_NORM = Edit(
    """    return layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)
""",
    """    return x * parts[0] + parts[1]
""",
)


def _withheld(line: str) -> Edit:
    """A label's first layer, that is given zeros."""
    return Edit(line, line.replace("(y, ", "(0.0 * y, "))


VANILLA = Gate(
    "vanilla",
    "1406.2661, table 1: a Parzen log-likelihood of 225 nats on MNIST, here by the authors' "
    "protocol but for its validation images. More than 243, real training images' own, would be "
    "suspicious.",
    "vanilla_fast",
    40_000,
    measures.and_images(measures.likelihood),
    (Bar("log_likelihood", at_least=200), Bar("classes", at_least=9)),
    (
        Variant("D frozen", ("--d_learning_rate=0",)),
        Variant(
            "saturating loss, strong D",
            ("--input_dropout_rate=0", "--dropout_rate=0"),
            (
                Edit(
                    "losses.non_saturating_g_loss(self._discriminate(",
                    "-losses.non_saturating_g_loss(-self._discriminate(",
                ),
            ),
        ),
    ),
    shown=("sigma", "frechet_distance"),
)

DCGAN = Gate(
    "dcgan",
    "1511.06434: batch norm, strided convolutions and Adam make GANs of convolutions train; here "
    "not worse than the usual DCGAN in Keras after as many seconds.",
    "dcgan_fast",
    3_000,
    measures.images,
    (Bar("frechet_distance", at_most=1, times="keras"), Bar("classes", at_least=10)),
    (
        Variant("keras", program="keras_dcgan.py", role="reference"),
        Variant("batch norm removed", edits=(_NORM,)),
    ),
    shown=("precision", "recall"),
)

DCGAN_CONDITIONAL = Gate(
    "dcgan_conditional",
    "1511.06434, supplement: a 1-nearest-neighbour classifier of real digits that has learnt from "
    "generated ones errs for 2.98 % with 50,000 of them; here there are 10,000, with which, were "
    "they real, it errs for 5.2 or 5.3 %.",
    "dcgan_conditional_fast",
    16_000,
    measures.and_images(measures.classes),
    (Bar("nearest_neighbour_error", at_most=0.05),),
    (
        Variant(
            "label withheld from D",
            edits=(
                Edit(
                    '    x = layers.conv(layers.join(x, y), weights["conv_0_w"], stride=2)',
                    "    y = tf.zeros_like(y)\n"
                    '    x = layers.conv(layers.join(x, y), weights["conv_0_w"], stride=2)',
                ),
            ),
        ),
        Variant(
            "labels shuffled",
            edits=(
                Edit(
                    'self.one_hot(batch["label_d"])',
                    'self.one_hot(tf.roll(batch["label_d"], 1, axis=0))',
                ),
            ),
        ),
    ),
    shown=("conditional_accuracy", "distance_within_classes", "frechet_distance"),
)


_HR_NORM = Edit(
    "    x = layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)\n",
    "    x = x * parts[0] + parts[1]\n",
)
_SELU_FIRST = Edit(
    """    x = layers.batch_norm(x, *parts, statistics, momentum=0.9, epsilon=1e-5)
    return layers.selu(x)
""",
    """    return layers.batch_norm(layers.selu(x), *parts, statistics, momentum=0.9, epsilon=1e-5)
""",
)


def _hr_dcgan(name: str, addition: str, flags: tuple[str, ...], *broken: Variant) -> Gate:
    return Gate(
        name,
        "1711.06491: batch norm and then SELU, here not much worse than DCGAN after as many steps"
        + addition,
        "hr_dcgan_fast",
        3_000,
        measures.and_images(measures.activations),
        (
            Bar("frechet_distance", at_most=1.5, times="dcgan"),
            Bar("blocks_not_finite", at_most=0),
        ),
        (
            Variant("dcgan", flags, preset="dcgan_fast", role="reference"),
            *broken,
            Variant("SELU before batch norm", edits=(_SELU_FIRST,), role="report"),
        ),
        flags,
        ("lowest_mean", "highest_mean", "lowest_variance", "highest_variance"),
    )


HR_DCGAN = _hr_dcgan("hr_dcgan", ".", (), Variant("batch norm removed", edits=(_HR_NORM,)))
HR_DCGAN_ENLARGED = _hr_dcgan(
    "hr_dcgan_enlarged",
    "; on images enlarged by 2, the paper's glasses, where SELU does without batch norm as well.",
    ("--enlarge=2",),
    Variant("D frozen", ("--d_learning_rate=0",)),
    Variant("batch norm removed", edits=(_HR_NORM,), role="report"),
)

CGAN = Gate(
    "cgan",
    "1411.1784: samples are of the class that was asked for, and a class is more than one picture.",
    "cgan_fast",
    20_000,
    measures.and_images(measures.classes),
    (
        Bar("conditional_accuracy", at_least=0.92),
        Bar("distance_within_classes", at_least=0.4),
    ),
    (
        Variant(
            "label withheld from G",
            edits=(_withheld('    y = layers.relu(layers.linear(y, weights["y_w"], '),),
        ),
        Variant(
            "label withheld from D",
            edits=(_withheld('    y = layers.linear(y, weights["y_w"], '),),
        ),
    ),
    shown=("nearest_neighbour_error", "frechet_distance"),
)

INFOGAN = Gate(
    "infogan",
    "1606.03657, section 7: the information on the category comes near its 2.303 nats; matched to "
    "the digits, it is off for 5 % of them; another code is slant or width.",
    "infogan_fast",
    3_000,
    measures.and_images(measures.codes),
    (
        Bar("information", at_least=2.2),
        Bar("matched_accuracy", at_least=0.8),
        Bar("code_correlation", at_least=0.5),
    ),
    (Variant("lambda 0", ("--information_weight=0",)),),
    shown=("frechet_distance", "classes"),
)

WGAN = Gate(
    "wgan",
    "1701.07875: the critic's estimate falls with the samples' quality, and weights stay clipped; "
    "five updates a step keep it near what a critic finds that is trained on.",
    "wgan_fast",
    1_500,
    measures.and_images(measures.estimate),
    (
        Bar("rank_correlation", at_least=0.8),
        Bar("checkpoints", at_least=15),
        Bar("weight_excess", at_most=1),
        Bar("critic_updates", at_least=1, at_most=1),
        Bar("tightness", at_least=0.75),
    ),
    (
        Variant(
            "no clip",
            edits=(
                Edit(
                    """        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
        optimizers.clip_weights(self.d_variables, self.config.clip)
""",
                    """        self.d_optimizer.update(tape.gradient(d_loss, self.d_variables))
""",
                ),
            ),
        ),
        Variant("one critic update a step", ("--n_critic=1", "--long_critic=1")),
    ),
    shown=("frechet_distance", "first_distance"),
    marks=20,
)

WGAN_GP_POINTS = Gate(
    "wgan_gp_points",
    "1704.00028, figure 3: 25 Gaussians, all of them; the critic's gradient has a length of 1 on "
    "lines between real and generated points.",
    "wgan_gp_points_fast",
    28_000,
    measures.modes,
    (
        Bar("modes", at_least=25),
        Bar("high_quality_3std", at_least=0.75),
        Bar("gradient_norm", at_least=0.8, at_most=1.2),
    ),
    (
        Variant("lambda 0", ("--penalty_weight=0",)),
        Variant(
            "norm over the batch",
            edits=(
                Edit(
                    "penalty = losses.gradient_penalty(partial(critic, self.d), x, fake, epsilon)",
                    """x_hat = epsilon[:, None] * x + (1 - epsilon[:, None]) * fake
                with tf.GradientTape() as inner:
                    inner.watch(x_hat)
                    scores = critic(self.d, x_hat)
                norms = tf.norm(inner.gradient(scores, x_hat) + 1e-12, axis=0)
                penalty = tf.reduce_mean((norms - 1.0) ** 2)""",
                ),
            ),
        ),
    ),
    shown=("high_quality_5std",),
)

BEGAN = Gate(
    "began",
    "1703.10717, section 3.4: k holds L(G(z)) at gamma L(x), and M falls as training goes on.",
    "began_fast",
    7_000,
    measures.and_images(measures.balance),
    (
        Bar("convergence_ratio", at_most=0.5),
        Bar("balance_over_gamma", at_least=0.8, at_most=1.2),
        Bar("last_k", at_least=0.001),
        Bar("highest_k", at_most=0.9999),
        Bar("classes", at_least=7),
    ),
    (
        Variant("k held at 0", ("--lambda_k=0",)),
        Variant(
            "sign of k's update turned",
            edits=(
                Edit(
                    "k + lambda_k * (gamma * real_error - fake_error), 0.0",
                    "k - lambda_k * (gamma * real_error - fake_error), 0.0",
                ),
            ),
        ),
    ),
    shown=("frechet_distance",),
    marks=35,  # the first at step 200, from which M is counted
)

GATES = (
    VANILLA,
    DCGAN,
    DCGAN_CONDITIONAL,
    HR_DCGAN,
    HR_DCGAN_ENLARGED,
    CGAN,
    INFOGAN,
    WGAN,
    WGAN_GP_POINTS,
    BEGAN,
)
