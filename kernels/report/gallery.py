"""The pictures that a report's pages on pairs show: who or what they are of, and thumbnails."""

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
        labels: ``(n,)`` int, the class of each by number.
        names: ``(n,)`` text, that class for people.
        seen: ``(n,)`` bool, whether train has pictures of that class.
        thumbnails: JPEG files by id; some may be missing.
        called: what one class is called, and several.
    """

    ids: np.ndarray
    labels: np.ndarray
    names: np.ndarray
    seen: np.ndarray
    thumbnails: Mapping[str, bytes]
    called: tuple[str, str] = ("class", "classes")

    def picture(self, row: int) -> Markup:
        """The thumbnail of a row, or an empty frame."""
        name = str(self.ids[row])
        return picture(self.thumbnails.get(name), f"{self.names[row]}, picture {name}")

    def caption(self, row: int) -> Markup:
        """Who or what it is of, and its id."""
        unseen = "" if self.seen[row] else " (unseen)"
        told = tag("span", f"{self.ids[row]}{unseen}", class_="soft line-of")
        return tag("span", tag("strong", self.names[row]), told, class_="words")


def hue(label: int) -> str:
    """The CSS that gives a class's colour, the same as ``colour`` of ``page.js``.

    Neighbouring numbers lie far apart on the wheel (the golden angle); those that come close on
    it, which differ by a Fibonacci number, differ in tone or in purity.
    """
    tone, pure = label * 3 % 4 * 8 - 13, (80, 58, 38)[label // 4 % 3]
    return f"--hue:{label * 137.508 % 360:.0f};--tone:{tone}%;--pure:{pure}%"
