"""``kernels.KernelsApiService``: push, status, output, logs, files, kernel, quota."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from kagglesdk.kernels.services.kernels_api_service import KernelsApiClient
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status
from werkzeug.exceptions import abort

from kernels.local.files import list_files
from kernels.local.limits import (
    WEEK_HOURS,
    Duration,
    accelerator_of,
    push_fault,
    quota_week,
    seconds_used,
)
from kernels.local.service import Fields, Service, paged
from kernels.local.store import ACTIVE, Version, utc

_BLOCK = 1 << 16  # bytes
# Fields of a push that GetKernel answers under the same name.
_PUSHED = (
    *("language", "kernel_type", "is_private", "enable_gpu", "enable_tpu", "enable_internet"),
    *("dataset_data_sources", "kernel_data_sources", "competition_data_sources"),
    *("model_data_sources", "category_ids", "docker_image", "machine_shape"),
)


class KernelsService(Service):
    """Answers the calls on kernels from the state, and starts sessions."""

    client = KernelsApiClient

    def save_kernel(self, request: Any) -> Fields:
        """Check the push, drop its unknown sources, and queue a new version.

        A refused push is an ``error`` in an answer with HTTP status 200; one in another user's name
        is answered 403.
        """
        ref = request.slug or ""
        owner, _, slug = ref.partition("/")
        if slug and owner != self.user:
            abort(403, f"Permission 'kernels.update' was denied: {owner} is not you")
        with self.store.lock:  # between the count of sessions and the new one
            if error := push_fault(self.store, request):
                return {"error": error}
            invalid = self._drop_unknown_sources(request)
            version = self.store.add_version(ref, request, accelerator_of(request))
        self.site.sessions.start(version)
        made = {"ref": f"/code/{ref}", "version_number": version.number}
        return {**made, "url": f"{self.host_url}code/{ref}", **invalid}

    def _drop_unknown_sources(self, request: Any) -> Fields:
        """Take the sources that do not exist from a push; the fields that name them."""

        def is_readable(ref: str) -> bool:
            latest = self.store.latest(ref)
            return bool(latest and (latest.owner == self.user or not latest.request.is_private))

        def is_seen(ref: str) -> bool:
            hosted = self.site.datasets.get(ref)
            return hosted.entered if hosted else self.store.dataset(ref) is not None

        invalid = {}
        for kind, is_known in (
            ("dataset", is_seen),
            ("competition", self.site.hosted.get),
            ("kernel", is_readable),
            ("model", self.store.model),
        ):
            refs = getattr(request, f"{kind}_data_sources") or []
            known = [ref for ref in dict.fromkeys(refs) if is_known(ref)]
            setattr(request, f"{kind}_data_sources", known)
            invalid[f"invalid_{kind}_sources"] = [ref for ref in refs if ref not in known]
        return invalid

    def get_kernel_session_status(self, request: Any) -> Fields:
        """The state of a session, and why it failed."""
        session = self._find(request).session
        return {"status": Status[session["status"]], "failure_message": session.get("failure")}

    def list_kernel_session_output(self, request: Any) -> Fields:
        """Output files with their addresses (once the session has ended), and the log so far."""
        version = self._find(request)

        def item(name: str) -> Fields:
            return {"file_name": name, "url": self.link(version.working / name)}

        return {"log": LogOf(version.log), **paged("files", _output_names(version), request, item)}

    def list_kernel_files(self, request: Any) -> Fields:
        """Output files with their sizes and dates."""
        version = self._find(request)

        def item(name: str) -> Fields:
            facts = (version.working / name).stat()
            date = utc(facts.st_mtime).isoformat(timespec="seconds") + "Z"
            return {"name": name, "size": facts.st_size, "creation_date": date}

        return paged("files", _output_names(version), request, item)

    def download_kernel_output(self, request: Any) -> Fields:
        """One output file, or all of them as an archive."""
        label = f"v{request.version_number}" if request.version_number else ""
        version = self.version(f"{request.owner_slug}/{request.kernel_slug}", label)
        if version.status in ACTIVE:
            abort(404, f"{version.slug} v{version.number} has no output yet")
        zipped = version.folder / "output.zip"
        return self.download(version.working, request.file_path, zipped, contained=True)

    def get_kernel(self, request: Any) -> Fields:
        """What was pushed; a slug may carry a version, as in ``slug/3``."""
        slug, _, number = request.kernel_slug.partition("/")
        label = request.version_label or (f"v{number}" if number else "")
        version = self.version(f"{request.user_name}/{slug}", label)
        pushed = version.request
        blob = {"source": pushed.text, "slug": version.slug}
        blob |= {"language": pushed.language, "kernel_type": pushed.kernel_type}
        return {"metadata": self._metadata(version), "blob": blob}

    def list_kernels(self, request: Any) -> Fields:
        """The caller's own kernels."""
        latest = (self.store.latest(ref) for ref in self.store.kernels())
        mine = [v for v in latest if v and v.owner == self.user and request.search in v.slug]
        return paged("kernels", mine, request, self._metadata)

    def delete_kernel(self, request: Any) -> Fields:
        """End what runs of a kernel and remove all of its versions."""
        if request.user_name != self.user:
            abort(403, "Permission 'kernels.delete' was denied")
        ref = self._find(request).ref
        self.site.sessions.kill(ref)
        self.store.delete(ref)
        return {}

    def get_accelerator_quota_statistics(self, request: Any) -> Fields:
        """Accelerator time used of this week's."""
        quotas = {}
        for kind, hours in WEEK_HOURS.items():
            used = Duration(seconds=round(seconds_used(self.store, kind)))
            allowed = {"time_used": used, "total_time_allowed": Duration(hours=hours)}
            quotas[f"{kind.lower()}_quota"] = allowed
        return {"quota_refresh_time": utc(quota_week()[1]), **quotas}

    def _find(self, request: Any) -> Version:
        label = getattr(request, "version_label", "")
        return self.version(f"{request.user_name}/{request.kernel_slug}", label)

    def _metadata(self, version: Version) -> Fields:
        """What was pushed, with what Kaggle adds."""
        pushed, latest = version.request, self.store.latest(version.ref)
        return {
            **{field: getattr(pushed, field) for field in _PUSHED},
            "ref": version.ref,
            "title": pushed.new_title or version.slug,
            "author": version.owner,
            "slug": version.slug,
            "last_run_time": utc(version.session["pushed"]),
            "current_version_number": (latest or version).number,
        }


class LogOf(str):
    """The path of a log, in the place of its text: it is read while the answer is sent."""


def log_json(log: Path) -> Iterator[str]:
    """The log so far as Kaggle gives it, in pieces: a JSON array of stream_name, time, data."""
    before = "["
    for entries, _ in log_blocks(log):
        yield before + "\n,".join(entries)
        before = "\n,"
    yield "]" if before != "[" else "[]"


def log_blocks(log: Path, start: int = 0) -> Iterator[tuple[list[str], int]]:
    """The entries of the log so far from byte ``start`` on, each a JSON object, in blocks.

    With each block the byte at which it ends. An unfinished last entry is not there yet.
    """
    with open(log, "rb") as file:
        file.seek(start)
        while lines := [line for line in file.readlines(_BLOCK) if line.endswith(b"\n")]:
            start += sum(map(len, lines))
            yield [line[:-1].decode("utf-8") for line in lines], start


def _output_names(version: Version) -> list[str]:
    # As on Kaggle: what a kernel writes can be had once its session has ended.
    return [] if version.status in ACTIVE else list_files(version.working, contained=True)
