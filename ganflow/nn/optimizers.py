"""Update rules, each a pure function of eight lines or fewer, and the slots that they need.

    SGD        w <- w - rate g
    Momentum   v <- mu v - rate g                       w <- w + v
    Adam       m <- b1 m + (1 - b1) g                   v <- b2 v + (1 - b2) g^2
               w <- w - rate sqrt(1 - b2^t) / (1 - b1^t) m / (sqrt(v) + epsilon)
    RMSProp    s <- rho s + (1 - rho) g^2               w <- w - rate g / sqrt(s + epsilon)
               or, as PyTorch has it,                   w <- w - rate g / (sqrt(s) + epsilon)

A rate, and mu, may be a function of the updates done before, t - 1: see `nn.schedules`.

An optimizer holds explicit variables: `learning_rate`, `iterations` (the t above, counted from 1)
and one slot for each trained variable, as `adam_m/w_0000`. There is one for every list of trained
variables, made with them: nothing appears later.
"""

import contextlib
import dataclasses
import threading
from collections.abc import Iterator, Sequence

import tensorflow as tf

from ganflow.nn import replicas
from ganflow.nn.schedules import Varying


def variables(*networks: dict[str, tf.Variable]) -> list[tf.Variable]:
    """The trainable variables of the networks in the order of their dicts, each named once.

    A variable that two networks share (CoGAN) is found by identity and listed a single time.
    """
    unique = {id(v): v for weights in networks for v in weights.values() if v.trainable}
    return list(unique.values())


# ---------------------------------------------------------------- the rules


def sgd(w: tf.Tensor, g: tf.Tensor, rate: tf.Tensor) -> tf.Tensor:
    """Gradient descent: the new w. Robbins and Monro 1951."""
    return w - rate * g


def momentum(
    w: tf.Tensor, v: tf.Tensor, g: tf.Tensor, rate: tf.Tensor, mu: float
) -> tuple[tf.Tensor, tf.Tensor]:
    """Classical momentum: new (w, v). Polyak 1964, as in Sutskever et al. 2013, eqs. 1 and 2."""
    v = mu * v - rate * g
    return w + v, v


