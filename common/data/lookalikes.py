"""The same picture twice: exact copies by their pixels, near ones by a perceptual hash.

A near copy is compressed, resized, lit, cropped or mirrored anew. Its hash says which pairs are
worth a second look (some 30,000 of 288 million for 24,000 pictures). That look aligns one picture
with the other (OpenCV's ECC: shift, scale and turn) and measures how well they agree.

The hash is the usual one of a discrete cosine transform: 32 x 32 grey values, the 63 lowest
waves, a bit for the sign of each. Signs rather than a comparison with the median, because
mirroring a picture then flips the bits of the odd waves alone, so that one hash finds mirrored
copies too.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np

_WAVES = 8
SIDE, ROUGH = 48, 16
_BITS = np.uint64(1) << np.arange(_WAVES * _WAVES - 1, dtype=np.uint64)
# The bits of waves that are odd from left to right: what mirroring a picture flips.
_ODD = _BITS[np.arange(1, _WAVES * _WAVES) % 2 == 1].sum(dtype=np.uint64)
_BLOCK = 256  # rows of hashes compared at once: 50 MB for 24,000 pictures
_FLAT = 4.0  # standard deviation in grey levels below which a picture is plain
_ALIKE = 0.65  # correlation of 16 x 16 grey values below which no closer look follows
_ALIGN = (3, 50, 1e-5)  # for ECC: at most 50 steps, or until it changes less than this
_STRETCH = 0.3  # the most that aligning may scale or turn
_LARGEST, _FEW = 0.02, 10  # a share of all pictures, and a number, that a group may have


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a picture: SHA-256 of its size and pixels, 63 bits, ``(48, 48)`` uint8."""

    digest: str
    hash: int
    grey: np.ndarray

    @property
    def plain(self) -> bool:
        """Whether the picture is of (nearly) one colour: there is nothing to compare."""
        return bool(self.grey.std() < _FLAT)


@dataclass(frozen=True)
class Pair:
    """Two pictures, by their numbers, that are one.

    ``kind`` is ``exact``, ``near`` or ``mirrored``; ``distance`` counts the bits of 63 in which
    their hashes differ; ``agreement`` is their correlation once they are aligned.
    """

    first: int
    second: int
    kind: str
    distance: int = 0
    agreement: float = 1.0


def fingerprint(picture: np.ndarray) -> Fingerprint:
    """Return the fingerprint of a picture ``(height, width, 3)`` uint8."""
    import cv2

    def grey(side: int) -> np.ndarray:
        small = cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)
        return cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)

    digest = hashlib.sha256(str(picture.shape).encode() + picture.tobytes()).hexdigest()
    low = cv2.dct(grey(32).astype(np.float32))[:_WAVES, :_WAVES].ravel()[1:]
    smooth = cv2.GaussianBlur(grey(SIDE), (0, 0), 0.7)
    return Fingerprint(digest, int(_BITS[low > 0].sum(dtype=np.uint64)), smooth)


class Lookalikes(NamedTuple):
    """Pairs of pictures that are one, and what was asked of them in the end.

    ``bits`` and ``agreement`` are those that ``find_pairs`` was given, or stricter ones.
    """

    pairs: list[Pair]
    bits: int
    agreement: float


def find_pairs(prints: Sequence[Fingerprint], bits: int, agreement: float, most: int) -> Lookalikes:
    """Find the pairs of pictures that are one.

    Of exact copies each is paired with the first alone, and only the first is compared with
    other pictures. Pictures of (nearly) one colour have exact copies alone. Hashes that differ in
    more than ``bits`` are not compared; ``agreement`` is the least correlation of a near copy with
    its original; where more than ``most`` pairs are to be aligned, ``bits`` is lowered, and where
    all pictures look alike, ``agreement`` is raised (``unchained``).
    """
    first_of: dict[str, int] = {}
    firsts = [first_of.setdefault(known.digest, number) for number, known in enumerate(prints)]
    pairs = [Pair(first, n, "exact") for n, first in enumerate(firsts) if first != n]
    textured = [n for n in first_of.values() if not prints[n].plain]
    if len(textured) < 2:
        return Lookalikes(pairs, bits, agreement)
    candidates, bits = _candidates(prints, np.array(textured), bits, most)
    near: dict[tuple[int, int], Pair] = {}
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        for pair in pool.map(lambda pair: _aligned(prints, pair), candidates):
            if pair.agreement >= agreement:  # near and mirrored (a symmetric picture) is near
                near.setdefault((pair.first, pair.second), pair)
    pairs += [near[key] for key in sorted(near)]
    pairs, agreement = unchained(pairs, len(prints), agreement)
    return Lookalikes(pairs, bits, agreement)


