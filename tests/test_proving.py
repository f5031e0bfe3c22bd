"""Four GANs that no document has go through everything, and what is broken on purpose fails.

They stand in tests/proving: coupled (shared layers), cyclic (two unpaired domains, a pool that is
state), planar (two unpaired domains of points), staged (a frozen first stage, captions, two scales,
a phase of pre-training). The battery (test_every_model.py) goes through them too.
"""

import dataclasses
import json

import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from ganflow import data, engine, models
from ganflow.base.errors import InputError
from ganflow.interface import gans, tables
from ganflow.interface.sampler import Sampler
from ganflow.judging import evaluation, reports, telling
from ganflow.nn import optimizers
from ganflow.nn.draws import Normal, Real
from ganflow.pictures import grids
from ganflow.storage import checkpoints
from ganflow.summaries import album, moments
from ganflow.summaries.watch import Watch
from ganflow.trained import loading, sampling
from tests import cases, processes
from tests.cases import build, dataset_of, module_of, small_config

proving = pytest.mark.parametrize("name", cases.PROVING)
slow = pytest.mark.slow
watched = pytest.mark.parametrize(  # one of points: the quickest to look at
    "name",
    ["planar", *(pytest.param(name, marks=slow) for name in ("coupled", "cyclic", "staged"))],
)


def make_run(name, folder, module=None, **options):
    changes = options.pop("changes", {})
    return engine.Run(
        module or module_of(name),
        small_config(name, **changes),
        engine.Options(workdir=str(folder), num_replicas=1, **options),
        dataset_of(name),
    )


def weights(gan):
    return {name: v.numpy() for name, v in gans.named_weights(gan)}


def equal(a, b):
    return a.keys() == b.keys() and all(np.array_equal(a[k], b[k]) for k in a)


def broken(name, **methods):
    """The module with some methods of its Gan replaced."""
    module = module_of(name)
    made = type("Gan", (module.Gan,), methods)
    copy = type(module)(name)
    copy.__dict__.update(module.__dict__ | {"Gan": made, "__name__": module.__name__})
    return copy


# ---------------------------------------------------------------- sharing


def generators_share(gan):
    """One z moves both generators' shared layer, and a restored model shares it still."""
    shared = gan.networks["generator_a"]["w_0"]
    shared.assign(tf.zeros_like(shared))
    return not gan.networks["generator_b"]["w_0"].numpy().any()


def test_what_is_shared_is_one_variable_before_and_after_a_restore(tmp_path):
    run = make_run("coupled", tmp_path)
    run.advance(3)
    run.save()
    gan, _ = loading.load_trained(tmp_path)
    assert equal(weights(gan), weights(run.gan))
    assert generators_share(gan)
    names = [name for name, _ in gans.named_weights(gan)]
    assert "generator_a/w_0" in names and "generator_b/w_0" not in names


def test_networks_that_do_not_share_fail_that_test():
    copy = broken("coupled", share=lambda self: None)
    gan = gans.build(copy, small_config("coupled"), dataset_of("coupled").about(), 0)
    assert not generators_share(gan)
    assert len(gans.named_weights(gan)) == len(gans.named_weights(build("coupled"))) + 4


@pytest.mark.parametrize(
    ("name", "alike"), [("coupled", [[1], []]), ("cyclic", [[2], [], []]), ("staged", [[1], []])]
)
def test_what_is_made_from_the_same_draws_stands_side_by_side(name, alike, tmp_path):
    """A pair of one z; an image translated and back again; two stages of one caption."""
    run = make_run(name, tmp_path)
    eyes = [moments.SamplerEye(run, s, is_main=not i) for i, s in enumerate(run.samplers)]
    assert album.made_alike(eyes) == alike
    seen, taken = [eye.look().arrays() for eye in eyes], album.Taken()
    beside = {eyes[i].sampler.name: (seen[i], taken) for i in alike[0]}
    budget, own = album.Budget(), album.Album(eyes[0], tmp_path, 0)
    own.draw(["samples"], "title", seen[0], taken, beside, budget)
    picture = np.asarray(Image.open(tmp_path / "samples.png"))
    if name == "staged":  # its second stage is smaller, and enlarged for the picture
        seen[1] = dataclasses.replace(seen[1], samples=seen[1].samples.repeat(2, 1).repeat(2, 2))
    expected = [*eyes[0].shown_given, *(seen[i].samples for i in (0, *alike[0])), eyes[0].real]
    tiled = [grids.grid(images, moments.COLUMNS)[..., 0] for images in expected]
    left, (height, width) = 0, tiled[0].shape
    for grid in tiled:
        np.testing.assert_array_equal(picture[-height:, left : left + width], grid)
        left += width + 8  # the bar between two


