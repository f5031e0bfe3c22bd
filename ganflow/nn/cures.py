"""Cures of mode collapse, as options that are all off unless they are asked for.

    packing                    --pac=M               1712.04086: D judges M examples together
    minibatch deviation        --minibatch_std       1710.10196, section 3
    minibatch discrimination   --minibatch_kernels=B 1606.03498, section 3.2
    spectral norm              --spectral_norm       1802.05957, algorithm 1
    R1                         --r1_weight=GAMMA     1801.04406, equation 9
    unrolling                  --unroll=K            1611.02163, equations 8 to 10
    moving average of G        --ema=DECAY           of every model: `nn.moving_average`

The first three let D compare examples, and samples of a collapsed G are alike. The next two keep D
from becoming too steep, the sixth shows G where D will go. A model that has them inherits `Options`
in its `Config`; `pacgan` and `dcgan` do.
"""

import dataclasses
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

from ganflow.base.config import option
from ganflow.nn import initializers, optimizers, replicas
from ganflow.nn.layers import Weights

KERNEL_SIZE = 5  # C of minibatch discrimination, as in the program of its authors


@dataclasses.dataclass(frozen=True)
class Options:
    """The settings of all of them."""

    pac: int = option(1, "examples that D judges together; 1: each alone", minimum=1)
    minibatch_std: bool = option(False, "D is told how much the batch varies")
    minibatch_kernels: int = option(0, "B of minibatch discrimination; 0: none", minimum=0)
    spectral_norm: bool = option(False, "D's matrices and kernels have a largest gain of 1")
    r1_weight: float = option(0.0, "gamma of R1, on D's gradient at real examples", minimum=0)
    unroll: int = option(0, "updates of D that G looks ahead; 0: none", minimum=0)


# ---------------------------------------------------------------- what D sees beside an example


def added_units(options: Options) -> int:
    """How many units `beside_others` adds to each example."""
    return options.minibatch_kernels + options.minibatch_std


def kernel_weights(options: Options, units: int, rng: np.random.Generator, std: float) -> Weights:
    """{"minibatch_t": [units, B * C]} of N(0, std); empty without minibatch discrimination.

    Raises:
      ValueError: several replicas, each of which would compare its own examples alone.
    """
    if not options.minibatch_kernels:
        return {}
    replicas.refuse_several("minibatch discrimination compares all examples of a batch")
    shape = [units, options.minibatch_kernels * KERNEL_SIZE]
    return {"minibatch_t": initializers.normal(rng, shape, std, "minibatch_t")}


def beside_others(x: tf.Tensor, weights: Mapping[str, tf.Tensor], options: Options) -> tf.Tensor:
    """Features of a batch, all real or all fake [n, units] -> [n, units + `added_units`]."""
    added = [x]
    if options.minibatch_kernels:
        added.append(minibatch_discrimination(x, weights["minibatch_t"]))
    if options.minibatch_std:
        added.append(minibatch_std(x))
    return tf.concat(added, axis=1)


def minibatch_std(x: tf.Tensor) -> tf.Tensor:
    """The standard deviation of every unit over the batch, their mean, once for each example.

    Args:
      x: [n, units]; the batch of all replicas counts.

    Returns:
      [n, 1], all the same.

    Source: 1710.10196, section 3; there over groups of four examples.
    """
    mean = replicas.mean(tf.reduce_mean(x, axis=0))
    variance = replicas.mean(tf.reduce_mean(tf.square(x - mean), axis=0))
    deviation = tf.reduce_mean(tf.sqrt(variance + 1e-8))  # a root of 0 has no gradient
    return deviation * tf.ones_like(x[:, :1])


