"""TensorBoard's settings, layout, descriptions and card, read back from the events."""

import dataclasses
import re

import numpy as np
import pytest
import tensorflow as tf
from tensorboard.backend.event_processing.data_provider import MultiplexerDataProvider
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from tensorboard.backend.event_processing.plugin_event_multiplexer import EventMultiplexer
from tensorboard.context import RequestContext
from tensorboard.plugins.base_plugin import TBContext
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import (
    api_pb2,
    backend_context,
    get_experiment,
    list_session_groups,
    plugin_data_pb2,
)

from ganflow import engine, models
from ganflow.base.config import option
from ganflow.storage import workdir
from ganflow.summaries import descriptions, events, recorder, tensorboard, writer
from ganflow.summaries.events import Events
from ganflow.summaries.trial import Trial
from tests.cases import dataset_of, module_of, small_config


@dataclasses.dataclass(frozen=True)
class Config:
    dataset: str = option("circle", "")
    g_hidden: tuple[int, ...] = option((32, 16), "")
    rate: float = option(1e-3, "")
    steps: int = option(10, "")
    batch_norm: bool = option(True, "")


DOC = "A heading.\n\n    a formula\n\nMore.\n"
ROWS = [("model", "circle"), ("a|b", "1|2")]


def values_of(folder):
    """The first value of each tag of a folder's only events' file."""
    (path,) = folder.glob("*tfevents*")
    values = {}
    for event in EventFileLoader(str(path)).Load():
        for value in event.summary.value:
            values.setdefault(value.tag, value)
    return values


def written(folder, doc=DOC):
    """The events of a run's start, by tag."""
    written = Events(folder)
    tensorboard.write_start(written, doc, ROWS)
    written.close()
    return values_of(folder)


def test_hparams_are_plain_and_say_nothing_of_this_machine():
    options = engine.Options(workdir="/somewhere", data_dir="/data", seed=2**63 - 1)
    values = tensorboard.hparams("circle", Config(), options)
    assert values["g_hidden"] == "32,16" and values["rate"] == 1e-3 and values["steps"] == 10
    assert values["batch_norm"] is True
    assert values["seed"] == "9223372036854775807"  # a double would end in 808
    assert not {"workdir", "data_dir"} & values.keys()
    fields = {f.name for c in (Config, engine.Options) for f in dataclasses.fields(c)}
    assert values.keys() == fields - {"workdir", "data_dir"} | {"model"}
    assert values["model"] == "circle"
    assert {type(v) for v in values.values()} <= {bool, int, float, str}


@pytest.mark.parametrize("value, plain", [(np.float32(0.5), 0.5), ((), ""), (2**53, 2**53)])
def test_a_value_becomes_one_of_four_types(value, plain):
    settings = dataclasses.replace(Config(), steps=value)
    found = tensorboard.hparams("circle", settings, engine.Options())["steps"]
    assert found == plain and type(found) is type(plain)


@pytest.mark.parametrize("name", models.names())
def test_every_model_s_settings_are_taken(name, tmp_path):
    module = models.load(name)
    settings = tensorboard.hparams(name, module.Config(), engine.Options())
    Trial(tmp_path, settings).start([])
    card = tensorboard.card(module.__doc__, list(settings.items())[:1])
    assert card.startswith(f"# {module.__doc__.splitlines()[0]}\n\n    ")


def test_the_start_of_a_run_is_in_its_events(tmp_path):
    assert written(tmp_path).keys() == {"custom_scalars__config__", "card"}


# ---------------------------------------------------------------- a row of HParams


def session(folder, kind):
    """What HParams reads of a trial: "start" or "end"."""
    content = values_of(folder)[f"_hparams_/session_{kind}_info"].metadata.plugin_data.content
    found = plugin_data_pb2.HParamsPluginData.FromString(content)
    return getattr(found, f"session_{kind}_info")


def test_a_trial_is_running_until_it_has_reached_its_end(tmp_path):
    settings = tensorboard.hparams("circle", Config(), engine.Options())
    trial = Trial(tmp_path, settings)
    trial.start([])
    started = session(tmp_path / "trial", "start")
    assert started.group_name == str(tmp_path)
    assert started.hparams["model"].string_value == "circle"
    assert started.hparams["rate"].number_value == 1e-3
    assert started.hparams["g_hidden"].string_value == "32,16"
    assert started.hparams["batch_norm"].bool_value is True
    assert session(tmp_path / "trial", "end").status == api_pb2.STATUS_RUNNING
    rows = [{"step": 10, "d_loss": 2.0, "eval/recall": 0.5}, {"step": 20, "d_loss": 1.0}]
    for row in rows:
        trial.add(row)
    trial.close(rows, reached_end=False)
    assert session(tmp_path / "trial", "end").status == api_pb2.STATUS_UNKNOWN
    again = Trial(tmp_path, settings)
    again.start(rows)
    again.close(rows, reached_end=True)
    assert session(tmp_path / "trial", "end").status == api_pb2.STATUS_SUCCESS
    values = values_of(tmp_path / "trial")
    assert tf.make_ndarray(values["trial/d_loss"].tensor) == 2.0
    assert values.keys() >= {"trial/d_loss", "trial/recall"} and len(values) == 4


