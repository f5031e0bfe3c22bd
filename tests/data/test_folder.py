"""A folder of pictures: classes, domains, splits; what is converted, and what is refused."""

import io
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from ganflow import data
from ganflow.base.errors import InputError
from ganflow.data.readers import folder, picture

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 256, (6, 4, 5), dtype=np.uint8)
RGB = RNG.integers(0, 256, (6, 4, 5, 3), dtype=np.uint8)


def save(path, array, **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path, **how)
    return path


def load(root, **how):
    return data.load("folder", str(root), **how)


def whole(root, image_size=0, channels=0):
    """Everything, before any is held out."""
    return folder.load(str(root), "train", image_size, channels)


def error_of(call, *args, **how):
    with pytest.raises(InputError) as caught:
        call(*args, **how)
    assert str(caught.value).isprintable()
    return str(caught.value)


# ---------------------------------------------------------------- what the sub-folders mean


def test_pictures_come_in_the_order_of_their_names_and_hidden_files_do_not_count(tmp_path):
    for name, image in zip(["b.png", "B.PNG", "a.png", "10.png", "9.png"], GREY, strict=False):
        save(tmp_path / name, image, format="PNG")
    (tmp_path / ".DS_Store").write_bytes(b"not a picture")
    (tmp_path / ".thumbnails").mkdir()
    fields = whole(tmp_path)
    assert list(fields) == ["x"] and fields["x"].dtype == np.uint8
    np.testing.assert_array_equal(fields["x"][..., 0], GREY[[3, 4, 1, 2, 0]])


def test_jpeg_is_read_too(tmp_path):
    for ending in (".jpg", ".jpeg", ".JPG"):
        save(tmp_path / f"x{ending}", RGB[0], format="JPEG", quality=95, subsampling=0)
    x = whole(tmp_path)["x"]
    assert x.shape == (3, 4, 5, 3) and (x[0] == x[1]).all()
    expected = np.asarray(Image.open(tmp_path / "x.jpg"))
    np.testing.assert_array_equal(x[0], expected)


def test_sub_folders_are_classes(tmp_path):
    for i, name in enumerate(["zebra/1", "ant/2", "ant/1", "bee/7"]):
        save(tmp_path / f"{name}.png", GREY[i])
    fields = whole(tmp_path)
    np.testing.assert_array_equal(fields["x"][..., 0], GREY[[2, 1, 3, 0]])
    assert fields["label"].tolist() == [0, 0, 1, 2] and fields["label"].dtype == np.int32


def test_a_and_b_are_domains_each_of_its_own_kind(tmp_path):
    for i in range(6):
        save(tmp_path / "a" / f"{i}.png", GREY[i])
    for i in range(5):
        save(tmp_path / "b" / ("odd" if i % 2 else "even") / f"{i}.png", RGB[i, :, :3])
    dataset = data.Dataset("folder", whole(tmp_path))
    assert dataset.sizes == {"a": 6, "b": 5}
    assert dataset.about().shapes == {"a": (4, 5, 1), "b": (4, 3, 3), "b_label": ()}
    assert dataset.fields["b_label"].tolist() == [0, 0, 0, 1, 1]
    np.testing.assert_array_equal(dataset.fields["b"][3:], RGB[[1, 3], :, :3])


def test_a_and_b_beside_others_are_classes(tmp_path):
    for i, name in enumerate("abc"):
        save(tmp_path / name / "1.png", GREY[i])
    assert whole(tmp_path)["label"].tolist() == [0, 1, 2]


def test_train_and_test_are_the_splits(tmp_path):
    for i in range(4):
        save(tmp_path / "train" / "ab"[i % 2] / f"{i}.png", GREY[i])
    for i in (4, 5):
        save(tmp_path / "test" / "ab"[i % 2] / f"{i}.png", GREY[i])
    train, held_out = data.load_both("folder", str(tmp_path))
    assert train.sizes == {"a": 2, "b": 2} and held_out.sizes == {"a": 1, "b": 1}
    np.testing.assert_array_equal(held_out.fields["b"][0, ..., 0], GREY[5])
    assert held_out.part == "its test split"


