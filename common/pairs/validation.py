"""The pairs of validation that embeddings are measured on, seen and unseen classes apart.

Validation has all pictures of the classes that train has not, and some of the others'. Of ``n``
pictures a class, a tenth of the classes and a tenth of the others' pictures, that makes ``0.1 n²``
same pairs of unseen classes and ``0.9 (0.1 n)²`` of seen ones, eleven to one: taken as they come,
unseen classes would choose the epoch and the blend by themselves. In test a class has the same
share of its pictures whether train has it or not. So ``all`` pairs are those of all pictures of
seen classes, and of as many pictures a class of unseen ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files.arrays import AGAIN, load_arrays, save_arrays
from common.files.predictions import Vectors
from common.metrics.verification import SortedScores, roc_auc
from common.pairs.scores import PairScorer

MOST = 1_000_000  # pairs; of more, different ones are drawn
RESAMPLES = 200
NAME = "validation_pairs.npz"
_ARRAYS = {
    "ids": (np.str_, "n"),
    "labels": (np.int64, "n"),
    "seen": (bool, "n"),
    "first": (None, "p"),
    "second": (None, "p"),
    "probabilities": (np.float32, "p"),
}


@dataclass(frozen=True)
class ValidationPairs:
    """Pairs of validation pictures whose classes are known."""

    ids: np.ndarray  # ``(pictures,)`` text
    labels: np.ndarray  # ``(pictures,)`` int64
    seen: np.ndarray  # ``(pictures,)`` bool, whether train has the picture's class
    first: np.ndarray  # ``(pairs,)`` int32, rows of pictures
    second: np.ndarray

    @cached_property
    def same(self) -> np.ndarray:
        """``(pairs,)`` bool, whether both are of one class."""
        return np.asarray(self.labels[self.first] == self.labels[self.second])

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
        """Of same pairs among all pairs of the pictures that count, those not drawn too."""
        _, counts = np.unique(self.labels[self.counted], return_counts=True)
        number = int(counts.sum())
        return float((counts * (counts - 1)).sum() / (number * (number - 1)))

    @cached_property
    def parts(self) -> dict[str, np.ndarray]:
        """``all``, ``seen`` and ``unseen``, ``(pairs,)`` bool: both pictures are of such."""
        kinds = {"all": self.counted, "seen": self.seen, "unseen": ~self.seen}
        return {name: kind[self.first] & kind[self.second] for name, kind in kinds.items()}

    @cached_property
    def _scorer(self) -> PairScorer:
        return PairScorer(len(self.ids), self.first, self.second)

    def scores(self, vectors: np.ndarray) -> np.ndarray:
        """Return ``(pairs,)`` float32 dot products of ``vectors`` ``(pictures, d)``."""
        return self._scorer.scores(vectors)

    def auc(self, scores: np.ndarray) -> dict[str, float | None]:
        """Return the ROC AUC of ``all``, ``seen`` and ``unseen`` pairs.

        None for ``seen`` or ``unseen`` pairs without a same or without a different one. Raises
        UserError for scores that are not finite, and where ``all`` have no AUC.
        """
        found: dict[str, float | None] = {}
        for name, mask in self.parts.items():
            same = self.same[mask]
            known = name == "all" or 0 < np.count_nonzero(same) < len(same)
            found[name] = roc_auc(same, scores[mask]) if known else None
        return found

    def resampled_auc(
        self, scores: Mapping[str, np.ndarray], resamples: int = RESAMPLES, seed: int = 0
    ) -> dict[str, np.ndarray]:
        """Return the AUC of the pairs that count, on the same draws of pictures for every model.

        ``scores`` are ``(pairs,)`` by model. What returns is ``(resamples,)`` float64 by model, NaN
        where a draw has no same or no different pair.
        """
        counted = self.parts["all"]
        first, second, same = self.first[counted], self.second[counted], self.same[counted]
        ordered = {name: SortedScores(same, found[counted]) for name, found in scores.items()}
        pictures = np.flatnonzero(self.counted)
        generator = np.random.default_rng(seed)
        drawn = {name: np.empty(resamples) for name in scores}
        for draw in range(resamples):
            chosen = generator.choice(pictures, len(pictures))
            times = np.bincount(chosen, minlength=len(self.ids)).astype(np.float64)
            weights = times[first] * times[second]
            for name, found in ordered.items():
                drawn[name][draw] = found.auc(weights)
        return drawn


def validation_pairs(
    ids: np.ndarray, labels: np.ndarray, seen: np.ndarray, most: int = MOST
) -> ValidationPairs:
    """Return all pairs of the pictures, or ``most`` of them. Raises UserError for one picture."""
    return ValidationPairs(ids, labels, seen, *draw_pairs(labels, most))


def pairs_of(vectors: Vectors) -> ValidationPairs:
    """Return the pairs of one model's validation."""
    return validation_pairs(
        vectors.validation_ids, vectors.validation_labels, vectors.validation_seen
    )


