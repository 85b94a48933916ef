"""Scores with their intervals on one axis, as the macro ``ranges`` draws them."""

from collections.abc import Mapping, Sequence
from typing import Any

from kernels.report.charts import bounds, short, ticks
from kernels.results.scores import Validated


def ranges(
    scores: Sequence[tuple[str, Validated]], caption: str, looks: Mapping[str, str]
) -> dict[str, Any]:
    """Return what the macro takes of known scores; ``share`` is where a value lies, 0 to 1.

    ``looks`` are the classes of colours by name, ``one`` without.
    """
    known = [(name, score) for name, score in scores if score.value is not None]
    ends = [end for _, score in known for end in (score.value or 0.0, *(score.interval or ()))]
    low, high = bounds(ends or [0.0, 1.0])
    decimals = min((score.digits for _, score in known if score.interval), default=4)
    return {
        "rows": known,
        "looks": looks,
        "words": lambda one: one.short if one.interval else f"{one.value:.{decimals}f}",
        "share": lambda value: round((value - low) / (high - low), 4),
        "ticks": [(value, short(value)) for value in ticks(low, high)],
        "caption": caption,
    }
