"""The pictures of one part of the data, any of them at any time, decoded once if they fit."""

import dataclasses
import math
import mmap
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import ClassVar

import numpy as np

from common.data.faults import where
from common.data.images import check_header, decode_file, is_usual
from common.data.places import Place, read
from common.data.records import RECORD, Records
from common.data.squares import Square
from common.data.tfrecords import decode, parse
from common.errors import UserError
from common.progress import report

_THREADS = 16  # at most
_HEAD = 1 << 16  # bytes of a file, for its header
_SHARE = 0.5  # of the memory that is free: what decoded pictures may take


class Pictures:
    """Pictures as ``(size, size, 3)`` uint8, by number; threads may read at the same time.

    Files are mapped into memory, so that a picture is read where it is, in any order. With a
    ``cache`` (``memory`` or ``disk``; else ``none``) each is decoded once.

    Attributes:
        records: what they are read from.
        labels: ``(pictures,)`` int64, zeros where the data has none.
        size: pixels.
        square: how they become squares of that size.
        fault: the error of a picture that could not be decoded; a framework that reads pictures in
            its threads may hide it.
        rows_of: dimensions that a row has in front of a picture's: none, or 2 for a pair.
    """

    rows_of: ClassVar[tuple[int, ...]] = ()

    def __init__(
        self, records: Records, size: int, cache: str = "none", square: Square | None = None
    ):
        self.records, self.size, self.square = records, size, square or Square()
        self.fault: UserError | None = None
        missing = np.zeros(len(records), dtype=np.int64)
        self.labels = missing if records.labels is None else records.labels
        recorded = set(records.places[records.places[:, 3] == RECORD, 0].tolist())
        self._files = {number: _mapped(records.files[number]) for number in recorded}
        self._cache = _room(cache, (len(records), size, size, 3))
        self._cached = np.zeros(len(records), dtype=bool)
        self._checked = np.zeros(len(records), dtype=bool)  # whose headers need no other look
        # First byte and end of those in TFRecords, once they were looked for.
        self._images = np.zeros((len(records), 2), np.int64)

    def __len__(self) -> int:
        return len(self.records)

    def __getitem__(self, row: int) -> np.ndarray:
        """Return one picture as a square. Raises UserError when it cannot be decoded."""
        if self._cache is None:
            return self.square(self.original(row), self.size)
        if not self._cached[row]:
            self._cache[row] = self.square(self.original(row), self.size)
            self._cached[row] = True
        picture: np.ndarray = self._cache[row]
        return picture

    def whole(self, row: int, size: int) -> np.ndarray:
        """Return one picture as a square of another size, which no cache has.

        Resized twice, it would be blurred; it shrinks as without a margin.
        """
        return dataclasses.replace(self.square, interpolation="bilinear")(self.original(row), size)

    def original(self, row: int) -> np.ndarray:
        """Return one picture in its own size. Raises UserError when it cannot be decoded."""
        try:
            checked = bool(self._checked[row])
            if self.records.places[row, 3] == RECORD:
                picture, checked = decode(self._in_record(row), checked), True
            else:
                content = self.content(row)
                checked = checked or is_usual(content)
                picture = decode_file(content, self.records.bits or 16, checked)
        except (ValueError, IndexError, OSError) as error:
            self.fault = _fault(self.records, row, error)
            raise self.fault from None
        self._checked[row] = checked
        return picture

    def shown(self, row: int) -> np.ndarray:
        """Return one picture for people, in its own size."""
        return self.original(row)

    def check_headers(self, seconds: float) -> int:
        """Look at the headers of the pictures for some ``seconds``; return how many are right.

        Raises UserError for the first fault.
        """
        end = time.monotonic() + seconds

        def check(row: int) -> bool:
            if time.monotonic() > end:
                return False
            try:
                head, size = self.content(row, _HEAD), int(self.records.places[row, 2])
                usual = check_header if self.records.places[row, 3] == RECORD else is_usual
                self._checked[row] = usual(head, size)
            except (ValueError, IndexError, OSError) as error:
                raise _fault(self.records, row, error) from None
            return True

        return sum(self._in_threads(check))

    def decode_all(self, seconds: float = math.inf) -> int:
        """Decode pictures for some ``seconds``, in threads, and keep none; return how many.

        Raises UserError for the first fault.
        """
        end = time.monotonic() + seconds
        return sum(
            self._in_threads(lambda r: time.monotonic() <= end and self.original(r) is not None)
        )

    def _in_threads(self, look: Callable[[int], bool]) -> Iterator[bool]:
        with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1)) as pool:
            yield from pool.map(look, range(len(self)))

    def content(self, row: int, most: int = -1) -> bytes:
        """Return a picture's bytes, or the first ``most`` of them if it is not in a TFRecord.

        Raises ValueError for a record without a picture, and OSError.
        """
        file, start, length, kind = self.records.places[row].tolist()
        if kind != RECORD:
            return read(Place(self.records.files[file], start, length, kind), most)
        return bytes(self._in_record(row))

    def _in_record(self, row: int) -> memoryview:
        """A picture's bytes in its TFRecord, which is parsed once. Raises ValueError."""
        file, start, length, _ = self.records.places[row].tolist()
        first, end = self._images[row].tolist()
        if not end:
            record = self._files[file][start : start + length]
            (content,) = parse(record, "image")
            first = start + record.index(content)
            end = first + len(content)
            self._images[row] = first, end
        return memoryview(self._files[file])[first:end]