def test_captions_stand_beside_what_was_made_of_them_where_their_words_are_known(tmp_path):
    run = make_run("staged", tmp_path)
    unknown = moments.SamplerEye(run, run.samplers[0], is_main=True)
    assert unknown.captions == [] and "captions" not in album.Album(unknown, tmp_path, 0).names(
        False
    )
    words = ("", "a", "red", "small", "circle")
    run.dataset = dataclasses.replace(run.dataset, vocabulary=words)
    eyes = [moments.SamplerEye(run, s, is_main=not i) for i, s in enumerate(run.samplers)]
    told = [" ".join(words[i] for i in row if i) for row in run.dataset.fields["caption"]]
    assert eyes[0].captions == told[: eyes[0].count]
    seen, taken = [eye.look().arrays() for eye in eyes], album.Taken()
    own = album.Album(eyes[0], tmp_path, 0)
    assert "captions" in own.names(False)
    own.draw(["captions"], "title", seen[0], taken, {"stage_1": (seen[1], taken)}, album.Budget())
    picture = np.asarray(Image.open(tmp_path / "captions.png"))
    tiles = [x.samples[0].repeat(64 // len(x.samples[0]), 0) for x in seen] + [
        eyes[0].real[0].repeat(8, 0)
    ]
    left, top = 0, picture.shape[0] - 10 * 66  # of ten rows, 64 pixels each and a gap
    for tile in tiles:
        tile = tile.repeat(64 // tile.shape[1], 1)
        expected = grids.grid(tile[np.newaxis], 1)[..., 0]
        np.testing.assert_array_equal(picture[top : top + 66, left : left + 66], expected)
        left += 66 + 8
    text = grids.lines(eyes[0].captions[:10], 66)[..., 0]
    np.testing.assert_array_equal(picture[top:, left : left + text.shape[1]], text)


def test_a_stage_of_another_size_is_not_judged_by_whole_images(tmp_path):
    run = make_run("staged", tmp_path, evaluate_num=100)
    second = [(group, samples.shape[1]) for group, samples, _ in Watch(run, [])._evaluated("eval")]
    assert second == [("eval", 8)]


# ---------------------------------------------------------------- a pool as state


def goes_on_as_it_did(run):
    """Whether a run that goes back to its checkpoint repeats itself to the bit."""
    run.advance(4)
    run.save()
    run.advance(4)
    expected = weights(run.gan)
    checkpoints.restore(checkpoints.newest_sound(run.folder / "checkpoints"), run.state)
    run.advance(4)
    return equal(expected, weights(run.gan))


def test_the_pool_is_restored(tmp_path):
    assert goes_on_as_it_did(make_run("cyclic", tmp_path))


class _Hidden:
    """Keeps a variable from being tracked, and so from being saved."""

    def __init__(self, variable):
        self.get = lambda: variable

    def __getitem__(self, domain):
        return self.get()[domain]

    def assign(self, value):
        self.get().assign(value)


@pytest.mark.slow
def test_a_pool_that_is_not_checkpointed_fails_that_test(tmp_path):
    def make_pool(self, size):
        return _Hidden(tf.Variable(tf.zeros([2, 6, size]), trainable=False))

    run = make_run("cyclic", tmp_path, broken("cyclic", make_pool=make_pool))
    assert not goes_on_as_it_did(run)


def test_state_that_replicas_cannot_share_says_so(two_replicas, tmp_path):
    with pytest.raises(InputError) as caught:
        engine.Run(
            module_of("cyclic"),
            small_config("cyclic"),
            engine.Options(workdir=str(tmp_path)),
            dataset_of("cyclic"),
            two_replicas,
        )
    assert "its pool of images is one; give --num_replicas=1" in str(caught.value)
    assert "\n" not in str(caught.value)


# ---------------------------------------------------------------- phases, and a frozen stage


def stage_1_stands_still(run):
    """After its own phase."""
    run.advance(run.config.pretrain_steps)
    first = weights(run.gan)
    run.advance(3)
    now = weights(run.gan)
    still = [k for k in first if k.startswith(("stage_1/", "encoder/", "d_small/"))]
    assert still and not np.array_equal(first["stage_2/w_0"], now["stage_2/w_0"])
    return all(np.array_equal(first[k], now[k]) for k in still)


@pytest.mark.slow
def test_a_frozen_stage_stands_still(tmp_path):
    assert stage_1_stands_still(make_run("staged", tmp_path))


@pytest.mark.slow
def test_a_stage_that_is_not_frozen_fails_that_test(tmp_path):
    def second_stage(self):
        return optimizers.variables(self.stage_2, self.stage_1)

    assert not stage_1_stands_still(
        make_run("staged", tmp_path, broken("staged", second_stage=second_stage))
    )


@slow
def test_a_phase_may_end_in_the_middle_of_a_call(tmp_path):
    run = make_run("staged", tmp_path, steps_per_call=7)
    with pytest.raises(ValueError, match="its phase has 4 left"):
        run.advance(5)
    run.train(9)  # calls of 4, then of what a summary allows
    assert [int(o.iterations) for o in (run.gan.first_g_optimizer, run.gan.g_optimizer)] == [4, 5]


def test_a_frozen_stage_comes_from_another_run(tmp_path):
    first = make_run("staged", tmp_path / "first")
    first.advance(4)
    first.save()
    second = make_run(
        "staged",
        tmp_path / "second",
        init_from=str(tmp_path / "first"),
        changes={"pretrain_steps": 0},
    )
    assert not equal(weights(first.gan), weights(second.gan))
    assert not second.resume()
    assert equal(weights(first.gan), weights(second.gan))
    expected = weights(second.gan)
    second.advance(3)
    now = weights(second.gan)
    for key in expected:
        moved = not np.array_equal(expected[key], now[key])
        assert moved == key.startswith(("stage_2/", "d_large/")), key


def test_a_frozen_stage_that_comes_from_nowhere_is_refused(tmp_path):
    alone = make_run("staged", tmp_path, changes={"pretrain_steps": 0})
    with pytest.raises(InputError, match="^staged: nothing trains encoder, stage_1, d_small in "):
        alone.resume()


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda path: path.mkdir(), "holds no checkpoint"),
        (
            lambda path: make_run("coupled", path).save(),
            "has the networks generator_a, .* this model none",
        ),
        (
            lambda path: make_run("staged", path, changes={"z_size": 5}).save(),
            r"stage_1/w_0 is \[8, 8\] there and \[6, 8\] here",
        ),
    ],
    ids=["empty", "other networks", "other shapes"],
)
def test_init_from_refuses_what_does_not_fit(tmp_path, make, says):
    make(tmp_path / "first")
    run = make_run("staged", tmp_path / "second", init_from=str(tmp_path / "first"))
    with pytest.raises(InputError, match=f"--init_from=.*{says}"):
        run.resume()


