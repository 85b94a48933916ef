"""What Kaggle checks of a push, and what it refuses."""

import re
from collections.abc import Collection

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest, ApiSaveKernelResponse
from slugify import slugify

from kernels.local.accelerators import accelerator_of, limit_fault
from kernels.local.store import SLUG, Store

_LENGTHS = range(5, 51)  # of titles and slugs


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
    return limit_fault(store, accelerator_of(request))


def drop_unknown_sources(
    store: Store,
    competitions: Collection[str],
    user: str,
    request: ApiSaveKernelRequest,
    response: ApiSaveKernelResponse,
) -> None:
    """Take the sources that do not exist from ``request`` and name them in ``response``."""

    def is_readable(ref: str) -> bool:
        latest = store.latest(ref)
        return latest is not None and (latest.owner == user or not latest.request.is_private)

    for kind, is_known in (
        ("dataset", store.dataset),
        ("competition", competitions.__contains__),
        ("kernel", is_readable),
        ("model", store.model),
    ):
        refs = getattr(request, f"{kind}_data_sources") or ()
        known = [ref for ref in refs if is_known(ref)]
        setattr(request, f"{kind}_data_sources", known)
        unknown = [ref for ref in refs if ref not in known]
        setattr(response, f"invalid_{kind}_sources", unknown)
