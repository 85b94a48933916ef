"""Nearest neighbours of some pictures, and the pairs that the blend is most surely wrong about."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from kernels.report.facts import Facts
from kernels.report.gallery import Gallery, gallery_of
from kernels.report.render import Section

ASKED = 4  # pictures of seen, and as many of unseen classes, whose neighbours are shown
NEAREST, MISTAKES = 6, 8  # how many are shown
OFTEN = 2  # times that a picture is shown among the mistakes of a kind


def neighbours_section(facts: Facts) -> Section | None:
    """The neighbours of some pictures, among those that can be shown."""
    best = facts.pairs.best if facts.pairs else None
    if best is None:
        return None
    gallery = gallery_of(facts, best.ids, best.labels, best.seen)
    kept = gallery.pictured
    gallery = gallery_of(facts, best.ids[kept], best.labels[kept], best.seen[kept])
    asked, vectors = choose_asked(gallery), best.vectors[kept]
    if not asked:
        return None
    data = {
        "rows": [near_pictures(gallery, vectors, row) for row in asked],
        "channel": best.name,
        "pictures": len(vectors),
    }
    return Section("nearest", "neighbours", "Nearest neighbours", data)


def choose_asked(gallery: Gallery) -> list[int]:
    """Return rows of some seen and some unseen classes, evenly over their numbers.

    Of each class the first picture, and of those with two or more where there are any: others
    have no right neighbour.
    """
    chosen: list[int] = []
    _, rows, counts = np.unique(gallery.labels, return_index=True, return_counts=True)
    for seen in (True, False):
        kind = gallery.seen[rows] == seen
        several = kind & (counts > 1)
        places = np.flatnonzero(several if several.any() else kind)
        if len(places):
            even = np.linspace(0, len(places) - 1, min(ASKED, len(places))).round().astype(int)
            chosen += rows[places[even]].tolist()
    return chosen


def near_pictures(gallery: Gallery, vectors: np.ndarray, row: int) -> dict[str, Any]:
    """Return a picture and those nearest to it, by the dot product of ``vectors`` ``(n, d)``."""
    near, scores = nearest(vectors, row, NEAREST)
    return {
        "asked": gallery.shown(row),
        "near": [
            (gallery.shown(other), float(score), bool(gallery.labels[row] == gallery.labels[other]))
            for other, score in zip(near.tolist(), scores, strict=True)
        ],
    }


def nearest(vectors: np.ndarray, row: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of the highest dot products with one row, without itself, and these."""
    scores = vectors @ vectors[row]
    order = np.argsort(-scores, kind="stable")
    order = order[order != row][:number]
    return order, scores[order]


def mistakes_section(facts: Facts) -> Section | None:
    """The blend's surest mistakes, of those whose pictures can be shown."""
    scored = facts.pairs.scored if facts.pairs else None
    if scored is None:
        return None
    gallery = gallery_of(facts, scored.ids, scored.labels, scored.seen)
    rows = np.flatnonzero(gallery.pictured[scored.first] & gallery.pictured[scored.second])
    first, second, scores = (v[rows] for v in (scored.first, scored.second, scored.probabilities))
    data = {
        "one": facts.task.one,
        "pairs": len(rows) if len(rows) < len(scored.first) else 0,
        "kinds": worst_pairs(gallery, first, second, scores),
    }
    return Section("confident", "mistakes", "Most confident mistakes", data)


def worst_pairs(
    gallery: Gallery, first: np.ndarray, second: np.ndarray, scores: np.ndarray
) -> dict[str, list[dict[str, Any]]]:
    """Return the pairs most surely wrong: different ones of high scores, same ones of low scores.

    ``first`` and ``second`` ``(pairs,)`` are rows of the gallery; ``scores`` ``(pairs,)``.
    """
    same = gallery.labels[first] == gallery.labels[second]
    one, many = gallery.called
    kinds = {}
    for title, mask, sign in (
        (f"Different {many}, taken for one", ~same, -1),
        (f"One {one}, taken for two", same, 1),
    ):
        places = np.flatnonzero(mask)
        order = places[np.argsort(sign * scores[places], kind="stable")].tolist()
        kinds[title] = [
            _pair(gallery, int(first[place]), int(second[place]), float(scores[place]))
            for place in _varied(order, first, second)
        ]
    return kinds


def _varied(order: Sequence[int], first: np.ndarray, second: np.ndarray) -> list[int]:
    """The first of ``order``, no picture more than ``OFTEN``: one can be in most mistakes."""
    chosen: list[int] = []
    shown: Counter[int] = Counter()
    for place in order:
        pair = (int(first[place]), int(second[place]))
        if all(shown[row] < OFTEN for row in pair):
            chosen.append(place)
            shown.update(pair)
        if len(chosen) == MISTAKES:
            break
    return chosen


def _pair(gallery: Gallery, one: int, two: int, score: float) -> dict[str, Any]:
    pictures = [gallery.shown(one), gallery.shown(two)]
    names = dict.fromkeys(picture.name for picture in pictures)
    shown = f"{score:.1e}" if 0 < score < 0.0005 else f"{score:.3f}"
    return {"pictures": pictures, "names": " and ".join(names), "score": shown}
