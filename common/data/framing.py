"""How records lie in a TFRecord file, and how they are written, without TensorFlow."""

import struct
from pathlib import Path

import numpy as np

from common.data.records import RECORD


def record_places(path: Path, number: int = 0) -> np.ndarray:
    """Return the places of the records of a whole file, as ``Records`` has them: ``(records, 4)``.

    A TFRecord is its length (uint64), a CRC of that (4 bytes), the record, and its CRC.
    """
    places, start, size = [], 0, path.stat().st_size
    with open(path, "rb") as file:
        while start < size:
            file.seek(start)
            (length,) = struct.unpack("<Q", file.read(8))
            places.append((number, start + 12, length, RECORD))
            start += length + 16
    return np.array(places, dtype=np.int64).reshape(-1, 4)


def serialized(name: str, label: int | None, jpeg: bytes) -> bytes:
    """Return one record: features ``image``, ``id`` and, with a label, ``class``.

    It is a ``tf.train.Example``, byte for byte as TensorFlow serializes one; importing that takes
    longer than writing thousands of pictures. https://protobuf.dev/programming-guides/encoding
    """
    values = {"id": _field(1, _field(1, name.encode())), "image": _field(1, _field(1, jpeg))}
    if label is not None:  # a list of numbers, packed; a negative one has 64 bits
        values = {"class": _field(3, _field(1, _varint(label % 2**64))), **values}
    entries = (_field(1, n.encode()) + _field(2, value) for n, value in values.items())
    return _field(1, b"".join(_field(1, entry) for entry in entries))


def framed(record: bytes) -> bytes:
    """Return a record as a TFRecord file has it: its length, the record, a CRC after each."""
    length = struct.pack("<Q", len(record))
    return b"".join((length, _checksum(length), record, _checksum(record)))


def _checksum(content: bytes) -> bytes:
    """TensorFlow's masked CRC-32C."""
    from google_crc32c import value

    crc = value(content)
    return struct.pack("<I", ((crc >> 15 | crc << 17) + 0xA282EAD8) % 2**32)


def _field(number: int, content: bytes) -> bytes:
    """A field of a protobuf message that has bytes, text or another message."""
    return bytes([number << 3 | 2]) + _varint(len(content)) + content


def _varint(number: int) -> bytes:
    """A number, seven bits a byte, the lowest first."""
    found = bytearray()
    while number > 127:
        found.append(number & 127 | 128)
        number >>= 7
    return bytes([*found, number])
