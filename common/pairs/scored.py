"""``validation_pairs.npz``: validation's pairs, and what an ensemble says of them."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import UserError
from common.files.arrays import AGAIN, open_arrays
from common.pairs.validation import ValidationPairs

NAME = "validation_pairs.npz"
MOST = 500_000  # pairs; of more, different ones are drawn


@dataclass(frozen=True)
class ScoredPairs:
    """Pairs of validation pictures with the chance that both are of one class.

    Attributes:
        ids: ``(pictures,)`` text.
        labels: ``(pictures,)`` int64, the class of each.
        seen: ``(pictures,)`` bool, whether train has that class.
        counted: ``(pictures,)`` bool, those whose pairs are told of as ``all``.
        first, second: ``(pairs,)`` int32, rows of pictures.
        chances: ``(pairs,)`` float32 from 0 to 1.
        share: of same pairs among all of the pictures that count, those not drawn too.
    """

    ids: np.ndarray
    labels: np.ndarray
    seen: np.ndarray
    counted: np.ndarray
    first: np.ndarray
    second: np.ndarray
    chances: np.ndarray
    share: float

    @property
    def same(self) -> np.ndarray:
        """``(pairs,)`` bool, whether both are of one class."""
        return np.asarray(self.labels[self.first] == self.labels[self.second])

    @property
    def parts(self) -> dict[str, np.ndarray]:
        """``all``, ``seen`` and ``unseen``, ``(pairs,)`` bool: both pictures are of such."""
        kinds = {"all": self.counted, "seen": self.seen, "unseen": ~self.seen}
        return {name: kind[self.first] & kind[self.second] for name, kind in kinds.items()}


def save_scored_pairs(
    folder: Path, pairs: ValidationPairs, chances: np.ndarray, most: int = MOST
) -> Path:
    """Write ``validation_pairs.npz`` (no pickled objects): all pairs, or ``most`` of them.

    ``chances`` is ``(pairs,)``. Each kind is drawn evenly, different pairs are left out first.
    """
    known, path = pairs.labelled, folder / NAME
    rows = _drawn(known.same, most)
    np.savez(
        path,
        ids=np.asarray(pairs.ids, np.str_),
        labels=np.asarray(pairs.labels, np.int64),
        seen=np.asarray(pairs.seen, bool),
        counted=pairs.counted,
        first=known.first[rows].astype(np.int32),
        second=known.second[rows].astype(np.int32),
        chances=np.asarray(chances[rows], np.float32),
        share=np.float64(pairs.share),
    )
    return path


def load_scored_pairs(folder: Path) -> ScoredPairs | None:
    """What an ensemble left, or None when it left none. Raises UserError when it is damaged."""
    path = folder / NAME
    if not path.exists():
        return None
    with open_arrays(path, remedy=AGAIN) as arrays:
        found = {name: arrays[name] for name in arrays.files}
        pairs = ScoredPairs(**{**found, "share": float(found["share"])})
    _check(pairs, path)
    return pairs


def _drawn(same: np.ndarray, most: int) -> np.ndarray:
    """Rows of at most ``most`` pairs, rising."""
    if len(same) <= most:
        return np.arange(len(same))
    kinds = np.flatnonzero(same), np.flatnonzero(~same)
    kept = min(len(kinds[0]), max(most // 2, most - len(kinds[1])))
    generator = np.random.default_rng(0)
    drawn = [
        generator.permutation(kind)[:number]
        for kind, number in zip(kinds, (kept, most - kept), strict=True)
    ]
    return np.sort(np.concatenate(drawn))


def _check(pairs: ScoredPairs, path: Path) -> None:
    pictures, number = len(pairs.ids), len(pairs.first)
    shaped = len(pairs.labels) == len(pairs.seen) == len(pairs.counted) == pictures
    shaped = shaped and len(pairs.second) == len(pairs.chances) == number
    rows = np.concatenate([pairs.first, pairs.second]) if shaped else np.array([-1])
    if not shaped or (len(rows) and not 0 <= rows.min() <= rows.max() < pictures):
        raise UserError(f"{path}: its pictures and its pairs differ: run its kernel again")
    if not np.isfinite(pairs.chances).all():
        raise UserError(f"{path}: some chances are not numbers: run its kernel again")
