"""The kernels of a run and how they depend on each other, before anything is pushed."""

import dataclasses
import importlib
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from common.backbones import weights_files
from common.blend import METHODS
from common.competition import Competition
from common.errors import UserError
from common.parameters import Parameters
from common.recipe import nearest, override
from competitions import kernel_scripts

ENSEMBLE = "ensemble"
AUDIT = "audit"
SHARED = "shared"
ACCELERATORS = ("tpu", "gpu", "cpu")
RECIPES = ("published", "best")
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
        calibrate: whether each member's probabilities are tempered before they are blended.
        recipe: ``published``, or ``best`` for the scripts' own improvements.
        accelerator: of the training kernels; empty takes the first that each script names.
        internet: whether training kernels may download.
        weights_source: data set or model that holds pretrained weights.
        dry_run: small settings.
        full_size: build at full size too and hold the parameter counts.
        rehearse: small settings on Kaggle itself, under slugs of their own, never submitting.
        embed: every kernel carries the shared code in its own text.
        audit: look for leaks and broken pictures, beside the training or without any.
    """

    competition: Competition
    members: tuple[Member, ...]
    settings: Mapping[str, Any] = field(default_factory=dict)
    seed: int = 0
    blend: str = "mean"
    calibrate: bool = False
    recipe: str = RECIPES[0]
    accelerator: str = ""
    internet: bool = True
    weights_source: str = ""
    dry_run: bool = False
    full_size: bool = False
    rehearse: bool = False
    embed: bool = False
    audit: bool = False

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


def in_short(names: Iterable[str]) -> str:
    """Names in a row for people, the folds of one model as ``NAME-fold0 to fold4``."""
    told = []
    for model, folds in itertools.groupby(names, lambda name: re.sub(r"-fold\d+$", "", name)):
        first, *others = folds
        ends = [name.removeprefix(f"{model}-fold") for name in (first, *others)]
        if others and ends == [f"{n}" for n in range(len(ends))]:
            told.append(f"{first} to fold{ends[-1]}")
        else:
            told += [first, *others]
    return ", ".join(told)


def choose_members(
    competition: Competition,
    models: list[str],
    ensemble: bool,
    folds: int | None = None,
    audit: bool = False,
) -> tuple[Member, ...]:
    """The members that ``--model`` and ``--ensemble`` name, each once; or each fold of them.

    Raises UserError when there are none and no ``audit`` is asked for, or one is unknown,
    repeated, or cannot be split.
    """
    twice = next((name for name in models if models.count(name) > 1), None)
    if twice:
        raise UserError(f"--model {twice} is given twice: give it once")
    names = list(dict.fromkeys([*models, *(competition.ensemble if ensemble else ())]))
    known = [name for name in kernel_scripts(competition) if name not in (ENSEMBLE, AUDIT)]
    if not names and not audit:
        raise UserError(f"which model? give --ensemble, or --model with {', '.join(known)}")
    for name in names:
        if name not in known:
            raise UserError(f"unknown model {name!r}: {nearest(name, known)}")
    if not folds:
        return tuple(Member(name) for name in names)
    return tuple(member for name in names for member in _folds(competition, name, folds))


def _folds(competition: Competition, script: str, folds: int) -> tuple[Member, ...]:
    if folds < 2:
        raise UserError(f"--folds {folds}: give 2 or more, each is a kernel of each model")
    recipe = script_module(competition, script).RECIPE
    if not {"folds", "fold"} <= {f.name for f in dataclasses.fields(recipe)}:
        raise UserError(f"--folds {folds}: {script} cannot be split into folds; leave it out")
    return tuple(
        Member(script, f"fold{fold}", {"folds": folds, "fold": fold}) for fold in range(folds)
    )


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
    first = () if request.embed else (shared,)
    _check_settings(request)
    members = tuple(_member_kernel(request, member) for member in request.members)
    settings: dict[str, Any] = {"method": request.blend} if request.blend != METHODS[0] else {}
    settings |= {"calibrate": True} if request.calibrate else {}
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
    audit = (_audit_kernel(request),) if request.audit else ()
    return (*first, *members, *audit, *([ensemble] if members else []))


def script_module(competition: Competition, script: str) -> ModuleType:
    """The kernel script as a module; importing it imports no training framework."""
    return importlib.import_module(f"competitions.{competition.folder}.{script}")


def effective_recipe(request: Request, member: Member) -> Any:
    """The member's recipe: ours or the published one, the dry run's settings, the user's.

    Of the user's settings those that its recipe has; see ``_check_settings`` for the others.
    Raises UserError when the best recipe is asked for and the script has none.
    """
    module = script_module(request.competition, member.script)
    recipe = module.RECIPE
    if request.recipe == "best":
        best = getattr(module, "BEST", None)
        if not best:
            raise UserError(f"{member.script} has no best recipe: leave out --recipe best")
        recipe = override(recipe, best)
    if request.small:
        recipe = override(recipe, module.DRY_RUN)
    return override(recipe, _member_settings(request, member))


def accelerator_of(request: Request, script: str) -> str:
    """What a script's kernels run on: what is asked for, else the first that it names.

    Raises UserError for an accelerator that is unknown or that the script cannot use.
    """
    module = script_module(request.competition, script)
    able = getattr(module, "ACCELERATORS", ACCELERATORS)
    asked = request.accelerator or ("cpu" if request.small else able[0])
    if asked not in ACCELERATORS:
        raise UserError(f"unknown accelerator {asked!r}: {nearest(asked, ACCELERATORS)}")
    if asked not in able:
        raise UserError(f"{script} cannot run on {asked}: it takes {', '.join(able)}")
    return str(asked)


def _member_kernel(request: Request, member: Member) -> Kernel:
    accelerator = accelerator_of(request, member.script)
    _check_weights(request, member.script, effective_recipe(request, member))
    parameters = Parameters(
        kernel=member.name,
        accelerator=accelerator,
        dry_run=request.small,
        rehearse=request.rehearse,
        full_size=request.full_size,
        recipe=request.recipe,
        settings=_member_settings(request, member),
        seed=request.seed,
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
        () if request.embed else (SHARED,),
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
        settings=_member_settings(request, Member(AUDIT)),
        internet=False,
        rehearse=request.rehearse,
    )
    sources = () if request.embed else (SHARED,)
    return Kernel(AUDIT, AUDIT, f"{request.prefix}-{AUDIT}", "cpu", False, sources, parameters)


def _check_weights(request: Request, script: str, recipe: Any) -> None:
    """What a kernel would stop over, known before it is pushed."""
    if getattr(recipe, "backbone", None) is None:
        return
    files, weights = weights_files(recipe.backbone), recipe.weights
    if weights in (None, "none"):
        return
    if weights not in files:
        raise UserError(f"weights={weights}: {recipe.backbone} has {', '.join(files)} and none")
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
    """Every setting must be a field of some member's recipe, or of the audit's."""
    fields: dict[str, None] = {}
    audited = request.audit and AUDIT in kernel_scripts(request.competition)
    for member in (*request.members, *([Member(AUDIT)] if audited else [])):
        recipe = script_module(request.competition, member.script).RECIPE
        fields.update(dict.fromkeys(f.name for f in dataclasses.fields(recipe)))
    for key in request.settings:
        if key not in fields:
            raise UserError(f"unknown setting {key!r}: {nearest(key, fields)}")
        if any(key in member.settings for member in request.members):
            raise UserError(f"--set {key}: --folds says it already; drop one")
