"""Pairs of pictures, of one class or not: how well scores tell, and where they are wrong."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from common.metrics.verification import (
    Curve,
    area,
    best_threshold,
    equal_error_rate,
    roc,
    tar_at_far,
    thinned,
)
from kernels.report.charts import Axes, Points, bar, bounds, drawing, grid
from kernels.report.gallery import Gallery
from kernels.report.markup import Cell, count, join, legend, number, section, table, tag

COLOURS = ("one", "two", "three", "four", "five")
POINTS, BINS = 160, 40  # of a drawn curve, and of a histogram
FAR = 0.01
MISTAKES, NEAREST = 8, 6  # how many are shown
OFTEN = 2  # times that a picture is shown among the mistakes of a kind
Masks = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Distances:
    """How far the pictures of each pair are apart.

    Attributes:
        name: whose vectors.
        values: ``(pairs,)`` from 0 to 2.
    """

    name: str
    values: np.ndarray


def pairs_section(
    same: np.ndarray,
    scores: np.ndarray,
    parts: Masks,
    share: float | None = None,
    words: str = "",
    one: str = "class",
    distances: Distances | None = None,
) -> Markup:
    """ROC curves, figures and histograms of all pairs and of each part.

    ``same`` ``(pairs,)`` bool and ``scores`` ``(pairs,)`` finite, higher for more alike; ``parts``
    are masks ``(pairs,)`` such as ``seen`` and ``unseen``. A part without a same or without a
    different pair is left out. ``share`` is that of same pairs among all, where only some of the
    different ones are here; accuracies are about all. ``one`` is what a class is called.
    ``distances`` have histograms of their own. Raises UserError where all pairs are of one kind.
    """
    chosen = {"all": np.ones(len(same), bool), **parts}
    kept = {
        name: mask
        for name, mask in chosen.items()
        if name == "all" or 0 < np.count_nonzero(same[mask]) < np.count_nonzero(mask)
    }
    curves = {name: roc(same[mask], scores[mask]) for name, mask in kept.items()}
    colours = dict(zip(curves, COLOURS, strict=False))
    weight = 1.0 if share is None else _weight(curves["all"], share)
    kinds = legend((("one", "same"), ("two", "different")))
    entries = [(colours[name], f"{name}: AUC {area(curves[name]):.4f}") for name in colours]
    return section(
        "pairs",
        f"Pairs: of one {one} or not",
        *([tag("p", words)] if words else []),
        legend(entries),
        tag("div", _roc(curves, colours), class_="panels"),
        _figures(curves, weight),
        tag("h3", "Scores of same and of different pairs"),
        kinds,
        tag("div", *_histograms(same, scores, kept), class_="panels"),
        *(_distances(same, distances, kept, kinds) if distances else ()),
    )


def _distances(
    same: np.ndarray, distances: Distances, parts: Masks, kinds: Markup
) -> tuple[Markup, ...]:
    """The same histograms of distances."""
    words = (
        f"Euclidean distance between the unit vectors of {distances.name}: 0 for two alike, 1.41 "
        "for two that have nothing in common, 2 at most."
    )
    charts = _histograms(same, distances.values, parts, "distance")
    title = tag("h3", "Distances of same and of different pairs")
    return title, tag("p", words), kinds, tag("div", *charts, class_="panels")


def _roc(curves: Mapping[str, Curve], colours: Mapping[str, str]) -> Markup:
    """Two drawings: the whole, and its corner of few false alarms with a logarithmic scale."""
    axes = Axes((0.0, 1.0), (0.0, 1.0), 320, 300, top=24)
    corner = {"x1": axes.across(0), "y1": axes.up(0), "x2": axes.across(1), "y2": axes.up(1)}
    whole, few = [], []
    for name, colour in colours.items():
        curve = thinned(curves[name], POINTS)
        far, tar = curve.far.tolist(), curve.tar.tolist()
        whole.append(_line(axes, list(zip(far, tar, strict=True)), colour))
        close = [(np.log10(x), y) for x, y in zip(far, tar, strict=True) if x >= 1e-4]
        few.append((close, colour))
    told = ", ".join(f"{name} {area(curve):.4f}" for name, curve in curves.items())
    chance = tag("line", class_="diagonal", **corner)
    frame = grid(axes, "false accept rate", "true accept rate")
    first = drawing(f"ROC curves. AUC: {told}", axes.width, axes.height, frame, chance, *whole)
    log = Axes((-4.0, 0.0), (0.0, 1.0), 320, 300, top=24)
    lines = [_line(log, points, colour) for points, colour in few if len(points) > 1]
    frame = grid(log, "false accept rate, power of ten", "true accept rate", whole=True)
    second = drawing("The same ROC curves where few are accepted", 320, 300, frame, *lines)
    return join(tag("figure", drawn) for drawn in (first, second))


def _line(axes: Axes, points: Points, colour: str) -> Markup:
    drawn = "L".join(f"{axes.across(x):.1f} {axes.up(y):.1f}" for x, y in points)
    return tag("path", d=f"M{drawn}", class_=f"line {colour}")


def _weight(curve: Curve, share: float) -> float:
    """How many different pairs of all each of those here stands for, beside a same one."""
    return float(curve.hits[-1] / curve.false_alarms[-1] * (1 - share) / share)


def _figures(curves: Mapping[str, Curve], weight: float) -> Markup:
    heads = ["pairs of", "same", "different", "ROC AUC", "best accuracy", "at score"]
    heads += [f"true accepts at {FAR:.0%} false", "equal error rate"]
    rows = []
    for name, curve in curves.items():
        same, different = int(curve.hits[-1]), int(curve.false_alarms[-1])
        threshold, right = best_threshold(curve, same / (same + weight * different))
        counts = (count(same), count(different))
        ends = (tar_at_far(curve, FAR), equal_error_rate(curve))
        values = (area(curve), right, threshold, *ends)
        rows.append([Cell(name), *counts, *(number(value) for value in values)])
    return table("How well the scores tell pairs", heads, rows)


def _histograms(
    same: np.ndarray, scores: np.ndarray, parts: Masks, what: str = "score"
) -> list[Markup]:
    """Of each part the shares of its same and of its different pairs, by score or distance."""
    ends = bounds([float(scores.min()), float(scores.max())], 0.0)
    edges = np.linspace(*ends, BINS + 1)
    return [_histogram(name, same[mask], scores[mask], edges, what) for name, mask in parts.items()]


def _histogram(
    name: str, same: np.ndarray, scores: np.ndarray, edges: np.ndarray, what: str
) -> Markup:
    shares = {
        words: np.histogram(scores[mask], edges)[0] / max(np.count_nonzero(mask), 1)
        for words, mask in (("different", ~same), ("same", same))
    }
    most = max(float(share.max()) for share in shares.values())
    axes = Axes((float(edges[0]), float(edges[-1])), (0.0, most * 1.05), top=24, left=50)
    pieces = [grid(axes, what, "share of the pairs")]
    for words, colour in (("different", "two pale"), ("same", "one pale")):
        for place, share in enumerate(shares[words].tolist()):
            if share:
                low, high = float(edges[place]), float(edges[place + 1])
                told = f"{share:.2%} of {words} pairs have a {what} from {low:.3g} to {high:.3g}"
                pieces.append(bar(axes, (low, high), (0.0, share), colour, told))
    label = (
        f"{what.capitalize()}s of {name} pairs: medians {np.median(scores[same]):.3f} of same and "
        f"{np.median(scores[~same]):.3f} of different pairs"
    )
    chart = drawing(label, axes.width, axes.height, *pieces)
    return tag("figure", tag("figcaption", tag("strong", name), label.split(": ")[1]), chart)


def neighbours_section(
    gallery: Gallery, vectors: np.ndarray, rows: np.ndarray, words: str = ""
) -> Markup:
    """Of each picture in ``rows`` those nearest to it, by the dot product of ``vectors``.

    ``vectors`` ``(n, d)`` float, of the gallery's ``n`` pictures. Rows of the page read from left
    to right; a tick says that the class is the same.
    """
    items = []
    for row in rows.tolist():
        near, scores = nearest(vectors, row, NEAREST)
        cells = [tag("li", gallery.picture(row), gallery.caption(row), class_="asked")]
        pairs = zip(near.tolist(), scores.tolist(), strict=True)
        cells += [_neighbour(gallery, row, other, score) for other, score in pairs]
        items.append(tag("ol", *cells, class_="near", aria_label=f"Nearest to {gallery.ids[row]}"))
    told = "First the picture, then those whose vectors are nearest to its own, with the score."
    return section("neighbours", "Nearest neighbours", tag("p", f"{told} {words}"), *items)


def nearest(vectors: np.ndarray, row: int, number: int) -> tuple[np.ndarray, np.ndarray]:
    """The rows of the highest dot products with one row, and these, without that row itself."""
    scores = vectors @ vectors[row]
    order = np.argsort(-scores, kind="stable")
    order = order[order != row][:number]
    return order, scores[order]


def _neighbour(gallery: Gallery, row: int, other: int, score: float) -> Markup:
    right = gallery.labels[row] == gallery.labels[other]
    mark = tag("span", "✓" if right else "✗", role="img", aria_label="right" if right else "wrong")
    told = tag("span", f"{score:.3f} ", mark, class_="right" if right else "wrong")
    words = tag("span", told, tag("span", gallery.names[other], class_="line-of"), class_="words")
    return tag("li", gallery.picture(other), words, title=gallery.ids[other])


def mistakes_section(
    gallery: Gallery, first: np.ndarray, second: np.ndarray, scores: np.ndarray, words: str = ""
) -> Markup:
    """The pairs most surely wrong: different ones of the highest scores, same ones of the lowest.

    No picture is in more than ``OFTEN`` pairs of a kind, for one picture can be in most of them.
    ``first`` and ``second`` ``(pairs,)`` are rows of the gallery; ``scores`` ``(pairs,)``.
    """
    same = gallery.labels[first] == gallery.labels[second]
    one, many = gallery.called
    kinds = []
    for title, mask, sign in (
        (f"Different {many}, taken for one", ~same, -1),
        (f"One {one}, taken for two", same, 1),
    ):
        places = np.flatnonzero(mask)
        order = places[np.argsort(sign * scores[places], kind="stable")]
        worst = np.array(_varied(order.tolist(), first, second), int)
        pairs = zip(first[worst].tolist(), second[worst].tolist(), scores[worst], strict=True)
        cards = [_pair(gallery, one, two, float(score)) for one, two, score in pairs]
        none = tag("p", "There is no such pair.")
        inner = tag("ul", *cards, class_="doubles") if cards else none
        kinds.append(join((tag("h3", title), inner)))
    told = [tag("p", words)] if words else []
    return section("mistakes", "Most confident mistakes", *told, *kinds)


def _varied(order: Sequence[int], first: np.ndarray, second: np.ndarray) -> list[int]:
    """The first of ``order``, without those of a picture that was there often enough."""
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


def _pair(gallery: Gallery, one: int, two: int, score: float) -> Markup:
    pictures = tag("div", gallery.picture(one), gallery.picture(two), class_="double")
    names = list(dict.fromkeys((str(gallery.names[one]), str(gallery.names[two]))))
    words = tag("span", " and ".join(names), class_="truth")
    ids = tag("span", f"{gallery.ids[one]}, {gallery.ids[two]}", class_="soft line-of")
    shown = f"{score:.1e}" if 0 < score < 0.0005 else f"{score:.3f}"
    told = tag("span", f"score {shown}", class_="line-of wrong")
    return tag("li", pictures, tag("div", words, told, ids, class_="words"))
