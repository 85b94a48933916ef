"""The metrics that the local Kaggle scores by, from scikit-learn.

Written apart from ``common.metrics``, by which kernels validate: a fault in one shows in the other.
A metric that is not defined for the rows is NaN. Truth is a class number ``(rows,)``, labels
``(rows, classes)`` of 0 and 1, or a number ``(rows,)``; what is predicted has the same shape, or
``(rows, classes)`` for probabilities of classes and ``(rows, k)`` for the k best classes.
"""

import re
from collections.abc import Callable
from functools import partial

import numpy as np
import sklearn.metrics as sklearn

from common.errors import UserError

Measure = Callable[[np.ndarray, np.ndarray], float]
_SMALLEST = 1e-15  # Kaggle's log loss takes no probability below it, nor above 1 less it


def find_measure(name: str) -> Measure:
    """Return the function of a metric's name. Raises UserError when there is none."""
    # A submission has as many labels a row as its metric is of.
    measure = _MEASURES.get(re.sub(r"^(map@|top)\d+", r"\1", name))
    if measure is None:
        raise UserError(f"the local Kaggle cannot score {name}: kernels/local/measures.py lacks it")
    return measure


def _balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Mean recall; scikit-learn's own function warns of classes that are predicted alone."""
    true = np.unique(truth)
    return float(sklearn.recall_score(truth, predicted, labels=true, average="macro"))


def _log_loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Of one column, of the columns of classes, or the mean over the columns of labels."""
    if truth.ndim == 2:
        columns = zip(truth.T, probabilities.T, strict=True)
        return float(np.mean([_log_loss(*column) for column in columns]))
    if probabilities.ndim == 1:
        probabilities = np.stack([1 - probabilities, probabilities], axis=1)
    clipped = probabilities.clip(_SMALLEST, 1 - _SMALLEST)
    shares = clipped / clipped.sum(axis=1, keepdims=True)
    return float(sklearn.log_loss(truth, shares, labels=range(shares.shape[1])))


def _roc_auc(truth: np.ndarray, scores: np.ndarray) -> float:
    """Of one column, or the mean over the columns."""
    if truth.ndim < scores.ndim:
        truth = np.eye(scores.shape[1])[truth]
    return float(sklearn.roc_auc_score(truth, scores))


def _equal_error_rate(truth: np.ndarray, scores: np.ndarray) -> float:
    """Where the ROC, of straight lines between its points, has as many misses as false alarms."""
    far, tar, _ = sklearn.roc_curve(truth, scores, drop_intermediate=False)
    return float(np.interp(0, far + tar - 1, far))


def _tar_at(truth: np.ndarray, scores: np.ndarray, most: float) -> float:
    """The highest true positive rate with at most this false positive rate."""
    far, tar, _ = sklearn.roc_curve(truth, scores, drop_intermediate=False)
    return float(tar[far <= most].max())


def _kappa(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Grades weigh by their own distance, also where one between them does not occur."""
    grades = np.union1d(truth, predicted)
    if len(grades) < 2:
        return np.nan
    every = range(int(grades.max()) + 1)
    return float(sklearn.cohen_kappa_score(truth, predicted, weights="quadratic", labels=every))


def _map(truth: np.ndarray, ranked: np.ndarray) -> float:
    """The mean of 1 / place of the right class; 0 where it is not there."""
    places = (ranked == truth[:, None]) / np.arange(1, ranked.shape[1] + 1)
    return float(places.max(axis=1).mean())


def _top_error(truth: np.ndarray, ranked: np.ndarray) -> float:
    """The share of rows whose right class is not there."""
    return float(1 - (ranked == truth[:, None]).any(axis=1).mean())


_F1 = partial(sklearn.f1_score, zero_division=0)
_MEASURES: dict[str, Measure] = {
    "accuracy": sklearn.accuracy_score,
    "balanced_accuracy": _balanced_accuracy,
    "macro_f1": partial(_F1, average="macro"),
    "micro_f1": partial(_F1, average="micro"),
    "samples_f1": partial(_F1, average="samples"),
    "log_loss": _log_loss,
    "roc_auc": _roc_auc,
    # Of the second of two classes.
    "average_precision": sklearn.average_precision_score,
    "precision": partial(sklearn.precision_score, zero_division=0),
    "recall": partial(sklearn.recall_score, zero_division=np.nan),
    "specificity": partial(sklearn.recall_score, pos_label=0, zero_division=np.nan),
    "f1": _F1,
    "equal_error_rate": _equal_error_rate,
    "tar_at_1e-2": partial(_tar_at, most=1e-2),
    "tar_at_1e-3": partial(_tar_at, most=1e-3),
    "quadratic_weighted_kappa": _kappa,
    "rmse": sklearn.root_mean_squared_error,
    "mae": sklearn.mean_absolute_error,
    "map@": _map,
    "top_error": _top_error,
}
