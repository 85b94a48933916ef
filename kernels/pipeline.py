"""From a request to a score: the one pipeline, for dry runs and real ones."""

from dataclasses import dataclass

from kernels.bundle import build_bundles
from kernels.client import Kaggle
from kernels.display import LiveDisplay, PlainDisplay
from kernels.plan import ENSEMBLE, Request, plan_kernels
from kernels.result import Result, read_result
from kernels.run import Run, Sent
from kernels.submission import await_score, check_output, send_once
from kernels.watch import Watch


@dataclass(frozen=True)
class Manner:
    """How a run is carried out.

    Attributes:
        submit: whether to send the submission.
        message: what stands beside it on Kaggle.
        poll: seconds between looks at Kaggle.
        score_limit: seconds to wait for a score.
    """

    submit: bool = True
    message: str = ""
    poll: float = 15.0
    score_limit: float = 3600.0


def run_pipeline(
    request: Request,
    manner: Manner,
    kaggle: Kaggle,
    run: Run,
    display: PlainDisplay | LiveDisplay,
) -> Result:
    """Push, watch, blend, check, submit once, and read the result.

    Raises UserError for whatever ends the run early; the run's folder says what was reached.
    """
    bundles = build_bundles(request.competition, plan_kernels(request), kaggle.owner, run.nonce)
    Watch(kaggle, run, bundles, display, manner.poll).run()
    path = check_output(kaggle, request.competition, run)
    display.say(f"checked {path}")
    sent: Sent | None = None
    if manner.submit:
        slug = next(b.kernel.slug for b in bundles if b.kernel.name == ENSEMBLE)
        message = manner.message or f"{request.competition.name} run {run.nonce}"
        sent = send_once(kaggle, request.competition, run, path, slug, message, display.say)
        sent = await_score(kaggle, run, sent, manner.poll, display.say, manner.score_limit)
    run.set_state("complete")
    return read_result(run, bundles, sent)
