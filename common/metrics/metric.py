"""Metrics by name, computed by scikit-learn: their direction and what they are of.

MAP@k and the top-k error are our own: scikit-learn lacks the one, and of equal probabilities it
takes other classes for the other than a submission does. Macro F1 of classes is counted here:
intervals ask for it a thousand times. scikit-learn is imported when a metric is computed, because a
plan only asks for names.
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from common.errors import UserError
from common.recipe import nearest

Function = Callable[[np.ndarray, np.ndarray], float]
SMALLEST = 1e-15  # probability that Kaggle's log loss clips at
_NUMBERED = re.compile(r"(map@|top)(\d{1,3})(_error)?")


@dataclass(frozen=True)
class Metric:
    """One metric.

    Attributes:
        name: as a competition names it, e.g. ``macro_f1`` or ``map@5``.
        title: for people.
        kind: ``labels``, ``probabilities`` (or scores), ``ranking`` (probabilities of which only
            the order counts) or ``values``.
        tasks: the names of the tasks that it measures (``common.tasks``).
        function: ``(truth, predicted) -> float``; shapes are those of the task.
        greater_is_better: its direction.
        highest: that it can be; None is without a bound.
    """

    name: str
    title: str
    kind: str
    tasks: tuple[str, ...]
    function: Function
    greater_is_better: bool = True
    highest: float | None = 1.0

    @property
    def lowest(self) -> float:
        """The lowest that it can be."""
        return -1.0 if self.name.endswith("kappa") else 0.0

    @property
    def sign(self) -> int:
        """1 where greater is better, else -1: ``sign * score`` is to be maximised."""
        return 1 if self.greater_is_better else -1

    def score(self, truth: np.ndarray, predicted: np.ndarray, columns: Sequence[str] = ()) -> float:
        """Return the metric of ``predicted``, whose columns are called ``columns``.

        Raises UserError where it is not defined.
        """
        if not len(truth):
            raise UserError(f"{self.title} of no rows: there are no validation predictions")
        try:
            return float(self.function(np.asarray(truth), np.asarray(predicted)))
        except UndefinedError as error:
            number = error.column
            where = "" if number is None else f", of {columns[number] if columns else number}"
            raise UserError(f"{self.title} cannot be measured: {error}{where}") from None


class UndefinedError(ValueError):
    """The metric is not defined for these rows, or their ``column``; the message is the reason."""

    def __init__(self, reason: str, column: int | None = None):
        super().__init__(reason)
        self.column = column


def find_metric(name: str) -> Metric:
    """Return the metric called ``name``. Raises UserError with the nearest names."""
    numbered = _NUMBERED.fullmatch(name)
    if numbered and numbered[2] != "0" and bool(numbered[3]) is (numbered[1] == "top"):
        k, task = int(numbered[2]), ("classification",)
        if numbered[1] == "map@":
            return Metric(name, f"MAP@{k}", "ranking", task, partial(_map_at, k=k))
        return Metric(name, f"top-{k} error", "ranking", task, partial(_top_error, k=k), False)
    if name not in METRICS:
        known = [*METRICS, "map@5", "top5_error"]
        raise UserError(f"unknown metric {name!r}: {nearest(name, known)}")
    return METRICS[name]


def _of_scikit_learn(function: str, **options: Any) -> Function:
    """A function of ``sklearn.metrics``, which is imported when it is called."""

    def score(truth: np.ndarray, predicted: np.ndarray) -> float:
        import sklearn.metrics

        return float(getattr(sklearn.metrics, function)(truth, predicted, **options))

    return score


def _f1(average: str) -> Function:
    return _of_scikit_learn("f1_score", average=average, zero_division=0)


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean recall over the classes of ``truth``: scikit-learn's, without its warning."""
    from sklearn.metrics import recall_score

    occurring = np.unique(truth)
    return float(recall_score(truth, predicted, labels=occurring, average="macro", zero_division=0))


def log_loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean negative log-likelihood.

    Rows are clipped and sum to one again, as Kaggle does. Of several labels a row it is the mean
    over all columns.
    """
    from sklearn.metrics import log_loss as sklearn_log_loss

    if truth.ndim == 2:
        columns = zip(truth.T, probabilities.T, strict=True)
        return float(np.mean([log_loss(t, np.stack([1 - p, p], 1)) for t, p in columns]))
    clipped = np.asarray(probabilities, np.float64).clip(SMALLEST, 1 - SMALLEST)
    clipped /= clipped.sum(axis=1, keepdims=True)
    return float(sklearn_log_loss(truth, clipped, labels=np.arange(clipped.shape[1])))


def roc_auc(truth: np.ndarray, scores: np.ndarray) -> float:
    """Return ROC AUC; of more than two classes, or of several labels, the mean over the columns."""
    from sklearn.metrics import roc_auc_score

    if scores.ndim == 1 or (truth.ndim == 1 and scores.shape[1] == 2):
        columns = [(truth, scores if scores.ndim == 1 else scores[:, 1])]
    else:
        of_class = truth[:, None] == np.arange(scores.shape[1]) if truth.ndim == 1 else truth
        columns = list(zip(of_class.T, scores.T, strict=True))
    for number, (answers, _) in enumerate(columns):
        if len(np.unique(answers)) < 2:
            column = number if len(columns) > 1 else None
            raise UndefinedError(f"all {len(answers)} rows have the same answer", column)
    return float(np.mean([roc_auc_score(answers, column) for answers, column in columns]))


def quadratic_weighted_kappa(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return Cohen's kappa with quadratic weights; 0 where all rows have one and the same grade.

    All grades up to the highest are named: scikit-learn would weigh two grades by how many of those
    that occur lie between them.
    """
    from sklearn.metrics import cohen_kappa_score

    grades = np.union1d(truth, predicted)
    if len(grades) < 2:
        return 0.0
    every = np.arange(grades.max() + 1)
    return float(cohen_kappa_score(truth, predicted, weights="quadratic", labels=every))


