"""Submissions on disk: ``<ref>.json`` and the submitted file, scored when first asked for."""

import json
import shutil
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kagglesdk.competitions.types.competition_api_service import ApiSubmission
from kagglesdk.competitions.types.submission_status import SubmissionStatus

from common.manifest import write_json
from kernels.local.hosted import HostedCompetition
from kernels.local.scoring import Verdict, score
from kernels.local.store import utc
from kernels.local.wire import fill


class Submissions:
    """The submissions of all competitions; numbers go up and are never used again."""

    def __init__(self, folder: Path, hosted: Mapping[str, HostedCompetition]):
        self._folder = folder
        self._hosted = hosted
        self._lock = threading.RLock()

    def add(self, slug: str, user: str, file: Path, name: str, description: str) -> int:
        """Keep a copy of ``file`` as a pending submission, and return its number."""
        with self._lock:
            ref = max((record["ref"] for record in self._records()), default=0) + 1
            shutil.copyfile(file, self._folder / f"{ref}.submitted")
            self._write(
                {
                    "ref": ref,
                    "competition": slug,
                    "user": user,
                    "file": name,
                    "description": description,
                    "date": time.time(),
                    "status": "PENDING",
                }
            )
        return ref

    def find(self, ref: int) -> dict[str, Any] | None:
        """The record of submission ``ref``."""
        path = self._folder / f"{ref}.json"
        record: dict[str, Any] | None = json.loads(path.read_text()) if path.is_file() else None
        return record

    def fail(self, ref: int, message: str) -> None:
        """Have submission ``ref`` end in ERROR with ``message`` instead of being scored."""
        with self._lock:
            record = self.find(ref)
            if record is not None:
                self._write({**record, "fails": message})

    def of(self, slug: str, user: str) -> list[dict[str, Any]]:
        """A user's submissions to a competition, newest first."""
        records = sorted(self._records(), key=lambda record: -record["ref"])
        return [r for r in records if r["competition"] == slug and r["user"] == user]

    def counts(self, slug: str, user: str) -> tuple[int, int]:
        """Submissions of this UTC day, and of all days; those that failed do not count."""
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        counted = [r for r in self.of(slug, user) if r["status"] != "ERROR"]
        today = [r for r in counted if r["date"] >= midnight.timestamp()]
        return len(today), len(counted)

    def answer(self, record: dict[str, Any]) -> ApiSubmission:
        """What Kaggle says of a submission.

        A pending one is scored after its answer is made: as on Kaggle, whoever asks must be
        ready to ask again.
        """
        answer = fill(
            ApiSubmission,
            ref=record["ref"],
            date=utc(record["date"]),
            description=record["description"],
            file_name=record["file"],
            status=SubmissionStatus[record["status"]],
            public_score=record.get("public_score"),
            private_score=record.get("private_score"),
            error_description=record.get("error"),
        )
        if answer.status is SubmissionStatus.PENDING:
            self._score(record)
        return answer

    def _score(self, record: dict[str, Any]) -> None:
        hosted, fails = self._hosted[record["competition"]], record.get("fails")
        path = self._folder / f"{record['ref']}.submitted"
        result = (
            Verdict(error=fails) if fails else score(hosted.competition, hosted.answers(), path)
        )
        outcome: dict[str, str] = {"status": "COMPLETE"}
        if result.error:
            outcome = {"status": "ERROR", "error": result.error}
        for name, value in (("public_score", result.public), ("private_score", result.private)):
            if value is not None:
                outcome[name] = f"{value:.5f}"
        with self._lock:
            self._write({**record, **outcome})

    def _write(self, record: dict[str, Any]) -> None:
        write_json(self._folder / f"{record['ref']}.json", record)

    def _records(self) -> list[dict[str, Any]]:
        return [json.loads(path.read_text("utf-8")) for path in self._folder.glob("*.json")]
