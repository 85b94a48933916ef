"""What a run came to: read from what its kernels left, told as text, JSON and a page."""

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from common.manifest import NAME as MANIFEST
from kernels.bundle import Bundle
from kernels.plan import ENSEMBLE, SHARED
from kernels.report import write_report
from kernels.run import Run, Sent


@dataclass(frozen=True)
class MemberResult:
    """One training kernel's score on validation, the accelerator it saw, and its seconds."""

    name: str
    validation_score: float
    accelerator: str
    seconds: float


@dataclass(frozen=True)
class Result:
    """A whole run. Paths are absolute; scores are None where nothing was submitted.

    ``submissions`` is how many this run has sent, as Kaggle counts them.
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
    figures: str
    report: str


def read_result(
    run: Run, bundles: tuple[Bundle, ...], sent: Sent | None, submissions: int
) -> Result:
    """The result of a run whose kernels are complete; gathers figures, writes the report."""
    names = [b.kernel.name for b in bundles if b.kernel.name not in (SHARED, ENSEMBLE)]
    metrics = _json(run.output(ENSEMBLE) / "metrics.json")
    return Result(
        competition=run.competition,
        run_dir=str(run.folder),
        state=run.state,
        submission=str(run.output(ENSEMBLE) / "submission.csv"),
        submission_ref=sent.ref if sent else None,
        submissions=submissions,
        public_score=sent.public_score if sent else None,
        private_score=sent.private_score if sent else None,
        blend={key: metrics[key] for key in ("method", "weights", "validation_score")},
        members=tuple(_member(run, name) for name in names),
        figures=str(gather_figures(run, [*names, ENSEMBLE])),
        report=str(write_report(run, bundles, sent)),
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
    lines = [""]
    for member in result.members:
        score = f"{member.validation_score:.5f}"
        lines.append(
            f"  {member.name:<16} validation {score}   {member.seconds:6.0f} s on "
            f"{member.accelerator}"
        )
    blend = result.blend
    weights = ", ".join(f"{name} {weight:.3f}" for name, weight in blend["weights"].items())
    lines.append(
        f"  {'blend':<16} validation {blend['validation_score']:.5f}   {blend['method']}: {weights}"
    )
    if result.public_score is not None:
        private = "" if result.private_score is None else f"   private {result.private_score:.5f}"
        lines.append(f"  {'score':<16} public     {result.public_score:.5f}{private}")
    lines += ["", f"  submission  {result.submission}", f"  figures     {result.figures}"]
    lines.append(f"  report      {result.report}")
    return "\n".join(lines)


def _member(run: Run, name: str) -> MemberResult:
    metrics = _json(run.output(name) / "metrics.json")
    manifest = _json(run.output(name) / MANIFEST)
    return MemberResult(
        name,
        float(metrics["validation_score"]),
        str(manifest.get("accelerator", {}).get("seen", "unknown")),
        run.kernels[name].seconds,
    )


def _json(path: Path) -> dict[str, Any]:
    return dict(json.loads(path.read_text("utf-8")))
