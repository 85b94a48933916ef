"""Layouts: where a competition's pictures and labels are. Each is one function to Records.

TFRecords are ``common.data.tfrecords.read_records``.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np

from common.data.records import Records
from common.errors import UserError
from common.inputs import listing


def image_files(
    name: str, paths: Iterable[Path], ids: Iterable[Any], labels: Any = None
) -> Records:
    """Read one part of the data whose pictures are files, of any format that OpenCV reads.

    ``ids`` are as the submission has them, ``labels`` as the competition's task has them, a row a
    picture. Raises UserError when a file is missing, an id comes twice, or the numbers differ.
    """
    files, names = tuple(paths), np.array([str(one) for one in ids], np.str_)
    known = None if labels is None else np.asarray(labels)
    if len(files) != len(names) or (known is not None and len(known) != len(files)):
        number = "no" if known is None else len(known)
        raise UserError(f"{name}: {len(files)} files, {len(names)} ids and {number} labels")
    if not files:
        raise UserError(f"{name}: there are no pictures")
    missing = [path for path in files if not path.is_file()]
    if missing:
        raise UserError(
            f"{name}: {len(missing)} of {len(files)} pictures are not there, the first is "
            f"{missing[0]}; {listing(missing[0].parent)}"
        )
    found, counts = np.unique(names, return_counts=True)
    if (counts > 1).any():
        raise UserError(f"{name}: the id {found[counts > 1][0]} comes {counts.max()} times")
    places = np.array([(number, 0, path.stat().st_size) for number, path in enumerate(files)])
    return Records(name, files, names, known, places, whole_files=True)
