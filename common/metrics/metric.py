"""Metrics by name: their direction, what they are of, and what counts them."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from common.errors import UserError
from common.metrics import counting
from common.recipe import nearest

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
        prepare: from truth and predictions to what there is to know of each row.
        function: from that to the metric (``common.metrics.counting``).
        greater_is_better: its direction.
        highest: that it can be; None is without a bound.
        of_two: whether it is of the second of two classes, and of no other number of classes.
        far: the share of the first class that may be taken for the second, of metrics at such a
            false accept rate; else 0.
    """

    name: str
    title: str
    kind: str
    tasks: tuple[str, ...]
    prepare: Callable[[np.ndarray, np.ndarray], counting.Rows]
    function: Callable[..., float]
    greater_is_better: bool = True
    highest: float | None = 1.0
    of_two: bool = False
    far: float = 0.0

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
        return self.scorer(truth, predicted, columns)(slice(None))

    def scorer(
        self, truth: np.ndarray, predicted: np.ndarray, columns: Sequence[str] = ()
    ) -> Callable[[np.ndarray | slice], float]:
        """Return a function that gives ``score`` of some of the rows, by number."""
        if not len(truth):
            raise UserError(f"{self.title} of no rows: there are no validation predictions")
        prepared = self.prepare(np.asarray(truth), np.asarray(predicted))

        def score(rows: np.ndarray | slice) -> float:
            try:
                return float(self.function(*(own[rows] for own in prepared)))
            except counting.UndefinedError as error:
                number = error.column
                where = "" if number is None else f", of {columns[number] if columns else number}"
                raise UserError(f"{self.title} cannot be measured: {error}{where}") from None

        return score


def find_metric(name: str) -> Metric:
    """Return the metric called ``name``. Raises UserError with the nearest names."""
    numbered = _NUMBERED.fullmatch(name)
    if numbered and numbered[2] != "0" and bool(numbered[3]) is (numbered[1] == "top"):
        k, task = int(numbered[2]), ("classification",)
        if numbered[1] == "map@":
            precisions = partial(counting.precisions, k=k)
            return Metric(name, f"MAP@{k}", "ranking", task, precisions, counting.mean)
        missed = partial(counting.missed, k=k)
        return Metric(name, f"top-{k} error", "ranking", task, missed, counting.mean, False)
    if name not in METRICS:
        known = [*METRICS, "map@5", "top5_error"]
        raise UserError(f"unknown metric {name!r}: {nearest(name, known)}")
    return METRICS[name]


def log_loss(truth: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean negative log-likelihood (``common.metrics.counting.losses``)."""
    return counting.mean(*counting.losses(truth, probabilities))


_ONE_LABEL, _VALUES = ("classification", "grades"), ("number", "grades")
_PICTURES = ("classification", "multilabel")
_LABELS = (*_PICTURES, "grades")
_METRICS = (
    ("accuracy", "accuracy", "labels", _LABELS, counting.all_right, counting.mean),
    (
        *("balanced_accuracy", "balanced accuracy", "labels", _ONE_LABEL),
        *(counting.labels_of, counting.balanced_accuracy),
    ),
    ("macro_f1", "macro F1", "labels", _LABELS, counting.labels_of, counting.macro_f1),
    ("micro_f1", "micro F1", "labels", _LABELS, counting.labels_of, counting.micro_f1),
    ("samples_f1", "samples F1", "labels", ("multilabel",), counting.f1_of_rows, counting.mean),
    (
        "log_loss",
        "log loss",
        "probabilities",
        _PICTURES,
        counting.losses,
        counting.mean,
        False,
        None,
    ),
    (
        *("roc_auc", "ROC AUC", "probabilities", (*_PICTURES, "pairs")),
        *(counting.ranks, counting.roc_auc),
    ),
    (
        *("quadratic_weighted_kappa", "quadratic weighted kappa", "labels", _ONE_LABEL),
        *(counting.labels_of, counting.kappa),
    ),
    ("rmse", "RMSE", "values", _VALUES, counting.squares, counting.root_mean, False, None),
    ("mae", "MAE", "values", _VALUES, counting.distances, counting.mean, False, None),
)
_OF_TWO = (
    ("precision", "precision", "labels", counting.of_second, counting.precision),
    ("recall", "recall", "labels", counting.of_second, counting.recall),
    ("specificity", "specificity", "labels", counting.of_second, counting.specificity),
    ("f1", "F1", "labels", counting.of_second, counting.f1),
    (
        *("average_precision", "average precision", "probabilities"),
        *(counting.ranks, counting.average_precision),
    ),
)
_of_two = partial(Metric, tasks=_PICTURES[:1], of_two=True)
_of_ranks = partial(_of_two, kind="probabilities", prepare=counting.ranks)
_ACCEPTED = (  # names as in papers on face verification: the second class is accepted
    _of_ranks(
        *("equal_error_rate", "equal error rate"),
        function=counting.equal_error_rate,
        greater_is_better=False,
    ),
    *(
        _of_ranks(
            *(f"tar_at_{words}", f"TAR at FAR {words}"),
            function=partial(counting.true_accept_rate, far=far),
            far=far,
        )
        for words, far in (("1e-2", 1e-2), ("1e-3", 1e-3))
    ),
)
METRICS = {row[0]: Metric(*row) for row in _METRICS}
METRICS |= {
    name: _of_two(name, title, kind, prepare=prepare, function=function)
    for name, title, kind, prepare, function in _OF_TWO
}
METRICS |= {metric.name: metric for metric in _ACCEPTED}
