"""Files of arrays, ``.npz`` without pickled objects: what is wrong with one is one line."""

import zipfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from common.errors import UserError

_FAULTS = (ValueError, TypeError, KeyError, EOFError, OSError, zipfile.BadZipFile)
AGAIN = ": run its kernel again"

# Name → dtype (None: any) and axes. Axes of one name are of one length, 3 has 3, * is any more.
Arrays = Mapping[str, tuple[Any, Sequence[str]]]


def save_arrays(
    path: Path, arrays: Arrays, values: Mapping[str, Any], source: str = "", compress: bool = False
) -> Path:
    """Write ``values`` as ``arrays`` says. Raises UserError for what does not fit together."""
    try:
        found = _checked(arrays, values)
    except ValueError as error:
        raise UserError(f"{source or path}: {error}") from None
    write = np.savez_compressed if compress else np.savez
    write(path, **found)  # type: ignore[arg-type]
    return path


def load_arrays(
    path: Path, arrays: Arrays, source: str = "", remedy: str = ""
) -> dict[str, np.ndarray]:
    """Read what ``save_arrays`` wrote. Raises UserError as ``open_arrays``."""
    with open_arrays(path, source, remedy) as found:
        return _checked(arrays, found)


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


def _checked(arrays: Arrays, values: Mapping[str, Any]) -> dict[str, np.ndarray]:
    """The values in their dtypes. Raises ValueError for an axis of another length."""
    found, lengths = {}, {"3": 3}
    for name, (dtype, axes) in arrays.items():
        found[name] = array = np.asarray(values[name], dtype)
        own = [axis for axis in axes if axis != "*"]
        known = dict(zip(own, array.shape, strict=False))
        more = array.ndim - len(own)
        if more < 0 or (more and "*" not in axes) or {**known, **lengths} != {**lengths, **known}:
            raise ValueError(f"{name} of shape {array.shape} does not fit the other arrays")
        lengths |= known
    return found
