"""The kernels of a run and which of them read which, before anything is pushed.

A script names what it reads with ``sources=("prepare",)``: other scripts of its competition, whose
outputs are mounted in its kernel. A script is one kernel, or one for each fold (``--folds``), for
each part (a recipe with ``parts`` and ``part``) or for each network (``networks`` and ``network``).
"""

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any

from common.blending.blend import METHODS
from common.declaration import Kernel
from common.errors import UserError
from common.parameters import Parameters
from common.recipe import field_types, typed, unknown_setting
from common.recipes.hours import scaled_hours
from kernels.plan.find import all_fields, kernel_scripts, load_kernel
from kernels.plan.request import AUDIT, ENSEMBLE, Request, check_recipe, check_task, in_short

SHARED = "shared"
SHORT = 1 / 60  # hours: of the utility script and the ensemble
# Kaggle's caps; a kernel stops itself before them, because nobody gets what is cut off.
SESSION_HOURS = {"tpu": 9, "gpu": 12, "cpu": 12}
_SPARE = 900.0  # seconds for the image to start and the output to be saved


@dataclass(frozen=True)
class PlannedKernel:
    """One kernel of a run, with its recipe resolved."""

    name: str  # within the run
    script: str  # the competition's, or SHARED for the utility script
    slug: str  # on Kaggle, without the owner
    sources: tuple[str, ...]  # names of the run's kernels whose outputs it reads
    parameters: Parameters  # what is written into its text; the nonce is added when it is pushed
    declared: Kernel | None = None  # what its script declares; None for the utility script
    recipe: Any = None  # what it runs
    hours: float | None = SHORT  # that it is expected to take; None where nobody knows
    rehearses: bool = False  # whether it prints what its machine has before anything else
    cell: str = ""  # of a sweep, which it is a training of

    @property
    def accelerator(self) -> str:
        """``tpu``, ``gpu`` or ``cpu``."""
        return self.parameters.accelerator


def plan_models(request: Request) -> tuple[PlannedKernel, ...]:
    """The kernels of a run's models, sources first. Raises UserError for what cannot work.

    The utility script (unless its code is embedded), then what the models read, the models, the
    audit if one is asked for, and the ensemble that reads all members, unless nothing is blended.
    """
    scripts = _scripts(request)
    fields = dict.fromkeys(f for kernel in scripts.values() for f in field_types(kernel.recipe))
    for key in request.settings:
        if key not in fields:
            raise _no_field(request, key, fields)
    recipes = {script: _recipes(request, script, scripts[script]) for script in scripts}
    _check_splits({script: recipes[script] for script in request.models})
    alone = [script for script in request.models if not scripts[script].blends]
    if alone and len(request.models) > 1:
        rows = f"{request.competition.task.row_word}s"
        raise UserError(f"{alone[0]} predicts other {rows} than the other models: ask for it alone")
    shared = f"{request.prefix.replace('-', '')}common"
    kernels = [PlannedKernel(SHARED, SHARED, shared, (), _offline(SHARED))]
    for script, declared in scripts.items():
        read = (*declared.sources, *(request.models if script == ENSEMBLE else ()))
        sources = [name for source in read for name in recipes[source]]
        for name, recipe in recipes[script].items():
            parameters = _parameters(request, script, name, declared, recipe)
            planned = PlannedKernel(
                name,
                script,
                f"{request.prefix}-{name}",
                tuple(sources if request.embed else [SHARED, *sources]),
                parameters,
                declared,
                recipe,
                _hours(request, script, declared, recipe, parameters.accelerator),
                request.rehearse,
            )
            kernels.append(planned)
    return tuple(kernels[1:] if request.embed else kernels)


def _check_splits(models: Mapping[str, Mapping[str, Any]]) -> None:
    """Raise UserError for models that split the data in two ways: they could not be blended."""
    splits = {
        script: getattr(recipe, "split", "given")
        for script, recipes in models.items()
        for recipe in recipes.values()
    }
    if len({*splits.values()}) > 1:
        words = ", ".join(f"{script} has split={split}" for script, split in splits.items())
        raise UserError(f"{words}: models are blended on the same pictures: give all one split")


def _scripts(request: Request) -> dict[str, Kernel]:
    """The scripts of a run, what is read first. Raises UserError for a broken one."""
    known = kernel_scripts(request.competition)
    found: dict[str, Kernel] = {}

    def add(script: str, *readers: str) -> None:
        kernel = load_kernel(request.competition, script)
        for name in kernel.sources:
            if name in (script, *readers) or name not in known:
                fault = "is not there" if name not in known else "reads it in turn"
                raise UserError(f"{script}.py has {name!r} in its sources, which {fault}")
            add(name, script, *readers)
        found.setdefault(script, kernel)

    for script in [*request.models, *[AUDIT] * request.audit, *[ENSEMBLE] * request.blends]:
        add(script)
    return found


def _no_field(request: Request, key: str, fields: Iterable[str]) -> UserError:
    """Return the error of a setting that no kernel of the run has: others may have it."""
    if not any(key in one for one in all_fields()):
        return unknown_setting(key, fields)
    have = "has" if len(request.models) == 1 else "have"
    names = in_short(request.models)
    return UserError(f"{names} {have} no {key}: it would do nothing there, leave it out")


