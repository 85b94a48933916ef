"""What Kaggle checks of a push, what it refuses, and what it allows of each accelerator."""

import re
from datetime import timedelta

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest
from slugify import slugify

from common.clock import now
from kernels.local.store import SLUG, Store

# Hours a session, hours a week, sessions at once (a queued one counts).
SESSION_HOURS = {"CPU": 12, "GPU": 12, "TPU": 9}
WEEK_HOURS = {"GPU": 30, "TPU": 20}
SESSIONS = {"CPU": 5, "GPU": 2, "TPU": 1}

_RETIRED = ("TpuV232", "TpuV2256")  # Kaggle takes these names and gives a CPU
_LENGTHS = range(5, 51)  # of titles and slugs
_WEEK = 7 * 24 * 3600
_FIRST_REFRESH = 2 * 24 * 3600  # 1970-01-03 was a Saturday, when Kaggle's week begins


class Duration(timedelta):
    """A timedelta whose ``seconds`` are all of it: kagglesdk writes those, without the days."""

    seconds = property(lambda self: int(self.total_seconds()))


def push_fault(store: Store, request: ApiSaveKernelRequest) -> str:
    """The first reason to refuse a push, in Kaggle's words; empty if there is none."""
    owner, _, slug = (request.slug or "").partition("/")
    named = SLUG.fullmatch(owner.lower()) and SLUG.fullmatch(slug)
    if not named or len(slug) not in _LENGTHS:
        return f"Invalid slug {request.slug!r}: it is written <owner>/<5 to 50 of a-z, 0-9, ->"
    if not (request.text or "").strip():
        return "Source code can't be empty"
    if request.kernel_type != "script" or request.language != "python":
        kind = f"{request.language} {request.kernel_type}"
        return f"The local Kaggle runs Python scripts only, and this is a {kind}"
    title = request.new_title or ""
    if not store.latest(f"{owner}/{slug}"):
        if len(title) not in _LENGTHS:
            return f"The title {title!r} of a new kernel must have 5 to 50 characters"
        # Kaggle makes the slug of a new kernel from its title, whatever the push says.
        made = slugify(title)
        if made != re.sub(r"[_-]+", "-", slug):
            return f"The title {title!r} resolves to {made!r} and not to the slug {slug!r}"
    return _limit_fault(store, accelerator_of(request))


def accelerator_of(request: ApiSaveKernelRequest) -> str:
    """``CPU``, ``GPU`` or ``TPU``; an unknown machine shape is ignored, as on Kaggle."""
    shape = request.machine_shape or ""
    if shape in _RETIRED:
        return "CPU"
    if shape.startswith("Tpu"):
        return "TPU"
    if shape.startswith("Nvidia"):
        return "GPU"
    return "TPU" if request.enable_tpu else "GPU" if request.enable_gpu else "CPU"


def session_seconds(request: ApiSaveKernelRequest) -> float:
    """How long the session may run: the push's own limit, at most Kaggle's cap."""
    cap = SESSION_HOURS[accelerator_of(request)] * 3600
    return min(request.session_timeout_seconds or cap, cap)


def session_limit(kind: str) -> str:
    """Kaggle's message for one session of ``kind`` too many."""
    return f"Maximum batch {kind} session count of {SESSIONS[kind]} reached."


def _limit_fault(store: Store, kind: str) -> str:
    active = [v for v in store.active() if v.session["accelerator"] == kind]
    if len(active) >= SESSIONS[kind]:
        return session_limit(kind)
    hours = WEEK_HOURS.get(kind)
    if hours and seconds_used(store, kind) >= hours * 3600:
        return f"Maximum weekly {kind} quota of {hours:.2f} hours reached."
    return ""


def seconds_used(store: Store, kind: str) -> float:
    """Seconds of this week's quota, with those of the sessions that run now."""
    start, _ = quota_week()
    usage = [u for u in store.usage() if u["ended"] >= start and u["accelerator"] == kind]
    sessions = [version.session for version in store.active()]
    running = [s for s in sessions if s["accelerator"] == kind and "started" in s]
    return sum(u["seconds"] for u in usage) + sum(now() - s["started"] for s in running)


def quota_week(moment: float | None = None) -> tuple[float, float]:
    """Start and end (seconds since 1970) of the week whose quota is counted now."""
    moment = now() if moment is None else moment
    start = moment - (moment - _FIRST_REFRESH) % _WEEK
    return start, start + _WEEK
