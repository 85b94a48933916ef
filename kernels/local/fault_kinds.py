"""What a fault does to a call of the local Kaggle: one function for each fault, by its name.

A connection is closed without an answer by raising ConnectionAbortedError: werkzeug's server takes
it for a client that has gone, prints nothing, and closes the socket.
"""

import contextlib
import io
import json
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, NoReturn

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest
from werkzeug.wrappers import Response

from kernels.local import accelerators
from kernels.local.server import Application, json_answer
from kernels.local.submissions import Submissions


@dataclass(frozen=True)
class Rule:
    """Which fault is injected into which calls; the fields are those of a faults file.

    ``probability`` is drawn from a generator of the rule's own, so that the same calls in the same
    order get the same faults. Only some faults read the last four fields.
    """

    call: str  # such as SaveKernel; download, upload or log; * for every call that the fault is for
    fault: str  # one of FAULTS
    times: int | None = 1  # None for ever
    after: int = 0  # let so many calls pass first
    probability: float = 1.0  # at each call
    contains: str = ""  # only calls with this text in their path or JSON body
    code: int = 503
    message: str = "injected by a rule of the local Kaggle"
    retry_after: int | None = None
    seconds: float = 1.0


@dataclass(frozen=True)
class FailingCall:
    """A call that a fault is injected into, and the application that would answer it.

    ``earlier`` is the answer that the same request had before, if it is known.
    """

    application: Application
    submissions: Submissions
    environ: dict[str, Any]
    name: str
    body: bytes
    rule: Rule
    earlier: Response | None

    def answer(self, **changes: object) -> Response:
        """Do what is asked, with these changes to the JSON of the request; the answer, unread."""
        environ = self.environ
        if changes:
            environ = with_body(environ, json.dumps({**json.loads(self.body), **changes}).encode())
        return Response.from_app(self.application, environ)


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
    rule = call.rule
    answer = json_answer({"error": {"code": rule.code, "message": rule.message}}, rule.code)
    if rule.retry_after is not None:
        answer.headers["Retry-After"] = str(rule.retry_after)
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


@_fault(r"\w+")
def cut(call: FailingCall) -> Response:
    """Do it, then send half of the answer (an empty answer is lost)."""
    answer = call.answer()
    length = answer.content_length
    if length == 0:
        answer.close()
        raise ConnectionAbortedError(f"the answer of {call.name} was lost")
    most = length // 2 if length else 1  # a live log has no length
    answer.response = _broken_off(answer.response, most)
    return answer


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
    push = ApiSaveKernelRequest.from_dict(json.loads(call.body))
    return json_answer({"error": accelerators.session_limit(accelerators.accelerator_of(push))})


@_fault("SaveKernel", "message")
def push_error(call: FailingCall) -> Response:
    """Refuse it with ``message``, with HTTP 200, as Kaggle does."""
    return json_answer({"error": call.rule.message})


@_fault("SaveKernel")
def drop_sources(call: FailingCall) -> Response:
    """Push it without its sources, which are named as invalid."""
    push, kinds = json.loads(call.body), ("dataset", "competition", "kernel", "model")
    answer = call.answer(**{f"{kind}DataSources": [] for kind in kinds})
    dropped = {f"invalid{kind.title()}Sources": push.get(f"{kind}DataSources") for kind in kinds}
    return _edited(answer, lambda saved: saved.update({k: v for k, v in dropped.items() if v}))


@_fault("SaveKernel", "seconds")
def cap(call: FailingCall) -> Response:
    """Push it with a time limit of ``seconds`` (whole ones, at least 1)."""
    return call.answer(sessionTimeoutSeconds=max(1, int(call.rule.seconds)))


@_fault("GetKernelSessionStatus|GetKernel|ListKernelSessionOutput")
def vanish(call: FailingCall) -> Response:
    """404."""
    return json_answer({"error": {"code": 404, "message": "Could not find the kernel"}}, 404)


@_fault("GetKernelSessionStatus|ListKernelSessionOutput")
def stale(call: FailingCall) -> Response:
    """The status COMPLETE, whatever it is; the output of the version before, if there is one."""
    if call.name == "ListKernelSessionOutput":
        return call.answer(versionLabel=f"v{version_before(call.body)}")
    return _edited(call.answer(), lambda now: now.update(status="COMPLETE", failureMessage=""))


@_fault("CreateSubmission|CreateCodeSubmission", "message")
def score_error(call: FailingCall) -> Response:
    """Take it, and score it ERROR with ``message``."""
    return _edited(
        call.answer(), lambda sent: call.submissions.fail(sent["ref"], call.rule.message)
    )


@_fault("ListSubmissions", "seconds")
def unlisted(call: FailingCall) -> Response:
    """Without those sent in the last ``seconds``."""
    until = datetime.now(UTC) - timedelta(seconds=call.rule.seconds)

    def leave_out(listed: dict[str, Any]) -> None:
        entries = listed.get("submissions", [])
        old = [entry for entry in entries if datetime.fromisoformat(entry["date"]) <= until]
        listed["submissions"] = old

    return _edited(call.answer(), leave_out)


@_fault("GetSubmission|ListSubmissions")
def pending(call: FailingCall) -> Response:
    """Still PENDING."""

    def unscore(answer: dict[str, Any]) -> None:
        for entry in answer.get("submissions", [answer]):
            for field in ("status", "publicScore", "privateScore", "errorDescription"):
                entry.pop(field, None)  # no status is PENDING

    return _edited(call.answer(), unscore)


@_fault("GetDatasetStatus")
def not_ready(call: FailingCall) -> Response:
    """The newest version is still being made."""
    return _edited(call.answer(), lambda answer: answer.update(status="BLOBS_RECEIVED"))


def version_before(body: bytes) -> int:
    """The number of the version before the one that a request names; 0 where there is none."""
    match = re.search(rb'"versionLabel": *"v(\d+)"', body)
    return int(match.group(1)) - 1 if match else 0


def with_body(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    """The WSGI environment of the same request with another body."""
    return {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _edited(answer: Response, edit: Callable[[dict[str, Any]], object]) -> Response:
    """A good answer, whose JSON ``edit`` has changed; another as it is."""
    if answer.status_code != 200:
        return answer
    read = json.loads(answer.get_data())
    edit(read)
    return json_answer(read)


def _broken_off(chunks: Any, most: int) -> Iterator[bytes]:
    """The first ``most`` bytes, then a broken connection."""
    with contextlib.closing(chunks):
        for chunk in chunks:
            yield chunk[:most]
            most -= len(chunk)
            if most <= 0:
                break
    raise ConnectionAbortedError("the answer was cut")
