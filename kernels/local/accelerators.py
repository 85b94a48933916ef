"""Which accelerator a push asks for, and what Kaggle allows of it."""

import time
from datetime import timedelta

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest

from kernels.local.store import Store

# Hours a session, hours a week, sessions at once (a queued one counts).
SESSION_HOURS = {"CPU": 12, "GPU": 12, "TPU": 9}
WEEK_HOURS = {"GPU": 30, "TPU": 20}
SESSIONS = {"CPU": 5, "GPU": 2, "TPU": 1}

_RETIRED = ("TpuV232", "TpuV2256")  # Kaggle takes these names and gives a CPU
_WEEK = 7 * 24 * 3600
_FIRST_REFRESH = 2 * 24 * 3600  # 1970-01-03 was a Saturday, when Kaggle's week begins


class Duration(timedelta):
    """A timedelta that kagglesdk writes in full.

    Its serializer reads ``seconds`` alone, without the days.
    """

    @property
    def seconds(self) -> int:
        """All of the time, in whole seconds."""
        return int(self.total_seconds())


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


def limit_fault(store: Store, kind: str) -> str:
    """Which limit one more session of ``kind`` would exceed, in Kaggle's words; empty if none."""
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
    return sum(u["seconds"] for u in usage) + sum(time.time() - s["started"] for s in running)


def quota_week(now: float | None = None) -> tuple[float, float]:
    """Start and end (seconds since 1970) of the week whose quota is counted now."""
    now = time.time() if now is None else now
    start = now - (now - _FIRST_REFRESH) % _WEEK
    return start, start + _WEEK
