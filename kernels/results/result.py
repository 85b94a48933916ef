"""What a run came to: read from what its kernels left, told as text, JSON and a page."""

import json
import shutil
import textwrap
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from common.files.predictions import NAME as PREDICTIONS
from common.manifest import NAME as MANIFEST
from common.metrics.metric import find_metric
from kernels.bundle.build import Bundle
from kernels.plan.planned import SHARED
from kernels.plan.request import AUDIT, ENSEMBLE
from kernels.results.audit import Audited, read_audit
from kernels.results.joined import joined, with_networks
from kernels.results.scores import (
    NOT_TOLD,
    Interval,
    Score,
    gain_words,
    greater_is_better,
    read_interval,
    read_score,
)
from kernels.run.state import Run, Submission

# What of the ensemble's metrics is told.
BLEND = (
    *("metric", "greater_is_better", "method", "weights"),
    *("validation_score", "interval", "n", "validation_seen", "validation_unseen"),
    *("members", "intervals", "gain", "channels", "folds", "calibration"),
    *("thresholds", "chosen_on"),
    *("validation_accuracy", "validation_balanced_accuracy", "same_pairs"),
)
_WIDTH = 99  # columns
_INDENT = " " * 19


@dataclass(frozen=True)
class MemberResult:
    """One training kernel's score on validation, the accelerator it saw, and its seconds.

    ``interval`` is the score's, 95 %, by bootstrap, and ``n`` its number of pictures; None where a
    kernel wrote none. Where pairs are scored, also the scores on those of seen and of unseen
    classes, as far as there are such.
    """

    name: str
    validation_score: float | None
    accelerator: str
    seconds: float
    validation_seen: float | None = None
    validation_unseen: float | None = None
    interval: Interval | None = None
    n: int | None = None

    @property
    def score(self) -> Score:
        """Its score with interval and number."""
        return Score(self.validation_score, self.interval, self.n)


@dataclass(frozen=True)
class Result:
    """A whole run. Paths are absolute; scores are None where nothing was submitted.

    ``submissions`` is how many this run has sent, as Kaggle counts them. ``blend`` has the metric
    and its direction, method, weights, validation score with ``interval`` and number ``n`` of
    pictures, the score of each of its ``members`` (of pairs, of each of their ``channels``) with
    ``intervals``, what it gains over the best member, and ``chosen_on``; with folds or networks
    the scores of each member's ``folds`` or ``networks`` by kernel, and with ``calibration`` each
    member's temperature. A run that audits alone has no submission and an empty blend; ``audit``
    is what its audit found.
    """

    competition: str
    run_dir: str
    state: str
    submission: str | None
    submission_ref: int | None
    submissions: int
    public_score: float | None
    private_score: float | None
    blend: dict[str, Any]
    members: tuple[MemberResult, ...]
    audit: Audited | None
    figures: str
    report: str


def read_result(
    run: Run, bundles: tuple[Bundle, ...], sent: Submission | None, submissions: int, report: Path
) -> Result:
    """The result of a run whose kernels are complete; gathers their figures."""
    read = {name for b in bundles if b.kernel.name == ENSEMBLE for name in b.kernel.sources}
    trained = [b.kernel.name for b in bundles if b.kernel.name not in (SHARED, AUDIT, ENSEMBLE)]
    names = [name for name in trained if name in read and (run.output(name) / PREDICTIONS).exists()]
    metrics = _json(run.output(ENSEMBLE) / "metrics.json") if names else {}
    members = tuple(_member(run, name) for name in names)
    blend = {key: metrics[key] for key in BLEND if key in metrics}
    return Result(
        competition=run.competition,
        run_dir=str(run.folder),
        state=run.state,
        submission=str(run.output(ENSEMBLE) / "submission.csv") if names else None,
        submission_ref=sent.ref if sent else None,
        submissions=submissions,
        public_score=sent.public_score if sent else None,
        private_score=sent.private_score if sent else None,
        blend=with_networks(blend, {member.name: member.validation_score for member in members}),
        members=members,
        audit=read_audit(run),
        figures=str(gather_figures(run, [*trained, AUDIT, ENSEMBLE])),
        report=str(report),
    )


def gather_figures(run: Run, names: list[str]) -> Path:
    """Copy every kernel's figures to ``figures/``, its name before theirs; returns the folder."""
    folder = run.folder / "figures"
    folder.mkdir(exist_ok=True)
    for name in names:
        for figure in sorted(run.output(name).glob("*.png")):
            shutil.copyfile(figure, folder / f"{name}-{figure.name}")
    return folder


def tell(result: Result) -> str:
    """The result for people."""
    blend, together = result.blend, joined(result.blend)
    parts = {name for _, scores in together.values() for name in scores}
    alone = [_line(member, blend) for member in result.members if member.name not in parts]
    lines = ["", *_metric(blend), *alone]
    for name, (kind, scores) in together.items():
        lines += _joined(kind, name, scores, blend, result.members)
    if blend:
        lines += [*_blend(blend), *_comparison(blend)]
    if blend.get("calibration"):
        told = (f"{name} {at['temperature']:.3f}" for name, at in blend["calibration"].items())
        lines.append(f"  {'temperatures':<16} {', '.join(told)}")
    if result.submission_ref:
        public, private = map(_on_kaggle, (result.public_score, result.private_score))
        lines.append(f"  {'score':<16} public {public}   private {private}")
    lines += _warnings(result.audit)
    lines += ["", *([f"  submission  {result.submission}"] if result.submission else [])]
    lines += [f"  figures     {result.figures}", f"  report      {result.report}"]
    return "\n" + "\n".join(lines).lstrip("\n")


