"""What to look at in a blend: its confusions, its errors, and what the weights do."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common.blending.blend import mix
from common.competition import Competition
from common.files.predictions import PARTS, Predictions
from common.metrics import figures

CURVES = "roc.png"  # of two classes


def draw_blend(
    folder: Path,
    competition: Competition,
    members: Mapping[str, Predictions],
    method: str,
    weights: np.ndarray,
    blended: Predictions,
) -> None:
    """Write the figures that the competition's task has; ``weights.png`` for two members."""
    labels, predictions = blended.validation_labels, blended.validation
    if not len(labels):
        return
    thresholds = competition.find_thresholds(labels, predictions)
    figures.predictions(folder, competition.task, labels, predictions, thresholds)
    if competition.task.name == "classification" and len(competition.task.classes) == 2:
        at = 0.5 if thresholds is None else float(thresholds[0])
        second = competition.task.classes[1]
        # Nothing is chosen after test is drawn.
        figures.operating_curves(second_of_two(blended), second, at, folder / CURVES)
    if len(members) == 2:
        _draw_weights(folder / "weights.png", competition, members, method, weights[0])


def second_of_two(predictions: Predictions) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Return which rows are of the second of two classes, and its probability, by part.

    Both are ``(rows,)``, bool and float. A part without labels of both classes is left out.
    """
    labelled = {part: getattr(predictions, f"{part}_labels") for part in PARTS}
    return {
        part: (labels == 1, getattr(predictions, part)[:, 1])
        for part, labels in labelled.items()
        if labels is not None and len(np.unique(labels)) == 2
    }


def _draw_weights(
    path: Path,
    competition: Competition,
    members: Mapping[str, Predictions],
    method: str,
    weight: float,
) -> None:
    """The competition's metric on validation over the weight of the first of two members.

    Labels are at the mean's thresholds.
    """
    labels, metric = next(iter(members.values())).validation_labels, competition.scoring
    pair = [member.validation for member in members.values()]
    thresholds = competition.find_thresholds(labels, mix((0.5, 0.5), pair))

    def score(share: float) -> float:
        return competition.score(labels, mix((share, 1 - share), pair), thresholds)

    shares, own = np.linspace(0, 1, 51), score(weight)
    figure, axes = figures.pyplot().subplots(figsize=(6, 3.5))
    scores = [score(share) for share in shares.tolist()]
    axes.plot(shares, scores, drawstyle="steps-mid", color=figures.BLUE)
    label = f"{method}: {weight:.3f}, {metric.title} {own:.4f}"
    axes.plot(weight, own, "o", color=figures.ORANGE, label=label)
    better = "higher" if metric.greater_is_better else "lower"
    title = metric.title[0].upper() + metric.title[1:]
    axes.set(title=f"{title} of the blend on validation ({better} is better)")
    axes.set_xlabel("weight of {} (the rest is {})".format(*members))
    figures.tidy(axes)
    axes.legend(frameon=False, fontsize=9)
    figures.save(figure, path)
