"""F1 of each class and the confusion matrix, as scikit-learn counts them."""

import numpy as np


def f1_per_class(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """F1 of each class, ``(classes,)`` float64; NaN for a class in neither array.

    ``labels`` and ``predicted`` are ``(rows,)`` class numbers.
    """
    from sklearn.metrics import f1_score

    every = np.arange(classes)
    scores = f1_score(labels, predicted, labels=every, average=None, zero_division=0)
    found = np.isin(every, labels) | np.isin(every, predicted)
    return np.where(found, scores, np.nan)


def confusion_matrix(labels: np.ndarray, predicted: np.ndarray, classes: int) -> np.ndarray:
    """Counts, ``(classes, classes)`` int64: rows are the labels, columns the predictions."""
    from sklearn.metrics import confusion_matrix as counted

    return np.asarray(counted(labels, predicted, labels=np.arange(classes)))
