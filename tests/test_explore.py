"""The space of z, on generators whose answers are known (`tests/proving/known.py`)."""

import dataclasses
import functools
import re

import numpy as np
import pytest
from processes import ROOT, contents, run
from proving import known

from ganflow import data, models
from ganflow.base.errors import InputError
from ganflow.data import drawings
from ganflow.explore import algebra, attributes, directions, projection, space, walking
from ganflow.explore.space import Space
from ganflow.explore.visit import Asked, Found, Visit
from ganflow.interface import gans
from ganflow.judging import factors
from ganflow.nn.draws import Normal, Uniform
from ganflow.programs import explore
from tests import cases

KNOWN = str(ROOT / "tests" / "proving" / "known.py")
IMAGES = data.Dataset("images", {"x": np.zeros([4, 8, 8, 1], np.uint8), "label": np.arange(4)})
DRAWINGS = data.Dataset("drawings_16", {"x": np.zeros([4, 16, 16, 3], np.uint8)})


def space_of(kind: str, dataset: data.Dataset = IMAGES, seed: int = 0) -> Space:
    """That of an untrained generator, as that of a loaded one."""
    fields = dataset.about()
    gan = gans.build(known, known.Config(kind=kind), fields, seed=0)
    return space.find(gan, manifest_of(KNOWN, fields), seed)


def manifest_of(model, fields):
    told = {"shapes": fields.shapes, "classes": fields.classes, "vocabulary": fields.vocabulary}
    return {"model": model, "step": 0, "config": {}, "options": {}, "fields": told}


WITHOUT_Z = ("cyclegan", "discogan", "srgan")


def same_lines(a, b):
    """Whether rows are equal but for their signs."""
    return np.abs(np.sum(a * b, axis=1))


# ---------------------------------------------------------------- ways


def test_between_normal_z_s_the_way_lies_on_the_sphere_and_its_ends_are_the_z_s():
    random = np.random.RandomState(0)
    a, b = (random.standard_normal([3, 500]).astype(np.float32) for _ in "ab")
    a, b = (20 * z / np.linalg.norm(z, axis=1, keepdims=True) for z in (a, b))
    way = walking.between(Normal([500]), a, b, 9)
    assert way.shape == (3, 9, 500)
    np.testing.assert_array_equal(way[:, 0], a)
    np.testing.assert_array_equal(way[:, -1], b)
    np.testing.assert_allclose(np.linalg.norm(way, axis=2), 20, rtol=1e-5)
    assert np.linalg.norm((a + b) / 2, axis=1).max() < 16  # and a straight line would not


def test_between_uniform_z_s_the_way_stays_in_the_box_and_as_spread_as_they_are():
    random = np.random.RandomState(0)
    a, b = random.uniform(-1, 1, [2, 1, 20_000]).astype(np.float32)
    a[0, :2] = -1, 1  # the quantiles of both are infinite
    way = walking.between(Uniform([20_000]), a, b, 5)[0]
    np.testing.assert_array_equal(way[[0, -1]], np.concatenate([a, b]))
    assert np.isfinite(way).all() and np.abs(way).max() <= 1
    spread = np.sqrt(np.square(way).mean(axis=1))
    np.testing.assert_allclose(spread, 3**-0.5, rtol=0.02)
    assert np.sqrt(np.square((a + b) / 2).mean()) < 0.75 * 3**-0.5  # the straight line's


def test_other_bounds_than_1_are_kept():
    a, b = np.float32([[2.0, 4.0]]), np.float32([[4.0, 3.0]])
    way = walking.between(Uniform([2], low=2.0, high=4.0), a, b, 7)
    assert way.min() >= 2 and way.max() <= 4
    np.testing.assert_array_equal(way[0, -1], b[0])


def test_along_a_direction_a_z_has_that_coordinate_and_keeps_all_others():
    whole = space_of("matrix")
    units = np.linalg.qr(np.random.RandomState(0).standard_normal([6, 6]))[0]
    z = np.float32([1, -2, 0.5, 3, 0, -1])
    values = np.array([-3.0, 0.0, 2.0])
    moved = walking.along(whole, z, units[:2], values)
    np.testing.assert_allclose(moved[1] @ units[1], values, atol=1e-5)
    for i in (0, 2, 3, 4, 5):
        np.testing.assert_allclose(moved[1] @ units[i], z @ units[i], atol=1e-5)
    boxed = walking.along(space_of("uniform"), z / 3, units[:2], values)
    assert np.abs(boxed).max() == 1


