"""The real ``kaggle`` client, with its defects handled in this one place.

Handled here: pushes that fail with exit status 0 and sources that are dropped in silence; the
body of a 4xx that hides behind "400 Client Error"; calls without a retry; outputs written
outside their folder; status and outputs of *a version*, which the client's own methods cannot
ask for; and the import itself, which signs in, talks to the network, and prints.
"""

import contextlib
import io
import json
import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import requests

from common.errors import UserError
from kernels.answers import KaggleError, SessionLimitError, ask, one_line, reason
from kernels.paths import inside, unzip

T = TypeVar("T")

RUNNING = ("QUEUED", "RUNNING", "NEW_SCRIPT", "CANCEL_REQUESTED")
_INVALID = ("dataset", "competition", "kernel", "model")
_SIGN_IN = (
    "no Kaggle credentials: put an API token from https://www.kaggle.com/settings into "
    "~/.kaggle/access_token, or set KAGGLE_USERNAME and KAGGLE_KEY"
)


@dataclass(frozen=True)
class Status:
    """A kernel version's state (``QUEUED``, ``RUNNING``, ``COMPLETE``, ``ERROR``, …) and why."""

    state: str
    message: str = ""

    @property
    def running(self) -> bool:
        """Whether it may still change."""
        return self.state in RUNNING


@dataclass(frozen=True)
class Score:
    """A submission as Kaggle sees it; scores are None until there are any."""

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
        self._api = _sign_in(endpoint)
        self.owner = str(self._api.config_values["username"])

    def push(self, folder: Path) -> int:
        """Push a kernel's folder; returns the version that now runs.

        Raises SessionLimitError when it must wait, KaggleError when Kaggle refuses it or drops
        one of its sources.
        """
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            answer = ask(lambda: self._api.kernels_push(str(folder)), tries=1)
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

    def status(self, slug: str, version: int) -> Status:
        """The state of one version of the owner's kernel ``slug``."""
        from kagglesdk.kernels.types.kernels_api_service import ApiGetKernelSessionStatusRequest

        request = ApiGetKernelSessionStatusRequest()
        request.user_name, request.kernel_slug = self.owner, slug
        request.version_label = f"v{version}"
        answer = self._call(
            lambda c: c.kernels.kernels_api_client.get_kernel_session_status(request)
        )
        return Status(answer.status.name, one_line(answer.failure_message or ""))

    def follow_log(self, slug: str) -> Iterator[str]:
        """The lines of the latest version's log as they come, until it ends."""
        rest = ""
        for event in self._api.kernels_logs_stream(f"{self.owner}/{slug}"):
            *lines, rest = (rest + str(event.get("data") or "")).split("\n")
            yield from lines
        if rest:
            yield rest

    def pull(self, slug: str, version: int, folder: Path) -> list[dict[str, Any]]:
        """Download one version's output files into ``folder``; returns its log's events.

        Raises UserError for an output name that points outside the folder.
        """
        from kagglesdk.kernels.types.kernels_api_service import ApiListKernelSessionOutputRequest

        request = ApiListKernelSessionOutputRequest()
        request.user_name, request.kernel_slug = self.owner, slug
        request.version_label, request.page_size = f"v{version}", 200
        log = ""
        while True:
            page = self._call(
                lambda c: c.kernels.kernels_api_client.list_kernel_session_output(request)
            )
            for file in page.files or []:
                _download(file.url, inside(folder, file.file_name))
            log = log or page.log or ""
            if not page.next_page_token:
                return _events(log)
            request.page_token = page.next_page_token

    def competition(self, slug: str) -> Any:
        """Kaggle's own facts of a competition (``ApiCompetition``). KaggleError if unknown."""
        from kagglesdk.competitions.types.competition_api_service import ApiGetCompetitionRequest

        request = ApiGetCompetitionRequest()
        request.competition_name = slug
        return self._call(lambda c: c.competitions.competition_api_client.get_competition(request))

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
        """Send a submission file; returns its reference. Never retried: it may have counted."""
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(io.StringIO()):
            answer = ask(
                lambda: self._api.competition_submit(str(path), message, slug, quiet=True), tries=1
            )
        if not answer.ref:
            said = one_line(f"{answer.message} {printed.getvalue()}")
            raise KaggleError(f"the submission was not taken by {slug}: {said}")
        return int(answer.ref)

    def submit_kernel(self, slug: str, kernel: str, version: int, file: str, message: str) -> int:
        """Submit a kernel's output to a competition that takes nothing else."""
        answer = ask(
            lambda: self._api.competition_submit_code(
                file, message, slug, f"{self.owner}/{kernel}", version, quiet=True
            ),
            tries=1,
        )
        if not answer.ref:
            raise KaggleError(f"the submission was not taken by {slug}: {answer.message}")
        return int(answer.ref)

    def score(self, ref: int) -> Score:
        """The submission with this reference."""
        from kagglesdk.competitions.types.competition_api_service import ApiGetSubmissionRequest

        request = ApiGetSubmissionRequest()
        request.ref = ref
        answer = self._call(lambda c: c.competitions.competition_api_client.get_submission(request))
        return _score(answer)

    def _call(self, call: Callable[[Any], T]) -> T:
        def once() -> T:
            with self._api.build_kaggle_client() as client:
                return call(client)

        return ask(once)


