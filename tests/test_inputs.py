"""Images of the user's own in place of real ones: which files, which sampler, how many samples."""

import dataclasses
import types

import numpy as np
import pytest
from PIL import Image
from processes import run

from ganflow import data, engine
from ganflow.base.errors import InputError
from ganflow.nn.draws import Normal, Real
from ganflow.trained import inputs, loading, sampling
from tests import cases

RNG = np.random.default_rng(0)
ONE = RNG.integers(0, 256, (8, 8), dtype=np.uint8)
THREE = RNG.integers(0, 256, (3, 8, 8, 1), dtype=np.uint8)


def model(name, channels=0):
    """A model with new weights, and of its manifest what sampling looks at: no data set."""
    about = cases.dataset_of(name).about()
    shapes = {field: list(shape) for field, shape in about.shapes.items()}
    fields = {"shapes": shapes, "classes": dict(about.classes)}
    return cases.build(name), {"fields": fields, "options": {"channels": channels}}


def asked(path, name="cyclic", sampler="", num=None, channels=0):
    gan, manifest = model(name, channels)
    return inputs.asked(gan, manifest, sampling.choose(gan, sampler), path, num)


def error_of(path, **how):
    with pytest.raises(InputError) as caught:
        asked(path, **how)
    assert str(caught.value).isprintable()
    return str(caught.value)


def saved(path, array):
    if path.suffix == ".npy":
        np.save(path, array)
    else:
        Image.fromarray(array).save(path)
    return path


FILES = {
    "one.png": (ONE, ONE[np.newaxis, ..., np.newaxis]),
    "one.npy": (ONE, ONE[np.newaxis, ..., np.newaxis]),
    "channel.npy": (THREE[0], THREE[:1]),
    "three.npy": (THREE, THREE),
}


@pytest.mark.parametrize("name", FILES)
def test_a_file_takes_the_place_of_real_images(name, tmp_path):
    array, images = FILES[name]
    gan, manifest = model("cyclic")
    path = saved(tmp_path / name, array)
    for sampler, field in (("", "a"), ("b_to_a", "b")):
        chosen = sampling.choose(gan, sampler)
        fixed = inputs.asked(gan, manifest, chosen, path)
        assert list(fixed) == [field] and fixed[field].dtype == np.float32
        np.testing.assert_allclose(fixed[field], images / 127.5 - 1, atol=1e-6)
        made = sampling.of_gan(gan, manifest, len(images), 0, sampler, fixed)
        expected = chosen.generate({field: data.decoded(images)}).numpy()
        np.testing.assert_allclose(made.samples, expected, atol=1e-5)
        np.testing.assert_array_equal(made.given[field], fixed[field])


def test_one_image_is_given_as_often_as_asked_and_several_once_each(tmp_path):
    one, three = saved(tmp_path / "1.npy", ONE), saved(tmp_path / "3.npy", THREE)
    many = asked(one, num=5)["a"]
    assert len(many) == 5 and (many == many[0]).all()
    assert len(asked(three, num=3)["a"]) == 3
    assert f"--num=5: --input={three} holds 3 images; leave --num out" in error_of(three, num=5)


def test_an_image_is_converted_as_those_of_the_run_were(tmp_path):
    clear = np.full((8, 8, 4), 200, np.uint8)
    clear[..., 3] = 0
    path = saved(tmp_path / "x.png", clear)
    assert "found RGB and alpha, 4 channels, expected grey or RGB of 8 bits" in error_of(path)
    assert (asked(path, channels=1)["a"] == -1).all()  # on black


@pytest.mark.parametrize(
    ("name", "array", "says"),
    [
        ("x.png", ONE[:6], "found 6 x 8 x 1, expected 8 x 8 x 1 as the images that the model"),
        ("x.png", THREE[:, :, :, 0].transpose(1, 2, 0), "found 8 x 8 x 3, expected 8 x 8 x 1"),
        ("x.npy", THREE[:, :7], "found 7 x 8 x 1, expected 8 x 8 x 1"),
        ("x.npy", ONE / 255, "found float64 values in the shape (8, 8), expected uint8 [h, w], ["),
        ("x.npy", ONE[0], "found uint8 values in the shape (8,), expected"),
        ("x.npy", THREE[np.newaxis], "found uint8 values in the shape (1, 3, 8, 8, 1), expected"),
        ("x.gif", ONE, "found the ending '.gif', expected .png, .jpg, .jpeg or .npy"),
    ],
)
def test_another_image_is_one_line_that_says_what_it_is(name, array, says, tmp_path):
    path = saved(tmp_path / name, array)
    message = error_of(path)
    assert says in message and str(path) in message


