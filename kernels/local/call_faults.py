"""The faults of one kind of call, as those of any call in ``fault_kinds.py``."""

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest
from werkzeug.wrappers import Request, Response

from kernels.local.fault_kinds import FailingCall, fault
from kernels.local.limits import accelerator_of
from kernels.local.limits import session_limit as session_limit_message
from kernels.local.server import error_answer, json_answer


@fault("SaveKernel")
def session_limit(call: FailingCall) -> Response:
    """Refuse it as one session too many, with HTTP 200, as Kaggle does."""
    push = ApiSaveKernelRequest.from_json(call.request.get_data())
    return json_answer({"error": session_limit_message(accelerator_of(push))})


@fault("SaveKernel", "message")
def push_error(call: FailingCall) -> Response:
    """Refuse it with ``message``, with HTTP 200, as Kaggle does."""
    return json_answer({"error": call.rule.message})


@fault("SaveKernel")
def drop_sources(call: FailingCall) -> Response:
    """Push it without its sources, which are named as invalid."""
    push, kinds = json.loads(call.request.get_data()), ("dataset", "competition", "kernel", "model")
    sources = {f"{kind}DataSources": push.get(f"{kind}DataSources", []) for kind in kinds}
    invalid = {f"invalid{kind.title()}Sources": sources[f"{kind}DataSources"] for kind in kinds}
    return call.edited(lambda saved: saved.update(invalid), **dict.fromkeys(sources, ()))


@fault("SaveKernel", "seconds")
def cap(call: FailingCall) -> Response:
    """Push it with a time limit of ``seconds`` (whole ones, at least 1)."""
    return call.answer(sessionTimeoutSeconds=max(1, int(call.rule.seconds)))


@fault("GetKernelSessionStatus|GetKernel|ListKernelSessionOutput")
def vanish(call: FailingCall) -> Response:
    """404."""
    return error_answer(404, "Could not find the kernel")


@fault("GetKernelSessionStatus|ListKernelSessionOutput")
def stale(call: FailingCall) -> Response:
    """The status COMPLETE, whatever it is; the output of the version before, if there is one."""
    if call.name == "ListKernelSessionOutput":
        return call.answer(versionLabel=f"v{version_before(call.request)}")
    return call.edited(lambda now: now.update(status="COMPLETE", failureMessage=""))


@fault("CreateSubmission|CreateCodeSubmission", "message")
def score_error(call: FailingCall) -> Response:
    """Take it, and score it ERROR with ``message``."""
    fail = call.application.site.submissions.fail
    return call.edited(lambda sent: fail(sent["ref"], call.rule.message))


@fault("ListSubmissions", "seconds")
def unlisted(call: FailingCall) -> Response:
    """Without those sent in the last ``seconds``."""
    until = datetime.now(UTC) - timedelta(seconds=call.rule.seconds)

    def leave_out(listed: dict[str, Any]) -> None:
        entries = listed.get("submissions", [])
        old = [entry for entry in entries if datetime.fromisoformat(entry["date"]) <= until]
        listed["submissions"] = old

    return call.edited(leave_out)


@fault("GetSubmission|ListSubmissions")
def pending(call: FailingCall) -> Response:
    """Still PENDING."""

    def unscore(answer: dict[str, Any]) -> None:
        for entry in answer.get("submissions", [answer]):
            for field in ("status", "publicScore", "privateScore", "errorDescription"):
                entry.pop(field, None)  # no status is PENDING

    return call.edited(unscore)


@fault("GetKernelSessionStatus|GetSubmission", "message")
def state(call: FailingCall) -> Response:
    """The status is the JSON ``message``, such as ``"PREEMPTED"``, 99 or null."""
    return call.edited(lambda answer: answer.update(status=json.loads(call.rule.message)))


@fault(r"List\w+")
def endless(call: FailingCall) -> Response:
    """There is another page, which has the same address as this one."""
    return call.edited(lambda answer: answer.update(nextPageToken="0"))


@fault("GetDatasetStatus")
def not_ready(call: FailingCall) -> Response:
    """The newest version is still being made."""
    return call.edited(lambda answer: answer.update(status="BLOBS_RECEIVED"))


def version_before(request: Request) -> int:
    """The number of the version before the one that a request names; 0 where there is none."""
    match = re.search(rb'"versionLabel": *"v(\d+)"', request.get_data())
    return int(match.group(1)) - 1 if match else 0
