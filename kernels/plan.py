"""The kernels of a run and how they depend on each other, before anything is pushed."""

import dataclasses
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from common.accelerator import REPLICAS
from common.blending.blend import METHODS
from common.errors import UserError
from common.networks.backbones import check_size, check_weights, weights_files
from common.parameters import Parameters
from common.recipe import nearest, override
from common.recipes.training import check_batch
from competitions import kernel_scripts
from kernels.graph import ensemble_members, sources_of, trained_members
from kernels.request import (
    AUDIT,
    ENSEMBLE,
    RECIPES,
    Member,
    Request,
    accelerator_of,
    effective_recipe,
    member_settings,
    script_module,
)

SHARED = "shared"
# Kaggle's caps; a kernel stops itself before them, because what is cut off goes to nobody.
SESSION_HOURS = {"tpu": 9, "gpu": 12, "cpu": 12}
_SPARE = 900.0  # seconds for the image to start and the output to be saved
_SOURCE = re.compile(r"[\w-]+/[\w.-]+(/[\w.-]+/[\w.-]+(/\d+)?)?")


@dataclass(frozen=True)
class Kernel:
    """One kernel of a run.

    Attributes:
        name: within the run.
        script: the competition's script, or SHARED for the utility script.
        slug: on Kaggle, without the owner.
        accelerator: ``tpu``, ``gpu`` or ``cpu``.
        internet: whether it is switched on.
        sources: names of the run's kernels whose outputs it reads; they must be complete first.
        parameters: what is baked into its text (nonce and hash are added when it is built).
    """

    name: str
    script: str
    slug: str
    accelerator: str
    internet: bool
    sources: tuple[str, ...]
    parameters: Parameters


def plan_kernels(request: Request) -> tuple[Kernel, ...]:
    """The kernels of a run, sources first. Raises UserError for what cannot work.

    The utility script (unless its code is embedded), then the members, then the audit if one is
    asked for, then the ensemble that reads all members. An audit without members has no ensemble.
    """
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
    slug = f"{request.prefix.replace('-', '')}common"
    shared = Kernel(SHARED, SHARED, slug, "cpu", False, (), Parameters(SHARED))
    _check_settings(request)
    members = tuple(_member_kernel(request, member) for member in trained_members(request))
    audit = (_audit_kernel(request),) if request.audit else ()
    ensemble = (_ensemble_kernel(request),) if members else ()
    return (*(() if request.embed else (shared,)), *members, *audit, *ensemble)


def _ensemble_kernel(request: Request) -> Kernel:
    settings = member_settings(request, Member(ENSEMBLE))
    settings |= {"method": request.blend} if request.blend != METHODS[0] else {}
    recipe = script_module(request.competition, ENSEMBLE).RECIPE
    if request.calibrate and not hasattr(recipe, "calibrate"):
        raise UserError("--calibrate: this ensemble tells probabilities already; leave it out")
    settings |= {"calibrate": True} if request.calibrate else {}
    override(recipe, settings)  # what does not fit is refused before anything is pushed
    parameters = Parameters(
        ENSEMBLE, accelerator="cpu", settings=settings, internet=False, rehearse=request.rehearse
    )
    read = (*sources_of(request, ENSEMBLE), *ensemble_members(request))
    slug = f"{request.prefix}-{ENSEMBLE}"
    return Kernel(ENSEMBLE, ENSEMBLE, slug, "cpu", False, _sources(request, read), parameters)


def _sources(request: Request, read: Sequence[Member]) -> tuple[str, ...]:
    """The names of the shared code and of the kernels that one reads."""
    return (*(() if request.embed else (SHARED,)), *(member.name for member in read))


def _member_kernel(request: Request, member: Member) -> Kernel:
    accelerator = accelerator_of(request, member)
    recipe = effective_recipe(request, member)
    _check_network(request, member.script, recipe)
    counted = request.competition.pictures
    if counted and not request.small and hasattr(recipe, "batch_size"):
        check_batch(recipe.batch_size, REPLICAS[accelerator], counted["train"])
    parameters = Parameters(
        kernel=member.name,
        accelerator=accelerator,
        dry_run=request.small,
        rehearse=request.rehearse,
        full_size=request.full_size,
        recipe=request.recipe,
        settings=member_settings(request, member),
        seed=(request.seed + getattr(recipe, "network", 0)) % 2**32,
        internet=request.internet,
        weights_source=request.weights_source,
        time_limit=SESSION_HOURS[accelerator] * 3600.0 - _SPARE,
    )
    return Kernel(
        member.name,
        member.script,
        f"{request.prefix}-{member.name}",
        accelerator,
        request.internet,
        _sources(request, sources_of(request, member.script)),
        parameters,
    )


def _audit_kernel(request: Request) -> Kernel:
    competition = request.competition
    if AUDIT not in kernel_scripts(competition):
        where = f"competitions/{competition.folder}/{AUDIT}.py"
        raise UserError(f"--audit: {competition.name} has no {where}: leave --audit out")
    parameters = Parameters(
        AUDIT,
        accelerator="cpu",
        settings=member_settings(request, Member(AUDIT)),
        internet=False,
        rehearse=request.rehearse,
    )
    override(script_module(competition, AUDIT).RECIPE, parameters.settings)
    sources = _sources(request, sources_of(request, AUDIT))
    return Kernel(AUDIT, AUDIT, f"{request.prefix}-{AUDIT}", "cpu", False, sources, parameters)


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


def _check_settings(request: Request) -> None:
    """Every setting must be a field of some member's recipe, or of the audit's."""
    fields: dict[str, None] = {}
    audited = request.audit and AUDIT in kernel_scripts(request.competition)
    members = trained_members(request)
    others = [*([Member(ENSEMBLE)] if members else []), *([Member(AUDIT)] if audited else [])]
    for member in (*members, *others):
        recipe = script_module(request.competition, member.script).RECIPE
        fields.update(dict.fromkeys(f.name for f in dataclasses.fields(recipe)))
    for key in request.settings:
        if key not in fields:
            raise UserError(f"unknown setting {key!r}: {nearest(key, fields)}")
        if any(key in member.settings for member in members):
            raise UserError(f"--set {key}: each kernel has its own; leave it out")
