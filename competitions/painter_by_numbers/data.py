"""The competition's data: where it is, what is in it, and what ``prepare`` made of it."""

from pathlib import Path
from typing import Any, NamedTuple

from common.data.names import natural
from common.data.packed import PackedFiles
from common.data.places import SUFFIXES
from common.data.records import Records
from common.data.tables import find_table, read_columns, read_rows
from common.errors import UserError
from common.files.prepared import load_prepared, prepared_folder
from common.inputs import listing
from common.pairs.table import read_pairs
from common.parameters import Parameters

# Kaggle has the pictures of train once more in nine parts, for who cannot fetch them at once.
TRAIN = ("train", *(f"train_{number}" for number in range(1, 10)))
TRAIN_TABLE = "train_info.csv"  # filename,artist,title,style,genre,date
PAIRS_TABLE = "submission_info.csv"  # index,image1,image2
REPLACEMENTS = "replacements_for_corrupted_files"  # better copies of some pictures


class Files(NamedTuple):
    """The competition's pictures, and its two tables, ``.csv`` or ``.csv.zip``."""

    train: PackedFiles
    test: PackedFiles
    artists: Path
    pairs: Path


def check_folder(root: Path) -> None:
    """Check the competition's files below ``root`` without decoding a picture."""
    files = find_files(root)
    read_artists(files.artists)
    pictures_in_pairs(files)


def find_files(root: Path) -> Files:
    """Find the competition's files below ``root``. Raises UserError with all that is lacking."""
    found: dict[str, Any] = {
        f"pictures in train/, train/train/, train.zip or {TRAIN[1]}.zip to {TRAIN[-1]}.zip": (
            _pictures(root, *TRAIN)
        ),
        "pictures in test/, test/test/ or test.zip": _pictures(root, "test"),
        f"{TRAIN_TABLE} or {TRAIN_TABLE}.zip": find_table(root, TRAIN_TABLE),
        f"{PAIRS_TABLE} or {PAIRS_TABLE}.zip": find_table(root, PAIRS_TABLE),
    }
    lacking = [what for what, where in found.items() if not where]
    if lacking:
        raise UserError(f"{root} lacks {'; '.join(lacking)}; {listing(root)}")
    train, test, *tables = found.values()
    better = next(iter(_pictures(root, REPLACEMENTS)), None)
    return Files(PackedFiles(train, better), PackedFiles(test, better), *tables)


def read_artists(table: Path) -> dict[str, str]:
    """Read ``train_info.csv``: each picture's artist, as the competition writes them.

    Raises UserError for other columns, a picture that comes twice, and one without artist.
    """
    artists: dict[str, str] = {}
    for name, artist in read_columns(table, ("filename", "artist")):
        if not name or not artist:
            raise UserError(f"{table}: row {len(artists) + 1} has no filename or artist")
        if name in artists:
            raise UserError(f"{table}: {name} comes twice: fetch the file again")
        artists[name] = artist
    if not artists:
        raise UserError(f"{table} has no rows: fetch it again")
    return artists


def pictures_in_pairs(files: Files) -> tuple[set[str], set[str]]:
    """Return the pictures of the pairs: those that test has, and those that it has not.

    Reads the pairs as the ensemble will after hours of training, so that what it would refuse is
    refused now. Raises UserError for that, and where test has less than half of the pictures.
    """
    asked: set[str] = set()
    for rows in read_rows(files.pairs, ("image1", "image2")):
        asked.update(*(rows[column].unique() for column in rows))
    asked.discard("")  # which read_pairs refuses, with its line
    files.test.spell(asked)
    missing = {name for name in asked if name not in files.test}
    if 2 * len(missing) > len(asked):
        raise UserError(
            f"{files.pairs}: {len(missing)} of the {len(asked)} pictures that its pairs name are "
            f"not in test, {min(missing, key=natural)!r} is the first: use pictures and pairs of "
            f"one download"
        )
    read_pairs(files.pairs, sorted(asked - missing, key=natural), missing)
    return asked - missing, missing


def load(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Read what the run's ``prepare`` kernel wrote, of the one size that it has."""
    return load_prepared(prepared_folder(parameters))


def _pictures(root: Path, *parts: str) -> tuple[Path, ...]:
    """Of each part that is there the innermost of ``part/part``, ``part``, else an archive."""
    found = []
    for part in parts:
        packed = (root / f"{part}{end}" for end in SUFFIXES)
        for path in (root / part / part, root / part, *packed):
            if path.is_file() or (path.is_dir() and any(map(Path.is_file, path.iterdir()))):
                found.append(path)
                break
    return tuple(found)
