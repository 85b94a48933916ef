"""How metrics are counted: what there is to know of each row, and the number that comes of it.

Functions of the first kind take truth and predictions in the shapes of the task, and return arrays
``(rows, …)``. An interval asks for a metric of 500 draws of the same rows: what does not change is
found once, and NumPy counts the rest. scikit-learn's functions, which check all their input at each
call, take 20 to 70 times as long; tests compare each metric with scikit-learn's.
"""

from collections.abc import Sequence

import numpy as np

from common.metrics import verification

Rows = tuple[np.ndarray, ...]
_SMALLEST = 1e-15  # probability that Kaggle's log loss clips at


class UndefinedError(ValueError):
    """The metric is not defined for these rows, or their ``column``; the message is the reason."""

    def __init__(self, reason: str, column: int | None = None):
        super().__init__(reason)
        self.column = column


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


def labels_of(truth: np.ndarray, predicted: np.ndarray) -> Rows:
    """Both labels of each row."""
    return truth, predicted


def all_right(truth: np.ndarray, predicted: np.ndarray) -> Rows:
    """Whether a row's label, or each of its labels, is right."""
    return ((truth == predicted).reshape(len(truth), -1).all(axis=1),)


def losses(truth: np.ndarray, probabilities: np.ndarray) -> Rows:
    """Negative log-likelihoods.

    Probabilities are clipped and sum to one again, as Kaggle does. Of several labels a row it is
    the mean over the columns.
    """
    shares = np.asarray(probabilities, np.float64)
    if truth.ndim == 2:
        shares = np.stack([1 - shares, shares], axis=-1)
    shares = shares.clip(_SMALLEST, 1 - _SMALLEST)
    shares /= shares.sum(axis=-1, keepdims=True)
    own = np.take_along_axis(shares, truth.astype(np.int64)[..., None], axis=-1)
    return (-np.log(own).reshape(len(truth), -1).mean(axis=1),)


def ranks(truth: np.ndarray, scores: np.ndarray) -> Rows:
    """Of each column what is true, and each score's place among those that differ.

    Of two classes it is the second one's column.
    """
    if scores.ndim == 1 or (truth.ndim == 1 and scores.shape[1] == 2):
        answers, columns = truth[:, None], scores.reshape(len(scores), -1)[:, -1:]
    else:
        of_class = truth[:, None] == np.arange(scores.shape[1]) if truth.ndim == 1 else truth
        answers, columns = of_class, scores
    places = [np.unique(column, return_inverse=True)[1].reshape(-1) for column in columns.T]
    return answers.astype(bool), np.stack(places, axis=1)


def roc_auc(answers: np.ndarray, places: np.ndarray) -> float:
    """Return the mean over the columns of how often a true row's place is above a false one's.

    Equal places count half. Both are ``(rows, columns)``, bool and integers from 0.
    """
    no, yes = _by_place(answers, places)
    below = np.cumsum(no, axis=1) - no / 2
    return float(np.mean((yes * below).sum(axis=1) / (yes.sum(axis=1) * no.sum(axis=1))))


def average_precision(answers: np.ndarray, places: np.ndarray) -> float:
    """Return the precision over recall, Σ (R_n - R_{n-1}) P_n from the highest place down.

    It is the mean over the columns. Both are ``(rows, columns)``, bool and integers from 0.
    """
    no, yes = (counts[:, ::-1] for counts in _by_place(answers, places))
    hits, rows = np.cumsum(yes, axis=1), np.cumsum(yes + no, axis=1)
    precision = hits / np.maximum(rows, 1)
    return float(np.mean((yes * precision).sum(axis=1) / hits[:, -1]))


def equal_error_rate(answers: np.ndarray, places: np.ndarray) -> float:
    """Return the error rate at which as many true as false rows are taken for the other.

    Both are ``(rows, 1)``, bool and integers from 0, as of the next.
    """
    return verification.equal_error_rate(_curve(answers, places))


def true_accept_rate(answers: np.ndarray, places: np.ndarray, far: float) -> float:
    """Return the share of the true rows above all but at most ``far`` of the false ones."""
    return verification.tar_at_far(_curve(answers, places), far)


def _curve(answers: np.ndarray, places: np.ndarray) -> verification.Curve:
    """The ROC of the rows, from the highest place down."""
    counts = (of[0, ::-1] for of in _by_place(answers, places))
    no, yes = (np.append(0, np.cumsum(of)) for of in counts)
    return verification.Curve(np.arange(len(yes), 0, -1.0), yes, no)


