"""The competition's data: where it is, what is in it, and what ``prepare`` made of it."""

from collections.abc import Iterable, Sequence
from dataclasses import astuple, dataclass
from pathlib import Path

from common.data.archives import PackedFiles, natural
from common.data.records import Records
from common.data.shards import Broken
from common.data.tables import find_table, read_columns, write_table
from common.data.tfrecords import read_records
from common.errors import UserError
from common.files.classes import load_classes
from common.inputs import kernel_output_folder, listing
from common.manifest import read_manifest
from common.pairs.table import read_pairs
from common.parameters import Parameters
from common.progress import report

PARTS = ("train", "val", "test")
# Kaggle has the pictures of train once more in nine parts, for who cannot fetch them at once.
TRAIN = ("train", *(f"train_{number}" for number in range(1, 10)))
PREPARE = "prepare"
TRAIN_TABLE = "train_info.csv"  # filename,artist,title,style,genre,date
PAIRS_TABLE = "submission_info.csv"  # index,image1,image2
REPLACEMENTS = "replacements_for_corrupted_files"
BROKEN, BROKEN_COLUMNS = "broken.csv", ("file", "part", "reason")
MISSING = "missing"


@dataclass(frozen=True)
class Files:
    """Where the competition's files are.

    Attributes:
        train, test: folders of pictures, or zips.
        replacements: a folder or zip with better copies of corrupted pictures.
        train_table, pairs_table: ``.csv`` or ``.csv.zip``.
    """

    train: tuple[Path, ...]
    test: tuple[Path, ...]
    replacements: Path | None
    train_table: Path
    pairs_table: Path

    def pictures(self, part: str) -> PackedFiles:
        """Return the pictures of ``train`` or ``test``."""
        return PackedFiles(self.train if part == "train" else self.test, self.replacements)


def check_folder(root: Path) -> Files:
    """Check the competition's files below ``root`` without decoding a picture; return them.

    Raises UserError as ``find_files``, ``read_artists`` and ``pictures_in_pairs``.
    """
    files = find_files(root)
    read_artists(files)
    pictures_in_pairs(files, files.pictures("test"))
    return files


def find_files(root: Path) -> Files:
    """Find the competition's files below ``root``. Raises UserError with all that is lacking."""
    train, test = _pictures_of(root, *TRAIN), _pictures_of(root, "test")
    train_table, pairs = find_table(root, TRAIN_TABLE), find_table(root, PAIRS_TABLE)
    needed = {
        "pictures in train/, train/train/, train.zip or train_1.zip to train_9.zip": train,
        "pictures in test/, test/test/ or test.zip": test,
        f"{TRAIN_TABLE} or {TRAIN_TABLE}.zip": train_table,
        f"{PAIRS_TABLE} or {PAIRS_TABLE}.zip": pairs,
    }
    lacking = [what for what, found in needed.items() if not found]
    if lacking or train_table is None or pairs is None:
        raise UserError(f"{root} lacks {'; '.join(lacking)}; {listing(root)}")
    replacements = next(iter(_pictures_of(root, REPLACEMENTS)), None)
    return Files(train, test, replacements, train_table, pairs)


def read_artists(files: Files) -> dict[str, str]:
    """Read ``train_info.csv``: each picture's artist, as the competition writes them.

    Raises UserError for other columns, a picture that comes twice, and one without artist.
    """
    artists: dict[str, str] = {}
    for name, artist in read_columns(files.train_table, ("filename", "artist")):
        if not name or not artist:
            row = len(artists) + 1
            raise UserError(f"{files.train_table}: row {row} has no filename or artist")
        if name in artists:
            raise UserError(f"{files.train_table}: {name} comes twice: fetch the file again")
        artists[name] = artist
    if not artists:
        raise UserError(f"{files.train_table} has no rows: fetch it again")
    return artists


