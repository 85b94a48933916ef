"""Figures that a person wants to see of a training. Matplotlib is imported when one is drawn."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from common.metrics.counting import confusion_matrix, f1_per_class
from common.metrics.verification import SortedScores, area

_TITLE, _LONGEST = 0.3, 54  # inches above feature maps, and letters of a name
BLUE, ORANGE, GREY = "#3465a4", "#e07b00", "#888888"


def picture_grid(pictures: Sequence[np.ndarray], titles: Sequence[str], path: Path) -> None:
    """Pictures ``(height, width, 3)`` uint8 in rows of six, each under its title."""
    columns = min(6, len(pictures))
    rows = -(-len(pictures) // columns)
    side, above = 1.85, 0.2 + 0.15 * max(title.count("\n") + 1 for title in titles)  # inches
    figure, axis = canvas(columns * (side + 0.15), rows * (side + above) + 0.075)
    for number, (picture, title) in enumerate(zip(pictures, titles, strict=False)):
        row, column = divmod(number, columns)
        x, y = column * (side + 0.15) + 0.075, (rows - 1 - row) * (side + above) + 0.075
        wide, high = (side * share / max(picture.shape[:2]) for share in picture.shape[1::-1])
        show(axis, picture, x + (side - wide) / 2, y + (side - high) / 2, wide, high)
        top = y + (side + high) / 2 + 0.05
        axis.text(x + side / 2, top, title, fontsize=9, ha="center", va="bottom")
    figure.savefig(path, dpi=100)
    pyplot().close(figure)


def canvas(width: float, height: float) -> tuple[Any, Any]:
    """Return a figure and axes over all of it, in inches: axes for each picture take long."""
    figure = pyplot().figure(figsize=(width, height))
    axis = figure.add_axes((0, 0, 1, 1), xlim=(0, width), ylim=(0, height), autoscale_on=False)
    axis.axis("off")
    return figure, axis


def show(
    axis: Any, picture: np.ndarray, x: float, y: float, wide: float, high: float, **look: Any
) -> None:
    """Draw a picture with its lower left corner at ``x``, ``y`` of a canvas."""
    axis.imshow(picture, extent=(x, x + wide, y, y + high), aspect="auto", **look)


def ending(name: str, most: int) -> str:
    """Return a name, or the end of one that is longer than ``most`` characters."""
    return name if len(name) <= most else f"…{name[1 - most :]}"


def feature_maps(
    picture: np.ndarray, name: str, layers: Sequence[tuple[str, np.ndarray]], path: Path
) -> None:
    """A picture, and below it maps ``(channels, height, width)`` from 0 to 1, a row a layer."""
    side, columns = 0.8, max(8, *(len(maps) for _, maps in layers))  # inches
    rows: list[tuple[str, float, Sequence[np.ndarray]]] = [(ending(name, _LONGEST), 1.7, [picture])]
    rows += [(title, 0.96, list(maps)) for title, maps in layers]
    top = sum(share * side + _TITLE for _, share, _ in rows)
    figure, axis = canvas(columns * side, top)
    for title, share, shown in rows:
        look = {"fontsize": 12, "va": "top", "color": "#777777"}  # to be read on white and on black
        axis.text(0, top - 0.04, title, **look)
        top -= share * side + _TITLE
        for number, one in enumerate(shown):
            size = (share * side, share * side)
            show(axis, one, number * side, top, *size, cmap="viridis", vmin=0, vmax=1)
    figure.savefig(path, dpi=120, transparent=True)
    pyplot().close(figure)


def schedule(rates: Sequence[float], path: Path) -> None:
    """The learning rate of each epoch."""
    plt = pyplot()
    figure, axis = plt.subplots(figsize=(6, 3.5))
    epochs = np.arange(1, len(rates) + 1)
    axis.plot(epochs, rates, color=BLUE, marker="o", markersize=4)
    axis.set(title="Learning rate", xlabel="epoch", ylim=(0, max(rates) * 1.12))
    top = f"{max(rates):.2g}"
    axis.text(epochs[np.argmax(rates)], 1.02 * max(rates), top, ha="center")
    axis.ticklabel_format(axis="y", style="sci", scilimits=(0, 0))
    tidy(axis, epochs=True)
    save(figure, path)


def curves(history: Sequence[Mapping[str, Any]], path: Path) -> None:
    """Loss by epoch, and accuracy, error or AUC where they are; a refit is grey.

    ``history`` has the rows of ``history.csv``. A refit that trains the model on goes on after
    the last epoch of training.
    """
    plt = pyplot()
    panels = {
        name: {name: (BLUE, "training"), f"val_{name}": (ORANGE, "validation")}
        for name in ("loss", "accuracy", "mae")
        if any(name in row for row in history)
    }
    if any("val_auc" in row for row in history):
        panels["validation AUC"] = {
            "val_auc": (BLUE, "all pairs"),
            "val_auc_seen": (ORANGE, "seen classes"),
            "val_auc_unseen": (GREY, "unseen classes"),
        }
    width = 5 * len(panels)
    figure, axes = plt.subplots(1, len(panels), figsize=(width, 3.8), squeeze=False)
    for axis, (name, lines) in zip(axes.flat, panels.items(), strict=True):
        for column, (colour, label) in lines.items():
            _line(axis, history, "training", column, color=colour, marker="o", label=label)
        again = "refit on train + validation"
        _line(axis, history, "refit", name, color=GREY, linestyle="--", marker="D", label=again)
        axis.set(title=name[0].upper() + name[1:], xlabel="epoch")
        tidy(axis, epochs=True)
        if name not in ("loss", "mae"):
            axis.set_ylim(0, 1)
        if name != "loss" or len(panels) == 1:
            axis.legend(frameon=False, fontsize=9)
    save(figure, path)


def _line(
    axis: Any, history: Sequence[Mapping[str, Any]], stage: str, column: str, **look: Any
) -> None:
    """A column of one stage's rows, if they have it."""
    rows = [row for row in history if row["stage"] == stage and column in row]
    if rows:
        epochs, values = [row["epoch"] for row in rows], [row[column] for row in rows]
        axis.plot(epochs, values, markersize=3, **look)


