"""Metrics as scikit-learn computes them, in plain numpy: fast enough to search blends with."""

import numpy as np

from common.metrics.verification import roc_auc as roc_auc


def accuracy(labels: np.ndarray, predicted: np.ndarray) -> float:
    """The share of rows whose class is right; ``labels`` and ``predicted`` are ``(rows,)``."""
    return float(np.mean(np.asarray(labels) == np.asarray(predicted))) if len(labels) else 0.0


def f1_per_class(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """F1 of each class, ``(classes,)`` float64; NaN for a class in neither array.

    F1 = 2 · hits / (labelled + predicted), which is the harmonic mean of precision and recall.
    """
    labelled = np.bincount(labels, minlength=classes)
    guessed = np.bincount(predicted, minlength=classes)
    hits = np.bincount(np.asarray(labels)[labels == predicted], minlength=classes)
    both = labelled + guessed
    return np.divide(2.0 * hits, both, out=np.full(classes, np.nan), where=both > 0)


def macro_f1(labels: np.ndarray, predicted: np.ndarray) -> float:
    """Mean F1 over the classes present in labels or predictions.

    Equals ``sklearn.metrics.f1_score(labels, predicted, average="macro", zero_division=0)``.
    Both are ``(rows,)`` arrays of non-negative class numbers.
    """
    labels, predicted = np.asarray(labels), np.asarray(predicted)
    if not len(labels):
        return 0.0
    classes = int(max(labels.max(), predicted.max())) + 1
    return float(np.nanmean(f1_per_class(labels, predicted, classes)))


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts, ``(classes, classes)`` int64: rows are the labels, columns the predictions."""
    flat = np.asarray(labels) * classes + np.asarray(predicted)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)
