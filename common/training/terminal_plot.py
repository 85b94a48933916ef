"""A learning rate drawn in a terminal, in plain characters: the same in a pipe and in a log.

Plot libraries for terminals are not on Kaggle's images, and this is one chart.
"""

import itertools
import math
from collections.abc import Sequence

EIGHTHS = " ▁▂▃▄▅▆▇█"
PLAIN = " #"  # where the output's encoding has no blocks
_WIDEST = 6  # columns of a bar: of few epochs none grows to half a screen


def bars(rates: Sequence[float], width: int = 80, rows: int = 10, blocks: str = "") -> list[str]:
    """Lines no wider than ``width``: a bar for each epoch, from 0 at the bottom to the highest.

    Args:
        rates: one an epoch, 0 or higher; at least one.
        width: columns.
        rows: of the bars; their title, the axis and its labels take three more.
        blocks: characters from empty to full; ``EIGHTHS`` without them.

    Where there are more epochs than columns, a column shows the highest of several.
    """
    highest = max(rates)
    labels = [f"{highest:.3g}", *[""] * (rows - 2), "0"]
    margin = max(map(len, labels)) + 2
    grouped = math.ceil(len(rates) / (width - margin))
    shown = [max(rates[i : i + grouped]) for i in range(0, len(rates), grouped)]
    wide = min(_WIDEST, (width - margin) // len(shown))
    columns = [_column(rate / (highest or 1), rows, blocks or EIGHTHS) for rate in shown]
    axis = "|" if blocks == PLAIN else "┤"
    lines = [
        f"{label:>{margin - 2}} {axis}" + "".join(column[row] * wide for column in columns).rstrip()
        for row, label in enumerate(labels)
    ]
    below = f"epoch, {grouped} in a column" if grouped > 1 else "epoch"
    marks = _marks(len(rates), wide, grouped, width - margin)
    return ["learning rate", *lines, " " * margin + marks, " " * margin + below]


def _column(share: float, rows: int, blocks: str) -> str:
    """The characters of a bar from top to bottom; never empty, so that every epoch is seen."""
    full = len(blocks) - 1
    filled = max(1, round(share * rows * full))
    return "".join(blocks[min(full, max(0, filled - row * full))] for row in reversed(range(rows)))


def _marks(epochs: int, wide: int, grouped: int, width: int) -> str:
    """Numbers below the first epoch, the last, and as many round ones between as have room."""
    room = len(str(epochs)) + 4
    round_numbers = (n * 10**power for power in itertools.count() for n in (1, 2, 5))
    every = next(number for number in round_numbers if number * wide >= room * grouped)
    line = [" "] * width
    for epoch in (1, epochs, *range(every, epochs, every)):
        text = str(epoch)
        start = min((epoch - 1) // grouped * wide, width - len(text))
        if set(line[max(0, start - 1) : start + len(text) + 1]) <= {" "}:
            line[start : start + len(text)] = text
    return "".join(line).rstrip()