def channel_auc(vectors: Vectors) -> Mapping[str, dict[str, float | None]]:
    """Return by channel the ROC AUC of all, seen and unseen pairs of validation."""
    pairs = pairs_of(vectors)
    return {name: pairs.auc(pairs.scores(rows)) for name, rows in vectors.validation.items()}


def in_history(auc: Mapping[str, float | None]) -> dict[str, float]:
    """Return an AUC by part under the names of ``history.csv``'s columns; none where it is None."""
    names = {"all": "val_auc", "seen": "val_auc_seen", "unseen": "val_auc_unseen"}
    return {names[part]: value for part, value in auc.items() if value is not None}


def draw_pairs(labels: np.ndarray, most: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return the rows of all pairs of ``labels`` ``(rows,)``, or of ``most``, drawn with ``seed``.

    They are ``(pairs,)`` int32, first < second; same pairs come first. Different pairs are omitted
    first, same ones only where they alone are more than half of ``most``. ROC AUC and error rates
    are expected to stay what they are over all pairs, as each kind is drawn evenly; an accuracy
    needs the share of same pairs. Raises UserError for fewer than two rows.
    """
    labels, number = np.asarray(labels), len(labels)
    if number < 2:
        raise UserError(f"{number} labelled pictures make no pair: two or more are needed")
    order = np.argsort(labels, kind="stable")
    ends = np.searchsorted(labels[order], labels[order], side="right")
    # Sorted by class, the later rows that make a same pair with a row are one run, the rest another
    lengths = np.stack([ends - np.arange(1, number + 1), number - ends])
    totals = lengths.sum(axis=1)
    same = min(totals[0], max(most // 2, most - totals[1]))
    kept = (same, min(totals[1], most - same))
    generator = np.random.default_rng(seed)
    drawn = []
    for starts, length, total, count in zip(
        (np.arange(1, number + 1), ends), lengths, totals, kept, strict=True
    ):
        if count < total:
            numbers = np.sort(generator.choice(total, count, replace=False, shuffle=False))
        else:
            numbers = np.arange(total)
        after = np.cumsum(length)
        row = np.searchsorted(after, numbers, side="right")
        drawn.append((row, starts[row] + numbers - (after - length)[row]))
    one, other = (order[np.concatenate(side)].astype(np.int32) for side in zip(*drawn, strict=True))
    return np.minimum(one, other), np.maximum(one, other)


@dataclass(frozen=True)
class ScoredPairs(ValidationPairs):
    """Pairs of validation, and how probable the ensemble finds that both are of one class."""

    probabilities: np.ndarray  # ``(pairs,)`` float32 from 0 to 1


def save_scored_pairs(folder: Path, pairs: ValidationPairs, probabilities: np.ndarray) -> Path:
    """Write ``validation_pairs.npz``; ``probabilities`` is ``(pairs,)``."""
    return save_arrays(folder / NAME, _ARRAYS, {**vars(pairs), "probabilities": probabilities})


def load_scored_pairs(folder: Path) -> ScoredPairs | None:
    """Return what an ensemble wrote, or None where it did not. Raises UserError for damage."""
    path = folder / NAME
    if not path.exists():
        return None
    pairs = ScoredPairs(**load_arrays(path, _ARRAYS, remedy=AGAIN))
    rows = np.concatenate([pairs.first, pairs.second, [0]])
    if not 0 <= rows.min() <= rows.max() < len(pairs.ids):
        raise UserError(f"{path}: its pictures and its pairs differ{AGAIN}")
    if not np.isfinite(pairs.probabilities).all():
        raise UserError(f"{path}: some probabilities are not numbers{AGAIN}")
    return pairs
