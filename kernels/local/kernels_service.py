"""``kernels.KernelsApiService``: push, status, output, logs, files, kernel, quota."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.kaggle_object import KaggleObject
from kagglesdk.kernels.types import kernels_api_service as api
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status

from kernels.local.accelerators import (
    WEEK_HOURS,
    Duration,
    accelerator_of,
    quota_week,
    seconds_used,
)
from kernels.local.files import archive, find_file, list_files
from kernels.local.push import drop_unknown_sources, push_fault
from kernels.local.session import Sessions
from kernels.local.store import ACTIVE, Store, Version, ref_number, utc
from kernels.local.wire import ApiError, Call, Links, fill, paged

# Fields of a push that GetKernel answers under the same name.
_PUSHED = (
    *("language", "kernel_type", "is_private", "enable_gpu", "enable_tpu", "enable_internet"),
    *("dataset_data_sources", "kernel_data_sources", "competition_data_sources"),
    *("model_data_sources", "category_ids", "docker_image", "machine_shape"),
)


@dataclass(frozen=True)
class KernelsService:
    """Answers the calls on kernels from the state, and starts sessions."""

    types: ClassVar[ModuleType] = api
    store: Store
    links: Links
    sessions: Sessions
    competitions: Collection[str]

    def save_kernel(self, call: Call, request: Any) -> KaggleObject:
        """Check the push, drop its unknown sources, and queue a new version.

        A refused push is an ``error`` in an answer with HTTP status 200. Raises ApiError 403 for a
        kernel in another user's name.
        """
        ref = request.slug or ""
        owner, _, slug = ref.partition("/")
        if slug and owner != call.user:
            raise ApiError(403, f"Permission 'kernels.update' was denied: {owner} is not you")
        response = api.ApiSaveKernelResponse()
        with self.store.lock:  # between the count of sessions and the new one
            response.error = push_fault(self.store, request)
            if response.error:
                return response
            drop_unknown_sources(self.store, self.competitions, call.user, request, response)
            version = self.store.add_version(ref, request, accelerator_of(request))
        self.sessions.start(version)
        response.ref = f"/code/{ref}"
        response.url = f"{call.host_url}code/{ref}"
        response.version_number = version.number
        response.kernel_id = ref_number(ref)
        return response

    def get_kernel_session_status(self, call: Call, request: Any) -> KaggleObject:
        """The state of a session, and why it failed."""
        session = self._find(call, request).session
        return fill(
            api.ApiGetKernelSessionStatusResponse,
            status=Status[session["status"]],
            failure_message=session.get("failure"),
        )

    def list_kernel_session_output(self, call: Call, request: Any) -> KaggleObject:
        """Output files with their addresses (once the session has ended), and the log so far."""
        version = self._find(call, request)
        working = version.working
        names, token = paged(_output_names(version), request)
        urls = {name: self.links.add(call, working / name, within=working) for name in names}
        return fill(
            api.ApiListKernelSessionOutputResponse,
            files=[
                fill(api.ApiKernelSessionOutputFile, file_name=name, url=url)
                for name, url in urls.items()
            ],
            log=log_json(version),
            next_page_token=token,
        )

    def list_kernel_files(self, call: Call, request: Any) -> KaggleObject:
        """Output files with their sizes and dates."""
        version = self._find(call, request)
        names, token = paged(_output_names(version), request)
        files = [_file_item(version.working, name) for name in names]
        return fill(api.ApiListKernelFilesResponse, files=files, next_page_token=token)

    def download_kernel_output(self, call: Call, request: Any) -> HttpRedirect:
        """One output file, or all of them as an archive."""
        label = f"v{request.version_number}" if request.version_number else ""
        ref = f"{request.owner_slug}/{request.kernel_slug}"
        version = readable_version(self.store, call, ref, label)
        working, name = version.working, request.file_path
        if version.status in ACTIVE:
            raise ApiError(404, f"{version.slug} v{version.number} has no output yet")
        if not name:
            zipped = archive(working, version.folder / "output.zip", contained=True)
            return self.links.redirect(call, zipped)
        path = find_file(working, name, contained=True)
        if path is None:
            raise ApiError(404, f"{version.slug} has no output file {name}")
        return self.links.redirect(call, path, within=working)

    def get_kernel(self, call: Call, request: Any) -> KaggleObject:
        """What was pushed; a slug may carry a version, as in ``slug/3``."""
        slug, _, number = request.kernel_slug.partition("/")
        label = request.version_label or (f"v{number}" if number else "")
        version = readable_version(self.store, call, f"{request.user_name}/{slug}", label)
        pushed = version.request
        blob = fill(
            api.ApiKernelBlob,
            source=pushed.text,
            language=pushed.language,
            kernel_type=pushed.kernel_type,
            slug=version.slug,
        )
        return fill(api.ApiGetKernelResponse, metadata=self._metadata(version), blob=blob)

    def list_kernels(self, call: Call, request: Any) -> KaggleObject:
        """The caller's own kernels."""
        latest = (self.store.latest(ref) for ref in self.store.kernels())
        mine = [v for v in latest if v and v.owner == call.user and request.search in v.slug]
        versions, token = paged(mine, request)
        kernels = [self._metadata(version) for version in versions]
        return fill(api.ApiListKernelsResponse, kernels=kernels, next_page_token=token)

    def delete_kernel(self, call: Call, request: Any) -> KaggleObject:
        """End what runs of a kernel and remove all of its versions."""
        if request.user_name != call.user:
            raise ApiError(403, "Permission 'kernels.delete' was denied")
        ref = f"{request.user_name}/{request.kernel_slug}"
        readable_version(self.store, call, ref)
        self.sessions.kill(ref)
        self.store.delete(ref)
        return api.ApiDeleteKernelResponse()

    def get_accelerator_quota_statistics(self, call: Call, request: Any) -> KaggleObject:
        """Accelerator time used of this week's."""
        return fill(
            api.ApiGetAcceleratorQuotaStatisticsResponse,
            quota_refresh_time=utc(quota_week()[1]),
            gpu_quota=self._quota("GPU"),
            tpu_quota=self._quota("TPU"),
        )

    def _quota(self, accelerator: str) -> api.ApiAcceleratorQuota:
        used = seconds_used(self.store, accelerator)
        return fill(
            api.ApiAcceleratorQuota,
            time_used=Duration(seconds=round(used)),
            total_time_allowed=Duration(hours=WEEK_HOURS[accelerator]),
            time_reserved=timedelta(),
            minimum_time_allowed=timedelta(),
            has_ever_run=used > 0,
        )

    def _find(self, call: Call, request: Any) -> Version:
        ref = f"{request.user_name}/{request.kernel_slug}"
        return readable_version(self.store, call, ref, request.version_label)

    def _metadata(self, version: Version) -> api.ApiKernelMetadata:
        """What was pushed, with what Kaggle adds."""
        pushed, latest = version.request, self.store.latest(version.ref)
        return fill(
            api.ApiKernelMetadata,
            **{field: getattr(pushed, field) for field in _PUSHED},
            id=ref_number(version.ref),
            ref=version.ref,
            title=pushed.new_title or version.slug,
            author=version.owner,
            slug=version.slug,
            last_run_time=utc(version.session["pushed"]),
            current_version_number=latest.number if latest else version.number,
        )


