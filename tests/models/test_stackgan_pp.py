"""StackGAN++: a tree of branches, two heads a D, wrong images that are real, colours that agree."""

import numpy as np
import pytest
import tensorflow as tf
from convolving import build, images, moved, randomised, softplus, trainable, values_of

from ganflow.base.errors import InputError
from ganflow.interface import gans, tables
from ganflow.interface.fields import Fields
from ganflow.models import stackgan_pp as model
from ganflow.nn import layers, losses, optimizers
from tests import processes

SHAPE, WORDS = (32, 32, 3), 6
FIELDS = Fields({"x": SHAPE, "caption": (3,)}, {"caption": WORDS})
SMALL = {"text_size": 5, "c_size": 4, "z_size": 3, "g_width": 4, "d_width": 1}
CAPTIONS = tf.constant([[1, 2, 0], [3, 4, 5], [1, 5, 0], [2, 0, 0]])
OTHERS = tf.constant([[3, 4, 5], [3, 4, 5], [2, 2, 0], [1, 2, 0]])  # the second is its own


def small(fields=FIELDS, **changes):
    gan = build(model, fields, **SMALL | changes)
    for weights in gan.networks.values():
        randomised(weights)
    return gan


@pytest.fixture
def gan():
    return small()


def batch_of(n=4):
    rng = np.random.default_rng(1)
    given = {"z": rng.standard_normal([n, 3]), "epsilon": rng.standard_normal([n, 4])}
    given = {name: tf.constant(value, tf.float32) for name, value in given.items()}
    real = {"x": images(n, shape=SHAPE), "other_x": images(n, 5, SHAPE)}
    return {**given, **real, "caption": CAPTIONS, "other_caption": OTHERS}


# ---------------------------------------------------------------- sizes and networks


