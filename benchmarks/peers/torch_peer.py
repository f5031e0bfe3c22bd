"""PyTorch: eager with fused optimizers, or with the losses compiled by `torch.compile`."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from benchmarks import works

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"  # benchmarks/run.py hides GPUs
torch.set_default_device(DEVICE)


def stack(sizes: Sequence[int], activation: Callable[[], nn.Module]) -> list[nn.Module]:
    """Linear layers of these sizes, with an activation after each but the last."""
    layers: list[nn.Module] = []
    for i, o in zip(sizes[:-1], sizes[1:], strict=True):
        layers += [nn.Linear(i, o), activation()]
    return layers[:-1]


def leaky() -> nn.Module:
    """A leaky ReLU of slope .2."""
    return nn.LeakyReLU(0.2, inplace=True)


def _relu() -> nn.Module:
    return nn.ReLU(inplace=True)


def _minibatch(images: Tensor, size: int) -> Tensor:
    return images[torch.randint(len(images), (size,))].float().div_(127.5).sub_(1)


def _uniform(size: int) -> Tensor:
    return torch.rand(size, 256).mul_(2).sub_(1)


@contextmanager
def frozen(net: nn.Module) -> Iterator[None]:
    """No gradients by the network's weights inside; gradients pass through it still."""
    net.requires_grad_(False)
    yield
    net.requires_grad_(True)


def _contender(
    d: nn.Module,
    g: nn.Module,
    update_d: Callable[[], Tensor],
    update_g: Callable[[], Tensor],
    note: str,
) -> works.Contender:
    losses: dict[str, Tensor] = {}

    def run(n_steps: int) -> None:
        for _ in range(n_steps):
            losses["d"] = update_d()
            losses["g"] = update_g()
        if DEVICE == "cuda":
            torch.cuda.synchronize()

    def weights(net: nn.Module) -> list[np.ndarray]:
        return [p.detach().cpu().numpy().copy() for p in net.parameters()]

    return works.Contender(
        run=run,
        losses=lambda: {name: loss.item() for name, loss in losses.items()},
        weights=lambda: (weights(d), weights(g)),
        update_d=update_d,
        update_g=update_g,
        note=note,
    )


def _maybe(compiled: bool, function: Callable[..., Tensor]) -> Callable[..., Tensor]:
    return torch.compile(function) if compiled else function


def learn(loss: Tensor, optimizer: torch.optim.Optimizer) -> Tensor:
    """One update; the loss before it, without its graph."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
    return loss.detach()


def _note(compiled: bool) -> str:
    return "losses compiled, fused optimizers" if compiled else "eager, fused optimizers"


def simple(compiled: bool) -> works.Contender:
    """The dense GAN."""
    images = torch.from_numpy(works.images()).to(DEVICE)
    g = nn.Sequential(*stack([256, 256, 512, 1024, 784], leaky), nn.Tanh())
    d = nn.Sequential(nn.Linear(784, 256), leaky(), nn.Dropout(0.3), nn.Linear(256, 1))
    sgd = torch.optim.SGD(d.parameters(), lr=0.01, fused=True)
    adam = torch.optim.Adam(g.parameters(), lr=1e-5, fused=True)

    def d_loss() -> Tensor:
        with torch.no_grad():
            x = torch.cat([_minibatch(images, 100), g(_uniform(100))])
        real, fake = d(x).chunk(2)
        return F.softplus(-real).mean() + F.softplus(fake).mean()

    def g_loss() -> Tensor:
        return F.softplus(-d(g(_uniform(100)))).mean()

    d_loss, g_loss = _maybe(compiled, d_loss), _maybe(compiled, g_loss)

    def update_g() -> Tensor:
        with frozen(d):
            return learn(g_loss(), adam)

    return _contender(d, g, lambda: learn(d_loss(), sgd), update_g, _note(compiled))


def circle(compiled: bool) -> works.Contender:
    """The GAN of points on a circle."""
    points = torch.from_numpy(works.circle_points()).to(DEVICE)
    g = nn.Sequential(*stack([3, 32, 16, 2], _relu))
    d = nn.Sequential(*stack([2, 32, 16, 1], _relu))
    adam_d = torch.optim.Adam(d.parameters(), lr=1e-3, fused=True)
    adam_g = torch.optim.Adam(g.parameters(), lr=1e-3, fused=True)

    def real_loss() -> Tensor:
        return F.softplus(-d(points[torch.randint(len(points), (128,))])).mean()

    def fake_loss() -> Tensor:
        with torch.no_grad():
            x = g(torch.randn(128, 3))
        return F.softplus(d(x)).mean()

    def g_loss() -> Tensor:
        return F.softplus(-d(g(torch.randn(256, 3)))).mean()

    real_loss, fake_loss = _maybe(compiled, real_loss), _maybe(compiled, fake_loss)
    g_loss = _maybe(compiled, g_loss)

    def update_d() -> Tensor:
        return learn(real_loss(), adam_d) + learn(fake_loss(), adam_d)

    def update_g() -> Tensor:
        with frozen(d):
            return learn(g_loss(), adam_g)

    return _contender(d, g, update_d, update_g, _note(compiled))


class _UpsamplingGenerator(nn.Module):
    """Maps in memory are channels-last, so that both reshapes are free."""

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Linear(256, 3200)
        self.convolutions = nn.ModuleList(
            nn.Conv2d(i, o, 5, padding=2) for i, o in ((128, 64), (64, 32), (32, 16))
        )
        self.last = nn.Linear(25600, 784)

    def forward(self, z: Tensor) -> Tensor:
        x = torch.tanh(self.first(z)).view(-1, 5, 5, 128).permute(0, 3, 1, 2)
        for convolution in self.convolutions:
            x = torch.tanh(convolution(F.interpolate(x, scale_factor=2, mode="nearest")))
        return torch.tanh(self.last(x.permute(0, 2, 3, 1).reshape(-1, 25600)))


class _ConvDiscriminator(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(1, 64, 5, padding=2)
        self.last = nn.Linear(12544, 1)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(torch.tanh(self.convolution(x.view(-1, 1, 28, 28))), 2)
        return self.last(x.permute(0, 2, 3, 1).reshape(-1, 12544))


def dcgan(compiled: bool) -> works.Contender:
    """The upsampling DCGAN, channels-last."""
    images = torch.from_numpy(works.images()).to(DEVICE)
    g = _UpsamplingGenerator().to(memory_format=torch.channels_last)
    d = _ConvDiscriminator().to(memory_format=torch.channels_last)
    sgd = torch.optim.SGD(d.parameters(), lr=0.01, fused=True)
    adam = torch.optim.Adam(g.parameters(), lr=1e-5, fused=True)
    labels = torch.tensor([0.9, 0.1]).repeat_interleave(64)[:, None]

    def d_loss() -> Tensor:
        with torch.no_grad():
            x = torch.cat([_minibatch(images, 64), g(_uniform(64))])
        return F.binary_cross_entropy_with_logits(d(x), labels)

    def g_loss() -> Tensor:
        return F.softplus(-d(g(_uniform(64)))).mean()

    d_loss, g_loss = _maybe(compiled, d_loss), _maybe(compiled, g_loss)

    def update_g() -> Tensor:
        with frozen(d):
            return learn(g_loss(), adam)

    return _contender(
        d, g, lambda: learn(d_loss(), sgd), update_g, f"channels-last, {_note(compiled)}"
    )


WORKS = {"simple": simple, "circle": circle, "dcgan": dcgan}
