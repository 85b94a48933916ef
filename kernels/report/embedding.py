"""The embedding in three dimensions, to be turned; without the script, its first two from above."""

import base64
import json
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from common.files.projection import Projection
from kernels.report.charts import Chart, Mark
from kernels.report.facts import Facts
from kernels.report.gallery import Gallery, gallery_of
from kernels.report.render import Key, Section, hue

NAMED = 60  # classes in the legend at most, those with the most pictures
EDGE = 32767  # a distance of 1 in the page


def embedding_section(facts: Facts) -> Section | None:
    """The embedding of each member that wrote a projection; None if none did."""
    if not facts.pairs or not facts.pairs.projections:
        return None
    first = next(iter(facts.pairs.projections.values()))
    gallery = gallery_of(facts, first.ids, first.labels, first.seen)
    return draw_embeddings(gallery, facts.pairs.projections)


def draw_embeddings(gallery: Gallery, projections: Mapping[str, Projection]) -> Section:
    """Return the picture of the last epoch, and of the others by a slider.

    Several projections, by name, are of one gallery; one of them is shown at a time.
    """
    points = {name: scaled(found.points) for name, found in projections.items()}
    data = {
        "points": _packed(list(points.values())),
        "facts": json.dumps(_facts(gallery, projections)),
        "flat": {name: _flat(gallery, name, values[-1]) for name, values in points.items()},
        "legend": _legend(gallery),
        "more": max(0, len(np.unique(gallery.labels)) - NAMED),
        "pictures": len(gallery.ids),
        "classes": len(np.unique(gallery.labels)),
        "unseen": len(np.unique(gallery.labels[~gallery.seen])),
        "many": gallery.called[1],
    }
    return Section("space", "embedding", "Embedding", data)


def scaled(points: np.ndarray) -> np.ndarray:
    """Return each epoch about its middle, its farthest hundredth at distance 1 and none beyond.

    ``(epochs, n, 3)`` float32 in and out; what is not finite lies in the middle.
    """
    known = np.nan_to_num(points.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    moved = known - known.mean(axis=1, keepdims=True)
    far = np.linalg.norm(moved, axis=2, keepdims=True)
    reach = np.maximum(np.quantile(far, 0.99, axis=1, keepdims=True), 1e-12)
    return np.asarray(moved / np.maximum(reach, far), np.float32)


def _packed(points: Sequence[np.ndarray]) -> str:
    """The points of all as little-endian int16 in base64, one after the other."""
    laid = np.concatenate([np.round(values * EDGE).astype("<i2").ravel() for values in points])
    return base64.b64encode(laid.tobytes()).decode()


def _facts(gallery: Gallery, projections: Mapping[str, Projection]) -> dict[str, Any]:
    """What the script reads: of each embedding its epochs, and all of the pictures."""
    jpegs = (gallery.thumbnails.get(name) for name in gallery.ids.tolist())
    return {
        "views": [{"name": n, "epochs": found.epochs.tolist()} for n, found in projections.items()],
        "ids": gallery.ids.tolist(),
        "labels": gallery.labels.tolist(),
        "names": gallery.names.tolist(),
        "called": gallery.called[0],
        "seen": gallery.seen.astype(int).tolist(),
        "jpegs": [base64.b64encode(jpeg).decode() if jpeg else "" for jpeg in jpegs],
    }


def _flat(gallery: Gallery, name: str, points: np.ndarray) -> Chart:
    """The first two dimensions as a drawing, for a page without scripts and for print."""
    label = f"The embedding's first two dimensions, by {gallery.called[0]}: {name}"
    chart = Chart(label.removesuffix(": "), (-1.05, 1.05), (-1.05, 1.05), width=640, height=640)
    chart.left = chart.right = chart.top = chart.bottom = 6
    for row in np.argsort(points[:, 2], kind="stable").tolist():
        x, y = chart.across(float(points[row, 0])), chart.up(float(points[row, 1]))
        style = hue(int(gallery.labels[row]))
        tag, at = "circle", {"style": style, "cx": x, "cy": y, "r": 5}
        if not gallery.seen[row]:
            tag, at = "path", {"style": style, "d": f"M{x - 6:.1f} {y:.1f}l6 -6l6 6l-6 6z"}
        chart.marks.append(Mark(tag, "dot hued", at))
    return chart


def _legend(gallery: Gallery) -> list[tuple[int, Key]]:
    """The classes, those with the most pictures first; the unseen have a diamond."""
    labels, rows, counts = np.unique(gallery.labels, return_index=True, return_counts=True)
    keys = []
    for place in np.argsort(-counts, kind="stable")[:NAMED].tolist():
        label, shown = int(labels[place]), gallery.shown(int(rows[place]))
        look = "hued" if shown.seen else "hued unseen"
        words = shown.name if shown.seen else f"{shown.name} (unseen)"
        keys.append((label, Key(look, words, hue(label))))
    return keys
