"""The local Kaggle's state: a folder that can be read and that survives a restart.

::

    kernels/<owner>/<slug>/v<N>/    request.json, session.json, log.jsonl, kaggle/
    datasets/<owner>/<slug>/        files that can be data set sources
    published/                      data sets that clients made (``published.py``), or elsewhere
    models/<owner>/<model>/<framework>/<variation>/<version>/
    submissions/<ref>.json          and next to it the submitted file
    uploads/, archives/             temporary
    usage.jsonl                     seconds of each session, for the weekly quota
    generated/                      data of competitions, made when they are first needed
    lock                            held by the server that uses it
"""

import json
import re
import shutil
import threading
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kagglesdk.kernels.types.kernels_api_service import ApiSaveKernelRequest
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status

from common.clock import now
from common.manifest import write_json
from kernels.local.files import append_line
from kernels.local.published import DatasetVersion, PublishedDatasets

ACTIVE = (Status.QUEUED, Status.RUNNING)
STOPPED = "the local Kaggle was stopped"
SLUG = re.compile(r"[a-z0-9][a-z0-9_-]{0,99}")
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")  # a part of a data set's or a model's name
_FOLDERS = ("kernels", "datasets", "models", "submissions", "uploads", "archives")
NAMES = {*_FOLDERS, "published", "generated", "lock", "usage.jsonl"}  # what a state has at its top


class Version:
    """One pushed version of a kernel, and its session."""

    def __init__(self, kernels: Path, ref: str, number: int):
        self.ref, self.number = ref, number
        self.owner, _, self.slug = ref.partition("/")
        self.folder = kernels / ref / f"v{number}"
        self.kaggle = self.folder / "kaggle"  # the session's /kaggle
        self.working = self.kaggle / "working"  # its output
        # One JSON object a line: stream_name, time (seconds since the start), data.
        self.log = self.folder / "log.jsonl"

    @property
    def request(self) -> ApiSaveKernelRequest:
        """What was pushed."""
        return ApiSaveKernelRequest.from_json((self.folder / "request.json").read_text("utf-8"))

    @property
    def session(self) -> dict[str, Any]:
        """Status (a name), accelerator, times (seconds since 1970), failure."""
        session: dict[str, Any] = json.loads((self.folder / "session.json").read_text("utf-8"))
        return session

    @property
    def status(self) -> Status:
        """Kaggle's word for the state of the session."""
        return Status[self.session["status"]]


class Store:
    """Reads and writes the state. All methods may be called from several threads."""

    def __init__(self, root: Path, published: Path | None = None):
        self.root, self._kernels = root, root / "kernels"
        self.published = PublishedDatasets(published or root / "published")
        self.lock = threading.RLock()
        for name in _FOLDERS:
            (root / name).mkdir(parents=True, exist_ok=True)

    def versions(self, ref: str) -> list[Version]:
        """The versions of kernel ``owner/slug``, oldest first; none for an unknown one."""
        owner, _, slug = ref.partition("/")
        if not (SLUG.fullmatch(owner.lower()) and SLUG.fullmatch(slug)):
            return []
        found = (self._kernels / ref).glob("v*/session.json")
        numbers = sorted(int(path.parent.name[1:]) for path in found)
        return [Version(self._kernels, ref, number) for number in numbers]

    def latest(self, ref: str) -> Version | None:
        """The newest version of kernel ``owner/slug``."""
        return next(reversed(self.versions(ref)), None)

    def last_complete(self, ref: str) -> Version | None:
        """The newest version that ended well: what a consumer of the kernel gets."""
        done = (v for v in reversed(self.versions(ref)) if v.status is Status.COMPLETE)
        return next(done, None)

    def kernels(self) -> list[str]:
        """``owner/slug`` of every kernel, in order."""
        found = {path.parents[1] for path in self._kernels.glob("*/*/v*/session.json")}
        return sorted(path.relative_to(self._kernels).as_posix() for path in found)

    def active(self) -> list[Version]:
        """The versions that run or wait."""
        versions = [version for ref in self.kernels() for version in self.versions(ref)]
        return [version for version in versions if version.status in ACTIVE]

    def add_version(self, ref: str, request: ApiSaveKernelRequest, accelerator: str) -> Version:
        """Write a new version of ``owner/slug``, queued."""
        with self.lock:
            latest = self.latest(ref)
            version = Version(self._kernels, ref, latest.number + 1 if latest else 1)
            shutil.rmtree(version.folder, ignore_errors=True)  # of a push that was broken off
            version.working.mkdir(parents=True)
            (version.kaggle / "src").mkdir()
            (version.kaggle / "src" / "script.py").write_text(request.text or "", "utf-8")
            version.log.touch()
            write_json(version.folder / "request.json", request.to_dict())
            session = {"status": "QUEUED", "accelerator": accelerator, "pushed": now()}
            write_json(version.folder / "session.json", session)
        return version

    def update(self, version: Version, **changes: Any) -> None:
        """Change a session's record; a deleted kernel stays deleted."""
        with self.lock:
            if version.folder.is_dir():
                write_json(version.folder / "session.json", {**version.session, **changes})

    def delete(self, ref: str) -> None:
        """Remove every version of kernel ``owner/slug``."""
        with self.lock:
            shutil.rmtree(self._kernels / ref, ignore_errors=True)

    def fail_unfinished(self) -> None:
        """Record that the sessions of a stopped server did not end well."""
        for version in self.active():
            self.update(version, status="ERROR", ended=now(), failure=STOPPED)

    def add_usage(self, accelerator: str, seconds: float, ended: float = 0.0) -> None:
        """Count a session that ended against the week's quota; the same one again changes nothing.

        Raises OSError.
        """
        facts = {"accelerator": accelerator, "seconds": seconds, "ended": ended or now()}
        with self.lock, open(self.root / "usage.jsonl", "ab", buffering=0) as file:
            append_line(file, json.dumps(facts))

    def usage(self) -> list[dict[str, Any]]:
        """The sessions that have ended: accelerator, seconds, ended."""
        path = self.root / "usage.jsonl"
        with self.lock:
            lines = path.read_text("utf-8").splitlines() if path.exists() else []
        return [json.loads(line) for line in dict.fromkeys(lines)]

    def dataset(self, ref: str, number: int = 0) -> Path | None:
        """The folder of data set ``owner/slug``: of the latest version, or of ``number``."""
        versions = {version.number: version.files for version in self.dataset_versions(ref)}
        if versions:
            return versions.get(number or max(versions))
        return self._folder("datasets", ref, 2)

    def dataset_versions(self, ref: str) -> list[DatasetVersion]:
        """The versions of a data set that a client made, oldest first."""
        named = len(ref.split("/")) == 2 and all(map(_NAME.fullmatch, ref.split("/")))
        return self.published.versions(ref) if named else []

    def model(self, ref: str) -> Path | None:
        """The folder of model ``owner/model/framework/variation/version``."""
        return self._folder("models", ref, 5)

    def _folder(self, kind: str, ref: str, parts: int) -> Path | None:
        """The folder of the state that ``ref`` names; links are not followed."""
        folder, names = self.root / kind / ref, ref.split("/")
        if len(names) != parts or not all(map(_NAME.fullmatch, names)):
            return None
        return folder if folder.is_dir() and folder.resolve() == folder else None


def utc(seconds: float) -> datetime:
    """A moment as kagglesdk writes it: UTC without a time zone."""
    return datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None)
