"""Progress lines in a kernel's log: written by kernels, read by whoever watches the log.

One line looks like ``progress stage=training epoch=3/12 loss=0.5312``.
"""

import shlex
import sys

_PREFIX = "progress "


def report(stage: str, **facts: object) -> None:
    """Print one progress line; floats with four digits."""
    words = [f"stage={stage}"]
    for name, value in facts.items():
        text = f"{value:.4f}" if isinstance(value, float) else str(value)
        words.append(f"{name}={shlex.quote(text)}")
    print(_PREFIX + " ".join(words), file=sys.stdout, flush=True)


def parse(line: str) -> dict[str, str] | None:
    """The facts of a progress line, or None for any other line."""
    if not line.startswith(_PREFIX + "stage="):
        return None
    try:
        words = shlex.split(line[len(_PREFIX) :])
    except ValueError:
        return None
    return dict(word.split("=", 1) for word in words if "=" in word)
