"""``competitions.CompetitionApiService``: facts, data files, submissions and their scores."""

from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from kagglesdk.competitions.services.competition_api_service import CompetitionApiClient
from kagglesdk.kernels.types.kernels_enums import KernelWorkerStatus as Status
from werkzeug.exceptions import abort

from kernels.local.files import find_data_file, find_file, list_files
from kernels.local.hosted import HostedCompetition
from kernels.local.service import Fields, Service, listed_file, paged
from kernels.local.store import utc


class CompetitionsService(Service):
    """Answers the calls on the hosted competitions."""

    client = CompetitionApiClient

    def get_competition(self, request: Any) -> Fields:
        """The facts of a competition."""
        hosted = self._find(request)
        competition = hosted.competition
        deadline = hosted.deadline or datetime.now(UTC) + timedelta(days=365)
        return {
            "ref": competition.url,
            "url": competition.url,
            "title": competition.title,
            "evaluation_metric": competition.metric,
            "is_kernels_submissions_only": hosted.kernels_only,
            "max_daily_submissions": hosted.max_daily_submissions,
            "user_has_entered": hosted.entered,
            "deadline": utc(deadline.timestamp()),
            "submissions_disabled": hosted.closed,
        }

    def list_data_files(self, request: Any) -> Fields:
        """The data files with their sizes and dates."""
        folder = self._find(request).folder()
        return paged("files", list_files(folder), request, partial(listed_file, folder))

    def download_data_file(self, request: Any) -> Fields:
        """One data file."""
        path = find_data_file(self._entered(request).folder(), request.file_name)
        if path is None:
            abort(404, f"{request.competition_name} has no file {request.file_name!r}")
        return {"url": self.link(path)}

    def download_data_files(self, request: Any) -> Fields:
        """All data files as an archive."""
        folder = self._entered(request).folder()
        return self.download(folder, "", Path(f"{request.competition_name}.zip"))

    def start_submission_upload(self, request: Any) -> Fields:
        """Where to PUT the file of a submission, and the token to submit it with."""
        self._entered(request)
        token, url = self.start_upload(request.file_name)
        return {"token": token, "create_url": url}

    def create_submission(self, request: Any) -> Fields:
        """Submit an uploaded file; each upload can be submitted once."""
        hosted, token = self._open(request), request.blob_file_tokens
        if hosted.kernels_only:
            _refuse("this competition only accepts Submissions from Notebooks.")
        file = find_file(self.store.root / "uploads", token)
        if file is None or not token.isalnum():
            _refuse("its file was not uploaded.")
        name = file.with_name(f"{token}.name")
        made = self._submit(hosted, file, name.read_text("utf-8"), request)
        file.unlink()
        name.unlink()
        return made

    def create_code_submission(self, request: Any) -> Fields:
        """Submit an output file of a kernel's complete version."""
        hosted = self._open(request)
        label = f"v{request.kernel_version}" if request.kernel_version else ""
        version = self.version(f"{request.kernel_owner}/{request.kernel_slug}", label)
        named = f"{version.slug} v{version.number}"
        if version.status is not Status.COMPLETE:
            _refuse(f"{named} is {version.status.name}.")
        if hosted.kernels_only and version.request.enable_internet:
            _refuse("your Notebook cannot use internet access.")
        file = find_file(version.working, request.file_name, contained=True)
        if file is None:
            _refuse(f"{named} has no output file {request.file_name}.")
        return self._submit(hosted, file, request.file_name, request)

    def get_submission_limits(self, request: Any) -> Fields:
        """Submissions made, and how many more are allowed today."""
        hosted = self._find(request)
        today, total = self.site.submissions.counts(hosted.competition.slug, self.user)
        most = 0 if hosted.closed else hosted.max_daily_submissions
        return {"num_today": today, "num_total": total, "num_allowed_now": max(0, most - today)}

    def get_submission(self, request: Any) -> Fields:
        """One of the caller's submissions."""
        record = self.site.submissions.find(request.ref)
        known = record and record["user"] == self.user
        if not record or not known or record["competition"] not in self.site.hosted:
            abort(404, f"Could not find submission {request.ref}")
        return self.site.submissions.answer(record)

    def list_submissions(self, request: Any) -> Fields:
        """The caller's submissions, newest first."""
        submissions = self.site.submissions
        records = submissions.of(self._find(request).competition.slug, self.user)
        return paged("submissions", records, request, submissions.answer)

    def _find(self, request: Any) -> HostedCompetition:
        slug = request.competition_name
        if slug not in self.site.hosted:
            abort(404, f"Could not find competition {slug!r}")
        return self.site.hosted[slug]

    def _entered(self, request: Any) -> HostedCompetition:
        hosted = self._find(request)
        if not hosted.entered:
            abort(403, f"You must accept the rules of {request.competition_name} first.")
        return hosted

    def _open(self, request: Any) -> HostedCompetition:
        hosted = self._entered(request)
        if hosted.closed:
            _refuse(f"{request.competition_name} takes no submissions.")
        return hosted

    def _submit(self, hosted: HostedCompetition, file: Path, name: str, request: Any) -> Fields:
        slug, most = hosted.competition.slug, hosted.max_daily_submissions
        submissions, description = self.site.submissions, request.submission_description
        with self.store.lock:  # between the count and the new one
            if submissions.counts(slug, self.user)[0] >= most:
                hours = 24 - datetime.now(UTC).hour
                _refuse(
                    f"Your team has used its daily Submission allowance ({most}) today, "
                    f"please try again tomorrow UTC (in {hours} hours)."
                )
            ref = submissions.add(slug, self.user, file, name, description)
        return {"ref": ref, "message": f"Successfully submitted to {hosted.competition.title}"}


def _refuse(reason: str) -> NoReturn:
    abort(400, f"Submission not allowed: {reason}")
