"""The history of runs: read from their folders, which are the only truth."""

import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.manifest import NAME as MANIFEST
from common.manifest import file_sha256
from common.submission import NAME as SUBMISSION
from kernels.plan.planned import SHARED
from kernels.plan.request import AUDIT, ENSEMBLE
from kernels.results.joined import with_networks
from kernels.results.scores import Interval, Score, greater_is_better, read_score
from kernels.run.state import STATE, Run, all_runs

_BLEND = (
    *("method", "weights", "members", "intervals", "gain", "folds", "calibration"),
    *("thresholds", "chosen_on"),
)
QUOTA = ("gpu", "tpu")  # accelerators whose hours Kaggle counts


@dataclass(frozen=True)
class MemberEntry:
    """One training kernel of a run; what it did not reach is None or empty.

    ``interval`` is that of its score, 95 %, by bootstrap, ``n`` the number of pictures.
    """

    name: str
    validation_score: float | None
    accelerator: str
    seconds: float
    reused: str
    recipe: dict[str, Any]
    interval: Interval | None = None
    n: int | None = None

    @property
    def score(self) -> Score:
        """Its score with interval and number."""
        return Score(self.validation_score, self.interval, self.n)


@dataclass(frozen=True)
class Entry:
    """One run; what it did not reach is None.

    Attributes:
        run_dir: its folder.
        competition: its name on the command line.
        dry_run: whether its Kaggle was the local one.
        started: UTC.
        state: ``running``, ``complete``, ``failed`` or ``interrupted``.
        code: hash of the shared code, git commit, and whether there were changes.
        request: what was asked for: settings, seed, blend, …
        members: its training kernels.
        quota_hours: accelerator → hours that this run spent of the week's quota.
        blend: ``method`` and ``weights``, the score of each of its ``members`` with ``intervals``,
            the ``gain`` over the best one, of those with folds or networks each one's (``folds``,
            ``networks``), each member's temperature (``calibration``), ``thresholds``, and what was
            ``chosen_on`` validation.
        metric: the competition's; empty where no kernel wrote it.
        greater_is_better: its direction; True where no kernel wrote it.
        validation_score, interval, n: of the blend, as of members.
        scored: whether Kaggle has scored the latest submission, and may show no score all the same.
        public_score, private_score: of the latest submission.
        submission_ref: Kaggle's reference of it.
        gap: public less validation score, where both are of the same file.
    """

    run_dir: str
    competition: str
    dry_run: bool
    started: str
    state: str
    code: dict[str, Any]
    request: dict[str, Any]
    members: tuple[MemberEntry, ...]
    quota_hours: dict[str, float]
    blend: dict[str, Any]
    metric: str
    greater_is_better: bool
    validation_score: float | None
    interval: Interval | None
    n: int | None
    scored: bool
    public_score: float | None
    private_score: float | None
    submission_ref: int | None
    gap: float | None

    @property
    def score(self) -> Score:
        """The blend's score with interval and number."""
        return Score(self.validation_score, self.interval, self.n)


def read_history(folder: Path, competition: str = "") -> list[Entry]:
    """The runs in ``folder`` (or the one that it is), the newest first."""
    runs = all_runs(folder.parent) if (folder / STATE).is_file() else all_runs(folder)
    if (folder / STATE).is_file():
        runs = [run for run in runs if run.folder == folder.resolve()]
    return [read_entry(run) for run in runs if competition in ("", run.competition)]


def best_first(entries: list[Entry]) -> list[Entry]:
    """By public score, then by validation score, as their metric is better.

    Runs without either come last. Scores of two competitions cannot be compared: each one's runs
    stand together, those of the first of ``entries`` first.
    """
    places: dict[str, int] = {}
    for entry in entries:
        places.setdefault(entry.competition, len(places))

    def rank(entry: Entry) -> tuple[int, float, float]:
        sign = 1 if entry.greater_is_better else -1
        scores = (entry.public_score, entry.validation_score)
        public, validation = (math.inf if s is None else -sign * s for s in scores)
        return places[entry.competition], public, validation

    return sorted(entries, key=rank)


def read_entry(run: Run) -> Entry:
    """What stands in a run's folder, as far as it came."""
    metrics = _json(run.output(ENSEMBLE) / "metrics.json")
    others = (SHARED, AUDIT, ENSEMBLE)
    members = tuple(_member(run, name) for name in run.kernels if name not in others)
    sent = next((sent for sent in reversed(run.submissions) if sent.ref), None)
    scores = {member.name: member.validation_score for member in members}
    blend = {key: metrics[key] for key in _BLEND if key in metrics}
    score = read_score(metrics)
    public = sent.public_score if sent else None
    file = run.output(ENSEMBLE) / SUBMISSION
    same = sent is not None and file.is_file() and file_sha256(file) == sent.sha256
    return Entry(
        run_dir=str(run.folder),
        competition=run.competition,
        dry_run=run.dry_run,
        started=run.started,
        state=run.state,
        code=run.code,
        request=run.request,
        members=members,
        quota_hours=_quota(members),
        blend=with_networks(blend, scores),
        metric=str(metrics.get("metric", "")),
        greater_is_better=greater_is_better(metrics),
        validation_score=score.value,
        interval=score.interval,
        n=score.n,
        scored=sent is not None and (sent.scored or public is not None),
        public_score=public,
        private_score=sent.private_score if sent else None,
        submission_ref=sent.ref if sent else None,
        gap=_gap(public, score.value) if same else None,
    )


def _gap(public: float | None, validation: float | None) -> float | None:
    return None if public is None or validation is None else round(public - validation, 5)


def _member(run: Run, name: str) -> MemberEntry:
    known = run.kernels[name]
    manifest = _json(run.output(name) / MANIFEST)
    score = read_score(_json(run.output(name) / "metrics.json"))
    return MemberEntry(
        name=name,
        validation_score=score.value,
        accelerator=str(manifest.get("accelerator", {}).get("seen", "")),
        seconds=known.seconds,
        reused=known.reused,
        recipe=dict(manifest.get("recipe", {})),
        interval=score.interval,
        n=score.n,
    )


def _quota(members: tuple[MemberEntry, ...]) -> dict[str, float]:
    spent = dict.fromkeys(QUOTA, 0.0)
    for member in members:
        if member.accelerator in spent and not member.reused:
            spent[member.accelerator] += member.seconds / 3600
    return {name: round(hours, 3) for name, hours in spent.items() if hours}


def _json(path: Path) -> dict[str, Any]:
    """A kernel's own JSON file; empty where it did not come so far."""
    try:
        return dict(json.loads(path.read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return {}
