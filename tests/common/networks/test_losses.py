"""Losses and layers of embeddings: against plain loops, on both backends."""

import itertools
import math
import typing
from typing import Any

import numpy as np
import pytest

from common.networks.losses import (
    CLASS_LOSSES,
    DISTANCES,
    MARGINS,
    MINERS,
    margin_loss,
    triplets_right,
)
from common.recipes.classifier import ClassifierRecipe
from common.recipes.embedding import MARGIN_LOSSES, VectorRecipe
from support import embedding_steps

Found = dict[str, np.ndarray]


@pytest.fixture(scope="module")
def found() -> Found:
    """What ``embedding_steps.py`` finds, on TensorFlow."""
    return embedding_steps.found()


@pytest.mark.parametrize(
    ("name", "keras_name", "factor"),
    [
        ("crossentropy", "CategoricalCrossentropy", 1),
        ("focal", "CategoricalFocalCrossentropy", 0.25),
        ("binary", "BinaryCrossentropy", 1),
        ("squared", "MeanSquaredError", 1),
        ("hinge", "CategoricalHinge", 1),
    ],
)
def test_a_loss_of_classes_is_the_one_of_keras(name: str, keras_name: str, factor: float) -> None:
    import keras

    generator = np.random.default_rng(0)
    probabilities = generator.dirichlet(np.ones(4), 9).astype(np.float32)
    for targets in (np.eye(4)[generator.integers(4, size=9)], generator.dirichlet(np.ones(4), 9)):
        targets = targets.astype(np.float32)
        expected = getattr(keras.losses, keras_name)(reduction=None)(targets, probabilities)
        found = CLASS_LOSSES[name](0.0)(targets, probabilities)
        np.testing.assert_allclose(factor * np.asarray(found), expected, rtol=1e-4)
        smoothed = CLASS_LOSSES[name](0.1)(targets, probabilities)
        by_hand = CLASS_LOSSES[name](0.0)(0.9 * targets + 0.025, probabilities)
        if name != "hinge":  # of which a recipe refuses smoothing
            np.testing.assert_allclose(smoothed, by_hand, rtol=1e-5)
            assert not np.allclose(smoothed, found)
    assert set(CLASS_LOSSES) == set(
        typing.get_args(typing.get_type_hints(ClassifierRecipe)["loss"])
    )


def table(name: str, rows: np.ndarray) -> np.ndarray:
    """Distances of all pairs of rows."""

    def distance(a: np.ndarray, b: np.ndarray) -> float:
        if name == "cosine":
            lengths = np.linalg.norm(a) * np.linalg.norm(b)
            return 1 - a @ b / lengths if lengths else (0.5 if a.any() or b.any() else 0.0)
        return float(np.linalg.norm(a - b) ** (1 if name == "euclidean" else 2))

    rows = rows.astype(np.float64)
    return np.array([[0.0 if a is b else distance(a, b) for b in rows] for a in rows])


def triplets(miner: str, distances: np.ndarray, targets: np.ndarray) -> list[tuple[int, int, int]]:
    """What counts, as anchor, positive and negative; hard ones by their distances."""
    chosen, labels = [], labels_of(targets)
    for anchor, label in enumerate(labels):
        positives = [i for i in np.flatnonzero(labels == label).tolist() if i != anchor]
        negatives = np.flatnonzero(labels != label).tolist()
        away = distances[anchor].__getitem__
        if not positives or not negatives:
            continue
        if miner == "batch-hard":
            chosen.append((anchor, max(positives, key=away), min(negatives, key=away)))
        elif miner == "batch-all":
            chosen += [(anchor, p, n) for p, n in itertools.product(positives, negatives)]
        else:
            for p in positives:
                beyond = [n for n in negatives if away(n) > away(p)]
                n = min(beyond, key=away) if beyond else max(negatives, key=away)
                chosen.append((anchor, p, n))
    return chosen


def labels_of(targets: np.ndarray) -> np.ndarray:
    return np.array([row.argmax() if row.any() else -1 - i for i, row in enumerate(targets)])


