"""Bodies of answers that break off or arrive wrong."""

import contextlib
from collections.abc import Iterator
from typing import Any


def first_bytes(chunks: Any, most: int, broken: bool = False) -> Iterator[bytes]:
    """The first ``most`` bytes; then the end, or a broken connection."""
    with contextlib.closing(chunks):
        for chunk in chunks:
            yield chunk[:most]
            most -= len(chunk)
            if most <= 0:
                break
    if broken:
        raise ConnectionAbortedError("the answer was cut")


def flipped(chunks: Any) -> Iterator[bytes]:
    """The same number of bytes; the middle one of each chunk is another."""
    with contextlib.closing(chunks):
        for chunk in chunks:
            middle = len(chunk) // 2
            yield (
                chunk[:middle]
                + bytes(b ^ 0xFF for b in chunk[middle : middle + 1])
                + (chunk[middle + 1 :])
            )