def adam(
    w: tf.Tensor,
    m: tf.Tensor,
    v: tf.Tensor,
    g: tf.Tensor,
    t: tf.Tensor,
    rate: tf.Tensor,
    beta_1: float,
    beta_2: float,
    epsilon: float,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Adam in the form of its section 2, last paragraph: new (w, m, v). arXiv 1412.6980.

    Epsilon stands beside the root of the v that is not yet corrected, as in TensorFlow and Keras.
    """
    m = beta_1 * m + (1 - beta_1) * g
    v = beta_2 * v + (1 - beta_2) * tf.square(g)
    step_size = rate * tf.sqrt(1 - tf.pow(beta_2, t)) / (1 - tf.pow(beta_1, t))
    return w - step_size * m / (tf.sqrt(v) + epsilon), m, v


def rms_prop(
    w: tf.Tensor,
    s: tf.Tensor,
    g: tf.Tensor,
    rate: tf.Tensor,
    rho: float,
    epsilon: float,
    in_root: bool = True,
) -> tuple[tf.Tensor, tf.Tensor]:
    """RMSProp without momentum, not centred: new (w, s). Tieleman and Hinton 2012, lecture 6.5.

    Epsilon stands inside the root, as in TensorFlow and Keras; or beside it, as in PyTorch, where
    an epsilon of 1e-8 does what 1e-16 would do inside.
    """
    s = rho * s + (1 - rho) * tf.square(g)
    root = tf.sqrt(s + epsilon) if in_root else tf.sqrt(s) + epsilon
    return w - rate * g / root, s


# ---------------------------------------------------------------- beside the rules


def clip_weights(weights: Sequence[tf.Variable], limit: float) -> None:
    """Every weight into [-limit, limit]: arXiv 1701.07875, algorithm 1, line 7.

    In every replica, when called in a step; of all copies, when called between two.
    """
    for w in map(replicas.local, weights):
        w.assign(tf.clip_by_value(w, -limit, limit))


# ---------------------------------------------------------------- the rules with their slots


class Optimizer(tf.Module):
    """What the four have in common: a learning rate, a count, the averaging over replicas."""

    def __init__(self, learning_rate: float | Varying, trained: Sequence[tf.Variable]):
        super().__init__()
        self.trained = list(trained)
        self.names = _unique_names(self.trained)
        self._rate_at = learning_rate if callable(learning_rate) else None
        self.learning_rate = _setting("learning_rate", learning_rate)
        self.iterations = tf.Variable(0, dtype=tf.int64, trainable=False, name="iterations")

    def slots(self, name: str) -> dict[str, tf.Variable]:
        """Zeros like every trained variable, by its name: {"w_0000": adam_m/w_0000, ...}."""
        return {
            of: tf.Variable(tf.zeros(v.shape), trainable=False, name=f"{name}/{of}")
            for of, v in zip(self.names, self.trained, strict=True)
        }

    def update(self, gradients: Sequence[tf.Tensor | None], label: str = "") -> None:
        """One step of the rule.

        With several replicas the gradients are first averaged over them, so that a loss that is a
        mean over a replica's share acts as the mean over the whole batch. After that every replica
        does the same arithmetic on its own copy of the variables.

        Args:
          gradients: of the loss with respect to `trained`, in that order.
          label: tells apart the updates of this optimizer within one step, where summaries shall.

        Raises:
          ValueError: a variable has no gradient. It is then outside the loss, or outside the tape:
            it would silently never train.
        """
        missing = [v.name for v, g in zip(self.trained, gradients, strict=True) if g is None]
        if missing:
            raise ValueError(f"no gradient for {', '.join(missing)}: not part of this loss")
        # An embedding's gradient comes as the rows that were looked up.
        gradients = replicas.mean_gradients([tf.convert_to_tensor(g) for g in gradients])
        recorded = getattr(_recorder, "updates", None)
        if recorded is not None:
            recorded.append(RecordedUpdate(self, tuple(gradients), label))
        if getattr(_recorder, "only", False):
            return
        apply = self._apply
        if replicas.count() == 1 and tf.inside_function():
            # Op by op, Adam is a dozen passes over each weight. XLA makes one of them, which for
            # the 21 million weights of document 004's DCGAN is a third of the time.
            apply = tf.function(apply, jit_compile=True, autograph=False)
        apply(gradients)

    @property
    def rate_varies(self) -> bool:
        """Whether the learning rate is a function of the updates done, see `nn.schedules`."""
        return self._rate_at is not None

    def multiply_rate(self, factor: tf.Variable) -> None:
        """From the next tracing of an update on, `factor` times what a rate that varies says.

        Raises:
          ValueError: the rate does not vary: then `learning_rate` itself can be assigned.
        """
        rate_at = self._rate_at
        if rate_at is None:
            raise ValueError("a learning rate that does not vary is a variable: assign it")
        self._rate_at = lambda done: factor * rate_at(done)

    def _apply(self, gradients: list[tf.Tensor]) -> None:
        iterations = replicas.local(self.iterations)
        self._vary(iterations)
        iterations.assign_add(1)
        t = tf.cast(iterations, tf.float32)
        for name, w, g in zip(self.names, self.trained, gradients, strict=True):
            self._update_one(name, replicas.local(w), g, t)

    def _vary(self, done: tf.Variable) -> None:
        """Take what varies from the count of the updates done before this one."""
        if self._rate_at is not None:
            replicas.local(self.learning_rate).assign(self._rate_at(done))


class SGD(Optimizer):
    """w <- w - rate g."""

    def _update_one(self, name, w, g, t):
        w.assign(sgd(w, g, self.learning_rate))


class Momentum(Optimizer):
    """Gradient descent with classical momentum."""

    def __init__(
        self,
        learning_rate: float | Varying,
        trained: Sequence[tf.Variable],
        mu: float | Varying = 0.9,
    ):
        super().__init__(learning_rate, trained)
        self._mu_at = mu if callable(mu) else None
        self.mu = _setting("mu", mu) if callable(mu) else mu
        self.momentum_v = self.slots("momentum_v")

    def _vary(self, done):
        super()._vary(done)
        if self._mu_at is not None:
            replicas.local(self.mu).assign(self._mu_at(done))

    def _update_one(self, name, w, g, t):
        v = replicas.local(self.momentum_v[name])
        new_w, new_v = momentum(w, v, g, self.learning_rate, self.mu)
        w.assign(new_w)
        v.assign(new_v)


class Adam(Optimizer):
    """Adam; the defaults are the paper's, and TensorFlow 1's."""

    def __init__(
        self,
        learning_rate: float | Varying,
        trained: Sequence[tf.Variable],
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
    ):
        super().__init__(learning_rate, trained)
        self.beta_1, self.beta_2, self.epsilon = beta_1, beta_2, epsilon
        self.adam_m, self.adam_v = self.slots("adam_m"), self.slots("adam_v")

    def _update_one(self, name, w, g, t):
        m, v = replicas.local(self.adam_m[name]), replicas.local(self.adam_v[name])
        new_w, new_m, new_v = adam(
            w, m, v, g, t, self.learning_rate, self.beta_1, self.beta_2, self.epsilon
        )
        w.assign(new_w)
        m.assign(new_m)
        v.assign(new_v)


class RMSProp(Optimizer):
    """RMSProp; the defaults are Keras's. PyTorch's: rho .99, epsilon 1e-8 beside the root."""

    def __init__(
        self,
        learning_rate: float | Varying,
        trained: Sequence[tf.Variable],
        rho: float = 0.9,
        epsilon: float = 1e-7,
        in_root: bool = True,
    ):
        super().__init__(learning_rate, trained)
        self.rho, self.epsilon, self.in_root = rho, epsilon, in_root
        self.rms_prop_s = self.slots("rms_prop_s")

    def _update_one(self, name, w, g, t):
        s = replicas.local(self.rms_prop_s[name])
        rate = self.learning_rate
        new_w, new_s = rms_prop(w, s, g, rate, self.rho, self.epsilon, self.in_root)
        w.assign(new_w)
        s.assign(new_s)


def _setting(name: str, value: float | Varying) -> tf.Variable:
    """A variable that holds a setting: of one that varies, what the last update took."""
    return tf.Variable(float(value(0.0) if callable(value) else value), False, name=name)


def _unique_names(trained: list[tf.Variable]) -> list[str]:
    """The variables' names without ":0"; of two networks' w_0000 the second is w_0000_8, say."""
    names: list[str] = []
    for i, v in enumerate(trained):
        name = v.name.partition(":")[0]
        while name in names:
            name = f"{name}_{i}"
        names.append(name)
    return names


# ---------------------------------------------------------------- what an update was given


@dataclasses.dataclass(frozen=True)
class RecordedUpdate:
    """One call of `Optimizer.update`: the gradients of `optimizer.trained`, over all replicas."""

    optimizer: Optimizer
    gradients: tuple[tf.Tensor, ...]
    label: str


_recorder = threading.local()  # a list only while `recorded_updates` is open, in that thread


@contextlib.contextmanager
def recorded_updates(only: bool = False) -> Iterator[list[RecordedUpdate]]:
    """Collect a row for every update that runs inside, as `layers.recorded_layers` does.

    Args:
      only: no update moves anything, also not within another one inside.
    """
    rows: list[RecordedUpdate] = []
    outer = getattr(_recorder, "updates", None), getattr(_recorder, "only", False)
    _recorder.updates, _recorder.only = rows, only or outer[1]
    try:
        yield rows
    finally:
        _recorder.updates, _recorder.only = outer
