"""Listed pairs, of one or of two: how well they are separated, and which are not."""

import re
from typing import Any

import numpy as np

from common.blending.figures import second_of_two
from common.metrics.metric import METRICS
from kernels.report.facts import Facts, Words
from kernels.report.pairs import curves_of
from kernels.report.render import Section
from kernels.results.scores import as_mapping, by_group, measured_words

SHOWN = 12  # pairs of a gallery
NAMES = ("roc_auc", *(name for name, metric in METRICS.items() if metric.far), "equal_error_rate")
GALLERIES = {  # by what a pair is, and what it is taken for
    "False matches": (0, 1),
    "False rejections": (1, 0),
    "Right matches": (1, 1),
    "Right rejections": (0, 0),
}


def verification(facts: Facts) -> Section | None:
    """ROC curves and histograms of validation and of labelled test; None without both kinds."""
    sets = {
        part: (same, probabilities.astype(np.float64))
        for part, (same, probabilities) in second_of_two(facts.blend).items()
    }
    if not sets:
        return None
    words = []
    for part, (same, _) in sets.items():
        found = as_mapping(facts.blended.get(f"{part}_metrics"))
        known = {name: found[name] for name in NAMES if name in found}
        scores = measured_words({**known, "intervals": found.get("intervals")}, "")
        pairs = f"{same.sum():,} same and {(~same).sum():,} different pairs"
        said = f"{', '.join([pairs, *scores])}."
        words.append((part, said.replace("e-", "e\N{NON-BREAKING HYPHEN}")))
    return {
        "title": "Same or different",
        **curves_of(sets, "probability"),
        "words": words,
        "by_group": by_group(facts.blended, "groups", "test_groups"),
        "at": _threshold(facts),
    }


def galleries(facts: Facts) -> Section:
    """Validation's pairs by what they are and what they are taken for, each the surest first."""
    labels, decided = facts.blend.validation_labels, facts.decide(facts.blend)
    same = facts.blend.validation[:, 1]
    shown = []
    for title, (truth, taken) in GALLERIES.items():
        rows = np.flatnonzero((labels == truth) & (decided == taken))
        sign = -1 if taken else 1
        rows = rows[np.argsort(sign * same[rows], kind="stable")]
        pairs = [
            _pair(facts, row, float(same[row]), truth == taken) for row in rows[:SHOWN].tolist()
        ]
        of = f"{facts.task.classes[truth]} pairs"
        shown.append((title, len(rows), int(np.sum(labels == truth)), of, pairs))
    return {"title": "Matches and rejections", "galleries": shown, "at": _threshold(facts)}


def _pair(facts: Facts, row: int, same: float, right: bool) -> dict[str, Any]:
    """A pair with the names of both pictures."""
    line = Words(f"{facts.task.classes[1]} {same:.3f}", "right" if right else "wrong")
    one = facts.picture(row, line)
    return {"picture": one, "names": re.split(r" \| ", one.id, maxsplit=1)}


def _threshold(facts: Facts) -> float:
    """The probability from which on a pair is called same."""
    return 0.5 if facts.thresholds is None else float(facts.thresholds[0])
