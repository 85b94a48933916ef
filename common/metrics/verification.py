"""Verification: are two pictures of one class? Metrics of scored pairs.

Pairs have ``same`` ``(pairs,)`` bool and ``scores`` ``(pairs,)``, higher for more alike. A pair is
called same when its score is at least the threshold. The area under the curve is our own: a blend
asks for it hundreds of times, and scikit-learn's takes 0.5 s of a million pairs where this takes
0.1, or 0.03 with other weights of scores that are sorted already. Tests compare the two.
"""

from dataclasses import dataclass

import numpy as np

from common.errors import UserError


@dataclass(frozen=True)
class Curve:
    """The ROC of scored pairs: what is called same at each threshold, from none to all.

    Attributes:
        thresholds: ``(points,)`` float64, falling: one above all scores, then each distinct score.
        hits: ``(points,)``, same pairs that are called same, or their weights.
        false_alarms: ``(points,)``, different pairs that are called same.
    """

    thresholds: np.ndarray
    hits: np.ndarray
    false_alarms: np.ndarray

    @property
    def tar(self) -> np.ndarray:
        """True accept rate, ``(points,)`` from 0 to 1."""
        return self.hits / self.hits[-1]

    @property
    def far(self) -> np.ndarray:
        """False accept rate, ``(points,)`` from 0 to 1."""
        return self.false_alarms / self.false_alarms[-1]

    @property
    def precision(self) -> np.ndarray:
        """The share of what is called same that is, ``(points,)``; NaN where nothing is."""
        called = self.hits + self.false_alarms
        unknown = np.full(len(called), np.nan)
        return np.divide(self.hits, called, out=unknown, where=called > 0)

    def point(self, threshold: float) -> int:
        """Return the number of the point at a threshold, whichever between two scores."""
        return int(np.searchsorted(-self.thresholds, -threshold, side="right")) - 1


class SortedScores:
    """Scores of pairs, sorted once: the curve and the area under it for any weights."""

    def __init__(self, same: np.ndarray, scores: np.ndarray):
        """Sort ``scores`` ``(pairs,)`` of pairs that are ``same`` ``(pairs,)`` or not."""
        self._order = np.argsort(scores)[::-1]
        falling = scores[self._order]
        # Equal scores are one point of the curve, so that ties count half.
        self._ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(falling) - 1)
        self._same = same[self._order]
        distinct = falling[self._ends].astype(np.float64)
        self._thresholds = np.append(np.nextafter(distinct[0], np.inf), distinct)

    def curve(self, weights: np.ndarray | None = None) -> Curve:
        """Return the curve of pairs that count by their ``weights`` ``(pairs,)``."""
        drawn = 1 if weights is None else weights[self._order]
        hits = np.cumsum(self._same * drawn)[self._ends]
        total = self._ends + 1 if weights is None else np.cumsum(drawn)[self._ends]
        return Curve(self._thresholds, np.append(0, hits), np.append(0, total - hits))

    def auc(self, weights: np.ndarray | None = None) -> float:
        """Return the ROC AUC; NaN without a same or without a different pair."""
        return area(self.curve(weights))


def roc(same: np.ndarray, scores: np.ndarray) -> Curve:
    """Return the curve of scored pairs; equal scores are one point.

    Raises UserError without a same or a different pair.
    """
    number = np.count_nonzero(same)
    if number in (0, len(same)):
        kind = "different" if number else "same"
        raise UserError(
            f"none of {len(same)} pairs is of the {kind} kind, so that nothing can be measured: "
            f"take pairs of both kinds, from more pictures"
        )
    return SortedScores(same, scores).curve()


def area(curve: Curve) -> float:
    """Return the ROC AUC: how probably a same pair scores higher than a different one; or NaN."""
    whole = float(curve.hits[-1]) * float(curve.false_alarms[-1])
    return float(np.trapezoid(curve.hits, curve.false_alarms) / whole) if whole else float("nan")


def roc_auc(same: np.ndarray, scores: np.ndarray) -> float:
    """Return the ROC AUC of scored pairs. Raises UserError as ``roc``."""
    return area(roc(same, scores))


def thinned(curve: Curve, points: int) -> Curve:
    """Return at most ``points`` (from 2) of a curve, even along its length, to draw it."""
    along = curve.tar + curve.far
    chosen = np.searchsorted(along, np.linspace(0, along[-1], points)).clip(max=len(along) - 1)
    chosen[-1] = len(along) - 1
    chosen = np.unique(chosen)
    return Curve(curve.thresholds[chosen], curve.hits[chosen], curve.false_alarms[chosen])


def best_threshold(curve: Curve, share: float | None = None) -> tuple[float, float]:
    """Return the threshold of the best accuracy, and that accuracy.

    The threshold is in the middle between two scores, as new pairs will not score the same.
    ``share`` is the share of same pairs that the accuracy is about; None takes the sample's, which
    is another one when only some pairs were drawn.
    """
    same, different = int(curve.hits[-1]), int(curve.false_alarms[-1])
    share = same / (same + different) if share is None else share
    right = share * curve.tar + (1 - share) * (1 - curve.far)
    best = int(np.argmax(right))
    threshold = curve.thresholds[best]
    if 0 < best < len(right) - 1:
        middle = (threshold + curve.thresholds[best + 1]) / 2
        threshold = middle if middle > curve.thresholds[best + 1] else threshold
    return float(threshold), float(right[best])


def tar_at_far(curve: Curve, far: float) -> float:
    """Return the highest true accept rate whose false accept rate is at most ``far``."""
    return float(curve.tar[np.searchsorted(curve.far, far, side="right") - 1])


def equal_error_rate(curve: Curve) -> float:
    """Return where as many same pairs are missed as different ones accepted, interpolated."""
    return float(np.interp(0.0, curve.far + curve.tar - 1, curve.far))
