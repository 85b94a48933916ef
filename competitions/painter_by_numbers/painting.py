"""Painters who never lived, and how they paint: each has a palette, a hand, and subjects.

Hands and palettes are shared out so that no two painters have both in common, while every hand and
every palette has several owners: neither colour nor stroke alone gives the painter away.
"""

from dataclasses import dataclass

import cv2
import numpy as np

HUES = (8, 24, 42, 58, 86, 104, 122, 150)  # of a palette's colours, of OpenCV's 180
# How paint is put on: length and width of a stroke as shares of the canvas's shorter side, its
# angle and how far that strays over the canvas in radians, the share of strokes in another of the
# palette's colours, and how much the paint's thickness catches the light.
HANDS = np.array(
    (
        (0.035, 0.035, 0.1, 0.3, 0.35, 0.35),  # dots
        (0.30, 0.035, 0.3, 1.4, 0.15, 0.90),  # swirls
        (0.16, 0.025, 0.8, 0.1, 0.20, 0.20),  # hatching
        (0.15, 0.100, 0.5, 0.7, 0.08, 1.20),  # knife
        (0.40, 0.080, 0.1, 0.4, 0.05, -0.60),  # glazes
        (0.22, 0.060, 2.4, 0.2, 0.06, 0.15),  # planes
        (0.12, 0.045, 1.4, 0.4, 0.22, 0.60),  # dry brush
        (0.06, 0.080, 1.9, 1.0, 0.12, -0.30),  # patches
    )
)
GENRES = ("landscape", "portrait", "still life", "cityscape", "abstract")
FIRST = ("ada", "bruno", "clara", "dario", "edda", "fedor", "greta", "henrik")
LAST = ("amsel", "brandow", "castell", "dornach", "elmira", "falkner", "gronau", "halden")
EARLY = 0.1  # of a painter's works are in another hand, as a teacher would paint


@dataclass(frozen=True)
class Painter:
    """One painter.

    Attributes:
        name: as a catalogue spells it, e.g. ``clara-falkner``.
        palette: ``(7, 3)`` red, green, blue, dark to light.
        hand, early: how most works are painted, and how some are; rows as of HANDS.
        subjects: ``(genres,)``, how often each is painted; sums to one.
    """

    name: str
    palette: np.ndarray
    hand: np.ndarray
    early: np.ndarray
    subjects: np.ndarray


