"""From a request to a score: the one pipeline, for dry runs and real ones."""

from dataclasses import dataclass, field

from kernels.bundle.build import build_bundles
from kernels.bundle.code import code_state
from kernels.kaggle.client import Kaggle
from kernels.plan.planned import PlannedKernel
from kernels.plan.request import ENSEMBLE, Request, in_short
from kernels.preflight.checklist import hold_checks
from kernels.report import write_report
from kernels.results.result import Result, read_result
from kernels.run.display import LiveDisplay, PlainDisplay
from kernels.run.state import Run, Sent
from kernels.run.submission import Sending, await_score, check_output, count_sent, send_once
from kernels.run.watch import Watch, Watching


@dataclass(frozen=True)
class Manner:
    """How a run is carried out.

    Attributes:
        submit: whether to send the submission.
        again: send another file although the run has sent one.
        message: what stands beside it on Kaggle.
        watching: how the kernels are watched.
        score_limit: seconds to wait for a score.
    """

    submit: bool = True
    again: bool = False
    message: str = ""
    watching: Watching = field(default_factory=Watching)
    score_limit: float = 3600.0


def run_pipeline(
    request: Request,
    kernels: tuple[PlannedKernel, ...],
    manner: Manner,
    kaggle: Kaggle,
    run: Run,
    display: PlainDisplay | LiveDisplay,
) -> Result:
    """Push, watch, blend, check, submit once, and read the result.

    Raises UserError for whatever ends the run early; the run's folder says what was reached.
    """
    competition = request.competition
    run.hold_owner(kaggle.owner)
    bundles = build_bundles(competition, kernels, kaggle.owner, nonce="")
    run.set_code(code_state(competition))
    reuses = not manner.watching.fresh
    hold_checks(kaggle, request, bundles, run, manner.submit, display.say, reuses, manner.again)
    if not run.dry_run:
        run.set_data(kaggle.data_digest(competition.slug))
    Watch(kaggle, run, bundles, display, manner.watching).run()
    sent: Sent | None = None
    if request.models:
        path = check_output(kaggle, competition, run)
        display.say(f"checked {path}")
    if manner.submit and request.models:
        slug = next(b.kernel.slug for b in bundles if b.kernel.name == ENSEMBLE)
        message = manner.message or f"{competition.name} by {in_short(request.members)}"
        sending = Sending(slug, message, manner.again, display.say)
        sent = send_once(kaggle, competition, run, path, sending)
        limit, poll = manner.score_limit, manner.watching.poll
        sent = sent and await_score(kaggle, run, sent, poll, display.say, limit)
    submissions = count_sent(kaggle, competition.slug, run)
    run.set_state("complete")
    return read_result(run, bundles, sent, submissions, write_report(run, bundles, sent))
