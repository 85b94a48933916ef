"""Kaggle's answers: what it says no with, and asking again when that may help.

Three kinds of call: a *read* can be repeated at will; a *change* without a clear answer may have
happened all the same, so whoever made it must look before it is made again; a *refusal* (4xx) is
final.
"""

import json
import math
import random
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from concurrent.futures import TimeoutError as FutureTimeout
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TypeVar

import requests
from urllib3.exceptions import NewConnectionError

from common.errors import UserError
from common.secrets import hide

T = TypeVar("T")

say: Callable[[str], object] = partial(print, file=sys.stderr)  # what a person sees of a wait

PAUSE = 1.0  # seconds before a call is repeated; it doubles up to the longest
_LONGEST = 60.0
_TRIES = 8
_patience = math.inf  # seconds after which a read is not repeated
_LONGEST_REASON = 400  # characters
_SILENCE = 20.0  # seconds of a wait until it is said, and said again
_CAUSE = re.compile(
    r"Connection refused|Connection reset|timed out|Network is unreachable|No route to host|"
    r"Name or service not known|Temporary failure in name resolution|"
    r"Remote end closed connection without response|Connection broken|certificate verify failed|"
    r"Tunnel connection failed|(Unable|Cannot) (to )?connect to proxy|Exceeded \d+ redirects"
)
VERIFY = "verify your phone at https://www.kaggle.com/settings"
# What Kaggle says no with → what helps.
_ADVICE = {
    r"phone.*verif|verif.*phone": VERIFY,
    r"accept.* rules": "accept them on the competition's page, under Rules",
    r"quota .*(reached|exceeded)": "wait for next week's, or choose another --accelerator",
}


class SessionLimitError(UserError):
    """Kaggle runs no more sessions of this kind at once: push again when one has ended."""


class KaggleError(UserError):
    """An answer that says no, in one line, with its ``code`` of HTTP.

    ``foreign``: it has not the form of Kaggle's own, such as a firewall's page.
    """

    def __init__(self, message: str, code: int = 0, retry_after: str = "", foreign: bool = False):
        super().__init__(message)
        self.code, self.retry_after, self.foreign = code, retry_after, foreign


class NoAnswerError(KaggleError):
    """The answer was lost, unclear or a server's fault: the call may have been carried out."""


class NotSentError(NoAnswerError):
    """There was no connection: the call certainly was not carried out."""


class UnreadableError(requests.RequestException):
    """An answer that is not one of its call, in one line."""


def read(call: Callable[[], T], wait: str = "no answer from Kaggle") -> T:
    """Read from Kaggle; repeat after a 429, a 5xx or a broken connection, within a bound.

    ``wait`` is what is said, with its seconds, while it takes long.
    """
    start = time.monotonic()
    with _announced(wait):
        for attempt in range(_TRIES - 1):
            try:
                return _once(call)
            except NoAnswerError as error:
                if time.monotonic() - start > _patience:
                    raise
                pause(attempt, error.retry_after)
        return _once(call)


def at_most(seconds: float, call: Callable[[], T]) -> T:
    """Return what ``call`` reads, where nobody is to wait longer.

    Raises NoAnswerError with the cause that was seen until then, and all that ``call`` raises.
    """
    global _patience
    before, shown = _patience, (sys.stdout, sys.stderr)
    _patience = seconds / 3  # so that the last try ends in time
    try:
        return within(seconds, call)
    except requests.Timeout:
        sys.stdout, sys.stderr = shown  # the thread that goes on may have redirected them
        raise NoAnswerError(f"no answer from Kaggle within {seconds:.0f} s") from None
    finally:
        _patience = before


def change(call: Callable[[], T]) -> T:
    """Make a call, once.

    Raises NoAnswerError when it may have been carried out, KaggleError when it was refused.
    """
    with _announced("no answer from Kaggle"):
        return _once(call)


@contextmanager
def _announced(wait: str) -> Iterator[None]:
    """Say for how long the work inside has been waited for, every 20 seconds."""
    done, start = threading.Event(), time.monotonic()

    def announce() -> None:
        while not done.wait(_SILENCE):
            say(f"{wait} for {time.monotonic() - start:.0f} s: still waiting")

    threading.Thread(target=announce, daemon=True).start()
    try:
        yield
    finally:
        done.set()