def _recipes(request: Request, script: str, kernel: Kernel) -> dict[str, Any]:
    """The script's kernels by name, with the recipe that each runs.

    The recipe is ours or the published one, with the small settings, then the user's as far as it
    has these fields.
    """
    is_model, best = script in request.models, request.recipe == "best"
    if is_model and best and kernel.best is None:
        raise UserError(f"{script} has no best recipe: leave out --recipe best")
    fields = field_types(kernel.recipe)
    settings = {key: value for key, value in request.settings.items() if key in fields}
    check_task(request.competition.task, type(kernel.recipe), typed(kernel.recipe, settings))
    if script == ENSEMBLE:
        settings |= _blend_settings(request, fields)
    folds = request.folds if is_model else None
    if folds:
        wanted = {"folds": folds, "fold": 0}
        if request.repeats > 1:
            wanted["repeats"] = request.repeats
        if not wanted.keys() <= fields.keys():
            raise UserError(f"--folds {folds}: {script} cannot be split into folds; leave it out")
        settings |= wanted
    return _kernels_of(request, script, kernel.resolve(best, request.small, settings), folds)


def _kernels_of(request: Request, script: str, recipe: Any, folds: int | None) -> dict[str, Any]:
    """The recipes of one script's kernels by name: one, or one for each fold, part or network.

    Folds are one kernel where that computes once what they have in common.
    """
    parts, networks = getattr(recipe, "parts", 0), getattr(recipe, "networks", 0)
    several = {"fold": (folds or 0) * request.repeats, "part": parts, "network": networks}
    kind, number = next(((k, n) for k, n in several.items() if n), ("", 0))
    if not number or (kind, number) == ("network", 1):
        return {script: recipe}
    for key in (kind, "folds", "repeats") if folds else (kind,):
        if key in request.settings:
            raise UserError(f"--set {key}: each kernel has its own; leave it out")
    if folds and getattr(recipe, "folds_together", False):
        return {script: replace(recipe, fold=None)}
    return {f"{script}-{kind}{n}": replace(recipe, **{kind: n}) for n in range(number)}


def _blend_settings(request: Request, fields: Mapping[str, Any]) -> dict[str, Any]:
    settings = {"method": request.blend} if request.blend != METHODS[0] else {}
    if not request.calibrate:
        return settings
    task = request.competition.task.name
    if "calibrate" not in fields:
        raise UserError("--calibrate: this ensemble has probabilities already; leave it out")
    if task != "classification":
        raise UserError(
            f"--calibrate is for one class of several, the task is {task}: leave it out"
        )
    return {**settings, "calibrate": True}


def _offline(name: str) -> Parameters:
    return Parameters(name, accelerator="cpu", internet=False)


def _parameters(
    request: Request, script: str, name: str, declared: Kernel, recipe: Any
) -> Parameters:
    """What is written into a kernel's text. Raises UserError for what its kernel would refuse.

    It runs on what is asked for, else on the first that its script names; so does a script that
    models only read, if it cannot use what is asked for.
    """
    if script in (AUDIT, ENSEMBLE):
        return _offline(name)
    able = declared.accelerators
    accelerator = request.accelerator or ("cpu" if request.small else able[0])
    if accelerator not in able:
        if script in request.models:
            raise UserError(f"{script} cannot run on {accelerator}: it takes {', '.join(able)}")
        accelerator = able[0]
    check_recipe(request, script, recipe, accelerator)
    full_size: dict[str, Any] = {}
    if request.full_size and hasattr(declared, "network"):
        runs, published = asdict(recipe), asdict(declared.recipe)
        full_size = {key: value for key, value in published.items() if value != runs[key]}
    return Parameters(
        kernel=name,
        accelerator=accelerator,
        full_size=full_size,
        seed=(request.seed + getattr(recipe, "network", 0)) % 2**32,
        internet=request.internet,
        weights_source=request.weights_source,
        time_limit=SESSION_HOURS[accelerator] * 3600.0 - _SPARE,
    )


def _hours(
    request: Request, script: str, declared: Kernel, recipe: Any, accelerator: str
) -> float | None:
    """The hours that a script states, scaled to the recipe; None where nobody knows.

    They are stated for the full size. An audit is small only where the data are: in a dry run.
    """
    if script == ENSEMBLE:
        return SHORT
    if request.dry_run if script == AUDIT else request.small:
        return None
    return scaled_hours(declared.hours.get(accelerator), recipe, declared.recipe)


def check_weights(request: Request, kernels: Iterable[PlannedKernel]) -> None:
    """Raise UserError where none of the models leaves weights to publish."""
    models = [kernel.declared for kernel in kernels if kernel.script in request.models]
    if not any(declared and declared.leaves_weights for declared in models):
        raise UserError(
            f"--publish: {', '.join(request.models)} trains no network and leaves no weights: "
            f"leave it out"
        )


def needed_hours(kernels: Iterable[PlannedKernel]) -> dict[str, tuple[float, list[str]]]:
    """Accelerator → the hours that are known, and the kernels whose hours are not."""
    found: dict[str, tuple[float, list[str]]] = {}
    for kernel in kernels:
        known, unknown = found.get(kernel.accelerator, (0.0, []))
        more = [kernel.name] if kernel.hours is None else []
        found[kernel.accelerator] = known + (kernel.hours or 0.0), unknown + more
    return found
