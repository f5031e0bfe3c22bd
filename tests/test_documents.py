"""The models' defaults are the documents' numbers.

One table, from the documents and, where these leave a number out, from their authors' programs and
the libraries of that day. What no document says (summaries, the rest of a made-up recipe) is listed
by name, so that a new setting has to be put into the one or the other.
"""

import dataclasses
import math

import numpy as np
import pytest
import stepping

from ganflow import models
from ganflow.interface import gans
from ganflow.interface.fields import Fields
from ganflow.nn import optimizers
from ganflow.nn.draws import Normal, Uniform

EPOCH = 55_000 // 100  # steps: what TensorFlow 1's reader left for training, in batches of 100

# With s = sqrt(2 / (fan_in + fan_out)): (the largest number / s, the standard deviation / s). The
# uniform ends at sqrt(3) s; the normal is cut off at 2 s, and then has a smaller deviation.
SPREADS = {
    "glorot_uniform": (math.sqrt(3), 1.0),
    "glorot_normal": (2.0, 0.8796),
}


@dataclasses.dataclass(frozen=True)
class Facts:
    """What a document, or its author's program, says of a model.

    Attributes:
      config: its settings.
      ours: settings that no document has.
      z: what it is drawn from.
      parameters: in each network, moving statistics included.
      rules: of the two optimizers, with Adam's epsilon.
      shape: of one example.
      start: what all its matrices start from; None where there is no such one name.
    """

    config: dict
    ours: tuple[str, ...]
    z: Uniform | Normal
    parameters: dict[str, int]
    rules: dict[str, tuple]
    shape: tuple[int, ...] = (28, 28, 1)
    start: str | None = "glorot_uniform"


SGD, ADAM = (optimizers.SGD, None), optimizers.Adam
DENSE_004 = {
    "dataset": "mnist_55000",
    "batch_size": 100,
    "z_size": 256,
    "g_hidden": (256, 512, 1024),
    "d_hidden": (256,),
    "dropout_rate": 0.3,  # TensorFlow 1's .7 is the share that stays
    "d_learning_rate": 0.01,
    "g_learning_rate": 1e-5,
}
LABELS_004 = {"real_label": 0.9, "fake_label": 0.1}

FACTS = {
    "simple": Facts(
        DENSE_004
        | {"slope": 0.2, "steps": 400 * EPOCH, "g_output": "tanh", "d_optimizer": "sgd"}
        | {"real_label": 1.0, "fake_label": 0.0, "g_dropout_rate": 0.0},
        ("summary_every",),
        Uniform([256], -1.0, 1.0),
        {"generator": 1_526_288, "discriminator": 201_217},
        {"d_optimizer": SGD, "g_optimizer": (ADAM, 1e-8)},  # TensorFlow 1's
    ),
    "simple_keras": Facts(
        DENSE_004
        | LABELS_004
        | {"slope": 0.3, "steps": 401 * EPOCH, "g_output": "tanh", "d_optimizer": "sgd"},
        ("summary_every", "random_labels"),
        Uniform([256], -1.0, 1.0),
        {"generator": 1_526_288, "discriminator": 201_217},
        {"d_optimizer": SGD, "g_optimizer": (ADAM, 1e-8)},  # Keras 2.0.9's
    ),
    "dcgan_upsampling": Facts(
        LABELS_004
        | {
            "dataset": "mnist_55000",
            "batch_size": 100,
            "steps": 401 * EPOCH,
            "z_size": 256,
            "g_maps": (128, 64, 32, 16),
            "d_maps": 64,
            "d_learning_rate": 0.01,
            "g_learning_rate": 1e-5,
        },
        ("summary_every",),
        Uniform([256], -1.0, 1.0),
        {"generator": 21_162_496, "discriminator": 14_209},
        {"d_optimizer": SGD, "g_optimizer": (ADAM, 1e-8)},  # Keras 2.0.9's
    ),
    "dense_logits": Facts(
        {
            "dataset": "mnist_55000",
            "batch_size": 100,
            "steps": 100 * EPOCH,
            "z_size": 100,
            "g_hidden": (128, 128),
            "d_hidden": (128, 128),
            "slope": 0.2,
            "real_label": 0.9,
            "d_output": "logit",
            "d_learning_rate": 1e-3,
            "g_learning_rate": 1e-3,
            "beta_1": 0.9,
        },
        ("summary_every",),
        Uniform([100], -1.0, 1.0),
        {"generator": 130_576, "discriminator": 117_121},
        {"d_optimizer": (ADAM, 1e-8), "g_optimizer": (ADAM, 1e-8)},  # TensorFlow 1's
    ),
    "circle": Facts(
        {
            "dataset": "circle",
            "batch_size": 128,
            "steps": 10_000,
            "summary_every": 1_000,
            "z_size": 3,
            "g_hidden": (32, 16),
            "d_hidden": (32, 16),
            "d_learning_rate": 1e-3,
            "g_learning_rate": 1e-3,
            "beta_1": 0.9,
            "real_label": 1.0,
            "fake_label": 0.0,
        },
        (),
        Normal([3]),
        {"generator": 690, "discriminator": 641},
        {"d_optimizer": (ADAM, 1e-7), "g_optimizer": (ADAM, 1e-7)},  # Keras 2.7's
        shape=(2,),
        start=None,  # He-uniform, but for the last one
    ),
    "dense_batch_norm": Facts(
        {
            "dataset": "mnist",
            "steps": 2 * 1_000,
            "block_steps": 1_000,
            "z_size": 100,
            "g_units": 100,
            "d_units": 784,
            "slope": 0.3,
            "d_learning_rate": 1e-4,
            "g_learning_rate": 1e-4,
            "beta_1": 0.9,
        },
        ("batch_size", "summary_every"),
        Normal([100]),
        {"generator": 89_684, "discriminator": 616_225},
        {"d_optimizer": (ADAM, 1e-7), "g_optimizer": (ADAM, 1e-7)},  # TensorFlow.js's
        start="glorot_normal",
    ),
    "deconv": Facts(
        {
            "dataset": "mnist",
            "z_size": 100,
            "g_maps": (256, 256, 128),
            "g_kernel": 3,
            "slope": 0.2,
        },
        ("batch_size", "steps", "summary_every", "d_maps", "d_kernel", "d_learning_rate")
        + ("g_learning_rate", "beta_1"),
        Normal([100]),
        {"generator": 2_192_385},
        {},
        start=None,  # a normal of .02, cut off
    ),
}
of_every_document = pytest.mark.parametrize("name", FACTS)


