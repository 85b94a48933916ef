"""The sections on pairs of one report: what there is to show of a run, and which of it."""

import numpy as np
from markupsafe import Markup

from common.pairs.scored import ScoredPairs
from common.pairs.scores import pair_scores
from common.pairs.table import Pairs
from kernels.report.embedding import Embedding, embedding_section
from kernels.report.facts import Facts
from kernels.report.gallery import Gallery
from kernels.report.pair_facts import Channel
from kernels.report.pairs import Distances, mistakes_section, neighbours_section, pairs_section

ASKED = 4  # pictures of seen, and as many of unseen classes, whose neighbours are shown


def curves_section(facts: Facts) -> Markup | None:
    """ROC curves and histograms of the blend; none where it left no pairs."""
    scored = facts.pairs.scored if facts.pairs else None
    if scored is None:
        return None
    one = facts.task.one
    words = (
        f"{len(scored.first):,} pairs of {len(scored.ids):,} validation pictures, told by the "
        f"blend. Score is the chance that both pictures are of one {one}; a pair of a seen and an "
        f"unseen {one} counts in all alone."
    )
    if not scored.counted.all():
        words += f" {_counted(facts)}"
    distances = _distances(facts.pairs.embedding, scored) if facts.pairs else None
    how = (scored.share, words, one, distances)
    return pairs_section(scored.same, scored.chances, scored.parts, *how)


def _distances(embedding: Channel | None, scored: ScoredPairs) -> Distances | None:
    """Those of the best embedding; none where it is not of the same pictures."""
    rows = {name: row for row, name in enumerate(embedding.ids.tolist())} if embedding else {}
    if embedding is None or not set(scored.ids.tolist()) <= set(rows):
        return None
    sides = (side.astype(np.int32) for side in (scored.first, scored.second))
    vectors = embedding.vectors[[rows[name] for name in scored.ids.tolist()]]
    pairs = Pairs(tuple(scored.ids.tolist()), np.arange(len(scored.first)), *sides)
    cosines = pair_scores(np.ascontiguousarray(vectors, np.float32), pairs)
    name = f"{embedding.member}/{embedding.channel}"
    return Distances(name, np.sqrt(np.maximum(0.0, 2.0 - 2.0 * cosines)))


def _counted(facts: Facts) -> str:
    one, many = facts.task.one, facts.task.many
    return (
        f"All is about the pictures of seen {many} and as many of each unseen {one}, of whom "
        "validation has more than test."
    )


def space_section(facts: Facts) -> Markup | None:
    """The embedding of each member that left a projection; none where none did."""
    if not facts.pairs or not facts.pairs.projections:
        return None
    first = next(iter(facts.pairs.projections.values()))
    gallery = _gallery(facts, first.ids, first.labels, first.seen)
    return embedding_section(
        *(
            Embedding(gallery, found.epochs, found.points, name)
            for name, found in facts.pairs.projections.items()
        )
    )


def nearest_section(facts: Facts) -> Markup | None:
    """Neighbours of some pictures, among those that can be shown."""
    best = facts.pairs.best if facts.pairs else None
    if best is None:
        return None
    kept = _pictured(facts, best.ids)
    gallery = _gallery(facts, best.ids[kept], best.labels[kept], best.seen[kept])
    asked = _asked(gallery)
    if not len(asked):
        return None
    return neighbours_section(gallery, best.vectors[kept], asked, _told(best, len(kept)))


def confident_section(facts: Facts) -> Markup | None:
    """The blend's surest mistakes, of those whose pictures can be shown."""
    scored = facts.pairs.scored if facts.pairs else None
    if scored is None:
        return None
    gallery = _gallery(facts, scored.ids, scored.labels, scored.seen)
    rows = _shown(facts, scored)
    first, second, chances = (v[rows] for v in (scored.first, scored.second, scored.chances))
    one = facts.task.one
    words = f"Score is the blend's chance that both pictures are of one {one}."
    if len(rows) < len(scored.first):
        words += f" {len(rows):,} pairs have both their pictures here."
    return mistakes_section(gallery, first, second, chances, words)


def _gallery(facts: Facts, ids: np.ndarray, labels: np.ndarray, seen: np.ndarray) -> Gallery:
    assert facts.pairs is not None
    called = (facts.task.one, facts.task.many)
    told = facts.pairs.told(labels, called[0])
    return Gallery(ids, labels, told, seen, facts.thumbnails, called)


def _pictured(facts: Facts, ids: np.ndarray) -> np.ndarray:
    """Rows that have a thumbnail; all of them where none has."""
    have = np.array([name in facts.thumbnails for name in ids.tolist()], bool)
    return np.flatnonzero(have if have.any() else np.ones(len(ids), bool))


def _shown(facts: Facts, scored: ScoredPairs) -> np.ndarray:
    """The pairs whose pictures both have a thumbnail; all of them where there are none."""
    have = np.isin(np.arange(len(scored.ids)), _pictured(facts, scored.ids))
    return np.flatnonzero(have[scored.first] & have[scored.second])


def _asked(gallery: Gallery) -> np.ndarray:
    """Pictures of some seen and some unseen classes, evenly over their numbers.

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
    return np.array(chosen, int)


def _told(best: Channel, pictures: int) -> str:
    return (
        f"The vectors are those of {best.member}/{best.channel}, the best channel alone; "
        f"neighbours are looked for among {pictures:,} validation pictures."
    )
