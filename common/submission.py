"""``submission.csv``: written by the ensemble kernel, held against the competition's own sample."""

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from common.competition import Competition
from common.errors import UserError

NAME = "submission.csv"
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
    """Hold a submission against the ids of the sample; returns its number of rows.

    The header must be the sample's (the competition's, where the sample is another table), every
    id there once and none other, every value a number of a class, or a finite number where there
    are no classes. Raises UserError naming the first offending rows.
    """
    number = _plainly_right(path, sample, competition)
    if number:
        return number
    header, rows = _read(path)
    sample_header, wanted = _read(sample)
    own = [competition.id_column, competition.target_column]
    _check_header(path, header, sample_header if own[1] in sample_header else own)
    _refuse(path, "are not two values", rows, _ragged(rows))
    classes = len(competition.classes)
    label = f"a label that is not an integer from 0 to {classes - 1}"
    what = f"have {label if classes else 'a score that is no finite number'}"
    _refuse(path, what, rows, _strange(rows, classes))
    _check_ids(path, rows, wanted["id"])
    return len(rows)


def _plainly_right(path: Path, sample: Path, competition: Competition) -> int:
    """The number of rows of a submission in the sample's order, whose values fit; else 0.

    This is how millions of rows are held in little memory; whatever is wrong is looked for later.
    """
    import polars as pl

    columns = [competition.id_column, competition.target_column]
    try:
        rows = pl.read_csv(path, infer_schema=False)
        wanted = pl.read_csv(sample, infer_schema=False, columns=[0]).to_series()
    except (OSError, pl.exceptions.PolarsError):
        return 0
    if rows.columns != columns or wanted.name != columns[0]:
        return 0
    rows = rows.rename({columns[0]: "id", columns[1]: "value"})
    right = len(rows) == len(wanted) and rows["id"].equals(wanted)
    return len(rows) if right and not _strange(rows, len(competition.classes)).any() else 0


def _check_header(path: Path, header: list[str], wanted: list[str]) -> None:
    if header != wanted:
        raise UserError(f"{path}: its header is {','.join(header)}, not {','.join(wanted)}")


def _ragged(rows: Any) -> Any:
    import polars as pl

    return rows.select(pl.col("text").str.count_matches(",", literal=True) != 1).to_series()


def _strange(rows: Any, classes: int) -> Any:
    """Which rows have a value that cannot be."""
    import polars as pl

    value = pl.col("value")
    if classes:
        number = value.cast(pl.Int64, strict=False)
        fits = value.str.contains(r"^[0-9]+$") & (number < classes)
    else:
        number = value.cast(pl.Float64, strict=False)
        fits = number.is_finite()
    return rows.select(~fits.fill_null(False)).to_series()


def _check_ids(path: Path, rows: Any, wanted: Any) -> None:
    ids = rows["id"]
    if len(ids) == len(wanted) and (ids == wanted).all() and wanted.is_unique().all():
        return
    _refuse(path, "have an id that the sample has not", rows, ~ids.is_in(wanted.implode()))
    _refuse(path, "repeat an id", rows, ~ids.is_first_distinct())
    missing = wanted.filter(~wanted.is_in(ids.implode()))
    if len(missing):
        raise UserError(
            f"{path}: {len(missing)} of the sample's {len(wanted)} ids are missing, "
            f"the first are {', '.join(missing[:_SHOWN].to_list())}"
        )


def _refuse(path: Path, what: str, rows: Any, bad: Any) -> None:
    if bad.any():
        first = rows.filter(bad).head(_SHOWN)
        shown = "; ".join(f"line {n}: {text}" for n, text in first.select("line", "text").rows())
        raise UserError(f"{path}: {bad.sum()} rows {what}: {shown}")


def _read(path: Path) -> tuple[list[str], Any]:
    """The header, and a table of the further lines: ``line``, ``text``, ``id`` and ``value``."""
    import polars as pl

    try:
        lines = pl.read_csv(
            path, has_header=False, separator="\n", quote_char=None, new_columns=["text"],
            infer_schema=False,
        )  # fmt: skip
    except FileNotFoundError:
        raise UserError(f"{path}: no such file") from None
    except pl.exceptions.NoDataError:
        raise UserError(f"{path}: the file is empty") from None
    except pl.exceptions.PolarsError as error:
        raise UserError(f"{path}: not a csv file: {str(error).splitlines()[0]}") from None
    text = pl.col("text").fill_null("").str.strip_suffix("\r")
    lines = lines.with_row_index("line", 1).with_columns(text)
    header = lines["text"][0].removeprefix("\ufeff").split(",")
    parts = text.str.split_exact(",", 1).struct.rename_fields(["id", "value"])
    rows = lines[1:].with_columns(parts.alias("parts")).unnest("parts")
    quoted = pl.col("id", "value").str.strip_chars('"')
    return [name.strip('"') for name in header], rows.with_columns(quoted)