# ---------------------------------------------------------------- whole runs


def hparams_tab(logdir):
    """What TensorBoard's HParams plugin makes of a log folder: (experiment, its trials)."""
    multiplexer = EventMultiplexer()
    multiplexer.AddRunsFromDirectory(str(logdir))
    multiplexer.Reload()
    provider = MultiplexerDataProvider(multiplexer, str(logdir))
    shown = backend_context.Context(TBContext(data_provider=provider, logdir=str(logdir)))
    args = RequestContext(), shown, ""
    statuses = [api_pb2.STATUS_UNKNOWN, api_pb2.STATUS_SUCCESS, api_pb2.STATUS_RUNNING]
    asked = {"allowed_statuses": statuses, "slice_size": 9, "include_metrics": True}
    request = api_pb2.ListSessionGroupsRequest(**asked)
    trials = list_session_groups.Handler(*args, request).run().session_groups
    request = api_pb2.GetExperimentRequest(include_metrics=True)
    return get_experiment.Handler(*args, request).run(), trials


@pytest.mark.slow
def test_hparams_has_a_named_row_a_run_with_few_metrics(tmp_path, points, images):
    for model, dataset, folder in (
        ("circle", points, tmp_path / "a"),
        ("dense_logits", images, tmp_path / "b"),
    ):
        config = small_config(model, steps=4, summary_every=2)
        options = engine.Options(workdir=str(folder), jit="off")
        run = engine.Run(models.load(model), config, options, dataset)
        assert run.train(4)
    for folder, tag in ((tmp_path / "b", "frechet_distance"), (tmp_path / "a", "modes_captured")):
        judged = Events(folder / "trial" / "eval")  # where `evaluate.py` writes
        judged.write(4, events.scalars({f"trial/{tag}": 0.25}))
        judged.close()
    experiment, trials = hparams_tab(tmp_path)
    metrics = {(metric.name.group, metric.name.tag) for metric in experiment.metric_infos}
    always = {"d_loss", "g_loss", "energy_distance_ratio", "steps_per_second"}
    assert metrics == {("", f"trial/{name}") for name in always} | {
        ("eval", "trial/frechet_distance"),
        ("eval", "trial/modes_captured"),
    }
    hparams = {info.name: info for info in experiment.hparam_infos}
    assert {"model", "dataset", "d_learning_rate", "g_hidden", "real_label"} <= hparams.keys()
    assert hparams["model"].differs and not hparams["seed"].differs
    found = {trial.name: trial for trial in trials}
    assert found.keys() == {str(tmp_path / "a"), str(tmp_path / "b")}
    of_b = found[str(tmp_path / "b")]
    assert of_b.hparams["model"].string_value == "dense_logits"
    assert [session.status for session in of_b.sessions] == [api_pb2.STATUS_SUCCESS]
    values = {metric.name.tag: metric.value for metric in of_b.metric_values}
    row = workdir.Metrics(tmp_path / "b").rows()[-1]
    assert values["trial/d_loss"] == pytest.approx(row["d_loss"], rel=1e-6)
    assert values["trial/frechet_distance"] == 0.25


# ---------------------------------------------------------------- what a tag means


@pytest.mark.parametrize(
    "model",
    ["circle", *(pytest.param(name, marks=pytest.mark.slow) for name in ("wgan_gp", "cyclic"))],
)
def test_every_tag_of_a_run_says_what_it_means(model, tmp_path, monkeypatch):
    monkeypatch.setattr(recorder.Recorder, "_judge", FakeJudge())
    config = small_config(model, steps=2, summary_every=1)
    dataset = dataset_of(model)
    every = 0 if dataset.x is None else 1  # nothing judges two domains
    options = engine.Options(workdir=str(tmp_path), jit="off", ema=0.9, evaluate_every=every)
    run = engine.Run(module_of(model), config, options, dataset)
    assert run.train(2)
    values = values_of(tmp_path / "train") | values_of(tmp_path / "trial")
    told = {tag: v.metadata.summary_description for tag, v in values.items() if tag[0] != "_"}
    told.pop("custom_scalars__config__")
    kinds = {values[tag].metadata.plugin_data.plugin_name for tag in told}
    assert kinds == {"scalars", "images", "histograms", "text"} and len(told) > 40
    assert [tag for tag, text in told.items() if not text] == []
    # What this model's updates return has words of its own, or is no figure of ours.
    others = {tag for tag, text in told.items() if text == descriptions.of_tag("train/unheard_of")}
    assert others == set()


