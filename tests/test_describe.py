"""Networks' tables: the totals that the documents print, and the weights' names."""

import pytest

from ganflow import describe, engine, models

IMAGE, POINT = (28, 28, 1), (2,)


def table_of(model, x_shape, config=None):
    module = models.load(model)
    gan = engine.build(module, config or module.Config(), x_shape, seed=0)
    return gan, describe.table(gan)


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
    rows = [line.split("  ") for line in text.splitlines()]
    rows = [[cell.strip() for cell in row if cell.strip()] for row in rows]
    assert ["linear", "[n, 3200]", "822,400", "g_in_w, g_in_b"] in rows
    assert ["conv", "[n, 40, 40, 16]", "12,816", "g_2_w, g_2_b"] in rows
    assert ["flatten", "[n, 25600]", "0"] in rows
    assert ["linear", "[n, 784]", "20,071,184", "g_out_w, g_out_b"] in rows
    assert ["max_pool", "[n, 14, 14, 64]", "0"] in rows


@pytest.mark.parametrize("points", [False, True], ids=["images", "points"])
@pytest.mark.parametrize("model", models.names())
def test_every_weight_is_in_one_row_and_rows_add_up_to_the_total(model, points):
    module = models.load(model)
    config = models.default_config(module, points)
    try:
        gan, text = table_of(model, POINT if points else IMAGE, config)
    except engine.InputError as error:
        assert "trains on" in str(error)  # says what it does train on
        return
    assert list(gan.networks()) == [
        line.removesuffix(":") for line in text.splitlines() if line.endswith(":")
    ]
    for part, (weights, _) in zip(text.split("\n\n"), gan.networks().values(), strict=True):
        rows = part.split("\n")[4:-4]
        total = int(part.split("Total parameters: ")[1].split("\n")[0].replace(",", ""))
        counts = [int(row.split("]")[1].split()[0].replace(",", "")) for row in rows]
        assert sum(counts) == total == describe.parameters(weights)
        for name in weights:
            named = [row for row in rows if name in row.replace(",", " ").split()]
            assert len(named) == 1, name
