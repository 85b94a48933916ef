"""What a run came to, read from its folder: for the terminal, the history, JSON and the page."""

import math
import shutil
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.audit.findings import NAME as FINDINGS
from common.manifest import file_sha256, write_json
from common.submission import NAME as SUBMISSION
from kernels.kaggle.states import KernelState
from kernels.plan.request import AUDIT, ENSEMBLE
from kernels.results.output import METRICS, KernelOutput, read_facts, read_json, read_output
from kernels.results.scores import Validated, as_mapping, greater_is_better, read_score
from kernels.run.runs import read_runs
from kernels.run.state import STATE, Run, Submission, read_run

QUOTA = ("gpu", "tpu")  # accelerators whose hours Kaggle counts
REPORT = "report.html"


@dataclass(frozen=True, kw_only=True)
class Member(Validated):
    """One training kernel of a run; what it did not reach is None or empty."""

    name: str  # within the run
    validation_seen: float | None  # its score of pairs of seen classes
    validation_unseen: float | None
    accelerator: str  # what it saw
    seconds: float  # from push to end
    reused: str  # the earlier run whose finished version it is
    recipe: Mapping[str, Any]  # what it ran


@dataclass(frozen=True, kw_only=True)
class TriedBlend(Validated):
    """One blend of a run: the ensemble's output is replaced when it blends again."""

    version: int  # of the ensemble's kernel on Kaggle
    method: str  # ``mean``, ``weighted`` or ``greedy``
    calibrated: bool  # whether the members were tempered before
    public_score: float | None  # of its file, if it was sent and Kaggle shows one
    settings: str  # what was asked for besides the defaults: ``epochs=3 seed=7``
    name: str = ""  # ``weighted, calibrated``, and what else it takes to be unlike the others


@dataclass(frozen=True, kw_only=True)
class Result(Validated):
    """One run, with the score of its blend; what it did not reach is None. Paths are absolute."""

    run_dir: str
    competition: str
    dry_run: bool
    started: str
    state: str
    code: dict[str, Any]
    request: dict[str, Any]
    members: tuple[Member, ...]  # the kernels that are blended
    others: tuple[Member, ...]  # the kernels that only other kernels read
    quota_hours: dict[str, float]  # accelerator → hours that this run spent of the week's quota
    # The ensemble's metrics; ``networks`` has the scores of each model's networks by kernel, where
    # it has several, as ``folds`` has them.
    blend: dict[str, Any]
    blends: tuple[TriedBlend, ...]  # those of this run that were tried, the first one first
    metric: str  # the competition's; empty if no kernel wrote it
    greater_is_better: bool
    scored: bool  # whether Kaggle has scored the submission; it may show no score all the same
    public_score: float | None
    private_score: float | None
    submission_ref: int | None
    submissions: int  # how many this run has sent
    gap: float | None  # public less validation score, where both are of the same file
    submission: str | None
    figures: str | None
    report: str | None
    audit: dict[str, Any] | None  # what its audit found
    warnings: tuple[str, ...] = ()  # of its trainings, each once
    published_weights: str | None = None  # OWNER/SLUG/versions/N of the data set with its weights


def read_result(run: Run) -> Result:
    """Read a run's folder, as far as it came; scores are those of its latest submission."""
    sent = next((sent for sent in reversed(run.submissions) if sent.ref), None)
    return result_of(run, sent)


def result_of(run: Run, sent: Submission | None) -> Result:
    """Read a run's folder with the scores of one submission, or of none."""
    outputs = [read_output(run, name) for name in run.kernels]
    trained = [output for output in outputs if output.trained]
    metrics = read_facts(run.output(ENSEMBLE) / METRICS)
    score, sent = read_score(metrics), sent or Submission("")
    file, gap = run.output(ENSEMBLE) / SUBMISSION, None
    if sent.public_score is not None and score.value is not None and file.is_file():
        if file_sha256(file) == sent.sha256:
            gap = round(sent.public_score - score.value, 5)
    known = ("competition", "dry_run", "started", "state", "code", "request")
    return Result(
        run_dir=str(run.folder),
        **{name: getattr(run, name) for name in known},
        members=tuple(_member(output) for output in trained if output.blended),
        others=tuple(_member(output) for output in trained if not output.blended),
        quota_hours=_quota(trained),
        blend={**metrics, **_networks(metrics, trained)},
        blends=tried_blends(run),
        metric=metrics.get("metric", ""),
        greater_is_better=greater_is_better(metrics),
        **vars(score),
        scored=sent.scored or sent.public_score is not None,
        public_score=sent.public_score,
        private_score=sent.private_score,
        submission_ref=sent.ref or None,
        submissions=sum(one.ref > 0 for one in run.submissions),
        gap=gap,
        submission=_if_there(file),
        figures=_if_there(run.folder / "figures"),
        report=_if_there(run.folder / REPORT),
        audit=read_audit(run),
        warnings=tuple(dict.fromkeys(warning for output in trained for warning in output.warnings)),
        published_weights=run.published_weights or None,
    )


def read_history(folder: Path, competition: str = "") -> tuple[list[Result], list[str]]:
    """Read the runs in ``folder`` (or the one that it is), the newest first.

    Returns also a line for each run that cannot be read.
    """
    one = (folder / STATE).is_file()
    runs, unreadable = ([read_run(folder)], {}) if one else read_runs(folder)
    results = [read_result(run) for run in runs if competition in ("", run.competition)]
    return results, [f"{error}: it is left out" for error in unreadable.values()]


