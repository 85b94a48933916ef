"""What validation predictions say: plain numpy, no drawing."""

from dataclasses import dataclass

import numpy as np

from common.metrics.classification import confusion_matrix, f1_per_class

BINS = 15


@dataclass(frozen=True)
class Reliability:
    """Confidence against accuracy in equal bins of confidence.

    Attributes:
        counts: ``(bins,)`` int64, pictures in each bin.
        confidence: ``(bins,)`` float64, their mean highest probability; 0 in an empty bin.
        accuracy: ``(bins,)`` float64, the share that is right; 0 in an empty bin.
        ece: the expected calibration error, 0 to 1.
    """

    counts: np.ndarray
    confidence: np.ndarray
    accuracy: np.ndarray
    ece: float

    @property
    def excess(self) -> float:
        """Mean confidence less accuracy over all pictures; above 0 is overconfident."""
        return float((self.counts * (self.confidence - self.accuracy)).sum() / self.counts.sum())


def reliability(labels: np.ndarray, probabilities: np.ndarray, bins: int = BINS) -> Reliability:
    """The reliability diagram of ``probabilities`` ``(rows, classes)`` on ``labels`` ``(rows,)``.

    ECE = Σ over bins b of (n_b / n) · |accuracy(b) - confidence(b)|, the bins being
    ((b - 1) / bins, b / bins] of the highest probability (Guo, Pleiss, Sun and Weinberger, "On
    Calibration of Modern Neural Networks", ICML 2017, after Naeini, Cooper and Hauskrecht, 2015).
    There must be a row at least.
    """
    highest = probabilities.max(axis=1).astype(np.float64)
    right = probabilities.argmax(axis=1) == labels
    places = np.clip(np.ceil(highest * bins).astype(int) - 1, 0, bins - 1)
    counts = np.bincount(places, minlength=bins)
    filled = np.maximum(counts, 1)
    confidence = np.bincount(places, weights=highest, minlength=bins) / filled
    accuracy = np.bincount(places, weights=right, minlength=bins) / filled
    ece = float((counts * np.abs(accuracy - confidence)).sum() / len(labels))
    return Reliability(counts, confidence, accuracy, ece)


@dataclass(frozen=True)
class ClassScore:
    """One class on validation: F1, precision and recall (NaN where undefined), and pictures."""

    number: int
    f1: float
    precision: float
    recall: float
    pictures: int


def class_scores(labels: np.ndarray, predicted: np.ndarray, classes: int) -> list[ClassScore]:
    """The classes that are labelled or predicted on validation, the lowest F1 first."""
    counts = confusion_matrix(labels, predicted, classes)
    hits, labelled, guessed = np.diag(counts), counts.sum(axis=1), counts.sum(axis=0)
    f1 = f1_per_class(labels, predicted, classes)
    shown = [c for c in np.argsort(np.nan_to_num(f1, nan=2.0), kind="stable") if np.isfinite(f1[c])]
    return [
        ClassScore(
            int(c),
            float(f1[c]),
            float(hits[c] / guessed[c]) if guessed[c] else float("nan"),
            float(hits[c] / labelled[c]) if labelled[c] else float("nan"),
            int(labelled[c]),
        )
        for c in shown
    ]


def label_scores(labels: np.ndarray, predicted: np.ndarray) -> list[ClassScore]:
    """The labels that pictures have or are given, the lowest F1 first; both ``(rows, classes)``."""
    truth, given = np.asarray(labels, bool), np.asarray(predicted, bool)
    hits, labelled, guessed = (truth & given).sum(axis=0), truth.sum(axis=0), given.sum(axis=0)
    shown = np.flatnonzero(labelled + guessed)
    f1 = 2 * hits / np.maximum(labelled + guessed, 1)
    nan = float("nan")
    return [
        ClassScore(
            int(c),
            float(f1[c]),
            float(hits[c] / guessed[c]) if guessed[c] else nan,
            float(hits[c] / labelled[c]) if labelled[c] else nan,
            int(labelled[c]),
        )
        for c in shown[np.argsort(f1[shown], kind="stable")]
    ]


@dataclass(frozen=True)
class Confusion:
    """One class taken for another: how often, of how many, and the rows, the surest first."""

    true: int
    taken_for: int
    of: int
    rows: tuple[int, ...]


def sureness(predictions: np.ndarray, predicted: np.ndarray) -> np.ndarray:
    """How sure ``predictions`` ``(rows, units)`` are of the classes ``predicted``, ``(rows,)``.

    The probability of the class; of grades, which are one value a row, how near the value is.
    """
    if predictions.shape[1] == 1:
        return -np.abs(predictions[:, 0] - predicted)
    return np.asarray(predictions[np.arange(len(predicted)), predicted])


def worst_confusions(
    labels: np.ndarray, predicted: np.ndarray, sure: np.ndarray, classes: int, limit: int
) -> list[Confusion]:
    """The most frequent confusions; of equal ones, that of the larger share of its class first.

    ``labels``, ``predicted`` and ``sure`` are ``(rows,)``.
    """
    counts = confusion_matrix(labels, predicted, classes)
    of = counts.sum(axis=1)
    np.fill_diagonal(counts, 0)
    pairs = sorted(np.argwhere(counts).tolist(), key=lambda p: (-counts[p[0], p[1]], of[p[0]]))
    found = []
    for true, taken_for in pairs[:limit]:
        rows = np.flatnonzero((labels == true) & (predicted == taken_for))
        rows = rows[np.argsort(-sure[rows], kind="stable")]
        found.append(Confusion(true, taken_for, int(of[true]), tuple(rows.tolist())))
    return found


@dataclass(frozen=True)
class Agreement:
    """Two members on the same rows: how many both, one or none of them has right."""

    both_right: int
    only_first: int
    only_second: int
    both_wrong: int
    same_class: int


def agreement(labels: np.ndarray, first: np.ndarray, second: np.ndarray) -> Agreement:
    """Compare two members' predicted classes, ``(rows,)`` each."""
    one, two = first == labels, second == labels
    return Agreement(
        int((one & two).sum()),
        int((one & ~two).sum()),
        int((~one & two).sum()),
        int((~one & ~two).sum()),
        int((first == second).sum()),
    )


def fixed_and_broken(
    labels: np.ndarray, member: np.ndarray, blend: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Rows that the blend has right and the member wrong, and the other way round."""
    one, two = member == labels, blend == labels
    return np.flatnonzero(~one & two), np.flatnonzero(one & ~two)


def hardest(labels: np.ndarray, probabilities: np.ndarray, limit: int) -> np.ndarray:
    """The rows whose true class has the lowest probability, the lowest first."""
    truth = probabilities[np.arange(len(labels)), labels]
    return np.argsort(truth, kind="stable")[:limit]