@pytest.fixture(scope="module")
def built():
    """A function: the model with its defaults, built once."""
    gans_by_name = {}

    def build(name):
        if name not in gans_by_name:
            module, fields = models.load(name), Fields({"x": FACTS[name].shape})
            gans_by_name[name] = gans.build(module, module.Config(), fields, seed=0)
        return gans_by_name[name]

    return build


@of_every_document
def test_defaults_are_the_documents(name):
    config = models.load(name).Config()
    fields = {field.name for field in dataclasses.fields(config)}
    facts = FACTS[name]
    assert {key: getattr(config, key) for key in facts.config} == facts.config
    assert fields == {*facts.config, *facts.ours}  # and nothing has been added unseen


@of_every_document
def test_parameters_are_as_many_as_the_documents(built, name):
    gan = built(name)
    found = {
        network: sum(v.shape.num_elements() for v in weights.values())
        for network, weights in gan.networks.items()
        if network in FACTS[name].parameters
    }
    assert found == FACTS[name].parameters


@of_every_document
def test_z_is_drawn_as_the_documents(built, name):
    gan = built(name)
    (sampler,) = gan.samplers()
    assert dict(sampler.given) == {"z": FACTS[name].z}
    in_training = {n: d for n, d in stepping.inputs(gan).items() if n.startswith("z")}
    twice = ["z_g"] if name == "circle" else []  # document 003: 256 z for G, and 128 for D
    for key, draw in in_training.items():
        assert draw == dataclasses.replace(FACTS[name].z, times=2 if key in twice else 1), key
    assert len(in_training) == (1 if name == "dense_logits" else 2)  # fresh z, but in document 002


@pytest.mark.parametrize("name", [name for name, facts in FACTS.items() if facts.rules])
def test_optimizers_are_those_of_the_documents_libraries(built, name):
    gan = built(name)
    for attribute, (rule, epsilon) in FACTS[name].rules.items():
        optimizer = getattr(gan, attribute)
        assert type(optimizer) is rule, attribute
        assert getattr(optimizer, "epsilon", None) == epsilon, attribute
        if rule is optimizers.Adam:
            assert (optimizer.beta_1, optimizer.beta_2) == (0.9, 0.999)
        rate = FACTS[name].config[attribute.replace("optimizer", "learning_rate")]
        assert optimizer.learning_rate.numpy() == pytest.approx(rate)


