"""Pictures whose names say what they are."""

import re
from pathlib import Path

from common.data.layouts.found import common_folder, pictures_in, records_at
from common.data.layouts.labels import encoded
from common.data.records import Records
from common.errors import UserError
from common.inputs import as_given
from common.tasks.task import Task


def labels_in_names(
    name: str, path: Path, pattern: str, task: Task | None = None, inside: str = ""
) -> Records:
    r"""Read pictures whose names have the label in them.

    The ``pattern`` is a regular expression, which is searched for in a picture's path below the
    folder that has all pictures. Its group ``label`` is the label (or several, separated by
    spaces), ``id`` the id (the path if it has no such group), and ``group`` the group in which a
    split keeps pictures together. With ``inside`` the pictures are in the folder of this name, at
    any depth of ``path``. With ``(?P<label>cat|dog)\.\d+`` the picture ``cat.12.jpg`` is a
    cat. A pattern without ``label``, such as ``(?P<id>\d+)``, reads test.

    Raises UserError for a name that the pattern does not match, and for a label that is no class.
    """
    where, pictures = pictures_in(path, inside)
    depth = len(common_folder(pictures))
    paths = ["/".join(picture.split("/")[depth:]) for picture in pictures]
    try:
        compiled = re.compile(pattern)
    except re.error as error:
        raise UserError(
            f"{name}: the pattern {pattern} is no regular expression: {error}"
        ) from None
    found = [compiled.search(one) for one in paths]
    matches = [match for match in found if match]
    if len(matches) < len(paths):
        raise UserError(
            f"{name}: {len(paths) - len(matches)} of {len(paths)} names in {as_given(where)} do "
            f"not match {pattern}, the first is {paths[found.index(None)]}"
        )
    parts = {key: [match[key] or "" for match in matches] for key in compiled.groupindex}
    labels = None
    if "label" in parts:
        if task is None:
            raise UserError(f"{name}: labels_in_names needs the task, which knows the classes")
        labels = encoded(task, parts["label"], lambda row: paths[row], None)
    rest = {key: values for key, values in parts.items() if key not in ("label", "id", "group")}
    ids = parts.get("id", paths)
    return records_at(name, [*pictures.values()], ids, labels, parts.get("group"), rest)
