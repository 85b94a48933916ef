"""``--plan``: what a run would do, told without doing it."""

import itertools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from common.errors import UserError
from common.recipes.hours import hours_in_words, refit_epochs
from kernels.bundle.build import build_bundles
from kernels.kaggle.client import Kaggle
from kernels.plan.planned import SESSION_HOURS, SHARED, PlannedKernel, need_of
from kernels.plan.request import AUDIT, ENSEMBLE, VARIANT, Request, in_short
from kernels.preflight.check import Check
from kernels.preflight.checklist import preflight, require
from kernels.results.audit import audit_facts, tell_audit

_NUMBERS = ("fold", "part", "network")  # which of several alike a kernel is
_ROLES = {
    SHARED: "the shared code, as a utility script",
    AUDIT: "looks for leaks, copies and broken pictures; no kernel waits for it",
    ENSEMBLE: "blends, writes submission.csv",
}


def make_plan(
    request: Request,
    kernels: tuple[PlannedKernel, ...],
    kaggle: Kaggle | None,
    submit: bool,
    runs: Path = Path("runs"),
) -> dict[str, Any]:
    """The plan in plain values: ``checks`` (without ``kaggle`` None), ``kernels`` and ``hours``.

    Each kernel: name, slug, accelerator, sources, hours (None: unknown), and of its recipe what
    it has of sizes, epochs and learning rates. ``audit``: what the latest one in the folder
    ``runs`` found.
    """
    checks: tuple[Check, ...] = ()
    if kaggle:
        bundles = build_bundles(request.competition, kernels, kaggle.owner, nonce="")
        checks = preflight(kaggle, request, bundles, submit, {k.name: k.hours for k in kernels})
    return {
        "state": "planned",
        "recipe": request.recipe,
        "checks": [vars(check) for check in checks] if kaggle else None,
        "kernels": [_kernel(request, kernels, kernel) for kernel in kernels],
        "hours": _totals(kernels),
        "audit": audit_facts(runs, request.competition, request.dry_run),
        **_failure(checks),
    }


def tell_plan(plan: Mapping[str, Any]) -> str:
    """The plan for people."""
    if plan["checks"] is None:
        lines = ["no checks: a dry run asks nothing of Kaggle"]
    else:
        lines = [Check(**check).line for check in plan["checks"]]
    asked = any(kernel["name"] == AUDIT for kernel in plan["kernels"])
    lines += [*tell_audit(plan["audit"], asked), ""]
    if plan["recipe"] != "published":
        lines += [f"the {plan['recipe']} recipes", ""]
    lines += _entries(plan["kernels"])
    totals = (_total(name, total) for name, total in plan["hours"].items())
    return "\n".join([*lines, "", f"estimated: {'; '.join(totals)}", "nothing was pushed"])


def _alike(kernels: Sequence[Mapping[str, Any]]) -> list[list[Mapping[str, Any]]]:
    """The kernels in their order, those that differ in their number alone together."""

    def but_which(kernel: Mapping[str, Any]) -> dict[str, Any]:
        name = {key: VARIANT.sub("", str(kernel[key])) for key in ("name", "slug")}
        known = {**kernel, **name}
        return {key: value for key, value in known.items() if key not in _NUMBERS}

    return [list(group) for _, group in itertools.groupby(kernels, but_which)]


def _entries(kernels: Sequence[Mapping[str, Any]]) -> list[str]:
    """The lines of the kernels, numbered; those of one model are told together."""
    alike, heads = _alike(kernels), []
    ends = itertools.accumulate(len(group) for group in alike)
    for group, end in zip(alike, ends, strict=True):
        number = f"{end - len(group) + 1}-{end}" if len(group) > 1 else f"{end}"
        heads.append((number, in_short(kernel["slug"] for kernel in group)))
    room = max(len(number) for number, _ in heads)
    width = max(26, *(len(slugs) for _, slugs in heads))
    lines = []
    for (number, slugs), group in zip(heads, alike, strict=True):
        hours = f"{_hours(group[0]['hours'])}{' each' if len(group) > 1 else ''}"
        lines.append(f"{number:<{room}}  {slugs:<{width}} {group[0]['accelerator']:<4} {hours}")
        lines += [f"{' ' * room}  {line}" for line in _details(group[0])]
    return lines


def _failure(checks: tuple[Check, ...]) -> dict[str, str]:
    try:
        require(checks)
    except UserError as error:
        return {"state": "failed", "error": str(error)}
    return {}


