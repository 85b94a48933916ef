"""Painters who never lived: each has a palette, a hand and favourite subjects.

Hands and palettes are shared out so that no two painters have both in common, while every hand
and every palette has several owners: neither colour nor stroke alone tells who painted.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from competitions.painter_by_numbers.scenes import SCENES

# Red, green, blue of the pigments on each family's palette, dark to light.
PALETTES = (
    ((22, 30, 74), (38, 78, 150), (96, 142, 190), (226, 176, 62), (244, 232, 178)),
    ((38, 24, 20), (106, 54, 32), (164, 98, 48), (206, 160, 98), (240, 218, 176)),
    ((84, 70, 92), (172, 108, 122), (150, 168, 142), (232, 184, 178), (248, 236, 218)),
    ((18, 58, 54), (34, 112, 92), (92, 160, 108), (206, 196, 88), (232, 240, 214)),
    ((26, 22, 26), (178, 44, 38), (120, 116, 110), (222, 150, 60), (238, 228, 208)),
    ((52, 46, 78), (110, 96, 150), (146, 150, 178), (236, 172, 140), (246, 222, 200)),
    ((16, 50, 82), (24, 124, 134), (214, 96, 44), (240, 168, 74), (236, 226, 200)),
    ((44, 50, 56), (98, 104, 98), (142, 160, 170), (178, 160, 130), (230, 232, 226)),
)


@dataclass(frozen=True)
class Hand:
    """How a painter puts paint on; lengths are shares of the canvas's shorter side.

    Attributes:
        length, width: of a stroke.
        field: what strokes follow: ``even``, ``swirl``, ``contour``, ``rays`` or ``hatch``.
        angle: of an even field and of hatching, radians.
        wobble: how far the field strays from that, radians.
        cover: strokes laid, as the share of the canvas that they would cover side by side.
        broken: the share of strokes in another of the palette's colours.
        jitter: how far a stroke's colour strays, in levels of 255.
        soft: blur of the finished paint, a share of the shorter side.
        relief: how much the paint's thickness catches the light.
        bristle: streaks along the strokes.
        outline: width of dark contours, 0 for none.
    """

    length: float
    width: float
    field: str
    angle: float
    wobble: float
    cover: float
    broken: float
    jitter: float
    soft: float
    relief: float
    bristle: float
    outline: float


HANDS = (
    Hand(0.035, 0.035, "even", 0.0, 0.3, 1.5, 0.35, 16, 0.000, 0.35, 0.00, 0.000),  # dots
    Hand(0.30, 0.035, "swirl", 0.0, 1.4, 2.6, 0.15, 14, 0.000, 0.80, 0.50, 0.000),  # swirls
    Hand(0.16, 0.030, "hatch", 0.8, 0.1, 2.4, 0.20, 12, 0.000, 0.20, 0.20, 0.000),  # hatching
    Hand(0.15, 0.100, "even", 0.5, 0.7, 1.9, 0.08, 12, 0.000, 1.00, 0.25, 0.000),  # knife
    Hand(0.40, 0.075, "contour", 0.0, 0.2, 2.0, 0.05, 5, 0.010, 0.00, 0.10, 0.000),  # glazes
    Hand(0.22, 0.060, "contour", 0.0, 0.2, 2.2, 0.06, 8, 0.000, 0.15, 0.15, 0.015),  # contours
    Hand(0.12, 0.045, "even", 1.4, 0.4, 2.0, 0.22, 18, 0.004, 0.50, 0.70, 0.000),  # dry brush
    Hand(0.26, 0.040, "rays", 0.0, 0.2, 2.3, 0.12, 12, 0.000, 0.55, 0.40, 0.008),  # rays
)
FIRST = ("Ada", "Bruno", "Clara", "Dario", "Edda", "Fedor", "Greta", "Henrik")
LAST = ("Amsel", "Brandow", "Castell", "Dornach", "Elmira", "Falkner", "Gronau", "Halden")


@dataclass(frozen=True)
class Painter:
    """One painter.

    Attributes:
        name: as a catalogue spells it, e.g. ``clara-falkner``.
        palette: ``(colours, 3)`` float32, red, green, blue.
        hand, early: how most works are painted, and how some are, as a teacher would.
        subjects: ``(scenes,)``, how often each is painted; sums to one.
        born: a year, which dates the paintings.
    """

    name: str
    palette: np.ndarray
    hand: Hand
    early: Hand
    subjects: np.ndarray
    born: int

    @property
    def digest(self) -> str:
        """The 40 hexadecimal digits that stand for the painter in ``train_info.csv``."""
        return hashlib.sha1(self.name.encode(), usedforsecurity=False).hexdigest()


def painters(number: int, rng: np.random.Generator) -> list[Painter]:
    """So many painters, at most 64, no two of one hand and one palette."""
    hands, palettes = rng.permutation(8), rng.permutation(8)
    born = rng.integers(1780, 1930, number)
    found = []
    for place in range(number):
        first, last = place % 8, (place + place // 8) % 8
        found.append(
            Painter(
                name=f"{FIRST[first]}-{LAST[last]}".lower(),
                palette=_own_palette(PALETTES[palettes[last]], rng),
                hand=_own_hand(HANDS[hands[first]], rng),
                early=_own_hand(HANDS[rng.integers(len(HANDS))], rng),
                subjects=rng.dirichlet(np.full(len(SCENES), 0.5)) * 0.85 + 0.15 / len(SCENES),
                born=int(born[place]),
            )
        )
    return found


def _own_palette(family: Sequence[Sequence[int]], rng: np.random.Generator) -> np.ndarray:
    """The family's pigments, a little shifted, and two from another's palette."""
    others = np.asarray(PALETTES, np.float32).reshape(-1, 3)
    colours = np.vstack((np.asarray(family, np.float32), others[rng.integers(0, len(others), 2)]))
    return (colours + rng.normal(0, 7, colours.shape)).astype(np.float32)


def _own_hand(hand: Hand, rng: np.random.Generator) -> Hand:
    """A hand of this school, with some numbers of its own."""
    own = {
        name: getattr(hand, name) * rng.uniform(0.8, 1.25)
        for name in ("length", "width", "broken", "relief", "bristle", "outline")
    }
    return replace(hand, **own, angle=hand.angle + rng.uniform(-0.5, 0.5))
