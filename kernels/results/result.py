"""What a run came to, read from its folder: for the terminal, the history, JSON and the page."""

import math
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from common.audit.findings import NAME as FINDINGS
from common.blending.evaluation import TABLE
from common.errors import UserError
from common.manifest import file_sha256
from common.submission import NAME as SUBMISSION
from kernels.kaggle.states import KernelState
from kernels.plan.find import find_competition
from kernels.plan.request import AUDIT, ENSEMBLE
from kernels.results.blends import TriedBlend, tried_blends
from kernels.results.output import METRICS, KernelOutput, read_facts, read_json, read_output
from kernels.results.scores import (
    Interval,
    Validated,
    as_mapping,
    few_words,
    greater_is_better,
    model_score,
    read_score,
    read_test,
)
from kernels.results.sizes import SizedFile, gather_sizes
from kernels.results.sweep import NAME as SWEEP
from kernels.results.sweep import SweepResult, sweep_of
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
    miniature: bool  # whether its network is a small one that stands for the recipe's
    fold_scores: Mapping[str, Any]  # what it scores in the folds of its own list; empty without


@dataclass(frozen=True, kw_only=True)
class Result(Validated):
    """One run, with the score of its blend; what it did not reach is None. Paths are absolute."""

    run_dir: str
    competition: str
    dry_run: bool
    started: str
    state: str
    data: str  # of a dry run in words; of a real run, a hash of Kaggle's file list
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
    # Public less validation score, where both are of the same file; or test less validation score.
    gap: float | None
    test_score: float | None  # of the blend, where nothing is submitted and test is labelled
    test_interval: Interval | None
    test_n: int | None  # pictures
    test_groups: int | None  # of them, where the interval is of whole ones
    test_metrics: dict[str, Any]  # all that is shown of test; empty without labels
    one_shot: dict[str, Any]  # by kernel what it has written of one-shot trials, if any has tried
    published: dict[str, Any] | None  # what others have reached: ``scores`` by metric, ``source``
    submission: str | None
    predictions: str | None  # the table that takes its place where nothing is submitted
    figures: str | None
    report: str | None
    audit: dict[str, Any] | None  # what its audit found
    warnings: tuple[str, ...] = ()  # of its trainings, each once, and of its intervals
    published_weights: str | None = None  # OWNER/SLUG/versions/N of the data set with its weights
    sweep: SweepResult | None = None  # what it compares, instead of a blend
    sizes: tuple[SizedFile, ...] = ()  # the files of its networks, where they are exported

    @property
    def test(self) -> Validated:
        """The score on test."""
        return Validated(self.test_score, self.test_interval, self.test_n, self.test_groups)

    @property
    def looks(self) -> int:
        """How many blends of this run were measured on test."""
        return sum(one.test_score is not None for one in self.blends)


def read_result(run: Run) -> Result:
    """Read a run's folder, as far as it came; scores are those of its latest submission."""
    sent = next((sent for sent in reversed(run.submissions) if sent.ref), None)
    return result_of(run, sent)


def _gap(
    validation: float | None, test: float | None, sent: Submission, file: Path
) -> float | None:
    """By how much test, or the public score of this very ``file``, is above validation."""
    if sent.public_score is not None and file.is_file() and file_sha256(file) == sent.sha256:
        test = sent.public_score
    return None if test is None or validation is None else round(test - validation, 5)


def result_of(run: Run, sent: Submission | None) -> Result:
    """Read a run's folder with the scores of one submission, or of none."""
    outputs = [read_output(run, name) for name in run.kernels]
    trained = [output for output in outputs if output.trained]
    metrics = read_facts(run.output(ENSEMBLE) / METRICS)
    score, test, sent = read_score(metrics), read_test(metrics), sent or Submission("")
    file = run.output(ENSEMBLE) / SUBMISSION
    sweep = sweep_of(read_json(run.folder / SWEEP))
    known = ("competition", "dry_run", "started", "state", "data", "code", "request")
    return Result(
        run_dir=str(run.folder),
        **{name: getattr(run, name) for name in known},
        members=tuple(_measured(_member(one), metrics) for one in trained if one.blended),
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
        gap=_gap(score.value, test.value, sent, file),
        test_score=test.value,
        test_interval=test.interval,
        test_n=test.n,
        test_groups=test.groups,
        test_metrics=dict(as_mapping(metrics.get("test_metrics"))),
        one_shot={
            o.name: found for o in trained if (found := as_mapping(o.metrics.get("one_shot")))
        },
        published=_published(run.competition),
        submission=_if_there(file),
        predictions=_if_there(run.output(ENSEMBLE) / TABLE),
        figures=_if_there(run.folder / "figures"),
        report=_if_there(run.folder / REPORT),
        audit=read_audit(run),
        warnings=(*dict.fromkeys(w for one in trained for w in one.warnings), *few_words(metrics)),
        published_weights=run.published_weights or None,
        sweep=sweep,
        sizes=tuple(gather_sizes(outputs, sweep)),
    )


def read_history(folder: Path, competition: str = "") -> tuple[list[Result], list[str]]:
    """Read the runs in ``folder`` (or the one that it is), the newest first.

    Those that were refused, or interrupted, before anything was pushed are left out of several.
    Returns also a line for each run that cannot be read.
    """
    one = (folder / STATE).is_file()
    runs, unreadable = ([read_run(folder)], {}) if one else read_runs(folder)
    runs = [run for run in runs if competition in ("", run.competition)]
    results = [read_result(run) for run in runs if one or not run.was_refused]
    return results, [f"{error}: it is left out" for error in unreadable.values()]


def best_first(results: list[Result]) -> list[Result]:
    """Sort by public score, then by validation score, in the direction of their metric.

    Nothing is chosen by the labels of test. Runs without either come last. Scores of two
    competitions cannot be compared: the runs of each stay together, those of the first of
    ``results`` first.
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


def read_audit(run: Run) -> dict[str, Any] | None:
    """Return what a run's audit found; None if it has no audit that is complete.

    That is when the run was ``started`` (UTC), the ``folder`` with the table and the figure, the
    ``warnings``, a line each, and the ``seconds`` from push to end; 0 of one that is used again.
    """
    warnings = read_json(run.output(AUDIT) / FINDINGS).get("warnings")
    known = run.kernel(AUDIT)
    complete = known.state is KernelState.COMPLETE
    if not complete or not isinstance(warnings, list):
        return None
    warnings = [str(warning) for warning in warnings]
    return {
        "started": run.started,
        "folder": str(run.output(AUDIT)),
        "warnings": warnings,
        "seconds": 0.0 if known.reused else known.seconds,
    }


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
        miniature=output.is_miniature,
        fold_scores=as_mapping(output.metrics.get("fold_scores")),
        **vars(output.score),
    )


def _measured(member: Member, metrics: Mapping[str, Any]) -> Member:
    """The member with the interval of the ensemble's draws, where that has measured the same."""
    whole = model_score(metrics, member.name, member)
    return replace(member, interval=whole.interval) if whole.value == member.value else member


def _quota(trained: list[KernelOutput]) -> dict[str, float]:
    spent = dict.fromkeys(QUOTA, 0.0)
    for output in trained:
        if output.accelerator in spent and not output.state.reused:
            spent[output.accelerator] += output.state.seconds / 3600
    return {name: round(hours, 3) for name, hours in spent.items() if hours}


def _published(competition: str) -> dict[str, Any] | None:
    """What the competition's folder says of others, if it is still there."""
    with suppress(UserError):
        published = find_competition(competition).published
        return asdict(published) if published else None
    return None


def _if_there(path: Path) -> str | None:
    return str(path) if path.exists() else None
