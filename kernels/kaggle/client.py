"""The real ``kaggle`` client, with its defects handled in this one place.

Handled here: pushes that fail with exit status 0 and sources that are dropped in silence; the
body of a 4xx that hides behind "400 Client Error"; calls without a retry; outputs written
outside their folder; status and outputs of *a version*, which the client's own methods cannot
ask for. The import itself, which signs in, talks to the network and prints, is in ``signin``.
"""

import contextlib
import hashlib
import io
import itertools
import json
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from kernels.kaggle.answers import KaggleError, SessionLimitError, ask, change, one_line
from kernels.kaggle.paths import inside, unzip
from kernels.kaggle.signin import sign_in
from kernels.kaggle.states import KernelState

T = TypeVar("T")

_INVALID = ("dataset", "competition", "kernel", "model")


@dataclass(frozen=True)
class KernelStatus:
    """A kernel version's state, and what Kaggle says of a failure."""

    state: KernelState
    message: str = ""


@dataclass(frozen=True)
class SubmissionScore:
    """A submission as Kaggle sees it.

    Scores are None until there are any; one that is ``COMPLETE`` may still have none, as where
    no row is public.
    """

    ref: int
    state: str
    public: float | None
    private: float | None
    message: str


class Kaggle:
    """A signed-in user's view of Kaggle. ``endpoint`` is a local stand-in's URL, or None.

    Raises UserError when there are no credentials.
    """

    def __init__(self, endpoint: str | None = None):
        self._api = sign_in(endpoint)
        self.owner = str(self._api.config_values["username"])

    def push(self, folder: Path) -> int:
        """Push a kernel's folder; returns the version that now runs.

        Raises SessionLimitError when it must wait, NoAnswerError when it may have happened all
        the same, KaggleError when Kaggle refuses it or drops one of its sources.
        """
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            answer = change(lambda: self._api.kernels_push(str(folder)))
        if answer.error:
            limit = re.search(r"[Mm]aximum .*session count", answer.error)
            kind = SessionLimitError if limit else KaggleError
            raise kind(f"Kaggle refused kernel {folder.name}: {one_line(answer.error)}")
        for what in _INVALID:
            dropped = getattr(answer, f"invalid_{what}_sources")
            if dropped:
                raise KaggleError(
                    f"kernel {folder.name}: Kaggle does not know its {what} sources "
                    f"{', '.join(dropped)}: check the names and that you may see them"
                )
        return int(answer.version_number)

    def status(self, slug: str, version: int) -> KernelStatus:
        """The state of one version of the owner's kernel ``slug``."""
        from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelSessionStatusRequest

        request = ApiGetKernelSessionStatusRequest()
        request.user_name, request.kernel_slug = self.owner, slug
        request.version_label = f"v{version}"
        answer = self.read(
            lambda c: c.kernels.kernels_api_client.get_kernel_session_status(request)
        )
        return KernelStatus(KernelState[answer.status.name], one_line(answer.failure_message or ""))

    def latest_version(self, slug: str) -> int:
        """The number of the latest version of the owner's kernel ``slug``; 0 without any."""
        try:
            kernel = self._kernel(slug)
        except KaggleError as error:
            if error.code in (403, 404):
                return 0
            raise
        return int(kernel.metadata.current_version_number or 0)

    def pushed_text(self, slug: str, version: int) -> str:
        """What was pushed as one version of the owner's kernel ``slug``."""
        return str(self._kernel(slug, f"v{version}").blob.source or "")

    def _kernel(self, slug: str, label: str = "") -> Any:
        from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelRequest

        request = ApiGetKernelRequest()
        request.user_name, request.kernel_slug = self.owner, slug
        if label:
            request.version_label = label
        return self.read(lambda c: c.kernels.kernels_api_client.get_kernel(request))

    def own_kernels(self) -> dict[str, str]:
        """The owner's kernels: slug → when each last ran (UTC)."""
        found: dict[str, str] = {}
        for page in itertools.count(1):
            # A page that brings nothing new is the last.
            listed = ask(partial(self._api.kernels_list, page, 100, mine=True))
            new = {k.slug: str(k.last_run_time)[:19] for k in listed or [] if k.slug not in found}
            if not new:
                return found
            found |= new
        raise AssertionError("unreachable")

    def delete(self, slug: str) -> None:
        """Delete the owner's kernel ``slug`` with all of its versions."""
        with contextlib.redirect_stdout(io.StringIO()):
            change(lambda: self._api.kernels_delete(f"{self.owner}/{slug}", no_confirm=True))

    def follow_log(self, slug: str) -> Iterator[str]:
        """The lines of the latest version's log as they come, until it ends."""
        rest = ""
        for event in self._api.kernels_logs_stream(f"{self.owner}/{slug}"):
            *lines, rest = (rest + str(event.get("data") or "")).split("\n")
            yield from lines
        if rest:
            yield rest

    def outputs(self, slug: str, version: int) -> tuple[dict[str, str], list[dict[str, Any]]]:
        """One version's output files (name → address), and its log's events."""
        from kagglesdk.kernels.types.kernels_api_service import ApiListKernelSessionOutputRequest

        request = ApiListKernelSessionOutputRequest()
        request.user_name, request.kernel_slug = self.owner, slug
        request.version_label, request.page_size = f"v{version}", 200
        files: dict[str, str] = {}
        log = ""
        while True:
            page = self.read(
                lambda c: c.kernels.kernels_api_client.list_kernel_session_output(request)
            )
            files.update((file.file_name, file.url) for file in page.files or [])
            log = log or page.log or ""
            if not page.next_page_token:
                return files, _events(log)
            request.page_token = page.next_page_token

    def competition(self, slug: str) -> Any:
        """Kaggle's own facts of a competition (``ApiCompetition``). KaggleError if unknown."""
        from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

        request = ApiGetCompetitionRequest()
        request.competition_name = slug
        return self.read(lambda c: c.competitions.competition_api_client.get_competition(request))

    def data_digest(self, slug: str) -> str:
        """A hash over a competition's data files: names, sizes, dates of the first 200."""
        from kagglesdk.competitions.types.competition_api_service import ApiListDataFilesRequest

        request = ApiListDataFilesRequest()
        request.competition_name, request.page_size = slug, 200
        page = self.read(lambda c: c.competitions.competition_api_client.list_data_files(request))
        told = [(f.name, f.total_bytes, str(f.creation_date)) for f in page.files or []]
        return hashlib.sha256(repr(sorted(told)).encode()).hexdigest()

    def download_competition_file(self, slug: str, name: str, folder: Path) -> Path:
        """One file of a competition's data, e.g. its sample submission."""
        folder.mkdir(parents=True, exist_ok=True)
        with contextlib.redirect_stdout(io.StringIO()):
            ask(
                lambda: self._api.competition_download_file(
                    slug, name, str(folder), True, quiet=True
                )
            )
        path = inside(folder, name)
        zipped = path.with_name(f"{path.name}.zip")
        if zipped.exists() and not path.exists():
            unzip(zipped, folder)
        if not path.exists():
            raise KaggleError(f"competition {slug}: {name} could not be downloaded to {folder}")
        return path

    def submit_file(self, slug: str, path: Path, message: str) -> int:
        """Send a submission file; returns its reference. Never retried: it may have counted.

        Raises NoAnswerError when it may have been taken all the same.
        """
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            answer = change(
                lambda: self._api.competition_submit(str(path), message, slug, quiet=True)
            )
        if not answer.ref:
            said = one_line(f"{answer.message} {printed.getvalue()}")
            raise KaggleError(f"the submission was not taken by {slug}: {said}")
        return int(answer.ref)

    def submit_kernel(self, slug: str, kernel: str, version: int, file: str, message: str) -> int:
        """Submit a kernel's output to a competition that takes nothing else."""
        answer = change(
            lambda: self._api.competition_submit_code(
                file, message, slug, f"{self.owner}/{kernel}", version, quiet=True
            )
        )
        if not answer.ref:
            raise KaggleError(f"the submission was not taken by {slug}: {answer.message}")
        return int(answer.ref)

    def score(self, ref: int) -> SubmissionScore:
        """The submission with this reference."""
        from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionRequest

        request = ApiGetSubmissionRequest()
        request.ref = ref
        answer = self.read(lambda c: c.competitions.competition_api_client.get_submission(request))
        return _score(answer)

    def submissions(self, slug: str, limit: int = 100) -> list[tuple[int, str]]:
        """Reference and description of the user's latest submissions, newest first."""
        from kagglesdk.competitions.types.competition_api_service import ApiListSubmissionsRequest

        request = ApiListSubmissionsRequest()
        request.competition_name, request.page_size = slug, limit
        answer = self.read(
            lambda c: c.competitions.competition_api_client.list_submissions(request)
        )
        return [(item.ref, item.description or "") for item in answer.submissions or []]

    def read(self, call: Callable[[Any], T]) -> T:
        """Ask kagglesdk's own client something that changes nothing; again when that may help."""

        def once() -> T:
            with self._api.build_kaggle_client() as client:
                return call(client)

        return ask(once)


def _events(log: str) -> list[dict[str, Any]]:
    try:
        events = json.loads(log) if log else []
    except ValueError:
        return [{"stream_name": "stdout", "data": log}]
    return events if isinstance(events, list) else []


def _score(answer: Any) -> SubmissionScore:
    return SubmissionScore(
        answer.ref,
        answer.status.name,
        _number(answer.public_score),
        _number(answer.private_score),
        one_line(answer.error_description or ""),
    )


def _number(text: str | None) -> float | None:
    """A score; None where Kaggle shows none, which it may also write as a word."""
    try:
        number = float(text) if text else math.nan
    except ValueError:
        return None
    return number if math.isfinite(number) else None
