"""What a run without a submission measures: scikit-learn's numbers, and test once, at the end."""

import csv
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import sklearn.metrics as sk

from common.blending.ensemble import (
    BlendRecipe,
    EnsembleKernel,
    Joined,
    blend_members,
    write_metrics,
)
from common.blending.evaluation import evaluation_facts, measure, write_predictions
from common.blending.members import join_folds
from common.blending.recipe import with_threshold
from common.competition import Competition
from common.errors import UserError
from common.files.predictions import Predictions, align, load_predictions, save_predictions
from common.kernel import KernelRun
from common.outputs import score_models
from common.parameters import Parameters
from common.tasks.classification import Classification
from common.tasks.multilabel import MultiLabel
from common.tasks.number import Grades, Number
from common.tasks.task import Task
from kernels.results.output import read_json
from support.scored import random_labels, random_predictions

FLOWERS = ("rose", "iris", "lily")
TASKS = {
    "accuracy": Classification(FLOWERS),
    "macro_f1": MultiLabel(FLOWERS),
    "quadratic_weighted_kappa": Grades(FLOWERS),
    "rmse": Number(0, 10),
}


def make(metric: str) -> Competition:
    return Competition("a", "bob/a", "A", TASKS[metric], metric, None, (), "")


def drawn(task: Task, seed: int = 0, rows: int = 60) -> Predictions:
    """Predictions that are a little right, with labels of both parts."""
    generator = np.random.default_rng(seed)
    labels = [random_labels(np.random.default_rng(n), task, rows) for n in (1, 2)]
    noise = [random_predictions(generator, task, rows) for _ in labels]
    found = []
    for truth, values in zip(labels, noise, strict=True):
        right = task.targets(truth) * (task.highest if isinstance(task, Number) else 1)
        found.append(((values + right) / 2).astype(np.float32))
    ids = [np.array([f"{part}{n}" for n in range(rows)]) for part in ("v", "t")]
    return Predictions(ids[0], labels[0], found[0], ids[1], found[1], labels[1])


@pytest.mark.parametrize("metric", TASKS)
def test_each_metric_of_both_parts_is_scikit_learns(metric: str) -> None:
    competition, task = make(metric), TASKS[metric]
    competition.check()
    blended = drawn(task)
    thresholds = competition.find_thresholds(blended.validation_labels, blended.validation)
    facts = evaluation_facts(competition, blended, thresholds, 20)
    found, truth, values = facts["test_metrics"], blended.test_labels, blended.test
    assert (facts["test_score"], facts["test_n"]) == (found[metric], 60)
    low, high = facts["test_interval"]
    assert low <= facts["test_score"] <= high
    assert set(facts["validation_metrics"]) == set(found)
    assert set(found["intervals"]) == set(found) & {competition.metric, *task.shown_metrics}
    if isinstance(task, Number):
        number = task.values(values)
        assert found["rmse"] == pytest.approx(sk.root_mean_squared_error(truth, number))
        assert found["mae"] == pytest.approx(sk.mean_absolute_error(truth, number))
    if not task.classes:
        assert not {"per_class", "confusion"} & set(found)
        return
    decided = task.decide(values, thresholds)
    assert found["accuracy"] == pytest.approx(sk.accuracy_score(truth, decided))
    assert found["macro_f1"] == pytest.approx(sk.f1_score(truth, decided, average="macro"))
    for kind in ("precision", "recall", "f1"):
        expected = getattr(sk, f"{kind}_score")(truth, decided, average=None)
        assert [found["per_class"][name][kind] for name in FLOWERS] == pytest.approx(expected)
    if task.has_class_numbers:
        assert found["confusion"] == sk.confusion_matrix(truth, decided).tolist()
        assert sum(one["pictures"] for one in found["per_class"].values()) == 60
    if metric == "accuracy":
        many = {"multi_class": "ovr", "average": "macro"}
        assert found["roc_auc"] == pytest.approx(sk.roc_auc_score(truth, values, **many), abs=1e-6)
        assert found["log_loss"] == pytest.approx(sk.log_loss(truth, values), rel=1e-5)