def _fault(records: Records, row: int, error: Exception) -> UserError:
    id_ = f" ({records.ids[row]})" if records.places[row, 3] == RECORD else ""
    reason = getattr(error, "strerror", None) or str(error)
    todo = "fetch the file again, or leave it out in the competition's data.py"
    if reason.startswith("too large"):
        todo = "make it smaller"
    return UserError(f"{where(records, row)}{id_} has no readable picture ({reason}): {todo}")


def choose_cache(cache: str, pictures: int, size: int) -> str:
    """Return ``memory``, ``disk`` or ``none``, where pictures are kept once they are decoded.

    For ``auto`` that is ``memory`` if the pictures take at most half of what is free.

    Raises UserError for ``memory`` where the pictures do not fit at all.
    """
    needed, free = pictures * size * size * 3, free_memory()
    if cache == "memory" and needed > free:
        raise UserError(
            f"setting cache=memory: {pictures} pictures of {size} x {size} take "
            f"{needed / 1e9:.1f} GB, and {free / 1e9:.1f} GB are free: take disk or none"
        )
    if cache == "auto":
        return "memory" if needed < _SHARE * free else "none"
    return cache


def free_memory() -> int:
    """Return the bytes that Linux and the container have free; cached files count as free."""
    free = _listed(Path("/proc/meminfo"), "MemAvailable:") * 1024
    group = Path("/sys/fs/cgroup")
    try:
        limit, taken = (int((group / f"memory.{name}").read_text()) for name in ("max", "current"))
    except (OSError, ValueError):  # no limit, or no control groups
        return free
    return min(free, limit - taken + _listed(group / "memory.stat", "inactive_file"))


def _listed(path: Path, name: str) -> int:
    """The number after ``name`` in one of Linux's tables; 0 without it."""
    lines = path.read_text().splitlines() if path.exists() else []
    return next((int(line.split()[1]) for line in lines if line.split()[:1] == [name]), 0)


def _room(cache: str, shape: tuple[int, ...]) -> np.ndarray | None:
    """Room for decoded pictures, uint8, or None."""
    if cache == "memory":
        return np.empty(shape, np.uint8)
    if cache == "disk" and shape[0]:
        size = int(np.prod(shape, dtype=np.int64))
        report("cache", on="disk", gb=round(size / 1e9, 2))
        with tempfile.TemporaryFile() as file:  # gone with the process, and never an output
            os.posix_fallocate(file.fileno(), 0, size)  # a full disk fails now
            return np.memmap(file, np.uint8, "r+", shape=shape)
    return None


def _mapped(path: Path) -> mmap.mmap | bytes:
    with open(path, "rb") as file:
        if not os.fstat(file.fileno()).st_size:
            return b""
        return mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
