"""What holds for every model in the folder: a new file is tested from its first day.

Each model is made small (the fields it has of `SMALL`) and trained for a few steps on images or on
points, whichever its default data are, or on both where it has defaults for both. Compiled engines
are dear, so a `Run` is built once and set back to its first state by each test that uses it.
"""

import dataclasses
import functools
import itertools
import math

import numpy as np
import pytest
import tensorflow as tf

from ganflow import checkpoints, data, draws, engine, gans, models
from ganflow.errors import InputError

SMALL = {
    "batch_size": 8,
    "z_size": 4,
    "g_hidden": (8, 6),
    "d_hidden": (8, 6),
    "g_maps": (4, 4, 2, 2),
    "d_maps": 4,
    "width": 8,
    "n_critic": 2,
    "g_units": 8,
    "d_units": 6,
    "block_steps": 0,
}
HAS_GPU = bool(tf.config.list_physical_devices("GPU"))
SHAPES = {"images": (28, 28, 1), "points": (2,)}


def small_config(model, kind, **changes):
    config = models.default_config(models.load(model), kind == "points")
    fields = {field.name for field in dataclasses.fields(config)}
    small = {name: value for name, value in SMALL.items() if name in fields}
    for name, value in small.items():  # one model's d_maps is a number, another's a list
        if isinstance(getattr(config, name), tuple) and isinstance(value, int):
            small[name] = (value, value)
    return dataclasses.replace(config, **small | changes)


def build(model, kind, seed=0, **changes):
    config = small_config(model, kind, **changes)
    return engine.build(models.load(model), config, SHAPES[kind], seed)


def kinds(model):
    module = models.load(model)
    if hasattr(module, "CONFIG_FOR_POINTS"):
        return ["images", "points"]
    return ["points" if data.is_points(module.Config().dataset) else "images"]


CASES = [(model, kind) for model in models.names() for kind in kinds(model)]
every_case = pytest.mark.parametrize("case", CASES, ids="-".join)


def rate_of(case, network):
    """The name of the learning rate of "d" or "g"."""
    fields = {field.name for field in dataclasses.fields(small_config(*case))}
    names = {"d": {"d_learning_rate", "critic_learning_rate"}, "g": {"g_learning_rate"}}
    (name,) = names[network] & fields
    return name


# ---------------------------------------------------------------- runs, and what they hold


def weights(gan):
    return {name: v.numpy() for name, v in engine.named_weights(gan)}


def network(gan, letter):
    """Weights of one network's list of trained variables."""
    return [v.numpy() for v in getattr(gan, f"{letter}_variables")]


def slots(gan):
    """All that the optimizers hold: counts, rates, moments."""
    return [v.numpy() for o in (gan.d_optimizer, gan.g_optimizer) for v in o.variables]


def held(gan):
    """All that training changes, but for biases that a batch norm cancels.

    Such a bias has no effect and a gradient of pure rounding, of which Adam makes whole steps; the
    moving mean behind it follows it.
    """
    named = [*itertools.pairwise(engine.named_weights(gan))]
    biases = {a for (a, v), (b, _) in named if len(v.shape) == 1 and b.endswith("_gamma")}
    means = {b.replace("_gamma", "_mean") for (a, _), (b, _) in named if a in biases}
    loose = tuple(name.rpartition("/")[2] + "_" for name in biases)
    slots = [
        v.numpy()
        for optimizer in (gan.d_optimizer, gan.g_optimizer)
        for v in optimizer.variables
        if not (loose and v.name.startswith(loose))
    ]
    return {k: v for k, v in weights(gan).items() if k not in biases | means}, slots


def same(a, b):
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
    for a, b in zip(found[1], expected[1], strict=True):
        assert np.linalg.norm(a - b) <= 1e-3 * np.linalg.norm(b) + 1e-7


@pytest.fixture(scope="session")
def data_of(images, points):
    return {"images": images, "points": points}


