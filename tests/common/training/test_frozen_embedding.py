"""Vectors of a frozen network's layers: what is fitted on them is chosen on validation's pairs."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from common.files.predictions import load_vectors
from common.files.projection import load_projection
from common.pairs.validation import channel_auc, validation_pairs
from common.recipes.frozen import FrozenRecipe
from common.training.frozen_embedding import (
    FrozenEmbeddingKernel,
    alike,
    channels,
    choose,
    classified,
    embedded,
    reduction,
)
from support import small_embedding

pytestmark = pytest.mark.slow
KERNEL = FrozenEmbeddingKernel(
    small_embedding.COMPETITION,
    FrozenRecipe(image_size=32, batch_size=8, components=16, tta=2),
    load=small_embedding.load,
    layers=("block0_depthwise_relu", "head_relu"),
    accelerators=("cpu",),
)


def test_a_kernel_writes_what_an_ensemble_of_pairs_reads(
    train: Callable[..., str], tmp_path: Path
) -> None:
    said = train(KERNEL, tmp_path)
    assert "stage=fitting shrinkage=None val_auc=" in said
    assert "stage=features of=test" in said
    vectors = load_vectors(tmp_path, "small")
    for part in (vectors.validation, vectors.test):
        assert list(part) == ["embedding", "classes"]
        np.testing.assert_allclose(np.linalg.norm(part["embedding"], axis=1), 1, atol=1e-5)
        np.testing.assert_allclose(part["classes"].sum(axis=1), 1, atol=1e-5)
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["validation_score"] == channel_auc(vectors)["embedding"]["all"]
    assert {"shrinkage", "c", "interval"} <= set(metrics)
    assert load_projection(tmp_path) is not None
    refused = train(KERNEL, tmp_path / "again", settings={"epochs": 3})
    assert "unknown setting 'epochs'" in refused


def blobs(classes: range, each: int, seed: int, noise: float = 1.0) -> tuple[Any, Any]:
    """Classes differ in three directions; fifteen others have more variance and say nothing."""
    generator = np.random.default_rng(seed)
    centres = np.random.default_rng(9).normal(0, 3, (99, 3))
    labels = np.repeat(classes, each)
    useful = centres[labels] + generator.normal(0, noise, (len(labels), 3))
    rows = np.hstack([useful, generator.normal(0, 4, (len(labels), 15))])
    return rows.astype(np.float32), labels


def test_the_discriminant_analysis_finds_what_tells_unseen_classes_apart() -> None:
    rows, labels = blobs(range(20), 12, 0)
    seen, known = blobs(range(20, 30), 8, 1)
    pairs = validation_pairs(np.arange(len(known)).astype(str), known, known < 25)
    auc = {
        shrinkage: pairs.auc(pairs.scores(embedded(rows, labels, shrinkage, seen)))["unseen"]
        for shrinkage in (None, 0.1)
    }
    assert auc[0.1] > auc[None] + 0.1
    shrinkage, c = choose(rows, labels, seen, pairs)
    assert shrinkage in (0.1, 0.3)
    agreements = [pairs.scores(classified(rows, labels, one, seen)) for one in (3.0, c)]
    small, chosen = (pairs.auc(scores)["all"] for scores in agreements)
    assert chosen >= small


def test_rows_of_a_refit_with_more_classes_have_the_same_length() -> None:
    rows, labels = blobs(range(5), 6, 0)
    more, others = blobs(range(8), 6, 1)
    first, second = channels(rows, labels, 0.3, 10.0, more), channels(more, others, 0.3, 10.0, rows)
    one, other = alike(first, second)
    assert {name: part.shape[1] for name, part in one.items()} == {"embedding": 7, "classes": 8}
    assert [part.shape[1] for part in other.values()] == [7, 8]
    for name, part in one.items():
        np.testing.assert_allclose(part @ part.T, first[name] @ first[name].T, atol=1e-6)


def test_components_are_of_train_alone() -> None:
    rows, _ = blobs(range(5), 6, 0)
    reduce = reduction(rows, 400)
    assert reduce(rows).shape == (30, 18)
    np.testing.assert_allclose(reduce(rows).mean(axis=0), 0, atol=1e-4)
    assert reduce(rows[:3] + 50).shape == (3, 18)
