"""The competition's data: where it is, and its three parts."""

import re
from pathlib import Path

from common.data.records import Records
from common.data.tfrecords import read_records, record_files
from common.errors import UserError
from common.inputs import as_given, listing
from common.parameters import Parameters
from common.progress import report
from competitions.petals_to_metal import CLASSES, COMPETITION

PARTS = ("train", "val", "test")
_SIZE = re.compile(r"tfrecords-jpeg-(\d+)x\1$")


def load(image_size: int, parameters: Parameters) -> tuple[Records, Records, Records]:
    """Read train, validation and test of the resolution that fits ``image_size`` best."""
    return load_from(COMPETITION.data_folder(parameters.internet), image_size)


def load_from(root: Path, image_size: int) -> tuple[Records, Records, Records]:
    """As ``load``, from a folder in the competition's layout."""
    folder = check_folder(root, image_size)
    train, validation, test = (
        read_records(folder / part, labelled=part != "test", classes=len(CLASSES)) for part in PARTS
    )
    report("data", folder=folder, train=len(train), validation=len(validation), test=len(test))
    return train, validation, test


def check_folder(root: Path, image_size: int = 0) -> Path:
    """As ``find_folder``; raises UserError for a part without files, or one with a wrong name."""
    folder = find_folder(root, image_size)
    for part in PARTS:
        record_files(folder / part)
    return folder


def find_folder(root: Path, image_size: int) -> Path:
    """Return ``tfrecords-jpeg-SxS`` of ``image_size``, else the next larger, else the largest.

    Raises UserError where there is none.
    """
    sizes = {int(m.group(1)): path for path in root.glob("*") if (m := _SIZE.search(path.name))}
    if not sizes:
        raise UserError(
            f"no data in {as_given(root)}: looked for {COMPETITION.files}; {listing(root)}"
        )
    return sizes[min((size for size in sizes if size >= image_size), default=max(sizes))]
