"""Kaggle's answers: what it says no with, and asking again when that may help."""

import random
import time
from collections.abc import Callable
from typing import TypeVar

import requests

from common.errors import UserError

T = TypeVar("T")

_TRIES = 5


class SessionLimitError(UserError):
    """Kaggle runs no more sessions of this kind at once: push again when one has ended."""


class KaggleError(UserError):
    """Kaggle's own answer that says no, in one line."""

    def __init__(self, message: str, code: int = 0):
        super().__init__(message)
        self.code = code


def ask(call: Callable[[], T], tries: int = _TRIES) -> T:
    """Call Kaggle; with ``tries``, again after a 429, a 5xx or a broken connection."""
    for attempt in range(tries):
        try:
            return call()
        except requests.HTTPError as error:
            code = error.response.status_code if error.response is not None else 0
            if attempt + 1 == tries or not (code == 429 or code >= 500):
                raise KaggleError(reason(error), code) from None
            time.sleep(_pause(attempt, error.response))
        except requests.RequestException as error:
            if attempt + 1 == tries:
                raise KaggleError(f"Kaggle cannot be reached: {reason(error)}") from None
            time.sleep(_pause(attempt, None))
        except ValueError as error:
            raise KaggleError(one_line(str(error))) from None
    raise AssertionError("unreachable")


def _pause(attempt: int, response: requests.Response | None) -> float:
    """Seconds to wait: what the server asks for, else doubling with jitter."""
    asked = response.headers.get("Retry-After", "") if response is not None else ""
    if asked.isdigit():
        return min(float(asked), 300.0)
    return min(2.0**attempt, 30.0) * (0.5 + random.random() / 2)


def pause_between_looks(waited: float, longest: float) -> float:
    """Seconds until the next look at what takes time: short at first, then up to ``longest``."""
    return min(longest, 0.3 + waited / 20)


def reason(error: Exception) -> str:
    """What the server said, which the client hides behind "400 Client Error"."""
    response = getattr(error, "response", None)
    if response is None:
        return one_line(f"{type(error).__name__}: {error}")
    try:
        body = response.json()
    except ValueError:
        body = {}
    inner = body.get("error") if isinstance(body.get("error"), dict) else body
    said = inner.get("message") or response.reason or "no reason given"
    return one_line(f"Kaggle answered {response.status_code}: {said}")


def one_line(text: str) -> str:
    """``text`` with every run of white space made one space."""
    return " ".join(text.split())
