"""Margin softmax against a plain loop, and the layers around it."""

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.networks.margins import margin_loss
from support import embedding_steps


def loop(
    name: str, scale: float, margin: float, targets: np.ndarray, rows: np.ndarray
) -> list[float]:
    losses = []
    for target, row in zip(targets.astype(np.float64), rows.astype(np.float64), strict=True):
        logits = []
        for share, cosine in zip(target, row, strict=True):
            moved = cosine - margin
            if name == "arcface":
                angle = math.acos(max(-1.0, min(1.0, cosine)))
                moved = math.cos(angle + margin)
                if angle + margin >= math.pi:
                    moved = cosine - margin * math.sin(margin)
            logits.append(scale * ((1 - share) * cosine + share * moved))
        total = math.log(sum(math.exp(logit) for logit in logits))
        losses.append(sum(t * (total - logit) for t, logit in zip(target, logits, strict=True)))
    return losses


@pytest.mark.parametrize("case", ["drawn", "mixed"])
@pytest.mark.parametrize(
    ("name", "scale", "margin"),
    [("arcface", 10.0, 0.5), ("cosface", 8.0, 0.35), ("arcface", 8.0, 0.0)],
)
def test_a_margin_softmax_is_the_loop(name: str, scale: float, margin: float, case: str) -> None:
    targets, rows = embedding_steps.cosines()[case]
    found = np.asarray(margin_loss(name, scale, margin)(targets, rows))
    assert found.dtype == np.float32
    # At an angle of 0 the smallest sine counts: a thousandth of a radian.
    np.testing.assert_allclose(found, loop(name, scale, margin, targets, rows), atol=0.01)
    np.testing.assert_allclose(found[1:], loop(name, scale, margin, targets, rows)[1:], rtol=1e-4)


@given(st.integers(2, 6), st.integers(1, 5), st.integers(0, 2**32 - 1), st.floats(0, 1.4))
@settings(max_examples=30, deadline=None)
def test_any_cosines_any_margin(classes: int, rows: int, seed: int, margin: float) -> None:
    generator = np.random.default_rng(seed)
    cosines = generator.uniform(-0.99, 0.99, (rows, classes)).astype(np.float32)
    targets = np.eye(classes, dtype=np.float32)[generator.integers(classes, size=rows)]
    for name in ("arcface", "cosface"):
        found = np.asarray(margin_loss(name, 16.0, margin)(targets, cosines))
        near_pi = name == "arcface" and np.any(
            np.abs(np.arccos(cosines[targets > 0]) + margin - math.pi) < 1e-3
        )
        if not near_pi:
            np.testing.assert_allclose(
                found, loop(name, 16.0, margin, targets, cosines), rtol=1e-3, atol=1e-4
            )


@pytest.mark.parametrize("name", ["arcface", "cosface"])
@pytest.mark.parametrize("margin", [0.1, 0.5, 1.4])
def test_the_loss_never_falls_as_the_angle_grows(name: str, margin: float) -> None:
    own = np.cos(np.linspace(0, math.pi, 400))
    rows = np.stack([own, np.full(400, 0.3)], axis=1).astype(np.float32)
    targets = np.tile([1.0, 0.0], (400, 1)).astype(np.float32)
    losses = np.asarray(margin_loss(name, 4.0, margin)(targets, rows))
    assert (np.diff(losses) >= 0).all()
    assert losses[-1] > losses[0] + 1


