"""How many bits the values of pictures have whose files could hold 16.

An X-ray of 12 bits in a file of 16 would be nearly black if its values were scaled from 16 bits.
Pictures could not be compared if each were scaled by itself. So all pictures of the data are scaled
from the bits that the largest value in some of them needs, rounded up to 8, 10, 12, 14 or 16. A
larger value in another picture becomes white. Values with a decimal point are scaled from 0 to 1 if
none of them is above 1.
"""

import dataclasses
import math
from collections.abc import Sequence
from contextlib import suppress

import numpy as np

from common.data.images import has_wide_values, open_header, wide_values
from common.data.places import Place, read
from common.data.records import RECORD, Records
from common.progress import report

_HEADERS = 64  # of pictures that are looked at, spread over all of them
_HEAD = 1 << 16  # bytes of a file, for its header
_TIFF = (b"II*\0", b"MM\0*")  # whose header may be at the end


def find_bits(records: Records) -> Records:
    """Return the records with ``bits`` set to those of their values; TFRecords are left unchanged.

    The headers of some pictures are read, and pictures of more than 8 bits are decoded. Broken
    pictures are not counted.
    """
    largest, wide = 0, 0
    rows = np.unique(np.linspace(0, len(records) - 1, min(_HEADERS, len(records))).astype(int))
    for file, start, size, kind in records.places[rows].tolist():
        if kind == RECORD:
            return records
        with suppress(Exception):  # of broken files decoders raise nearly everything
            place = Place(records.files[file], start, size, kind)
            head = read(place, _HEAD)
            head = read(place) if head[:4] in _TIFF else head
            if has_wide_values(open_header(head, size)):
                content = read(place)
                values = wide_values(open_header(content, size), content)
                top = math.ceil(values.max())
                if values.dtype.kind == "f" and top <= 1:  # these are of 0 to 1
                    continue
                largest, wide = max(largest, top), wide + 1
    if not wide:
        return records
    bits = max(8, largest.bit_length() + largest.bit_length() % 2)
    report("depth", part=records.name, bits=bits, of=wide)
    return dataclasses.replace(records, bits=bits)


def of_one_depth(parts: Sequence[Records]) -> list[Records]:
    """Return the parts of the data, each with the ``bits`` of the part that has most."""
    most = max(part.bits for part in parts)
    return [dataclasses.replace(part, bits=most) for part in parts]
