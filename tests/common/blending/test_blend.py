"""Blends: found by the competition's own metric in its own direction, exact for two members."""

import itertools
from collections.abc import Callable

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, log_loss

from common.blending.blend import METHODS, find_weights, mix, search_classes, search_grid
from common.blending.ensemble import BlendRecipe, blend_members
from common.competition import Competition
from common.errors import UserError
from common.files.predictions import Predictions
from common.forms import LabelColumn, LabelList, NumberColumn, ProbabilityColumns
from common.metrics.metric import find_metric
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from common.tasks.task import Task
from support.scored import make


def members(seed: int, rows: int, classes: int, number: int = 2) -> tuple[np.ndarray, list]:
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, rows)
    lift = np.eye(classes)[labels]
    return labels, [
        random.dirichlet(np.ones(classes), rows) + 0.3 * lift * random.random()
        for _ in range(number)
    ]


def macro_f1_of(labels: np.ndarray) -> Callable[[np.ndarray], float]:
    return lambda mixed: float(
        f1_score(labels, mixed.argmax(axis=1), average="macro", zero_division=0)
    )


def brute_force(labels: np.ndarray, pair: list) -> float:
    """The best macro F1 over every interval between crossings of any two lines of a row."""
    a, b = pair
    points = {0.0, 1.0}
    for row in range(len(labels)):
        for i, j in itertools.combinations(range(a.shape[1]), 2):
            slope = (a[row, i] - b[row, i]) - (a[row, j] - b[row, j])
            if slope:
                points.add((b[row, j] - b[row, i]) / slope)
    edges = np.array(sorted(p for p in points if 0 <= p <= 1))
    middles = (edges[1:] + edges[:-1]) / 2
    score = macro_f1_of(labels)
    return max(score(t * a + (1 - t) * b) for t in middles)


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 30), st.integers(2, 5))
def test_weighted_is_the_exact_optimum_for_two_members(seed: int, rows: int, classes: int) -> None:
    labels, pair = members(seed, rows, classes)
    score = macro_f1_of(labels)
    weights = find_weights("weighted", pair, score, search_classes)
    assert score(mix(weights, pair)) == pytest.approx(brute_force(labels, pair), abs=1e-9)


@settings(max_examples=12, deadline=None)
@given(st.integers(0, 10**6), st.integers(1, 40), st.integers(2, 6), st.integers(1, 4))
def test_weights_are_a_distribution_and_searching_never_loses_to_the_mean(
    seed: int, rows: int, classes: int, number: int
) -> None:
    labels, stack = members(seed, rows, classes, number)
    score = macro_f1_of(labels)
    mean = score(np.mean(stack, axis=0))
    for method in METHODS:
        weights = find_weights(method, stack, score, search_classes)
        assert weights.min() >= 0
        assert weights.sum() == pytest.approx(1)
        if method == "weighted":
            assert score(mix(weights, stack)) >= mean - 1e-12


def predictions(labels: np.ndarray, validation: np.ndarray) -> Predictions:
    ids = np.array([f"v{row}" for row in range(len(labels))])
    return Predictions(ids, labels, validation, ids[:1], validation[:1])


TWO = Classification(("a", "b"), threshold="best")
CASES = {
    "accuracy": (Classification(("a", "b", "c")), LabelColumn("y")),
    "balanced_accuracy": (Classification(("a", "b", "c")), LabelColumn("y")),
    "macro_f1": (Classification(("a", "b", "c")), LabelColumn("y")),
    "log_loss": (Classification(("a", "b", "c")), ProbabilityColumns()),
    "roc_auc": (Classification(("a", "b", "c")), ProbabilityColumns()),
    "micro_f1": (MultiLabel(("a", "b", "c")), LabelList("y")),
    "samples_f1": (MultiLabel(("a", "b", "c")), LabelList("y")),
    "rmse": (Number(0, 10), NumberColumn("y")),
    "mae": (Number(0, 10), NumberColumn("y")),
    "quadratic_weighted_kappa": (Grades(("a", "b", "c", "d")), LabelColumn("y")),
}


def competition(metric: str) -> Competition:
    task, form = CASES[metric]
    return make(task, metric, form)


def drawn(task: Task, seed: int, rows: int = 40) -> tuple[np.ndarray, list[np.ndarray]]:
    """Labels of a task, and two models' predictions, one of which is the better."""
    random = np.random.default_rng(seed)
    if isinstance(task, Grades):
        labels = random.integers(0, 4, rows)
        found = [labels[:, None] + random.normal(0, s, (rows, 1)) for s in (0.7, 1.0)]
        return labels, [np.clip(f, 0, 3) for f in found]
    if isinstance(task, Number):
        labels = random.uniform(0, 10, rows)
        found = [labels[:, None] + random.normal(m, s, (rows, 1)) for m, s in ((1, 1), (-1, 2))]
        return labels, found
    if isinstance(task, MultiLabel):
        labels = random.integers(0, 2, (rows, 3))
        return labels, [(labels * 0.3 + random.random((rows, 3)) * s) / 2 for s in (0.8, 1.1)]
    labels = np.concatenate([np.arange(3), random.integers(0, 3, rows - 3)])
    found = [random.dirichlet(np.ones(3), rows) + w * np.eye(3)[labels] for w in (0.3, 0.2)]
    return labels, [f / f.sum(axis=1, keepdims=True) for f in found]


