"""What holds for every model in the folder, and for the proving ones: a new file is tested at once.

Each model is made small (tests/cases.py) and trained for a few steps. Compiled engines are dear, so
a `Run` is built once and set back to its first state by each test that uses it.
"""

import dataclasses
import functools
import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from ganflow import engine, models
from ganflow.base.errors import InputError
from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.nn import draws, optimizers
from ganflow.storage import checkpoints
from tests import cases
from tests.cases import build, dataset_of, module_of, optimizers_of, small_config

NAMES = (*models.names(), *cases.PROVING)
HAS_GPU = bool(tf.config.list_physical_devices("GPU"))
every_model = pytest.mark.parametrize("name", NAMES)


# An engine takes ten seconds to compile: `make test` does it for one model of each kind.
every_engine = pytest.mark.parametrize(
    "name",
    [n if n in cases.KINDS else pytest.param(n, marks=pytest.mark.slow) for n in NAMES],
)


# ---------------------------------------------------------------- runs, and what they hold


def weights(gan):
    return {name: v.numpy() for name, v in gans.named_weights(gan)}


def state(gan):
    """Everything a model remembers: weights, slots, counts, pools."""
    return [v.numpy() for v in gan.variables]


def held(gan):
    """All that training changes, but for biases that a batch norm cancels.

    Such a bias has no effect and a gradient of pure rounding, of which Adam makes whole steps; the
    moving mean behind it follows it.
    """
    named = [*itertools.pairwise(gans.named_weights(gan))]
    biases = {a for (a, v), (b, _) in named if len(v.shape) == 1 and b.endswith("_gamma")}
    means = {b.replace("_gamma", "_mean") for (a, _), (b, _) in named if a in biases}
    loose = {name.rpartition("/")[2] for name in biases}
    slots = {
        f"{of}/{slot}/{weight}": v.numpy()
        for of, optimizer in optimizers_of(gan).items()
        for slot in ("adam_m", "adam_v", "rms_prop_s")
        for weight, v in getattr(optimizer, slot, {}).items()
        if weight not in loose
    }
    return {k: v for k, v in weights(gan).items() if k not in biases | means}, slots


def same(a, b):
    if isinstance(a, dict) and a.keys() != b.keys():
        return False  # two kinds of networks
    pairs = [(a[k], b[k]) for k in a] if isinstance(a, dict) else list(zip(a, b, strict=True))
    return all(np.array_equal(x, y) for x, y in pairs)


def assert_close(found, expected):
    """Two trainings that differ by the rounding of float32 alone: (weights, slots) of both.

    Weights may differ by 2e-5 and 1e-4 of their size, for Adam makes a whole step of a gradient
    that is near zero. That is more than some rates move G in three steps; so Adam's moments, which
    are means of gradients, are held within 1e-3 of their norm.
    """
    for name, value in expected[0].items():
        np.testing.assert_allclose(found[0][name], value, rtol=1e-4, atol=2e-5, err_msg=name)
    for name, b in expected[1].items():
        assert np.linalg.norm(found[1][name] - b) <= 1e-3 * np.linalg.norm(b) + 1e-7, name


@pytest.fixture(scope="module")
def run_of(two_replicas, tmp_path_factory):
    """A run of a model with these options, at step 0; compiled once for all tests."""

    @functools.cache
    def made(name, changes, num_replicas, options):
        folder = tmp_path_factory.mktemp(name)
        run = engine.Run(
            module_of(name),
            small_config(name, **dict(changes)),
            engine.Options(workdir=str(folder), num_replicas=num_replicas, **dict(options)),
            dataset_of(name),
            two_replicas if num_replicas == 2 else None,
        )
        return run, [(v, v.numpy()) for v in (*run.gan.variables, *run.means.variables, run.step)]

    def at_step_0(name, changes=(), num_replicas=1, **options):
        options = {"steps_per_call": 7} | options
        run, first = made(name, tuple(changes), num_replicas, tuple(sorted(options.items())))
        for variable, value in first:  # a checkpoint would take a second to read
            variable.assign(value)
        assert int(run.step) == 0
        return run

    return at_step_0


