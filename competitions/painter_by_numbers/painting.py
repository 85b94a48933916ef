"""How a painter paints: a scene composed, stroke by stroke in their hand and colours."""

from dataclasses import replace

import cv2
import numpy as np

from competitions.painter_by_numbers.painters import Hand, Painter
from competitions.painter_by_numbers.scenes import SCENES, TONES, compose

# Shares of the strokes and their size, broad ones first; the last are for detail.
LAYERS = ((0.4, 1.5), (0.4, 0.9), (0.16, 0.5))
FINER = 1.5  # strokes are drawn so much larger and then reduced, which smooths their edges
EARLY = 0.2  # of a painter's works are in another hand


def paint(
    painter: Painter, subject: int, high: int, wide: int, rng: np.random.Generator
) -> np.ndarray:
    """One painting of ``SCENES[subject]``, ``(high, wide, 3)`` uint8 RGB."""
    hand = _todays_hand(painter.early if rng.random() < EARLY else painter.hand, rng)
    roles = compose(SCENES[subject], high, wide, rng)
    palette = _todays_palette(painter.palette, rng)
    plan = _coloured(roles, palette, rng)
    field = _field(hand, roles, rng)
    picture = _strokes(hand, roles, plan, palette, field, rng)
    if hand.outline:
        _outlines(picture, roles, hand.outline, palette)
    return _finish(hand, picture, field, rng)


def _todays_hand(hand: Hand, rng: np.random.Generator) -> Hand:
    """The hand as it was for one painting: no two are done alike."""
    varied = {
        name: getattr(hand, name) * np.exp(rng.normal(0, 0.25))
        for name in ("length", "width", "cover", "broken", "jitter", "soft")
    }
    lit = {name: getattr(hand, name) * rng.uniform(0.3, 1.4) for name in ("relief", "bristle")}
    outline = hand.outline * (rng.random() < 0.7)
    return replace(hand, **varied, **lit, outline=outline, angle=hand.angle + rng.normal(0, 0.35))