def loop(
    name: str, miner: str, margin: float | None, targets: np.ndarray, rows: np.ndarray
) -> float:
    """The mean over the triplets that count."""
    distances = table(name, rows)
    off = [distances[a, p] - distances[a, n] for a, p, n in triplets(miner, distances, targets)]
    losses = [np.log1p(np.exp(d)) if margin is None else max(0, d + margin) for d in off]
    return float(np.mean(losses)) if losses else 0.0


def expected(name: str, targets: np.ndarray, rows: np.ndarray) -> float:
    """The loss of a name in ``embedding_steps``."""
    kind, *how = name.split()
    if kind == "triplet":
        return loop(how[0], how[1], None if how[2] == "None" else float(how[2]), targets, rows)
    distances, margin = (table("cosine", rows), 0.5) if how else (table("euclidean", rows), 1.5)
    labels, losses = labels_of(targets), []
    for i, j in itertools.combinations(range(len(rows)), 2):
        d = distances[i, j]
        losses.append((d if labels[i] == labels[j] else max(0.0, margin - d)) ** 2 / 2)
    return float(np.mean(losses))


@pytest.mark.parametrize("name", embedding_steps.LOSSES)
def test_a_loss_is_the_mean_over_what_counts(found: Found, name: str) -> None:
    for case, (targets, rows) in embedding_steps.embeddings().items():
        steps = {key: found[f"{name}/{case}/{key}"]
                 for key in ("values", "loss", "gradient")}  # fmt: skip
        assert (steps["values"].shape, steps["values"].dtype) == ((12,), np.float32)
        assert steps["loss"] == pytest.approx(steps["values"].mean(), rel=1e-5)
        assert steps["loss"] == pytest.approx(expected(name, targets, rows), rel=1e-4, abs=1e-6)
        if case in ("one class", "no class") and "contrastive" not in name:  # no triplet
            assert not steps["values"].any()
            assert not steps["gradient"].any()
        # Finite where embeddings coincide.
        most = {"collapsed": 1, "zeros": 1, "twins": 10}.get(case, math.inf)
        assert np.abs(steps["gradient"]).max() < most


def test_half_precision_has_a_float32_loss_and_learns(found: Found) -> None:
    import keras

    targets, rows = embedding_steps.embeddings()["drawn"]
    for kind in ("float16", "bfloat16"):
        rounded = np.asarray(keras.ops.cast(keras.ops.cast(rows, kind), "float32"))
        values = found[f"contrastive/{kind}/values"]
        assert values.dtype == np.float32
        assert values.mean() == pytest.approx(expected("contrastive", targets, rounded), rel=1e-5)
    units, cosines = found["trained/units"], found["trained/cosines"]
    assert (units.dtype, cosines.dtype) == (np.float32, np.float32)
    assert np.linalg.norm(units, axis=1) == pytest.approx(np.ones(12), abs=1e-6)
    losses = found["trained/step units_loss"]
    assert losses[0] == pytest.approx(loop("euclidean", "batch-all", 0.2, targets, units), rel=0.02)
    assert losses[-1] < 0.7 * losses[0]
    losses = found["trained/step cosines_loss"]
    assert losses[-1] < losses[0] - 1


def test_the_metric_is_the_share_of_triplets_that_are_right() -> None:
    for case in ("drawn", "one alone", "twins"):
        targets, rows = embedding_steps.embeddings()[case]
        distances = table("cosine", rows)
        chosen = triplets("batch-all", distances, targets)
        right = np.mean([distances[a, p] < distances[a, n] for a, p, n in chosen])
        assert 0 < right < 1
        measured = np.asarray(triplets_right("cosine")(targets, rows))
        assert measured.mean() == pytest.approx(right, rel=1e-5)


