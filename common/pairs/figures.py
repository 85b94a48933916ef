"""Figures of scored pairs: the ROC of seen and unseen classes, scores of same and different."""

from pathlib import Path

import numpy as np

from common.metrics.figures import BLUE, GREY, ORANGE, pyplot, save, tidy
from common.metrics.verification import area, roc, thinned
from common.pairs.validation import ValidationPairs

_POINTS = 400
_BINS = 50


def draw_pairs(folder: Path, pairs: ValidationPairs, probabilities: np.ndarray) -> None:
    """Draw ``roc.png`` and ``scores.png`` of probabilities ``(pairs,)``."""
    _draw_roc(folder / "roc.png", pairs, probabilities)
    _draw_scores(folder / "scores.png", pairs.same, probabilities)


def _draw_roc(path: Path, pairs: ValidationPairs, probabilities: np.ndarray) -> None:
    """A curve of all pairs, and of those of seen and of unseen classes."""
    figure, axis = pyplot().subplots(figsize=(5, 5))
    axis.plot([0, 1], [0, 1], color=GREY, linewidth=0.8, linestyle=":")
    for (name, mask), colour in zip(pairs.parts.items(), (BLUE, ORANGE, GREY), strict=True):
        same = pairs.same[mask]
        if 0 < np.count_nonzero(same) < len(same):
            curve = roc(same, probabilities[mask])
            few = thinned(curve, _POINTS)
            axis.plot(few.far, few.tar, color=colour, label=f"{name}  {area(curve):.4f}")
    axis.set(title="Pairs of validation", xlabel="false accept rate", ylabel="true accept rate")
    axis.legend(frameon=False, title="classes, AUC", loc="lower right")
    axis.set_aspect("equal")
    tidy(axis)
    save(figure, path)


def _draw_scores(path: Path, same: np.ndarray, probabilities: np.ndarray) -> None:
    """How same and different pairs score, each as shares of its own kind."""
    figure, axis = pyplot().subplots(figsize=(6, 3.5))
    edges = np.linspace(0, max(float(probabilities.max()), 1e-6), _BINS + 1)
    for mask, colour, name in ((~same, GREY, "different"), (same, ORANGE, "same")):
        shares = np.histogram(probabilities[mask], edges)[0] / max(1, mask.sum())
        axis.stairs(shares, edges, fill=True, alpha=0.5, color=colour)
        axis.stairs(shares, edges, color=colour, label=name)
    axis.set(title="Scores of validation's pairs", xlabel="probability", ylabel="share of its kind")
    axis.set_yscale("log")
    axis.legend(frameon=False)
    tidy(axis)
    save(figure, path)
