"""Generated paintings in the competition's own layout, for dry runs and tests.

Painters who never lived (``painters``) paint a few kinds of subject (``scenes``). Test holds
paintings of artists that train has, and of artists that it has not. Some files are as odd as some
of the real ones: grey, CMYK, a PNG named .jpg, cut off in the middle, a few pixels in size.

    python -m competitions.painter_by_numbers.generated FOLDER SOLUTION [--seed N]
"""

import argparse
import csv
import io
import itertools
import zipfile
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from common.errors import UserError
from competitions.painter_by_numbers.painters import Painter, painters
from competitions.painter_by_numbers.painting import paint
from competitions.painter_by_numbers.scenes import GENRES

TRAIN_ARTISTS, ONLY_TEST_ARTISTS, SHARED_ARTISTS = 24, 8, 16
TRAIN_EACH = (15, 29)  # paintings of an artist: at least, and fewer than
TEST_EACH = (6, 8)  # so many of an artist, in turn
GROUPS = 3
PUBLIC = 1 / 3  # of the pairs
SIDES = (60, 260)  # pixels
# Odd files by part: how they are written, and on how many of the part's paintings.
ODD = {
    "train": {"grey": 9, "cmyk": 3, "rgba": 2, "cut": 1, "tiny": 1},
    "test": {"grey": 4, "cmyk": 1, "rgba": 1, "cut": 1},
}
WHEN = (1980, 1, 1, 0, 0, 0)  # in the archives, so that a seed repeats them
TRAIN_HEADER = ("filename", "artist", "title", "style", "genre", "date")
ALL_HEADER = (
    *("artist", "date", "genre", "pixelsx", "pixelsy", "size_bytes", "source", "style", "title"),
    *("artist_group", "in_train", "new_filename"),
)
STYLES = ("Romanticism", "Realism", "Impressionism", "Expressionism")  # by the time of birth
TITLES = (
    ("hills near {}", "the road to {}", "evening over {}"),
    ("boats off {}", "the bay of {}", "moonrise, {}"),
    ("portrait of a {} lady", "self-portrait at {}", "the {} postman"),
    ("fruit from {}", "table at {}", "jug and apples, {}"),
    ("street in {}", "houses at {}", "{} after rain"),
    ("in the woods of {}", "birches, {}", "autumn, {}"),
    ("flowers from {}", "the garden at {}", "bouquet, {}"),
    ("composition {}", "untitled ({})", "rhythm of {}"),
)
PLACES = ("arvel", "brennau", "cordia", "dunmoor", "estrel", "fahrholm", "ginster", "hollin")


@dataclass(frozen=True)
class Painting:
    """One painting: its artist's number, its part, its group if in test, and how it is stored."""

    artist: int
    part: str
    group: int
    odd: str = ""


@dataclass(frozen=True)
class File:
    """A painting as written: its name, its facts, and its bytes."""

    name: str
    painting: Painting
    title: str
    genre: str
    date: str
    size: tuple[int, int]
    content: bytes


def write(folder: Path, solution_csv: Path, seed: int = 0) -> None:
    """Write the data below ``folder`` and the hidden answers (``index,sameArtist,Usage``) to a CSV.

    As in the real data, ``all_data_info.csv`` names the artists of test too: no kernel may read it.
    Raises UserError when ``folder`` holds anything or the CSV would lie inside it.
    """
    if folder.exists() and any(folder.iterdir()):
        raise UserError(f"{folder} is not empty: generated data are written to a new folder only")
    if folder.resolve() in solution_csv.resolve().parents:
        raise UserError(f"{solution_csv} lies inside {folder}, where kernels could read it")
    rng = np.random.default_rng(seed)
    artists = painters(TRAIN_ARTISTS + ONLY_TEST_ARTISTS, rng)
    paintings = _plan(rng)
    numbers = (rng.permutation(len(paintings)) + 1).tolist()
    streams = rng.spawn(len(paintings))
    files = [
        _file(f"{number}.jpg", artists[painting.artist], painting, stream)
        for number, painting, stream in zip(numbers, paintings, streams, strict=True)
    ]
    files = [files[place] for place in rng.permutation(len(files)).tolist()]
    folder.mkdir(parents=True, exist_ok=True)
    for part in ODD:
        _write_zip(folder / f"{part}.zip", part, [f for f in files if f.painting.part == part])
    _write_csv(folder / "train_info.csv", TRAIN_HEADER, _train_rows(files, artists))
    _write_csv(folder / "all_data_info.csv", ALL_HEADER, _all_rows(files, artists))
    _write_pairs(folder / "submission_info.csv", solution_csv, files, rng)


def _plan(rng: np.random.Generator) -> list[Painting]:
    """Which artist's paintings there are, shuffled; the last of the train artists has but one."""
    counts = rng.integers(*TRAIN_EACH, TRAIN_ARTISTS)
    counts[-1] = 1
    train = [Painting(a, "train", -1) for a in range(TRAIN_ARTISTS) for _ in range(int(counts[a]))]
    in_test = [*range(SHARED_ARTISTS), *range(TRAIN_ARTISTS, TRAIN_ARTISTS + ONLY_TEST_ARTISTS)]
    # Two of the groups hold an artist's paintings, so that each group has pairs of one artist.
    test = [
        Painting(artist, "test", (place + turn % 2) % GROUPS)
        for place, artist in enumerate(in_test)
        for turn in range(TEST_EACH[place % 2])
    ]
    return [*_made_odd(train, rng), *_made_odd(test, rng)]


