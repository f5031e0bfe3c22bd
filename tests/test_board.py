"""TensorBoard's settings, layout and card, read back from the events."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2

from ganflow import engine, models
from ganflow.base.config import option
from ganflow.summaries import tensorboard, writer
from ganflow.summaries.events import Events


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("circle", "")
    g_hidden: tuple[int, ...] = option((32, 16), "")
    rate: float = option(1e-3, "")
    steps: int = option(10, "")
    batch_norm: bool = option(True, "")


def written(folder, doc="A heading.\n\n    a formula\n\nMore.\n"):
    """The events of a run's start, by tag."""
    written = Events(folder)
    options = engine.Options(workdir="/somewhere", data_dir="/data", seed=2**63 - 1)
    tensorboard.write_start(written, Config(), options, doc)
    written.close()
    (path,) = folder.iterdir()
    events = [e for e in EventFileLoader(str(path)).Load() if e.summary.value]
    assert {event.step for event in events} == {0}
    return {value.tag: value for event in events for value in event.summary.value}


def test_hparams_are_plain_and_say_nothing_of_this_machine():
    options = engine.Options(workdir="/somewhere", data_dir="/data", seed=2**63 - 1)
    values = tensorboard.hparams(Config(), options)
    assert values["g_hidden"] == "32,16" and values["rate"] == 1e-3 and values["steps"] == 10
    assert values["batch_norm"] is True
    assert values["seed"] == "9223372036854775807"  # a double would end in 808
    assert not {"workdir", "data_dir"} & values.keys()
    fields = {f.name for c in (Config, engine.Options) for f in dataclasses.fields(c)}
    assert values.keys() == fields - {"workdir", "data_dir"}
    assert {type(v) for v in values.values()} <= {bool, int, float, str}


@pytest.mark.parametrize("value, plain", [(np.float32(0.5), 0.5), ((), ""), (2**53, 2**53)])
def test_a_value_becomes_one_of_four_types(value, plain):
    settings = dataclasses.replace(Config(), steps=value)
    found = tensorboard.hparams(settings, engine.Options())["steps"]
    assert found == plain and type(found) is type(plain)


@pytest.mark.parametrize("name", models.names())
def test_every_model_s_settings_are_taken(name, tmp_path):
    module = models.load(name)
    written = Events(tmp_path)
    tensorboard.write_start(written, module.Config(), engine.Options(), module.__doc__)
    written.close()
    assert tensorboard.card(module.__doc__).startswith(
        f"# {module.__doc__.splitlines()[0]}\n\n    "
    )


def test_the_start_of_a_run_is_in_its_events(tmp_path):
    values = written(tmp_path)
    assert values.keys() == {"_hparams_/session_start_info", "custom_scalars__config__", "card"}
    content = values["_hparams_/session_start_info"].metadata.plugin_data.content
    session = plugin_data_pb2.HParamsPluginData.FromString(content).session_start_info
    assert session.hparams["rate"].number_value == 1e-3
    assert session.hparams["g_hidden"].string_value == "32,16"
    assert session.hparams["batch_norm"].bool_value is True


def charts(values):
    """{title: [regular expression, ...]} of the layout in some events."""
    raw = tf.make_ndarray(values["custom_scalars__config__"].tensor).item()
    return {
        chart.title: list(chart.multiline.tag)
        for category in layout_pb2.Layout.FromString(raw).category
        for chart in category.chart
    }


def test_the_layout_pairs_what_belongs_together(tmp_path):
    layout = charts(written(tmp_path))

    def beside(tag):
        (title,) = [t for t, tags in layout.items() if any(re.match(x, tag) for x in tags)]
        return title

    scalars = (
        "d_loss",
        "g_loss",
        "d_real",
        "d_fake",
        "d_step_gradient_norm",
        "g_step_gradient_norm",
    )
    tags = {name: writer.tensorboard_tag(name) for name in scalars}  # as the engine names them
    assert beside(tags["d_real"]) == beside(tags["d_fake"])
    assert beside(tags["d_loss"]) == beside(tags["g_loss"])
    assert beside(tags["d_step_gradient_norm"]) == beside(tags["g_step_gradient_norm"])
    sets = ("real", "fake", "held_out")
    accuracy = {beside(writer.tensorboard_tag(f"d_accuracy_{name}")) for name in sets}
    assert len(accuracy) == 1
    titles = [beside(tags[name]) for name in ("d_real", "d_loss", "d_step_gradient_norm")]
    assert len({*titles, *accuracy}) == 4
    weight = "weight/generator/w_0000/"
    kinds = ("norm", "d_step_gradient_norm", "update_ratio", "largest_singular_value", "dead_units")
    assert len({beside(weight + kind) for kind in kinds}) == 5
    with pytest.raises(ValueError):
        beside("loss/d_loss_of_something_else")


def test_the_card_says_what_the_model_is_and_what_healthy_looks_like(tmp_path):
    values = written(tmp_path)
    text = tf.make_ndarray(values["card"].tensor).item().decode()
    assert text == tensorboard.card("A heading.\n\n    a formula\n\nMore.\n")
    assert text.startswith("# A heading.\n\n    a formula\n\n## ") and "More." not in text
    for word in ("healthy", "log 2 = .693", "1.386", "Mode collapse", "arrows", "strip"):
        assert word in text, word
    assert f"`{tensorboard.TENSORBOARD_FLAG}`" in text and "{" not in text
    assert 2 * np.log(2) == pytest.approx(1.386, abs=5e-4)
    # TensorBoard keeps the breaks of a paragraph's lines, so a paragraph is one line.
    for block in tensorboard.card("A heading.").split("\n\n"):
        assert "\n" not in block.strip() or block.lstrip().startswith("- "), block


def test_a_docstring_of_one_line_is_enough():
    assert tensorboard.card("Only a heading.").startswith(
        "# Only a heading.\n\n\n\n## What healthy"
    )
