"""Blends of several models' scores of pairs, found on validation alone, and told as probabilities.

A channel is one model's cosine of embeddings, or agreement of classes. Channels differ in scale, so
each is first brought to a common one by a rising function: its rank, or the log-odds that a
logistic regression on validation finds (Platt, 1999). The blend is a weighted sum of these; in the
mean every member has the same weight, which its channels share evenly.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from common.errors import UserError
from common.metrics.quantiles import Quantiles, quantiles_of
from common.metrics.verification import roc_auc
from common.recipe import nearest

METHODS = ("mean", "weighted", "greedy")
SCALES = ("rank", "logit")
_PART = 1 << 20  # scores brought to scale at a time
_SAMPLE = 1 << 20  # scores whose ranks are the scale of all
_STEPS = (0.5, 0.2, 0.1, 0.05, 0.02)  # shares of weight that are moved
_ROUNDS = 30

Scale = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Platt:
    """``1 / (1 + exp(-(slope · score + offset)))``: a score as a probability; slope from 0."""

    slope: float
    offset: float

    def log_odds(self, scores: np.ndarray) -> np.ndarray:
        """Of ``scores``, float64 of their shape."""
        return self.slope * np.asarray(scores, np.float64) + self.offset

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Of ``scores``, float64 of their shape."""
        return sigmoid(self.log_odds(scores))


@dataclass(frozen=True)
class PairBlend:
    """A blend and what it is worth.

    Attributes:
        method, scale: of METHODS and SCALES.
        weights: channel → weight from 0; they sum to one.
        validation_score: ROC AUC of the blend on validation's pairs.
        platt: from the blend's sum to a probability.
    """

    method: str
    scale: str
    weights: Mapping[str, float]
    validation_score: float
    platt: Platt


def find_pair_blend(
    method: str,
    scale: str,
    same: np.ndarray,
    channels: Mapping[str, np.ndarray],
    share: float | None = None,
) -> tuple[PairBlend, np.ndarray]:
    """The blend of ``channels`` (name → ``(pairs,)`` on one scale) by ``method``, and its sums.

    ``same`` is ``(pairs,)`` bool; ``share`` is of same pairs where these are a sample that has
    more of them, and None where they are all. Raises UserError for an unknown method, and where
    no pair is same or none different.
    """
    if method not in METHODS:
        raise UserError(f"unknown blend {method!r}: {nearest(method, METHODS)}")
    columns, mean = list(channels.values()), mean_weights(list(channels))
    searches: dict[str, Callable[[], np.ndarray]] = {
        "mean": lambda: mean,
        "weighted": lambda: best_weights(same, columns, mean),
        "greedy": lambda: greedy_weights(same, columns),
    }
    weights = searches[method]()
    total = mix(weights, columns)
    named = {name: float(w) for name, w in zip(channels, weights, strict=True)}
    score = roc_auc(same, total)
    return PairBlend(method, scale, named, score, fit_platt(same, total, share)), total


