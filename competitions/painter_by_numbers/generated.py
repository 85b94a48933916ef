"""Generated paintings in the competition's own layout, for dry runs and tests.

Test has paintings of artists that train has, and of artists that it has not. Some files are as odd
as some of the real ones: grey, CMYK, a PNG named .jpg, cut off in the middle, a few pixels in size.

    python -m competitions.painter_by_numbers.generated FOLDER SOLUTION [--seed N]
"""

import hashlib
import io
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd

from common.data.generated import check_new, command_line
from competitions.painter_by_numbers.painting import GENRES, paint, painters

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
TRAIN_HEADER = ["filename", "artist", "title", "style", "genre", "date"]
ALL_HEADER = [
    *("artist", "date", "genre", "pixelsx", "pixelsy", "size_bytes", "source", "style", "title"),
    *("artist_group", "in_train", "new_filename"),
]
STYLES = ("Romanticism", "Realism", "Impressionism", "Expressionism")


def write(folder: Path, solution_csv: Path, seed: int = 0) -> None:
    """Write the data below ``folder`` and the hidden answers (``index,sameArtist,Usage``) to a CSV.

    As in the real data, ``all_data_info.csv`` names the artists of test too: no kernel may read it.
    Raises UserError as ``check_new``.
    """
    check_new(folder, solution_csv)
    rng = np.random.default_rng(seed)
    table = _paint_all(_plan(rng), rng)
    folder.mkdir(parents=True, exist_ok=True)
    for part, rows in table.groupby("part"):
        with zipfile.ZipFile(folder / f"{part}.zip", "w", zipfile.ZIP_STORED) as archive:
            archive.writestr(zipfile.ZipInfo(f"{part}/", WHEN), b"")
            for name, content in zip(rows["new_filename"], rows["content"], strict=True):
                archive.writestr(zipfile.ZipInfo(f"{part}/{name}", WHEN), content)
    train = table[table["in_train"]]
    digests = [
        hashlib.sha1(name.encode(), usedforsecurity=False).hexdigest() for name in train["artist"]
    ]
    train = train.assign(filename=train["new_filename"], artist=digests)
    train.to_csv(folder / "train_info.csv", columns=TRAIN_HEADER, index=False)
    table.to_csv(folder / "all_data_info.csv", columns=ALL_HEADER, index=False)
    pairs = pd.concat(
        table[table["group"] == group].merge(table[table["group"] == group], how="cross")
        for group in range(GROUPS)
    )
    # Each pair once, and whether one artist painted both.
    pairs = pairs[pairs["number_x"] < pairs["number_y"]].reset_index(drop=True)
    pairs = pairs.rename(columns={"new_filename_x": "image1", "new_filename_y": "image2"})
    pairs["sameArtist"] = (pairs["artist_x"] == pairs["artist_y"]).astype(int)
    pairs["Usage"] = np.where(rng.random(len(pairs)) < PUBLIC, "Public", "Private")
    pairs.to_csv(folder / "submission_info.csv", columns=["image1", "image2"], index_label="index")
    pairs.to_csv(solution_csv, columns=["sameArtist", "Usage"], index_label="index")


def _plan(rng: np.random.Generator) -> pd.DataFrame:
    """Painter, part, group of test and oddity of each painting, shuffled.

    The last of the train artists has but one painting. Two of the groups have an artist's works.
    """
    counts = rng.integers(*TRAIN_EACH, TRAIN_ARTISTS)
    counts[-1] = 1
    rows = [(artist, "train", -1) for artist in np.arange(TRAIN_ARTISTS).repeat(counts).tolist()]
    in_test = [*range(SHARED_ARTISTS), *range(TRAIN_ARTISTS, TRAIN_ARTISTS + ONLY_TEST_ARTISTS)]
    for place, artist in enumerate(in_test):
        turns = range(TEST_EACH[place % 2])
        rows += [(artist, "test", (place + turn % 2) % GROUPS) for turn in turns]
    table = pd.DataFrame(rows, columns=["painter", "part", "group"])
    table = table.iloc[rng.permutation(len(table))].reset_index(drop=True)
    table["odd"] = ""
    for part, odd in ODD.items():
        kinds = [kind for kind, number in odd.items() for _ in range(number)]
        table.loc[table.index[table["part"] == part][: len(kinds)], "odd"] = kinds
    parts = table.groupby("painter")["part"].transform(
        lambda found: "_and_".join(sorted(set(found))[::-1])
    )
    table["artist_group"] = parts.where(parts.str.contains("_and_"), parts + "_only")
    table["in_train"] = table["part"] == "train"
    table["number"] = rng.permutation(len(table)) + 1
    table["new_filename"] = table["number"].astype(str) + ".jpg"
    return table


def _paint_all(table: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """The table with each painting's file and what a catalogue says of it."""
    artists = painters(TRAIN_ARTISTS + ONLY_TEST_ARTISTS, rng)
    rows = []
    for number, odd in zip(table["painter"], table["odd"], strict=True):
        painter = artists[number]
        subject = int(rng.choice(len(GENRES), p=painter.subjects))
        side, aspect = np.exp(rng.uniform(np.log(60), np.log(200))), np.exp(rng.normal(0, 0.25))
        sides = np.clip((side / aspect**0.5, side * aspect**0.5), *SIDES).round().astype(int)
        high, wide = (9, 7) if odd == "tiny" else sides.tolist()
        picture = paint(painter, subject, max(high, 16), max(wide, 16), rng)[:high, :wide]
        year = int(rng.integers(1800, 1980))
        date = str(rng.choice((f"{year}", f"c.{year}", f"{year}.0", "")))
        content = encoded(picture, odd, int(rng.integers(80, 96)))
        title, style = f"{GENRES[subject]}, {year}", STYLES[number % len(STYLES)]
        facts = (painter.name, date, GENRES[subject], wide, high, len(content), "generated")
        rows.append((*facts, style, title, content))
    facts = pd.DataFrame(rows, columns=[*ALL_HEADER[:9], "content"])
    return pd.concat([table, facts], axis=1)


def encoded(picture: np.ndarray, odd: str, quality: int) -> bytes:
    """Return the file of an RGB picture: a JPEG, or as ``odd`` says.

    ``grey`` and ``cmyk`` are JPEGs of these modes, ``rgba`` is a PNG, ``cut`` a JPEG without its
    second half.
    """
    from PIL import Image

    modes = {"grey": "L", "cmyk": "CMYK", "rgba": "RGBA"}
    image = Image.fromarray(picture).convert(modes.get(odd, "RGB"))
    file = io.BytesIO()
    image.save(file, "PNG" if odd == "rgba" else "JPEG", quality=quality)
    content = file.getvalue()
    return content[: len(content) // 2] if odd == "cut" else content


if __name__ == "__main__":
    command_line(write)
