"""The checklist before the first push: a run that cannot end in a submission does not start."""

import contextlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from common.errors import UserError
from kernels.bundle.build import Bundle
from kernels.kaggle.answers import KaggleError
from kernels.kaggle.client import Kaggle
from kernels.kaggle.states import KernelState
from kernels.plan.request import Request
from kernels.preflight import bundle_checks, kaggle_checks
from kernels.preflight.kaggle_checks import Found, Subject, ask_kaggle
from kernels.run.options import RunOptions
from kernels.run.reuse import finished_before
from kernels.run.state import Run

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
    "machine shape": bundle_checks.machine_shapes,
    "image": bundle_checks.images,
    "internet": bundle_checks.internet,
    "names": bundle_checks.names,
    "size": bundle_checks.sizes,
}


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


def run_checks(subject: Subject) -> tuple[Check, ...]:
    """All checks of a run, made; none raises."""
    return tuple(
        Check(name, not todo, found, todo)
        for name, check in CHECKS.items()
        for found, todo in check(subject)
    )


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