def test_the_networks_have_as_many_parameters_as_the_docstring_says(monkeypatch):
    def blank(rng, shape, name):  # to make millions of numbers orthogonal takes seconds
        return tf.Variable(tf.zeros(shape), name=name)

    monkeypatch.setattr(model, "orthogonal", blank)
    full = build(model, FIELDS)
    g = 1_024 * 512 + 512 + 228 * 4_096 + 2 * 4_096  # c; in, to 4 x 4 x 128 maps and their gates
    g += 9 * 128 * 128 + 2 * 128 + 9 * 64 * 3  # up to 8 x 8 x 64; the first image
    moving = 2 * (4_096 + 128)
    for m in (64, 32):
        g += 9 * (m + 128) * 2 * m + 2 * 2 * m  # joined with c
        g += 2 * (9 * m * 2 * m + 4 * m + 9 * m * m + 2 * m)  # residual blocks
        g += 9 * m * m + 2 * m + 9 * (m // 2) * 3  # up to m / 2 maps; an image
        moving += 2 * (2 * m + 2 * (2 * m + m) + m)
    heads = 9 * 640 * 512 + 2 * 512 + 2 * (16 * 512 + 1)
    downs = [0, 16 * 256 * 512 + 2 * 512, 16 * (128 * 256 + 256 * 512) + 2 * (256 + 512)]
    heads += 1_024 * 128 + 128  # of the text
    ds = [16 * 3 * m + more + heads for m, more in zip((512, 256, 128), downs, strict=True)]
    assert [trainable(w) for w in full.networks.values()] == [6 * 1_024, g, *ds]
    assert tables.parameters(full.g) == g + moving
    for count in (g + moving, moving, *ds):
        assert f"{count:,}" in model.__doc__, count


def test_document_004_swaps_two_numbers_and_the_docstring_says_so():
    assert "1710.10916" in model.__doc__.splitlines()[0]
    assert "Document 004's table swaps" in " ".join(model.__doc__.split())


def test_a_gate_halves_maps_and_the_branches_have_gf_a_half_and_a_quarter(gan):
    ran = tables.layers_that_run(gan, FIELDS)["generator"]
    kinds = [row.kind for row in ran]
    assert "deconv" not in kinds and kinds.count("tanh") == 3
    shapes = [row.output.shape[1:].as_list() for row in ran if row.kind == "glu"]
    assert shapes == [
        [8], [128], [8, 8, 4],  # c's mu and log sigma^2; 4 x 4 x 8; h_0
        [8, 8, 4], [8, 8, 4], [8, 8, 4], [16, 16, 2],  # joined, in two residual blocks, h_1
        [16, 16, 2], [16, 16, 2], [16, 16, 2], [32, 32, 1],
    ]  # fmt: skip
    assert all(2 * row.output.shape[-1] == before.output.shape[-1]
               for before, row in zip(ran, ran[1:], strict=False) if row.kind == "glu")  # fmt: skip


def test_the_branches_images_are_those_of_the_layers_by_hand(gan):
    given = batch_of()
    phi = np.stack([gan.words["vectors"].numpy()[[i for i in row if i]].sum(0) for row in CAPTIONS])
    y = phi @ gan.g["c_w"].numpy() + gan.g["c_b"].numpy()
    y = y[:, :8] / (1 + np.exp(-y[:, 8:]))
    mu, log_variance = y[:, :4], y[:, 4:]
    c = tf.constant(mu + np.exp(log_variance / 2) * given["epsilon"], tf.float32)

    def normed(x, name):
        w, parts = gan.g[f"{name}_w"], [gan.g[f"{name}_{p}"] for p in ("gamma", "beta", "mean")]
        x = x @ w if len(w.shape) == 2 else tf.nn.conv2d(x, w, 1, "SAME")
        scale = parts[0] / tf.sqrt(gan.g[f"{name}_variance"] + 1e-5)
        return (x - parts[2]) * scale + parts[1]

    def gated(x):
        half = x.shape[-1] // 2
        return x[..., :half] * tf.sigmoid(x[..., half:])

    def doubled(x):
        return tf.repeat(tf.repeat(x, 2, 1), 2, 2)

    def image(h, i):
        return tf.tanh(tf.nn.conv2d(h, gan.g[f"image_{i}_w"], 1, "SAME"))

    h = tf.reshape(gated(normed(tf.concat([given["z"], c], 1), "in")), [4, 4, 4, 8])
    h = gated(normed(doubled(h), "up_0"))
    expected = [image(h, 0)]
    for i in (1, 2):
        tiled = tf.ones_like(h[..., :1]) * c[:, None, None]
        h = gated(normed(tf.concat([h, tiled], 3), f"join_{i}"))
        for j in (0, 2):
            h = h + normed(gated(normed(h, f"block_{i}_{j}")), f"block_{i}_{j + 1}")
        h = gated(normed(doubled(h), f"grow_{i}"))
        expected.append(image(h, i))
    samplers = {sampler.name: sampler for sampler in gan.samplers()}
    assert list(samplers) == ["32x32", "16x16", "8x8"]
    for name, x in zip(("8x8", "16x16", "32x32"), expected, strict=True):
        np.testing.assert_allclose(samplers[name].generate(given), x, atol=1e-5)


def test_what_it_cannot_train_on_is_told_in_one_line():
    says = "needs the field caption, and the data set has x; --conditional=false does without"
    with pytest.raises(InputError, match=says):
        build(model, Fields({"x": SHAPE}))
    with pytest.raises(InputError, match="side 32, 64, 128, ..., not on 28x28"):
        build(model, Fields({"x": (28, 28, 1), "caption": (3,)}, {"caption": 4}))


# ---------------------------------------------------------------- what the D's are told


def logits_of(gan, i, x, phi):
    return [a.numpy() for a in model.discriminator(gan.ds[i], x, phi)]


def test_each_d_judges_its_own_size_and_a_wrong_image_is_real_without_its_caption(gan):
    batch = batch_of()
    (fakes, _), phi = gan._generate(batch, "batch"), gan._phi(batch)
    expected = []
    for i, factor in enumerate((4, 2, 1)):
        real, other, fake = (
            logits_of(gan, i, x, phi)
            for x in (
                layers.average_pool(batch["x"], factor),
                layers.average_pool(batch["other_x"], factor),
                fakes[i],
            )
        )
        alone = softplus(-real[0]).mean() + softplus(-other[0]).mean() + softplus(fake[0]).mean()
        wrong = softplus(other[1])[[0, 2, 3]].sum() / 4  # the second caption is its own
        expected.append(alone + softplus(-real[1]).mean() + wrong + softplus(fake[1]).mean())
    found = gan.d_step(batch)
    for side, loss in zip((8, 16, 32), expected, strict=True):
        assert float(found[f"d_loss_{side}"]) == pytest.approx(loss, rel=1e-4)
    assert float(found["d_loss"]) == pytest.approx(sum(expected), rel=1e-4)


def test_gs_loss_is_of_all_heads_of_all_ds_and_the_kls_mean(gan):
    batch = batch_of()
    fakes, kl = gan._generate(batch, "batch")
    logits = [a for i, x in enumerate(fakes) for a in logits_of(gan, i, x, gan._phi(batch))]
    assert len(logits) == 6
    expected = sum(softplus(-a).mean() for a in logits) + 2 * float(kl)
    assert float(gan.g_step(batch)["g_loss"]) == pytest.approx(expected, rel=1e-4)


def test_mu_and_log_variance_are_two_halves_behind_a_gate(gan):
    gan.g["c_w"].assign(tf.zeros_like(gan.g["c_w"]))
    values = [1.0, 2.0, 3.0, 4.0, 0.0, np.log(4), np.log(9), 0.0]
    gan.g["c_b"].assign([*values, *[100.0] * 8])  # gates that are open
    mu, _ = model.augmented(gan.g, tf.zeros([1, 5]), tf.zeros([1, 4]))
    c, kl = model.augmented(gan.g, tf.zeros([1, 5]), tf.ones([1, 4]) * 10)
    np.testing.assert_allclose(mu, [[1, 2, 3, 4]], rtol=1e-5)
    np.testing.assert_allclose(c, [[11, 22, 33, 14]], rtol=1e-5)  # sigma, not sigma^2
    assert float(kl) == pytest.approx((1 + 7 + 17 + 16) / 8 - np.log(6) / 4)


# ---------------------------------------------------------------- who learns


def test_every_d_is_moved_by_an_optimizer_of_its_own_and_then_all_of_g_at_once(gan):
    (phase,) = gan.schedule().phases
    assert phase.update_names == ("d_step", "g_step") and "z" in phase.inputs  # one z for both
    first = {name: values_of(w) for name, w in gan.networks.items()}
    with optimizers.recorded_updates() as rows:
        gan.d_step(batch_of())
    assert [row.label for row in rows] == ["8", "16", "32", "words"]
    assert len({id(row.optimizer) for row in rows}) == 4
    for name in gan.networks:
        whole = set() if name == "generator" else set(first[name])
        assert moved(first[name], gan.networks[name]) == whole, name
    first = {name: values_of(w) for name, w in gan.networks.items()}
    with optimizers.recorded_updates() as rows:
        gan.g_step(batch_of())
    assert len(rows) == 1
    for name in gan.networks:
        whole = set(first[name]) if name == "generator" else set()
        assert moved(first[name], gan.networks[name]) == whole, name


def test_a_ds_gradient_is_of_its_own_loss_and_the_words_vectors_of_all(gan):
    batch = batch_of()
    fakes, _ = gan._generate(batch, "batch")
    words = gan.d_variables["words"]
    of_words = []
    expected = {}
    for i, side in enumerate(("8", "16", "32")):
        with tf.GradientTape() as tape:
            loss, _ = gan._d_loss(i, fakes[i], gan._phi(batch), batch)
        expected[side], of_its_words = tape.gradient(loss, (gan.d_variables[side], words))
        of_words.append(tf.convert_to_tensor(of_its_words[0]))
    assert all(gradient.numpy().any() for gradient in of_words)
    expected["words"] = [tf.add_n(of_words)]
    with optimizers.recorded_updates() as rows:
        gan.d_step(batch)
    for row in rows:
        for found, by_hand in zip(row.gradients, expected[row.label], strict=True):
            np.testing.assert_allclose(tf.convert_to_tensor(found), by_hand, rtol=1e-3, atol=1e-5)


def test_what_a_d_is_told_of_a_caption_does_not_pass_c(gan):
    """Where the KL would take from it what G does not draw yet."""
    x, phi = images(4, shape=SHAPE), gan._phi(batch_of())
    first = [logits_of(gan, i, layers.average_pool(x, 4 >> i), phi)[1] for i in range(3)]
    gan.g["c_w"].assign(tf.zeros_like(gan.g["c_w"]))
    for i, logits in enumerate(first):
        smaller = layers.average_pool(x, 4 >> i)
        np.testing.assert_array_equal(logits_of(gan, i, smaller, gan._phi(batch_of()))[1], logits)
        assert np.abs(logits_of(gan, i, smaller, 0 * phi)[1] - logits).max() > 1e-3, i


# ---------------------------------------------------------------- colours


def gradients_with(colour_weight):
    gan = small(colour_weight=colour_weight)
    with optimizers.recorded_updates() as rows:
        told = gan.g_step(batch_of())
    names = [v.name.partition(":")[0] for v in gan.g_variables]
    return dict(zip(names, (g.numpy() for g in rows[0].gradients), strict=True)), told


def test_colours_move_the_larger_image_and_not_the_smaller_one():
    (without, told), (with_it, more) = gradients_with(0.0), gradients_with(50.0)
    fakes, _ = small()._generate(batch_of(), "batch")
    pairs = zip(fakes[1:], fakes, strict=False)
    expected = sum(float(losses.colour_consistency(a, b, 1.0, 5.0)) for a, b in pairs)
    assert float(told["colour_loss"]) == pytest.approx(expected, rel=1e-4)
    assert float(more["g_loss"] - told["g_loss"]) == pytest.approx(50 * expected, rel=1e-3)
    np.testing.assert_allclose(with_it["image_0_w"], without["image_0_w"], atol=1e-6)
    for i in (1, 2):
        change = np.abs(with_it[f"image_{i}_w"] - without[f"image_{i}_w"]).max()
        assert change > 1e-3 * np.abs(without[f"image_{i}_w"]).max(), i


# ---------------------------------------------------------------- without captions


def test_without_captions_there_are_no_words_no_second_head_and_no_wrong_images():
    gan = small(Fields({"x": SHAPE}), conditional=False)
    assert list(gan.networks) == ["generator", "d_8", "d_16", "d_32"]
    assert not [
        k
        for w in gan.networks.values()
        for k in w
        if k.startswith(("c_", "join_w", "joined", "text"))
    ]
    (phase,) = gan.schedule().phases
    assert set(phase.inputs) == {"z", "x"} == {*gan.samplers()[0].given, "x"}
    batch = {name: batch_of()[name] for name in ("x", "z")}
    fakes, kl = gan._generate(batch, "batch")
    assert gan._phi(batch) is None and float(kl) == 0
    expected = 0.0
    for i, factor in enumerate((4, 2, 1)):
        (real,) = logits_of(gan, i, layers.average_pool(batch["x"], factor), None)
        (fake,) = logits_of(gan, i, fakes[i], None)
        expected += softplus(-real).mean() + softplus(fake).mean()
    assert float(gan.d_step(batch)["d_loss"]) == pytest.approx(expected, rel=1e-4)
    first = values_of(gan.g)
    gan.g_step(batch)
    assert moved(first, gan.g) == set(first)


def test_samplers_are_drawn_alike_so_that_the_branches_stand_side_by_side(gan):
    first, *others = gan.samplers()
    assert all(sampler.given == first.given for sampler in others)
    fields = {"x": images(4, shape=SHAPE)}
    sides = [s.against(fields).shape[1] for s in others]
    assert first.against == "x" and sides == [16, 8]
    for sampler in gan.samplers():
        x = sampler.generate(batch_of())
        heads = model.discriminator(gan.networks[f"d_{x.shape[1]}"], x, gan._phi(batch_of()))
        mean = (heads[0] + heads[1])[:, 0] / 2
        np.testing.assert_allclose(sampler.score(x, {"caption": CAPTIONS}), mean, atol=1e-5)
    assert list(gans.named_optimizers(gan)) == ["g", "d_8", "d_16", "d_32", "d_words"]


@pytest.mark.parametrize("name", ["stackgan_pp_fast", "stackgan_pp_unconditional"])
def test_the_presets_sample_from_a_moving_average_and_have_their_alpha(name):
    flags = (processes.ROOT / "configs" / f"{name}.flags").read_text().splitlines()
    assert f"--ema={0.99 if name.endswith('unconditional') else 0.999}" in flags
    # The paper's 0 with captions; without them its 50 is too much for drawings' contrast.
    alphas = [flag for flag in flags if flag.startswith("--colour_weight")]
    assert alphas == (["--colour_weight=10"] if "--conditional=false" in flags else [])
    assert ("--conditional=false" in flags) == name.endswith("unconditional")
