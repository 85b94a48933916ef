"""The pictures that sections on pairs show: who or what they are of, and thumbnails."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from kernels.report.facts import Facts


@dataclass(frozen=True)
class Shown:
    """One picture: its id, its class in words, whether train has that class, and a thumbnail."""

    id: str
    name: str
    seen: bool
    jpeg: bytes | None


@dataclass(frozen=True)
class Gallery:
    """Pictures by row.

    Attributes:
        ids: ``(n,)`` text.
        labels: ``(n,)`` int, the class of each by number.
        names: ``(n,)`` text, that class for people.
        seen: ``(n,)`` bool, whether train has pictures of that class.
        thumbnails: JPEG files by id; some may be missing.
        called: what one class is called, and several.
    """

    ids: np.ndarray
    labels: np.ndarray
    names: np.ndarray
    seen: np.ndarray
    thumbnails: Mapping[str, bytes]
    called: tuple[str, str] = ("class", "classes")

    def shown(self, row: int) -> Shown:
        """Return the picture of a row."""
        name = str(self.ids[row])
        return Shown(name, str(self.names[row]), bool(self.seen[row]), self.thumbnails.get(name))

    @property
    def pictured(self) -> np.ndarray:
        """``(n,)`` bool: which have a thumbnail; all of them if none has."""
        have = np.array([name in self.thumbnails for name in self.ids.tolist()], bool)
        return have if have.any() else np.ones(len(self.ids), bool)


def gallery_of(facts: Facts, ids: np.ndarray, labels: np.ndarray, seen: np.ndarray) -> Gallery:
    """Return pictures of a run, ``(n,)`` each, with the names of their classes and thumbnails."""
    assert facts.pairs is not None
    one, known = facts.task.one, facts.pairs.names
    names = np.array([known.get(number, f"{one} {number}") for number in labels.tolist()], np.str_)
    return Gallery(ids, labels, names, seen, facts.thumbnails, (one, facts.task.many))
