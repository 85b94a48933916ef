"""The embedding in three dimensions, to be turned; without the script, its first two from above."""

import base64
import json
from collections.abc import Sequence

import numpy as np
from markupsafe import Markup

from kernels.report.charts import mark
from kernels.report.facts import Facts, Picture
from kernels.report.render import Key, Section, colour, hue

NAMED = 60  # classes in the legend at most, those with the most pictures
EDGE = 32767  # a distance of 1 in the page


def embedding(facts: Facts) -> Section | None:
    """The embeddings of the members that wrote a projection, one of them at a time.

    The picture is of the last epoch, and of the others by a slider. None without a projection.
    """
    if not facts.pairs or not facts.pairs.projections:
        return None
    projections = facts.pairs.projections
    first = next(iter(projections.values()))  # all are of its pictures, in its order
    pictures = facts.pictures(first.ids, first.labels, first.seen)
    models = []
    for name, found in projections.items():
        points = scaled(found.points)
        packed = base64.b64encode(np.round(points * EDGE).astype("<i2").tobytes()).decode()
        flat = _flat(pictures, points[-1])
        models.append(
            {"name": name, "epochs": found.epochs.tolist(), "points": packed, "flat": flat}
        )
    numbers = np.unique(first.labels).tolist()
    shown = [
        {**vars(picture), "lines": (), "jpeg": base64.b64encode(picture.jpeg or b"").decode()}
        for picture in pictures
    ]
    return {
        "title": "Embedding",
        "models": models,
        "facts": json.dumps({"pictures": shown, "hues": {n: colour(n) for n in numbers}}),
        "legend": _legend(pictures),
        "more": max(0, len(numbers) - NAMED),
        "pictures": len(pictures),
        "classes": len(numbers),
        "unseen": len(np.unique(first.labels[~first.seen])),
    }


def scaled(points: np.ndarray) -> np.ndarray:
    """Return each epoch about its middle, its farthest hundredth at distance 1 and none beyond.

    ``(epochs, n, 3)`` float32 in and out; what is not finite lies in the middle.
    """
    known = np.nan_to_num(points.astype(np.float64), nan=0.0, posinf=0.0, neginf=0.0)
    moved = known - known.mean(axis=1, keepdims=True)
    far = np.linalg.norm(moved, axis=2, keepdims=True)
    reach = np.maximum(np.quantile(far, 0.99, axis=1, keepdims=True), 1e-12)
    return np.asarray(moved / np.maximum(reach, far), np.float32)


def _flat(pictures: Sequence[Picture], points: np.ndarray) -> list[Markup]:
    """The first two dimensions as a drawing, for a page without scripts and for print."""
    marks = []
    for row in np.argsort(points[:, 2], kind="stable").tolist():
        x, y = (320 + 300 * points[row, :2] * (1, -1)).round(1).tolist()
        shape = {"tag": "circle", "cx": x, "cy": y, "r": 5}
        if not pictures[row].seen:
            shape = {"tag": "path", "d": f"M{x - 6:.1f} {y}l6 -6l6 6l-6 6z"}
        marks.append(mark(look="dot hued", style=hue(pictures[row].label), **shape))
    return marks


def _legend(pictures: Sequence[Picture]) -> list[tuple[int, Key]]:
    """The classes, those with the most pictures first; the unseen have a diamond."""
    labels = [picture.label for picture in pictures]
    numbers, rows, counts = np.unique(labels, return_index=True, return_counts=True)
    keys = []
    for place in np.argsort(-counts, kind="stable")[:NAMED].tolist():
        shown, style = pictures[rows[place]], hue(int(numbers[place]))
        unseen = Key("hued unseen", f"{shown.name} (unseen)", style)
        keys.append((shown.label, Key("hued", shown.name, style) if shown.seen else unseen))
    return keys