def _metric(blend: dict[str, Any]) -> list[str]:
    """What the scores are, and which of two is better."""
    if "metric" not in blend:
        return []
    better = "higher" if greater_is_better(blend) else "lower"
    return [f"  {find_metric(blend['metric']).title}, {better} is better; 95 % in brackets"]


def _on_kaggle(score: float | None) -> str:
    return NOT_TOLD if score is None else f"{score:.5f}"


def _comparison(blend: dict[str, Any]) -> list[str]:
    """Whether the blend beats its best member, and what was chosen on the same pictures."""
    said = list(filter(None, (gain_words(blend), blend.get("chosen_on"))))
    return [
        line
        for words in said
        for line in textwrap.wrap(
            words, _WIDTH, initial_indent=_INDENT, subsequent_indent=_INDENT, break_on_hyphens=False
        )
    ]


def _warnings(audit: Audited | None) -> list[str]:
    if audit is None:
        return []
    found = [f"  warning: {warning}" for warning in audit.warnings]
    return ["", *(found or ["  audit       nothing found"]), f"  audit       {audit.folder}"]


def _blend(blend: dict[str, Any]) -> list[str]:
    """The blend's scores, its weights (on lines of their own where they need them), its pairs."""
    scores = _scores(read_score(blend), blend)
    parts = [f"{name} {weight:.3f}" for name, weight in blend["weights"].items()]
    weights = ", ".join(parts)
    head = f"  {'blend':<16} {scores}"
    line = f"{head}   {blend['method']}: {weights}"
    if len(line) <= _WIDTH:
        return [line, *_pairs(blend)]
    return [head, *_listed([f"{blend['method']}: {parts[0]}", *parts[1:]]), *_pairs(blend)]


def _pairs(blend: dict[str, Any]) -> list[str]:
    """Of how many same pairs the scores are, and how many pairs are told rightly."""
    same = blend.get("same_pairs")
    if not same:
        return []
    right, half = blend["validation_accuracy"], blend["validation_balanced_accuracy"]
    counts = ", ".join(f"{count:,} {part}" for part, count in same.items() if count)
    told = f"accuracy {right:.4f}, of as many same as different pairs {half:.4f}"
    return [f"{'':19}same pairs: {counts}", f"{'':19}{told}"]


def _scores(score: Score, metrics: dict[str, Any]) -> str:
    """``validation 0.7502 (0.743 to 0.757)``, and ``seen`` and ``unseen`` where they are known."""
    parts = {part: metrics.get(f"validation_{part}") for part in ("seen", "unseen")}
    known = [f"{part} {value:.4f}" for part, value in parts.items() if value is not None]
    return "  ".join([f"validation {score}" if score.value is not None else "", *known])


def _listed(entries: list[str]) -> list[str]:
    """Entries in lines below the scores, none of them torn."""
    lines = [[entries[0]]]
    for entry in entries[1:]:
        if sum(len(kept) + 2 for kept in [*lines[-1], entry]) + len(_INDENT) > _WIDTH + 1:
            lines.append([])
        lines[-1].append(entry)
    joined = ",\n".join(", ".join(line) for line in lines)
    return textwrap.indent(joined, _INDENT).split("\n")


def _line(member: MemberResult, blend: dict[str, Any]) -> str:
    """A member's scores; its number of pictures where it is not the blend's."""
    took = f"{member.seconds:6.0f} s on {member.accelerator}"
    score = replace(member.score, n=None if member.n == blend.get("n") else member.n)
    return f"  {member.name:<16} {_scores(score, vars(member))}  {took}"


def _joined(
    kind: str,
    name: str,
    scores: dict[str, float],
    blend: dict[str, Any],
    members: tuple[MemberResult, ...],
) -> list[str]:
    """A model's score with the seconds of all its folds or networks, and each one's own score.

    That of folds is out of fold, that of networks of all of them together.
    """
    parts = [member for member in members if member.name in scores]
    seen = ", ".join(dict.fromkeys(member.accelerator for member in parts))
    channels = blend.get("channels", {}).items()
    first: dict[str, Any] = next((told for key, told in channels if key.startswith(f"{name}/")), {})
    whole = MemberResult(
        *(name, blend["members"][name], seen, sum(member.seconds for member in parts)),
        *(first.get("seen"), first.get("unseen")),
        *(read_interval(blend.get("intervals", {}), name), blend.get("n")),
    )
    own = [str(replace(part.score, value=scores[part.name])) for part in parts]
    return [_line(whole, blend), *_listed([f"{len(own)} {kind}: {own[0]}", *own[1:]])]


def _member(run: Run, name: str) -> MemberResult:
    metrics = _json(run.output(name) / "metrics.json")
    manifest = _json(run.output(name) / MANIFEST)
    score = read_score(metrics)
    return MemberResult(
        name,
        score.value,
        str(manifest.get("accelerator", {}).get("seen", "unknown")),
        run.kernels[name].seconds,
        metrics.get("validation_seen"),
        metrics.get("validation_unseen"),
        score.interval,
        score.n,
    )


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))
