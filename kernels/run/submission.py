"""Check, send and score a run's submission."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from common.competition import Competition
from common.errors import UserError
from common.manifest import file_sha256
from common.submission import NAME, check_submission
from kernels.kaggle.answers import NoAnswerError, pause, pause_between_looks
from kernels.kaggle.client import Kaggle, SubmissionScore
from kernels.kaggle.lookup import allowance, competition_facts
from kernels.plan.request import ENSEMBLE
from kernels.run.options import RunOptions
from kernels.run.state import Run, Submission, all_runs

Say = Callable[[str], None]

_TRIES = 5
_LOOKS = 8


def check_output(kaggle: Kaggle, competition: Competition, run: Run) -> Path:
    """Hold the ensemble's ``submission.csv`` against the competition's own ids.

    Returns its path. Raises UserError with the first offending rows.
    """
    sample = run.folder / competition.sample
    if not sample.exists():
        kaggle.download_competition_file(competition.slug, competition.sample, run.folder)
    path = run.output(ENSEMBLE) / NAME
    check_submission(path, sample, competition)
    return path


def send_once(
    kaggle: Kaggle,
    competition: Competition,
    run: Run,
    path: Path,
    kernel: str,
    options: RunOptions,
    say: Say,
) -> Submission | None:
    """Send ``path`` unless the run has sent one already; at most once, whatever happens.

    Returns the submission of this very file, or None when it is not sent because the run has sent
    another.

    What is about to be sent is noted first, with a description that Kaggle shows. When it is not
    known whether Kaggle has it (a lost answer, a killed process), it is looked for there. A
    competition that takes only kernels gets the version of ``kernel``, the ensemble, instead.
    """
    digest = file_sha256(path)
    last = run.submissions[-1] if run.submissions else None
    if last and not last.ref:
        _find(kaggle, competition.slug, run, last)
    same = next((sent for sent in run.submissions if sent.sha256 == digest), None)
    if same:
        say(f"this file was sent already, as submission {same.ref}: it is not sent again")
        return same
    twin = sent_before(run, digest)
    if twin:
        say(f"an earlier run sent this very file as submission {twin.ref}: not sent again")
        return twin
    if run.submissions and not options.submit_again:
        say(
            f"this run has sent submission {run.submissions[-1].ref}, of another file: one is "
            f"enough, unless --submit-again says that this file is to be sent too"
        )
        return None
    return _send(kaggle, competition.slug, run, path, digest, kernel, options.message)


def _send(
    kaggle: Kaggle, slug: str, run: Run, path: Path, digest: str, kernel: str, message: str
) -> Submission:
    only_kernels = competition_facts(kaggle, slug).kernels_only
    description = f"{message} [{run.nonce}-{len(run.submissions) + 1}]"
    counted = _counted(kaggle, slug)
    run.submissions.append(Submission(digest, description, counted))
    run.save()
    for attempt in range(_TRIES):
        try:
            if only_kernels:
                version = run.kernels[ENSEMBLE].version
                ref = kaggle.submit_kernel(slug, kernel, version, NAME, description)
            else:
                ref = kaggle.submit_file(slug, path, description)
            return run.set_submission(replace(run.submissions[-1], ref=ref))
        except NoAnswerError:
            found = _find(kaggle, slug, run, run.submissions[-1], keep=True)
            if found:
                return found
            if attempt + 1 == _TRIES:
                raise
        except UserError:
            run.submissions.pop()  # refused: it certainly does not count
            run.save()
            raise
    raise AssertionError("unreachable")


def _find(
    kaggle: Kaggle, slug: str, run: Run, sent: Submission, keep: bool = False
) -> Submission | None:
    """A submission of which it is not known whether Kaggle took it: found there, or None.

    Kaggle may list it late: as long as it counts one more than before, it is looked for. None
    means that it certainly was not taken; its note is dropped then, unless it is to be kept.
    """
    for look in range(_LOOKS):
        for ref, description in kaggle.submissions(slug):
            if description == sent.description:
                return run.set_submission(replace(sent, ref=ref))
        pause(look)
        if look >= 2 and _counted(kaggle, slug) <= sent.counted:
            if not keep:
                run.submissions.pop()
                run.save()
            return None
    raise UserError(
        f"Kaggle counts one submission more than before and does not list {sent.description!r}: "
        f"look at https://www.kaggle.com/competitions/{slug}/submissions; the same command looks "
        f"again and sends nothing until it is clear"
    )


def _counted(kaggle: Kaggle, slug: str) -> int:
    """How many submissions Kaggle counts of the user (or team) in a competition."""
    return allowance(kaggle, slug).total


def sent_before(run: Run, digest: str) -> Submission | None:
    """The submission of the same file by an earlier real run of the same user beside this one."""
    if run.dry_run:
        return None  # each dry run has a Kaggle of its own
    for earlier in all_runs(run.folder.parent):
        if (earlier.competition, earlier.owner, earlier.dry_run) == (
            run.competition,
            run.owner,
            False,
        ):
            for sent in earlier.submissions:
                if sent.sha256 == digest and sent.ref:
                    return sent
    return None


def await_score(
    kaggle: Kaggle, run: Run, sent: Submission, poll: float, say: Say, limit: float
) -> Submission:
    """Wait until Kaggle has scored it, with or without a public score.

    Raises UserError with Kaggle's own text on its error.
    """
    start = time.monotonic()
    while not sent.scored and sent.public_score is None:  # earlier runs do not have ``scored``
        if sent.error:
            raise UserError(f"Kaggle could not score submission {sent.ref}: {sent.error}")
        waited = time.monotonic() - start
        if not waited:
            say(f"waiting for the score of submission {sent.ref}")
        if waited > limit:
            raise UserError(
                f"submission {sent.ref} is still being scored after {limit:.0f} s: the same "
                f"command with --run-dir {run.folder} looks again and sends nothing"
            )
        score = kaggle.score(sent.ref)
        if score.state in ("COMPLETE", "ERROR"):
            sent = _record(run, sent, score)
        else:
            time.sleep(pause_between_looks(waited, poll))
    return sent


def _record(run: Run, sent: Submission, score: SubmissionScore) -> Submission:
    known = replace(
        sent,
        public_score=score.public,
        private_score=score.private,
        error=(score.message or "no reason given") if score.state == "ERROR" else "",
        scored=score.state == "COMPLETE",
    )
    if sent in run.submissions:
        run.submissions[run.submissions.index(sent)] = known
        run.save()
    return known


def count_sent(kaggle: Kaggle, slug: str, run: Run) -> int:
    """How many submissions of this run Kaggle lists, by its nonce in their descriptions.

    Those of which it gave a reference count, however late it lists them.
    """
    known = sum(sent.ref > 0 for sent in run.submissions)
    for look in range(3):
        listed = kaggle.submissions(slug)
        counted = sum(f"[{run.nonce}-" in description for _, description in listed)
        if counted >= known:
            return counted
        pause(look)
    return known
