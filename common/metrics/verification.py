"""Verification: are two pictures of one class? Metrics of scored pairs, in plain numpy.

Pairs have ``same`` ``(pairs,)`` bool and ``scores`` ``(pairs,)``, higher for more alike. A curve
sorts them once, and the metrics read it. A pair is called same when its score is at least the
threshold. ``share`` is the share of same pairs that an accuracy is to be about; None takes that of
the sample, which is another one when pairs were left out (``common.pairs.labelled``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from common.errors import UserError


@dataclass(frozen=True)
class Curve:
    """The ROC of scored pairs: what is called same at each threshold, from none to all.

    Attributes:
        thresholds: ``(points,)`` float64, falling: one above all scores, then each distinct score.
        hits: ``(points,)`` int64, same pairs that are called same.
        false_alarms: ``(points,)`` int64, different pairs that are called same.
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


def roc(same: np.ndarray, scores: np.ndarray) -> Curve:
    """The curve of scored pairs; equal scores are one point.

    Raises UserError for a score that is not finite, and without a same or a different pair.
    """
    same, scores = _held(same, scores)
    order = np.argsort(scores)[::-1]
    falling = scores[order]
    ends = np.append(np.flatnonzero(falling[1:] != falling[:-1]), len(falling) - 1)
    hits = np.cumsum(same[order])[ends]
    thresholds = falling[ends].astype(np.float64)
    return Curve(
        np.concatenate([[np.nextafter(thresholds[0], np.inf)], thresholds]),
        np.concatenate([[0], hits]),
        np.concatenate([[0], ends + 1 - hits]),
    )


def area(curve: Curve) -> float:
    """ROC AUC, as scikit-learn's: the chance that a same pair scores higher, ties half."""
    widths = np.diff(curve.false_alarms)
    twice = int(widths @ (curve.hits[1:] + curve.hits[:-1]))
    return twice / 2 / (int(curve.hits[-1]) * int(curve.false_alarms[-1]))


def roc_auc(same: np.ndarray, scores: np.ndarray) -> float:
    """ROC AUC of scored pairs. Raises UserError as ``roc``."""
    return area(roc(same, scores))


def auc_by_part(
    same: np.ndarray, scores: np.ndarray, parts: Mapping[str, np.ndarray]
) -> dict[str, float | None]:
    """ROC AUC of ``all`` pairs and of each part, a mask ``(pairs,)`` such as ``seen``, ``unseen``.

    A part ``all`` says which pairs that is to be. None for another part without a same or without
    a different pair. Raises UserError as ``roc``.
    """
    whole = parts.get("all", slice(None))
    found: dict[str, float | None] = {"all": roc_auc(same[whole], scores[whole])}
    for name, mask in parts.items():
        if name == "all":
            continue
        both = 0 < np.count_nonzero(same[mask]) < np.count_nonzero(mask)
        found[name] = roc_auc(same[mask], scores[mask]) if both else None
    return found


def thinned(curve: Curve, points: int) -> Curve:
    """At most ``points`` (from 2) of a curve, even along its length, with both ends: to draw it."""
    along = curve.tar + curve.far
    chosen = np.searchsorted(along, np.linspace(0, along[-1], points)).clip(max=len(along) - 1)
    chosen[-1] = len(along) - 1
    chosen = np.unique(chosen)
    return Curve(curve.thresholds[chosen], curve.hits[chosen], curve.false_alarms[chosen])


def best_threshold(curve: Curve, share: float | None = None) -> tuple[float, float]:
    """The threshold of the best accuracy, and that accuracy.

    It lies in the middle between two scores, as new pairs will not score the same.
    """
    right = _accuracy(curve.tar, curve.far, _share(curve, share))
    best = int(np.argmax(right))
    threshold = curve.thresholds[best]
    if 0 < best < len(right) - 1:
        middle = (threshold + curve.thresholds[best + 1]) / 2
        threshold = middle if middle > curve.thresholds[best + 1] else threshold
    return float(threshold), float(right[best])


def accuracy_at(
    same: np.ndarray, scores: np.ndarray, threshold: float, share: float | None = None
) -> float:
    """The share of pairs that ``threshold`` calls rightly. Raises UserError as ``roc``."""
    same, scores = _held(same, scores)
    called = scores.astype(np.float64) >= threshold
    share = float(same.mean()) if share is None else share
    return float(_accuracy(called[same].mean(), called[~same].mean(), share))


def tar_at_far(curve: Curve, far: float) -> float:
    """The highest true accept rate whose false accept rate is at most ``far``."""
    return float(curve.tar[np.searchsorted(curve.far, far, side="right") - 1])


def equal_error_rate(curve: Curve) -> float:
    """Where as many same pairs are missed as different ones accepted, on straight lines between."""
    ahead = curve.far + curve.tar - 1  # rises from -1 to 1
    after = int(np.searchsorted(ahead, 0.0))
    step = ahead[after] - ahead[after - 1]
    part = -ahead[after - 1] / step
    return float(curve.far[after - 1] + part * (curve.far[after] - curve.far[after - 1]))


def _accuracy(tar: np.ndarray, far: np.ndarray, share: float) -> np.ndarray:
    return share * tar + (1 - share) * (1 - far)


def _share(curve: Curve, share: float | None) -> float:
    same, different = int(curve.hits[-1]), int(curve.false_alarms[-1])
    return same / (same + different) if share is None else share


def _held(same: np.ndarray, scores: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Both as arrays. Raises UserError for what has no curve."""
    same, scores = np.asarray(same, bool), np.asarray(scores)
    if same.shape != scores.shape or same.ndim != 1:
        raise UserError(f"scores of shape {scores.shape} for pairs of shape {same.shape}")
    bad = np.flatnonzero(~np.isfinite(scores))
    if len(bad):
        raise UserError(
            f"{len(bad)} of {len(scores)} scores are NaN or infinite, the first of pair {bad[0]}: "
            f"look at the embeddings, their training may have diverged"
        )
    number = np.count_nonzero(same)
    if number in (0, len(same)):
        kind = "different" if number else "same"
        raise UserError(
            f"none of {len(same)} pairs is of the {kind} kind, so that nothing can be measured: "
            f"take pairs of both kinds, from more pictures"
        )
    return same, scores
