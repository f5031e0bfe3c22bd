"""Networks' tables: the totals that the documents print, and the weights' names."""

import pytest
import tensorflow as tf
from processes import run
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader

from ganflow import engine, models
from ganflow.interface import gans, tables
from ganflow.interface.fields import Fields
from ganflow.programs import describe
from tests import cases

IMAGE, POINT = (28, 28, 1), (2,)


def table_of(model, x_shape):
    module = models.load(model)
    fields = Fields({"x": x_shape, "label": ()}, {"label": 10})
    gan = gans.build(module, module.Config(), fields, seed=0)
    return gan, tables.table(gan, fields)


@pytest.mark.parametrize(
    ("model", "x_shape", "totals", "not_trainable"),
    [
        ("simple", IMAGE, ["1,526,288", "201,217"], ["0", "0"]),
        ("simple_keras", IMAGE, ["1,526,288", "201,217"], ["0", "0"]),
        ("circle", POINT, ["690", "641"], ["0", "0"]),
        ("dcgan_upsampling", IMAGE, ["21,162,496", "14,209"], ["0", "0"]),
        ("dense_logits", IMAGE, ["130,576", "117,121"], ["0", "0"]),
        ("dense_batch_norm", IMAGE, ["89,684", "616,225"], ["200", "0"]),
        # Document 001 gives no D; this one is ours: 1,664 + 204,928 + 512 + 7 x 7 x 128 + 1.
        ("deconv", IMAGE, ["2,192,385", "213,377"], ["25,856", "256"]),
        ("deconv", (56, 56, 1), ["2,192,385", "232,193"], ["25,856", "256"]),
    ],
)
def test_totals_are_those_of_the_documents(model, x_shape, totals, not_trainable):
    _, text = table_of(model, x_shape)
    found = [line for line in text.splitlines() if line.startswith("Total")]
    assert found == [f"Total parameters: {total}" for total in totals]
    rests = [line.split()[-1] for line in text.splitlines() if line.startswith("Trainable")]
    assert rests == not_trainable


def test_document_001_as_printed_gives_images_of_56_by_56():
    _, text = table_of("deconv", (56, 56, 1))
    rows = [line.split()[:5] for line in text.splitlines() if line.startswith("deconv ")]
    sides = [row[2].rstrip(",") for row in rows]
    assert sides == ["14", "28", "56"]


def test_the_simple_gans_weights_have_the_documents_names():
    _, text = table_of("simple", IMAGE)
    assert (
        "Weights: w_0000 [256, 256], b_0000 [256], w_0001 [256, 512], b_0001 [512], "
        "w_0002 [512, 1024], b_0002 [1024], w_0003 [1024, 784], b_0003 [784]"
    ) in text
    assert "Weights: w_0000 [784, 256], b_0000 [256], w_0001 [256, 1], b_0001 [1]" in text


def test_the_convolutional_gans_layers_have_the_documents_shapes():
    _, text = table_of("dcgan_upsampling", IMAGE)
    rows = cells(text)
    assert ["linear", "[n, 3200]", "822,400", "g_in_w, g_in_b"] in rows
    assert ["conv", "[n, 40, 40, 16]", "12,816", "g_2_w, g_2_b"] in rows
    assert ["flatten", "[n, 25600]", "0"] in rows
    assert ["linear", "[n, 784]", "20,071,184", "g_out_w, g_out_b"] in rows
    assert ["max_pool", "[n, 14, 14, 64]", "0"] in rows


def cells(text):
    """The cells of every line: two blanks part them."""
    rows = [line.split("  ") for line in text.splitlines()]
    return [[cell.strip() for cell in row if cell.strip()] for row in rows]


@pytest.mark.parametrize(
    ("model", "total"), [("simple", "1,727,505"), ("dcgan_upsampling", "21,176,705")]
)
def test_all_networks_as_one_have_document_004_s_total(model, total):
    gan, text = table_of(model, IMAGE)
    combined = text.partition("combined:")[2]
    assert f"Combined parameters: {total}" in combined
    for name, weights in (("d", gan.d), ("g", gan.g)):
        (line,) = (
            x for x in combined.splitlines() if x.startswith(f"Moved by the optimizer {name}")
        )
        assert f"): {tables.parameters(weights):,} (" in line
    assert "Not trainable: 0; frozen, in no optimizer's list: 0" in combined


def test_what_no_optimizer_moves_is_frozen_and_what_no_sampler_runs_is_listed():
    fields = cases.dataset_of("staged").about()
    gan = cases.build("staged")
    whole = tables.table(gan, fields)
    gan.networks = gan.networks | {"extra": {"w_0": tf.Variable(tf.zeros([3, 5]), name="w_0")}}
    text = tables.table(gan, fields)
    assert ["weight", "[3, 5]", "15", "w_0"] in cells(text)

    def frozen(text):
        return int(text.rpartition("optimizer's list: ")[2].replace(",", ""))

    assert frozen(text) == frozen(whole) + 15


@pytest.mark.parametrize("name", [*models.names(), *cases.PROVING])
def test_every_weight_is_in_one_row_and_rows_add_up_to_the_total(name):
    fields, gan = cases.dataset_of(name).about(), cases.build(name)
    parts = tables.table(gan, fields).split("\n\n")[:-1]
    assert [part.partition(":")[0] for part in parts] == list(gan.networks)
    for part, weights in zip(parts, gan.networks.values(), strict=True):
        lines = part.split("\n")
        rows = cells("\n".join(line for line in lines[3:] if ": " not in line))
        total = int(part.split("Total parameters: ")[1].split("\n")[0].replace(",", ""))
        assert sum(int(row[2].replace(",", "")) for row in rows) == total
        assert total == tables.parameters(weights)
        named = [weight for row in rows if len(row) > 3 for weight in row[3].split(", ")]
        assert sorted(named) == sorted(weights)


def test_the_shapes_of_mnists_data_sets_are_known_without_their_files():
    options = engine.Options(enlarge=2)
    whole, halves = (describe._fields(name, options) for name in ("mnist_55000", "mnist_edges"))
    assert whole == Fields({"x": (56, 56, 1), "label": ()}, {"label": 10})
    both = {"a": (56, 56, 1), "b": (56, 56, 1), "a_label": (), "b_label": ()}
    assert halves == Fields(both, {"a_label": 10, "b_label": 10})


def test_the_wiring_goes_where_tensorboard_looks(tmp_path):
    args = ("--model=circle", "--g_hidden=4", "--d_hidden=4", f"--logdir={tmp_path}")
    ended = run("describe.py", *args)
    assert ended.code == 0, ended.err
    (path,) = (tmp_path / "wiring").iterdir()
    (value,) = (v for e in EventFileLoader(str(path)).Load() for v in e.summary.value)
    assert value.tag == "Pictures/wiring" and "moves" in value.metadata.summary_description
    picture = tf.io.decode_png(value.tensor.string_val[2])
    assert [int(size) for size in value.tensor.string_val[:2]] == list(picture.shape[1::-1])
    assert "no such folder" in run("describe.py", "--logdir=/nowhere").error(2)
