"""The one exception for what a person can put right."""


class UserError(Exception):
    """A wrong input or a state that only the user can mend.

    The message is one line that says what is wrong, where, and what to do. ``details`` are
    further lines to show below it, such as the end of a log. Commands print both without a
    traceback and exit with a non-zero status.
    """

    def __init__(self, message: str, details: tuple[str, ...] = ()):
        super().__init__(message)
        self.details = details
