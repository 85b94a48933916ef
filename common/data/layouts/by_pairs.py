"""Lists of labelled pairs, as LFW has them (Huang et al., 2007)."""

import csv
from pathlib import Path
from typing import NamedTuple

import numpy as np

from common.data.layouts.found import fields_of, fill, without_ending
from common.data.names import nfc
from common.data.records import Records
from common.data.tables import opened
from common.errors import UserError
from common.inputs import as_given


class LabelledPairs(NamedTuple):
    """Pairs of pictures, by their rows in the Records.

    Attributes:
        rows: ``(pairs, 2)`` int64.
        same: ``(pairs,)`` int64: 1 where both show the same, else 0.
    """

    rows: np.ndarray
    same: np.ndarray


def labelled_pairs(
    records: Records, *paths: Path, names: str = "{name}/{name}_{number:04d}"
) -> LabelledPairs:
    """Read lists of pairs of the pictures of ``records``, one after the other.

    A line of ``pairsDevTrain.txt``, or of the same lists as csv, is a name and two numbers if both
    pictures show the same, and otherwise two names with a number each. Headers and lines that have
    numbers alone are skipped. ``names`` is the pattern of a picture's id, without its ending.

    Raises UserError for another line, and for one that names a picture that is not there.
    """
    known = {nfc(without_ending(one)): row for row, one in enumerate(records.ids.tolist())}
    for field in fields_of(names, "names"):
        if field not in ("name", "number"):
            raise UserError(f"names={names!r}: a picture has a name and a number, no {field}")
    rows, same = [], []
    for path in paths:
        for line, cells in _lines(path):
            where = f"{as_given(path)}: line {line}"
            if len(cells) not in (3, 4):
                raise UserError(f"{where} has {len(cells)} values, not 3 or 4")
            first, second = cells[:2], [cells[0], cells[2]] if len(cells) == 3 else cells[2:]
            pair = []
            for name, number in (first, second):
                one = _id(names, name, number, where)
                if one not in known:
                    said = one or f"{name} {number}"
                    raise UserError(f"{where} names {said}: no such picture")
                pair.append(known[one])
            rows.append(pair)
            same.append(int(len(cells) == 3))
    return LabelledPairs(np.array(rows, np.int64).reshape(-1, 2), np.array(same, np.int64))


def _id(names: str, name: str, number: str, where: str) -> str:
    """A picture's id without ending; empty if ``number`` is no number."""
    if not number.isdecimal():
        return ""
    return nfc(fill(names, {"name": name, "number": int(number)}, "names", where))


def _lines(path: Path) -> list[tuple[int, list[str]]]:
    """The lines that are pairs, with their numbers, in their values."""
    found = []
    with opened(path) as file:
        separated = path.name.lower().endswith((".csv", ".csv.zip"))
        reader = csv.reader(file, delimiter="," if separated else "\t")
        for row in reader:
            cells = [cell.strip() for cell in row if cell.strip()]
            header = reader.line_num == 1 and cells[:1] == ["name"]
            if cells and not header and not all(map(str.isdigit, cells)):
                found.append((reader.line_num, cells))
    return found
