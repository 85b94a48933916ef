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
from typing import Any, NoReturn

from kagglesdk.competitions.types import competition_api_service as competitions
from kagglesdk.competitions.types.submission_status import SubmissionStatus
from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetStatusResponse
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus
from kagglesdk.kaggle_object import KaggleObject
from kagglesdk.kernels.types import kernels_api_service as kernels
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus
from werkzeug.wrappers import Response

from kernels.local import accelerators
from kernels.local.server import Application, json_answer
from kernels.local.store import utc
from kernels.local.submissions import Submissions
from kernels.local.wire import fill


@dataclass(frozen=True)
class Rule:
    """Which fault is injected into which calls; the fields are those of a faults file.

    Attributes:
        call: a wire method such as ``SaveKernel``; ``download``, ``upload`` or ``log`` (files and
            the live log); or ``*`` for every call that the fault is for.
        fault: one of ``FAULTS``.
        times: how often; None for ever.
        after: let so many calls pass first.
        probability: at each call, drawn from a generator of the rule's own, so that the same calls
            in the same order get the same faults.
        contains: only calls with this text in their path or JSON body.
        code, message, retry_after, seconds: what some faults read.
    """

    call: str
    fault: str
    times: int | None = 1
    after: int = 0
    probability: float = 1.0
    contains: str = ""
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

    def answer(self, body: bytes | None = None) -> Response:
        """Do what is asked (by ``body`` where it is given); the answer, unread."""
        environ = self.environ if body is None else with_body(self.environ, body)
        return Response.from_app(self.application, environ)

    def edited_answer(
        self, kind: Any, edit: Callable[[Any], object], body: bytes | None = None
    ) -> Response:
        """Like ``answer``; ``edit`` changes a good one, of kagglesdk's type ``kind``."""
        answer = self.answer(body)
        if answer.status_code != 200:
            return answer
        filled = kind.from_dict(json.loads(answer.get_data()))
        edit(filled)
        return json_answer(kind.to_dict(filled))

    @property
    def push(self) -> kernels.ApiSaveKernelRequest:
        """The request of SaveKernel."""
        return kernels.ApiSaveKernelRequest.from_dict(json.loads(self.body))


Inject = Callable[[FailingCall], Response]


@dataclass(frozen=True)
class Fault:
    """A fault: the calls that it is for (a pattern), the options that it reads, what it does."""

    calls: str
    options: tuple[str, ...]
    inject: Inject


FAULTS: dict[str, Fault] = {}


def _fault(calls: str, *options: str) -> Callable[[Inject], Inject]:
    """Add the function below to ``FAULTS``."""

    def add(inject: Inject) -> Inject:
        FAULTS[inject.__name__] = Fault(calls, options, inject)
        return inject

    return add


@_fault(r"\w+", "code", "message", "retry_after")
def refuse(call: FailingCall) -> Response:
    """HTTP ``code`` with ``message``, and a Retry-After of ``retry_after`` seconds."""
    rule = call.rule
    error = {"code": rule.code, "message": rule.message}
    answer = json_answer({"error": error}, rule.code)
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
    kind = accelerators.accelerator_of(call.push)
    return _answered(fill(kernels.ApiSaveKernelResponse, error=accelerators.session_limit(kind)))


@_fault("SaveKernel", "message")
def push_error(call: FailingCall) -> Response:
    """Refuse it with ``message``, with HTTP 200, as Kaggle does."""
    return _answered(fill(kernels.ApiSaveKernelResponse, error=call.rule.message))


@_fault("SaveKernel")
def drop_sources(call: FailingCall) -> Response:
    """Push it without its sources, which are named as invalid."""
    push, dropped = call.push, {}
    for kind in ("dataset", "competition", "kernel", "model"):
        field = f"{kind}_data_sources"
        dropped[f"invalid_{kind}_sources"] = list(getattr(push, field) or ())
        setattr(push, field, [])

    def name_them(answer: kernels.ApiSaveKernelResponse) -> None:
        for field, refs in dropped.items():
            setattr(answer, field, refs)

    return call.edited_answer(kernels.ApiSaveKernelResponse, name_them, push.to_json().encode())


