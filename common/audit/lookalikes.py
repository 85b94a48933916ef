"""The same picture twice: exact copies by their pixels, near ones by a perceptual hash.

A near copy is compressed, resized, lit, cropped or mirrored anew. Its hash says which pairs are
worth a second look (some 30,000 of 288 million for 24,000 pictures), and that look lays one
picture over the other (OpenCV's ECC: shift, scale and turn) and asks how well they agree.

The hash is the usual one of a discrete cosine transform: 32 x 32 grey values, the 63 lowest
waves, a bit for the sign of each. Signs rather than a comparison with the median, because
mirroring a picture then flips the bits of the odd waves and leaves the others, so that one hash
finds mirrored copies too. It is ten lines on OpenCV, which is there anyway for laying pictures
over each other; a package for it would be one more to install.
"""

import hashlib
import os
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

WAVES = 8
SIDE, ROUGH = 48, 16
_BITS = np.uint64(1) << np.arange(WAVES * WAVES - 1, dtype=np.uint64)
# The bits of waves that are odd from left to right: what mirroring a picture flips.
ODD = _BITS[np.arange(1, WAVES * WAVES) % 2 == 1].sum(dtype=np.uint64)
_BLOCK = 256  # rows of hashes compared at once: 50 MB for 24,000 pictures
_FLAT = 4.0  # standard deviation in grey levels below which there is nothing to compare
_ALIKE = 0.65  # correlation of 16 x 16 grey values below which no closer look follows
_LAID = (3, 50, 1e-5)  # for ECC: at most 50 steps, or until it changes less than this
_STRETCH = 0.3  # the most that laying over may scale or turn


@dataclass(frozen=True)
class Fingerprint:
    """What is kept of a picture.

    Attributes:
        digest: SHA-256 of its size and pixels.
        hash: 63 bits, perceptual.
        grey: ``(48, 48)`` uint8.
    """

    digest: str
    hash: int
    grey: np.ndarray


@dataclass(frozen=True)
class Pair:
    """Two pictures, by their numbers, that are one.

    ``kind`` is ``exact``, ``near`` or ``mirrored``; ``distance`` counts the bits of 63 in which
    their hashes differ; ``agreement`` is the correlation after one was laid over the other.
    """

    first: int
    second: int
    kind: str
    distance: int = 0
    agreement: float = 1.0


def fingerprint(picture: np.ndarray) -> Fingerprint:
    """Of a picture ``(height, width, 3)`` uint8."""
    import cv2

    def small(side: int) -> Any:
        return cv2.resize(picture, (side, side), interpolation=cv2.INTER_AREA)

    digest = hashlib.sha256(str(picture.shape).encode() + picture.tobytes()).hexdigest()
    waves = cv2.dct(cv2.cvtColor(small(32), cv2.COLOR_RGB2GRAY).astype(np.float32))
    low = waves[:WAVES, :WAVES].ravel()[1:]
    grey = cv2.GaussianBlur(cv2.cvtColor(small(SIDE), cv2.COLOR_RGB2GRAY), (0, 0), 0.7)
    return Fingerprint(digest, int(_BITS[low > 0].sum(dtype=np.uint64)), grey)


def find_pairs(
    prints: Sequence[Fingerprint], bits: int, agreement: float, most: int
) -> tuple[list[Pair], int]:
    """The pairs of pictures that are one, and within how many bits pairs were looked at.

    Of exact copies each is paired with the first alone, and only the first is compared with
    other pictures. Pictures of (nearly) one colour have exact copies alone.

    Args:
        prints: of the pictures.
        bits: hashes that differ in more are not looked at.
        agreement: the least correlation of a near copy with its original, laid over it.
        most: pairs to look at; when there are more, ``bits`` is lowered until there are not.
    """
    pairs, firsts = _exact(prints)
    shown = np.array([n for n in firsts if prints[n].grey.std() >= _FLAT], dtype=np.int64)
    if len(shown) < 2:
        return pairs, bits
    looks, bits = _worth_a_look(prints, shown, bits, most)
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        looked = pool.map(lambda look: _look(prints, look), looks)
        near: dict[tuple[int, int], Pair] = {}
        for pair in looked:  # one that is near and mirrored (a symmetric picture) is near
            if pair.agreement >= agreement:
                near.setdefault((pair.first, pair.second), pair)
    return [*pairs, *(near[key] for key in sorted(near))], bits


