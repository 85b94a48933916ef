"""What to look at in a blend: its confusions, its classes, its errors, and what the weights do."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common.blending.blend import mix
from common.competition import Competition
from common.files.predictions import Predictions
from common.metrics import figures
from common.metrics.metric import f1_per_class


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
    if competition.task.has_class_numbers:
        _draw_classes(folder / "classes.png", competition, members, blended)
    if len(members) == 2:
        _draw_weights(folder / "weights.png", competition, members, method, weights[0])


def _draw_classes(
    path: Path, competition: Competition, members: Mapping[str, Predictions], blended: Predictions
) -> None:
    """F1 on validation of each class, the blend's worst first, each member's too."""
    task, labels, classes = competition.task, blended.validation_labels, competition.task.classes

    def scores(predictions: np.ndarray) -> np.ndarray:
        thresholds = competition.find_thresholds(labels, predictions)
        return f1_per_class(labels, task.decide(predictions, thresholds), len(classes))

    of_blend = scores(blended.validation)
    order = np.argsort(np.nan_to_num(of_blend, nan=2.0))[: int(np.isfinite(of_blend).sum())]
    places = np.arange(len(order))
    figure, axes = figures.pyplot().subplots(figsize=(7, 1.5 + 0.17 * len(order)))
    colours = [figures.BLUE, figures.ORANGE] + [None] * len(members)
    for colour, (name, member) in zip(colours, members.items(), strict=False):
        own = scores(member.validation)[order]
        axes.plot(own, places, ".", color=colour, alpha=0.7, label=name)
    axes.plot(of_blend[order], places, "k|", markersize=9, label="blend")
    axes.set_yticks(places, [classes[number] for number in order], fontsize=7)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(-0.03, 1.03)
    figures.tidy(axes)
    axes.set_title(f"F1 of each class on validation (macro {np.nanmean(of_blend):.4f})")
    axes.legend(loc="lower left", frameon=False, fontsize=9)
    figures.save(figure, path)


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
