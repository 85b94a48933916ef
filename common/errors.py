"""The one exception for what a person can put right, and how it is shown."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

PREFIX = "error: "


class UserError(Exception):
    """A wrong input or a state that only the user can mend.

    The message is one line that says what is wrong, where, and what to do. ``details`` are
    further lines to show below it, such as the end of a log. Commands print both without a
    traceback and exit with a non-zero status.
    """

    def __init__(self, message: str, details: tuple[str, ...] = ()):
        super().__init__(message)
        self.details = details


@contextmanager
def shown_in_one_line() -> Iterator[None]:
    """Show a UserError as ``error: …`` below its details, and exit with status 1."""
    try:
        yield
    except UserError as error:
        for line in error.details:
            print(f"  | {line}", file=sys.stderr)
        print(f"{PREFIX}{error}", file=sys.stderr, flush=True)
        sys.exit(1)
