"""``classes.csv``: who or what the classes of the pictures are, as a preparing kernel writes it."""

import csv
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.errors import UserError

NAME = "classes.csv"
COLUMNS = ("number", "name", "pictures", "seen")
_DIGEST, _COUNT = re.compile(r"[0-9a-f]{40}"), re.compile(r"[0-9]{1,15}")


@dataclass(frozen=True)
class PictureClass:
    """One class.

    Attributes:
        number: the label of its pictures, from 0.
        name: as the competition writes it, not empty.
        pictures: how many it has, those of train and of validation together.
        seen: whether train has any of them; those without any have the highest numbers.
    """

    number: int
    name: str
    pictures: int
    seen: bool

    @property
    def is_named(self) -> bool:
        """Whether people can read the name: not a digest of 40 hexadecimal digits."""
        return not _DIGEST.fullmatch(self.name)


def save_classes(folder: Path, classes: Iterable[PictureClass]) -> Path:
    """Write ``classes.csv``, in UTF-8; returns its path."""
    path = folder / NAME
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)  # with its own line ends, or a name's "\r" is not quoted
        writer.writerow(COLUMNS)
        writer.writerows((c.number, c.name, c.pictures, int(c.seen)) for c in classes)
    return path


def load_classes(folder: Path) -> tuple[PictureClass, ...]:
    """Return the classes of ``classes.csv`` by number: first those that train has.

    Raises UserError when there is none, it cannot be read, or it has other columns or values.
    """
    path = folder / NAME
    try:
        with open(path, newline="", encoding="utf-8") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} cannot be read: {error}: run its kernel again") from None
    header = ",".join(rows[0]) if rows else ""
    if header != ",".join(COLUMNS):
        raise UserError(
            f"{path}: its columns are {header!r}, not {','.join(COLUMNS)!r}: run its kernel again"
        )
    found = tuple(_read(path, number, row) for number, row in enumerate(rows[1:]))
    seen = [one.seen for one in found]
    if seen != sorted(seen, reverse=True):
        raise UserError(f"{path}: a seen class comes after an unseen one: run its kernel again")
    return found


def _read(path: Path, number: int, row: Sequence[str]) -> PictureClass:
    """The class of one row, which should be that of ``number``."""
    whole = len(row) == len(COLUMNS) and row[0] == str(number) and row[1] and row[3] in ("0", "1")
    if not whole or not _COUNT.fullmatch(row[2]):
        raise UserError(
            f"{path}: row {number + 1} is {','.join(row)!r}, not {number}, a name, a number of "
            f"pictures, and 1 if train has it or 0: run its kernel again"
        )
    return PictureClass(number, row[1], int(row[2]), row[3] == "1")