def advance(run, *counts):
    """So many steps a call, or fewer where a phase ends."""
    for count in counts:
        end = int(run.step) + count
        while (step := int(run.step)) < end:
            norms = run.advance(min(end - step, run.schedule.at(step)[1]))
            assert norms and np.isfinite(list(norms.values())).all()
    return run


# ---------------------------------------------------------------- the battery


def test_the_battery_finds_the_models():
    assert {"wgan_gp", "wgan_gp_points", "simple", "coupled"} <= set(NAMES)


@every_engine
def test_the_steps_of_every_phase_change_all_that_is_trained(run_of, name):
    run = run_of(name)
    first = weights(run.gan)
    advance(run, *[phase.steps for phase in run.schedule.once], 2)
    now = weights(run.gan)
    unmoved = [k for k in first if np.array_equal(first[k], now[k])]
    assert all(first[k].shape == (1,) for k in unmoved)  # a critic's last bias has no gradient
    assert len(unmoved) <= 1
    assert all(np.isfinite(value).all() for value in now.values())


@every_engine
def test_scalars_are_finite_and_named(run_of, name):
    run = run_of(name)
    for number, phase in enumerate(run.schedule.phases):
        step = sum(phase.steps for phase in run.schedule.phases[:number])
        batch = drawn(run.gan, run.dataset, run.config, step)
        scalars, applied = {}, []
        for update in phase.updates:
            with optimizers.recorded_updates() as rows:
                scalars |= update(batch)
            applied += [(update.__name__, row) for row in rows]
        call = run.calls[number]
        assert list(scalars) and list(scalars) == call.scalar_names
        assert all(v.shape == () and math.isfinite(v) for v in scalars.values())
        names = gans.weight_names(run.gan)
        told = {
            (label + (f"_{row.label}" if row.label else ""), names[id(v)])
            for label, row in applied
            for v in row.optimizer.trained
        }
        assert told == set(call.gradient_names)
        for _, row in applied:
            assert any(np.any(gradient != 0) for gradient in row.gradients)
    assert {"d_loss", "g_loss"} <= set(run.scalar_names)


DEEP = ("stackgan", "stackgan_pp")  # so many layers that twenty times each is beyond all floats


@every_model
def test_samples_have_the_real_examples_shape_type_and_range(name):
    gan, dataset = build(name), dataset_of(name)
    fields = {field: _decoded(array[:5]) for field, array in dataset.fields.items()}
    samplers = gan.samplers()
    for sampler in samplers:
        given = gans.given(sampler, 0, 5, fields=fields)
        samples = sampler.generate(given).numpy()
        against = sampler.against
        real = fields[against] if isinstance(against, str) else against(fields)
        assert samples.shape == tuple(real.shape) and samples.dtype == np.float32
        assert (samples != samples[0]).any()  # what is given matters
        if sampler.score is not None:
            for x in (samples, real):
                scores = sampler.score(tf.constant(x), gans.given_with(sampler, fields)).numpy()
                assert scores.shape == (5,) and np.isfinite(scores).all()
        if samples.ndim > 2:
            times = 3 if name in DEEP else 20
            for _, v in gans.sampled_weights(gan, dataset.about()):
                v.assign(v * times)  # large weights fill the range, and leave it if nothing holds
            large = sampler.generate(given).numpy()
            assert large.min() >= -1 and large.max() <= 1
            is_trained = (large != samples).any()  # or a copy, or no network at all
            assert is_trained or sampler is not samplers[0]
            assert not is_trained or (large.min() < -0.5 and large.max() > 0.5)
            for _, v in gans.sampled_weights(gan, dataset.about()):
                v.assign(v / times)


@every_model
def test_one_seed_gives_one_model_and_another_another(name):
    first, again, other = (weights(build(name, seed=seed)) for seed in (1, 1, 2))
    assert same(first, again)
    drawn_weights = [k for k in first if np.ptp(first[k]) > 0]  # zeros and ones are not drawn
    assert drawn_weights and not any(same([first[k]], [other[k]]) for k in drawn_weights)