def test_one_component_at_a_time_goes_through_all_of_its_values():
    whole = space_of("uniform")
    values = walking.component_values(whole, 5)
    assert values.tolist() == [-1, -0.5, 0, 0.5, 1]
    assert walking.component_values(space_of("matrix"), 3).tolist() == [-3, 0, 3]
    z = walking.along(whole, np.full(6, 0.25, np.float32), np.eye(6)[[4]], values)
    np.testing.assert_allclose(z[0, :, 4], values)
    assert (z[0][:, [0, 1, 2, 3, 5]] == 0.25).all()


# ---------------------------------------------------------------- directions


@pytest.mark.parametrize("kind", ["matrix", "joined", "uniform", "bare"])
def test_the_principal_directions_are_the_known_singular_vectors(kind):
    whole = space_of(kind)
    heard = directions.principal(whole, whole.drawn(1).given)
    order = np.argsort(-known.SINGULAR_VALUES)
    np.testing.assert_allclose(heard.values, known.SINGULAR_VALUES[order], rtol=1e-5)
    np.testing.assert_allclose(heard.directions, np.eye(6)[order], atol=1e-5)
    of_g = "the whole of G" if kind == "bare" else "generator/w,"
    assert of_g in heard.where


def test_other_singular_vectors_are_told_from_those_of_the_axes():
    whole = space_of("matrix")
    turn = np.linalg.qr(np.random.RandomState(1).standard_normal([6, 6]))[0]
    whole.gan.g["w"].assign(turn @ whole.gan.g["w"].numpy())
    heard = directions.principal(whole, whole.drawn(1).given)
    order = np.argsort(-known.SINGULAR_VALUES)
    np.testing.assert_allclose(same_lines(heard.directions, turn.T[order]), 1, rtol=1e-5)
    assert same_lines(heard.directions, np.eye(6)[order]).max() < 0.99
    assert (heard.directions.max(axis=1) >= -heard.directions.min(axis=1)).all()


def test_effects_are_how_far_each_component_moves_the_sample():
    whole = space_of("matrix")
    effects = directions.effects(whole, whole.drawn(1).given)
    np.testing.assert_allclose(effects, known.SINGULAR_VALUES / 8, rtol=1e-5)  # 64 numbers


def test_more_directions_than_are_asked_at_once_are_those_asked_together(monkeypatch):
    whole = space_of("bare")
    together = directions.effects(whole, whole.drawn(1).given)
    monkeypatch.setattr(directions, "_AT_ONCE", 4)
    np.testing.assert_allclose(directions.effects(whole, whole.drawn(1).given), together, rtol=1e-6)


# ---------------------------------------------------------------- projection


def test_a_projection_finds_the_z_that_made_an_example():
    whole = space_of("matrix")
    true = whole.drawn(3, seed=5)
    found = projection.project(whole, true.samples[2], whole.drawn(4).given, 300, drawn=50)
    assert found.losses.shape == (301, 4)
    assert found.losses[-1].max() < 1e-8 < found.losses[0].min()
    z = whole.z_of(found.given)
    np.testing.assert_allclose(z, np.repeat(whole.z_of(true.given)[2:], 4, axis=0), atol=1e-3)
    errors = np.square(found.samples - true.samples[2]).reshape(4, -1).mean(axis=1)
    np.testing.assert_allclose(errors, found.losses[-1], rtol=0.01, atol=1e-12)
    assert found.best == np.argmin(errors) and found.drawn_loss > 1e-3


def test_a_projection_stays_in_the_box():
    whole = space_of("uniform")
    beyond = whole.with_z(whole.drawn(1).given, np.float32([[3, -3, 0.5, 0.2, 0, 0]]))
    found = projection.project(whole, whole.made(beyond)[0], whole.drawn(2).given, 300, drawn=5)
    expected = np.repeat([[1, -1, 0.5, 0.2, 0, 0]], 2, axis=0)
    np.testing.assert_allclose(whole.z_of(found.given), expected, atol=1e-3)


# ---------------------------------------------------------------- attributes and arithmetic


