"""``classes.csv``: who or what the classes of the pictures are, as a preparing kernel writes it."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from common.data.tables import read_columns, write_table
from common.errors import UserError
from common.files.arrays import AGAIN

NAME = "classes.csv"
COLUMNS = ("number", "name", "pictures", "seen")
_DIGEST = re.compile(r"[0-9a-f]{40}")


@dataclass(frozen=True)
class PictureClass:
    """One class.

    Attributes:
        number: the label of its pictures, from 0.
        name: as the competition writes it.
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
    rows = ((c.number, c.name, c.pictures, int(c.seen)) for c in classes)
    return write_table(folder / NAME, COLUMNS, rows)


def load_classes(folder: Path) -> tuple[PictureClass, ...]:
    """Return the classes of ``classes.csv`` by number: first those that train has.

    Raises UserError when there is none, it cannot be read, or it has other columns or values.
    """
    path = folder / NAME
    try:
        return tuple(
            PictureClass(int(number), name, int(pictures), bool(int(seen)))
            for number, name, pictures, seen in read_columns(path, COLUMNS)
        )
    except ValueError as error:
        raise UserError(f"{path} cannot be read: {error}{AGAIN}") from None