def test_half_precision_cosines_have_a_float32_loss() -> None:
    import keras

    targets, rows = embedding_steps.cosines()["drawn"]
    for kind in ("float16", "bfloat16"):
        half = keras.ops.cast(rows, kind)
        found = np.asarray(margin_loss("arcface")(targets, half))
        again = margin_loss("arcface")(targets, keras.ops.cast(half, "float32"))
        assert found.dtype == np.float32
        assert np.array_equal(found, again)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("arcfase",), "unknown margin 'arcfase': did you mean arcface"),
        (("arcface", 0.0), "scale 0.0 of arcface: it must be above 0"),
        (("cosface", 30.0, -0.1), "margin -0.1 of cosface: it must be from 0 to below 1.5"),
        (("arcface", 30.0, math.nan), "margin nan of arcface"),
        (("arcface", 30.0, 2.0), "margin 2.0 of arcface"),
    ],
)
def test_a_wrong_name_or_number_is_one_line(arguments, told: str) -> None:
    with pytest.raises(UserError) as caught:
        margin_loss(*arguments)
    assert str(caught.value).startswith(told)


def test_gem_is_the_root_of_the_mean_power() -> None:
    from common.networks.embedding_layers import GeM

    pixels = embedding_steps.pixels()
    floored = np.maximum(pixels.astype(np.float64), 1e-6)
    for p in (1.0, 2.5, 6.0):
        expected = (floored**p).mean(axis=(1, 2)) ** (1 / p)
        np.testing.assert_allclose(GeM(p)(pixels), expected, rtol=1e-4)
    largest = floored.max(axis=(1, 2))
    np.testing.assert_allclose(GeM(1000.0)(pixels), largest, rtol=0.01)


def test_gems_exponent_is_learnt_and_stays_a_mean() -> None:
    import keras

    from common.networks.embedding_layers import GeM

    pixels = embedding_steps.pixels()[:1]
    model = keras.Sequential([keras.Input((3, 4, 5)), GeM(1.5)])
    model.compile(keras.optimizers.SGD(0.05), "mse")
    (exponent,) = model.trainable_variables
    model.fit(pixels, pixels.max(axis=(1, 2)), verbose=0)
    assert float(exponent.value) > 1.51
    model.compile(keras.optimizers.SGD(50.0), "mse")
    model.fit(pixels, np.zeros((1, 5)), verbose=0)
    assert float(exponent.value) == 1


def test_cosines_and_lengths_are_those_of_numpy() -> None:
    from common.networks.embedding_layers import CosineClasses, UnitLength

    rows = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32) * 100
    layer = CosineClasses(3)
    found = np.asarray(layer(rows))
    kernel = np.asarray(layer.kernel)
    lengths = np.linalg.norm(rows, axis=1)[:, None] * np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(found, rows @ kernel / lengths, atol=1e-5)
    units = np.asarray(UnitLength()(rows))
    np.testing.assert_allclose(units, rows / np.linalg.norm(rows, axis=1)[:, None], atol=1e-6)
    assert not np.asarray(UnitLength()(np.zeros((2, 4)))).any()


@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
@pytest.mark.parametrize("policy", ["float32", "mixed_float16", "mixed_bfloat16"])
def test_a_network_of_them_is_saved_and_computes_in_float32(policy: str, tmp_path: Path) -> None:
    import keras

    from common.networks.embedding_layers import CosineClasses, GeM, UnitLength

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        inputs = keras.Input((3, 4, 5))
        features = keras.layers.Conv2D(8, 1)(inputs)
        pooled = GeM(2.0)(features)
        units = UnitLength()(pooled)
        model = keras.Model(inputs, [pooled, units, CosineClasses(7)(units)])
    finally:
        keras.config.set_dtype_policy(before)
    pixels = embedding_steps.pixels()
    pooled, embedded, cosines = (np.asarray(output) for output in model(pixels))
    assert {pooled.dtype, embedded.dtype, cosines.dtype} == {np.dtype(np.float32)}
    kernel = np.asarray(model.layers[-1].kernel)
    expected = embedded @ (kernel / np.linalg.norm(kernel, axis=0))
    np.testing.assert_allclose(cosines, expected, atol=1e-6)
    assert model.layers[1].compute_dtype == policy.removeprefix("mixed_")
    np.testing.assert_allclose(np.linalg.norm(embedded, axis=1), 1, atol=1e-6)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")
    for ours, theirs in zip(model(pixels), again(pixels), strict=True):
        assert np.array_equal(ours, theirs)