@functools.cache
def painter():
    """(The painter's space, the drawings' reader, samples, what is read of them)."""
    whole = space_of("painter", DRAWINGS)
    reader = attributes.reader_of(DRAWINGS, None, "x")
    made = whole.drawn(2_000)
    return whole, reader, made, reader.read(made.samples)


def test_arithmetic_comes_out_as_often_as_half_normal_numbers_say():
    whole, reader, made, seen = painter()
    z = whole.z_of(made.given)
    background, colour = (drawings.FACTORS[f] for f in ("background", "colour"))
    assert (seen["background"] == (z[:, 0] > 0)).all()  # white comes second
    assert (seen["colour"] == np.where(z[:, 1] > 0, colour.index("blue"), 0)).all()
    formula = algebra.parse(
        "colour=red background=white - colour=red background=black + colour=blue background=black",
        reader,
    )
    assert formula.expected == {"colour": colour.index("blue"), "background": 1}
    outcome = algebra.solve(whole, reader, made, seen, formula)
    # z_0 of C is -|g|; A's mean less B's is 2 sqrt(2 / pi) = 1.596, and P(|g| < 1.596) = .889.
    assert outcome.share == pytest.approx(0.889, abs=0.07)
    z = whole.z_of(outcome.results.given)
    assert outcome.share == np.mean((z[:, 0] > 0) & (z[:, 1] > 0))
    assert outcome.drawn_share == pytest.approx(0.25, abs=0.1)
    assert outcome.blind_share < 0.2
    # On the sphere of C's own z's.
    own = whole.z_of(made.given)[outcome.groups[2]][:200]
    np.testing.assert_allclose(np.linalg.norm(z, axis=1), np.linalg.norm(own, axis=1), rtol=1e-5)
    a, b, c = outcome.means
    np.testing.assert_allclose(whole.z_of(outcome.sum.given)[0], a - b + c, atol=1e-6)
    assert reader.read(outcome.sum.samples)["background"] == 1
    assert background[1] == "white"


def test_the_arithmetic_of_what_g_does_not_know_comes_out_no_more_often_than_by_chance():
    whole, reader, made, seen = painter()
    blind = {f: np.random.RandomState(0).permutation(value) for f, value in seen.items()}
    outcome = algebra.solve(whole, reader, made, blind, algebra.default(reader, seen))
    assert outcome.share < 0.45  # a quarter is chance


def test_a_formula_that_nobody_chose_has_large_groups_of_both_factors():
    _, reader, _, seen = painter()
    formula = algebra.default(reader, seen)
    told = formula.told(reader)
    assert sorted(formula.a) == ["background", "colour"]
    assert algebra.parse(told, reader) == formula
    assert {formula.a["colour"], formula.c["colour"]} == {0, 2}  # red and blue: no others are there
    assert all(np.sum(algebra.shows(g, seen)) > 300 for g in (formula.a, formula.b, formula.c))


def test_a_label_that_g_is_given_is_given_and_not_sought_in_z():
    whole = space_of("joined")
    reader = attributes.Reader(
        {"label": tuple("0123456789"), "ink": ("thin", "bold")},
        lambda images: {
            "label": (images.reshape(len(images), -1) @ label_rows.T).argmax(axis=1),
            "ink": (images.reshape(len(images), -1) @ row > 0).astype(int),
        },
        ("label", "ink"),
        "products",
    )
    w = whole.gan.g["w"].numpy()
    label_rows, row = w[6:] - w[6:].mean(axis=0), np.linalg.pinv(w)[:, 1]
    made = whole.drawn(2_000)
    seen = reader.read(made.samples)
    assert np.mean(seen["label"] == made.given["label"]) > 0.95
    formula = algebra.parse("label=3 ink=bold - label=3 ink=thin + label=7 ink=thin", reader)
    outcome = algebra.solve(whole, reader, made, seen, formula)
    assert (outcome.results.given["label"] == 7).all()
    assert outcome.share > 0.75 > outcome.drawn_share


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("colour=red", "expected A - B + C"),
        ("colour=red - colour=red + shape=cross", "no factor shape; there are label, colour"),
        ("colour=red - colour=pink + colour=blue", "red, green, blue, yellow, not pink"),
        ("colour=red - size=small + colour=red", "the same factors"),
        ("colour=red - colour=blue + colour=green", "of colour nothing can be expected"),
    ],
)
def test_a_formula_that_cannot_be_is_refused(text, told):
    reader = attributes.Reader(drawings.FACTORS, factors.read, ("colour", "background"), "")
    with pytest.raises(InputError, match=re.escape(told)):
        algebra.parse(text, reader)