def _made_odd(paintings: list[Painting], rng: np.random.Generator) -> list[Painting]:
    """The paintings of one part in another order, the first of them odd files."""
    odd = ODD[paintings[0].part]
    kinds = [kind for kind, number in odd.items() for _ in range(number)]
    order = rng.permutation(len(paintings)).tolist()
    endless = itertools.chain(kinds, itertools.repeat(""))
    return [
        Painting(p.artist, p.part, p.group, kind)
        for p, kind in zip((paintings[place] for place in order), endless, strict=False)
    ]


def _file(name: str, artist: Painter, painting: Painting, rng: np.random.Generator) -> File:
    subject = int(rng.choice(len(GENRES), p=artist.subjects))
    high, wide = _size(rng)
    if painting.odd == "tiny":
        high, wide = 9, 7
    picture = paint(artist, subject, max(high, 16), max(wide, 16), rng)[:high, :wide]
    year = artist.born + int(rng.integers(22, 60))
    told = rng.choice((f"{year}", f"c.{year}", f"{year}.0", ""), p=(0.3, 0.2, 0.3, 0.2))
    title = str(rng.choice(TITLES[subject])).format(rng.choice(PLACES))
    content = encoded(picture, painting.odd, int(rng.integers(80, 96)))
    return File(name, painting, title, GENRES[subject], str(told), (wide, high), content)


def _size(rng: np.random.Generator) -> tuple[int, int]:
    """Height and width in pixels: small ones are more frequent, as are those near a square."""
    side = np.exp(rng.uniform(np.log(SIDES[0]), np.log(200)))
    aspect = np.exp(rng.normal(0, 0.25))
    high, wide = np.clip((side / aspect**0.5, side * aspect**0.5), *SIDES).round().astype(int)
    return int(high), int(wide)


def encoded(picture: np.ndarray, odd: str, quality: int) -> bytes:
    """The file of an RGB picture: a JPEG, or as ``odd`` says.

    ``grey`` and ``cmyk`` are JPEGs of these modes, ``rgba`` is a PNG, ``cut`` a JPEG without its
    second half.
    """
    from PIL import Image

    modes = {"grey": "L", "cmyk": "CMYK", "rgba": "RGBA"}
    image = Image.fromarray(picture).convert(modes.get(odd, "RGB"))
    written = io.BytesIO()
    image.save(written, "PNG" if odd == "rgba" else "JPEG", quality=quality)
    content = written.getvalue()
    return content[: len(content) // 2] if odd == "cut" else content


def _train_rows(files: list[File], artists: list[Painter]) -> Iterable[tuple[str, ...]]:
    for file in files:
        if file.painting.part == "train":
            artist = artists[file.painting.artist]
            yield file.name, artist.digest, file.title, _style(artist), file.genre, file.date


def _all_rows(files: list[File], artists: list[Painter]) -> Iterable[tuple[object, ...]]:
    parts: dict[int, set[str]] = {}
    for file in files:
        parts.setdefault(file.painting.artist, set()).add(file.painting.part)
    for file in files:
        artist, found = artists[file.painting.artist], parts[file.painting.artist]
        group = "train_and_test" if len(found) == 2 else f"{min(found)}_only"
        facts = (artist.name, file.date, file.genre, *file.size, len(file.content), "generated")
        in_train = file.painting.part == "train"
        yield *facts, _style(artist), file.title, group, in_train, file.name


def _style(artist: Painter) -> str:
    return STYLES[(artist.born - 1780) * len(STYLES) // 150]


def _write_pairs(path: Path, solution: Path, files: list[File], rng: np.random.Generator) -> None:
    """All pairs within each group, and whether one artist painted both."""
    pairs = [
        pair
        for group in range(GROUPS)
        for pair in itertools.combinations([f for f in files if f.painting.group == group], 2)
    ]
    asked = ((index, one.name, two.name) for index, (one, two) in enumerate(pairs))
    _write_csv(path, ("index", "image1", "image2"), asked)
    usage = np.where(rng.random(len(pairs)) < PUBLIC, "Public", "Private").tolist()
    answers = (
        (index, int(one.painting.artist == two.painting.artist), use)
        for index, ((one, two), use) in enumerate(zip(pairs, usage, strict=True))
    )
    _write_csv(solution, ("index", "sameArtist", "Usage"), answers)


def _write_zip(path: Path, part: str, files: list[File]) -> None:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_STORED) as archive:
        archive.writestr(zipfile.ZipInfo(f"{part}/", WHEN), b"")
        for file in files:
            archive.writestr(zipfile.ZipInfo(f"{part}/{file.name}", WHEN), file.content)


def _write_csv(path: Path, header: tuple[str, ...], rows: Iterable[Iterable[object]]) -> None:
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(header)
        writer.writerows(rows)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description="Write generated data and its hidden answers.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("solution", type=Path)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write(arguments.folder, arguments.solution, arguments.seed)


if __name__ == "__main__":
    main()
