"""Blends of several models' scores of pairs, found on validation alone, as probabilities.

A channel is one model's cosine of embeddings, or agreement of classes. Channels differ in scale, so
each is first brought to a common one by a rising function: its rank, or the log-odds that a
logistic regression on validation finds (Platt, 1999). The blend is a weighted sum of these; in the
mean every member has the same weight, which its channels share evenly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from typing import Any, Literal

import numpy as np

from common.blending.blend import Objective, find_weights, mix
from common.metrics.verification import roc_auc
from common.pairs.validation import ValidationPairs

Scale = Literal["rank", "logit"]
_KNOTS = 10_000  # of the ranks, and the scores that they are found from
_SAMPLE = 1 << 20
_STEPS = (0.5, 0.2, 0.1, 0.05, 0.02)  # shares of weight that are moved
_ROUNDS = 30


@dataclass(frozen=True)
class Platt:
    """``1 / (1 + exp(-(slope · score + offset)))``: a score as a probability; slope from 0."""

    slope: float
    offset: float

    def log_odds(self, scores: np.ndarray) -> np.ndarray:
        """Return those of ``scores``, float64 of their shape."""
        return self.slope * np.asarray(scores, np.float64) + self.offset

    def probability(self, scores: np.ndarray) -> np.ndarray:
        """Return those of ``scores``, float32 of their shape."""
        from scipy.special import expit

        return np.asarray(expit(self.log_odds(scores)), np.float32)


@dataclass(frozen=True)
class PairBlend:
    """A blend of channels."""

    scale: str
    weights: Mapping[str, float]  # by channel, from 0; they sum to one
    platts: Mapping[str, Platt]  # by channel: its logistic regression on validation
    platt: Platt  # from the blend's sum to a probability

    def probabilities(self, channels: Iterable[tuple[str, np.ndarray]]) -> np.ndarray:
        """Return those of pairs that are scored in each channel, one at a time, float32."""
        total: Any = np.float32(0)
        for name, scores in channels:
            brought = to_scale(self.scale, name, scores, self.platts[name], scores)
            total = total + np.float32(self.weights[name]) * brought
        return self.platt.probability(total)


def find_pair_blend(
    method: str, scale: str, pairs: ValidationPairs, channels: Mapping[str, np.ndarray]
) -> tuple[PairBlend, np.ndarray]:
    """Return the blend with the best AUC of the pairs that count, and its sums of all pairs.

    ``channels`` are the scores of ``pairs`` by ``member/channel``, ``(pairs,)`` each. Raises
    UserError where no pair is same or none different.
    """
    counted = pairs.parts["all"]
    same = pairs.same[counted]

    def score(total: np.ndarray) -> float:
        return roc_auc(same, total)

    platts, brought = {}, []
    for name, scores in channels.items():
        few = scores[counted]
        score(few)  # or an error
        platts[name] = fit_platt(same, as_log_odds(name, few))
        brought.append(to_scale(scale, name, scores, platts[name], few))
    columns = [column[counted] for column in brought]
    mean = mean_weights(list(channels))
    found = find_weights(method, columns, score, search_moves, mean, _ROUNDS)
    total = mix(found.astype(np.float32), brought)
    platt = fit_platt(same, total[counted], pairs.share)
    weights = dict(zip(channels, found.tolist(), strict=True))
    return PairBlend(scale, weights, platts, platt), total


def to_scale(
    scale: str, channel: str, scores: np.ndarray, platt: Platt, among: np.ndarray
) -> np.ndarray:
    """Return a channel's ``scores`` at the common scale, ``(pairs,)`` float32.

    A rank is a score's among those of ``among``; log-odds are of ``platt``, found on validation.
    """
    if scale == "logit":
        brought = platt.log_odds(as_log_odds(channel, scores))
    else:
        ends = [among.min(), among.max()] if len(among) else []
        ordered = np.sort(np.append(among[:: -(-len(among) // _SAMPLE) or 1], ends))
        number = len(ordered)
        knots = np.linspace(0, number - 1, min(_KNOTS, number)).astype(int)
        values = np.unique(ordered[knots])
        below, upto = (np.searchsorted(ordered, values, side) for side in ("left", "right"))
        brought = np.interp(scores, values, (below + upto) / 2 / number)
    return np.asarray(brought, np.float32)


def as_log_odds(channel: str, scores: np.ndarray) -> np.ndarray:
    """Return an agreement of classes, which is a probability, as log-odds; a cosine as it is."""
    from scipy.special import logit

    scores = np.asarray(scores, np.float64)
    return np.asarray(logit(scores.clip(1e-9, 1 - 1e-9))) if channel.endswith("classes") else scores


def mean_weights(channels: Sequence[str]) -> np.ndarray:
    """Return every member alike, whose weight its channels (``member/channel``) share evenly."""
    members = [channel.partition("/")[0] for channel in channels]
    return np.array([1 / (len(set(members)) * members.count(member)) for member in members])


def search_moves(
    stack: np.ndarray, score: Objective, weights: np.ndarray, best: float
) -> np.ndarray:
    """Move weight from one channel to another as long as that gains, in ever smaller steps.

    A ``Search`` of few scores, because each sorts up to a million pairs.
    """
    for step in _STEPS:
        gained = True
        while gained:
            gained, start = False, weights
            for one, other in permutations(range(len(stack)), 2):
                amount = min(step, start[one])
                if amount:
                    moved = start + amount * (np.eye(len(stack))[other] - np.eye(len(stack))[one])
                    found = score(mix(moved.astype(stack.dtype), stack))
                    if found > best + 1e-7:
                        weights, best, gained = moved, found, True
    return weights


def fit_platt(same: np.ndarray, scores: np.ndarray, share: float | None = None) -> Platt:
    """Return slope and offset of the highest likelihood, with a little weight decay of the slope.

    Without it, scores that separate all pairs have no finite slope. Of a sample that was drawn with
    more same pairs than the ``share`` of all, the offset is put right (King and Zeng, 2001).
    """
    from scipy.special import logit
    from sklearn.linear_model import LogisticRegression

    scores = np.asarray(scores, np.float64)
    middle, spread = float(scores.mean()), float(scores.std()) or 1.0
    column = (scores - middle) / spread
    model = LogisticRegression(tol=1e-9, solver="newton-cholesky").fit(column[:, None], same)
    slope = max(0.0, float(model.coef_[0, 0])) / spread
    drawn = 0.0 if share is None else float(logit(same.mean()) - logit(share))
    return Platt(slope, float(model.intercept_[0]) - slope * middle - drawn)
