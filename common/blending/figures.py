"""What to look at in a blend: its confusions, its classes, and what the weights do."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common.blending.blend import Blend, mix
from common.competition import Competition
from common.files.predictions import Predictions
from common.metrics import figures
from common.metrics.classification import f1_per_class, macro_f1


def draw_blend(
    folder: Path,
    competition: Competition,
    members: Mapping[str, Predictions],
    blend: Blend,
    mixed: Predictions,
) -> None:
    """Write ``confusion.png``, ``classes.png`` and, for two members, ``weights.png``."""
    labels, predicted = mixed.validation_labels, mixed.validation.argmax(axis=1)
    figures.confusion(labels, predicted, competition.classes, folder / "confusion.png")
    draw_classes(folder / "classes.png", competition, members, mixed)
    if len(members) == 2:
        draw_weights(folder / "weights.png", members, blend)


def draw_classes(
    path: Path, competition: Competition, members: Mapping[str, Predictions], mixed: Predictions
) -> None:
    """F1 on validation of each class, the blend's worst first, members beside it."""
    labels, classes = mixed.validation_labels, len(competition.classes)

    def scores(probabilities: np.ndarray) -> np.ndarray:
        return f1_per_class(labels, probabilities.argmax(axis=1), classes)

    blended = scores(mixed.validation)
    order = np.argsort(np.nan_to_num(blended, nan=2.0))[: int(np.isfinite(blended).sum())]
    places = np.arange(len(order))
    size = (7, 1.5 + 0.17 * len(order))
    figure, axes = figures.pyplot().subplots(figsize=size)
    colours = (figures.BLUE, figures.ORANGE)
    for number, (name, member) in enumerate(members.items()):
        colour = colours[number] if number < len(colours) else None
        own = scores(member.validation)[order]
        axes.plot(own, places, ".", color=colour, alpha=0.7, label=name)
    axes.plot(blended[order], places, "k|", markersize=9, label="blend")
    names = [competition.classes[number] for number in order]
    axes.set_yticks(places, names, fontsize=7)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(-0.03, 1.03)
    figures.tidy(axes)
    axes.set_title(f"F1 of each class on validation (macro {np.nanmean(blended):.4f})")
    axes.legend(loc="lower left", frameon=False, fontsize=9)
    figures.save(figure, path)


def draw_weights(path: Path, members: Mapping[str, Predictions], blend: Blend) -> None:
    """Macro F1 on validation over the weight of the first of two members."""
    (first, one), (second, two) = members.items()
    weights = np.linspace(0, 1, 101)
    scores = [
        macro_f1(
            one.validation_labels,
            mix((weight, 1 - weight), (one.validation, two.validation)).argmax(axis=1),
        )
        for weight in weights
    ]
    figure, axes = figures.pyplot().subplots(figsize=(6, 3.5))
    axes.step(weights, scores, where="mid", color=figures.BLUE)
    label = f"{blend.method}: {blend.weights[0]:.3f}, macro F1 {blend.validation_score:.4f}"
    axes.plot(blend.weights[0], blend.validation_score, "o", color=figures.ORANGE, label=label)
    axes.set(title="Macro F1 of the blend on validation")
    axes.set_xlabel(f"weight of {first} (the rest is {second})")
    figures.tidy(axes)
    axes.legend(frameon=False, fontsize=9)
    figures.save(figure, path)
