"""Batches of P classes x K pictures, for losses that compare the pictures of a batch.

Hermans et al., 2017 (In Defense of the Triplet Loss).
"""

import numpy as np

from common.errors import UserError

_FEWEST = 2  # classes of a batch, pictures of a class: an anchor needs a positive and a negative


class ClassBatches:
    """Batches of ``classes`` (P) with ``pictures`` (K) each, drawn anew each epoch.

    A class with one picture has no pair, and is in no batch. Every other class is at most once in a
    batch, and all of them come equally often in an epoch, or some once more than others. The same
    holds for the pictures of a class with K or more. A class with fewer repeats pictures in a
    batch, as few times as possible.

    ``labels`` are ``(rows,)`` integers, the class of each row. ``steps`` are the batches of an
    epoch; 0 takes enough to show as many pictures as the usable classes have. ``replicas`` are the
    devices that share a batch. ``unused`` counts the rows that no batch has.

    Raises UserError when fewer than two classes are usable, when a batch asks for more classes than
    there are, and when P or K is less than 2.
    """

    def __init__(
        self, labels: np.ndarray, classes: int, pictures: int, steps: int = 0, replicas: int = 1
    ):
        names, counts = np.unique(labels, return_counts=True)
        usable = counts >= _FEWEST
        self._rows = {name: np.flatnonzero(labels == name) for name in names[usable].tolist()}
        self._classes, self._pictures = classes, pictures
        _check(classes, pictures, len(self._rows), len(names), replicas)
        self.unused = int(np.count_nonzero(~usable))
        self.steps = steps or -(-(len(labels) - self.unused) // (classes * pictures))

    @property
    def summary(self) -> str:
        """One line on what the batches have, for a log."""
        short = sum(len(part) < self._pictures for part in self._rows.values())
        return (
            f"{self.steps} batches of {self._classes} classes x {self._pictures} pictures from "
            f"{len(self._rows)} classes, of which {short} have fewer and repeat theirs; left out "
            f"with one picture: {self.unused}"
        )

    def epoch(self, generator: np.random.Generator) -> np.ndarray:
        """Draw the rows of one epoch, ``(steps, P · K)`` int64, a class's pictures side by side.

        They depend on the generator's state alone.
        """
        usable = np.array(sorted(self._rows))
        chosen = deal(usable, self.steps, self._classes, generator)
        rows = np.empty((self.steps, self._classes, self._pictures), np.int64)
        for label in usable:
            here = chosen == label
            rows[here] = deal(self._rows[label], int(here.sum()), self._pictures, generator)
        return rows.reshape(self.steps, -1)


def deal(items: np.ndarray, hands: int, size: int, generator: np.random.Generator) -> np.ndarray:
    """Deal ``hands`` random hands of ``size`` items, ``(hands, size)``.

    All items are dealt equally often, or some once more than others. No hand has an item twice,
    unless there are fewer than ``size`` of them: then each hand has all, as evenly as possible.
    """
    if len(items) < size:
        drawn = [np.resize(generator.permutation(items), size) for _ in range(hands)]
        return np.concatenate([items[:0], *drawn]).reshape(hands, size)
    dealt = items[:0]
    while len(dealt) < hands * size:
        fresh = generator.permutation(items)
        begun = dealt[len(dealt) // size * size :]
        # What the hand that is not full yet has already comes later.
        first = np.flatnonzero(~np.isin(fresh, begun))[: size - len(begun)]
        dealt = np.concatenate([dealt, fresh[first], np.delete(fresh, first)])
    return dealt[: hands * size].reshape(hands, size)


def _check(classes: int, pictures: int, usable: int, known: int, replicas: int) -> None:
    having = f"{usable} of {known} classes have {_FEWEST} pictures or more"
    if min(classes, pictures) < _FEWEST:
        fault = f"{classes} classes x {pictures} pictures have no triplets: set both to {_FEWEST}"
        raise UserError(f"batches of {fault} or more")
    if usable < _FEWEST:
        raise UserError(f"{having}: triplets need {_FEWEST} such classes, train on more pictures")
    if classes > usable:
        most = usable // replicas * pictures
        mend = (
            f"with --set batch_size={most}, or less"
            if most
            else f"on fewer than {replicas} devices"
        )
        raise UserError(f"batches of {classes} classes, and {having}: train {mend}")
