"""What a person asked for: a competition, its members, and what is to differ from their scripts."""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.accelerator import KNOWN
from common.competition import Competition
from common.declaration import Kernel
from common.errors import UserError
from common.recipe import field_types, nearest
from competitions import kernel_scripts, load_kernel, modules

ENSEMBLE = "ensemble"
AUDIT = "audit"
RECIPES = ("published", "best")
VARIANT = re.compile(r"-(fold|part|network)\d+$")  # what ends a name of one of several alike


@dataclass(frozen=True)
class Member:
    """One kernel: a script, and what makes this one differ from the script as it is.

    The same script with another ``variant`` (a fold, a part of the data, a network of several) is
    another kernel. The ensemble reads a member's predictions, unless it is a ``source`` that
    members alone read.
    """

    script: str
    variant: str = ""
    settings: Mapping[str, Any] = field(default_factory=dict)
    source: bool = False

    @property
    def name(self) -> str:
        """Its name within the run and at the end of its slug."""
        return f"{self.script}-{self.variant}" if self.variant else self.script


@dataclass(frozen=True)
class Request:
    """What a person asked for.

    Attributes:
        competition: which.
        members: the models that are blended.
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


def request_facts(request: Request) -> dict[str, Any]:
    """The request in plain values, as a run's state and the history keep it."""
    facts = {f.name: getattr(request, f.name) for f in dataclasses.fields(request)}
    members = [member.name for member in request.members]
    return {**facts, "competition": request.competition.name, "members": members}


def in_short(names: Iterable[str]) -> str:
    """Names in a row for people, those of one model as ``NAME-fold0 to fold4``."""
    told = []
    for model, alike in itertools.groupby(names, lambda name: VARIANT.sub("", name)):
        first, *others = alike
        kind = first.removeprefix(model).rstrip("0123456789")
        ends = [name.removeprefix(f"{model}{kind}") for name in (first, *others)]
        if others and ends == [f"{n}" for n in range(len(ends))]:
            told.append(f"{first} to {kind[1:]}{ends[-1]}")
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
    if not names and not audit:
        known = ", ".join(model_scripts(competition))
        raise UserError(f"which model? give --ensemble, or --model with {known}")
    for name in names:
        _check_model(competition, name)
    if folds is None:
        return tuple(Member(name) for name in names)
    return tuple(member for name in names for member in _folds(competition, name, folds))


def model_scripts(competition: Competition) -> list[str]:
    """The scripts that can be blended; a Kernel with ``predicts=False`` is there for others.

    Scripts that are broken stand among them: whoever asks for one gets its fault.
    """
    names = [name for name in kernel_scripts(competition) if name not in (ENSEMBLE, AUDIT)]
    return [name for name in names if _predicts(competition, name)]


def _predicts(competition: Competition, script: str) -> bool:
    try:
        return load_kernel(competition, script).predicts
    except UserError:
        return True


def _check_model(competition: Competition, name: str) -> None:
    """Raises UserError for a script that is no model, not there, or broken."""
    scripts, files = kernel_scripts(competition), modules(competition)
    if name in scripts and name not in (ENSEMBLE, AUDIT):
        if load_kernel(competition, name).predicts:
            return
    hint = nearest(name, model_scripts(competition))
    if name in files and name not in scripts:
        hint = f"competitions/{competition.folder}/{name}.py declares no KERNEL; {hint}"
    raise UserError(f"unknown model {name!r}: {hint}")


def _folds(competition: Competition, script: str, folds: int) -> tuple[Member, ...]:
    if folds < 2:
        raise UserError(f"--folds {folds}: give 2 or more, each is a kernel of each model")
    if not {"folds", "fold"} <= set(field_types(load_kernel(competition, script).recipe)):
        raise UserError(f"--folds {folds}: {script} cannot be split into folds; leave it out")
    return tuple(
        Member(script, f"fold{fold}", {"folds": folds, "fold": fold}) for fold in range(folds)
    )


def resolve_recipe(request: Request, member: Member, kernel: Kernel) -> Any:
    """The member's recipe: ours or the published one, the dry run's settings, the user's.

    Of the user's settings those that its recipe has. Raises UserError when the best recipe is
    asked for and a model's script has none.
    """
    best = request.recipe == "best"
    if best and kernel.best is None and not member.source:
        raise UserError(f"{member.script} has no best recipe: leave out --recipe best")
    fields = field_types(kernel.recipe)
    asked = {key: value for key, value in request.settings.items() if key in fields}
    return kernel.resolve(best, request.small, {**asked, **member.settings})


def accelerator_of(request: Request, member: Member, kernel: Kernel) -> str:
    """What a member runs on: what is asked for, else the first that its script names.

    A source that cannot use what is asked for runs on the first that its script names. Raises
    UserError for an accelerator that is unknown or that a model's script cannot use.
    """
    able = kernel.accelerators
    asked = request.accelerator or ("cpu" if request.small else able[0])
    if asked not in KNOWN:
        raise UserError(f"unknown accelerator {asked!r}: {nearest(asked, KNOWN)}")
    if asked in able:
        return str(asked)
    if member.source:
        return str(able[0])
    raise UserError(f"{member.script} cannot run on {asked}: it takes {', '.join(able)}")
