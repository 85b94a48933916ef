"""A head that logistic regression fits on features: one layer, whose weights are found at once.

C, the inverse of the penalty, is the one with the lowest cross-entropy on validation.
"""

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.data.balance import Balance
from common.data.rows import Rows
from common.errors import UserError
from common.progress import report
from common.tasks.task import Task

# Of features whose squares sum up to 1 on average, tried in this order until validation is worse.
CS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1e3, 3e3, 1e4, 3e4, 1e5)
_ABSENT = 30.0  # how far below all others the logit of a class is that train has not
_LEAST = 1e-7  # probability
_STEPS = 1000
_SMALL = 1e8  # numbers of a product, below which threads wait for each other longer than they work


@dataclass(frozen=True)
class Head:
    """A dense layer: ``kernel`` ``(d, units)`` and ``bias`` ``(units,)``, float32; and its C."""

    kernel: np.ndarray
    bias: np.ndarray
    c: float

    def outputs(self, views: np.ndarray, activation: str) -> np.ndarray:
        """Return probabilities of ``(views, n, d)``, the mean over the views, ``(n, units)``."""
        from scipy.special import expit, softmax

        logits = views @ self.kernel + self.bias
        found = softmax(logits, axis=-1) if activation == "softmax" else expit(logits)
        return np.asarray(found.mean(axis=0), np.float32)


def fit_parts(parts: Sequence[Rows], task: Task, c: float, balance: Balance) -> Head:
    """Fit on what ``parts`` give to learn from, augmented views too."""
    learnt = [part.learnt for part in parts]
    rows = np.concatenate([part.rows for part in learnt])
    return fit_head(rows, np.concatenate([part.labels for part in learnt]), task, c, balance)


def fit_head(rows: np.ndarray, labels: np.ndarray, task: Task, c: float, balance: Balance) -> Head:
    """Fit on ``rows`` ``(n, d)`` and the task's ``labels``, as often as ``balance`` has them.

    Of a task with several labels, one regression a label. A class without pictures stays
    improbable.
    """
    if balance.resamples:
        chosen = np.sort(balance.rows(labels) % len(labels))
        rows, labels = rows[chosen], labels[chosen]
    # With a mean square of 1 for each number, gradients are large enough to be followed to the end.
    scale, width = float(np.sqrt(np.mean(np.square(rows)))) or 1.0, rows.shape[1]
    scaled, units, c_of_numbers = rows / scale, task.units, c / width
    kernel, bias = np.zeros((rows.shape[1], units)), np.full(units, np.nan)
    if task.activation == "softmax":
        model = _fitted(scaled, labels, c_of_numbers, balance)
        kernel[:, model.classes_], bias[model.classes_] = _of_classes(model)
    else:
        for unit in range(units):
            if len(np.unique(labels[:, unit])) > 1:
                model = _fitted(scaled, labels[:, unit], c_of_numbers, balance)
                kernel[:, unit], bias[unit] = model.coef_[0], model.intercept_[0]
            else:
                bias[unit] = _ABSENT / 3 * (1 if labels[0, unit] else -1)
    bias[np.isnan(bias)] = np.nanmin(bias) - _ABSENT
    return Head((kernel / scale).astype(np.float32), bias.astype(np.float32), c)


def choose_head(
    train: Rows, validation: Rows, task: Task, balance: Balance
) -> tuple[Head, dict[float, float]]:
    """Return the head of ``train`` with the best C, and validation's cross-entropy by C.

    Raises UserError for a task without probabilities.
    """
    (head,), losses = choose_heads(lambda _: (train, validation), 1, task, balance)
    return head, losses


def choose_heads(
    split: Callable[[int], tuple[Rows, Rows]], number: int, task: Task, balance: Balance
) -> tuple[list[Head], dict[float, float]]:
    """Return a head for each of ``number`` folds, all with one C, and cross-entropy by C.

    ``split`` gives a fold's train and validation. The C is the best for all folds together: a
    fold's own would be chosen on few pictures, and flatter it.
    """
    if task.has_values:
        raise UserError(f"setting head=logistic: the task is {task.name}: take head=dense")
    losses: dict[float, float] = {}
    best: list[Head] = []
    for c in CS:
        heads, total, pictures = [], 0.0, 0
        for fold in range(number):
            train, validation = split(fold)
            head = fit_parts([train], task, c, balance)
            # Augmented as train is: else C would suit pictures as they are, which are easier.
            seen = validation if validation.augmented is None else validation.learnt
            found = head.outputs(seen.views, task.activation)
            total += len(validation) * cross_entropy(task.targets(seen.labels), found)
            pictures += len(validation)
            heads.append(head)
            if number > 1:
                report("training", c=f"{c:g}", fold=f"{fold + 1}/{number}")
        losses[c] = total / pictures
        report("training", c=f"{c:g}", val_loss=losses[c])
        if not best or losses[c] < losses[best[0].c]:
            best = heads
        elif losses[c] > 1.02 * losses[best[0].c]:
            break
    return best, losses


def end_of_grid(c: float) -> str:
    """A warning where a chosen C is the first or the last that is tried; else empty."""
    if c not in (CS[0], CS[-1]):
        return ""
    end, more = ("lowest", "lower") if c == CS[0] else ("highest", "higher")
    return f"the head's C is {c:g}, the {end} that is tried: a {more} one may fit better"


def cross_entropy(targets: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the mean over rows of what Keras' losses give, of ``(rows, units)`` both."""
    p = np.clip(probabilities, _LEAST, 1 - _LEAST).astype(np.float64)
    if targets.shape[1] > 1 and np.allclose(targets.sum(axis=1), 1):
        return float(-(targets * np.log(p)).sum(axis=1).mean())
    return float(-(targets * np.log(p) + (1 - targets) * np.log(1 - p)).mean())


def _fitted(rows: np.ndarray, labels: np.ndarray, c: float, balance: Balance) -> Any:
    from sklearn.exceptions import ConvergenceWarning
    from sklearn.linear_model import LogisticRegression
    from threadpoolctl import threadpool_limits

    weight = "balanced" if balance.how == "weights" else None
    small = rows.size * len(np.unique(labels)) < _SMALL
    with warnings.catch_warnings(), threadpool_limits(1 if small else None):
        # A fit that is not exact to the last digit is a fit.
        warnings.simplefilter("ignore", ConvergenceWarning)
        return LogisticRegression(C=c, max_iter=_STEPS, class_weight=weight).fit(rows, labels)


def _of_classes(model: Any) -> tuple[np.ndarray, np.ndarray]:
    """Kernel and bias of a softmax; of two classes scikit-learn has the difference alone."""
    kernel, bias = model.coef_, model.intercept_
    if len(model.classes_) == 2:
        kernel, bias = np.vstack([-kernel / 2, kernel / 2]), np.append(-bias / 2, bias / 2)
    return kernel.T, bias