@_fault("SaveKernel", "seconds")
def cap(call: FailingCall) -> Response:
    """Push it with a time limit of ``seconds`` (whole ones, at least 1)."""
    push = call.push
    push.session_timeout_seconds = max(1, int(call.rule.seconds))
    return call.answer(push.to_json().encode())


@_fault("GetKernelSessionStatus|GetKernel|ListKernelSessionOutput")
def vanish(call: FailingCall) -> Response:
    """404."""
    return json_answer({"error": {"code": 404, "message": "Could not find the kernel"}}, 404)


@_fault("GetKernelSessionStatus|ListKernelSessionOutput")
def stale(call: FailingCall) -> Response:
    """The status COMPLETE, whatever it is; the output of the version before, if there is one."""
    if call.name == "ListKernelSessionOutput":
        request = {**json.loads(call.body), "versionLabel": f"v{version_before(call.body)}"}
        return call.answer(json.dumps(request).encode())

    def complete(answer: kernels.ApiGetKernelSessionStatusResponse) -> None:
        answer.status, answer.failure_message = KernelWorkerStatus.COMPLETE, None

    return call.edited_answer(kernels.ApiGetKernelSessionStatusResponse, complete)


@_fault("CreateSubmission|CreateCodeSubmission", "message")
def score_error(call: FailingCall) -> Response:
    """Take it, and score it ERROR with ``message``."""
    answer = call.answer()
    if answer.status_code == 200:
        call.submissions.fail(json.loads(answer.get_data())["ref"], call.rule.message)
    return answer


@_fault("ListSubmissions", "seconds")
def unlisted(call: FailingCall) -> Response:
    """Without those sent in the last ``seconds``."""
    until = utc(time.time() - call.rule.seconds)

    def leave_out(answer: competitions.ApiListSubmissionsResponse) -> None:
        answer.submissions = [entry for entry in answer.submissions or () if entry.date <= until]

    return call.edited_answer(competitions.ApiListSubmissionsResponse, leave_out)


@_fault("GetSubmission|ListSubmissions")
def pending(call: FailingCall) -> Response:
    """Still PENDING."""
    is_list = call.name == "ListSubmissions"

    def unscored(answer: Any) -> None:
        for entry in answer.submissions or () if is_list else (answer,):
            entry.status = SubmissionStatus.PENDING
            entry.public_score = entry.private_score = entry.error_description = None

    return call.edited_answer(
        competitions.ApiListSubmissionsResponse if is_list else competitions.ApiSubmission, unscored
    )


@_fault("GetDatasetStatus")
def not_ready(call: FailingCall) -> Response:
    """The newest version is still being made."""

    def still_made(answer: ApiGetDatasetStatusResponse) -> None:
        answer.status = DatabundleVersionStatus.BLOBS_RECEIVED

    return call.edited_answer(ApiGetDatasetStatusResponse, still_made)


def version_before(body: bytes) -> int:
    """The number of the version before the one that a request names; 0 where there is none."""
    match = re.search(rb'"versionLabel": *"v(\d+)"', body)
    return int(match.group(1)) - 1 if match else 0


def with_body(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    """The WSGI environment of the same request with another body."""
    return {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _answered(answer: KaggleObject) -> Response:
    return json_answer(type(answer).to_dict(answer))


def _broken_off(chunks: Any, most: int) -> Iterator[bytes]:
    """The first ``most`` bytes, then a broken connection."""
    with contextlib.closing(chunks):
        for chunk in chunks:
            yield chunk[:most]
            most -= len(chunk)
            if most <= 0:
                break
    raise ConnectionAbortedError("the answer was cut")
