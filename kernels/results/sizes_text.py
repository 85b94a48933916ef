"""The files of trained networks in words, for the terminal."""

from collections.abc import Sequence

from kernels.results.layout import aligned, wrapped
from kernels.results.sizes import SizedFile
from kernels.results.sweep_text import signed_words

_HEADS = ("file", "MB", "score", "less Keras' weights'", "ms")


def sizes_lines(files: Sequence[SizedFile]) -> list[str]:
    """Return a table: a line for each model, and one for each of its files."""
    if not files:
        return []
    lines, rows = aligned([_HEADS, *map(_row, files)], right=range(1, len(_HEADS))), list[str]()
    for place, (file, line) in enumerate(zip(files, lines[1:], strict=True)):
        if not place or files[place - 1].model != file.model:
            rows += wrapped(_model(file), "  ")
        rows.append(f"    {line}")
    machines = "; ".join(
        dict.fromkeys(f"{one.threads} thread of {one.machine}" for one in files if one.machine)
    )
    words = "files as a phone runs them, one view of each picture of validation, differences paired"
    seeds = f", means of {files[0].seeds} seeds" if files[0].seeds > 1 else ""
    return [
        *("", *wrapped(f"{words}{seeds}; ms: median of a picture on {machines}", "  ")),
        f"    {lines[0]}",
        *rows,
    ]


def _model(file: SizedFile) -> str:
    small = ", a miniature: sizes say nothing of the network" if file.miniature else ""
    counts = (file.total_parameters, file.trainable_parameters)
    if None in counts:
        return f"{file.model}{small}"
    return f"{file.model}: {counts[0]:,} parameters, {counts[1]:,} trainable{small}"


def _row(file: SizedFile) -> tuple[str, ...]:
    around = f" ({file.ends})" if file.ends else ""
    took = "" if file.milliseconds is None else f"{file.milliseconds:.1f}"
    score, change = f"{file.short}{around}", signed_words(file.gain)
    return file.words, f"{file.megabytes:.1f}", score, change, took
