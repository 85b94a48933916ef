"""The competition's data: where they are, what they hold, and what ``prepare`` made of them."""

import csv
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from common.data.archives import Place, Reader, natural, places
from common.data.shards import Broken
from common.data.tables import find_table, read_columns
from common.data.tfrecords import Records, read_records
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
BROKEN = "broken.csv"
MISSING = "missing"


@dataclass(frozen=True)
class Files:
    """Where the competition's files are.

    Attributes:
        train, test: folders of pictures, or zips; a name that several have is the first one's.
        replacements: a folder or zip whose pictures take the place of those of the same name.
        train_table, pairs_table: ``.csv`` or ``.csv.zip``.
    """

    train: tuple[Path, ...]
    test: tuple[Path, ...]
    replacements: Path | None
    train_table: Path
    pairs_table: Path


@dataclass(frozen=True)
class Painting:
    """A picture of train: its file's name, and its artist as the competition writes them."""

    name: str
    artist: str


class Pictures:
    """The pictures of train or test, read by name, in any number of threads."""

    def __init__(self, files: Files, part: str):
        self._reader = Reader()
        found = files.train if part == "train" else files.test
        self._places: dict[str, Place] = {}
        for path in reversed(found):  # one name is one picture, however many parts have it
            self._places |= places(path)
        self._replacements = places(files.replacements) if files.replacements else {}

    def names(self) -> list[str]:
        """The names of the pictures that are there, ``2.jpg`` before ``10.jpg``."""
        return sorted(self._places, key=natural)

    def __contains__(self, name: str) -> bool:
        return name in self._places or name in self._replacements

    def place(self, name: str) -> Place:
        """Where a picture is; of a corrupted one, where its replacement is."""
        return self._replacements.get(name) or self._places[name]

    def read(self, name: str) -> bytes:
        """A picture's bytes. Raises ValueError with the reason when they cannot be read."""
        return self._reader.read(self.place(name))


def check_folder(root: Path) -> Files:
    """The competition's files below ``root``, held against each other; no picture is decoded.

    Raises UserError for what ``find_files``, ``paintings`` and ``pictures_in_pairs`` refuse.
    """
    files = find_files(root)
    paintings(files)
    pictures_in_pairs(files, Pictures(files, "test"))
    return files


def find_files(root: Path) -> Files:
    """The competition's files below ``root``. Raises UserError with all that is lacking."""
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


def pairs_table(root: Path) -> Path:
    """``submission_info.csv``, as ``read_pairs`` of ``common.pairs.table`` takes it.

    Raises UserError where there is none.
    """
    found = find_table(root, PAIRS_TABLE)
    if found is None:
        raise UserError(f"{root} lacks {PAIRS_TABLE} or {PAIRS_TABLE}.zip; {listing(root)}")
    return _as_read_pairs_takes_it(found)


def paintings(files: Files) -> tuple[Painting, ...]:
    """The rows of ``train_info.csv``, in its order.

    Raises UserError for other columns, a picture that stands there twice, and one without artist.
    """
    found: dict[str, Painting] = {}
    for name, artist in read_columns(files.train_table, ("filename", "artist")):
        if not name or not artist:
            raise UserError(f"{files.train_table}: row {len(found) + 1} has no filename or artist")
        if name in found:
            raise UserError(f"{files.train_table}: {name} stands there twice: fetch the file again")
        found[name] = Painting(name, artist)
    if not found:
        raise UserError(f"{files.train_table} has no rows: fetch it again")
    return tuple(found.values())


def names_in_pairs(files: Files) -> set[str]:
    """The names of all pictures that a pair asks for.

    Raises UserError for a pair that names no picture, and for no pairs.
    """
    names: set[str] = set()
    for number, pair in enumerate(read_columns(files.pairs_table, ("image1", "image2")), start=1):
        if not all(pair):
            raise UserError(f"{files.pairs_table}: row {number} has no image1 or image2: mend it")
        names.update(pair)
    if not names:
        raise UserError(f"{files.pairs_table} has no rows: fetch it again")
    return names


