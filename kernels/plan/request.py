"""What a person asked for: a competition, its models, and what differs from their scripts."""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.competition import Competition
from common.errors import UserError
from common.recipe import nearest
from competitions import kernel_scripts, load_kernel, modules

ENSEMBLE = "ensemble"
AUDIT = "audit"
RECIPES = ("published", "best")
VARIANT = re.compile(r"-(fold|part|network)\d+$")  # the end of a kernel's name, one of several


@dataclass(frozen=True)
class Request:
    """What a person asked for.

    Attributes:
        competition: which one.
        models: the scripts that are trained and blended.
        folds: how many kernels each model is, each validated on another part; None for one kernel.
        settings: recipe fields to override in every kernel that has them.
        seed: of everything random.
        blend: ``mean``, ``weighted`` or ``greedy``.
        calibrate: whether each member's probabilities are tempered before the blend.
        recipe: ``published``, or ``best`` for the scripts' own improvements.
        accelerator: of the training kernels; empty takes the first that each script names.
        internet: whether training kernels may download.
        weights_source: data set or model with the pretrained weights.
        dry_run: small settings.
        full_size: also build at full size and check the parameter counts.
        rehearse: small settings on Kaggle itself, under slugs of their own, never submitting.
        embed: every kernel carries the shared code in its own text.
        audit: look for leaks and broken pictures, with or without training.
    """

    competition: Competition
    models: tuple[str, ...]
    folds: int | None = None
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
    def members(self) -> tuple[str, ...]:
        """The names of what is blended: the models, or each fold of them."""
        if self.folds is None:
            return self.models
        return tuple(f"{model}-fold{fold}" for model in self.models for fold in range(self.folds))

    @property
    def small(self) -> bool:
        """Whether the scripts' small settings apply."""
        return self.dry_run or self.rehearse

    @property
    def prefix(self) -> str:
        """The beginning of its kernels' slugs."""
        return f"{self.competition.name}{'-rehearsal' if self.rehearse else ''}"

    @property
    def facts(self) -> dict[str, Any]:
        """The request in plain values, as a run's state and the history keep it."""
        facts = {f.name: getattr(self, f.name) for f in dataclasses.fields(self)}
        del facts["models"], facts["folds"]
        return {**facts, "competition": self.competition.name, "members": list(self.members)}


def choose_models(
    competition: Competition, names: list[str], ensemble: bool, audit: bool = False
) -> tuple[str, ...]:
    """The models that ``--model`` and ``--ensemble`` name, each once.

    Raises UserError when there are none and no ``audit`` is asked for, or one is unknown or named
    twice.
    """
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice:
        raise UserError(f"--model {twice} is given twice: give it once")
    chosen = tuple(dict.fromkeys([*names, *(competition.ensemble if ensemble else ())]))
    if not chosen and not audit:
        known = ", ".join(model_scripts(competition))
        raise UserError(f"which model? give --ensemble, or --model with {known}")
    for name in chosen:
        _check_model(competition, name)
    return chosen


def model_scripts(competition: Competition) -> list[str]:
    """The scripts that can be blended, and the broken ones: who asks for one gets its fault."""
    names = [name for name in kernel_scripts(competition) if name not in (ENSEMBLE, AUDIT)]

    def predicts(name: str) -> bool:
        try:
            return load_kernel(competition, name).predicts
        except UserError:
            return True

    return [name for name in names if predicts(name)]


def _check_model(competition: Competition, name: str) -> None:
    """Raise UserError for a script that is no model, not there, or broken."""
    scripts = kernel_scripts(competition)
    if name in scripts and name not in (ENSEMBLE, AUDIT):
        if load_kernel(competition, name).predicts:
            return
    hint = nearest(name, model_scripts(competition))
    if name in modules(competition) and name not in scripts:
        hint = f"competitions/{competition.folder}/{name}.py declares no KERNEL; {hint}"
    raise UserError(f"unknown model {name!r}: {hint}")


def in_short(names: Iterable[str]) -> str:
    """Names in a row for people, those of one model as ``NAME-fold0 to fold4``."""
    words = []
    for model, alike in itertools.groupby(names, lambda name: VARIANT.sub("", name)):
        first, *others = alike
        kind = first.removeprefix(model).rstrip("0123456789")
        ends = [name.removeprefix(f"{model}{kind}") for name in (first, *others)]
        if others and ends == [f"{n}" for n in range(len(ends))]:
            words.append(f"{first} to {kind[1:]}{ends[-1]}")
        else:
            words += [first, *others]
    return ", ".join(words)
