"""What an audit found, as warnings, as a table, and as pairs of pictures to look at."""

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.audit.lookalikes import Pair
from common.audit.records import BrokenRecord, Picture
from common.data import tables

NAME, TABLE, FIGURE = "audit.json", "audit.csv", "audit.png"
COLUMNS = (
    *("kind", "split_a", "id_a", "label_a", "split_b", "id_b", "label_b"),
    *("distance", "agreement", "group"),
)
_NAMED = 4  # what a warning names one by one; the table has all
_SHOWN = 12  # pairs in the figure


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        names: of the classes.
        splits: the names, in order.
        pictures: those that can be read.
        broken: the records that cannot.
        pairs: of pictures that are one, by their numbers.
        groups: the pictures that pairs connect.
        bits, bits_asked: within which hashes were compared in the end, and were to be.
        classes: split → pictures of each class, ``(classes,)``; labelled splits alone.
    """

    names: Sequence[str]
    splits: tuple[str, ...]
    pictures: tuple[Picture, ...]
    broken: tuple[BrokenRecord, ...]
    pairs: Sequence[Pair]
    groups: Sequence[Sequence[int]]
    bits: int
    bits_asked: int
    classes: Mapping[str, np.ndarray]

    @property
    def sizes(self) -> dict[str, int]:
        """Split → pictures that can be read."""
        return {split: sum(p.split == split for p in self.pictures) for split in self.splits}

    def label(self, picture: Picture) -> str:
        """Return the name of a picture's class; empty without a label."""
        return "" if picture.label is None else self.names[picture.label]

    def ends(self, pair: Pair) -> tuple[Picture, Picture]:
        """Return the two pictures of a pair."""
        return self.pictures[pair.first], self.pictures[pair.second]

    def is_conflict(self, pair: Pair) -> bool:
        """Return whether both pictures have a label, and not the same."""
        one, two = (picture.label for picture in self.ends(pair))
        return one is not None and two is not None and one != two


def facts_of(audit: Audit) -> dict[str, Any]:
    """Return ``audit.json`` in plain values, without its warnings."""
    kinds = Counter(pair.kind for pair in audit.pairs)
    return {
        "pictures": audit.sizes,
        "classes": {split: counts.tolist() for split, counts in audit.classes.items()},
        "pairs": {kind: kinds[kind] for kind in ("exact", "near", "mirrored")},
        "groups": [
            [{"split": audit.pictures[n].split, "id": audit.pictures[n].id} for n in group]
            for group in audit.groups
        ],
        "bits": audit.bits,
        "broken": [asdict(broken) for broken in audit.broken],
    }


def write_table(path: Path, audit: Audit) -> Path:
    """Write ``audit.csv``: a row for each pair, its header COLUMNS; groups count from 1."""
    group = {number: n for n, members in enumerate(audit.groups, 1) for number in members}
    rows = []
    for pair in audit.pairs:
        both = [(p.split, p.id, audit.label(p)) for p in audit.ends(pair)]
        facts = (pair.distance, pair.agreement, group[pair.first])
        rows.append((pair.kind, *both[0], *both[1], *facts))
    return tables.write_table(path, COLUMNS, rows)


def chosen(audit: Audit) -> list[Pair]:
    """Return pairs for the figure: of every two splits in turn, the least alike first.

    These are the ones over which a person may differ. Pairs with two labels come before others.
    """
    by_splits: dict[tuple[str, str], list[Pair]] = {}
    for pair in sorted(audit.pairs, key=lambda p: (not audit.is_conflict(p), p.agreement)):
        one, two = audit.ends(pair)
        by_splits.setdefault((one.split, two.split), []).append(pair)
    crossing = sorted(by_splits, key=lambda key: (key[0] == key[1], key))
    turns = itertools.zip_longest(*(by_splits[key] for key in crossing))
    return [pair for turn in turns for pair in turn if pair is not None][:_SHOWN]


def warnings_of(audit: Audit) -> list[str]:
    """Return what a person should know before training, a line each."""
    found = [*_leaks(audit), *_conflicts(audit), *_repeated_ids(audit), *_missing_classes(audit)]
    if audit.broken:
        reasons = [f"{b.file} record {b.record}: {b.reason}" for b in audit.broken]
        found.append(f"{_count(reasons, 'record')} cannot be used ({_some(reasons, '; ')}): {NAME}")
    if audit.bits < audit.bits_asked:
        found.append(
            f"too many pictures look alike: hashes were compared within {audit.bits} bits of 63, "
            f"not {audit.bits_asked}, and copies may be missing: raise most_looks with --set"
        )
    return found


def _leaks(audit: Audit) -> Iterator[str]:
    """Pictures of one split that are in another too, then those that are twice in one."""
    of_split = {
        split: [
            [p.id for n in group if (p := audit.pictures[n]).split == split]
            for group in audit.groups
        ]
        for split in audit.splits
    }
    for one, two in itertools.combinations(audit.splits, 2):
        both = zip(of_split[one], of_split[two], strict=True)
        ids = [name for here, there in both if here for name in there]
        if ids:
            said = f"{len(ids)} of {audit.sizes[two]} pictures of {two} are in {one} too"
            yield f"{said} ({_ids(ids)}): {TABLE}"
    for split, groups in of_split.items():
        ids = [name for group in groups for name in group[1:]]
        if ids:
            copies = "is a copy of another" if len(ids) == 1 else "are copies of others"
            yield f"{_count(ids, 'picture')} of {split} {copies} there ({_ids(ids)}): {TABLE}"


def _conflicts(audit: Audit) -> Iterator[str]:
    found = []
    for group in audit.groups:
        known = [audit.pictures[n] for n in group if audit.pictures[n].label is not None]
        if len({picture.label for picture in known}) > 1:
            found.append(_some([f"{p.id} {audit.label(p)}" for p in known]))
    if found:
        yield f"{_count(found, 'picture')} with more than one label ({_some(found, '; ')}): {TABLE}"


def _repeated_ids(audit: Audit) -> Iterator[str]:
    counted = Counter(picture.id for picture in audit.pictures)
    twice = [name for name, count in counted.items() if count > 1]
    if twice:
        yield f"{_count(twice, 'id')} given to more than one record ({_some(twice)})"


def _missing_classes(audit: Audit) -> Iterator[str]:
    """Classes without a picture in a labelled split, though another has some."""
    names = np.asarray(audit.names)
    present = sum(audit.classes.values(), start=np.zeros(len(names), dtype=np.int64)) > 0
    for split, counts in audit.classes.items():
        missing = names[(counts == 0) & present].tolist()
        if missing:
            yield f"{_count(missing, 'class')} without a picture in {split} ({_some(missing)})"
    nowhere = names[~present].tolist()
    if nowhere and audit.classes:
        yield f"{_count(nowhere, 'class')} without any labelled picture ({_some(nowhere)})"


def _count(items: Sequence[object], word: str) -> str:
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{len(items)} {word if len(items) == 1 else plural}"


def _ids(names: Sequence[str]) -> str:
    return f"{'id' if len(names) == 1 else 'ids'} {_some(names)}"


def _some(items: Sequence[str], between: str = ", ") -> str:
    more = len(items) - _NAMED
    shown = between.join(items[:_NAMED])
    return f"{shown}{between}and {more} more" if more > 0 else shown
