"""One part of the data: its pictures, where their bytes are, their labels and groups."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np

RECORD, FILE, SLICE, MEMBER = range(4)  # how a picture lies in a file


@dataclasses.dataclass(frozen=True)
class Records:
    """One part of the data, as a layout finds it (``common.data.layouts``).

    Attributes:
        name: ``train``, ``val`` or ``test``.
        files: in reading order.
        ids: ``(pictures,)`` text, in reading order.
        labels: ``(pictures, …)`` as the competition's task has them, or None where there are none.
        places: ``(pictures, 4)`` int64: number of the file, first byte and length there, and how
            the picture lies there: as a ``RECORD`` of a TFRecord, as the whole ``FILE``, as a
            ``SLICE`` of it (of a tar), or as a ``MEMBER`` of a zip (by its number instead of a
            first byte, and its unpacked length).
        groups: ``(pictures,)`` text, such as patients or artists: a split keeps the pictures of one
            group on one side. An empty text is a picture without a group; None where none has one.
        split: how it was split off another part, in words; empty for a part of the data's own.
        bits: of the values of pictures with more than 8 (``common.data.depth``); 0 where not known.
        columns: ``(pictures,)`` text each, by name: what a table says of the pictures besides.
        notes: what was strange when it was read, each a sentence for a warning.
        seconds: where a row is a pair, ``places`` of its second picture; else None.
    """

    name: str
    files: tuple[Path, ...]
    ids: np.ndarray
    labels: np.ndarray | None
    places: np.ndarray
    groups: np.ndarray | None = None
    split: str = ""
    bits: int = 0
    columns: Mapping[str, np.ndarray] = dataclasses.field(default_factory=dict)
    notes: tuple[str, ...] = ()
    seconds: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def in_words(self) -> str:
        """``2,200 pairs``, or pictures."""
        return f"{len(self):,} {'pictures' if self.seconds is None else 'pairs'}"

    def take(self, rows: np.ndarray) -> "Records":
        """Return some of the pictures, in the order of ``rows``: ``(n,)`` numbers, or a mask."""
        labels = None if self.labels is None else self.labels[rows]
        groups = None if self.groups is None else self.groups[rows]
        columns = {name: values[rows] for name, values in self.columns.items()}
        return dataclasses.replace(
            self,
            ids=self.ids[rows],
            labels=labels,
            places=self.places[rows],
            groups=groups,
            columns=columns,
            seconds=None if self.seconds is None else self.seconds[rows],
        )


def no_records(name: str) -> Records:
    """Return a part that the data do not have: no pictures, and no labels."""
    return Records(name, (), np.array([], np.str_), None, np.zeros((0, 4), np.int64))


def join(name: str, first: Records, second: Records) -> Records:
    """Return the pictures of two labelled parts, one after the other, and the columns of both.

    Where two pictures have one name, as a folder for each class has them in every part, all get the
    name of their part in front; one picture in both parts is there twice.
    """
    assert first.labels is not None
    assert second.labels is not None
    first, second = _with_own_ids(first, second)
    groups = [
        np.zeros(len(part), np.str_) if part.groups is None else part.groups
        for part in (first, second)
    ]
    grouped = first.groups is not None or second.groups is not None
    moved = np.array([len(first.files), 0, 0, 0])  # the number of a file
    seconds = None
    if first.seconds is not None and second.seconds is not None:
        seconds = np.concatenate([first.seconds, second.seconds + moved])
    return Records(
        name,
        (*first.files, *second.files),
        np.concatenate([first.ids, second.ids]),
        np.concatenate([first.labels, second.labels]),
        np.concatenate([first.places, second.places + moved]),
        np.concatenate(groups) if grouped else None,
        bits=max(first.bits, second.bits),
        columns={
            name: np.concatenate([values, second.columns[name]])
            for name, values in first.columns.items()
            if name in second.columns
        },
        notes=tuple(dict.fromkeys((*first.notes, *second.notes))),
        seconds=seconds,
    )


def _with_own_ids(*parts: Records) -> list[Records]:
    """The parts, those of other pictures with the same ids under the names of the parts."""
    one, other = (dict(zip(part.ids.tolist(), _pictures(part), strict=True)) for part in parts)
    shared = one.keys() & other.keys()
    if not shared or any(one[name] == other[name] for name in shared):
        return [*parts]
    named = (np.char.add(f"{part.name}/", part.ids) for part in parts)
    return [dataclasses.replace(part, ids=ids) for part, ids in zip(parts, named, strict=True)]


def _pictures(part: Records) -> list[tuple[tuple[Path, int], ...]]:
    """What tells each row from all others: its pictures' files, and where they begin there."""
    places = [part.places] if part.seconds is None else [part.places, part.seconds]
    return [
        tuple((part.files[number], start) for number, start, *_ in row)
        for row in zip(*(one.tolist() for one in places), strict=True)
    ]
