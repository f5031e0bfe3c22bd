"""JAX: a whole run of steps compiled into one program by `jit` of `lax.scan`."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax, nn, random

from benchmarks import works

Params = list[tuple[jax.Array, jax.Array]]
# (discriminator, generator, optimizer state of each)
State = tuple[Params, Params, Any, Any]
Update = Callable[[State, jax.Array, jax.Array], tuple[State, jax.Array]]


def _dense(sizes: Sequence[int]) -> Params:
    rng = np.random.default_rng(0)
    return [
        (jnp.asarray(rng.normal(0, i**-0.5, (i, o)), jnp.float32), jnp.zeros(o))
        for i, o in zip(sizes[:-1], sizes[1:], strict=True)
    ]


def _conv(channels_in: int, channels_out: int) -> tuple[jax.Array, jax.Array]:
    shape = (5, 5, channels_in, channels_out)
    scale = (25 * channels_in) ** -0.5
    kernel = np.random.default_rng(0).normal(0, scale, shape)
    return jnp.asarray(kernel, jnp.float32), jnp.zeros(channels_out)


def _apply_conv(x: jax.Array, layer: tuple[jax.Array, jax.Array]) -> jax.Array:
    kernel, bias = layer
    dimensions = ("NHWC", "HWIO", "NHWC")
    return bias + lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=dimensions)


def _apply_dense(params: Params, x: jax.Array, activation: Callable) -> jax.Array:
    for w, b in params[:-1]:
        x = activation(x @ w + b)
    w, b = params[-1]
    return x @ w + b


def _minibatch(key: jax.Array, images: jax.Array, size: int) -> jax.Array:
    rows = images[random.randint(key, (size,), 0, images.shape[0])]
    return rows.astype(jnp.float32) / 127.5 - 1


def _uniform(key: jax.Array, size: int) -> jax.Array:
    return random.uniform(key, (size, 256), minval=-1, maxval=1)


def _contender(
    state: State, data: jax.Array, update_d: Update, update_g: Update, unit: int
) -> works.Contender:
    """The two updates as a program of `unit` steps that owns (donates) its state."""

    def step(state: State, key: jax.Array, data: jax.Array):
        key_d, key_g = random.split(key)
        state, d_loss = update_d(state, key_d, data)
        state, g_loss = update_g(state, key_g, data)
        return state, (d_loss, g_loss)

    # On a CPU, XLA is many times slower at convolutions inside a loop, so a work with
    # convolutions is given unit 1 and no loop at all.
    @partial(jax.jit, donate_argnums=0)
    def program(state: State, key: jax.Array, data: jax.Array):
        key, using = random.split(key)
        if unit == 1:
            state, losses = step(state, using, data)
        else:
            state, losses = lax.scan(
                lambda s, k: step(s, k, data), state, random.split(using, unit)
            )
            losses = jax.tree.map(lambda x: x[-1], losses)
        return state, key, losses

    key = random.key(0)
    losses = (jnp.nan, jnp.nan)

    def run(n_steps: int) -> None:
        nonlocal state, key, losses
        for _ in range(n_steps // unit):
            state, key, losses = program(state, key, data)
        jax.block_until_ready(state)

    def once(update: Update) -> None:
        nonlocal state
        state, _ = jax.jit(update)(state, key, data)

    return works.Contender(
        run=run,
        losses=lambda: dict(zip(("d", "g"), map(float, losses), strict=True)),
        weights=lambda: tuple([np.array(a) for a in jax.tree.leaves(p)] for p in state[:2]),
        update_d=lambda: once(update_d),
        update_g=lambda: once(update_g),
        unit=unit,
    )


def simple() -> works.Contender:
    """The dense GAN, 50 steps a call."""
    d, g = _dense([784, 256, 1]), _dense([256, 256, 512, 1024, 784])
    sgd, adam = optax.sgd(0.01), optax.adam(1e-5, eps=1e-8)
    leaky = partial(nn.leaky_relu, negative_slope=0.2)

    def generate(g: Params, z: jax.Array) -> jax.Array:
        return jnp.tanh(_apply_dense(g, z, leaky))

    def logits(d: Params, x: jax.Array, key: jax.Array) -> jax.Array:
        (w1, b1), (w2, b2) = d
        h = leaky(x @ w1 + b1)
        keep = random.bernoulli(key, 0.7, h.shape)
        return jnp.where(keep, h / 0.7, 0) @ w2 + b2

    def update_d(state: State, key: jax.Array, images: jax.Array):
        d, g, d_state, g_state = state
        key_x, key_z, key_drop = random.split(key, 3)
        x = jnp.concatenate([_minibatch(key_x, images, 100), generate(g, _uniform(key_z, 100))])

        def loss(d: Params) -> jax.Array:
            real, fake = jnp.split(logits(d, x, key_drop), 2)
            return nn.softplus(-real).mean() + nn.softplus(fake).mean()

        value, grads = jax.value_and_grad(loss)(d)
        change, d_state = sgd.update(grads, d_state)
        return (optax.apply_updates(d, change), g, d_state, g_state), value

    def update_g(state: State, key: jax.Array, images: jax.Array):
        del images
        d, g, d_state, g_state = state
        key_z, key_drop = random.split(key)
        z = _uniform(key_z, 100)

        def loss(g: Params) -> jax.Array:
            return nn.softplus(-logits(d, generate(g, z), key_drop)).mean()

        value, grads = jax.value_and_grad(loss)(g)
        change, g_state = adam.update(grads, g_state)
        return (d, optax.apply_updates(g, change), d_state, g_state), value

    state = d, g, sgd.init(d), adam.init(g)
    return _contender(state, jnp.asarray(works.images()), update_d, update_g, unit=50)


def circle() -> works.Contender:
    """The GAN of points on a circle, 1,000 steps a call."""
    d, g = _dense([2, 32, 16, 1]), _dense([3, 32, 16, 2])
    adam = optax.adam(1e-3)

    def learn(d: Params, d_state: Any, x: jax.Array, sign: int):
        def loss(d: Params) -> jax.Array:
            return nn.softplus(sign * _apply_dense(d, x, nn.relu)).mean()

        value, grads = jax.value_and_grad(loss)(d)
        change, d_state = adam.update(grads, d_state)
        return optax.apply_updates(d, change), d_state, value

    def update_d(state: State, key: jax.Array, points: jax.Array):
        d, g, d_state, g_state = state
        key_x, key_z = random.split(key)
        real = points[random.randint(key_x, (128,), 0, points.shape[0])]
        fake = _apply_dense(g, random.normal(key_z, (128, 3)), nn.relu)
        d, d_state, on_real = learn(d, d_state, real, -1)
        d, d_state, on_fake = learn(d, d_state, fake, 1)
        return (d, g, d_state, g_state), on_real + on_fake

    def update_g(state: State, key: jax.Array, points: jax.Array):
        del points
        d, g, d_state, g_state = state
        z = random.normal(key, (256, 3))

        def loss(g: Params) -> jax.Array:
            fake = _apply_dense(g, z, nn.relu)
            return nn.softplus(-_apply_dense(d, fake, nn.relu)).mean()

        value, grads = jax.value_and_grad(loss)(g)
        change, g_state = adam.update(grads, g_state)
        return (d, optax.apply_updates(g, change), d_state, g_state), value

    state = d, g, adam.init(d), adam.init(g)
    return _contender(state, jnp.asarray(works.circle_points()), update_d, update_g, unit=1000)


def dcgan() -> works.Contender:
    """The upsampling DCGAN, a step a call."""
    d = [_conv(1, 64), *_dense([12544, 1])]
    g = [*_dense([256, 3200]), _conv(128, 64), _conv(64, 32), _conv(32, 16)]
    g += _dense([25600, 784])
    sgd, adam = optax.sgd(0.01), optax.adam(1e-5)

    def generate(g: Params, z: jax.Array) -> jax.Array:
        first, *convolutions, last = g
        x = jnp.tanh(z @ first[0] + first[1]).reshape(-1, 5, 5, 128)
        for layer in convolutions:
            x = jnp.tanh(_apply_conv(x.repeat(2, axis=1).repeat(2, axis=2), layer))
        return jnp.tanh(x.reshape(-1, 25600) @ last[0] + last[1])

    def logits(d: Params, x: jax.Array) -> jax.Array:
        convolution, (w, b) = d
        x = jnp.tanh(_apply_conv(x.reshape(-1, 28, 28, 1), convolution))
        x = x.reshape(-1, 14, 2, 14, 2, 64).max(axis=(2, 4))
        return x.reshape(-1, 12544) @ w + b

    def update_d(state: State, key: jax.Array, images: jax.Array):
        d, g, d_state, g_state = state
        key_x, key_z = random.split(key)
        x = jnp.concatenate([_minibatch(key_x, images, 64), generate(g, _uniform(key_z, 64))])
        labels = jnp.repeat(jnp.array([0.9, 0.1]), 64)[:, None]

        def loss(d: Params) -> jax.Array:
            return optax.sigmoid_binary_cross_entropy(logits(d, x), labels).mean()

        value, grads = jax.value_and_grad(loss)(d)
        change, d_state = sgd.update(grads, d_state)
        return (optax.apply_updates(d, change), g, d_state, g_state), value

    def update_g(state: State, key: jax.Array, images: jax.Array):
        del images
        d, g, d_state, g_state = state
        z = _uniform(key, 64)

        def loss(g: Params) -> jax.Array:
            return nn.softplus(-logits(d, generate(g, z))).mean()

        value, grads = jax.value_and_grad(loss)(g)
        change, g_state = adam.update(grads, g_state)
        return (d, optax.apply_updates(g, change), d_state, g_state), value

    state = d, g, sgd.init(d), adam.init(g)
    return _contender(state, jnp.asarray(works.images()), update_d, update_g, unit=1)


WORKS = {"simple": simple, "circle": circle, "dcgan": dcgan}
