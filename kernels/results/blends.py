"""The blends that a run has tried: the ensemble's output is replaced when it blends again.

After each blend its metrics are kept in ``blends/VERSION.json`` of the run's folder.
"""

from dataclasses import dataclass

from common.manifest import file_sha256, write_json
from common.submission import NAME as SUBMISSION
from kernels.plan.request import ENSEMBLE
from kernels.results.output import METRICS, read_json
from kernels.results.scores import Validated, read_score
from kernels.run.state import Run

FOLDER = "blends"


@dataclass(frozen=True, kw_only=True)
class TriedBlend(Validated):
    """One blend of a run.

    Attributes:
        version: of the ensemble's kernel on Kaggle.
        method: ``mean``, ``weighted`` or ``greedy``.
        calibrated: whether the members were tempered before.
        public_score: of its file, if it was sent and Kaggle shows one.
    """

    version: int
    method: str
    calibrated: bool
    public_score: float | None

    @property
    def name(self) -> str:
        """``weighted, calibrated``."""
        return f"{self.method}{', calibrated' if self.calibrated else ''}"


def keep_blend(run: Run) -> None:
    """Keep the metrics of the blend that the run now has, if it has one."""
    folder, known = run.output(ENSEMBLE), run.kernels.get(ENSEMBLE)
    metrics = read_json(folder / METRICS)
    if known is None or not metrics:
        return
    file = folder / SUBMISSION
    sha256 = file_sha256(file) if file.is_file() else ""
    (run.folder / FOLDER).mkdir(exist_ok=True)
    write_json(run.folder / FOLDER / f"{known.version}.json", {**metrics, "file": sha256})


def tried_blends(run: Run) -> tuple[TriedBlend, ...]:
    """Read the blends that were tried, the first one first."""
    paths = (run.folder / FOLDER).glob("*.json")
    public = {sent.sha256: sent.public_score for sent in run.submissions}
    found = []
    for version, path in sorted((int(p.stem), p) for p in paths if p.stem.isdigit()):
        metrics = read_json(path)
        one = TriedBlend(
            version=version,
            method=str(metrics.get("method", "")),
            calibrated=bool(metrics.get("calibration")),
            public_score=public.get(str(metrics.get("file"))),
            **vars(read_score(metrics)),
        )
        found.append(one)
    return tuple(found)