@every_model
def test_every_trained_variable_is_in_a_network_and_in_an_optimizers_list(name):
    gan = build(name)
    lists = [o.trained for o in optimizers_of(gan).values()]
    listed = {id(v) for trained in lists for v in trained}
    in_networks = {id(v) for _, v in gans.named_weights(gan) if v.trainable}
    assert listed == in_networks == {id(v) for v in gan.trainable_variables}
    assert all(len({id(v) for v in trained}) == len(trained) for trained in lists)


@every_engine
def test_calls_of_any_length_are_traced_once(run_of, name):
    run = advance(run_of(name), 1, 3, 2, 1)
    assert int(run.step) == 7
    assert all(c.call.experimental_get_tracing_count() == 1 for c in run.calls)


@every_engine
def test_steps_do_not_depend_on_how_they_are_cut_into_calls(run_of, name):
    expected = state(advance(run_of(name), 7).gan)
    for counts in ((3, 3, 1), (1, 1, 1, 1, 1, 1, 1)):
        assert same(expected, state(advance(run_of(name), *counts).gan)), counts


@pytest.mark.slow
def test_calls_of_one_step_do_the_same_steps(run_of):
    # For the others the test above must do: it is the engine's matter.
    expected = weights(advance(run_of("circle"), 7).gan)
    assert same(expected, weights(advance(run_of("circle", steps_per_call=1), *[1] * 7).gan))


def restores_what_was_saved(run_of, name):
    """Whether a run goes on from a checkpoint as it did, in its own and in another model."""
    run = advance(run_of(name), 3)
    run.save()
    saved = state(run.gan)
    advance(run, 3, 1)
    later = state(run.gan)
    assert not same(saved, later)

    sound = checkpoints.newest_sound(run.folder / "checkpoints")
    other = gans.build(run.module, run.config, run.fields, seed=1)
    assert not same(state(other), saved)
    checkpoints.restore_model(sound, gan=other)
    assert same(state(other), saved)

    run = advance(run_of(name), 1)  # anywhere else
    checkpoints.restore(sound, run.state)
    assert int(run.step) == 3
    went_back = same(state(run.gan), saved)
    advance(run, 3, 1)
    return went_back and same(state(run.gan), later)


@every_engine
def test_a_restored_run_is_the_saved_one_and_goes_on_as_it_did(run_of, name):
    assert restores_what_was_saved(run_of, name)


@every_engine
def test_two_replicas_do_the_steps_of_one(run_of, name):
    if name in cases.ONE_REPLICA:
        with pytest.raises(InputError, match=f"{name} trains on one replica, for .*; give --num_"):
            run_of(name, num_replicas=2)
        return
    changes = tuple(cases.IN_REPLICAS.get(name, {}).items())
    one = held(advance(run_of(name, changes), 3).gan)
    two = held(advance(run_of(name, changes, num_replicas=2), 3).gan)
    assert_close(two, one)


@every_engine
def test_xla_compiles_matrix_products_and_on_cpus_no_convolutions(run_of, name):
    run = run_of(name)
    has_convolutions = any(len(v.shape) == 4 for v in run.gan.trainable_variables)
    assert run.jit is (not has_convolutions or HAS_GPU)  # on a CPU, XLA's convolutions are slow


@pytest.mark.parametrize(
    "name",
    ["simple", "circle"]
    + [
        pytest.param(name, marks=pytest.mark.slow)
        for name in ("dense_batch_norm", "wgan_gp_points")
    ],
)
def test_compiled_steps_are_those_without_xla(run_of, name):
    assert run_of(name).jit
    compiled = held(advance(run_of(name), 3).gan)
    assert_close(compiled, held(advance(run_of(name, jit="off"), 3).gan))


# ---------------------------------------------------------------- steps by hand, without the engine


def _decoded(array):
    return array.astype(np.float32) / 127.5 - 1 if array.dtype == np.uint8 else array