def test_the_labels_of_the_test_split_are_those_of_training(tmp_path):
    for name in ("train/ant/1", "train/bee/1", "train/cow/1", "test/cow/2", "test/bee/3"):
        save(tmp_path / f"{name}.png", GREY[0])
    assert load(tmp_path).label.tolist() == [0, 1, 2]
    assert load(tmp_path, split="test").label.tolist() == [1, 2]


def test_without_a_test_split_one_in_five_is_held_out(tmp_path):
    for i in range(20):
        image = RNG.integers(0, 256, (2, 2), dtype=np.uint8)
        save(tmp_path / "train" / f"class {i // 10}" / f"{i}.png", image)
    train, held_out = data.load_both("folder", str(tmp_path))
    assert np.bincount(train.label).tolist() == [8, 8]
    assert np.bincount(held_out.label).tolist() == [2, 2] and "one in five" in held_out.part


# ---------------------------------------------------------------- sizes, channels, orientation


def test_pictures_are_cropped_to_their_middle_and_resized(tmp_path):
    wide = np.zeros((20, 41, 3), np.uint8)
    wide[:, 10:30] = (200, 100, 50)  # the square in the middle
    save(tmp_path / "1.png", wide)
    save(tmp_path / "2.png", np.swapaxes(wide, 0, 1))
    x = whole(tmp_path, image_size=8)["x"]
    assert x.shape == (2, 8, 8, 3)
    assert (x == np.array([200, 100, 50])).all()
    exact = whole(tmp_path, image_size=20)["x"]  # cropped, and not resampled
    np.testing.assert_array_equal(exact[0], wide[:, 10:30])
    assert whole(tmp_path, image_size=30)["x"].shape == (2, 30, 30, 3)


def test_pictures_of_two_sizes_need_an_image_size(tmp_path):
    save(tmp_path / "1.png", GREY[0])
    last = save(tmp_path / "2.png", GREY[1, :, :4])
    message = error_of(load, tmp_path)
    assert f"{last}: found 4 x 4 x 1, expected 4 x 5 x 1 as {tmp_path / '1.png'} has" in message
    assert message.endswith("--image_size=N crops and resizes them")
    assert whole(tmp_path, image_size=4)["x"].shape == (2, 4, 4, 1)


def test_grey_beside_rgb_needs_channels(tmp_path):
    save(tmp_path / "1.png", GREY[0])
    last = save(tmp_path / "2.png", RGB[1])
    message = error_of(load, tmp_path)
    assert f"{last}: found 4 x 5 x 3, expected 4 x 5 x 1" in message
    assert message.endswith("--channels=1 or --channels=3 converts them")
    colour, grey = whole(tmp_path, channels=3)["x"], whole(tmp_path, channels=1)["x"]
    np.testing.assert_array_equal(colour[0], GREY[0][..., np.newaxis].repeat(3, axis=2))
    np.testing.assert_array_equal(colour[1], RGB[1])
    np.testing.assert_array_equal(grey[0, ..., 0], GREY[0])
    luma = RGB[1] @ np.array([0.299, 0.587, 0.114])
    np.testing.assert_allclose(grey[1, ..., 0], luma, atol=0.6)


def alpha(mode):
    """Half transparent, opaque, quite transparent: on black 100, 200 and 0."""
    image = np.array([[(200, 200, 200, 128), (200, 200, 200, 255), (90, 90, 90, 0)]], np.uint8)
    return Image.fromarray(image).convert(mode)


def palette():
    image = Image.new("P", (3, 1))
    image.putpalette([0, 0, 0, 250, 0, 0, 0, 0, 250])
    image.putdata([1, 2, 1])
    return image


