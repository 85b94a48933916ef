"""Pictures that are files, listed one by one."""

import os
from collections.abc import Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from common.data.layouts.found import records_at
from common.data.names import by_key, file_key
from common.data.places import Place
from common.data.records import FILE, Records
from common.errors import UserError
from common.inputs import as_given, listing


def image_files(
    name: str, paths: Iterable[Path], ids: Iterable[Any], labels: Any = None
) -> Records:
    """Read one part of the data whose pictures are files, of any usual format.

    A file may be ``1.JPG`` where ``1.jpg`` is asked for, or its name in another Unicode form.
    ``ids`` are as the submission has them, ``labels`` as the competition's task has them, a row a
    picture. Raises UserError when a file is missing, an id comes twice, or the numbers differ.
    """
    files, names = tuple(paths), list(ids)
    known = None if labels is None else np.asarray(labels)
    if len(files) != len(names) or (known is not None and len(known) != len(files)):
        number = "no" if known is None else len(known)
        raise UserError(f"{name}: {len(files)} files, {len(names)} ids and {number} labels")
    places = [Place(path, 0, path.stat().st_size, FILE) for path in _there(name, files)]
    return records_at(name, places, names, known)


def _there(name: str, files: Sequence[Path]) -> tuple[Path, ...]:
    """The files as they are on disk, whose names may be spelled in another way (``file_key``)."""

    @lru_cache(None)
    def others(folder: Path) -> dict[str, str]:
        return by_key(sorted(os.listdir(folder))) if folder.is_dir() else {}

    def find(path: Path) -> Path:
        if path.is_file():
            return path
        return path.with_name(others(path.parent).get(file_key(path.name), path.name))

    found = tuple(map(find, files))
    missing = [path for path in found if not path.is_file()]
    if missing:
        raise UserError(
            f"{name}: {len(missing)} of {len(files)} pictures are not there, the first is "
            f"{as_given(missing[0])}; {listing(missing[0].parent)}"
        )
    return found