@pytest.fixture(scope="session")
def run_of(data_of, two_replicas, tmp_path_factory):
    """A run of a case with these options, at step 0; compiled once for all tests."""

    @functools.cache
    def made(case, changes, num_replicas, options):
        model, kind = case
        folder = tmp_path_factory.mktemp("-".join(case))
        run = engine.Run(
            models.load(model),
            small_config(model, kind, **dict(changes)),
            engine.Options(workdir=str(folder), num_replicas=num_replicas, **dict(options)),
            data_of[kind],
            two_replicas if num_replicas == 2 else None,
        )
        return run, run.state.write(str(folder / "first"))

    def at_step_0(case, changes=(), num_replicas=1, **options):
        options = {"steps_per_call": 7} | options
        run, first = made(case, tuple(changes), num_replicas, tuple(sorted(options.items())))
        run.state.read(first).assert_existing_objects_matched()
        assert int(run.step) == 0
        return run

    return at_step_0


def advance(run, *counts):
    for count in counts:
        norms = run.advance(count)
        assert np.isfinite(norms).all()
    return run


# ---------------------------------------------------------------- the battery


def test_the_battery_finds_the_models():
    assert {("wgan_gp", "images"), ("wgan_gp", "points"), ("simple", "images")} <= set(CASES)


@every_case
def test_two_steps_change_both_networks(run_of, case):
    run = run_of(case)
    d, g = network(run.gan, "d"), network(run.gan, "g")
    advance(run, 2)
    assert int(run.step) == 2
    for before, after in ((d, network(run.gan, "d")), (g, network(run.gan, "g"))):
        unmoved = [a.shape for a, b in zip(before, after, strict=True) if np.array_equal(a, b)]
        assert all(shape == (1,) for shape in unmoved)  # a critic's last bias has no gradient
        assert len(unmoved) <= 1
        assert all(np.isfinite(a).all() for a in after)


@every_case
def test_scalars_are_finite_and_named(run_of, case):
    run = run_of(case)
    batches = drawn(run.gan, run.dataset, run.config, step=0)
    results = run.gan.train_step(batches)
    scalars = {k: v for k, v in results.items() if not isinstance(v, list)}
    assert {"d_loss", "g_loss", "d_real", "d_fake"} <= scalars.keys()
    assert list(scalars) and sorted(scalars) == run.scalar_names
    assert all(v.shape == () and math.isfinite(v) for v in scalars.values())
    gradients = {k: v for k, v in results.items() if isinstance(v, list)}
    names = [(g, w) for g in sorted(gradients) for w in gans.names_of_trained(run.gan, g)]
    assert names == run.gradient_names
    for name, values in gradients.items():
        trained = getattr(run.gan, f"{name[0]}_variables")
        assert [v.shape for v in values] == [v.shape for v in trained]
        assert any(np.any(v != 0) for v in values)


@every_case
def test_samples_have_the_examples_shape_type_and_range(case):
    model, kind = case
    gan = build(model, kind)
    samples = gan.sample(engine.latent(gan, 0, 5)).numpy()
    assert samples.shape == (5, *SHAPES[kind]) and samples.dtype == np.float32
    assert (samples != samples[0]).any()  # z matters
    if kind == "images":
        for v in gan.g_variables:  # large weights fill the range, and leave it if nothing holds
            v.assign(v * 20)
        samples = gan.sample(engine.latent(gan, 0, 5)).numpy()
        assert -1 <= samples.min() < -0.5 and 0.5 < samples.max() <= 1


@every_case
def test_one_seed_gives_one_model_and_another_another(case):
    first, again, other = (weights(build(*case, seed=seed)) for seed in (1, 1, 2))
    assert same(first, again)
    drawn_weights = [k for k in first if np.ptp(first[k]) > 0]  # zeros and ones are not drawn
    assert drawn_weights and not any(same([first[k]], [other[k]]) for k in drawn_weights)


@every_case
def test_trained_variables_are_all_there_are_each_in_one_list(case):
    gan = build(*case)
    lists = [id(v) for v in [*gan.d_variables, *gan.g_variables]]
    assert len(set(lists)) == len(lists)
    assert set(lists) == {id(v) for v in gan.trainable_variables}
    assert set(lists) == {id(v) for _, v in engine.named_weights(gan) if v.trainable}
    names = [name for name, _ in engine.named_weights(gan)]
    assert len(set(names)) == len(names)