# ---------------------------------------------------------------- two domains of points


@pytest.fixture(scope="module")
def planar(tmp_path_factory):
    """A run of step 0, whose G's send everything to the last mode of the other domain."""
    train, held_out = data.load_both("gaussians_5_10")
    folder = tmp_path_factory.mktemp("planar")
    options = engine.Options(workdir=str(folder), num_replicas=1, jit="off")
    config = small_config("planar", steps=0)
    run = engine.Run(module_of("planar"), config, options, train, None, held_out)
    for network, field in (("g_ab", "b"), ("g_ba", "a")):
        weights = run.gan.networks[network]
        weights["w_1"].assign(tf.zeros_like(weights["w_1"]))
        weights["b_1"].assign(data.modes("gaussians_5_10", field)[0][-1])
    run.resume()
    assert run.train(0)
    return run


def test_points_of_two_domains_are_told_by_the_modes_of_their_own(planar):
    (row,) = planar.rows
    for prefix in ("", "b_to_a/"):
        assert (row[f"{prefix}modes_captured"], row[f"{prefix}modes_reached"]) == (1, 1)
        assert {"pairwise_distance_ratio", "d_accuracy_held_out"} <= {
            name.removeprefix(prefix) for name in row if name.startswith(prefix)
        }
    planar.gan.networks["g_ab"]["b_1"].assign(data.modes("gaussians_5_10", "a")[0][-1])
    eye = moments.SamplerEye(planar, planar.samplers[0], is_main=True)
    far = np.linalg.norm(eye.samples() - data.modes("gaussians_5_10", "b")[0][-1], axis=1)
    assert (far > 1).all(), "the modes of a and of b lie apart"


