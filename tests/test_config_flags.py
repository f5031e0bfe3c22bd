"""Configs become flags, and flags become configs again."""

import dataclasses
import functools

import pytest
from absl import flags as absl_flags

from ganflow import engine, models
from ganflow.base import config
from ganflow.base.errors import InputError
from ganflow.cli import flags

MODELS = models.names()
BOUNDED = [
    (model, field.name, bound)
    for model in MODELS
    for field in dataclasses.fields(models.load(model).Config)
    for bound in ("minimum", "maximum")
    if field.metadata[bound] is not None
]


@pytest.fixture
def parse(monkeypatch):
    """Parse a command line as training does, into flags of its own."""

    def parsed(*argv):
        values = absl_flags.FlagValues()
        absl_flags.DEFINE_string("model", "simple", "the model", flag_values=values)
        absl_flags.DEFINE_boolean("fresh", False, "start anew", flag_values=values)
        with monkeypatch.context() as patch:
            patch.setattr(flags, "FLAGS", values)
            patch.setattr(flags, "define", functools.partial(define, flag_values=values))
            flags.parse_for_model(["train.py", *argv], engine.Options())
            model = flags.read(models.load(values.model).Config())
            return values, model, flags.read(engine.Options())

    define = flags.define
    return parsed


def wrong(parse, *argv):
    with pytest.raises(InputError) as error:
        parse(*argv)
    text = str(error.value)
    assert "\n" not in text
    return text


# ---------------------------------------------------------------- every model's flags


@pytest.mark.parametrize("model", MODELS)
def test_every_field_of_a_config_is_a_flag_with_its_default_and_help(parse, model):
    values, read, options = parse(f"--model={model}")
    assert read == models.load(model).Config()
    assert options == engine.Options()
    for owner in (read, options):
        for field in dataclasses.fields(owner):
            assert field.metadata["help"], field.name
            assert field.metadata["help"] in values[field.name].help
            assert values[field.name].default == getattr(owner, field.name)


OTHER = {float: 0.75, int: 17, str: "digits", tuple: (3, 5, 7), bool: True}


@pytest.mark.parametrize("model", MODELS)
def test_every_flag_can_be_set(parse, model):
    expected = {}
    for field in dataclasses.fields(models.load(model).Config):
        default = getattr(models.load(model).Config(), field.name)
        choices = field.metadata["choices"]
        expected[field.name] = choices[-1] if choices else OTHER[type(default)]
    texts = {
        name: ",".join(map(str, value)) if isinstance(value, tuple) else value
        for name, value in expected.items()
    }
    _, read, _ = parse(f"--model={model}", *[f"--{k}={v}" for k, v in texts.items()])
    assert dataclasses.asdict(read) == expected
    assert all(type(getattr(read, k)) is type(v) for k, v in expected.items())


@pytest.mark.parametrize(("model", "name", "bound"), BOUNDED)
def test_a_value_beyond_its_bound_is_refused_and_the_bound_itself_is_not(parse, model, name, bound):
    field = models.load(model).Config.__dataclass_fields__[name]
    limit = field.metadata[bound]
    beyond = limit + (-1 if bound == "minimum" else 1)
    assert f"--{name}={beyond}" in wrong(parse, f"--model={model}", f"--{name}={beyond}")
    _, read, _ = parse(f"--model={model}", f"--{name}={limit}")
    assert getattr(read, name) == ((limit,) if isinstance(field.default, tuple) else limit)


def test_options_have_bounds_and_choices_too(parse):
    for flag in ("seed=-1", f"seed={2**63}", "keep_checkpoints=0", "steps_per_call=-1"):
        assert f"--{flag}" in wrong(parse, f"--{flag}")
    assert "<auto|on|off>" in wrong(parse, "--jit=maybe")
    assert parse(f"--seed={2**63 - 1}", "--jit=off")[2].seed == 2**63 - 1


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_numbers_that_are_not_finite_are_refused(parse, value):
    assert "--d_learning_rate" in wrong(parse, f"--d_learning_rate={value}")


@pytest.mark.parametrize("value", ["", "8,", "8,x", "8.5", "0", "8,-1"])
def test_bad_tuples_are_refused(parse, value):
    assert f"--g_hidden={value}" in wrong(parse, f"--g_hidden={value}")


def test_a_field_that_is_true_or_false_becomes_a_boolean_flag():
    @dataclasses.dataclass(frozen=True)
    class Toy:
        on: bool = config.option(True, "a switch")

    values = absl_flags.FlagValues()
    flags.define(Toy(), "toy", values)
    values(["prog", "--noon"])
    assert values.on is False