def drawn(gan, dataset, config, step, seed=0):
    """What the engine would hand to the updates of a step, put together anew."""
    schedule, n = gan.schedule(), config.batch_size
    number, _ = schedule.at(step)
    index, batch = {}, {}
    for domain in dict.fromkeys(
        dataset.domain(r.field) for p in schedule.phases for r in p.reals()
    ):
        used = [
            (max([1 + r.batch for r in p.reals() if dataset.domain(r.field) == domain], default=0))
            * p.repeats
            for p in schedule.phases
        ]
        steps = schedule.steps_of_each(step)
        first = n * sum(a * b for a, b in zip(used, steps, strict=True))
        count = n * used[number]
        order = (
            draws.order(dataset.size(domain), seed, first, count) if count else np.array([], int)
        )
        index[domain] = order.reshape(used[number], n)
    for name, place, draw in schedule.phases[number].draws():
        if isinstance(draw, draws.Real):
            rows = index[dataset.domain(draw.field)][(place or 0) + draw.batch]
            value = tf.constant(_decoded(dataset.fields[draw.field][rows]))
        else:
            stream = f"{number}/{name}" + ("" if place is None else f"/{place}")
            value = draws.random(draw, stream, seed, step, 1, n)[0]
        if place is None:
            batch[name] = value
        else:
            batch.setdefault(name, []).append(value)
    return batch


def trained_by_hand(name, steps=None, **changes):
    """So many steps; two behind the phases that come once, where no number is given."""
    gan, dataset, config = build(name, **changes), dataset_of(name), small_config(name, **changes)
    schedule = gan.schedule()
    for step in range(2 + sum(phase.steps for phase in schedule.once) if steps is None else steps):
        batch = drawn(gan, dataset, config, step)
        for update in schedule.phases[schedule.at(step)[0]].updates:
            update(batch)
    return gan


@every_engine
def test_the_engine_does_the_steps_that_the_model_describes(run_of, name):
    by_hand = held(trained_by_hand(name, steps=3))
    assert_close(held(advance(run_of(name), 3).gan), by_hand)


@every_model
def test_an_update_moves_its_own_variables_and_no_other_weight(name):
    """To the bit; its moving statistics are those of networks that it trains."""
    gan, dataset, config = build(name), dataset_of(name), small_config(name)
    names = gans.weight_names(gan)
    for number, phase in enumerate(gan.schedule().phases):
        step = sum(p.steps for p in gan.schedule().phases[:number])
        batch = drawn(gan, dataset, config, step)
        for update in phase.updates:
            first = weights(gan)
            with optimizers.recorded_updates() as rows:
                update(batch)
            now = weights(gan)
            moved = {k for k in first if not np.array_equal(first[k], now[k])}
            listed = {names[id(v)] for row in rows for v in row.optimizer.trained}
            networks = {k.partition("/")[0] for k in listed}
            statistics = {k for k, v in gans.named_weights(gan) if not v.trainable}
            assert moved - statistics <= listed, update.__name__
            assert {k.partition("/")[0] for k in moved & statistics} <= networks
            assert moved & listed


@every_model
def test_each_samplers_g_loss_is_that_of_the_step(name):
    gan = build(name)
    samplers = [s for s in gan.samplers() if s.g_loss is not None]
    on_points = dataset_of(name).is_points
    assert bool(samplers) == on_points  # the arrows of the picture need it
    if any(not v.trainable for _, v in gans.named_weights(gan)):
        return  # a batch norm's samples are not those of a step: tests/models has another test
    for sampler in samplers:
        if "z" not in sampler.given:
            continue  # what it is given is real, and the step's loss has more in it
        batch = drawn(gan, dataset_of(name), small_config(name), step=0)
        expected = sampler.g_loss(sampler.generate({"z": batch["z_g"]}))
        assert float(gan.g_step(batch)["g_loss"]) == pytest.approx(float(expected), rel=1e-6)


def changed(name, value, choices=None):
    """Another value of a field, within its bounds."""
    if choices:
        return next(word for word in choices if word != value)
    if isinstance(value, bool):
        return not value
    if isinstance(value, tuple):
        return (value[0] + 1, *value[1:])
    if isinstance(value, int):
        return value + 1
    return value / 2 or 0.25


FIELDS = [
    (name, field.name)
    for name in models.names()
    for field in dataclasses.fields(module_of(name).Config)
    # These are the engine's.
    if field.name not in ("dataset", "steps", "summary_every", "block_steps")
]