def test_points_of_two_domains_have_pictures_of_their_own(planar):
    pictures = {path.name for path in planar.folder.glob("*.png")}
    kinds = ("samples", "translation", "scores")
    assert pictures == {f"{kind}{name}.png" for kind in kinds for name in ("", "_b_to_a")}
    planes = [
        tf.io.decode_png((planar.folder / f"samples{sampler}.png").read_bytes()).numpy()
        for sampler in ("", "_b_to_a")
    ]
    assert planes[0].shape == planes[1].shape == (760, 780, 3)  # D's surface, a critic of its own
    assert (planes[0] != planes[1]).mean() > 0.1


def test_points_of_two_domains_are_sampled_from_held_out_ones(planar):
    _, held_out = data.load_both("gaussians_5_10")
    gan, manifest = loading.load_trained(planar.folder)
    made = sampling.of_gan(gan, manifest, 7, seed=1, sampler="b_to_a")
    np.testing.assert_array_equal(made.given["b"], held_out.fields["b"][:7])
    np.testing.assert_allclose(
        made.samples, [data.modes("gaussians_5_10", "a")[0][-1]] * 7, atol=1e-6
    )


def test_points_of_two_domains_are_judged_by_their_own(planar):
    for field, modes in (("a", 5), ("b", 10)):
        judge = evaluation.make_judge(planar.dataset, planar.held_out, num=1_000, field=field)
        assert judge.floor["modes_captured"].value == modes
        lowest = planar.held_out.fields[field].min(axis=0)
        assert (judge.real_points.min(axis=0) >= lowest).all()
        assert (judge.noise.min(axis=0) >= lowest).all()
    with pytest.raises(InputError, match="gaussians_5_10: found no field x, and samples are comp"):
        evaluation.make_judge(planar.dataset, planar.held_out)


def test_the_main_sampler_of_two_domains_is_evaluated_by_what_it_should_look_like(planar):
    report = reports.of_workdir(planar.folder, num=300)
    assert report.judge.about["field"] == "b"
    assert report.floor.figures["modes_captured"].value == 10
    (found,) = report.judged
    assert found.figures["modes_captured"].value == 1  # it maps all to one
    assert telling.as_text(report).startswith("gaussians_5_10: compared with 100,000 held-out ")


def test_there_are_no_more_samples_than_held_out_examples_where_they_are_made_of_nothing_else():
    def at_most(num, held_out, given):
        return reports._at_most(num, Sampler("", given, lambda given: given["a"]), held_out)

    held_out = data.Dataset("pair", {"a": np.zeros([12, 2]), "b": np.zeros([5, 2])})
    of_a = {"a": Real("a")}
    assert [at_most(num, held_out, of_a) for num in (11, 12, 13)] == [11, 12, 12]
    assert at_most(13, held_out, of_a | {"z": Normal([2])}) == at_most(13, None, of_a) == 13
    with pytest.raises(InputError, match="pair: found 5 held-out examples of b, expected at least"):
        at_most(13, held_out, {"a": Real("b")})


