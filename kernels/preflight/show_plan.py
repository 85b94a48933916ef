"""``--plan``: what a run would do, shown without doing it."""

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common.accelerator import REPLICAS
from common.errors import UserError
from common.recipes.hours import hours_in_words
from common.recipes.words import describe_recipe, recipe_facts
from kernels.bundle.build import build_bundles
from kernels.kaggle.answers import KaggleError, at_most
from kernels.kaggle.client import Kaggle
from kernels.plan.find import kernel_scripts
from kernels.plan.planned import SESSION_HOURS, SHARED, PlannedKernel, needed_hours
from kernels.plan.request import AUDIT, ENSEMBLE, Request, in_short, published_name
from kernels.preflight.checklist import CHECKS, OWN, Check, run_checks
from kernels.preflight.kaggle_checks import Subject, ask_kaggle
from kernels.results.layout import aligned
from kernels.results.result import read_history
from kernels.run.publish import check_target
from kernels.run.state import RunOptions

Kernels = Sequence[PlannedKernel]
PATIENCE = 3.5  # seconds for signing in, and for one question
_AGAIN = "give the same command again when that is mended"
_ROLES = {
    SHARED: "the shared code, as a utility script",
    AUDIT: "looks for leaks, copies and broken pictures; no kernel waits for it",
    ENSEMBLE: "blends, writes submission.csv",
}
# Of a recipe's description what sets its size, its time and its learning rates.
_ROWS = (
    *("size", "parameters", "batch", "epochs", "refit", "balance", "schedule", "split", "folds"),
    *("parts", "networks"),
)


def check_plan(
    request: Request, kernels: Kernels, sign_in: Callable[[], Kaggle], options: RunOptions
) -> tuple[Check, ...]:
    """The checks of a run of ``kernels``, all of which are to run.

    Nobody waits long for a plan: what Kaggle does not answer within a few seconds fails, and so
    does all that it is asked when nobody is signed in.
    """
    names = frozenset(kernel.name for kernel in kernels)
    try:
        kaggle = at_most(PATIENCE, sign_in)
    except UserError as error:
        return _without_kaggle(request, kernels, options.submit, error)
    bundles = build_bundles(request.competition, kernels, kaggle.owner)
    checks = run_checks(ask_kaggle(kaggle, request, bundles, names, options.submit, PATIENCE))
    if options.publish is None:
        return checks
    return (*checks, _target(kaggle, options.publish, request.competition.name))


def _target(kaggle: Kaggle, wanted: str, competition: str) -> Check:
    """Whether the data set of ``--publish`` can be made, or have a new version."""
    try:
        ref = at_most(PATIENCE, lambda: check_target(kaggle, wanted, competition))
    except UserError as error:
        found, _, todo = str(error).rpartition(": ")
        return Check("publish", False, found, todo)
    return Check("publish", True, f"weights can be published as {ref}", "")


def _without_kaggle(
    request: Request, kernels: Kernels, submit: bool, error: UserError
) -> tuple[Check, ...]:
    """Why Kaggle was not asked, and the checks that ask it nothing."""
    no, now = KaggleError(str(error)), datetime.now(UTC)
    bundles = build_bundles(request.competition, kernels, "owner")
    subject = Subject("owner", request, bundles, frozenset(), submit, no, no, None, None, {}, now)
    found, _, todo = str(error).partition(": ")
    others = ", ".join(name for name in CHECKS if name not in (*OWN, "credentials"))
    return (
        Check("credentials", False, found, todo or _AGAIN),
        Check("not asked", False, f"Kaggle was not asked for: {others}", _AGAIN),
        *run_checks(subject, OWN),
    )


def plan_facts(
    request: Request,
    kernels: Kernels,
    checks: Sequence[Check] | None,
    runs: Path,
    options: RunOptions,
    data: Collection[str] = (),
) -> dict[str, Any]:
    """The plan in plain values: ``checks`` (None without any), ``kernels``, ``hours`` and ``then``.

    Each kernel: name, slug, accelerator, sources, hours (None: unknown), and of its recipe what
    it has of sizes, epochs and learning rates. ``audit``: whether the competition can be audited,
    and what the latest audit in the folder ``runs`` found; in a dry run the latest of its ``data``.
    """
    runs_before, _ = read_history(runs, request.competition.name)
    audits = (
        run.audit
        for run in runs_before
        if run.audit and run.dry_run == request.dry_run and (not run.dry_run or run.data in data)
    )
    can = AUDIT in kernel_scripts(request.competition)
    return {
        "state": "planned",
        "recipe": request.recipe,
        "checks": None if checks is None else [vars(check) for check in checks],
        "kernels": [
            {
                **{name: getattr(kernel, name) for name in ("name", "slug", "accelerator")},
                **({"cell": kernel.cell} if kernel.cell else {}),
                "sources": _sources(request, kernels, kernel),
                "hours": kernel.hours,
                **(recipe_facts(kernel.recipe) if kernel.recipe else {}),
            }
            for kernel in kernels
        ],
        "hours": {
            accelerator: {"known": round(known, 2), "unknown": unknown}
            for accelerator, (known, unknown) in needed_hours(kernels).items()
        },
        "then": _then(request, options),
        "audit": {"can": can, "latest": next(audits, None)},  # a dry run's data are not Kaggle's
    }


