"""The kernels of a run and how they depend on each other, before anything is pushed."""

import dataclasses
import importlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from common.blend import METHODS
from common.competition import Competition
from common.errors import UserError
from common.parameters import Parameters
from common.recipe import nearest, override
from competitions import kernel_scripts

ENSEMBLE = "ensemble"
SHARED = "shared"
ACCELERATORS = ("tpu", "gpu", "cpu")
# Kaggle's caps; a kernel stops itself before them, because what is cut off goes to nobody.
SESSION_HOURS = {"tpu": 9, "gpu": 12, "cpu": 12}
_SPARE = 900.0  # seconds for the image to start and the output to be saved
_SOURCE = re.compile(r"[\w-]+/[\w.-]+(/[\w.-]+/[\w.-]+(/\d+)?)?")


@dataclass(frozen=True)
class Member:
    """One training kernel: a script, and what makes this one differ from the script as it is.

    The same script with another ``variant`` (a fold, a part of the data) is another kernel.
    """

    script: str
    variant: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name within the run and at the end of its slug."""
        return f"{self.script}-{self.variant}" if self.variant else self.script


@dataclass(frozen=True)
class Request:
    """What a person asked for.

    Attributes:
        competition: which.
        members: the training kernels.
        settings: recipe fields to override in every member that has them.
        seed: of everything random.
        blend: ``mean``, ``weighted`` or ``greedy``.
        accelerator: of the training kernels.
        internet: whether training kernels may download.
        weights_source: data set or model that holds pretrained weights (and wheels).
        dry_run: small settings.
        full_size: build at full size too and hold the parameter counts.
        rehearse: small settings on Kaggle itself, under slugs of their own, never submitting.
        embed: every kernel carries the shared code in its own text.
    """

    competition: Competition
    members: tuple[Member, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    blend: str = "mean"
    accelerator: str = "gpu"
    internet: bool = True
    weights_source: str = ""
    dry_run: bool = False
    full_size: bool = False
    rehearse: bool = False
    embed: bool = False

    @property
    def small(self) -> bool:
        """Whether the scripts' small settings hold."""
        return self.dry_run or self.rehearse

    @property
    def prefix(self) -> str:
        """What the slugs of its kernels begin with."""
        return f"{self.competition.name}{'-rehearsal' if self.rehearse else ''}"


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


def request_facts(request: Request) -> dict[str, Any]:
    """The request in plain values, as a run's state and the history keep it."""
    facts = {f.name: getattr(request, f.name) for f in dataclasses.fields(request)}
    members = [member.name for member in request.members]
    return {**facts, "competition": request.competition.name, "members": members}


def choose_members(
    competition: Competition, models: list[str], ensemble: bool
) -> tuple[Member, ...]:
    """The members that ``--model`` and ``--ensemble`` name, each once.

    Raises UserError when there are none, or one is unknown or repeated.
    """
    twice = next((name for name in models if models.count(name) > 1), None)
    if twice:
        raise UserError(f"--model {twice} is given twice: give it once")
    names = list(dict.fromkeys([*models, *(competition.ensemble if ensemble else ())]))
    known = [name for name in kernel_scripts(competition) if name != ENSEMBLE]
    if not names:
        raise UserError(f"which model? give --ensemble, or --model with {', '.join(known)}")
    for name in names:
        if name not in known:
            raise UserError(f"unknown model {name!r}: {nearest(name, known)}")
    return tuple(Member(name) for name in names)