def test_a_group_that_nobody_shows_is_refused_with_its_number():
    whole, reader, made, seen = painter()
    formula = algebra.parse("label=circle - label=circle + label=square", reader)
    with pytest.raises(InputError, match="0 of 2,000 samples show label=circle"):
        algebra.solve(whole, reader, made, seen, formula)


def test_what_nobody_reads_is_said():
    points = data.Dataset("circle", {"x": np.zeros([9, 2], np.float32)})
    with pytest.raises(InputError, match="no attribute of points"):
        attributes.reader_of(points, None, "x")
    unlabelled = data.Dataset("npy", {"x": np.zeros([9, 8, 8, 1], np.uint8)})
    with pytest.raises(InputError, match="no attribute of images without labels"):
        attributes.reader_of(unlabelled, None, "x")


# ---------------------------------------------------------------- every model


def test_a_model_without_a_z_says_so_in_one_line():
    for name in (*WITHOUT_Z, "cyclic", "planar"):
        gan, fields = cases.build(name), cases.dataset_of(name).about()
        with pytest.raises(InputError, match="not from a z"):
            space.find(gan, manifest_of(name, fields), 0)


def heard_by(name):
    """The space, and the directions, of a small model."""
    gan, dataset = cases.build(name), cases.dataset_of(name)
    whole = space.find(gan, manifest_of(name, dataset.about()), 0)
    fields = {field: data.decoded(array[:1]) for field, array in dataset.fields.items()}
    given = gans.given(whole.sampler, 0, 1, fields=fields)
    given = {key: value.numpy() for key, value in given.items()}
    return whole, given, directions.principal(whole, given)


def assert_directions_are_found(name):
    whole, given, heard = heard_by(name)
    assert heard.directions.shape == (len(heard.values), whole.size)
    np.testing.assert_allclose(np.linalg.norm(heard.directions, axis=1), 1, rtol=1e-6)
    assert heard.values[0] > 0 and heard.where.startswith("the layer of ")
    # Every layer here is linear in z: a step along the first direction moves it so far.
    effects = directions.effects(whole, given)
    assert effects.shape == (whole.size,) and np.isfinite(effects).all() and effects.max() > 0


def test_a_model_s_directions_are_found():
    assert_directions_are_found("circle")


@pytest.mark.slow
@pytest.mark.parametrize("name", [n for n in models.names() if n not in WITHOUT_Z])
def test_every_model_s_directions_are_found(name):
    assert_directions_are_found(name)


# ---------------------------------------------------------------- the program


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    """The workdir of the known matrix on digits, which training does not move."""
    workdir = tmp_path_factory.mktemp("known") / "run"
    ended = run("train.py", f"--model={KNOWN}", "--jit=off", f"--workdir={workdir}")
    assert ended.code == 0, ended.err
    return workdir


def arrays(path):
    with np.load(path) as file:
        return dict(file)


def test_the_program_writes_what_it_finds(images, tmp_path):
    what = "interpolation,components,directions,projection,neighbours,animation"
    out = tmp_path / "out"
    ended = run(
        "explore.py",
        *(f"--workdir={images}", f"--out={out}", f"--what={what}", "--film=webp"),
        *("--index=3", "--projection_steps=40"),
    )
    assert ended.code == 0, ended.err
    names = {path.name for path in out.iterdir()}
    for name in what.split(",")[:-1]:
        assert {f"{name}.png", f"{name}.npz"} <= names and f"\n{name}: " in f"\n{ended.out}"
    assert {"interpolation.webp", "strip.webp", "animation.npz"} <= names and len(names) == 13
    np.testing.assert_allclose(
        arrays(out / "directions.npz")["singular_values"],
        sorted(known.SINGULAR_VALUES, reverse=True),
        rtol=1e-5,
    )
    assert arrays(out / "components.npz")["components"].tolist() == [1, 3, 4, 2, 5, 0]
    found = arrays(out / "interpolation.npz")
    assert found["z"].shape == (8, 10, 6) and found["samples"].shape == (8, 10, 28, 28, 1)
    flat = found["samples"].reshape(8, 10, -1)
    np.testing.assert_allclose(flat, found["z"] @ known.rows(784), atol=1e-5)
    losses = arrays(out / "projection.npz")["losses"]
    assert losses.shape == (41, 8) and (losses[-1] < losses[0]).all()
    assert arrays(out / "animation.npz")["steps"].tolist() == [0, 1]
    again = run("explore.py", f"--workdir={images}", f"--out={out}", "--what=components")
    assert again.code == 0 and "components.png" in again.out