@pytest.fixture(scope="module")
def weights_by_hand():
    @functools.cache
    def trained(name, *changes):
        return weights(trained_by_hand(name, **dict(changes)))

    return trained


@pytest.mark.parametrize(
    ("name", "field"),
    [
        pytest.param(
            *pair, id="-".join(pair), marks=() if pair[0] in cases.KINDS else pytest.mark.slow
        )
        for pair in FIELDS
    ],
)
def test_no_flag_is_dead(weights_by_hand, name, field):
    config = small_config(name)
    (found,) = (f for f in dataclasses.fields(config) if f.name == field)
    value = changed(field, getattr(config, field), found.metadata["choices"])
    assert not same(weights_by_hand(name), weights_by_hand(name, (field, value)))


# ---------------------------------------------------------------- updates in a step


@pytest.mark.parametrize(
    ("name", "d_updates", "changes"),
    [
        ("simple", 1, {}),
        ("dcgan_upsampling", 1, {}),
        ("circle", 2, {}),
        ("wgan_gp_points", 2, {}),
        ("wgan_gp_points", 3, {"n_critic": 3}),
        ("wgan_gp", 2, {}),
        ("dense_logits", 1, {}),
    ],
    ids=str,
)
def test_a_step_is_so_many_updates_of_d_and_one_of_g(name, d_updates, changes):
    gan = trained_by_hand(name, steps=2, **changes)
    counts = int(gan.d_optimizer.iterations), int(gan.g_optimizer.iterations)
    assert counts == (2 * d_updates, 2)


@every_engine
def test_the_engine_counts_updates_as_the_model_does(run_of, name):
    run, by_hand = advance(run_of(name), 3, 2), trained_by_hand(name, steps=5)
    for of, optimizer in optimizers_of(by_hand).items():
        assert int(optimizers_of(run.gan)[of].iterations) == int(optimizer.iterations), of


def test_wgan_gp_gives_every_critic_update_examples_of_its_own():
    config = small_config("wgan_gp_points", n_critic=5)
    gan = build("wgan_gp_points", n_critic=5)
    batch = drawn(gan, dataset_of("wgan_gp_points"), config, step=0)
    assert {len(batch[name]) for name in ("x", "z_critic", "epsilon")} == {5}
    for name in ("x", "z_critic", "epsilon"):
        assert len(np.unique(np.concatenate(batch[name]), axis=0)) == 5 * config.batch_size
    for z, epsilon in zip(batch["z_critic"], batch["epsilon"], strict=True):
        assert np.all((epsilon >= 0) & (epsilon < 1))
        assert not np.isin(z, batch["z_g"]).any()


def test_the_simple_gans_dropouts_are_independent():
    batch = drawn(build("simple"), dataset_of("simple"), small_config("simple"), 0)
    us = {name: value.numpy() for name, value in batch.items() if name.startswith("u_")}
    assert len(us) == 6  # real, fake and g, for each of two hidden layers
    values = np.concatenate([u.ravel() for u in us.values()])
    assert len(np.unique(values)) == len(values)
    assert values.min() >= 0 and values.max() < 1


@pytest.mark.parametrize(
    ("name", "fields", "says"),
    [
        ("circle", {"x": (28, 28, 1)}, "trains on points"),
        ("dcgan_upsampling", {"x": (2,)}, "trains on images"),
        ("dcgan_upsampling", {"x": (1, 28, 1)}, "trains on images of 2x2"),
        ("wgan_gp", {"x": (32, 32, 3)}, "trains on images of 28x28"),
        ("wgan_gp_points", {"x": (28, 28, 1)}, "trains on points"),
        ("simple", {"a": (28, 28, 1), "b": (28, 28, 1)}, "needs the field x, and .* has a, b"),
        ("staged", {"x": (8, 8, 1)}, "needs the field caption"),
    ],
)
def test_a_model_refuses_data_it_cannot_train_on(name, fields, says):
    module = module_of(name)
    with pytest.raises(InputError, match=f"--dataset=.*{name} {says}"):
        gans.build(module, module.Config(), Fields(fields), seed=0)