def within(seconds: float, call: Callable[[], T]) -> T:
    """Return what ``call`` returns or raises. Raises requests.Timeout when it takes longer.

    A limit of each read does not end an answer that comes byte by byte. The call itself goes on in
    its thread.
    """
    answer: Future[T] = Future()

    def work() -> None:
        try:
            answer.set_result(call())
        except BaseException as error:
            answer.set_exception(error)

    threading.Thread(target=work, daemon=True).start()
    try:
        return answer.result(seconds)
    except FutureTimeout:
        raise requests.Timeout(f"timed out after {seconds:.0f} s") from None


def _once(call: Callable[[], T]) -> T:
    try:
        return call()
    except requests.HTTPError as error:
        response = error.response if error.response is not None else requests.Response()
        code = response.status_code or 0
        # A redirect means that something else has answered: what was asked may have happened.
        unclear = code >= 500 or code in (0, 408, 429) or response.history
        kind = NoAnswerError if unclear else KaggleError
        asked, own = response.headers.get("Retry-After", ""), _said(response)[1]
        raise kind(reason(error), code, asked, not own) from None
    except UnreadableError as error:
        raise NoAnswerError(f"Kaggle's answer cannot be read: {one_line(str(error))}") from None
    except (json.JSONDecodeError, LookupError, AttributeError, TypeError):
        raise NoAnswerError("Kaggle's answer cannot be read: it is of another kind") from None
    except requests.RequestException as error:
        cause = getattr(error.args[0] if error.args else None, "reason", None)
        kind = NotSentError if isinstance(cause, NewConnectionError) else NoAnswerError
        raise kind(f"Kaggle cannot be reached: {reason(error)}") from None
    except ValueError as error:
        raise KaggleError(one_line(str(error))) from None


def may_be_done(error: KaggleError) -> bool:
    """Return whether the change that ended so may have been, or may still be, carried out."""
    return not isinstance(error, NotSentError) and (
        isinstance(error, NoAnswerError) or error.foreign
    )


def pause(attempt: int, asked: str = "") -> None:
    """Wait as many seconds as the server ``asked`` for, else doubling with jitter."""
    doubled = min(PAUSE * 2.0**attempt, _LONGEST) * (0.5 + random.random() / 2)
    seconds = _seconds(asked)
    time.sleep(doubled if seconds is None else min(max(seconds, 0.0), 300.0))


def _seconds(asked: str) -> float | None:
    """Return the seconds of a Retry-After, which may be a date; None if it is neither."""
    if re.fullmatch(r"[0-9]+", asked):
        return float(asked)
    try:
        return parsedate_to_datetime(asked).timestamp() - time.time()
    except (ValueError, TypeError, OverflowError):
        return None


def pause_between_looks(waited: float, longest: float) -> float:
    """Return seconds until the next look at what takes time: few at first, up to ``longest``."""
    return min(longest, 0.3 + waited / 20)


def reason(error: Exception) -> str:
    """Return what the server said, which the client hides behind "400 Client Error"."""
    response = getattr(error, "response", None)
    if response is None:
        text = one_line(str(error))
        cause = _CAUSE.search(text)  # urllib3 wraps it in names of classes and objects
        return cause.group() if cause else type(error).__name__
    said = _said(response)[0] or response.reason or "no reason given"
    return advised(f"Kaggle answered {response.status_code}: {said}"[:_LONGEST_REASON])


def _said(response: requests.Response) -> tuple[str, bool]:
    """Return what a refusal says, and whether it has the form of Kaggle's own refusals."""
    try:
        body = response.json()
        said = body.get("error") or body
        own = isinstance(said, dict)
        said = said.get("message") if own else said
    except (ValueError, AttributeError, RecursionError, requests.RequestException):
        return "", False
    return (str(said), own and isinstance(said, str)) if said else ("", False)


def advised(said: str) -> str:
    """Return in one line what Kaggle says, and what helps where that is known."""
    line = one_line(said)
    helps = (helps for cause, helps in _ADVICE.items() if re.search(cause, line, re.IGNORECASE))
    return ": ".join([line.rstrip(".") if line else line, *helps][:2])


def one_line(text: str) -> str:
    """Return ``text`` without secrets, and with every run of white space made one space."""
    return hide(" ".join(text.split()))


def shown_score(text: str | None) -> float | None:
    """Return a score; None where Kaggle shows none, for which it may also write a word."""
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
