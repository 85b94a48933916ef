"""Pairs of pictures: read from a csv as row numbers, their scores written as another.

Polars parses and formats, in threads: there are millions of pairs.
"""

import io
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common.data.names import nfc
from common.data.tables import opened, read_header, read_rows
from common.errors import UserError

COLUMNS = ("index", "image1", "image2")


@dataclass(frozen=True)
class PairTable:
    """Pairs of pictures, as rows of a list of pictures; -1 is one that has no vector."""

    index: np.ndarray  # ``(pairs,)`` int64, a pair's number in the file it came from
    first: np.ndarray  # ``(pairs,)`` int32
    second: np.ndarray

    def __len__(self) -> int:
        return len(self.index)


def read_pairs(path: Path, pictures: Sequence[str], unreadable: Collection[str] = ()) -> PairTable:
    """Read ``index,image1,image2``, plain or in a zip; the names become rows of ``pictures``.

    ``unreadable`` names pictures that have no vector. A pair of a picture with itself is refused:
    its answer is known, so a list that has one was made wrong.

    Raises UserError as ``read_rows``, and naming the line for other columns, an index that is no
    integer or comes twice, any other picture, a picture paired with itself, and for no pair.
    """
    import polars as pl

    header = read_header(path)
    if header != [*COLUMNS]:
        raise UserError(f"{path}: its header is {','.join(header):.80}, not {','.join(COLUMNS)}")
    names = list(dict.fromkeys(map(nfc, [*pictures, *unreadable])))
    named = pl.col(*COLUMNS[1:])
    if not all(map(str.isascii, names)):
        named = named.str.normalize("NFC")
    numbers = named.cast(pl.Enum(names), strict=False).to_physical()
    has_values = ~pl.all_horizontal(pl.all().is_null())
    try:
        scan = _scan(path).filter(has_values).with_columns(numbers.cast(pl.Int32))
        frame = scan.collect(engine="streaming")
    except pl.exceptions.PolarsError:
        raise _first_fault(path, names) from None
    broken = any(column.null_count() for column in frame)
    if broken or not len(frame) or (frame["image1"] == frame["image2"]).any():
        raise _first_fault(path, names)
    index, first, second = (np.array(column) for column in frame)
    if not np.all(index[1:] > index[:-1]):  # as Kaggle writes it: no need to look further
        again = frame["index"].filter(frame["index"].is_duplicated())
        if len(again):
            one, two = np.flatnonzero(index == again[0])[:2] + 2
            raise UserError(f"{path} lines {one} and {two}: both have index {again[0]}: remove one")
    for column in (first, second):
        column[column >= len(pictures)] = -1
    return PairTable(index, first, second)


def write_pair_scores(
    path: Path, columns: tuple[str, str], index: np.ndarray, scores: np.ndarray
) -> Path:
    """Write ``index`` ``(pairs,)`` and ``scores`` ``(pairs,)`` float32 under the names ``columns``.

    A score has the digits that distinguish it from every other float32.
    """
    import polars as pl

    pl.DataFrame(dict(zip(columns, (index, scores), strict=True))).write_csv(path)
    return path


def _scan(path: Path) -> Any:
    """The table for polars, or, of a file that it would misread (``tables``), as csv is written."""
    import polars as pl

    schema = dict(zip(COLUMNS, (pl.Int64, pl.String, pl.String), strict=True))
    source = _source(path)
    if read_header(path, exact=True) != [*COLUMNS]:
        with io.StringIO() as plain:
            for number, rows in enumerate(read_rows(path, COLUMNS)):
                rows.to_csv(plain, index=False, header=not number)
            source = plain.getvalue().encode()
    return pl.scan_csv(source, has_header=False, skip_rows=1, schema=schema)


def _source(path: Path) -> Path | bytes:
    """What polars reads: the file itself, or the bytes of the one in a zip."""
    if path.suffix != ".zip":
        return path
    with opened(path) as file:
        return file.buffer.read()


def _first_fault(path: Path, names: Sequence[str]) -> UserError:
    """What is wrong with the first wrong line: read again, slowly."""
    known, number = set(names), 0
    unknown = f"is none of the {len(names)} pictures: use pictures and pairs of one download"
    for rows in read_rows(path, COLUMNS):
        number += len(rows)
        index, one, other = (rows[name].str.normalize("NFC") for name in COLUMNS)
        for bad, what in (
            (~index.str.fullmatch(r"-?\d{1,18}"), "index {index!r:.80} is not an integer: mend it"),
            (~one.isin(known), "image {image1!r:.80} " + unknown),
            (~other.isin(known), "image {image2!r:.80} " + unknown),
            (one == other, "{image1} is paired with itself: remove the line"),
        ):
            if bad.any():
                row = rows[bad].iloc[0]
                return UserError(f"{path} line {row.name}: {what.format(**row)}")
    what = "is not a csv file as Kaggle writes it" if number else "has no pair below its header"
    return UserError(f"{path} {what}: download it again")
