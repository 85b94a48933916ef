"""Pairs, a gallery and vectors for the report, and what its canvas shows."""

from typing import Any

import cv2
import numpy as np

from competitions.painter_by_numbers.painters import painters
from competitions.painter_by_numbers.painting import paint
from kernels.report.gallery import Gallery

ARTISTS, EACH, EPOCHS = 12, 10, (1, 4, 9, 20)


def made_gallery() -> Gallery:
    """Paintings of twelve artists, the last three unseen; the first has no thumbnail."""
    rng = np.random.default_rng(0)
    found = painters(ARTISTS, rng)
    artists = np.arange(ARTISTS).repeat(EACH)
    ids = np.array([f"{number + 1}.jpg" for number in range(len(artists))])
    jpegs = {}
    for name, artist in zip(ids[1:].tolist(), artists[1:].tolist(), strict=True):
        picture = paint(found[artist], int(rng.integers(8)), 64, 64, rng)
        jpegs[name] = cv2.imencode(".jpg", picture[..., ::-1])[1].tobytes()
    names = np.array([found[artist].name for artist in artists])
    return Gallery(ids, artists, names, artists < ARTISTS - 3, jpegs, ("artist", "artists"))


def made_vectors(gallery: Gallery, sure: float) -> np.ndarray:
    """Unit rows, those of one artist the nearer to each other the larger ``sure`` is."""
    rng = np.random.default_rng(1)
    middles = rng.normal(0, 1, (ARTISTS, 16))[gallery.labels]
    strength = np.where(gallery.seen, sure, 0.6 * sure)[:, None]
    rows = rng.normal(0, 1, (len(gallery.ids), 16)) + strength * middles
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)


def drawn(driver: Any) -> str:
    """What the canvas shows, once it has been drawn after the last event."""
    script = """const done = arguments[0];
    requestAnimationFrame(() => requestAnimationFrame(() =>
      done(document.querySelector(".stage canvas").toDataURL())));"""
    return str(driver.execute_async_script(script))


def coloured(driver: Any) -> int:
    """How many of the canvas's pixels have a colour, not a grey."""
    drawn(driver)
    script = """const c = document.querySelector(".stage canvas");
    const { data } = c.getContext("2d").getImageData(0, 0, c.width, c.height);
    let n = 0;
    for (let i = 0; i < data.length; i += 4) {
      const [r, g, b] = data.subarray(i, i + 3);
      n += data[i + 3] > 100 && Math.max(r, g, b) - Math.min(r, g, b) > 40;
    }
    return n;"""
    return int(driver.execute_script(script))


def surest(
    first: np.ndarray, second: np.ndarray, scores: np.ndarray, kind: np.ndarray, sign: int = 1
) -> list[float]:
    """The eight lowest scores of a kind that show no picture a third time, times ``sign``."""
    chosen: list[int] = []
    for row in [row for row in np.argsort(scores, kind="stable").tolist() if kind[row]]:
        shown = [picture for pair in chosen for picture in (first[pair], second[pair])]
        if shown.count(first[row]) < 2 and shown.count(second[row]) < 2:
            chosen.append(row)
    return [sign * float(scores[row]) for row in chosen[:8]]