def deep_rgb():
    """A PNG file of 16 bits a channel, which Pillow does not write."""

    def chunk(kind, content):
        check = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", check)

    row = b"\0" + struct.pack(">9H", *[256 * v + 7 for v in (1, 2, 3, 40, 50, 60, 255, 0, 9)])
    head = struct.pack(">2I5B", 3, 1, 16, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [chunk(b"IHDR", head), chunk(b"IDAT", zlib.compress(row)), chunk(b"IEND", b"")]
    )


def png(image, **how):
    stream = io.BytesIO()
    image.save(stream, "PNG", **how)
    return stream.getvalue()


def cmyk():
    stream = io.BytesIO()
    Image.new("CMYK", (8, 8), (255, 0, 0, 0)).save(stream, "JPEG", quality=100)
    return stream.getvalue()


# The file, how it is told, and the first pixels that --channels=3 makes of it.
CONVERTED = {
    "rgb and alpha": (png(alpha("RGBA")), "RGB and alpha, 4 channels", [100, 200, 0]),
    "grey and alpha": (png(alpha("LA")), "grey and alpha", [100, 200, 0]),
    "palette": (png(palette()), "a palette", [(250, 0, 0), (0, 0, 250), (250, 0, 0)]),
    "palette, one transparent": (
        png(palette(), transparency=1),
        "a palette with transparency",
        [(0, 0, 0), (0, 0, 250), (0, 0, 0)],
    ),
    "a transparent grey": (
        png(Image.fromarray(np.array([[9, 70, 9]], np.uint8)), transparency=9),
        "L with transparency",
        [0, 70, 0],
    ),
    "1 bit": (
        png(Image.fromarray(np.array([[True, False, True]]))),
        "black and white of 1 bit",
        [255, 0, 255],
    ),
    "grey of 16 bits": (
        png(Image.fromarray(np.array([[0, 256 * 77 + 255, 65535]], np.uint16))),
        "grey of 16 bits a channel",
        [0, 77, 255],
    ),
    "rgb of 16 bits": (
        deep_rgb(),
        "RGB of 16 bits a channel",
        [(1, 2, 3), (40, 50, 60), (255, 0, 9)],
    ),
    "cmyk": (cmyk(), "CMYK, 4 channels", [(0, 255, 255)] * 3),
}


@pytest.mark.parametrize("case", CONVERTED)
def test_what_is_not_grey_or_rgb_of_8_bits_is_converted_where_it_is_asked_for(case, tmp_path):
    content, found, pixels = CONVERTED[case]
    path = tmp_path / "x.png"
    path.write_bytes(content)
    message = error_of(load, tmp_path)
    assert message == (
        f"{path}: found {found}, expected grey or RGB of 8 bits; "
        "--channels=1 or --channels=3 converts it"
    )
    colour = whole(tmp_path, channels=3)["x"]
    expected = np.array([np.broadcast_to(pixel, 3) for pixel in pixels])
    assert colour.dtype == np.uint8 and colour.shape[3] == 3
    np.testing.assert_allclose(colour[0, 0, :3], expected, atol=1 if case == "cmyk" else 0)
    grey = whole(tmp_path, channels=1)["x"]
    np.testing.assert_allclose(grey[0, 0, :3, 0], expected @ [0.299, 0.587, 0.114], atol=1)


def test_a_transparent_value_of_16_bits_is_refused_whatever_is_asked_for(tmp_path):
    deep = Image.fromarray(np.array([[0, 700, 65535]], np.uint16))
    (tmp_path / "x.png").write_bytes(png(deep, transparency=700))
    for channels in (0, 1, 3):
        message = error_of(load, tmp_path, channels=channels)
        assert "x.png: found grey of 16 bits a channel with transparency, expected" in message