def test_a_description_is_written_once_and_one_that_is_missing_is_seen(tmp_path):
    written = Events(tmp_path)
    for step in (0, 1):
        written.write(step, events.scalars({"Loss/d_loss": 1.0, "nothing/of_ours": 1.0}))
    written.close()
    (path,) = tmp_path.iterdir()
    told = [
        (value.tag, bool(value.metadata.summary_description))
        for event in EventFileLoader(str(path)).Load()
        for value in event.summary.value
    ]
    assert told[:2] == [("Loss/d_loss", True), ("nothing/of_ours", False)]
    assert not any(described for _, described in told[2:])
    assert descriptions.of_tag("b_to_a/d_ranking") == descriptions.of_tag("train/d_ranking") != ""


class FakeJudge:
    """Gives figures of all names that judges have."""

    num = 10

    def figures(self, samples, labels):
        both = ("frechet_distance", "kid", "kid_std", "precision", "recall", "density", "coverage")
        more = ("nearest_neighbour_ratio", "class_entropy", "class_3", "conditional_accuracy")
        points = ("sliced_wasserstein", "modes_captured", "high_quality_3std", "mode_share_0")
        return dict.fromkeys((*both, *more, *points), 1.0)


def test_losses_and_pictures_are_the_groups_that_open_first():
    figures = ("d_loss", "d_real", "d_accuracy_real", "g_step_gradient_norm", "epoch")
    tags = [writer.tensorboard_tag(name) for name in figures]
    tags += [writer.tensorboard_tag("weight/g/w/norm"), writer.tensorboard_tag("b_to_a/d_ranking")]
    tags += [writer.picture_tag("samples"), "card", "trial/d_loss", "eval/recall"]
    groups = sorted({tag.partition("/")[0] for tag in tags})  # by the letters' codes
    assert groups[:2] == ["Loss", "Pictures"] and groups[-1] == "weight"


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
        beside("Loss/d_loss_of_something_else")


def test_the_card_says_what_the_model_is_and_what_healthy_looks_like(tmp_path):
    values = written(tmp_path)
    text = tf.make_ndarray(values["card"].tensor).item().decode()
    assert text == tensorboard.card(DOC, ROWS)
    table = "| this run |  |\n| --- | --- |\n| model | circle |\n| a|b | 1\\|2 |\n\n## What healthy"
    assert text.startswith(f"# A heading.\n\n    a formula\n\n## This run\n\n{table}")
    assert "More." not in text
    for word in ("healthy", "log 2 = .693", "1.386", "Mode collapse", "arrows", "strip"):
        assert word in text, word
    assert f"`{tensorboard.TENSORBOARD_FLAG}`" in text and "{" not in text
    assert 2 * np.log(2) == pytest.approx(1.386, abs=5e-4)
    # TensorBoard keeps the breaks of a paragraph's lines, so a paragraph is one line.
    for block in text.split("\n\n"):
        assert "\n" not in block.strip() or block.lstrip().startswith(("- ", "| ")), block


def test_a_docstring_of_one_line_is_enough():
    card = tensorboard.card("Only a heading.", [])
    assert card.startswith("# Only a heading.\n\n\n\n## This run")


def test_the_card_has_the_run_s_own_settings(tmp_path, images):
    config = small_config("dense_logits", steps=7)
    options = engine.Options(workdir=str(tmp_path), jit="off")
    run = engine.Run(models.load("dense_logits"), config, options, images)
    rows = dict(tensorboard.about(run))
    assert rows["model"] == "dense_logits" and rows["dataset"] == config.dataset
    assert rows["examples"] == "50 x of 28 x 28 x 1, 50 label"
    # z 4, hidden 8 and 6, 784 pixels: weights and biases
    assert rows["parameters of generator"] == f"{4 * 8 + 8 + 8 * 6 + 6 + 6 * 784 + 784:,}"
    assert rows["parameters of discriminator"] == f"{784 * 8 + 8 + 8 * 6 + 6 + 6 + 1:,}"
    assert rows["d_learning_rate"] == str(config.d_learning_rate)
    assert (rows["steps"], rows["batch_size"], rows["jit"]) == ("7", "8", "off")
