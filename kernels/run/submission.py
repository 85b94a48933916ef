"""Check a run's submission, send it once, and wait for its score."""

import re
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import NamedTuple

from common.competition import Competition
from common.errors import UserError
from common.manifest import file_sha256
from common.submission import NAME, check_submission
from kernels.kaggle import lookup
from kernels.kaggle.answers import KaggleError, may_be_done, pause, pause_between_looks
from kernels.kaggle.client import Kaggle
from kernels.plan.request import ENSEMBLE
from kernels.run.runs import earlier_runs
from kernels.run.sends import Sends, one_at_a_time
from kernels.run.state import Run, RunOptions, Submission

Say = Callable[[str], None]

_LOOKS = 9  # for what Kaggle may still be carrying out, with growing pauses: about two minutes
_LOOKS_REFUSED = 5  # for what it has refused: about ten seconds


def check_output(kaggle: Kaggle, competition: Competition, run: Run) -> Path:
    """Check the ensemble's ``submission.csv`` against the competition's own ids.

    The sample is fetched each time: one that was cut would make the submission look wrong. Returns
    the submission's path. Raises UserError with the first faulty rows.
    """
    sample = kaggle.download_competition_file(competition.slug, competition.sample, run.folder)
    path = run.output(ENSEMBLE) / NAME
    check_submission(path, sample, competition)
    return path


def send_once(
    kaggle: Kaggle, competition: Competition, run: Run, kernel: str, options: RunOptions, say: Say
) -> Submission | None:
    """Send the checked file unless it was sent already; at most once, whatever happens.

    Returns the submission of this very file, or None when it is not sent because the run, or a
    copy of it, has sent another. Raises UserError when it is not known whether Kaggle took it:
    then nothing is sent until Kaggle lists it, or ``options.submit_again``.

    Every description ends in a mark, which is noted before anything is sent, and looked for in
    Kaggle's list before every send. A competition that takes only kernels gets the version of
    ``kernel``, the ensemble, instead of the file.
    """
    digest, slug = file_sha256(run.output(ENSEMBLE) / NAME), competition.slug
    with one_at_a_time(run, slug, say) as sends:
        return _Sender(kaggle, slug, run, kernel, digest, options, say, sends).send_once()


class _Known(NamedTuple):
    """Why nothing is sent: the submission of this file, or None if one of another is enough."""

    sent: Submission | None


@dataclass(frozen=True)
class _Sender:
    """What is known when one run's file is to be sent."""

    kaggle: Kaggle
    slug: str
    run: Run
    kernel: str
    digest: str
    options: RunOptions
    say: Say
    sends: Sends

    def send_once(self) -> Submission | None:
        """As the function."""
        self._clear_up()
        known = self._find_known()
        if not known:
            description = f"{self.options.message} [{self.run.nonce}-{self.digest[:8]}]"
            send = self._prepare(description)
            known = self._find_known()  # an upload may take long
        if known:
            return known.sent
        run = self.run
        run.update(submissions=[*run.submissions, Submission(self.digest, description)])
        self.sends.note(run.submissions[-1].mark, self.digest, 0)
        self._note(self._send(send))
        return run.submissions[-1]

    def _clear_up(self) -> None:
        """Look for what earlier starts, copies of the run or other runs of the file may have sent.

        Raises UserError while that is not known.
        """
        if self.run.submissions and not self.run.submissions[-1].ref:
            why = "the command ended while it was sent"
            self._note(self._look_for(self.run.submissions[-1].mark, why))
        for sent in self.sends.all:
            own = sent.sha256 == self.digest or sent.mark.startswith(f"[{self.run.nonce}-")
            if own and not sent.ref:
                ref = self._look_for(sent.mark, "another command ended while it was sent")
                self._remember(sent.mark, sent.sha256, ref)

    def _look_for(self, mark: str, why: str) -> int:
        """Return the reference of what may have been sent; 0 if it may be sent again."""
        self.say(
            f"it is not known whether Kaggle took {mark}: looking for it, for up to two minutes"
        )
        ref = self._find(mark, _LOOKS)
        if not ref and not self.options.submit_again:
            raise _unknown(self.slug, mark, why)
        return ref

    def _find(self, mark: str, looks: int) -> int:
        """Return the reference of the submission with ``mark``, or 0: Kaggle may list it late."""
        for look in range(looks):
            for ref, text in self.kaggle.submissions(self.slug):
                if mark in text:
                    return ref
            if look + 1 < looks:
                pause(look)
        return 0

    def _find_known(self) -> _Known | None:
        """Return what was sent already, by this run or another; None if the file is to be sent."""
        listed, run = self.kaggle.submissions(self.slug), self.run
        # What another command has sent just now may be listed late.
        listed += [(sent.ref, sent.mark) for sent in self.sends.all if sent.ref]
        copies = _of_copies(run, self.digest, listed)
        for sent in [*run.submissions, *copies]:
            if sent.sha256 == self.digest:
                if sent in copies:
                    run.update(submissions=[*run.submissions, sent])
                self.say(
                    f"this file was sent already, as submission {sent.ref}: it is not sent again"
                )
                return _Known(sent)
        twin = _sent_before(run, self.digest, listed, self.slug, self.options)
        if twin:
            self.say(f"an earlier run sent this very file as submission {twin.ref}: not sent again")
            return _Known(twin)
        if (run.submissions or copies) and not self.options.submit_again:
            self.say(
                f"this run has sent submission {[*run.submissions, *copies][-1].ref}, of another "
                f"file: one is enough, unless --submit-again says that this file is to be sent too"
            )
            return _Known(None)
        return None

    def _prepare(self, description: str) -> Callable[[], int]:
        """Upload the file, which counts for nothing yet, or name the kernel; return what sends."""
        kaggle, slug, run = self.kaggle, self.slug, self.run
        if lookup.competition(kaggle, slug).is_kernels_submissions_only:
            version = run.kernel(ENSEMBLE).version
            return partial(kaggle.submit_kernel, slug, self.kernel, version, NAME, description)
        path = run.output(ENSEMBLE) / NAME
        named = {"competition_name": slug, "file_name": path.name}
        token = kaggle.upload(path, "competitions", "start_submission_upload", **named)
        return partial(kaggle.submit, slug, token, description)

    def _send(self, send: Callable[[], int]) -> int:
        """Send what was noted last; return its reference. It may be taken whatever the answer."""
        mark = self.run.submissions[-1].mark
        for last in (False, True):
            try:
                return send()
            except KaggleError as error:
                unclear = may_be_done(error)
                self.say(f"{error}: looking whether Kaggle took the submission all the same")
                ref = self._find(mark, _LOOKS if unclear else _LOOKS_REFUSED)
                if ref:
                    return ref
                if unclear:
                    raise _unknown(self.slug, mark, str(error)) from None
                if last or error.code != 401:  # then the sign-in is made anew
                    self._note(0)
                    raise
        raise AssertionError("unreachable")

    def _note(self, ref: int) -> None:
        """Note the reference of what was sent last; 0 if it was not taken."""
        *others, last = self.run.submissions
        self.run.update(submissions=[*others, replace(last, ref=ref)] if ref else others)
        self._remember(last.mark, last.sha256, ref)

    def _remember(self, mark: str, sha256: str, ref: int) -> None:
        if ref:
            self.sends.note(mark, sha256, ref)
        else:
            self.sends.clear(mark)


