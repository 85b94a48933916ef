"""What each fault does to a call: a WSGI application around the local Kaggle's own.

A connection is closed without an answer by raising ConnectionAbortedError: werkzeug's server takes
it for a client that has gone, prints nothing, and closes the socket.
"""

import io
import json
import re
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, NoReturn

from kagglesdk.competitions.types.competition_api_service import (
    ApiListSubmissionsResponse,
    ApiSubmission,
)
from kagglesdk.competitions.types.submission_status import SubmissionStatus
from kagglesdk.datasets.types.dataset_api_service import ApiGetDatasetStatusResponse
from kagglesdk.datasets.types.dataset_enums import DatabundleVersionStatus
from kagglesdk.kernels.types.kernels_api_service import (
    ApiGetKernelSessionStatusResponse,
    ApiSaveKernelRequest,
    ApiSaveKernelResponse,
)
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus
from werkzeug.wrappers import Request, Response

from kernels.local.accelerators import accelerator_of, session_limit
from kernels.local.broken import first_bytes, flipped
from kernels.local.faults import Faults, Rule
from kernels.local.server import Application, closing, json_answer
from kernels.local.store import utc
from kernels.local.submissions import Submissions

_PATHS = (
    (r"/api/v1/kernels/logs/stream/.+", "log"),
    (r"/api/v1/[\w.]+/(\w+)", ""),
    (r"/download/.+", "download"),
    (r"/upload/.+", "upload"),
)
_SOURCES = [f"{kind}_data_sources" for kind in ("dataset", "competition", "kernel", "model")]


@dataclass(frozen=True)
class Struck:
    """A call that a rule strikes, and the application that would answer it."""

    application: Application
    submissions: Submissions
    environ: dict[str, Any]
    call: str
    rule: Rule
    body: bytes

    def answer(self, body: bytes | None = None) -> Response:
        """Do what is asked (by ``body``, where it is given instead); the answer, unread."""
        environ = self.environ if body is None else _with_body(self.environ, body)
        return Response.from_app(self.application, environ)

    def asked(self) -> Any:
        """The JSON of the request."""
        return json.loads(self.body or b"{}")


class FaultyApplication:
    """The WSGI application with the faults that were asked for."""

    def __init__(self, application: Application, faults: Faults, submissions: Submissions):
        self._application = application
        self._faults = faults
        self._submissions = submissions
        self._remembers = any(rule.fault == "duplicate" for rule in faults.rules)
        self._answers: dict[tuple[str, bytes], Response] = {}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> Iterable[bytes]:
        """Answer one request (WSGI), or not."""
        return closing(self._respond(environ)(environ, start_response))

    def _respond(self, environ: dict[str, Any]) -> Any:
        request = Request(environ, populate_request=False)
        call, path = _call_of(request.path), request.path
        body = request.get_data() if request.method == "POST" else b""
        if body:
            environ.update(_with_body(environ, body))  # to be read again
        text = f"{path}\n{body.decode('utf-8', 'replace')}"

        def possible(rule: Rule) -> bool:
            if rule.fault == "duplicate":
                return (path, body) in self._answers
            return rule.fault != "stale" or call != "ListKernelSessionOutput" or _before(body) > 0

        rule = self._faults.next_for(call, text, possible) if call else None
        if rule is None:
            return self._plain_answer(environ, call, (path, body))
        if rule.fault == "duplicate":
            return self._answers[path, body]
        struck = Struck(self._application, self._submissions, environ, call, rule, body)
        return STRIKES[rule.fault](struck)

    def _plain_answer(self, environ: dict[str, Any], call: str, key: tuple[str, bytes]) -> Any:
        if not (self._remembers and re.match("Get|List", call)):
            return self._application
        answer = Response.from_app(self._application, environ, buffered=True)
        self._answers[key] = answer
        return answer


def _refuse(struck: Struck) -> Response:
    rule = struck.rule
    answer = json_answer({"error": {"code": rule.code, "message": rule.message}}, rule.code)
    if rule.retry_after is not None:
        answer.headers["Retry-After"] = str(rule.retry_after)
    return answer


def _drop(struck: Struck) -> NoReturn:
    raise ConnectionAbortedError(f"{struck.call} was dropped")


def _lose(struck: Struck) -> NoReturn:
    struck.answer().close()
    raise ConnectionAbortedError(f"the answer of {struck.call} was lost")


def _cut(struck: Struck) -> Response:
    answer = struck.answer()
    length = answer.content_length
    if length == 0:
        answer.close()
        raise ConnectionAbortedError(f"the answer of {struck.call} was lost")
    most = length // 2 if length else 1  # a live log has no length
    answer.response = first_bytes(answer.response, most, broken=True)
    return answer


def _delay(struck: Struck) -> Response:
    answer = struck.answer()
    time.sleep(struck.rule.seconds)
    return answer


def _corrupt(struck: Struck) -> Response:
    answer = struck.answer()
    answer.response = flipped(answer.response)
    return answer


def _truncate(struck: Struck) -> Response:
    answer = struck.answer()
    most = (answer.content_length or 0) // 2
    answer.response, answer.content_length = first_bytes(answer.response, most), most
    return answer


