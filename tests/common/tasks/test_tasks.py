"""Tasks: labels, targets, decisions, thresholds and folds; what does not fit is one line."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

from common.competition import Competition
from common.data.tables import read_table
from common.errors import UserError
from common.forms import (
    BestLabels,
    Form,
    LabelColumn,
    LabelList,
    ProbabilityColumn,
    ProbabilityColumns,
)
from common.metrics.metric import find_metric
from common.recipes.classifier import ClassifierRecipe
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from common.tasks.pairs import Pairs
from common.tasks.task import Task

ABC = ("a", "b", "c")
TASKS: dict[str, Task] = {
    "classification": Classification(ABC),
    "multilabel": MultiLabel(ABC),
    "number": Number(1, 100),
    "grades": Grades(("none", "mild", "severe")),
}
LABELS = {
    "classification": np.array([0, 2, 1, 1]),
    "multilabel": np.array([[1, 0, 0], [1, 1, 0], [0, 0, 1], [0, 1, 0]]),
    "number": np.array([1.0, 100.0, 50.5, 7.0]),
    "grades": np.array([0, 2, 1, 1]),
}


@pytest.mark.parametrize("name", TASKS)
def test_a_head_learns_its_targets_and_predicts_labels_in_their_own_unit(name: str) -> None:
    import keras

    task, labels = TASKS[name], LABELS[name]
    task.check_labels(labels, "train")
    targets = task.targets(labels)
    assert targets.shape == (4, task.units)
    assert targets.dtype == np.float32
    assert targets.min() >= 0
    assert targets.max() <= 1
    inputs = keras.Input((2,))
    model = keras.Model(inputs, task.output_layer()(inputs))
    loss = task.loss(ClassifierRecipe(), labels)
    model.compile("adam", loss, weighted_metrics=task.metrics())
    model.fit(np.ones((4, 2), np.float32), targets, verbose=0)
    found = task.predictions(model.predict(np.ones((4, 2), np.float32), verbose=0))
    task.check_predictions(found, "kernel")
    perfect = task.predictions(targets)
    if name != "number":
        np.testing.assert_array_equal(task.decide(perfect), labels)
    if name in ("number", "grades"):
        np.testing.assert_allclose(task.values(perfect), labels, rtol=1e-6)


@pytest.mark.parametrize(
    ("task", "labels", "said"),
    [
        (TASKS["classification"], np.array([0, 3]), "val: row 1 has label 3, expected 0 to 2"),
        (TASKS["classification"], np.array([0.5]), "val: labels of shape .* float64, expected a"),
        (TASKS["grades"], np.array([-1]), "val: row 0 has label -1, expected 0 to 2"),
        (TASKS["multilabel"], np.array([[0, 1, 2]]), "val: labels of shape .*expected 0 or 1"),
        (TASKS["multilabel"], np.array([0, 1]), r"expected 0 or 1 in shape \(2, 3\)"),
        (TASKS["number"], np.array([5.0, 0.0]), "val: row 1 has label 0.0, expected 1 to 100"),
        (TASKS["number"], np.array([np.nan]), "val: row 0 has label nan, expected 1 to 100"),
        (Pairs(), np.zeros((2, 2), int), "expected a class number for each picture"),
    ],
)
def test_labels_of_another_task_are_refused(task: Task, labels: np.ndarray, said: str) -> None:
    with pytest.raises(UserError, match=said):
        task.check_labels(labels, "val")


@pytest.mark.parametrize(
    ("task", "labels", "encoded", "described"),
    [
        (MultiLabel(ABC), [["a"], ["c", "b"], []], [[1, 0, 0], [0, 1, 1], [0, 0, 0]], "b, c"),
        (Classification(ABC), np.array(["c", "a", "c"]), [2, 0, 2], "a"),
    ],
)
def test_labels_are_encoded_by_name(task: Any, labels: Any, encoded: list, described: str) -> None:
    assert task.encode(labels).tolist() == encoded
    assert task.describe(task.encode(labels)[1]) == described
    said = "row 1: 'd' is none of the classes: known are a, b, c; a class that is missing belongs"
    with pytest.raises(UserError, match=rf"{said} in {type(task).__name__}\("):
        task.encode([["a"], ["d"]] if isinstance(task, MultiLabel) else ["a", "d"])


@pytest.mark.parametrize("task", [MultiLabel(ABC), Classification(ABC)])
def test_a_wrong_label_of_a_table_is_named_with_its_line(task: Any, tmp_path: Path) -> None:
    path = tmp_path / "train.csv"
    path.write_text("id,label\n1,a\n\n2,d\n")
    labels = read_table(path)["label"]
    with pytest.raises(UserError, match=f"^{path}: line 4: 'd' is none of the classes"):
        task.encode(labels.str.split() if isinstance(task, MultiLabel) else labels)


@pytest.mark.parametrize(
    ("task", "row", "said"),
    [
        ("classification", [0.2, 0.3, 0.1], "m, test: row 1 predicts 0.2, 0.3, 0.1, and the task"),
        ("classification", [1.5, -0.5, 0.0], "has probabilities from 0 to 1 whose sum is 1"),
        ("multilabel", [0.5, 1.5, 0.0], "multilabel has probabilities from 0 to 1"),
    ],
)
def test_predictions_that_are_no_probabilities_are_refused(
    task: str, row: list[float], said: str
) -> None:
    sound = np.array([[0.2, 0.3, 0.5]])
    TASKS[task].check_predictions(sound, "m, test")
    with pytest.raises(UserError, match=said):
        TASKS[task].check_predictions(np.vstack([sound, [row]]), "m, test")


@pytest.mark.parametrize(
    ("task", "labels", "said"),
    [
        (Classification(("no", "yes")), [1, 1, 1], "all 3 rows have the same answer$"),
        (Classification(ABC), [0, 1, 0], "all 3 rows have the same answer, of c"),
        (MultiLabel(ABC), [[1, 0, 0], [0, 0, 1]], "all 2 rows have the same answer, of b"),
    ],
)
def test_labels_that_could_not_be_measured_are_refused(task: Task, labels: list, said: str) -> None:
    facts = competition(task, "roc_auc", ProbabilityColumns())
    with pytest.raises(UserError, match=f"ROC AUC cannot be measured: {said}"):
        facts.check_measurable(np.array(labels))
    replace(facts, metric="log_loss").check_measurable(np.array(labels))
    facts.check_measurable(np.array(labels)[:0])


def test_a_number_has_two_bounds_in_their_order() -> None:
    with pytest.raises(TypeError, match="lowest"):
        Number()  # type: ignore[call-arg]
    with pytest.raises(UserError, match="from 100 to 1: exchange the bounds"):
        Number(100, 1)


def test_a_picture_has_a_label_at_least_unless_it_need_not() -> None:
    low = np.array([[0.1, 0.3, 0.2], [0.9, 0.8, 0.1]])
    assert MultiLabel(ABC).decide(low).tolist() == [[0, 1, 0], [1, 1, 0]]
    assert MultiLabel(ABC, at_least_one=False).decide(low).tolist() == [[0, 0, 0], [1, 1, 0]]


@pytest.mark.parametrize("metric", ["micro_f1", "macro_f1", "samples_f1", "accuracy"])
def test_thresholds_of_labels_are_never_worse_than_a_half(metric: str) -> None:
    task, random = MultiLabel(ABC, at_least_one=False), np.random.default_rng(0)
    labels = (random.random((300, 3)) < (0.5, 0.2, 0.1)).astype(int)
    found = (0.3 * labels + random.random((300, 3)) * 0.4).clip(0, 1)
    thresholds = task.find_thresholds(find_metric(metric), labels, found)
    assert thresholds is not None
    score = find_metric(metric).score
    assert score(labels, task.decide(found, thresholds)) > score(labels, task.decide(found)) + 0.02
    assert (len(set(thresholds.tolist())) > 1) == (metric == "macro_f1")  # else one for all


@settings(deadline=None, max_examples=15)
@given(st.integers(0, 2**32 - 1))
def test_each_labels_threshold_has_the_best_f1_of_the_grid(seed: int) -> None:
    random, grid = np.random.default_rng(seed), np.linspace(0.02, 0.98, 49)
    labels = (random.random((30, 3)) < (0.5, 0.1, 0.0)).astype(np.uint8)
    values = random.random((30, 3))
    found = MultiLabel(ABC).find_thresholds(find_metric("macro_f1"), labels, values)
    assert found is not None
    assert found[2] == 0.5  # no picture has it
    for truth, given_to, threshold in zip(labels.T[:2], values.T, found, strict=False):
        scores = [f1_score(truth, given_to > level, zero_division=0) for level in grid]
        own = f1_score(truth, given_to > threshold, zero_division=0)
        assert not truth.any() or abs(own - max(scores)) < 1e-12


def test_thresholds_of_grades_put_shifted_values_right() -> None:
    task = Grades(("0", "1", "2", "3", "4"))
    random = np.random.default_rng(0)
    labels = random.integers(0, 5, 400)
    values = (0.6 * labels + 0.9 + random.normal(0, 0.1, 400))[:, None]
    kappa = find_metric("quadratic_weighted_kappa")
    thresholds = task.find_thresholds(kappa, labels, values)
    assert thresholds is not None
    assert (np.diff(thresholds) >= 0).all()
    assert kappa.score(labels, task.decide(values, thresholds)) > 0.97
    assert kappa.score(labels, task.decide(values)) < 0.9
    assert task.find_thresholds(find_metric("rmse"), labels, values) is None


def test_strata_are_classes_rarest_labels_and_tenths_of_numbers() -> None:
    for name in ("classification", "grades"):
        np.testing.assert_array_equal(TASKS[name].strata(LABELS[name]), LABELS[name])
    rarest = TASKS["multilabel"].strata(np.array([[1, 1, 0], [1, 0, 0], [1, 0, 1], [0, 0, 0]]))
    assert rarest.tolist() == [1, 0, 2, 3]
    tenths = TASKS["number"].strata(np.random.default_rng(0).permutation(60) + 1)
    assert np.bincount(tenths).tolist() == [6] * 10


def competition(task: Task, metric: str, form: Form) -> Competition:
    return Competition("toy", "toy", "Toy", task, metric, form, (), "")


FLOWERS = ("daisy", "sun flower")
LETTERS, TWO, SEVERAL = TASKS["classification"], Classification(FLOWERS), MultiLabel(FLOWERS)
LABEL = LabelColumn("y")


@pytest.mark.parametrize(
    ("task", "metric", "form", "said"),
    [
        (LETTERS, "acuracy", LABEL, "unknown metric 'acuracy'"),
        (LETTERS, "rmse", LABEL, "toy: its metric rmse does not measure the task classification, "),
        (TASKS["number"], "rmse", LABEL, "its submission LabelColumn is not of the task number"),
        (
            LETTERS,
            "log_loss",
            LABEL,
            "log_loss is of probabilities, and the submission LabelColumn",
        ),
        (LETTERS, "map@3", BestLabels("y"), "its submission is of 5 labels, and its metric"),
        (LETTERS, "roc_auc", ProbabilityColumn("y"), "one probability, and there are 3"),
        (SEVERAL, "micro_f1", LabelList("t"), "by ' ', which is in 'sun flower'"),
        (SEVERAL, "micro_f1", LabelList("t", separator=""), "by '', which is in"),
        (TWO, "map@5", BestLabels("t"), "by ' ', which is in 'sun flower'"),
        (
            MultiLabel(ABC, at_least_one=False),
            "micro_f1",
            LabelList("t"),
            "empty cells where there is no label: name a word as",
        ),
        (TWO, "roc_auc", ProbabilityColumn("t", positive=2), "of class 2: name 0 or 1"),
        (Pairs(), "roc_auc", ProbabilityColumn("t", positive=0), "of class 0: name 1"),
        (Pairs(), "roc_auc", None, "its task pairs needs a submission, which the ensemble writes"),
        (LETTERS, "f1", LABEL, "f1 is of the second of two classes, and there are 3: name another"),
        (LETTERS, "specificity", None, "specificity is of the second of two classes"),
        (
            *(TWO, "average_precision", ProbabilityColumn("t", positive=0)),
            "average_precision is of the second: exchange the classes",
        ),
        (TWO, "average_precision", ProbabilityColumns(), "of one column: take ProbabilityColumn"),
        (TWO, "log_loss", ProbabilityColumns("image_id"), "write id_column='image_id'"),
        (LETTERS, "accuracy", LabelColumn(), "has the columns id, : name each"),
        (LETTERS, "log_loss", ProbabilityColumns(names=("x", "y")), "2 columns, and there are 3"),
    ],
)
def test_what_does_not_fit_is_one_line(
    task: Task, metric: str, form: Form | None, said: str
) -> None:
    with pytest.raises(UserError) as caught:
        replace(competition(task, metric, LABEL), submission=form).check()
    assert said in str(caught.value)
