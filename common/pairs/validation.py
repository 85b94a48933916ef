"""The pairs of validation that an embedding is measured on, seen and unseen classes apart."""

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
    def pairs(self) -> Pairs:
        """The pairs as they are scored."""
        known = self.labelled
        first, second = (side.astype(np.int32) for side in (known.first, known.second))
        return Pairs(tuple(self.ids.tolist()), np.arange(len(first)), first, second)

    @cached_property
    def parts(self) -> dict[str, np.ndarray]:
        """``seen`` and ``unseen``, ``(pairs,)`` bool: both pictures are of such classes."""
        first, second = self.seen[self.labelled.first], self.seen[self.labelled.second]
        return {"seen": first & second, "unseen": ~first & ~second}

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
