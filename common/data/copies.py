"""Pictures that are copies of others of the same part: what a split must keep on one side."""

import os
import time
from concurrent.futures import ThreadPoolExecutor

from common.data.images import decode
from common.data.lookalikes import Fingerprint, find_pairs, fingerprint, groups
from common.data.pictures import Pictures
from common.data.records import Records
from common.progress import report

MOST = 20_000  # pictures that are looked through, in minutes
# Nine of ten pictures that were cropped, lit and compressed anew are within 10 bits of the
# original, and X-rays of different people seldom are: within 16 bits an audit of 1,806 X-rays
# aligns 88,000 pairs, within 10 bits 3,200.
_BITS, _AGREEMENT = 10, 0.97
_LOOKS = 3  # pairs that are aligned for each picture, at most
_SIDE = 128  # pixels of the shorter side that are enough: JPEG files are decoded reduced
_EVERY = 5.0  # seconds between progress lines


def find_copies(records: Records) -> list[list[int]]:
    """Return the rows of pictures that are copies of each other, exact or near, a list a group.

    Pictures of one colour are copies of none: there may be many, and there is nothing in them that
    a network could have seen before. Nor are those that cannot be read, as a training will say.
    """
    pictures, last = Pictures(records, 1), time.monotonic()

    def look(row: int) -> Fingerprint | None:
        try:
            return fingerprint(decode(pictures.content(row), least=_SIDE))
        except (ValueError, IndexError, OSError):
            return None

    report("copies", looked_at=f"0/{len(records)}")
    prints: dict[int, Fingerprint] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for row, known in enumerate(pool.map(look, range(len(records)))):
            if known and not known.plain:
                prints[row] = known
            if time.monotonic() > last + _EVERY:
                last = time.monotonic()
                report("copies", looked_at=f"{row + 1}/{len(records)}")
    rows = list(prints)
    found = find_pairs(list(prints.values()), _BITS, _AGREEMENT, _LOOKS * len(records))
    return [[rows[number] for number in group] for group in groups(found.pairs)]
