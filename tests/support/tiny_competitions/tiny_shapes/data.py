"""The pictures of shapes: a folder for each part, in it one for each class; test may be missing."""

from dataclasses import replace

import numpy as np

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
    test = load_part(root, "test") if (root / "test").is_dir() else None
    return load_part(root, "train"), load_part(root, "val"), test


def load_part(root, part):
    """Return the pictures of one part with their labels."""
    found = folder_per_class(part, root / part, COMPETITION.task)
    # Folds join train and validation, where two pictures may have one name.
    return replace(found, ids=np.char.add(f"{part}/", found.ids))
