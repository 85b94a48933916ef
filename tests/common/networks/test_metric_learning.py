"""Distances, miners and losses of embeddings: against plain loops, on both backends."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from common.errors import UserError
from common.networks.distances import DISTANCES
from common.networks.embedding_losses import (
    anchors_right,
    contrastive_loss,
    labels_of,
    triplet_loss,
    triplets_right,
)
from common.networks.miners import MINERS
from support import ROOT, embedding_steps

Found = dict[str, dict[str, np.ndarray]]
CLOSE = {"rtol": 1e-4, "atol": 1e-5}


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Found:
    """What ``embedding_steps.py`` finds, by backend: here, and JAX in a process beside."""
    out = tmp_path_factory.mktemp("steps") / "jax.npz"
    paths = {"PYTHONPATH": str(ROOT), "JAX_PLATFORMS": "cpu"}
    beside = subprocess.Popen(
        [sys.executable, "-W", "error", embedding_steps.__file__, out],
        env={**os.environ, **paths, "KERAS_BACKEND": "jax"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    here = embedding_steps.found()
    printed, _ = beside.communicate()
    assert beside.returncode == 0, printed
    with np.load(out) as arrays:
        return {"tensorflow": here, "jax": dict(arrays)}


def distance(name: str, a: np.ndarray, b: np.ndarray) -> float:
    if name == "cosine":
        lengths = np.linalg.norm(a) * np.linalg.norm(b)
        return 1 - a @ b / lengths if lengths else (0.5 if a.any() or b.any() else 0.0)
    length = np.linalg.norm(a - b)
    return length if name == "euclidean" else length**2


def table(name: str, rows: np.ndarray) -> np.ndarray:
    rows = rows.astype(np.float64)
    return np.array([[0.0 if a is b else distance(name, a, b) for b in rows] for a in rows])


def triplets(miner: str, distances: np.ndarray, labels: np.ndarray) -> list[tuple[int, int, int]]:
    """What counts, as anchor, positive and negative; hard ones by their distances."""
    chosen = []
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


def loop(
    miner: str, name: str, margin: float | str, targets: np.ndarray, rows: np.ndarray
) -> float:
    """The mean over the triplets that count."""
    distances, losses = table(name, rows), []
    for anchor, p, n in triplets(miner, distances, labels(targets)):
        off = distances[anchor, p] - distances[anchor, n]
        losses.append(np.log1p(np.exp(off)) if margin == "soft" else max(0, off + float(margin)))
    return float(np.mean(losses)) if losses else 0.0


def contrastive(name: str, margin: float, targets: np.ndarray, rows: np.ndarray) -> float:
    distances, found, losses = table(name, rows), labels(targets), []
    for i, j in itertools.combinations(range(len(rows)), 2):
        d = distances[i, j]
        losses.append((d if found[i] == found[j] else max(0.0, margin - d)) ** 2 / 2)
    return float(np.mean(losses))


def labels(targets: np.ndarray) -> np.ndarray:
    return np.array([row.argmax() if row.any() else -1 - i for i, row in enumerate(targets)])


def expected(name: str, targets: np.ndarray, rows: np.ndarray) -> float:
    kind, *how = name.split()
    if kind == "contrastive":
        return contrastive(*(("cosine", 0.5) if how else ("euclidean", 1.5)), targets, rows)
    return loop(how[1], how[0], how[2], targets, rows)


# Of equal distances rounding says which is the nearer: what hangs on it is not compared.
TIED = ("triplet cosine semi-hard 0.1/zeros", "triplet cosine semi-hard 0.1/collapsed")


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
@pytest.mark.parametrize("name", embedding_steps.LOSSES)
def test_a_loss_is_the_mean_over_what_counts(found: Found, backend: str, name: str) -> None:
    for case, (targets, rows) in embedding_steps.embeddings().items():
        values = found[backend][f"{name}/{case}/values"]
        assert values.shape == (12,)
        assert values.dtype == np.float32
        assert found[backend][f"{name}/{case}/loss"] == pytest.approx(values.mean(), rel=1e-5)
        assert values.mean() == pytest.approx(expected(name, targets, rows), rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
@pytest.mark.parametrize("name", embedding_steps.LOSSES)
def test_its_gradient_is_that_of_the_loop(found: Found, backend: str, name: str) -> None:
    targets, rows = embedding_steps.embeddings()["drawn"]
    slopes = np.zeros(rows.shape)
    for place in np.ndindex(rows.shape):
        step = np.zeros(rows.shape)
        step[place] = 1e-5
        up, down = (expected(name, targets, rows + sign * step) for sign in (1, -1))
        slopes[place] = (up - down) / 2e-5
    gradient = found[backend][f"{name}/drawn/gradient"]
    assert np.abs(slopes).max() > 0.001
    np.testing.assert_allclose(gradient, slopes, rtol=1e-2, atol=2e-5)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_gradients_are_finite_where_embeddings_coincide(found: Found, backend: str) -> None:
    for path, array in found[backend].items():
        assert np.isfinite(array).all(), path
    for name in embedding_steps.LOSSES:
        for case in ("collapsed", "zeros"):
            assert np.abs(found[backend][f"{name}/{case}/gradient"]).max() < 1
        assert np.abs(found[backend][f"{name}/twins/gradient"]).max() < 10


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_batch_without_a_triplet_is_zero(found: Found, backend: str) -> None:
    for name, case in itertools.product(embedding_steps.LOSSES, ("one class", "no class")):
        if not name.startswith("contrastive"):
            assert not found[backend][f"{name}/{case}/values"].any()
            assert not found[backend][f"{name}/{case}/gradient"].any()
    for name in embedding_steps.METRICS:
        assert not found[backend][f"{name}/one class/values"].any()


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_metrics_are_shares_of_what_counts(found: Found, backend: str) -> None:
    metrics = (
        ("anchors_right", "batch-hard", "euclidean"),
        ("triplets_right", "batch-all", "cosine"),
    )
    for (name, miner, how), case in itertools.product(metrics, ("drawn", "one alone", "twins")):
        targets, rows = embedding_steps.embeddings()[case]
        distances = table(how, rows)
        chosen = triplets(miner, distances, labels(targets))
        right = np.mean([distances[a, p] < distances[a, n] for a, p, n in chosen])
        assert 0 < right < 1
        assert found[backend][f"{name}/{case}/values"].mean() == pytest.approx(right, rel=1e-5)
        assert not found[backend][f"{name}/collapsed/values"].any() or how == "cosine"


def test_both_backends_find_the_same(found: Found) -> None:
    assert found["jax"].keys() == found["tensorflow"].keys() | {
        path for path in found["jax"] if path.endswith("gradient") and "right" in path
    }
    for path, ours in found["tensorflow"].items():
        if not path.startswith(("trained/told", *TIED)):
            np.testing.assert_allclose(found["jax"][path], ours, **CLOSE, err_msg=path)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
@pytest.mark.parametrize("kind", ["float16", "bfloat16"])
def test_half_precision_embeddings_have_a_float32_loss(
    found: Found, backend: str, kind: str
) -> None:
    import keras

    targets, rows = embedding_steps.embeddings()["drawn"]
    rounded = np.asarray(keras.ops.cast(keras.ops.cast(rows, kind), "float32"))
    assert not np.array_equal(rounded, rows)
    for name in ("triplet euclidean batch-all 0.3", "contrastive"):
        values = found[backend][f"{name}/{kind}/values"]
        assert values.dtype == np.float32
        assert values.mean() == pytest.approx(expected(name, targets, rounded), rel=1e-5)


@pytest.mark.parametrize("backend", ["tensorflow", "jax"])
def test_a_network_learns_with_them_in_half_precision(found: Found, backend: str) -> None:
    targets, _ = embedding_steps.embeddings()["drawn"]
    units = found[backend]["trained/units"]
    assert (units.dtype, found[backend]["trained/cosines"].dtype) == (np.float32, np.float32)
    assert np.linalg.norm(units, axis=1) == pytest.approx(np.ones(12), abs=1e-6)
    told = found[backend]["trained/told units_loss"]
    assert told[0] == pytest.approx(loop("batch-all", "euclidean", 0.2, targets, units), rel=0.02)
    assert told[-1] < 0.7 * told[0]
    losses = found[backend]["trained/told cosines_loss"]
    assert losses[-1] < losses[0] - 1
    assert "trained/told units_anchors_right" in found[backend]


@given(
    st.lists(st.integers(0, 3), min_size=1, max_size=7),
    st.integers(0, 2**32 - 1),
    st.sampled_from(sorted(MINERS)),
    st.sampled_from(["euclidean", "squared"]),
    st.sampled_from([0.0, 0.7, "soft"]),
)
@settings(max_examples=40, deadline=None)
def test_any_batch_any_combination(
    found: list[int], seed: int, miner: str, name: str, margin: float | str
) -> None:
    # Of small whole numbers, so that many distances are equal.
    rows = np.random.default_rng(seed).integers(-1, 2, (len(found), 2)).astype(np.float32)
    targets = np.eye(4, dtype=np.float32)[found]
    loss = triplet_loss(name, miner, None if margin == "soft" else margin)
    values = np.asarray(loss(targets, rows))
    assert values.shape == (len(found),)
    assert values.mean() == pytest.approx(loop(miner, name, margin, targets, rows), abs=1e-5)


@pytest.mark.parametrize("name", DISTANCES)
def test_distances_are_those_of_pairs(name: str) -> None:
    rows = np.random.default_rng(0).normal(size=(6, 3))
    rows[4], rows[5] = rows[1], rows[1] + 1e-4
    found = np.asarray(DISTANCES[name](rows))
    np.testing.assert_allclose(found, table(name, rows), rtol=1e-3, atol=1e-7)
    assert not np.diag(found).any()
    assert found[1, 4] == 0 < found[1, 5]


def test_batches_of_an_unknown_size_compile() -> None:
    """As TensorFlow traces a step before it knows the last batch."""
    import tensorflow as tf

    targets, rows = embedding_steps.embeddings()["drawn"]
    for miner in MINERS:
        loss = triplet_loss(miner=miner)
        spec = [tf.TensorSpec((None, width), tf.float32) for width in (5, 4)]
        traced = tf.function(loss, input_signature=spec)
        for size in (12, 5):
            found = traced(targets[:size], rows[:size])
            np.testing.assert_allclose(found, loss(targets[:size], rows[:size]), rtol=1e-4)


def test_rows_without_a_class_are_alone() -> None:
    targets = np.array([[0, 1], [0, 0], [1, 0], [0, 0]], np.float32)
    assert np.asarray(labels_of(targets)).tolist() == [1, -2, 0, -4]


@pytest.mark.parametrize(
    ("make", "told"),
    [
        (
            lambda: triplet_loss("euclidian"),
            "unknown distance 'euclidian': did you mean euclidean?",
        ),
        (
            lambda: triplet_loss(miner="batchhard"),
            "unknown miner 'batchhard': did you mean batch-h",
        ),
        (lambda: triplet_loss(margin="sotf"), "margin 'sotf' is not a number, did you mean soft?"),
        (lambda: triplet_loss(margin=-1), "margin -1: it must be a number from 0"),
        (lambda: triplet_loss(margin="nan"), "margin nan: it must be a number from 0"),
        (lambda: contrastive_loss(margin="soft"), "margin 'soft' is not a number"),
        (lambda: contrastive_loss("cosinus"), "unknown distance 'cosinus': did you mean cosine?"),
        (lambda: anchors_right("x"), "unknown distance 'x': known are euclidean, squared, cosine"),
        (lambda: triplets_right("x"), "unknown distance 'x'"),
    ],
)
def test_a_wrong_name_or_margin_is_one_line(make, told: str) -> None:
    with pytest.raises(UserError) as caught:
        make()
    assert str(caught.value).startswith(told)
    assert "\n" not in str(caught.value)