@every_case
def test_calls_of_any_length_are_traced_once(run_of, case):
    run = advance(run_of(case), 1, 3, 2, 1)
    assert int(run.step) == 7
    assert run.call.experimental_get_tracing_count() == 1


@every_case
def test_steps_do_not_depend_on_how_they_are_cut_into_calls(run_of, case):
    together = advance(run_of(case), 7)
    expected, expected_slots = weights(together.gan), slots(together.gan)
    for counts in ((3, 3, 1), (1, 1, 1, 1, 1, 1, 1)):
        run = advance(run_of(case), *counts)
        assert same(expected, weights(run.gan)), counts
        assert same(expected_slots, slots(run.gan)), counts


def test_calls_of_one_step_do_the_same_steps(run_of):
    case = ("circle", "points")  # for the others the test above must do: it is the engine's matter
    expected = weights(advance(run_of(case), 7).gan)
    assert same(expected, weights(advance(run_of(case, steps_per_call=1), *[1] * 7).gan))


@every_case
def test_a_restored_run_is_the_saved_one_and_goes_on_as_it_did(run_of, data_of, case):
    run = advance(run_of(case), 3)
    run.save()
    saved, saved_slots = weights(run.gan), slots(run.gan)
    advance(run, 3, 1)
    later, later_slots = weights(run.gan), slots(run.gan)
    assert not same(saved, later)

    sound = checkpoints.newest_sound(run.folder / "checkpoints")
    other = build(*case, seed=1)
    assert not same(weights(other), saved)
    checkpoints.restore_model(sound, other)
    assert same(weights(other), saved) and same(slots(other), saved_slots)

    run = advance(run_of(case), 1)  # anywhere else
    checkpoints.restore(sound, run.state)
    assert int(run.step) == 3
    assert same(weights(run.gan), saved) and same(slots(run.gan), saved_slots)
    advance(run, 3, 1)
    assert same(weights(run.gan), later) and same(slots(run.gan), later_slots)


@every_case
def test_two_replicas_do_the_steps_of_one(run_of, case):
    one = held(advance(run_of(case), 3).gan)
    two = held(advance(run_of(case, num_replicas=2), 3).gan)
    assert_close(two, one)


@every_case
def test_compiled_steps_are_those_without_xla(run_of, case):
    run = run_of(case)
    has_convolutions = any(len(v.shape) == 4 for v in run.gan.trainable_variables)
    assert run.jit is (not has_convolutions or HAS_GPU)  # on a CPU, XLA's convolutions are slow
    if run.jit:
        compiled = held(advance(run, 3).gan)
        assert_close(compiled, held(advance(run_of(case, jit="off"), 3).gan))


# ---------------------------------------------------------------- steps by hand, without the engine


def drawn(gan, dataset, config, step, seed=0):
    """What the engine would hand to `train_step`, put together anew."""
    n, batches = config.batch_size, gan.batches()
    with_real = [b for b in batches if any(isinstance(d, draws.Real) for d in b.values())]
    first = step * len(with_real) * n
    index = draws.order(len(dataset.x), seed, first, len(with_real) * n)
    index = iter(index.reshape(len(with_real), n))
    result = []
    for j, batch in enumerate(batches):
        real = next(index) if any(isinstance(d, draws.Real) for d in batch.values()) else None
        values = {}
        for name, draw in batch.items():
            if isinstance(draw, draws.Real):
                x = dataset.x[real]
                x = x.astype(np.float32) / 127.5 - 1 if x.dtype == np.uint8 else x
                values[name] = tf.constant(x)
            elif isinstance(draw, draws.Label):
                values[name] = tf.constant(dataset.label[real])
            else:
                values[name] = draws.random(draw, f"{j}/{name}", seed, step, 1, n)[0]
        result.append(values)
    return result


def trained_by_hand(case, dataset, steps=2, **changes):
    gan = build(*case, **changes)
    for step in range(steps):
        gan.train_step(drawn(gan, dataset, small_config(*case, **changes), step))
    return gan


