"""The pictures that a report's pages on pairs show: who painted them, and their thumbnails."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from markupsafe import Markup

from kernels.report.markup import picture, tag


@dataclass(frozen=True)
class Gallery:
    """Pictures by row.

    Attributes:
        ids: ``(n,)`` text.
        artists: ``(n,)`` int, who made each, by number.
        names: ``(n,)`` text, who made each, for people.
        seen: ``(n,)`` bool, whether train has works of that artist.
        thumbnails: JPEG files by id; some may be missing.
    """

    ids: np.ndarray
    artists: np.ndarray
    names: np.ndarray
    seen: np.ndarray
    thumbnails: Mapping[str, bytes]

    def picture(self, row: int) -> Markup:
        """The thumbnail of a row, or an empty frame."""
        name = str(self.ids[row])
        return picture(self.thumbnails.get(name), f"{self.names[row]}, picture {name}")

    def caption(self, row: int) -> Markup:
        """Who made it, and its id."""
        unseen = "" if self.seen[row] else " (unseen)"
        told = tag("span", f"{self.ids[row]}{unseen}", class_="soft line-of")
        return tag("span", tag("strong", self.names[row]), told, class_="words")


def hue(artist: int) -> str:
    """The CSS that gives an artist's colour: neighbouring numbers lie far apart on the wheel."""
    return f"--hue:{artist * 137.508 % 360:.0f};--tone:{artist % 3 * 8 - 8}%"
