"""The one number in which the cells of a sweep differ, if they do: the x axis of its figure."""

import math
import re
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from common.recipes.words import STATED

_NUMBER = re.compile(r"\d+(?:\.\d+)?(?:e-?\d+)?")
_WIDE = 8.0  # a range of so many times its lowest value is shown by its logarithm


def find_axis(recipes: Sequence[tuple[str, Any]]) -> tuple[str, list[float]] | None:
    """Return what the number is, and each cell's; None where cells differ in anything else.

    ``recipes`` are a cell's script and recipe. The number may be a field, or stand in a text: of
    ``dense 512`` and ``dense 1024`` it is 512 and 1024.
    """
    scripts, values = {script for script, _ in recipes}, [asdict(recipe) for _, recipe in recipes]
    first = values[0]
    if len(scripts) > 1 or any(one.keys() != first.keys() for one in values):
        return None
    fields = [
        name
        for name in first
        if name not in STATED and any(one[name] != first[name] for one in values)
    ]
    if len(fields) != 1:
        return None
    found = [one[fields[0]] for one in values]
    if all(type(value) in (int, float) for value in found):
        return fields[0], [float(value) for value in found]
    if all(isinstance(value, str) for value in found):
        return _in_text(fields[0], found)
    return None


def _in_text(field: str, texts: Sequence[str]) -> tuple[str, list[float]] | None:
    """The one number in which texts differ, named by the text with a gap in its place."""
    around = {tuple(_NUMBER.split(text)) for text in texts}
    numbers = [_NUMBER.findall(text) for text in texts]
    places = [n for n, column in enumerate(zip(*numbers, strict=False)) if len({*column}) > 1]
    if len(around) != 1 or len(places) != 1:
        return None
    place, words = places[0], [*around.pop()]
    kept = [*numbers[0][:place], "…", *numbers[0][place + 1 :], ""]
    shown = "".join(word + number for word, number in zip(words, kept, strict=True))
    return f"{field}: {shown}", [float(one[place]) for one in numbers]


def as_shown(values: Sequence[float]) -> list[float]:
    """Return where the values lie on the axis."""
    return [math.log10(value) for value in values] if is_wide(values) else list(values)


def is_wide(values: Sequence[float]) -> bool:
    """Whether the values are shown by their logarithms."""
    return min(values) > 0 and max(values) >= _WIDE * min(values)