def test_of_two_classes_the_second_is_measured() -> None:
    task = Classification(("no", "yes"))
    competition = Competition("a", "bob/a", "A", task, "balanced_accuracy", None, (), "")
    truth = random_labels(np.random.default_rng(0), task, 60)
    values = random_predictions(np.random.default_rng(1), task, 60)
    found = measure(competition, truth, values, None, 20)
    decided, second = values.argmax(axis=1), values[:, 1]
    wanted = {
        "precision": sk.precision_score(truth, decided),
        "recall": sk.recall_score(truth, decided),
        "specificity": sk.recall_score(truth, decided, pos_label=0),
        "f1": sk.f1_score(truth, decided),
        "average_precision": sk.average_precision_score(truth, second),
        "roc_auc": sk.roc_auc_score(truth, second),
    }
    assert {name: found[name] for name in wanted} == pytest.approx(wanted)
    assert len(set(wanted.values())) == len(wanted)
    assert set(wanted) < set(found["intervals"])
    assert "precision" not in measure(make("accuracy"), *three(), None, 20)


def test_intervals_are_by_group_where_a_group_has_several_pictures() -> None:
    competition, alone = make("accuracy"), drawn(TASKS["accuracy"])
    # Each picture five times, as of one patient.
    rows = np.arange(60).repeat(5)
    copies, names = alone.take(rows, rows), np.array([f"p{row}" for row in range(60)])
    grouped = replace(copies, validation_groups=names[rows], test_groups=names[rows])
    singles = replace(alone, validation_groups=names, test_groups=names)
    all_four = (alone, copies, grouped, singles)
    facts = [evaluation_facts(competition, one, None, 200) for one in all_four]
    assert facts[0] == facts[3], "groups of one picture each change nothing"
    assert [one.get("test_groups") for one in facts] == [None, None, 60, None]
    widths = []
    for one in facts:
        low, high = one["test_metrics"]["intervals"]["balanced_accuracy"]
        widths.append(high - low)
    assert widths[1] < 0.6 * widths[0]
    assert widths[2] == pytest.approx(widths[0], rel=0.1)
    validated = [score_models(competition, {"m": one}, 200) for one in (alone, copies, grouped)]
    assert [one.facts("m").get("groups") for one in validated] == [None, None, 60]
    assert validated[1].interval("m") != validated[2].interval("m")
    measured = facts[2]["validation_metrics"]["intervals"]["accuracy"]
    assert validated[2].interval("m") == pytest.approx(measured)


def test_a_blend_has_the_groups_of_a_member_that_knows_them() -> None:
    first = drawn(TASKS["accuracy"])
    names = {"validation_groups": np.full(60, "a"), "test_groups": np.full(60, "b")}
    second = replace(first, **names)
    _, blended = blend_members(make("accuracy"), "mean", {"first": first, "second": second})
    assert set(blended.validation_groups) == {"a"}
    assert set(blended.test_groups) == {"b"}


def three() -> tuple[np.ndarray, np.ndarray]:
    """Labels of test and predictions of three classes."""
    blended = drawn(TASKS["accuracy"])
    assert blended.test_labels is not None
    return blended.test_labels, blended.test


@pytest.mark.parametrize("metric", TASKS)
def test_the_table_has_a_row_for_each_picture(metric: str, tmp_path: Path) -> None:
    task, blended = TASKS[metric], drawn(TASKS[metric])
    path = write_predictions(tmp_path / "p.csv", make(metric), blended, None)
    with open(path, newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["part"] for row in rows] == ["validation"] * 60 + ["test"] * 60
    assert [row["id"] for row in rows[60:]] == blended.test_ids.tolist()
    names = FLOWERS if len(task.classes) == task.units else ("value",)
    values = np.array([[row[name] for name in names] for row in rows[60:]], np.float32)
    np.testing.assert_array_equal(values, blended.test)
    assert blended.test_labels is not None
    if task.classes:
        assert rows[60]["label"] == task.describe(blended.test_labels[0])
        assert rows[60]["predicted"] == task.describe(task.decide(blended.test)[0])
    else:
        assert [float(row["label"]) for row in rows[60:]] == blended.test_labels.tolist()
    unlabelled = replace(blended, test_labels=None)
    text = write_predictions(tmp_path / "u.csv", make(metric), unlabelled, None).read_text()
    assert text.splitlines()[-1].split(",")[:3] == ["t59", "test", ""]


