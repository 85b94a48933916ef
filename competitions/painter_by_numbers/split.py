"""Who is in train and who in validation: some artists whole, and a share of the others' paintings.

Test has artists that train has not, so validation has such artists too, unless none is held out.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from common.data.archives import natural
from common.errors import UserError
from common.files.classes import PictureClass
from competitions.painter_by_numbers.data import Painting

_LEAST_IN_TRAIN = 4  # paintings that an artist keeps there when validation takes two


@dataclass(frozen=True)
class Split:
    """Train and validation.

    Attributes:
        artists: by number: those that train has, most paintings first, then those held out.
        train, validation: names of pictures, ``2.jpg`` before ``10.jpg``.
        labels: each picture's artist's number.
    """

    artists: tuple[PictureClass, ...]
    train: tuple[str, ...]
    validation: tuple[str, ...]
    labels: dict[str, int]


def split_by_artist(
    paintings: Sequence[Painting], artists_held_out: float, paintings_held_out: float, seed: int
) -> Split:
    """Split at random, the same for the same paintings and seed, whatever their order.

    Artists with one painting go to train: in validation they could make no same-artist pair. Of
    another artist either all paintings are held out, or none, or at least two. A share of 0 of the
    artists holds none out, any other two at least. Raises UserError when there are too few artists
    to hold two out and to keep two, and when validation has fewer than two artists.
    """
    works: dict[str, list[str]] = {}
    for painting in sorted(paintings, key=lambda p: natural(p.name)):
        works.setdefault(painting.artist, []).append(painting.name)
    able = sorted(artist for artist, names in works.items() if len(names) > 1)
    count = max(2, round(artists_held_out * len(able))) if artists_held_out else 0
    if len(able) < count or len(works) < count + 2:
        raise UserError(
            f"{len(works)} artists, {len(able)} of them with two paintings or more, are too few to "
            f"hold {count} of them out and keep two: look at train_info.csv"
        )
    generator = np.random.default_rng(seed)
    held = {able[row] for row in generator.permutation(len(able))[:count].tolist()}
    train, validation = [], []
    for artist in sorted(works):
        names = works[artist]
        taken = len(names) if artist in held else _taken(len(names), paintings_held_out)
        order = [names[row] for row in generator.permutation(len(names)).tolist()]
        validation += order[:taken]
        train += order[taken:]
    _hold_two_artists(works, validation)
    artists = _numbered(works, held)
    numbers = {artist.name: artist.number for artist in artists}
    labels = {painting.name: numbers[painting.artist] for painting in paintings}
    return Split(
        artists, tuple(sorted(train, key=natural)), tuple(sorted(validation, key=natural)), labels
    )


def _hold_two_artists(works: dict[str, list[str]], validation: list[str]) -> None:
    """Of one artist alone there is no pair of two. Raises UserError."""
    there = set(validation)
    found = sum(not there.isdisjoint(names) for names in works.values())
    if found < 2:
        raise UserError(
            f"validation has paintings of {found} artists and needs 2: hold artists out with "
            f"--set artists_held_out=0.1, or more paintings with --set paintings_held_out=0.2"
        )


def of_large_artists(paintings: Sequence[Painting], most: int) -> list[Painting]:
    """All paintings of the artists with most of them, about ``most``, and of three at least."""
    counts = Counter(painting.artist for painting in paintings)
    order = sorted(counts, key=lambda artist: (-counts[artist], artist))
    totals = np.cumsum([counts[artist] for artist in order])
    kept = set(order[: max(3, int(np.searchsorted(totals, most, side="right")))])
    return [painting for painting in paintings if painting.artist in kept]


def _taken(paintings: int, share: float) -> int:
    """How many of a seen artist's paintings validation takes: two at least, or none."""
    taken = max(2, round(share * paintings))
    return taken if share and paintings - taken >= _LEAST_IN_TRAIN else 0


def _numbered(works: dict[str, list[str]], held: set[str]) -> tuple[PictureClass, ...]:
    order = sorted(works, key=lambda artist: (artist in held, -len(works[artist]), artist))
    return tuple(
        PictureClass(number, artist, len(works[artist]), artist not in held)
        for number, artist in enumerate(order)
    )
