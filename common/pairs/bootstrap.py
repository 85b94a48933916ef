"""Intervals of the AUC of pairs: pictures are drawn anew, and their pairs with them.

Pairs that share a picture are not independent, so that drawing pairs would promise too much (the
vertex bootstrap of Snijders and Borgatti, 1999). A pair counts as often as both of its pictures
were drawn.
"""

from collections.abc import Mapping

import numpy as np

from common.metrics.verification import SortedScores
from common.pairs.validation import ValidationPairs

RESAMPLES = 200


def resampled_auc(
    pairs: ValidationPairs,
    scores: Mapping[str, np.ndarray],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, np.ndarray]:
    """Return the AUC of the pairs that count, on the same draws of pictures for every model.

    Args:
        pairs: of validation.
        scores: model → ``(pairs,)``.
        resamples: how many draws.
        seed: of the draws.

    Returns:
        model → ``(resamples,)`` float64; NaN where a draw has no same or no different pair.
    """
    counted = pairs.parts["all"]
    first, second, same = (side[counted] for side in (pairs.first, pairs.second, pairs.same))
    sorted_scores = {name: SortedScores(same, found[counted]) for name, found in scores.items()}
    pictures = np.flatnonzero(pairs.counted)
    generator = np.random.default_rng(seed)
    drawn = {name: np.empty(resamples) for name in scores}
    for draw in range(resamples):
        chosen = generator.choice(pictures, len(pictures))
        times = np.bincount(chosen, minlength=len(pairs.ids)).astype(np.float64)
        weights = times[first] * times[second]
        for name, found in sorted_scores.items():
            drawn[name][draw] = found.auc(weights)
    return drawn
