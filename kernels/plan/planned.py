"""The kernels of a run and how they depend on each other, before anything is pushed."""

import re
from dataclasses import asdict, dataclass
from typing import Any

from common.accelerator import REPLICAS
from common.blending.blend import METHODS
from common.declaration import Kernel
from common.errors import UserError
from common.networks.backbones import check_size, check_weights, weights_files
from common.parameters import Parameters
from common.recipe import field_types, nearest
from common.recipes.training import check_batch
from competitions import kernel_scripts, load_kernel
from kernels.plan.estimate import SHORT, expected_hours
from kernels.plan.graph import Graph, Resolved, resolve_graph
from kernels.plan.request import (
    AUDIT,
    ENSEMBLE,
    RECIPES,
    Member,
    Request,
    accelerator_of,
    resolve_recipe,
)

SHARED = "shared"
# Kaggle's caps; a kernel stops itself before them, because what is cut off goes to nobody.
SESSION_HOURS = {"tpu": 9, "gpu": 12, "cpu": 12}
_SPARE = 900.0  # seconds for the image to start and the output to be saved
_SOURCE = re.compile(r"[\w-]+/[\w.-]+(/[\w.-]+/[\w.-]+(/\d+)?)?")


@dataclass(frozen=True)
class PlannedKernel:
    """One kernel of a run, with its recipe resolved.

    Attributes:
        name: within the run.
        script: the competition's script, or SHARED for the utility script.
        slug: on Kaggle, without the owner.
        accelerator: ``tpu``, ``gpu`` or ``cpu``.
        internet: whether it is switched on.
        sources: names of the run's kernels whose outputs it reads; they must be complete first.
        parameters: what is baked into its text (nonce and hash are added when it is built).
        declared: what its script declares; the utility script declares nothing.
        recipe: what it runs.
        hours: that it is expected to take; None where nobody knows.
        rehearses: whether it says what its machine holds before anything else.
    """

    name: str
    script: str
    slug: str
    accelerator: str
    internet: bool
    sources: tuple[str, ...]
    parameters: Parameters
    declared: Kernel | None = None
    recipe: Any = None
    hours: float | None = SHORT
    rehearses: bool = False


def plan_kernels(request: Request) -> tuple[PlannedKernel, ...]:
    """The kernels of a run, sources first. Raises UserError for what cannot work.

    The utility script (unless its code is embedded), then the members, then the audit if one is
    asked for, then the ensemble that reads all members. An audit without members has no ensemble.
    """
    request.competition.check()
    _check_options(request)
    others = [*([AUDIT] if request.audit else []), *([ENSEMBLE] if request.members else [])]
    declared = {name: load_kernel(request.competition, name) for name in others}
    graph = resolve_graph(request, others)
    _check_settings(request, graph, declared)
    slug = f"{request.prefix.replace('-', '')}common"
    shared = PlannedKernel(
        SHARED, SHARED, slug, "cpu", False, (), Parameters(SHARED, accelerator="cpu")
    )
    return (
        *(() if request.embed else (shared,)),
        *(_member_kernel(request, graph, one) for one in graph.trained),
        *(_other_kernel(request, graph, name, kernel) for name, kernel in declared.items()),
    )


def _check_options(request: Request) -> None:
    if request.blend not in METHODS:
        hint = nearest(request.blend, METHODS)
        raise UserError(f"unknown blend {request.blend!r}: {hint}")
    if request.recipe not in RECIPES:
        raise UserError(f"unknown recipe {request.recipe!r}: {nearest(request.recipe, RECIPES)}")
    if not 0 <= request.seed < 2**32:
        raise UserError(f"--seed {request.seed}: it must be from 0 to {2**32 - 1}")
    if request.weights_source and not _SOURCE.fullmatch(request.weights_source):
        raise UserError(
            f"--weights-source {request.weights_source}: write OWNER/SLUG for a data set, or "
            f"OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION] for a model"
        )
    competition = request.competition
    if request.audit and AUDIT not in kernel_scripts(competition):
        where = f"competitions/{competition.folder}/{AUDIT}.py"
        raise UserError(f"--audit: {competition.name} has no {where}: leave --audit out")


