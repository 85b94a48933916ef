"""The checks of Kaggle's answers: who asks, the competition, submissions, quota, sources.

A check yields what it found and what to do about it, which is empty where all is well.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from kagglesdk.competitions.types.competition_api_service import ApiCompetition, ApiSubmissionLimits
from kagglesdk.kernels.types.kernels_api_service import ApiGetAcceleratorQuotaStatisticsResponse

from common.recipes.hours import hours_in_words
from common.submission import header_fault
from kernels.bundle.build import Bundle
from kernels.kaggle import lookup
from kernels.kaggle.answers import VERIFY, KaggleError, NoAnswerError
from kernels.kaggle.client import Kaggle
from kernels.plan.planned import needed_hours
from kernels.plan.request import Request, in_short

Found = Iterator[tuple[str, str]]
_NOT_GIVEN = "not given by Kaggle"
_WITHOUT = "train without one: --no-submit"


@dataclass(frozen=True)
class Subject:
    """What is checked: a run before its first push, and what Kaggle answers; a no is an answer."""

    owner: str  # who is signed in
    request: Request
    bundles: Sequence[Bundle]
    to_run: frozenset[str]  # names of the kernels that are still to run
    submit: bool  # without, only what concerns submitting is left out
    quota: ApiGetAcceleratorQuotaStatisticsResponse | KaggleError
    facts: ApiCompetition | KaggleError | None  # None for a data set, which is one of ``sources``
    allowance: ApiSubmissionLimits | KaggleError | None  # None where nothing is to be submitted
    header: list[str] | KaggleError | None  # of the sample; None where none is to be compared
    sources: Mapping[tuple[str, str], Any]  # kind and name of what is not the run's own → answer
    now: datetime  # UTC

    @property
    def known(self) -> ApiCompetition | None:
        """The facts, if Kaggle gives them."""
        return None if isinstance(self.facts, KaggleError) else self.facts


def ask_kaggle(
    kaggle: Kaggle,
    request: Request,
    bundles: Sequence[Bundle],
    to_run: frozenset[str],
    submit: bool,
    patience: float | None = None,
) -> Subject:
    """Ask Kaggle all that is to be checked; raises nothing that Kaggle answers.

    ``patience`` as in ``lookup.Questions``.
    """
    ask, asked = lookup.Questions(kaggle, patience).ask, request.competition
    quota, facts = ask(lookup.quota), None
    allowed = header = None
    own = {bundle.metadata["id"] for bundle in bundles}
    if not asked.is_dataset:
        facts = ask(lookup.competition, asked.slug)
        own.add(asked.slug)
    if asked.submission and facts and not isinstance(facts, KaggleError):
        allowed = ask(lookup.allowance, asked.slug) if submit else None
        if facts.user_has_entered and request.models and asked.task.name != "pairs":
            header = ask(lookup.sample_header, asked.slug, asked.sample)
    refs = dict.fromkeys(
        (kind, ref)
        for kind in lookup.SOURCES
        for bundle in bundles
        for ref in bundle.metadata[f"{kind}_sources"]
        if ref not in own
    )
    sources = {(kind, ref): ask(lookup.SOURCES[kind], ref) for kind, ref in refs}
    now = datetime.now(UTC).replace(tzinfo=None)
    return Subject(
        kaggle.owner, request, bundles, to_run, submit, quota, facts, allowed, header, sources, now
    )


def credentials(subject: Subject) -> Found:
    """Kaggle takes the credentials; a key is not tried before something is asked."""
    answer, owner = subject.quota, subject.owner
    if not isinstance(answer, KaggleError) or answer.code in (400, 403, 404):
        yield f"signed in as {owner}", ""
    elif answer.code == 401:
        todo = "make a new API token at https://www.kaggle.com/settings"
        yield f"not signed in as {owner}: {answer}", todo
    else:
        yield _no_answer(f"not known whether signed in as {owner}", answer)


def competition(subject: Subject) -> Found:
    """The competition is there."""
    asked, facts = subject.request.competition, subject.facts
    if facts is None:
        return
    if not isinstance(facts, KaggleError):
        yield f"competition {asked.slug}: {facts.title or f'its title is {_NOT_GIVEN}'}", ""
    elif facts.code in (403, 404):
        yield f"no competition {asked.slug}: {facts}", f"see whether {asked.url} is there for you"
    else:
        yield _no_answer(f"competition {asked.slug}", facts)


def rules(subject: Subject) -> Found:
    """Its rules are accepted."""
    asked = subject.request.competition
    if subject.known:
        todo = "" if subject.known.user_has_entered else f"accept them at {asked.url}/rules"
        yield f"rules of {asked.slug} are {'not ' if todo else ''}accepted", todo


def deadline(subject: Subject) -> Found:
    """It takes submissions: most do after their deadline, too, without ranking them."""
    facts = subject.known
    if not facts or not subject.submit:
        return
    if facts.submissions_disabled:
        yield f"submissions to {subject.request.competition.slug} are disabled", _WITHOUT
    elif facts.deadline is None:
        yield f"takes submissions; its deadline is {_NOT_GIVEN}", ""
    elif facts.deadline < subject.now:
        yield f"closed on {facts.deadline:%Y-%m-%d}: a late submission is not ranked", ""
    else:
        yield f"open until {_minute(facts.deadline)}", ""


def kind(subject: Subject) -> Found:
    """How it takes submissions."""
    if (facts := subject.known) and subject.request.competition.submission:
        kernels = facts.is_kernels_submissions_only
        yield f"takes {'the output of a kernel, no files' if kernels else 'files'}", ""


def submissions(subject: Subject) -> Found:
    """Submissions are left today; it says when the day turns (UTC)."""
    facts, allowed, now = subject.known, subject.allowance, subject.now
    slug = subject.request.competition.slug
    if not facts or allowed is None:
        return
    if isinstance(allowed, KaggleError):
        yield _no_answer(f"submissions left in {slug}", allowed)
        return
    turn = f"the next day begins at 00:00 UTC, {_until_midnight(now)}"
    daily = facts.max_daily_submissions
    of = f" of {daily}" if daily else ""
    if allowed.num_allowed_now > 0:
        yield f"{allowed.num_allowed_now}{of} submissions left today; {turn}", ""
    elif facts.deadline and facts.deadline < now and not allowed.num_today:
        yield f"{slug} closed on {facts.deadline:%Y-%m-%d} and takes nothing late", _WITHOUT
    elif (
        not allowed.num_total and facts.max_daily_submissions
    ):  # zeros stand for a user without a team, too
        yield f"no submission sent so far, {facts.max_daily_submissions} a day; {turn}", ""
    elif allowed.limited_by_total:
        yield f"no submission left in {slug}, after {allowed.num_total} in all", _WITHOUT
    else:
        yield f"no submission left{of} today", f"{turn}; or give --no-submit"


def form(subject: Subject) -> Found:
    """The form of the submission fits the competition's own sample.

    In a competition of pairs Kaggle's file is their table, which says nothing of a submission.
    """
    asked, header = subject.request.competition, subject.header
    if asked.submission is None:
        yield "nothing is submitted: the run ends in metrics", ""
        return
    what = f"submission {type(asked.submission).__name__}"
    if isinstance(header, KaggleError):
        todo = f"name the file in competitions/{asked.folder}/__init__.py, as `sample`"
        absent = f"{asked.slug} has no file {asked.sample}", todo
        other = _no_answer(f"{asked.sample} of {asked.slug}", header)
        yield absent if header.code == 404 else other
    elif header is not None:
        fault, _, todo = header_fault(header, asked).partition(": ")
        yield fault or f"{what} fits {asked.sample}", todo
    elif subject.known and subject.known.user_has_entered and subject.request.models:
        yield f"{what}: {asked.sample} is the table of pairs", ""


def quota(subject: Subject) -> Found:
    """The hours that are left of each accelerator are enough for the estimate."""
    kernels = [bundle.kernel for bundle in subject.bundles]
    needed = needed_hours(kernel for kernel in kernels if kernel.name in subject.to_run)
    used = sorted({kernel.accelerator for kernel in kernels} & {"gpu", "tpu"})
    if not used:
        yield "CPU alone: no quota needed", ""
    for accelerator in used:
        what, answer = f"{accelerator.upper()} quota", subject.quota
        if isinstance(answer, KaggleError):
            yield _no_answer(what, answer)
            continue
        need, unknown = needed.get(accelerator, (0.0, []))
        there, todo = _NOT_GIVEN, ""
        hours, refresh = getattr(answer, f"{accelerator}_quota"), answer.quota_refresh_time
        if hours and hours.total_time_allowed is not None:
            total = _hours(hours.total_time_allowed)
            left = max(0.0, total - _hours(hours.time_used) - _hours(hours.time_reserved))
            turns = _minute(refresh) if refresh else f"at a time {_NOT_GIVEN}"
            there = f"{left:.1f} of {total:.1f} h left, refreshes {turns}"
            if not total:  # as of an account that is not verified
                todo = f"{VERIFY}, or choose another --accelerator"
            elif left < need or (left <= 0 and unknown):
                todo = "wait for it, or ask for less with --model or --set epochs=N"
        asked = f" (unknown: {in_short(unknown)})" if unknown else ""
        yield f"{what}: {there}; the plan needs {hours_in_words(need)}{asked}", todo


def sources(subject: Subject) -> Found:
    """Every data set, model, kernel and competition that a kernel reads is there, and ready."""
    for (kind, ref), answer in subject.sources.items():
        what, version = f"{'data set' if kind == 'dataset' else kind} {ref}", ref.split("/")[4:]
        if isinstance(answer, NoAnswerError):
            yield _no_answer(what, answer)
        elif isinstance(answer, KaggleError):
            unknown = f"no {what}: {answer}", "check its name, and that you may see it"
            yield unknown if answer.code in (0, 403, 404) else _no_answer(what, answer)
        elif kind == "dataset" and answer != "READY":
            yield f"{what} is not ready: {answer}", "wait until Kaggle has prepared it"
        elif kind == "model" and not version:
            todo = f"write {ref}/{answer or 'VERSION'}"
            yield f"{what} names no version, and a kernel's model must", todo
        elif kind == "model" and 0 < answer < int(version[0]):
            yield f"{what} is not there", f"its newest version is {answer}"
        else:
            yield f"{what} is {'ready' if kind == 'dataset' else 'there'}", ""


def _no_answer(what: str, error: KaggleError) -> tuple[str, str]:
    return f"{what}: {error}", "give the same command again when Kaggle answers"


def _hours(duration: timedelta | None) -> float:
    return duration.total_seconds() / 3600 if duration else 0.0


def _until_midnight(now: datetime) -> str:
    turn = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    minutes = max(1, round((turn - now).total_seconds() / 60))
    return f"in {minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"in {minutes} min"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
