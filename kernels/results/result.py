"""What a run came to, read from its folder: for the terminal, the history, JSON and the page."""

import math
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from common.manifest import file_sha256
from common.submission import NAME as SUBMISSION
from kernels.plan.request import ENSEMBLE
from kernels.results.audit import Audited, read_audit
from kernels.results.blends import TriedBlend, tried_blends
from kernels.results.output import KernelOutput, read_output
from kernels.results.scores import Validated, greater_is_better, read_score
from kernels.run.state import STATE, Run, Submission, all_runs

BLEND = (  # what the result repeats of the ensemble's metrics
    *("metric", "greater_is_better", "method", "weights"),
    *("validation_score", "interval", "n", "validation_seen", "validation_unseen"),
    *("members", "intervals", "gain", "channels", "folds", "calibration"),
    *("thresholds", "chosen_on"),
    *("validation_accuracy", "validation_balanced_accuracy", "same_pairs"),
)
QUOTA = ("gpu", "tpu")  # accelerators whose hours Kaggle counts
REPORT = "report.html"


@dataclass(frozen=True, kw_only=True)
class Member(Validated):
    """One training kernel of a run; what it did not reach is None or empty.

    Attributes:
        name: within the run.
        validation_seen, validation_unseen: its score of pairs of seen and of unseen classes.
        accelerator: what it saw.
        seconds: from push to end.
        reused: the earlier run whose finished version it is.
        recipe: what it ran.
    """

    name: str
    validation_seen: float | None = None
    validation_unseen: float | None = None
    accelerator: str = ""
    seconds: float = 0.0
    reused: str = ""
    recipe: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Result(Validated):
    """One run, with the score of its blend; what it did not reach is None. Paths are absolute.

    Attributes:
        run_dir, competition, dry_run, started, state, code, request: as the run knows them.
        members: the kernels that are blended.
        others: the kernels that only other kernels read.
        quota_hours: accelerator → hours that this run spent of the week's quota.
        blend: of the ensemble's metrics what ``BLEND`` names; with several networks of a model,
            ``networks`` has the scores of each model's networks by kernel, as ``folds`` has them.
        blends: each blend of this run that was tried, the first one first.
        metric, greater_is_better: the competition's; empty and True if no kernel wrote it.
        scored: whether Kaggle has scored the submission; it may show no score all the same.
        public_score, private_score, submission_ref: of the submission.
        submissions: how many this run has sent, as Kaggle counts them.
        gap: public less validation score, where both are of the same file.
        submission, figures, report: paths.
        audit: what its audit found.
    """

    run_dir: str
    competition: str
    dry_run: bool
    started: str
    state: str
    code: dict[str, Any]
    request: dict[str, Any]
    members: tuple[Member, ...]
    others: tuple[Member, ...]
    quota_hours: dict[str, float]
    blend: dict[str, Any]
    blends: tuple[TriedBlend, ...]
    metric: str
    greater_is_better: bool
    scored: bool
    public_score: float | None
    private_score: float | None
    submission_ref: int | None
    submissions: int
    gap: float | None
    submission: str | None
    figures: str | None
    report: str | None
    audit: Audited | None


def read_result(run: Run) -> Result:
    """Read a run's folder, as far as it came; scores are those of its latest submission."""
    sent = next((sent for sent in reversed(run.submissions) if sent.ref), None)
    return result_of(run, sent, sum(sent.ref > 0 for sent in run.submissions))


def result_of(run: Run, sent: Submission | None, submissions: int) -> Result:
    """Read a run's folder with the scores of one submission, or of none."""
    outputs = [read_output(run, name) for name in run.kernels]
    trained = [output for output in outputs if output.trained]
    metrics = read_output(run, ENSEMBLE).metrics
    blend = {key: metrics[key] for key in BLEND if key in metrics}
    score = read_score(metrics)
    public = sent.public_score if sent else None
    file, gap = run.output(ENSEMBLE) / SUBMISSION, None
    if sent and public is not None and score.value is not None and file.is_file():
        same = file_sha256(file) == sent.sha256
        gap = round(public - score.value, 5) if same else None
    known = ("competition", "dry_run", "started", "state", "code", "request")
    return Result(
        run_dir=str(run.folder),
        **{name: getattr(run, name) for name in known},
        members=tuple(_member(output) for output in trained if output.blended),
        others=tuple(_member(output) for output in trained if not output.blended),
        quota_hours=_quota(trained),
        blend={**blend, **_networks(blend, trained)},
        blends=tried_blends(run),
        metric=str(metrics.get("metric", "")),
        greater_is_better=greater_is_better(metrics),
        **vars(score),
        scored=sent is not None and (sent.scored or public is not None),
        public_score=public,
        private_score=sent.private_score if sent else None,
        submission_ref=sent.ref if sent else None,
        submissions=submissions,
        gap=gap,
        submission=_if_there(file),
        figures=_if_there(run.folder / "figures"),
        report=_if_there(run.folder / REPORT),
        audit=read_audit(run),
    )


def read_history(folder: Path, competition: str = "") -> list[Result]:
    """Read the runs in ``folder`` (or the one that it is), the newest first."""
    one = (folder / STATE).is_file()
    runs = all_runs(folder.parent if one else folder)
    if one:
        runs = [run for run in runs if run.folder == folder.resolve()]
    return [read_result(run) for run in runs if competition in ("", run.competition)]


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


def gather_figures(run: Run) -> Path:
    """Copy every kernel's figures to ``figures/``, its name before theirs; return the folder."""
    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    for name in run.kernels:
        for figure in sorted(run.output(name).glob("*.png")):
            shutil.copyfile(figure, folder / f"{name}-{figure.name}")
    return folder


def kernels_together(blend: Mapping[str, Any]) -> dict[str, tuple[str, dict[str, Any]]]:
    """Return model → ``folds`` or ``networks``, and the score of each of its kernels."""
    return {
        model: (kind, kernels)
        for kind in ("folds", "networks")
        for model, kernels in blend.get(kind, {}).items()
    }


def _networks(blend: Mapping[str, Any], trained: list[KernelOutput]) -> dict[str, Any]:
    """``networks`` of the models that the ensemble has joined from several, if any."""
    found: dict[str, dict[str, float | None]] = {}
    for output in trained:
        if output.kind == "network" and output.script in blend.get("members", {}):
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
