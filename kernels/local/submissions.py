"""Submissions on disk: ``<ref>.json`` and the submitted file, scored when first asked for."""

import json
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from kagglesdk.competitions.types.submission_status import SubmissionStatus

from common.clock import now
from common.manifest import write_json
from kernels.local.hosted import HostedCompetition
from kernels.local.scoring import Verdict, score
from kernels.local.store import Store, utc

# Fields of a record that an answer has under the same name.
_ANSWERED = ("ref", "description", "public_score", "private_score")


class Submissions:
    """The submissions of all competitions; numbers go up and are never used again."""

    def __init__(self, store: Store, hosted: Mapping[str, HostedCompetition]):
        self._folder = store.root / "submissions"
        self._lock = store.lock
        self._hosted = hosted

    def add(self, slug: str, user: str, file: Path, name: str, description: str) -> int:
        """Keep a copy of ``file`` as a pending submission, and return its number."""
        with self._lock:
            ref: int = max((record["ref"] for record in self._records()), default=0) + 1
            shutil.copyfile(file, self._folder / f"{ref}.submitted")
            record = {"ref": ref, "competition": slug, "user": user, "file": name}
            record |= {"description": description, "date": now(), "status": "PENDING"}
            self._write(record)
        return ref

    def find(self, ref: int) -> dict[str, Any] | None:
        """The record of submission ``ref``."""
        return next((record for record in self._records() if record["ref"] == ref), None)

    def fail(self, ref: int, message: str) -> None:
        """Have submission ``ref`` end in ERROR with ``message`` instead of being scored."""
        with self._lock:
            if record := self.find(ref):
                self._write({**record, "fails": message})

    def of(self, slug: str, user: str) -> list[dict[str, Any]]:
        """A user's submissions to a competition, newest first."""
        found = [r for r in self._records() if (r["competition"], r["user"]) == (slug, user)]
        return sorted(found, key=lambda record: -record["ref"])

    def counts(self, slug: str, user: str) -> tuple[int, int]:
        """Submissions of this UTC day, and of all days; those that failed do not count."""
        midnight = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
        dates = [r["date"] for r in self.of(slug, user) if r["status"] != "ERROR"]
        return sum(date >= midnight.timestamp() for date in dates), len(dates)

    def answer(self, record: dict[str, Any]) -> dict[str, Any]:
        """The fields of what Kaggle says of a submission.

        A pending one is scored after its answer is made: as on Kaggle, whoever asks must be
        ready to ask again.
        """
        answer = {name: record.get(name) for name in _ANSWERED}
        status = SubmissionStatus[record["status"]]
        if status is SubmissionStatus.PENDING:
            self._score(record)
        answer |= {"file_name": record["file"], "error_description": record.get("error")}
        return {**answer, "status": status, "date": utc(record["date"])}

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
