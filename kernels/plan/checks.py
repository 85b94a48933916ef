"""What is refused before anything is planned or pushed: options and settings that cannot work."""

import re
from typing import Any

from common.accelerator import KNOWN, REPLICAS
from common.blending.blend import METHODS
from common.errors import UserError
from common.networks.backbones import check_size, check_weights, weights_files
from common.recipe import by_name
from common.recipes.training import check_batch
from kernels.plan.find import kernel_scripts
from kernels.plan.request import AUDIT, RECIPES, Request

_SOURCE = re.compile(r"[\w-]+/[\w.-]+(/[\w.-]+/[\w.-]+(/\d+)?)?")


def check_request(request: Request) -> None:
    """Raise UserError for an option whose value is unknown or that the competition cannot use."""
    competition = request.competition
    competition.check()
    by_name("blend", request.blend, dict.fromkeys(METHODS))
    by_name("recipe", request.recipe, dict.fromkeys(RECIPES))
    by_name("accelerator", request.accelerator or KNOWN[0], dict.fromkeys(KNOWN))
    if not 0 <= request.seed < 2**32:
        raise UserError(f"--seed {request.seed}: it must be from 0 to {2**32 - 1}")
    if request.folds is not None and request.folds < 2:
        raise UserError(f"--folds {request.folds}: give 2 or more, each is a kernel of each model")
    if request.weights_source and not _SOURCE.fullmatch(request.weights_source):
        raise UserError(
            f"--weights-source {request.weights_source}: write OWNER/SLUG for a data set, or "
            f"OWNER/MODEL/FRAMEWORK/VARIATION[/VERSION] for a model"
        )
    if request.audit and AUDIT not in kernel_scripts(competition):
        where = f"competitions/{competition.folder}/{AUDIT}.py"
        raise UserError(f"--audit: {competition.name} has no {where}: leave --audit out")


def check_recipe(request: Request, script: str, recipe: Any, accelerator: str) -> None:
    """Raise UserError for what a training kernel would stop at, or would ignore."""
    competition, task = request.competition, request.competition.task
    for name in task.idle:
        value = getattr(recipe, name, None)
        if value != getattr(type(recipe)(), name, None):
            raise UserError(
                f"setting {name}={value} changes nothing, the task is {task.name}: leave it out"
            )
    if getattr(recipe, "backbone", ""):
        _check_network(request, script, recipe)
    if competition.pictures and not request.small and hasattr(recipe, "batch_size"):
        check_batch(recipe.batch_size, REPLICAS[accelerator], competition.pictures["train"])


def _check_network(request: Request, script: str, recipe: Any) -> None:
    if recipe.miniature and "backbone" in request.settings:
        raise UserError(
            f"--set backbone={recipe.backbone} changes nothing here: with small settings a network "
            f"of {script}'s own is trained; leave it out, or add --set miniature=no to train this"
        )
    if not recipe.miniature:
        check_size(recipe.backbone, recipe.image_size)
    weights = recipe.weights
    check_weights(recipe.backbone, weights)
    offline = not request.internet and not request.weights_source
    if offline and weights not in (None, "none"):
        raise UserError(
            f"--no-internet, and {script} begins with weights={weights}: attach a data set or "
            f"model with {weights_files(recipe.backbone)[weights]} by --weights-source, or --set "
            f"weights=none"
        )
