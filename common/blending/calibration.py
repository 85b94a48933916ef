"""Temperature scaling: probabilities that can be believed, without another prediction.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

from dataclasses import replace

import numpy as np

from common.errors import UserError
from common.files.predictions import Predictions

COLDEST, HOTTEST = 0.05, 20.0  # of what is searched: a member without a mistake has no best one
_LEAST = 1e-12  # probability: a zero would stay one at any temperature
_HALVINGS = 40


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """The temperature that gives the lowest negative log-likelihood, from 0.05 to 20.

    That likelihood is convex in 1 / T, so its slope is halved in to zero. Above 1 the
    probabilities are too sure of themselves.

    Args:
        labels: ``(rows,)`` class numbers.
        probabilities: ``(rows, classes)``.

    Raises:
        UserError: there are no rows.
    """
    if not len(labels):
        raise UserError("--calibrate needs validation predictions, and there are none")
    logs = _logs(probabilities)
    truth = logs[np.arange(len(labels)), labels].mean()
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(_HALVINGS):
        middle = float(np.sqrt(low * high))
        slope = (_softmax(logs * middle) * logs).sum(axis=1).mean() - truth
        low, high = (middle, high) if slope < 0 else (low, middle)
    found = float(1 / np.sqrt(low * high))
    before = negative_log_likelihood(labels, probabilities)
    after = negative_log_likelihood(labels, apply_temperature(probabilities, found))
    return found if after < before else 1.0


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Probabilities to the power of 1 / ``temperature``, summing to one again.

    This is the softmax of the logits divided by the temperature. ``(rows, classes)``, float64
    out; no row's class changes. At 1 they are returned as they are.
    """
    if temperature == 1:
        return np.asarray(probabilities, np.float64)
    return _softmax(_logs(probabilities) / temperature)


def at_temperature(member: Predictions, temperature: float) -> Predictions:
    """The member with its probabilities on validation and test tempered."""
    validation = apply_temperature(member.validation, temperature)
    test = apply_temperature(member.test, temperature)
    return replace(member, validation=validation, test=test)


def negative_log_likelihood(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Mean of -log(probability of the true class) in nats; a zero counts as 1e-12."""
    truth = np.asarray(probabilities, np.float64)[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(truth, _LEAST)).mean())


def _logs(probabilities: np.ndarray) -> np.ndarray:
    return np.asarray(np.log(np.maximum(np.asarray(probabilities, np.float64), _LEAST)))


def _softmax(logits: np.ndarray) -> np.ndarray:
    raised = np.exp(logits - logits.max(axis=1, keepdims=True))
    return np.asarray(raised / raised.sum(axis=1, keepdims=True))
