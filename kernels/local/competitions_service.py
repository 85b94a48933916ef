"""``competitions.CompetitionApiService``: facts, data files, submissions and their scores."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.competitions.types import competition_api_service as api
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status

from common.competition import Competition
from kernels.local.files import archive, find_data_file, find_file, list_files
from kernels.local.kernels_service import KernelsService
from kernels.local.store import Store, kernel_id, utc
from kernels.local.submissions import Submissions
from kernels.local.wire import ApiError, Call, Links, Method, paged


@dataclass(frozen=True)
class HostedCompetition:
    """A competition that the local Kaggle holds.

    Attributes:
        competition: its facts.
        data: a folder in the competition's layout: what kernels find mounted.
        solution: a csv with a submission's columns and ``Usage``: hidden labels, outside ``data``.
        kernels_only: takes no files, only the output of a kernel.
        max_daily_submissions: a UTC day.
        entered: whether the user has accepted the rules.
        deadline: with a time zone; as on Kaggle, late submissions are scored. None: a year from
            now.
        submissions_disabled: takes no submissions at all.
    """

    competition: Competition
    data: Path
    solution: Path
    kernels_only: bool = False
    max_daily_submissions: int = 5
    entered: bool = True
    deadline: datetime | None = None
    submissions_disabled: bool = False


class CompetitionsService:
    """Answers the calls on the hosted competitions, given by their slugs."""

    name = "competitions.CompetitionApiService"

    def __init__(
        self,
        hosted: Mapping[str, HostedCompetition],
        store: Store,
        links: Links,
        kernels: KernelsService,
        submissions: Submissions,
    ):
        self._hosted = hosted
        self._store = store
        self._links = links
        self._kernels = kernels
        self._submissions = submissions

    def methods(self) -> dict[str, Method]:
        """Method name → request type and handler."""
        return {
            "GetCompetition": (api.ApiGetCompetitionRequest, self.get_competition),
            "ListDataFiles": (api.ApiListDataFilesRequest, self.list_data_files),
            "DownloadDataFile": (api.ApiDownloadDataFileRequest, self.download_file),
            "DownloadDataFiles": (api.ApiDownloadDataFilesRequest, self.download_files),
            "StartSubmissionUpload": (api.ApiStartSubmissionUploadRequest, self.start_upload),
            "CreateSubmission": (api.ApiCreateSubmissionRequest, self.submit_file),
            "CreateCodeSubmission": (api.ApiCreateCodeSubmissionRequest, self.submit_output),
            "GetSubmissionLimits": (api.ApiGetSubmissionLimitsRequest, self.get_limits),
            "GetSubmission": (api.ApiGetSubmissionRequest, self.get_submission),
            "ListSubmissions": (api.ApiListSubmissionsRequest, self.list_submissions),
        }

    def get_competition(
        self, call: Call, request: api.ApiGetCompetitionRequest
    ) -> api.ApiCompetition:
        """The facts of a competition."""
        hosted = self._find(request.competition_name)
        facts = hosted.competition
        answer = api.ApiCompetition()
        answer.id = kernel_id(facts.slug)
        answer.ref = answer.url = facts.url
        answer.title = facts.title
        answer.evaluation_metric = facts.metric
        answer.is_kernels_submissions_only = hosted.kernels_only
        answer.max_daily_submissions = hosted.max_daily_submissions
        answer.user_has_entered = hosted.entered
        deadline = hosted.deadline or datetime.now(UTC) + timedelta(days=365)
        answer.deadline = utc(deadline.timestamp())
        answer.submissions_disabled = hosted.submissions_disabled
        return answer

    def list_data_files(
        self, call: Call, request: api.ApiListDataFilesRequest
    ) -> api.ApiListDataFilesResponse:
        """The data files with their sizes and dates."""
        folder = self._find(request.competition_name).data
        names, token = paged(list_files(folder), request)
        answer = api.ApiListDataFilesResponse()
        answer.files = [_data_file(folder, name) for name in names]
        answer.next_page_token = token
        return answer

    def download_file(self, call: Call, request: api.ApiDownloadDataFileRequest) -> HttpRedirect:
        """One data file."""
        path = find_data_file(self._entered(request.competition_name).data, request.file_name)
        if path is None:
            raise ApiError(404, f"{request.competition_name} has no file {request.file_name!r}")
        return self._links.redirect(call, path)

    def download_files(self, call: Call, request: api.ApiDownloadDataFilesRequest) -> HttpRedirect:
        """All data files as an archive."""
        slug = request.competition_name
        folder = self._entered(slug).data
        target = self._store.root / "archives" / f"{slug}.zip"
        return self._links.redirect(call, archive(folder, target))

    def start_upload(
        self, call: Call, request: api.ApiStartSubmissionUploadRequest
    ) -> api.ApiStartSubmissionUploadResponse:
        """Where to PUT the file of a submission, and the token to submit it with."""
        self._entered(request.competition_name)
        answer = api.ApiStartSubmissionUploadResponse()
        answer.token = secrets.token_hex(16)
        answer.create_url = f"{call.host_url}upload/{answer.token}"
        uploads = self._store.root / "uploads"
        (uploads / f"{answer.token}.name").write_text(Path(request.file_name).name, "utf-8")
        return answer

    def submit_file(
        self, call: Call, request: api.ApiCreateSubmissionRequest
    ) -> api.ApiCreateSubmissionResponse:
        """Submit an uploaded file; each upload can be submitted once."""
        hosted = self._open(request.competition_name)
        if hosted.kernels_only:
            raise ApiError(
                400,
                "Submission not allowed: this competition only accepts Submissions from Notebooks.",
            )
        token = request.blob_file_tokens
        file = find_file(self._store.root / "uploads", token)
        if file is None or not token.isalnum():
            raise ApiError(400, "Submission not allowed: its file was not uploaded.")
        name = file.with_name(f"{token}.name")
        description = request.submission_description
        answer = api.ApiCreateSubmissionResponse()
        answer.ref = self._submit(call, hosted, file, name.read_text("utf-8"), description)
        answer.message = f"Successfully submitted to {hosted.competition.title}"
        file.unlink()
        name.unlink()
        return answer

    def submit_output(
        self, call: Call, request: api.ApiCreateCodeSubmissionRequest
    ) -> api.ApiCreateCodeSubmissionResponse:
        """Submit an output file of a kernel's complete version."""
        hosted = self._open(request.competition_name)
        label = f"v{request.kernel_version}" if request.kernel_version else ""
        owner, slug, name = request.kernel_owner, request.kernel_slug, request.file_name
        version = self._kernels.find_version(call, owner, slug, label)
        if version.status is not Status.COMPLETE:
            state = version.status.name
            raise ApiError(400, f"Submission not allowed: {slug} v{version.number} is {state}.")
        if hosted.kernels_only and version.request.enable_internet:
            raise ApiError(400, "Submission not allowed: your Notebook cannot use internet access.")
        file = find_file(version.working, name, contained=True)
        if file is None:
            raise ApiError(
                400, f"Submission not allowed: {slug} v{version.number} has no output file {name}."
            )
        answer = api.ApiCreateCodeSubmissionResponse()
        answer.ref = self._submit(call, hosted, file, name, request.submission_description)
        answer.message = f"Successfully submitted to {hosted.competition.title}"
        return answer

    def get_limits(
        self, call: Call, request: api.ApiGetSubmissionLimitsRequest
    ) -> api.ApiSubmissionLimits:
        """Submissions made, and how many more are allowed today."""
        hosted = self._find(request.competition_name)
        answer = api.ApiSubmissionLimits()
        counts = self._submissions.counts(hosted.competition.slug, call.user)
        answer.num_today, answer.num_total = counts
        most = 0 if hosted.submissions_disabled else hosted.max_daily_submissions
        answer.num_allowed_now = max(0, most - counts[0])
        return answer

    def get_submission(self, call: Call, request: api.ApiGetSubmissionRequest) -> api.ApiSubmission:
        """One of the caller's submissions."""
        record = self._submissions.find(request.ref)
        if record is None or record["user"] != call.user:
            raise ApiError(404, f"Could not find submission {request.ref}")
        self._find(record["competition"])
        return self._submissions.answer(record)

    def list_submissions(
        self, call: Call, request: api.ApiListSubmissionsRequest
    ) -> api.ApiListSubmissionsResponse:
        """The caller's submissions, newest first."""
        hosted = self._find(request.competition_name)
        mine = self._submissions.of(hosted.competition.slug, call.user)
        answer = api.ApiListSubmissionsResponse()
        records, answer.next_page_token = paged(mine, request)
        answer.submissions = [self._submissions.answer(record) for record in records]
        return answer

    def _find(self, slug: str) -> HostedCompetition:
        if slug not in self._hosted:
            raise ApiError(404, f"Could not find competition {slug!r}")
        return self._hosted[slug]

    def _entered(self, slug: str) -> HostedCompetition:
        hosted = self._find(slug)
        if not hosted.entered:
            raise ApiError(403, f"You must accept the rules of {slug} first.")
        return hosted

    def _open(self, slug: str) -> HostedCompetition:
        hosted = self._entered(slug)
        if hosted.submissions_disabled:
            raise ApiError(400, f"Submission not allowed: {slug} takes no submissions.")
        return hosted

    def _submit(
        self, call: Call, hosted: HostedCompetition, file: Path, name: str, description: str
    ) -> int:
        slug, most = hosted.competition.slug, hosted.max_daily_submissions
        with self._store.lock:  # between the count and the new one
            if self._submissions.counts(slug, call.user)[0] >= most:
                hours = 24 - datetime.now(UTC).hour
                raise ApiError(
                    400,
                    "Submission not allowed: Your team has used its daily Submission allowance "
                    f"({most}) today, please try again tomorrow UTC (in {hours} hours).",
                )
            return self._submissions.add(slug, call.user, file, name, description)


def _data_file(folder: Path, name: str) -> api.ApiDataFile:
    facts = (folder / name).stat()
    file = api.ApiDataFile()
    file.ref = file.name = name
    file.total_bytes = facts.st_size
    file.creation_date = utc(facts.st_mtime)
    return file