def _member_kernel(request: Request, graph: Graph, one: Resolved) -> PlannedKernel:
    recipe, accelerator = one.recipe, accelerator_of(request, one.member, one.kernel)
    _check_task(request, recipe)
    _check_network(request, one.member.script, recipe)
    counted = request.competition.pictures
    if counted and not request.small and hasattr(recipe, "batch_size"):
        check_batch(recipe.batch_size, REPLICAS[accelerator], counted["train"])
    parameters = Parameters(
        kernel=one.name,
        accelerator=accelerator,
        full_size=_full_size(one) if request.full_size else {},
        seed=(request.seed + getattr(recipe, "network", 0)) % 2**32,
        internet=request.internet,
        weights_source=request.weights_source,
        time_limit=SESSION_HOURS[accelerator] * 3600.0 - _SPARE,
    )
    return PlannedKernel(
        one.name,
        one.member.script,
        f"{request.prefix}-{one.name}",
        accelerator,
        request.internet,
        (*_shared(request), *graph.names(one.kernel.sources)),
        parameters,
        one.kernel,
        recipe,
        expected_hours(one.kernel, recipe, accelerator, request.small),
        request.rehearse,
    )


def _other_kernel(request: Request, graph: Graph, name: str, kernel: Kernel) -> PlannedKernel:
    """The audit, which reads nothing of the run's, or the ensemble, which reads its members."""
    is_blend = name == ENSEMBLE
    settings = _blend_settings(request, kernel) if is_blend else {}
    recipe = resolve_recipe(request, Member(name, settings=settings, source=True), kernel)
    read = (*kernel.sources, *(graph.members if is_blend else ()))
    return PlannedKernel(
        name,
        name,
        f"{request.prefix}-{name}",
        "cpu",
        False,
        (*_shared(request), *graph.names(read)),
        Parameters(name, accelerator="cpu", internet=False),
        kernel,
        recipe,
        SHORT if is_blend else expected_hours(kernel, recipe, "cpu", request.dry_run),
        request.rehearse,
    )


def _blend_settings(request: Request, kernel: Kernel) -> dict[str, Any]:
    settings: dict[str, Any] = {}
    if request.blend != METHODS[0]:
        settings["method"] = request.blend
    if request.calibrate and "calibrate" not in field_types(kernel.recipe):
        raise UserError("--calibrate: this ensemble tells probabilities already; leave it out")
    if request.calibrate and request.competition.task.name != "classification":
        name = request.competition.task.name
        raise UserError(f"--calibrate is of one class in several, the task is {name}: leave it out")
    if request.calibrate:
        settings["calibrate"] = True
    return settings


def _shared(request: Request) -> tuple[str, ...]:
    return () if request.embed else (SHARED,)


def _full_size(one: Resolved) -> dict[str, Any]:
    """What the published recipe has otherwise than the one that runs."""
    runs, published = asdict(one.recipe), asdict(one.kernel.recipe)
    is_network = hasattr(one.kernel, "network")
    return {k: value for k, value in published.items() if is_network and value != runs[k]}


def _check_network(request: Request, script: str, recipe: Any) -> None:
    """What a kernel would stop over, known before it is pushed."""
    if not getattr(recipe, "backbone", ""):
        return
    files, weights = weights_files(recipe.backbone), recipe.weights
    if recipe.miniature and "backbone" in request.settings:
        raise UserError(
            f"--set backbone={recipe.backbone} changes nothing here: with small settings a network "
            f"of {script}'s own is trained; leave it out, or add --set miniature=no to train this"
        )
    if not recipe.miniature:
        check_size(recipe.backbone, recipe.image_size)
    check_weights(recipe.backbone, weights)
    if weights in (None, "none"):
        return
    if not request.internet and not request.weights_source:
        raise UserError(
            f"--no-internet, and {script} begins with weights={weights}: attach a data set or "
            f"model that holds {files[weights]} with --weights-source, or --set weights=none"
        )


def _check_task(request: Request, recipe: Any) -> None:
    """Raise UserError for a setting that the competition's task makes no use of."""
    task, plain = request.competition.task, type(recipe)()
    for name in task.idle:
        value = getattr(recipe, name, None)
        if value != getattr(plain, name, None):
            raise UserError(
                f"setting {name}={value} changes nothing, the task is {task.name}: leave it out"
            )


def _check_settings(request: Request, graph: Graph, others: dict[str, Kernel]) -> None:
    """Every setting must be a field of some member's recipe, the ensemble's or the audit's."""
    kernels = [*(one.kernel for one in graph.trained), *reversed(others.values())]
    fields = dict.fromkeys(name for kernel in kernels for name in field_types(kernel.recipe))
    for key in request.settings:
        if key not in fields:
            raise UserError(f"unknown setting {key!r}: {nearest(key, fields)}")
        if any(key in one.member.settings for one in graph.trained):
            raise UserError(f"--set {key}: each kernel has its own; leave it out")
