"""What to look at in a blend: its confusions, its classes, and what the weights do."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from common.blend import Blend, mix
from common.competition import Competition
from common.metrics import f1_per_class, macro_f1
from common.predictions import Predictions


def draw_blend(
    folder: Path,
    competition: Competition,
    members: Mapping[str, Predictions],
    blend: Blend,
    mixed: Predictions,
) -> None:
    """Write ``confusion.png``, ``classes.png`` and, for two members, ``weights.png``."""
    import matplotlib

    matplotlib.use("Agg")
    from common.figures import confusion

    labels, predicted = mixed.validation_labels, mixed.validation.argmax(axis=1)
    confusion(labels, predicted, competition.classes, folder / "confusion.png")
    draw_classes(folder / "classes.png", competition, members, mixed)
    if len(members) == 2:
        draw_weights(folder / "weights.png", members, blend)


def draw_classes(
    path: Path, competition: Competition, members: Mapping[str, Predictions], mixed: Predictions
) -> None:
    """F1 on validation of each class, the blend's worst first, members beside it."""
    import matplotlib.pyplot as plt

    labels, classes = mixed.validation_labels, len(competition.classes)

    def scores(probabilities: np.ndarray) -> np.ndarray:
        return f1_per_class(labels, probabilities.argmax(axis=1), classes)

    blended = scores(mixed.validation)
    order = np.argsort(np.nan_to_num(blended, nan=2.0))[: int(np.isfinite(blended).sum())]
    places = np.arange(len(order))
    figure, axes = plt.subplots(figsize=(7, 1.5 + 0.17 * len(order)), layout="constrained")
    for name, member in members.items():
        axes.plot(scores(member.validation)[order], places, ".", alpha=0.6, label=name)
    axes.plot(blended[order], places, "k|", markersize=9, label="blend")
    names = [competition.classes[number] for number in order]
    axes.set_yticks(places, names, fontsize=7)
    axes.set_ylim(len(order) - 0.4, -0.6)
    axes.set_xlim(-0.03, 1.03)
    axes.grid(axis="x", alpha=0.3)
    axes.set_title(f"F1 of each class on validation (macro {np.nanmean(blended):.4f})", loc="left")
    axes.legend(loc="upper left", fontsize=8)
    figure.savefig(path, dpi=110)
    plt.close(figure)


def draw_weights(path: Path, members: Mapping[str, Predictions], blend: Blend) -> None:
    """Macro F1 on validation over the weight of the first of two members."""
    import matplotlib.pyplot as plt

    (first, one), (second, two) = members.items()
    weights = np.linspace(0, 1, 101)
    scores = [
        macro_f1(
            one.validation_labels,
            mix((weight, 1 - weight), (one.validation, two.validation)).argmax(axis=1),
        )
        for weight in weights
    ]
    figure, axes = plt.subplots(figsize=(6, 3.5), layout="constrained")
    axes.step(weights, scores, where="mid")
    label = f"{blend.method}: {blend.weights[0]:.3f}, macro F1 {blend.validation_score:.4f}"
    axes.plot(blend.weights[0], blend.validation_score, "o", color="k", label=label)
    axes.set_xlabel(f"weight of {first} (the rest is {second})")
    axes.set_ylabel("macro F1 on validation")
    axes.grid(alpha=0.3)
    axes.legend()
    figure.savefig(path, dpi=110)
    plt.close(figure)
