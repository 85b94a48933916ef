"""``submission.csv``: written by the ensemble kernel, held against the competition's own sample."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path

from common.competition import Competition
from common.errors import UserError

NAME = "submission.csv"
SAMPLE = "sample_submission.csv"
_SHOWN = 3


def write_submission(
    path: Path, competition: Competition, ids: Sequence[str], labels: Iterable[int]
) -> Path:
    """Write ``id,label`` rows under the competition's header."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([competition.id_column, competition.target_column])
        writer.writerows(zip(ids, (int(label) for label in labels), strict=True))
    return path


def check_submission(path: Path, sample: Path, competition: Competition) -> int:
    """Hold a submission of class numbers against the sample; returns its number of rows.

    The header must be the sample's, every id there once and none other, every label an integer
    below the number of classes, no blanks. Raises UserError naming the first offending rows.
    """
    header, rows = _read(path)
    wanted_header, wanted = _read(sample)
    if header != wanted_header:
        raise UserError(f"{path}: its header is {','.join(header)}, not {','.join(wanted_header)}")
    classes = len(competition.classes)
    _refuse(path, "are not two values", (n for n, row in rows if len(row) != len(header)), rows)
    _refuse(
        path,
        f"have a label that is not an integer from 0 to {classes - 1}",
        (n for n, row in rows if not _is_label(row[1], classes)),
        rows,
    )
    _check_ids(path, rows, [row[0] for _, row in wanted if row])
    return len(rows)


def _check_ids(path: Path, rows: list[tuple[int, list[str]]], wanted: list[str]) -> None:
    known, seen, strange, twice = set(wanted), set(), [], []
    for number, row in rows:
        if row[0] not in known:
            strange.append(number)
        elif row[0] in seen:
            twice.append(number)
        seen.add(row[0])
    _refuse(path, "have an id that the sample has not", strange, rows)
    _refuse(path, "repeat an id", twice, rows)
    missing = [name for name in wanted if name not in seen]
    if missing:
        raise UserError(
            f"{path}: {len(missing)} of the sample's {len(wanted)} ids are missing, "
            f"the first are {', '.join(missing[:_SHOWN])}"
        )


def _refuse(path: Path, what: str, numbers: Iterable[int], rows: list) -> None:
    bad = list(numbers)
    if bad:
        text = dict(rows)
        shown = "; ".join(f"line {n}: {','.join(text[n])}" for n in bad[:_SHOWN])
        raise UserError(f"{path}: {len(bad)} rows {what}: {shown}")


def _is_label(text: str, classes: int) -> bool:
    return text.isascii() and text.isdigit() and int(text) < classes


def _read(path: Path) -> tuple[list[str], list[tuple[int, list[str]]]]:
    """The header, and each further row with its line number."""
    try:
        with open(path, newline="", encoding="utf-8-sig") as file:
            rows = list(csv.reader(file))
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path}: not a csv file: {error}") from None
    if not rows:
        raise UserError(f"{path}: the file is empty")
    return rows[0], list(enumerate(rows[1:], start=2))
