"""``--plan``: what a run would do, told without doing it."""

from collections.abc import Mapping
from typing import Any

from common.errors import UserError
from kernels.bundle import build_bundles
from kernels.check import Check
from kernels.client import Kaggle
from kernels.estimate import estimate_hours, need_of, tell_hours
from kernels.plan import (
    ENSEMBLE,
    SESSION_HOURS,
    SHARED,
    Kernel,
    Request,
    effective_recipe,
    plan_kernels,
)
from kernels.preflight import preflight, require

_ROLES = {SHARED: "the shared code, as a utility script", ENSEMBLE: "blends, writes submission.csv"}


def make_plan(request: Request, kaggle: Kaggle | None, submit: bool) -> dict[str, Any]:
    """The plan in plain values: ``checks`` (without ``kaggle`` None), ``kernels`` and ``hours``.

    Each kernel: name, slug, accelerator, sources, hours (None: unknown), and of its recipe what
    it has of sizes, epochs and learning rates.
    """
    kernels, hours = plan_kernels(request), estimate_hours(request)
    checks: tuple[Check, ...] = ()
    if kaggle:
        bundles = build_bundles(request.competition, kernels, kaggle.owner, nonce="")
        checks = preflight(kaggle, request, bundles, submit, hours)
    return {
        "state": "planned",
        "checks": [vars(check) for check in checks] if kaggle else None,
        "kernels": [_kernel(request, kernels, kernel, hours[kernel.name]) for kernel in kernels],
        "hours": _totals(kernels, hours),
        **_failure(checks),
    }


def tell_plan(plan: Mapping[str, Any]) -> str:
    """The plan for people."""
    if plan["checks"] is None:
        lines = ["no checks: a dry run asks nothing of Kaggle", ""]
    else:
        lines = [*(Check(**check).line for check in plan["checks"]), ""]
    for number, kernel in enumerate(plan["kernels"], 1):
        hours = _hours(kernel["hours"])
        lines.append(f"{number}  {kernel['slug']:<26} {kernel['accelerator']:<4} {hours}")
        lines += [f"   {line}" for line in _details(kernel)]
    totals = (_total(name, total) for name, total in plan["hours"].items())
    return "\n".join([*lines, "", f"estimated: {'; '.join(totals)}", "nothing was pushed"])


def _failure(checks: tuple[Check, ...]) -> dict[str, str]:
    try:
        require(checks)
    except UserError as error:
        return {"state": "failed", "error": str(error)}
    return {}


def _kernel(
    request: Request, kernels: tuple[Kernel, ...], kernel: Kernel, hours: float | None
) -> dict[str, Any]:
    slugs = {known.name: known.slug for known in kernels}
    sources = [slugs[name] for name in kernel.sources]
    if kernel.name != SHARED:
        sources.append(request.competition.slug)
    if kernel.parameters.weights_source:
        sources.append(kernel.parameters.weights_source)
    facts = {"name": kernel.name, "slug": kernel.slug, "accelerator": kernel.accelerator}
    member = next((m for m in request.members if m.name == kernel.name), None)
    recipe = _recipe(effective_recipe(request, member)) if member else {}
    return {**facts, "sources": sources, "hours": hours and round(hours, 2), **recipe}


def _recipe(recipe: Any) -> dict[str, Any]:
    """Sizes and schedule of a recipe: those that it has, for one replica."""
    names = ("image_size", "batch_size", "epochs")
    told = {name: getattr(recipe, name) for name in names if hasattr(recipe, name)}
    if getattr(recipe, "refit", False):
        again = recipe.refit_epochs
        told["refit_epochs"] = recipe.epochs if again is None else again
    if getattr(recipe, "miniature", False):
        told["miniature"] = True  # the parameters that a recipe states are of the whole network
    else:
        for name in ("total_parameters", "trainable_parameters"):
            if getattr(recipe, name, 0):
                told[name] = getattr(recipe, name)
    if hasattr(recipe, "learning_rate"):
        told["learning_rates"] = [recipe.learning_rate(n, 1) for n in range(recipe.epochs)]
    return told


def _totals(
    kernels: tuple[Kernel, ...], hours: Mapping[str, float | None]
) -> dict[str, dict[str, Any]]:
    """For each accelerator: the known hours, and the kernels whose hours are not known."""
    totals = {}
    for accelerator in dict.fromkeys(kernel.accelerator for kernel in kernels):
        names = [kernel.name for kernel in kernels if kernel.accelerator == accelerator]
        known, unknown = need_of({name: hours[name] for name in names})
        totals[accelerator] = {"known": round(known, 2), "unknown": list(unknown)}
    return totals


def _details(kernel: Mapping[str, Any]) -> list[str]:
    lines = [_ROLES[kernel["name"]]] if kernel["name"] in _ROLES else []
    lines += [line for line in (_sizes(kernel), _schedule(kernel)) if line]
    if kernel["sources"]:
        lines.append(f"from {', '.join(kernel['sources'])}")
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
    return "hours unknown" if hours is None else tell_hours(hours)


def _total(accelerator: str, total: Mapping[str, Any]) -> str:
    parts = [tell_hours(total["known"])] if total["known"] else []
    parts += [f"unknown for {', '.join(total['unknown'])}"] if total["unknown"] else []
    return f"{accelerator.upper()} {' and '.join(parts)}"
