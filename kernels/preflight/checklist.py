"""The checklist before the first push: a run that cannot end in a submission does not start."""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from common.competition import Competition
from common.errors import UserError
from common.recipes.hours import hours_in_words
from common.submission import header_fault
from kernels.bundle.build import Bundle
from kernels.kaggle.answers import KaggleError, NoAnswerError
from kernels.kaggle.client import Kaggle
from kernels.kaggle.lookup import (
    SOURCES,
    Allowance,
    CompetitionFacts,
    Questions,
    Quota,
    accelerator_quota,
    allowance,
    competition_facts,
    sample_header,
)
from kernels.kaggle.states import KernelState
from kernels.plan.planned import need_of
from kernels.plan.request import Request, in_short
from kernels.preflight.bundle_checks import check_bundles
from kernels.preflight.check import Check, failed, passed
from kernels.run.options import RunOptions
from kernels.run.reuse import finished_before
from kernels.run.state import Run

_NOT_TOLD = "not told by Kaggle"


def check_run(
    kaggle: Kaggle,
    request: Request,
    bundles: Sequence[Bundle],
    run: Run,
    options: RunOptions,
    say: Callable[[str], None],
) -> None:
    """Say the checklist of a run. Raises UserError when it must not start or go on.

    Kernels that are finished or running in this run, or finished in an earlier one, are not counted
    against the quota. Today's submissions are not checked if this run has pushed already and is not
    to submit again: one of them may be its own.
    """
    at_work = {
        name
        for name, kernel in run.kernels.items()
        if kernel.state is KernelState.COMPLETE or kernel.state.running
    }
    with contextlib.suppress(KaggleError):  # the checks say what is wrong with Kaggle
        slug = request.competition.slug
        at_work |= finished_before(kaggle, run, bundles, slug) if not options.fresh else set()
    kernels = [bundle.kernel for bundle in bundles]
    to_come = {kernel.name: kernel.hours for kernel in kernels if kernel.name not in at_work}
    begun = any(k.state is not KernelState.WAITING and not k.reused for k in run.kernels.values())
    submit = options.submit and (options.submit_again or not begun)
    checks = preflight(kaggle, request, bundles, submit, to_come)
    for check in checks:
        say(check.line)
    require(checks)


def require(checks: Sequence[Check]) -> None:
    """Raises UserError when a check has failed, with the first that did."""
    wrong = [check for check in checks if not check.ok]
    if wrong:
        counted = f"{len(wrong)} of {len(checks)} checks failed"
        raise UserError(f"{counted}: {wrong[0].said} (nothing was pushed)")


def preflight(
    kaggle: Kaggle,
    request: Request,
    bundles: Sequence[Bundle],
    submit: bool,
    hours: Mapping[str, float | None],
) -> tuple[Check, ...]:
    """All checks of a run, made; none raises.

    Args:
        kaggle: signed in.
        request: what is asked for.
        bundles: what is to be pushed.
        submit: whether the run is to submit; without, only what concerns submitting is left out.
        hours: what the kernels that are still to run are expected to take, by name; None where
            nobody knows.
    """
    questions = Questions(kaggle)
    competition, now = request.competition, datetime.now(UTC).replace(tzinfo=None)
    quota = questions.ask(accelerator_quota)
    facts = questions.ask(competition_facts, competition.slug)
    only = isinstance(facts, CompetitionFacts) and facts.kernels_only
    blends = bool(request.models) and isinstance(facts, CompetitionFacts) and facts.entered
    return (
        check_credentials(kaggle.owner, quota),
        *check_competition(competition, facts, submit, now),
        *(_check_allowance(questions, competition, facts, now) if submit else []),
        *([check_form(questions, competition)] if blends else []),
        *check_quota(quota, bundles, hours),
        *_check_sources(questions, bundles, competition),
        *check_bundles(bundles, kaggle.owner, only),
    )


def _check_allowance(
    questions: Questions,
    competition: Competition,
    facts: CompetitionFacts | KaggleError,
    now: datetime,
) -> Iterator[Check]:
    if not isinstance(facts, KaggleError):
        limits = questions.ask(allowance, competition.slug)
        yield check_allowance(competition, facts, limits, now)


