"""Lists of labelled pairs, as LFW has them (Huang et al., 2007)."""

import contextlib
import csv
import dataclasses
import math
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.data.faults import check_ids
from common.data.layouts.found import fields_of, fill, without_ending
from common.data.lookalikes import components
from common.data.names import nfc
from common.data.pictures import Pictures
from common.data.records import Records
from common.data.tables import opened
from common.errors import UserError
from common.inputs import as_given


class LabelledPairs(NamedTuple):
    """Pairs of pictures, by their rows in the Records.

    Attributes:
        rows: ``(pairs, 2)`` int64.
        same: ``(pairs,)`` int64: 1 where both show the same, else 0.
        names: ``(pairs, 2)`` text, what each picture shows.
    """

    rows: np.ndarray
    same: np.ndarray
    names: np.ndarray


def labelled_pairs(
    records: Records, *paths: Path, names: str = "{name}/{name}_{number:04d}"
) -> LabelledPairs:
    """Read lists of pairs of the pictures of ``records``, one after the other.

    A line of ``pairsDevTrain.txt``, or of the same lists as csv, is a name and two numbers if both
    pictures show the same, and otherwise two names with a number each. A header is skipped, and the
    line of numbers that a list may begin with is compared with what follows: pairs of each kind,
    or folds and pairs of each kind in a fold (``common.data.layouts.pair_folds``). ``names`` is the
    pattern of a picture's id, without its ending.

    Raises UserError for another line, a picture that is not there or in one of several folders of
    names, a picture paired with itself, a pair that comes twice, two names that are one, other
    numbers than the list says, and a list without a pair.
    """
    known = {nfc(without_ending(one)): row for row, one in enumerate(records.ids.tolist())}
    for field in fields_of(names, "names"):
        if field not in ("name", "number"):
            raise UserError(f"names={names!r}: a picture has a name and a number, no {field}")
    rows, shown = [], []
    lines: dict[tuple[int, ...], str] = {}
    for path in paths:
        listed = [
            (where, cells, [_id(names, *one, where) for one in _pictures(cells, where)])
            for where, cells in _lines(path)
        ]
        _check_there(listed, known, path)
        for where, cells, pictures in listed:
            pair = [known[one] for one in pictures]
            if pair[0] == pair[1]:
                raise UserError(f"{where} pairs {' '.join(cells[:2])} with itself: remove it")
            before = lines.setdefault(tuple(sorted(pair)), where)
            if before != where:
                raise UserError(f"{where} has the pair of {before} again: remove one of them")
            rows.append(pair)
            shown.append([name for name, _ in _pictures(cells, where)])
    people = np.array(shown)
    same = (people[:, 0] == people[:, 1]).astype(np.int64)
    return LabelledPairs(np.array(rows, np.int64), same, people)


def pair_records(name: str, pictures: Records, pairs: LabelledPairs) -> Records:
    """Return a row for each pair: labels 1 where both show the same, and the people in columns.

    Ids are both pictures' names, without folders and endings. ``groups`` are people that pairs
    connect, whether these are the same or not, by the first of their names: no one is on two sides
    of a split that keeps groups together. A pair of two files with the same bytes is a note.
    """
    first, second = pairs.rows.T
    names, of_pairs = np.unique(pairs.names, return_inverse=True)
    people = of_pairs.reshape(pairs.names.shape)
    group = components(people, len(names))
    firsts = names[np.unique(group, return_index=True)[1]]  # names are sorted
    short = np.array([without_ending(one.rpartition("/")[2]) for one in pictures.ids.tolist()])
    found = dataclasses.replace(
        pictures.take(first),
        name=name,
        ids=np.char.add(np.char.add(short[first], " | "), short[second]),
        labels=pairs.same,
        groups=firsts[np.unique(group, return_inverse=True)[1][people[:, 0]]],
        columns={"first": pairs.names[:, 0], "second": pairs.names[:, 1]},
        seconds=pictures.places[second],
    )
    return check_ids(dataclasses.replace(found, notes=_one_picture(found, pictures, pairs)))


def _one_picture(found: Records, pictures: Records, pairs: LabelledPairs) -> tuple[str, ...]:
    """A sentence on the pairs whose two files have the same bytes, if there are any."""
    files, bytes_of = Pictures(pictures, 1), pictures.places[pairs.rows, 2]
    twice = []
    for row in np.flatnonzero(bytes_of[:, 0] == bytes_of[:, 1]).tolist():
        first, second = pairs.rows[row].tolist()
        with contextlib.suppress(ValueError, IndexError, OSError):  # a training says what it is
            if files.content(first) == files.content(second):
                twice.append(row)
    if not twice:
        return ()
    shown = ("two people", "one person")[pairs.same[twice[0]]]
    return (
        f"pairs of {found.name} that are one picture in two files of the same bytes: "
        f"{len(twice)} ({found.ids[twice[0]]}, listed as {shown})",
    )


