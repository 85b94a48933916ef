"""The faces: a folder for each person in ``train`` and in ``val``; there is no test."""

from pathlib import Path

from common.data.layouts import folder_per_class
from common.data.records import Records
from common.parameters import Parameters
from competitions.celebrity_faces import COMPETITION


def load(image_size: int, parameters: Parameters) -> tuple[Records, Records, None]:
    """Read train and validation."""
    return read_parts(COMPETITION.data_folder(parameters.internet))


def read_parts(root: Path) -> tuple[Records, Records, None]:
    """As ``load``, from a folder. Raises UserError where a part is missing."""
    train, validation = (
        folder_per_class(part, root, COMPETITION.task, inside=part) for part in ("train", "val")
    )
    return train, validation, None


def check_folder(root: Path) -> None:
    """As ``read_parts``."""
    read_parts(root)
