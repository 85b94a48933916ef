"""Nearest neighbours of some pictures, and the pairs that the blend is most surely wrong about."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from kernels.report.facts import Facts, Picture
from kernels.report.render import Section

ASKED = 4  # pictures of seen, and as many of unseen classes, whose neighbours are shown
NEAREST, MISTAKES = 6, 8  # how many are shown
OFTEN = 2  # times that a picture is shown among the mistakes of a kind


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
    return {"title": title, "rows": rows, "channel": best.name, "pictures": len(vectors)}


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
    kinds: dict[str, list[dict[str, Any]]] = {}
    for title, kind, sign in (
        (f"Different {facts.task.classes_word}, taken for one", ~scored.same, -1),
        (f"One {facts.task.class_word}, taken for two", scored.same, 1),
    ):
        rows = np.flatnonzero(kind & shown)
        rows = rows[np.argsort(sign * scores[rows], kind="stable")]
        kinds[title] = [
            {"pictures": [pictures[place] for place in pairs[row]], "score": _short(scores[row])}
            for row in rows[varied(pairs[rows].tolist())].tolist()
        ]
    number = np.count_nonzero(shown)
    some = number if number < len(shown) else 0
    return {"title": "Most confident mistakes", "number": some, "kinds": kinds}


def varied(pairs: Sequence[Sequence[int]]) -> list[int]:
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


def _short(score: float) -> str:
    return f"{score:.1e}" if 0 < score < 0.0005 else f"{score:.3f}"