def unchained(pairs: Sequence[Pair], pictures: int, agreement: float) -> tuple[list[Pair], float]:
    """Return the pairs that agree better where a group has too many pictures, and how well.

    Where all pictures are alike, such as X-rays, pairs of different ones chain to a group of a
    tenth of all. The ``agreement`` that is asked for then comes halfway to 1, again until no group
    has more than a fiftieth of the ``pictures``, or exact copies alone are left.
    """
    largest = max(_FEW, _LARGEST * pictures)
    while True:
        found = [pair for pair in pairs if pair.agreement >= agreement]
        if agreement >= 1 or max(map(len, groups(found)), default=0) <= largest:
            return found, agreement
        agreement = (1 + agreement) / 2 if agreement < 0.999 else 1.0


def groups(pairs: Sequence[Pair]) -> list[list[int]]:
    """Return the pictures that pairs connect: each group sorted, groups by their first."""
    if not pairs:
        return []
    ends = np.array([(pair.first, pair.second) for pair in pairs])
    members, rows = np.unique(ends, return_inverse=True)
    group = components(rows.reshape(-1, 2), len(members))
    return sorted(members[group == number].tolist() for number in range(group.max() + 1))


def components(pairs: np.ndarray, number: int) -> np.ndarray:
    """Return which of ``number`` things are connected by pairs of them, ``(pairs, 2)`` integers.

    The result is the component of each thing, ``(number,)`` integers from 0.
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    graph = coo_array((np.ones(len(pairs)), tuple(pairs.T)), shape=(number, number))
    return np.asarray(connected_components(graph, directed=False)[1])


def _candidates(
    prints: Sequence[Fingerprint], shown: np.ndarray, bits: int, most: int
) -> tuple[list[Pair], int]:
    """Pairs of the pictures ``shown`` whose hashes are near and whose grey values agree roughly."""
    hashes = np.array([prints[n].hash for n in shown], dtype=np.uint64)
    step = SIDE // ROUGH
    nines = np.stack([prints[n].grey for n in shown]).reshape(-1, ROUGH, step, ROUGH, step)
    rough = nines.mean(axis=(2, 4), dtype=np.float32)  # each the mean of nine
    found: list[Pair] = []
    for rows, columns, far, mirrored in _near_hashes(hashes, bits):
        others = rough[columns]
        alike = _correlation(rough[rows], others[..., ::-1] if mirrored else others) >= _ALIKE
        near = alike & (far <= bits)
        ends = zip(shown[rows[near]], shown[columns[near]], far[near], strict=True)
        kind = "mirrored" if mirrored else "near"
        found += [Pair(int(one), int(two), kind, int(distance)) for one, two, distance in ends]
        while len(found) > most:
            bits -= 1
            found = [pair for pair in found if pair.distance <= bits]
    return found, bits


def _near_hashes(
    hashes: np.ndarray, bits: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, bool]]:
    """Rows, columns and distances of near hashes, each pair once, in blocks of bounded size."""
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK, None]
        for mirrored in (False, True):
            others = hashes[None, start:] ^ (_ODD if mirrored else np.uint64(0))
            far = np.bitwise_count(block ^ others)
            rows, columns = np.nonzero(np.triu(far <= bits, 1))
            for part in range(0, len(rows), 1 << 14):
                r, c = rows[part : part + (1 << 14)], columns[part : part + (1 << 14)]
                yield r + start, c + start, far[r, c], mirrored


def _correlation(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of each picture with its partner, ``(n,)``."""
    one, two = (x.reshape(len(x), -1) for x in (some, others))
    one, two = (x - x.mean(axis=1, keepdims=True) for x in (one, two))
    scale = np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    return np.asarray((one * two).sum(axis=1) / np.maximum(scale, 1e-6))


def _aligned(prints: Sequence[Fingerprint], pair: Pair) -> Pair:
    """The pair with the correlation of its grey pictures where they overlap, once aligned."""
    import cv2

    one, two = prints[pair.first].grey, prints[pair.second].grey
    two = two[:, ::-1].copy() if pair.kind == "mirrored" else two
    warp, whole = np.eye(2, 3, dtype=np.float32), np.ones(one.shape, np.uint8)
    try:
        agreement, found = cv2.findTransformECC(one, two, warp, cv2.MOTION_AFFINE, _ALIGN, whole, 3)
    except cv2.error:  # it finds no way to align them
        return replace(pair, agreement=0.0)
    stretched = float(np.abs(found[:, :2] - np.eye(2)).max()) > _STRETCH
    return replace(pair, agreement=0.0 if stretched else round(float(agreement), 4))
