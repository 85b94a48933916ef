"""Check a run's submission, send it once, and wait for its score."""

import time
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

from common.competition import Competition
from common.errors import UserError
from common.manifest import file_sha256
from common.submission import NAME, check_submission
from kernels.kaggle import lookup
from kernels.kaggle.answers import at_most_once, pause, pause_between_looks
from kernels.kaggle.client import Kaggle
from kernels.plan.request import ENSEMBLE
from kernels.run.state import Run, RunOptions, Submission, earlier_runs

Say = Callable[[str], None]

_LOOKS = 8


def check_output(kaggle: Kaggle, competition: Competition, run: Run) -> Path:
    """Check the ensemble's ``submission.csv`` against the competition's own ids.

    Returns its path. Raises UserError with the first faulty rows.
    """
    sample = run.folder / competition.sample
    if not sample.exists():
        kaggle.download_competition_file(competition.slug, competition.sample, run.folder)
    path = run.output(ENSEMBLE) / NAME
    check_submission(path, sample, competition)
    return path


def send_once(
    kaggle: Kaggle, competition: Competition, run: Run, kernel: str, options: RunOptions, say: Say
) -> Submission | None:
    """Send the checked file unless it was sent already; at most once, whatever happens.

    Returns the submission of this very file, or None when it is not sent because the run has sent
    another.

    What is about to be sent is noted first, with a description that Kaggle shows. When it is not
    known whether Kaggle has it (a lost answer, a killed process), it is looked for there. A
    competition that takes only kernels gets the version of ``kernel``, the ensemble, instead.
    """
    path, slug = run.output(ENSEMBLE) / NAME, competition.slug
    digest = file_sha256(path)
    if run.submissions and not run.submissions[-1].ref:
        _note(run, _find(kaggle, slug, run))
    same = next((sent for sent in run.submissions if sent.sha256 == digest), None)
    if same:
        say(f"this file was sent already, as submission {same.ref}: it is not sent again")
        return same
    earlier = [r for r in earlier_runs(run) if r.competition == run.competition]
    sent_before = (sent for r in earlier for sent in r.submissions)
    twin = next((sent for sent in sent_before if sent.sha256 == digest and sent.ref), None)
    if twin:
        say(f"an earlier run sent this very file as submission {twin.ref}: not sent again")
        return twin
    if run.submissions and not options.submit_again:
        say(
            f"this run has sent submission {run.submissions[-1].ref}, of another file: one is "
            f"enough, unless --submit-again says that this file is to be sent too"
        )
        return None
    description = f"{options.message} [{run.nonce}-{len(run.submissions) + 1}]"
    only_kernels = lookup.competition(kaggle, slug).is_kernels_submissions_only
    counted = lookup.allowance(kaggle, slug).num_total
    run.update(submissions=[*run.submissions, Submission(digest, description, counted)])
    version = run.kernel(ENSEMBLE).version
    ref = at_most_once(
        partial(kaggle.submit, slug, path, description, kernel if only_kernels else "", version),
        partial(_find, kaggle, slug, run),
        partial(_note, run, 0),
    )
    _note(run, ref)
    return run.submissions[-1]


def _find(kaggle: Kaggle, slug: str, run: Run) -> int:
    """Look for the latest submission, of which it is not known whether Kaggle took it.

    Kaggle may list it late: as long as it counts one more than before, it is looked for. 0 means
    that it certainly was not taken.
    """
    sent = run.submissions[-1]
    for look in range(_LOOKS):
        for ref, description in kaggle.submissions(slug):
            if description == sent.description:
                return ref
        pause(look)
        if look >= 2 and lookup.allowance(kaggle, slug).num_total <= sent.counted:
            return 0
    raise UserError(
        f"Kaggle counts one submission more than before and does not list {sent.description!r}: "
        f"look at https://www.kaggle.com/competitions/{slug}/submissions; the same command looks "
        f"again and sends nothing until it is clear"
    )


def _note(run: Run, ref: int) -> None:
    """Note the reference of what was sent last; 0 if it was not taken."""
    *others, last = run.submissions
    run.update(submissions=[*others, replace(last, ref=ref)] if ref else others)


def await_score(
    kaggle: Kaggle, run: Run, sent: Submission, options: RunOptions, say: Say
) -> Submission:
    """Wait until Kaggle has scored it, with or without a public score.

    Raises UserError with Kaggle's own text on its error, or after ``options.score_limit``.
    """
    start = time.monotonic()
    while not (sent.scored or sent.error):
        waited = time.monotonic() - start
        if not waited:
            say(f"waiting for the score of submission {sent.ref}")
        if waited > options.score_limit:
            raise UserError(
                f"submission {sent.ref} is still being scored after {options.score_limit:.0f} s: "
                f"the same command with --run-dir {run.folder} looks again and sends nothing"
            )
        known = replace(sent, **kaggle.score(sent.ref))
        if known.scored or known.error:  # one that an earlier run has sent is not in this run
            run.update(submissions=[known if one == sent else one for one in run.submissions])
            sent = known
        else:
            time.sleep(pause_between_looks(waited, options.poll))
    if sent.error:
        raise UserError(f"Kaggle could not score submission {sent.ref}: {sent.error}")
    return sent