def best_first(probabilities: np.ndarray, k: int) -> np.ndarray:
    """Return the ``k`` most probable classes of each row, the best first: ``(rows, k)``."""
    return np.argsort(-probabilities, axis=1, kind="stable")[:, :k]


def f1_per_class(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """F1 of each class, ``(classes,)`` float64; NaN for a class in neither array.

    ``labels`` and ``predicted`` are ``(rows,)`` class numbers.
    """
    right, *both = (
        np.bincount(rows, minlength=classes)
        for rows in (labels[labels == predicted], labels, predicted)
    )
    total = both[0] + both[1]
    return np.divide(2 * right, total, out=np.full(classes, np.nan), where=total > 0)


def macro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean F1 of the classes in either array; of several labels a row, of all columns.

    scikit-learn's checks take a hundred times as long as counting, and an interval asks 500 times.
    """
    if truth.ndim > 1:
        return _f1("macro")(truth, predicted)
    return float(np.nanmean(f1_per_class(truth, predicted, 1 + max(truth.max(), predicted.max()))))


def scores_per_class(
    labels: np.ndarray, predicted: np.ndarray, names: Sequence[str]
) -> dict[str, dict[str, float | None]]:
    """Return ``precision``, ``recall``, ``f1`` and number of ``pictures`` of each class, by name.

    Both are class numbers ``(rows,)``, or 0 and 1 for each label, ``(rows, classes)``. What is not
    defined is None.
    """
    from sklearn.metrics import precision_recall_fscore_support

    every = np.arange(len(names))
    truth, given = (v if v.ndim == 2 else v[:, None] == every for v in (labels, predicted))
    scores = precision_recall_fscore_support(truth, given, average=None, zero_division=np.nan)
    kinds, found = ("precision", "recall", "f1", "pictures"), {}
    for name, *row in zip(names, *(column.tolist() for column in scores), strict=True):
        known = (None if np.isnan(one) else one for one in row)
        found[name] = dict(zip(kinds, known, strict=True))
    return found


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts, ``(classes, classes)`` int64: rows are the labels, columns the predictions."""
    counts = np.zeros((classes, classes), np.int64)
    np.add.at(counts, (labels, predicted), 1)
    return counts


def _map_at(truth: np.ndarray, probabilities: np.ndarray, k: int) -> float:
    hits = best_first(probabilities, k) == truth[:, None]
    return float((hits / np.arange(1, hits.shape[1] + 1)).sum(axis=1).mean())


def _top_error(truth: np.ndarray, probabilities: np.ndarray, k: int) -> float:
    # Not scikit-learn's: of equal probabilities it takes other classes than are submitted.
    return 1 - float((best_first(probabilities, k) == truth[:, None]).any(axis=1).mean())


_ONE_LABEL, _VALUES = ("classification", "grades"), ("number", "grades")
_PICTURES = ("classification", "multilabel")
_LABELS = (*_PICTURES, "grades")
_METRICS = (
    ("accuracy", "accuracy", "labels", _LABELS, _of_scikit_learn("accuracy_score")),
    ("balanced_accuracy", "balanced accuracy", "labels", _ONE_LABEL, balanced_accuracy),
    ("macro_f1", "macro F1", "labels", _LABELS, macro_f1),
    ("micro_f1", "micro F1", "labels", _LABELS, _f1("micro")),
    ("samples_f1", "samples F1", "labels", ("multilabel",), _f1("samples")),
    ("log_loss", "log loss", "probabilities", _PICTURES, log_loss, False, None),
    ("roc_auc", "ROC AUC", "probabilities", (*_PICTURES, "pairs"), roc_auc),
    (
        *("quadratic_weighted_kappa", "quadratic weighted kappa", "labels", _ONE_LABEL),
        quadratic_weighted_kappa,
    ),
    ("rmse", "RMSE", "values", _VALUES, _of_scikit_learn("root_mean_squared_error"), False, None),
    ("mae", "MAE", "values", _VALUES, _of_scikit_learn("mean_absolute_error"), False, None),
)
METRICS = {row[0]: Metric(*row) for row in _METRICS}
