"""Columns and wrapped lines for the terminal."""

import textwrap
from collections.abc import Iterable, Sequence

WIDE = 99  # columns at most
INDENT = " " * 19  # of what stands below a row
_SPACE = "\N{NO-BREAK SPACE}"


def aligned(rows: Sequence[Sequence[str]], right: Sequence[int] = ()) -> list[str]:
    """Align the cells of ``rows`` in columns, a line a row; the columns ``right`` at the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    sides = [">" if number in right else "<" for number in range(len(widths))]
    return ["  ".join(map("{:{}{}}".format, row, sides, widths)).rstrip() for row in rows]


def laid_out(rows: Sequence[tuple[str, ...]], below: Sequence[Sequence[str]]) -> list[str]:
    """Rows in columns, and below each its own words, wrapped."""
    lines = []
    for row, more in zip(aligned(rows), below, strict=True):
        lines += [f"  {row}", *(line for words in more for line in wrapped(words, INDENT))]
    return lines


def listed(head: str, entries: Iterable[str]) -> str:
    """Entries in a row, none of which a line may break."""
    return f"{head}{', '.join(entry.replace(' ', _SPACE) for entry in entries)}"


def wrapped(words: str, indent: str) -> list[str]:
    """Lines of at most ``WIDE`` columns."""
    lines = textwrap.wrap(
        words,
        WIDE,
        initial_indent=indent,
        subsequent_indent=indent,
        break_long_words=False,
        break_on_hyphens=False,
    )
    return [line.replace(_SPACE, " ") for line in lines]
