"""Pictures whose folder says what they are, and folders of pictures alone."""

from pathlib import Path

import numpy as np

from common.data.layouts.found import (
    common_folder,
    note,
    pictures_in,
    records_at,
    without_ending,
)
from common.data.records import Records
from common.errors import UserError
from common.inputs import as_given
from common.tasks.task import Task


def folder_per_class(name: str, path: Path, task: Task | None = None, inside: str = "") -> Records:
    """Read pictures that are in one folder for each class.

    With ``inside`` those are in the folder of this name, at any depth of ``path``.

    The class is the folder that has the name of one of the task's classes, at any depth. Without a
    ``task`` the class is the path below the folder that has all pictures, and labels count the
    sorted classes from 0. ``columns["class"]`` has the classes as text. Ids are paths, such as
    ``cat/1.jpg``, because two classes may have pictures of one name.

    A class without pictures stays a class; a line of progress says how many there are. Raises
    UserError for a picture in no class's folder.
    """
    where, pictures = pictures_in(path, inside)
    depth = len(common_folder(pictures))
    folders = [picture.split("/")[:-1] for picture in pictures]
    if all(len(parts) == depth for parts in folders):  # of one class alone
        depth = max(0, depth - 1)
    known = task.classes if task else ()
    classes = [_class(parts, depth, known) for parts in folders]
    for picture, found in zip(pictures, classes, strict=True):
        if not found or (known and found not in known):
            hint = f": {task.class_hint(found)}" if found and task else ""
            raise UserError(
                f"{name}: {picture} in {as_given(where)} is in the folder of no class{hint}"
            )
    names = known or sorted(set(classes))
    empty = [one for one in names if one not in set(classes)]
    if empty:
        note(name, classes_without_pictures=len(empty), first=empty[0])
    number = {one: row for row, one in enumerate(names)}
    labels = np.array([number[found] for found in classes], np.int64)
    ids = ["/".join(picture.split("/")[depth:]) for picture in pictures]
    return records_at(name, [*pictures.values()], ids, labels, columns={"class": classes})


def _class(parts: list[str], depth: int, known: tuple[str, ...]) -> str:
    """The class of a folder by the parts of its path; empty if they name two classes.

    ``depth`` is the number of first parts that are the same for all folders.
    """
    named = {part for part in parts if part in known}
    if len(named) > 1:
        return ""
    return named.pop() if named else "/".join(parts[depth:])


def folder_of_pictures(name: str, path: Path, endings: bool = True) -> Records:
    """Read all pictures of a folder, without labels.

    Ids are their paths below the folder that has all pictures, with ``endings`` or without.
    """
    _, pictures = pictures_in(path)
    depth = len(common_folder(pictures))
    ids = ["/".join(picture.split("/")[depth:]) for picture in pictures]
    return records_at(name, [*pictures.values()], ids if endings else map(without_ending, ids))