def check_credentials(owner: str, answer: object) -> Check:
    """Whether Kaggle takes the credentials; a key is not tried before something is asked."""
    name = "credentials"
    if isinstance(answer, KaggleError) and answer.code == 401:
        todo = "make a new API token at https://www.kaggle.com/settings"
        return failed(name, f"not signed in as {owner}: {answer}", todo)
    if isinstance(answer, KaggleError) and answer.code not in (400, 403, 404):
        return _unanswered(name, f"not known whether signed in as {owner}", answer)
    return passed(name, f"signed in as {owner}")


def check_competition(
    competition: Competition, facts: CompetitionFacts | KaggleError, submit: bool, now: datetime
) -> Iterator[Check]:
    """That it exists, is open, its rules are accepted; and how it takes submissions."""
    name, slug = "competition", competition.slug
    if isinstance(facts, KaggleError):
        if facts.code in (403, 404):
            todo = f"see whether {competition.url} is there for you"
            yield failed(name, f"no competition {slug}: {facts}", todo)
        else:
            yield _unanswered(name, f"competition {slug}", facts)
        return
    yield passed(name, f"competition {slug}: {facts.title or f'its title is {_NOT_TOLD}'}")
    yield _check_rules(competition, facts)
    if submit:
        yield _check_open(competition, facts, now)
    yield passed(
        "kind", f"takes {'the output of a kernel, no files' if facts.kernels_only else 'files'}"
    )


def _check_rules(competition: Competition, facts: CompetitionFacts) -> Check:
    if facts.entered:
        return passed("rules", f"rules of {competition.slug} are accepted")
    told = f"rules of {competition.slug} are not accepted"
    return failed("rules", told, f"accept them at {competition.url}/rules")


def _check_open(competition: Competition, facts: CompetitionFacts, now: datetime) -> Check:
    """Whether it takes submissions: most do after their deadline, too, without ranking them."""
    name, deadline = "open", facts.deadline
    if facts.disabled:
        told = f"submissions to {competition.slug} are disabled"
        return failed(name, told, "train without one: --no-submit")
    if deadline is None:
        return passed(name, f"takes submissions; its deadline is {_NOT_TOLD}")
    if _is_closed(facts, now):
        return passed(name, f"closed on {_day(deadline)}: a late submission is not ranked")
    return passed(name, f"open until {_minute(deadline)}")


def check_allowance(
    competition: Competition,
    facts: CompetitionFacts,
    limits: Allowance | KaggleError,
    now: datetime,
) -> Check:
    """Submissions left today, and when the day turns (UTC)."""
    name, turn = "submissions", f"the next day begins at 00:00 UTC, {_until_midnight(now)}"
    if isinstance(limits, KaggleError):
        return _unanswered(name, f"submissions left in {competition.slug}", limits)
    most = facts.daily
    of = f" of {most}" if most else ""
    left, total = limits.now, limits.total
    if left > 0:
        return passed(name, f"{left}{of} submissions left today; {turn}")
    if facts.deadline and facts.deadline < now and not limits.today:
        told = f"{competition.slug} closed on {_day(facts.deadline)} and takes nothing late"
        return failed(name, told, "train without a submission: --no-submit")
    if not total and most:  # zeros stand for a user without a team, too
        return passed(name, f"no submission sent so far, {most} a day; {turn}")
    if limits.limited_by_total:
        told = f"no submission left in {competition.slug}, after {total} in all"
        return failed(name, told, "train without one: --no-submit")
    return failed(name, f"no submission left{of} today", f"{turn}; or give --no-submit")


def check_form(questions: Questions, competition: Competition) -> Check:
    """The form of the submission against the competition's own sample.

    Of pairs Kaggle's file is their table, which says nothing of a submission.
    """
    name, sample = "submission", competition.sample
    kind = type(competition.submission).__name__
    if competition.task.name == "pairs":
        return passed(name, f"submission {kind}: {sample} is the table of pairs")
    header = questions.ask(sample_header, competition.slug, sample)
    if isinstance(header, KaggleError):
        if header.code == 404:
            todo = f"name the file in competitions/{competition.folder}/__init__.py, as `sample`"
            return failed(name, f"{competition.slug} has no file {sample}", todo)
        return _unanswered(name, f"{sample} of {competition.slug}", header)
    fault, _, todo = header_fault(header, competition).partition(": ")
    return failed(name, fault, todo) if fault else passed(name, f"submission {kind} fits {sample}")


