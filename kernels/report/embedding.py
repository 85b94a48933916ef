"""The embedding in three dimensions, to be turned; without the script, its first two from above."""

import base64
import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from kernels.report.charts import Axes, drawing
from kernels.report.gallery import Gallery, hue
from kernels.report.markup import figure, join, section, tag

NAMED = 60  # classes in the legend at most, those with the most pictures
EDGE = 32767  # what stands for a distance of 1 in the page


@dataclass(frozen=True)
class Embedding:
    """Where pictures lie, at one or several epochs.

    Attributes:
        gallery: the ``n`` pictures.
        epochs: ``(epochs,)`` int, rising.
        points: ``(epochs, n, 3)`` float32, in the same axes at all epochs.
        name: whose embedding it is.
    """

    gallery: Gallery
    epochs: np.ndarray
    points: np.ndarray
    name: str = ""


def embedding_section(*embeddings: Embedding) -> Markup | None:
    """The picture of the last epoch, and of the others by a slider; none without a picture.

    Several are of one gallery; one of them is shown at a time.
    """
    shown = [embedding for embedding in embeddings if embedding.points.size]
    if not shown:
        return None
    gallery = shown[0].gallery
    _, many = gallery.called
    points = [scaled(embedding.points) for embedding in shown]
    unseen = len(np.unique(gallery.labels[~gallery.seen]))
    laid = np.concatenate([np.round(values * EDGE).astype("<i2").ravel() for values in points])
    drawn = tag(
        "div",
        *(_flat(embedding, values[-1]) for embedding, values in zip(shown, points, strict=True)),
        class_="embedding",
        data_points=base64.b64encode(laid.tobytes()).decode(),
        data_facts=json.dumps(_facts(shown)),
    )
    words = (
        f"{len(gallery.ids):,} validation pictures of {len(np.unique(gallery.labels)):,} {many}, "
        f"{unseen:,} of them unseen in training, in the three directions in which their vectors "
        "differ most. Each epoch is drawn to its own scale."
    )
    return section("embedding", "Embedding", _legend(gallery), figure(drawn, words))


def scaled(points: np.ndarray) -> np.ndarray:
    """Each epoch about its middle, its farthest hundredth at distance 1 and none beyond.

    ``(epochs, n, 3)`` float32 in and out; what is not finite lies in the middle.
    """
    known = np.nan_to_num(points.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    moved = known - known.mean(axis=1, keepdims=True)
    far = np.linalg.norm(moved, axis=2, keepdims=True)
    reach = np.maximum(np.quantile(far, 0.99, axis=1, keepdims=True), 1e-12)
    return np.asarray(moved / np.maximum(reach, far), np.float32)


def _facts(embeddings: Sequence[Embedding]) -> dict[str, object]:
    """What the script reads: of each embedding its epochs, and all of the pictures."""
    gallery = embeddings[0].gallery
    jpegs = (gallery.thumbnails.get(str(name)) for name in gallery.ids)
    return {
        "views": [{"name": e.name, "epochs": [int(n) for n in e.epochs]} for e in embeddings],
        "ids": [str(name) for name in gallery.ids],
        "labels": [int(label) for label in gallery.labels],
        "names": [str(name) for name in gallery.names],
        "called": gallery.called[0],
        "seen": [int(seen) for seen in gallery.seen],
        "jpegs": [base64.b64encode(jpeg).decode() if jpeg else "" for jpeg in jpegs],
    }


def _flat(embedding: Embedding, points: np.ndarray) -> Markup:
    """The first two dimensions as a drawing, for a page without scripts and for print."""
    gallery = embedding.gallery
    axes = Axes((-1.05, 1.05), (-1.05, 1.05), 640, 640, 6, 6, 6, 6)
    marks = []
    for row in np.argsort(points[:, 2], kind="stable").tolist():
        x, y = axes.across(float(points[row, 0])), axes.up(float(points[row, 1]))
        shape = {"cx": f"{x:.1f}", "cy": f"{y:.1f}", "r": 5}
        name, style = "circle", hue(int(gallery.labels[row]))
        if not gallery.seen[row]:
            name, shape = "path", {"d": f"M{x - 6:.1f} {y:.1f}l6 -6l6 6l-6 6z"}
        marks.append(tag(name, class_="dot hued", style=style, **shape))
    label = f"The embedding's first two dimensions, by {gallery.called[0]}"
    drawn = drawing(f"{label}: {embedding.name}".removesuffix(": "), 640, 640, *marks)
    return join((tag("h3", embedding.name), drawn)) if embedding.name else drawn


def _legend(gallery: Gallery) -> Markup:
    """The classes, those with the most pictures first; the unseen have a diamond."""
    labels, rows, counts = np.unique(gallery.labels, return_index=True, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    items = []
    for place in order[:NAMED].tolist():
        label, row = int(labels[place]), int(rows[place])
        mark = "swatch hued" if gallery.seen[row] else "swatch hued unseen"
        square = tag("span", class_=mark, style=hue(label), aria_hidden="true")
        told = str(gallery.names[row]) + ("" if gallery.seen[row] else " (unseen)")
        items.append(tag("li", square, told, data_label=label))
    if len(labels) > NAMED:
        items.append(tag("li", f"and {len(labels) - NAMED:,} more", class_="soft"))
    return tag("ul", *items, class_="legend labels")