def test_evaluations_under_way_of_two_domains_are_refused_in_one_line(tmp_path):
    with pytest.raises(InputError) as caught:
        make_run("planar", tmp_path, evaluate_every=5)
    assert str(caught.value) == (
        "--evaluate_every=5: samples are compared with x, and data set pair has a, b; leave it out"
    )


# ---------------------------------------------------------------- all else that looks at them


@watched
def test_a_proving_gan_trains_with_summaries_and_is_described(name, tmp_path):
    run = make_run(name, tmp_path, ema=0.9)
    run.resume()
    assert run.train(10)
    rows = [json.loads(line) for line in (tmp_path / "metrics.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows] == [0, 5, 10]
    assert rows[-1]["epoch"] == pytest.approx(10 * 4 / 40)
    assert {"d_loss", "g_loss"} <= rows[-1].keys()
    for sampler in run.samplers:
        assert (
            tmp_path / f"samples{'_' + sampler.name if sampler is not run.samplers[0] else ''}.png"
        ).exists()
    text = tables.table(run.gan, run.fields)
    for network, of in run.gan.networks.items():
        assert network in text and all(weight in text for weight in of)


@slow
@proving
def test_a_proving_gan_resumes_to_the_bit_after_a_kill(name, tmp_path):
    """The programs take it by its path."""
    arrays = tmp_path / "data.npz"
    np.savez(arrays, **dataset_of(name).fields)
    model = processes.ROOT / "tests" / "proving" / f"{name}.py"
    flags = [
        f"--model={model}",
        "--dataset=npz",
        f"--data_dir={arrays}",
        "--steps=40",
        "--summary_every=10",
        "--checkpoint_every=5",
        "--steps_per_call=5",
        "--num_replicas=1",
    ]
    whole = processes.run("train.py", *flags, f"--workdir={tmp_path / 'whole'}")
    assert whole.code == 0, whole.err
    killed = processes.Process("train.py", *flags, f"--workdir={tmp_path / 'killed'}")
    assert killed.wait_until(lambda: len(processes.steps(tmp_path / "killed")) >= 2)
    killed.send(9)
    killed.end()
    assert processes.steps(tmp_path / "killed")[-1] < 40
    again = processes.run("train.py", *flags, f"--workdir={tmp_path / 'killed'}")
    assert again.code == 0, again.err
    processes.assert_same_run(tmp_path / "whole", tmp_path / "killed")

    samples = sampling.generate(tmp_path / "killed", 5, seed=1)
    assert samples.shape == (5, *dataset_of(name).example_shape) and np.isfinite(samples).all()
    assert models.reference(models.load(str(model))) == str(model)


@pytest.mark.slow
def test_a_moving_average_is_saved_sampled_and_parts_from_the_weights(tmp_path):
    run = make_run("coupled", tmp_path, ema=0.5)
    run.advance(3)
    run.save()
    raw, _ = loading.load_trained(tmp_path)
    averaged, _ = loading.load_trained(tmp_path, ema=True)
    a, b = weights(raw), weights(averaged)
    assert equal(a, weights(run.gan))
    moved = {k.partition("/")[0] for k in a if not np.array_equal(a[k], b[k])}
    assert moved == {"generator_a", "generator_b"}
    without = make_run("coupled", tmp_path / "without")
    without.save()
    with pytest.raises(InputError, match="has no moving average; train with --ema"):
        loading.load_trained(tmp_path / "without", ema=True)
    other = dataclasses.replace(run.options, ema=0.0)
    with pytest.raises(InputError, match=r"--ema=0.0 \(the workdir's is 0.5\)"):
        engine.Run(run.module, run.config, other, run.dataset).resume()
