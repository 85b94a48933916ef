"""The pictures of shapes: a folder for each part, in it one for each class."""

from common.data.layouts import image_files
from common.errors import UserError
from common.inputs import as_given, listing
from competitions.tiny_shapes import COMPETITION

PARTS = ("train", "val", "test")


def check_folder(folder):
    """Raise UserError where there is no train or val; test may be missing."""
    for part in PARTS[:2]:
        if not (folder / part).is_dir():
            wanted = COMPETITION.files
            raise UserError(f"no {part} in {as_given(folder)}: wanted {wanted}; {listing(folder)}")


def load(image_size, parameters):
    """Return train, val and test; None for a test that is not there."""
    root = COMPETITION.data_folder(parameters.internet)
    check_folder(root)
    return tuple(load_part(root, part) if (root / part).is_dir() else None for part in PARTS)


def load_part(root, part):
    """Return the pictures of one part with their labels."""
    paths = sorted((root / part).glob("*/*.png"))
    labels = COMPETITION.task.encode(path.parent.name for path in paths)
    return image_files(part, paths, [f"{path.parent.name}/{path.name}" for path in paths], labels)