def _of_copies(run: Run, digest: str, listed: list[tuple[int, str]]) -> list[Submission]:
    """Return the submissions at Kaggle that copies of the run have sent."""
    known = [sent.ref for sent in run.submissions]
    return [
        Submission(digest if f"-{digest[:8]}]" in text else "", text, ref=ref)
        for ref, text in listed
        if f"[{run.nonce}-" in text and ref not in known
    ]


def _unknown(slug: str, mark: str, why: str) -> UserError:
    return UserError(
        f"it is not known whether Kaggle took the submission ({why}): look for {mark} at "
        f"https://www.kaggle.com/competitions/{slug}/submissions; the same command looks again and "
        f"sends nothing, and --submit-again sends it if it is not there"
    )


def _sent_before(
    run: Run, digest: str, listed: list[tuple[int, str]], slug: str, options: RunOptions
) -> Submission | None:
    """Return the submission of the same file by another run, whether its folder is here or not.

    Raises UserError when a run that is here does not know whether Kaggle took it, and it is not
    ``listed``.
    """
    for ref, text in listed:
        if re.search(rf"\[[0-9a-f]+-{digest[:8]}\]", text):
            return Submission(digest, text, ref=ref)
    for earlier in earlier_runs(run):
        for sent in earlier.submissions if earlier.competition == run.competition else ():
            if sent.sha256 == digest:
                ref = sent.ref or next((ref for ref, text in listed if sent.mark in text), 0)
                if ref:
                    return replace(sent, ref=ref)
                if not options.submit_again:
                    raise _unknown(slug, sent.mark, f"of the same file, by run {earlier.folder}")
    return None


def await_score(
    kaggle: Kaggle, run: Run, sent: Submission, options: RunOptions, say: Say
) -> Submission:
    """Wait until Kaggle has scored it, with or without a public score.

    Raises UserError with Kaggle's own text on its error, or after ``options.score_limit``.
    """
    start, shown = time.monotonic(), ""
    while not (sent.scored or sent.error):
        waited = time.monotonic() - start
        if waited > options.score_limit:
            raise UserError(
                f"submission {sent.ref} is still being scored after {options.score_limit:.0f} s: "
                f"the same command with --run-dir {run.folder} looks again and sends nothing"
            )
        state, facts = kaggle.score(sent.ref)
        known = replace(sent, **facts)
        if known.scored or known.error:  # one that an earlier run has sent is not in this run
            run.update(submissions=[known if one == sent else one for one in run.submissions])
            sent = known
        else:
            if state != shown:
                say(f"submission {sent.ref} is {state} at Kaggle: waiting for its score")
                shown = state
            time.sleep(pause_between_looks(waited, options.poll))
    if sent.error:
        raise UserError(f"Kaggle could not score submission {sent.ref}: {sent.error}")
    return sent