@pytest.mark.parametrize("name", [name for name, facts in FACTS.items() if facts.start])
def test_matrices_start_as_the_documents_libraries_start_them(built, name):
    most, spread = SPREADS[FACTS[name].start]
    gan, checked = built(name), 0
    for weights in gan.networks.values():
        for v in weights.values():
            if len(v.shape) > 1 and v.shape.num_elements() > 5_000:
                *field, n_in, n_out = v.shape
                std = math.sqrt(2 / (math.prod(field) * (n_in + n_out)))
                values = v.numpy()
                assert 0.98 * most < np.abs(values).max() / std <= most * (1 + 1e-5), v.name
                assert values.std() / std == pytest.approx(spread, rel=0.02), v.name
                checked += 1
            elif len(v.shape) == 1 and "gamma" not in v.name and "variance" not in v.name:
                assert not v.numpy().any(), v.name
    assert checked >= 3


# ---------------------------------------------------------------- fine print, each by its name


def test_simple_trains_for_400_epochs_of_mnist_without_its_validation_split():
    config = models.load("simple").Config()
    assert (config.dataset, config.batch_size, config.steps) == ("mnist_55000", 100, 220_000)


@pytest.mark.parametrize("name", ["simple_keras", "dcgan_upsampling"])
def test_the_keras_programs_loop_runs_401_epochs(name):
    config = models.load(name).Config()
    assert (config.dataset, config.batch_size, config.steps) == ("mnist_55000", 100, 220_550)


@pytest.mark.parametrize("name", ["simple_keras", "dcgan_upsampling"])
def test_keras_209s_adam_has_epsilon_1e_8(built, name):
    assert built(name).g_optimizer.epsilon == 1e-8


@pytest.mark.parametrize("name", ["circle", "dense_batch_norm"])
def test_keras_27_and_tensorflow_js_have_epsilon_1e_7(built, name):
    assert built(name).g_optimizer.epsilon == built(name).d_optimizer.epsilon == 1e-7


def test_document_000s_matrices_are_glorot_normal_and_not_uniform(built):
    values = built("dense_batch_norm").d["w_0"].numpy()
    std = math.sqrt(2 / (784 + 784))
    # A uniform one ends at 1.73 standard deviations, and has no peak.
    assert np.abs(values).max() > 1.99 * std
    assert (np.abs(values) < std / 2).mean() == pytest.approx(0.4012, abs=0.005)  # .2887 if uniform


def test_document_003s_hidden_matrices_are_he_uniform_and_the_last_glorot_uniform(built):
    for weights in (built("circle").g, built("circle").d):
        for name in ("w_0000", "w_0001", "w_0002"):
            n_in, n_out = weights[name].shape
            limit = math.sqrt(6 / (n_in + n_out if name == "w_0002" else n_in))
            assert 0.85 * limit < np.abs(weights[name].numpy()).max() <= limit, name


def test_document_001s_kernels_are_a_truncated_normal_of_002(built):
    for name, v in built("deconv").g.items():
        if name.endswith("_w") and v.shape.num_elements() > 5_000:
            assert v.numpy().std() == pytest.approx(0.8796 * 0.02, rel=0.02), name
            assert 0.039 < np.abs(v.numpy()).max() <= 0.04 * (1 + 1e-6), name


def test_deconv_says_which_slope_the_documents_program_runs():
    """`leakyReLU(0.2)` is a number where TensorFlow.js wants an object: .3 runs, .2 is meant."""
    module = models.load("deconv")
    deviations = module.__doc__.partition("Deviations:")[2]
    assert "leakyReLU(0.2)" in deviations and ".3" in deviations and "--slope=.3" in deviations
    assert module.Config().slope == 0.2


def test_dense_batch_norm_says_what_the_documents_fit_does():
    """`fit` without options makes batches of 32; an update of ours sees its whole batch."""
    deviations = models.load("dense_batch_norm").__doc__.partition("Deviations:")[2]
    assert "batches of 32" in deviations and "ceil(2 B / 32)" in deviations


@pytest.mark.parametrize(
    ("name", "both"), [("simple_keras", 1_727_505), ("dcgan_upsampling", 21_176_705)]
)
def test_both_networks_together_are_the_documents_combined_gan(built, name, both):
    assert sum(v.shape.num_elements() for _, v in gans.named_weights(built(name))) == both


def test_every_model_of_a_document_is_in_the_table():
    missing = [
        name
        for name in models.names()
        if name not in FACTS and " document 00" in models.load(name).__doc__.partition("\n")[0]
    ]
    assert not missing