def minibatch_discrimination(x: tf.Tensor, t: tf.Tensor) -> tf.Tensor:
    """How near the others are to each example, in B ways: the sums of exp(-|M_i - M_j|_1), j not i.

    Args:
      x: [n, units].
      t: [units, B * C]; M = x t is B rows of C numbers for each example.

    Returns:
      [n, B].

    Source: 1606.03498, section 3.2.
    """
    m = tf.reshape(tf.matmul(x, t), [-1, t.shape[1] // KERNEL_SIZE, KERNEL_SIZE])  # [n, B, C]
    distances = tf.reduce_sum(tf.abs(m[:, tf.newaxis] - m[tf.newaxis]), axis=3)  # [n, n, B]
    return tf.reduce_sum(tf.exp(-distances), axis=1) - 1.0  # but for itself


# ---------------------------------------------------------------- how steep D may be


def spectral_vectors(
    weights: Weights, options: Options, rng: np.random.Generator
) -> dict[str, tf.Variable]:
    """A vector u [out] for each matrix and kernel, from which the largest gain is estimated."""
    if not options.spectral_norm:
        return {}
    made = {}
    for name, w in weights.items():
        if len(w.shape) > 1:
            u = rng.standard_normal(w.shape[-1])
            u = tf.constant(u / np.linalg.norm(u), tf.float32)
            made[name] = tf.Variable(u, trainable=False, name=f"{name}_u")
    return made


def power_iteration(weights: Weights, us: Mapping[str, tf.Variable]) -> None:
    """Algorithm 1, line 3: once before each update of D; the same in every replica."""
    for name, u in us.items():
        w = tf.reshape(weights[name], [-1, u.shape[0]])  # [in, out]
        v = tf.math.l2_normalize(tf.linalg.matvec(w, u))  # [in]
        replicas.local(u).assign(tf.math.l2_normalize(tf.linalg.matvec(w, v, transpose_a=True)))


def held(weights: Mapping[str, tf.Tensor], us: Mapping[str, tf.Variable]) -> dict[str, tf.Tensor]:
    """D's weights, those that have a vector divided by their largest gain v W u.

    A kernel [h, w, in, out] counts as the matrix [h w in, out], as in the paper.
    """
    made = dict(weights)
    for name, u in us.items():
        w = tf.reshape(weights[name], [-1, u.shape[0]])
        gained = tf.linalg.matvec(w, u)  # W u
        v = tf.stop_gradient(tf.math.l2_normalize(gained))
        made[name] = weights[name] / tf.tensordot(v, gained, 1)
    return made


def r1(scores_of: Callable[[tf.Tensor], tf.Tensor], real: tf.Tensor) -> tf.Tensor:
    """E |grad_x D(x)|^2 at real examples; of packs, the gradient by all of a pack.

    Args:
      scores_of: D before its sigmoid, from [n, ...] to one score an example or a pack.
      real: [n, ...].

    Source: 1801.04406, equation 9, without its gamma / 2.
    """
    with tf.GradientTape() as tape:
        tape.watch(real)
        scores = scores_of(real)
    gradient = tape.gradient(scores, real)
    return tf.reduce_sum(tf.square(gradient)) / tf.cast(tf.size(scores), tf.float32)


# ---------------------------------------------------------------- where D will go


def unrolled(
    weights: Weights,
    optimizer: optimizers.Adam,
    d_loss: Callable[[Mapping[str, tf.Tensor]], tf.Tensor],
    steps: int,
) -> dict[str, tf.Tensor]:
    """D's weights after further updates of its own Adam, as tensors; nothing is assigned.

    G's gradient flows through the updates, but for Adam's root of squares, which counts as a
    constant: its slope is infinite at 0, where a unit is dead.

    Args:
      weights: D's, in the order of `optimizer.trained`.
      optimizer: D's.
      d_loss: from such weights to D's loss on the batch at hand.
      steps: K.

    Source: 1611.02163, equations 8 to 10.
    """
    names = [name for name, w in weights.items() if w.trainable]
    now: dict[str, tf.Tensor] = {name: tf.convert_to_tensor(w) for name, w in weights.items()}
    m = [tf.convert_to_tensor(optimizer.adam_m[name]) for name in optimizer.names]
    v = [tf.convert_to_tensor(optimizer.adam_v[name]) for name in optimizer.names]
    done = tf.cast(optimizer.iterations, tf.float32)
    betas = optimizer.beta_1, optimizer.beta_2
    for step in range(steps):
        trained = [now[name] for name in names]
        with tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch(trained)
            loss = d_loss(now)
        gradients = replicas.mean_gradients(tape.gradient(loss, trained))
        t, rate = done + 1.0 + step, optimizer.learning_rate
        for i, (name, g) in enumerate(zip(names, gradients, strict=True)):
            m[i] = betas[0] * m[i] + (1 - betas[0]) * g
            v[i] = tf.stop_gradient(betas[1] * v[i] + (1 - betas[1]) * tf.square(g))
            size = rate * tf.sqrt(1 - tf.pow(betas[1], t)) / (1 - tf.pow(betas[0], t))
            now[name] -= size * m[i] / (tf.sqrt(v[i]) + optimizer.epsilon)
    return now