def painters(number: int, rng: np.random.Generator) -> list[Painter]:
    """Make so many painters, at most 64, no two of one hand and one palette."""
    found = []
    for place in range(number):
        first, last = place % 8, (place + place // 8) % 8
        # Seven tones from dark to light, four of the palette's own hue and three of any other.
        own = HUES[last] + rng.normal(0, 9, 4)
        hues = rng.permutation(np.r_[own, rng.uniform(0, 180, 3)]) % 180
        tones = np.stack((hues, rng.uniform(60, 200, 7), np.linspace(50, 245, 7)), axis=1)
        palette = cv2.cvtColor(tones[None].astype(np.uint8), cv2.COLOR_HSV2RGB)[0]
        hand = HANDS[first] * np.exp(rng.normal(0, 0.1, 6))
        subjects = rng.dirichlet(np.full(len(GENRES), 0.5))
        name = f"{FIRST[first]}-{LAST[last]}"
        found.append(Painter(name, palette, hand, HANDS[rng.integers(8)], subjects))
    return found


def paint(
    painter: Painter, subject: int, high: int, wide: int, rng: np.random.Generator
) -> np.ndarray:
    """Paint one picture of ``GENRES[subject]``, ``(high, wide, 3)`` uint8 RGB."""
    hand = painter.early if rng.random() < EARLY else painter.hand
    hand = hand * np.exp(rng.normal(0, 0.2, 6))  # no two works are alike
    palette = np.delete(painter.palette, rng.integers(7), axis=0)
    palette = (palette - 128.0) * rng.uniform(0.8, 1.1) + 128 + rng.normal(0, 20, 3)
    tones = _scene(subject, high, wide, rng) * (len(palette) - 1)
    plan = palette[np.round(tones).astype(int)] + _slow(14, high, wide, rng)[..., None]
    picture = _strokes(hand, plan, palette, rng)
    grey = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
    lit = cv2.filter2D(grey, -1, np.array(((-1, -1, 0), (-1, 0, 1), (0, 1, 1)), np.float32))
    done = picture + 0.22 * hand[5] * np.clip(lit, -120, 120)[..., None]
    # The photograph's own light, sharpness and noise.
    done = cv2.GaussianBlur(done * rng.uniform(0.88, 1.08), (0, 0), rng.uniform(0.2, 1.0))
    noise = rng.normal(0, rng.uniform(1, 5), (high, wide, 1))
    return np.clip(done + noise, 0, 255).astype(np.uint8)


def _strokes(
    hand: np.ndarray, plan: np.ndarray, palette: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """The plan painted stroke by stroke, the broad ones first, ``(high, wide, 3)`` uint8."""
    (high, wide), (long, broad, angle, wobble, broken, _) = plan.shape[:2], hand
    angles = angle + _slow(wobble, high, wide, rng)
    picture = np.clip(plan, 0, 255).astype(np.uint8)
    for size in (1.5, 0.9, 0.5):
        length, width = (max(1.0, share * min(high, wide) * size) for share in (long, broad))
        number = int(np.clip(high * wide / (width * max(length, width)), 20, 600))
        at = rng.integers((wide, high), size=(number, 2))
        x, y = at.T
        other = 0.45 * plan[y, x] + 0.55 * palette[rng.integers(len(palette), size=number)]
        colours = np.where(rng.random((number, 1)) < broken, other, plan[y, x])
        colours = (colours + rng.normal(0, 12, (number, 1))).clip(0, 255)
        half = np.stack((np.cos(angles[y, x]), np.sin(angles[y, x])), 1) * length / 2
        ends = np.round(np.stack((at - half, at + half), 1)).astype(int)
        widths = np.maximum(1, width * rng.uniform(0.7, 1.3, number)).round().astype(int)
        strokes = zip(ends, colours.tolist(), widths.tolist(), strict=True)
        for (start, end), colour, thick in strokes:
            cv2.line(picture, start, end, colour, thick, cv2.LINE_AA)
    return picture


def _scene(subject: int, high: int, wide: int, rng: np.random.Generator) -> np.ndarray:
    """What is shown, as tones from 0 (the darkest colour) to 1, ``(high, wide)`` float32."""
    tones = np.full((high, wide), rng.uniform(0.5, 1), np.float32)
    bands, discs, boxes = ((3, 2, 0), (0, 3, 0), (1, 8, 0), (1, 0, 14), (0, 4, 6))[subject]
    for level in np.sort(rng.uniform(0.3, 1, bands)):  # ridges, or a table's edge
        edge = (level + _slow(0.1, 1, wide, rng)[0]) * high
        tones[np.arange(high)[:, None] > edge] = rng.uniform()
    for _ in range(discs):
        middle = rng.integers((wide, high)) // 2 + (wide // 4, high // 4)
        axes = rng.integers(2, min(high, wide) // 3, 2)
        turn, tone = rng.uniform(0, 180), rng.uniform()
        cv2.ellipse(tones, middle.tolist(), axes.tolist(), turn, 0, 360, tone, -1)
    for _ in range(boxes):
        corner, size = rng.integers((wide, high)), rng.integers(2, min(high, wide) // 3, 2)
        cv2.rectangle(tones, corner.tolist(), (corner + size).tolist(), rng.uniform(), -1)
    return tones


def _slow(spread: float, high: int, wide: int, rng: np.random.Generator) -> np.ndarray:
    """Noise that changes slowly over the canvas, ``(high, wide)`` float32."""
    coarse = rng.normal(0, spread, (4, 4)).astype(np.float32)
    return cv2.resize(coarse, (wide, high), interpolation=cv2.INTER_CUBIC)
