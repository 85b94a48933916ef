"""``SaveKernel``: what Kaggle checks of a push, and what it refuses."""

import re
import time
from collections.abc import Callable, Collection, Iterable

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest, ApiSaveKernelResponse
from slugify import slugify

from kernels.local.accelerators import (
    SESSIONS,
    WEEK_HOURS,
    accelerator_of,
    quota_week,
    session_limit,
)
from kernels.local.session import Sessions
from kernels.local.store import ACTIVE, SLUG, Store, kernel_id
from kernels.local.wire import ApiError, Call

_TITLE = range(5, 51)  # characters


class Push:
    """Takes pushes: a refused one is an ``error`` in an answer with HTTP status 200."""

    def __init__(self, store: Store, sessions: Sessions, competitions: Collection[str]):
        self._store = store
        self._sessions = sessions
        self._competitions = competitions

    def save_kernel(self, call: Call, request: ApiSaveKernelRequest) -> ApiSaveKernelResponse:
        """Check the push, drop its unknown sources, and queue a new version.

        Raises ApiError 403 for a kernel in another user's name.
        """
        owner, _, slug = (request.slug or "").partition("/")
        if slug and owner != call.user:
            raise ApiError(403, f"Permission 'kernels.update' was denied: {owner} is not you")
        response = ApiSaveKernelResponse()
        with self._store.lock:  # between the count of sessions and the new one
            response.error = self._fault(owner, slug, request)
            if response.error:
                return response
            self._drop_unknown_sources(call, request, response)
            accelerator = accelerator_of(request)
            version = self._store.add_version(f"{owner}/{slug}", request, accelerator)
        self._sessions.start(version)
        response.ref = f"/code/{owner}/{slug}"
        response.url = f"{call.host_url}code/{owner}/{slug}"
        response.version_number = version.number
        response.kernel_id = kernel_id(f"{owner}/{slug}")
        return response

    def seconds_used(self, accelerator: str) -> float:
        """Seconds of this week's quota, with those of the sessions that run now."""
        start, _ = quota_week()
        records = [u for u in self._store.usage() if u["ended"] >= start]
        ended = sum(u["seconds"] for u in records if u["accelerator"] == accelerator)
        running = [s for s in self._active(accelerator) if "started" in s]
        return ended + sum(time.time() - session["started"] for session in running)

    def _active(self, accelerator: str) -> list[dict]:
        versions = [v for ref in self._store.kernels() for v in self._store.versions(ref)]
        sessions = [v.session for v in versions if v.status in ACTIVE]
        return [s for s in sessions if s["accelerator"] == accelerator]

    def _fault(self, owner: str, slug: str, request: ApiSaveKernelRequest) -> str | None:
        named = SLUG.fullmatch(owner.lower()) and SLUG.fullmatch(slug)
        if not named or len(slug) not in _TITLE:
            return f"Invalid slug {request.slug!r}: it is written <owner>/<5 to 50 of a-z, 0-9, ->"
        if not (request.text or "").strip():
            return "Source code can't be empty"
        if request.kernel_type != "script" or request.language != "python":
            kind = f"{request.language} {request.kernel_type}"
            return f"The local Kaggle runs Python scripts only, and this is a {kind}"
        return self._title_fault(f"{owner}/{slug}", request) or self._limit_fault(request)

    def _title_fault(self, ref: str, request: ApiSaveKernelRequest) -> str | None:
        title = request.new_title or ""
        if self._store.latest(ref):
            return None
        if len(title) not in _TITLE:
            return f"The title {title!r} of a new kernel must have 5 to 50 characters"
        # Kaggle makes the slug of a new kernel from its title, whatever the push says.
        made, slug = slugify(title), ref.split("/")[1]
        if made != re.sub(r"[_-]+", "-", slug):
            return f"The title {title!r} resolves to {made!r} and not to the slug {slug!r}"
        return None

    def _limit_fault(self, request: ApiSaveKernelRequest) -> str | None:
        kind = accelerator_of(request)
        if len(self._active(kind)) >= SESSIONS[kind]:
            return session_limit(kind)
        hours = WEEK_HOURS.get(kind)
        if hours and self.seconds_used(kind) >= hours * 3600:
            return f"Maximum weekly {kind} quota of {hours:.2f} hours reached."
        return None

    def _drop_unknown_sources(
        self, call: Call, request: ApiSaveKernelRequest, response: ApiSaveKernelResponse
    ) -> None:
        """Keep the sources that exist; the push goes on without the others, as on Kaggle."""
        for kind, known in (
            ("dataset", lambda ref: self._store.dataset(ref) is not None),
            ("competition", self._competitions.__contains__),
            ("kernel", lambda ref: self._readable_kernel(call, ref)),
            ("model", lambda ref: self._store.model(ref) is not None),
        ):
            field = f"{kind}_data_sources"
            valid, invalid = _split(getattr(request, field) or (), known)
            setattr(request, field, valid)
            setattr(response, f"invalid_{kind}_sources", invalid)

    def _readable_kernel(self, call: Call, ref: str) -> bool:
        latest = self._store.latest(ref)
        return latest is not None and (latest.owner == call.user or not latest.request.is_private)


def _split(refs: Iterable[str], known: Callable[[str], bool]) -> tuple[list[str], list[str]]:
    valid = [ref for ref in refs if known(ref)]
    return valid, [ref for ref in refs if ref not in valid]