def _todays_palette(palette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The colours used this time, dark to light: one left out, all shifted with the day's light."""
    kept = np.delete(palette, rng.integers(len(palette)), axis=0)
    kept = (kept - 128) * rng.uniform(0.8, 1.1) + 128 + rng.normal(0, 10, 3)
    kept = kept + rng.normal(0, 9, kept.shape)
    return kept[np.argsort(kept @ (0.3, 0.59, 0.11))].astype(np.float32)


def _coloured(roles: np.ndarray, palette: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Flat colours with a slow change of light over them, ``(high, wide, 3)`` float32."""
    tones = TONES + rng.normal(0, 0.12, len(TONES))
    chosen = palette[np.clip(np.round(tones * (len(palette) - 1)), 0, len(palette) - 1).astype(int)]
    high, wide = roles.shape
    light = cv2.resize(rng.normal(0, 14, (3, 3)).astype(np.float32), (wide, high))
    return np.asarray(chosen[roles] + light[..., None], np.float32)


def _field(hand: Hand, roles: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """The direction of strokes in each place, ``(high, wide)`` float32 radians."""
    high, wide = roles.shape
    coarse = rng.normal(0, hand.wobble, (5, 5)).astype(np.float32)
    stray = cv2.resize(coarse, (wide, high), interpolation=cv2.INTER_CUBIC)
    if hand.field == "contour":
        blurred = cv2.GaussianBlur(TONES[roles], (0, 0), max(1.0, min(high, wide) / 25))
        down, across = cv2.Sobel(blurred, cv2.CV_32F, 0, 1), cv2.Sobel(blurred, cv2.CV_32F, 1, 0)
        return np.asarray(np.arctan2(down, across + 1e-4) + np.pi / 2 + stray, np.float32)
    if hand.field == "rays":
        y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
        middle = rng.uniform(0.2, 0.8, 2) * (high, wide)
        return np.asarray(np.arctan2(y - middle[0], x - middle[1]) + stray, np.float32)
    return np.asarray(hand.angle + stray, np.float32)


def _strokes(
    hand: Hand,
    roles: np.ndarray,
    plan: np.ndarray,
    palette: np.ndarray,
    field: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """The plan painted stroke by stroke, the broad ones first, ``(high, wide, 3)`` uint8."""
    high, wide = plan.shape[:2]
    side, scale = min(high, wide), rng.uniform(0.85, 1.2)
    fine = (round(wide * FINER), round(high * FINER))
    picture = cv2.resize(np.clip(plan + rng.normal(0, 6, 3), 0, 255).astype(np.uint8), fine)
    for share, size in LAYERS:
        width, length = (max(1.0, v * side * scale * size) for v in (hand.width, hand.length))
        area = width * max(length, width) * 0.8
        number = int(np.clip(share * hand.cover * high * wide / area, 20, 700))
        starts = _starts(roles, number, size < 0.6, rng)
        colours = _loaded(hand, plan, palette, starts, rng)
        paths = _paths(hand, field, starts, length, rng)
        widths = np.maximum(1, np.round(FINER * width * rng.uniform(0.7, 1.3, number))).astype(int)
        for path, colour, thick in zip(paths, colours.tolist(), widths.tolist(), strict=True):
            cv2.polylines(picture, [path], False, colour, thick, cv2.LINE_8, 3)
    return cv2.resize(picture, (wide, high), interpolation=cv2.INTER_AREA)


def _starts(roles: np.ndarray, number: int, detail: bool, rng: np.random.Generator) -> np.ndarray:
    """Where strokes are laid, ``(number, 2)`` x and y: anywhere, or for detail where forms meet."""
    high, wide = roles.shape
    if detail:
        meet = cv2.morphologyEx(roles, cv2.MORPH_GRADIENT, np.ones((5, 5), np.uint8))
        places = np.flatnonzero(meet)
        if len(places):
            y, x = np.divmod(rng.choice(places, number), wide)
            return np.stack((x, y), axis=1).astype(np.float64)
    return np.asarray(rng.uniform(0, 1, (number, 2)) * (wide - 1, high - 1))


def _loaded(
    hand: Hand,
    plan: np.ndarray,
    palette: np.ndarray,
    starts: np.ndarray,
    rng: np.random.Generator,
) -> np.ndarray:
    """The colour on the brush for each stroke, ``(strokes, 3)``."""
    x, y = starts.astype(int).T
    colours = plan[y, x]
    other = palette[rng.integers(0, len(palette), len(starts))]
    broken = (rng.random(len(starts)) < hand.broken)[:, None]
    mixed = np.where(broken, 0.45 * colours + 0.55 * other, colours)
    mixed = mixed + rng.normal(0, hand.jitter, (len(starts), 1)) + rng.normal(0, 5, mixed.shape)
    return np.asarray(np.clip(mixed, 0, 255))


def _paths(
    hand: Hand, field: np.ndarray, starts: np.ndarray, length: float, rng: np.random.Generator
) -> np.ndarray:
    """Each stroke's course along the field, ``(strokes, 4, 2)`` in eighths of a finer pixel."""
    high, wide = field.shape
    turn = np.zeros(len(starts))
    if hand.field == "hatch":
        turn = rng.choice((0.0, np.pi / 2), len(starts), p=(0.7, 0.3))
    step = length * rng.uniform(0.6, 1.3, (len(starts), 1)) / 3
    points = [starts]
    for _ in range(3):
        x, y = np.clip(points[-1], 0, (wide - 1, high - 1)).astype(int).T
        angle = field[y, x] + turn
        points.append(points[-1] + step * np.stack((np.cos(angle), np.sin(angle)), axis=1))
    course = np.stack(points, axis=1) - (points[-1] - starts)[:, None] / 2
    return np.round(course * (8 * FINER)).astype(np.int32)


def _outlines(picture: np.ndarray, roles: np.ndarray, width: float, palette: np.ndarray) -> None:
    """Dark contours around what is shown."""
    thick = max(1, round(width * min(roles.shape)))
    dark = (palette[0] * 0.6).clip(0, 255).tolist()
    for role in np.unique(roles):
        mask = (roles == role).astype(np.uint8)
        edges, _ = cv2.findContours(mask, cv2.RETR_LIST, cv2.CHAIN_APPROX_SIMPLE)
        cv2.polylines(picture, edges, True, dark, thick, cv2.LINE_AA)


def _finish(
    hand: Hand, picture: np.ndarray, field: np.ndarray, rng: np.random.Generator
) -> np.ndarray:
    """Bristles, the paint's relief, softness, and the photograph's own light and noise."""
    high, wide = field.shape
    done: np.ndarray = picture.astype(np.float32)
    if hand.soft:
        done = cv2.GaussianBlur(done, (0, 0), hand.soft * min(high, wide) + 0.1)
    if hand.bristle:
        done += 26 * hand.bristle * _streaks(field, rng)[..., None]
    if hand.relief:
        thick = cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY).astype(np.float32)
        lit = cv2.filter2D(thick, -1, np.array(((-1, -1, 0), (-1, 0, 1), (0, 1, 1)), np.float32))
        done += 0.16 * hand.relief * np.clip(lit, -120, 120)[..., None]
    done = done * rng.uniform(0.88, 1.08) + rng.normal(0, 3, 3)
    noise = rng.normal(0, 1, (high, wide, 1)).astype(np.float32)
    done = cv2.GaussianBlur(done, (0, 0), rng.uniform(0.2, 1.0))
    return np.clip(done + rng.uniform(1, 5) * noise, 0, 255).astype(np.uint8)


def _streaks(field: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Noise smeared along the field, ``(high, wide)`` float32 of about unit spread.

    Line integral convolution: B. Cabral and L. Leedom, "Imaging Vector Fields Using Line Integral
    Convolution", SIGGRAPH 1993, with straight lines.
    """
    high, wide = field.shape
    noise = rng.normal(0, 1, (high, wide)).astype(np.float32)
    y, x = np.mgrid[0:high, 0:wide].astype(np.float32)
    across, down = np.cos(field), np.sin(field)
    reach = (-4, -2, 2, 4)
    smeared = [
        cv2.remap(noise, x + s * across, y + s * down, cv2.INTER_LINEAR, None, cv2.BORDER_REFLECT)
        for s in reach
    ]
    return np.asarray((noise + np.sum(smeared, axis=0)) / 1.9, np.float32)