def predictions(
    folder: Path,
    task: Any,
    labels: np.ndarray,
    predictions: np.ndarray,
    thresholds: np.ndarray | None,
    name: str = "confusion.png",
    errors_name: str = "errors.png",
) -> None:
    """The confusions of classes as the file ``name``, the errors of numbers as the other."""
    if task.has_class_numbers:
        confusion(labels, task.decide(predictions, thresholds), task.classes, folder / name)
    if task.has_values:
        errors(labels, task.values(predictions), folder / errors_name)


def confusion(
    labels: np.ndarray, predicted: np.ndarray, names: Sequence[str], path: Path, title: str = ""
) -> None:
    """The confusion matrix, each row as shares of its class, with every class's name and F1.

    ``labels`` and ``predicted`` are ``(rows,)`` class numbers. Classes without a picture are not
    shown, so that 14 of 104 fill the figure; all 104 stay legible at full resolution.
    """
    shown = np.unique(np.concatenate([labels, predicted]))
    shares = confusion_matrix(labels, predicted, len(names))[np.ix_(shown, shown)].astype(float)
    shares /= np.maximum(shares.sum(axis=1, keepdims=True), 1)
    scores = f1_per_class(labels, predicted, len(names))[shown]
    rows = [f"{names[c]}  {c}  {f1:.2f}" for c, f1 in zip(shown, scores, strict=True)]
    columns = [f"{c}  {names[c]}" for c in shown]
    # Measured here: a layout engine would draw all the labels twice more.
    figure, matrix = pyplot().figure(dpi=130), max(3.5, 0.16 * len(shown))  # inches
    left, bottom = (0.5 + _longest(figure, texts) for texts in (rows, columns))
    width, height = left + matrix + 0.9, bottom + matrix + 0.4
    figure.set_size_inches(width, height)
    axis = figure.add_axes((left / width, bottom / height, matrix / width, matrix / height))
    image = axis.imshow(np.ma.masked_equal(shares, 0), cmap="viridis_r", vmin=0, vmax=1)
    place = ((left + matrix + 0.2) / width, bottom / height, 0.1 / width, 0.3 * matrix / height)
    scale = figure.colorbar(image, cax=figure.add_axes(place), ticks=(0, 0.5, 1))
    scale.set_label("share", fontsize=7)
    places = range(len(shown))
    axis.set_yticks(places, rows, fontsize=7)
    axis.set_xticks(places, columns, fontsize=7, rotation=90)
    between, ends = np.arange(0.5, len(shown) - 1), (-0.5, len(shown) - 0.5)
    for lines in (axis.hlines, axis.vlines):  # a grid of minor ticks takes a quarter longer
        lines(between, *ends, color="#e4e4e4", linewidth=0.4)
    axis.tick_params(length=0)
    axis.set(xlabel="predicted class", ylabel="true class, its number and F1")
    axis.set_title(title or f"Macro F1 {np.nanmean(scores):.4f} on {len(labels)} pictures")
    figure.savefig(path)
    pyplot().close(figure)