def test_what_is_not_defined_on_test_is_left_out() -> None:
    competition = make("accuracy")
    labels, values = np.zeros(9, int), np.full((9, 3), 1 / 3)
    found = measure(competition, labels, values, None, 20)
    assert "roc_auc" not in found
    assert found["per_class"]["rose"]["recall"] == 1.0
    assert found["per_class"]["iris"] == {
        **dict.fromkeys(("precision", "recall", "f1")), "pictures": 0,
    }  # fmt: skip


TWO = Classification(("no", "yes"))


@pytest.mark.parametrize(
    ("metric", "threshold", "recall"), [("balanced_accuracy", "best", None), ("roc_auc", "half", 1)]
)
def test_the_threshold_of_validation_decides_test(
    metric: str, threshold: str, recall: float | None, tmp_path: Path
) -> None:
    plain = Competition("a", "bob/a", "A", TWO, metric, None, (), "")
    competition, random = with_threshold(plain, threshold, recall), np.random.default_rng(3)
    labels, values = [], []
    for rows in (60, 80):
        labels.append(random.integers(0, 2, rows))
        second = ((labels[-1] * 0.2 + random.random(rows)) / 3).astype(np.float32)
        values.append(np.stack([1 - second, second], axis=1))
    ids = [np.array([f"{part}{n}" for n in range(len(own))]) for part, own in enumerate(labels)]
    blended = Predictions(ids[0], labels[0], values[0], ids[1], values[1], labels[1])
    recipe = BlendRecipe(resamples=20, threshold=threshold, recall=recall)
    joined, weights = Joined({"one": blended}, {}, {}), np.ones(1)
    write_metrics(tmp_path, competition, recipe, joined, weights, blended)
    found = read_json(tmp_path / "metrics.json")
    assert found["chosen_on"] == "threshold chosen on the same pictures"
    [at] = found["thresholds"]
    for part, truth, own in zip(("validation", "test"), labels, values, strict=True):
        decided, measured = own[:, 1] >= at, found[f"{part}_metrics"]
        assert measured["recall"] == pytest.approx(sk.recall_score(truth, decided))
        assert measured["confusion"] == sk.confusion_matrix(truth, decided).tolist()
        assert measured["confusion"] != sk.confusion_matrix(truth, own.argmax(axis=1)).tolist()
    assert found["validation_recall"] == found["validation_metrics"]["recall"] >= (recall or 0)
    assert found["validation_specificity"] == found["validation_metrics"]["specificity"]
    assert found["validation_accuracy"] == found["validation_metrics"]["accuracy"]


