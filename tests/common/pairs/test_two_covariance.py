"""Vectors in which two pictures of a class that was never seen are alike."""

import numpy as np
import pytest

from common.errors import UserError
from common.metrics.verification import roc_auc
from common.pairs.two_covariance import two_covariance


def people(number: int, each: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Six of thirty directions say who it is; in the others, as large, each picture differs."""
    generator = np.random.default_rng(seed)
    labels = np.repeat(np.arange(number), each)
    rows = generator.normal(0, 1, (len(labels), 30))
    rows[:, :6] = generator.normal(0, 1, (number, 6))[labels] + 0.5 * rows[:, :6]
    turn, _ = np.linalg.qr(np.random.default_rng(9).normal(0, 1, (30, 30)))
    return rows @ turn, labels


def auc(vectors: np.ndarray, labels: np.ndarray) -> float:
    first, second = np.triu_indices(len(labels), 1)
    vectors = vectors / np.linalg.norm(vectors, axis=1, keepdims=True)
    return roc_auc(labels[first] == labels[second], (vectors[first] * vectors[second]).sum(axis=1))


def test_unseen_people_are_told_apart_after_two_pictures_of_each_seen() -> None:
    rows, labels = people(300, 2, 0)
    others, unseen = people(60, 3, 1)
    embed = two_covariance(rows, labels)
    found = embed(others)
    assert (found.shape, found.dtype) == (others.shape, np.float32)
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-5)
    assert auc(others, unseen) < 0.8
    assert auc(found, unseen) > 0.9
    # How long a vector was says nothing of who it is.
    np.testing.assert_allclose(embed(3 * others[:5]), found[:5], atol=1e-5)


def test_one_picture_of_each_does_not_say_how_pictures_differ() -> None:
    with pytest.raises(UserError, match="no class of train has two pictures"):
        two_covariance(*people(40, 1, 2))


def test_fewer_pictures_than_directions_are_enough_to_go_on() -> None:
    rows, labels = people(5, 2, 0)
    assert np.isfinite(two_covariance(rows, labels)(rows)).all()
