"""Pairs of pictures, of one class or not: how well scores tell them apart."""

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
from common.pairs.scored import ScoredPairs
from common.pairs.scores import pair_scores
from common.pairs.table import Pairs
from kernels.report.charts import Chart, bounds, histogram, roc_chart
from kernels.report.facts import Facts
from kernels.report.pair_facts import Channel
from kernels.report.render import Key, Section

COLOURS = ("one", "two", "three")
POINTS, BINS = 160, 40  # of a drawn curve, and of a histogram
FAR = 0.01
Masks = Mapping[str, np.ndarray]


def pairs_section(facts: Facts) -> Section | None:
    """ROC curves and histograms of the blend; None if it wrote no pairs."""
    scored = facts.pairs.scored if facts.pairs else None
    if facts.pairs is None or scored is None:
        return None
    embedding = facts.pairs.embedding
    data = {
        **pair_curves(scored.same, scored.probabilities, scored.parts, scored.share),
        "number": len(scored.first),
        "pictures": len(scored.ids),
        "one": facts.task.one,
        "many": facts.task.many,
        "counted": not scored.counted.all(),
        "distances": [],
        "embedding": embedding.name if embedding else "",
    }
    distances = _distances(embedding, scored)
    if distances is not None:
        masks = {name: scored.parts[name] for name in data["parts"]}
        data["distances"] = _histograms(scored.same, distances, masks, "distance")
    return Section("curves", "pairs", f"Pairs: of one {facts.task.one} or not", data)


def pair_curves(
    same: np.ndarray, scores: np.ndarray, parts: Masks, share: float | None = None
) -> dict[str, Any]:
    """Return curves, figures and histograms of all pairs and of each part.

    ``same`` ``(pairs,)`` bool and ``scores`` ``(pairs,)`` finite, higher for more alike; ``parts``
    are masks ``(pairs,)`` such as ``seen`` and ``unseen``. A part without a same or without a
    different pair is left out. ``share`` is that of same pairs among all, where only some of the
    different ones are here; accuracies are about all. Raises UserError if all pairs are alike.
    """
    chosen = {"all": np.ones(len(same), bool), **parts}
    kept = {
        name: mask
        for name, mask in chosen.items()
        if name == "all" or 0 < np.count_nonzero(same[mask]) < np.count_nonzero(mask)
    }
    curves = {name: roc(same[mask], scores[mask]) for name, mask in kept.items()}
    looks = dict(zip(curves, COLOURS, strict=False))
    legend = [Key(look, f"{name}: AUC {area(curves[name]):.3f}") for name, look in looks.items()]
    return {
        "legend": legend,
        "roc": _roc(curves, looks),
        "far": FAR,
        "rows": _figures(curves, share),
        "kinds": [Key("one", "same"), Key("two", "different")],
        "histograms": _histograms(same, scores, kept, "score"),
        "parts": list(kept),
    }


def _roc(curves: Mapping[str, Curve], looks: Mapping[str, str]) -> list[Chart]:
    """The whole curves, and their corner of few false accepts with a logarithmic scale."""
    whole, few = {}, {}
    for name, look in looks.items():
        curve = thinned(curves[name], POINTS)
        points = list(zip(curve.far.tolist(), curve.tar.tolist(), strict=True))
        whole[look] = points
        few[look] = [(float(np.log10(x)), y) for x, y in points if x >= 1e-4]
    areas = ", ".join(f"{name} {area(curve):.3f}" for name, curve in curves.items())
    name, close = "false accept rate", "The same ROC curves where few are accepted"
    return [
        roc_chart(f"ROC curves. AUC: {areas}", name, (0.0, 1.0), whole),
        roc_chart(close, f"{name}, power of ten", (-4.0, 0.0), few),
    ]


def _figures(curves: Mapping[str, Curve], share: float | None) -> list[tuple[Any, ...]]:
    """The numbers of each curve.

    Where only some different pairs are here, each stands for ``weight`` of all, next to a same one.
    """
    whole, rows = curves["all"], []
    weight = whole.hits[-1] / whole.false_alarms[-1] * (1 - share) / share if share else 1.0
    for name, curve in curves.items():
        same, different = int(curve.hits[-1]), int(curve.false_alarms[-1])
        threshold, right = best_threshold(curve, same / (same + float(weight) * different))
        ends = (tar_at_far(curve, FAR), equal_error_rate(curve))
        rows.append((name, same, different, area(curve), right, threshold, *ends))
    return rows


def _histograms(
    same: np.ndarray, scores: np.ndarray, parts: Masks, what: str
) -> list[dict[str, Any]]:
    """Of each part the shares of its same and of its different pairs, by score or distance."""
    edges = np.linspace(*bounds([float(scores.min()), float(scores.max())], 0.0), BINS + 1)
    panels = []
    for name, mask in parts.items():
        own, values = same[mask], scores[mask]
        kinds = {"two": values[~own], "one": values[own]}
        heights = {
            look: (np.histogram(kind, edges)[0] / max(len(kind), 1)).tolist()
            for look, kind in kinds.items()
        }
        one, two = float(np.median(kinds["one"])), float(np.median(kinds["two"]))
        words = f"medians {one:.3f} of same and {two:.3f} of different pairs"
        label = f"{what.capitalize()}s of {name} pairs: {words}"
        chart = Chart(label, (0, 1), (0, 1), what, "share of the pairs", top=24, left=50)
        title = f"{{height:.2%}} of these pairs have a {what} from {{low:.3g}} to {{high:.3g}}"
        panels.append(
            {"title": name, "words": words, "chart": histogram(chart, edges, heights, title)}
        )
    return panels


def _distances(embedding: Channel | None, scored: ScoredPairs) -> np.ndarray | None:
    """How far the pictures of each pair are apart; None without vectors of the same pictures."""
    rows = {name: row for row, name in enumerate(embedding.ids.tolist())} if embedding else {}
    if embedding is None or not set(scored.ids.tolist()) <= set(rows):
        return None
    sides = (side.astype(np.int32) for side in (scored.first, scored.second))
    vectors = embedding.vectors[[rows[name] for name in scored.ids.tolist()]]
    pairs = Pairs(tuple(scored.ids.tolist()), np.arange(len(scored.first)), *sides)
    cosines = pair_scores(np.ascontiguousarray(vectors, np.float32), pairs)
    return np.asarray(np.sqrt(np.maximum(0.0, 2.0 - 2.0 * cosines)))
