"""Kaggle's answers: what it says no with, and asking again when that may help.

Three kinds of call: a *read* can be repeated at will; a *change* that got no answer may have
happened all the same, so whoever made it must look before it is made again; a *refusal* (4xx) is
final. A 429 says that nothing happened, for either kind.
"""

import json
import random
import re
import time
from collections.abc import Callable
from typing import TypeVar

import requests

from common.errors import UserError

T = TypeVar("T")

PAUSE = 1.0  # seconds before a call is repeated; it doubles up to the longest
_LONGEST = 60.0
_TRIES = 8
_CHANGES = 5  # tries of a change that got no answer
_CAUSE = re.compile(
    r"Connection refused|Connection reset|timed out|Network is unreachable|No route to host|"
    r"Name or service not known|Temporary failure in name resolution|"
    r"Remote end closed connection without response|Connection broken"
)


class SessionLimitError(UserError):
    """Kaggle runs no more sessions of this kind at once: push again when one has ended."""


class KaggleError(UserError):
    """Kaggle's own answer that says no, in one line."""

    def __init__(self, message: str, code: int = 0):
        super().__init__(message)
        self.code = code


class NoAnswerError(KaggleError):
    """The answer was lost or a fault of the server's: the call may have been carried out."""


class UnreadableError(requests.RequestException):
    """An answer that is not one of its call, in one line."""


def read(call: Callable[[], T]) -> T:
    """Read from Kaggle; repeat after a 429, a 5xx or a broken connection, within a bound."""
    for attempt in range(_TRIES - 1):
        try:
            return change(call)
        except NoAnswerError:
            pause(attempt)
    return change(call)


def change(call: Callable[[], T]) -> T:
    """Make a call that changes something, once; repeat only after a 429, which did nothing.

    Raises NoAnswerError when it may have been carried out, KaggleError when it was refused.
    """
    for attempt in range(_TRIES):
        try:
            return call()
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            if code == 429 and attempt + 1 < _TRIES:
                pause(attempt, error.response)
                continue
            kind = NoAnswerError if code >= 500 else KaggleError
            raise kind(reason(error), code) from None
        except (UnreadableError, json.JSONDecodeError, LookupError, AttributeError, TypeError) as e:
            raise NoAnswerError(f"Kaggle's answer cannot be read: {one_line(str(e))}") from None
        except requests.RequestException as error:
            raise NoAnswerError(f"Kaggle cannot be reached: {reason(error)}") from None
        except ValueError as error:
            raise KaggleError(one_line(str(error))) from None
    raise AssertionError("unreachable")


def at_most_once(call: Callable[[], int], find: Callable[[], int], undo: Callable[[], T]) -> int:
    """Make a change at most once: what got no answer is looked for before it is made again.

    ``find`` returns the change's number, or 0 if it certainly was not made; ``undo`` takes back
    what was noted of one that was refused.
    """
    for attempt in range(_CHANGES):
        try:
            return call()
        except NoAnswerError:
            number = find()
            if number:
                return number
            if attempt + 1 == _CHANGES:
                raise
        except UserError:
            undo()
            raise
    raise AssertionError("unreachable")


def pause(attempt: int, response: requests.Response | None = None) -> None:
    """Wait as long as the server asks for, else doubling with jitter."""
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    doubled = min(PAUSE * 2.0**attempt, _LONGEST) * (0.5 + random.random() / 2)
    time.sleep(min(float(asked), 300.0) if asked.isdigit() else doubled)


def pause_between_looks(waited: float, longest: float) -> float:
    """Return seconds until the next look at what takes time: few at first, up to ``longest``."""
    return min(longest, 0.3 + waited / 20)


def reason(error: Exception) -> str:
    """Return what the server said, which the client hides behind "400 Client Error"."""
    response = getattr(error, "response", None)
    if response is None:
        text = one_line(str(error))
        cause = _CAUSE.search(text)  # urllib3 wraps it in names of classes and objects
        return cause.group() if cause else f"{type(error).__name__}: {text[:160]}"
    try:
        body = dict(response.json())
        said = dict(body.get("error") or body).get("message")
    except (ValueError, TypeError):
        said = None
    said = said or response.reason or "no reason given"
    return one_line(f"Kaggle answered {response.status_code}: {said}")


def one_line(text: str) -> str:
    """Return ``text`` with every run of white space made one space."""
    return " ".join(text.split())
