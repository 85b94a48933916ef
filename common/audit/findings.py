"""What an audit found, as warnings and as a table."""

import itertools
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from common.audit.records import BrokenRecord, Picture, Split
from common.data import tables
from common.data.lookalikes import Lookalikes, Pair
from common.data.names import nfc
from common.text import some

NAME, TABLE, FIGURE = "audit.json", "audit.csv", "audit.png"
_COLUMNS = (
    *("kind", "split_a", "id_a", "label_a", "split_b", "id_b", "label_b"),
    *("distance", "agreement", "group"),
)
_NAMED = 4  # what a warning names one by one; the table has all


@dataclass(frozen=True)
class Audit:
    """What an audit found.

    Attributes:
        names: of the classes.
        splits: in order.
        pictures: those that can be read.
        broken: the records that cannot.
        found: the pairs of pictures that are one, by their numbers, and what was asked of them.
        groups: the pictures that pairs connect.
        bits, agreement: what was to be asked of pairs.
        sample: the ids of a submission; None where they are not known.
    """

    names: Sequence[str]
    splits: Sequence[Split]
    pictures: Sequence[Picture]
    broken: Sequence[BrokenRecord]
    found: Lookalikes
    groups: Sequence[Sequence[int]]
    bits: int
    agreement: float
    sample: Sequence[str] | None = None

    @property
    def pairs(self) -> Sequence[Pair]:
        """The pairs of pictures that are one."""
        return self.found.pairs

    @property
    def sizes(self) -> dict[str, int]:
        """Split → pictures that can be read."""
        counted = Counter(picture.split for picture in self.pictures)
        return {split.name: counted[split.name] for split in self.splits}

    @cached_property
    def classes(self) -> dict[str, np.ndarray]:
        """Split → pictures of each class, ``(classes,)``; labelled splits alone."""
        labels: dict[str, list[int]] = {split.name: [] for split in self.splits if split.labelled}
        for picture in self.pictures:
            if picture.label is not None:
                labels[picture.split].append(picture.label)
        number = len(self.names)
        return {
            split: np.bincount(np.array(known, np.int64), minlength=number)
            for split, known in labels.items()
        }

    @property
    def totals(self) -> np.ndarray:
        """Labelled pictures of each class, ``(classes,)``."""
        return np.sum([np.zeros(len(self.names), np.int64), *self.classes.values()], axis=0)

    def label(self, picture: Picture) -> str:
        """Return the name of a picture's class; empty without a label."""
        return "" if picture.label is None else self.names[picture.label]

    def ends(self, pair: Pair) -> tuple[Picture, Picture]:
        """Return the two pictures of a pair."""
        return self.pictures[pair.first], self.pictures[pair.second]


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
        "bits": audit.found.bits,
        "agreement": audit.found.agreement,
        "broken": [asdict(broken) for broken in audit.broken],
    }


def write_table(path: Path, audit: Audit) -> Path:
    """Write ``audit.csv``: a row for each pair; groups count from 1."""
    group = {number: n for n, members in enumerate(audit.groups, 1) for number in members}
    rows = []
    for pair in audit.pairs:
        ends = [(p.split, p.id, audit.label(p)) for p in audit.ends(pair)]
        rows.append(
            (pair.kind, *ends[0], *ends[1], pair.distance, pair.agreement, group[pair.first])
        )
    return tables.write_table(path, _COLUMNS, rows)


def warnings_of(audit: Audit) -> list[str]:
    """Return what a person should know before training, a line each."""
    reasons = [
        f"{b.file}{f' record {b.record}' if b.record else ''}: {b.reason}" for b in audit.broken
    ]
    lines = (
        *_copies(audit),
        *_labels(audit),
        *_missing_classes(audit),
        *_sample(audit),
        _line("records that cannot be used", reasons, NAME, between="; "),
    )
    found = [line for line in lines if line]
    bits, agreement = audit.found.bits, audit.found.agreement
    if bits < audit.bits:
        found.append(
            f"too many pictures look alike: hashes were compared within {bits} bits of 63, not "
            f"{audit.bits}, and copies may be missing: raise most_looks with --set"
        )
    if agreement > audit.agreement:
        found.append(
            f"too many pictures look alike: copies agree by {agreement:.4g} or more, not "
            f"{audit.agreement:g}, and some may be missing"
        )
    return found


