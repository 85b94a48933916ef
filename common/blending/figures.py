"""What to look at in a blend: its confusions, its classes, its errors, and what the weights do."""

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from common.blending.blend import Blend, mix
from common.competition import Competition
from common.files.predictions import Predictions
from common.metrics import figures
from common.metrics.metric import f1_per_class


def draw_blend(
    folder: Path,
    competition: Competition,
    members: Mapping[str, Predictions],
    blend: Blend,
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
        _draw_weights(folder / "weights.png", competition, members, blend)


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
    path: Path, competition: Competition, members: Mapping[str, Predictions], blend: Blend
) -> None:
    """The competition's metric on validation over the weight of the first of two members."""
    (first, one), (second, two) = members.items()
    metric = competition.scoring
    shares, scores = weight_curve(competition, one, two)
    (own,) = _weight_scores(competition, one, two, blend.weights[:1])
    figure, axes = figures.pyplot().subplots(figsize=(6, 3.5))
    axes.plot(shares, scores, drawstyle="steps-mid", color=figures.BLUE)
    label = f"{blend.method}: {blend.weights[0]:.3f}, {metric.title} {own:.4f}"
    axes.plot(blend.weights[0], own, "o", color=figures.ORANGE, label=label)
    better = "higher" if metric.greater_is_better else "lower"
    title = metric.title[0].upper() + metric.title[1:]
    axes.set(title=f"{title} of the blend on validation ({better} is better)")
    axes.set_xlabel(f"weight of {first} (the rest is {second})")
    figures.tidy(axes)
    axes.legend(frameon=False, fontsize=9)
    figures.save(figure, path)


def weight_curve(
    competition: Competition, one: Predictions, two: Predictions
) -> tuple[np.ndarray, list[float]]:
    """Return the weights 0, 0.02, … 1 of ``one``, and the metric of each blend."""
    shares = np.linspace(0, 1, 51)
    return shares, _weight_scores(competition, one, two, shares.tolist())


def _weight_scores(
    competition: Competition, one: Predictions, two: Predictions, shares: Sequence[float]
) -> list[float]:
    """The metric of blends with these weights of ``one``, at the mean's thresholds."""
    labels, pair = one.validation_labels, (one.validation, two.validation)
    thresholds = competition.find_thresholds(labels, mix((0.5, 0.5), pair))
    return [competition.score(labels, mix((s, 1 - s), pair), thresholds) for s in shares]
