"""Temperature scaling: probabilities that can be believed, without another prediction.

Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", ICML 2017.
"""

from dataclasses import replace

import numpy as np

from common.errors import UserError
from common.files.predictions import Predictions
from common.metrics.metric import log_loss

COLDEST, HOTTEST = 0.05, 20.0  # of what is searched: a member without a mistake has no best one
_LEAST = 1e-12  # probability: a zero would stay one at any temperature


def fit_temperature(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the temperature with the lowest negative log-likelihood, from 0.05 to 20.

    That likelihood has one minimum. Above 1 the probabilities are too sure of themselves. Labels
    are class numbers ``(rows,)``, probabilities ``(rows, classes)``. Raises UserError for no rows.
    """
    from scipy.optimize import minimize_scalar

    if not len(labels):
        raise UserError("--calibrate needs validation predictions, and there are none")

    def loss(log_temperature: float) -> float:
        return log_loss(labels, apply_temperature(probabilities, float(np.exp(log_temperature))))

    bounds = np.log([COLDEST, HOTTEST])
    found = minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-8})
    return float(np.exp(found.x)) if found.fun < log_loss(labels, probabilities) else 1.0


def apply_temperature(probabilities: np.ndarray, temperature: float) -> np.ndarray:
    """Return probabilities to the power of 1 / ``temperature``, summing to one again.

    This is the softmax of the logits divided by the temperature. ``(rows, classes)``, float64
    out; no row's class changes. At 1 they are returned as they are.
    """
    from scipy.special import softmax

    probabilities = np.asarray(probabilities, np.float64)
    if temperature == 1:
        return probabilities
    return np.asarray(softmax(np.log(probabilities.clip(_LEAST)) / temperature, axis=1))


def at_temperature(member: Predictions, temperature: float) -> Predictions:
    """Return the member with its probabilities on validation and test tempered."""
    validation = apply_temperature(member.validation, temperature)
    test = apply_temperature(member.test, temperature)
    return replace(member, validation=validation, test=test)