def readable_version(store: Store, call: Call, ref: str, label: str = "") -> Version:
    """The version of kernel ``owner/slug`` that ``label`` (``v<N>``) names, else the latest.

    Raises ApiError: 404 for one that is not there, 403 for another user's private kernel.
    """
    versions = store.versions(ref)
    mine = ref.startswith(f"{call.user}/")
    if not mine and (not versions or versions[-1].request.is_private):
        raise ApiError(403, f"Permission 'kernels.get' was denied for {ref}")
    found = [v for v in versions if not label or f"v{v.number}" == label]
    if not found:
        what = f"version {label!r} of kernel" if versions else "kernel"
        raise ApiError(404, f"Could not find {what} {ref}")
    return found[-1]


def log_json(version: Version) -> str:
    """The log so far as Kaggle gives it: a JSON array of stream_name, time, data."""
    return "[" + "\n,".join(log_lines(version)) + "]"


def log_lines(version: Version) -> list[str]:
    """The entries of the log so far, each a JSON object; without an unfinished last one."""
    text = version.log.read_text("utf-8")
    return text[: text.rfind("\n") + 1].splitlines()


def _output_names(version: Version) -> list[str]:
    # As on Kaggle: what a kernel writes can be had once its session has ended.
    return [] if version.status in ACTIVE else list_files(version.working, contained=True)


def _file_item(working: Path, name: str) -> api.ApiListKernelFilesItem:
    facts = (working / name).stat()
    date = utc(facts.st_mtime).isoformat(timespec="seconds") + "Z"
    return fill(api.ApiListKernelFilesItem, name=name, size=facts.st_size, creation_date=date)
