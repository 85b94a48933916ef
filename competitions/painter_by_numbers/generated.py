"""Generated paintings in the competition's own layout, for dry runs and tests.

An artist has a palette and a hand, which others have too, but no two have both in common: neither
colours nor strokes alone tell who painted. Test has artists that train has, and others. Some files
are as odd as real ones: grey, CMYK, a PNG named .jpg, cut off in the middle, a few pixels in size.

    python -m competitions.painter_by_numbers.generated FOLDER SOLUTION [--seed N]
"""

import hashlib
import io
import zipfile
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np

from common.data.generated import check_new, command_line
from common.data.tables import write_table

TRAIN, TEST = range(24), (*range(16), *range(24, 32))  # artists, of 64 at most
TRAIN_EACH, TEST_EACH = (15, 29), 7  # paintings of an artist
GROUPS = 3  # of test's paintings; pairs are within one
ODD = {
    "train": (*("grey",) * 9, *("cmyk",) * 3, "png", "png", "cut", "tiny"),
    "test": (*("grey",) * 4, "cmyk", "png", "cut"),
}
MODES = {"grey": "L", "cmyk": "CMYK", "png": "RGBA"}
HUES = (8, 24, 42, 58, 86, 104, 122, 150)  # of OpenCV's 180
# Length and width of a stroke as shares of a picture's shorter side, and its angle and how far
# that strays, in radians.
HANDS = (
    *((0.04, 0.04, 0.1, 0.3), (0.30, 0.04, 0.3, 1.4), (0.16, 0.03, 0.8, 0.1)),
    *((0.15, 0.10, 0.5, 0.7), (0.40, 0.08, 0.1, 0.4), (0.22, 0.06, 2.4, 0.2)),
    *((0.12, 0.05, 1.4, 0.4), (0.06, 0.08, 1.9, 1.0)),
)


def write(folder: Path, solution_csv: Path, seed: int = 0) -> None:
    """Write the data below ``folder`` and the hidden answers (``index,sameArtist,Usage``) to a CSV.

    Raises UserError as ``check_new``.
    """
    check_new(folder, solution_csv)
    rng = np.random.default_rng(seed)
    counts = [*rng.integers(*TRAIN_EACH, len(TRAIN) - 1).tolist(), 1]
    artists = {"train": np.repeat(TRAIN, counts), "test": np.repeat(TEST, TEST_EACH)}
    numbers = iter(rng.permutation(sum(map(len, artists.values()))) + 1)
    by_name = {
        part: {f"{next(numbers)}.jpg": artist for artist in rng.permutation(painted).tolist()}
        for part, painted in artists.items()
    }
    folder.mkdir(parents=True, exist_ok=True)
    for part, artist_of in by_name.items():
        odd = iter(ODD[part])
        with zipfile.ZipFile(folder / f"{part}.zip", "w") as archive:
            archive.writestr(zipfile.ZipInfo(f"{part}/"), b"")
            for name, artist in artist_of.items():
                content = encoded(paint(artist, rng), next(odd, ""))
                archive.writestr(zipfile.ZipInfo(f"{part}/{name}"), content)
    digests = [hashlib.sha1(bytes([n]), usedforsecurity=False).hexdigest() for n in range(64)]
    known = [(name, digests[n], f"Work {name}", "", "", "") for name, n in by_name["train"].items()]
    header = ("filename", "artist", "title", "style", "genre", "date")
    write_table(folder / "train_info.csv", header, known)
    tested = by_name["test"]
    groups = [list(tested)[group::GROUPS] for group in range(GROUPS)]
    pairs = [pair for group in groups for pair in combinations(group, 2)]
    asked = [(index, *pair) for index, pair in enumerate(pairs)]
    write_table(folder / "submission_info.csv", ("index", "image1", "image2"), asked)
    usage = np.where(rng.random(len(pairs)) < 1 / 3, "Public", "Private")
    answers = [(n, int(tested[a] == tested[b]), usage[n]) for n, a, b in asked]
    write_table(solution_csv, ("index", "sameArtist", "Usage"), answers)


def paint(artist: int, rng: np.random.Generator) -> np.ndarray:
    """Paint one picture of 60 to 220 pixels a side, ``(height, width, 3)`` uint8 RGB."""
    high, wide = rng.integers(60, 221, 2).tolist()
    hue, (long, broad, angle, wobble) = HUES[(artist + artist // 8) % 8], HANDS[artist % 8]
    # Eight tones of the artist's own: four of one hue, four of any; no work shows all of them.
    own = np.random.default_rng(artist)
    hues = np.append(own.normal(hue, 9, 4), own.uniform(0, 180, 4)) % 180
    tones = np.stack((hues, own.uniform(60, 200, 8), np.linspace(50, 245, 8)), axis=1)
    palette = cv2.cvtColor(tones[None].astype(np.uint8), cv2.COLOR_HSV2RGB)[0]
    palette = rng.permutation(palette)[:6] * rng.uniform(0.8, 1.1) + rng.normal(0, 14, 3)
    picture = np.full((high, wide, 3), palette[0].clip(0, 255), np.uint8)
    for size in (1.6, 1.0, 0.6):  # the broad strokes first
        length, width = (share * min(high, wide) * size for share in (long, broad))
        number = int(np.clip(high * wide / (width * max(length, width)), 20, 250))
        middles, turns = (
            rng.integers((wide, high), size=(number, 2)),
            rng.normal(angle, wobble, number),
        )
        halves = np.stack((np.cos(turns), np.sin(turns)), 1) * length / 2
        ends = np.round((middles - halves, middles + halves)).astype(int)
        colours = palette[rng.integers(6, size=number)] + rng.normal(0, 12, (number, 1))
        for start, end, colour in zip(*ends, colours.tolist(), strict=True):
            cv2.line(picture, start, end, colour, max(1, round(width)), cv2.LINE_AA)
    light = rng.uniform(0.85, 1.1) * picture + rng.normal(0, 4, (high, wide, 1))
    return np.clip(light, 0, 255).astype(np.uint8)


def encoded(picture: np.ndarray, odd: str) -> bytes:
    """Return the file of an RGB picture: a JPEG, or as ``odd`` says."""
    from PIL import Image

    image = Image.fromarray(picture[:9, :7] if odd == "tiny" else picture)
    file = io.BytesIO()
    image.convert(MODES.get(odd, "RGB")).save(file, "PNG" if odd == "png" else "JPEG", quality=88)
    content = file.getvalue()
    return content[: len(content) // 2] if odd == "cut" else content


if __name__ == "__main__":
    command_line(write)
