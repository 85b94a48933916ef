"""What vectors show: the embedding, nearest neighbours, and the surest mistakes on pairs."""

import base64
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup

from kernels.report.charts import mark
from kernels.report.facts import Facts, Picture
from kernels.report.render import Key, Section, colour, hue
from kernels.results.scores import channel_scores

NAMED = 60  # classes in the legend at most, those with the most pictures
EDGE = 32767  # a distance of 1 in the page
ASKED = 4  # pictures of seen, and as many of unseen classes, whose neighbours are shown
NEAREST, MISTAKES = 6, 8  # how many are shown
OFTEN = 2  # times that a picture is shown among the mistakes of a kind


def embedding(facts: Facts) -> Section | None:
    """The embeddings of the members that wrote a projection, one of them at a time.

    The picture is of the last epoch, and of the others by a slider. None without a projection.
    """
    if not facts.pairs or not facts.pairs.projections:
        return None
    projections = facts.pairs.projections
    first = next(iter(projections.values()))  # all are of its pictures, in its order
    pictures = facts.pictures(first.ids, first.labels, first.seen)
    models: list[dict[str, Any]] = []
    for name, found in projections.items():
        points = scaled(found.points)
        packed = base64.b64encode(np.round(points * EDGE).astype("<i2").tobytes()).decode()
        flat = _flat(pictures, points[-1])
        shown = next(iter(channel_scores(facts.blended, name)), name)  # a kernel projects its first
        models.append(
            {"name": shown, "epochs": found.epochs.tolist(), "points": packed, "flat": flat}
        )
    numbers = np.unique(first.labels).tolist()
    drawn = [
        {**vars(picture), "lines": (), "jpeg": base64.b64encode(picture.jpeg or b"").decode()}
        for picture in pictures
    ]
    return {
        "title": "Embedding",
        "models": models,
        "several": any(len(found.epochs) > 1 for found in projections.values()),
        "facts": json.dumps({"pictures": drawn, "hues": {n: colour(n) for n in numbers}}),
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


def neighbours(facts: Facts) -> Section | None:
    """The neighbours of some pictures, among those that can be shown."""
    best = facts.pairs.best if facts.pairs else None
    if best is None:
        return None
    everyone = facts.pictures(best.ids, best.labels, best.seen)
    kept = pictured(everyone)
    pictures, vectors = [everyone[row] for row in kept], best.vectors[kept]
    rows = []
    for row in choose_asked(best.labels[kept], best.seen[kept]):
        near, scores = nearest(vectors, row, NEAREST)
        found = [pictures[other] for other in near.tolist()]
        rows.append((pictures[row], list(zip(found, scores.tolist(), strict=True))))
    title = "Nearest neighbours"
    blended = [name for name, weight in facts.weights.items() if weight]
    return {
        "title": title,
        "rows": rows,
        "channel": best.name,
        "blended": blended if len(blended) > 1 else [],
        "pictures": len(vectors),
    }


def pictured(pictures: Sequence[Picture]) -> np.ndarray:
    """Return the rows with a thumbnail, ``(found,)`` int64; all of them if none has."""
    have = np.array([picture.jpeg is not None for picture in pictures], bool)
    return np.flatnonzero(have if have.any() else ~have)


def choose_asked(labels: np.ndarray, seen: np.ndarray) -> list[int]:
    """Return rows of some seen and some unseen classes, evenly over their numbers.

    Of each class the first picture, and of those with two or more where there are any: others
    have no right neighbour. ``labels`` and ``seen`` are ``(n,)``.
    """
    chosen: list[int] = []
    _, rows, counts = np.unique(labels, return_index=True, return_counts=True)
    for kind in (seen[rows], ~seen[rows]):
        several = kind & (counts > 1)
        places = np.flatnonzero(several if several.any() else kind)
        if len(places):
            even = np.linspace(0, len(places) - 1, min(ASKED, len(places))).round().astype(int)
            chosen += rows[places[even]].tolist()
    return chosen


def nearest(vectors: np.ndarray, row: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the highest dot products with one row, without itself, and these."""
    scores = vectors @ vectors[row]
    order = np.argsort(-scores, kind="stable")
    order = order[order != row][:number]
    return order, scores[order]


def mistakes(facts: Facts) -> Section | None:
    """The blend's surest mistakes: different pairs of high scores, same pairs of low scores.

    They are of the pairs whose pictures can both be shown.
    """
    scored = facts.pairs.scored if facts.pairs else None
    if scored is None:
        return None
    pictures, scores = facts.pictures(scored.ids, scored.labels, scored.seen), scored.probabilities
    pairs = np.stack([scored.first, scored.second], axis=1)
    shown = np.asarray(np.isin(pairs, pictured(pictures)).all(axis=1))
    kinds = {}
    for title, kind, sign in (
        (f"Different {facts.task.classes_word}, taken for one", ~scored.same, -1),
        (f"One {facts.task.class_word}, taken for two", scored.same, 1),
    ):
        rows = np.flatnonzero(kind & shown)
        rows = rows[np.argsort(sign * scores[rows], kind="stable")]
        kinds[title] = [
            ([pictures[place] for place in pairs[row]], float(scores[row]))
            for row in rows[varied(map(np.ndarray.tolist, pairs[rows]))].tolist()
        ]
    number = np.count_nonzero(shown)
    some = number if number < len(shown) else 0
    return {"title": "Most confident mistakes", "number": some, "kinds": kinds}


def varied(pairs: Iterable[Sequence[int]]) -> list[int]:
    """Return places of the first pairs, no picture ``OFTEN``er: one can be in most mistakes."""
    chosen: list[int] = []
    shown: Counter[int] = Counter()
    for place, pair in enumerate(pairs):
        if all(shown[row] < OFTEN for row in pair):
            chosen.append(place)
            shown.update(pair)
        if len(chosen) == MISTAKES:
            break
    return chosen