def check_quota(
    answer: Quota | KaggleError, bundles: Sequence[Bundle], hours: Mapping[str, float | None]
) -> Iterator[Check]:
    """Hours left of each accelerator that is to be used, against the estimate."""
    used = {bundle.kernel.accelerator for bundle in bundles} & {"gpu", "tpu"}
    if not used:
        yield passed("quota", "CPU alone: no quota needed")
    for accelerator in sorted(used):
        if isinstance(answer, KaggleError):
            yield _unanswered("quota", f"{accelerator.upper()} quota", answer)
        else:
            kernels = [b.kernel.name for b in bundles if b.kernel.accelerator == accelerator]
            need, unknown = need_of({k: hours[k] for k in kernels if k in hours})
            yield _check_quota(answer, accelerator, need, unknown)


def _check_quota(quota: Quota, accelerator: str, need: float, unknown: tuple[str, ...]) -> Check:
    name, what = "quota", f"{accelerator.upper()} quota"
    asked = f"the plan needs {hours_in_words(need)}"
    asked += f" (unknown: {in_short(unknown)})" if unknown else ""
    if accelerator not in quota.hours:
        return passed(name, f"{what}: {_NOT_TOLD}; {asked}")
    (left, total), refresh = quota.hours[accelerator], quota.refresh
    turns = f"refreshes {_minute(refresh) if refresh else f'at a time {_NOT_TOLD}'}"
    told = f"{what}: {left:.1f} of {total:.1f} h left, {turns}; {asked}"
    if left < need or (left <= 0 and unknown):
        return failed(name, told, "wait for it, or ask for less with --model or --set epochs=N")
    return passed(name, told)


def _check_sources(
    questions: Questions, bundles: Sequence[Bundle], competition: Competition
) -> Iterator[Check]:
    """Every source that is not this run's own."""
    own = {bundle.metadata["id"] for bundle in bundles} | {competition.slug}
    for kind, question in SOURCES.items():
        listed = [ref for b in bundles for ref in b.metadata.get(f"{kind}_sources") or ()]
        for ref in dict.fromkeys(listed):
            if ref not in own:
                yield check_source(kind, ref, questions.ask(question, ref))


def check_source(kind: str, ref: str, answer: Any) -> Check:
    """A data set, model, kernel or competition that a kernel reads: there, and ready."""
    name, what = "source", f"{'data set' if kind == 'dataset' else kind} {ref}"
    if isinstance(answer, KaggleError):
        if isinstance(answer, NoAnswerError) or answer.code not in (0, 403, 404):
            return _unanswered(name, what, answer)
        return failed(name, f"no {what}: {answer}", "check its name, and that you may see it")
    if kind == "dataset" and answer != "READY":
        told = f"{what} is not ready: {answer}"
        return failed(name, told, "wait until Kaggle has prepared it")
    if kind == "model":
        return _check_model(what, ref, answer)
    return passed(name, f"{what} is {'ready' if kind == 'dataset' else 'there'}")


def _check_model(what: str, ref: str, newest: int) -> Check:
    asked = ref.split("/")[4:]
    if not asked:
        told = f"{what} names no version, and a kernel's model must"
        return failed("source", told, f"write {ref}/{newest or 'VERSION'}")
    if newest and int(asked[0]) > newest:
        return failed("source", f"{what} is not there", f"its newest version is {newest}")
    return passed("source", f"{what} is there")


def _unanswered(name: str, what: str, error: KaggleError) -> Check:
    return failed(name, f"{what}: {error}", "give the same command again when Kaggle answers")


def _is_closed(facts: CompetitionFacts, now: datetime) -> bool:
    return bool(facts.deadline and facts.deadline < now)


def _until_midnight(now: datetime) -> str:
    turn = (now + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
    minutes = max(1, round((turn - now).total_seconds() / 60))
    return f"in {minutes // 60} h {minutes % 60} min" if minutes >= 60 else f"in {minutes} min"


def _minute(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"


def _day(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d}"
