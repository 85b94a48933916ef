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
from kernels.plan.find import kernel_scripts, load_kernel, modules

ENSEMBLE = "ensemble"
AUDIT = "audit"
RECIPES = ("published", "best")
VARIANT = re.compile(r"-(fold|part|network)\d+$")  # the end of a kernel's name, one of several


@dataclass(frozen=True)
class Request:
    """What a person asked for."""

    competition: Competition
    models: tuple[str, ...]  # the scripts that are trained and blended
    folds: int | None = None  # kernels of each model, each validated on another part
    settings: Mapping[str, Any] = field(default_factory=dict)  # in every recipe that has the field
    seed: int = 0
    blend: str = "mean"  # or weighted, or greedy
    calibrate: bool = False  # temper each member's probabilities before the blend
    recipe: str = RECIPES[0]
    accelerator: str = ""  # of the training kernels; empty takes the first that each script names
    internet: bool = True  # whether training kernels may download
    weights_source: str = ""  # data set or model with the pretrained weights
    dry_run: bool = False  # small settings
    full_size: bool = False  # also build at full size and check the parameter counts
    rehearse: bool = False  # small settings on Kaggle itself, under slugs of their own
    embed: bool = False  # every kernel carries the shared code in its own text
    audit: bool = False  # look for leaks and broken pictures, with or without training

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
    known = model_scripts(competition)
    chosen = tuple(dict.fromkeys([*names, *(competition.ensemble if ensemble else ())]))
    if not chosen and not audit:
        raise UserError(f"which model? give --ensemble, or --model with {', '.join(known)}")
    for name in chosen:
        if names.count(name) > 1:
            raise UserError(f"--model {name} is given twice: give it once")
        if name not in known:
            hint = nearest(name, known)
            if name in modules(competition).keys() - kernel_scripts(competition).keys():
                path = f"competitions/{competition.folder}/{name}.py"
                hint = f"{path} declares no KERNEL; {hint}"
            raise UserError(f"unknown model {name!r}: {hint}")
    return chosen


def model_scripts(competition: Competition) -> list[str]:
    """The scripts that can be blended, and the broken ones: who asks for one gets its fault."""

    def predicts(name: str) -> bool:
        try:
            return name not in (ENSEMBLE, AUDIT) and load_kernel(competition, name).predicts
        except UserError:
            return True

    return [name for name in kernel_scripts(competition) if predicts(name)]


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
