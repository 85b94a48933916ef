"""What a generated painting shows: regions of a canvas, each with a role and so a tone.

A scene is drawn into ``(height, width)`` uint8 whose values are the roles below; an artist's
palette turns roles into colours, and the artist's hand turns regions into strokes.
"""

from collections.abc import Callable

import cv2
import numpy as np

# Roles, and the tone that each wants: 0 is the palette's darkest colour, 1 its lightest.
BACK, LIGHT, FAR, MIDDLE, NEAR, ACCENT, GLOW, SHADE = range(8)
TONES = np.array((0.75, 0.9, 0.6, 0.42, 0.22, 0.5, 1.0, 0.05), np.float32)

Canvas = np.ndarray
Scene = Callable[[Canvas, np.random.Generator], None]


def hills(canvas: Canvas, rng: np.random.Generator) -> None:
    """Ridge behind ridge below a sky, with a sun and trees at times."""
    high, wide = canvas.shape
    horizon = rng.uniform(0.25, 0.6)
    if rng.random() < 0.6:
        _disc(
            canvas, rng.uniform(0.1, 0.9), rng.uniform(0.1, horizon), rng.uniform(0.04, 0.1), GLOW
        )
    roles = (FAR, MIDDLE, ACCENT, NEAR)[rng.integers(2) :]
    for place, role in enumerate(roles):
        level = horizon + (1 - horizon) * place / len(roles)
        canvas[_below(_ridge(wide, level, 0.12 * (1 - level / 2), rng), high)] = role
    for _ in range(rng.integers(0, 5)):
        _tree(canvas, rng.uniform(0, 1), rng.uniform(horizon + 0.2, 1), rng.uniform(0.1, 0.3), rng)


def sea(canvas: Canvas, rng: np.random.Generator) -> None:
    """Water below a sky, the light's path on it, boats."""
    high, wide = canvas.shape
    horizon = rng.uniform(0.3, 0.6)
    canvas[int(high * horizon) :] = FAR
    canvas[_below(_ridge(wide, rng.uniform(0.8, 1.0), 0.05, rng), high)] = NEAR
    across = rng.uniform(0.15, 0.85)
    _disc(canvas, across, horizon - rng.uniform(-0.02, 0.2), rng.uniform(0.05, 0.1), GLOW)
    for level in np.arange(horizon + 0.04, 1, 0.07):
        half = rng.uniform(0.03, 0.05 + 0.2 * (level - horizon))
        _box(canvas, across - half, level, across + half, level + 0.025, GLOW)
    for _ in range(rng.integers(0, 4)):
        x, y, size = rng.uniform(0.1, 0.9), horizon + rng.uniform(0.02, 0.3), rng.uniform(0.06, 0.2)
        _polygon(canvas, ((x, y), (x, y - 1.6 * size), (x + size, y)), LIGHT)
        _polygon(canvas, ((x - size, y), (x + size, y), (x + 0.7 * size, y + size / 3)), SHADE)


def portrait(canvas: Canvas, rng: np.random.Generator) -> None:
    """A head and shoulders, with hair or a hat."""
    canvas[:] = rng.choice((BACK, MIDDLE, NEAR, SHADE))
    x, y, size = rng.uniform(0.38, 0.62), rng.uniform(0.33, 0.45), rng.uniform(0.15, 0.22)
    _ellipse(canvas, x + rng.normal(0, 0.03), 1.02, 2.4 * size, 2.4 * size, ACCENT)
    _ellipse(canvas, x, y - 0.25 * size, 1.05 * size, 1.3 * size, rng.choice((SHADE, NEAR, MIDDLE)))
    _box(canvas, x - 0.4 * size, y, x + 0.4 * size, y + 1.75 * size, FAR)
    _ellipse(canvas, x, y + 0.1 * size, 0.8 * size, 1.15 * size, LIGHT)
    turn = rng.uniform(-0.3, 0.3) * size
    for side in (-0.33, 0.33):
        _ellipse(canvas, x + side * size + turn, y - 0.05 * size, 0.13 * size, 0.08 * size, SHADE)
    _ellipse(canvas, x + turn, y + 0.65 * size, 0.22 * size, 0.07 * size, ACCENT)
    if rng.random() < 0.4:
        _ellipse(canvas, x, y - 0.85 * size, 1.5 * size, 0.3 * size, MIDDLE)
        _ellipse(canvas, x, y - 1.2 * size, 0.8 * size, 0.6 * size, MIDDLE)