@every_case
def test_the_engine_does_the_steps_that_the_model_describes(run_of, data_of, case):
    by_hand = held(trained_by_hand(case, data_of[case[1]], steps=3))
    assert_close(held(advance(run_of(case), 3).gan), by_hand)


@every_case
@pytest.mark.parametrize(("still", "moving"), ["dg", "gd"], ids=["G's", "D's"])
def test_one_networks_update_leaves_the_other_as_it_was(data_of, case, still, moving):
    gan, changes = build(*case), {rate_of(case, still): 0.0}
    first = {letter: network(gan, letter) for letter in "dg"}
    gan = trained_by_hand(case, data_of[case[1]], **changes)
    assert same(first[still], network(gan, still))
    assert not same(first[moving], network(gan, moving))


@every_case
def test_a_d_step_moves_no_weight_of_g_and_the_reverse(data_of, case):
    gan = build(*case)
    batches = drawn(gan, data_of[case[1]], small_config(*case), step=0)
    for step, still, moving in ((gan.d_step, gan.g, gan.d), (gan.g_step, gan.d, gan.g)):
        first = [{k: v.numpy() for k, v in network.items()} for network in (still, moving)]
        step(batches)
        now = [{k: v.numpy() for k, v in network.items()} for network in (still, moving)]
        assert same(first[0], now[0])  # moving statistics included
        assert not same(first[1], now[1])


def changed(name, value, choices=None):
    """Another value of a field, within its bounds."""
    if choices:
        return next(word for word in choices if word != value)
    if isinstance(value, tuple):
        return (value[0] + 1, *value[1:])
    if isinstance(value, int):
        return value + 1
    return value / 2 or 0.25


FIELDS = [
    (case, field.name)
    for case in CASES
    for field in dataclasses.fields(models.load(case[0]).Config)
    # These are the engine's.
    if field.name not in ("dataset", "steps", "summary_every", "block_steps")
]


@pytest.fixture(scope="session")
def weights_by_hand(data_of):
    @functools.cache
    def trained(case, *changes):
        return weights(trained_by_hand(case, data_of[case[1]], **dict(changes)))

    return trained


@pytest.mark.parametrize(
    ("case", "name"), FIELDS, ids=[f"{'-'.join(case)}-{name}" for case, name in FIELDS]
)
def test_no_flag_is_dead(weights_by_hand, case, name):
    config = small_config(*case)
    (field,) = (f for f in dataclasses.fields(config) if f.name == name)
    value = changed(name, getattr(config, name), field.metadata["choices"])
    assert not same(weights_by_hand(case), weights_by_hand(case, (name, value)))


# ---------------------------------------------------------------- optimizers

ADAM = {"beta_1": 0.9, "beta_2": 0.999, "epsilon": 1e-8}
OPTIMIZERS = {  # (learning rate, and what else) of D and of G, as each model's source has them
    ("simple", "images"): ((0.01, None), (1e-5, ADAM)),
    ("dcgan_upsampling", "images"): ((0.01, None), (1e-5, ADAM | {"epsilon": 1e-7})),
    ("circle", "points"): ((1e-3, ADAM | {"epsilon": 1e-7}),) * 2,
    ("simple_keras", "images"): ((0.01, None), (1e-5, ADAM | {"epsilon": 1e-7})),
    ("dense_logits", "images"): ((1e-3, ADAM),) * 2,
    ("dense_batch_norm", "images"): ((1e-4, ADAM | {"epsilon": 1e-7}),) * 2,
    ("deconv", "images"): ((2e-4, ADAM | {"beta_1": 0.5}),) * 2,
    ("wgan_gp", "images"): ((1e-4, ADAM | {"beta_1": 0.5, "beta_2": 0.9}),) * 2,
    ("wgan_gp", "points"): ((1e-4, ADAM | {"beta_1": 0.5, "beta_2": 0.9}),) * 2,
}


