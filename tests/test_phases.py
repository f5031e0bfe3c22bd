"""Document 000's blocks: so many D steps, then so many G steps, over and over."""

import dataclasses

import numpy as np

from ganflow import engine, models, workdir


def make(images, folder, block_steps, steps_per_call=4, strategy=None):
    module = models.load("dense_batch_norm")
    config = dataclasses.replace(
        module.Config(),
        batch_size=8,
        z_size=4,
        g_units=4,
        d_units=4,
        block_steps=block_steps,
        summary_every=3,
    )
    options = engine.Options(workdir=str(folder), steps_per_call=steps_per_call)
    return engine.Run(module, config, options, images, strategy)


def updates(run):
    return tuple(int(o.iterations.numpy()) for o in (run.gan.d_optimizer, run.gan.g_optimizer))


def test_each_block_moves_its_network_alone(images, tmp_path):
    run = make(images, tmp_path, block_steps=3)
    found = []
    for _ in range(7):
        run.advance(1)
        found.append(updates(run))
    assert found == [(1, 0), (2, 0), (3, 0), (3, 1), (3, 2), (3, 3), (4, 3)]


def test_blocks_do_not_depend_on_calls_or_replicas(images, tmp_path, two_replicas):
    weights = []
    for calls, strategy in (((4, 4), None), ((1, 3, 2, 2), None), ((3, 4, 1), two_replicas)):
        run = make(images, tmp_path, block_steps=3, strategy=strategy)
        for count in calls:
            run.advance(count)
        assert updates(run) == (5, 3)
        weights.append([v.numpy() for v in run.gan.d_variables])
    one, cut, two = weights
    assert all(np.array_equal(a, b) for a, b in zip(one, cut, strict=True))
    assert all(np.allclose(a, b, atol=2e-5) for a, b in zip(one, two, strict=True))


def test_alternating_steps_move_both(images, tmp_path):
    run = make(images, tmp_path, block_steps=0)
    run.advance(2)
    assert updates(run) == (2, 2)


def test_a_summary_tells_only_of_what_was_trained(images, tmp_path):
    run = make(images, tmp_path, block_steps=3)
    run.train(9)
    first, second, third = workdir.Metrics(tmp_path).rows()
    assert "d_loss" in first and "g_loss" not in first and "g_gradient_norm" not in first
    assert "g_loss" in second and "d_loss" not in second and "d_gradient_norm" not in second
    assert "d_loss" in third
    assert first["weight/generator/w_0/update_ratio"] == 0.0
    assert first["weight/discriminator/w_0/update_ratio"] > 0.0