@pytest.mark.parametrize("case", ["drawn", "mixed"])
@pytest.mark.parametrize(
    ("name", "scale", "margin"),
    [("arcface", 10.0, 0.5), ("cosface", 8.0, 0.35), ("arcface", 8.0, 0.0)],
)
def test_a_margin_softmax_is_the_loop(name: str, scale: float, margin: float, case: str) -> None:
    targets, rows = embedding_steps.cosines()[case]
    angles, moved = np.arccos(np.clip(rows.astype(np.float64), -1, 1)), rows - margin
    if name == "arcface":
        beyond = rows - margin * math.sin(margin)
        moved = np.where(angles + margin < math.pi, np.cos(angles + margin), beyond)
    logits = scale * ((1 - targets) * rows + targets * moved)
    wanted = targets * (np.log(np.exp(logits).sum(axis=1, keepdims=True)) - logits)
    measured = np.asarray(margin_loss(name, scale, margin)(targets, rows))
    assert measured.dtype == np.float32
    # At an angle of 0 the smallest sine counts: a thousandth of a radian.
    np.testing.assert_allclose(measured, wanted.sum(axis=1), atol=0.01)
    np.testing.assert_allclose(measured[1:], wanted.sum(axis=1)[1:], rtol=1e-4)


@pytest.mark.parametrize("name", MARGINS)
@pytest.mark.parametrize("margin", [0.1, 1.4])
def test_the_loss_never_falls_as_the_angle_grows(name: str, margin: float) -> None:
    own = np.cos(np.linspace(0, math.pi, 400))
    rows = np.stack([own, np.full(400, 0.3)], axis=1).astype(np.float32)
    targets = np.tile([1.0, 0.0], (400, 1)).astype(np.float32)
    losses = np.asarray(margin_loss(name, 4.0, margin)(targets, rows))
    assert (np.diff(losses) >= 0).all()
    assert losses[-1] > losses[0] + 1


def test_a_recipes_choices_are_those_that_there_are() -> None:
    kinds = typing.get_type_hints(VectorRecipe)
    assert set(typing.get_args(kinds["distance"])) == set(DISTANCES)
    assert set(typing.get_args(kinds["miner"])) == set(MINERS)
    assert set(MARGIN_LOSSES) == set(MARGINS)


def test_gem_is_the_root_of_the_mean_power_and_its_exponent_is_learnt() -> None:
    import keras

    from common.networks.embedding_layers import GeM

    pixels = embedding_steps.pixels()
    floored = np.maximum(pixels.astype(np.float64), 1e-6)
    for p in (1.0, 2.5, 6.0):
        wanted = (floored**p).mean(axis=(1, 2)) ** (1 / p)
        np.testing.assert_allclose(GeM(p)(pixels), wanted, rtol=1e-4)
    np.testing.assert_allclose(GeM(1000.0)(pixels), floored.max(axis=(1, 2)), rtol=0.01)
    model = keras.Sequential([keras.Input((3, 4, 5)), GeM(1.5)])

    def trained(rate: float, wanted: Any) -> float:
        model.compile(keras.optimizers.SGD(rate), "mse")
        model.fit(pixels[:1], wanted, verbose=0)
        return float(model.trainable_variables[0].value)

    assert trained(0.05, pixels[:1].max(axis=(1, 2))) > 1.51
    assert trained(50.0, np.zeros((1, 5))) == 1  # it stays a mean


def test_cosines_and_lengths_are_those_of_numpy() -> None:
    from common.networks.embedding_layers import CosineClasses, UnitLength

    rows = np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32) * 100
    layer = CosineClasses(3)
    cosines, kernel = np.asarray(layer(rows)), np.asarray(layer.kernel)
    lengths = np.linalg.norm(rows, axis=1)[:, None] * np.linalg.norm(kernel, axis=0)
    np.testing.assert_allclose(cosines, rows @ kernel / lengths, atol=1e-5)
    units = np.asarray(UnitLength()(rows))
    np.testing.assert_allclose(units, rows / np.linalg.norm(rows, axis=1)[:, None], atol=1e-6)
    assert not np.asarray(UnitLength()(np.zeros((2, 4)))).any()
