"""What a fault does to a call of the local Kaggle: one function for each fault, by its name.

Those of one kind of call are in ``call_faults.py``.

A connection is closed without an answer by raising ConnectionAbortedError: werkzeug's server takes
it for a client that has gone, prints nothing, and closes the socket.
"""

import contextlib
import dataclasses
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from email.utils import formatdate
from typing import Annotated, Any, NoReturn

from werkzeug.wrappers import Request, Response

from common.recipes.training import CheckedRecipe, Range
from kernels.local.server import Application, error_answer, json_answer


@dataclass(frozen=True)
class Rule(CheckedRecipe):
    """Which fault is injected into which calls; the fields are those of a faults file.

    ``probability`` is drawn from a generator of the rule's own, so that the same calls in the same
    order get the same faults. Only some faults read the last six fields.
    """

    call: str  # such as SaveKernel; download, upload or log; * for every call that the fault is for
    fault: str  # one of FAULTS
    times: Annotated[int | None, Range()] = 1  # None for ever
    after: Annotated[int, Range()] = 0  # let so many calls pass first
    probability: Annotated[float, Range(0, 1)] = 1.0  # at each call
    contains: str = ""  # only calls with this text in their path or JSON body
    code: Annotated[int, Range(400, 599)] = 503
    status: Annotated[int, Range(200, 599)] = 200
    message: str = "injected by a rule of the local Kaggle"
    retry_after: Annotated[int | None, Range()] = None
    dated: bool = False
    seconds: Annotated[float, Range()] = 1.0


@dataclass(frozen=True)
class FailingCall:
    """A call that a fault is injected into, and the application that would answer it.

    ``earlier`` is the answer that the same request had before, if it is known.
    """

    application: Application
    request: Request
    name: str
    rule: Rule
    earlier: Response | None

    def answer(self, **changes: object) -> Response:
        """Do what is asked, with these changes to the JSON of the request."""
        request = self.request
        if changes:
            changed = {**json.loads(request.get_data()), **changes}
            request = _with_body(request, json.dumps(changed).encode())
        answer = self.application.answer(request)
        answer.direct_passthrough = False  # a file that is sent can be read here
        return answer

    def kept(self) -> "FailingCall":
        """The same with its body read, which the end of the connection takes away."""
        return dataclasses.replace(self, request=_with_body(self.request, self.request.get_data()))

    def edited(self, edit: Callable[[dict[str, Any]], object], **changes: object) -> Response:
        """Like ``answer``, and ``edit`` changes the JSON of a good answer."""
        answer = self.answer(**changes)
        if answer.status_code != 200:
            return answer
        read = json.loads(answer.get_data())
        edit(read)
        return json_answer(read)


def _with_body(request: Request, body: bytes) -> Request:
    """The request with another body."""
    changed = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
    return Request({**request.environ, **changed})


@dataclass(frozen=True)
class Fault:
    """The calls that a fault is for (a pattern), the fields of a rule that it reads, its work."""

    calls: str
    options: tuple[str, ...]
    inject: Callable[[FailingCall], Response]


FAULTS: dict[str, Fault] = {}


def fault(calls: str, *options: str) -> Callable[[Callable[[FailingCall], Response]], None]:
    """Add the function below to ``FAULTS``."""

    def add(inject: Callable[[FailingCall], Response]) -> None:
        FAULTS[inject.__name__] = Fault(calls, options, inject)

    return add


@fault(r"\w+", "code", "message", "retry_after", "dated")
def refuse(call: FailingCall) -> Response:
    """HTTP ``code`` with ``message``, and a Retry-After of ``retry_after`` seconds, or their date.

    HTTP allows both.
    """
    answer, seconds = error_answer(call.rule.code, call.rule.message), call.rule.retry_after
    if seconds is not None:
        date = formatdate(time.time() + seconds, usegmt=True)
        answer.headers["Retry-After"] = date if call.rule.dated else str(seconds)
    return answer


@fault(r"\w+")
def drop(call: FailingCall) -> NoReturn:
    """Close the connection before anything is done."""
    raise ConnectionAbortedError(f"{call.name} was dropped")


@fault(r"\w+")
def lose(call: FailingCall) -> NoReturn:
    """Do it, then close the connection without an answer."""
    call.answer().close()
    raise ConnectionAbortedError(f"the answer of {call.name} was lost")


@fault(r"\w+", "code", "message", "seconds")
def late(call: FailingCall) -> Response:
    """HTTP ``code`` at once; it is done ``seconds`` later all the same."""
    kept = call.kept()
    done = threading.Timer(call.rule.seconds, lambda: kept.answer().close())
    done.daemon = True
    done.start()
    return error_answer(call.rule.code, call.rule.message)


@fault(r"\w+", "status", "message")
def replace(call: FailingCall) -> Response:
    """Do it, then answer with HTTP ``status`` and ``message`` as the whole body."""
    call.answer().close()
    status = call.rule.status
    headers = {"Location": "/nowhere"} if 300 <= status < 400 else {}
    return Response(call.rule.message, status, headers, mimetype="application/json")


@fault(r"\w+")
def cut(call: FailingCall) -> Response:
    """Do it, then send half of the answer; of a live log, which has no length, its first byte."""
    answer = call.answer()
    half = _broken_off(answer, (answer.content_length or 2) // 2)
    return Response(half, answer.status, answer.headers)


@fault(r"\w+", "seconds")
def slow(call: FailingCall) -> Response:
    """Do it only ``seconds`` later, whether or not the client still waits, and answer."""
    kept = call.kept()
    time.sleep(call.rule.seconds)
    return kept.answer()


@fault(r"\w+", "seconds")
def drip(call: FailingCall) -> Response:
    """Do it, and send the answer in ten parts within ``seconds``; a live log as it is."""
    answer = call.answer()
    if answer.content_length is None:
        return answer
    with contextlib.closing(answer):
        body = answer.get_data()
    parts = [body[len(body) * at // 10 : len(body) * (at + 1) // 10] for at in range(10)]

    def send() -> Iterator[bytes]:
        for part in parts:
            time.sleep(call.rule.seconds / 10)
            yield part

    return Response(send(), answer.status, answer.headers)


@fault(r"\w+", "seconds")
def delay(call: FailingCall) -> Response:
    """Do it, and answer ``seconds`` later."""
    answer = call.answer()
    time.sleep(call.rule.seconds)
    return answer


@fault(r"(Get|List)\w+")
def duplicate(call: FailingCall) -> Response:
    """The answer that the same request had before, again; nothing before the first."""
    assert call.earlier is not None
    return call.earlier


@fault("download")
def corrupt(call: FailingCall) -> Response:
    """The byte in the middle is wrong."""
    answer = call.answer()
    body = bytearray(answer.get_data())
    if body:
        body[len(body) // 2] ^= 0xFF
    answer.set_data(bytes(body))
    return answer


@fault("download")
def truncate(call: FailingCall) -> Response:
    """Half of the file, as if it were the whole."""
    answer = call.answer()
    body = answer.get_data()
    answer.set_data(body[: len(body) // 2])
    return answer


def _broken_off(answer: Response, most: int) -> Iterator[bytes]:
    """The first ``most`` bytes, then a broken connection."""
    with contextlib.closing(answer):
        for chunk in answer.iter_encoded():
            yield chunk[:most]
            most -= len(chunk)
            if most <= 0:
                break
    raise ConnectionAbortedError("the answer was cut")
