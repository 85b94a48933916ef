"""The pictures of shapes: a folder for each part, in it one for each class; test may be missing."""

from common.data.layouts import folder_per_class
from common.errors import UserError
from competitions.tiny_shapes import COMPETITION


def check_folder(root):
    """Raise UserError where ``root`` has no train or no val."""
    for part in ("train", "val"):
        if not (root / part).is_dir():
            raise UserError(f"{root} has no folder {part}: it should have {COMPETITION.files}")


def load(image_size, parameters):
    """Return train, validation and test, or None for test."""
    root = COMPETITION.data_folder(parameters.internet)

    def part(name):
        return folder_per_class(name, root / name, COMPETITION.task)

    return part("train"), part("val"), part("test") if (root / "test").is_dir() else None