@pytest.mark.parametrize("name", CASES)
def test_two_members_come_within_1e_4_of_a_fine_grid_in_the_direction_of_the_metric(
    name: str,
) -> None:
    toy = competition(name)
    labels, pair = drawn(toy.task, 3)
    named = {"one": predictions(labels, pair[0]), "two": predictions(labels, pair[1])}

    def score(values: np.ndarray) -> float:
        return toy.score(labels, values, toy.find_thresholds(labels, values))

    sign = toy.scoring.sign
    # Thresholds for each weight are not searched: they fit the noise of 40 rows.
    steps, off = (101, 1e-4) if toy.find_thresholds(labels, pair[0]) is None else (11, 0.02)
    grid = [score(t * pair[0] + (1 - t) * pair[1]) for t in np.linspace(0, 1, steps)]
    alone = max(sign * grid[0], sign * grid[-1])
    for method in ("weighted", "greedy"):
        _, mixed = blend_members(toy, method, named)
        assert sign * score(mixed.validation) >= alone - 1e-12
        if method == "weighted":
            assert sign * score(mixed.validation) >= max(sign * value for value in grid) - off


@pytest.mark.parametrize("task", [TWO, Classification(("a", "b"), recall=0.9)])
def test_at_its_threshold_a_blend_of_two_classes_is_not_worse_than_its_members(
    task: Classification,
) -> None:
    toy = make(task, "f1", LabelColumn("y"))
    random = np.random.default_rng(6)
    labels = random.integers(0, 2, 60)
    second = [(labels * w + random.random(60)) / (1 + w) for w in (0.6, 0.5)]
    pair = [np.stack([1 - one, one], axis=1) for one in second]
    named = {"one": predictions(labels, pair[0]), "two": predictions(labels, pair[1])}

    def score(values: np.ndarray) -> float:
        return toy.score(labels, values, toy.find_thresholds(labels, values))

    for method in ("weighted", "greedy"):
        _, mixed = blend_members(toy, method, named)
        assert score(mixed.validation) >= max(map(score, [*pair, np.mean(pair, axis=0)])) - 1e-12
    if task.recall:
        recall = find_metric("recall")
        decided = task.decide(mixed.validation, toy.find_thresholds(labels, mixed.validation))
        assert recall.score(labels, decided) >= task.recall


def test_more_members_are_not_worse_than_each_and_the_mean() -> None:
    toy = competition("log_loss")
    labels, pair = drawn(toy.task, 4)
    noise = np.random.default_rng(5).dirichlet(np.ones(3), len(labels))
    stack = [*pair, noise, pair[0] * 0.9 + noise * 0.1]
    named = {f"m{n}": predictions(labels, part) for n, part in enumerate(stack)}
    for method in ("weighted", "greedy"):
        weights, mixed = blend_members(toy, method, named)
        best = min(log_loss(labels, part) for part in [*stack, np.mean(stack, axis=0)])
        assert log_loss(labels, mixed.validation) <= best + 1e-9
        assert len(weights) == 4


def test_accuracy_picks_the_member_of_the_higher_accuracy() -> None:
    """The member with the higher macro F1 is not the one with the higher accuracy."""
    labels = np.array([0] * 16 + [1] * 2 + [2] * 2)
    most = np.where(labels > 0, 0, labels)  # accuracy 0.80, macro F1 0.30
    even = np.where(np.arange(20) < 6, 1, labels)  # accuracy 0.70, macro F1 0.78
    named = {
        name: predictions(labels, np.eye(3)[predicted])
        for name, predicted in (("most", most), ("even", even))
    }
    for metric, accuracy in (("accuracy", 0.8), ("macro_f1", 0.7)):
        _, mixed = blend_members(competition(metric), "weighted", named)
        assert competition("accuracy").score(labels, mixed.validation) == accuracy


def test_unknown_method_and_no_validation_are_refused() -> None:
    with pytest.raises(UserError, match="setting method=median: did you mean mean"):
        BlendRecipe("median")
    with pytest.raises(UserError, match="setting resamples=-1: it must be from 0"):
        BlendRecipe(resamples=-1)
    with pytest.raises(UserError, match="setting recall=2: it must be from 0 to 1"):
        BlendRecipe(recall=2)
    with pytest.raises(UserError, match="they are two thresholds: give one"):
        BlendRecipe(threshold="best", recall=0.9)
    with pytest.raises(UserError, match="needs validation predictions"):
        find_weights("weighted", [np.zeros((0, 3))], lambda mixed: 0.0, search_grid)