def pictures_in_pairs(files: Files, test: PackedFiles) -> tuple[set[str], set[str]]:
    """Return the names in the pairs: those that ``test`` has, and those that it has not.

    Reads the pairs as the ensemble will after hours of training, so that what it would refuse is
    refused now. Raises UserError for that, and where test has less than half of the pictures.
    """
    asked: set[str] = set()
    for number, pair in enumerate(read_columns(files.pairs_table, ("image1", "image2")), start=1):
        if not all(pair):
            raise UserError(f"{files.pairs_table}: row {number} has no image1 or image2: mend it")
        asked.update(pair)
    if not asked:
        raise UserError(f"{files.pairs_table} has no rows: fetch it again")
    there = {name for name in asked if name in test}
    missing = asked - there
    if len(missing) > len(there):
        raise UserError(
            f"{files.pairs_table}: {len(missing)} of the {len(asked)} pictures that its pairs name "
            f"are not in {in_words(files.test)}, {min(missing, key=natural)!r} is the first: use "
            f"pictures and pairs of one download"
        )
    read_pairs(_unzipped(files.pairs_table), sorted(there, key=natural), missing)
    return there, missing


def pairs_table(root: Path) -> Path:
    """Return ``submission_info.csv``, as ``read_pairs`` of ``common.pairs.table`` takes it.

    Raises UserError where there is none; the ensemble needs no other file.
    """
    found = find_table(root, PAIRS_TABLE)
    if found is None:
        raise UserError(f"{root} lacks {PAIRS_TABLE} or {PAIRS_TABLE}.zip; {listing(root)}")
    return _unzipped(found)


def load(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Read train, validation and test of the output of the run's ``prepare`` kernel.

    Train's labels are below the number of artists seen; validation has the unseen ones too.
    Pictures have the one size that was prepared, whatever ``image_size``. Raises UserError when
    ``prepare`` is no source, or its output is damaged, unfinished or another run's.
    """
    return load_from(prepared_folder(parameters))


def load_from(folder: Path) -> tuple[Records, Records, Records]:
    """As ``load``, from a folder that ``prepare`` wrote."""
    artists = load_classes(folder)
    seen = sum(artist.seen for artist in artists)
    train, validation, test = (
        read_records(folder / part, labelled=part != "test", classes=classes)
        for part, classes in zip(PARTS, (seen, len(artists), 0), strict=True)
    )
    report("data", folder=folder, train=len(train), validation=len(validation), test=len(test))
    return train, validation, test


def prepared_folder(parameters: Parameters) -> Path:
    """Return the output of the run's ``prepare`` kernel, once its manifest is checked.

    Raises UserError.
    """
    if PREPARE not in parameters.sources:
        raise UserError(
            f"this kernel has no source {PREPARE!r}: write PARAMETERS['sources'] = "
            f"{{'{PREPARE}': 'OWNER/SLUG'}} with the kernel that prepared the pictures"
        )
    folder = kernel_output_folder(parameters.sources[PREPARE], parameters.internet)
    read_manifest(folder, PREPARE, parameters.source_nonces.get(PREPARE, ""))
    return folder


def read_broken(folder: Path) -> tuple[Broken, ...]:
    """Read ``broken.csv``: the pictures that could not be read."""
    return tuple(Broken(*row) for row in read_columns(folder / BROKEN, BROKEN_COLUMNS))


def write_broken(folder: Path, broken: Iterable[Broken]) -> None:
    """Write ``broken.csv``."""
    write_table(folder / BROKEN, BROKEN_COLUMNS, map(astuple, broken))


def in_words(paths: Sequence[Path]) -> str:
    """Name folders and zips for a message."""
    first, *others = map(str, paths)
    return f"{first} and {len(others)} more" if others else first


def _unzipped(path: Path) -> Path:
    """Without ``.zip``, which ``read_pairs`` appends itself."""
    return path.with_suffix("") if path.suffix == ".zip" else path


def _pictures_of(root: Path, *parts: str) -> tuple[Path, ...]:
    """Of each part that is there the innermost of ``part/part``, ``part``, else ``part.zip``."""
    found = []
    for part in parts:
        for path in (root / part / part, root / part, root / f"{part}.zip"):
            if path.is_file() or (path.is_dir() and any(map(Path.is_file, path.iterdir()))):
                found.append(path)
                break
    return tuple(found)
