"""From a request to a score: the one pipeline, for dry runs and real ones."""

from dataclasses import replace

from common.manifest import NAME as MANIFEST
from kernels.bundle.build import Bundle, build_bundles
from kernels.bundle.code import code_state
from kernels.kaggle.client import Kaggle
from kernels.kaggle.lookup import dataset_version
from kernels.kaggle.states import KernelState
from kernels.plan.planned import PlannedKernel
from kernels.plan.request import ENSEMBLE, Request, in_short
from kernels.preflight.checklist import check_run
from kernels.report import write_report
from kernels.results.blends import keep_blend
from kernels.results.output import read_output
from kernels.results.result import Result, gather_figures, result_of
from kernels.results.sizes import gather_sizes, write_sizes
from kernels.results.sweep import SweepResult
from kernels.results.sweep_figure import draw_sweep
from kernels.results.sweep_gather import gather_sweep
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
    run.require_owner(kaggle.owner)
    bundles = build_bundles(request.competition, kernels, kaggle.owner)
    name, wanted = request.competition.name, options.publish
    ref = "" if wanted is None else check_target(kaggle, wanted, name)
    weights = options.fetch_weights or bool(ref)
    if weights and _is_finished(run, bundles, options):
        display.say("the run is finished: nothing is run or sent again for its weights")
        sent = next((one for one in reversed(run.submissions) if one.scored), None)
    else:
        sent = _train_and_submit(request, bundles, options, kaggle, run, display)
    if weights:
        fetch_weights(kaggle, run, bundles, display.say)
    if ref:
        left = left_weights(run, bundles)
        text = weights_text(request.competition, result_of(run, sent), left, ref)
        publish_once(kaggle, run, Publication.of(ref, left, text), options, display)
        write_report(run, bundles, sent)
    if run.state == "running":  # it was finished before
        run.update(state="complete")
    return result_of(run, sent)


def _is_finished(run: Run, bundles: tuple[Bundle, ...], options: RunOptions) -> bool:
    """Return whether this very request was carried out, whatever has changed in the code since."""
    if not options.same or options.rerun or options.submit_again:
        return False
    names = [bundle.kernel.name for bundle in bundles]
    complete = all(run.kernel(name).state is KernelState.COMPLETE for name in names)
    here = all((run.output(name) / MANIFEST).is_file() for name in names)
    return complete and here and (not options.submit or any(s.scored for s in run.submissions))


def _train_and_submit(
    request: Request,
    bundles: tuple[Bundle, ...],
    options: RunOptions,
    kaggle: Kaggle,
    run: Run,
    display: Display,
) -> Submission | None:
    """All up to the report, also where a cell of a sweep failed; return the submission, if any."""
    competition = request.competition
    run.update(code=code_state(bundles[0].parameters.shared_hash))
    if request.weights_source.count("/") == 1 and not (run.dry_run or run.weights_version):
        run.update(weights_version=dataset_version(kaggle, request.weights_source))
    check_run(kaggle, request, bundles, run, options, display.say)
    if not run.dry_run:
        run.update(data=inputs_digest(kaggle, run, competition.slug))
    failed = Watch(kaggle, run, bundles, display, options).run()
    sent: Submission | None = None
    sweep: SweepResult | None = None
    if request.sweep:
        kernels = [bundle.kernel for bundle in bundles]
        sweep = gather_sweep(run, competition, request.sweep, kernels, failed)
    if request.submits:
        display.say(f"checked {check_output(kaggle, competition, run)}")
    if options.submit and request.blends:
        slug = next(b.kernel.slug for b in bundles if b.kernel.name == ENSEMBLE)
        message = options.message or f"{competition.name} by {in_short(request.members)}"
        options = replace(options, message=message)
        sent = send_once(kaggle, competition, run, slug, options, display.say)
        sent = sent and await_score(kaggle, run, sent, options, display.say)
    keep_blend(run)
    run.update(state="failed" if sweep and sweep.failed else "complete")
    gather_figures(run)
    if sweep:
        draw_sweep(run.folder / "figures", sweep)
    write_sizes(run.folder, gather_sizes([read_output(run, name) for name in run.kernels], sweep))
    write_report(run, bundles, sent)
    return sent
