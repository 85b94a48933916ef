"""Intervals of the AUC of pairs: pictures are drawn anew, and their pairs with them.

Pairs that share a picture are not independent, so that drawing pairs would promise too much (the
vertex bootstrap of Snijders and Borgatti, 1999). A pair counts as often as both of its pictures
were drawn. The weighted AUC is our own: scikit-learn's sorts the same scores again for each draw,
which takes 0.5 s of a million pairs where this takes 0.03; tests hold them equal.
"""

from collections.abc import Mapping

import numpy as np

from common.pairs.validation import ValidationPairs

RESAMPLES = 200


def resampled_auc(
    pairs: ValidationPairs,
    scores: Mapping[str, np.ndarray],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """The AUC of the pairs that count, on the same draws of pictures for every model.

    Args:
        pairs: of validation.
        scores: model → ``(pairs,)``.
        resamples: how many draws.
        seed: of the draws.

    Returns:
        model → ``(resamples,)`` float64; NaN where a draw has no same or no different pair.
    """
    counted = pairs.parts["all"]
    first, second = (side[counted] for side in (pairs.labelled.first, pairs.labelled.second))
    same = pairs.labelled.same[counted]
    curves = {name: SortedScores(same, found[counted]) for name, found in scores.items()}
    pictures = np.flatnonzero(pairs.counted)
    generator = np.random.default_rng(seed)
    drawn = {name: np.empty(resamples) for name in scores}
    for draw in range(resamples):
        chosen = generator.choice(pictures, len(pictures))
        times = np.bincount(chosen, minlength=len(pairs.ids)).astype(np.float64)
        weights = times[first] * times[second]
        for name, curve in curves.items():
            drawn[name][draw] = curve.auc(weights)
    return drawn


class SortedScores:
    """Scores of pairs, sorted once, whose AUC can be asked for with any weights."""

    def __init__(self, same: np.ndarray, scores: np.ndarray):
        """Sort ``scores`` ``(pairs,)`` of pairs that are ``same`` ``(pairs,)`` or not."""
        self._order = np.argsort(-scores, kind="stable")
        falling = scores[self._order]
        # Equal scores are one point of the curve, so that ties count half.
        self._ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(falling) - 1)
        self._same = same[self._order]

    def auc(self, weights: np.ndarray) -> float:
        """ROC AUC with ``weights`` ``(pairs,)``; NaN without a same or without a different pair."""
        weights = weights[self._order]
        hits = np.cumsum(weights * self._same)[self._ends]
        alarms = np.cumsum(weights)[self._ends] - hits
        if not len(hits) or not hits[-1] or not alarms[-1]:
            return float("nan")
        area = np.trapezoid(np.append(0, hits), np.append(0, alarms))
        return float(area / (hits[-1] * alarms[-1]))