def still_life(canvas: Canvas, rng: np.random.Generator) -> None:
    """A vessel and fruit on a table before a wall."""
    edge = rng.uniform(0.5, 0.7)
    canvas[:] = rng.choice((BACK, MIDDLE, NEAR))
    _box(canvas, 0, edge, 1, 1, rng.choice((LIGHT, FAR, ACCENT)))
    _polygon(canvas, ((0, 1), (rng.uniform(0, 0.4), edge), (rng.uniform(0.4, 0.8), 1)), GLOW)
    x, size = rng.uniform(0.25, 0.75), rng.uniform(0.12, 0.2)
    _ellipse(canvas, x, edge, size, 1.3 * size, MIDDLE if rng.random() < 0.5 else SHADE)
    _box(canvas, x - 0.4 * size, edge - 2.2 * size, x + 0.4 * size, edge - size, NEAR)
    for _ in range(rng.integers(3, 9)):
        across, radius = rng.uniform(0.1, 0.9), rng.uniform(0.05, 0.1)
        down = edge + rng.uniform(0.02, 0.3)
        _ellipse(
            canvas, across + 0.4 * radius, down + 0.7 * radius, 1.2 * radius, radius / 2, SHADE
        )
        _disc(canvas, across, down, radius, rng.choice((ACCENT, GLOW, MIDDLE, FAR)))


def town(canvas: Canvas, rng: np.random.Generator) -> None:
    """Houses, roofs and windows along a street."""
    left, ground = -0.05, rng.uniform(0.7, 0.85)
    while left < 1:
        wide, top = rng.uniform(0.14, 0.3), rng.uniform(0.25, 0.55)
        wall = rng.choice((LIGHT, FAR, ACCENT, MIDDLE))
        _box(canvas, left, top, left + wide, ground, wall)
        roof = ((left, top), (left + wide / 2, top - rng.uniform(0.05, 0.18)), (left + wide, top))
        _polygon(canvas, roof, rng.choice((NEAR, SHADE, ACCENT)))
        for x in np.arange(left + 0.04, left + wide - 0.05, 0.08):
            for y in np.arange(top + 0.06, ground - 0.1, 0.13):
                _box(canvas, x, y, x + 0.035, y + 0.06, rng.choice((SHADE, SHADE, GLOW)))
        left += wide
    _box(canvas, 0, ground, 1, 1, rng.choice((MIDDLE, NEAR, FAR)))
    middle = rng.uniform(0.2, 0.8)
    _polygon(canvas, ((middle - 0.05, ground), (middle + 0.05, ground), (0.9, 1), (0.1, 1)), LIGHT)


def wood(canvas: Canvas, rng: np.random.Generator) -> None:
    """Trunks from the ground to above the frame, leaves between them."""
    high, wide = canvas.shape
    canvas[_below(_ridge(wide, rng.uniform(0.6, 0.8), 0.05, rng), high)] = MIDDLE
    for _ in range(rng.integers(10, 30)):
        role = rng.choice((FAR, ACCENT, MIDDLE, GLOW))
        _disc(canvas, rng.uniform(0, 1), rng.uniform(0, 0.5), rng.uniform(0.04, 0.12), role)
    for _ in range(rng.integers(4, 11)):
        x, foot, half = rng.uniform(0, 1), rng.uniform(0.7, 1), rng.uniform(0.012, 0.04)
        top = x + rng.normal(0, 0.05)
        trunk = ((x - half, foot), (top - half / 2, -0.1), (top + half / 2, -0.1), (x + half, foot))
        _polygon(canvas, trunk, rng.choice((NEAR, SHADE)))