def compare_lists(first: LabelledPairs, second: LabelledPairs, where: str) -> None:
    """Raise UserError where two forms of one list, ``where`` in words, have other pairs."""
    one, other = (
        {tuple(sorted(pair)): names for pair, names in zip(of.rows.tolist(), of.names, strict=True)}
        for of in (first, second)
    )
    if lacking := one.keys() ^ other.keys():
        names = {**one, **other}[min(lacking)]
        raise UserError(
            f"{where} have other pairs: {len(lacking)} are in one of them alone, the first is of "
            f"{' and '.join(dict.fromkeys(names.tolist()))}: remove the one that is wrong"
        )


def check_apart(train: LabelledPairs, test: LabelledPairs) -> None:
    """Raise UserError where somebody is in the pairs of train and of test, too.

    LFW's protocol measures verification on people that training has never seen.
    """
    both = np.intersect1d(train.names, test.names)
    if len(both):
        raise UserError(
            f"{len(both)} in the pairs of train and of test, too, {both[0]} is the first: take "
            f"lists of one download, such as pairsDevTrain.txt and pairsDevTest.txt"
        )


def _pictures(cells: list[str], where: str) -> list[tuple[str, str]]:
    """The two pictures of a line, each a name and a number."""
    if len(cells) == 4 and cells[0] == cells[2]:
        raise UserError(
            f"{where} has {cells[0]} twice, as two people: write {cells[0]} {cells[1]} {cells[3]}, "
            f"or mend the name"
        )
    second = cells[2:] if len(cells) == 4 else [cells[0], cells[2]]
    return [(cells[0], cells[1]), (second[0], second[1])]


def _id(names: str, name: str, number: str, where: str) -> str:
    """The id of a picture, without its ending; in words where it has no number."""
    if not number.isdecimal():
        return f"{name} {number}"
    return nfc(fill(names, {"name": name, "number": int(number)}, "names", where))


def _check_there(
    listed: list[tuple[str, list[str], list[str]]], known: Mapping[str, int], path: Path
) -> None:
    """Raise UserError where pictures of a list are not ``known``: the first line that has one."""
    wanted = dict.fromkeys(one for _, _, pictures in listed for one in pictures)
    missing = [one for one in wanted if one not in known]
    if not missing:
        return
    first = missing[0]
    where, cells = next((where, cells) for where, cells, found in listed if first in found)
    if len(cells) == 4 and cells[2].isdecimal() and not cells[0].isdecimal():
        raise UserError(
            f"{where}, {' '.join(cells)}, has a number for its second name, {cells[2]}: write a "
            f"name and two numbers, or two names with a number each"
        )
    _check_folders(first, known, where)
    raise UserError(
        f"{where} names {first}: no such picture; {len(missing):,} of the {len(wanted):,} pictures "
        f"that {path.name} names are missing: take lists and pictures of one download"
    )


def _check_folders(missing: str, known: Iterable[str], where: str) -> None:
    """Raise UserError where a picture is there, but in one of several folders of names."""
    there = next((one for one in known if one.endswith(f"/{missing}")), "")
    if there:
        folder = there.removesuffix(f"/{missing}")
        other = next((one for one in known if not one.startswith(f"{folder}/")), there)
        raise UserError(
            f"{where} names {missing}, and the pictures lie in several folders, such as "
            f"{there.rpartition('/')[0]} and {other.rpartition('/')[0]}: move what "
            f"is not of this list out of the data's folder"
        )


def _lines(path: Path) -> list[tuple[str, list[str]]]:
    """The lines that are pairs, in their values, each with where it is; compared with the first."""
    (found, promised), where = list_lines(path), as_given(path)
    for line, cells in found:
        if len(cells) not in (3, 4):
            values = "1 value" if len(cells) == 1 else f"{len(cells)} values"
            raise UserError(
                f"{where}: line {line} has {values}, not 3 or 4: a name and two numbers, "
                f"or two of both, separated by {'commas' if _is_csv(path) else 'tabs'}"
            )
    if not found:
        raise UserError(f"{where}: no pair is there: download it again")
    if promised:
        each = math.prod(promised)
        kinds = [sum(len(cells) == values for _, cells in found) for values in (3, 4)]
        if kinds != [each, each]:
            raise UserError(
                f"{where}: its first line, {' '.join(map(str, promised))}, is of {each:,} "
                f"pairs of each kind, and {kinds[0]:,} are of one name and {kinds[1]:,} of two: "
                f"download it again"
            )
    return [(f"{where}: line {line}", cells) for line, cells in found]


def _is_csv(path: Path) -> bool:
    """Whether commas are between a list's values."""
    return path.name.lower().endswith((".csv", ".csv.zip"))


def list_lines(path: Path) -> tuple[list[tuple[int, list[str]]], tuple[int, ...]]:
    """Return a list's lines that are pairs, with their numbers, in values; and its first numbers.

    Those are of pairs of each kind, or of folds and of such pairs in a fold; without them empty.
    Values are parted by commas in a csv, and else by tabs.
    """
    found, promised = [], tuple[int, ...]()
    with opened(path) as file:
        reader = csv.reader(file, delimiter="," if _is_csv(path) else "\t")
        for row in reader:
            cells = [cell.strip() for cell in row if cell.strip()]
            header = reader.line_num == 1 and cells[:1] == ["name"]
            if reader.line_num == 1 and cells and all(map(str.isdecimal, cells)):
                promised = tuple(map(int, cells))
            elif cells and not header:
                found.append((reader.line_num, cells))
    return found, promised