@pytest.mark.parametrize("ending", ["png", "jpg"])
@pytest.mark.parametrize(
    ("orientation", "turned"),
    [(3, np.s_[::-1, ::-1]), (6, "clockwise"), (8, "counter-clockwise"), (2, np.s_[:, ::-1])],
)
def test_the_orientation_that_a_file_tells_of_is_applied(tmp_path, ending, orientation, turned):
    image = np.zeros((16, 24), np.uint8)
    image[:8, :8], image[8:, 16:] = 250, 120
    exif = Image.Exif()
    exif[0x0112] = orientation
    save(tmp_path / f"x.{ending}", image, exif=exif)
    if isinstance(turned, str):
        expected = np.rot90(image, -1 if turned == "clockwise" else 1)
    else:
        expected = image[turned]
    found = whole(tmp_path)["x"][0, ..., 0].astype(int)
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected, atol=3)


# ---------------------------------------------------------------- what is refused


def make(root, names):
    """Pictures, folders (a name that ends with /), other files."""
    for name, content in names.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        if name.endswith("/"):
            path.mkdir(exist_ok=True)
        else:
            path.write_bytes(content)


FINE = png(Image.fromarray(GREY[0]))
JPEG = io.BytesIO()
Image.fromarray(RGB[0].repeat(8, axis=0).repeat(8, axis=1)).save(JPEG, "JPEG")
ANIMATED = png(Image.fromarray(GREY[0]), save_all=True, append_images=[Image.fromarray(GREY[1])])
REFUSED = {
    "nothing": ({}, "found no pictures, expected files .png, .jpg, .jpeg"),
    "hidden alone": ({".DS_Store": b"x"}, "found no pictures"),
    "a text": ({"1.png": FINE, "notes.txt": b"x"}, "notes.txt: found no picture's ending"),
    "no ending": ({"picture": FINE}, "picture: found no picture's ending"),
    "a gif": ({"x.gif": b"GIF89a"}, "x.gif: found no picture's ending"),
    "a gif called png": ({"x.png": b"GIF89a\1\0\1\0\0\0\0;"}, "x.png: found a damaged picture"),
    "a text called png": ({"1.png": FINE, "2.png": b"text"}, "2.png: found a damaged picture"),
    "an empty file": ({"1.png": FINE, "2.png": b""}, "2.png: found an empty file"),
    "half a png": ({"1.png": FINE, "2.png": FINE[:-30]}, "2.png: found a damaged picture"),
    "half a jpeg": ({"2.jpg": JPEG.getvalue()[:-200]}, "2.jpg: found a damaged picture"),
    "an animation": ({"1.png": ANIMATED}, "1.png: found an animation, expected a single"),
    "pictures and classes": (
        {"0.png": FINE, "cats/1.png": FINE},
        "0.png: found a file beside the sub-folder cats, expected either pictures or sub-folders",
    ),
    "a text and classes": (
        {"labels.csv": b"x", "cats/1.png": FINE},
        "labels.csv: found a file beside",
    ),
    "an empty class": ({"cats/1.png": FINE, "dogs/": b""}, "dogs: found no pictures"),
    "a class in a class": (
        {"cats/1.png": FINE, "cats/small/1.png": FINE},
        "small: found a folder inside a class",
    ),
    "a alone": ({"a/1.png": FINE}, "found the domain a alone, expected both, a and b"),
    "an empty domain": ({"a/1.png": FINE, "b/": b""}, "b: found no pictures"),
    "test alone": ({"test/1.png": FINE}, "found the sub-folder test alone, expected the splits"),
    "a third split": (
        {"train/1.png": FINE, "test/1.png": FINE, "val/1.png": FINE},
        "found the sub-folder train beside val, expected the splits train and test",
    ),
    "train and pictures": (
        {"train/1.png": FINE, "2.png": FINE},
        "found the sub-folder train beside 2.png",
    ),
    "an unknown class": (
        {"train/ant/1.png": FINE, "test/bee/1.png": FINE},
        "found the classes bee in the test split, expected those of the training split: ant",
    ),
    "classes in one split": (
        {"train/1.png": FINE, "test/bee/1.png": FINE},
        "found the classes bee in the test split, expected those of the training split: none",
    ),
    "domains in one split": (
        {"train/a/1.png": FINE, "train/b/1.png": FINE, "test/1.png": FINE},
        "found the domains x in the test split, expected those of the training split, a, b",
    ),
}


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("case", REFUSED)
def test_a_folder_that_does_not_fit_is_one_line(case, tmp_path):
    names, words = REFUSED[case]
    make(tmp_path, names)
    message = error_of(data.load_both, "folder", str(tmp_path))
    assert words in message and message.startswith(str(tmp_path))