def point_at(endpoint: str) -> None:
    """Make this process's Kaggle client and kagglehub talk to ``endpoint`` and nothing else.

    ``LOCALHOST`` is the one setting that the client honours (``TEST`` still calls the real
    site); it means port 80 unless kagglesdk's table is changed, which is done here.
    """
    os.environ["KAGGLE_API_ENVIRONMENT"] = "LOCALHOST"
    from kagglesdk import kaggle_env

    kaggle_env._env_to_endpoint[kaggle_env.KaggleEnv.LOCAL] = endpoint


def _sign_in(endpoint: str | None) -> Any:
    """The signed-in client. Importing it signs in, so credentials are looked for before."""
    if endpoint:
        point_at(endpoint)
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed), contextlib.redirect_stderr(printed):
        try:
            import kaggle
            from kaggle.api.kaggle_api_extended import KaggleApi

            api = kaggle.api
            if endpoint and "--local" not in KaggleApi.args:
                KaggleApi.args.append("--local")
            if endpoint or not api._authenticated:
                api = KaggleApi()
                api.authenticate()
        except SystemExit:
            raise UserError(_SIGN_IN) from None
        except (OSError, ValueError, requests.RequestException) as error:
            raise UserError(f"cannot sign in to Kaggle: {reason(error)}") from None
    if not (api.config_values.get("username") and _has_secret(api.config_values)):
        raise UserError(_SIGN_IN)
    return api


def _has_secret(values: dict[str, str]) -> bool:
    """Whether there is anything to sign in with; the client takes empty variables for a key."""
    return bool(values.get("key") or values.get("token"))


def _download(url: str, path: Path) -> None:
    """Fetch one file beside its place, then move it there: a broken one never stands."""
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(f"{path.name}.part")

    def fetch() -> None:
        with requests.get(url, stream=True, timeout=60) as response, open(part, "wb") as file:
            response.raise_for_status()
            for block in response.iter_content(1 << 20):
                file.write(block)

    ask(fetch)
    os.replace(part, path)


def _events(log: str) -> list[dict[str, Any]]:
    try:
        events = json.loads(log) if log else []
    except ValueError:
        return [{"stream_name": "stdout", "data": log}]
    return events if isinstance(events, list) else []


def _score(answer: Any) -> Score:
    return Score(
        answer.ref,
        answer.status.name,
        _number(answer.public_score),
        _number(answer.private_score),
        one_line(answer.error_description or ""),
    )


def _number(text: str | None) -> float | None:
    try:
        return float(text) if text else None
    except ValueError:
        return None
