"""A kernel's log while it runs: into the run's folder, and to whoever watches."""

import time
from collections.abc import Callable
from pathlib import Path

from kernels.kaggle.client import Kaggle


def follow_log(
    kaggle: Kaggle, slug: str, path: Path, on_line: Callable[[str], None], pause: float
) -> None:
    """Write the lines of the latest version's log to ``path`` as they come, until it ends.

    A stream that breaks is opened again: it starts at the first line, so those that were seen are
    passed over. After five breaks without a new line it is given up: the whole log comes with the
    output.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    seen, breaks = 0, 0
    with open(path, "w", encoding="utf-8") as file:
        while breaks < 5:
            try:
                for number, line in enumerate(kaggle.follow_log(slug)):
                    if number >= seen:
                        seen, breaks = number + 1, 0
                        print(line, file=file, flush=True)
                        on_line(line)
                return
            except Exception:  # whatever broke it costs only the view of it
                breaks += 1
                time.sleep(pause)