@pytest.mark.parametrize("case", OPTIMIZERS, ids="-".join)
def test_optimizers_are_those_of_the_source(case):
    gan = build(*case)
    for optimizer, (rate, adam) in zip(
        (gan.d_optimizer, gan.g_optimizer), OPTIMIZERS[case], strict=True
    ):
        assert float(optimizer.learning_rate) == pytest.approx(rate)
        assert type(optimizer).__name__ == ("Adam" if adam else "SGD")
        assert {name: getattr(optimizer, name) for name in adam or ()} == (adam or {})


@every_case
def test_both_optimizers_take_their_settings_from_the_config(case):
    changes = {"beta_1": 0.25, "beta_2": 0.75, rate_of(case, "d"): 0.125, rate_of(case, "g"): 0.5}
    fields = {field.name for field in dataclasses.fields(small_config(*case))}
    gan = build(*case, **{name: value for name, value in changes.items() if name in fields})
    assert float(gan.d_optimizer.learning_rate) == 0.125
    assert float(gan.g_optimizer.learning_rate) == 0.5
    for beta in {"beta_1", "beta_2"} & fields:
        assert getattr(gan.d_optimizer, beta) == changes[beta]
        assert getattr(gan.g_optimizer, beta) == changes[beta]


# ---------------------------------------------------------------- updates in a step


@pytest.mark.parametrize(
    ("case", "d_updates", "changes"),
    [
        (("simple", "images"), 1, ()),
        (("dcgan_upsampling", "images"), 1, ()),
        (("circle", "points"), 2, ()),
        (("wgan_gp", "points"), 2, ()),
        (("wgan_gp", "points"), 3, (("n_critic", 3),)),
        (("wgan_gp", "images"), 2, ()),
        (("dense_logits", "images"), 1, ()),
    ],
    ids=str,
)
def test_a_step_is_so_many_updates_of_d_and_one_of_g(data_of, case, d_updates, changes):
    gan = trained_by_hand(case, data_of[case[1]], steps=2, **dict(changes))
    assert (int(gan.d_optimizer.iterations), int(gan.g_optimizer.iterations)) == (
        2 * d_updates,
        2,
    )


@every_case
def test_the_engine_counts_updates_as_the_model_does(run_of, data_of, case):
    run, by_hand = advance(run_of(case), 3, 2), trained_by_hand(case, data_of[case[1]], steps=5)
    for name in ("d_optimizer", "g_optimizer"):
        assert int(getattr(run.gan, name).iterations) == int(getattr(by_hand, name).iterations)


def test_wgan_gp_gives_every_critic_update_examples_of_its_own(points):
    config = small_config("wgan_gp", "points", n_critic=5)
    *for_critic, for_g = drawn(build("wgan_gp", "points", n_critic=5), points, config, step=0)
    assert len(for_critic) == 5 and list(for_g) == ["z"]
    for name in ("x", "z", "epsilon"):
        values = np.concatenate([batch[name] for batch in for_critic])
        assert len(np.unique(values, axis=0)) == 5 * config.batch_size
    for batch in for_critic:
        assert np.all((batch["epsilon"] >= 0) & (batch["epsilon"] < 1))
        assert not np.isin(batch["z"], for_g["z"]).any()


def test_the_simple_gans_dropouts_are_independent(images):
    (batch,) = drawn(build("simple", "images"), images, small_config("simple", "images"), 0)
    us = {name: value.numpy() for name, value in batch.items() if name.startswith("u_")}
    assert len(us) == 6  # real, fake and g, for each of two hidden layers
    values = np.concatenate([u.ravel() for u in us.values()])
    assert len(np.unique(values)) == len(values)
    assert values.min() >= 0 and values.max() < 1


@pytest.mark.parametrize(
    ("model", "x_shape"),
    [
        ("circle", (28, 28, 1)),
        ("dcgan_upsampling", (2,)),
        ("dcgan_upsampling", (1, 28, 1)),
        ("wgan_gp", (32, 32, 3)),
    ],
)
def test_a_model_refuses_examples_it_cannot_train_on(model, x_shape):
    module = models.load(model)
    with pytest.raises(InputError, match=f"--dataset=.*{model} trains on"):
        engine.build(module, module.Config(), x_shape, seed=0)
