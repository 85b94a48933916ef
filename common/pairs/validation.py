"""The pairs of validation that an embedding is measured on, seen and unseen classes apart.

Validation has all pictures of the classes that are held out whole, and some of the others'. Of
``n`` pictures a class, a tenth of the classes and a tenth of the others' pictures, that makes
``0.1 n²`` same pairs of unseen classes and ``0.9 (0.1 n)²`` of seen ones, eleven to one: taken as
they come, unseen classes would choose the epoch and the blend by themselves. In test a class gives
the same share of its pictures whether train has it or not. So what is told of ``all`` pairs is
about those of all pictures of seen classes, and of as many pictures a class of unseen ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from common.files.vectors import Vectors
from common.metrics.verification import auc_by_part
from common.pairs.labelled import LabelledPairs, all_pairs
from common.pairs.scores import pair_scores
from common.pairs.table import Pairs

MOST = 1_000_000  # pairs; of more, different ones are drawn


@dataclass(frozen=True)
class ValidationPairs:
    """Pairs of validation pictures whose answer is known.

    Attributes:
        ids: ``(pictures,)`` text.
        labels: ``(pictures,)`` int64.
        seen: ``(pictures,)`` bool, whether train has the picture's class.
        most: of how many pairs at the most.
    """

    ids: np.ndarray
    labels: np.ndarray
    seen: np.ndarray
    most: int = MOST

    @cached_property
    def labelled(self) -> LabelledPairs:
        """The pairs and their answers."""
        return all_pairs(self.labels, self.most)

    @cached_property
    def counted(self) -> np.ndarray:
        """``(pictures,)`` bool: those whose pairs are ``all`` pairs.

        Of each unseen class as many as seen ones have on average, at least two, evenly over its
        rows; every picture where there are no seen or no unseen classes.
        """
        kept = np.ones(len(self.labels), bool)
        seen = np.unique(self.labels[self.seen])
        if not len(seen):
            return kept
        number = max(2, round(int(np.count_nonzero(self.seen)) / len(seen)))
        for label in np.unique(self.labels[~self.seen]):
            rows = np.flatnonzero(self.labels == label)
            even = np.linspace(0, len(rows) - 1, min(number, len(rows))).round().astype(int)
            kept[rows] = False
            kept[rows[even]] = True
        return kept

    @cached_property
    def share(self) -> float:
        """Of same pairs among all pairs of the pictures that count."""
        _, counts = np.unique(self.labels[self.counted], return_counts=True)
        number = int(counts.sum())
        return float((counts * (counts - 1)).sum() / (number * (number - 1)))

    @cached_property
    def pairs(self) -> Pairs:
        """The pairs as they are scored."""
        known = self.labelled
        first, second = (side.astype(np.int32) for side in (known.first, known.second))
        return Pairs(tuple(self.ids.tolist()), np.arange(len(first)), first, second)

    @cached_property
    def parts(self) -> dict[str, np.ndarray]:
        """``all``, ``seen`` and ``unseen``, ``(pairs,)`` bool: both pictures are of such."""
        first, second = self.labelled.first, self.labelled.second
        kinds = {"all": self.counted, "seen": self.seen, "unseen": ~self.seen}
        return {name: kind[first] & kind[second] for name, kind in kinds.items()}

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """``(pairs,)`` float32 dot products of ``vectors`` ``(pictures, d)``."""
        return pair_scores(np.ascontiguousarray(vectors, np.float32), self.pairs)

    def auc(self, scores: np.ndarray) -> dict[str, float | None]:
        """ROC AUC of ``all`` pairs, of ``seen`` and of ``unseen`` ones; None where there are none.

        Raises UserError for scores that are not finite.
        """
        return auc_by_part(self.labelled.same, scores, self.parts)


def in_history(auc: Mapping[str, float | None]) -> dict[str, float]:
    """An AUC by part under the names that ``history.csv`` has for it; none where it is none."""
    names = {"all": "val_auc", "seen": "val_auc_seen", "unseen": "val_auc_unseen"}
    return {names[part]: value for part, value in auc.items() if value is not None}


def pairs_of(vectors: Vectors, most: int = MOST) -> ValidationPairs:
    """Those of one model's validation."""
    return ValidationPairs(
        vectors.validation_ids, vectors.validation_labels, vectors.validation_seen, most
    )


def channel_auc(vectors: Vectors, most: int = MOST) -> Mapping[str, dict[str, float | None]]:
    """Channel → ROC AUC of all, seen and unseen pairs of validation."""
    pairs = pairs_of(vectors, most)
    return {name: pairs.auc(pairs.scores(rows)) for name, rows in vectors.validation.items()}
