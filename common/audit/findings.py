"""What an audit found, as warnings, as a table, and as pairs of pictures to look at."""

import csv
import itertools
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.audit.figures import Shown
from common.audit.lookalikes import Pair
from common.audit.records import Broken, Picture, read_picture

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
        splits: the names, in order.
        pictures: those that can be read.
        broken: the records that cannot.
        pairs: of pictures that are one, by their numbers.
        groups: the pictures that pairs connect.
        bits, bits_asked: within which hashes were compared in the end, and were to be.
        classes: split → pictures of each class, ``(classes,)``; labelled splits alone.
    """

    splits: tuple[str, ...]
    pictures: tuple[Picture, ...]
    broken: tuple[Broken, ...]
    pairs: tuple[Pair, ...]
    groups: tuple[tuple[int, ...], ...]
    bits: int
    bits_asked: int
    classes: Mapping[str, np.ndarray]

    @property
    def sizes(self) -> dict[str, int]:
        """Split → pictures that can be read."""
        return {split: sum(p.split == split for p in self.pictures) for split in self.splits}


def facts_of(audit: Audit) -> dict[str, Any]:
    """``audit.json`` in plain values, without its warnings."""
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


def warnings_of(audit: Audit, classes: Sequence[str]) -> list[str]:
    """What a person should know before training, a line each."""
    found = [
        *_leaks(audit),
        *_conflicts(audit, classes),
        *_repeated_ids(audit),
        *_missing_classes(audit, classes),
    ]
    if audit.broken:
        told = [f"{b.file} record {b.record}: {b.reason}" for b in audit.broken]
        found.append(f"{_count(told, 'record')} cannot be used ({_some(told, '; ')}): {NAME}")
    if audit.bits < audit.bits_asked:
        found.append(
            f"too many pictures look alike: hashes were compared within {audit.bits} bits of 63, "
            f"not {audit.bits_asked}, and copies may be missing: raise most_looks with --set"
        )
    return found


def write_table(path: Path, audit: Audit, classes: Sequence[str]) -> Path:
    """``audit.csv``: a row for each pair, its header COLUMNS; groups are numbered from 1."""
    group = {number: n for n, members in enumerate(audit.groups, 1) for number in members}

    def ends(number: int) -> tuple[str, str, str]:
        picture = audit.pictures[number]
        return picture.split, picture.id, _class(picture, classes)

    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        for pair in audit.pairs:
            both = (*ends(pair.first), *ends(pair.second))
            writer.writerow((pair.kind, *both, pair.distance, pair.agreement, group[pair.first]))
    return path


def chosen(audit: Audit, classes: Sequence[str]) -> list[Shown]:
    """Pairs for the figure: of every two splits in turn, the least alike first.

    These are the ones over which a person may differ. Pairs with two labels come before others.
    """
    by_splits: dict[tuple[str, str], list[Pair]] = {}
    for pair in sorted(audit.pairs, key=lambda p: (not _conflict(audit, p), p.agreement)):
        one, two = audit.pictures[pair.first], audit.pictures[pair.second]
        by_splits.setdefault((one.split, two.split), []).append(pair)
    crossing = sorted(by_splits, key=lambda key: (key[0] == key[1], key))
    turns = itertools.zip_longest(*(by_splits[key] for key in crossing))
    pairs = [pair for turn in turns for pair in turn if pair is not None]
    return [_shown(audit, pair, classes) for pair in pairs[:_SHOWN]]


def _leaks(audit: Audit) -> Iterator[str]:
    """Pictures of one split that stand in another too, then those that stand twice in one."""
    for one, two in itertools.combinations(audit.splits, 2):
        both = [group for group in audit.groups if _of(audit, group, one)]
        ids = [name for group in both for name in _of(audit, group, two)]
        if ids:
            said = f"{len(ids)} of {audit.sizes[two]} pictures of {two} are in {one} too"
            yield f"{said} ({_ids(ids)}): {TABLE}"
    for one in audit.splits:
        ids = [name for group in audit.groups for name in _of(audit, group, one)[1:]]
        if ids:
            copies = "is a copy of another" if len(ids) == 1 else "are copies of others"
            yield f"{_count(ids, 'picture')} of {one} {copies} there ({_ids(ids)}): {TABLE}"


def _of(audit: Audit, group: Sequence[int], split: str) -> list[str]:
    """The ids of a group's pictures of one split."""
    return [audit.pictures[n].id for n in group if audit.pictures[n].split == split]


def _conflicts(audit: Audit, classes: Sequence[str]) -> Iterator[str]:
    told = []
    for group in audit.groups:
        known = [audit.pictures[n] for n in group if audit.pictures[n].label is not None]
        if len({picture.label for picture in known}) > 1:
            told.append(_some([f"{p.id} {_class(p, classes)}" for p in known]))
    if told:
        yield f"{_count(told, 'picture')} with more than one label ({_some(told, '; ')}): {TABLE}"


def _repeated_ids(audit: Audit) -> Iterator[str]:
    counted = Counter(picture.id for picture in audit.pictures)
    twice = [name for name, count in counted.items() if count > 1]
    if twice:
        yield f"{_count(twice, 'id')} given to more than one record ({_some(twice)})"


def _missing_classes(audit: Audit, classes: Sequence[str]) -> Iterator[str]:
    """Classes without a picture in a labelled split, though another has some."""
    present = sum(audit.classes.values(), start=np.zeros(len(classes), dtype=np.int64)) > 0
    for split, counts in audit.classes.items():
        missing = _names(classes, (counts == 0) & present)
        if missing:
            yield f"{_count(missing, 'class')} without a picture in {split} ({_some(missing)})"
    nowhere = _names(classes, ~present)
    if nowhere and audit.classes:
        yield f"{_count(nowhere, 'class')} without any labelled picture ({_some(nowhere)})"


def _names(classes: Sequence[str], mask: np.ndarray) -> list[str]:
    return [name for name, wanted in zip(classes, mask, strict=True) if wanted]


def _conflict(audit: Audit, pair: Pair) -> bool:
    one, two = audit.pictures[pair.first].label, audit.pictures[pair.second].label
    return one is not None and two is not None and one != two


def _shown(audit: Audit, pair: Pair, classes: Sequence[str]) -> Shown:
    ends = [audit.pictures[number] for number in (pair.first, pair.second)]
    titles = [f"{p.split} {p.id}\n{_class(p, classes) or 'no label'}" for p in ends]
    one, two = (read_picture(picture) for picture in ends)
    how = pair.kind if pair.kind == "exact" else f"{pair.kind}, {pair.agreement:.3f}"
    return Shown(one, two, titles[0], titles[1], how, _conflict(audit, pair))


def _class(picture: Picture, classes: Sequence[str]) -> str:
    return "" if picture.label is None else classes[picture.label]


def _count(items: Sequence[object], word: str) -> str:
    plural = f"{word}es" if word.endswith("s") else f"{word}s"
    return f"{len(items)} {word if len(items) == 1 else plural}"


def _ids(names: Sequence[str]) -> str:
    return f"{'id' if len(names) == 1 else 'ids'} {_some(names)}"


def _some(items: Sequence[str], between: str = ", ") -> str:
    more = len(items) - _NAMED
    shown = between.join(items[:_NAMED])
    return f"{shown}{between}and {more} more" if more > 0 else shown