@pytest.mark.parametrize("classes", [2, 1])
def test_a_kernel_with_a_recall_writes_what_it_decided_or_says_why_not(
    classes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    random, ids = np.random.default_rng(4), np.array([f"p{n}" for n in range(50)])
    labels, member = np.arange(50) % classes, tmp_path / "notebooks/bob/one"
    second = (labels * 0.2 + random.random(50)) / 3
    values = np.stack([1 - second, second], axis=1).astype(np.float32)
    member.mkdir(parents=True)
    with KernelRun(Parameters(kernel="one"), BlendRecipe(), member):
        save_predictions(member, Predictions(ids, labels, values, ids[:1], values[:1]), "one")
    monkeypatch.setenv("KAGGLE_CACHE_MOUNT_FOLDER", str(tmp_path))
    competition = Competition("a", "bob/a", "A", TWO, "balanced_accuracy", None, (), "")
    kernel = EnsembleKernel(competition, BlendRecipe(resamples=20, recall=0.9))
    run = KernelRun(Parameters("ensemble", sources={"one": "bob/one"}), kernel.recipe, tmp_path)
    if classes == 1:
        with pytest.raises(UserError, match="ensemble: a threshold was .* not both classes: leave"):
            kernel.carry_out(run)
        return
    kernel.carry_out(run)
    with open(tmp_path / "predictions.csv", newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["part"] == "validation"]
    called = [row["predicted"] == "yes" for row in rows]
    [at] = read_json(tmp_path / "metrics.json")["thresholds"]
    assert called == (second.astype(np.float32) >= at).tolist()
    assert np.mean(np.array(called)[labels == 1]) >= 0.9
    assert (tmp_path / "roc.png").stat().st_size > 5_000


@pytest.mark.parametrize(
    ("task", "metric", "asked", "said"),
    [
        (TASKS["accuracy"], "accuracy", {"recall": 0.9}, "recall=0.9: .* and a has 3 .classificat"),
        (TASKS["macro_f1"], "macro_f1", {"threshold": "best"}, "=best: .* 3 .multilabel.: leave"),
        (Number(0, 1), "rmse", {"threshold": "best"}, "of two classes, and a has none .number."),
        (TWO, "log_loss", {"threshold": "best"}, "log_loss is of probabilities, whatever the"),
    ],
)
def test_a_threshold_where_there_is_none_is_one_line(
    task: Task, metric: str, asked: dict, said: str
) -> None:
    competition = Competition("a", "bob/a", "A", task, metric, None, (), "")
    with pytest.raises(UserError, match=said):
        EnsembleKernel(competition, BlendRecipe(**asked))
    with pytest.raises(UserError, match=said):
        EnsembleKernel(competition, BlendRecipe()).resolve(settings=asked)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1", "quadratic_weighted_kappa"])
def test_labels_of_test_change_no_weight_no_threshold_and_no_prediction(
    metric: str, tmp_path: Path
) -> None:
    competition = make(metric)
    members = {name: drawn(competition.task, seed) for seed, name in enumerate(("a", "b"))}
    found = []
    for shift in (0, 1):
        moved = {
            name: replace(member, test_labels=np.roll(member.test_labels, shift, axis=0))
            for name, member in members.items()
        }
        weights, blended = blend_members(competition, "weighted", moved)
        write_metrics(
            tmp_path, competition, BlendRecipe("weighted", resamples=20), Joined(moved, {}, {}),
            weights, blended,
        )  # fmt: skip
        found.append(
            (weights.tolist(), blended.test.tolist(), read_json(tmp_path / "metrics.json"))
        )
    (*first, right), (*second, wrong) = found
    assert first == second
    assert right["test_score"] > wrong["test_score"]
    at = competition.find_thresholds(blended.validation_labels, blended.validation)
    assert right.get("thresholds") == (None if at is None else at.tolist())
    truth = members["a"].test_labels
    assert right["test_score"] == pytest.approx(competition.score(truth, blended.test, at))
    tested = {"test_score", "test_interval", "test_metrics"}
    assert {n: v for n, v in right.items() if n not in tested} == {
        n: v for n, v in wrong.items() if n not in tested
    }


def test_members_bring_the_same_labels_of_test_or_none(tmp_path: Path) -> None:
    one = drawn(TASKS["accuracy"])
    turned = one.take(np.arange(60)[::-1], np.arange(60)[::-1])
    without = replace(one, test_labels=None)
    aligned = align({"a": without, "b": turned})
    assert aligned["a"].test_labels is None
    np.testing.assert_array_equal(aligned["b"].test_labels, one.test_labels)
    _, blended = blend_members(make("accuracy"), "mean", aligned)
    np.testing.assert_array_equal(blended.test_labels, one.test_labels)
    save_predictions(tmp_path, blended, "me")
    np.testing.assert_array_equal(load_predictions(tmp_path, "me").test_labels, one.test_labels)
    other = replace(one, test_labels=(one.test_labels + 1) % 3)
    with pytest.raises(UserError, match="test labels of a and b differ"):
        align({"a": one, "b": other})
    half = np.arange(60) < 30
    rows = np.arange(60)
    folds = {"f0": one.take(half, rows), "f1": turned.take(half, rows)}
    np.testing.assert_array_equal(join_folds(folds).test_labels, one.test_labels)
