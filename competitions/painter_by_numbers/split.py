"""Who is in train and who in validation: some artists whole, and a share of the others' paintings.

Test has artists that train has not, so validation has such artists too, unless their share is 0.
"""

from collections import Counter
from collections.abc import Mapping

import numpy as np

from common.data.names import natural
from common.errors import UserError
from common.files.classes import PictureClass


def split_by_artist(
    artist_of: Mapping[str, str], artists_held_out: float, paintings_held_out: float, seed: int
) -> tuple[tuple[PictureClass, ...], dict[str, int], set[str]]:
    """Split at random, the same for the same paintings and seed, whatever their order.

    Returns the artists by number (those that train has, most paintings first, then the unseen
    ones), each picture's number, ``2.jpg`` before ``10.jpg``, and the pictures of validation.

    Artists with one painting go to train: in validation they could make no same-artist pair. Of
    another artist validation has all paintings, none, or at least two. A share of 0 of the artists
    means that none is unseen, any other at least two. Raises UserError when there are too few
    artists for two unseen and two seen ones, and when validation has fewer than two artists.
    """
    works: dict[str, list[str]] = {}
    for name in sorted(artist_of, key=natural):
        works.setdefault(artist_of[name], []).append(name)
    generator = np.random.default_rng(seed)
    unseen = _unseen(works, artists_held_out, generator)
    validation: set[str] = set()
    for artist, names in sorted(works.items()):
        taken = max(2, round(paintings_held_out * len(names)))
        if artist in unseen:
            taken = len(names)
        elif not paintings_held_out or len(names) - taken < 4:  # what train keeps
            taken = 0
        order = generator.permutation(len(names)).tolist()
        validation.update(names[row] for row in order[:taken])
    found = len({artist_of[name] for name in validation})
    if found < 2:  # of one artist alone there is no pair of two
        raise UserError(
            f"validation has paintings of {found} artists and needs 2: hold artists out with "
            f"--set artists_held_out=0.1, or more paintings with --set paintings_held_out=0.2"
        )
    ordered = sorted(works, key=lambda artist: (artist in unseen, -len(works[artist]), artist))
    numbers = {artist: number for number, artist in enumerate(ordered)}
    labels = {name: numbers[artist_of[name]] for name in sorted(artist_of, key=natural)}
    artists = [PictureClass(numbers[a], a, len(works[a]), a not in unseen) for a in ordered]
    return tuple(artists), labels, validation


def _unseen(
    works: Mapping[str, list[str]], share: float, generator: np.random.Generator
) -> set[str]:
    """A share of the artists with two paintings or more. Raises UserError for too few artists."""
    able = sorted(artist for artist, names in works.items() if len(names) > 1)
    count = max(2, round(share * len(able))) if share else 0
    if len(able) < count or len(works) < count + 2:
        raise UserError(
            f"{len(works)} artists, {len(able)} of them with two paintings or more, are too few to "
            f"hold {count} of them out and keep two: look at train_info.csv"
        )
    return {able[row] for row in generator.permutation(len(able))[:count].tolist()}


def of_large_artists(artist_of: Mapping[str, str], most: int) -> dict[str, str]:
    """Return all paintings of the artists with most of them, about ``most``, of three at least."""
    counts = Counter(artist_of.values())
    order = sorted(counts, key=lambda artist: (-counts[artist], artist))
    totals = np.cumsum([counts[artist] for artist in order])
    kept = set(order[: max(3, int(np.searchsorted(totals, most, side="right")))])
    return {name: artist for name, artist in artist_of.items() if artist in kept}
