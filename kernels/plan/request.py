"""What a person asked for: a competition, its models, and what differs from their scripts."""

import dataclasses
import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from common.accelerator import KNOWN, REPLICAS
from common.blending.blend import METHODS
from common.competition import Competition
from common.errors import UserError
from common.networks.backbones import check_size, check_weights, weights_files
from common.recipe import by_name, nearest
from common.recipes.embedding import VectorRecipe
from common.recipes.training import check_batch
from common.recipes.words import training_pictures
from common.tasks.task import Task
from common.training.loading import check_split
from kernels.plan.find import kernel_scripts, load_kernel, modules
from kernels.plan.sweeps import ChosenSweep

ENSEMBLE = "ensemble"
AUDIT = "audit"
RECIPES = ("published", "best")
_PUBLISHED = re.compile(r"(?:([A-Za-z0-9][\w-]*)/)?((?=.{6,50}$)[a-z0-9](?:-?[a-z0-9]+)*)")
_WEIGHTS = re.compile(r"[\w-]+/[\w.-]+(/[\w.-]+/[\w.-]+(/\d+)?)?")


@dataclass(frozen=True)
class Request:
    """What a person asked for."""

    competition: Competition
    models: tuple[str, ...]  # the scripts that are trained and blended
    folds: int | None = None  # kernels of each model, each validated on another part
    repeats: int = 1  # how often the data are split into folds
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
    sweep: ChosenSweep | None = None  # compares recipes of the models; nothing is blended

    @property
    def members(self) -> tuple[str, ...]:
        """The names of what is blended or compared: the models, or each fold or cell of them."""
        if self.sweep:
            return self.sweep.members
        if self.folds is None:
            return self.models
        folds = range(self.folds * self.repeats)
        return tuple(f"{model}-fold{fold}" for model in self.models for fold in folds)

    @property
    def blends(self) -> bool:
        """Whether it ends in a blend of its models."""
        return bool(self.models) and not self.sweep

    @property
    def submits(self) -> bool:
        """Whether it ends in a submission, unless that is left out."""
        return self.blends and self.competition.submission is not None

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
        del facts["models"], facts["sweep"]
        if self.repeats == 1:  # as runs have it that knew of none
            del facts["repeats"], facts["folds"]
        if self.sweep:
            facts |= {"sweep": self.sweep.name, "folds": self.folds}
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
    if not chosen and not audit and not known:
        raise UserError(
            f"competitions/{competition.folder} has no model: its script declares a KERNEL"
        )
    if not chosen and not audit:
        raise UserError(f"which model? give --ensemble, or --model with {', '.join(known)}")
    for name in chosen:
        if names.count(name) > 1:
            raise UserError(f"--model {name} is given twice: give it once")
        if name not in known:
            hint = f"; {nearest(name, known)}" if known else ""
            raise UserError(f"unknown model {name!r}: {_why_unknown(competition, name)}{hint}")
    return chosen


def _why_unknown(competition: Competition, name: str) -> str:
    folder = f"competitions/{competition.folder}"
    if name not in modules(competition):
        return f"{folder} has no {name}.py"
    declared = name in kernel_scripts(competition)
    return f"{folder}/{name}.py {'predicts nothing' if declared else 'declares no KERNEL'}"


def model_scripts(competition: Competition) -> list[str]:
    """The scripts that can be blended, and the broken ones: who asks for one gets its fault."""

    def predicts(name: str) -> bool:
        try:
            return name not in (ENSEMBLE, AUDIT) and load_kernel(competition, name).predicts
        except UserError:
            return True

    return [name for name in kernel_scripts(competition) if predicts(name)]


def check_request(request: Request) -> None:
    """Raise UserError for an option whose value is unknown or that the competition cannot use."""
    competition = request.competition
    competition.check()
    by_name("blend", request.blend, dict.fromkeys(METHODS))
    by_name("recipe", request.recipe, dict.fromkeys(RECIPES))
    by_name("accelerator", request.accelerator or KNOWN[0], dict.fromkeys(KNOWN))
    if not 0 <= request.seed < 2**32:
        raise UserError(f"--seed {request.seed}: it must be from 0 to {2**32 - 1}")
    if request.folds is not None and not 2 <= request.folds <= 20:
        raise UserError(f"--folds {request.folds}: give 2 to 20 parts of the data")
    if request.repeats != 1 and request.folds is None:
        raise UserError(f"--repeats {request.repeats} repeats folds: give --folds, or drop it")
    if not 1 <= request.repeats <= 20 // (request.folds or 1):
        raise UserError(
            f"--folds {request.folds} --repeats {request.repeats}: give 1 or more repeats, and at "
            f"most 20 folds in all"
        )
    if request.sweep:
        _check_sweep(request)
    if request.weights_source and not _WEIGHTS.fullmatch(request.weights_source):
        raise UserError(
            f"--weights-source {request.weights_source}: write OWNER/SLUG for a data set, or "
            f"OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION] for a model"
        )
    if request.audit and AUDIT not in kernel_scripts(competition):
        where = f"competitions/{competition.folder}/{AUDIT}.py"
        raise UserError(f"--audit: {competition.name} has no {where}: leave --audit out")


