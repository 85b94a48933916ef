"""The thresholds of several labels, held against scikit-learn's F1."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

from common.metrics.metric import find_metric
from common.tasks.multilabel import MultiLabel

GRID = np.linspace(0.02, 0.98, 49)


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_each_labels_threshold_has_the_best_f1_of_the_grid(seed: int) -> None:
    rng = np.random.default_rng(seed)
    labels = (rng.random((30, 3)) < (0.5, 0.1, 0.0)).astype(np.uint8)
    values = rng.random((30, 3))
    found = MultiLabel(("a", "b", "c")).find_thresholds(find_metric("macro_f1"), labels, values)
    assert found is not None
    assert found[2] == 0.5  # no picture has it
    for label in range(2):
        truth, given_to = labels[:, label], values[:, label]
        scores = [f1_score(truth, given_to > level, zero_division=0) for level in GRID]
        own = f1_score(truth, given_to > found[label], zero_division=0)
        assert not truth.any() or abs(own - max(scores)) < 1e-12
