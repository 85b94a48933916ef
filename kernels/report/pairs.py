"""Pairs of pictures, of one class or not: how well scores tell them apart."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from common.metrics.verification import (
    Curve,
    area,
    best_threshold,
    equal_error_rate,
    roc,
    tar_at_far,
    thinned,
)
from common.pairs.validation import ScoredPairs
from kernels.report.charts import Chart, bounds, histogram
from kernels.report.facts import Facts
from kernels.report.pair_facts import Channel
from kernels.report.render import Key, Section, Table

COLOURS = ("one", "two", "three")
POINTS, BINS = 160, 40  # of a drawn curve, and of a histogram
FAR, FARS = 0.01, (1e-2, 1e-3)  # of the table, and of the curves' dots
HEADS = (
    *("pairs of", "same", "different", "ROC AUC", "best accuracy", "at score"),
    *(f"true accepts at {FAR:.0%} false", "equal error rate"),
)
Masks = Mapping[str, np.ndarray]
Scored = tuple[np.ndarray, np.ndarray]  # of pairs, which are same, and scores


def pairs(facts: Facts) -> Section | None:
    """ROC curves and histograms of the blend; None if it wrote no pairs."""
    scored = facts.pairs.scored if facts.pairs else None
    if facts.pairs is None or scored is None:
        return None
    embedding, same = facts.pairs.embedding, scored.same
    curves = pair_curves(same, scored.probabilities, scored.parts, scored.share)
    distances = _distances(embedding, scored)
    return {
        "title": f"Pairs: of one {facts.task.class_word} or not",
        **curves,
        "number": len(scored.first),
        "pictures": len(scored.ids),
        "counted": not scored.counted.all(),
        "distances": []
        if distances is None
        else _histograms(_sets(same, distances, scored.parts), "distance"),
        "embedding": embedding.name if embedding else "",
    }


def pair_curves(
    same: np.ndarray, scores: np.ndarray, parts: Masks, share: float | None = None
) -> dict[str, Any]:
    """Return ``curves_of`` all pairs and of each part.

    ``same`` ``(pairs,)`` bool and ``scores`` ``(pairs,)`` finite, higher for more alike; ``parts``
    are masks ``(pairs,)`` such as ``seen`` and ``unseen``. A part without a same or without a
    different pair is left out.
    """
    return curves_of(_sets(same, scores, parts), "score", share)


def _sets(same: np.ndarray, scores: np.ndarray, parts: Masks) -> dict[str, Scored]:
    """All pairs, and those of each part that has both kinds."""
    chosen = {"all": np.ones(len(same), bool), **parts}
    found = {name: (same[mask], scores[mask]) for name, mask in chosen.items()}
    return {name: one for name, one in found.items() if len(np.unique(one[0])) == 2}


def curves_of(sets: Mapping[str, Scored], what: str, share: float | None = None) -> dict[str, Any]:
    """Return curves, figures and histograms of pairs by name, of each which are same, and scores.

    ``what`` a score is called. ``share`` is that of same pairs among all, where only some of the
    different ones are here; accuracies are about all.
    """
    curves = {name: roc(*one) for name, one in sets.items()}
    areas = [f"{name}: AUC {area(curve):.3f}" for name, curve in curves.items()]
    return {
        "legend": [Key(look, words) for look, words in zip(COLOURS, areas, strict=False)],
        "roc": _roc(curves, areas),
        "table": _figures(curves, share),
        "kinds": [Key("one", "same"), Key("two", "different")],
        "histograms": _histograms(sets, what),
    }


def _roc(curves: Mapping[str, Curve], areas: list[str]) -> list[Chart]:
    """The whole curves, and their corner of few false accepts with a logarithmic scale."""
    x, y = "false accept rate", "true accept rate"
    label, close = f"ROC curves. {', '.join(areas)}", "The same ROC curves where few are accepted"
    whole = Chart(label, (0, 1), (0, 1), x, y, height=300)
    whole.line([(0, 0), (1, 1)])
    few = Chart(close, (-4, 0), (0, 1), f"{x}, power of ten", y, whole=True, height=300)
    for look, (name, curve) in zip(COLOURS, curves.items(), strict=False):
        thin = thinned(curve, POINTS)
        points = list(zip(thin.far.tolist(), thin.tar.tolist(), strict=True))
        whole.line(points, f"line {look}")
        few.line([(float(np.log10(x)), y) for x, y in points if x >= 1e-4], f"line {look}")
        error = equal_error_rate(curve)
        whole.dot(error, 1 - error, look, f"{name}: equal error rate {error:.3f}", 4)
        for far in FARS:
            tar = tar_at_far(curve, far)
            few.dot(math.log10(far), tar, look, f"{name}: TAR {tar:.3f} at FAR {far:g}", 4)
    return [whole, few]


def _figures(curves: Mapping[str, Curve], share: float | None) -> Table:
    """The numbers of each curve.

    Where only some different pairs are here, each stands for ``weight`` of all, next to a same one.
    """
    whole, rows = next(iter(curves.values())), []
    weight = whole.hits[-1] / whole.false_alarms[-1] * (1 - share) / share if share else 1.0
    for name, curve in curves.items():
        same, different = int(curve.hits[-1]), int(curve.false_alarms[-1])
        threshold, right = best_threshold(curve, same / (same + float(weight) * different))
        ends = (tar_at_far(curve, FAR), equal_error_rate(curve))
        found = (name, same, different, area(curve), right, threshold, *ends)
        rows.append(dict(zip(HEADS, found, strict=True)))
    return Table("How well the scores tell pairs apart", rows)


def _histograms(sets: Mapping[str, Scored], what: str) -> list[dict[str, Any]]:
    """Of each set the shares of its same and of its different pairs, by score or distance."""
    ends = [float(f(scores)) for _, scores in sets.values() for f in (np.min, np.max)]
    edges = np.linspace(*bounds(ends, 0.0), BINS + 1)
    title = f"{{height:.2%}} of these pairs have a {what} from {{low:.3g}} to {{high:.3g}}"
    panels = []
    for name, (same, scores) in sets.items():
        kinds = {"two": scores[~same], "one": scores[same]}
        heights = {look: np.histogram(k, edges)[0] / len(k) for look, k in kinds.items()}
        one, two = np.median(kinds["one"]), np.median(kinds["two"])
        words = f"medians {one:.3f} of same and {two:.3f} of different pairs"
        label = f"Histogram of each {what}, {name} pairs: {words}"
        chart = histogram(label, (what, "share of the pairs"), edges, heights, title)
        panels.append({"title": name, "words": words, "chart": chart})
    return panels


def _distances(embedding: Channel | None, scored: ScoredPairs) -> np.ndarray | None:
    """How far the pictures of each pair are apart; None without vectors of the same pictures."""
    rows = {name: row for row, name in enumerate(embedding.ids.tolist())} if embedding else {}
    if embedding is None or not set(scored.ids.tolist()) <= set(rows):
        return None
    cosines = scored.scores(embedding.vectors[[rows[name] for name in scored.ids.tolist()]])
    return np.asarray(np.sqrt(np.maximum(0.0, 2.0 - 2.0 * cosines)))