def _check_sweep(request: Request) -> None:
    """Raise UserError for what a comparison has no use for."""
    for option, given in (
        ("--blend", request.blend != METHODS[0]),
        ("--calibrate", request.calibrate),
        ("--audit", request.audit),
        ("--rehearse", request.rehearse),
    ):
        if given:
            raise UserError(f"{option} does not go with --sweep, which compares: leave it out")
    if request.competition.task.name == "pairs":
        raise UserError(
            f"--sweep compares predictions of pictures, {request.competition.name} scores pairs: "
            f"leave it out"
        )


def published_name(wanted: str, competition: str) -> tuple[str, str]:
    """Return owner, empty if not named, and slug of the data set that ``--publish`` names.

    By default the competition's. Raises UserError for a name that no data set can have.
    """
    usual = f"{competition}-weights"
    found = _PUBLISHED.fullmatch(wanted or usual)
    if not found:
        raise UserError(
            f"--publish {wanted or usual}: write OWNER/SLUG or SLUG alone, a slug of 6 to 50 small "
            f"letters, digits and single hyphens, such as {usual[-50:]}"
        )
    return found[1] or "", found[2]


def check_recipe(request: Request, script: str, recipe: Any, accelerator: str) -> None:
    """Raise UserError for what a training kernel would stop at, or would ignore."""
    competition, task = request.competition, request.competition.task
    check_split(competition, recipe)
    check_task(task, type(recipe), vars(recipe))
    if hasattr(recipe, "backbone") and (recipe.backbone or "backbone" in request.settings):
        _check_network(request, script, recipe)
    if competition.pictures and not request.small and hasattr(recipe, "batch_size"):
        pictures = training_pictures(recipe, competition.pictures)
        check_batch(recipe, REPLICAS[accelerator], pictures)


def check_task(task: Task, kind: type, values: Mapping[str, Any]) -> None:
    """Raise UserError for a value that the task ignores, unless it is that of a recipe's ``kind``.

    The loss of vectors is their recipe's, whatever the task.
    """
    for name in task.ignored_settings:
        if (name == "loss" and issubclass(kind, VectorRecipe)) or name not in values:
            continue
        if values[name] != getattr(kind(), name, None):
            raise UserError(
                f"setting {name}={values[name]} changes nothing, the task is "
                f"{type(task).__name__}: leave it out"
            )


def _check_network(request: Request, script: str, recipe: Any) -> None:
    if recipe.miniature and "backbone" in request.settings:
        raise UserError(
            f"--set backbone={recipe.backbone} changes nothing here: with small settings a network "
            f"of {script}'s own is trained; leave it out, or add --set miniature=no to train this"
        )
    if not recipe.miniature:
        check_size(recipe.backbone, recipe.image_size)
    check_weights(recipe.backbone, recipe.weights)
    offline = not request.internet and not request.weights_source
    if offline and recipe.weights not in (None, "none"):
        raise UserError(
            f"--no-internet, and {script} begins with weights={recipe.weights}: attach a data set "
            f"or model with {weights_files(recipe.backbone)[recipe.weights]} by --weights-source, "
            f"or --set weights=none"
        )


def split_name(name: str) -> tuple[str, str, str]:
    """Script, kind (fold, part, network or seed) and number of a kernel: ``NAME-fold3``.

    Of one that is the only kernel of its script, kind and number are empty.
    """
    found = re.fullmatch(r"(.+)-(fold|part|network|seed)(\d+)", name)
    return (found[1], found[2], found[3]) if found else (name, "", "")


def in_short(names: Iterable[str]) -> str:
    """Names in a row for people, those of one model as ``NAME-fold0 to fold4``."""
    words = []
    for (_, kind), alike in itertools.groupby(names, lambda name: split_name(name)[:2]):
        first, *others = alike
        ends = [split_name(name)[2] for name in (first, *others)]
        if others and ends == [f"{n}" for n in range(len(ends))]:
            words.append(f"{first} to {kind}{ends[-1]}")
        else:
            words += [first, *others]
    return ", ".join(words)