def _session_limit(struck: Struck) -> Response:
    kind = accelerator_of(ApiSaveKernelRequest.from_dict(struck.asked()))
    return _push_refused(session_limit(kind))


def _push_error(struck: Struck) -> Response:
    return _push_refused(struck.rule.message)


def _drop_sources(struck: Struck) -> Response:
    asked = ApiSaveKernelRequest.from_dict(struck.asked())
    dropped = {field: list(getattr(asked, field) or ()) for field in _SOURCES}
    for field in _SOURCES:
        setattr(asked, field, [])

    def name_them(answer: ApiSaveKernelResponse) -> None:
        for field, refs in dropped.items():
            setattr(answer, f"invalid_{field.replace('_data_', '_')}", refs)

    answer = struck.answer(_body_of(asked))
    return _edited(answer, ApiSaveKernelResponse, name_them)


def _cap(struck: Struck) -> Response:
    asked = ApiSaveKernelRequest.from_dict(struck.asked())
    asked.session_timeout_seconds = max(1, int(struck.rule.seconds))
    return struck.answer(_body_of(asked))


def _vanish(struck: Struck) -> Response:
    return json_answer({"error": {"code": 404, "message": "Could not find the kernel"}}, 404)


def _stale(struck: Struck) -> Response:
    if struck.call == "ListKernelSessionOutput":
        older = {**struck.asked(), "versionLabel": f"v{_before(struck.body)}"}
        return struck.answer(json.dumps(older).encode())

    def complete(answer: ApiGetKernelSessionStatusResponse) -> None:
        answer.status, answer.failure_message = KernelWorkerStatus.COMPLETE, None

    return _edited(struck.answer(), ApiGetKernelSessionStatusResponse, complete)


def _score_error(struck: Struck) -> Response:
    answer = struck.answer()
    if answer.status_code == 200:
        ref = json.loads(answer.get_data())["ref"]
        struck.submissions.fail(ref, struck.rule.message)
    return answer


def _unlisted(struck: Struck) -> Response:
    until = utc(time.time() - struck.rule.seconds)

    def leave_out(answer: ApiListSubmissionsResponse) -> None:
        answer.submissions = [entry for entry in answer.submissions or () if entry.date <= until]

    return _edited(struck.answer(), ApiListSubmissionsResponse, leave_out)


def _pending(struck: Struck) -> Response:
    listed = struck.call == "ListSubmissions"

    def unscored(answer: Any) -> None:
        for entry in answer.submissions or () if listed else (answer,):
            entry.status = SubmissionStatus.PENDING
            entry.public_score = entry.private_score = entry.error_description = None

    kind = ApiListSubmissionsResponse if listed else ApiSubmission
    return _edited(struck.answer(), kind, unscored)


def _not_ready(struck: Struck) -> Response:
    def still_made(answer: ApiGetDatasetStatusResponse) -> None:
        answer.status = DatabundleVersionStatus.BLOBS_RECEIVED

    return _edited(struck.answer(), ApiGetDatasetStatusResponse, still_made)


# Every fault but ``duplicate``, which is not done to a call but instead of it.
STRIKES: dict[str, Callable[[Struck], Response]] = {
    "refuse": _refuse,
    "drop": _drop,
    "lose": _lose,
    "cut": _cut,
    "delay": _delay,
    "corrupt": _corrupt,
    "truncate": _truncate,
    "session_limit": _session_limit,
    "push_error": _push_error,
    "drop_sources": _drop_sources,
    "cap": _cap,
    "vanish": _vanish,
    "stale": _stale,
    "score_error": _score_error,
    "unlisted": _unlisted,
    "pending": _pending,
    "not_ready": _not_ready,
}


def _call_of(path: str) -> str:
    """The call's name in a rule; empty for an address that is not one of Kaggle's."""
    for pattern, name in _PATHS:
        match = re.fullmatch(pattern, path)
        if match:
            return name or match.group(1)
    return ""


def _with_body(environ: dict[str, Any], body: bytes) -> dict[str, Any]:
    return {**environ, "wsgi.input": io.BytesIO(body), "CONTENT_LENGTH": str(len(body))}


def _body_of(request: ApiSaveKernelRequest) -> bytes:
    return json.dumps(ApiSaveKernelRequest.to_dict(request)).encode()


def _edited(answer: Response, kind: Any, edit: Callable[[Any], object]) -> Response:
    """A good answer, of kagglesdk's type ``kind``, changed by ``edit``; another as it is."""
    if answer.status_code != 200:
        return answer
    told = kind.from_dict(json.loads(answer.get_data()))
    edit(told)
    return json_answer(kind.to_dict(told))


def _push_refused(error: str) -> Response:
    answer = ApiSaveKernelResponse()
    answer.error = error
    return json_answer(ApiSaveKernelResponse.to_dict(answer))


def _before(body: bytes) -> int:
    """The number of the version before the one that a request names; 0 where there is none."""
    match = re.search(rb'"versionLabel": *"v(\d+)"', body)
    return int(match.group(1)) - 1 if match else 0