def scale_of(scale: str, channel: str, scores: np.ndarray, platt: Platt) -> Scale:
    """The function that brings a channel's ``scores`` ``(pairs,)`` to scale.

    Ranks are those among ``scores`` themselves, with their ends; log-odds are of ``platt``, found
    on validation.
    """
    if scale not in SCALES:
        raise UserError(f"setting blend_scale={scale}: {nearest(scale, SCALES)}")
    if scale == "logit":
        return lambda part: platt.log_odds(linked(channel, part))
    every = -(-len(scores) // _SAMPLE)
    ends = [scores.min(), scores.max()] if len(scores) else []
    ranks: Quantiles = quantiles_of(np.append(scores[::every], ends))
    return ranks.of


def linked(channel: str, scores: np.ndarray) -> np.ndarray:
    """Log-odds of an agreement of classes, which is a probability; a cosine stays as it is."""
    scores = np.asarray(scores, np.float64)
    if not channel.endswith("classes"):
        return scores
    held = scores.clip(1e-9, 1 - 1e-9)
    return np.log(held) - np.log1p(-held)


def apply_in_parts(scale: Scale, scores: np.ndarray) -> np.ndarray:
    """``scale`` of all ``scores``, ``(pairs,)`` float32, in bounded memory."""
    brought = np.empty(len(scores), np.float32)
    for start in range(0, len(scores), _PART):
        part = slice(start, start + _PART)
        brought[part] = scale(scores[part])
    return brought


def mix(weights: Sequence[float] | np.ndarray, columns: Sequence[np.ndarray]) -> np.ndarray:
    """The weighted sum, ``(pairs,)`` float32."""
    total = np.zeros(len(columns[0]), np.float32)
    for weight, column in zip(weights, columns, strict=True):
        if weight:
            total += np.float32(weight) * column
    return total


def mean_weights(channels: Sequence[str]) -> np.ndarray:
    """Every member alike, whose weight its channels (``member/channel``) share evenly."""
    members = [channel.partition("/")[0] for channel in channels]
    return np.array([1 / (len(set(members)) * members.count(member)) for member in members])


def best_weights(same: np.ndarray, columns: Sequence[np.ndarray], mean: np.ndarray) -> np.ndarray:
    """Weights with the best AUC: weight is moved between two channels as long as that gains.

    Begins with the best of the ``mean`` and of each channel alone; never worse than these.
    """
    starts = [mean, *np.eye(len(columns))]
    scores = [roc_auc(same, mix(weights, columns)) for weights in starts]
    weights, best = starts[int(np.argmax(scores))], max(scores)
    for step in _STEPS:
        gained = True
        while gained:
            weights, score = _best_move(same, columns, weights, step, best)
            gained, best = score > best + 1e-7, max(best, score)
    return weights


def greedy_weights(same: np.ndarray, columns: Sequence[np.ndarray]) -> np.ndarray:
    """Selection with replacement (Caruana et al., 2004): add the channel that helps most, again."""
    counts, best_counts, best = np.zeros(len(columns)), np.zeros(len(columns)), -1.0
    total = np.zeros(len(columns[0]), np.float32)
    for _ in range(_ROUNDS):
        scores = [roc_auc(same, total + column) for column in columns]
        chosen = int(np.argmax(scores))
        counts[chosen] += 1
        total = total + columns[chosen]
        if scores[chosen] > best + 1e-7:
            best, best_counts = scores[chosen], counts.copy()
    return best_counts / best_counts.sum()


def fit_platt(same: np.ndarray, scores: np.ndarray, share: float | None = None) -> Platt:
    """Slope and offset of the highest likelihood, by Newton's method, slightly held to zero.

    Without that hold, scores that tell all pairs right have no finite slope. Of a sample that was
    drawn with more same pairs than the ``share`` of all, the offset is put right (King and Zeng,
    2001).
    """
    scores, truth = np.asarray(scores, np.float64), np.asarray(same, np.float64)
    middle, spread = float(scores.mean()), float(scores.std()) or 1.0
    rows = np.column_stack([(scores - middle) / spread, np.ones(len(scores))])
    found, hold = np.zeros(2), np.diag([1.0, 1e-6])
    for _ in range(50):
        chance = sigmoid(rows @ found)
        slope = rows.T @ (chance - truth) + hold @ found
        curve = (rows * (chance * (1 - chance))[:, None]).T @ rows + hold
        step = np.linalg.solve(curve, slope)
        found = found - step
        if np.abs(step).max() < 1e-9:
            break
    slope_found = max(0.0, float(found[0])) / spread
    offset = float(found[1]) - slope_found * middle
    drawn = 0.0 if share is None else _odds(truth.mean()) - _odds(share)
    return Platt(slope_found, offset - drawn)


def sigmoid(values: np.ndarray) -> np.ndarray:
    """``1 / (1 + exp(-values))``, without overflow."""
    return np.asarray(0.5 * (1 + np.tanh(0.5 * np.asarray(values, np.float64))))


def _odds(share: float) -> float:
    return float(np.log(share) - np.log1p(-share))


def _best_move(
    same: np.ndarray,
    columns: Sequence[np.ndarray],
    weights: np.ndarray,
    step: float,
    best: float,
) -> tuple[np.ndarray, float]:
    """The best move of at most ``step`` from one channel to another."""
    found = weights
    for giver in np.flatnonzero(weights):
        for taker in range(len(weights)):
            moved = weights.copy()
            amount = min(step, moved[giver])
            moved[giver] -= amount
            moved[taker] += amount
            score = roc_auc(same, mix(moved, columns)) if taker != giver else -1.0
            if score > best + 1e-7:
                found, best = moved, score
    return found, best