def _by_place(answers: np.ndarray, places: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many rows with a false and with a true answer each place has, ``(columns, places)``."""
    rows, columns = answers.shape
    if (alike := answers.all(axis=0) | ~answers.any(axis=0)).any():
        column = int(alike.argmax()) if columns > 1 else None
        raise UndefinedError(f"all {rows} rows have the same answer", column)
    size = int(places.max()) + 1
    cells = (np.arange(columns) * size + places) * 2 + answers
    counts = np.bincount(cells.ravel(), minlength=2 * columns * size).reshape(columns, size, 2)
    return counts[..., 0], counts[..., 1]


def of_second(truth: np.ndarray, predicted: np.ndarray) -> Rows:
    """Whether each row's label, and what is predicted, is the second of two classes."""
    return truth == 1, predicted == 1


def precision(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of the rows predicted true that are; 0 where none is predicted.

    Both are ``(rows,)`` bool, as of the three below.
    """
    return float((truth & predicted).sum() / max(1, predicted.sum()))


def recall(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of the true rows that are predicted (sensitivity)."""
    return _share_of(truth, predicted, "second")


def specificity(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the share of the rows that are not true that are not predicted either."""
    return _share_of(~truth, ~predicted, "first")


def f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the harmonic mean of precision and recall; 0 without a true and a predicted row."""
    return float(2 * (truth & predicted).sum() / max(1, truth.sum() + predicted.sum()))


def _share_of(rows: np.ndarray, found: np.ndarray, which: str) -> float:
    if not rows.any():
        raise UndefinedError(f"none of {len(rows)} rows is of the {which} class")
    return float((rows & found).sum() / rows.sum())


def balanced_accuracy(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean recall over the classes of ``truth``."""
    of = np.bincount(truth)
    hits = np.bincount(truth[truth == predicted], minlength=len(of))
    return float(np.mean(hits[of > 0] / of[of > 0]))


def macro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the mean F1 of the classes in either array; of several labels a row, of all columns.

    A column without a label that is true or predicted counts as 0.
    """
    if truth.ndim == 1:
        classes = 1 + max(truth.max(), predicted.max())
        return float(np.nanmean(f1_per_class(truth, predicted, classes)))
    return float(np.mean(_f1_of_labels(truth, predicted, 0)))


def micro_f1(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return the F1 of all labels together; of one label a row it is the accuracy."""
    if truth.ndim == 1:
        return float(np.mean(truth == predicted))
    return float(_f1_of_labels(truth, predicted, None))


def f1_of_rows(truth: np.ndarray, predicted: np.ndarray) -> Rows:
    """F1 of each row's labels."""
    return (_f1_of_labels(truth, predicted, 1),)


def _f1_of_labels(truth: np.ndarray, predicted: np.ndarray, axis: int | None) -> np.ndarray:
    """F1 of labels ``(rows, classes)``, 0 and 1, over an axis or all; 0 where there is none."""
    hits, total = (truth * predicted).sum(axis=axis), (truth + predicted).sum(axis=axis)
    return np.asarray(2 * hits / np.maximum(total, 1))


def kappa(truth: np.ndarray, predicted: np.ndarray) -> float:
    """Return Cohen's kappa with quadratic weights; 0 where all rows have one and the same grade.

    Grades weigh by their distance, also where one between them does not occur.
    """
    size = 1 + int(max(truth.max(), predicted.max()))
    counts = confusion_matrix(truth, predicted, size)
    weights = np.subtract.outer(np.arange(size), np.arange(size)) ** 2
    by_chance = np.outer(counts.sum(axis=1), counts.sum(axis=0)) / len(truth)
    expected = float((weights * by_chance).sum())
    return 1 - float((weights * counts).sum()) / expected if expected else 0.0


def squares(truth: np.ndarray, predicted: np.ndarray) -> Rows:
    """Squared errors."""
    return (np.square(np.subtract(truth, predicted, dtype=np.float64)),)


def distances(truth: np.ndarray, predicted: np.ndarray) -> Rows:
    """Absolute errors."""
    return (np.abs(np.subtract(truth, predicted, dtype=np.float64)),)


def mean(values: np.ndarray) -> float:
    """Return the mean."""
    return float(np.mean(values))


def root_mean(values: np.ndarray) -> float:
    """Return the square root of the mean."""
    return float(np.sqrt(np.mean(values)))


def precisions(truth: np.ndarray, probabilities: np.ndarray, k: int) -> Rows:
    """1 / the place of the right class among the ``k`` most probable ones; 0 where it is not."""
    hits = best_first(probabilities, k) == truth[:, None]
    return ((hits / np.arange(1, hits.shape[1] + 1)).sum(axis=1),)


def missed(truth: np.ndarray, probabilities: np.ndarray, k: int) -> Rows:
    """Whether the right class is not among the ``k`` most probable ones.

    Of equal probabilities scikit-learn's top-k accuracy takes other classes than are submitted.
    """
    return (~(best_first(probabilities, k) == truth[:, None]).any(axis=1),)
