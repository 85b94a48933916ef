"""Decision thresholds of two classes, found on pictures whose classes are known.

A picture is of the second class from the threshold on. Between two neighbouring probabilities all
thresholds decide alike: the one in the middle is taken, as new pictures will not have the same.
"""

from collections.abc import Callable

import numpy as np

from common.metrics.verification import Curve, SortedScores, thinned

MOST = 1000  # thresholds that are tried


def threshold_of_recall(second: np.ndarray, probabilities: np.ndarray, recall: float) -> float:
    """Return the highest threshold with at least this ``recall`` of the second class.

    ``second`` says which rows are of it, at least one, bool; ``probabilities`` are its; both
    ``(rows,)``.
    """
    curve = SortedScores(second, probabilities).curve()
    least = max(recall * curve.hits[-1] - 1e-9, 1)  # rows; 0.95 * 20 may be a little above 19
    return float(_middles(curve)[np.searchsorted(curve.hits, least)])


def best_threshold(
    second: np.ndarray, probabilities: np.ndarray, score: Callable[[float], float]
) -> float:
    """Return the threshold with the best ``score``, greater is better; of several the widest.

    Of more than ``MOST`` those even along the ROC are tried, so that rows of both classes are
    needed. Both are ``(rows,)``, bool and float.
    """
    curve = thinned(SortedScores(second, probabilities).curve(), MOST)
    middles = _middles(curve)
    scores = np.array([score(middle) for middle in middles.tolist()])
    best = np.flatnonzero(scores >= scores.max() - 1e-12)
    widths = curve.thresholds.clip(max=1) - np.append(curve.thresholds[1:], 0)
    return float(middles[best[widths[best].argmax()]])


def _middles(curve: Curve) -> np.ndarray:
    """A threshold for each point, in the middle between its probability and the next lower one."""
    upper = curve.thresholds.copy()
    upper[0] = max(upper[0], 1.0)  # which calls nothing the second class
    middles = (upper + np.append(upper[1:], 0.0)) / 2
    return np.where(middles > np.append(upper[1:], 0.0), middles, upper)