def operating_curves(
    parts: Mapping[str, tuple[np.ndarray, np.ndarray]], second: str, threshold: float, path: Path
) -> None:
    """ROC and precision over recall of each part, with where the threshold lies on them.

    ``parts`` have which rows are of the class ``second``, bool, and its probabilities, both
    ``(rows,)``, with rows of both classes.
    """
    figure, (left, right) = pyplot().subplots(1, 2, figsize=(10, 4.2))
    left.plot((0, 1), (0, 1), color=GREY, linewidth=1)
    for (name, (truth, probabilities)), colour in zip(parts.items(), (BLUE, ORANGE), strict=False):
        curve = SortedScores(truth, probabilities).curve()
        at, words = curve.point(threshold), f"{name}, ROC AUC {area(curve):.3f}"
        for axis, x, y in ((left, curve.far, curve.tar), (right, curve.tar, curve.precision)):
            axis.plot(x, y, color=colour, label=words)
            axis.plot(x[at], y[at], "o", color=colour)
    left.set(xlabel=f"share of the others called {second}", ylabel=f"recall of {second}")
    left.set_title(f"ROC; the dot: {second} from {threshold:.3f} on")
    right.set(xlabel=f"recall of {second}", ylabel="precision", title="Precision over recall")
    left.legend(frameon=False, fontsize=9, loc="lower right")
    for axis in (left, right):
        axis.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02))
        tidy(axis)
    save(figure, path)


def _longest(figure: Any, texts: Sequence[str]) -> float:
    """Inches of the longest of labels of 7 points: one of those with the most letters."""
    found = [figure.text(0, 0, text, fontsize=7) for text in sorted(texts, key=len)[-5:]]
    widths = [text.get_window_extent().width / figure.dpi for text in found]
    for text in found:
        text.remove()
    return float(max(widths))


def errors(labels: np.ndarray, values: np.ndarray, path: Path) -> None:
    """Predicted over true values ``(rows,)``, and how the errors are distributed."""
    figure, (left, right) = pyplot().subplots(1, 2, figsize=(10, 4.2))
    ends = [float(f(np.concatenate([labels, values]))) for f in (np.min, np.max)]
    left.plot(ends, ends, color=GREY, linewidth=1)
    left.plot(labels, values, ".", color=BLUE, alpha=0.5)
    left.set(xlabel="true value", ylabel="predicted", title=f"{len(labels)} pictures")
    right.hist(values - labels, bins=31, color=BLUE)
    right.axvline(0, color=GREY, linewidth=1)
    right.set(xlabel="predicted less true value", title="Errors")
    for axis in (left, right):
        tidy(axis)
    save(figure, path)


def pyplot() -> Any:
    """Return ``matplotlib.pyplot`` without a display."""
    import matplotlib

    matplotlib.use("Agg")  # no display in a kernel
    from matplotlib import pyplot

    return pyplot


def tidy(axis: Any, epochs: bool = False) -> None:
    """The look of every figure's axes; with ``epochs``, whole numbers below."""
    from matplotlib.ticker import MaxNLocator

    if epochs:
        axis.xaxis.set_major_locator(MaxNLocator(integer=True))
    axis.spines[["top", "right"]].set_visible(False)
    axis.grid(alpha=0.25)


def save(figure: Any, path: Path) -> None:
    """Write the figure and close it."""
    figure.tight_layout()
    figure.savefig(path, dpi=100)
    pyplot().close(figure)
