"""From a request to a score: the one pipeline, for dry runs and real ones."""

from dataclasses import replace

from kernels.bundle.build import build_bundles
from kernels.bundle.code import code_state
from kernels.kaggle.client import Kaggle
from kernels.kaggle.lookup import dataset_version
from kernels.plan.planned import PlannedKernel
from kernels.plan.request import ENSEMBLE, Request, in_short
from kernels.preflight.checklist import check_run
from kernels.report import write_report
from kernels.results.blends import keep_blend
from kernels.results.result import Result, gather_figures, result_of
from kernels.results.weights_text import weights_text
from kernels.run.display import Display
from kernels.run.publish import Publication, check_target, publish_once
from kernels.run.push import inputs_digest
from kernels.run.state import Run, RunOptions, Submission
from kernels.run.submission import await_score, check_output, send_once
from kernels.run.watch import Watch
from kernels.run.weights import fetch_weights, left_weights


def run_pipeline(
    request: Request,
    kernels: tuple[PlannedKernel, ...],
    options: RunOptions,
    kaggle: Kaggle,
    run: Run,
    display: Display,
) -> Result:
    """Push, watch, blend, check, submit once, and read the result; some submit nothing.

    Raises UserError for whatever ends the run early; the run's folder says what was reached.
    """
    competition = request.competition
    run.require_same("owner", kaggle.owner, "sign in as the same user")
    bundles = build_bundles(competition, kernels, kaggle.owner)
    run.update(code=code_state(bundles[0].parameters.shared_hash))
    if request.weights_source.count("/") == 1 and not (run.dry_run or run.weights_version):
        run.update(weights_version=dataset_version(kaggle, request.weights_source))
    check_run(kaggle, request, bundles, run, options, display.say)
    if not run.dry_run:
        run.update(data=inputs_digest(kaggle, run, competition.slug))
    wanted = options.publish
    ref = "" if wanted is None else check_target(kaggle, wanted, competition.name)
    Watch(kaggle, run, bundles, display, options).run()
    sent: Submission | None = None
    if request.models and competition.submission:
        display.say(f"checked {check_output(kaggle, competition, run)}")
    if options.submit and request.models:
        slug = next(b.kernel.slug for b in bundles if b.kernel.name == ENSEMBLE)
        message = options.message or f"{competition.name} by {in_short(request.members)}"
        options = replace(options, message=message)
        sent = send_once(kaggle, competition, run, slug, options, display.say)
        sent = sent and await_score(kaggle, run, sent, options, display.say)
    keep_blend(run)
    run.update(state="complete")
    gather_figures(run)
    write_report(run, bundles, sent)
    if options.fetch_weights or ref:
        fetch_weights(kaggle, run, bundles, display.say)
    if ref:
        left = left_weights(run, bundles)
        text = weights_text(competition, result_of(run, sent), left, ref)
        publish_once(kaggle, run, Publication.of(ref, left, text), options, display)
        write_report(run, bundles, sent)
    return result_of(run, sent)
