"""The real ``kaggle`` client, with its defects handled in this one place.

Handled here: pushes that fail with exit status 0 and sources that are dropped in silence; the
body of a 4xx that hides behind "400 Client Error"; calls without a retry; outputs written
outside their folder; status and outputs of *a version*, which the client's own methods cannot
ask for. The import itself, which signs in, calls out and prints, is in ``signin``.
"""

import contextlib
import inspect
import io
import itertools
import operator
import re
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import requests

from common.manifest import write_text
from kernels.kaggle.answers import (
    KaggleError,
    NoAnswerError,
    SessionLimitError,
    advised,
    change,
    one_line,
    pause,
    read,
    shown_score,
)
from kernels.kaggle.downloads import inside, save
from kernels.kaggle.logs import BLOCK, log_events, printable_log
from kernels.kaggle.signin import SignedIn
from kernels.kaggle.states import KernelState, KernelStatus

_SERVICES = {
    "kernels": operator.attrgetter("kernels.kernels_api_client"),
    "competitions": operator.attrgetter("competitions.competition_api_client"),
    "datasets": operator.attrgetter("datasets.dataset_api_client"),
    "models": operator.attrgetter("models.model_api_client"),
    "blobs": operator.attrgetter("blobs.blob_api_client"),
}

_LOOKS = 4  # for a kernel that is listed and not shown, and for data files


