"""Weights files of PyTorch's older format (before 1.6, no zip), read without PyTorch.

Such a file is five pickles and then raw numbers: a magic number, a protocol, sizes of types, the
state dict, and the keys of the storages, which follow. A pickle can call anything: here it can name
exactly what a state dict of float32 and int64 tensors needs, and what is called is ours.
"""

import math
import pickle
import struct
from collections import OrderedDict
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np

from common.errors import UserError
from common.inputs import as_given

_MAGIC, _PROTOCOL = 0x1950A86A20F9469CFC6C, 1001
_MOST_BYTES = 4_000_000_000  # of a file
_FAULTS = (
    *(pickle.UnpicklingError, EOFError, ValueError, TypeError, KeyError, IndexError, struct.error),
    *(AttributeError, ImportError, OverflowError, RecursionError, MemoryError),
)


class _Storage(NamedTuple):
    key: str
    dtype: str
    numbers: int


class _Tensor(NamedTuple):
    storage: _Storage
    start: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]  # in numbers


def read_state_dict(path: Path) -> dict[str, np.ndarray]:
    """Return the tensors of a weights file by name: float32 or int64, for reading alone.

    Raises UserError when it is no such file, or damaged.
    """
    try:
        with open(path, "rb") as file:
            return _read(file, path.stat().st_size)
    except _FAULTS:
        raise UserError(
            f"{as_given(path)} is no weights file of PyTorch's older format, or damaged: fetch it "
            f"again"
        ) from None


def _read(file: BinaryIO, size: int) -> dict[str, np.ndarray]:
    if size > _MOST_BYTES:
        raise ValueError("too large")
    magic, protocol, system = (_Reader(file).load() for _ in range(3))
    if (magic, protocol) != (_MAGIC, _PROTOCOL) or system.get("little_endian") is not True:
        raise ValueError("another format")
    state, keys = _Reader(file).load(), _Reader(file).load()
    tensors = {name: tensor for name, tensor in state.items() if isinstance(tensor, _Tensor)}
    known = {tensor.storage.key: tensor.storage for tensor in tensors.values()}
    numbers = {}
    for key in keys:
        (count,) = struct.unpack("<q", file.read(8))
        dtype = np.dtype(known[key].dtype)
        if count != known[key].numbers or not 0 <= count * dtype.itemsize <= size - file.tell():
            raise ValueError("cut short")
        numbers[key] = np.frombuffer(file.read(count * dtype.itemsize), dtype)
    return {name: _array(numbers[tensor.storage.key], tensor) for name, tensor in tensors.items()}


def _array(numbers: np.ndarray, tensor: _Tensor) -> np.ndarray:
    steps = [stride * numbers.itemsize for stride in tensor.strides]
    return np.lib.stride_tricks.as_strided(numbers[tensor.start :], tensor.shape, steps)


class _Reader(pickle.Unpickler):
    """Knows the four names that a state dict has, each as something of ours or harmless."""

    _known: dict[tuple[str, str], Any] = {}  # noqa: RUF012 (filled below, once its values exist)

    def find_class(self, module: str, name: str) -> Any:
        """Return what a pickle names. Raises UnpicklingError for anything else."""
        if (module, name) not in self._known:
            raise pickle.UnpicklingError(f"names {module}.{name}")
        return self._known[module, name]

    def persistent_load(self, saved: Any) -> _Storage:
        """Return what is known of the numbers that come later in the file."""
        kind, dtype, key, _, numbers, view = saved
        if kind != "storage" or dtype not in ("<f4", "<i8") or view is not None:
            raise pickle.UnpicklingError("has another kind of storage")
        return _Storage(str(key), dtype, int(numbers))


def _tensor(storage: Any, start: int, shape: Any, strides: Any, *_: Any) -> _Tensor:
    """What ``torch._utils._rebuild_tensor_v2`` is called with; ValueError for what is outside."""
    axes = list(zip(shape, strides, strict=True))
    last = start + sum((length - 1) * stride for length, stride in axes)
    positive = start >= 0 and all(length > 0 and stride >= 0 for length, stride in axes)
    if not positive or last >= storage.numbers or math.prod(shape) > storage.numbers:
        raise ValueError("is outside its storage")
    return _Tensor(storage, start, tuple(shape), tuple(strides))


_Reader._known = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): _tensor,
    ("torch", "FloatStorage"): "<f4",
    ("torch", "LongStorage"): "<i8",
}