def test_no_folder_and_a_file(tmp_path):
    path = save(tmp_path / "x.png", GREY[0])
    assert "x.png: found a file, expected a folder of pictures" in error_of(load, path)
    assert "none: cannot be read (No such file" in error_of(load, tmp_path / "none")
    message = error_of(data.load, "folder")
    assert message == "data set folder: found no --data_dir, expected the folder of pictures"


def test_its_flags_belong_to_it_alone(tmp_path):
    save(tmp_path / "x.png", GREY[0])
    for flag in ({"image_size": 8}, {"channels": 3}):
        message = error_of(data.load_both, "digits", **flag)
        assert "belongs to --dataset=folder, not to digits; leave it out" in message
    assert "--channels=2: expected 1 for grey or 3" in error_of(load, tmp_path, channels=2)


def test_there_are_bounds(tmp_path, monkeypatch):
    for i in range(3):
        save(tmp_path / f"{i}.png", GREY[i])
    monkeypatch.setattr(folder, "MOST_BYTES", 59)
    message = error_of(load, tmp_path)
    assert "found 3 pictures of 4 x 5 x 1, 60 bytes, expected at most 59; --image_size" in message
    monkeypatch.setattr(folder, "MOST_BYTES", 60)
    assert len(whole(tmp_path)["x"]) == 3
    monkeypatch.setattr(picture, "MOST_PIXELS", 19)
    assert "0.png: found 5 x 4 pixels, 20, expected at most 19 pixels" in error_of(load, tmp_path)
    monkeypatch.setattr(folder, "MOST_FILES", 2)
    assert "found 3 pictures, expected at most 2" in error_of(load, tmp_path)


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("side", [9_000, 12_000, 60_000])
def test_a_small_file_cannot_promise_more_pixels_than_there_is_memory_for(tmp_path, side):
    content = bytearray(FINE)
    content[16:24] = struct.pack(">2I", side, side)
    content[29:33] = struct.pack(">I", zlib.crc32(bytes(content[12:29])))
    (tmp_path / "bomb.png").write_bytes(content)
    tracemalloc.start()
    try:
        message = error_of(load, tmp_path)
        assert tracemalloc.get_traced_memory()[1] < 2**22
    finally:
        tracemalloc.stop()
    assert "bomb.png: found " in message and "expected at most 67,108,864 pixels" in message


@settings(max_examples=150, deadline=None)
@given(draw=st.data())
def test_whatever_a_file_holds_it_is_a_picture_or_an_input_error(tmp_path_factory, draw):
    kinds = {"x.png": png(alpha("RGBA")), "x.jpg": JPEG.getvalue(), "y.png": FINE}
    name = draw.draw(st.sampled_from(sorted(kinds)))
    content = bytearray(kinds[name])
    for _ in range(draw.draw(st.integers(1, 4))):
        content[draw.draw(st.integers(0, len(content) - 1))] = draw.draw(st.integers(0, 255))
    path = tmp_path_factory.getbasetemp() / name
    path.write_bytes(content[: draw.draw(st.integers(1, len(content)))])
    for channels in (0, 3):
        try:
            found = picture.read(str(path), channels)
        except InputError as error:
            assert str(error).isprintable() and str(path) in str(error)
        else:
            assert found.dtype == np.uint8 and found.ndim == 3
            assert found.size and found.shape[2] in ((3,) if channels else (1, 3))