def best_first(results: list[Result]) -> list[Result]:
    """Sort by public score, then by validation score, in the direction of their metric.

    Runs without either come last. Scores of two competitions cannot be compared: the runs of each
    stay together, those of the first of ``results`` first.
    """
    places = {name: n for n, name in enumerate(dict.fromkeys(r.competition for r in results))}

    def rank(result: Result) -> tuple[int, float, float]:
        sign = 1 if result.greater_is_better else -1
        scores = (result.public_score, result.validation_score)
        public, validation = (math.inf if s is None else -sign * s for s in scores)
        return places[result.competition], public, validation

    return sorted(results, key=rank)


def gather_figures(run: Run) -> None:
    """Copy every kernel's figures to ``figures/``, its name before theirs."""
    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    for name in run.kernels:
        for figure in sorted(run.output(name).glob("*.png")):
            place = folder / f"{name}-{figure.name}"
            place.unlink(missing_ok=True)  # never through a link
            shutil.copyfile(figure, place)


def keep_blend(run: Run) -> None:
    """Keep the metrics of the blend that the run now has, if any, in ``blends/VERSION.json``."""
    folder, known = run.output(ENSEMBLE), run.kernel(ENSEMBLE)
    metrics, file = read_facts(folder / METRICS), folder / SUBMISSION
    if metrics:
        sha256 = file_sha256(file) if file.is_file() else ""
        (run.folder / "blends").mkdir(exist_ok=True)
        kept = {**metrics, "file": sha256, "settings": asked_for(run.request)}
        write_json(run.folder / "blends" / f"{known.version}.json", kept)


def tried_blends(run: Run) -> tuple[TriedBlend, ...]:
    """Read the blends that were tried, the first one first."""
    public = {sent.sha256: sent.public_score for sent in run.submissions}
    paths = (run.folder / "blends").glob("*.json")
    found = {int(path.stem): read_facts(path) for path in paths if path.stem.isdecimal()}
    tried = [
        TriedBlend(
            version=version,
            method=str(metrics.get("method", "")),
            calibrated=bool(metrics.get("calibration")),
            public_score=public.get(str(metrics.get("file"))),
            settings=str(metrics.get("settings") or ""),
            **vars(read_score(metrics)),
        )
        for version, metrics in sorted(found.items())
    ]
    return tuple(_named(tried))


def asked_for(request: Mapping[str, Any]) -> str:
    """Return in words what was asked for besides the defaults: ``epochs=3 seed=7``."""
    words = [f"{key}={value}" for key, value in as_mapping(request.get("settings")).items()]
    words += [f"seed={request['seed']}"] if request.get("seed") else []
    return " ".join([*words, *["recipe=best"] * (request.get("recipe") == "best")])


def _named(tried: Sequence[TriedBlend]) -> Iterator[TriedBlend]:
    """Name blends by their method; those alike by what was asked for, and then by their version."""
    ways: tuple[Callable[[TriedBlend], str], ...] = (
        lambda one: f"{one.method}{', calibrated' if one.calibrated else ''}",
        lambda one: f"{ways[0](one)}, {one.settings or 'no settings'}",
        lambda one: f"{ways[1](one) if one.settings else ways[0](one)}, version {one.version}",
    )
    counted = [Counter(map(way, tried)) for way in ways]
    for one in tried:
        names = (
            way(one) for way, number in zip(ways, counted, strict=True) if number[way(one)] == 1
        )
        yield replace(one, name=next(names))


def read_audit(run: Run) -> dict[str, Any] | None:
    """Return what a run's audit found; None if it has no audit that is complete.

    That is when the run was ``started`` (UTC), the ``folder`` with the table and the figure, and
    the ``warnings``, a line each.
    """
    warnings = read_json(run.output(AUDIT) / FINDINGS).get("warnings")
    complete = run.kernel(AUDIT).state is KernelState.COMPLETE
    if not complete or not isinstance(warnings, list):
        return None
    warnings = [str(warning) for warning in warnings]
    return {"started": run.started, "folder": str(run.output(AUDIT)), "warnings": warnings}


def _networks(metrics: Mapping[str, Any], trained: list[KernelOutput]) -> dict[str, Any]:
    """``networks`` of the models that the ensemble has joined from several, if any."""
    found: dict[str, dict[str, float | None]] = {}
    for output in trained:
        if output.kind == "network" and output.script in metrics.get("members", {}):
            found.setdefault(output.script, {})[output.name] = output.score.value
    return {"networks": found} if found else {}


def _member(output: KernelOutput) -> Member:
    return Member(
        name=output.name,
        validation_seen=output.number("validation_seen"),
        validation_unseen=output.number("validation_unseen"),
        accelerator=output.accelerator,
        seconds=output.state.seconds,
        reused=output.state.reused,
        recipe=dict(output.facts("recipe")),
        **vars(output.score),
    )


def _quota(trained: list[KernelOutput]) -> dict[str, float]:
    spent = dict.fromkeys(QUOTA, 0.0)
    for output in trained:
        if output.accelerator in spent and not output.state.reused:
            spent[output.accelerator] += output.state.seconds / 3600
    return {name: round(hours, 3) for name, hours in spent.items() if hours}


def _if_there(path: Path) -> str | None:
    return str(path) if path.exists() else None
