"""Batches of P classes x K pictures."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from common.data.samplers import ClassBatches, deal
from common.errors import UserError


def epoch(batches: ClassBatches, seed: int = 0) -> np.ndarray:
    return batches.epoch(np.random.default_rng(seed))


def spread(drawn: list[int], known: list[int]) -> int:
    """How often the commonest comes more than the rarest."""
    return int(np.ptp([drawn.count(item) for item in known]))


@given(
    st.lists(st.integers(0, 6), min_size=4, max_size=60),
    st.integers(2, 5),
    st.integers(2, 5),
    st.integers(0, 12),
    st.integers(0, 2**32 - 1),
)
@settings(max_examples=150, deadline=None)
def test_every_batch_is_p_classes_of_k_pictures(
    drawn: list[int], classes: int, pictures: int, steps: int, seed: int
) -> None:
    labels = np.array(drawn)
    sizes = {label: count for label, count in Counter(drawn).items() if count > 1}
    assume(len(sizes) >= classes)
    batches = ClassBatches(labels, classes, pictures, steps)
    rows = epoch(batches, seed)
    assert rows.shape == (batches.steps, classes * pictures)
    assert batches.steps == (steps or -(-sum(sizes.values()) // (classes * pictures)))
    for batch in rows.reshape(-1, classes, pictures):
        held = labels[batch]
        assert (held == held[:, :1]).all()
        assert len(set(held[:, 0].tolist())) == classes
        for label, chosen in zip(held[:, 0].tolist(), batch.tolist(), strict=True):
            assert len(set(chosen)) == min(pictures, sizes[label])
            assert spread(chosen, chosen) <= 1
    assert set(labels[rows].ravel().tolist()) <= set(sizes)
    assert batches.unused == sum(label not in sizes for label in drawn)
    assert spread(labels[rows[:, ::pictures]].ravel().tolist(), list(sizes)) <= 1
    for label, size in sizes.items():
        if size >= pictures:
            of_class = np.flatnonzero(labels == label).tolist()
            assert spread(rows.ravel().tolist(), of_class) <= 1


def test_classes_meet_others_all_the_time() -> None:
    labels = np.repeat(np.arange(10), 2)
    rows = epoch(ClassBatches(labels, 2, 2, steps=4000))
    met = Counter(tuple(sorted(set(labels[batch].tolist()))) for batch in rows)
    assert len(met) == 45
    assert 50 < min(met.values()) <= max(met.values()) < 150


@given(st.integers(1, 9), st.integers(0, 20), st.integers(1, 12), st.integers(0, 99))
def test_hands_have_all_items_alike(items: int, hands: int, size: int, seed: int) -> None:
    dealt = deal(np.arange(items) + 3, hands, size, np.random.default_rng(seed))
    assert dealt.shape == (hands, size)
    assert dealt.dtype == np.int64
    for hand in dealt.tolist():
        assert spread(hand, list(range(3, items + 3))) <= 1


def test_the_summary_says_what_is_left_out_and_repeated() -> None:
    labels = np.array([0] * 5 + [1] * 4 + [2] * 2 + [3] + [4])
    assert ClassBatches(labels, 2, 4, steps=7).summary == (
        "7 batches of 2 classes x 4 pictures from 3 classes, of which 1 have fewer and repeat "
        "theirs; left out with one picture: 2"
    )


@pytest.mark.parametrize(
    ("replicas", "said"),
    [(1, "with --set batch_size=10,"), (2, "with --set batch_size=4,"), (8, "on fewer than 8 dev")],
)
def test_the_batch_that_fits_is_named_for_one_of_the_devices(replicas: int, said: str) -> None:
    labels = np.repeat(np.arange(5), 2)
    with pytest.raises(UserError, match=f"batches of 8 classes, and 5 of 5 .*: train {said}"):
        ClassBatches(labels, 8, 2, replicas=replicas)


@pytest.mark.parametrize(
    ("labels", "classes", "pictures", "said"),
    [
        ([], 2, 2, "0 of 0 classes have 2 pictures or more: triplets need 2"),
        ([0, 0, 1, 2], 2, 2, "1 of 3 classes have 2 pictures or more: triplets need 2"),
        ([0, 0, 1, 1, 2], 3, 2, "train with --set batch_size=4, or less"),
        ([0, 0, 1, 1], 1, 2, "set both to 2 or more"),
        ([0, 0, 1, 1], 2, 1, "set both to 2 or more"),
    ],
)
def test_what_makes_no_triplets_is_refused(labels, classes: int, pictures: int, said: str) -> None:
    with pytest.raises(UserError, match=said):
        ClassBatches(np.array(labels, int), classes, pictures)