def plan_text(
    request: Request, kernels: Kernels, checks: Sequence[Check] | None, facts: Mapping[str, Any]
) -> str:
    """The plan, of which these are ``plan_facts``, for people.

    The kernels of one script, which differ in a number, are shown once.
    """
    lines = ["no checks: a dry run asks nothing of Kaggle"]
    if checks is not None:
        lines = [check.line for check in checks]
    lines += [*_audit(facts["audit"], request.audit), ""]
    if request.recipe != "published":
        lines += [f"the {request.recipe} recipes", ""]
    groups = [list(g) for _, g in itertools.groupby(kernels, lambda k: (k.script, k.cell))]
    heads, end = [], 0
    for alike in groups:
        first, end = end + 1, end + len(alike)
        number, each = (f"{first}-{end}", " each") if len(alike) > 1 else (f"{end}", "")
        slugs = in_short(kernel.slug for kernel in alike)
        hours = "" if request.small else f"{_in_words(alike[0].hours)}{each}"
        heads.append((number, slugs, alike[0].accelerator, hours))
    known: set[str] = set()
    for head, (kernel, *_) in zip(aligned(heads), groups, strict=True):
        details = _details(request, kernels, kernel)
        if kernel.cell and kernel.script in known:  # the first one of a script is shown in full
            details = {"cell": details["cell"]}
        known.add(kernel.script)
        lines += [head, *(f"{' ' * 6}{line}" for line in aligned(list(details.items())))]
    lines += ["", *(f"then it {step}" for step in facts["then"]), _estimated(request, kernels)]
    return "\n".join([*lines, "nothing was pushed"])


def _in_words(hours: float | None) -> str:
    return "hours unknown" if hours is None else hours_in_words(hours)


def _estimated(request: Request, kernels: Kernels) -> str:
    """The hours of all kernels, by accelerator; scripts state none of small settings."""
    if request.small:
        machine = "this machine" if request.dry_run else "Kaggle"
        return f"not estimated: how long it takes on {machine} with a dry run's settings"
    totals = []
    for accelerator, (known, unknown) in needed_hours(kernels).items():
        parts = [hours_in_words(known)] if known else []
        parts += [f"unknown for {in_short(unknown)}"] if unknown else []
        totals.append(f"{accelerator.upper()} {' and '.join(parts)}")
    return f"estimated: {'; '.join(totals)}"


def _then(request: Request, options: RunOptions) -> list[str]:
    """What happens when the kernels are complete, a step each."""
    steps = []
    if request.sweep:
        parts = "validation, and on test, too" if request.sweep.sweep.test else "validation"
        steps.append(f"compares the cells on {parts}: one table and one figure")
    if request.blends and request.competition.submission:
        steps.append("sends submission.csv, once" if options.submit else "sends nothing")
    if options.fetch_weights or options.publish is not None:
        steps.append("fetches the weights that the kernels have left")
    if options.publish is not None:
        name = "/".join(filter(None, published_name(options.publish, request.competition.name)))
        asks = "" if options.yes else "asks, and then "
        steps.append(f"{asks}publishes them as a version of the private data set {name}")
    return steps


def _audit(facts: Mapping[str, Any], asked: bool) -> list[str]:
    """The lines on the audit; none for a competition that cannot be audited."""
    latest = facts["latest"]
    if latest is None:
        hint = ["--   not audited for leaks and broken pictures: add --audit"]
        return hint if facts["can"] and not asked else []
    day = latest["started"][:10]
    if not latest["warnings"]:
        return [f"ok   audited {day}: nothing found"]
    lines = [f"warn {warning}" for warning in latest["warnings"]]
    return [*lines, f"     found by the audit of {day}: {latest['folder']}"]


def _details(request: Request, kernels: Kernels, kernel: PlannedKernel) -> dict[str, str]:
    rows = {"cell": _cell(request, kernel), "role": _ROLES.get(kernel.script, "")}
    if kernel.script == ENSEMBLE and request.competition.submission is None:
        rows["role"] = "blends, measures, writes predictions.csv"
    if kernel.recipe:
        pictures = None if request.dry_run else request.competition.pictures or None
        replicas, validation = REPLICAS[kernel.accelerator], request.competition.validation
        words = describe_recipe(kernel.recipe, replicas, pictures, validation=validation)
        rows |= {name: words[name] for name in _ROWS if name in words}
    rows["reads"] = in_short(_sources(request, kernels, kernel))
    if kernel.parameters.full_size:
        rows["full size"] = "built, too, and its parameters counted"
    longest = SESSION_HOURS[kernel.accelerator]
    if (kernel.hours or 0) > longest:
        rows["hours"] = f"longer than the {longest} h of a session"
    return {name: words for name, words in rows.items() if words}


def _cell(request: Request, kernel: PlannedKernel) -> str:
    """What a cell of a sweep is called, and what it changes."""
    if not request.sweep or not kernel.cell:
        return ""
    cell = request.sweep.sweep.cells[kernel.cell]
    changes = " ".join(f"{name}={value}" for name, value in cell.settings.items())
    return kernel.cell if changes == kernel.cell else f"{kernel.cell}: {changes or 'the recipe'}"


def _sources(request: Request, kernels: Kernels, kernel: PlannedKernel) -> list[str]:
    slugs = {known.name: known.slug for known in kernels}
    own = "" if kernel.name == SHARED else request.competition.slug
    read = [*(slugs[name] for name in kernel.sources), own, kernel.parameters.weights_source]
    return [source for source in read if source]