def plan_kernels(request: Request) -> tuple[Kernel, ...]:
    """The kernels of a run, sources first. Raises UserError for what cannot work.

    The utility script (unless its code is embedded), then the members, then the ensemble that
    reads them all.
    """
    if request.blend not in METHODS:
        hint = nearest(request.blend, METHODS)
        raise UserError(f"unknown blend {request.blend!r}: {hint}")
    if not 0 <= request.seed < 2**32:
        raise UserError(f"--seed {request.seed}: it must be from 0 to {2**32 - 1}")
    if request.weights_source and not _SOURCE.fullmatch(request.weights_source):
        raise UserError(
            f"--weights-source {request.weights_source}: write OWNER/SLUG for a data set, or "
            f"OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION] for a model"
        )
    slug = f"{request.prefix.replace('-', '')}common"
    shared = Kernel(SHARED, SHARED, slug, "cpu", False, (), Parameters(SHARED))
    first = () if request.embed else (shared,)
    _check_settings(request)
    members = tuple(_member_kernel(request, member) for member in request.members)
    settings = {"method": request.blend} if request.blend != METHODS[0] else {}
    ensemble = Kernel(
        ENSEMBLE,
        ENSEMBLE,
        f"{request.prefix}-{ENSEMBLE}",
        "cpu",
        False,
        tuple(kernel.name for kernel in (*first, *members)),
        Parameters(
            ENSEMBLE,
            accelerator="cpu",
            settings=settings,
            internet=False,
            rehearse=request.rehearse,
        ),
    )
    return (*first, *members, ensemble)


def script_module(competition: Competition, script: str) -> ModuleType:
    """The kernel script as a module; importing it imports no training framework."""
    return importlib.import_module(f"competitions.{competition.folder}.{script}")


def effective_recipe(request: Request, member: Member) -> Any:
    """The member's recipe with the dry run's and the member's and the user's settings applied.

    Of the user's settings those that its recipe has; see ``_check_settings`` for the others.
    """
    module = script_module(request.competition, member.script)
    recipe = module.RECIPE
    if request.small:
        recipe = override(recipe, module.DRY_RUN)
    return override(recipe, _member_settings(request, member))


def _member_kernel(request: Request, member: Member) -> Kernel:
    _check_accelerator(request, member.script)
    _check_weights(request, member.script, effective_recipe(request, member))
    parameters = Parameters(
        kernel=member.name,
        accelerator=request.accelerator,
        dry_run=request.small,
        rehearse=request.rehearse,
        full_size=request.full_size,
        settings=_member_settings(request, member),
        seed=request.seed,
        internet=request.internet,
        weights_source=request.weights_source,
        time_limit=SESSION_HOURS[request.accelerator] * 3600.0 - _SPARE,
    )
    return Kernel(
        member.name,
        member.script,
        f"{request.prefix}-{member.name}",
        request.accelerator,
        request.internet,
        () if request.embed else (SHARED,),
        parameters,
    )


def _check_weights(request: Request, script: str, recipe: Any) -> None:
    """What a kernel would stop over, known before it is pushed."""
    files = getattr(script_module(request.competition, script), "WEIGHTS_FILES", None)
    weights = getattr(recipe, "weights", None)
    if files is None or weights in (None, "none"):
        return
    if weights not in files:
        raise UserError(f"weights={weights}: {script} has {', '.join(files)} and none")
    if not request.internet and not request.weights_source:
        raise UserError(
            f"--no-internet, and {script} begins with weights={weights}: attach a data set or "
            f"model that holds {files[weights]} with --weights-source, or --set weights=none"
        )


def _member_settings(request: Request, member: Member) -> dict[str, Any]:
    """The settings of one member, each of its field's type."""
    recipe = script_module(request.competition, member.script).RECIPE
    fields = {f.name for f in dataclasses.fields(recipe)}
    asked = {key: value for key, value in request.settings.items() if key in fields}
    merged = {**asked, **member.settings}
    typed = override(recipe, merged)
    return {key: getattr(typed, key) for key in merged}


def _check_settings(request: Request) -> None:
    """Every setting must be a field of some member's recipe."""
    fields: dict[str, None] = {}
    for member in request.members:
        recipe = script_module(request.competition, member.script).RECIPE
        fields.update(dict.fromkeys(f.name for f in dataclasses.fields(recipe)))
    for key in request.settings:
        if key not in fields:
            raise UserError(f"unknown setting {key!r}: {nearest(key, fields)}")


def _check_accelerator(request: Request, script: str) -> None:
    if request.accelerator not in ACCELERATORS:
        hint = nearest(request.accelerator, ACCELERATORS)
        raise UserError(f"unknown accelerator {request.accelerator!r}: {hint}")
    module = script_module(request.competition, script)
    able = getattr(module, "ACCELERATORS", ACCELERATORS)
    if request.accelerator not in able:
        raise UserError(f"{script} cannot run on {request.accelerator}: it takes {', '.join(able)}")