def groups(pairs: Sequence[Pair]) -> list[list[int]]:
    """The pictures that pairs connect: each group's numbers sorted, groups by their first."""
    group: dict[int, list[int]] = {}
    for pair in pairs:
        one, two = group.get(pair.first, [pair.first]), group.get(pair.second, [pair.second])
        if one is not two:
            one = one + two
            group.update(dict.fromkeys(one, one))
    unique = {id(members): sorted(members) for members in group.values()}
    return sorted(unique.values())


def _exact(prints: Sequence[Fingerprint]) -> tuple[list[Pair], list[int]]:
    """Each exact copy with the first of its kind, and all firsts."""
    first: dict[str, int] = {}
    pairs = []
    for number, known in enumerate(prints):
        original = first.setdefault(known.digest, number)
        if original != number:
            pairs.append(Pair(original, number, "exact"))
    return pairs, list(first.values())


Looks = list[tuple[int, int, int, bool]]  # first, second, distance, whether mirrored


def _worth_a_look(
    prints: Sequence[Fingerprint], shown: np.ndarray, bits: int, most: int
) -> tuple[Looks, int]:
    """Pairs of the pictures ``shown`` whose hashes are near and whose grey values agree roughly."""
    hashes = np.array([prints[n].hash for n in shown], dtype=np.uint64)
    rough = np.stack([_rough(prints[n].grey) for n in shown])
    looks: Looks = []
    for rows, columns, far, mirrored in _near_hashes(hashes, bits):
        alike = _correlation(rough[rows], _turned(rough[columns], mirrored)) >= _ALIKE
        near = alike & (far <= bits)
        rows, columns, far = rows[near], columns[near], far[near]
        ends = zip(shown[rows].tolist(), shown[columns].tolist(), far.tolist(), strict=True)
        looks += [(first, second, distance, mirrored) for first, second, distance in ends]
        while len(looks) > most:
            bits -= 1
            looks = [look for look in looks if look[2] <= bits]
    return looks, bits


def _near_hashes(
    hashes: np.ndarray, bits: int
) -> Iterator[tuple[np.ndarray, np.ndarray, np.ndarray, bool]]:
    """Rows, columns and distances of near hashes, each pair once, in blocks of bounded size."""
    for start in range(0, len(hashes), _BLOCK):
        block = hashes[start : start + _BLOCK, None]
        for mirrored in (False, True):
            others = hashes[None, start:] ^ (ODD if mirrored else np.uint64(0))
            far = np.bitwise_count(block ^ others)
            rows, columns = np.nonzero(far <= bits)
            once = columns > rows
            rows, columns = rows[once], columns[once]
            for part in range(0, len(rows), 1 << 14):
                r, c = rows[part : part + (1 << 14)], columns[part : part + (1 << 14)]
                yield r + start, c + start, far[r, c], mirrored


def _rough(grey: np.ndarray) -> np.ndarray:
    """``(16, 16)`` float32, each the mean of nine."""
    step = SIDE // ROUGH
    nine = grey.reshape(ROUGH, step, ROUGH, step)
    return np.asarray(nine.mean(axis=(1, 3), dtype=np.float32))


def _turned(pictures: np.ndarray, mirrored: bool) -> np.ndarray:
    return pictures[:, :, ::-1] if mirrored else pictures


def _correlation(some: np.ndarray, others: np.ndarray) -> np.ndarray:
    """Of each picture with its partner, ``(n,)``."""
    one, two = (x.reshape(len(x), -1).astype(np.float32) for x in (some, others))
    one, two = (x - x.mean(axis=1, keepdims=True) for x in (one, two))
    scale = np.sqrt((one**2).sum(axis=1) * (two**2).sum(axis=1))
    return np.asarray((one * two).sum(axis=1) / np.maximum(scale, 1e-6))


def _look(prints: Sequence[Fingerprint], look: tuple[int, int, int, bool]) -> Pair:
    first, second, distance, mirrored = look
    other = prints[second].grey
    agreement = _laid_over(prints[first].grey, other[:, ::-1].copy() if mirrored else other)
    return Pair(first, second, "mirrored" if mirrored else "near", distance, agreement)


def _laid_over(one: np.ndarray, two: np.ndarray) -> float:
    """Correlation of two grey pictures where they overlap, the second laid over the first."""
    import cv2

    warp, whole = np.eye(2, 3, dtype=np.float32), np.ones(one.shape, np.uint8)
    try:
        agreement, found = cv2.findTransformECC(one, two, warp, cv2.MOTION_AFFINE, _LAID, whole, 3)
    except cv2.error:  # it finds no way to lay one over the other
        return 0.0
    stretched = float(np.abs(found[:, :2] - np.eye(2)).max()) > _STRETCH
    return 0.0 if stretched else round(float(agreement), 4)
