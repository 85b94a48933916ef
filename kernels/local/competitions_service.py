"""``competitions.CompetitionApiService``: facts, data files, submissions and their scores."""

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType
from typing import Any, ClassVar

from kagglesdk.common.types.http_redirect import HttpRedirect
from kagglesdk.competitions.types import competition_api_service as api
from kagglesdk.kaggle_object import KaggleObject
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status

from kernels.local.files import archive, find_data_file, find_file, list_files
from kernels.local.hosted import HostedCompetition
from kernels.local.kernels_service import readable_version
from kernels.local.store import Store, ref_number, utc
from kernels.local.submissions import Submissions
from kernels.local.wire import ApiError, Call, Links, fill, paged


@dataclass(frozen=True)
class CompetitionsService:
    """Answers the calls on the hosted competitions, given by their slugs."""

    types: ClassVar[ModuleType] = api
    store: Store
    links: Links
    hosted: Mapping[str, HostedCompetition]
    submissions: Submissions

    def get_competition(self, call: Call, request: Any) -> KaggleObject:
        """The facts of a competition."""
        hosted = self._find(request)
        competition = hosted.competition
        deadline = hosted.deadline or datetime.now(UTC) + timedelta(days=365)
        return fill(
            api.ApiCompetition,
            id=ref_number(competition.slug),
            ref=competition.url,
            url=competition.url,
            title=competition.title,
            evaluation_metric=competition.metric,
            is_kernels_submissions_only=hosted.kernels_only,
            max_daily_submissions=hosted.max_daily_submissions,
            user_has_entered=hosted.entered,
            deadline=utc(deadline.timestamp()),
            submissions_disabled=hosted.submissions_disabled,
        )

    def list_data_files(self, call: Call, request: Any) -> KaggleObject:
        """The data files with their sizes and dates."""
        folder = self._find(request).folder()
        names, token = paged(list_files(folder), request)
        files = [_data_file(folder, name) for name in names]
        return fill(api.ApiListDataFilesResponse, files=files, next_page_token=token)

    def download_data_file(self, call: Call, request: Any) -> HttpRedirect:
        """One data file."""
        path = find_data_file(self._entered(request).folder(), request.file_name)
        if path is None:
            raise ApiError(404, f"{request.competition_name} has no file {request.file_name!r}")
        return self.links.redirect(call, path)

    def download_data_files(self, call: Call, request: Any) -> HttpRedirect:
        """All data files as an archive."""
        target = self.store.root / "archives" / f"{request.competition_name}.zip"
        return self.links.redirect(call, archive(self._entered(request).folder(), target))

    def start_submission_upload(self, call: Call, request: Any) -> KaggleObject:
        """Where to PUT the file of a submission, and the token to submit it with."""
        self._entered(request)
        token = secrets.token_hex(16)
        name = self.store.root / "uploads" / f"{token}.name"
        name.write_text(Path(request.file_name).name, "utf-8")
        url = f"{call.host_url}upload/{token}"
        return fill(api.ApiStartSubmissionUploadResponse, token=token, create_url=url)

    def create_submission(self, call: Call, request: Any) -> KaggleObject:
        """Submit an uploaded file; each upload can be submitted once."""
        hosted, token = self._open(request), request.blob_file_tokens
        if hosted.kernels_only:
            raise _refused("this competition only accepts Submissions from Notebooks.")
        file = find_file(self.store.root / "uploads", token)
        if file is None or not token.isalnum():
            raise _refused("its file was not uploaded.")
        name = file.with_name(f"{token}.name")
        made = self._submit(call, hosted, file, name.read_text("utf-8"), request)
        file.unlink()
        name.unlink()
        return fill(api.ApiCreateSubmissionResponse, **made)

    def create_code_submission(self, call: Call, request: Any) -> KaggleObject:
        """Submit an output file of a kernel's complete version."""
        hosted = self._open(request)
        label = f"v{request.kernel_version}" if request.kernel_version else ""
        ref = f"{request.kernel_owner}/{request.kernel_slug}"
        version = readable_version(self.store, call, ref, label)
        named = f"{version.slug} v{version.number}"
        if version.status is not Status.COMPLETE:
            raise _refused(f"{named} is {version.status.name}.")
        if hosted.kernels_only and version.request.enable_internet:
            raise _refused("your Notebook cannot use internet access.")
        file = find_file(version.working, request.file_name, contained=True)
        if file is None:
            raise _refused(f"{named} has no output file {request.file_name}.")
        made = self._submit(call, hosted, file, request.file_name, request)
        return fill(api.ApiCreateCodeSubmissionResponse, **made)

    def get_submission_limits(self, call: Call, request: Any) -> KaggleObject:
        """Submissions made, and how many more are allowed today."""
        facts = self._find(request)
        today, total = self.submissions.counts(facts.competition.slug, call.user)
        most = 0 if facts.submissions_disabled else facts.max_daily_submissions
        allowed = max(0, most - today)
        return fill(
            api.ApiSubmissionLimits, num_today=today, num_total=total, num_allowed_now=allowed
        )

    def get_submission(self, call: Call, request: Any) -> KaggleObject:
        """One of the caller's submissions."""
        record = self.submissions.find(request.ref)
        known = record and record["user"] == call.user and record["competition"] in self.hosted
        if not record or not known:
            raise ApiError(404, f"Could not find submission {request.ref}")
        return self.submissions.answer(record)

    def list_submissions(self, call: Call, request: Any) -> KaggleObject:
        """The caller's submissions, newest first."""
        slug = self._find(request).competition.slug
        records, token = paged(self.submissions.of(slug, call.user), request)
        found = [self.submissions.answer(record) for record in records]
        return fill(api.ApiListSubmissionsResponse, submissions=found, next_page_token=token)

    def _find(self, request: Any) -> HostedCompetition:
        slug = request.competition_name
        if slug not in self.hosted:
            raise ApiError(404, f"Could not find competition {slug!r}")
        return self.hosted[slug]

    def _entered(self, request: Any) -> HostedCompetition:
        hosted = self._find(request)
        if not hosted.entered:
            raise ApiError(403, f"You must accept the rules of {request.competition_name} first.")
        return hosted

    def _open(self, request: Any) -> HostedCompetition:
        hosted = self._entered(request)
        if hosted.submissions_disabled:
            raise _refused(f"{request.competition_name} takes no submissions.")
        return hosted

    def _submit(
        self, call: Call, hosted: HostedCompetition, file: Path, name: str, request: Any
    ) -> dict[str, Any]:
        """Keep a submission; returns the fields of the answer."""
        competition, most = hosted.competition, hosted.max_daily_submissions
        slug, user = competition.slug, call.user
        with self.store.lock:  # between the count and the new one
            if self.submissions.counts(slug, user)[0] >= most:
                hours = 24 - datetime.now(UTC).hour
                raise _refused(
                    f"Your team has used its daily Submission allowance ({most}) today, "
                    f"please try again tomorrow UTC (in {hours} hours)."
                )
            ref = self.submissions.add(slug, user, file, name, request.submission_description)
        return {"ref": ref, "message": f"Successfully submitted to {competition.title}"}


def _refused(reason: str) -> ApiError:
    return ApiError(400, f"Submission not allowed: {reason}")


def _data_file(folder: Path, name: str) -> api.ApiDataFile:
    facts = (folder / name).stat()
    date = utc(facts.st_mtime)
    return fill(api.ApiDataFile, ref=name, name=name, total_bytes=facts.st_size, creation_date=date)
