"""Files of arrays: read without pickled objects; what is wrong with one is one line."""

import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError

_FAULTS = (ValueError, TypeError, KeyError, EOFError, OSError, zipfile.BadZipFile)
AGAIN = ": run its kernel again"


@contextmanager
def open_arrays(path: Path, source: str = "", remedy: str = "") -> Iterator[Any]:
    """Open the arrays of an ``.npz`` file by name.

    Raises UserError, which names ``source`` and ends with ``remedy``, where there is no such file,
    or for what is wrong with it or with what the block makes of it.
    """
    whose = f"{source}: " if source else ""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            yield arrays
    except FileNotFoundError:
        raise UserError(f"{whose}no {path.name} in {path.parent}{remedy}") from None
    except _FAULTS as error:
        raise UserError(f"{whose}{path} cannot be read: {error}{remedy}") from None