def flowers(canvas: Canvas, rng: np.random.Generator) -> None:
    """A bunch in a vase, or a bed of flowers."""
    canvas[:] = rng.choice((BACK, MIDDLE, NEAR, FAR))
    bunch = rng.random() < 0.6
    if bunch:
        _box(canvas, 0, 0.78, 1, 1, rng.choice((LIGHT, NEAR)))
        _polygon(canvas, ((0.36, 0.6), (0.64, 0.6), (0.58, 0.92), (0.42, 0.92)), SHADE)
        _ellipse(canvas, 0.5, 0.42, 0.36, 0.3, MIDDLE)
    for _ in range(rng.integers(9, 26)):
        spread = rng.normal(0, 0.15, 2) if bunch else rng.uniform(-0.5, 0.5, 2)
        x, y = 0.5 + spread[0], (0.4 if bunch else 0.5) + spread[1]
        radius = rng.uniform(0.04, 0.09)
        _disc(canvas, x, y, radius, rng.choice((ACCENT, ACCENT, GLOW, LIGHT)))
        _disc(canvas, x, y, 0.35 * radius, rng.choice((GLOW, SHADE)))


def shapes(canvas: Canvas, rng: np.random.Generator) -> None:
    """No thing at all: planes, discs and wedges."""
    canvas[:] = rng.choice((BACK, LIGHT, FAR))
    for _ in range(rng.integers(6, 16)):
        role, (x, y) = int(rng.integers(0, 8)), rng.uniform(0, 1, 2)
        kind = rng.integers(3)
        if kind == 0:
            _disc(canvas, x, y, rng.uniform(0.05, 0.22), role)
        elif kind == 1:
            _polygon(canvas, np.array((x, y)) + rng.normal(0, 0.2, (3, 2)), role)
        else:
            wide, high = rng.uniform(0.05, 0.45, 2)
            _box(canvas, x - wide / 2, y - high / 2, x + wide / 2, y + high / 2, role)


SCENES: tuple[Scene, ...] = (hills, sea, portrait, still_life, town, wood, flowers, shapes)
# What a catalogue calls them.
GENRES = (
    "landscape",
    "marina",
    "portrait",
    "still life",
    "cityscape",
    "landscape",
    "flower painting",
    "abstract",
)


def compose(scene: Scene, high: int, wide: int, rng: np.random.Generator) -> Canvas:
    """The roles of one scene, ``(high, wide)`` uint8, mirrored half of the time."""
    canvas = np.full((high, wide), BACK, np.uint8)
    scene(canvas, rng)
    return canvas[:, ::-1].copy() if rng.random() < 0.5 else canvas


def _ridge(wide: int, level: float, swing: float, rng: np.random.Generator) -> np.ndarray:
    """A wavy line across the canvas as shares of its height, ``(wide,)``."""
    x = np.linspace(0, 2 * np.pi, wide)
    waves = [rng.normal() / k * np.sin(k * x + rng.uniform(0, 6.3)) for k in (0.7, 1.6, 3.1, 6.2)]
    return level + swing * np.sum(waves, axis=0)


def _below(line: np.ndarray, high: int) -> np.ndarray:
    return np.arange(high)[:, None] > (line * high)[None, :]


def _tree(canvas: Canvas, x: float, foot: float, size: float, rng: np.random.Generator) -> None:
    _box(canvas, x - 0.01, foot - size, x + 0.01, foot, SHADE)
    slim = rng.uniform(0.2, 0.5)
    _ellipse(canvas, x, foot - size, slim * size, 0.7 * size, rng.choice((NEAR, SHADE, MIDDLE)))


def _disc(canvas: Canvas, x: float, y: float, radius: float, role: int) -> None:
    side = min(canvas.shape)
    at = (int(x * canvas.shape[1]), int(y * canvas.shape[0]))
    cv2.circle(canvas, at, max(1, int(radius * side)), int(role), -1)


def _ellipse(canvas: Canvas, x: float, y: float, wide: float, high: float, role: int) -> None:
    side = min(canvas.shape)
    at = (int(x * canvas.shape[1]), int(y * canvas.shape[0]))
    axes = (max(1, int(wide * side)), max(1, int(high * side)))
    cv2.ellipse(canvas, at, axes, 0, 0, 360, int(role), -1)


def _box(canvas: Canvas, left: float, top: float, right: float, low: float, role: int) -> None:
    _polygon(canvas, ((left, top), (right, top), (right, low), (left, low)), role)


def _polygon(canvas: Canvas, corners: object, role: int) -> None:
    points = np.asarray(corners, np.float32) * canvas.shape[::-1]
    cv2.fillPoly(canvas, [np.round(points).astype(np.int32)], int(role))