class Kaggle:
    """A signed-in user's view of Kaggle. ``endpoint`` is a local Kaggle's URL, or None.

    Raises UserError without credentials. Every method may raise NoAnswerError, after which a
    change may have happened all the same, and KaggleError for a refusal.
    """

    def __init__(self, endpoint: str | None = None):
        self._signed_in = SignedIn(endpoint)
        self.owner = self._signed_in.username

    @property
    def _api(self) -> Any:
        return self._signed_in.api

    def ask(self, service: str, method: str, **fields: Any) -> Any:
        """Return kagglesdk's own answer to a question that changes nothing.

        ``fields`` are those of the method's request.
        """

        return read(partial(self._once, service, method, **fields))

    def make(self, service: str, method: str, **fields: Any) -> Any:
        """Make a change, once: it may be made whatever the answer. Return kagglesdk's own."""
        return change(partial(self._once, service, method, repeat=False, **fields))

    def _once(self, service: str, method: str, repeat: bool = True, **fields: Any) -> Any:
        def call(api: Any) -> Any:
            with api.build_kaggle_client() as client:
                ask = getattr(_SERVICES[service](client), method)
                request = inspect.get_annotations(ask)["request"]()
                for name, value in fields.items():
                    setattr(request, name, value)
                return ask(request)

        return self._signed_in.call(call, repeat)

    def _ask_kernel(self, method: str, slug: str, version: int = 0, **fields: Any) -> Any:
        if version:
            fields["version_label"] = f"v{version}"
        return self.ask("kernels", method, user_name=self.owner, kernel_slug=slug, **fields)

    def _call(self, how: Callable[..., Any], name: str, *arguments: Any, **options: Any) -> Any:
        """Call a method of the client, which prints what it does."""
        with contextlib.redirect_stdout(io.StringIO()):
            call = operator.methodcaller(name, *arguments, **options)
            return how(partial(self._signed_in.call, call, how is read))

    def push(self, folder: Path) -> int:
        """Push a kernel's folder; returns the version that now runs.

        Raises SessionLimitError when it must wait, KaggleError also for a source that is dropped.
        """
        answer = self._call(change, "kernels_push", str(folder))
        if answer.error:
            limit = re.search(r"[Mm]aximum .*session count", answer.error)
            kind = SessionLimitError if limit else KaggleError
            raise kind(f"Kaggle refused kernel {folder.name}: {advised(answer.error)}")
        for what in ("dataset", "competition", "kernel", "model"):
            dropped = getattr(answer, f"invalid_{what}_sources")
            if dropped:
                raise KaggleError(
                    f"kernel {folder.name}: Kaggle does not know its {what} sources "
                    f"{', '.join(dropped)}: check the names and that you may see them"
                )
        if not answer.version_number:
            raise NoAnswerError(f"Kaggle's answer to kernel {folder.name} has no version")
        return int(answer.version_number)

    def status(self, slug: str, version: int) -> KernelStatus:
        """Return the status of one version of the owner's kernel ``slug``."""
        answer = self._ask_kernel("get_kernel_session_status", slug, version)
        state = KernelState.__members__.get(answer.status.name)
        if state is None:
            return KernelStatus(KernelState.UNKNOWN, answer.status.name)
        return KernelStatus(state, one_line(answer.failure_message))

    def latest_version(self, slug: str) -> int:
        """Return the number of the latest version of the owner's kernel ``slug``; 0 without any.

        Raises NoAnswerError for one that Kaggle lists and does not show, even after a while: it may
        be a firewall that refuses.
        """
        for look in range(_LOOKS):
            try:
                kernel = self._ask_kernel("get_kernel", slug)
                return int(kernel.metadata.current_version_number)
            except KaggleError as error:
                if error.code not in (403, 404):
                    raise
                if slug not in self.own_kernels():
                    return 0
                refused = error
            pause(look)
        raise NoAnswerError(f"{refused}, of {slug}, which it lists", refused.code)

    def pushed_text(self, slug: str, version: int) -> str:
        """Return what was pushed as one version of the owner's kernel ``slug``."""
        return str(self._ask_kernel("get_kernel", slug, version).blob.source)

    def own_kernels(self) -> dict[str, str]:
        """Return the owner's kernels: slug → when each last ran (UTC)."""
        found: dict[str, str] = {}
        for page in itertools.count(1):
            # A page that brings nothing new is the last.
            listed = self._call(read, "kernels_list", page, 100, mine=True)
            new = {k.slug: str(k.last_run_time)[:19] for k in listed or [] if k.slug not in found}
            if not new:
                break
            found |= new
        return found

    def delete(self, slug: str) -> None:
        """Delete the owner's kernel ``slug`` with all of its versions."""
        self._call(change, "kernels_delete", f"{self.owner}/{slug}", True)

    def follow_log(self, slug: str) -> Iterator[str]:
        """Yield the lines of the latest version's log as they come, until it ends."""
        rest, api = "", self._api
        api._iter_blob_lines = lambda answer: log_events(answer.iter_content(BLOCK))  # not whole
        for event in api.kernels_logs_stream(f"{self.owner}/{slug}"):
            data = event.get("data") if isinstance(event, dict) else event
            *lines, rest = (rest + str(data or "")).split("\n")
            yield from lines
            if len(rest) > BLOCK:  # a line without an end
                yield rest
                rest = ""
        if rest:
            yield rest

    def outputs(self, slug: str, version: int, log: Path) -> dict[str, str]:
        """Return one version's output files (name → address); write its whole log to ``log``."""
        files: dict[str, str] = {}
        fields: dict[str, Any] = {"page_size": 200}
        while True:
            page = self._ask_kernel("list_kernel_session_output", slug, version, **fields)
            with page.log as text:
                if "page_token" not in fields:
                    write_text(log, printable_log(text))
            new = {file.file_name: file.url for file in page.files if file.file_name not in files}
            files |= new
            # A page that brings nothing new is the last.
            if not (page.next_page_token and new):
                return files
            fields["page_token"] = page.next_page_token

    def data_files(self, slug: str) -> list[Any]:
        """Return what is listed first of a competition's data files, 200 at most.

        Raises NoAnswerError for none: other data would be trained on again.
        """
        for look in range(_LOOKS):
            page = self.ask("competitions", "list_data_files", competition_name=slug, page_size=200)
            if page.files:
                return list(page.files)
            pause(look)
        raise NoAnswerError(f"Kaggle lists no data files of {slug}: give the same command again")

    def download_competition_file(self, slug: str, name: str, folder: Path) -> Path:
        """Download one file of a competition's data, e.g. its sample submission.

        Raises KaggleError for one that twice has another size than Kaggle says.
        """
        path = inside(folder, name)
        sizes = {file.name: file.total_bytes for file in self.data_files(slug)}
        fields: dict[str, Any] = {"competition_name": slug, "file_name": name}

        def once() -> bool:
            with self._once("competitions", "download_data_file", **fields) as response:
                return save(response, path)

        for _ in range(2):
            unzipped = read(once, f"fetching {name}")
            size = path.stat().st_size
            if unzipped or sizes.get(name, size) == size:
                return path
        path.unlink()
        raise KaggleError(
            f"competition {slug}: {name} has {size} bytes here, twice, and {sizes[name]} at Kaggle"
        )

    def upload(self, path: Path, service: str, method: str, **fields: Any) -> str:
        """Upload a file, which counts for nothing yet, where ``method`` says; return its token."""
        from kaggle.api.kaggle_api_extended import ResumableUploadResult

        facts = path.stat()
        fields |= {"content_length": facts.st_size}
        fields |= {"last_modified_epoch_seconds": int(facts.st_mtime)}

        def once() -> str:
            start = self._once(service, method, **fields)
            with contextlib.redirect_stdout(io.StringIO()):
                result = self._api.upload_complete(str(path), start.create_url, quiet=True)
            if result != ResumableUploadResult.COMPLETE:
                raise requests.ConnectionError(f"{path.name} could not be uploaded whole")
            return str(start.token)

        return read(once, f"uploading {path.name}")

    def submit(self, slug: str, token: str, message: str) -> int:
        """Submit an uploaded file, once: it may count whatever the answer. Return its reference."""
        return self._submit("create_submission", slug, message, blob_file_tokens=token)

    def submit_kernel(self, slug: str, kernel: str, version: int, file: str, message: str) -> int:
        """Submit a file of a kernel's version, as ``submit``, where a competition takes kernels."""
        fields = {"kernel_slug": kernel, "kernel_version": version, "file_name": file}
        owner = self.owner
        return self._submit("create_code_submission", slug, message, kernel_owner=owner, **fields)

    def _submit(self, method: str, slug: str, message: str, **fields: Any) -> int:
        fields |= {"competition_name": slug, "submission_description": message}
        answer = self.make("competitions", method, **fields)
        if not answer.ref:
            said = one_line(answer.message) or "nothing"
            raise NoAnswerError(
                f"Kaggle's answer to the submission has no reference, it says {said}"
            )
        return int(answer.ref)

    def score(self, ref: int) -> tuple[str, dict[str, Any]]:
        """Return a submission's state in Kaggle's word, and what is known of its score.

        That is whether it is ``scored``, ``public_score`` and ``private_score`` as far as Kaggle
        shows them, else None, and ``error``, what Kaggle says of one.
        """
        answer = self.ask("competitions", "get_submission", ref=ref)
        error = one_line(answer.error_description) or "no reason given"
        state = str(answer.status.name)
        return state, {
            "scored": state == "COMPLETE",
            "error": error if state == "ERROR" else "",
            "public_score": shown_score(answer.public_score),
            "private_score": shown_score(answer.private_score),
        }

    def submissions(self, slug: str, limit: int = 100) -> list[tuple[int, str]]:
        """Return reference and description of the user's latest submissions, newest first."""
        fields = {"competition_name": slug, "page_size": limit}
        answer = self.ask("competitions", "list_submissions", **fields)
        return [(item.ref, item.description) for item in answer.submissions]
