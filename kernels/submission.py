"""Check, send and score a run's submission."""

import time
from collections.abc import Callable
from pathlib import Path

from common.competition import Competition
from common.errors import UserError
from common.manifest import file_sha256
from common.submission import NAME, SAMPLE, check_submission
from kernels.answers import pause_between_looks
from kernels.client import Kaggle, Score
from kernels.plan import ENSEMBLE
from kernels.run import Run, Sent


def check_output(kaggle: Kaggle, competition: Competition, run: Run) -> Path:
    """Hold the ensemble's ``submission.csv`` against the competition's own sample.

    Returns its path. Raises UserError with the first offending rows.
    """
    sample = run.folder / SAMPLE
    if not sample.exists():
        kaggle.download_competition_file(competition.slug, SAMPLE, run.folder)
    path = run.output(ENSEMBLE) / NAME
    check_submission(path, sample, competition)
    return path


def send_once(
    kaggle: Kaggle,
    competition: Competition,
    run: Run,
    path: Path,
    slug: str,
    message: str,
    say: Callable[[str], None],
) -> Sent:
    """Send ``path``, or find it among what this run has sent already.

    A competition that takes only kernels gets the ensemble kernel ``slug``'s version instead.
    """
    digest = file_sha256(path)
    for sent in run.submissions:
        if sent.sha256 == digest:
            say(f"this file was sent already, as submission {sent.ref}: it is not sent again")
            return sent
    if kaggle.competition(competition.slug).is_kernels_submissions_only:
        version = run.kernels[ENSEMBLE].version
        ref = kaggle.submit_kernel(competition.slug, slug, version, NAME, message)
    else:
        ref = kaggle.submit_file(competition.slug, path, message)
    sent = Sent(digest, ref)
    run.submissions.append(sent)
    run.save()
    return sent


def await_score(
    kaggle: Kaggle, run: Run, sent: Sent, poll: float, say: Callable[[str], None], limit: float
) -> Sent:
    """Wait until Kaggle has scored it. Raises UserError with Kaggle's own text on its error."""
    if sent.public_score is not None:
        return sent
    start = time.monotonic()
    say(f"waiting for the score of submission {sent.ref}")
    while True:
        score = kaggle.score(sent.ref)
        if score.state == "ERROR":
            raise UserError(f"Kaggle could not score submission {sent.ref}: {score.message}")
        if score.state == "COMPLETE":
            return _record(run, sent, score)
        waited = time.monotonic() - start
        if waited > limit:
            raise UserError(
                f"submission {sent.ref} is still being scored after {limit:.0f} s: the same "
                f"command with --run-dir {run.folder} looks again and sends nothing"
            )
        time.sleep(pause_between_looks(waited, poll))


def _record(run: Run, sent: Sent, score: Score) -> Sent:
    scored = Sent(sent.sha256, sent.ref, score.public, score.private)
    run.submissions[run.submissions.index(sent)] = scored
    run.save()
    return scored