# ---------------------------------------------------------------- the model's name decides


@pytest.mark.parametrize(
    "argv",
    [
        ("--model=circle", "--batch_size=64"),
        ("--batch_size", "64", "--model", "circle"),
        ("--fresh", "--batch_size=64", "--model=circle"),
    ],
    ids=" ".join,
)
def test_the_models_name_is_found_wherever_it_stands(parse, argv):
    _, read, _ = parse(*argv)
    assert isinstance(read, models.load("circle").Config)
    assert read.batch_size == 64


def test_the_models_name_is_found_in_a_flag_file(parse, tmp_path):
    (tmp_path / "a.flags").write_text("# a comment\n--model=circle\n--z_size=5\n")
    _, read, _ = parse(f"--flagfile={tmp_path / 'a.flags'}")
    assert isinstance(read, models.load("circle").Config) and read.z_size == 5


@pytest.mark.parametrize("model", MODELS)
def test_the_model_alone_decides_the_defaults(parse, model):
    _, read, _ = parse(f"--model={model}", "--dataset=circle", "--data_dir=/nowhere")
    assert read == dataclasses.replace(models.load(model).Config(), dataset="circle")


# ---------------------------------------------------------------- mistakes


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (["--batch_sise=5"], "did you mean --batch_size?"),
        (["--g_hiden=5"], "did you mean --g_hidden?"),
        (["--penalty_weight=5"], "not a flag of --model=simple, but of wgan_gp, wgan_gp_points"),
        (["--zzzzzzzz=1"], "there is no such flag; see --helpfull"),
        (["--model=circel"], "did you mean circle?"),
        (["--model=qqq"], "there are: " + ", ".join(MODELS)),
        (["--steps=many"], "--steps=many"),
        (["stray"], "'stray' is not a flag"),
        (["--flagfile=/nonexistent/a.flags"], "/nonexistent/a.flags"),
    ],
    ids=lambda value: value[0] if isinstance(value, list) else None,
)
def test_a_mistake_is_one_line_that_says_what_was_meant(parse, argv, says):
    assert says in wrong(parse, *argv)


def test_no_flag_is_shortened(parse):
    assert "--batch" in wrong(parse, "--batch=5")


# ---------------------------------------------------------------- and back to text


@pytest.mark.parametrize("model", MODELS)
def test_a_written_flag_file_repeats_the_run(parse, tmp_path, model):
    _, changed, options = parse(
        f"--model={model}", "--seed=12345678901234567", "--steps=7", "--g_learning_rate=1e-17",
        "--workdir=runs/with a space", "--jit=off",
    )  # fmt: skip
    (tmp_path / "flags.txt").write_text(flags.as_text(model, changed, options))
    values, read, read_options = parse(f"--flagfile={tmp_path / 'flags.txt'}")
    assert (values.model, read, read_options) == (model, changed, options)


def test_a_switch_is_written_so_that_it_is_read_again():
    @dataclasses.dataclass(frozen=True)
    class Toy:
        on: bool = config.option(True, "a switch")
        sizes: tuple[int, ...] = config.option((1, 2), "sizes")

    assert flags.as_text("m", Toy()).splitlines()[1:] == ["--model=m", "--on", "--sizes=1,2"]
    assert "--noon" in flags.as_text("m", Toy(on=False)).splitlines()
    assert flags.as_text("m", Toy(), leave_out=("on",)).splitlines()[1:] == [
        "--model=m", "--sizes=1,2",
    ]  # fmt: skip


# ---------------------------------------------------------------- configs


@pytest.mark.parametrize("model", MODELS)
def test_configs_cannot_be_changed_by_accident(model):
    with pytest.raises(dataclasses.FrozenInstanceError):
        models.load(model).Config().steps = 5


def test_an_option_keeps_its_bounds_and_help():
    @dataclasses.dataclass(frozen=True)
    class Toy:
        n: int = config.option(3, "how many", minimum=1, maximum=9)

    (field,) = dataclasses.fields(Toy)
    assert field.default == 3
    assert dict(field.metadata) == {
        "help": "how many", "minimum": 1, "maximum": 9, "choices": None,
    }  # fmt: skip


def test_a_flag_file_that_is_no_text_is_one_line(parse, tmp_path):
    (tmp_path / "bytes.flags").write_bytes(b"--steps=1\n\xff\xfe\x00")
    (tmp_path / "zero.flags").write_text("--flagfile=a\0b\n")
    for name in ("bytes.flags", "zero.flags"):
        assert wrong(parse, f"--flagfile={tmp_path / name}").startswith("--flagfile: cannot be")