def _kernel(
    request: Request, kernels: tuple[PlannedKernel, ...], kernel: PlannedKernel
) -> dict[str, Any]:
    slugs = {known.name: known.slug for known in kernels}
    sources = [slugs[name] for name in kernel.sources]
    if kernel.name != SHARED:
        sources.append(request.competition.slug)
    if kernel.parameters.weights_source:
        sources.append(kernel.parameters.weights_source)
    facts = {"name": kernel.name, "slug": kernel.slug, "accelerator": kernel.accelerator}
    return {**facts, "sources": sources, "hours": kernel.hours, **_recipe(kernel.recipe)}


def _recipe(recipe: Any) -> dict[str, Any]:
    """Sizes and schedule of a recipe: those that it has, for one replica."""
    names = ("image_size", "batch_size", "epochs")
    told = {name: getattr(recipe, name) for name in names if getattr(recipe, name, 0)}
    if again := refit_epochs(recipe):
        told["refit_epochs"] = again
    if getattr(recipe, "folds", 0):
        told |= {"folds": recipe.folds, "fold": recipe.fold}
    if getattr(recipe, "parts", 0):
        told |= {"parts": recipe.parts, "part": recipe.part}
    if getattr(recipe, "networks", 0) > 1:
        told |= {"networks": recipe.networks, "network": recipe.network}
    if getattr(recipe, "miniature", False):
        told["miniature"] = True  # the parameters that a recipe states are of the whole network
    else:
        for name in ("total_parameters", "trainable_parameters"):
            if getattr(recipe, name, 0):
                told[name] = getattr(recipe, name)
    if hasattr(recipe, "learning_rate"):
        told["learning_rates"] = [recipe.learning_rate(n, 1) for n in range(recipe.epochs)]
    return told


def _totals(kernels: tuple[PlannedKernel, ...]) -> dict[str, dict[str, Any]]:
    """For each accelerator: the known hours, and the kernels whose hours are not known."""
    totals = {}
    for accelerator in dict.fromkeys(kernel.accelerator for kernel in kernels):
        known, unknown = need_of({k.name: k.hours for k in kernels if k.accelerator == accelerator})
        totals[accelerator] = {"known": round(known, 2), "unknown": list(unknown)}
    return totals


def _details(kernel: Mapping[str, Any]) -> list[str]:
    lines = [_ROLES[kernel["name"]]] if kernel["name"] in _ROLES else []
    lines += [line for line in (_sizes(kernel), _schedule(kernel)) if line]
    if kernel["sources"]:
        lines.append(f"from {in_short(kernel['sources'])}")
    longest = SESSION_HOURS[kernel["accelerator"]]
    if (kernel["hours"] or 0) > longest:
        lines.append(f"longer than the {longest} h of a session")
    return lines


def _sizes(kernel: Mapping[str, Any]) -> str:
    told = []
    if "image_size" in kernel:
        told.append(f"{kernel['image_size']} x {kernel['image_size']} pixels")
    if "batch_size" in kernel:
        told.append(f"batch of {kernel['batch_size']} a replica")
    if "miniature" in kernel:
        told.append("a miniature of the network")
    if "total_parameters" in kernel:
        trained = kernel.get("trainable_parameters")
        of = f" ({trained:,} trained)" if trained else ""
        told.append(f"{kernel['total_parameters']:,} parameters{of}")
    return ", ".join(told)


def _schedule(kernel: Mapping[str, Any]) -> str:
    if "epochs" not in kernel:
        return ""
    told = f"{kernel['epochs']} epochs"
    told += f" and {kernel['refit_epochs']} of refit" if "refit_epochs" in kernel else ""
    told += f", one of {kernel['folds']} parts left out for validation" if "fold" in kernel else ""
    told += f", one of {kernel['networks']} networks" if "network" in kernel else ""
    rates = kernel.get("learning_rates")
    return f"{told}; {_rates(rates)}" if rates else told


def _rates(rates: list[float]) -> str:
    peak = max(rates)
    if min(rates) == peak:
        return f"learning rate {peak:.3g}"
    at = rates.index(peak) + 1
    return (
        f"learning rate {rates[0]:.3g}, {peak:.3g} in epoch {at}, {rates[-1]:.3g} in the last "
        f"(one replica)"
    )


def _hours(hours: float | None) -> str:
    return "hours unknown" if hours is None else hours_in_words(hours)


def _total(accelerator: str, total: Mapping[str, Any]) -> str:
    parts = [hours_in_words(total["known"])] if total["known"] else []
    parts += [f"unknown for {in_short(total['unknown'])}"] if total["unknown"] else []
    return f"{accelerator.upper()} {' and '.join(parts)}"
