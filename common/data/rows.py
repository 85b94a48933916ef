"""Vectors of pictures as a part of the data: what a head is trained on."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from common.accelerator import Share
from common.data.batches import Batch, Encode, Training, batches_by_number


@dataclass(frozen=True)
class Rows:
    """Vectors of pictures, from which a head learns as a network does from pictures.

    ``views`` are ``(views, n, d)`` float32, or maps ``(views, n, h, w, c)``, ``labels`` ``(n, …)``;
    ``records`` are those of the pictures where they are known. ``augmented`` are more views, of the
    same form, that a head learns from as well.
    """

    views: np.ndarray
    labels: np.ndarray
    records: Any = None
    augmented: np.ndarray | None = None

    def __len__(self) -> int:
        return self.views.shape[1]

    def take(self, rows: np.ndarray) -> "Rows":
        """Return some of the pictures: ``(n,)`` numbers, or a mask."""
        more = None if self.augmented is None else self.augmented[:, rows]
        return Rows(self.views[:, rows], self.labels[rows], self.records.take(rows), more)

    @property
    def rows(self) -> np.ndarray:
        """The first view of each picture, ``(n, …)``."""
        return np.asarray(self.views[0])

    @property
    def learnt(self) -> "Rows":
        """What a head learns from: the first view of each picture, then the augmented ones."""
        if self.augmented is None:
            return Rows(self.views[:1], self.labels)
        rows = np.concatenate([self.views[:1], self.augmented])
        labels = np.concatenate([self.labels] * len(rows))
        return Rows(rows.reshape(1, -1, *rows.shape[2:]), labels)


class RowBatches(Training):
    """Shuffled batches of rows, as ``Training`` makes them of pictures."""

    def __init__(self, parts: Sequence[Rows], *drawn: Any):
        parts = [part.learnt for part in parts]
        super().__init__(parts, *drawn)  # type: ignore[arg-type]
        rows = [part.rows for part in parts]
        self._rows = np.concatenate(rows) if rows[1:] else rows[0]  # which may be gigabytes

    def _make(self, number: int) -> Batch:
        epoch, step = divmod(number, self.steps)
        places = self._share.of(np.arange(step * self._batch, (step + 1) * self._batch))
        rows = self._order(epoch)[places] % len(self.labels)
        weights = self.weights[rows] * (places < self._known)
        return self._rows[rows], self._encode(self.labels[rows]), weights.astype(np.float32)


def rows_in_order(
    part: Rows, batch: int, share: Share, view: int = 0, encode: Encode | None = None
) -> Any:
    """Return batches of all rows, the last one filled up: a ``grain.IterDataset``.

    Several devices take whole batches only. Targets are zeros unless ``encode`` makes them.
    """
    found = part.views[view]

    def make(step: int) -> Batch:
        places = share.of(np.arange(step * batch, (step + 1) * batch))
        rows = places.clip(max=len(part) - 1)
        targets = encode(part.labels[rows]) if encode else np.zeros((len(rows), 1), np.float32)
        return found[rows], targets, (places < len(part)).astype(np.float32)

    return batches_by_number(make, range(-(-len(part) // batch)))
