"""``kernels.KernelsApiService``: push, status, output, logs, files, kernel, quota."""

from datetime import timedelta

from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.kernels.types import kernels_api_service as api
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status

from kernels.local.accelerators import WEEK_HOURS, Duration, quota_week
from kernels.local.files import archive, find_file, list_files
from kernels.local.push import Push
from kernels.local.session import Sessions
from kernels.local.store import ACTIVE, Store, Version, kernel_id, utc
from kernels.local.wire import ApiError, Call, Links, Method, paged

# What GetKernel tells of a push under the same name.
_PUSHED = (
    "language",
    "kernel_type",
    "is_private",
    "enable_gpu",
    "enable_tpu",
    "enable_internet",
    "category_ids",
    "dataset_data_sources",
    "kernel_data_sources",
    "competition_data_sources",
    "model_data_sources",
    "docker_image",
    "machine_shape",
)


class KernelsService:
    """Answers the calls on kernels from the state, and starts sessions."""

    name = "kernels.KernelsApiService"

    def __init__(self, store: Store, sessions: Sessions, links: Links, push: Push):
        self._store = store
        self._sessions = sessions
        self._links = links
        self._push = push

    def methods(self) -> dict[str, Method]:
        """Method name → request type and handler."""
        return {
            "SaveKernel": (api.ApiSaveKernelRequest, self._push.save_kernel),
            "GetKernel": (api.ApiGetKernelRequest, self.get_kernel),
            "GetKernelSessionStatus": (api.ApiGetKernelSessionStatusRequest, self.get_status),
            "ListKernelSessionOutput": (api.ApiListKernelSessionOutputRequest, self.list_output),
            "ListKernelFiles": (api.ApiListKernelFilesRequest, self.list_files),
            "ListKernels": (api.ApiListKernelsRequest, self.list_kernels),
            "DownloadKernelOutput": (api.ApiDownloadKernelOutputRequest, self.download_output),
            "DeleteKernel": (api.ApiDeleteKernelRequest, self.delete_kernel),
            "GetAcceleratorQuotaStatistics": (
                api.ApiGetAcceleratorQuotaStatisticsRequest,
                self.get_quota,
            ),
        }

    def find_version(self, call: Call, owner: str, slug: str, label: str = "") -> Version:
        """The version that ``label`` (``v<N>``) names, else the latest.

        Raises ApiError: 404 for one that is not there, 403 for another user's private kernel.
        """
        versions = self._store.versions(f"{owner}/{slug}")
        if owner != call.user and (not versions or versions[-1].request.is_private):
            raise ApiError(403, f"Permission 'kernels.get' was denied for {owner}/{slug}")
        found = [v for v in versions if not label or f"v{v.number}" == label]
        if not found:
            what = f"version {label!r} of kernel" if versions else "kernel"
            raise ApiError(404, f"Could not find {what} {owner}/{slug}")
        return found[-1]

    def get_status(
        self, call: Call, request: api.ApiGetKernelSessionStatusRequest
    ) -> api.ApiGetKernelSessionStatusResponse:
        """Where a session is, and why it failed."""
        version = self._find(call, request)
        session = version.session
        response = api.ApiGetKernelSessionStatusResponse()
        response.status = Status[session["status"]]
        response.failure_message = session.get("failure")
        return response

    def list_output(
        self, call: Call, request: api.ApiListKernelSessionOutputRequest
    ) -> api.ApiListKernelSessionOutputResponse:
        """Output files with their addresses (once the session has ended), and the log so far."""
        version = self._find(call, request)
        names, token = paged(_output_names(version), request)
        response = api.ApiListKernelSessionOutputResponse()
        response.files = [self._output_file(call, version, name) for name in names]
        response.log = log_json(version)
        response.next_page_token = token
        return response

    def list_files(
        self, call: Call, request: api.ApiListKernelFilesRequest
    ) -> api.ApiListKernelFilesResponse:
        """Output files with their sizes and dates."""
        version = self._find(call, request)
        names, token = paged(_output_names(version), request)
        response = api.ApiListKernelFilesResponse()
        response.files = [_file_item(version, name) for name in names]
        response.next_page_token = token
        return response

    def download_output(
        self, call: Call, request: api.ApiDownloadKernelOutputRequest
    ) -> HttpRedirect:
        """One output file, or all of them as an archive."""
        label = f"v{request.version_number}" if request.version_number else ""
        version = self.find_version(call, request.owner_slug, request.kernel_slug, label)
        if version.status in ACTIVE:
            raise ApiError(404, f"{request.kernel_slug} v{version.number} has no output yet")
        working = version.working
        if not request.file_path:
            zipped = archive(working, version.folder / "output.zip", contained=True)
            return self._links.redirect(call, zipped)
        path = find_file(working, request.file_path, contained=True)
        if path is None:
            raise ApiError(404, f"{request.kernel_slug} has no output file {request.file_path}")
        return self._links.redirect(call, path, within=working)

    def get_kernel(self, call: Call, request: api.ApiGetKernelRequest) -> api.ApiGetKernelResponse:
        """What was pushed; a slug may carry a version, as in ``slug/3``."""
        slug, _, number = request.kernel_slug.partition("/")
        label = request.version_label or (f"v{number}" if number else "")
        version = self.find_version(call, request.user_name, slug, label)
        pushed = version.request
        response = api.ApiGetKernelResponse()
        response.metadata = self._metadata(version)
        response.blob = api.ApiKernelBlob()
        response.blob.source = pushed.text
        response.blob.language = pushed.language
        response.blob.kernel_type = pushed.kernel_type
        response.blob.slug = version.slug
        return response

    def list_kernels(
        self, call: Call, request: api.ApiListKernelsRequest
    ) -> api.ApiListKernelsResponse:
        """The caller's own kernels."""
        latest = (self._store.latest(ref) for ref in self._store.kernels())
        mine = [v for v in latest if v and v.owner == call.user and request.search in v.slug]
        response = api.ApiListKernelsResponse()
        items, response.next_page_token = paged(mine, request)
        response.kernels = [self._metadata(version) for version in items]
        return response

    def delete_kernel(
        self, call: Call, request: api.ApiDeleteKernelRequest
    ) -> api.ApiDeleteKernelResponse:
        """End what runs of a kernel and remove all of its versions."""
        if request.user_name != call.user:
            raise ApiError(403, "Permission 'kernels.delete' was denied")
        version = self.find_version(call, request.user_name, request.kernel_slug)
        ref = f"{version.owner}/{version.slug}"
        self._sessions.kill(ref)
        self._store.delete(ref)
        return api.ApiDeleteKernelResponse()

    def get_quota(
        self, call: Call, request: api.ApiGetAcceleratorQuotaStatisticsRequest
    ) -> api.ApiGetAcceleratorQuotaStatisticsResponse:
        """Accelerator time used of this week's."""
        response = api.ApiGetAcceleratorQuotaStatisticsResponse()
        response.quota_refresh_time = utc(quota_week()[1])
        response.gpu_quota = self._quota("GPU")
        response.tpu_quota = self._quota("TPU")
        return response

    def _quota(self, accelerator: str) -> api.ApiAcceleratorQuota:
        used = self._push.seconds_used(accelerator)
        quota = api.ApiAcceleratorQuota()
        quota.time_used = Duration(seconds=round(used))
        quota.total_time_allowed = Duration(hours=WEEK_HOURS[accelerator])
        quota.time_reserved = quota.minimum_time_allowed = timedelta()
        quota.has_ever_run = used > 0
        return quota

    def _find(self, call: Call, request: object) -> Version:
        owner, slug = request.user_name, request.kernel_slug  # type: ignore[attr-defined]
        label = request.version_label  # type: ignore[attr-defined]
        return self.find_version(call, owner, slug, label)

    def _output_file(
        self, call: Call, version: Version, name: str
    ) -> api.ApiKernelSessionOutputFile:
        file = api.ApiKernelSessionOutputFile()
        file.file_name = name
        file.url = self._links.add(call, version.working / name, within=version.working)
        return file

    def _metadata(self, version: Version) -> api.ApiKernelMetadata:
        """What was pushed, with what Kaggle adds."""
        pushed = version.request
        metadata = api.ApiKernelMetadata()
        for field in _PUSHED:
            setattr(metadata, field, getattr(pushed, field))
        metadata.id = kernel_id(f"{version.owner}/{version.slug}")
        metadata.ref = f"{version.owner}/{version.slug}"
        metadata.title = pushed.new_title or version.slug
        metadata.author = version.owner
        metadata.slug = version.slug
        metadata.last_run_time = utc(version.session["pushed"])
        latest = self._store.latest(metadata.ref)
        metadata.current_version_number = latest.number if latest else version.number
        return metadata


def log_json(version: Version) -> str:
    """The log so far as Kaggle gives it: a JSON array of stream_name, time, data."""
    return "[" + "\n,".join(log_lines(version)) + "]"


def log_lines(version: Version) -> list[str]:
    """The entries of the log so far, each a JSON object; an unfinished last one is left out."""
    text = version.log.read_text("utf-8")
    return text[: text.rfind("\n") + 1].splitlines()


def _output_names(version: Version) -> list[str]:
    # As on Kaggle: what a kernel writes can be had once its session has ended.
    return [] if version.status in ACTIVE else list_files(version.working, contained=True)


def _file_item(version: Version, name: str) -> api.ApiListKernelFilesItem:
    facts = (version.working / name).stat()
    item = api.ApiListKernelFilesItem()
    item.name = name
    item.size = facts.st_size
    item.creation_date = utc(facts.st_mtime).isoformat(timespec="seconds") + "Z"
    return item
