"""The checklist before the first push: a run that cannot end in a submission does not start."""

import contextlib
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from slugify import slugify

from common.errors import UserError
from kernels.bundle.build import Bundle
from kernels.kaggle.answers import KaggleError
from kernels.kaggle.client import Kaggle
from kernels.kaggle.states import KernelState
from kernels.plan.request import Request
from kernels.preflight import kaggle_checks
from kernels.preflight.kaggle_checks import Found, Subject, ask_kaggle
from kernels.run.push import finished_before
from kernels.run.state import Run, RunOptions

_LENGTH = range(5, 51)  # characters of a title, and so of a slug
_MOST_BYTES = 1024**2  # of a text; from 1.1 MiB on Kaggle answers a bare HTTP 400


def machine_shapes(subject: Subject) -> Found:
    """What the kernels run on, in Kaggle's words."""
    shapes = {bundle.metadata.get("machine_shape", "CPU") for bundle in subject.bundles}
    yield f"machine shapes: {', '.join(sorted(shapes))}", ""


def internet(subject: Subject) -> Found:
    """A kernel that is submitted has its internet off; those of its sources may have it on."""
    if subject.known and subject.known.is_kernels_submissions_only:
        yield "the submitted kernel has internet off", ""


def names(subject: Subject) -> Found:
    """Titles give the slugs, and have a length that Kaggle takes; the first that has not."""
    for bundle in subject.bundles:
        title, slug = bundle.metadata["title"], bundle.kernel.slug
        made = slugify(title)
        if len(title) not in _LENGTH:
            found = f"its title {title!r} has {len(title)} characters"
            todo = f"give it {_LENGTH[0]} to {_LENGTH[-1]}"
        elif made != re.sub(r"[_-]+", "-", slug):
            found = f"Kaggle makes {made!r} of the title {title!r}"
            todo = f"its slug {slug!r} must be the same"
        else:
            continue
        yield f"kernel {bundle.kernel.name}: {found}", todo
        return
    yield "titles and slugs agree", ""


def sizes(subject: Subject) -> Found:
    """Every text is below what Kaggle takes."""
    lengths = {bundle.kernel.name: len(bundle.text.encode()) for bundle in subject.bundles}
    name, most = max(lengths.items(), key=lambda one: one[1])
    found = f"{most:,} bytes, and Kaggle takes less than {_MOST_BYTES:,}"
    if most >= _MOST_BYTES:
        yield f"kernel {name}: its text has {found}", "let its competition's modules import less"
    else:
        yield f"the longest text has {found}", ""


# Every check, in the order in which a person reads them; a new one is a function and a line here.
CHECKS: Mapping[str, Callable[[Subject], Found]] = {
    "credentials": kaggle_checks.credentials,
    "competition": kaggle_checks.competition,
    "rules": kaggle_checks.rules,
    "open": kaggle_checks.deadline,
    "kind": kaggle_checks.kind,
    "submissions": kaggle_checks.submissions,
    "submission": kaggle_checks.form,
    "quota": kaggle_checks.quota,
    "source": kaggle_checks.sources,
    "machine shape": machine_shapes,
    "internet": internet,
    "names": names,
    "size": sizes,
}


# Those that ask nothing of Kaggle.
OWN = ("machine shape", "names", "size")


@dataclass(frozen=True)
class Check:
    """One line of the checklist."""

    name: str  # of the check, one word or two
    ok: bool  # whether the run may go on
    found: str  # for people
    todo: str  # what to do about it; empty when it is ok

    @property
    def words(self) -> str:
        """What was found, and what to do about it."""
        return f"{self.found}: {self.todo}" if self.todo else self.found

    @property
    def line(self) -> str:
        """As it is shown."""
        return f"{'ok' if self.ok else 'NO':<5}{self.words}"


def run_checks(subject: Subject, names: Iterable[str] = CHECKS) -> tuple[Check, ...]:
    """The checks of a run, made; none raises."""
    found = ((name, *words) for name in names for words in CHECKS[name](subject))
    return tuple(Check(name, not todo, what, todo) for name, what, todo in found)


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
    say("asking Kaggle what the run needs")
    with contextlib.suppress(KaggleError):  # the checks say what is wrong with Kaggle
        slug = request.competition.slug
        at_work |= finished_before(kaggle, run, bundles, slug) if not options.fresh else set()
    to_run = frozenset(bundle.kernel.name for bundle in bundles) - at_work
    begun = any(k.state is not KernelState.WAITING and not k.reused for k in run.kernels.values())
    submit = options.submit and (options.submit_again or not begun)
    checks = run_checks(ask_kaggle(kaggle, request, bundles, to_run, submit))
    for check in checks:
        say(check.line)
    require(checks)


def require(checks: Sequence[Check]) -> None:
    """Raise UserError when a check has failed, with the first that did."""
    wrong = [check for check in checks if not check.ok]
    if wrong:
        counted = f"{len(wrong)} of {len(checks)} checks failed"
        raise UserError(f"{counted}: {wrong[0].words} (nothing was pushed)")
