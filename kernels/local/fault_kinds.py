"""What a fault does to a call of the local Kaggle: one function for each fault, by its name.

A connection is closed without an answer by raising ConnectionAbortedError: werkzeug's server takes
it for a client that has gone, prints nothing, and closes the socket.
"""

import contextlib
import io
import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, NoReturn

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest
from werkzeug.wrappers import Request, Response

from common.recipes.training import CheckedRecipe, Range
from kernels.local.limits import accelerator_of
from kernels.local.limits import session_limit as session_limit_message
from kernels.local.server import Application, error_answer, json_answer


@dataclass(frozen=True)
class Rule(CheckedRecipe):
    """Which fault is injected into which calls; the fields are those of a faults file.

    ``probability`` is drawn from a generator of the rule's own, so that the same calls in the same
    order get the same faults. Only some faults read the last five fields.
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
            body = json.dumps({**json.loads(request.get_data()), **changes}).encode()
            changed = {"wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}
            request = Request({**request.environ, **changed})
        answer = self.application.answer(request)
        answer.direct_passthrough = False  # a file that is sent can be read here
        return answer

    def edited(self, edit: Callable[[dict[str, Any]], object], **changes: object) -> Response:
        """Like ``answer``, and ``edit`` changes the JSON of a good answer."""
        answer = self.answer(**changes)
        if answer.status_code != 200:
            return answer
        read = json.loads(answer.get_data())
        edit(read)
        return json_answer(read)


@dataclass(frozen=True)
class Fault:
    """The calls that a fault is for (a pattern), the fields of a rule that it reads, its work."""

    calls: str
    options: tuple[str, ...]
    inject: Callable[[FailingCall], Response]


FAULTS: dict[str, Fault] = {}


def _fault(calls: str, *options: str) -> Callable[[Callable[[FailingCall], Response]], None]:
    """Add the function below to ``FAULTS``."""

    def add(inject: Callable[[FailingCall], Response]) -> None:
        FAULTS[inject.__name__] = Fault(calls, options, inject)

    return add


@_fault(r"\w+", "code", "message", "retry_after")
def refuse(call: FailingCall) -> Response:
    """HTTP ``code`` with ``message``, and a Retry-After of ``retry_after`` seconds."""
    answer = error_answer(call.rule.code, call.rule.message)
    if call.rule.retry_after is not None:
        answer.headers["Retry-After"] = str(call.rule.retry_after)
    return answer


@_fault(r"\w+")
def drop(call: FailingCall) -> NoReturn:
    """Close the connection before anything is done."""
    raise ConnectionAbortedError(f"{call.name} was dropped")


@_fault(r"\w+")
def lose(call: FailingCall) -> NoReturn:
    """Do it, then close the connection without an answer."""
    call.answer().close()
    raise ConnectionAbortedError(f"the answer of {call.name} was lost")


@_fault(r"\w+", "code", "message", "seconds")
def late(call: FailingCall) -> Response:
    """HTTP ``code`` at once; it is done ``seconds`` later all the same."""
    call.request.get_data()  # before the connection ends
    done = threading.Timer(call.rule.seconds, lambda: call.answer().close())
    done.daemon = True
    done.start()
    return error_answer(call.rule.code, call.rule.message)


@_fault(r"\w+", "status", "message")
def replace(call: FailingCall) -> Response:
    """Do it, then answer with HTTP ``status`` and ``message`` as the whole body."""
    call.answer().close()
    status = call.rule.status
    headers = {"Location": "/nowhere"} if 300 <= status < 400 else {}
    return Response(call.rule.message, status, headers, mimetype="application/json")


@_fault(r"\w+")
def cut(call: FailingCall) -> Response:
    """Do it, then send half of the answer; of a live log, which has no length, its first byte."""
    answer = call.answer()
    half = _broken_off(answer, (answer.content_length or 2) // 2)
    return Response(half, answer.status, answer.headers)


@_fault(r"\w+", "seconds")
def delay(call: FailingCall) -> Response:
    """Do it, and answer ``seconds`` later."""
    answer = call.answer()
    time.sleep(call.rule.seconds)
    return answer


@_fault(r"(Get|List)\w+")
def duplicate(call: FailingCall) -> Response:
    """The answer that the same request had before, again; nothing before the first."""
    assert call.earlier is not None
    return call.earlier


@_fault("download")
def corrupt(call: FailingCall) -> Response:
    """The byte in the middle is wrong."""
    answer = call.answer()
    body = bytearray(answer.get_data())
    if body:
        body[len(body) // 2] ^= 0xFF
    answer.set_data(bytes(body))
    return answer


@_fault("download")
def truncate(call: FailingCall) -> Response:
    """Half of the file, as if it were the whole."""
    answer = call.answer()
    body = answer.get_data()
    answer.set_data(body[: len(body) // 2])
    return answer


@_fault("SaveKernel")
def session_limit(call: FailingCall) -> Response:
    """Refuse it as one session too many, with HTTP 200, as Kaggle does."""
    push = ApiSaveKernelRequest.from_json(call.request.get_data())
    return json_answer({"error": session_limit_message(accelerator_of(push))})


@_fault("SaveKernel", "message")
def push_error(call: FailingCall) -> Response:
    """Refuse it with ``message``, with HTTP 200, as Kaggle does."""
    return json_answer({"error": call.rule.message})


@_fault("SaveKernel")
def drop_sources(call: FailingCall) -> Response:
    """Push it without its sources, which are named as invalid."""
    push, kinds = json.loads(call.request.get_data()), ("dataset", "competition", "kernel", "model")
    sources = {f"{kind}DataSources": push.get(f"{kind}DataSources", []) for kind in kinds}
    invalid = {f"invalid{kind.title()}Sources": sources[f"{kind}DataSources"] for kind in kinds}
    return call.edited(lambda saved: saved.update(invalid), **dict.fromkeys(sources, ()))


@_fault("SaveKernel", "seconds")
def cap(call: FailingCall) -> Response:
    """Push it with a time limit of ``seconds`` (whole ones, at least 1)."""
    return call.answer(sessionTimeoutSeconds=max(1, int(call.rule.seconds)))


@_fault("GetKernelSessionStatus|GetKernel|ListKernelSessionOutput")
def vanish(call: FailingCall) -> Response:
    """404."""
    return error_answer(404, "Could not find the kernel")


@_fault("GetKernelSessionStatus|ListKernelSessionOutput")
def stale(call: FailingCall) -> Response:
    """The status COMPLETE, whatever it is; the output of the version before, if there is one."""
    if call.name == "ListKernelSessionOutput":
        return call.answer(versionLabel=f"v{version_before(call.request)}")
    return call.edited(lambda now: now.update(status="COMPLETE", failureMessage=""))


@_fault("CreateSubmission|CreateCodeSubmission", "message")
def score_error(call: FailingCall) -> Response:
    """Take it, and score it ERROR with ``message``."""
    fail = call.application.site.submissions.fail
    return call.edited(lambda sent: fail(sent["ref"], call.rule.message))


@_fault("ListSubmissions", "seconds")
def unlisted(call: FailingCall) -> Response:
    """Without those sent in the last ``seconds``."""
    until = datetime.now(UTC) - timedelta(seconds=call.rule.seconds)

    def leave_out(listed: dict[str, Any]) -> None:
        entries = listed.get("submissions", [])
        old = [entry for entry in entries if datetime.fromisoformat(entry["date"]) <= until]
        listed["submissions"] = old

    return call.edited(leave_out)


@_fault("GetSubmission|ListSubmissions")
def pending(call: FailingCall) -> Response:
    """Still PENDING."""

    def unscore(answer: dict[str, Any]) -> None:
        for entry in answer.get("submissions", [answer]):
            for field in ("status", "publicScore", "privateScore", "errorDescription"):
                entry.pop(field, None)  # no status is PENDING

    return call.edited(unscore)


@_fault("GetDatasetStatus")
def not_ready(call: FailingCall) -> Response:
    """The newest version is still being made."""
    return call.edited(lambda answer: answer.update(status="BLOBS_RECEIVED"))


def version_before(request: Request) -> int:
    """The number of the version before the one that a request names; 0 where there is none."""
    match = re.search(rb'"versionLabel": *"v(\d+)"', request.get_data())
    return int(match.group(1)) - 1 if match else 0


def _broken_off(answer: Response, most: int) -> Iterator[bytes]:
    """The first ``most`` bytes, then a broken connection."""
    with contextlib.closing(answer):
        for chunk in answer.iter_encoded():
            yield chunk[:most]
            most -= len(chunk)
            if most <= 0:
                break
    raise ConnectionAbortedError("the answer was cut")