def pictures_in_pairs(files: Files, test: Pictures) -> tuple[set[str], set[str]]:
    """The names in pairs: those that ``test`` has, and those that it has not.

    Reads the pairs as the ensemble will after hours of training, so that what it would refuse is
    refused now. Raises UserError for that, and where test has less than half of the pictures.
    """
    asked = names_in_pairs(files)
    there = {name for name in asked if name in test}
    missing = asked - there
    if len(missing) > len(there):
        raise UserError(
            f"{files.pairs_table}: {len(missing)} of the {len(asked)} pictures that its pairs name "
            f"are not in {in_words(files.test)}, {min(missing, key=natural)!r} is the first: use "
            f"pictures and pairs of one download"
        )
    read_pairs(_as_read_pairs_takes_it(files.pairs_table), sorted(there, key=natural), missing)
    return there, missing


def load(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Train, validation and test of the output of the run's ``prepare`` kernel.

    Train's labels are below the number of artists seen; validation has those held out too.
    Pictures have the one size that was prepared, whatever ``image_size``. Raises UserError when
    ``prepare`` is no source, or its output is damaged, unfinished or another run's.
    """
    folder = prepared_folder(parameters)
    return load_from(folder)


def load_from(folder: Path) -> tuple[Records, Records, Records]:
    """As ``load``, from a folder that ``prepare`` left."""
    artists = load_classes(folder)
    seen = sum(artist.seen for artist in artists)
    train, validation, test = (
        read_records(folder / part, labelled=part != "test", classes=classes)
        for part, classes in zip(PARTS, (seen, len(artists), 0), strict=True)
    )
    report("data", folder=folder, train=len(train), validation=len(validation), test=len(test))
    return train, validation, test


def prepared_folder(parameters: Parameters) -> Path:
    """The output of the run's ``prepare`` kernel, held against its manifest. Raises UserError."""
    if PREPARE not in parameters.sources:
        raise UserError(
            f"this kernel has no source {PREPARE!r}: write PARAMETERS['sources'] = "
            f"{{'{PREPARE}': 'OWNER/SLUG'}} with the kernel that prepared the pictures"
        )
    folder = kernel_output_folder(parameters.sources[PREPARE], parameters.internet)
    read_manifest(folder, PREPARE, parameters.source_nonces.get(PREPARE, ""))
    return folder


def read_broken(folder: Path) -> tuple[Broken, ...]:
    """``broken.csv``: the pictures that could not be read."""
    return tuple(Broken(*row) for row in read_columns(folder / BROKEN, ("file", "part", "reason")))


def write_broken(folder: Path, broken: Iterable[Broken]) -> None:
    """Write ``broken.csv``."""
    with open(folder / BROKEN, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(("file", "part", "reason"))
        writer.writerows((b.file, b.part, b.reason) for b in broken)


def _as_read_pairs_takes_it(path: Path) -> Path:
    """Without ``.zip``, which ``common.pairs.table.read_pairs`` appends itself."""
    return path.with_suffix("") if path.suffix == ".zip" else path


def in_words(paths: Sequence[Path]) -> str:
    """Folders and zips as a message names them."""
    first, *others = map(str, paths)
    return f"{first} and {len(others)} more" if others else first


def _pictures_of(root: Path, *parts: str) -> tuple[Path, ...]:
    """The folder or zip of each of ``parts`` that is there."""
    found = (_folder_or_zip(root, part) for part in parts)
    return tuple(path for path in found if path)


def _folder_or_zip(root: Path, part: str) -> Path | None:
    """A part's folder or zip: the innermost of ``part/part``, ``part``, else ``part.zip``."""
    for folder in (root / part / part, root / part):
        if folder.is_dir() and any(path.is_file() for path in folder.iterdir()):
            return folder
    packed = root / f"{part}.zip"
    return packed if packed.is_file() else None
