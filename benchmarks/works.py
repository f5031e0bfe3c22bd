"""The works that are measured: their data, their arithmetic and their memory traffic.

Nothing here imports a machine learning library, so every worker and the
orchestrator can share it.
"""

import dataclasses
from collections.abc import Callable, Sequence

import numpy as np

FLOAT_BYTES = 4
# Weights an update has to move through memory, in passes over the weight vector.
ADAM_PASSES = 7  # read w, m, v, g; write w, m, v
SGD_PASSES = 3  # read w, g; write w


@dataclasses.dataclass(frozen=True)
class Contender:
    """What a peer's file returns for a work.

    `run(n)` does n whole steps (n a multiple of `unit`) and returns when they
    are finished; it says how many it did where that is not n. The other members
    let the worker check, once and outside of the timed part, that the program
    trains what it claims to train.
    """

    run: Callable[[int], int | None]
    losses: Callable[[], dict[str, float]]
    weights: Callable[[], tuple[list[np.ndarray], list[np.ndarray]]] | None = None
    update_d: Callable[[], None] | None = None
    update_g: Callable[[], None] | None = None
    unit: int = 1
    note: str = ""


@dataclasses.dataclass(frozen=True)
class Net:
    """A network as its layers' multiply-adds an example, and its number of weights."""

    macs: tuple[int, ...]
    weights: int

    def forward(self) -> int:
        """Multiply-adds of one example's forward pass."""
        return sum(self.macs)

    def backward_weights(self) -> int:
        """Multiply-adds of the gradient by the weights."""
        return sum(self.macs)

    def backward_inner(self) -> int:
        """Multiply-adds of the gradient passed down to the first layer, not beyond it."""
        return sum(self.macs[1:])

    def backward_input(self) -> int:
        """Multiply-adds of the gradient passed down to the network's input."""
        return sum(self.macs)

    def train(self) -> int:
        """Forward pass and both gradients, when nobody wants the input's gradient."""
        return self.forward() + self.backward_weights() + self.backward_inner()


@dataclasses.dataclass(frozen=True)
class Work:
    """One of the trainings that are measured."""

    name: str
    flops: int  # of the matrix products and convolutions of one step
    traffic: int  # bytes the optimizers move in one step
    peers: tuple[str, ...]  # every peer that can do it
    default_peers: tuple[str, ...]  # those measured unless --peers names others


def dense(sizes: Sequence[int]) -> Net:
    """A stack of dense layers: in * out multiply-adds, and as many weights plus biases."""
    pairs = list(zip(sizes[:-1], sizes[1:], strict=True))
    return Net(tuple(i * o for i, o in pairs), sum(i * o + o for i, o in pairs))


def conv5(side: int, channels_in: int, channels_out: int) -> Net:
    """A 5x5 same convolution that yields side x side; border taps count as if inside."""
    kernel = 5 * 5 * channels_in * channels_out
    return Net((side * side * kernel,), kernel + channels_out)


def chain(*nets: Net) -> Net:
    """Networks one after another."""
    return Net(sum((net.macs for net in nets), ()), sum(net.weights for net in nets))


def gan_flops(g: Net, d: Net, reals: int, fakes: int, g_batch: int) -> int:
    """FLOPs of a step: D learns on reals and fakes, then G on g_batch fresh z.

    The fakes of D's part cost a forward pass of G alone. G's part runs both
    networks, passes the gradient through D to its input without a gradient by
    D's weights, then trains G. A multiply-add is two operations. Activations,
    random numbers, losses and updates are left out: this is a floor.
    """
    d_part = fakes * g.forward() + (reals + fakes) * d.train()
    g_part = g_batch * (g.train() + d.forward() + d.backward_input())
    return 2 * (d_part + g_part)


SIMPLE_G = dense([256, 256, 512, 1024, 784])
SIMPLE_D = dense([784, 256, 1])
CIRCLE_G = dense([3, 32, 16, 2])
CIRCLE_D = dense([2, 32, 16, 1])
# The convolutions are counted as the documents write them, on the upsampled maps.
# A program that folds the upsampling into the convolution does fewer operations
# and could in principle pass this floor.
DCGAN_G = chain(
    dense([256, 3200]),
    conv5(10, 128, 64),
    conv5(20, 64, 32),
    conv5(40, 32, 16),
    dense([25600, 784]),
)
DCGAN_D = chain(conv5(28, 1, 64), dense([12544, 1]))

WORKS = {
    work.name: work
    for work in (
        Work(
            "simple",
            flops=gan_flops(SIMPLE_G, SIMPLE_D, reals=100, fakes=100, g_batch=100),
            traffic=FLOAT_BYTES * (ADAM_PASSES * SIMPLE_G.weights + SGD_PASSES * SIMPLE_D.weights),
            peers=("keras", "keras_tuned", "tf1", "torch", "torch_compile", "jax"),
            default_peers=("keras", "keras_tuned", "tf1", "torch", "torch_compile", "jax"),
        ),
        Work(
            "circle",
            flops=gan_flops(CIRCLE_G, CIRCLE_D, reals=128, fakes=128, g_batch=256),
            # D is updated twice a step.
            traffic=FLOAT_BYTES * ADAM_PASSES * (CIRCLE_G.weights + 2 * CIRCLE_D.weights),
            peers=("keras", "keras_tuned", "torch", "torch_compile", "jax"),
            default_peers=("keras", "keras_tuned", "torch", "jax"),
        ),
        Work(
            "dcgan",
            flops=gan_flops(DCGAN_G, DCGAN_D, reals=64, fakes=64, g_batch=64),
            traffic=FLOAT_BYTES * (ADAM_PASSES * DCGAN_G.weights + SGD_PASSES * DCGAN_D.weights),
            peers=("keras", "keras_tuned", "torch", "torch_compile", "jax"),
            default_peers=("keras", "keras_tuned", "torch"),
        ),
    )
}


def floor_seconds(work: Work, flops_rate: float, byte_rate: float) -> tuple[float, float]:
    """Least seconds a step: by arithmetic alone, and with the optimizers' traffic added."""
    arithmetic = work.flops / flops_rate
    return arithmetic, arithmetic + work.traffic / byte_rate


def images() -> np.ndarray:
    """60,000 rows of 784 random bytes: the speed does not depend on what they show."""
    return np.random.default_rng(0).integers(0, 256, (60_000, 784), dtype=np.uint8)


def circle_points() -> np.ndarray:
    """1,000 points on the circle of radius 2."""
    angle = np.random.default_rng(0).uniform(0, 2 * np.pi, 1_000)
    return 2 * np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(np.float32)