def test_no_file_and_a_damaged_one(tmp_path):
    assert "cannot be read (No such file" in error_of(tmp_path / "none.png")
    (tmp_path / "x.png").write_bytes(b"text")
    assert "x.png: found a damaged picture" in error_of(tmp_path / "x.png")


def test_a_model_that_takes_no_image_says_so(tmp_path):
    path = saved(tmp_path / "x.npy", ONE)
    for name in ("simple", "planar", "staged"):  # z; points; z and captions
        message = error_of(path, name=name)
        assert message.startswith(f"--input={path}: ") and message.endswith("is given no image")


def test_another_sampler_of_the_model_may_take_one(tmp_path):
    path = saved(tmp_path / "x.npy", ONE)
    gan, manifest = model("cyclic")
    first, second, third = gan.samplers()
    without = dataclasses.replace(first, given={"z": Normal([3])})
    both = dataclasses.replace(first, name="both", given={"a": Real("a"), "b": Real("b")})
    mixed = types.SimpleNamespace(samplers=lambda: [without, second, both])
    for sampler, says in (
        (without, "the sampler a_to_b is given no image; --sampler=b_to_a takes one"),
        (both, "the sampler both is given the images a, b; --sampler=b_to_a takes one"),
    ):
        with pytest.raises(InputError) as caught:
            inputs.asked(mixed, manifest, sampler, path)
        assert str(caught.value) == f"--input={path}: {says}"
    assert list(inputs.asked(mixed, manifest, third, path)) == ["a"]


def test_where_samples_are_made_of_small_pictures_a_small_one_is_given_as_it_is(tmp_path):
    path = saved(tmp_path / "x.npy", THREE[:, :4, :4])
    for sampler in ("", "srresnet", "bicubic"):
        found = asked(path, name="srgan", sampler=sampler)
        assert list(found) == ["low"]
        np.testing.assert_array_equal(found["low"], data.decoded(THREE[:, :4, :4]))
    large = saved(tmp_path / "large.npy", np.zeros([16, 16], np.uint8))
    assert error_of(large, name="srgan").endswith(
        "found 16 x 16 x 1, expected 4 x 4 x 1 as what is made of the images that the model was "
        "trained on"
    )


# ---------------------------------------------------------------- the program


@pytest.fixture(scope="module")
def cyclic(tmp_path_factory):
    """A workdir of step 0, and of its data the file."""
    folder = tmp_path_factory.mktemp("cyclic")
    arrays = folder / "data.npz"
    np.savez(arrays, **cases.dataset_of("cyclic").fields)
    options = engine.Options(
        workdir=str(folder / "run"), data_dir=str(arrays), num_replicas=1, jit="off"
    )
    train, held_out = data.load_both("npz", str(arrays))
    module, config = cases.module_of("cyclic"), cases.small_config("cyclic")
    engine.Run(module, config, options, train, None, held_out).resume()
    return folder / "run", arrays, held_out


def test_by_default_they_are_held_out_images_and_with_an_input_no_data_are_read(cyclic, tmp_path):
    folder, arrays, held_out = cyclic
    gan, manifest = loading.load_trained(folder)
    made = sampling.of_gan(gan, manifest, 4, seed=0)
    np.testing.assert_array_equal(made.given["a"], data.decoded(held_out.fields["a"][:4]))
    path = saved(tmp_path / "x.npy", held_out.fields["a"][:4])
    fixed = inputs.asked(gan, manifest, sampling.choose(gan), path)
    aside = arrays.rename(arrays.with_suffix(".aside"))
    try:
        found = sampling.of_gan(gan, manifest, 4, seed=0, fixed=fixed).samples
        with pytest.raises(InputError, match="cannot be read"):
            sampling.of_gan(gan, manifest, 4, seed=0)
    finally:
        aside.rename(arrays)
    np.testing.assert_array_equal(found, made.samples)


def test_the_program_maps_an_image_or_says_in_one_line_why_not(cyclic, tmp_path):
    path, out = saved(tmp_path / "x.png", ONE), tmp_path / "o.npy"
    args = (f"--workdir={cyclic[0]}", f"--out={out}", f"--input={path}")
    for word, says in (
        ("--sampler=c", "there are: a_to_b, b_to_a, a_to_b_to_a"),
        (
            "--sweep=label",
            "--sweep: takes the place of --label, --code, --caption, --input; leave those out",
        ),
    ):
        assert says in run("sample.py", *args, word).error(2) and not out.exists()
    ended = run("sample.py", *args, "--sampler=b_to_a", "--num=2")
    assert ended.code == 0, ended.err
    samples = np.load(out)
    assert samples.shape == (2, 8, 8, 1) and (samples[0] == samples[1]).all()