def _copies(audit: Audit) -> Iterator[str]:
    """Pictures of one split that are in another too, then those that are twice in one."""
    splits = [picture.split for picture in audit.pictures]
    members = {
        name: [[n for n in group if splits[n] == name] for group in audit.groups]
        for name in audit.sizes
    }
    for one, two in itertools.combinations(members, 2):
        both = zip(members[one], members[two], strict=True)
        shared = [(number, first) for first, second in both if first for number in second]
        what = f"pictures of {two} that {{}} in {one} too"
        yield from _lines_of(audit, what, shared, audit.sizes[two])
    for split, in_groups in members.items():
        again = [(group[n], group[:n]) for group in in_groups for n in range(1, len(group))]
        yield from _lines_of(audit, f"pictures of {split} that {{}} copies of others there", again)


def _lines_of(
    audit: Audit, what: str, found: Sequence[tuple[int, Sequence[int]]], of: int | None = None
) -> Iterator[str]:
    """A line of exact copies, and one of near and mirrored ones, which may be two pictures.

    ``found`` has pictures, each with those that it may be a copy of.
    """
    first = {pair.second: pair.first for pair in audit.pairs if pair.kind == "exact"}
    names: dict[str, list[str]] = {"are": [], "may be": []}
    for number, others in found:
        same = [one for one in others if first.get(one, one) == first.get(number, number)]
        name, other = (audit.pictures[n].id for n in (number, (same or others)[0]))
        names["are" if same else "may be"].append(name if name == other else f"{name} = {other}")
    for are, copies in names.items():
        yield _line(what.format(are), copies, of=of)


def _labels(audit: Audit) -> Iterator[str]:
    """Pictures with several labels, and ids with several pictures."""
    found = []
    for group in audit.groups:
        known = [audit.pictures[n] for n in group if audit.pictures[n].label is not None]
        if len({picture.label for picture in known}) > 1:
            found.append(some([f"{p.id} {audit.label(p)}" for p in known], _NAMED))
    yield _line("pictures with more than one label", found, between="; ")
    counted = Counter(picture.id for picture in audit.pictures)
    twice = [name for name, count in counted.items() if count > 1]
    yield _line("ids of more than one record", twice, "")


def _missing_classes(audit: Audit) -> Iterator[str]:
    """Classes without a picture in a labelled split, though another has some."""
    names, totals = np.asarray(audit.names), audit.totals
    for split, counts in audit.classes.items():
        missing = names[(counts == 0) & (totals > 0)].tolist()
        yield _line(f"classes without a picture in {split}", missing, "")
    if audit.classes:
        yield _line("classes without any labelled picture", names[totals == 0].tolist(), "")


def _sample(audit: Audit) -> Iterator[str]:
    """Splits without a file, and ids that test or the sample has and the other has not."""
    yield _line("splits without any file", [s.name for s in audit.splits if not s.files], "")
    if audit.sample is None:
        return
    unlabelled = {split.name for split in audit.splits if not split.labelled}
    test = {
        nfc(picture.id): picture.id for picture in audit.pictures if picture.split in unlabelled
    }
    counted = Counter(map(nfc, audit.sample))
    yield _line("ids that come twice in the sample", [i for i, n in counted.items() if n > 1], "")
    for what, one, other in (
        ("pictures of test that the sample has not", test, counted),
        ("ids of the sample without a readable picture", counted, test),
    ):
        yield _line(what, [name for name in one if name not in other], "", of=len(one))


def _line(
    what: str, items: Sequence[str], file: str = TABLE, of: int | None = None, between: str = ", "
) -> str:
    """A warning of some things, and the file that has them all; empty without any."""
    number = f"{len(items)}" if of is None else f"{len(items)} of {of}"
    end = f": {file}" if file else ""
    return f"{what}: {number} ({some(items, _NAMED, between)}){end}" if items else ""
