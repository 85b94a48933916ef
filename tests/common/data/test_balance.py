"""Classes of unequal size are made equal, and every drawing is of the seed and the epoch."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.utils.class_weight import compute_sample_weight

from common.data.balance import Balance

LABELS = st.lists(st.integers(0, 5), min_size=1, max_size=60).map(np.array)


@given(LABELS, st.sampled_from(("copies", "augmented")), st.integers(0, 9))
def test_copies_make_each_class_as_large_as_the_largest(
    labels: np.ndarray, how: str, epoch: int
) -> None:
    n = len(labels)
    rows = Balance(how, 3).rows(labels, epoch)
    assert sorted(rows[rows < n]) == list(range(n)), "each picture itself is there once"
    sizes = np.bincount(labels)
    shown = np.bincount(labels[rows % n])
    assert set(shown[sizes > 0]) == {sizes.max()}
    times = np.bincount(rows % n, minlength=n)
    for label in np.unique(labels):
        assert np.ptp(times[labels == label]) <= 1, "all are repeated equally often"


@given(LABELS, st.integers(0, 9))
def test_undersampling_makes_each_class_as_small_as_the_smallest(
    labels: np.ndarray, epoch: int
) -> None:
    rows = Balance("undersample", 3).rows(labels, epoch)
    sizes = np.unique(labels, return_counts=True)[1]
    assert len(np.unique(rows)) == len(rows)
    assert set(np.unique(labels[rows], return_counts=True)[1]) == {sizes.min()}
    assert len(rows) == len(sizes) * sizes.min()


@pytest.mark.parametrize("how", ["copies", "augmented", "undersample"])
def test_a_drawing_is_of_the_seed_and_the_epoch(how: str) -> None:
    labels = np.arange(90) % 9 // 7

    def drawn(seed: int, epoch: int) -> list[int]:
        return sorted(Balance(how, seed).rows(labels, epoch))

    assert drawn(0, 1) == drawn(0, 1)
    assert drawn(0, 1) != drawn(0, 2)
    assert drawn(0, 1) != drawn(1, 1)
    assert set(Balance(how).weights(labels)) == {1.0}
    assert Balance(how).resamples


def test_weights_give_each_class_the_same_say() -> None:
    labels = np.array([0, 0, 0, 2, 2, 5])
    weights = Balance("weights").weights(labels)
    totals = np.bincount(labels, weights, minlength=6)
    np.testing.assert_allclose(totals[[0, 2, 5]], 2.0, rtol=1e-6)
    np.testing.assert_allclose(weights, compute_sample_weight("balanced", labels), rtol=1e-6)
    assert weights.mean() == pytest.approx(1.0)
    assert Balance("weights").rows(labels).tolist() == list(range(6))
    assert Balance().weights(labels).tolist() == [1.0] * 6