REFUSED = {
    "no such view": (["--what=intrepolation"], ["--what=intrepolation", "interpolation, comp"]),
    "no workdir": (["--workdir=/nowhere"], ["/nowhere", "no checkpoint"]),
    "no such step": (["--step=77"], ["no checkpoint of step 77"]),
    "no average": (["--ema"], ["--ema", "no moving average"]),
    "no label": (["--label=3"], ["--label=3", "is given no label"]),
    "no such example": (["--what=projection", "--index=5000"], ["--index=5000", "expected 0 to"]),
    "not a picture": (["--what=projection", f"--input={__file__}"], ["test_explore.py"]),
    "both": (["--what=projection", "--input=a.png", "--index=2"], ["--index", "--input"]),
    "no folder": (["--out=/nowhere/at/all"], ["--out=/nowhere/at/all"]),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_explored_is_one_line(case, images, tmp_path):
    args, parts = REFUSED[case]
    was = contents(images)
    line = run("explore.py", f"--workdir={images}", f"--out={tmp_path}", *args).error(2)
    for part in parts:
        assert part in line, line
    assert contents(images) == was and not list(tmp_path.iterdir())


def test_a_picture_of_another_size_is_refused_with_both(images, tmp_path):
    np.save(tmp_path / "x.npy", np.zeros([12, 12], np.uint8))
    args = ("--what=projection", f"--input={tmp_path / 'x.npy'}", f"--out={tmp_path / 'out'}")
    line = run("explore.py", f"--workdir={images}", *args).error(2)
    assert "12 x 12 x 1" in line and "28 x 28 x 1" in line


def test_what_cannot_be_is_named_and_all_else_is_written(tmp_path, monkeypatch, capsys):
    def refused(visit):
        raise InputError("no such thing")

    visit = Visit(space_of("matrix"), Asked(tmp_path, "known"))
    found = Found({"can.gif": b"1"}, {"x": np.arange(3)}, "seen")
    monkeypatch.setattr(explore, "VIEWS", {"cannot": refused, "can": lambda visit: found})
    explore._look(visit, [], tmp_path)
    told = capsys.readouterr().out
    assert told.startswith("can: seen") and "cannot: left out: no such thing" in told
    assert {path.name for path in tmp_path.iterdir()} == {"can.gif", "can.npz"}
    assert arrays(tmp_path / "can.npz")["x"].tolist() == [0, 1, 2]
    with pytest.raises(InputError, match="no such thing"):
        explore._look(visit, ["cannot"], tmp_path)
    monkeypatch.setattr(explore, "VIEWS", {"cannot": refused})
    with pytest.raises(InputError, match="nothing of .* can be explored"):
        explore._look(visit, [], tmp_path)


@pytest.mark.slow
def test_of_points_what_cannot_be_is_named_with_its_reason(tmp_path):
    workdir = tmp_path / "run"
    args = ("--model=circle", "--steps=2", "--jit=off", f"--workdir={workdir}")
    assert run("train.py", *args).code == 0
    ended = run("explore.py", f"--workdir={workdir}", "--projection_steps=5")
    assert ended.code == 0, ended.err
    assert "algebra: left out: data set circle: no attribute of points" in ended.out
    assert "animation: left out: points have no strip" in ended.out
    names = {path.name for path in (workdir / "explored").iterdir()}
    assert len(names) == 10 and "interpolation.png" in names
    one = run("explore.py", f"--workdir={workdir}", "--what=animation").error(2)
    assert "points have no strip" in one


def test_the_space_is_that_of_the_label_that_is_asked_for():
    whole = dataclasses.replace(space_of("joined"), label=4)
    made = whole.drawn(5)
    assert made.given["label"].tolist() == [4] * 5
    z = whole.z_of(made.given)
    moved = whole.with_z({k: v[:1] for k, v in made.given.items()}, z)
    np.testing.assert_allclose(whole.made(moved), made.samples, atol=1e-5)
